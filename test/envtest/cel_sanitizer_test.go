// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"slices"
)

const sanitizerAt = "spec.sanitizer"

// sanitizerRules are about what is looked for in texts, by gateways and by routes.
func sanitizerRules() []rule {
	rules := slices.Concat(webhookRules(), moderationRules())
	for _, kind := range []string{"SparkGateway", "ModelRoute"} {
		rules = slices.Concat(rules, contentRules(kind), patternRules(kind), linkRules(kind))
	}
	return rules
}

// words are the rules of a set of words of an enum, of which other is none.
func words(f field, all []any, other string) []rule {
	one := field{f.kind, f.at + "[0]", f.around}
	rules := []rule{
		f.rule("minItems", all[:1], []any{}),
		f.rule("maxItems", all, append(slices.Clone(all), all[0])),
		f.rule("listType", all[:2], []any{all[0], all[0]}),
	}
	for _, word := range all {
		rules = append(rules, one.rule("enum", word, other))
	}
	return rules
}

var (
	textScopes = []any{"System", "User", "Assistant", "Tool"}
	directions = []any{"Request", "Response"}
	piiKinds   = []any{"APIKey", "CreditCard", "Email", "IBAN", "IPAddress", "Phone", "SSN"}
)

// modes are the rules of what becomes of a finding, of which rejected is none.
func modes(f field, rejected string, accepted ...string) (rules []rule) {
	for _, mode := range accepted {
		rules = append(rules, f.rule("enum", mode, rejected))
	}
	return rules
}

// halves are the rules of directions and scopes together.
func halves(whole field, with map[string]any) []rule {
	const idle = "scopes have no effect on responses"
	so := func(fields ...any) map[string]any {
		all := map[string]any{}
		for k, v := range with {
			all[k] = v
		}
		for i := 0; i < len(fields); i += 2 {
			all[fields[i].(string)] = fields[i+1]
		}
		return all
	}
	user, response := []any{"User"}, []any{"Response"}
	around := change{whole.at: so()}
	return slices.Concat([]rule{
		whole.rule(idle, so("scopes", user), so("scopes", user, "directions", response)),
		whole.rule(idle, so("scopes", user, "directions", directions), so("scopes", textScopes, "directions", response)),
		whole.rule(idle, so("directions", response), so("scopes", user, "directions", response)),
	}, words(field{whole.kind, whole.at + ".directions", around}, directions, "Both"),
		words(field{whole.kind, whole.at + ".scopes", around}, textScopes, "Developer"))
}

func contentRules(kind string) []rule {
	of := func(name string) field { return field{kind, sanitizerAt + "." + name, nil} }
	return slices.Concat([]rule{
		field{kind, sanitizerAt, nil}.rule("minProperties", map[string]any{"pii": map[string]any{}}, map[string]any{}),
		of("promptInjection.sensitivity").rule("enum", "Low", "Paranoid"),
		of("promptInjection.sensitivity").rule("enum", "Medium", "medium"),
		of("promptInjection.sensitivity").rule("enum", "High", ""),
	},
		modes(of("promptInjection.mode"), "Redact", "Off", "Flag", "Block"),
		words(of("promptInjection.scopes"), textScopes, "Developer"),
		modes(of("pii.mode"), "Mask", "Off", "Flag", "Redact", "Block"),
		words(of("pii.kinds"), piiKinds, "Name"),
		halves(of("pii"), nil),
		modes(of("controlCharacters.mode"), "Strip", "Off", "Flag", "Redact", "Block"),
		words(of("controlCharacters.scopes"), textScopes, "Developer"),
		modes(of("systemPromptLeak.mode"), "", "Off", "Flag", "Redact", "Block"),
		modes(of("imageLinks.mode"), "Drop", "Off", "Flag", "Redact", "Block"),
	)
}

// patterns gives n that differ in their names.
func patterns(n int) []any {
	var all []any
	for i := range n {
		all = append(all, map[string]any{"name": fmt.Sprintf("p-%d", i), "regex": "a"})
	}
	return all
}

func patternRules(kind string) []rule {
	const syntax = "must be a regular expression in RE2's syntax that does not match the empty text"
	list := field{kind, sanitizerAt + ".denyPatterns", nil}
	one := field{kind, list.at + "[0]", nil}
	around := change{list.at: patterns(1)}
	of := func(name string) field { return field{kind, one.at + "." + name, around} }
	return slices.Concat([]rule{
		list.rule("maxItems", patterns(64), patterns(65)),
		list.rule("listType", patterns(2), append(patterns(1), patterns(1)...)),
		one.rule("required name", patterns(1)[0], map[string]any{"regex": "a"}),
		one.rule("required regex", patterns(1)[0], map[string]any{"name": "a"}),
		of("name").rule("maxLength", repeat(63), repeat(64)),
		of("name").rule("pattern", "internal-hosts-1", "Internal"),
		of("name").rule("pattern", "0", "a-"),
		of("regex").rule("minLength", "a", ""),
		of("regex").rule("maxLength", repeat(1024), repeat(1025)),
		of("regex").rule(syntax, `\.corp\.example\b`, "("),
		of("regex").rule(syntax, "a+", "a*"),
		of("regex").rule(syntax, "(?i)secret [0-9]{4}", "(?=a)a"),
		of("regex").rule(syntax, "^a", "^"),
	}, modes(of("mode"), "Mask", "Off", "Flag", "Redact", "Block"), halves(one, map[string]any{"name": "a", "regex": "a"}))
}

func linkRules(kind string) []rule {
	list := field{kind, sanitizerAt + ".imageLinks.allowedHosts", nil}
	host := field{kind, list.at + "[0]", nil}
	label := repeat(63)
	return []rule{
		list.rule("maxItems", numbered("h", 64), numbered("h", 65)),
		list.rule("listType", numbered("h", 2), []any{"a", "a"}),
		host.rule("maxLength", label+"."+label+"."+label+"."+repeat(61), label+"."+label+"."+label+"."+repeat(62)),
		host.rule("pattern", "*.example.com", "*"),
		host.rule("pattern", "cdn.example.com", "CDN.example.com"),
		host.rule("pattern", "10.0.0.1", "a.*.example.com"),
		host.rule("pattern", label, repeat(64)),
		host.rule("pattern", "a", "https://a"),
	}
}

// guardTimeout are the rules of how long a guard may take.
func guardTimeout(f field) []rule {
	const within = "must be between 10ms and 30s"
	return append(f.spellings("1s500ms", "00000h00000m00001s00001ms", "29s"), f.rule(within, "10ms", "9ms"), f.rule(within, "30s", "30s1ms"))
}

func webhookRules() []rule {
	const kind, at = "SparkGateway", sanitizerAt + ".webhook"
	const asked = "must be an http or https URL without fragment or credentials"
	const plain = "caSecretRef has no effect without https"
	type m = map[string]any
	whole := m{"url": "https://guard"}
	of := func(name string) field { return field{kind, at + "." + name, change{at: whole}} }
	guard := field{kind, at, nil}
	authority := m{"name": "ca"}
	return slices.Concat([]rule{
		guard.rule("required url", whole, m{"timeout": "1s"}),
		guard.rule(plain, m{"url": "https://guard", "caSecretRef": authority}, m{"url": "http://guard", "caSecretRef": authority}),
		of("url").rule("maxLength", "https://"+repeat(1016), "https://"+repeat(1017)),
		of("url").rule(asked, "http://guard:8080/check?a=b", "guard:8080"),
		of("url").rule(asked, "https://a", "https://user:password@a"),
		of("url").rule(asked, "https://[::1]", "ftp://a"),
		of("url").rule(asked, "https://a/b", "https://a/b#c"),
		of("onFailure").rule("enum", "Allow", "Retry"),
		of("onFailure").rule("enum", "Deny", ""),
	}, guardTimeout(of("timeout")), words(of("directions"), directions, "Both"),
		secretKey(of("authorizationSecretRef")), secretKey(of("caSecretRef")))
}

func moderationRules() []rule {
	const kind, at = "SparkGateway", sanitizerAt + ".moderation"
	type m = map[string]any
	whole := m{"target": someTargets(1)[0]}
	of := func(name string) field { return field{kind, at + "." + name, change{at: whole}} }
	score := func(value any) change { return change{at: whole, at + ".thresholds": m{"hate": value}} }
	bound := func(rule_, accept, reject string) rule {
		return rule{constraint{kind, at + ".thresholds.*", rule_}, score(accept), score(reject)}
	}
	const categories = "keys are categories, such as self-harm/intent"
	scores := func(n int) m {
		all := m{}
		for i := range n {
			all[repeat(i+1)] = "1"
		}
		return all
	}
	return slices.Concat([]rule{
		field{kind, at, nil}.rule("required target", whole, m{"mode": "Flag"}),
		of("thresholds").rule("maxProperties", scores(32), scores(33)),
		of("thresholds").rule(categories, m{"self-harm/intent": "0.5"}, m{"Self-harm": "0.5"}),
		of("thresholds").rule(categories, m{"a_b": "0.5"}, m{"a/": "0.5"}),
		of("thresholds").rule(categories, m{repeat(64): "0.5"}, m{repeat(65): "0.5"}),
		bound("pattern", "0.000001", "0"),
		bound("pattern", "0.50", "0.000000"),
		bound("pattern", "1.0", "1.1"),
		bound("maxLength", "0.123456", "0.1234567"),
		of("onFailure").rule("enum", "Allow", "Retry"),
		of("onFailure").rule("enum", "Deny", ""),
	}, modes(of("mode"), "Redact", "Off", "Flag", "Block"), guardTimeout(of("timeout")), words(of("directions"), directions, "Both"),
		reference(field{kind, at + ".target", nil}))
}
