// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

type sample struct {
	at      time.Duration
	latency time.Duration
}

func TestLatency(t *testing.T) {
	const ms = time.Millisecond
	tests := map[string]struct {
		samples []sample
		ask     time.Duration
		want    time.Duration
	}{
		"nothing is known before the first answer":                {nil, time.Second, 0},
		"the first answer is believed":                            {[]sample{{0, 300 * ms}}, 0, 300 * ms},
		"a peak is followed at once":                              {[]sample{{0, 300 * ms}, {1, 3 * time.Second}}, 1, 3 * time.Second},
		"a peak counts in full long after the last":               {[]sample{{0, 300 * ms}, {time.Hour, 3 * time.Second}}, time.Hour, 3 * time.Second},
		"of a fast answer as much as tau says":                    {[]sample{{0, 1000 * ms}, {tau, 100 * ms}}, tau, 431091497},
		"a fast answer at the time of a slow one changes nothing": {[]sample{{0, 1000 * ms}, {0, 100 * ms}}, 0, 1000 * ms},
		"after tau without an answer 1/e is left":                 {[]sample{{0, 1000 * ms}}, tau, 367879441},
		"the same again and again is the same":                    {[]sample{{0, 200 * ms}, {tau / 2, 200 * ms}, {tau, 200 * ms}}, tau, 200 * ms},
		"after long enough nothing is known":                      {[]sample{{0, 1000 * ms}}, 30 * tau, 0},
		"an answer of no time at all is one":                      {[]sample{{0, 0}}, 0, 1},
		"a clock that went back does not make it grow":            {[]sample{{tau, 1000 * ms}}, 0, 1000 * ms},
		"an answer that is told late counts as of the last":       {[]sample{{tau, 100 * ms}, {0, 200 * ms}}, tau, 200 * ms},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, streamed := range []bool{false, true} {
				var l Load
				for _, s := range tc.samples {
					l.Observe(int64(s.at), s.latency, streamed)
				}
				if got := l.Latency(int64(tc.ask), streamed); got != tc.want {
					t.Errorf("streamed %t: got %d, want %d", streamed, got, tc.want)
				}
				if got := l.Latency(int64(tc.ask), !streamed); got != 0 {
					t.Errorf("streamed %t also tells %d of the others", streamed, got)
				}
			}
		})
	}
}

// history is a Load that remembers everything and computes by definition.
type history struct {
	begun, ended int64
	samples      [2][]sample
}

func (h *history) latency(now time.Duration, kind int) float64 {
	value, last := 0.0, time.Duration(0)
	for i, s := range append(h.samples[kind][:len(h.samples[kind]):len(h.samples[kind])], sample{at: now}) {
		left := value * math.Pow(math.E, -(s.at-last).Seconds()/10)
		switch {
		case i == len(h.samples[kind]):
			return left
		case i == 0 || float64(s.latency) > value:
			value = float64(s.latency)
		default:
			value = left + (1-left/value)*float64(s.latency)
		}
		last = s.at
	}
	return 0
}

func TestALoadIsWhatHappened(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var (
			l   Load
			h   history
			now time.Duration
		)
		for step := range 200 {
			now += time.Duration(random.Int64N(int64(2 * time.Second)))
			switch random.IntN(4) {
			case 0:
				l.Begin()
				h.begun++
			case 1:
				if h.begun > h.ended {
					l.End()
					h.ended++
				}
			default:
				kind := random.IntN(2)
				latency := time.Duration(1 + random.Int64N(int64(time.Minute)))
				l.Observe(int64(now), latency, kind == 1)
				h.samples[kind] = append(h.samples[kind], sample{now, latency})
			}
			if got, want := l.InFlight(), h.begun-h.ended; got != want {
				t.Fatalf("seed %d, step %d: %d under way, want %d", seed, step, got, want)
			}
			for kind := range 2 {
				later := now + time.Duration(random.Int64N(int64(time.Minute)))
				got, want := float64(l.Latency(int64(later), kind == 1)), h.latency(later, kind)
				if math.Abs(got-want) > 2+want*1e-9 {
					t.Fatalf("seed %d, step %d, kind %d: latency %f, want %f", seed, step, kind, got, want)
				}
			}
		}
	}
}

func TestALoadIsSharedByMany(t *testing.T) {
	const each = 1000
	var (
		l    Load
		wait sync.WaitGroup
	)
	for worker := range 8 {
		wait.Go(func() {
			for i := range each {
				l.Begin()
				l.Observe(int64(i), time.Duration(1+worker), i%2 == 0)
				if got := l.Latency(int64(i), i%2 == 0); got < 0 || got > 8 {
					t.Errorf("latency %d", got)
				}
				if i%2 == 0 {
					l.End()
				}
			}
		})
	}
	wait.Wait()
	if got := l.InFlight(); got != 8*each/2 {
		t.Errorf("%d under way", got)
	}
}
