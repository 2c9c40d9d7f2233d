// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Rules are the limits and budgets that were written in one place. They are immutable.
type Rules struct{ scope exchange.Scope }

// NewRules gives the rules of limits and budgets; nil where nothing is limited. l may be nil.
func NewRules(scope exchange.Scope, l *config.Limits, budgets []config.Budget) *Rules {
	return nil
}

// Part is a holder and rules that hold for it. With nil Rules, what the holder used is only counted. The zero value is
// none.
type Part struct {
	Holder *Holder
	Rules  *Rules
}

// Parts are all that a request has to keep, but for its route's. A holder may be in several, and is counted once. They
// are immutable.
type Parts []Part

// Constraints gives all that the parts and the route's have to keep, in their order: of each requests, slots, tokens, cost,
// budgets. The caller keeps it, where it asks a store.
func (p Parts) Constraints(route Part) []exchange.Constraint { return nil }

// Standing is how one limit or budget stands.
type Standing struct {
	exchange.Constraint
	// Remaining is what may still be taken now, by this process: requests, tokens, slots, or nanodollars. Below zero it is
	// a debt.
	Remaining int64
	// Reset is the time until everything remains: 0 when it does, and where nobody can say.
	Reset time.Duration
}

// Look gives how everything stands, in the order of Constraints without a route's, and what would be decided of one more
// request that takes so much. It takes nothing.
func (p Parts) Look(now int64, use exchange.Use) ([]Standing, exchange.Decision) {
	return nil, exchange.Decision{}
}
