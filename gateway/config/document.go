// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config is the contract between the operator and the gateway: the Document that a gateway serves, how it
// is cut into content-addressed parts, and what a gateway answers about it. Parsing is strict: a field that this
// version does not know is an error, so that a gateway never claims to run what it does not understand.
//
// Values are immutable once built and safe to share between goroutines.
package config

// Schema is the version of the Document's shape. A gateway names the schemas it reads in its Ack, so that an operator
// that is newer than a pod says so instead of being misunderstood.
const Schema = 4

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
	// Routes are in order of precedence among those that are equally specific.
	Routes []Route `json:"routes,omitempty"`
	// Policies are sorted by ID.
	Policies []Policy `json:"policies,omitempty"`
}

// Gateway is what holds for every request.
type Gateway struct {
	// ID is "namespace/name" of the SparkGateway.
	ID   string `json:"id"`
	Auth Auth   `json:"auth,omitzero"`
	// Limits hold for each principal, beside its own; PerUser for each user, whatever key or token is shown; All for
	// everybody together.
	Limits  Limits `json:"limits,omitzero"`
	PerUser Limits `json:"perUser,omitzero"`
	All     Limits `json:"all,omitzero"`
	// PerIP hold for each client address (IPv6: each /64); those on requests are checked before authentication.
	PerIP Limits `json:"perIP,omitzero"`
	// UnknownPrice says what becomes of requests whose cost is limited and cannot be known; empty is UnknownPriceFlag.
	UnknownPrice UnknownPrice `json:"unknownPrice,omitempty"`
	// Store is nil where the pods have none.
	Store *Store `json:"store,omitempty"`
	// Replicas is how many pods share limits as long as nobody told otherwise; 0 is one.
	Replicas int `json:"replicas,omitempty"`
	// Ledger is nil where no usage records are kept.
	Ledger *Ledger `json:"ledger,omitempty"`
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
	// LogSkips is how many percent of the requests that ended well have no line; 0 to 100. Those that did not always have one.
	LogSkips int `json:"logSkips,omitempty"`
	// Tracing is nil for none.
	Tracing *Tracing `json:"tracing,omitempty"`
	// KeyLabels is how many keys have metrics of their own; 0 is none.
	KeyLabels int `json:"keyLabels,omitempty"`
	// RequestLimits bound each request.
	RequestLimits RequestLimits `json:"requestLimits,omitzero"`
	// CORS is nil where scripts of other origins may not use the gateway.
	CORS *CORS `json:"cors,omitempty"`
	// Cache and Sanitizer hold for requests whose route has none of its own; nil is none.
	Cache     *Cache     `json:"cache,omitempty"`
	Sanitizer *Sanitizer `json:"sanitizer,omitempty"`
	// ErrorTracking is nil for the defaults.
	ErrorTracking *ErrorTracking `json:"errorTracking,omitempty"`
}

// ServerTLS is the listener's certificate.
type ServerTLS struct {
	// Certificate is a PEM chain, leaf first.
	Certificate string `json:"certificate"`
	// Key names the PEM private key in Document.Secrets.
	Key string `json:"key"`
}

// Header is one header field.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
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
	// MinThroughput breaks off a streamed answer that trickles; nil does not.
	MinThroughput *MinThroughput `json:"minThroughput,omitempty"`
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
	// Price of its tokens; nil where nobody said.
	Price *Price `json:"price,omitempty"`
}

// Price is what a model's tokens cost, each in millionths of a US dollar per million tokens, which is the same number of
// picodollars (1e-12 dollars) per token: three dollars per million tokens are 3,000,000. So the cost of an answer is exact in
// integers, in picodollars: (prompt - cached) * Input + cached * CachedInput + completion * Output. Each is 0 to MaxPrice,
// which keeps the cost of 900 million tokens within 63 bits.
type Price struct {
	Input  int64 `json:"input"`
	Output int64 `json:"output"`
	// CachedInput is of prompt tokens that the provider read from its cache, CacheWrite of those that it put there.
	CachedInput int64 `json:"cachedInput"`
	CacheWrite  int64 `json:"cacheWrite"`
	// Request is the price of an answer beside its tokens, as of a search, and of each of several images, in nanodollars. 0 to
	// MaxMoney.
	Request Money `json:"request,omitempty"`
}

// MaxPrice is 10,000 dollars per million tokens.
const MaxPrice = 10_000_000_000
