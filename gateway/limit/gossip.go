// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// tidings are the holders of which there is something to tell.
type tidings struct {
	mu    sync.Mutex
	fresh []*Holder // those that changed since they were told of, each once

	// exchanging keeps exchanges one after another, and what follows.
	exchanging sync.Mutex
	// log are changes by ascending number, up to last. One is stale whose holder has a later number.
	log  []change
	last int64
}

type change struct {
	number int64
	holder *Holder
}

// note puts a holder among the fresh ones.
func (t *tidings) note(h *Holder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = append(t.fresh, h)
}

// collect numbers what changed.
func (t *tidings) collect() {
	t.mu.Lock()
	fresh := t.fresh
	t.fresh = nil
	t.mu.Unlock()
	if len(t.log) > 1024 && len(fresh) > 0 {
		// The log is as long as there are holders, and those that changed since.
		t.log = slices.DeleteFunc(t.log, change.stale)
	}
	for _, h := range fresh {
		h.mu.Lock()
		h.changed = false
		h.mu.Unlock()
		t.last++
		h.number = t.last
		t.log = append(t.log, change{t.last, h})
	}
}

func (c change) stale() bool { return c.holder.number != c.number }

// Exchange answers the operator with what was counted here, and in the mode Gossip takes over what it tells of the others,
// and how many they are. instance is this process'; a call for another one is only answered, from the start. Whoever makes
// the answer says how its store is.
func (b *Book) Exchange(now int64, call config.UsageCall, instance string) config.UsageAnswer {
	t := &b.tidings
	t.exchanging.Lock()
	defer t.exchanging.Unlock()
	after := call.After
	if call.Instance != instance {
		after = 0
	} else if stateOf(b.state.Load()).kind == gossip {
		b.absorb(now, &call)
	}
	t.collect()
	if after < 0 || after > t.last {
		after = 0 // It is not of this process.
	}
	return b.answer(after, instance)
}

func (b *Book) answer(after int64, instance string) config.UsageAnswer {
	t := &b.tidings
	answer := config.UsageAnswer{Instance: instance, Cursor: t.last, Shared: stateOf(b.state.Load()).stored()}
	from, _ := slices.BinarySearchFunc(t.log, after+1, func(c change, n int64) int { return int(c.number - n) })
	told := after
	for _, c := range t.log[from:] {
		if c.stale() {
			continue
		}
		if len(answer.Holders) == config.MaxHolders {
			answer.Cursor, answer.More = told, true
			break
		}
		if u, ok := c.holder.account(answer.Shared); ok {
			answer.Holders = append(answer.Holders, u)
		}
		told = c.number
	}
	return answer
}

// account gives what is told of a holder: what the store knows, where there is one, or else what was counted here.
func (h *Holder) account(stored bool) (u config.HolderUse, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !stored:
		return h.own, h.own.Requests > 0
	case h.learned != nil:
		return *h.learned, true
	default:
		return u, false
	}
}

// absorb takes over what the operator tells. Budgets begin to be shared out anew after it is all known.
func (b *Book) absorb(now int64, call *config.UsageCall) {
	others := int64(max(call.Replicas, 2) - 1)
	for i := range call.Elsewhere[:min(len(call.Elsewhere), config.MaxHolders)] {
		if u := sane(call.Elsewhere[i]); told(u.Holder) {
			b.Holder(u.Holder).absorb(now, &u, others)
		}
	}
	b.become(func(s *state) {
		s.exchanges++
		if s.kind == gossip && call.Replicas > 0 {
			s.pods = int64(call.Replicas)
		}
	})
}

// told says that processes tell each other of such a holder.
func told(name string) bool { return name != "" && !strings.HasPrefix(name, config.HolderIP) }

// absorb takes over what all others used. What they used more than was known is taken of the buckets; what is known first
// is of another time. Counts only grow: an operator that tells less is one that began anew and does not know all yet.
func (h *Holder) absorb(now int64, u *config.HolderUse, others int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.others
	if h.others = u; was == nil {
		return
	}
	*u = larger(*u, *was)
	more := [exchange.Dimensions]int64{
		exchange.Requests: u.Requests - was.Requests, exchange.Tokens: u.Tokens - was.Tokens, exchange.Cost: int64(u.Cost - was.Cost),
	}
	for i := range h.buckets {
		b := &h.buckets[i]
		if n := more[b.dimension]; n > 0 {
			b.taken.Absorb(&b.rate, now, n, others)
			if b.shadow {
				b.taken.Narrow(&b.rate, now)
			}
		}
	}
}

// Learn takes over what a store knows of a holder, of all processes together. What is known to have been spent does not
// become less by it, within a window of the calendar.
func (b *Book) Learn(name string, total *config.HolderUse) {
	if !told(name) {
		return
	}
	u := sane(*total)
	u.Holder = name
	h := b.Holder(name)
	if h.learn(&u, stateOf(b.state.Load()).exchanges) {
		b.tidings.note(h)
	}
}

// Learned gives what Learn was told of each holder, the largest of each number, in no order.
func (b *Book) Learned(each func(config.HolderUse) bool) {
	b.mu.RLock()
	all := slices.Collect(maps.Values(b.holders))
	b.mu.RUnlock()
	for _, h := range all {
		if u, ok := h.account(true); ok && !each(u) {
			return
		}
	}
}

// learn says whether the holder has to be told of again. It is called for every answer of the store, and allocates once.
func (h *Holder) learn(u *config.HolderUse, exchanges int64) (fresh bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.learned == nil {
		h.learned = &config.HolderUse{}
	}
	was, known := *h.learned, h.knowledge()
	*h.learned = larger(*u, was)
	*known = larger(*u, *known)
	for i := range h.marks {
		h.marks[i] = h.spent
	}
	h.exchange = exchanges
	return *h.learned != was && h.change()
}
