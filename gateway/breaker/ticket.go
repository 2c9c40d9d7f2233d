// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"slices"
	"strconv"
)

// Result is what an attempt says about the provider.
type Result uint8

// The results.
const (
	// Neutral says nothing, as when the client left.
	Neutral Result = iota
	// Success is an answer, even one that refuses the request.
	Success
	// Failure is the provider's own.
	Failure
)

// Ticket is the permission for one attempt. It is a value; that of nobody, the zero one, does nothing.
type Ticket struct {
	breaker *Breaker
	period  uint64
	probe   uint64 // the serial of a probe, 0 for others
}

// probe is a ticket that was given while half open and is not done.
type probe struct {
	serial uint64
	begun  bool
}

// Began says that the first token came at now. Only probes care: it is their answer.
func (t Ticket) Began(now int64) {
	b := t.breaker
	if b == nil || t.probe == 0 {
		return
	}
	b.mu.Lock()
	b.settle(now)
	// Probes of an earlier time, or from before the breaker closed, are no longer among these.
	if i := b.find(t.probe); i >= 0 && !b.probes[i].begun {
		b.probes[i].begun = true
		b.answered++
		b.settle(now)
	}
	b.release()
}

// Done says how the attempt ended at now, and has to be called exactly once. why is a short phrase of a failure, such as
// "status 503"; it must not hold what a client or a provider wrote.
func (t Ticket) Done(now int64, r Result, why string) {
	b := t.breaker
	if b == nil || r == Neutral && t.probe == 0 {
		return
	}
	b.mu.Lock()
	b.settle(now)
	switch {
	case t.period != b.period:
	case b.state == HalfOpen:
		b.judge(now, t, r, why)
	default:
		b.count(now, r, why)
	}
	b.release()
}

// take gives a ticket under the lock.
func (b *Breaker) take(now int64) (Ticket, bool) {
	if b.pause.on || !b.lets(now) {
		return Ticket{}, false
	}
	if b.state == Closed {
		return Ticket{breaker: b, period: b.period}, true
	}
	if b.state == Open {
		b.state = HalfOpen
		b.show(now, "open long enough")
	}
	b.serial++
	b.probes = append(b.probes, probe{serial: b.serial})
	return Ticket{breaker: b, period: b.period, probe: b.serial}, true
}

// lets says whether the state lets one more attempt through.
func (b *Breaker) lets(now int64) bool {
	switch b.state {
	case Closed:
		return true
	case Open:
		return now >= b.until
	default:
		// Enough answers close the breaker in the next call that may: new settings can make those enough that there are.
		return int64(len(b.probes)) < b.settings.Probes || b.answered >= b.settings.Probes
	}
}

func (b *Breaker) find(serial uint64) int {
	return slices.IndexFunc(b.probes, func(p probe) bool { return p.serial == serial })
}

// judge takes what a probe says while the breaker is half open.
func (b *Breaker) judge(now int64, t Ticket, r Result, why string) {
	i := b.find(t.probe)
	if i < 0 {
		return
	}
	begun := b.probes[i].begun
	b.probes = slices.Delete(b.probes, i, i+1)
	switch {
	case r == Failure:
		b.trip(now, "probe failed"+after(": ", why))
	case r == Success && !begun:
		b.answered++
		b.settle(now)
	}
}

// count takes a result while the breaker is closed, and opens it when it has had enough.
func (b *Breaker) count(now int64, r Result, why string) {
	switch r {
	case Success:
		b.row = 0
		b.trial = max(b.trial-1, 0)
	case Failure:
		b.row++
		b.last = why
	default:
		return
	}
	b.window.add(now, r == Failure)
	if reason := b.enough(r); reason != "" {
		b.trip(now, reason)
	}
}

// enough gives the reason to open a closed breaker after a result, or nothing. A success can be the request that makes
// them enough to judge by.
func (b *Breaker) enough(r Result) string {
	s, sum := &b.settings, b.window.sum
	switch {
	case r == Failure && b.trial > 0:
		return "failed again right after closing" + after(": ", b.last)
	case b.row >= s.ConsecutiveFailures:
		return plural(b.row, "failure") + " in a row" + after(", last: ", b.last)
	case sum.all >= s.MinRequests && sum.failed*100 >= s.FailurePercent*sum.all:
		return strconv.FormatInt(sum.failed*100/sum.all, 10) + "% of " + plural(sum.all, "request") + " in " +
			span(s.Window.Std()) + " failed" + after(", last: ", b.last)
	default:
		return ""
	}
}
