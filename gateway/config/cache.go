// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Cache says which answers are kept, and for whom. An empty one keeps none.
type Cache struct {
	Exact    *ExactCache    `json:"exact,omitempty"`
	Semantic *SemanticCache `json:"semantic,omitempty"`
}

// CacheScope says who may be answered with what somebody else was.
type CacheScope string

// The scopes, from the narrowest.
const (
	// CacheKey: the same key, token or address.
	CacheKey CacheScope = "Key"
	// CacheUser: the same user, whatever key or token is shown; whoever has no name is alone.
	CacheUser CacheScope = "User"
	// CachePolicy: principals that are under the same policies; whoever is under none is alone.
	CachePolicy CacheScope = "Policy"
	// CacheGateway: everybody.
	CacheGateway CacheScope = "Gateway"
)

// CacheScopes are all that this version knows, sorted.
var CacheScopes = []CacheScope{CacheGateway, CacheKey, CachePolicy, CacheUser}

// CacheCharge says what a request costs that is answered from a cache.
type CacheCharge string

// The ways.
const (
	// CacheFree: nothing, though it counts as a request.
	CacheFree CacheCharge = "Free"
	// CacheFull: what the answer cost when it came from the provider, in tokens and money.
	CacheFull CacheCharge = "Full"
)

// CacheCharges are all that this version knows, sorted.
var CacheCharges = []CacheCharge{CacheFree, CacheFull}

// Kept says for whom and for how long answers are kept.
type Kept struct {
	Scope  CacheScope  `json:"scope"`
	Charge CacheCharge `json:"charge"`
	// TTL is how long an answer is given. Positive, at most MaxCacheTTL.
	TTL Duration `json:"ttl"`
	// AnyTemperature keeps answers to requests that ask for a temperature above zero, too.
	AnyTemperature bool `json:"anyTemperature,omitempty"`
}

// MaxCacheTTL is 30 days.
const MaxCacheTTL = Duration(30 * 24 * 3600 * 1e9)

// ExactCache answers requests that are the same as one before.
type ExactCache struct {
	Kept
	// MaxBytes bounds what one pod keeps in memory; of several routes' the gateway's own holds. Positive.
	MaxBytes int64 `json:"maxBytes"`
	// MaxEntryBytes bounds one answer. Positive.
	MaxEntryBytes int64 `json:"maxEntryBytes"`
	// Shared keeps answers in the store, too. It means something only where there is one.
	Shared bool `json:"shared,omitempty"`
}

// SemanticCache answers single questions that mean what one before did.
type SemanticCache struct {
	Kept
	// Threshold is the least cosine of two questions that mean the same, in millionths: 500,000 to 1,000,000.
	Threshold int64 `json:"threshold"`
	// MaxEntries bounds what one pod remembers. Positive.
	MaxEntries int `json:"maxEntries"`
	// Embeddings is the model that gives questions their vectors; its weight and tier mean nothing.
	Embeddings Target `json:"embeddings"`
}

// PurgePath takes a CachePurge by POST, and gives a CachePurged.
const PurgePath = "/v1/cache/purge"

// CachePurge says which cached answers to forget. Exactly one of the fields is set.
type CachePurge struct {
	// Key is "namespace/name" of an APIKey, Route of a ModelRoute; Model is what applications asked for; Tag is one that a request
	// gave its answer.
	Key   string `json:"key,omitempty"`
	Route string `json:"route,omitempty"`
	Model string `json:"model,omitempty"`
	Tag   string `json:"tag,omitempty"`
	All   bool   `json:"all,omitempty"`
}

// CachePurged says what a pod forgot.
type CachePurged struct {
	// Removed counts answers that were in the pod's memory.
	Removed int `json:"removed"`
	// Shared says that the store was told, so that every pod forgets.
	Shared bool `json:"shared,omitempty"`
}
