// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package balance chooses which of several targets a request goes to next, by what each has under way and how fast it
// was of late.
//
// Times are nanoseconds since an epoch that the caller chooses once.
package balance

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// tau is the time in which a latency that is not seen again loses all but 1/e of its weight. It is longer than most
// answers take, so that an estimate is still worth something when the next answer comes, and short enough that a target that
// was ten times slower than others is tried again after 23 seconds without traffic.
const tau = 10 * time.Second

// Load is what one target has under way, and how fast it was of late. The zero value is that of a target nothing is known
// of. It is safe for concurrent use and must not be copied; it belongs to the target and outlives snapshots.
type Load struct {
	inFlight atomic.Int64

	mu    sync.Mutex
	first estimate // to the first token of streams
	whole estimate // to the end of other answers
}

// Begin says that an attempt goes there. Each is followed by one End.
func (l *Load) Begin() { l.inFlight.Add(1) }

// End says that an attempt is over, however it ended.
func (l *Load) End() { l.inFlight.Add(-1) }

// InFlight gives how many attempts began and did not end.
func (l *Load) InFlight() int64 { return l.inFlight.Load() }

// Observe takes the latency of an answer that was a success: to the first token of a streamed one, to the end of another.
// The two say nothing of each other, so they are kept apart.
func (l *Load) Observe(now int64, latency time.Duration, streamed bool) {
	l.mu.Lock()
	e := l.estimate(streamed)
	*e = e.with(now, float64(max(latency, 1)))
	l.mu.Unlock()
}

// Latency gives what the next answer may be expected to take, 0 where nothing is known or it was too long ago.
func (l *Load) Latency(now int64, streamed bool) time.Duration {
	l.mu.Lock()
	e := *l.estimate(streamed)
	l.mu.Unlock()
	return time.Duration(e.decayed(now))
}

func (l *Load) estimate(streamed bool) *estimate {
	if streamed {
		return &l.first
	}
	return &l.whole
}

// estimate is a peak EWMA: a moving average, weighted by time, that follows a sample above it at once. Between samples it
// sinks towards zero, because nobody learns of a recovery without trying.
type estimate struct {
	value float64 // nanoseconds, as of at; 0 before the first sample
	at    int64
}

// kept gives how much of the value is left at a time. What comes late, because clocks were read before a lock was had,
// comes at the time of the last sample.
func (e estimate) kept(now int64) float64 {
	if now <= e.at {
		return 1
	}
	return math.Exp(-float64(now-e.at) / float64(tau))
}

func (e estimate) decayed(now int64) float64 { return e.value * e.kept(now) }

// with gives the estimate after one more sample. The average is never below the sample that it moves down to, so that
// the greater of both is the peak where there is one.
func (e estimate) with(now int64, sample float64) estimate {
	if e.value == 0 {
		return estimate{value: sample, at: now}
	}
	kept := e.kept(now)
	return estimate{value: max(sample, e.value*kept+sample*(1-kept)), at: max(now, e.at)}
}
