// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

const full = "../../config/samples/full"

// requestAt writes a request's body to a file.
func requestAt(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const smart = `{"model": "smart", "messages": [{"role": "user", "content": "Hi"}], "stream": true}`

const toldOfSmart = `Gateway   default/main, offline, as by a gateway that has just started
Request   POST /v1/chat/completions: chat in the dialect openai, model "smart", streamed
          taken for 5 tokens, and 500 of an answer (8197 are reserved of quotas)
Result    sent to target 1: default/internal/chat
Key       default/alice of user alice@example.com, role Master, the only one
Limits    of each client address (in shadow): 300 requests per 1m, 100 at once
          of each client address (in shadow): 100 requests under way
          of each client address (in shadow): 600000 tokens per 1m
          of each client address (in shadow): $30.00 per 1h
          of the gateway, on each key: 60 requests per 1m, 20 at once; 20 left
          of the gateway, on each key: 20 requests under way; 20 left
          of the gateway, on each key: 120000 tokens per 1m; 120000 left
          of the gateway, on each key: $6.00 per 1h; $6.00 left
          of the key: 60 requests per 1m, 20 at once; 20 left
          of the key: 5 requests under way; 5 left
          of the key: 120000 tokens per 1m; 120000 left
          of the key: $6.00 per 1h; $6.00 left
          of the key (in shadow): a budget of $5.00 a day; $5.00 left
          of the key: a budget of $50.00 a month; $50.00 left
          of the user: 120 requests per 1m, 40 at once; 40 left
          of the user: 40 requests under way; 40 left
          of the user: 240000 tokens per 1m; 240000 left
          of the user: $12.00 per 1h; $12.00 left
          of the whole gateway: 6000 requests per 1m, 2000 at once; 2000 left
          of the whole gateway: 1000 requests under way; 1000 left
          of the whole gateway: 12000000 tokens per 1m; 12000000 left
          of the whole gateway: $600.00 per 1h; $600.00 left
          of the policy default/team-search: 600 requests per 1m, 200 at once; 200 left
          of the policy default/team-search: 50 requests under way; 50 left
          of the policy default/team-search: 1200000 tokens per 1m; 1200000 left
          of the policy default/team-search: $60.00 per 1h; $60.00 left
          of the policy default/team-search: a budget of $2000.00 a month; $2000.00 left
          of the policy default/team-search: a budget of $15000.00 in all; $15000.00 left
          of the route default/smart: 3000 requests per 1m, 1000 at once; 1000 left
          of the route default/smart: 200 requests under way; 200 left
          of the route default/smart: 6000000 tokens per 1m; 6000000 left
          of the route default/smart: $300.00 per 1h; $300.00 left
Route     ModelRoute default/smart by its name "smart"
          asks for X-Tier: gold, which the request has
          targets of a tier are chosen by strategy Weighted, always the same one by affinity User
          hedge: a second attempt after 2s, in at most 5% of the requests, to target 2
          mirror: 1% of the requests are copied to default/internal/small
Targets   1. default/internal/chat, there "meta-llama/Llama-3.3-70B-Instruct" (OpenAICompatible)
             tier 0, weight 90: tried first
             the bytes pass through, with a few fields edited in place
             breaker closed
             0 attempts under way; provider: 0 under way of 200, 1000 requests per 1m, 400000 tokens
               per 1m
             $0.6 in and $0.8 out a million tokens: about $0.001403 for this request
             3 attempts (waits of up to 100ms, doubling to 5s; 20% of requests may be retried), then
               another target, on ConnectFailure, ServerError, TargetRefused, Timeout,
               TooManyRequests; connect within 2s, first token 45s, between tokens 20s, total 15m
          2. default/internal/small, there "small" (OpenAICompatible)
             tier 1, weight 1: tried next, when those before it failed
             the bytes pass through, with a few fields edited in place
             breaker closed
             0 attempts under way; provider: 0 under way of 200, 1000 requests per 1m, 400000 tokens
               per 1m
             price unknown
             3 attempts (waits of up to 100ms, doubling to 5s; 20% of requests may be retried), then
               another target, on ConnectFailure, ServerError, TargetRefused, Timeout,
               TooManyRequests; connect within 2s, first token 45s, between tokens 20s, total 15m
Cache     looked up, scope User, kept for 1h0m0s; questions that mean the same count
Sanitizer finds nothing in the request; asks the webhook about the request; asks the moderation
            about the request; looks at the answer
`

func TestExplainTheFullSample(t *testing.T) {
	stdout, stderr, err := execute(t, smart, "explain", "-f", "-", "-f", full, "--gateway", "main", "-H", "x-tier: gold")
	if err != nil {
		t.Fatal(err, stderr)
	}
	if diff := cmp.Diff(toldOfSmart, stdout); diff != "" {
		t.Error(diff)
	}
	if stderr != "" {
		t.Errorf("problems with a sample: %s", stderr)
	}
}

func TestExplain(t *testing.T) {
	request, other := requestAt(t, smart), requestAt(t, smart)
	noJSON := requestAt(t, "hello")
	own := []string{"-f", full, "--gateway", "default/main"}
	tests := map[string]struct {
		args  []string
		wants []string // parts of what is printed
		wrong string
	}{
		"a route that asks for what the request has not": {append(own, "-f", request), []string{
			"Result    refused with 404 model_not_found", "Route     passed over: ModelRoute default/smart by its name \"smart\", asks for X-Tier: gold",
		}, ""},
		"a body that is no JSON":  {append(own, "-f", noJSON), []string{"Result    refused with 400 invalid_body"}, ""},
		"what has no body":        {append(own, "--path", "/v1/models"), []string{"Request   GET /v1/models", "Result    answered by the gateway itself"}, ""},
		"a key by half of a name": {append(own, "-f", request, "--key", "alice"), []string{"Key       default/alice of user alice@example.com, role Master, as --key says"}, ""},
		"a key that there is not": {append(own, "-f", request, "--key", "bob"), nil, `key: this gateway has no key "bob"`},
		"another dialect": {[]string{"-f", "../../config/samples/providers", "--path", "/v1/messages", "-f",
			requestAt(t, `{"model":"gemini/gemini-flash","max_tokens":9,"messages":[{"role":"user","content":"x"}],"thinking":{"type":"enabled","budget_tokens":3000}}`)},
			[]string{
				"1. default/gemini/gemini-flash, there \"gemini-2.5-flash\" (Gemini)\n             the only one", "the request is translated to the dialect gemini",
				"Route     gemini/gemini-flash, by provider and model",
			}, ""},
		"no request":                     {own, nil, "-f: no request: name a JSON file, or - for standard input"},
		"two requests":                   {append(own, "-f", request, "-f", other), nil, "are two requests: give one"},
		"several gateways":               {[]string{"-f", full, "-f", request}, nil, "several SparkGateways (default/fixed, default/main): name one with --gateway"},
		"a gateway that there is not":    {[]string{"-f", full, "-f", request, "--gateway", "none"}, nil, "no SparkGateway default/none"},
		"half a gateway's name":          {[]string{"-f", full, "-f", request, "--gateway", "default/"}, nil, "is not namespace/name"},
		"no gateway":                     {[]string{"-f", request}, nil, "which gateway? Give manifests with -f, or name one in a cluster with --gateway"},
		"a cluster beside manifests":     {append(own, "-f", request, "--pod", "x"), nil, "with manifests no cluster is asked"},
		"a header without a value":       {append(own, "-f", request, "-H", "gold"), nil, "-H: write 'Name: value'"},
		"a header that is none":          {append(own, "-f", request, "-H", "a b: c"), nil, `headers[0]: name "a b" is not a header name`},
		"a path that is none":            {append(own, "-f", request, "--path", "v1"), nil, "path: it begins with /"},
		"an output that is not known":    {append(own, "-f", request, "-o", "wide"), nil, "-o wide: text, json and yaml are known"},
		"a file that there is not":       {append(own, "-f", "none.json"), nil, "none.json"},
		"an empty request":               {append(own, "-f", requestAt(t, "")), nil, "the request is empty"},
		"a kubeconfig that there is not": {[]string{"-f", request, "--gateway", "main", "--kubeconfig", "none"}, nil, "which cluster?"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := execute(t, "", append([]string{"explain"}, tt.args...)...)
			if (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Fatalf("got %v, want %q; %s", err, tt.wrong, stderr)
			}
			for _, want := range tt.wants {
				if !strings.Contains(stdout, want) {
					t.Errorf("want %q in\n%s", want, stdout)
				}
			}
		})
	}
}

func TestExplainWhatIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	manifests := `apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: r}
spec:
  gatewayRefs: [{name: main}]
  models: [smart]
  targets: [{providerRef: {name: gone}, model: m}]
`
	// A file without a name that says what it is, as of a pipe.
	file := filepath.Join(dir, "manifests")
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := execute(t, smart, "explain", "-f", "-", "-f", file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout, "Result    refused with 401 missing_api_key") || !strings.Contains(stdout, "also: refused with 503 no_target") {
		t.Error(stdout)
	}
	if !strings.Contains(stderr, "problem: ") || !strings.Contains(stderr, "ModelRoute default/r") {
		t.Error(stderr)
	}
}

func TestExplainForPrograms(t *testing.T) {
	var fromJSON, fromYAML answer
	for output, into := range map[string]*answer{"json": &fromJSON, "yaml": &fromYAML} {
		stdout, _, err := execute(t, smart, "explain", "-f", "-", "-f", full, "--gateway", "main", "-H", "X-Tier: gold", "-o", output)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict([]byte(stdout), into); err != nil {
			t.Errorf("%s: %v", output, err)
		}
		if output == "json" && !json.Valid([]byte(stdout)) {
			t.Errorf("no JSON: %s", stdout)
		}
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Error(diff)
	}
	if fromJSON.Gateway != "default/main" || len(fromJSON.Targets) != 2 || fromJSON.Route.ID != "default/smart" {
		t.Errorf("got %+v", fromJSON)
	}
}

func TestTextOfEveryState(t *testing.T) {
	at := time.Date(2027, 1, 2, 3, 4, 5, 0, time.Local)
	left, cents := int64(0), int64(120_000_000)
	a := answer{Gateway: "team/main", Pod: "main-1", Explanation: config.Explanation{
		Method: "POST", Path: "/v1/chat/completions", Model: "evil\x1b[2J\u009b",
		Refusals: []config.ExplainedRefusal{
			{Status: 429, Reason: "request_limit", Message: "Slow down.", RetryAfter: config.Duration(90 * time.Second)},
			{Status: 400, Reason: "untranslatable_field", Message: strings.Repeat("word ", 40), Field: "logit_bias"},
		},
		Key: &config.ExplainedKey{ID: "team/a", User: "a", Role: "User", Found: config.KeyFirst, Of: 3},
		Limits: []config.ExplainedLimit{
			{Scope: "key", Of: "requests", Limit: 1, Per: config.Duration(time.Hour), Burst: 1, Remaining: &left, Reset: config.Duration(time.Minute)},
			{Scope: "policy", Holder: "policy/team/search", Of: "budget", Limit: 50_000_000_000, Calendar: config.Month, Remaining: &cents},
			{Scope: "route", Holder: "route/team/smart", Of: "tokens", Limit: 1000, Per: config.Duration(time.Minute), Shadow: true, Remaining: &left},
			{Scope: "user", Of: "cost", Limit: 1_000_000_000, Per: config.Duration(time.Hour)},
			{Scope: "all", Of: "concurrency", Limit: 5, Remaining: &left},
			{Scope: "key", Of: "budget", Limit: 1_000_000_000, Calendar: config.Total},
		},
		Route: &config.ExplainedRoute{
			ExplainedCandidate: config.ExplainedCandidate{Model: "p/m", By: config.ByQualifiedModel}, Strategy: config.LowestLatency, Affinity: "User",
			Hedge: &config.Hedge{After: config.Duration(time.Second), MaxExtraPercent: 1},
		},
		LessSpecific: []config.ExplainedCandidate{
			{Model: "p/m", By: config.ByModel}, {Model: "o/m", By: config.ByProvider}, {Model: "o/m", By: config.ByOnlyProvider}, {ID: "team/r", By: config.ByPattern, Name: "*"},
		},
		Targets: []config.ExplainedTarget{
			{Provider: "team/p", Standing: config.TargetIncapable, Translated: true, Wire: "anthropic", Refusal: &config.ExplainedRefusal{Message: "No.", Field: "n"}},
			{Provider: "team/p", Model: "m", Standing: config.TargetReady, Chance: 0.25, Wire: "openai", Health: &config.HealthState{Healthy: true, Since: at}},
			{Provider: "team/p", Model: "f", Standing: config.TargetFull, ProviderInFlight: 3, ProviderWaiting: 2, InFlight: 1, Latency: config.Duration(time.Second), OutUntil: at,
				Quota: config.Quota{Concurrency: 9}, Replicas: 3},
			{Provider: "team/q", Model: "o", Standing: config.TargetOut, Breaker: &config.BreakerState{State: "Open", Since: at, Until: at.Add(time.Second), Reason: "5 failures in a row"},
				Health: &config.HealthState{Since: at, Reason: "status 503"}},
			{Provider: "team/z", Model: "e", Standing: config.TargetElsewhere},
		},
	}}
	got := string(a.text())
	for _, want := range []string{
		"team/main, as pod main-1 says now", `model "evil\x1b[2J\u009b"`, "Result    refused with 429 request_limit: Slow down. (retry after 1m30s)",
		"also: refused with 400", "team/a of user a, role User: the first of 3, as --key names none",
		"of the key: 1 request per 1h, 1 at once; 0 left, all again in 1m",
		"of the policy team/search: a budget of $50.00 a month; $0.12 left", "of the route team/smart (in shadow): 1000 tokens per 1m; 0 left",
		"of the user: $1.00 per 1h", "of the whole gateway: 5 requests under way; 0 left", "of the key: a budget of $1.00 in all", "p/m, by provider and model",
		"strategy LowestLatency, as the request has nothing for affinity User", "but there is no target for it",
		"less specific: p/m, by the model's own name", "o/m, by the name of a provider that takes any model", "o/m, as no other provider takes any model",
		`ModelRoute team/r by its pattern "*"`, "cannot do what is asked, the next is tried at once", "it would refuse: No. (field n)",
		"translated to the dialect anthropic", "tried next, when those before it failed, in 25% of the cases", "the bytes pass through\n",
		"breaker closed; healthy since 2027-01-02 03:04:05", "full, is waited for where no other is ready",
		"1 attempt under way, answers in about 1s; provider: 3 under way of 9, 2 waiting, shared by 3 pods, nothing left until 2027-01-02 03:04:05 by its own word",
		"breaker Open since 2027-01-02 03:04:05 until 2027-01-02 03:04:06: 5 failures in a row", "UNHEALTHY since 2027-01-02 03:04:05: status 503",
		"not tried, another provider issued the ids",
	} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(line) - 1; n > screen.Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.ContainsAny(got, "\x1b\u009b") {
		t.Errorf("a terminal would obey %q", got)
	}
}
