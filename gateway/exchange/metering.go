// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Use is what a request takes of limits before it is known, or took.
type Use struct {
	// Tokens of prompts and answers, over all attempts.
	Tokens int64
	// Cost of all attempts.
	Cost config.Money
}

// Dimension is what a limit counts.
type Dimension uint8

// The dimensions.
const (
	Requests Dimension = iota
	Tokens
	Cost
	Concurrency
	// Spending is a budget's: cost in a window of the calendar.
	Spending

	// Dimensions is their number.
	Dimensions
)

var dimensionWords = [Dimensions]string{"requests", "tokens", "cost", "concurrency", "budget"}

// String gives the word for logs and metrics.
func (d Dimension) String() string {
	if d < Dimensions {
		return dimensionWords[d]
	}
	return "unknown"
}

// Scope is whom a limit holds for, and where it was written.
type Scope uint8

// The scopes.
const (
	ScopeEach   Scope = iota // the gateway's limit on each principal
	ScopeKey                 // a key's own
	ScopeUser                // the gateway's on each user
	ScopeIP                  // the gateway's on each client address
	ScopeAll                 // the gateway's on everybody together
	ScopePolicy              // a UsagePolicy's
	ScopeRoute               // a ModelRoute's

	// Scopes is their number.
	Scopes
)

var scopeWords = [Scopes]string{"gateway", "key", "user", "ip", "all", "policy", "route"}

// String gives the word for logs and metrics.
func (s Scope) String() string {
	if s < Scopes {
		return scopeWords[s]
	}
	return "unknown"
}

// Constraint is one limit or budget that a request has to keep. It is immutable.
type Constraint struct {
	Dimension Dimension
	Scope     Scope
	// Holder is whom it holds for, as config.HolderUse names it.
	Holder string
	// Limit is a number of requests, tokens or slots, or an amount in nanodollars. Positive.
	Limit int64
	// Burst is how many requests may come at once; of other dimensions it is Limit.
	Burst int64
	// Per is the period of Requests, Tokens and Cost, Calendar that of Spending.
	Per      time.Duration
	Calendar config.Calendar
	// Shadow only reports.
	Shadow bool
}

// Level is how a limit stands, for headers.
type Level struct {
	// Limited says that there is a limit, so that the numbers mean something.
	Limited bool
	// Limit is how much may come at once, Remaining how much of it may still come now.
	Limit, Remaining int64
	// Reset is the time until Remaining is Limit again.
	Reset time.Duration
}

// Decision is what becomes of a request by its limits. The zero value lets it pass, with no limit to tell of.
type Decision struct {
	// Refused is the constraint that the request must not go on by: of several, the one with the longest wait; nil when it may.
	Refused *Constraint
	// RetryAfter is how long to wait, at least; 0 where nobody can say, as with concurrency and a budget that never ends.
	RetryAfter time.Duration
	// Shadowed is a constraint in shadow that would have refused the request; nil for none.
	Shadowed *Constraint
	// Requests and Tokens are the tightest limits of these: the refusing one, or that with the least remaining.
	Requests, Tokens Level
}
