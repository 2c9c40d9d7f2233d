// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"sync/atomic"
	"time"
)

// Target is one model of a provider. It is safe for concurrent use.
type Target struct {
	provider *Provider
	told     atomic.Bool      // a word may be in force
	words    [dimensions]word // guarded by provider.mu
}

// Take takes one request, an estimate of its tokens and a slot, all of them or none. When it does not, wait is the time
// until it may by the clock alone, or 0 where another request has to end or to go first. w is nil for a newcomer, who is
// refused while others wait in line; a waiter that joined the provider's queue is let through when it is first, and has
// left the queue when it is granted something.
func (t *Target) Take(now, tokens int64, w *Waiter) (g Grant, wait time.Duration, ok bool) {
	p := t.provider
	tokens = min(max(tokens, 1), mostTokens)
	rules := p.rules.Load()
	if rules&limited != 0 || w != nil || p.lined.Load() > 0 || t.told.Load() {
		return t.take(now, tokens, w)
	}
	p.inFlight.Add(1)
	return Grant{p, tokens, rules / ruleBits}, 0, true
}

// Allows says whether a newcomer would be granted so much now. It changes nothing.
func (t *Target) Allows(now, tokens int64) bool {
	p := t.provider
	tokens = min(max(tokens, 1), mostTokens)
	if p.rules.Load()&limited == 0 && p.lined.Load() == 0 && !t.told.Load() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line.first == nil && !p.full() && p.wait(now, tokens) == 0 && t.out(now, tokens) == 0
}

// Out gives the time until which the provider told that the target has nothing left; 0 when it has.
func (t *Target) Out(now int64) int64 {
	if !t.told.Load() {
		return 0
	}
	t.provider.mu.Lock()
	defer t.provider.mu.Unlock()
	return t.out(now, 1)
}

func (t *Target) take(now, tokens int64, w *Waiter) (g Grant, wait time.Duration, ok bool) {
	p := t.provider
	at := w.at(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = max(p.latest, now)
	if at != nil && at.list == &p.aside {
		p.remove(at)
		p.enter(&p.line, at)
	}
	if p.line.first != at || p.full() {
		return Grant{}, 0, false
	}
	wait = p.wait(now, tokens)
	if until := t.out(now, tokens); until > 0 {
		// The target is out, which is no reason for those to wait who want another one.
		if at != nil {
			at.target, at.tokens = t, tokens
			p.step(at, &p.aside)
		}
		return Grant{}, max(wait, time.Duration(until-now)), false
	}
	if wait > 0 {
		return Grant{}, wait, false
	}
	p.commit(now, tokens)
	t.spend(now, tokens)
	if at != nil {
		p.step(at, nil)
		at.free()
	}
	return Grant{p, tokens, p.rules.Load() / ruleBits}, 0, true
}

// step moves the first in line to another list, or to none, and lets the next try.
func (p *Provider) step(at *place, to *line) {
	p.remove(at)
	if to != nil {
		p.enter(to, at)
	}
	p.wake()
}

// full says that there is no slot.
func (p *Provider) full() bool { return p.slots > 0 && p.inFlight.Load() >= p.slots }

// wait gives the time until all limits let a request through.
func (p *Provider) wait(now, tokens int64) time.Duration {
	var longest time.Duration
	for i := range p.requests {
		longest = max(longest, p.requests[i].wait(now, 1))
	}
	for i := range p.tokens {
		longest = max(longest, p.tokens[i].wait(now, tokens))
	}
	return longest
}

func (p *Provider) commit(now, tokens int64) {
	for i := range p.requests {
		p.requests[i].take(now, 1)
	}
	for i := range p.tokens {
		p.tokens[i].take(now, tokens)
	}
	p.inFlight.Add(1)
}
