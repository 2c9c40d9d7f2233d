// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"maps"
	"slices"
)

// accessRules are about who may use a gateway and for what.
func accessRules() []rule {
	const kind = "SparkGateway"
	const idle = "allow has no effect without enabled: true"
	anonymous := field{kind, "spec.auth.anonymous", nil}
	letIn := func(enabled bool, allow any) map[string]any {
		all := map[string]any{"enabled": enabled}
		if allow != nil {
			all["allow"] = allow
		}
		return all
	}
	allow := map[string]any{"models": []any{"a"}}
	return slices.Concat([]rule{
		field{kind, "spec.auth", nil}.rule("minProperties", map[string]any{"anonymous": letIn(true, nil)}, map[string]any{}),
		anonymous.rule("required enabled", letIn(false, nil), map[string]any{}),
		anonymous.rule(idle, letIn(true, allow), letIn(false, allow)),
	},
		issuerRules(),
		allowRules(kind, anonymous.at+".allow", change{anonymous.at + ".enabled": true}),
		cidrs(kind, "spec.auth.trustedProxies", nil),
		keyLifeRules(),
		allowRules("APIKey", "spec.allow", nil),
	)
}

// allowRules are the rules of Allow.
func allowRules(kind, at string, around change) []rule {
	of := func(name string) field { return field{kind, at + "." + name, around} }
	model := of("models[0]")
	endpoints := []any{"Audio", "Batches", "Chat", "Completions", "Embeddings", "Files", "Images", "Moderations", "Realtime", "Rerank"}
	return slices.Concat([]rule{
		field{kind, at, around}.rule("minProperties", map[string]any{"models": []any{"a"}}, map[string]any{}),
		of("models").rule("minItems", []any{"*"}, []any{}),
		of("models").rule("maxItems", numbered("m", 64), numbered("m", 65)),
		of("models").rule("listType", []any{"a", "b"}, []any{"a", "a"}),
		model.rule("pattern", "openai/GPT-4*é*:*@*", "a*****"),
		model.rule("pattern", "*", "a b"),
		of("endpoints").rule("minItems", []any{"Chat"}, []any{}),
		of("endpoints").rule("maxItems", endpoints, slices.Repeat(endpoints, 2)),
		of("endpoints").rule("listType", endpoints, []any{"Chat", "Chat"}),
		of("endpoints[0]").rule("enum", "Realtime", "Models"),
	}, model.name(256), cidrs(kind, at+".cidrs", around))
}

// cidrs are the rules of a list of prefixes of addresses.
func cidrs(kind, at string, around change) []rule {
	list, one := field{kind, at, around}, field{kind, at + "[0]", around}
	const message = "must be a CIDR, such as 10.0.0.0/8"
	prefixes := func(n int) []any {
		var all []any
		for i := range n {
			all = append(all, fmt.Sprintf("10.%d.0.0/16", i))
		}
		return all
	}
	return []rule{
		list.rule("minItems", prefixes(1), []any{}),
		list.rule("maxItems", prefixes(64), prefixes(65)),
		list.rule("listType", prefixes(2), append(prefixes(1), prefixes(1)...)),
		one.rule("maxLength", "2001:0db8:0000:0000:0000:0000:0000:0000/128", "02001:0db8:0000:0000:0000:0000:0000:0000/128"),
		one.rule(message, "0.0.0.0/0", "10.0.0.1"),
		one.rule(message, "10.1.2.3/8", "10.0.0.0/33"),
		one.rule(message, "2001:db8::/32", "2001:db8::/129"),
		one.rule(message, "::1/128", "::ffff:10.0.0.0/104"),
		one.rule(message, "::/0", "proxy/8"),
		one.rule(message, "127.0.0.1/32", "127.0.0.01/32"),
	}
}

func issuerRules() []rule {
	const kind, at = "SparkGateway", "spec.auth.jwt[0]"
	const absolute = "must be an http or https URL without query, fragment or credentials"
	const asked = "must be an http or https URL without fragment or credentials"
	const noTLS = "caSecretRef has no effect where the keys are not asked for with https"
	whole := map[string]any{"issuer": "https://idp.example.com", "audiences": []any{"spark"}}
	without := func(name string) map[string]any {
		some := maps.Clone(whole)
		delete(some, name)
		return some
	}
	of := func(name string) field { return field{kind, at + "." + name, change{at: whole}} }
	issuers := func(n int) []any {
		var all []any
		for i := range n {
			all = append(all, map[string]any{"issuer": fmt.Sprintf("https://%d.example.com", i), "audiences": []any{"spark"}})
		}
		return all
	}
	list := field{kind, "spec.auth.jwt", nil}
	secured := func(issuer, jwks string) change {
		c := change{at: whole, at + ".issuer": issuer, at + ".caSecretRef": map[string]any{"name": "ca"}}
		if jwks != "" {
			c[at+".jwksURI"] = jwks
		}
		return c
	}
	claims, skew := of("claims"), of("clockSkew")
	rules := []rule{
		list.rule("minItems", issuers(1), []any{}),
		list.rule("maxItems", issuers(8), issuers(9)),
		list.rule("listType", issuers(2), append(issuers(1), issuers(1)...)),
		field{kind, at, nil}.rule("required issuer", whole, without("issuer")),
		field{kind, at, nil}.rule("required audiences", whole, without("audiences")),
		{constraint{kind, at, noTLS}, secured("https://idp", ""), secured("http://idp", "")},
		{constraint{kind, at, noTLS}, secured("http://idp", "https://keys"), secured("https://idp", "http://keys")},
		of("issuer").rule("maxLength", "https://"+repeat(504), "https://"+repeat(505)),
		of("issuer").rule(absolute, "http://idp:8080/realms/a", "idp"),
		of("issuer").rule(absolute, "https://[::1]/", "https:///a"),
		of("issuer").rule(absolute, "https://a/b", "https://a/b?c"),
		of("issuer").rule(absolute, "https://a/b:c", "https://a/b#c"),
		of("issuer").rule(absolute, "https://a", "https://user:password@a"),
		of("issuer").rule(absolute, "HTTPS://a", "ftp://a"),
		of("audiences").rule("minItems", []any{"a"}, []any{}),
		of("audiences").rule("maxItems", numbered("a", 16), numbered("a", 17)),
		of("audiences").rule("listType", []any{"a", "b"}, []any{"a", "a"}),
		of("jwksURI").rule("maxLength", "https://"+repeat(504), "https://"+repeat(505)),
		of("jwksURI").rule(asked, "https://a/b?c=d", "https://a/b#c"),
		of("jwksURI").rule(asked, "http://a", "file:///a"),
		of("jwksURI").rule(asked, "https://a/b", "https://user@a"),
		of("jwksURI").rule(asked, "https://a:8443", "https://"),
		claims.rule("minProperties", map[string]any{"team": "a"}, map[string]any{}),
		claims.rule("maxProperties", properties(16), properties(17)),
		claims.rule("keys are labels' names", map[string]any{"example.com/role": "a"}, map[string]any{"a b": "c"}),
		{constraint{kind, claims.at + ".*", "minLength"}, of("claims.team").with("a"), of("claims.team").with("")},
		{constraint{kind, claims.at + ".*", "maxLength"}, of("claims.team").with(repeat(128)), of("claims.team").with(repeat(129))},
		skew.rule("must be at most 10m", "600s", "10m1ms"),
		skew.rule("must be at most 10m", "0s", "1h"),
	}
	return slices.Concat(rules, of("audiences[0]").name(512), of("userClaim").name(128), skew.spellings("1m30s", "00000h00001m00001s00001ms", "60s"),
		secretKey(of("caSecretRef")), allowRules(kind, at+".allow", change{at: whole}))
}

func keyLifeRules() []rule {
	const kind, at = "APIKey", "spec.rotation"
	const ofGenerated = "rotation is of generated keys; a key of one's own is rotated by changing its Secret"
	const tooLong = "overlap must not exceed every"
	rotation := field{kind, at, nil}
	of := func(every, overlap string) map[string]any { return map[string]any{"every": every, "overlap": overlap} }
	every, overlap := field{kind, at + ".every", nil}, field{kind, at + ".overlap", nil}
	once := map[string]any{"every": "720h"}
	return slices.Concat([]rule{
		rotation.rule("minProperties", once, map[string]any{}),
		rotation.rule(tooLong, of("1h", "60m"), of("1h", "60m1ms")),
		rotation.rule(tooLong, map[string]any{"overlap": "720h"}, of("719h", "720h")),
		{constraint{kind, "spec", ofGenerated}, change{at: once}, change{at: once, "spec.secretRef": map[string]any{"name": "own"}}},
		{constraint{kind, "spec", ofGenerated}, change{"spec.secretRef": map[string]any{"name": "own"}}, change{at: map[string]any{"overlap": "1h"}, "spec.secretRef": map[string]any{"name": "own"}}},
		every.rule("must be at least 1h", "60m", "59m59s"),
		every.rule("must be at least 1h", "99999h", "0s"),
		overlap.rule("must be at most 720h", "720h", "720h1ms"),
		overlap.rule("must be at most 720h", "0s", "99999h"),
	}, every.spellings("1h30m", "00001h00001m00001s00001ms", "90m"), overlap.spellings("1m30s", "00000h00001m00001s00001ms", "60s"))
}
