// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"slices"
)

// everyLimitRules are those of limits and budgets, wherever they stand.
func everyLimitRules() []rule {
	var rules []rule
	for _, at := range []string{"spec.limits", "spec.limits.perUser", "spec.limits.perIP", "spec.limits.all"} {
		rules = append(rules, limitSet("SparkGateway", at)...)
	}
	for _, kind := range []string{"ModelRoute", "APIKey", "UsagePolicy"} {
		rules = append(rules, limitSet(kind, "spec.limits")...)
	}
	return slices.Concat(rules, budgets("APIKey"), budgets("UsagePolicy"), policyRules())
}

// limitSet are the rules of the limits of one holder.
func limitSet(kind, at string) []rule {
	whole := field{kind, at, nil}
	const idle = "mode has no effect without limits"
	one := map[string]any{"count": 1, "per": "1m"}
	mode := func(with string, value any) map[string]any { return map[string]any{"mode": "Shadow", with: value} }
	rules := []rule{
		whole.rule("minProperties", map[string]any{"concurrency": 1}, map[string]any{}),
		whole.rule(idle, mode("concurrency", 1), map[string]any{"mode": "Enforce"}),
		whole.rule(idle, mode("requests", []any{one}), map[string]any{"mode": "Shadow"}),
		whole.rule(idle, mode("tokens", []any{one}), map[string]any{"mode": "Shadow"}),
		whole.rule(idle, mode("cost", []any{map[string]any{"amount": "1", "per": "1m"}}), map[string]any{"mode": "Shadow"}),
		field{kind, at + ".mode", change{at + ".concurrency": 1}}.rule("enum", "Enforce", "Pretend"),
		field{kind, at + ".mode", change{at + ".concurrency": 1}}.rule("enum", "Shadow", "shadow"),
	}
	if at == "spec.limits" && kind == "SparkGateway" {
		rules = append(rules, whole.rule(idle, map[string]any{"perIP": map[string]any{"concurrency": 1}}, mode("perIP", map[string]any{"concurrency": 1})))
	}
	return slices.Concat(rules, field{kind, at + ".concurrency", nil}.number(1, 1000000),
		requestLimits(kind, at+".requests", 8), tokenLimits(kind, at+".tokens", 8), costLimits(kind, at+".cost", 8))
}

// tokenLimits are the rules of a list of at most so many TokenLimits.
func tokenLimits(kind, at string, most int) []rule {
	list, item := field{kind, at, nil}, field{kind, at + "[0]", nil}
	limits := func(n int) []any {
		var all []any
		for i := range n {
			all = append(all, map[string]any{"count": 1, "per": fmt.Sprintf("%dm", i+1)})
		}
		return all
	}
	return slices.Concat([]rule{
		list.rule("minItems", limits(1), []any{}),
		list.rule("maxItems", limits(most), limits(most+1)),
		list.rule("listType", limits(2), append(limits(1), limits(1)...)),
		item.rule("required count", limits(1)[0], map[string]any{"per": "1m"}),
		item.rule("required per", limits(1)[0], map[string]any{"count": 1}),
	},
		field{kind, item.at + ".count", change{item.at + ".per": "1m"}}.number(1, 1000000000000),
		field{kind, item.at + ".per", change{item.at + ".count": 1}}.duration("must be between 1s and 24h", "1000ms", "1440m", "999ms", "24h1ms"),
	)
}

// costLimits are the rules of a list of at most so many CostLimits.
func costLimits(kind, at string, most int) []rule {
	list, item := field{kind, at, nil}, field{kind, at + "[0]", nil}
	limits := func(n int) []any {
		var all []any
		for i := range n {
			all = append(all, map[string]any{"amount": "0.5", "per": fmt.Sprintf("%dm", i+1)})
		}
		return all
	}
	return slices.Concat([]rule{
		list.rule("minItems", limits(1), []any{}),
		list.rule("maxItems", limits(most), limits(most+1)),
		list.rule("listType", limits(2), append(limits(1), limits(1)...)),
		item.rule("required amount", limits(1)[0], map[string]any{"per": "1m"}),
		item.rule("required per", limits(1)[0], map[string]any{"amount": "1"}),
	},
		field{kind, item.at + ".amount", change{item.at + ".per": "1m"}}.money(),
		field{kind, item.at + ".per", change{item.at + ".amount": "1"}}.duration("must be between 1s and 24h", "1000ms", "1440m", "999ms", "24h1ms"),
	)
}

// money are the rules of every MoneyAmount.
func (f field) money() []rule {
	return []rule{
		f.rule("maxLength", "999999.999999", "0999999.999999"),
		f.rule("pattern", "999999", "1000000"),
		f.rule("pattern", "0.000001", "0.0000001"),
		f.rule("pattern", "50.00", "50,00"),
		f.rule("pattern", "1", "-1"),
		f.rule("pattern", "0.5", ".5"),
		f.rule("pattern", "5", "$5"),
		f.rule("must be above zero", "0.10", "0.00"),
		f.rule("must be above zero", "000001", "0"),
	}
}

// budgets are the rules of a list of Budgets.
func budgets(kind string) []rule {
	const at = "spec.budgets"
	list, item := field{kind, at, nil}, field{kind, at + "[0]", nil}
	of := func(periods ...string) []any {
		var all []any
		for _, per := range periods {
			all = append(all, map[string]any{"amount": "1.00", "per": per})
		}
		return all
	}
	around := change{item.at: of("Day")[0]}
	return slices.Concat([]rule{
		list.rule("minItems", of("Month"), []any{}),
		list.rule("maxItems", of("Day", "Week", "Month", "Total"), of("Day", "Week", "Month", "Total", "Day")),
		list.rule("listType", of("Day", "Week"), of("Day", "Day")),
		item.rule("required amount", of("Day")[0], map[string]any{"per": "Day"}),
		item.rule("required per", of("Day")[0], map[string]any{"amount": "1"}),
		field{kind, item.at + ".per", around}.rule("enum", "Total", "Year"),
		field{kind, item.at + ".mode", around}.rule("enum", "Shadow", "Off"),
		field{kind, item.at + ".mode", around}.rule("enum", "Enforce", ""),
	}, field{kind, item.at + ".amount", around}.money())
}

func policyRules() []rule {
	const kind = "UsagePolicy"
	const neither = "one of limits and budgets is required"
	const many = "at most 16 matchLabels and 16 matchExpressions"
	selector := field{kind, "spec.keySelector", nil}
	expressions := func(n int) map[string]any {
		var all []any
		for range n {
			all = append(all, map[string]any{"key": "a", "operator": "Exists"})
		}
		return map[string]any{"matchExpressions": all}
	}
	one := field{kind, "spec.keySelector.matchExpressions[0]", nil}
	budget := []any{map[string]any{"amount": "1", "per": "Day"}}
	return slices.Concat([]rule{
		{constraint{kind, "", "required spec"}, nil, change{"spec": nil}},
		{constraint{kind, "spec", "required keySelector"}, change{"spec.keySelector": map[string]any{}}, change{"spec.keySelector": nil}},
		{constraint{kind, "spec", neither}, nil, change{"spec.limits": nil}},
		{constraint{kind, "spec", neither}, change{"spec.limits": nil, "spec.budgets": budget}, change{"spec.limits": nil}},
		selector.rule(many, expressions(16), expressions(17)),
		selector.rule(many, map[string]any{"matchLabels": properties(16)}, map[string]any{"matchLabels": properties(17)}),
		one.rule("required key", map[string]any{"key": "a", "operator": "Exists"}, map[string]any{"operator": "Exists"}),
		one.rule("required operator", map[string]any{"key": "a", "operator": "Exists"}, map[string]any{"key": "a"}),
	}, gatewayRefs(kind))
}
