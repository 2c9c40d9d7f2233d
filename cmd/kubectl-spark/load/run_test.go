// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sender is a server of a test, in the test's own time.
type sender func(ctx context.Context, r *Request, content func()) Answer

func (s sender) Send(ctx context.Context, r *Request, content func()) Answer {
	return s(ctx, r, content)
}

// within sleeps so long, or until the context ends.
func within(ctx context.Context, d time.Duration) Answer {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return Answer{Input: 10, Output: 5, Sent: 100, Received: 200}
	case <-ctx.Done():
		return Answer{Failure: transportKind(ctx, ctx.Err(), false, KindConnection)}
	}
}

// stalling answers in a millisecond, but nothing between two times since the first request.
func stalling(from, to time.Duration) sender {
	var begun time.Time
	var once sync.Once
	return func(ctx context.Context, _ *Request, _ func()) Answer {
		once.Do(func() { begun = time.Now() })
		wait := time.Millisecond
		if at := time.Since(begun); at >= from && at < to {
			wait += to - at
		}
		return within(ctx, wait)
	}
}

func options(s Sender, rate float64, duration time.Duration) Options {
	p, err := Steady(rate, duration, 0)
	if err != nil {
		panic(err)
	}
	return Options{
		Mix:    Mix{Dialect: OpenAI, Model: "m", Prompts: Sizes{kind: "fixed", a: 10}, MaxTokens: 5, Seed: 1},
		Sender: s, Profile: p, Arrivals: Constant, Timeout: 10 * time.Second, MaxInFlight: 1000,
	}
}

func mustRun(t *testing.T, ctx context.Context, o Options) *Result { //nolint:revive // the test comes first everywhere
	t.Helper()
	r, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The coordinated omission: a loop that waits for its answer asks nothing while the server stalls, and so finds that hardly any
// request was slow. Users do not wait for each other.
func TestAStallIsInThePercentilesOfAnOpenLoopAndNotOfAClosedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := mustRun(t, t.Context(), options(stalling(3*time.Second, 4*time.Second), 100, 10*time.Second))
		if open.Sent != 1000 || open.OK != 1000 {
			t.Errorf("%d requests were sent and %d answered, want 1000: the stall thinned out the load", open.Sent, open.OK)
		}
		// A tenth of the requests were due in the stall, and waited for what was left of it.
		if p := open.Latency; p.P99 < 890 || p.P99 > 910 || p.P50 > 2 || p.Max < 990 {
			t.Errorf("p50 %g ms, p99 %g ms, max %g ms; want 1, 900 and 1000", p.P50, p.P99, p.Max)
		}
		if sent := open.Rows[3].Sent; sent != 100 {
			t.Errorf("%d requests were sent while the server stalled, want 100", sent)
		}
		if open.Late != 0 {
			t.Errorf("%d were late, though nothing kept them", open.Late)
		}

		o := options(stalling(3*time.Second, 4*time.Second), 1, time.Second)
		o.Profile, o.Concurrency, o.Duration = nil, 1, 10*time.Second
		closed := mustRun(t, t.Context(), o)
		if p := closed.Latency; p.P99 > 2 || p.Max < 990 {
			t.Errorf("the closed loop has p99 %g ms and max %g ms: it is not what this test takes it for", p.P99, p.Max)
		}
		if sent := closed.Rows[3].Sent; sent > 1 {
			t.Errorf("the closed loop sent %d while the server stalled", sent)
		}
	})
}

// With too few connections the requests themselves wait, which the clock of each counts all the same.
func TestAWaitForAConnectionIsPartOfTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(stalling(3*time.Second, 4*time.Second), 100, 10*time.Second)
		o.MaxInFlight = 1
		r := mustRun(t, t.Context(), o)
		if r.Sent != 1000 || r.OK != 1000 {
			t.Errorf("%d sent, %d answered, want 1000", r.Sent, r.OK)
		}
		if r.Latency.P99 < 890 || r.Service.P99 > 2 {
			t.Errorf("p99 is %g ms from when due and %g ms from when sent, want about 1000 and 1", r.Latency.P99, r.Service.P99)
		}
		if r.Late < 90 || r.LateMost < 900 || r.Waited < 90 {
			t.Errorf("%d late by up to %g ms, %d of them waited; want about 100 by 990 ms", r.Late, r.LateMost, r.Waited)
		}
		if len(r.warnings()) == 0 {
			t.Error("nothing says that the load was not kept up")
		}
	})
}

func TestWhatCannotBeSentInTimeIsAnErrorAndNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(sender(func(ctx context.Context, _ *Request, _ func()) Answer { return within(ctx, time.Second) }), 10, 10*time.Second)
		o.MaxInFlight, o.Timeout = 1, 3*time.Second
		r := mustRun(t, t.Context(), o)
		if r.OK+r.Errors != 100 {
			t.Errorf("%d of 100 requests have an end", r.OK+r.Errors)
		}
		if r.OK < 8 || r.OK > 13 {
			t.Errorf("%d were answered by a server that answers one a second for 13 s", r.OK)
		}
		found := map[Kind]int64{}
		for _, k := range r.Kinds {
			found[k.Kind] = k.Count
		}
		if found[KindNotSent] < 80 {
			t.Errorf("the errors are %v; want some 85 that were not sent", r.Kinds)
		}
		if r.Latency.P50 < 2990 {
			t.Errorf("p50 is %g ms: requests that nobody answered do not count as slow", r.Latency.P50)
		}
		if took := time.Duration(r.Seconds * float64(time.Second)); took > 16*time.Second {
			t.Errorf("it took %s, more than duration and two timeouts", took)
		}
	})
}

func TestTheRateIsWhatWasReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := sender(func(ctx context.Context, _ *Request, _ func()) Answer { return within(ctx, 2*time.Second) })
		o := options(quick, 100, 10*time.Second)
		if r := mustRun(t, t.Context(), o); r.Rate != 100 {
			t.Errorf("the rate of a load that is kept up is %g, want 100", r.Rate)
		} else if r.Throughput < 83 || r.Throughput > 84 {
			t.Errorf("1000 answers by the twelfth second are %g a second", r.Throughput)
		}
		o.MaxInFlight, o.Timeout = 100, time.Minute // 50 a second
		if r := mustRun(t, t.Context(), o); r.Rate > 56 || r.Rate < 50 {
			t.Errorf("the rate of a load that is not kept up is %g, want about 50", r.Rate)
		}
	})
}

func TestTheClosedLoopHasSoManyUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		o := options(sender(func(ctx context.Context, _ *Request, _ func()) Answer {
			n := now.Add(1)
			defer now.Add(-1)
			if n > most.Load() {
				most.Store(n)
			}
			return within(ctx, 100*time.Millisecond)
		}), 1, time.Second)
		o.Profile, o.Concurrency, o.Duration, o.Ramp = nil, 10, 10*time.Second, 5*time.Second
		r := mustRun(t, t.Context(), o)
		if most.Load() != 10 {
			t.Errorf("at most %d were under way, want 10", most.Load())
		}
		if first, last := r.Rows[0].Sent, r.Rows[9].Sent; first > 25 || last < 90 || last > 110 {
			t.Errorf("%d in the first second and %d in the last; want a ramp to about 100", first, last)
		}
		if r.Late != 0 || r.Rows[0].Offered != 0 {
			t.Errorf("a closed loop is never late, nor does it offer: %d, %g", r.Late, r.Rows[0].Offered)
		}
	})
}

func TestAClosedLoopThatNobodyAnswersIsNotBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(sender(func(context.Context, *Request, func()) Answer { return Answer{Failure: KindConnect} }), 1, time.Second)
		o.Profile, o.Concurrency, o.Duration = nil, 1, 10*time.Second
		if r := mustRun(t, t.Context(), o); r.Sent > 101 || r.Errors != r.Sent {
			t.Errorf("%d were sent in 10 s, %d failed", r.Sent, r.Errors)
		}
	})
}

func TestTheWarmUpIsInRowsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		o := options(sender(func(ctx context.Context, _ *Request, _ func()) Answer {
			if time.Since(begun) < 2*time.Second {
				return Answer{Failure: KindInvalid}
			}
			return within(ctx, time.Millisecond)
		}), 100, 10*time.Second)
		o.Warmup = 2 * time.Second
		r := mustRun(t, t.Context(), o)
		if r.Sent != 800 || r.OK != 800 || r.Errors != 0 || r.Rate != 100 {
			t.Errorf("%d sent (%g/s), %d answered, %d errors; want 800 (100/s), 800, 0", r.Sent, r.Rate, r.OK, r.Errors)
		}
		if !r.Rows[1].Warmup || r.Rows[1].Errors != 100 || r.Rows[2].Warmup {
			t.Errorf("rows 1 and 2 are %+v and %+v", r.Rows[1], r.Rows[2])
		}
		if r.InputTokens != 8000 || r.OutputTokens != 4000 || r.SentBytes != 80_000 || r.ReceivedBytes != 160_000 {
			t.Errorf("tokens %d and %d, bytes %d and %d", r.InputTokens, r.OutputTokens, r.SentBytes, r.ReceivedBytes)
		}
	})
}

func TestARunThatIsEndedEarlyHasAFullReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		// It is ended by the context, not cut by its deadline.
		inner, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer context.AfterFunc(ctx, stop)()
		r := mustRun(t, inner, options(sender(func(ctx context.Context, _ *Request, _ func()) Answer {
			return within(ctx, 250*time.Millisecond)
		}), 100, time.Hour))
		if !r.Cut || r.Seconds != 3.5 || r.Sent != 350 || r.Unfinished != 25 || r.OK != 325 || r.Errors != 0 {
			t.Errorf("cut %t after %g s: %d sent, %d answered, %d unfinished, %d errors", r.Cut, r.Seconds, r.Sent, r.OK, r.Unfinished, r.Errors)
		}
		if n := len(r.Rows); n != 4 || r.Rows[3].Seconds != 0.5 {
			t.Errorf("%d rows, the last %+v", n, r.Rows[n-1])
		}
		if r.Rate != 100 {
			t.Errorf("the rate is %g, want 100", r.Rate)
		}
	})
}

func TestStreamsTellOfTheirTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(sender(func(ctx context.Context, r *Request, content func()) Answer {
			if !r.Stream {
				return within(ctx, time.Millisecond)
			}
			within(ctx, 200*time.Millisecond)
			content()
			for range 9 {
				within(ctx, 20*time.Millisecond)
				content()
			}
			return Answer{Output: 10}
		}), 100, 10*time.Second)
		o.Mix.StreamPercent = 40
		r := mustRun(t, t.Context(), o)
		if r.Streams < 350 || r.Streams > 450 || r.FirstToken.Count != r.Streams || r.BetweenTokens.Count != 9*r.Streams {
			t.Errorf("%d streams, %d first tokens, %d after others", r.Streams, r.FirstToken.Count, r.BetweenTokens.Count)
		}
		if f, b := r.FirstToken, r.BetweenTokens; f.P50 < 199 || f.P99 > 201 || b.P50 < 19.9 || b.P99 > 20.1 {
			t.Errorf("first tokens after %g to %g ms, others after %g to %g", f.P50, f.P99, b.P50, b.P99)
		}
		if r.Rows[5].FirstToken < 199 {
			t.Errorf("row 5 is %+v", r.Rows[5])
		}
	})
}

func TestEachSecondIsToldAsItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(stalling(0, 0), 10, 5*time.Second)
		var at []time.Duration
		begun := time.Now()
		o.Each = func(r Row) {
			at = append(at, time.Since(begun))
			if r.Sent != 10 || r.Done != 10 || r.Offered != 10 {
				t.Errorf("row %+v", r)
			}
		}
		mustRun(t, t.Context(), o)
		want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}
		if diff := cmp.Diff(want, at[:len(at)-1]); diff != "" || len(at) != 5 {
			t.Errorf("%v %s", at, diff)
		}
	})
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"neither loop":                   func(o *Options) { o.Profile = nil },
		"both loops":                     func(o *Options) { o.Concurrency = 1 },
		"no timeout":                     func(o *Options) { o.Timeout = 0 },
		"a timeout beyond what is held":  func(o *Options) { o.Timeout = 2 * time.Hour },
		"a warm-up of all":               func(o *Options) { o.Warmup = 10 * time.Second },
		"nothing may be in flight":       func(o *Options) { o.MaxInFlight = 0 },
		"a closed loop without duration": func(o *Options) { o.Profile, o.Concurrency = nil, 1 },
		"a ramp longer than a closed loop": func(o *Options) {
			o.Profile, o.Concurrency, o.Duration, o.Ramp = nil, 1, time.Second, time.Minute
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(nil, 1, 10*time.Second)
			spoil(&o)
			if _, err := Run(t.Context(), o); err == nil {
				t.Error("they were taken")
			}
		})
	}
}
