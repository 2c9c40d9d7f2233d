// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// endless is the wait for what never comes back.
const endless = int64(math.MaxInt64)

// asking is what a request wants, and when.
type asking struct {
	now   int64
	use   exchange.Use
	state state
	// wall and windows are read when a budget is first looked at.
	wall    time.Time
	windows *windows
}

func (c *Charge) asking(now int64) asking {
	a := asking{now: now, use: c.use}
	for i := range len(c.parts) + 1 {
		if h := c.part(i).Holder; h != nil {
			a.state = stateOf(h.book.state.Load())
			break
		}
	}
	return a
}

// calendar gives the current windows.
func (a *asking) calendar(b *Book) *windows {
	if a.windows == nil {
		a.wall = b.clock()
		a.windows = b.windows(a.wall)
	}
	return a.windows
}

// end gives the time until a budget begins anew.
func (a *asking) end(b *Book, r *rule) int64 {
	if r.period == total {
		return endless
	}
	w := a.calendar(b)
	return max(int64(w.ends[r.period].Sub(a.wall)), 1)
}

// finding is a rule that does not let a request pass.
type finding struct {
	holder *Holder
	rule   *rule
	wait   int64
	level  exchange.Level
}

// weigh takes a finding for the former one if its wait is longer.
func (f *finding) weigh(h *Holder, r *rule, wait int64) {
	if f.rule == nil || wait > f.wait {
		*f = finding{holder: h, rule: r, wait: wait}
	}
}

// verdict collects what all rules say.
type verdict struct {
	refused, shadowed finding
	requests, tokens  exchange.Level
}

func (v *verdict) refuses() bool { return v.refused.rule != nil }

// see takes how a limit stands into account, where headers tell of it.
func (v *verdict) see(h *Holder, a *asking, r *rule) {
	if r.Shadow || r.Dimension != exchange.Requests && r.Dimension != exchange.Tokens {
		return
	}
	l := h.level(a, r)
	if r.Dimension == exchange.Requests {
		tighten(&v.requests, l)
	} else {
		tighten(&v.tokens, l)
	}
	if v.refused.holder == h && v.refused.rule == r {
		v.refused.level = l
	}
}

// tighten keeps of two levels the one with less remaining.
func tighten(l *exchange.Level, other exchange.Level) {
	if !l.Limited || other.Limited && other.Remaining < l.Remaining {
		*l = other
	}
}

// tell adds to a decision.
func (v *verdict) tell(c *Charge, d *exchange.Decision) {
	tighten(&d.Requests, v.requests)
	tighten(&d.Tokens, v.tokens)
	if f := &v.shadowed; f.rule != nil && d.Shadowed == nil {
		c.shadowed = f.rule.of(f.holder)
		d.Shadowed = &c.shadowed
	}
	f := &v.refused
	if f.rule == nil {
		return
	}
	c.refused = f.rule.of(f.holder)
	d.Refused = &c.refused
	if f.wait != endless {
		d.RetryAfter = time.Duration(f.wait)
	}
	switch f.rule.Dimension {
	case exchange.Requests:
		d.Requests = f.level
	case exchange.Tokens:
		d.Tokens = f.level
	}
}
