// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// walk takes the breaker and the model through the same steps.
type walk struct {
	t       *testing.T
	random  *rand.Rand
	b       *Breaker
	m       *model
	now     int64
	tickets []Ticket
	doubles []*modelTicket
	changes []Change
	steps   []string

	compared int // of the changes
}

// someSettings are small, so that a walk sees much.
func someSettings(random *rand.Rand) config.Breaker {
	return config.Breaker{
		ConsecutiveFailures: 2 + random.Int64N(8), FailurePercent: 1 + random.Int64N(100), MinRequests: 1 + random.Int64N(20),
		Window:  config.Duration(time.Second * time.Duration(1+random.Int64N(5))),
		OpenFor: config.Duration(time.Millisecond * time.Duration(100+random.Int64N(3000))),
		Probes:  1 + random.Int64N(4),
	}
}

func newWalk(t *testing.T, seed uint64) *walk {
	random := rand.New(rand.NewPCG(seed, 11))
	w := &walk{t: t, random: random, now: start, m: &model{settings: someSettings(random)}}
	w.b = New(w.m.settings, func() float64 { return w.m.chance }, func(c Change) { w.changes = append(w.changes, c) })
	return w
}

// said notes a step, to be read when the walk goes astray.
func (w *walk) said(format string, args ...any) {
	if len(w.steps) == 30 {
		w.steps = w.steps[:copy(w.steps, w.steps[1:])]
	}
	w.steps = append(w.steps, fmt.Sprint(time.Duration(w.now-start), " ")+fmt.Sprintf(format, args...))
}

func (w *walk) differ(what string, want, got any) {
	if want == got {
		return
	}
	w.t.Helper()
	for _, s := range w.steps {
		w.t.Log(s)
	}
	w.t.Fatalf("%s of %+v (-want +got):\n%s", what, w.m.settings, cmp.Diff(want, got))
}

// step does one thing at random; fails is how likely an attempt does, in percent.
func (w *walk) step(fails int) {
	w.m.chance = w.random.Float64()
	switch n := w.random.IntN(100); {
	case n < 20:
		w.now += int64(w.random.ExpFloat64() * float64(100*time.Millisecond))
	case n < 22:
		w.now += w.random.Int64N(int64(8 * time.Second))
	case n < 55:
		w.take()
	case n < 65:
		w.ended(func(i int) {
			w.said("began %d", i)
			w.tickets[i].Began(w.now)
			w.m.began(w.doubles[i], w.now)
		}, false)
	case n < 97:
		w.ended(func(i int) { w.done(i, fails) }, true)
	case n < 98:
		d := time.Duration(1 + w.random.Int64N(int64(3*time.Second)))
		w.said("pause %v", d)
		w.b.Pause(w.now, d)
		w.m.pauseFor(w.now, d)
	case n < 99:
		s := someSettings(w.random)
		w.said("use %+v", s)
		w.b.Use(s)
		w.m.use(s)
	default:
		w.said("look")
		w.differ("sight", w.m.look(w.now), w.b.Look(w.now))
	}
	w.differ("permission", w.m.allows(w.now), w.b.Allows(w.now))
	w.differ("wait", w.m.wait(w.now), w.b.Wait(w.now))
	w.differ("number of changes", len(w.m.changes), len(w.changes))
	for ; w.compared < len(w.changes); w.compared++ {
		w.differ("change", w.m.changes[w.compared], w.changes[w.compared])
	}
}

func (w *walk) take() {
	w.said("take")
	got, ok := w.b.Take(w.now)
	want, should := w.m.take(w.now)
	w.differ("ticket", should, ok)
	if ok {
		w.tickets, w.doubles = append(w.tickets, got), append(w.doubles, want)
	}
}

func (w *walk) done(i, fails int) {
	r := Success
	if p := w.random.IntN(100); p < fails {
		r = Failure
	} else if p > 90 {
		r = Neutral
	}
	why := fmt.Sprint("status ", 500+w.random.IntN(30))
	w.said("done %d %d %s", i, r, why)
	w.tickets[i].Done(w.now, r, why)
	w.m.done(w.doubles[i], w.now, r, why)
}

// ended picks one of the tickets that are out, which is then gone if it is over.
func (w *walk) ended(do func(i int), over bool) {
	if len(w.tickets) == 0 {
		return
	}
	i, last := w.random.IntN(len(w.tickets)), len(w.tickets)-1
	do(i)
	if over {
		w.tickets[i], w.doubles[i] = w.tickets[last], w.doubles[last]
		w.tickets, w.doubles = w.tickets[:last], w.doubles[:last]
	}
}

func TestTheBreakerIsAsItsModel(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(60) {
		w := newWalk(t, seed)
		for i := range 3000 {
			w.step([]int{2, 20, 60}[i/200%3])
		}
		for _, c := range w.changes {
			seen[fmt.Sprint(c.From, "→", c.To)]++
		}
	}
	t.Log(seen)
	for _, step := range []string{"Closed→Open", "Open→HalfOpen", "HalfOpen→Closed", "HalfOpen→Open", "Open→Closed"} {
		if seen[step] < 100 {
			t.Errorf("the walks saw %s %d times, which shows little", step, seen[step])
		}
	}
}
