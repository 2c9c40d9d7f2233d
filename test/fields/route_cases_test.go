// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"fmt"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// admitting lets provider far, of another namespace, attach.
var admitting = edits{allNamespaces: "{from: All}"}

const (
	justOne   = "[{providerRef: {name: one}, model: gpt}]"
	targets   = "ModelRoute.spec.targets"
	mirror    = "ModelRoute.spec.mirror"
	twoModels = "[{name: gpt, upstream: gpt-4o}, {name: mini, upstream: gpt-4o-mini}]"
)

// gold is of one kind of requests.
var gold = question{header: map[string]string{"X-Tier": "gold"}}

// routeCases are of which requests a route is for, and of what happens beside them.
var routeCases = cases{
	"ModelRoute.spec.models": {from: "[smart]", to: "[fast]", was: 404, is: 200, see: status(question{model: "fast"})},
	"ModelRoute.spec.models by pattern": {from: "[smart]", to: `["gpt-4*"]`, was: 404, is: 200,
		see: status(question{model: "gpt-4.1"})},
	"ModelRoute.spec.models before those of providers": {with: edits{targets: "[{providerRef: {name: two}, model: gpt}]"},
		from: "[smart]", to: "[gpt]", was: "one", is: "two", see: who(1, question{model: "gpt"})},
	"ModelRoute.spec.match": {to: "{headers: [{name: X-Tier, value: gold}]}", was: 200, is: 404, see: status(question{})},
	"ModelRoute.spec.match.headers[].name": {with: edits{"ModelRoute.spec.match.headers[].value": "gold"},
		from: "X-Team", to: "x-tier", was: 404, is: 200, see: status(gold)},
	"ModelRoute.spec.match.headers[].value": {with: edits{"ModelRoute.spec.match.headers[].name": "X-Tier"},
		from: "silver", to: "gold", was: 404, is: 200, see: status(gold)},

	"ModelRoute.spec.hedge.after": {with: edits{tierOfTwo: "1", "ModelRoute.spec.hedge.maxExtraPercent": "100"},
		from: "10m", to: "20ms", was: false, is: true, see: whenBroken(endsSoon(question{}), "hang")},
	"ModelRoute.spec.hedge.maxExtraPercent": {with: edits{tierOfTwo: "1", "ModelRoute.spec.hedge.after": "1ms"},
		to: "100", was: 0, is: 2, see: whenBroken(hedges(2), "latency:1s")},

	mirror + ".target.providerRef.name": {with: mirroring("{model: gpt}"), from: "one", to: "two",
		was: shares{2, 0}, is: shares{1, 1}, see: mirrored(1)},
	mirror + ".target.providerRef.namespace": {with: and(admitting, mirroring("{providerRef: {name: far}, model: gpt}")), to: "other",
		was: shares{1, 0}, is: shares{1, 1}, see: mirrored(1)},
	mirror + ".target.model": {with: and(mirroring("{providerRef: {name: two}}"), edits{"ProviderPolicy/two.spec.models": twoModels}),
		from: "gpt", to: "mini", was: "gpt-4o", is: "gpt-4o-mini", see: mirroredModel},
	mirror + ".percent": {with: mirroring("{providerRef: {name: two}, model: gpt}"), to: "1",
		was: true, is: false, see: mirroredAll},
}

// mirroring gives edits of a route to provider one alone, with a mirror.
func mirroring(target string) edits {
	return edits{targets: justOne, mirror: "{target: " + target + "}"}
}

const tierOfTwo = "ModelRoute.spec.targets[1].tier"

// hedges sees how many requests of n are sent to two, which comes second.
func hedges(n int) func(*bed) any {
	return func(b *bed) any {
		all, _ := attempts(n, question{})(b).(shares)
		return all.Two
	}
}

// mirrored sees who was asked for n requests, copies among them.
func mirrored(n int) func(*bed) any {
	return func(b *bed) any {
		attempts(n, question{})(b)
		within(glance, func() bool { return len(asked(b.one))+len(asked(b.two)) == 2*n })
		return b.shares()
	}
}

func mirroredModel(b *bed) any {
	mirrored(1)(b)
	if records := asked(b.two); len(records) > 0 {
		return records[0].Model
	}
	return "none"
}

// mirroredAll sees whether each of 20 requests was copied.
func mirroredAll(b *bed) any {
	all, _ := mirrored(20)(b).(shares)
	return all.Two == 20
}

// strategyCases are of how a target is chosen. Two is the cheaper.
var strategyCases = func() cases {
	priced := func(dollars string) string {
		return fmt.Sprintf(`{inputPerMillion: "%s", outputPerMillion: "%s"}`, dollars, dollars)
	}
	prices := edits{"ProviderPolicy.spec.models[].price": priced("9"), "ProviderPolicy/two.spec.models[].price": priced("1")}
	return cases{
		"ModelRoute.spec.strategy=Weighted": {with: prices, from: "LowestCost",
			was: "two", is: "both", see: who(40, question{})},
		"ModelRoute.spec.strategy=LowestCost": {with: prices, from: "LeastInFlight",
			was: "both", is: "two", see: who(40, question{})},
		"ModelRoute.spec.strategy=LeastInFlight": {with: prices, from: "LowestCost",
			was: shares{0, 4}, is: shares{2, 2}, see: together(4)},
		"ModelRoute.spec.strategy=LowestLatency": {with: prices, from: "LowestCost",
			was: shares{0, 3}, is: shares{3, 0}, see: fastest},
		"ProviderPolicy.spec.models[].price.inputPerMillion where the cheapest is chosen": {
			with: and(prices, edits{"ModelRoute.spec.strategy": "LowestCost", "ProviderPolicy.spec.models[].price": priced("1")}),
			from: `"2"`, to: `"0"`, was: "two", is: "one", see: who(9, question{})},
		"ProviderPolicy.spec.models[].price.outputPerMillion where the cheapest is chosen": {
			with: and(prices, edits{"ModelRoute.spec.strategy": "LowestCost", "ProviderPolicy.spec.models[].price": priced("1")}),
			from: `"2"`, to: `"0"`, was: "two", is: "one", see: who(9, question{})},
	}
}()

// together sees who has how many of n requests that do not end.
func together(n int) func(*bed) any {
	return func(b *bed) any {
		for i := range n {
			b.begin(question{steer: "fault=hang"})
			if !within(patience, func() bool { return len(asked(b.one))+len(asked(b.two)) > i }) {
				b.Fatal("no provider is asked")
			}
		}
		return b.shares()
	}
}

// fastest sees who answers three requests, after each has shown how long it takes; two takes long.
func fastest(b *bed) any {
	if err := b.two.SetScript(fakeprovider.Rule{Fault: "latency:2s"}); err != nil {
		b.Fatal(err)
	}
	for _, model := range []string{"one/gpt", "two/gpt"} {
		b.ask(question{model: model})
	}
	before := b.shares()
	all, _ := attempts(3, question{})(b).(shares)
	return shares{all.One - before.One, all.Two - before.Two}
}

// targetCases are of what a target is, and of its place.
var targetCases = cases{
	targets: {from: justOne, to: "[{providerRef: {name: nobody}, model: gpt}]", was: 200, is: 503, see: status(question{})},
	targets + "[].providerRef.name": {with: edits{targets: `[{model: gpt}]`}, from: "one", to: "two",
		was: "one", is: "two", see: who(1, question{})},
	targets + "[].providerRef.namespace": {with: and(admitting, edits{targets: `[{providerRef: {name: far}, model: gpt}]`}), to: "other",
		was: 503, is: 200,
		see: status(question{})},
	targets + "[].model": {with: edits{targets: justOne, "ProviderPolicy.spec.models": twoModels}, from: "gpt", to: "mini",
		was: "gpt-4o", is: "gpt-4o-mini", see: received(question{}, func(r fakeprovider.Record) any { return r.Model })},
	targets + "[].weight":           {to: "1000000", was: "both", is: "one", see: who(40, question{})},
	targets + "[].weight takes out": {to: "0", was: "both", is: "two", see: who(40, question{})},
	targets + "[].weight for requests under way": {with: edits{"ModelRoute.spec.strategy": "LeastInFlight"}, to: "3",
		was: shares{2, 2}, is: shares{3, 1},
		see: together(4)},
	targets + "[].tier": {to: "1", was: "both", is: "two", see: who(40, question{})},
}

// affinityCases are of what stays at one target. One user has all the keys.
var affinityCases = cases{
	"ModelRoute.spec.affinity":             {to: "User", was: "both", is: "one of both", see: stays(4, "")},
	"ModelRoute.spec.affinity of keys":     {from: "User", to: "Key", was: "one of both", is: "both", see: stays(1, "")},
	"ModelRoute.spec.affinity of each key": {from: "None", to: "Key", was: "both", is: "one of both", see: staysForKey},
	"ModelRoute.spec.affinity of headers": {from: "User", to: "Header:X-Session",
		was: "one of both", is: "both", see: stays(1, "X-Session")},
	"ModelRoute.spec.affinity of a header": {to: "Header:x-session", was: "both", is: "one of both", see: func(b *bed) any {
		return oneOf(who(20, question{header: map[string]string{"X-Session": "a"}})(b))
	}},
}

// stays sees whether requests by all keys go to one target, so many by each. With a header, each has a value of its own.
func stays(n int, header string) func(*bed) any {
	return func(b *bed) any {
		for i := range 4 * n {
			q := question{key: fmt.Sprint(i%4 + 1)}
			if header != "" {
				q.header = map[string]string{header: fmt.Sprint(i)}
			}
			b.ask(q)
		}
		return oneOf(b.shares().who())
	}
}

func staysForKey(b *bed) any { return oneOf(who(20, question{})(b)) }

// oneOf leaves aside which it is.
func oneOf(who any) any {
	if who == "one" || who == "two" {
		return "one of both"
	}
	return who
}
