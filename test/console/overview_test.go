// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sparkgateway/spark/controllers/console"
	"github.com/sparkgateway/spark/gateway/config"
)

// The overviews made by hand: nothing, all well, and trouble. Each is as of now.

func nothing() console.Overview {
	return console.Overview{At: time.Now(), Version: "v0.7.0", Gateways: []console.Gateway{}}
}

// well is one gateway with nothing to complain of.
func well() console.Overview {
	return console.Overview{At: time.Now(), Version: "v0.7.0", Gateways: []console.Gateway{healthy("team-search", "main")}}
}

// three are a gateway in trouble between two that are well, with a playground.
func three() console.Overview {
	return console.Overview{At: time.Now(), Version: "v0.7.0", Playground: true, Gateways: []console.Gateway{
		healthy("team-search", "main"), troubled("team-support", "assistants"), fresh("team-x", "new"),
	}}
}

func since(d time.Duration) time.Time { return time.Now().Add(-d).Truncate(time.Second) }

func condition(kind, status, reason, message string) console.Condition {
	return console.Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: since(5 * time.Hour)}
}

var revision = "1f9c04ab6a0f3c55d2e9b8a7713f20c4"

func healthy(namespace, name string) console.Gateway {
	ready := condition("Ready", "True", "Ready", "")
	return console.Gateway{
		Namespace: namespace, Name: name, URL: "http://" + name + "." + namespace + ".svc:8080", Revision: revision, Desired: 3, Ready: ready,
		Conditions: []console.Condition{ready, condition("Accepted", "True", "Accepted", ""), condition("Programmed", "True", "Programmed", "3 of 3 pods run this revision"),
			condition("Available", "True", "Available", ""), condition("Stalled", "False", "Ready", "")},
		Pods: []console.Pod{pod(name, "7f9c-2xk4p", 14), pod(name, "7f9c-8rw2m", 9), pod(name, "7f9c-zz71c", 17)},
		Providers: []console.Provider{
			provider(namespace, "anthropic", "Anthropic", 812, 3), provider(namespace, "openai", "OpenAI", 2140, 6), provider("platform", "local-llama", "OpenAICompatible", 310, 0),
		},
		Routes: []console.Attached{{Namespace: namespace, Name: "fast", Ready: ready}, {Namespace: namespace, Name: "smart", Ready: ready}},
		Keys:   console.Tally{Count: 128, NotReady: []console.Attached{}}, Policies: console.Tally{Count: 4, NotReady: []console.Attached{}},
		Models:  []string{"smart", "fast", "claude-sonnet", "gpt-4o"},
		Traffic: traffic(60, 420, 0.003),
		Spend: []console.Spend{
			{Kind: "key", Name: namespace + "/alice", User: "alice", Requests: 48211, Tokens: 61_204_331, Cost: 412.77},
			{Kind: "key", Name: namespace + "/indexer", User: "nightly-indexer", Requests: 210_440, Tokens: 184_022_118, Cost: 188.2},
			{Kind: "key", Name: namespace + "/bob", User: "bob", Requests: 9120, Tokens: 4_001_220, Cost: 31.05},
			{Kind: "key", Name: namespace + "/carol", User: "carol", Requests: 14, Tokens: 2210, Cost: 0.0132},
			{Kind: "team", Name: "search", Requests: 267_771, Tokens: 249_227_669, Cost: 632.02},
			{Kind: "team", Name: "ads", Requests: 14, Tokens: 2210, Cost: 0.0132},
		},
		Errors:  []config.ErrorGroup{},
		Budgets: []config.BudgetHealth{},
	}
}

func pod(gateway, suffix string, inFlight int) console.Pod {
	return console.Pod{Name: gateway + "-" + suffix, Ready: true, Programmed: true, Revision: revision, Version: "v0.7.0", Started: since(76 * time.Hour),
		InFlight: inFlight, Status: "ok", Reasons: []string{}}
}

func provider(namespace, name, kind string, attempts, failures int64) console.Provider {
	return console.Provider{Namespace: namespace, Name: name, Type: kind, Ready: condition("Ready", "True", "Ready", ""),
		Healthy: condition("Healthy", "True", "Answering", ""), Attempts: attempts, Failures: failures,
		P50: 180 + float64(len(name))*7, P95: 640 + float64(len(name))*40, Breakers: []console.Breaker{}}
}

// traffic is so many minutes of waves; a share of the requests fails. The last minute is not over.
func traffic(minutes int, requests, failing float64) []console.Minute {
	end := time.Now().Truncate(time.Minute)
	all := make([]console.Minute, 0, minutes)
	for i := range minutes {
		x := float64(i)
		n := math.Round(requests * (1 + 0.22*math.Sin(x/7) + 0.06*math.Sin(x*2.1)))
		p50 := 900 + 160*math.Sin(x/9) + 40*math.Sin(x*1.7)
		hits := 0.36 + 0.09*math.Sin(x/11) + 0.02*math.Sin(x*1.3)
		m := console.Minute{At: end.Add(time.Duration(i-minutes+1) * time.Minute), Requests: int64(n), Failed: int64(n * failing), Refused: int64(n * 0.018 * (1 + math.Sin(x/3))),
			Tokens: int64(n * 1260), Cost: n * 0.0041, P50: p50, P95: 2.6 * p50, P99: 4.1*p50 + 300*math.Sin(x*1.1), FirstP50: p50 * 0.28, FirstP95: p50 * 0.74, HitRate: &hits}
		all = append(all, m)
	}
	last := &all[minutes-1]
	*last = console.Minute{At: last.At, Requests: last.Requests / 10}
	return all
}

// troubled has a silent pod, one with another revision, open and half-open breakers, errors, and budgets near their end.
func troubled(namespace, name string) console.Gateway {
	g := healthy(namespace, name)
	g.Ready = condition("Ready", "Unknown", "AckMissing", "1 of 4 pods, assistants-7f9c-zz71c, has not said what it runs for 42s")
	g.Conditions[0] = g.Ready
	g.Conditions[2] = condition("Programmed", "Unknown", "AckMissing", g.Ready.Message)
	g.Conditions = append(g.Conditions, condition("LimitsEnforced", "False", "StoreDown", "1 of 3 pods does not reach the store; each replica enforces its share of every limit"))
	g.Desired = 4
	g.Pods[1].Programmed, g.Pods[1].Revision, g.Pods[1].Status = false, "88e0d1c27b", "degraded"
	g.Pods[1].Reasons = []string{"rejects the newer revision: providers[2].endpoint: unsupported scheme", "store: connection refused"}
	g.Pods[2] = console.Pod{Name: g.Pods[2].Name, Ready: true, Silent: true, Reasons: []string{"no answer within 2s"}}
	draining := pod(name, "6d20-q9wkt", 3)
	draining.Ready, draining.Draining, draining.Programmed = false, true, false
	g.Pods = append(g.Pods, draining)

	openai := &g.Providers[1]
	openai.Healthy = condition("Healthy", "False", "BreakerOpen", "2 of 3 pods say that the breaker of gpt-4o is open")
	openai.Failures = 690
	for _, p := range []int{0, 1} {
		openai.Breakers = append(openai.Breakers, console.Breaker{Pod: g.Pods[p].Name, Model: "gpt-4o", State: "Open", Reason: "5 failures in a row",
			Since: since(48 * time.Second), Until: time.Now().Add(9 * time.Minute)})
	}
	openai.Breakers = append(openai.Breakers, console.Breaker{Pod: g.Pods[0].Name, Model: "gpt-4o-mini", State: "HalfOpen", Reason: "52% of 40 attempts failed", Since: since(4 * time.Minute)})
	g.Providers[2].Healthy = condition("Healthy", "Unknown", "NotObserved", "nothing was asked of it lately")
	g.Providers[2].Attempts, g.Providers[2].P50, g.Providers[2].P95 = 0, 0, 0

	g.Routes[1].Ready = condition("Ready", "False", "ModelNotFound", "targets[1].model: ProviderPolicy team-support/openai has no model gpt-5-pro")
	g.Keys.NotReady = []console.Attached{
		{Namespace: namespace, Name: "old-batch-job", Ready: condition("Ready", "False", "Expired", "it expired on 2026-11-01")},
		{Namespace: "team-search", Name: "intern", Ready: condition("Ready", "False", "Disabled", "")},
	}
	fails(g.Traffic)
	g.Errors = errorGroups(namespace)
	g.Budgets = []config.BudgetHealth{
		{Holder: namespace + "/bob", Kind: "key", Per: "Month", Spent: 50.02, Limit: 50, Resets: time.Now().Add(7*24*time.Hour + time.Hour)},
		{Holder: namespace + "/support-total", Kind: "policy", Per: "Month", Spent: 1893.4, Limit: 2000, Resets: time.Now().Add(7*24*time.Hour + time.Hour)},
		{Holder: namespace + "/alice", Kind: "key", Per: "Total", Spent: 412.77, Limit: 500, Shadow: true},
	}
	return g
}

// fails lets a provider fail over the last twelve minutes, and leaves a gap that nobody tells of.
func fails(minutes []console.Minute) {
	for i := len(minutes) - 12; i < len(minutes); i++ {
		m := &minutes[i]
		m.Failed = m.Requests / 4
		m.P95, m.P99, m.FirstP95 = m.P95*3, m.P99*4, m.FirstP95*2
	}
	for i := 18; i < 25; i++ {
		minutes[i] = console.Minute{At: minutes[i].At}
	}
}

func errorGroups(namespace string) []config.ErrorGroup {
	return []config.ErrorGroup{
		{Fingerprint: "a1b2c3d4e5f60718", Reason: "upstream_error", Outcome: "upstream_error", Level: "error", Status: 502, UpstreamStatus: 503, Provider: namespace + "/openai", Model: "gpt-4o",
			Count: 4188, LastHour: 1212, First: since(26 * time.Hour), Last: since(4 * time.Second), Sample: "the provider answered 503: The server is overloaded or not ready yet.", LastRequestID: "req_01KAS5Q9J7ZT9W"},
		{Fingerprint: "b1b2c3d4e5f60718", Reason: "first_token_timeout", Outcome: "timeout", Level: "error", Status: 504, Provider: namespace + "/openai", Model: "gpt-4o-mini",
			Count: 77, LastHour: 31, First: since(3 * time.Hour), Last: since(50 * time.Second), Sample: "no token within 30s", LastRequestID: "req_01KAS5NB3GQ0VX"},
		{Fingerprint: "c1b2c3d4e5f60718", Reason: "budget_exceeded", Outcome: "refused", Level: "warning", Status: 429,
			Count: 310, LastHour: 88, First: since(2 * time.Hour), Last: since(3 * time.Minute), Sample: `<img src=x onerror="document.title='caught'"> key team-support/bob budget Month`, LastRequestID: "req_01KAS5KK1D8Y3M"},
	}
}

// fresh wants pods and has none yet, so that next to nothing is known of it.
func fresh(namespace, name string) console.Gateway {
	ready := condition("Ready", "False", "NoReplicas", "no pod is there yet")
	return console.Gateway{Namespace: namespace, Name: name, Desired: 2, Ready: ready, Conditions: []console.Condition{ready},
		Pods: []console.Pod{}, Providers: []console.Provider{}, Routes: []console.Attached{},
		Keys: console.Tally{NotReady: []console.Attached{}}, Policies: console.Tally{NotReady: []console.Attached{}},
		Models: []string{}, Traffic: []console.Minute{}, Spend: []console.Spend{}, Errors: []config.ErrorGroup{}, Budgets: []config.BudgetHealth{}}
}

// many are so many gateways, each with a name that is long.
func many(n int) console.Overview {
	o := well()
	for i := range n {
		o.Gateways = append(o.Gateways, healthy("a-namespace-with-quite-a-long-name", fmt.Sprintf("gateway-of-a-product-line-%02d", i)))
	}
	o.Omitted = 7
	o.Gateways = slices.Clip(o.Gateways)
	return o
}

// played is a prompt that a second target answered, which the plan had not foreseen.
func played(namespace string) console.Played {
	remaining := int64(41)
	return console.Played{
		Status: 200, Text: "The capital of France is Paris.", FirstMS: 212, TotalMS: 1840, Usage: console.PlayedWork{InputTokens: 14, OutputTokens: 8},
		Headers: map[string]string{"x-request-id": "req_01KAS5Q9J7ZT9W", "x-spark-cache": "miss", "x-spark-upstream-request-id": "req_011CSHoE"},
		Course: &config.Course{ID: "req_01KAS5Q9J7ZT9W", Key: namespace + "/quickstart", Route: namespace + "/smart", Status: 200, Outcome: "ok", Cache: "miss", DurationMS: 1838,
			Attempts: []config.CourseAttempt{
				{Kind: "first", Provider: namespace + "/anthropic", Model: "claude-sonnet", UpstreamStatus: 529, Outcome: "provider_failed", Reason: "upstream_status", DurationMS: 61},
				{Kind: "failover", Provider: namespace + "/openai", Model: "gpt-4o", UpstreamStatus: 200, Outcome: "ok", StartMS: 62, DurationMS: 1776, FirstMS: 148},
				{Kind: "hedge", Provider: "platform/local-llama", Model: "llama", Outcome: "overtaken", Reason: "overtaken", StartMS: 162, DurationMS: 52},
			}},
		Explain: &config.Explanation{
			Method: "POST", Path: "/v1/chat/completions", Operation: "chat", Dialect: "openai", Model: "smart", Stream: true,
			Key:    &config.ExplainedKey{ID: namespace + "/quickstart", User: "quickstart", Role: "User", Found: config.KeyInHeader, Of: 3},
			Limits: []config.ExplainedLimit{{Scope: "key", Of: "requests", Limit: 60, Remaining: &remaining}},
			Route:  &config.ExplainedRoute{ExplainedCandidate: config.ExplainedCandidate{ID: namespace + "/smart", By: config.ByName, Name: "smart"}, Strategy: "Weighted"},
			Targets: []config.ExplainedTarget{
				{Provider: namespace + "/anthropic", Type: "Anthropic", Model: "claude-sonnet", Standing: config.TargetReady, Chance: 0.9, Weight: 90, Wire: "anthropic", Translated: true},
				{Provider: namespace + "/openai", Type: "OpenAI", Model: "gpt-4o", Standing: config.TargetOut, Tier: 1, Weight: 10,
					Breaker: &config.BreakerState{Model: "gpt-4o", State: config.BreakerOpen, Reason: "5 failures in a row", Since: since(time.Minute)}},
			},
			Cache: "would look, and keep the answer for 10m0s", Sanitizer: "looks for prompt injections",
		},
	}
}
