// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

const start = int64(time.Hour)

// usual are the defaults of the API.
func usual() config.Breaker {
	return config.Breaker{
		ConsecutiveFailures: 5, FailurePercent: 50, MinRequests: 20, Window: config.Duration(30 * time.Second),
		OpenFor: config.Duration(15 * time.Second), Probes: 3,
	}
}

// rig is a breaker with a clock and a record of what it told. Its chance always gives the longest time.
type rig struct {
	t       *testing.T
	b       *Breaker
	now     int64
	chance  float64
	changes []string
}

func newRig(t *testing.T, s config.Breaker) *rig {
	r := &rig{t: t, now: start, chance: 1}
	r.b = New(s, func() float64 { return r.chance }, func(c Change) {
		r.changes = append(r.changes, fmt.Sprintf("%v %v→%v %s", time.Duration(c.At-start), c.From, c.To, c.Reason))
	})
	return r
}

func (r *rig) after(d time.Duration) { r.now += int64(d) }

// take takes a ticket that has to be given.
func (r *rig) take() Ticket {
	r.t.Helper()
	if !r.b.Allows(r.now) {
		r.t.Fatalf("at %v: the breaker does not allow an attempt", time.Duration(r.now-start))
	}
	ticket, ok := r.b.Take(r.now)
	if !ok {
		r.t.Fatalf("at %v: no ticket", time.Duration(r.now-start))
	}
	return ticket
}

// refuses asks for a ticket that must not be given.
func (r *rig) refuses() {
	r.t.Helper()
	if r.b.Allows(r.now) {
		r.t.Errorf("at %v: the breaker allows an attempt", time.Duration(r.now-start))
	}
	if _, ok := r.b.Take(r.now); ok {
		r.t.Errorf("at %v: a ticket was given", time.Duration(r.now-start))
	}
}

func (r *rig) fail(times int) {
	r.t.Helper()
	for range times {
		r.take().Done(r.now, Failure, "status 503")
	}
}

func (r *rig) succeed(times int) {
	r.t.Helper()
	for range times {
		r.take().Done(r.now, Success, "")
	}
}

// halfOpen opens the breaker at once and goes on to when it would let probes through.
func (r *rig) halfOpen() {
	r.t.Helper()
	r.fail(5)
	r.after(15 * time.Second)
	r.changes = nil
}

func TestBreaker(t *testing.T) {
	tests := map[string]struct {
		do   func(r *rig)
		want []string
	}{
		"failures in a row open it": {
			do: func(r *rig) {
				r.succeed(100)
				r.fail(4)
				r.after(time.Second)
				r.fail(1)
				r.refuses()
			},
			want: []string{"1s Closed→Open 5 failures in a row, last: status 503"},
		},
		"a success between failures begins a new row": {
			do: func(r *rig) { r.succeed(10); r.fail(4); r.succeed(1); r.fail(4); r.take() },
		},
		"a client that leaves neither ends a row nor is in it": {
			do: func(r *rig) {
				r.fail(4)
				for range 10 {
					r.take().Done(r.now, Neutral, "")
				}
				r.take()
				r.fail(1)
				r.refuses()
			},
			want: []string{"0s Closed→Open 5 failures in a row, last: status 503"},
		},
		"half of enough requests open it": {
			do: func(r *rig) {
				for range 9 {
					r.succeed(1)
					r.fail(1)
				}
				r.take().Done(r.now, Failure, "no connection")
				r.succeed(1)
				r.refuses()
			},
			want: []string{"0s Closed→Open 50% of 20 requests in 30s failed, last: no connection"},
		},
		"half of too few requests do not": {
			do: func(r *rig) {
				for range 9 {
					r.fail(1)
					r.succeed(1)
				}
				r.fail(1)
				for range 20 {
					r.take().Done(r.now, Neutral, "")
				}
				r.take()
			},
		},
		"less than half do not, however many": {
			do: func(r *rig) {
				for range 1000 {
					r.succeed(2)
					r.fail(1)
				}
				r.take()
			},
		},
		"an open breaker lets nothing through until its time is over, and then tells by a probe": {
			do: func(r *rig) {
				r.fail(5)
				r.after(15*time.Second - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{
				"0s Closed→Open 5 failures in a row, last: status 503",
				"15s Open→HalfOpen open long enough",
			},
		},
		"chance lets it try a fifth earlier, not more": {
			do: func(r *rig) {
				r.chance = 0
				r.fail(5)
				r.after(12*time.Second - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{
				"0s Closed→Open 5 failures in a row, last: status 503",
				"12s Open→HalfOpen open long enough",
			},
		},
		"a chance above 1 keeps it open no longer": {
			do: func(r *rig) {
				r.chance = 7
				r.fail(5)
				r.after(15 * time.Second)
				r.take()
			},
			want: []string{
				"0s Closed→Open 5 failures in a row, last: status 503",
				"15s Open→HalfOpen open long enough",
			},
		},
		"as many probes as the settings say may be under way, and so many answers close it": {
			do: func(r *rig) {
				r.halfOpen()
				a, b, c := r.take(), r.take(), r.take()
				r.refuses()
				a.Done(r.now, Success, "")
				b.Done(r.now, Success, "")
				r.take()
				r.take()
				r.refuses()
				c.Done(r.now, Success, "")
				r.take()
			},
			want: []string{"15s Open→HalfOpen open long enough", "15s HalfOpen→Closed 3 answers in a row"},
		},
		"first tokens are answers": {
			do: func(r *rig) {
				r.halfOpen()
				a, b, c := r.take(), r.take(), r.take()
				a.Began(r.now)
				a.Began(r.now)
				b.Began(r.now)
				r.refuses()
				c.Began(r.now)
				r.take()
			},
			want: []string{"15s Open→HalfOpen open long enough", "15s HalfOpen→Closed 3 answers in a row"},
		},
		"a probe answers once, by its first token or its end": {
			do: func(r *rig) {
				r.halfOpen()
				a, b := r.take(), r.take()
				a.Began(r.now)
				a.Done(r.now, Success, "")
				b.Done(r.now, Success, "")
				r.take()
				r.take()
				r.take()
				r.refuses()
			},
			want: []string{"15s Open→HalfOpen open long enough"},
		},
		"a probe whose client leaves gives its place back and proves nothing": {
			do: func(r *rig) {
				r.halfOpen()
				for range 10 {
					a, b, c := r.take(), r.take(), r.take()
					r.refuses()
					a.Done(r.now, Neutral, "")
					b.Done(r.now, Neutral, "")
					c.Done(r.now, Neutral, "")
				}
			},
			want: []string{"15s Open→HalfOpen open long enough"},
		},
		"a client that leaves after the first token leaves its answer": {
			do: func(r *rig) {
				r.halfOpen()
				for range 3 {
					ticket := r.take()
					ticket.Began(r.now)
					ticket.Done(r.now, Neutral, "")
				}
			},
			want: []string{"15s Open→HalfOpen open long enough", "15s HalfOpen→Closed 3 answers in a row"},
		},
		"the first probe that fails opens it again, for as long again": {
			do: func(r *rig) {
				r.halfOpen()
				a, b, c := r.take(), r.take(), r.take()
				a.Done(r.now, Success, "")
				b.Began(r.now)
				r.after(time.Second)
				c.Done(r.now, Failure, "no first token")
				r.after(15*time.Second - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{
				"15s Open→HalfOpen open long enough", "16s HalfOpen→Open probe failed: no first token",
				"31s Open→HalfOpen open long enough",
			},
		},
		"a probe that breaks off after its first token opens it again": {
			do: func(r *rig) {
				r.halfOpen()
				a := r.take()
				a.Began(r.now)
				a.Done(r.now, Failure, "")
				r.refuses()
			},
			want: []string{"15s Open→HalfOpen open long enough", "15s HalfOpen→Open probe failed"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, usual())
			tt.do(r)
			if diff := cmp.Diff(tt.want, r.changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
