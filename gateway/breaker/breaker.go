// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package breaker says whether a model of a provider may be tried: a circuit breaker for each, which opens when too many
// attempts fail, lets a few probes try after a while, and closes when they are answered.
//
// A breaker is state and config.Breaker is policy: breakers outlive snapshots and edits of the settings they are used
// with. Times are nanoseconds since an epoch that the caller chooses once.
package breaker

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// State is what a breaker lets through.
type State uint8

// The states, from the one that lets most through.
const (
	// Closed lets everything through.
	Closed State = iota
	// HalfOpen lets probes through, as many at once as the settings say.
	HalfOpen
	// Open lets nothing through.
	Open
)

// String gives the state's word in the contract.
func (s State) String() string {
	switch s {
	case Closed:
		return config.BreakerClosed
	case HalfOpen:
		return config.BreakerHalfOpen
	default:
		return config.BreakerOpen
	}
}

// Change is a step from one state to another. A pause is Open too.
type Change struct {
	From, To State
	// Reason is a phrase such as "5 failures in a row, last: status 503", never empty and of a bounded length.
	Reason string
	// At is when it came about, which for the end of a pause may be long before somebody noticed.
	At int64
}

// Sight is what a breaker shows of itself.
type Sight struct {
	// State is HalfOpen also when an open breaker would let a probe through that nobody has asked for yet.
	State State
	// Reason is why it is not closed, empty when it is.
	Reason string
	// Since is when it last left Closed or came back to it; 0 when it never left.
	Since int64
	// Until is when an open breaker lets the next attempt through, 0 in the other states.
	Until int64
}

// Breaker guards one model of one provider. It is made by New and safe for concurrent use.
type Breaker struct {
	random  func() float64
	changed func(Change)

	// gate is the period times two, plus one unless the breaker is closed and not paused: only then a ticket can be had
	// without the lock. It is written under the lock, by show.
	gate atomic.Uint64

	mu       sync.Mutex
	settings config.Breaker
	state    State // as if no pause were
	// period counts the openings: a ticket of an earlier period was taken before the last of them and says nothing.
	period uint64
	pause  pause

	// What is counted while closed.
	row    int64 // failures since the last success
	window window
	last   string // why the last failure was one
	trial  int64  // successes still to come until a single failure no longer opens the breaker

	// What is known while not closed.
	reason        string // why it opened
	opened, until int64
	probes        []probe // under way, of this half-open time
	serial        uint64  // of the last probe ever
	answered      int64   // probes of this half-open time

	// What was told, and is still to be told, of all that.
	told    State
	since   int64
	pending []Change
	telling bool
}

// pause is a time in which the provider asked to be left alone.
type pause struct {
	on     bool // until somebody notices that it is over
	until  int64
	reason string
}

// longestPause bounds what a provider can ask for.
const longestPause = 24 * time.Hour

// New gives a closed breaker. random gives numbers from 0 to 1 and is called under the breaker's lock, nil is
// rand.Float64; changed, if there is one, is called outside of it with one change after the other, in their order, by whichever call of the breaker's
// methods finds some to tell. Both must be quick, and may be shared by breakers if they are safe for concurrent use.
func New(settings config.Breaker, random func() float64, changed func(Change)) *Breaker {
	if random == nil {
		random = rand.Float64
	}
	return &Breaker{
		random: random, changed: changed, settings: settings,
		window: window{width: bucketWidth(settings.Window)},
	}
}

// Use goes on with other settings. What was counted and the state stay, but a breaker that is open will not be so for
// longer than the new OpenFor.
func (b *Breaker) Use(s config.Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings = s
	b.window.resize(bucketWidth(s.Window))
	b.until = min(b.until, b.opened+int64(s.OpenFor))
}

// Allows says whether Take would give a ticket at now. It changes nothing.
func (b *Breaker) Allows(now int64) bool {
	if b.gate.Load()&1 == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.paused(now) && b.lets(now)
}

// Take asks for permission for one attempt at now. A ticket that was given has to be Done, or it keeps a probe's place.
func (b *Breaker) Take(now int64) (Ticket, bool) {
	if gate := b.gate.Load(); gate&1 == 0 {
		return Ticket{breaker: b, period: gate >> 1}, true
	}
	b.mu.Lock()
	b.settle(now)
	t, ok := b.take(now)
	b.release()
	return t, ok
}

// Pause lets nothing through from now until d is over, at most 24 hours, and leaves everything else as it is. Of several
// pauses the one that ends last counts.
func (b *Breaker) Pause(now int64, d time.Duration) {
	if d <= 0 {
		return
	}
	d = min(d, longestPause)
	b.mu.Lock()
	b.settle(now)
	if until := now + int64(d); !b.pause.on || until > b.pause.until {
		b.pause = pause{on: true, until: until, reason: "429, asked to wait " + span(d)}
		b.show(now, b.pause.reason)
	}
	b.release()
}

// Paused says that nothing passes at now because the provider asked for that.
func (b *Breaker) Paused(now int64) bool {
	if b.gate.Load()&1 == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paused(now)
}

// Wait says how long it takes from now until Allows may become true by the clock alone; 0 when it is, or when only the
// end of another attempt can tell.
func (b *Breaker) Wait(now int64) time.Duration {
	if b.gate.Load()&1 == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	until := now
	if b.pause.on {
		until = max(until, b.pause.until)
	}
	if b.state == Open {
		until = max(until, b.until)
	}
	return time.Duration(until - now)
}

// Look gives what status shows at now.
func (b *Breaker) Look(now int64) Sight {
	b.mu.Lock()
	b.settle(now)
	s := Sight{State: b.told, Since: b.since}
	if b.state != Closed {
		s.Reason = b.reason
	}
	if b.state == Open {
		s.Until = b.until
	}
	if b.pause.on && b.pause.until >= s.Until {
		s.Reason, s.Until = b.pause.reason, b.pause.until
	}
	if s.State == Open && s.Until <= now {
		s.State, s.Until = HalfOpen, 0
	}
	b.release()
	return s
}
