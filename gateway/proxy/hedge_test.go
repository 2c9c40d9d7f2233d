// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// hedged makes a route send a second attempt soon.
func hedged(r *Route, percent int64) *Route {
	r.Hedge = &config.Hedge{After: config.Duration(20 * time.Millisecond), MaxExtraPercent: percent}
	r.Hedges = &HedgeBudget{}
	return r
}

func TestASlowAttemptIsOvertaken(t *testing.T) {
	silent := &script{hang: true}
	tests := map[string]struct {
		places  []*place
		body    string
		percent int64
		want    []string
		hedges  []telemetry.HedgeResult
		out     string
	}{
		"the second is faster": {
			places: []*place{{scripts: []*script{silent}}, {scripts: []*script{saying("b")}, tier: 1}}, percent: 100,
			want: []string{"p0 first overtaken", "p1 hedge ok"}, hedges: []telemetry.HedgeResult{telemetry.HedgeWon}, out: delta("b") + doneEvent,
		},
		"an answer that is not streamed": {
			places: []*place{{scripts: []*script{silent}}, {scripts: []*script{answering("b")}, tier: 1}}, percent: 100, body: plain,
			want: []string{"p0 first overtaken", "p1 hedge ok"}, hedges: []telemetry.HedgeResult{telemetry.HedgeWon}, out: `"b"`,
		},
		"the first is fast enough": {
			places: []*place{{scripts: []*script{saying("a")}}, {scripts: []*script{saying("b")}, tier: 1}}, percent: 100,
			want: []string{"p0 first ok"}, out: delta("a") + doneEvent,
		},
		"a single target is asked twice": {
			places: []*place{{scripts: []*script{silent, saying("a")}}}, percent: 100,
			want: []string{"p0 first overtaken", "p0 hedge ok"}, hedges: []telemetry.HedgeResult{telemetry.HedgeWon}, out: delta("a") + doneEvent,
		},
		"the second fails, and the first goes on": {
			places: []*place{{scripts: []*script{silent}}, {scripts: []*script{refusing(500, "")}, tier: 1}, {scripts: []*script{saying("c")}, tier: 2}}, percent: 100,
			want: []string{"p1 hedge provider_failed", "p0 first provider_timeout", "p2 failover ok"}, hedges: []telemetry.HedgeResult{telemetry.HedgeLost}, out: delta("c") + doneEvent,
		},
		"the second fails in a way that is not tried again, and the first answers": {
			places: []*place{
				{scripts: []*script{{pieces: saying("a").pieces, late: 3 * wait.Std() / 5}}},
				{scripts: []*script{refusing(500, "")}, tier: 1, retry: config.Retry{Attempts: 1, Backoff: 1, MaxBackoff: 1}},
			}, percent: 100,
			want: []string{"p1 hedge provider_failed", "p0 first ok"}, hedges: []telemetry.HedgeResult{telemetry.HedgeLost}, out: delta("a") + doneEvent,
		},
		"the first fails before the hedge": {
			places: []*place{{scripts: []*script{nil}}, {scripts: []*script{saying("b")}, tier: 1}}, percent: 100,
			want: []string{"p0 first provider_unreachable", "p1 failover ok"}, out: delta("b") + doneEvent,
		},
		"both fail": {
			places: []*place{{scripts: []*script{silent}}, {scripts: []*script{silent}, tier: 1, retry: config.Retry{Attempts: 1, Backoff: 1, MaxBackoff: 1}}}, percent: 100,
			want: []string{"p0 first provider_timeout", "p1 hedge provider_timeout"}, hedges: []telemetry.HedgeResult{telemetry.HedgeLost},
		},
		"the budget is spent": {
			places: []*place{{scripts: []*script{silent}, retry: config.Retry{Attempts: 1, Backoff: 1, MaxBackoff: 1}}, {scripts: []*script{saying("b")}, tier: 1}}, percent: 50,
			want: []string{"p0 first provider_timeout"}, hedges: []telemetry.HedgeResult{telemetry.HedgeRefused},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.body == "" {
				tc.body = stream
			}
			seen := &watched{}
			r := &run{t: t, guard: &guard{}, journey: &Journey{}, observer: seen}
			route := hedged(routeTo(t, tc.places...), tc.percent)
			r.travel(route, tc.body)
			if diff := cmp.Diff(tc.want, r.tries()); diff != "" {
				t.Errorf("tries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.hedges, seen.hedges); diff != "" {
				t.Errorf("hedges (-want +got):\n%s", diff)
			}
			if !strings.Contains(r.out.String(), tc.out) {
				t.Errorf("got %q", r.out.String())
			}
			for i := range route.Targets {
				if n := route.Targets[i].Vital.Load.InFlight(); n != 0 {
					t.Errorf("target %d still has %d under way", i, n)
				}
			}
		})
	}
}

func TestWhatAnOvertakenAttemptCostIsAccountedFor(t *testing.T) {
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	r.travel(hedged(routeTo(t, &place{scripts: []*script{{hang: true}}}, &place{scripts: []*script{saying("b")}, tier: 1}), 100), stream)
	if len(r.ex.Tried) != 1 || r.ex.Tried[0].Usage != estimate(0) || r.ex.Tried[0].Ended.IsZero() {
		t.Errorf("the one that was overtaken: %+v", r.ex.Tried)
	}
	if want := (exchange.Usage{Prompt: 5, Completion: 6, Total: 11, Source: exchange.UsageReported}); r.ex.Usage != want {
		t.Errorf("the winner's: %+v", r.ex.Usage)
	}
}

func TestHedgesKeepToTheirBudget(t *testing.T) {
	b := &HedgeBudget{}
	spent := 0
	for range 1000 {
		b.Request(5)
		if b.Take() {
			spent++
		}
		b.Done()
	}
	if spent != 50 {
		t.Errorf("%d hedges of 1000 requests, want 5%%", spent)
	}
	for range 100_000 {
		b.Request(5)
		b.Done()
	}
	for spent = 0; b.Take(); spent++ {
	}
	if spent != savedHedges {
		t.Errorf("%d hedges were saved up, want %d", spent, savedHedges)
	}
	// Many at once may each have what they earned, however late they come for it.
	for range 500 {
		b.Request(100)
	}
	for spent = 0; b.Take(); spent++ {
	}
	if spent != 500 {
		t.Errorf("%d hedges of 500 requests under way, which had earned all of them", spent)
	}
}

func TestAClientThatLeavesEndsBothAttempts(t *testing.T) {
	first, second := &place{scripts: []*script{{hang: true}}}, &place{scripts: []*script{{hang: true}}, tier: 1}
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	route := hedged(routeTo(t, first, second), 100)
	go func() {
		<-first.texts
		<-second.texts
		r.guard.leave(false)
	}()
	began := time.Now()
	r.travel(route, plain)
	if r.refused == nil || r.refused.Outcome != exchange.ClientGone || time.Since(began) > wait.Std()*10 {
		t.Errorf("after %s: %+v", time.Since(began), r.refused)
	}
	if len(r.ex.Tried) != 1 {
		t.Errorf("%d others", len(r.ex.Tried))
	}
}
