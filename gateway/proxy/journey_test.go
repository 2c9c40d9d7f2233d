// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/quota"
	"github.com/sparkgateway/spark/gateway/telemetry"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// place is a target whose provider does one thing after another, the last again and again. A nil script refuses
// connections.
type place struct {
	kind    config.ProviderType
	scripts []*script
	tier    int64
	retry   config.Retry
	breaker config.Breaker
	max     int64

	asked atomic.Int64
	all   chan *http.Request
	texts chan string
}

func (p *place) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n := int(p.asked.Add(1)) - 1
	s := p.scripts[min(n, len(p.scripts)-1)]
	if s == nil {
		return nil, errors.New("connection refused")
	}
	one := *s
	one.received, one.bodies = p.all, p.texts
	return one.dial(ctx, network, address)
}

// everything is all that a request is tried again for.
var everything = config.RetryConditions

// once, twice and thrice try a target so often.
func times(n int64) config.Retry {
	return config.Retry{Attempts: n, Backoff: 1, MaxBackoff: config.Duration(time.Second), On: everything, BudgetPercent: 20}
}

// routeTo makes a route of places.
func routeTo(t testing.TB, places ...*place) *Route {
	t.Helper()
	route := &Route{ID: "ns/route", Strategy: config.Weighted}
	for i, p := range places {
		p.all, p.texts = make(chan *http.Request, 100), make(chan string, 100)
		if p.kind == "" {
			p.kind = config.OpenAI
		}
		if p.retry.Attempts == 0 {
			p.retry = times(1)
		}
		if p.breaker.Probes == 0 {
			p.breaker = patient
		}
		id := fmt.Sprintf("ns/p%d", i)
		made, err := provider.New(&config.Provider{
			ID: id, Name: fmt.Sprintf("p%d", i), Type: p.kind, Endpoint: fmt.Sprintf("http://p%d.example", i),
			Timeouts: config.Timeouts{Connect: wait, FirstToken: wait, BetweenTokens: wait, Total: 20 * wait},
		}, config.NewSecret(fmt.Sprintf("secret-%d", i)), "1")
		if err != nil {
			t.Fatal(err)
		}
		pools := upstream.NewPools(p.dial)
		t.Cleanup(pools.Close)
		target := at(made, pools)
		target.Tier, target.Retry, target.MaxTokens = p.tier, &p.retry, p.max
		target.Model, target.Quoted = fmt.Sprintf("up%d", i), fmt.Appendf(nil, `"up%d"`, i)
		target.PathModel = made.PathModel(target.Model)
		target.Vital.Breaker = breaker.New(p.breaker, nil, nil)
		route.Targets = append(route.Targets, target)
	}
	return route
}

// travel takes a request along a route.
func travel(t testing.TB, route *Route, body string) *run {
	t.Helper()
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	r.travel(route, body)
	return r
}

func (r *run) travel(route *Route, body string) {
	r.t.Helper()
	var asked dialect.Request
	if err := asked.Decode(dialect.Chat, []byte(body)); err != nil {
		r.t.Fatal(err)
	}
	r.ex = exchange.Exchange{Start: time.Now(), Stream: asked.Stream, Model: asked.Model}
	r.refused = r.journey.Do(Request{
		Exchange: &r.ex, Operation: exchange.Chat, Asked: &asked, Body: []byte(body), Fields: fields{}, Guard: r.guard, Clock: clock,
		KeepAlive: r.keepAlive, Observe: r.observer, Only: r.only,
	}, route)
	switch {
	case r.refused != nil:
		blame(&r.ex.Attempt, r.refused)
	case r.journey.Answer.Streamed():
		_, r.relay = r.journey.WriteTo(&r.out)
	default:
		r.out.Write(r.journey.Answer.Body())
	}
	r.finish()
}

// tries says what was tried, in order: where, why, and how it ended.
func (r *run) tries() (told []string) {
	for _, a := range append(append([]exchange.Attempt(nil), r.ex.Tried...), r.ex.Attempt) {
		if a.Provider != "" {
			told = append(told, strings.Join([]string{strings.TrimPrefix(a.Provider, "ns/"), a.Kind.String(), a.Outcome.String()}, " "))
		}
	}
	return told
}

func answering(text string) *script {
	return whole(200, "application/json", `{"choices":[{"message":{"content":"`+text+`"}}],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}`)
}

func refusing(status int, head string) *script {
	body := `{"error":{"message":"no","type":"x"}}`
	return &script{pieces: []string{fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", status, head, len(body), body)}}
}

func saying(text string) *script { return chunks(delta(text), usageEvent, doneEvent) }

func TestARequestGoesOnUntilATargetAnswers(t *testing.T) {
	silent := &script{hang: true}
	tests := map[string]struct {
		places []*place
		body   string
		want   []string
		status int
		out    string // part of the answer
	}{
		"the first answers": {
			places: []*place{{scripts: []*script{answering("a")}}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first ok"}, status: 200, out: `"a"`,
		},
		"a provider that is not there": {
			places: []*place{{scripts: []*script{nil}}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_unreachable", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"a provider that fails": {
			places: []*place{{scripts: []*script{refusing(503, "")}}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_failed", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"a connection that breaks": {
			places: []*place{{scripts: []*script{{}}}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_broken", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"an answer that is none": {
			places: []*place{{scripts: []*script{whole(200, "application/json", "nope")}}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_broken", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"a provider that has had enough": {
			places: []*place{{scripts: []*script{refusing(429, "")}}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_refused", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"a credential that is not accepted": {
			places: []*place{{scripts: []*script{refusing(401, "")}, retry: times(3)}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_failed", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"a model that the provider does not know": {
			places: []*place{{scripts: []*script{refusing(404, "")}, retry: times(3)}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_refused", "p1 failover ok"}, status: 200, out: `"b"`,
		},
		"a request that the provider refuses stays refused": {
			places: []*place{{scripts: []*script{refusing(400, "")}, retry: times(3)}, {scripts: []*script{answering("b")}, tier: 1}},
			want:   []string{"p0 first provider_refused"}, status: 400, out: `"no"`,
		},
		"a stream without a first token": {
			body:   stream,
			places: []*place{{scripts: []*script{silent}}, {scripts: []*script{saying("b")}, tier: 1}},
			want:   []string{"p0 first provider_timeout", "p1 failover ok"}, status: 200, out: "b",
		},
		"a stream that begins with an error": {
			body:   stream,
			places: []*place{{scripts: []*script{chunks(`data: {"error":{"message":"overloaded"}}` + "\n\n")}}, {scripts: []*script{saying("b")}, tier: 1}},
			want:   []string{"p0 first provider_failed", "p1 failover ok"}, status: 200, out: "b",
		},
		"a stream that begins goes nowhere else": {
			body:   stream,
			places: []*place{{scripts: []*script{chunks(delta("a"))}, retry: times(3)}, {scripts: []*script{saying("b")}, tier: 1}},
			want:   []string{"p0 first provider_broken"}, status: 200, out: "upstream_truncated",
		},
		"the same again": {
			places: []*place{{scripts: []*script{refusing(500, ""), nil, answering("a")}, retry: times(3)}},
			want:   []string{"p0 first provider_failed", "p0 retry provider_unreachable", "p0 retry ok"}, status: 200, out: `"a"`,
		},
		"no more often than allowed": {
			places: []*place{{scripts: []*script{refusing(500, "")}, retry: times(2)}},
			want:   []string{"p0 first provider_failed", "p0 retry provider_failed"}, status: 500, out: `"no"`,
		},
		"others of the tier first, then the same, then the next tier": {
			places: []*place{
				{scripts: []*script{refusing(500, "")}, retry: times(2)}, {scripts: []*script{refusing(500, "")}, retry: times(1)},
				{scripts: []*script{answering("c")}, tier: 1},
			},
			want: []string{"", "", "", "p2 failover ok"}, status: 200, out: `"c"`,
		},
		"one that timed out comes last": {
			body:   stream,
			places: []*place{{scripts: []*script{silent, saying("a")}, retry: times(2)}, {scripts: []*script{refusing(500, "")}, tier: 1}},
			want:   []string{"p0 first provider_timeout", "p1 failover provider_failed", "p0 retry ok"}, status: 200, out: "a",
		},
		"all fail: the last one's answer": {
			places: []*place{{scripts: []*script{nil}}, {scripts: []*script{refusing(503, "")}, tier: 1}},
			want:   []string{"p0 first provider_unreachable", "p1 failover provider_failed"}, status: 503, out: `"no"`,
		},
		"a condition that is not to be tried again": {
			places: []*place{
				{scripts: []*script{refusing(503, "")}, retry: config.Retry{Attempts: 3, Backoff: 1, MaxBackoff: 1, On: []config.RetryCondition{config.RetryTimeout}}},
				{scripts: []*script{answering("b")}, tier: 1},
			},
			want: []string{"p0 first provider_failed"}, status: 503, out: `"no"`,
		},
		"a target that cannot give so many tokens": {
			body:   `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"a"}]}`,
			places: []*place{{scripts: []*script{answering("a")}, max: 10}, {scripts: []*script{answering("b")}, tier: 1, max: 1000}},
			want:   []string{"p1 first ok"}, status: 200, out: `"b"`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.body == "" {
				tc.body = plain
			}
			r := travel(t, routeTo(t, tc.places...), tc.body)
			got := r.tries()
			for i, w := range tc.want {
				if w == "" && i < len(got) {
					got[i] = "" // by chance
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("tries (-want +got):\n%s", diff)
			}
			if r.ex.Status != tc.status || !strings.Contains(cutError(r.out.String()), tc.out) {
				t.Errorf("status %d, %q, refused %v", r.ex.Status, r.out.String(), r.refused)
			}
		})
	}
}

func TestNothingOfOneAttemptReachesTheNext(t *testing.T) {
	first, second := &place{scripts: []*script{refusing(500, "")}}, &place{kind: config.Anthropic, tier: 1, scripts: []*script{
		whole(200, "application/json", `{"type":"message","role":"assistant","content":[{"type":"text","text":"b"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`),
	}}
	body := `{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":7}`
	r := travel(t, routeTo(t, first, second), body)
	if r.ex.Status != 200 {
		t.Fatalf("status %d: %s", r.ex.Status, r.out.String())
	}
	one, two := <-first.all, <-second.all
	if got := one.Header.Get("Authorization"); got != "Bearer secret-0" {
		t.Errorf("the first was sent %q", got)
	}
	for name, values := range two.Header {
		for _, v := range values {
			if strings.Contains(v, "secret-0") || name == "Authorization" {
				t.Errorf("the second was sent %s: %s", name, v)
			}
		}
	}
	if got := two.Header.Get("X-Api-Key"); got != "secret-1" || two.URL.Path != "/v1/messages" {
		t.Errorf("the second was sent %q at %s", got, two.URL.Path)
	}
	if got := <-first.texts; !strings.Contains(got, `"model":"up0"`) {
		t.Errorf("the first was sent %s", got)
	}
	if got := <-second.texts; !strings.Contains(got, `"model":"up1"`) || !strings.Contains(got, `"max_tokens":7`) || strings.Contains(got, "up0") {
		t.Errorf("the second was sent %s", got)
	}
}

func TestAnOpenBreakerIsPassedOver(t *testing.T) {
	quick := config.Breaker{ConsecutiveFailures: 2, FailurePercent: 100, MinRequests: 100, Window: config.Duration(time.Minute), OpenFor: config.Duration(time.Minute), Probes: 1}
	down, up := &place{scripts: []*script{nil}, breaker: quick}, &place{scripts: []*script{answering("b")}, tier: 1, breaker: quick}
	route := routeTo(t, down, up)
	for range 5 {
		if r := travel(t, route, plain); r.ex.Status != 200 {
			t.Fatalf("status %d", r.ex.Status)
		}
	}
	if n := down.asked.Load(); n != 2 {
		t.Errorf("the provider was asked %d times, want the breaker's two", n)
	}
	up.scripts = []*script{nil}
	for range 2 {
		travel(t, route, plain)
	}
	r := travel(t, route, plain)
	if r.refused == nil || r.refused.Status != 503 || r.refused.Reason != exchange.ReasonBreakerOpen || r.refused.RetryAfter <= 0 || r.refused.RetryAfter > time.Minute {
		t.Errorf("with every breaker open: %+v", r.refused)
	}
	if len(r.tries()) != 0 {
		t.Errorf("tried %v", r.tries())
	}
}

func TestARouteWithoutTargetsRefuses(t *testing.T) {
	r := travel(t, &Route{ID: "ns/route"}, plain)
	if r.refused == nil || r.refused.Status != 503 || r.refused.Reason != exchange.ReasonNoTarget {
		t.Errorf("%+v", r.refused)
	}
}

func TestATargetIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	tests := map[string]struct {
		header   string
		attempts int64
		want     []string
		least    time.Duration
	}{
		"a while that is worth waiting for":   {"Retry-After-Ms: 80\r\n", 2, []string{"p0 first provider_refused", "p0 retry ok"}, 80 * time.Millisecond},
		"a while that is not":                 {"Retry-After: 30\r\n", 2, []string{"p0 first provider_refused"}, 0},
		"a while, and no attempt is left":     {"Retry-After-Ms: 80\r\n", 1, []string{"p0 first provider_refused"}, 0},
		"nobody asked: the backoff's moments": {"", 2, []string{"p0 first provider_refused", "p0 retry ok"}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &place{scripts: []*script{refusing(429, tc.header), answering("a")}, retry: times(tc.attempts)}
			route := routeTo(t, p)
			began := time.Now()
			r := travel(t, route, plain)
			if diff := cmp.Diff(tc.want, r.tries()); diff != "" || time.Since(began) < tc.least {
				t.Errorf("after %s (-want +got):\n%s", time.Since(began), diff)
			}
			out := route.Targets[0].Vital.Breaker.Wait(clock())
			if asked := tc.header == "Retry-After: 30\r\n"; asked != (out > 29*time.Second) {
				t.Errorf("the target is out for %s", out)
			}
		})
	}
}

func TestRetriesHaveABudget(t *testing.T) {
	p := &place{scripts: []*script{refusing(500, "")}, retry: times(2)}
	route := routeTo(t, p)
	const requests = 40
	for range requests {
		travel(t, route, plain)
	}
	// A fifth of the requests so far, three at least.
	if retries := p.asked.Load() - requests; retries != requests*20/100 {
		t.Errorf("%d retries of %d requests", retries, requests)
	}
}

func TestOnlyTheOwnersOfIDsAreAsked(t *testing.T) {
	first, second := &place{scripts: []*script{answering("a")}}, &place{scripts: []*script{nil}, tier: 1}
	r := &run{t: t, guard: &guard{}, journey: &Journey{}, only: 1 << 1}
	r.travel(routeTo(t, first, second), plain)
	if diff := cmp.Diff([]string{"p1 first provider_unreachable"}, r.tries()); diff != "" {
		t.Error(diff)
	}
}

func TestAStreamThatOnlySaidThatItLivesGoesElsewhere(t *testing.T) {
	slow, next := &place{scripts: []*script{{pieces: []string{streamHead}, hang: true}}}, &place{scripts: []*script{saying("b")}, tier: 1}
	r := &run{t: t, guard: &guard{}, journey: &Journey{}, keepAlive: 20 * time.Millisecond}
	r.travel(routeTo(t, slow, next), stream)
	got := r.out.String()
	if !strings.HasPrefix(got, ": keep-alive\n\n") || !strings.HasSuffix(got, delta("b")+doneEvent) || r.relay != nil {
		t.Errorf("relay %v, got %q", r.relay, got)
	}
	if diff := cmp.Diff([]string{"p0 first provider_timeout", "p1 failover ok"}, r.tries()); diff != "" {
		t.Error(diff)
	}
}

func TestAStreamThatOnlySaidThatItLivesAndHasNowhereToGoSaysSo(t *testing.T) {
	slow := &place{scripts: []*script{{pieces: []string{streamHead}, hang: true}}}
	for name, last := range map[string]*script{"no answer": nil, "an error": refusing(503, "")} {
		t.Run(name, func(t *testing.T) {
			r := &run{t: t, guard: &guard{}, journey: &Journey{}, keepAlive: 20 * time.Millisecond}
			r.travel(routeTo(t, slow, &place{scripts: []*script{last}, tier: 1}), stream)
			got := strings.TrimLeft(strings.ReplaceAll(r.out.String(), ": keep-alive\n\n", ""), "\n")
			if r.relay == nil || !strings.HasPrefix(got, `data: {"error":`) || r.ex.Outcome == exchange.OK {
				t.Errorf("relay %v, outcome %s, got %q", r.relay, r.ex.Outcome, got)
			}
			if got := r.tries(); len(got) != 2 {
				t.Errorf("tried %v", got)
			}
		})
	}
}

func TestAClientThatLeavesEndsAWait(t *testing.T) {
	long := config.Retry{Attempts: 2, Backoff: 1, MaxBackoff: config.Duration(time.Hour), On: everything}
	p := &place{scripts: []*script{refusing(429, "Retry-After: 600\r\n")}, retry: long}
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	route := routeTo(t, p)
	go func() {
		<-p.texts
		r.guard.leave(false)
	}()
	r.travel(route, plain)
	if n := p.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	r.travel(route, plain)
	if r.refused == nil || r.refused.Outcome != exchange.ClientGone {
		t.Errorf("a client that is gone is served: %+v", r.refused)
	}
}

func TestARequestWaitsWhereEveryTargetIsFull(t *testing.T) {
	for name, tc := range map[string]struct {
		queue int64
		want  telemetry.WaitResult
	}{"in the queue": {1, telemetry.WaitServed}, "with a queue that is full": {0, telemetry.WaitFull}} {
		t.Run(name, func(t *testing.T) {
			p := &place{scripts: []*script{{hang: true}, answering("b")}}
			route := routeTo(t, p)
			one := quota.New(config.Quota{Concurrency: 1, QueueLength: tc.queue, QueueTimeout: config.Duration(10 * time.Second)})
			route.Targets[0].Account.Quota, route.Targets[0].Vital.Quota = one, one.Target()
			first := &run{t: t, guard: &guard{}, journey: &Journey{}}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				first.travel(route, plain)
			}()
			<-p.texts
			second := &run{t: t, guard: &guard{}, journey: &Journey{}, observer: &watched{}}
			if tc.want == telemetry.WaitServed {
				time.AfterFunc(20*time.Millisecond, func() { first.guard.leave(false) })
			}
			second.travel(route, plain)
			first.guard.leave(false)
			<-ended
			if got := second.observer.(*watched).waits; len(got) != 1 || got[0] != tc.want {
				t.Errorf("waited %v, want %v", got, tc.want)
			}
			served := second.refused == nil && second.ex.Status == 200
			refused := second.refused != nil && second.refused.Status == 429 && second.refused.Reason == exchange.ReasonProviderQuota
			if served != (tc.want == telemetry.WaitServed) || refused == served {
				t.Errorf("refused %+v, status %d", second.refused, second.ex.Status)
			}
		})
	}
}

// watched is an Observer that remembers.
type watched struct {
	waits  []telemetry.WaitResult
	hedges []telemetry.HedgeResult
}

func (w *watched) Waited(result telemetry.WaitResult)  { w.waits = append(w.waits, result) }
func (w *watched) Hedged(result telemetry.HedgeResult) { w.hedges = append(w.hedges, result) }
