// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import "slices"

// tracingRules are about which requests a collector and the access log are told of.
func tracingRules() []rule {
	const kind, at = "SparkGateway", "spec.telemetry.tracing"
	const needs = "otlpEndpoint needs a path with protocol HTTP, such as /v1/traces"
	const none = "otlpEndpoint has no path with protocol GRPC"
	const asked = "must be an http or https URL without query, fragment or credentials"
	type m = map[string]any
	to := func(protocol, endpoint string) m { return m{"protocol": protocol, "otlpEndpoint": endpoint} }
	whole := field{kind, at, nil}
	around := change{at: m{"otlpEndpoint": "http://otel:4317"}}
	endpoint := field{kind, at + ".otlpEndpoint", around}
	return slices.Concat([]rule{
		whole.rule("required otlpEndpoint", m{"otlpEndpoint": "http://otel:4317"}, m{"samplingPercent": 1}),
		whole.rule(needs, to("HTTP", "http://otel:4318/v1/traces"), to("HTTP", "http://otel:4318")),
		whole.rule(needs, to("HTTP", "http://otel:4318/"), to("HTTP", "https://otel")),
		whole.rule(none, to("GRPC", "http://otel:4317/"), to("GRPC", "http://otel:4317/v1/traces")),
		whole.rule(none, m{"otlpEndpoint": "https://otel"}, m{"otlpEndpoint": "https://otel/v1/traces"}),
		field{kind, at + ".protocol", around}.rule("enum", "GRPC", "Zipkin"),
		field{kind, at + ".protocol", change{at: m{"otlpEndpoint": "http://otel/"}}}.rule("enum", "HTTP", "http"),
		endpoint.rule("maxLength", "https://"+repeat(1016), "https://"+repeat(1017)),
		endpoint.rule(asked, "https://[2001:db8::1]:4317", "otel:4317"),
		endpoint.rule(asked, "http://otel", "grpc://otel"),
		endpoint.rule(asked, "http://otel", "http://user:pass@otel"),
		endpoint.rule(asked, "http://otel/", "http://otel/?a=b"),
		endpoint.rule(asked, "http://otel/", "http://otel/#a"),
	}, field{kind, at + ".samplingPercent", around}.number(0, 100),
		secretKey(field{kind, at + ".authorizationSecretRef", around}),
		field{kind, "spec.telemetry.accessLog.samplingPercent", nil}.number(0, 100))
}
