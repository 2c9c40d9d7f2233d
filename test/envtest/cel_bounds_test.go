// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"maps"
	"strings"
)

// field is one place of a schema, and what must stand around it for a value to be judged alone.
type field struct {
	kind, at string
	around   change
}

// rule gives a case that sets the field to a value at the bound, and to one beyond.
func (f field) rule(name string, accept, reject any) rule {
	return rule{constraint{f.kind, f.at, name}, f.with(accept), f.with(reject)}
}

func (f field) with(value any) change {
	c := change{}
	maps.Copy(c, f.around)
	c[f.at] = value
	return c
}

func (f field) number(least, most int) []rule {
	return []rule{f.rule("minimum", least, least-1), f.rule("maximum", most, most+1)}
}

// name is a string with both lengths bounded.
func (f field) name(most int) []rule {
	return []rule{f.rule("minLength", "a", ""), f.rule("maxLength", repeat(most), repeat(most+1))}
}

func repeat(n int) string { return strings.Repeat("a", n) }

// numbered gives n different strings.
func numbered(prefix string, n int) []any {
	var all []any
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", prefix, i))
	}
	return all
}

// properties gives a map of n entries.
func properties(n int) map[string]any {
	all := map[string]any{}
	for i := range n {
		all[fmt.Sprintf("a%d", i)] = "b"
	}
	return all
}

// duration is a field of type Duration with a rule of its own; the accepted values are its least and greatest.
func (f field) duration(message string, least, most, under, over string) []rule {
	return append(f.spellings("1m30s", "00000h00001m00001s00001ms", "60s"),
		f.rule(message, least, under),
		f.rule(message, most, over))
}

// shortDuration is one of a minute at most.
func (f field) shortDuration(message string, least, most, under, over string) []rule {
	return append(f.spellings("1s500ms", "00000h00000m00001s00001ms", "59s"),
		f.rule(message, least, under),
		f.rule(message, most, over))
}

// spellings are the rules of every Duration, with values that the field accepts, the second as long as one may be.
func (f field) spellings(two, longest, one string) []rule {
	return []rule{
		f.rule("pattern", two, "1.5m"),
		f.rule("pattern", longest, "1d"),
		f.rule("pattern", one, "60"),
		// The pattern alone allows fewer characters than the length does.
		f.rule("maxLength", longest, strings.Repeat("0", 32)+"s"),
	}
}

// requestLimits are the rules of a list of at most so many RequestLimits.
func requestLimits(kind, at string, most int) []rule {
	item := field{kind, at + "[0]", nil}
	limits := func(n int) []any {
		var all []any
		for i := range n {
			all = append(all, map[string]any{"count": 1, "per": fmt.Sprintf("%dm", i+1)})
		}
		return all
	}
	list := field{kind, at, nil}
	rules := []rule{
		list.rule("minItems", limits(1), []any{}),
		list.rule("maxItems", limits(most), limits(most+1)),
		list.rule("listType", limits(2), append(limits(1), limits(1)...)),
		item.rule("burst must not exceed count", map[string]any{"count": 5, "per": "1m", "burst": 5}, map[string]any{"count": 5, "per": "1m", "burst": 6}),
		item.rule("required count", map[string]any{"count": 5, "per": "1m"}, map[string]any{"per": "1m"}),
		item.rule("required per", map[string]any{"count": 5, "per": "1m"}, map[string]any{"count": 5}),
	}
	around := change{item.at: map[string]any{"count": 1000000000, "per": "1m"}}
	rules = append(rules, field{kind, item.at + ".count", around}.number(1, 1000000000)...)
	rules = append(rules, field{kind, item.at + ".burst", around}.number(1, 1000000000)...)
	return append(rules, field{kind, item.at + ".per", around}.duration("must be between 1s and 24h", "1000ms", "1440m", "999ms", "24h1ms")...)
}

// gatewayRefs are the rules of spec.gatewayRefs.
func gatewayRefs(kind string) []rule {
	at := "spec.gatewayRefs"
	refs := func(n int) []any {
		var all []any
		for _, name := range numbered("g", n) {
			all = append(all, map[string]any{"name": name})
		}
		return all
	}
	one := map[string]any{"name": "g0"}
	list := field{kind, at, nil}
	rules := []rule{
		list.rule("minItems", refs(1), []any{}),
		list.rule("maxItems", refs(16), refs(17)),
		list.rule("a gateway stands twice", []any{one, map[string]any{"name": "g0", "namespace": "n"}}, []any{one, one}),
		{constraint{kind, at + "[0]", "required name"}, change{at + "[0]": one}, change{at + "[0]": map[string]any{"namespace": "n"}}},
		{constraint{kind, "spec", "required gatewayRefs"}, nil, change{at: nil}},
	}
	rules = append(rules, field{kind, at + "[0].name", nil}.name(253)...)
	return append(rules, field{kind, at + "[0].namespace", nil}.name(63)...)
}

// secretKey are the rules of a reference to a Secret's value.
func secretKey(ref field) []rule {
	at := ref.with
	within := func(name string, around map[string]any) field {
		return field{ref.kind, ref.at + "." + name, at(around)}
	}
	key := within("key", map[string]any{"name": "s"})
	rules := []rule{
		{constraint{ref.kind, ref.at, "required name"}, at(map[string]any{"name": "s"}), at(map[string]any{"key": "k"})},
		key.rule("pattern", "A-._9", "a/b"),
	}
	rules = append(rules, within("name", map[string]any{}).name(253)...)
	return append(rules, key.name(253)...)
}
