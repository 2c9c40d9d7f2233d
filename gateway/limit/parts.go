// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

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
func (p Parts) Constraints(route Part) []exchange.Constraint {
	var all []exchange.Constraint
	for i := range len(p) + 1 {
		part := &route
		if i < len(p) {
			part = &p[i]
		}
		if part.Holder == nil || part.Rules == nil {
			continue
		}
		for j := range part.Rules.all {
			all = append(all, part.Rules.all[j].of(part.Holder))
		}
	}
	return all
}

// Standing is how one limit or budget stands.
type Standing struct {
	exchange.Constraint
	// Remaining is what this process may still let through now: requests, tokens, slots, or nanodollars. Below zero it is
	// a debt.
	Remaining int64
	// Reset is the time until everything remains: 0 when it does, and where nobody can say.
	Reset time.Duration
}

// Look gives how everything stands, in the order of Constraints without a route's, and what would be decided of one more
// request that takes so much. It takes nothing.
func (p Parts) Look(now int64, use exchange.Use) ([]Standing, exchange.Decision) {
	var all []Standing
	var d exchange.Decision
	c := &Charge{parts: p, use: bounded(use)}
	a := c.asking(now)
	v := verdict{}
	for i := range p {
		h, rules := p[i].Holder, p[i].Rules
		if h == nil || rules == nil {
			continue
		}
		all = append(all, h.stand(&a, rules)...)
		h.peek(&a, rules.all, &v)
	}
	for i := range p {
		if h, rules := p[i].Holder, p[i].Rules; h != nil && rules != nil {
			h.observe(&a, rules.all, &v)
		}
	}
	v.tell(c, &d)
	return all, d
}

func (h *Holder) stand(a *asking, rules *Rules) []Standing {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Standing, len(rules.all))
	for i := range rules.all {
		r := &rules.all[i]
		all[i] = Standing{Constraint: r.of(h)}
		switch r.Dimension {
		case exchange.Spending:
			all[i].Remaining = int64(h.room(a, r))
			if end := a.end(h.book, r); all[i].Remaining < r.Limit {
				all[i].Reset = time.Duration(end % endless)
			}
		case exchange.Concurrency:
			all[i].Remaining = a.state.slots(r.Limit) - h.bucket(r).slots
		default:
			level := h.level(a, r)
			all[i].Remaining, all[i].Reset = level.Remaining, level.Reset
		}
	}
	return all
}
