// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"sync"
	"time"
)

const (
	// lateAfter is how long after it was due a request may be sent before that is counted: less is what a clock does.
	lateAfter = 10 * time.Millisecond
	// maxRows bounds how many rows are kept: when there are more, each two become one.
	maxRows = 3600
	// maxKinds bounds how many ways to fail are told apart, as gateways and providers make up reasons.
	maxKinds = 64
)

// Row is what happened in a part of the run: a second, or in long runs more.
type Row struct {
	// At is when it began, in seconds since the beginning of the run, and Seconds how long it is.
	At      float64 `json:"at"`
	Seconds float64 `json:"seconds"`
	// Offered is how many requests the profile wants there; 0 in a closed loop.
	Offered float64 `json:"offered,omitempty"`
	// Sent, Done and Errors count what happened then. Done are all that ended, with the errors.
	Sent   int64 `json:"sent"`
	Done   int64 `json:"done"`
	Errors int64 `json:"errors"`
	// InFlight is how many were under way at its end.
	InFlight int64 `json:"inFlight"`
	// Output are tokens of the answers that ended.
	Output int64 `json:"outputTokens"`
	// Milliseconds of those that ended then; 0 where none did. Where a row is of several seconds, of the worst of them.
	P50        float64 `json:"p50Ms,omitempty"`
	P99        float64 `json:"p99Ms,omitempty"`
	FirstToken float64 `json:"ttftP95Ms,omitempty"`
	// Warmup says that its requests are in no total.
	Warmup bool `json:"warmup,omitempty"`
	// Kinds are the errors, by kind.
	Kinds map[Kind]int64 `json:"errorKinds,omitempty"`
}

// counts are those of a run without its warm-up.
type counts struct {
	sent, done, ok, cut, late, waited   int64
	streams, input, output              int64
	sentBytes, receivedBytes            int64
	lateMost                            time.Duration
	firstSent, lastSent, lastDone       time.Duration
	kinds                               map[Kind]int64
	latency, service, firstToken, token Distribution
}

// tally takes down what happens. It is safe for concurrent use.
type tally struct {
	begun   time.Time
	profile Profile // nil: a closed loop
	warmup  time.Duration

	mu       sync.Mutex
	all      counts
	inFlight int64
	// now is the row that is under way, with its own distributions, and rolled when it began.
	now                 Row
	rolled              time.Duration
	latency, firstToken Distribution
	rows                []Row
	// seconds is how many rolls one row is of, and held how many the last row is of.
	seconds, held int
}

func newTally(begun time.Time, p Profile, warmup time.Duration) *tally {
	return &tally{
		begun: begun, profile: p, warmup: warmup, seconds: 1,
		all: counts{
			kinds: map[Kind]int64{}, latency: newDistribution(), service: newDistribution(),
			firstToken: newDistribution(), token: newDistribution(),
		},
		latency: newDistribution(), firstToken: newDistribution(),
	}
}

// flight is one request under way.
type flight struct {
	due, sent, last time.Time
	stream          bool
	// counted says that it is no part of the warm-up.
	counted bool
	first   time.Duration // from due to the first token
}

// send notes that a request goes out; waited says that no place was free when it was due.
func (t *tally) send(f *flight, waited bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight++
	t.now.Sent++
	if f.counted = f.due.Sub(t.begun) >= t.warmup; !f.counted {
		return
	}
	at := f.sent.Sub(t.begun)
	if t.all.sent == 0 {
		t.all.firstSent = at
	}
	t.all.sent++
	t.all.lastSent = max(t.all.lastSent, at)
	t.slow(f.sent.Sub(f.due), waited)
}

func (t *tally) slow(late time.Duration, waited bool) {
	if late > lateAfter {
		t.all.late++
		t.all.lateMost = max(t.all.lateMost, late)
		if waited {
			t.all.waited++
		}
	}
}

// token notes an event that carries something of the answer.
func (t *tally) token(f *flight, at time.Time) {
	before := f.last
	f.last = at
	if before.IsZero() {
		f.first = at.Sub(f.due)
		return
	}
	if !f.counted {
		return
	}
	t.mu.Lock()
	t.all.token.record(at.Sub(before))
	t.mu.Unlock()
}

// end notes how a request that was sent ended.
func (t *tally) end(f *flight, a *Answer, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	if a.Failure == kindCut {
		if f.counted {
			t.all.cut++
		}
		return
	}
	t.ended(f, a, at)
	if f.counted {
		t.all.input, t.all.output = t.all.input+a.Input, t.all.output+a.Output
		t.all.sentBytes, t.all.receivedBytes = t.all.sentBytes+a.Sent, t.all.receivedBytes+a.Received
	}
	t.now.Output += a.Output
}

// unsent notes a request that was due and not sent until its timeout: an error that took so long.
func (t *tally) unsent(due, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := flight{due: due, sent: at, counted: due.Sub(t.begun) >= t.warmup}
	if f.counted {
		t.slow(at.Sub(due), true)
	}
	t.ended(&f, &Answer{Failure: KindNotSent}, at)
}

// ended counts an end. The lock is held.
func (t *tally) ended(f *flight, a *Answer, at time.Time) {
	t.now.Done++
	latency := at.Sub(f.due)
	tells := a.Failure == "" || a.Failure.timedOut()
	if tells {
		t.latency.record(latency)
	}
	if f.first > 0 {
		t.firstToken.record(f.first)
	}
	if a.Failure != "" {
		t.now.Errors++
		if t.now.Kinds == nil {
			t.now.Kinds = map[Kind]int64{}
		}
		bounded(t.now.Kinds, a.Failure)
	}
	if !f.counted {
		return
	}
	t.all.done++
	t.all.lastDone = max(t.all.lastDone, at.Sub(t.begun))
	if a.Failure == "" {
		t.all.ok++
	} else {
		bounded(t.all.kinds, a.Failure)
	}
	if f.stream {
		t.all.streams++
	}
	if tells {
		t.all.latency.record(latency)
		t.all.service.record(at.Sub(f.sent))
	}
	if f.first > 0 {
		t.all.firstToken.record(f.first)
	}
}

func bounded(kinds map[Kind]int64, k Kind) {
	if _, known := kinds[k]; !known && len(kinds) >= maxKinds {
		k = KindOther
	}
	kinds[k]++
}
