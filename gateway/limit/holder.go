// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/gcra"
)

// marks is how many exchanges are remembered.
const marks = 4

// Holder is whom limits hold for, with what was taken of them. It is safe for concurrent use.
type Holder struct {
	book      *Book
	transient bool // is told to nobody

	mu      sync.Mutex
	buckets []bucket
	// own is what this process counted without a store, others what all others did, as they told. own.Holder is the name, and
	// is never changed.
	own    config.HolderUse
	others *config.HolderUse
	// learned is what the store knows of all processes. known is that with what was counted here since, which the store may
	// have learned of meanwhile: budgets would rather know too much than too little, and reports only what is certain.
	learned, known *config.HolderUse
	// reserved is what requests under way may cost at most, of those that keep a budget.
	reserved config.Money
	// spent is all that was spent here, and marks what it was at the last exchanges, the latest first, which was that of
	// number exchange, or when the store was last heard.
	spent    config.Money
	marks    [marks]config.Money
	exchange int64
	changed  bool // since it was last told of

	number int64 // of its last change that was told of; guarded by tidings.exchanging
}

// bucket is what was taken of limits of one dimension, scope and period, whatever they are at present.
type bucket struct {
	dimension exchange.Dimension
	scope     exchange.Scope
	shadow    bool
	rate      gcra.Rate // of the last taker
	taken     gcra.Bucket
	slots     int64
}

// Name is as config.HolderUse has it.
func (h *Holder) Name() string { return h.own.Holder }

// Use gives what this process counted without a store.
func (h *Holder) Use() config.HolderUse {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.own
}

// bucket gives that of a rule. It is made when it is first asked for.
func (h *Holder) bucket(r *rule) *bucket {
	for i := range h.buckets {
		b := &h.buckets[i]
		if b.dimension == r.Dimension && b.scope == r.Scope && b.rate.SamePeriod(&r.rate) {
			return b
		}
	}
	h.buckets = append(h.buckets, bucket{dimension: r.Dimension, scope: r.Scope, shadow: r.Shadow, rate: r.rate})
	return &h.buckets[len(h.buckets)-1]
}

// as gives what was taken of a bucket as a rule sees it: after an edit as large a part of it as before, and a debt of the
// former limit is none of the new one's.
func (b *bucket) as(r *rule, now int64) gcra.Bucket {
	taken := b.taken
	if b.rate != r.rate {
		taken.Narrow(&r.rate, now)
	}
	return taken
}

// idle says that there is nothing to remember but what was counted.
func (h *Holder) idle(now int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.buckets {
		if !h.buckets[i].taken.Idle(now) || h.buckets[i].slots > 0 {
			return false
		}
	}
	return h.reserved == 0
}

// peek decides without taking.
func (h *Holder) peek(a *asking, rules []rule, v *verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.examine(a, rules, v)
}

// observe looks how limits stand.
func (h *Holder) observe(a *asking, rules []rule, v *verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range rules {
		v.see(h, a, &rules[i])
	}
}

// take takes of all rules or of none. missed are shadows that would have refused, by their places in Rules, of which nothing
// is taken: they go on as if they had.
func (h *Holder) take(a *asking, rules *Rules, from, to int, v *verdict) (missed uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if missed, ok = h.examine(a, rules.all[from:to], v); !ok {
		return 0, false
	}
	missed <<= from
	for i := from; i < to; i++ {
		r := &rules.all[i]
		if missed>>i&1 == 0 {
			h.takeOne(a, r)
		}
		v.see(h, a, r)
	}
	if rules.budgets && to > rules.admission {
		h.reserved += a.use.Cost
	}
	return missed, true
}

func (h *Holder) takeOne(a *asking, r *rule) {
	switch r.Dimension {
	case exchange.Spending:
	case exchange.Concurrency:
		h.bucket(r).slots++
	default:
		b, rate := h.bucket(r), a.state.rate(&r.rate)
		b.taken = b.as(r, a.now)
		b.rate, b.shadow = r.rate, r.Shadow
		b.taken.Take(&rate, a.now, r.want(&a.use))
	}
}

// untake gives back what takeOne took.
func (h *Holder) untake(a *asking, r *rule) {
	switch r.Dimension {
	case exchange.Spending:
	case exchange.Concurrency:
		h.bucket(r).slots--
	default:
		rate := a.state.rate(&r.rate)
		h.bucket(r).taken.Correct(&rate, a.now, r.want(&a.use), 0)
	}
}

// examine says whether all rules let a request pass. missed are the shadows of rates that would not.
func (h *Holder) examine(a *asking, rules []rule, v *verdict) (missed uint64, ok bool) {
	ok = true
	for i := range rules {
		r := &rules[i]
		wait, passes := h.wait(a, r)
		switch {
		case passes:
		case !r.Shadow:
			ok = false
			v.refused.weigh(h, r, wait)
		default:
			v.shadowed.weigh(h, r, wait)
			if r.Dimension != exchange.Concurrency {
				missed |= 1 << i
			}
		}
	}
	return missed, ok
}

// wait gives the time until a rule lets a request pass, where it does not now: 0 when nobody can say, or endless.
func (h *Holder) wait(a *asking, r *rule) (wait int64, passes bool) {
	want := r.want(&a.use)
	if want == 0 {
		return 0, true
	}
	switch r.Dimension {
	case exchange.Concurrency:
		return 0, h.bucket(r).slots < a.state.slots(r.Limit)
	case exchange.Spending:
		if int64(h.room(a, r)) >= want {
			return 0, true
		}
		return a.end(h.book, r), false
	default:
		rate, taken := a.state.rate(&r.rate), h.bucket(r).as(r, a.now)
		w := int64(taken.Wait(&rate, a.now, want))
		return w, w == 0
	}
}

// level gives how a limit of a rate stands.
func (h *Holder) level(a *asking, r *rule) exchange.Level {
	rate, taken := a.state.rate(&r.rate), h.bucket(r).as(r, a.now)
	l := exchange.Level{Limited: true, Limit: r.Burst, Remaining: taken.Left(&rate, a.now), Reset: taken.Reset(a.now)}
	if r.Dimension == exchange.Requests {
		l.Remaining = taken.LeftSingly(&rate, a.now)
	}
	if a.state.kind == share {
		l.Limit = rate.Holds()
		if r.Dimension == exchange.Requests {
			l.Limit = rate.HoldsSingly()
		}
	}
	return l
}
