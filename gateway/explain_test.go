// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
)

// explained is a document with a provider of each kind of pass, keys, limits and routes.
func explained() *config.Document {
	doc := fullPolicy("127.0.0.1:1")
	core := &doc.Core
	core.Gateway.Limits.Requests = []config.RequestLimit{{Count: 60, Per: config.Duration(time.Minute), Burst: 3}}
	core.Gateway.PerIP.Requests = core.Gateway.Limits.Requests
	other := core.Providers[0]
	other.ID, other.Name, other.Type, other.Endpoint = "default/a", "a", config.Anthropic, "http://127.0.0.1:2"
	other.Timeouts.FirstToken = config.Duration(3 * time.Second)
	core.Providers = append(core.Providers, other)
	core.Models = []config.Model{
		{Name: "p/m", Provider: "default/p", Upstream: "m-up", Price: &config.Price{Input: 1e6, Output: 10e6}},
		{Name: "m", Provider: "default/p", Upstream: "m-up", Price: &config.Price{Input: 1e6, Output: 10e6}},
		{Name: "a/c", Provider: "default/a", Upstream: "c-up", MaxOutputTokens: 1000},
		{Name: "c", Provider: "default/a", Upstream: "c-up", MaxOutputTokens: 1000},
	}
	m := config.Target{Provider: "default/p", Model: "m", Upstream: "m-up", Weight: 3, Price: core.Models[0].Price}
	c := config.Target{Provider: "default/a", Model: "c", Upstream: "c-up", Weight: 1, MaxOutputTokens: 1000}
	later := c
	later.Tier = 1
	core.Routes = []config.Route{
		{ID: "default/gold", Models: []string{"smart"}, Headers: []config.Header{{Name: "X-Tier", Value: "gold"}}, Strategy: config.Weighted,
			Targets: []config.Target{c}},
		{ID: "default/smart", Models: []string{"smart", "gpt-*"}, Strategy: config.Weighted, Targets: []config.Target{m, later},
			Hedge: &config.Hedge{After: config.Duration(time.Second), MaxExtraPercent: 5}, Mirror: &config.Mirror{Target: c, Percent: 10}},
		{ID: "default/shared", Models: []string{"shared"}, Strategy: config.Weighted, Affinity: "Header:X-Session", Targets: []config.Target{m, c}},
		{ID: "default/any", Models: []string{"*art"}, Strategy: config.LowestCost, Targets: []config.Target{m}},
		{ID: "default/nowhere", Models: []string{"nowhere"}, Strategy: config.Weighted},
	}
	doc.Keys = append(doc.Keys, config.Key{ID: "team/k", User: "v", Digest: config.DigestKey("another-key"), Master: true,
		Limits: config.Limits{Requests: []config.RequestLimit{{Count: 7, Per: config.Duration(time.Second), Burst: 7}}}},
		config.Key{ID: "default/b", User: "b", Digest: config.DigestKey("third-key")})
	return doc
}

// recount writes an explanation in sentences.
func recount(e config.Explanation) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, r := range e.Refusals {
		say("told %d %s %s", r.Status, r.Reason, r.Field)
	}
	if r := e.Route; r != nil {
		say("route %s%s by %s %s, %s%s", r.ID, r.Model, r.By, r.Name, r.Strategy, map[bool]string{true: ", sticky"}[r.Sticky])
		if r.Hedge != nil {
			say("hedge to %d", r.HedgeTo)
		}
		if r.Mirror != "" {
			say("mirror %d%% to %s", r.MirrorPercent, r.Mirror)
		}
	}
	for _, c := range e.PassedOver {
		say("passed over %s%s, lacks %s", c.ID, c.Model, c.Lacks)
	}
	for _, c := range e.LessSpecific {
		say("less specific %s%s by %s", c.ID, c.Model, c.By)
	}
	for _, t := range e.Targets {
		how := "as it is"
		switch {
		case t.Translated:
			how = "translated"
		case t.Edited:
			how = "edited"
		}
		say("%s %.0f%% %s/%s→%s in %s, %s", t.Standing, 100*t.Chance, t.Provider, t.Model, t.Upstream, t.Wire, how)
		if t.Refusal != nil {
			say("  cannot: %s %s", t.Refusal.Reason, t.Refusal.Field)
		}
	}
	return lines
}

const question = `{"model":"%s","messages":[{"role":"user","content":"How much is it?"}]}`

func ask(model string) config.ExplainRequest {
	return config.ExplainRequest{Body: fmt.Appendf(nil, question, model)}
}

func TestExplain(t *testing.T) {
	withHeader := func(q config.ExplainRequest, name, value string) config.ExplainRequest {
		q.Headers = append(q.Headers, config.Header{Name: name, Value: value})
		return q
	}
	smart := []string{
		"route default/smart by name smart, Weighted", "hedge to 2", "mirror 10% to default/a/c", "passed over default/gold, lacks X-Tier: gold",
		"less specific default/any by pattern",
		"ready 100% default/p/m→m-up in openai, edited", "ready 100% default/a/c→c-up in anthropic, translated",
	}
	tests := map[string]struct {
		ask  config.ExplainRequest
		want []string
	}{
		"a route by its name": {ask("smart"), smart},
		"a route by a header": {withHeader(ask("smart"), "x-tier", "gold"), []string{
			"route default/gold by name smart, Weighted", "less specific default/smart by name", "less specific default/any by pattern",
			"ready 100% default/a/c→c-up in anthropic, translated",
		}},
		"a route by a pattern": {ask("gpt-4o"), []string{
			"route default/smart by pattern gpt-*, Weighted", "hedge to 2", "mirror 10% to default/a/c",
			"ready 100% default/p/m→m-up in openai, edited", "ready 100% default/a/c→c-up in anthropic, translated",
		}},
		"a model's own name": {ask("m"), []string{
			"route p/m by model , Weighted", "ready 100% default/p/m→m-up in openai, edited",
		}},
		"a model's own name with its provider's": {ask("a/c"), []string{
			"route a/c by provider/model , Weighted", "ready 100% default/a/c→c-up in anthropic, translated",
		}},
		"a route with an affinity that the request has": {withHeader(ask("shared"), "X-Session", "1"), []string{
			"route default/shared by name shared, Weighted, sticky",
			"ready 100% default/p/m→m-up in openai, edited", "ready 100% default/a/c→c-up in anthropic, translated",
		}},
		"a route with an affinity that the request has not": {ask("shared"), []string{
			"route default/shared by name shared, Weighted",
			"ready 75% default/p/m→m-up in openai, edited", "ready 100% default/a/c→c-up in anthropic, translated",
		}},
		"a name that leads nowhere": {ask("none"), []string{"told 404 model_not_found model"}},
		"a route without targets": {ask("nowhere"), []string{
			"told 503 no_target ", "route default/nowhere by name nowhere, Weighted",
		}},
		"what one target cannot say another may": {config.ExplainRequest{Body: []byte(
			`{"model":"shared","messages":[{"role":"user","content":"x"}],"logit_bias":{"1":1}}`)}, []string{
			"route default/shared by name shared, Weighted",
			"ready 75% default/p/m→m-up in openai, edited", "incapable 0% default/a/c→c-up in anthropic, translated",
			"  cannot: untranslatable_field logit_bias",
		}},
		"an answer that is too long for the only target": {config.ExplainRequest{Body: []byte(
			`{"model":"c","messages":[{"role":"user","content":"x"}],"max_tokens":2000}`)}, []string{
			"told 400 max_output_tokens max_tokens", "route a/c by model , Weighted",
			"incapable 0% default/a/c→c-up in anthropic, translated", "  cannot: max_output_tokens max_tokens",
		}},
		"another dialect": {config.ExplainRequest{Path: "/v1/messages", Body: []byte(
			`{"model":"shared","max_tokens":10,"messages":[{"role":"user","content":"x"}]}`)}, []string{
			"route default/shared by name shared, Weighted",
			"ready 75% default/p/m→m-up in openai, translated", "ready 100% default/a/c→c-up in anthropic, edited",
		}},
		"a model in the path": {config.ExplainRequest{Path: "/v1beta/models/m:generateContent", Body: []byte(
			`{"contents":[{"parts":[{"text":"x"}]}]}`)}, []string{
			"route p/m by model , Weighted", "ready 100% default/p/m→m-up in openai, translated",
		}},
		"what no target can do": {config.ExplainRequest{Path: "/v1/audio/speech", Body: []byte(`{"model":"c","input":"x","voice":"y"}`)}, []string{
			"told 404 unsupported_by_provider ", "route a/c by model , Weighted", "incapable 0% default/a/c→c-up in , as it is",
			"  cannot: unsupported_by_provider ",
		}},
		"a session": {config.ExplainRequest{Path: "/v1/realtime?model=m"}, []string{
			"route p/m by model , Weighted", "ready 100% default/p/m→m-up in openai, as it is",
		}},
		"what a provider keeps": {config.ExplainRequest{Path: "/v1/files", Method: "GET"}, []string{
			"ready 100% default/p/→ in openai, as it is",
		}},
		"what the gateway answers itself": {config.ExplainRequest{Path: "/v1/models"}, nil},
		"a path that there is not":        {config.ExplainRequest{Path: "/v2/chat"}, []string{"told 404 unknown_url "}},
		"a method that there is not":      {config.ExplainRequest{Method: "PUT"}, []string{"told 405 method_not_allowed "}},
		"a body that is none":             {config.ExplainRequest{Body: []byte("hello")}, []string{"told 400 invalid_body "}},
		"a body in a coding that nobody reads": {withHeader(ask("m"), "Content-Encoding", "compress"), []string{
			"told 415 unsupported_content_encoding ", "route p/m by model , Weighted", "ready 100% default/p/m→m-up in openai, edited",
		}},
		"a header that is too large": {withHeader(ask("m"), "X-Large", strings.Repeat("x", 20_000)), []string{
			"told 431 header_too_large ", "route p/m by model , Weighted", "ready 100% default/p/m→m-up in openai, edited",
		}},
		"a key that is not known": {withHeader(ask("m"), "Authorization", "Bearer guess"), []string{
			"told 401 invalid_api_key ", "route p/m by model , Weighted", "ready 100% default/p/m→m-up in openai, edited",
		}},
	}
	s := serve(t, explained())
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.Explain(tc.ask)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, recount(got)); diff != "" {
				t.Error(diff)
			}
			if got.Cache != "not configured" || got.Sanitizer != "not configured" {
				t.Errorf("cache %q, sanitizer %q", got.Cache, got.Sanitizer)
			}
		})
	}
}

func TestExplainSaysWhoseRequestItIs(t *testing.T) {
	s := serve(t, explained())
	bearer := []config.Header{{Name: "authorization", Value: "Bearer another-key"}}
	tests := map[string]struct {
		key     string
		headers []config.Header
		want    *config.ExplainedKey
		wrong   string
	}{
		"the first by name":          {want: &config.ExplainedKey{ID: "default/b", User: "b", Role: "User", Found: "first", Of: 3}},
		"the one in the header":      {headers: bearer, want: &config.ExplainedKey{ID: "team/k", User: "v", Role: "Master", Found: "inHeader", Of: 3}},
		"the one that is named":      {key: "team/k", want: &config.ExplainedKey{ID: "team/k", User: "v", Role: "Master", Found: "named", Of: 3}},
		"named, whatever the header": {key: "default/k", headers: bearer, want: &config.ExplainedKey{ID: "default/k", User: "u", Role: "User", Found: "named", Of: 3}},
		"by half of its name":        {key: "b", want: &config.ExplainedKey{ID: "default/b", User: "b", Role: "User", Found: "named", Of: 3}},
		"by half of two names":       {key: "k", wrong: `key: "k" is one of default/k, team/k`},
		"by a name of none":          {key: "none", wrong: `key: this gateway has no key "none"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.Explain(config.ExplainRequest{Key: tc.key, Headers: tc.headers, Body: ask("m").Body})
			if diff := cmp.Diff(tc.want, got.Key); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (tc.wrong != "") || err != nil && err.Error() != tc.wrong {
				t.Errorf("got %v, want %q", err, tc.wrong)
			}
		})
	}
}

func TestExplainRefusesQuestionsThatAreNone(t *testing.T) {
	tests := map[string]struct {
		ask  config.ExplainRequest
		want string
	}{
		"a path without its slash":  {config.ExplainRequest{Path: "v1"}, "path: it begins with / and holds no space"},
		"a path with a line break":  {config.ExplainRequest{Path: "/v1\r\nX: y"}, "path: it begins with / and holds no space"},
		"a method that is none":     {config.ExplainRequest{Method: "get"}, "method: it is one such as POST or GET"},
		"a header without a name":   {config.ExplainRequest{Headers: []config.Header{{Value: "x"}}}, `headers[0]: name "" is not a header name in canonical form`},
		"a value with a line break": {config.ExplainRequest{Headers: []config.Header{{Name: "X"}, {Name: "Y", Value: "x\ny"}}}, "headers[1]: the value of Y holds control characters"},
	}
	s := serve(t, explained())
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Explain(tc.ask); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := NewServer(Options{}).Explain(config.ExplainRequest{}); !errors.Is(err, ErrNoConfiguration) {
		t.Errorf("before the first document: %v", err)
	}
}

func TestExplainTellsLimitsAndTakesNone(t *testing.T) {
	s := serve(t, explained())
	left := func(n int64) *int64 { return &n }
	want := []config.ExplainedLimit{
		{Scope: "ip", Of: "requests", Limit: 60, Per: config.Duration(time.Minute), Burst: 3},
		{Scope: "gateway", Holder: "key/team/k", Of: "requests", Limit: 60, Per: config.Duration(time.Minute), Burst: 3, Remaining: left(3)},
		{Scope: "key", Holder: "key/team/k", Of: "requests", Limit: 7, Per: config.Duration(time.Second), Burst: 7, Remaining: left(7)},
	}
	explain := func() config.Explanation {
		t.Helper()
		q := ask("m")
		q.Key = "team/k"
		got, err := s.Explain(q)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 50 {
		if got := explain(); len(got.Refusals) > 0 || cmp.Diff(want, got.Limits) != "" {
			t.Fatal(got.Refusals, cmp.Diff(want, got.Limits))
		}
	}
	holding := s.snapshot.Load().rules.of(&exchange.Principal{ID: "team/k", Index: 1}, nil)
	for range 3 {
		var charge limit.Charge
		if !charge.Admit(s.living.clock(), holding.parts, &exchange.Decision{}) {
			t.Fatal("refused too early")
		}
		charge.Settle(s.living.clock(), exchange.Use{}, false)
	}
	got := explain()
	want[1].Remaining, want[1].Reset = left(0), config.Duration(3*time.Second)
	want[2].Remaining, want[2].Reset = left(4), config.Duration(428_571_429)
	if diff := cmp.Diff(want, got.Limits); diff != "" {
		t.Error(diff)
	}
	refused := []config.ExplainedRefusal{{
		Status: 429, Reason: "request_limit", RetryAfter: config.Duration(time.Second),
		Message: "Rate limit reached for requests of this key. Limit: 60 each 1m0s. Please try again in 1s.",
	}}
	if diff := cmp.Diff(refused, got.Refusals); diff != "" || len(got.Targets) != 1 {
		t.Error("it goes on to say where the request would go:", diff, got.Targets)
	}
}

func TestExplainTellsTheStateOfTargets(t *testing.T) {
	doc := explained()
	doc.Core.Providers[0].Quota = config.Quota{Concurrency: 1, QueueLength: 5, QueueTimeout: config.Duration(time.Second)}
	s := serve(t, doc)
	p, a := &s.snapshot.Load().ways[2].Targets[0], &s.snapshot.Load().ways[2].Targets[1]
	explain := func(model string) config.Explanation {
		t.Helper()
		got, err := s.Explain(ask(model))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	now := s.living.clock()
	a.Vital.Breaker.Pause(now, time.Minute)
	p.Vital.Load.Begin()
	p.Vital.Load.Observe(now, 200*time.Millisecond, false)
	got := explain("shared")
	first, second := got.Targets[0], got.Targets[1]
	if first.Standing != "ready" || first.Chance != 1 || first.InFlight != 1 || first.Latency != config.Duration(200*time.Millisecond) {
		t.Errorf("got %+v", first)
	}
	if first.Cost != "0.005008" || got.Tokens.Answer != 500 || got.Tokens.Prompt != 8 || got.Tokens.Reserved != 8 {
		t.Errorf("costs %s for %+v", first.Cost, got.Tokens)
	}
	if first.Timeouts.FirstToken != first.Timeouts.Total || first.Retry.Attempts != 2 || first.Quota.QueueLength != 5 || second.Cost != "" {
		t.Errorf("got %+v", first)
	}
	want := &config.BreakerState{
		Model: "c", State: config.BreakerOpen, Reason: "429, asked to wait 1m", Since: s.living.since(now).UTC(),
		Until: s.living.since(now).Add(time.Minute).UTC(),
	}
	if diff := cmp.Diff(want, second.Breaker); diff != "" || second.Standing != "out" {
		t.Error(second.Standing, diff)
	}
	_, _, _ = p.Vital.Quota.Take(now, 1, nil)
	if got := explain("shared"); got.Targets[0].Standing != "full" || got.Targets[0].ProviderInFlight != 1 || len(got.Refusals) > 0 {
		t.Errorf("it may wait: %+v, %+v", got.Targets[0], got.Refusals)
	}
	p.Account.Quota.Use(config.Quota{Concurrency: 1})
	s.snapshot.Load().providers[0].settings.Quota.QueueLength = 0
	if got := explain("shared"); len(got.Refusals) != 1 || got.Refusals[0].Reason != "provider_quota" {
		t.Errorf("it may not wait: %+v", got.Refusals)
	}
	s.clock.advance(2 * time.Minute)
	if sight := a.Vital.Breaker.Look(s.living.clock()); sight.State != breaker.Closed {
		t.Errorf("the pause is over, and nothing else had happened: %+v", sight)
	}
}

func TestExplainIsNotCountedAndHoldsNoSecret(t *testing.T) {
	s := serve(t, explained())
	before := gathered(t, s)
	q := ask("smart")
	q.Headers = []config.Header{{Name: "Authorization", Value: "Bearer another-key"}, {Name: "X-Session", Value: "confidential"}}
	got, err := s.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"sk-provider", "another-key", "confidential", "How much", config.DigestKey("another-key").String()} {
		if strings.Contains(string(encoded), secret) {
			t.Errorf("%s holds %s", encoded, secret)
		}
	}
	if diff := cmp.Diff(before, gathered(t, s)); diff != "" {
		t.Error("metrics changed:", diff)
	}
	if s.InFlight() != 0 || s.log.String() != "" {
		t.Errorf("%d in flight, logged %s", s.InFlight(), s.log.String())
	}
}

// gathered is all metrics as text.
func gathered(t *testing.T, s *served) (all []string) {
	t.Helper()
	families, err := s.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		all = append(all, f.String())
	}
	return all
}
