// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config is the contract between the operator and the gateway: the Document that a gateway serves, how it
// is cut into content-addressed parts, and what a gateway answers about it. Parsing is strict: a field that this
// version does not know is an error, so that a gateway never claims to run what it does not understand.
//
// Values are immutable once built and safe to share between goroutines.
package config

import "slices"

// Schema is the version of the Document's shape. A gateway names the schemas it reads in its Ack, so that an operator
// that is newer than a pod says so instead of being misunderstood.
const Schema = 1

// Document is everything that one gateway serves. The three fields travel as separate parts (see Bundle): Core holds
// no secret, Secrets holds nothing else, and Keys is cut into KeyShards shards by Key.ID.
type Document struct {
	Core    Core
	Secrets map[string]Secret
	Keys    []Key
}

// Core is the Document without its secrets and keys.
type Core struct {
	Schema    int        `json:"schema"`
	Gateway   Gateway    `json:"gateway"`
	Providers []Provider `json:"providers,omitempty"`
	Models    []Model    `json:"models,omitempty"`
}

// Gateway is what holds for every request.
type Gateway struct {
	// ID is "namespace/name" of the SparkGateway.
	ID string `json:"id"`
	// Requests are limits on each principal, beside its own.
	Requests []RequestLimit `json:"requests,omitempty"`
	// PerIP are limits on each client address (IPv6: each /64), checked before authentication.
	PerIP []RequestLimit `json:"perIP,omitempty"`
	// MaxBodyBytes bounds a request's body, decoded. Positive.
	MaxBodyBytes int64 `json:"maxBodyBytes"`
	// MaxHeaderBytes bounds a request's line and headers together. 1024 to 32768.
	MaxHeaderBytes int `json:"maxHeaderBytes"`
	// BodyTimeout bounds how long a client may take to send a body. Positive.
	BodyTimeout Duration `json:"bodyTimeout"`
	// MaxConnections bounds the open client connections of one pod. Positive.
	MaxConnections int `json:"maxConnections"`
	// TLS serves the listener over TLS; nil serves plain HTTP.
	TLS *ServerTLS `json:"tls,omitempty"`
	// Headers are set on every answer, errors and streams included. Names are in canonical form, sorted, unique.
	Headers []Header `json:"headers,omitempty"`
	// DrainTimeout bounds how long a request may go on once its pod was asked to leave. Positive.
	DrainTimeout Duration `json:"drainTimeout"`
	// AccessLog writes one line a request.
	AccessLog bool `json:"accessLog"`
}

// ServerTLS is the listener's certificate.
type ServerTLS struct {
	// Certificate is a PEM chain, leaf first.
	Certificate string `json:"certificate"`
	// Key names the PEM private key in Document.Secrets.
	Key string `json:"key"`
}

// RequestLimit allows Count requests each Per, of which Burst may come at once (GCRA).
type RequestLimit struct {
	Count int64    `json:"count"`
	Per   Duration `json:"per"`
	Burst int64    `json:"burst"`
}

// Header is one header field.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ProviderType is the protocol that a provider speaks and how it takes credentials.
type ProviderType string

// The provider types.
const (
	OpenAI           ProviderType = "OpenAI"
	AzureOpenAI      ProviderType = "AzureOpenAI"
	Anthropic        ProviderType = "Anthropic"
	Gemini           ProviderType = "Gemini"
	VertexAI         ProviderType = "VertexAI"
	Bedrock          ProviderType = "Bedrock"
	Mistral          ProviderType = "Mistral"
	Cohere           ProviderType = "Cohere"
	Ollama           ProviderType = "Ollama"
	OpenAICompatible ProviderType = "OpenAICompatible"
)

// ProviderTypes are all that this version knows.
var ProviderTypes = []ProviderType{
	OpenAI, AzureOpenAI, Anthropic, Gemini, VertexAI, Bedrock, Mistral, Cohere, Ollama, OpenAICompatible,
}

// Known says whether this version has such a type.
func (t ProviderType) Known() bool { return slices.Contains(ProviderTypes, t) }

// Provider is one upstream.
type Provider struct {
	// ID is "namespace/name" of the ProviderPolicy; living state (connections, breakers) is keyed by it.
	ID string `json:"id"`
	// Name is how clients name it in "provider/model".
	Name string       `json:"name"`
	Type ProviderType `json:"type"`
	// Endpoint is an absolute http or https URL without query or fragment; paths such as "/chat/completions" are
	// appended to it.
	Endpoint string `json:"endpoint"`
	// APIVersion is the api-version of AzureOpenAI's deployment URLs; empty uses its versionless v1 API.
	APIVersion string `json:"apiVersion,omitempty"`
	// Project and Location are VertexAI's.
	Project  string `json:"project,omitempty"`
	Location string `json:"location,omitempty"`
	// Credential names the API key in Document.Secrets; empty sends none. At most one of it and the identities is there.
	Credential string         `json:"credential,omitempty"`
	AWS        *AWSIdentity   `json:"aws,omitempty"`
	GCP        *GCPIdentity   `json:"gcp,omitempty"`
	Azure      *AzureIdentity `json:"azure,omitempty"`
	// CA is a PEM bundle that replaces the system's roots; empty keeps them.
	CA string `json:"ca,omitempty"`
	// ServerName overrides the name that the provider's certificate is checked for.
	ServerName string `json:"serverName,omitempty"`
	// SetHeaders replace, RemoveHeaders drop header fields of the request that goes upstream.
	SetHeaders    []Header `json:"setHeaders,omitempty"`
	RemoveHeaders []string `json:"removeHeaders,omitempty"`
	Timeouts      Timeouts `json:"timeouts"`
	// AnyModel says that the provider declared no models, so that it is asked for whatever a client names.
	AnyModel bool `json:"anyModel,omitempty"`
}

// AWSIdentity signs requests (SigV4). Without keys and role, credentials come from the environment that Amazon EKS gives
// a pod (Pod Identity).
type AWSIdentity struct {
	// Region that requests are signed for.
	Region string `json:"region"`
	// AccessKeyID, SecretAccessKey and SessionToken name parts of a static credential in Document.Secrets; the last may
	// be empty.
	AccessKeyID     string `json:"accessKeyID,omitempty"`
	SecretAccessKey string `json:"secretAccessKey,omitempty"`
	SessionToken    string `json:"sessionToken,omitempty"`
	// RoleARN is assumed with the web identity token in TokenFile.
	RoleARN   string `json:"roleARN,omitempty"`
	TokenFile string `json:"tokenFile,omitempty"`
	// STSEndpoint is where, by default the region's.
	STSEndpoint string `json:"stsEndpoint,omitempty"`
}

// GCPIdentity gets access tokens of Google Cloud. Without a member they come from the metadata server.
type GCPIdentity struct {
	// Key names a credentials file (a service account's key, or a workload identity federation's configuration, whose
	// token file is TokenFile) in Document.Secrets.
	Key string `json:"key,omitempty"`
}

// AzureIdentity gets access tokens of Microsoft Entra ID, by a client secret or by a federated token.
type AzureIdentity struct {
	TenantID string `json:"tenantID"`
	ClientID string `json:"clientID"`
	// ClientSecret names the secret in Document.Secrets; empty uses TokenFile.
	ClientSecret string `json:"clientSecret,omitempty"`
	TokenFile    string `json:"tokenFile,omitempty"`
	// Authority is the authority host, by default the public cloud's.
	Authority string `json:"authority,omitempty"`
}

// Timeouts of one attempt. All positive.
type Timeouts struct {
	// Connect bounds dialling and the TLS handshake.
	Connect Duration `json:"connect"`
	// FirstToken runs from the last byte of the request to the first of a streamed answer's body (its headers alone do
	// not end it). An answer that is not streamed comes whole, so only Total bounds it.
	FirstToken Duration `json:"firstToken"`
	// BetweenTokens bounds each silence of a streamed answer after the first byte.
	BetweenTokens Duration `json:"betweenTokens"`
	// Total bounds the whole attempt.
	Total Duration `json:"total"`
}

// Model maps one name that clients use to one provider's model.
type Model struct {
	// Name is what clients ask for: a bare name, or "provider/model".
	Name string `json:"name"`
	// Provider is a Provider.ID.
	Provider string `json:"provider"`
	// Upstream is what the provider calls the model.
	Upstream string `json:"upstream"`
	// MaxOutputTokens bounds what a request may ask for; 0 leaves it to the provider.
	MaxOutputTokens int64 `json:"maxOutputTokens,omitempty"`
}

// Key is one API key, known by its digest only.
type Key struct {
	// ID is "namespace/name" of the APIKey; buckets and ledgers are keyed by it.
	ID string `json:"id"`
	// Digest is DigestKey of the secret.
	Digest Digest `json:"digest"`
	// User is who the key was given to.
	User string `json:"user"`
	// Requests are the key's own limits, beside the gateway's.
	Requests []RequestLimit `json:"requests,omitempty"`
}
