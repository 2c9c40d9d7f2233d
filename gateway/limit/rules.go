// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/gcra"
)

// Rules are the limits and budgets that were written in one place. They are immutable.
type Rules struct {
	// all are those that Admit takes, then those that Reserve takes.
	all       []rule
	admission int
	budgets   bool
}

// rule is one limit or budget, of any holder.
type rule struct {
	exchange.Constraint // without Holder
	rate                gcra.Rate
	period              period
}

// maxRules bounds those of one place, as the contract does with room to spare: a charge remembers them as bits.
const maxRules = 64

// NewRules gives the rules of limits and budgets; nil where nothing is limited. l may be nil.
func NewRules(scope exchange.Scope, l *config.Limits, budgets []config.Budget) *Rules {
	r := &Rules{}
	if l == nil {
		l = &config.Limits{}
	}
	for _, q := range l.Requests {
		r.add(l.Shadow, rule{
			Constraint: exchange.Constraint{Dimension: exchange.Requests, Limit: q.Count, Burst: q.Burst, Per: time.Duration(q.Per)},
			rate:       gcra.Single(q.Count, time.Duration(q.Per), q.Burst),
		})
	}
	if n := l.Concurrency; n > 0 {
		r.add(l.Shadow, rule{Constraint: exchange.Constraint{Dimension: exchange.Concurrency, Limit: n, Burst: n}})
	}
	r.admission = len(r.all)
	for _, t := range l.Tokens {
		r.add(l.Shadow, bulk(exchange.Tokens, t.Count, t.Per))
	}
	for _, c := range l.Cost {
		r.add(l.Shadow, bulk(exchange.Cost, int64(c.Amount), c.Per))
	}
	for _, b := range budgets {
		c := exchange.Constraint{Dimension: exchange.Spending, Limit: int64(b.Amount), Burst: int64(b.Amount), Calendar: b.Per}
		r.add(b.Shadow, rule{Constraint: c, period: periodOf(b.Per)})
		r.budgets = true
	}
	if len(r.all) == 0 {
		return nil
	}
	for i := range r.all {
		r.all[i].Scope = scope
	}
	return r
}

func bulk(d exchange.Dimension, n int64, per config.Duration) rule {
	return rule{
		Constraint: exchange.Constraint{Dimension: d, Limit: n, Burst: n, Per: time.Duration(per)},
		rate:       gcra.Bulk(n, time.Duration(per)),
	}
}

func (r *Rules) add(shadow bool, one rule) {
	if len(r.all) < maxRules {
		one.Shadow = shadow
		r.all = append(r.all, one)
	}
}

// want gives how much a request takes of what the rule counts.
func (r *rule) want(use *exchange.Use) int64 {
	switch r.Dimension {
	case exchange.Requests, exchange.Concurrency:
		return 1
	case exchange.Tokens:
		return use.Tokens
	default:
		return int64(use.Cost)
	}
}

// of gives the constraint for a holder.
func (r *rule) of(h *Holder) exchange.Constraint {
	c := r.Constraint
	c.Holder = h.Name()
	return c
}
