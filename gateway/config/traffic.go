// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// MinThroughput is the least that a streamed answer must bring in each Over since its first token, a token counted as
// four bytes of text. Both are positive.
type MinThroughput struct {
	TokensPerSecond int64    `json:"tokensPerSecond"`
	Over            Duration `json:"over"`
}

// Breaker opens after ConsecutiveFailures, or when FailurePercent of at least MinRequests within Window failed, and stays
// open for OpenFor. Then Probes requests at once may try, and so many answers in a row close it. All are positive,
// FailurePercent at most 100.
type Breaker struct {
	ConsecutiveFailures int64    `json:"consecutiveFailures"`
	FailurePercent      int64    `json:"failurePercent"`
	MinRequests         int64    `json:"minRequests"`
	Window              Duration `json:"window"`
	OpenFor             Duration `json:"openFor"`
	Probes              int64    `json:"probes"`
}

// RetryCondition is a kind of failure before the client was told anything.
type RetryCondition string

// The conditions.
const (
	RetryConnectFailure  RetryCondition = "ConnectFailure"
	RetryTimeout         RetryCondition = "Timeout"
	RetryTooManyRequests RetryCondition = "TooManyRequests"
	RetryServerError     RetryCondition = "ServerError"
	RetryTargetRefused   RetryCondition = "TargetRefused"
)

// RetryConditions are all that this version knows, sorted.
var RetryConditions = []RetryCondition{
	RetryConnectFailure, RetryServerError, RetryTargetRefused, RetryTimeout, RetryTooManyRequests,
}

// Retry says what happens after a failure before the client was told anything.
type Retry struct {
	// Attempts at one target, the first included. Positive.
	Attempts int64 `json:"attempts"`
	// Backoff is what the wait before the second is drawn from, doubled for each further one up to MaxBackoff. Positive.
	Backoff    Duration `json:"backoff"`
	MaxBackoff Duration `json:"maxBackoff"`
	// On are the conditions after which a request is tried again, here or elsewhere; sorted, unique.
	On []RetryCondition `json:"on"`
	// BudgetPercent bounds attempts that are not the first here, in percent of requests. 0 to 100.
	BudgetPercent int64 `json:"budgetPercent"`
}

// Quota is what a provider takes of all processes together, of which each takes its part.
type Quota struct {
	Requests []RequestLimit `json:"requests,omitempty"`
	Tokens   []TokenLimit   `json:"tokens,omitempty"`
	// Concurrency is how many requests may be under way; 0 does not bound them.
	Concurrency int64 `json:"concurrency,omitempty"`
	// QueueLength is how many requests may wait for the provider in each process, 0 none, and QueueTimeout how long; positive.
	QueueLength  int64    `json:"queueLength"`
	QueueTimeout Duration `json:"queueTimeout"`
}

// HealthCheck asks with a GET. All but Path are positive.
type HealthCheck struct {
	// Path is from the root of the endpoint's host; empty is the provider's list of models.
	Path               string   `json:"path,omitempty"`
	Interval           Duration `json:"interval"`
	Timeout            Duration `json:"timeout"`
	UnhealthyThreshold int64    `json:"unhealthyThreshold"`
	HealthyThreshold   int64    `json:"healthyThreshold"`
}
