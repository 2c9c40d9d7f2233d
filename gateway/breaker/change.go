// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"strconv"
	"strings"
	"time"
)

// settle does what time and new settings have made due since the last call.
func (b *Breaker) settle(now int64) {
	if b.pause.on && !b.paused(now) {
		b.pause.on = false
		b.show(b.pause.until, "waited as long as asked")
	}
	if b.state == HalfOpen && b.answered >= b.settings.Probes {
		b.recover(now)
	}
}

func (b *Breaker) paused(now int64) bool { return b.pause.on && now < b.pause.until }

// trip opens the breaker. All counts begin anew, and tickets that are out say nothing any more.
func (b *Breaker) trip(now int64, reason string) {
	b.period++
	b.state, b.reason = Open, reason
	// Up to a fifth less, so that processes that opened together do not all come back at once.
	share := 0.8 + 0.2*b.random()
	b.opened = now
	b.until = now + min(int64(share*float64(b.settings.OpenFor)), int64(b.settings.OpenFor))
	b.row, b.last, b.trial = 0, "", 0
	b.window.clear()
	b.probes, b.answered = b.probes[:0], 0
	b.show(now, reason)
}

// recover closes the breaker on trial: a provider that begins to answer and then breaks off has not come back.
func (b *Breaker) recover(now int64) {
	b.state = Closed
	b.trial = b.settings.Probes
	answers := plural(b.answered, "answer")
	// Probes that are still under way go on as other tickets do.
	b.probes, b.answered = b.probes[:0], 0
	b.show(now, answers+" in a row")
}

// show notes what can be seen from outside after a step, for Take and for those who are told.
func (b *Breaker) show(at int64, reason string) {
	to := b.state
	if b.pause.on {
		to = Open
	}
	gate := b.period << 1
	if to != Closed {
		gate |= 1
	}
	b.gate.Store(gate)
	if to == b.told {
		return
	}
	if to == Closed || b.told == Closed {
		b.since = at
	}
	if b.changed != nil {
		b.pending = append(b.pending, Change{From: b.told, To: to, Reason: reason, At: at})
	}
	b.told = to
}

// release gives up the lock and tells what is pending. While one call tells, changes that others make are left to it, so
// that they are told in their order without anybody waiting.
func (b *Breaker) release() {
	if len(b.pending) == 0 || b.telling {
		b.mu.Unlock()
		return
	}
	b.telling = true
	for len(b.pending) > 0 {
		due := b.pending
		b.pending = nil
		b.mu.Unlock()
		for _, c := range due {
			b.changed(c)
		}
		b.mu.Lock()
	}
	b.telling = false
	b.mu.Unlock()
}

// longestWhy bounds a phrase of the caller's, in bytes.
const longestWhy = 100

// after gives a phrase behind what leads to it, or nothing.
func after(lead, why string) string {
	if why == "" {
		return ""
	}
	if len(why) > longestWhy {
		why = strings.ToValidUTF8(why[:longestWhy], "")
	}
	return lead + why
}

func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(n, 10) + " " + noun
}

// span writes a duration without the zeros that time.Duration ends whole minutes and hours with.
func span(d time.Duration) string {
	s := max(d.Round(time.Millisecond), time.Millisecond).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
