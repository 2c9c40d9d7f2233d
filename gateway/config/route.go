// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Strategy is how a target is chosen among those of one tier.
type Strategy string

// The strategies.
const (
	Weighted      Strategy = "Weighted"
	LeastInFlight Strategy = "LeastInFlight"
	LowestLatency Strategy = "LowestLatency"
	LowestCost    Strategy = "LowestCost"
)

// Strategies are all that this version knows.
var Strategies = []Strategy{Weighted, LeastInFlight, LowestLatency, LowestCost}

// What requests stay with one target by; AffinityHeader is followed by the header's name in canonical form.
const (
	AffinityNone   = ""
	AffinityUser   = "User"
	AffinityKey    = "Key"
	AffinityHeader = "Header:"
)

// MaxTargets bounds the targets of a route.
const MaxTargets = 16

// Route sends requests for models to targets.
type Route struct {
	// ID is "namespace/name" of the ModelRoute; living state (the hedges' budget) is keyed by it.
	ID string `json:"id"`
	// Models are exact names and patterns, in which each "*" stands for any characters; sorted, unique.
	Models []string `json:"models"`
	// Headers that a request must all have, with exactly these values. Names are in canonical form, sorted, unique.
	Headers  []Header `json:"headers,omitempty"`
	Strategy Strategy `json:"strategy"`
	// Affinity is one of the constants.
	Affinity string `json:"affinity,omitempty"`
	// Targets, at most MaxTargets, in order of tier. None means that requests are refused, because what the route names
	// is not there: they must not go elsewhere.
	Targets []Target `json:"targets,omitempty"`
	// Hedge and Mirror are nil for none.
	Hedge  *Hedge  `json:"hedge,omitempty"`
	Mirror *Mirror `json:"mirror,omitempty"`
	// Limits hold for all requests that take the route together.
	Limits Limits `json:"limits,omitzero"`
	// Cache and Sanitizer stand in place of the gateway's; nil keeps those.
	Cache     *Cache     `json:"cache,omitempty"`
	Sanitizer *Sanitizer `json:"sanitizer,omitempty"`
}

// Target is one provider's model with its place in a route.
type Target struct {
	// Provider is a Provider.ID.
	Provider string `json:"provider"`
	// Model is what the ProviderPolicy calls the model, Upstream what the provider calls it.
	Model    string `json:"model"`
	Upstream string `json:"upstream"`
	// MaxOutputTokens and Price are the model's.
	MaxOutputTokens int64  `json:"maxOutputTokens,omitempty"`
	Price           *Price `json:"price,omitempty"`
	// Weight is positive: targets without are not in the document.
	Weight int64 `json:"weight"`
	// Tier is used when no target of a lower one can answer.
	Tier int64 `json:"tier"`
}

// Hedge sends a second attempt when the first has brought nothing After so long, in at most MaxExtraPercent, 1 to 100, of
// the route's requests.
type Hedge struct {
	After           Duration `json:"after"`
	MaxExtraPercent int64    `json:"maxExtraPercent"`
}

// Mirror copies Percent, 1 to 100, of the requests to a target, whose weight and tier mean nothing.
type Mirror struct {
	Target  Target `json:"target"`
	Percent int64  `json:"percent"`
}
