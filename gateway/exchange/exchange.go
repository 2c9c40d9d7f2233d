// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package exchange is the state of one request as it goes through the gateway. It holds no logic: every room reads
// and writes it, and none of them needs to know another.
package exchange

import (
	"net/netip"
	"time"
)

// Principal is who a request is made for.
type Principal struct {
	// KeyID is "namespace/name" of the APIKey.
	KeyID string
	// User is who the key was given to.
	User string
	// Master may read what concerns all keys.
	Master bool
	// Index is the key's place in the document, for what a snapshot holds per key.
	Index int
}

// UsageSource says how a Usage is known.
type UsageSource uint8

// The sources, from none to the best.
const (
	UsageNone      UsageSource = iota
	UsageEstimated             // from the length of texts
	UsageCounted               // by a tokenizer
	UsageReported              // by the provider
)

// String gives the word of logs and metrics; "" for UsageNone.
func (s UsageSource) String() string {
	return [...]string{"", "estimated", "counted", "reported"}[s]
}

// Usage is what a request cost, in tokens. Cached and CacheWritten are parts of Prompt: what the provider read from its
// cache, and what it put there at a higher price. Reasoning is part of Completion.
type Usage struct {
	Prompt, Completion, Total, Cached, CacheWritten, Reasoning int64
	Source                                                     UsageSource
}

// IDLen is the length of a request's ID.
const IDLen = 32

// Exchange is one request and what became of it. It belongs to one goroutine at a time.
type Exchange struct {
	// ID is random, in lower-case hexadecimal.
	ID [IDLen]byte
	// Start is when the request's header was complete.
	Start time.Time
	// ClientIP is the connection's peer.
	ClientIP netip.Addr
	// Principal is nil before authentication.
	Principal *Principal

	// Method, Path and Model are the client's own words. They point into buffers that live as long as the exchange.
	Method, Path, Model []byte
	// Operation is what the client asks for.
	Operation Operation
	// Stream says that the client asked for events.
	Stream bool

	// Provider and UpstreamModel are where the request went; empty when it went nowhere.
	Provider, UpstreamModel string
	// UpstreamStatus is what the provider answered, 0 when it did not.
	UpstreamStatus int
	// UpstreamID is the provider's own name for the request.
	UpstreamID []byte
	// FirstToken is when the first byte of the answer's body came from the provider.
	FirstToken time.Time

	// Status is what the client was told.
	Status int
	// Outcome and Reason say how it ended; Reason is empty when Outcome is OK.
	Outcome Outcome
	Reason  Reason
	// Cause is for the log only.
	Cause error
	// Usage is settled once, at the end.
	Usage Usage
	// BytesIn and BytesOut count bodies.
	BytesIn, BytesOut int64
}
