// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// AttemptKind is why an attempt was made.
type AttemptKind uint8

// The kinds.
const (
	// FirstAttempt is a request's first.
	FirstAttempt AttemptKind = iota
	// RetryAttempt is at a target that was tried before.
	RetryAttempt
	// FailoverAttempt is at another target, after one failed.
	FailoverAttempt
	// HedgeAttempt is beside another that was slow.
	HedgeAttempt
	// MirrorAttempt is a copy, whose answer nobody sees.
	MirrorAttempt
	// EmbeddingAttempt is for the vector of a question, for the semantic cache.
	EmbeddingAttempt
	// ModerationAttempt is for a verdict on the request's or the answer's texts.
	ModerationAttempt

	// AttemptKinds is their number.
	AttemptKinds
)

var attemptWords = [AttemptKinds]string{"first", "retry", "failover", "hedge", "mirror", "embedding", "moderation"}

// String gives the kind's word in logs and metrics.
func (k AttemptKind) String() string {
	if k < AttemptKinds {
		return attemptWords[k]
	}
	return "unknown"
}

// Attempt is one try at one target, and what became of it.
type Attempt struct {
	Kind AttemptKind
	// Provider and UpstreamModel are where it went, Target the model's name in the configuration.
	Provider, UpstreamModel, Target string
	// Began is when it was sent, FirstToken when the first byte of the answer's body came from the provider, Ended when
	// it was over; zero where it never was.
	Began, FirstToken, Ended time.Time
	// UpstreamStatus is what the provider answered, 0 when it did not.
	UpstreamStatus int
	// UpstreamID is the provider's own name for the request.
	UpstreamID []byte
	// AnswerModel is the model that the provider says to have answered; empty where it does not, and of requests that are not traced.
	AnswerModel string
	// Status is what the client is told, or would have been.
	Status int
	// Outcome and Reason say how it ended; Reason is empty when Outcome is OK.
	Outcome Outcome
	Reason  Reason
	// Cause is for the log only.
	Cause error
	// Usage is settled once, at the end, and with it Cost; Priced says that the model has a price, so that Cost means
	// something.
	Usage  Usage
	Cost   config.Money
	Priced bool
	// Span is the attempt's in the request's trace; zero where it is not traced.
	Span SpanID
}
