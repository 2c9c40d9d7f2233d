// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// A block that says one thing leaves the others at their defaults, as its field comments promise.
func TestWhatIsSaidOfTrafficReplacesItsDefault(t *testing.T) {
	n := func(n int32) *int32 { return &n }
	breaker := config.Breaker{ConsecutiveFailures: 5, FailurePercent: 50, MinRequests: 20, Window: duration("30s"), OpenFor: duration("15s"), Probes: 3}
	retry := config.Retry{Attempts: 2, Backoff: duration("100ms"), MaxBackoff: duration("5s"), BudgetPercent: 20,
		On: []config.RetryCondition{"ConnectFailure", "ServerError", "TargetRefused", "Timeout", "TooManyRequests"}}
	quota := config.Quota{QueueLength: 100, QueueTimeout: duration("5s")}
	check := config.HealthCheck{Interval: duration("30s"), Timeout: duration("2s"), UnhealthyThreshold: 2, HealthyThreshold: 1}
	timeouts := config.Timeouts{Connect: duration("2s"), FirstToken: duration("30s"), BetweenTokens: duration("30s"), Total: duration("10m")}
	tests := map[string]struct {
		spec func(*v1alpha1.ProviderPolicySpec)
		want func(*config.Provider)
	}{
		"nothing": {func(*v1alpha1.ProviderPolicySpec) {}, func(*config.Provider) {}},
		"a breaker's failures in a row": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.CircuitBreaker = &v1alpha1.CircuitBreaker{ConsecutiveFailures: n(1)}
			},
			func(p *config.Provider) { p.Breaker.ConsecutiveFailures = 1 }},
		"a breaker's all else": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.CircuitBreaker = &v1alpha1.CircuitBreaker{FailurePercent: n(1), MinRequests: n(2), Window: "3s", OpenFor: "4s", HalfOpenProbes: n(5)}
			},
			func(p *config.Provider) {
				p.Breaker = config.Breaker{ConsecutiveFailures: 5, FailurePercent: 1, MinRequests: 2, Window: duration("3s"), OpenFor: duration("4s"), Probes: 5}
			}},
		"no second attempt and no budget": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Retry = &v1alpha1.Retry{Attempts: n(1), BudgetPercent: n(0)}
			},
			func(p *config.Provider) { p.Retry.Attempts, p.Retry.BudgetPercent = 1, 0 }},
		"other backoffs": {
			func(s *v1alpha1.ProviderPolicySpec) { s.Retry = &v1alpha1.Retry{Backoff: "1s", MaxBackoff: "1s"} },
			func(p *config.Provider) { p.Retry.Backoff, p.Retry.MaxBackoff = duration("1s"), duration("1s") }},
		"some conditions, sorted": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Retry = &v1alpha1.Retry{When: []v1alpha1.RetryCondition{v1alpha1.RetryTimeout, v1alpha1.RetryConnectFailure}}
			},
			func(p *config.Provider) { p.Retry.On = []config.RetryCondition{"ConnectFailure", "Timeout"} }},
		"requests, in order of their period": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Limits = &v1alpha1.ProviderLimits{Requests: []v1alpha1.RequestLimit{{Count: 9, Per: "1h"}, {Count: 5, Per: "1m", Burst: ptr.To(int64(2))}}}
			},
			func(p *config.Provider) {
				p.Quota.Requests = []config.RequestLimit{{Count: 5, Per: duration("1m"), Burst: 2}, {Count: 9, Per: duration("1h"), Burst: 9}}
			}},
		"tokens, in order of their period": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Limits = &v1alpha1.ProviderLimits{Tokens: []v1alpha1.TokenLimit{{Count: 9, Per: "1h"}, {Count: 5, Per: "1m"}}}
			},
			func(p *config.Provider) {
				p.Quota.Tokens = []config.TokenLimit{{Count: 5, Per: duration("1m")}, {Count: 9, Per: duration("1h")}}
			}},
		"concurrency without a queue": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Limits = &v1alpha1.ProviderLimits{Concurrency: n(7), Queue: &v1alpha1.ProviderQueue{Length: n(0)}}
			},
			func(p *config.Provider) { p.Quota.Concurrency, p.Quota.QueueLength = 7, 0 }},
		"another queue": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Limits = &v1alpha1.ProviderLimits{Queue: &v1alpha1.ProviderQueue{Length: n(3), Timeout: "1s"}}
			},
			func(p *config.Provider) { p.Quota.QueueLength, p.Quota.QueueTimeout = 3, duration("1s") }},
		"a health check of the list of models": {
			func(s *v1alpha1.ProviderPolicySpec) { s.HealthCheck = &v1alpha1.HealthCheck{} },
			func(p *config.Provider) { p.HealthCheck = &check }},
		"another health check": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.HealthCheck = &v1alpha1.HealthCheck{Path: "/a?b", Interval: "1s", Timeout: "1s", UnhealthyThreshold: n(3), HealthyThreshold: n(4)}
			},
			func(p *config.Provider) {
				p.HealthCheck = &config.HealthCheck{Path: "/a?b", Interval: duration("1s"), Timeout: duration("1s"), UnhealthyThreshold: 3, HealthyThreshold: 4}
			}},
		"a least throughput": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Timeouts = &v1alpha1.Timeouts{MinThroughput: &v1alpha1.MinThroughput{TokensPerSecond: 5}}
			},
			func(p *config.Provider) {
				p.Timeouts.MinThroughput = &config.MinThroughput{TokensPerSecond: 5, Over: duration("10s")}
			}},
		"a least throughput over a time": {
			func(s *v1alpha1.ProviderPolicySpec) {
				s.Timeouts = &v1alpha1.Timeouts{MinThroughput: &v1alpha1.MinThroughput{TokensPerSecond: 5, Over: "1s"}}
			},
			func(p *config.Provider) {
				p.Timeouts.MinThroughput = &config.MinThroughput{TokensPerSecond: 5, Over: duration("1s")}
			}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := config.Provider{ID: "team/llm", Name: "llm", Type: config.OpenAICompatible, Endpoint: "http://llm.models.svc:8000/v1",
				AnyModel: true, Timeouts: timeouts, Breaker: breaker, Retry: retry, Quota: quota}
			test.want(&want)
			out := mustServe(t, input(provider("llm", func(p *v1alpha1.ProviderPolicy) { test.spec(&p.Spec) })))
			if diff := cmp.Diff(want, out.Document.Core.Providers[0]); diff != "" {
				t.Errorf("provider (-want +got):\n%s", diff)
			}
		})
	}
}

// The API server's rules refuse these; what slips past them must be told on the provider, and harm nobody else.
func TestTrafficThatIsNotValid(t *testing.T) {
	n := func(n int32) *int32 { return &n }
	tests := map[string]struct {
		spec func(*v1alpha1.ProviderPolicySpec)
		want string
	}{
		"a breaker": {func(s *v1alpha1.ProviderPolicySpec) {
			s.CircuitBreaker = &v1alpha1.CircuitBreaker{ConsecutiveFailures: n(0), FailurePercent: n(101), MinRequests: n(-1), Window: "0s", OpenFor: "x", HalfOpenProbes: n(0)}
		}, "spec.circuitBreaker.consecutiveFailures: 0 is not within 1 and 10000\nspec.circuitBreaker.failurePercent: 101 is not within 1 and 100\n" +
			"spec.circuitBreaker.minRequests: -1 is not within 1 and 1000000\nspec.circuitBreaker.window: \"0s\" is not a duration above zero\n" +
			"spec.circuitBreaker.openFor: \"x\" is not a duration above zero\nspec.circuitBreaker.halfOpenProbes: 0 is not within 1 and 100"},
		"retries": {func(s *v1alpha1.ProviderPolicySpec) {
			s.Retry = &v1alpha1.Retry{Attempts: n(11), Backoff: "0s", BudgetPercent: n(101), When: []v1alpha1.RetryCondition{"Timeout", "Timeout", "Moody"}}
		}, "spec.retry.attempts: 11 is not within 1 and 10\nspec.retry.backoff: \"0s\" is not a duration above zero\n" +
			"spec.retry.budgetPercent: 101 is not within 0 and 100\nspec.retry.when[1]: \"Timeout\" is not a condition or stands twice\n" +
			"spec.retry.when[2]: \"Moody\" is not a condition or stands twice"},
		"a backoff above the greatest": {func(s *v1alpha1.ProviderPolicySpec) { s.Retry = &v1alpha1.Retry{Backoff: "6s"} },
			"spec.retry.maxBackoff: 5s is below backoff, 6s"},
		"a quota": {func(s *v1alpha1.ProviderPolicySpec) {
			s.Limits = &v1alpha1.ProviderLimits{Requests: []v1alpha1.RequestLimit{{Count: 0, Per: "1m"}},
				Tokens:      []v1alpha1.TokenLimit{{Count: 0, Per: "1m"}, {Count: 1, Per: "60s"}, {Count: 1}},
				Concurrency: n(-1), Queue: &v1alpha1.ProviderQueue{Length: n(-1), Timeout: "0s"}}
		}, "spec.limits.requests[0]: count, per and burst must be positive\nspec.limits.tokens[0]: count and per must be positive\n" +
			"spec.limits.tokens[1].per: 60s stands twice\nspec.limits.tokens[2]: count and per must be positive\n" +
			"spec.limits.concurrency: -1 is not within 0 and 1000000\nspec.limits.queue.length: -1 is not within 0 and 10000\n" +
			"spec.limits.queue.timeout: \"0s\" is not a duration above zero"},
		"a least throughput": {func(s *v1alpha1.ProviderPolicySpec) {
			s.Timeouts = &v1alpha1.Timeouts{MinThroughput: &v1alpha1.MinThroughput{Over: "0s"}}
		}, "spec.timeouts.minThroughput.tokensPerSecond: 0 is not within 1 and 10000\nspec.timeouts.minThroughput.over: \"0s\" is not a duration above zero"},
		"a health check": {func(s *v1alpha1.ProviderPolicySpec) {
			s.HealthCheck = &v1alpha1.HealthCheck{Path: "a b", Interval: "1s", UnhealthyThreshold: n(0), HealthyThreshold: n(11)}
		}, "spec.healthCheck.path: must begin with / and hold neither a fragment nor what needs escaping\n" +
			"spec.healthCheck.unhealthyThreshold: 0 is not within 1 and 10\nspec.healthCheck.healthyThreshold: 11 is not within 1 and 10\n" +
			"spec.healthCheck.timeout: 2s exceeds interval, 1s"},
		"a health check of a list that there is not": {func(s *v1alpha1.ProviderPolicySpec) {
			s.Type, s.Bedrock, s.Endpoint = v1alpha1.ProviderBedrock, &v1alpha1.Bedrock{Region: "eu-central-1"}, ""
			s.Credentials = &v1alpha1.Credentials{AWS: &v1alpha1.AWSCredentials{}}
			s.HealthCheck = &v1alpha1.HealthCheck{}
		}, "spec.healthCheck.path: is required, as the provider has no list of models"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(provider("good"), provider("bad", func(p *v1alpha1.ProviderPolicy) { test.spec(&p.Spec) })))
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			if diff := cmp.Diff(want, findingsOf(out.Providers[own("bad")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if hasProvider(out, "team/bad") || !hasProvider(out, "team/good") {
				t.Errorf("providers %+v", out.Document.Core.Providers)
			}
		})
	}
}
