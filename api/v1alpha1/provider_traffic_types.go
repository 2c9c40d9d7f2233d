// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// CircuitBreaker takes a model of the provider out while it fails, each of the provider's models for itself. Only the
// provider's own failures count: no connection, timeouts, 5xx, broken answers, and 429 that do not say when to come back.
// A client that leaves and a request that the provider refuses do not. Each gateway pod judges for itself.
//
// +kubebuilder:validation:MinProperties=1
type CircuitBreaker struct {
	// consecutiveFailures that open the breaker. Default: 5.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	ConsecutiveFailures *int32 `json:"consecutiveFailures,omitempty"`
	// failurePercent of the requests within window that opens it, once there were minRequests. Default: 50.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	FailurePercent *int32 `json:"failurePercent,omitempty"`
	// minRequests within window before failurePercent means anything. Default: 20.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MinRequests *int32 `json:"minRequests,omitempty"`
	// window that failurePercent looks back, 1s to 10m. Default: 30s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('10m')",message="must be between 1s and 10m"
	Window Duration `json:"window,omitempty"`
	// openFor is how long an open breaker lets nothing through, 100ms to 1h; up to a fifth less, by chance, so that pods
	// do not all come back at once. Default: 15s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('100ms') && duration(self) <= duration('1h')",message="must be between 100ms and 1h"
	OpenFor Duration `json:"openFor,omitempty"`
	// halfOpenProbes is how many requests at once try the provider after that. When so many in a row were answered the
	// breaker closes; the first that fails opens it again. Default: 3.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HalfOpenProbes *int32 `json:"halfOpenProbes,omitempty"`
}

// RetryCondition is a kind of failure, before anything of an answer went to the client.
//
// +kubebuilder:validation:Enum=ConnectFailure;Timeout;TooManyRequests;ServerError;TargetRefused
type RetryCondition string

// The conditions of retries.
const (
	// RetryConnectFailure: no connection in time, or one that broke before the answer began.
	RetryConnectFailure RetryCondition = "ConnectFailure"
	// RetryTimeout: no first token in time.
	RetryTimeout RetryCondition = "Timeout"
	// RetryTooManyRequests: 429.
	RetryTooManyRequests RetryCondition = "TooManyRequests"
	// RetryServerError: 5xx, an error in the place of an answer, or an answer that is none.
	RetryServerError RetryCondition = "ServerError"
	// RetryTargetRefused: the provider does not accept the gateway's credential (401, 403), or does not know a model that
	// the configuration names (404). The same target is not tried again, others of a ModelRoute are.
	RetryTargetRefused RetryCondition = "TargetRefused"
)

// Retry says what happens to a request that failed before anything of an answer went to the client.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.backoff) || duration(self.backoff) <= duration(has(self.maxBackoff) ? self.maxBackoff : '5s')",message="backoff must not exceed maxBackoff, which is 5s unless said"
// +kubebuilder:validation:XValidation:rule="!has(self.maxBackoff) || duration(self.maxBackoff) >= duration(has(self.backoff) ? self.backoff : '100ms')",message="maxBackoff must not be below backoff, which is 100ms unless said"
type Retry struct {
	// attempts of one request at this provider's target, the first included. Other targets of a ModelRoute are tried
	// whatever this says. Default: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	Attempts *int32 `json:"attempts,omitempty"`
	// backoff before the second attempt at the same target, doubled before each further one; what is waited is drawn
	// between zero and that, and is no less than a Retry-After. 1ms to 1m. Default: 100ms.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('1m')",message="must be between 1ms and 1m"
	Backoff Duration `json:"backoff,omitempty"`
	// maxBackoff bounds it, and the Retry-After that is worth waiting for. 1ms to 1m. Default: 5s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('1m')",message="must be between 1ms and 1m"
	MaxBackoff Duration `json:"maxBackoff,omitempty"`
	// when names the failures after which a request is tried again, here or at another target of its ModelRoute.
	// Default: all.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	When []RetryCondition `json:"when,omitempty"`
	// budgetPercent bounds the attempts that are not a request's first at this provider, in percent of the requests of
	// the last ten seconds; three are always granted. Failing over to another target needs no budget. Default: 20.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	BudgetPercent *int32 `json:"budgetPercent,omitempty"`
}

// TokenLimit allows count tokens each per, prompt and answer together, refilled evenly.
type TokenLimit struct {
	// count of tokens.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000000
	Count int64 `json:"count"`
	// per is the period that count refers to, 1s to 24h.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="must be between 1s and 24h"
	Per Duration `json:"per"`
}

// ProviderLimits are the provider's own quotas, which the gateway keeps below, so that it routes elsewhere before it is
// refused. They are of all pods of a gateway together: each takes its part, the limit divided by the pods that serve, but
// one request at once at least. Of several gateways each keeps them for itself. What a provider tells in x-ratelimit-* and
// anthropic-ratelimit-* headers is heeded beside them, and without them.
//
// +kubebuilder:validation:MinProperties=1
type ProviderLimits struct {
	// requests to the provider. Default: no limit.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Requests []RequestLimit `json:"requests,omitempty"`
	// tokens of requests and answers. A request counts as its estimate until the provider has told. Default: no limit.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Tokens []TokenLimit `json:"tokens,omitempty"`
	// concurrency is how many requests may be under way at once. Each pod has whole slots: of 7, two in each of three pods.
	// Default: no limit.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Concurrency *int32 `json:"concurrency,omitempty"`
	// queue of requests that find this and every other target of theirs full. Default: 100 requests for 5s.
	//
	// +optional
	Queue *ProviderQueue `json:"queue,omitempty"`
}

// ProviderQueue is where requests wait that find every target full.
//
// +kubebuilder:validation:MinProperties=1
type ProviderQueue struct {
	// length is how many may wait in each pod; 0 lets none. Default: 100.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Length *int32 `json:"length,omitempty"`
	// timeout is how long one waits before it is answered 429, 1ms to 5m; with several targets the longest of theirs.
	// Default: 5s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('5m')",message="must be between 1ms and 5m"
	Timeout Duration `json:"timeout,omitempty"`
}

// HealthCheck asks the provider now and then, with a GET that spends no tokens, whether it is there. A provider that is
// not is used only by requests that have no other target.
//
// +kubebuilder:validation:XValidation:rule="duration(has(self.timeout) ? self.timeout : '2s') <= duration(has(self.interval) ? self.interval : '30s')",message="timeout (2s unless said) must not exceed interval (30s unless said)"
type HealthCheck struct {
	// path that is asked, from the root of the endpoint's host, with the provider's credential. An answer below 400 is
	// good. Default: the provider's list of models; types Bedrock and VertexAI, and AzureOpenAI with an
	// apiVersion, have none, so that they need a path.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/[!-~]*$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('#')",message="must not have a fragment"
	Path string `json:"path,omitempty"`
	// interval between two checks of one gateway pod, 1s to 1h. Default: 30s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="must be between 1s and 1h"
	Interval Duration `json:"interval,omitempty"`
	// timeout of one check, 10ms to 1m, and no longer than interval. Default: 2s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10ms') && duration(self) <= duration('1m')",message="must be between 10ms and 1m"
	Timeout Duration `json:"timeout,omitempty"`
	// unhealthyThreshold is how many checks in a row must fail. Default: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	UnhealthyThreshold *int32 `json:"unhealthyThreshold,omitempty"`
	// healthyThreshold is how many in a row must then succeed. Default: 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	HealthyThreshold *int32 `json:"healthyThreshold,omitempty"`
}

// MinThroughput is how slow an answer may trickle.
type MinThroughput struct {
	// tokensPerSecond that a streamed answer must bring, counted as four bytes of text each.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	TokensPerSecond int32 `json:"tokensPerSecond"`
	// over is the time over which they are averaged, again and again from the first token on, 1s to 5m. Default: 10s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('5m')",message="must be between 1s and 5m"
	Over Duration `json:"over,omitempty"`
}
