// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// priced makes the gateway serve two models at known prices, and one whose price nobody said.
func priced(d *config.Document) {
	d.Core.Providers[0].AnyModel = false
	model := func(name string, price *config.Price) config.Model {
		return config.Model{Name: name, Provider: "default/fake", Upstream: "gpt-4o", Price: price, MaxOutputTokens: 1000}
	}
	// A cent for a token of an answer.
	d.Core.Models = []config.Model{
		model("dear", &config.Price{Output: 10_000_000_000}), model("free", nil),
		model("cheap", &config.Price{Output: 1_000_000}),
	}
}

// askFor sends a chat with a bound on the answer's tokens, which the fake provider uses up.
func (s *setup) askFor(key, model string, tokens int) answer {
	s.t.Helper()
	body := fmt.Sprintf(`{"model":%q,"max_tokens":%d,"messages":[{"role":"user","content":"hello [[fake tokens=%d]]"}]}`, model, tokens, tokens)
	req := s.request("POST", "/v1/chat/completions", body)
	req.Header.Set("Authorization", "Bearer "+key)
	return s.do(req)
}

// hour is the period of limits that no test lives to see refilled.
const hour = config.Duration(24 * time.Hour)

func TestLimitsOfEveryDimensionHoldForEveryHolder(t *testing.T) {
	requests := config.Limits{Requests: []config.RequestLimit{{Count: 2, Per: hour, Burst: 2}}}
	tokens := config.Limits{Tokens: []config.TokenLimit{{Count: 100, Per: hour}}}
	cost := config.Limits{Cost: []config.CostLimit{{Amount: 20 * config.Dollar / 100, Per: hour}}}
	holders := map[string]struct {
		set    func(*config.Document, config.Limits)
		shared bool // the other key is refused as well
		name   string
	}{
		"each key":    {func(d *config.Document, l config.Limits) { d.Core.Gateway.Limits = l }, false, "gateway"},
		"one key":     {func(d *config.Document, l config.Limits) { d.Keys[0].Limits = l }, false, "key"},
		"one user":    {func(d *config.Document, l config.Limits) { d.Core.Gateway.PerUser, d.Keys[1].User = l, "alice" }, true, "user"},
		"one address": {func(d *config.Document, l config.Limits) { d.Core.Gateway.PerIP = l }, true, "ip"},
		"everybody":   {func(d *config.Document, l config.Limits) { d.Core.Gateway.All = l }, true, "all"},
		"a policy": {func(d *config.Document, l config.Limits) {
			team := map[string]string{"team": "search"}
			d.Keys[0].Labels, d.Keys[1].Labels = team, team
			d.Core.Policies = []config.Policy{{ID: "default/search", Limits: l, Selector: []config.Requirement{
				{Label: "team", Operator: config.In, Values: []string{"search"}}}}}
		}, true, "policy default/search"},
		"a policy of others": {func(d *config.Document, l config.Limits) {
			d.Core.Policies = []config.Policy{{ID: "default/team", Limits: l, Selector: []config.Requirement{
				{Label: "team", Operator: config.Exists}}}, {ID: "elsewhere/search", Limits: l}}
			d.Keys[0].Labels = map[string]string{"team": "x"}
		}, false, "policy default/team"},
		"a route": {func(d *config.Document, l config.Limits) {
			m := d.Core.Models[0]
			d.Core.Routes = []config.Route{{ID: "default/r", Models: []string{"dear"}, Strategy: config.Weighted, Limits: l, Targets: []config.Target{
				{Provider: m.Provider, Model: m.Name, Upstream: m.Upstream, Price: m.Price, MaxOutputTokens: m.MaxOutputTokens, Weight: 1}}}}
		}, true, "route default/r"},
	}
	for dimension, tc := range map[string]struct {
		limits config.Limits
		ask    int   // tokens of each answer
		want   []int // statuses
		reason exchange.Reason
	}{
		"requests": {requests, 1, []int{200, 200, 429}, exchange.ReasonRequestLimit},
		"tokens":   {tokens, 30, []int{200, 200, 429}, exchange.ReasonTokenLimit},
		"cost":     {cost, 8, []int{200, 200, 429}, exchange.ReasonCostLimit},
	} {
		for holder, h := range holders {
			t.Run(dimension+" of "+holder, func(t *testing.T) {
				t.Parallel()
				s := start(t, withDocument(priced), withDocument(func(d *config.Document) { h.set(d, tc.limits) }))
				for i, want := range tc.want {
					got := s.askFor(aliceKey, "dear", tc.ask)
					if got.StatusCode != want {
						t.Fatalf("request %d: status %d, want %d: %s", i+1, got.StatusCode, want, got.body)
					}
					if want == 200 {
						continue
					}
					reason, limit := tc.reason, h.name+" "+dimension+" 24h0m0s"
					if holder == "one address" && dimension == "requests" {
						reason = exchange.ReasonIPLimit
					}
					if got.Header.Get("X-Spark-Reason") != string(reason) || got.Header.Get("X-Spark-Limit") != limit {
						t.Errorf("reason %q, limit %q, want %q, %q", got.Header.Get("X-Spark-Reason"), got.Header.Get("X-Spark-Limit"), reason, limit)
					}
					if n, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || n < 1 {
						t.Errorf("retry-after %q", got.Header.Get("Retry-After"))
					}
				}
				want := 200
				if h.shared {
					want = 429
				}
				if got := s.askFor(bobKey, "dear", tc.ask); got.StatusCode != want {
					t.Errorf("another key: %d, want %d: %s", got.StatusCode, want, got.body)
				}
			})
		}
	}
}

func TestABudgetIsNotOverrun(t *testing.T) {
	ledgerDir := t.TempDir()
	records, err := ledger.New(ledger.Options{Dir: ledgerDir})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(o *options) { o.living.Ledger = records }, withDocument(priced), withDocument(func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: 25 * config.Dollar / 100, Per: config.Month}}
		d.Core.Gateway.Ledger = &config.Ledger{Retention: hour, MaxBytes: 1 << 20, MaxExportRecords: 100}
	}))
	for i, step := range []struct{ ask, want int }{{10, 200}, {10, 200}, {6, 429}, {5, 200}, {1, 429}} {
		got := s.askFor(aliceKey, "dear", step.ask)
		if got.StatusCode != step.want {
			t.Fatalf("request %d: status %d, want %d: %s", i+1, got.StatusCode, step.want, got.body)
		}
		if step.want == 200 {
			continue
		}
		a := decode(t, got.body)
		if a.Error.Type != "insufficient_quota" || !strings.Contains(a.Error.Message, "$0.25 a month") ||
			got.Header.Get("X-Should-Retry") != "false" || got.Header.Get("X-Spark-Limit") != "key budget Month" ||
			got.Header.Get("X-Spark-Reason") != "budget_exceeded" {
			t.Errorf("header %v, body %s", got.Header, got.body)
		}
	}
	if got := s.askFor(bobKey, "dear", 100); got.StatusCode != 200 {
		t.Errorf("another key: %d", got.StatusCode)
	}
	// What cannot cost anything is served still.
	if got := s.do(s.request("GET", "/v1/models", "")); got.StatusCode != 200 {
		t.Errorf("a list of models: %d", got.StatusCode)
	}
	var lines []string
	eventually(t, func() bool {
		lines = strings.Split(strings.TrimSpace(s.do(s.request("GET", "/api/export?format=jsonl", "")).body), "\n")
		return len(lines) == 5
	}, func() string { return strings.Join(lines, "\n") })
	total := ledger.Dollars(0)
	outcomes := map[string]int{}
	for _, line := range lines {
		r, err := ledger.Parse([]byte(line))
		if err != nil || r.Key != "default/alice" {
			t.Fatalf("%v in %s", err, line)
		}
		total += r.Cost
		outcomes[r.Outcome]++
	}
	if total.String() != "0.25" || outcomes["ok"] != 3 || outcomes["limited"] != 2 {
		t.Errorf("the records sum up to $%s, %v", total, outcomes)
	}
}

func TestAnAnswerThatCostLessGivesTheRestBack(t *testing.T) {
	s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Total}}
	}))
	// Each may cost a dollar, and costs a cent.
	for i := range 3 {
		body := `{"model":"dear","max_tokens":97,"messages":[{"role":"user","content":"hello [[fake tokens=1]]"}]}`
		if got := s.do(s.request("POST", "/v1/chat/completions", body)); got.StatusCode != 200 {
			t.Fatalf("request %d: %d: %s", i+1, got.StatusCode, got.body)
		}
	}
}

func TestShadowsOnlyReport(t *testing.T) {
	s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
		d.Keys[0].Limits = config.Limits{Requests: []config.RequestLimit{{Count: 1, Per: hour, Burst: 1}}, Shadow: true}
		d.Keys[0].Budgets = []config.Budget{{Amount: 1, Per: config.Day, Shadow: true}}
		d.Keys[1].Master = true
	}))
	for i := range 3 {
		if got := s.askFor(aliceKey, "dear", 1); got.StatusCode != 200 || got.Header.Get("X-Ratelimit-Limit-Requests") == "1" {
			t.Fatalf("request %d: %d, %v", i+1, got.StatusCode, got.Header)
		}
	}
	req := s.request("GET", "/api/metrics", "")
	req.Header.Set("Authorization", "Bearer "+bobKey)
	metrics := s.do(req).body
	if !strings.Contains(metrics, `spark_limit_shadowed_total{dimension="requests",scope="key"} 2`) &&
		!strings.Contains(metrics, `spark_limit_shadowed_total{dimension="budget",scope="key"}`) {
		t.Errorf("no shadow is told in\n%s", metrics)
	}
}

func TestModelsWithoutAPrice(t *testing.T) {
	for how, tc := range map[config.UnknownPrice]struct {
		want   int
		header string
	}{
		config.UnknownPriceDeny: {403, ""}, config.UnknownPriceFlag: {200, "unknown"}, config.UnknownPriceZero: {200, ""}, "": {200, "unknown"},
	} {
		s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
			d.Core.Gateway.UnknownPrice = how
			d.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Day}}
		}))
		got := s.askFor(aliceKey, "free", 10)
		if got.StatusCode != tc.want || got.Header.Get("X-Spark-Cost") != tc.header {
			t.Errorf("%s: %d, %v: %s", how, got.StatusCode, got.Header, got.body)
		}
		if got := s.askFor(aliceKey, "dear", 10); got.StatusCode != 200 || got.Header.Get("X-Spark-Cost") != "" {
			t.Errorf("%s: a model with a price: %d, %v", how, got.StatusCode, got.Header)
		}
		if got := s.askFor(bobKey, "free", 10); got.StatusCode != 200 || got.Header.Get("X-Spark-Cost") != "" {
			t.Errorf("%s: a key without a budget: %d, %v", how, got.StatusCode, got.Header)
		}
	}
}

func TestSlotsAreGivenBack(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) { d.Keys[0].Limits.Concurrency = 1 }))
	slow := make(chan answer)
	go func() { slow <- s.chat("tokens=1 delay=3s", true) }()
	eventually(t, func() bool { return len(s.provider.Records()) == 1 }, func() string { return "nothing was asked" })
	got := s.chat("tokens=1", false)
	if got.StatusCode != 429 || got.Header.Get("X-Spark-Reason") != "concurrency_limit" || got.Header.Get("Retry-After") != "1" {
		t.Errorf("beside another: %d, %v", got.StatusCode, got.Header)
	}
	if first := <-slow; first.StatusCode != 200 {
		t.Errorf("the first: %d", first.StatusCode)
	}
	eventually(t, func() bool { return s.chat("tokens=1", false).StatusCode == 200 }, func() string { return "no slot came back" })
}

func TestAnthropicsHeadersTellItsLimits(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Keys[0].Limits = config.Limits{Requests: limits(5, 5, time.Hour), Tokens: []config.TokenLimit{{Count: 10_000, Per: hour}}}
	}))
	body := `{"model":"gpt-4o","max_tokens":9,"messages":[{"role":"user","content":"hello [[fake tokens=2]]"}]}`
	got := s.do(s.request("POST", "/v1/messages", body))
	if got.StatusCode != 200 || got.Header.Get("Anthropic-Ratelimit-Requests-Limit") != "5" ||
		got.Header.Get("Anthropic-Ratelimit-Requests-Remaining") != "4" || got.Header.Get("Anthropic-Ratelimit-Tokens-Limit") != "10000" {
		t.Errorf("%d, %v", got.StatusCode, got.Header)
	}
	if reset, err := time.Parse(time.RFC3339, got.Header.Get("Anthropic-Ratelimit-Requests-Reset")); err != nil || time.Until(reset) > time.Hour {
		t.Errorf("reset at %v, %v", reset, err)
	}
	if left, err := strconv.Atoi(got.Header.Get("Anthropic-Ratelimit-Tokens-Remaining")); err != nil || left < 9900 || left >= 10_000 {
		t.Errorf("tokens left: %d, %v", left, err)
	}
}
