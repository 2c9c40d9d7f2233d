// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const providerSecret = "sk-canary-of-a-provider"

// document gives a valid document, changed.
func document(edits ...func(*config.Document)) *config.Document {
	minute := config.Duration(time.Minute)
	d := &config.Document{
		Core: config.Core{
			Schema: config.Schema,
			Gateway: config.Gateway{
				ID: "team/main", MaxBodyBytes: 1 << 20, MaxHeaderBytes: 16 << 10, BodyTimeout: minute, MaxConnections: 10,
				DrainTimeout: minute, Headers: []config.Header{{Name: "X-Frame-Options", Value: "DENY"}},
				Limits: config.Limits{Requests: []config.RequestLimit{{Count: 10, Per: minute, Burst: 5}}},
			},
			Providers: []config.Provider{{
				ID: "team/llm", Name: "llm", Type: config.OpenAICompatible, Endpoint: "http://llm:8000/v1", Credential: "provider/team/llm",
				SetHeaders: []config.Header{{Name: "X-Tenant", Value: "<a&b>"}},
				Timeouts: config.Timeouts{Connect: minute, FirstToken: minute, BetweenTokens: minute, Total: minute,
					MinThroughput: &config.MinThroughput{TokensPerSecond: 5, Over: minute}},
				Breaker: config.Breaker{ConsecutiveFailures: 5, FailurePercent: 50, MinRequests: 20, Window: minute, OpenFor: minute, Probes: 3},
				Retry: config.Retry{Attempts: 2, Backoff: minute, MaxBackoff: minute, BudgetPercent: 20,
					On: []config.RetryCondition{config.RetryConnectFailure, config.RetryTimeout}},
				Quota: config.Quota{Requests: []config.RequestLimit{{Count: 10, Per: minute, Burst: 5}}, Concurrency: 10,
					Tokens: []config.TokenLimit{{Count: 1000, Per: minute}}, QueueLength: 100, QueueTimeout: minute},
				HealthCheck: &config.HealthCheck{Path: "/healthz?deep=1", Interval: minute, Timeout: minute, UnhealthyThreshold: 2, HealthyThreshold: 1},
			}},
			Models: []config.Model{{Name: "chat", Provider: "team/llm", Upstream: "llama"}},
			Routes: []config.Route{{
				ID: "team/smart", Models: []string{"gpt-4*", "smart"}, Strategy: config.Weighted, Affinity: "Header:X-Session",
				Headers: []config.Header{{Name: "X-Tier", Value: "gold"}, {Name: "X-Zone", Value: "a"}},
				Targets: []config.Target{
					{Provider: "team/llm", Model: "chat", Upstream: "llama", Weight: 90},
					{Provider: "team/llm", Model: "spare", Upstream: "llama", Weight: 10, Tier: 1, Price: &config.Price{Input: 1}},
				},
				Hedge:  &config.Hedge{After: minute, MaxExtraPercent: 5},
				Mirror: &config.Mirror{Target: config.Target{Provider: "team/llm", Model: "chat", Upstream: "llama"}, Percent: 1},
			}},
		},
		Secrets: map[string]config.Secret{"provider/team/llm": config.NewSecret(providerSecret)},
	}
	for i := range 5 {
		id := fmt.Sprintf("team/key-%d", i)
		d.Keys = append(d.Keys, config.Key{ID: id, Digest: config.DigestKey("the secret of " + id), User: id})
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

func mustEncode(t testing.TB, d *config.Document) config.Bundle {
	t.Helper()
	b, err := config.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
