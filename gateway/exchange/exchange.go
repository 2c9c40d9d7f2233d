// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package exchange is the state of one request as it goes through the gateway. It holds no logic: every room reads
// and writes it, and none of them needs to know another.
package exchange

import (
	"net/netip"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// PrincipalKind is how a principal showed who it is.
type PrincipalKind uint8

// The kinds.
const (
	ByKey PrincipalKind = iota
	ByToken
	ByAddress // anonymous
)

// Principal is who makes a request. It is immutable.
type Principal struct {
	Kind PrincipalKind
	// ID is "namespace/name" of the APIKey, a digest of a token's issuer and subject, or the client's address (of IPv6 its
	// /64). No two of one kind have the same.
	ID string
	// User is who the key was given to, or what a token says; empty of an address.
	User string
	// Team is the label config.LabelTeam; of several values the first.
	Team string
	// Master may read what concerns all keys.
	Master bool
	// Allow is nil where everything is allowed.
	Allow *Allowed
	// Labels are what policies select by, where the principal is not a key of the configuration.
	Labels map[string][]string
	// Index is a key's place in the document, for what a snapshot holds per key; -1 of other kinds.
	Index int
}

// Holder names the principal as a holder of limits.
func (p *Principal) Holder() string {
	switch p.Kind {
	case ByKey:
		return config.HolderKey + p.ID
	case ByToken:
		return config.HolderToken + p.ID
	default:
		return config.HolderIP + p.ID
	}
}

// Allowed is config.Allow, parsed.
type Allowed struct {
	// Models are patterns, each "*" of which stands for any characters; nil allows all.
	Models []string
	// Operations are those allowed, as bits by their number; 0 allows all.
	Operations uint64
	// Prefixes are those of client addresses; nil allows all.
	Prefixes []netip.Prefix
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

	// Attempt is the one that the client was answered from or, where none was, the last; the zero value where nothing
	// was tried. Its Status, Outcome, Reason and Cause are the whole exchange's, whatever was tried.
	Attempt
	// Route is "namespace/name" of the ModelRoute that the request took; empty for none.
	Route string
	// Tried are the other attempts, in the order in which they began: those that failed before the client was told
	// anything, and those that another was faster than.
	Tried []Attempt
	// Shadowed is a limit in shadow that would have refused the request; nil for none.
	Shadowed *Constraint
	// Caching is what the cache had to do with it.
	Caching Caching
	// Findings are the sanitizer's, in the request and in the answer.
	Findings Findings
	// Trace is where the request stands in a trace.
	Trace Trace
	// BytesIn and BytesOut count bodies.
	BytesIn, BytesOut int64
}
