// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"slices"
	"strings"
)

// someTargets gives n different targets.
func someTargets(n int) []any {
	var all []any
	for _, model := range numbered("m", n) {
		all = append(all, map[string]any{"providerRef": map[string]any{"name": "p"}, "model": model})
	}
	return all
}

// weighed gives a target for each weight.
func weighed(weights ...int) []any {
	all := someTargets(len(weights))
	for i, weight := range weights {
		all[i].(map[string]any)["weight"] = weight
	}
	return all
}

func routeRules() []rule {
	const kind = "ModelRoute"
	at := func(path string) field { return field{kind, path, nil} }
	model := at("spec.models[0]")
	affinity := at("spec.affinity")
	return slices.Concat([]rule{
		{constraint{kind, "", "required spec"}, nil, change{"spec": nil}},
		{constraint{kind, "spec", "required models"}, nil, change{"spec.models": nil}},
		{constraint{kind, "spec", "required targets"}, nil, change{"spec.targets": nil}},
		at("spec.models").rule("minItems", []any{"a"}, []any{}),
		at("spec.models").rule("maxItems", numbered("m", 64), numbered("m", 65)),
		at("spec.models").rule("listType", []any{"a", "b"}, []any{"a", "a"}),
		model.rule("pattern", "openai/GPT-4*é*:*@*", "a*****"),
		model.rule("pattern", "*", "a b"),
		model.rule("pattern", "****", "a\n"),
		at("spec.strategy").rule("enum", "LeastInFlight", "RoundRobin"),
		at("spec.strategy").rule("enum", "LowestLatency", "weighted"),
		affinity.rule("maxLength", "Header:"+repeat(64), "Header:"+repeat(65)),
		affinity.rule("pattern", "None", "Nobody"),
		affinity.rule("pattern", "User", "user"),
		affinity.rule("pattern", "Key", "Key:a"),
		affinity.rule("pattern", "Header:x-Session-1", "Header:"),
		affinity.rule("pattern", "Header:X", "Header:1-a"),
	},
		model.name(256),
		routeChoiceRules(),
		routeMatchRules(),
		routeTargetRules(),
		routeExtraRules(),
		gatewayRefs(kind),
	)
}

// routeChoiceRules are about what goes with which strategy.
func routeChoiceRules() []rule {
	spec := func(name string, accept, reject change) rule {
		return rule{constraint{"ModelRoute", "spec", name}, accept, reject}
	}
	const byWeight = "affinity chooses by weight, so it goes with strategy Weighted only"
	const noWeights = "weights have no effect with strategies LowestLatency and LowestCost"
	const allOut = "every target has weight 0"
	with := func(strategy, affinity string) change {
		return change{"spec.strategy": strategy, "spec.affinity": affinity}
	}
	weighted := func(strategy string) change { return change{"spec.strategy": strategy, "spec.targets": weighed(1, 2)} }
	return []rule{
		spec(byWeight, with("Weighted", "User"), with("LeastInFlight", "User")),
		spec(byWeight, with("LowestLatency", "None"), with("LowestLatency", "Key")),
		spec(byWeight, change{"spec.affinity": "Header:x-a"}, with("LowestCost", "Header:x-a")),
		spec(noWeights, weighted("Weighted"), weighted("LowestLatency")),
		spec(noWeights, weighted("LeastInFlight"), weighted("LowestCost")),
		spec(noWeights, change{"spec.strategy": "LowestCost"}, change{"spec.strategy": "LowestCost", "spec.targets": weighed(0, 1)}),
		spec(allOut, change{"spec.targets": weighed(0, 1)}, change{"spec.targets": weighed(0)}),
		spec(allOut, change{"spec.targets": append(weighed(0), someTargets(2)[1])}, change{"spec.targets": weighed(0, 0)}),
	}
}

func routeMatchRules() []rule {
	const kind = "ModelRoute"
	const differ = "names differ in more than case"
	const secret = "this header carries credentials"
	header := func(name string) map[string]any { return map[string]any{"name": name, "value": "v"} }
	headers := func(n int) []any {
		var all []any
		for _, name := range numbered("x-", n) {
			all = append(all, header(name.(string)))
		}
		return all
	}
	list := field{kind, "spec.match.headers", nil}
	one := field{kind, list.at + "[0]", change{list.at: headers(1)}}
	name := field{kind, one.at + ".name", one.around}
	value := field{kind, one.at + ".value", one.around}
	rules := slices.Concat([]rule{
		{constraint{kind, "spec.match", "required headers"}, one.around, change{"spec.match": map[string]any{}}},
		list.rule("minItems", headers(1), []any{}),
		list.rule("maxItems", headers(8), headers(9)),
		list.rule("listType", headers(2), append(headers(1), headers(1)...)),
		list.rule(differ, headers(2), []any{header("x-a"), header("X-A")}),
		one.rule("required name", header("a"), map[string]any{"value": "v"}),
		one.rule("required value", header("a"), map[string]any{"name": "a"}),
		name.rule("maxLength", repeat(64), repeat(65)),
		name.rule("pattern", "X-Tier-1", "x_tier"),
		name.rule("pattern", "x", "1x"),
		value.rule("pattern", "a b ~!", "a\tb"),
		value.rule("pattern", "a", " a"),
		value.rule("pattern", "A", "é"),
	}, value.name(1024))
	for _, name := range strings.Fields(`authorization x-api-key api-key x-goog-api-key proxy-authorization cookie x-amz-security-token`) {
		rules = append(rules, field{kind, one.at + ".name", one.around}.rule(secret, "y-"+name, strings.ToUpper(name)))
	}
	return rules
}

func routeTargetRules() []rule {
	const kind = "ModelRoute"
	list := field{kind, "spec.targets", nil}
	one := field{kind, list.at + "[0]", change{list.at: someTargets(2)}}
	in := func(name string) field { return field{kind, one.at + "." + name, one.around} }
	elsewhere := map[string]any{"providerRef": map[string]any{"name": "p", "namespace": "n"}, "model": "m0"}
	return slices.Concat([]rule{
		list.rule("minItems", someTargets(1), []any{}),
		list.rule("maxItems", someTargets(16), someTargets(17)),
		list.rule("a target stands twice", append(someTargets(1), elsewhere), append(someTargets(1), someTargets(1)...)),
		list.rule("a target stands twice", someTargets(2), []any{elsewhere, elsewhere}),
	},
		reference(one),
		in("weight").number(0, 1000000),
		in("tier").number(0, 15),
	)
}

// reference are the rules of a TargetReference.
func reference(target field) []rule {
	in := func(name string) field {
		return field{target.kind, target.at + "." + name, target.with(someTargets(1)[0])}
	}
	ref := map[string]any{"name": "p"}
	return slices.Concat([]rule{
		target.rule("required providerRef", someTargets(1)[0], map[string]any{"model": "m"}),
		target.rule("required model", someTargets(1)[0], map[string]any{"providerRef": ref}),
		in("providerRef").rule("required name", ref, map[string]any{"namespace": "n"}),
		in("model").rule("pattern", "meta/Llama-3:é*", "a b"),
		in("model").rule("pattern", "~!", "a\n"),
	},
		in("model").name(256),
		in("providerRef.name").name(253),
		in("providerRef.namespace").name(63),
	)
}

// routeExtraRules are those of hedges and mirrors.
func routeExtraRules() []rule {
	const kind = "ModelRoute"
	hedge := field{kind, "spec.hedge", nil}
	mirror := field{kind, "spec.mirror", nil}
	return slices.Concat([]rule{
		hedge.rule("required after", map[string]any{"after": "1s"}, map[string]any{"maxExtraPercent": 5}),
		mirror.rule("required target", map[string]any{"target": someTargets(1)[0]}, map[string]any{"percent": 5}),
	},
		field{kind, "spec.hedge.after", nil}.duration("must be between 1ms and 10m", "1ms", "600s", "0s", "10m1ms"),
		field{kind, "spec.hedge.maxExtraPercent", change{"spec.hedge.after": "1s"}}.number(1, 100),
		field{kind, "spec.mirror.percent", change{"spec.mirror.target": someTargets(1)[0]}}.number(1, 100),
		reference(field{kind, "spec.mirror.target", nil}),
	)
}
