// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// ExplainPath takes an ExplainRequest by POST: 200 with an Explanation, or 422 with what is wrong with the question in plain
// text. Nothing is sent to a provider, and nothing is taken from any limit.
const ExplainPath = "/v1/explain"

// ExplainDefaultPath is the endpoint that is asked where an ExplainRequest names none.
const ExplainDefaultPath = "/v1/chat/completions"

// ExplainRequest is a request that an application might make.
type ExplainRequest struct {
	// Path is the endpoint's, with its query where it has one; empty is ExplainDefaultPath.
	Path string `json:"path,omitempty"`
	// Method is POST with a Body and GET without where it is empty.
	Method  string   `json:"method,omitempty"`
	Headers []Header `json:"headers,omitempty"`
	Body    []byte   `json:"body,omitempty"`
	// Key is a Key.ID, or the part after its slash where one key alone has it. Where it is empty, the key is the one in
	// Headers and, where there is none, the first by ID.
	Key string `json:"key,omitempty"`
}

// Explanation is what a gateway would do with a request now, and why. It holds no secret and nothing of the body but the
// model's name.
type Explanation struct {
	Method string `json:"method"`
	// Path is without its query.
	Path string `json:"path"`
	// Operation and Dialect are what the endpoint is for; empty where there is no endpoint. Dialects are named as in logs.
	Operation string `json:"operation,omitempty"`
	Dialect   string `json:"dialect,omitempty"`
	// Model is the name asked for, or the only one there is where a request need not name one.
	Model  string `json:"model,omitempty"`
	Stream bool   `json:"stream,omitempty"`
	// Refusals are all that would keep the request from a provider, in the order of the checks: the first is what the
	// application would be told. None means that it would be sent, or answered by the gateway itself.
	Refusals []ExplainedRefusal `json:"refusals,omitempty"`
	// Key is nil where none was found, or none is needed.
	Key    *ExplainedKey    `json:"key,omitempty"`
	Limits []ExplainedLimit `json:"limits,omitempty"`
	// Tokens is nil where no provider would be asked.
	Tokens *ExplainedTokens `json:"tokens,omitempty"`
	// Route is nil where the request's model leads nowhere, or the request has none.
	Route *ExplainedRoute `json:"route,omitempty"`
	// PassedOver are routes that the name leads to and that are more specific, with what the request lacks of what they ask
	// for; LessSpecific those that would come after the route that was taken. Both in order.
	PassedOver   []ExplainedCandidate `json:"passedOver,omitempty"`
	LessSpecific []ExplainedCandidate `json:"lessSpecific,omitempty"`
	// Targets are in the order in which they would be tried, then those that would not.
	Targets []ExplainedTarget `json:"targets,omitempty"`
	// Cache and Sanitizer say what they would do; "not configured" where there is none.
	Cache     string `json:"cache"`
	Sanitizer string `json:"sanitizer"`
}

// ExplainedRefusal is an error that the application would be told.
type ExplainedRefusal struct {
	Status  int    `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Field of the body at fault; empty where there is none.
	Field string `json:"field,omitempty"`
	// RetryAfter is how long the application is asked to wait; 0 says nothing.
	RetryAfter Duration `json:"retryAfter,omitempty"`
}

// How a key was found.
const (
	KeyNamed    = "named"    // by ExplainRequest.Key
	KeyInHeader = "inHeader" // as a request's is
	KeyFirst    = "first"    // of all keys, for want of another
	KeyToken    = "token"    // the bearer of an issuer's token
	KeyNone     = "none"     // an anonymous client
)

// ExplainedKey is whom the request is made for.
type ExplainedKey struct {
	ID   string `json:"id"`
	User string `json:"user"`
	// Role is "User" or "Master".
	Role string `json:"role"`
	// Found is one of the constants; Of is how many keys the gateway has.
	Found string `json:"found"`
	Of    int    `json:"of"`
}

// LimitOfAddress is the scope of limits on the client's address, which nobody knows.
const LimitOfAddress = "ip"

// ExplainedLimit is a limit or a budget.
type ExplainedLimit struct {
	// Scope is whom it holds for: "gateway" (each key), "key", "user", "ip", "all", "policy" or "route"; Holder says which,
	// as HolderUse names it.
	Scope  string `json:"scope"`
	Holder string `json:"holder,omitempty"`
	// Of is what it counts: "requests", "tokens", "cost", "concurrency" or "budget". Limit is their number or, of the cost
	// and a budget, nanodollars; Burst is how many requests may come at once.
	Of    string `json:"of"`
	Limit int64  `json:"limit"`
	Burst int64  `json:"burst,omitempty"`
	// Per is the period of a limit, Calendar that of a budget.
	Per      Duration `json:"per,omitempty"`
	Calendar Calendar `json:"calendar,omitempty"`
	// Shadow only reports.
	Shadow bool `json:"shadow,omitempty"`
	// Remaining is how much this process would let through now; nil for LimitOfAddress, for nobody knows the client's. Reset
	// is the time until all remains again.
	Remaining *int64   `json:"remaining,omitempty"`
	Reset     Duration `json:"reset,omitempty"`
}

// ExplainedTokens is what the request is taken to use before anybody knows: estimates from the length of its texts.
type ExplainedTokens struct {
	Prompt int64 `json:"prompt"`
	Answer int64 `json:"answer"`
	// Reserved is what providers' quotas are asked for.
	Reserved int64 `json:"reserved"`
}

// How a model's name leads to a route; see route.By.
const (
	ByName           = "name"
	ByQualifiedModel = "provider/model"
	ByProvider       = "provider"
	ByPattern        = "pattern"
	ByModel          = "model"
	ByOnlyProvider   = "only provider"
)

// ExplainedCandidate is a route that the model's name leads to.
type ExplainedCandidate struct {
	// ID is "namespace/name" of the ModelRoute; empty where a provider's own model, Model, is meant.
	ID    string `json:"id,omitempty"`
	Model string `json:"model,omitempty"`
	// By is one of the constants, Name the ModelRoute's name or pattern that led there.
	By   string `json:"by"`
	Name string `json:"name,omitempty"`
	// Headers are those that the ModelRoute asks for, "Name: value"; Lacks is the first that the request has not.
	Headers []string `json:"headers,omitempty"`
	Lacks   string   `json:"lacks,omitempty"`
}

// ExplainedRoute is the route taken.
type ExplainedRoute struct {
	ExplainedCandidate
	Strategy Strategy `json:"strategy"`
	// Affinity is as in Route. Sticky says that the request has what it goes by.
	Affinity string `json:"affinity,omitempty"`
	Sticky   bool   `json:"sticky,omitempty"`
	Hedge    *Hedge `json:"hedge,omitempty"`
	// HedgeTo is the place in Explanation.Targets, from 1, where the second attempt would go; 0 where there would be none.
	HedgeTo int `json:"hedgeTo,omitempty"`
	// Mirror is "provider/model" of the mirror's target, with "namespace/name" of the provider; MirrorPercent of the
	// requests are copied there.
	Mirror        string `json:"mirror,omitempty"`
	MirrorPercent int64  `json:"mirrorPercent,omitempty"`
}

// The standings of a target.
const (
	TargetReady     = "ready"     // it would be tried
	TargetIncapable = "incapable" // it cannot do what is asked, so that the next would be tried at once
	TargetFull      = "full"      // it would be waited for, where no other is ready
	TargetOut       = "out"       // its breaker stands against it
	TargetElsewhere = "elsewhere" // another provider issued the ids that the request mentions
)

// ExplainedTarget is one target.
type ExplainedTarget struct {
	// Provider is a Provider.ID, Type its type, Model the name in the configuration and Upstream the provider's own; both are
	// empty where a request has no model.
	Provider string       `json:"provider"`
	Type     ProviderType `json:"type"`
	Model    string       `json:"model,omitempty"`
	Upstream string       `json:"upstream,omitempty"`
	Tier     int64        `json:"tier"`
	Weight   int64        `json:"weight"`
	// Standing is one of the constants. Chance, 0 to 1, is how likely a ready target comes at this place, once those before
	// it failed.
	Standing string  `json:"standing"`
	Chance   float64 `json:"chance,omitempty"`
	// Refusal is what an incapable target, or one that would be if it were tried, cannot do.
	Refusal *ExplainedRefusal `json:"refusal,omitempty"`
	// Wire is the dialect that the provider is spoken to in; Translated says that it is not the application's, or not quite,
	// and Edited that only a few fields are changed in place. With neither, bytes pass through.
	Wire       string `json:"wire,omitempty"`
	Translated bool   `json:"translated,omitempty"`
	Edited     bool   `json:"edited,omitempty"`
	// InFlight is how many attempts are under way at the target, and Latency what its next answer of this kind is expected to
	// take; 0 where nothing is known.
	InFlight int64    `json:"inFlight,omitempty"`
	Latency  Duration `json:"latency,omitempty"`
	// Price of the model, and Cost of this request by it, as a decimal of US dollars; none where nobody said.
	Price *Price `json:"price,omitempty"`
	Cost  string `json:"cost,omitempty"`
	// Breaker is nil where it is closed.
	Breaker *BreakerState `json:"breaker,omitempty"`
	// Health is nil where nothing is known.
	Health *HealthState `json:"health,omitempty"`
	// Quota is the provider's, as configured, and Replicas how many processes share it; 0 where this one has it for itself.
	// ProviderInFlight and ProviderWaiting are what this process has under way there and has waiting, and OutUntil when the
	// provider will have something left for this target, by its own word.
	Quota            Quota     `json:"quota"`
	Replicas         int       `json:"replicas,omitempty"`
	ProviderInFlight int64     `json:"providerInFlight,omitempty"`
	ProviderWaiting  int64     `json:"providerWaiting,omitempty"`
	OutUntil         time.Time `json:"outUntil,omitzero"`
	Retry            Retry     `json:"retry"`
	// Timeouts are those of an attempt at this request.
	Timeouts Timeouts `json:"timeouts"`
}
