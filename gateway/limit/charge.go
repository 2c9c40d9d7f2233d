// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"slices"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Charge is what one request took. The zero value took nothing. It belongs to one goroutine at a time, and is not copied
// while it holds something.
type Charge struct {
	parts    Parts
	route    Part
	use      exchange.Use // reserved
	mode     Mode         // in which it was, or was admitted
	admitted bool
	reserved bool
	// missed are, for each part and the route, the rules of which nothing was taken, because they are shadows of limits
	// that would have refused. It is empty while there are none.
	missed []uint64
	// refused and shadowed are what a Decision refers to.
	refused, shadowed exchange.Constraint
}

// Admit takes one request of all limits of requests and one slot of each concurrency: all of them or none. d is set anew;
// what it refers to is good until the next Admit or Reset.
func (c *Charge) Admit(now int64, p Parts, d *exchange.Decision) bool {
	c.Reset()
	*d = exchange.Decision{}
	c.parts = p
	a := c.asking(now)
	c.mode = a.state.Mode
	c.admitted = c.pass(&a, len(p), d)
	if !c.admitted {
		c.parts = nil
	}
	return c.admitted
}

// Withdraw gives back what Admit took, as if the request had not come. After Reserve it has no effect.
func (c *Charge) Withdraw(now int64) {
	if !c.admitted || c.reserved {
		return
	}
	a := c.asking(now)
	a.state.Mode = c.mode
	c.admitted = false
	for i := range c.parts {
		c.giveBack(&a, i)
	}
	c.parts = nil
}

// Reserve takes, after Admit, a request and a slot of the route's, and tokens, cost and budgets of all parts as much as the
// request may use at most: all of it or none; what Admit took stays taken. What the request takes nothing of, it passes. It
// adds to what d says.
func (c *Charge) Reserve(now int64, route Part, use exchange.Use, d *exchange.Decision) bool {
	c.route, c.use, c.missed = route, bounded(use), c.missed[:0]
	a := c.asking(now)
	c.mode = a.state.Mode
	c.reserved = c.pass(&a, len(c.parts)+1, d)
	if !c.reserved {
		c.route = Part{}
	}
	return c.reserved
}

// Settle replaces what was reserved by what was used, which is nothing unless something was sent to a provider, counts it,
// and gives slots back. It may be called at any time, and again without effect.
func (c *Charge) Settle(now int64, used exchange.Use, sent bool) {
	if !c.admitted {
		return
	}
	if !sent {
		used = exchange.Use{}
	}
	a := c.asking(now)
	if c.reserved {
		a.state.Mode = c.mode
	}
	s := settlement{asking: a, truth: bounded(used), sent: sent}
	for i := range len(c.parts) + 1 {
		if part := c.part(i); part.Holder != nil {
			part.Holder.settle(c, i, &s)
		}
	}
	c.parts, c.route, c.admitted, c.reserved = nil, Part{}, false, false
}

// Reset makes the zero value of a charge that was settled or refused, and keeps its memory.
func (c *Charge) Reset() { *c = Charge{missed: c.missed[:0]} }

// bounded gives a use that can be computed with.
func bounded(use exchange.Use) exchange.Use {
	return exchange.Use{Tokens: min(max(use.Tokens, 0), most), Cost: min(max(use.Cost, 0), most)}
}

// part gives a part, or the route's, which comes last.
func (c *Charge) part(i int) *Part {
	if i < len(c.parts) {
		return &c.parts[i]
	}
	return &c.route
}

// first says that no earlier part is of the same holder.
func (c *Charge) first(i int) bool {
	h := c.part(i).Holder
	return !slices.ContainsFunc(c.parts[:i], func(p Part) bool { return p.Holder == h })
}

func (c *Charge) miss(i int, rules uint64) {
	if rules == 0 {
		return
	}
	for len(c.missed) <= len(c.parts) {
		c.missed = append(c.missed, 0)
	}
	c.missed[i] |= rules
}

func (c *Charge) misses(i, rule int) bool { return i < len(c.missed) && c.missed[i]>>rule&1 != 0 }

// pass takes what is next of the first n parts, or nothing. Where there are several it looks at all of them before it takes
// anything, so that a refused request costs nothing of limits that would have let it pass.
func (c *Charge) pass(a *asking, n int, d *exchange.Decision) bool {
	var v verdict
	concerned := 0
	for i := range n {
		if _, from, to := c.next(i); from < to {
			concerned++
		}
	}
	for i := 0; i < n && concerned > 1; i++ {
		if part, from, to := c.next(i); from < to {
			part.Holder.peek(a, part.Rules.all[from:to], &v)
		}
	}
	if !v.refuses() {
		c.take(a, n, &v)
	}
	if v.refuses() {
		c.observe(a, n, &v)
	}
	v.tell(c, d)
	return !v.refuses()
}

// next gives a part and which of its rules are taken next: of the route's, both kinds at once.
func (c *Charge) next(i int) (part *Part, from, to int) {
	part = c.part(i)
	rules := part.Rules
	switch {
	case rules == nil || part.Holder == nil:
		return part, 0, 0
	case i == len(c.parts):
		return part, 0, len(rules.all)
	case c.admitted:
		return part, rules.admission, len(rules.all)
	default:
		return part, 0, rules.admission
	}
}

func (c *Charge) take(a *asking, n int, v *verdict) {
	for i := range n {
		part, from, to := c.next(i)
		if from == to {
			continue
		}
		missed, ok := part.Holder.take(a, part.Rules, from, to, v)
		if !ok {
			// Another request was faster since the look.
			for j := range i {
				c.giveBack(a, j)
			}
			return
		}
		c.miss(i, missed)
	}
}

func (c *Charge) giveBack(a *asking, i int) {
	part, from, to := c.next(i)
	if from == to {
		return
	}
	h := part.Holder
	h.mu.Lock()
	defer h.mu.Unlock()
	for j := from; j < to; j++ {
		if !c.misses(i, j) {
			h.untake(a, &part.Rules.all[j])
		}
	}
	if part.Rules.budgets && to > part.Rules.admission {
		h.reserved -= a.use.Cost
	}
}

// observe looks how all limits stand that headers tell of, for a request that is refused.
func (c *Charge) observe(a *asking, n int, v *verdict) {
	v.requests, v.tokens = exchange.Level{}, exchange.Level{}
	for i := range n {
		if part, from, to := c.next(i); from < to {
			part.Holder.observe(a, part.Rules.all[from:to], v)
		}
	}
}
