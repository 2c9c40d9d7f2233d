// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"slices"
)

// protectRules are about bounds of single requests, scripts of web pages, and who is told of errors.
func protectRules() []rule {
	return slices.Concat(requestBoundRules(), corsRules(), errorTrackingRules())
}

func requestBoundRules() []rule {
	const kind, at = "SparkGateway", "spec.requestLimits"
	const idle = "onExcessOutput has no effect without maxOutputTokens"
	type m = map[string]any
	of := func(name string) field { return field{kind, at + "." + name, nil} }
	whole := field{kind, at, nil}
	excess := field{kind, at + ".onExcessOutput", change{at: m{"maxOutputTokens": 1}}}
	return slices.Concat([]rule{
		whole.rule(idle, m{"onExcessOutput": "Clamp", "maxOutputTokens": 1}, m{"onExcessOutput": "Clamp"}),
		whole.rule(idle, m{"maxOutputTokens": 1}, m{"onExcessOutput": "Refuse"}),
		excess.rule("enum", "Refuse", "Truncate"),
		excess.rule("enum", "Clamp", ""),
	},
		of("minBodyRate").number(1, 1<<20), of("maxHeaderFields").number(16, 1000), of("maxDepth").number(8, 500),
		of("maxMessages").number(1, 1000000), of("maxInputTokens").number(1, 100000000), of("maxOutputTokens").number(1, 100000000))
}

func corsRules() []rule {
	const kind, at = "SparkGateway", "spec.cors"
	const everybody = "credentials cannot be allowed to every origin"
	type m = map[string]any
	one, all := []any{"https://a"}, []any{"*"}
	whole := field{kind, at, nil}
	around := change{at: m{"allowOrigins": one}}
	of := func(name string) field { return field{kind, at + "." + name, around} }
	origin, age := of("allowOrigins[0]"), of("maxAge")
	var origins []any
	for i := range 65 {
		origins = append(origins, fmt.Sprintf("https://a%d", i))
	}
	long := "https://" + repeat(245)
	return slices.Concat([]rule{
		whole.rule("required allowOrigins", m{"allowOrigins": one}, m{"maxAge": "1m"}),
		whole.rule(everybody, m{"allowOrigins": one, "allowCredentials": true}, m{"allowOrigins": all, "allowCredentials": true}),
		whole.rule(everybody, m{"allowOrigins": all, "allowCredentials": false}, m{"allowOrigins": all, "allowCredentials": true}),
		whole.rule("beside *, other origins have no effect", m{"allowOrigins": all}, m{"allowOrigins": append(one, "*")}),
		whole.rule("beside *, other headers have no effect", m{"allowOrigins": one, "allowHeaders": all}, m{"allowOrigins": one, "allowHeaders": []any{"*", "X-A"}}),
		whole.rule("beside *, other headers have no effect", m{"allowOrigins": one, "allowHeaders": []any{"X-A", "X-B"}}, m{"allowOrigins": one, "allowHeaders": []any{"X-A", "*"}}),
		of("allowOrigins").rule("minItems", one, []any{}),
		of("allowOrigins").rule("maxItems", origins[:64], origins),
		of("allowOrigins").rule("listType", origins[:2], []any{"https://a", "https://a"}),
		origin.rule("maxLength", long, long+"a"),
		origin.rule("pattern", "http://localhost:3000", "localhost:3000"),
		origin.rule("pattern", "https://*.example.com", "https://a.*.example.com"),
		origin.rule("pattern", "*", "**"),
		origin.rule("pattern", "https://app.example.com", "https://app.example.com/"),
		origin.rule("pattern", "https://app.example.com:443", "https://App.example.com"),
		of("allowMethods").rule("minItems", []any{"GET"}, []any{}),
		of("allowMethods").rule("maxItems", []any{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, append([]any{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, "GET")),
		of("allowMethods").rule("listType", []any{"GET", "POST"}, []any{"GET", "GET"}),
		of("allowHeaders").rule("minItems", all, []any{}),
		age.rule("must be at most 24h", "24h", "24h1ms"),
		age.rule("must be at most 24h", "0s", "99999h"),
	}, modes(of("allowMethods[0]"), "OPTIONS", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
		headerNames(of("allowHeaders")), headerNames(of("exposeHeaders")), []rule{of("allowHeaders[0]").rule("pattern", "*", "X-*")},
		age.spellings("1m30s", "00000h00000m00001s00001ms", "60s"))
}

// headerNames are the rules of a set of names of headers.
func headerNames(list field) []rule {
	one := field{list.kind, list.at + "[0]", list.around}
	return []rule{
		list.rule("maxItems", numbered("X-", 64), numbered("X-", 65)),
		list.rule("listType", numbered("X-", 2), []any{"X-0", "X-0"}),
		one.rule("maxLength", repeat(64), repeat(65)),
		one.rule("pattern", "X-Team-1", "X Team"),
		one.rule("pattern", "a", "1-A"),
	}
}

func errorTrackingRules() []rule {
	const kind, at = "SparkGateway", "spec.telemetry.errorTracking"
	const idle = "environment has no effect without sentryDSNSecretRef"
	const asked = "must be an http or https URL without fragment or credentials"
	type m = map[string]any
	dsn := m{"name": "sentry"}
	hook := m{"url": "https://hooks"}
	whole := field{kind, at, nil}
	environment := field{kind, at + ".environment", change{at: m{"sentryDSNSecretRef": dsn}}}
	url := field{kind, at + ".webhook.url", change{at + ".webhook": hook}}
	return slices.Concat([]rule{
		whole.rule("minProperties", m{"maxGroups": 10}, m{}),
		whole.rule(idle, m{"environment": "prod", "sentryDSNSecretRef": dsn}, m{"environment": "prod"}),
		whole.rule(idle, m{"sentryDSNSecretRef": dsn}, m{"environment": "prod", "webhook": hook}),
		environment.rule("maxLength", repeat(64), repeat(65)),
		environment.rule("pattern", "prod.eu_1-a", "prod eu"),
		environment.rule("pattern", "0", "-prod"),
		field{kind, at + ".webhook", nil}.rule("required url", hook, m{"authorizationSecretRef": m{"name": "a"}}),
		url.rule("maxLength", "https://"+repeat(1016), "https://"+repeat(1017)),
		url.rule(asked, "http://hooks/errors?a=b", "hooks/errors"),
		url.rule(asked, "https://a", "https://user@a"),
	}, field{kind, at + ".maxGroups", nil}.number(10, 10000),
		secretKey(field{kind, at + ".sentryDSNSecretRef", nil}),
		secretKey(field{kind, at + ".webhook.authorizationSecretRef", change{at + ".webhook": hook}}))
}
