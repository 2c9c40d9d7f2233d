// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/quota"
)

// asked makes a request that is not sent.
func asked(t testing.TB, body string) *Request {
	t.Helper()
	var read dialect.Request
	if err := read.Decode(dialect.Chat, []byte(body)); err != nil {
		t.Fatal(err)
	}
	ex := &exchange.Exchange{Start: time.Now(), Stream: read.Stream, Model: read.Model}
	return &Request{Exchange: ex, Operation: exchange.Chat, Asked: &read, Body: []byte(body), Fields: fields{}, Guard: &guard{}, Clock: clock}
}

var standings = map[Standing]string{Ready: "ready", Incapable: "incapable", Full: "full", Out: "out", Elsewhere: "elsewhere"}

// tellPlan writes a plan as "place standing chance", one a line.
func tellPlan(p Plan) (lines []string) {
	for _, s := range p.Steps {
		line := fmt.Sprintf("%d %s", s.Place, standings[s.Standing])
		if s.Standing == Ready {
			line += fmt.Sprintf(" %.0f%%", 100*s.Chance)
		}
		lines = append(lines, line)
	}
	return lines
}

const seldom = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}],"max_tokens":100,"logit_bias":{"1":2}}`

func TestPlan(t *testing.T) {
	weigh := func(r *Route, weights ...int64) {
		for i, w := range weights {
			r.Targets[i].Weight, r.Targets[i].ID = w, uint64(i+1)
		}
	}
	tests := map[string]struct {
		body   string
		places int
		tiers  []int64
		set    func(*Route, *Request)
		want   []string
		hedge  int // -1 for none
		told   exchange.Reason
	}{
		"one target":   {places: 1, want: []string{"0 ready 100%"}, hedge: -1},
		"no target":    {hedge: -1, told: exchange.ReasonNoTarget},
		"tier by tier": {places: 3, tiers: []int64{0, 1, 2}, want: []string{"0 ready 100%", "1 ready 100%", "2 ready 100%"}, hedge: -1},
		"the likeliest first": {
			places: 3, hedge: -1, set: func(r *Route, _ *Request) { weigh(r, 10, 30, 60) },
			want: []string{"2 ready 60%", "1 ready 75%", "0 ready 100%"},
		},
		"alike in the order of the route": {
			places: 2, hedge: -1, set: func(r *Route, _ *Request) { weigh(r, 50, 50) }, want: []string{"0 ready 50%", "1 ready 100%"},
		},
		"the cheapest first": {
			places: 3, hedge: -1, want: []string{"1 ready 100%", "0 ready 100%", "2 ready 100%"},
			set: func(r *Route, _ *Request) {
				r.Strategy = config.LowestCost
				r.Targets[0].Price, r.Targets[1].Price = &config.Price{Input: 2}, &config.Price{Input: 1}
			},
		},
		"the one with less under way first": {
			places: 2, hedge: -1, want: []string{"1 ready 100%", "0 ready 100%"},
			set: func(r *Route, _ *Request) {
				r.Strategy = config.LeastInFlight
				r.Targets[0].Vital.Load.Begin()
			},
		},
		"a paused one is out": {
			places: 2, hedge: -1, set: func(r *Route, _ *Request) { r.Targets[0].Vital.Breaker.Pause(clock(), time.Minute) },
			want: []string{"1 ready 100%", "0 out"},
		},
		"all paused": {
			places: 1, hedge: -1, told: exchange.ReasonProviderQuota, want: []string{"0 out"},
			set: func(r *Route, _ *Request) { r.Targets[0].Vital.Breaker.Pause(clock(), time.Minute) },
		},
		"a full one is waited for": {
			places: 2, hedge: -1, want: []string{"1 ready 100%", "0 full"},
			set: func(r *Route, _ *Request) { fill(&r.Targets[0]) },
		},
		"all full": {places: 1, hedge: -1, want: []string{"0 full"}, set: func(r *Route, _ *Request) { fill(&r.Targets[0]) }},
		"ids of another provider": {
			places: 3, hedge: -1, want: []string{"1 ready 100%", "0 elsewhere", "2 elsewhere"}, set: func(_ *Route, r *Request) { r.Only = 2 },
		},
		"a model that may not answer so much": {
			body: seldom, places: 2, tiers: []int64{0, 1}, hedge: -1, want: []string{"0 incapable", "1 ready 100%"},
			set: func(r *Route, _ *Request) { r.Targets[0].MaxTokens = 10 },
		},
		"no model may answer so much": {
			body: seldom, places: 1, hedge: -1, told: exchange.ReasonOutputTokens, want: []string{"0 incapable"},
			set: func(r *Route, _ *Request) { r.Targets[0].MaxTokens = 10 },
		},
		"a hedge goes to another": {
			places: 2, want: []string{"0 ready 50%", "1 ready 100%"}, hedge: 1,
			set: func(r *Route, _ *Request) { r.Hedge = &config.Hedge{After: 1, MaxExtraPercent: 5} },
		},
		"a hedge goes to the same where it is alone": {
			places: 1, want: []string{"0 ready 100%"}, hedge: 0,
			set: func(r *Route, _ *Request) { r.Hedge = &config.Hedge{After: 1, MaxExtraPercent: 5} },
		},
		"no hedge of what leaves something behind": {
			places: 2, want: []string{"0 incapable", "1 incapable"}, hedge: -1, told: exchange.ReasonUnsupported,
			set: func(r *Route, q *Request) {
				r.Hedge, q.Operation, q.Dialect = &config.Hedge{After: 1, MaxExtraPercent: 5}, exchange.Speech, exchange.Anthropic
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			body := tc.body
			if body == "" {
				body = plain
			}
			request, places := asked(t, body), make([]*place, tc.places)
			for i := range places {
				places[i] = &place{scripts: []*script{nil}}
				if tc.tiers != nil {
					places[i].tier = tc.tiers[i]
				}
			}
			route := routeTo(t, places...)
			if tc.set != nil {
				tc.set(route, request)
			}
			plan := request.Plan(route)
			if diff := cmp.Diff(tc.want, tellPlan(plan)); diff != "" {
				t.Error(diff)
			}
			if (plan.Refused != nil) != (tc.told != "") || plan.Refused != nil && plan.Refused.Reason != tc.told {
				t.Errorf("would be told %v", plan.Refused)
			}
			onlyFull := len(tc.want) > 0 && strings.HasSuffix(tc.want[0], "full")
			if (plan.TooFull != nil) != onlyFull || onlyFull && plan.TooFull.Reason != exchange.ReasonProviderQuota {
				t.Errorf("when full would be told %v", plan.TooFull)
			}
			if plan.Hedge != tc.hedge {
				t.Errorf("a hedge would go to step %d, want %d", plan.Hedge, tc.hedge)
			}
		})
	}
}

// fill leaves no room at a target's provider.
func fill(t *Target) {
	t.Account.Quota.Use(config.Quota{Concurrency: 1, QueueTimeout: wait})
	t.Vital.Quota.Take(clock(), 1, nil)
}

func TestAPlanSaysHowABodyGoes(t *testing.T) {
	route := routeTo(t, &place{scripts: []*script{nil}}, &place{scripts: []*script{nil}, kind: config.Anthropic, tier: 1},
		&place{scripts: []*script{nil}, tier: 2})
	route.Targets[2].Model, route.Targets[2].Quoted = "m", []byte(`"m"`)
	plan := asked(t, seldom).Plan(route)
	if s := plan.Steps[0]; s.Standing != Ready || s.Translated || !s.Edited || s.Timeouts.FirstToken != 20*wait {
		t.Errorf("the same dialect, another name: %+v", s)
	}
	if s := plan.Steps[1]; s.Standing != Incapable || !s.Translated || s.Wire != exchange.Anthropic || s.Refusal.Param != "logit_bias" {
		t.Errorf("another dialect: %+v, %v", s, s.Refusal)
	}
	if s := plan.Steps[2]; s.Standing != Ready || s.Translated || s.Edited {
		t.Errorf("the same dialect and name: %+v", s)
	}
	if plan.Answer != 100 || plan.Prompt <= 0 || plan.Reserved != plan.Prompt+100 {
		t.Errorf("tokens: %d and %d, reserved %d", plan.Prompt, plan.Answer, plan.Reserved)
	}
}

// randomRoute makes a route whose targets are in all sorts of states and refuse all requests, and whose strategy leaves
// nothing to chance where it is decided.
func randomRoute(t testing.TB, random *rand.Rand, decided bool) *Route {
	places := make([]*place, 1+random.IntN(5))
	tier := int64(0)
	for i := range places {
		if i > 0 && random.IntN(2) == 0 {
			tier++
		}
		places[i] = &place{
			scripts: []*script{whole(500, "application/json", `{"error":{"message":"x"}}`)}, tier: tier,
			kind: []config.ProviderType{config.OpenAI, config.Anthropic, config.OpenAI}[random.IntN(3)],
			max:  []int64{0, 0, 0, 10}[random.IntN(4)], retry: config.Retry{Attempts: 1 + random.Int64N(2), Backoff: 1, MaxBackoff: 1, On: everything},
		}
	}
	route := routeTo(t, places...)
	route.Strategy = config.LowestCost
	if !decided {
		route.Strategy = config.Strategies[random.IntN(len(config.Strategies))]
	}
	for i := range route.Targets {
		target := &route.Targets[i]
		target.Weight, target.ID, target.Price = 1+random.Int64N(9), random.Uint64(), &config.Price{Input: 1 + random.Int64N(1e9)}
		switch random.IntN(6) {
		case 0:
			target.Vital.Breaker.Pause(clock(), time.Hour)
		case 1:
			fill(target)
		}
	}
	return route
}

// providers are those that a request was sent to, or would have been but for its words, in the order of the first time.
func providers(r *run) (order []string) {
	for _, try := range r.tries() {
		if name := strings.Fields(try)[0]; !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	return order
}

func TestAPlanIsWhatAJourneyDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	longest := 0
	for range 300 {
		route := randomRoute(t, random, true)
		var want []string
		body := seldom
		if random.IntN(2) == 0 {
			body = strings.Replace(seldom, `,"logit_bias":{"1":2}`, "", 1)
		}
		plan := asked(t, body).Plan(route)
		for _, s := range plan.Steps {
			if s.Standing == Ready {
				want = append(want, fmt.Sprintf("p%d", s.Place))
			}
		}
		for range 2 { // A plan takes nothing.
			if diff := cmp.Diff(tellPlan(plan), tellPlan(asked(t, body).Plan(route))); diff != "" {
				t.Fatal(diff)
			}
		}
		for i := range route.Targets {
			// A breaker must not open between.
			route.Targets[i].Retry.BudgetPercent = 100
		}
		r := travel(t, route, body)
		got := providers(r)
		// The last of those that cannot express it is what the client is told of.
		got = slices.DeleteFunc(got, func(name string) bool { return !slices.Contains(want, name) })
		if !slices.Equal(want, got) {
			t.Fatalf("planned %q, tried %q", tellPlan(plan), r.tries())
		}
		if plan.Refused != nil && (r.refused == nil || r.refused.Reason != plan.Refused.Reason) {
			t.Fatalf("planned %v, told %v", plan.Refused, r.refused)
		}
		longest = max(longest, len(want))
	}
	if longest < 3 {
		t.Errorf("no journey went further than %d", longest)
	}
}

func TestTheFirstOfAPlanIsOneThatARequestMayTake(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		route, request := randomRoute(t, random, false), asked(t, plain)
		request.Sticky, request.Hash = random.IntN(3) == 0, random.Uint64()
		plan := request.Plan(route)
		fell := map[int]float64{}
		for range 400 {
			var c choice
			c.begin(request, route)
			place, _ := c.next(c.look(clock()), clock())
			fell[place]++
		}
		first := plan.Steps[0]
		if first.Standing != Ready && first.Standing != Incapable {
			if fell[-1] != 400 {
				t.Fatalf("planned %q, taken %v", tellPlan(plan), fell)
			}
			continue
		}
		if fell[first.Place] == 0 {
			t.Fatalf("planned %q, taken %v", tellPlan(plan), fell)
		}
		if first.Standing == Ready && math.Abs(fell[first.Place]/400-first.Chance) > 5*0.5/20 {
			t.Fatalf("%s: planned %q, taken %v", route.Strategy, tellPlan(plan), fell)
		}
	}
}

func TestAPlanTakesNothing(t *testing.T) {
	route := routeTo(t, &place{scripts: []*script{nil}}, &place{scripts: []*script{nil}})
	route.Hedge, route.Hedges = &config.Hedge{After: 1, MaxExtraPercent: 50}, &HedgeBudget{}
	for range 4 {
		route.Hedges.Request(50)
	}
	limits := config.Quota{
		Requests: []config.RequestLimit{{Count: 2, Per: config.Duration(time.Hour), Burst: 2}}, Concurrency: 2, QueueTimeout: wait,
	}
	for i := range route.Targets {
		route.Targets[i].Account.Quota.Use(limits)
	}
	for range 100 {
		if plan := asked(t, plain).Plan(route); plan.Hedge != 1 || plan.Refused != nil {
			t.Fatalf("got %+v", plan)
		}
	}
	if left := route.Hedges.hundredths.Load(); left != 200 {
		t.Errorf("%d hundredths of a hedge are left", left)
	}
	for i := range route.Targets {
		at := &route.Targets[i]
		if sight := at.Account.Quota.Sight(clock()); sight != (quota.Sight{}) || at.Vital.Load.InFlight() != 0 {
			t.Errorf("in flight: %+v, %d", sight, at.Vital.Load.InFlight())
		}
		for range 2 {
			if _, _, ok := at.Vital.Quota.Take(clock(), 1, nil); !ok {
				t.Error("a request of the quota is gone")
			}
		}
		for range 3 {
			if !at.Account.Retries.Retry(clock(), 0) {
				t.Error("a retry is gone")
			}
		}
	}
}
