// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"math/bits"
	"slices"
	"time"
)

// dimension is one of the things that a provider counts.
type dimension int

const (
	ofRequests dimension = iota
	ofTokens
	ofInput
	ofOutput
	dimensions
)

// sameReset is how far two resets may be apart that are of one period: providers round to seconds.
const sameReset = int64(time.Second)

// word is what a provider told of one dimension, and what was taken since. The zero value told nothing.
type word struct {
	at        int64 // when it was told
	limit     int64 // 0 when it was not told
	remaining int64 // as told
	taken     int64 // since
	reset     int64 // until when it is in force
	period    int64 // the reset that the period was first told with
}

// heard takes another word into account. Answers do not come in the order in which the provider wrote them: a reset that
// is later is of a newer word; of those with the same reset, the newer has less remaining. The zero word changes nothing.
func (o *word) heard(n word, now int64) {
	switch {
	case o.reset <= now || n.reset > o.period+sameReset:
		*o = n
	case n.reset >= o.period-sameReset && n.remaining <= o.remaining:
		n.period = o.period
		*o = n
	}
}

// out gives until when the word says that a request has to go elsewhere; 0 when it has not. Where the limit was told, the
// reset is when all of it is back, and what is missing comes back evenly until then. What is above the limit is an estimate
// that the provider does not share.
func (o *word) out(now, need int64) int64 {
	if o.reset <= now || o.limit > 0 && need > o.limit {
		return 0
	}
	missing, gone := need-o.remaining+o.taken, o.limit-o.remaining
	if missing <= 0 {
		return 0
	}
	if gone <= 0 || missing >= gone {
		return o.reset
	}
	high, low := bits.Mul64(uint64(o.reset-o.at), uint64(missing))
	part, rest := bits.Div64(high, low, uint64(gone))
	if rest > 0 {
		part++
	}
	if back := o.at + int64(part); back > now {
		return back
	}
	return 0
}

// out gives until when the target is out for a request of so many tokens; 0 when it is not. Which of them are input is
// not known, so the two parts are out only with nothing left.
func (t *Target) out(now, n int64) int64 {
	if !t.told.Load() {
		return 0
	}
	return max(t.words[ofRequests].out(now, 1), t.words[ofTokens].out(now, n),
		t.words[ofInput].out(now, 1), t.words[ofOutput].out(now, 1))
}

// spend counts a request until the next word, and forgets words that are over.
func (t *Target) spend(now, n int64) {
	if !t.told.Load() {
		return
	}
	t.words[ofRequests].taken++
	t.words[ofTokens].taken += n
	if !t.inForce(now) {
		t.provider.prune(now)
	}
}

func (t *Target) inForce(now int64) bool {
	return slices.ContainsFunc(t.words[:], func(o word) bool { return o.reset > now })
}

// listen takes what an answer told into account. Those who went aside, and for whom the target is not out any more, try
// again before their time.
func (t *Target) listen(now int64, news *[dimensions]word) {
	p := t.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = max(p.latest, now)
	for d := range news {
		t.words[d].heard(news[d], now)
	}
	if !t.told.Load() {
		t.told.Store(true)
		p.prune(now)
		p.telling = append(p.telling, t)
	}
	for at := p.aside.first; at != nil; at = at.after {
		if at.target == t && t.out(now, at.tokens) == 0 {
			at.wake()
		}
	}
}

// prune forgets targets whose words are over, which may belong to no configuration any more.
func (p *Provider) prune(now int64) {
	p.telling = slices.DeleteFunc(p.telling, func(t *Target) bool {
		if t.inForce(now) {
			return false
		}
		t.told.Store(false)
		return true
	})
}
