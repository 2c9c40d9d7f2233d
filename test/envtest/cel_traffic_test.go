// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"maps"
	"slices"
)

// providerTrafficRules are about how much a provider is asked, and what happens when it fails.
func providerTrafficRules() []rule {
	return slices.Concat(breakerRules(), retryRules(), quotaRules(), healthCheckRules(), throughputRules())
}

// policy is a field of a ProviderPolicy, with what must stand around it.
func policy(path string, around ...change) field {
	f := field{"ProviderPolicy", path, change{}}
	for _, c := range around {
		maps.Copy(f.around, c)
	}
	return f
}

func breakerRules() []rule {
	const breaker = "spec.circuitBreaker"
	return slices.Concat([]rule{
		policy(breaker).rule("minProperties", map[string]any{"window": "1s"}, map[string]any{}),
	},
		policy(breaker+".consecutiveFailures").number(1, 10000),
		policy(breaker+".failurePercent").number(1, 100),
		policy(breaker+".minRequests").number(1, 1000000),
		policy(breaker+".halfOpenProbes").number(1, 100),
		policy(breaker+".window").duration("must be between 1s and 10m", "1s", "600s", "999ms", "10m1ms"),
		policy(breaker+".openFor").duration("must be between 100ms and 1h", "100ms", "60m", "99ms", "1h1ms"),
	)
}

func retryRules() []rule {
	const retry = "spec.retry"
	const tooLong = "backoff must not exceed maxBackoff, which is 5s unless said"
	const tooShort = "maxBackoff must not be below backoff, which is 100ms unless said"
	const within = "must be between 1ms and 1m"
	backoffs := func(least, most string) map[string]any {
		all := map[string]any{}
		if least != "" {
			all["backoff"] = least
		}
		if most != "" {
			all["maxBackoff"] = most
		}
		return all
	}
	every := []any{"ConnectFailure", "Timeout", "TooManyRequests", "ServerError", "TargetRefused"}
	when := policy(retry + ".when")
	return slices.Concat([]rule{
		policy(retry).rule("minProperties", map[string]any{"attempts": 1}, map[string]any{}),
		policy(retry).rule(tooLong, backoffs("5s", ""), backoffs("5001ms", "")),
		policy(retry).rule(tooLong, backoffs("6s", "6s"), backoffs("6s", "5999ms")),
		policy(retry).rule(tooShort, backoffs("", "100ms"), backoffs("", "99ms")),
		policy(retry).rule(tooShort, backoffs("1ms", "1ms"), backoffs("2ms", "1ms")),
		when.rule("minItems", []any{"Timeout"}, []any{}),
		when.rule("maxItems", every, append(slices.Clone(every), "Timeout")),
		when.rule("listType", []any{"Timeout", "ServerError"}, []any{"Timeout", "Timeout"}),
		policy(retry+".when[0]").rule("enum", "TargetRefused", "ClientError"),
	},
		policy(retry+".attempts").number(1, 10),
		policy(retry+".budgetPercent").number(0, 100),
		policy(retry+".backoff", change{retry + ".maxBackoff": "1m"}).shortDuration(within, "1ms", "60s", "0s", "1m1ms"),
		policy(retry+".maxBackoff", change{retry + ".backoff": "1ms"}).shortDuration(within, "1ms", "60s", "0s", "1m1ms"),
	)
}

func quotaRules() []rule {
	const limits = "spec.limits"
	return slices.Concat([]rule{
		policy(limits).rule("minProperties", map[string]any{"concurrency": 1}, map[string]any{}),
		policy(limits+".queue").rule("minProperties", map[string]any{"length": 1}, map[string]any{}),
	},
		tokenLimits("ProviderPolicy", limits+".tokens", 4),
		requestLimits("ProviderPolicy", limits+".requests", 4),
		policy(limits+".concurrency").number(1, 1000000),
		policy(limits+".queue.length").number(0, 10000),
		policy(limits+".queue.timeout").duration("must be between 1ms and 5m", "1ms", "300s", "0s", "5m1ms"),
	)
}

func healthCheckRules() []rule {
	const check = "spec.healthCheck"
	const noList = "healthCheck.path is required with types Bedrock and VertexAI and with azureOpenAI.apiVersion, which have no list of models"
	const tooLong = "timeout (2s unless said) must not exceed interval (30s unless said)"
	path := policy(check + ".path")
	rules := slices.Concat([]rule{
		policy(check).rule(tooLong, map[string]any{"interval": "2s"}, map[string]any{"interval": "1999ms"}),
		policy(check).rule(tooLong, map[string]any{"timeout": "30s"}, map[string]any{"timeout": "30001ms"}),
		policy(check).rule(tooLong, map[string]any{"timeout": "9s", "interval": "9s"}, map[string]any{"timeout": "9s", "interval": "8s"}),
		path.rule("maxLength", "/"+repeat(1023), "/"+repeat(1024)),
		path.rule("pattern", "/a?b=c&d!~", "a"),
		path.rule("pattern", "/", "/a b"),
		path.rule("pattern", "/%C3%A9", "/é"),
		path.rule("must not have a fragment", "/a", "/a#b"),
	},
		policy(check+".interval", change{check + ".timeout": "10ms"}).duration("must be between 1s and 1h", "1s", "60m", "999ms", "1h1ms"),
		policy(check+".timeout", change{check + ".interval": "1h"}).shortDuration("must be between 10ms and 1m", "10ms", "60s", "9ms", "1m1ms"),
		policy(check+".unhealthyThreshold").number(1, 10),
		policy(check+".healthyThreshold").number(1, 10),
	)
	for kind := range providerTypes {
		asked := ofType(kind, change{check: map[string]any{}})
		if kind == "Bedrock" || kind == "VertexAI" {
			rules = append(rules, rule{constraint{"ProviderPolicy", "spec", noList}, ofType(kind, change{path.at: "/ping"}), asked})
		} else {
			rules = append(rules, rule{constraint{"ProviderPolicy", "spec", noList}, asked, ofType("Bedrock", change{check: map[string]any{}})})
		}
	}
	dated := change{"spec.azureOpenAI": map[string]any{"apiVersion": "2024-10-21"}}
	rules = append(rules, rule{
		constraint{"ProviderPolicy", "spec", noList},
		ofType("AzureOpenAI", dated, change{path.at: "/ping"}), ofType("AzureOpenAI", dated, change{check: map[string]any{}}),
	})
	return rules
}

func throughputRules() []rule {
	const least = "spec.timeouts.minThroughput"
	return slices.Concat([]rule{
		policy(least).rule("required tokensPerSecond", map[string]any{"tokensPerSecond": 1}, map[string]any{"over": "1s"}),
	},
		policy(least+".tokensPerSecond").number(1, 10000),
		policy(least+".over", change{least + ".tokensPerSecond": 1}).duration("must be between 1s and 5m", "1s", "300s", "999ms", "5m1ms"),
	)
}
