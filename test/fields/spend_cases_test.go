// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// spending reserves no more than 100 tokens, and uses more than 50; at the price of dear, a token is a tenth of a cent.
var spending = question{steer: "tokens=50", extra: `,"max_tokens":50`}

// dear gives both providers' models a price.
var dear = edits{
	"ProviderPolicy.spec.models[].price":     `{inputPerMillion: "1000", outputPerMillion: "1000"}`,
	"ProviderPolicy/two.spec.models[].price": `{inputPerMillion: "1000", outputPerMillion: "1000"}`,
}

// holders are where limits stand.
var holders = []string{
	"SparkGateway.spec.limits", "SparkGateway.spec.limits.perUser", "SparkGateway.spec.limits.perIP", "SparkGateway.spec.limits.all",
	"ModelRoute.spec.limits", "APIKey.spec.limits", "UsagePolicy.spec.limits",
}

// spendCases are of what limits and budgets count, wherever they stand.
func spendCases() cases {
	found := cases{}
	for _, at := range holders {
		maps.Copy(found, limitsAt(at))
	}
	for _, at := range []string{"APIKey.spec.budgets", "UsagePolicy.spec.budgets"} {
		maps.Copy(found, budgetsAt(at))
	}
	maps.Copy(found, sharedAmong())
	maps.Copy(found, policyCases)
	return found
}

func limitsAt(at string) cases {
	one := edits{at + ".requests": "[{count: 1, per: 1h}]"}
	requests := func(limit string) edits { return edits{at + ".requests": limit} }
	tokens := func(limit string) edits { return edits{at + ".tokens": limit} }
	costs := func(limit string) edits { return and(dear, edits{at + ".cost": limit}) }
	found := cases{
		at + ".mode=Enforce":   {with: one, from: "Shadow", was: 3, is: 1, see: served(3, question{})},
		at + ".mode=Shadow":    {with: one, was: 1, is: 3, see: served(3, question{})},
		at + ".tokens[].count": {with: tokens("[{per: 1h}]"), from: "1000000", to: "100", was: 3, is: 1, see: served(3, spending)},
		at + ".tokens[].per":   {with: tokens("[{count: 100}]"), from: "24h", to: "1m", was: 1, is: 2, see: servedAfter(2*time.Minute, spending)},
		at + ".cost[].amount":  {with: costs("[{per: 1h}]"), from: `"1000"`, to: `"0.1"`, was: 3, is: 1, see: served(3, spending)},
		at + ".cost[].per":     {with: costs(`[{amount: "0.1"}]`), from: "24h", to: "1m", was: 1, is: 2, see: servedAfter(2*time.Minute, spending)},
		at + ".concurrency":    {from: "2", to: "1", was: true, is: false, see: besideAnother},
	}
	if at == "SparkGateway.spec.limits" || at == "SparkGateway.spec.limits.perIP" || at == "APIKey.spec.limits" {
		return found // their requests have cases
	}
	maps.Copy(found, cases{
		at + ".requests[].count": {with: requests("[{per: 1h}]"), from: "2", to: "3", was: 2, is: 3, see: served(5, question{})},
		at + ".requests[].burst": {with: requests("[{count: 4, per: 1h}]"), to: "2", was: 4, is: 2, see: served(5, question{})},
		at + ".requests[].per":   {with: requests("[{count: 1}]"), from: "1h", to: "1m", was: 1, is: 2, see: servedAfter(2*time.Minute, question{})},
	})
	return found
}

func budgetsAt(at string) cases {
	of := func(fields string) edits { return and(dear, edits{at: "[{" + fields + "}]"}) }
	// After a time, what was spent counts in one of two periods only.
	ends := func(from string, after time.Duration) fieldCase {
		return fieldCase{with: of(`amount: "0.2"`), from: from, was: 1, is: 2, see: servedAfter(after, spending)}
	}
	const day = 24 * time.Hour
	total := ends("Day", 2*day)
	total.was, total.is = 2, 1
	return cases{
		at + "[].amount":       {with: of("per: Total"), from: `"1000"`, to: `"0.2"`, was: 3, is: 1, see: served(3, spending)},
		at + "[].per=Day":      ends("Total", 2*day),
		at + "[].per=Week":     ends("Total", 8*day),
		at + "[].per=Month":    ends("Total", 32*day),
		at + "[].per=Total":    total,
		at + "[].mode=Enforce": {with: of(`amount: "0.2", per: Total`), from: "Shadow", was: 3, is: 1, see: served(3, spending)},
		at + "[].mode=Shadow":  {with: of(`amount: "0.2", per: Total`), was: 1, is: 3, see: served(3, spending)},
	}
}

// besideAnother sees whether a request is served while another is under way.
func besideAnother(b *bed) any {
	b.begin(question{steer: "fault=hang"})
	if !within(patience, func() bool { return len(asked(b.one))+len(asked(b.two)) > 0 }) {
		b.Fatal("no provider is asked")
	}
	return b.ask(question{}).status == 200
}

// sharedAmong are of whom a limit holds for together: alice's two keys are of one user.
func sharedAmong() cases {
	two := func(b *bed) any {
		first, _ := served(1, question{})(b).(int)
		second, _ := served(1, question{key: "2"})(b).(int)
		return first + second
	}
	found := cases{}
	for at, is := range map[string]int{"SparkGateway.spec.limits": 2, "SparkGateway.spec.limits.perUser": 1, "SparkGateway.spec.limits.perIP": 1,
		"SparkGateway.spec.limits.all": 1, "ModelRoute.spec.limits": 1, "UsagePolicy.spec.limits": 1} {
		if is == 1 {
			found[at+".requests[].count over keys"] = fieldCase{with: edits{at + ".requests": "[{per: 1h}]"}, from: "9", to: "1", was: 2, is: 1, see: two}
		}
	}
	return found
}

// policyCases are of whom a policy is for.
var policyCases = cases{
	"UsagePolicy.spec.keySelector": {with: oneRequest, from: "{matchLabels: {team: nobody}}", to: "{matchExpressions: [{key: team, operator: In, values: [search]}]}",
		was: 3, is: 1, see: served(3, question{})},
	"UsagePolicy.spec.gatewayRefs[].name":      {with: oneRequest, from: "main", to: "another", was: 1, is: 3, see: served(3, question{})},
	"UsagePolicy.spec.gatewayRefs[].namespace": {with: oneRequest, to: "elsewhere", was: 1, is: 3, see: served(3, question{})},
}

var oneRequest = edits{"UsagePolicy.spec.limits.requests": "[{count: 1, per: 1h}]"}

// priceCases are of what requests cost, and of what becomes of them where nobody knows.
func priceCases() cases {
	budget := edits{"APIKey.spec.budgets": `[{amount: "1", per: Total}]`}
	told := func(b *bed) any {
		got := b.ask(toOne)
		return fmt.Sprint(got.status, " ", got.header.Get("X-Spark-Cost"))
	}
	const at = "SparkGateway.spec.unknownPrice="
	return cases{
		at + "Deny": {with: budget, was: "200 unknown", is: "403 ", see: told},
		at + "Flag": {with: budget, from: "Zero", was: "200 ", is: "200 unknown", see: told},
		at + "Zero": {with: budget, was: "200 unknown", is: "200 ", see: told},
		"ProviderPolicy.spec.models[].price.perRequest": {with: edits{"ProviderPolicy.spec.models[].price": `{inputPerMillion: "1", outputPerMillion: "1"}`},
			to: `"0.25"`, was: "0.000026", is: "0.250026", see: cost},
		// 1000 tokens and more are put into the cache, at a dollar and then at 100 dollars a million.
		"ProviderPolicy.spec.models[].price.cacheWritePerMillion": {
			with: edits{"ProviderPolicy.spec.type": "Anthropic", "ProviderPolicy.spec.models[].price": `{inputPerMillion: "1", outputPerMillion: "1"}`},
			from: `"1"`, to: `"100"`, was: false, is: true, see: cachesDearly},
	}
}

// cachesDearly sees whether a prompt that is put into a cache costs more than a cent.
func cachesDearly(b *bed) any {
	prompt := strings.Repeat("word ", 2000)
	got := b.ask(question{path: "/v1/messages", body: `{"model":"one/gpt","max_tokens":10,"messages":[{"role":"user","content":[
		{"type":"text","text":"` + prompt + `","cache_control":{"type":"ephemeral"}},{"type":"text","text":"[[fake tokens=3]]"}]}]}`})
	if got.status != 200 {
		b.Fatal(got.status, got.body)
	}
	var record struct {
		Cost float64 `json:",string"`
	}
	b.exported(1)
	lines := b.ask(question{method: "GET", path: "/api/export?format=jsonl"}).body
	if err := json.Unmarshal([]byte(lines), &record); err != nil {
		b.Fatal(err, lines)
	}
	return record.Cost > 0.01
}
