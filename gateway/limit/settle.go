// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// settlement is what became of a request.
type settlement struct {
	asking
	truth exchange.Use
	sent  bool
}

// settle gives back what a charge took of a part, and counts what it used.
func (h *Holder) settle(c *Charge, i int, s *settlement) {
	counts := s.sent && c.first(i)
	h.mu.Lock()
	if rules := c.part(i).Rules; rules != nil {
		h.correct(c, i, s)
		if rules.budgets && c.reserved {
			h.reserved -= s.use.Cost
		}
	}
	fresh := counts && h.count(s)
	h.mu.Unlock()
	if fresh {
		h.book.tidings.note(h)
	}
}

// correct replaces what was taken of buckets by the truth.
func (h *Holder) correct(c *Charge, i int, s *settlement) {
	rules := c.part(i).Rules
	for j := range rules.all {
		r := &rules.all[j]
		switch r.Dimension {
		case exchange.Concurrency:
			h.bucket(r).slots--
		case exchange.Tokens, exchange.Cost:
			if c.misses(i, j) {
				continue
			}
			var estimate int64
			if c.reserved {
				estimate = r.want(&s.use)
			}
			rate := s.state.rate(&r.rate)
			h.bucket(r).taken.Correct(&rate, s.now, estimate, r.want(&s.truth))
		}
	}
}

// count adds to what was used, and says whether the holder has to be told of again.
func (h *Holder) count(s *settlement) (fresh bool) {
	w := s.calendar(h.book)
	last := s.wall.UnixMilli()
	// As it is now, and not when the charge began to settle: an exchange tells of what was counted before it.
	is := stateOf(h.book.state.Load())
	h.mark(is.exchanges)
	h.spent = plus(h.spent, s.truth.Cost)
	u := &h.own
	if is.stored() {
		u = h.knowledge()
	}
	u.Requests = plus(u.Requests, 1)
	u.Tokens = plus(u.Tokens, s.truth.Tokens)
	w.spend(u, s.truth.Cost)
	u.Last = max(u.Last, last)
	return h.change()
}

// knowledge gives known, which begins with what was counted before there was a store.
func (h *Holder) knowledge() *config.HolderUse {
	if h.known == nil {
		k := h.own
		if h.others != nil {
			k.Add(h.others)
		}
		h.known = &k
	}
	return h.known
}

// change says that the holder has to be told of, where it was not to be before.
func (h *Holder) change() (fresh bool) {
	fresh = !h.changed && !h.transient
	h.changed = true
	return fresh
}

// mark notes what was spent at an exchange, before anything is spent after it.
func (h *Holder) mark(exchange int64) {
	for ; h.exchange < exchange && h.marks[marks-1] != h.spent; h.exchange++ {
		copy(h.marks[1:], h.marks[:])
		h.marks[0] = h.spent
	}
	h.exchange = max(h.exchange, exchange)
}

// room gives what this process may still reserve of a budget.
//
// One of several pods has its share of what was left a few exchanges ago, of which it has taken what it spent since and what
// it reserves. What the others spend meanwhile is of their own shares, and known to it before it gets a share of less. So
// all of them stay within the budget, but for what requests that were under way at an exchange had reserved elsewhere. With
// fewer exchanges back a pod would take a share of what another has spent already, and not told to all.
func (h *Holder) room(a *asking, r *rule) config.Money {
	w := a.calendar(h.book)
	own, known := w.spent(&h.own, r.period), w.spent(h.known, r.period)
	spent := max(own+w.spent(h.others, r.period), known)
	amount := config.Money(r.Limit)
	if a.state.kind != gossip && a.state.kind != share {
		return amount - spent - h.reserved
	}
	h.mark(a.state.exchanges)
	since := min(h.spent-h.marks[marks-1], max(own, known))
	left := amount - (spent - since)
	if left > 0 {
		left /= config.Money(a.state.pods)
	}
	return left - since - h.reserved
}
