// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// world is targets that answer in virtual time: each takes its latency, give or take a half, to the first token, and a
// stream lasts three times as long.
type world struct {
	now      time.Duration
	streamed bool
	of       []Candidate
	latency  []time.Duration
	events   []event
	random   *rand.Rand
}

type event struct {
	at time.Duration
	do func()
}

func newWorld(streamed bool, latency ...time.Duration) *world {
	w := &world{streamed: streamed, latency: latency, random: rand.New(rand.NewPCG(5, 6))}
	w.of = candidates(make([]at, len(latency)))
	return w
}

// run sends requests at a rate for a while, and gives how many each target got.
func (w *world) run(perSecond int, lasts time.Duration) []int {
	counts := make([]int, len(w.of))
	for until := w.now + lasts; w.now < until; w.now += time.Second / time.Duration(perSecond) {
		w.happen()
		q := Question{Strategy: config.LowestLatency, Now: int64(w.now), Streamed: w.streamed}
		i := Pick(q, w.of, all, w.random.Uint64)
		counts[i]++
		w.send(i)
	}
	return counts
}

func (w *world) send(i int) {
	l, sent := w.of[i].Load, w.now
	l.Begin()
	took := time.Duration(float64(w.latency[i]) * (0.5 + w.random.Float64()))
	ends := took
	if w.streamed {
		ends = 3 * took
	}
	w.events = append(w.events,
		event{sent + took, func() { l.Observe(int64(sent+took), took, w.streamed) }},
		event{sent + ends, l.End})
}

// happen does what is due. The order of what falls between two requests has no effect.
func (w *world) happen() {
	later := w.events[:0]
	for _, e := range w.events {
		if e.at > w.now {
			later = append(later, e)
			continue
		}
		e.do()
	}
	w.events = later
}

func share(counts []int, i int) float64 {
	n := 0
	for _, c := range counts {
		n += c
	}
	return float64(counts[i]) / float64(n)
}

func TestASlowTargetLosesItsShareAndGetsItBack(t *testing.T) {
	for name, streamed := range map[string]bool{"whole answers": false, "streams": true} {
		t.Run(name, func(t *testing.T) {
			const usual = 300 * time.Millisecond
			w := newWorld(streamed, usual, usual, usual)
			w.run(200, 10*time.Second)
			if got := share(w.run(200, 30*time.Second), 0); got < 0.28 || got > 0.39 {
				t.Errorf("as fast as the others it gets %.3f", got)
			}
			w.latency[0] = 10 * usual
			w.run(200, 5*time.Second)
			for second := range 30 {
				if got := share(w.run(200, time.Second), 0); got > 1.0/6 {
					t.Errorf("ten times slower, %d s later, it gets %.3f", second+5, got)
				}
			}
			if got := share(w.run(200, 30*time.Second), 0); got == 0 || got > 0.05 {
				t.Errorf("for long ten times slower it gets %.4f", got)
			}
			w.latency[0] = usual
			w.run(200, 50*time.Second)
			if got := share(w.run(200, 10*time.Second), 0); got < 0.28 || got > 0.39 {
				t.Errorf("a minute after it recovered it gets %.3f", got)
			}
		})
	}
}

func TestFewRequestsFindOutTooThatATargetRecovered(t *testing.T) {
	w := newWorld(false, 3*time.Second, 300*time.Millisecond, 300*time.Millisecond)
	w.run(1, time.Minute)
	if got := share(w.run(1, 5*time.Minute), 0); got > 1.0/6 {
		t.Errorf("ten times slower it gets %.3f", got)
	}
	w.latency[0] = 300 * time.Millisecond
	w.run(1, time.Minute)
	if got := share(w.run(1, 5*time.Minute), 0); got < 0.2 {
		t.Errorf("recovered it gets %.3f", got)
	}
}

func TestATargetThatNothingIsKnownOfIsNotOverrun(t *testing.T) {
	w := newWorld(true, time.Second, time.Second, time.Minute)
	w.of[0].Load, w.of[1].Load = &Load{}, &Load{}
	among := w.of
	w.of = among[:2]
	w.run(50, 20*time.Second)
	w.of = among
	w.run(50, 10*time.Second)
	usual := max(among[0].Load.InFlight(), among[1].Load.InFlight())
	if got := among[2].Load.InFlight(); got == 0 || got > trust*(usual+1) {
		t.Errorf("%d under way at the new one, %d at the others", got, usual)
	}
}

func TestAFasterTargetGetsMore(t *testing.T) {
	w := newWorld(true, 100*time.Millisecond, 400*time.Millisecond)
	w.run(100, 20*time.Second)
	if got := share(w.run(100, time.Minute), 0); got < 0.75 {
		t.Errorf("four times faster it gets %.3f", got)
	}
}
