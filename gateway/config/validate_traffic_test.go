// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// edit makes an edit of a provider of one of a part of it.
func edit[T any](of func(*config.Provider) *T, change func(*T)) func(*config.Provider) {
	return func(p *config.Provider) { change(of(p)) }
}

func TestBreakersAndRetriesThatAreNotValid(t *testing.T) {
	breaker := func(change func(*config.Breaker)) func(*config.Provider) {
		return edit(func(p *config.Provider) *config.Breaker { return &p.Breaker }, change)
	}
	retry := func(change func(*config.Retry)) func(*config.Provider) {
		return edit(func(p *config.Provider) *config.Retry { return &p.Retry }, change)
	}
	tests := map[string]struct {
		edit func(*config.Provider)
		want string
	}{
		"a breaker without anything": {breaker(func(b *config.Breaker) { *b = config.Breaker{} }),
			"providers[0].breaker.consecutiveFailures: 0 is not positive\nproviders[0].breaker.failurePercent: 0 is not within 1 and 100\n" +
				"providers[0].breaker.minRequests: 0 is not positive\nproviders[0].breaker.window: 0s is not positive\n" +
				"providers[0].breaker.openFor: 0s is not positive\nproviders[0].breaker.probes: 0 is not positive"},
		"all of the requests":      {breaker(func(b *config.Breaker) { b.FailurePercent = 100 }), ""},
		"more than all of them":    {breaker(func(b *config.Breaker) { b.FailurePercent = 101 }), "providers[0].breaker.failurePercent: 101 is not within 1 and 100"},
		"a negative breaker":       {breaker(func(b *config.Breaker) { b.Probes = -1 }), "providers[0].breaker.probes: -1 is not positive"},
		"no retries":               {retry(func(r *config.Retry) { r.Attempts, r.On, r.BudgetPercent = 1, nil, 0 }), ""},
		"no attempt":               {retry(func(r *config.Retry) { r.Attempts = 0 }), "providers[0].retry.attempts: 0 is not positive"},
		"no backoff":               {retry(func(r *config.Retry) { r.Backoff = 0 }), "providers[0].retry.backoff: 0s is not positive"},
		"a backoff above the most": {retry(func(r *config.Retry) { r.MaxBackoff-- }), "providers[0].retry.maxBackoff: 59.999999999s is below backoff, 1m0s"},
		"every condition":          {retry(func(r *config.Retry) { r.On = slices.Sorted(slices.Values(config.RetryConditions)) }), ""},
		"an unknown condition":     {retry(func(r *config.Retry) { r.On = []config.RetryCondition{"Moody"} }), `providers[0].retry.on[0]: "Moody" is not known to this gateway`},
		"conditions out of order":  {retry(func(r *config.Retry) { slices.Reverse(r.On) }), `providers[0].retry.on[1]: "ConnectFailure" is out of order or stands twice`},
		"a condition twice":        {retry(func(r *config.Retry) { r.On[1] = r.On[0] }), `providers[0].retry.on[1]: "ConnectFailure" is out of order or stands twice`},
		"a whole budget":           {retry(func(r *config.Retry) { r.BudgetPercent = 100 }), ""},
		"more than a whole budget": {retry(func(r *config.Retry) { r.BudgetPercent = 101 }), "providers[0].retry.budgetPercent: 101 is not within 0 and 100"},
		"a negative budget":        {retry(func(r *config.Retry) { r.BudgetPercent = -1 }), "providers[0].retry.budgetPercent: -1 is not within 0 and 100"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := problemsOf(t, test.edit); got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
}

func TestQuotasAndTimeoutsThatAreNotValid(t *testing.T) {
	quota := func(change func(*config.Quota)) func(*config.Provider) {
		return edit(func(p *config.Provider) *config.Quota { return &p.Quota }, change)
	}
	throughput := func(m *config.MinThroughput) func(*config.Provider) {
		return func(p *config.Provider) { p.Timeouts.MinThroughput = m }
	}
	tests := map[string]struct {
		edit func(*config.Provider)
		want string
	}{
		"no quota and no queue": {quota(func(q *config.Quota) { *q = config.Quota{QueueTimeout: q.QueueTimeout} }), ""},
		"half of a limit": {quota(func(q *config.Quota) { q.Requests[0].Burst = 0 }),
			"providers[0].quota.requests[0]: count, per and burst must be positive"},
		"tokens without a period": {quota(func(q *config.Quota) { q.Tokens[0].Per = 0 }), "providers[0].quota.tokens[0]: count and per must be positive"},
		"no tokens":               {quota(func(q *config.Quota) { q.Tokens[0].Count = 0 }), "providers[0].quota.tokens[0]: count and per must be positive"},
		"tokens of a period twice": {quota(func(q *config.Quota) { q.Tokens = append(q.Tokens, q.Tokens[0]) }),
			"providers[0].quota.tokens[1].per: 1m0s stands twice"},
		"fewer than no requests at once": {quota(func(q *config.Quota) { q.Concurrency = -1 }), "providers[0].quota.concurrency: -1 is negative"},
		"fewer than nobody waiting":      {quota(func(q *config.Quota) { q.QueueLength = -1 }), "providers[0].quota.queueLength: -1 is negative"},
		"no time to wait":                {quota(func(q *config.Quota) { q.QueueTimeout = 0 }), "providers[0].quota.queueTimeout: 0s is not positive"},
		"any throughput":                 {throughput(nil), ""},
		"a throughput of nothing": {throughput(&config.MinThroughput{Over: 1}),
			"providers[0].timeouts.minThroughput.tokensPerSecond: 0 is not positive"},
		"a throughput over no time": {throughput(&config.MinThroughput{TokensPerSecond: 1}),
			"providers[0].timeouts.minThroughput.over: 0s is not positive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := problemsOf(t, test.edit); got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
}

func TestHealthChecksThatAreNotValid(t *testing.T) {
	const form = "must begin with / and hold neither a fragment nor what needs escaping"
	check := func(change func(*config.HealthCheck)) func(*config.Provider) {
		return edit(func(p *config.Provider) *config.HealthCheck { return p.HealthCheck }, change)
	}
	path := func(path string, kind config.ProviderType) func(*config.Provider) {
		return func(p *config.Provider) {
			valid(kind)(p)
			p.HealthCheck.Path = path
		}
	}
	tests := map[string]struct {
		edit func(*config.Provider)
		want string
	}{
		"none":                              {func(p *config.Provider) { p.HealthCheck = nil }, ""},
		"of the provider's list of models":  {path("", config.OpenAI), ""},
		"of a list that Bedrock has not":    {path("", config.Bedrock), "providers[0].healthCheck.path: required, as the provider has no list of models"},
		"of a list that Vertex AI has not":  {path("", config.VertexAI), "providers[0].healthCheck.path: required, as the provider has no list of models"},
		"of a path at Bedrock":              {path("/ping", config.Bedrock), ""},
		"of a path that is relative":        {path("healthz", config.OpenAI), "providers[0].healthCheck.path: " + form},
		"of a path with a fragment":         {path("/a#b", config.OpenAI), "providers[0].healthCheck.path: " + form},
		"of a path that ends the line":      {path("/canary HTTP/1.1\r\nX: y", config.OpenAI), "providers[0].healthCheck.path: " + form},
		"of a path that needs escaping":     {path("/é", config.OpenAI), "providers[0].healthCheck.path: " + form},
		"all the time":                      {check(func(h *config.HealthCheck) { h.Interval = 0 }), "providers[0].healthCheck.interval: 0s is not positive"},
		"in no time":                        {check(func(h *config.HealthCheck) { h.Timeout = 0 }), "providers[0].healthCheck.timeout: 0s is not positive"},
		"unhealthy before the first result": {check(func(h *config.HealthCheck) { h.UnhealthyThreshold = 0 }), "providers[0].healthCheck.unhealthyThreshold: 0 is not positive"},
		"healthy after no success":          {check(func(h *config.HealthCheck) { h.HealthyThreshold = 0 }), "providers[0].healthCheck.healthyThreshold: 0 is not positive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := problemsOf(t, test.edit); got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
}

// The buckets are a contract between pods and operators of different releases.
func TestLatencyFallsIntoTheBucketThatItsBoundNames(t *testing.T) {
	got := map[time.Duration]int{}
	for _, d := range []time.Duration{-1, 0, time.Millisecond, time.Millisecond + 1, 2 * time.Millisecond, 16 * time.Millisecond,
		time.Second, time.Minute, time.Hour, 1 << 62} {
		got[d] = config.LatencyBucket(d)
	}
	want := map[time.Duration]int{-1: 0, 0: 0, time.Millisecond: 0, time.Millisecond + 1: 1, 2 * time.Millisecond: 4,
		16 * time.Millisecond: 16, time.Second: 40, time.Minute: 64, time.Hour: 88, 1 << 62: 95}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	for bucket := range config.LatencyBuckets {
		bound := config.LatencyBound(bucket)
		if is := config.LatencyBucket(bound); is != bucket {
			t.Errorf("the bound of bucket %d, %s, falls into %d", bucket, bound, is)
		}
		if is := config.LatencyBucket(bound + bound/100); is != min(bucket+1, config.LatencyBuckets-1) {
			t.Errorf("above the bound of bucket %d is %d", bucket, is)
		}
	}
}
