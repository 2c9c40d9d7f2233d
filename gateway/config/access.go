// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Key is one API key, known by its digest only.
type Key struct {
	// ID is "namespace/name" of the APIKey; what it used is keyed by it.
	ID string `json:"id"`
	// Digest is DigestKey of the secret.
	Digest Digest `json:"digest"`
	// Previous is the secret before the last rotation, nil where there is none.
	Previous *PreviousSecret `json:"previous,omitempty"`
	// User is who the key was given to.
	User string `json:"user"`
	// Master may read what concerns all keys: health, metrics and every key's usage.
	Master bool `json:"master,omitempty"`
	// Disabled keys are known and refused.
	Disabled bool `json:"disabled,omitempty"`
	// NotAfter is when the key expires, in milliseconds since 1970; 0 is never.
	NotAfter int64 `json:"notAfter,omitempty"`
	// Labels are those of the APIKey that a policy's selector speaks of, and LabelTeam.
	Labels map[string]string `json:"labels,omitempty"`
	Allow  *Allow            `json:"allow,omitempty"`
	// Limits are the key's own, beside the gateway's.
	Limits Limits `json:"limits,omitzero"`
	// Budgets are one a period.
	Budgets []Budget `json:"budgets,omitempty"`
}

// LabelTeam is the label that usage is summed up by.
const LabelTeam = "team"

// PreviousSecret is a key's secret that was replaced, and is still accepted for a while.
type PreviousSecret struct {
	Digest Digest `json:"digest"`
	// NotAfter is when it is not accepted any more, in milliseconds since 1970. Positive.
	NotAfter int64 `json:"notAfter"`
}

// Allow says what a principal may do. An empty list allows everything.
type Allow struct {
	// Models are names that may be asked for, as routes have them: each "*" stands for any characters. Sorted, unique.
	Models []string `json:"models,omitempty"`
	// Endpoints are sorted, unique.
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// CIDRs are prefixes of client addresses, in canonical form, sorted, unique.
	CIDRs []string `json:"cidrs,omitempty"`
}

// Endpoint is a group of what a gateway serves. Lists of models and the gateway's own endpoints are in none: they are
// always allowed.
type Endpoint string

// The endpoints.
const (
	EndpointAudio       Endpoint = "Audio"       // speech, transcriptions, translations
	EndpointBatches     Endpoint = "Batches"     //
	EndpointChat        Endpoint = "Chat"        // chat completions, responses, messages, generateContent, and counting their tokens
	EndpointCompletions Endpoint = "Completions" // OpenAI's older text completions
	EndpointEmbeddings  Endpoint = "Embeddings"  //
	EndpointFiles       Endpoint = "Files"       //
	EndpointImages      Endpoint = "Images"      // generations, edits, variations
	EndpointModerations Endpoint = "Moderations" //
	EndpointRealtime    Endpoint = "Realtime"    //
	EndpointRerank      Endpoint = "Rerank"      //
)

// Endpoints are all that this version knows, sorted.
var Endpoints = []Endpoint{
	EndpointAudio, EndpointBatches, EndpointChat, EndpointCompletions, EndpointEmbeddings, EndpointFiles, EndpointImages,
	EndpointModerations, EndpointRealtime, EndpointRerank,
}

// Auth says who else may use the gateway beside those with keys, and whose address a client has.
type Auth struct {
	// Issuers whose tokens are accepted, one a URL.
	Issuers []Issuer `json:"issuers,omitempty"`
	// Anonymous lets clients in that show neither key nor token, each address a principal; nil does not.
	Anonymous *Anonymous `json:"anonymous,omitempty"`
	// TrustedProxies are prefixes of addresses whose X-Forwarded-For is believed, in canonical form, sorted, unique.
	TrustedProxies []string `json:"trustedProxies,omitempty"`
}

// Anonymous is what clients without key or token may do.
type Anonymous struct {
	Allow *Allow `json:"allow,omitempty"`
}

// Issuer issues tokens (JWT, RFC 7519) that are verified with its public keys.
type Issuer struct {
	// URL is the token's "iss", exactly.
	URL string `json:"url"`
	// Audiences of which a token must name one. At least one.
	Audiences []string `json:"audiences"`
	// JWKSURI is where the keys are (RFC 7517); empty asks the issuer's OpenID configuration.
	JWKSURI string `json:"jwksURI,omitempty"`
	// CA is a PEM bundle that replaces the system's roots when the issuer is asked; empty keeps them.
	CA string `json:"ca,omitempty"`
	// UserClaim names the user; a token without it is refused.
	UserClaim string `json:"userClaim"`
	// Labels are taken from claims, sorted by label, unique.
	Labels []ClaimLabel `json:"labels,omitempty"`
	// Skew is how far clocks may differ. Not negative.
	Skew  Duration `json:"skew"`
	Allow *Allow   `json:"allow,omitempty"`
}

// ClaimLabel makes the value of a claim, or each of its values, a label that policies select by.
type ClaimLabel struct {
	Label string `json:"label"`
	Claim string `json:"claim"`
}
