// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import "time"

// Waiter is a request that waits for one or several providers. One goroutine uses it; NewWaiter makes it, and it may be
// used again once it has left every provider.
type Waiter struct {
	// C receives when a provider has something to try for; whoever receives tries all its targets again. A wake-up may turn
	// out to be for nothing.
	C      chan struct{}
	places []*place
}

// place is where a waiter stands with one provider. All but provider are guarded by Provider.mu.
type place struct {
	waiter   *Waiter
	provider *Provider // nil while the place is free; only the waiter's goroutine reads and writes it
	ticket   uint64    // order of arrival
	target   *Target   // that was out, for so many tokens, when the waiter went aside
	tokens   int64
	list     *line // the list that it is in
	before   *place
	after    *place
}

// line is a list of places by ticket.
type line struct {
	first, last *place
	length      int64
}

// NewWaiter gives a waiter that waits for nothing yet.
func NewWaiter() *Waiter { return &Waiter{C: make(chan struct{}, 1)} }

// at gives the waiter's place with a provider, nil without.
func (w *Waiter) at(p *Provider) *place {
	if w == nil {
		return nil
	}
	for _, at := range w.places {
		if at.provider == p {
			return at
		}
	}
	return nil
}

// Join puts a waiter at the end of the provider's queue; false says that the queue is full. Who becomes first by it is
// woken at once, because what it waits for may have come since it was refused.
// Who is woken and does not try any target of the provider has to leave its queue: all behind wait for it.
func (p *Provider) Join(w *Waiter) bool {
	if w.at(p) != nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line.length+p.aside.length >= p.queueLength {
		return false
	}
	at := w.at(nil)
	if at == nil {
		at = &place{waiter: w}
		w.places = append(w.places, at)
	}
	p.tickets++
	at.provider, at.ticket = p, p.tickets
	p.enter(&p.line, at)
	if p.line.first == at {
		at.wake()
	}
	return true
}

// Leave takes a waiter out of the provider's queue, if it is there, and wakes who is first then: the wake-up may have been
// meant for the one who left.
func (p *Provider) Leave(w *Waiter) {
	at := w.at(p)
	if at == nil {
		return
	}
	p.mu.Lock()
	first := p.line.first == at
	p.remove(at)
	if first {
		p.wake()
	}
	p.mu.Unlock()
	at.free()
}

// free ends a place that is in no list. Its waiter, once it has no other, begins anew without a wake-up.
func (at *place) free() {
	at.provider, at.target = nil, nil
	for _, other := range at.waiter.places {
		if other.provider != nil {
			return
		}
	}
	select {
	case <-at.waiter.C:
	default:
	}
}

// QueueTimeout is how long a request may wait for the provider.
func (p *Provider) QueueTimeout() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queueTimeout
}

// wake tells the first in line to try. There is no need to tell others: who is granted something wakes the next.
func (p *Provider) wake() {
	if p.line.first != nil {
		p.line.first.wake()
	}
}

func (at *place) wake() {
	select {
	case at.waiter.C <- struct{}{}:
	default: // It is about to try anyway.
	}
}

// enter puts a place into a list by its ticket. The search begins where such places are nearly always put: newcomers at
// the end, those who come back from aside at the beginning.
func (p *Provider) enter(l *line, at *place) {
	before := l.last
	if l.first != nil && at.ticket < l.first.ticket {
		before = nil
	}
	for before != nil && before.ticket > at.ticket {
		before = before.before
	}
	after := l.first
	if before != nil {
		after = before.after
		before.after = at
	} else {
		l.first = at
	}
	if after != nil {
		after.before = at
	} else {
		l.last = at
	}
	at.list, at.before, at.after = l, before, after
	l.length++
	p.lined.Store(p.line.length)
}

func (p *Provider) remove(at *place) {
	l := at.list
	if l == nil {
		return
	}
	if at.before != nil {
		at.before.after = at.after
	} else {
		l.first = at.after
	}
	if at.after != nil {
		at.after.before = at.before
	} else {
		l.last = at.before
	}
	at.list, at.before, at.after = nil, nil, nil
	l.length--
	p.lined.Store(p.line.length)
}
