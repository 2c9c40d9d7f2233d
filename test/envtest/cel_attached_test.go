// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"slices"
	"strings"
)

func providerRules() []rule {
	const kind = "ProviderPolicy"
	at := func(path string) field { return field{kind, path, nil} }
	endpoint := at("spec.endpoint")
	const absolute = "must be an absolute URL that begins with http:// or https://"
	const bare = "must not have a query, a fragment or credentials"
	const noTLS = "tls has no effect on an endpoint that is not https"
	tls := field{kind, "spec", change{"spec.tls.serverName": "a"}}
	withTLS := func(endpoint string) change { return change{"spec.tls.serverName": "a", "spec.endpoint": endpoint} }
	forwarded := []any{"Accept", "Anthropic-Beta", "Anthropic-Version", "Idempotency-Key", "OpenAI-Beta", "Traceparent", "Tracestate", "User-Agent", "X-Client-Request-Id"}
	withRemove := func(names []any) change { return change{"spec.headers.remove": names} }
	rules := []rule{
		{constraint{kind, "", "required spec"}, nil, change{"spec": nil}},
		{constraint{kind, "spec", "required type"}, nil, change{"spec.type": nil}},
		at("spec.type").rule("enum", "Mistral", "Bard"),
		{constraint{kind, tls.at, noTLS}, withTLS("https://a"), withTLS("http://a")},
		{constraint{kind, tls.at, noTLS}, tls.around, withTLS("http://https://")},
		at("spec.tls").rule("minProperties", map[string]any{"serverName": "a"}, map[string]any{}),
		at("spec.tls.serverName").rule("maxLength", repeat(253), repeat(254)),
		at("spec.tls.serverName").rule("pattern", "a-b.example.com", "a_b"),
		at("spec.tls.serverName").rule("pattern", "a", "-a"),
		endpoint.rule("minLength", "http://a", "http://"),
		endpoint.rule("maxLength", "http://"+repeat(2041), "http://"+repeat(2042)),
		endpoint.rule(absolute, "https://[::1]:8443/v1", "ftp://example.com"),
		endpoint.rule(absolute, "http://vllm.models.svc:8000/v1", "example.com/v1"),
		endpoint.rule(absolute, "HTTP://example.com", "http:///no-host"),
		endpoint.rule(absolute, "http://a/b%20c", "http://a b/"),
		endpoint.rule(bare, "http://a/b:c", "http://user:password@a"),
		endpoint.rule(bare, "http://a/b;c", "http://a/b?c=d"),
		endpoint.rule(bare, "http://a/b!c", "http://a/#b"),
		at("spec.headers").rule("minProperties", map[string]any{"set": map[string]any{"a": "b"}}, map[string]any{}),
		{constraint{kind, "spec.headers.remove", "maxItems"}, withRemove(forwarded), withRemove(append(slices.Clone(forwarded), "Accept"))},
		{constraint{kind, "spec.headers.remove", "listType"}, withRemove([]any{"Accept", "User-Agent"}), withRemove([]any{"Accept", "Accept"})},
		at("spec.headers.remove[0]").rule("enum", "OpenAI-Beta", "Content-Type"),
	}
	for _, name := range []string{"connect", "firstToken", "betweenTokens", "total"} {
		rules = append(rules, at("spec.timeouts."+name).duration("must be above zero and at most 24h", "1ms", "24h", "0s", "24h1ms")...)
	}
	return slices.Concat(rules, gatewayRefs(kind), providerHeaderRules(),
		secretKey(field{kind, "spec.credentials.secretRef", nil}), secretKey(field{kind, "spec.tls.caSecretRef", nil}))
}

func providerHeaderRules() []rule {
	set := field{"ProviderPolicy", "spec.headers.set", nil}
	const names = "names are letters, digits and dashes, at most 64"
	const own = "this header is the gateway's own"
	rules := []rule{
		set.rule("maxProperties", properties(32), properties(33)),
		set.rule(names, map[string]any{repeat(64): ""}, map[string]any{repeat(65): ""}),
		set.rule(names, map[string]any{"X-A-1": ""}, map[string]any{"X_A": ""}),
		{constraint{set.kind, set.at + ".*", "maxLength"}, change{set.at + ".x": repeat(4096)}, change{set.at + ".x": repeat(4097)}},
		{constraint{set.kind, set.at + ".*", "pattern"}, change{set.at + ".x": " ~"}, change{set.at + ".x": "a\nb"}},
	}
	for _, name := range strings.Fields(`authorization host connection content-length content-type content-encoding
		transfer-encoding te trailer upgrade expect accept-encoding keep-alive proxy-connection proxy-authorization
		x-api-key api-key x-goog-api-key`) {
		rules = append(rules, set.rule(own, map[string]any{"y-" + name: "a"}, map[string]any{strings.ToUpper(name): "a"}))
	}
	for _, name := range []string{"X-Amz-Date", "x-amz-security-token", "X-AMZ-"} {
		rules = append(rules, set.rule(own, map[string]any{"X-Amzn-Bedrock-GuardrailIdentifier": "a"}, map[string]any{name: "a"}))
	}
	return rules
}

func providerModelRules() []rule {
	const kind = "ProviderPolicy"
	at := func(path string) field { return field{kind, path, nil} }
	models := func(n int) []any {
		var all []any
		for _, name := range numbered("m", n) {
			all = append(all, map[string]any{"name": name})
		}
		return all
	}
	return slices.Concat([]rule{
		at("spec.timeouts").rule("minProperties", map[string]any{"total": "1s"}, map[string]any{}),
		at("spec.models").rule("maxItems", models(256), models(257)),
		at("spec.models").rule("listType", models(2), append(models(1), models(1)...)),
		{constraint{kind, "spec.models[0]", "required name"}, nil, change{"spec.models[0]": map[string]any{"upstream": "a"}}},
		at("spec.models[0].name").rule("pattern", "openai/GPT-4o:x@1+2_.", "a b"),
		at("spec.models[0].name").rule("pattern", "4", "-a"),
		at("spec.models[0].upstream").rule("pattern", "~!", "a b"),
		at("spec.models[0].upstream").rule("pattern", "a", "é"),
	},
		at("spec.models[0].name").name(256),
		at("spec.models[0].upstream").name(512),
		at("spec.models[0].maxOutputTokens").number(1, 100000000),
		providerPriceRules(),
	)
}

func providerPriceRules() []rule {
	const price = "spec.models[0].price"
	whole := map[string]any{"inputPerMillion": "1", "outputPerMillion": "1"}
	rules := []rule{
		{constraint{"ProviderPolicy", price, "required inputPerMillion"}, change{price: whole}, change{price: map[string]any{"outputPerMillion": "1"}}},
		{constraint{"ProviderPolicy", price, "required outputPerMillion"}, change{price: whole}, change{price: map[string]any{"inputPerMillion": "1"}}},
	}
	for _, name := range []string{"inputPerMillion", "outputPerMillion", "cachedInputPerMillion", "cacheWritePerMillion", "perRequest"} {
		amount := field{"ProviderPolicy", price + "." + name, change{price: whole}}
		rules = append(rules,
			amount.rule("maxLength", "9999.999999", "0009999.9999"),
			amount.rule("pattern", "0", "-1"),
			amount.rule("pattern", "0.075", ".5"),
			amount.rule("pattern", "9999", "10000"),
			amount.rule("pattern", "0.000001", "0.0000001"),
			amount.rule("pattern", "3.00", "3,00"),
			amount.rule("pattern", "3", ""),
		)
	}
	return rules
}

func keyRules() []rule {
	const kind = "APIKey"
	const name = "the name must be of at most 240 characters, as a Secret is named after it"
	user := field{kind, "spec.user", nil}
	return slices.Concat([]rule{
		{constraint{kind, "", "required spec"}, nil, change{"spec": nil}},
		{constraint{kind, "", name}, change{"metadata.name": repeat(240)}, change{"metadata.name": repeat(241)}},
		{constraint{kind, "spec", "required user"}, nil, change{"spec.user": nil}},
		field{kind, "spec.role", nil}.rule("enum", "Master", "Root"),
		field{kind, "spec.role", nil}.rule("enum", "User", "user"),
		user.rule("pattern", "Zoë <zoe@example.com>", "a\nb"),
		user.rule("pattern", "é", " "),
		user.rule("pattern", "a b", "a\x1f"),
	},
		user.name(253),
		gatewayRefs(kind),
		secretKey(field{kind, "spec.secretRef", nil}),
	)
}
