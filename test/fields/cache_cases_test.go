// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	exactOf       = "SparkGateway.spec.cache.exact"
	semanticOf    = "SparkGateway.spec.cache.semantic"
	exactRoute    = "ModelRoute.spec.cache.exact"
	semanticRoute = "ModelRoute.spec.cache.semantic"
)

// keeping keeps the answers to requests that are the same.
var keeping = edits{exactOf: "{}"}

// comparing keeps the answers to questions that mean the same, by a server of embeddings.
var comparing = edits{targets: justOne, "ProviderPolicy/two.spec.endpoint": "$EMBED", "ProviderPolicy/two.spec.models": "[{name: embed}]",
	semanticOf: "{embeddings: {providerRef: {name: two}, model: embed}}"}

// about asks about a country and perhaps more.
func about(what string) question {
	return question{body: fmt.Sprintf(`{"model":"smart","messages":[{"role":"user","content":"Tell me of %s."}]}`, what)}
}

// cacheCases are of which answers are kept, for whom and for how long.
func cacheCases() cases {
	found := exactCases()
	for _, some := range []cases{semanticCases(), routeCacheCases()} {
		maps.Copy(found, some)
	}
	return found
}

func exactCases() cases {
	warm := question{extra: `,"temperature":1`}
	found := cases{
		exactOf + ".enabled":        {from: "false", to: "true", was: "", is: "hit", see: again(0, question{})},
		exactOf + ".ttl":            {with: keeping, from: "1h", to: "1m", was: "hit", is: "miss", see: again(10*time.Minute, question{})},
		exactOf + ".anyTemperature": {with: keeping, to: "true", was: "bypass", is: "hit", see: again(0, warm)},
		exactOf + ".maxEntryBytes":  {with: keeping, to: "1024", was: "hit", is: "miss", see: again(0, question{steer: "tokens=1000"})},
		exactOf + ".maxMemory":      {with: keeping, to: "1Mi", was: true, is: false, see: keepsAll},
		exactOf + ".shared": {with: and(keeping, storing("{addresses: [$REDIS]}")), from: "false", to: "true",
			was: "miss", is: "hit", see: byAnotherPod},
	}
	maps.Copy(found, chargeCases(exactOf, keeping, question{steer: spending.steer, extra: spending.extra}))
	maps.Copy(found, scopeCases(exactOf, keeping, about("france")))
	return found
}

// again sees what becomes of a request that another of the same was before, some time ago.
func again(ago time.Duration, q question) func(*bed) any { return after(q, ago, q) }

// after sees what becomes of a request some time after another.
func after(first question, ago time.Duration, second question) func(*bed) any {
	return func(b *bed) any {
		b.answeredWell(first)
		b.pass(ago)
		return b.answeredWell(second).header.Get("X-Spark-Cache")
	}
}

// answeredWell asks, and waits until all is done that follows an answer.
func (b *bed) answeredWell(q question) answer {
	b.Helper()
	before := strings.Count(b.log.String(), "\n")
	got := b.ask(q)
	if got.status != http.StatusOK {
		b.Fatalf("%d %s\n%s", got.status, got.body, b.told())
	}
	if !within(patience, func() bool { return strings.Count(b.log.String(), "\n") > before }) {
		b.Fatal("the request does not end")
	}
	return got
}

// keepsAll sees whether 20 answers of some 100 KiB are all there afterwards.
func keepsAll(b *bed) any {
	asking := func(i int) question {
		return question{steer: "tokens=25000", extra: fmt.Sprintf(`,"user":"%d"`, i)}
	}
	for i := range 20 {
		b.answeredWell(asking(i))
	}
	hits := 0
	for i := range 20 {
		if b.answeredWell(asking(i)).header.Get("X-Spark-Cache") == "hit" {
			hits++
		}
	}
	return hits == 20
}

// byAnotherPod sees what becomes of a request that another pod answered, soon: pods ask the store once they know what was purged
// there, and write to it behind the answer.
func byAnotherPod(b *bed) any {
	other := b.another()
	comesUp(b)
	comesUp(other)
	hit := within(glance, func() bool {
		// The store is there for all cases, so each question is a new one.
		q := question{extra: fmt.Sprintf(`,"user":"%d"`, time.Now().UnixNano())}
		b.answeredWell(q)
		q.header = map[string]string{"Cache-Control": "only-if-cached"}
		return within(glance/20, func() bool { return other.ask(q).header.Get("X-Spark-Cache") == "hit" })
	})
	return map[bool]string{true: "hit", false: "miss"}[hit]
}

// chargeCases are of what a hit takes of a limit, which is enough for some requests of many.
func chargeCases(at string, with edits, q question) cases {
	with = and(with, edits{"SparkGateway.spec.limits.tokens": "[{count: 600, per: 1h}]"})
	all := func(b *bed) any { return served(20, q)(b) == 20 }
	return cases{
		at + ".charge=Free": {with: with, from: "Full", was: false, is: true, see: all},
		at + ".charge=Full": {with: with, was: true, is: false, see: all},
	}
}

// scopeCases are of who is given alice's answer to a question that is alike: alice-2 is hers, zoe under the same policy, and alice-3 neither.
func scopeCases(at string, with edits, alike question) cases {
	with = and(with, edits{"UsagePolicy.spec.keySelector": "{matchLabels: {team: search}}", "APIKey/zoe.spec.user": "zoe",
		"APIKey/zoe.metadata.labels": "{team: search}", "APIKey/alice-3.spec.user": "carl"})
	given := func(b *bed) any {
		b.answeredWell(about("france"))
		var hits []string
		for name, key := range map[string]string{"alice": "1", "alice-2": "2", "alice-3": "3", "zoe": "4"} {
			q := alike
			q.key = key
			q.header = map[string]string{"Cache-Control": "only-if-cached"}
			if b.ask(q).header.Get("X-Spark-Cache") == "hit" {
				hits = append(hits, name)
			}
		}
		return strings.Join(sortedWords(hits), " ")
	}
	return cases{
		at + ".scope=Key":     {with: with, from: "Gateway", was: "alice alice-2 alice-3 zoe", is: "alice", see: given},
		at + ".scope=User":    {with: with, from: "Key", was: "alice", is: "alice alice-2", see: given},
		at + ".scope=Policy":  {with: with, from: "Key", was: "alice", is: "alice zoe", see: given},
		at + ".scope=Gateway": {with: with, from: "Key", was: "alice", is: "alice alice-2 alice-3 zoe", see: given},
	}
}

func semanticCases() cases {
	warm := about("france")
	warm.body = strings.TrimSuffix(warm.body, "}") + `,"temperature":1}`
	alike := after(about("france"), 0, about("the weather in france"))
	embeddings := semanticOf + ".embeddings"
	found := cases{
		semanticOf + ".enabled":        {with: comparing, from: "false", to: "true", was: "", is: "hit", see: after(about("france"), 0, about("sunny france"))},
		semanticOf + ".threshold":      {with: comparing, from: `"0.99"`, to: `"0.6"`, was: "miss", is: "hit", see: alike},
		semanticOf + ".ttl":            {with: comparing, from: "1h", to: "1m", was: "hit", is: "miss", see: after(about("france"), 10*time.Minute, about("sunny france"))},
		semanticOf + ".anyTemperature": {with: comparing, to: "true", was: "bypass", is: "hit", see: again(0, warm)},
		semanticOf + ".maxEntries": {with: comparing, to: "1", was: "hit", is: "miss", see: func(b *bed) any {
			b.answeredWell(about("france"))
			b.answeredWell(about("germany"))
			return b.answeredWell(about("sunny france")).header.Get("X-Spark-Cache")
		}},
		embeddings + ".providerRef.name": {with: edits{targets: justOne, embeddings: "{model: gpt}"}, from: "one", to: "two", was: "one", is: "two", see: asideOf("/embeddings")},
		embeddings + ".providerRef.namespace": {with: and(admitting, edits{targets: justOne, embeddings: "{providerRef: {name: far}, model: gpt}"}),
			to: "other", was: "none", is: "two", see: asideOf("/embeddings")},
		embeddings + ".model": {with: edits{targets: justOne, embeddings: "{providerRef: {name: two}}", "ProviderPolicy/two.spec.models": twoModels},
			from: "gpt", to: "mini", was: "gpt-4o", is: "gpt-4o-mini", see: asideModel("/embeddings")},
	}
	maps.Copy(found, chargeCases(semanticOf, comparing, about("france")))
	maps.Copy(found, scopeCases(semanticOf, comparing, about("sunny france")))
	return found
}

// asides are what a provider was asked at a path by the gateway itself.
func asides(p *fakeprovider.Server, path string) (found []fakeprovider.Record) {
	for _, r := range asked(p) {
		if strings.HasSuffix(r.Path, path) {
			found = append(found, r)
		}
	}
	return found
}

// asideOf sees whom the gateway itself asks at a path.
func asideOf(path string) func(*bed) any {
	return func(b *bed) any {
		if b.compiled.Document == nil {
			return "nobody serves"
		}
		b.ask(about("france"))
		return shares{len(asides(b.one, path)), len(asides(b.two, path))}.who()
	}
}

// asideModel sees which model of two it asks.
func asideModel(path string) func(*bed) any {
	return func(b *bed) any {
		b.ask(about("france"))
		if records := asides(b.two, path); len(records) > 0 {
			return records[0].Model
		}
		return "none"
	}
}

func routeCacheCases() cases {
	warm := question{extra: `,"temperature":1`}
	disabled := edits{semanticOf + ".enabled": "false"}
	found := cases{
		exactRoute + ".enabled":              {with: keeping, to: "false", was: "hit", is: "", see: again(0, question{})},
		exactRoute + ".enabled for one":      {to: "true", was: "", is: "hit", see: again(0, question{})},
		exactRoute + ".ttl":                  {with: keeping, to: "1m", was: "hit", is: "miss", see: again(5*time.Minute, question{})},
		exactRoute + ".anyTemperature":       {with: keeping, to: "true", was: "bypass", is: "hit", see: again(0, warm)},
		semanticRoute + ".enabled":           {with: and(comparing, disabled), to: "true", was: "", is: "hit", see: after(about("france"), 0, about("sunny france"))},
		semanticRoute + ".enabled takes out": {with: comparing, to: "false", was: "hit", is: "", see: after(about("france"), 0, about("sunny france"))},
		semanticRoute + ".threshold": {with: comparing, to: `"0.6"`, was: "miss", is: "hit",
			see: after(about("france"), 0, about("the weather in france"))},
		exactOf + ".ttl for a route that keeps": {with: edits{exactOf: "{enabled: false}", exactRoute: "{enabled: true}"}, from: "1h", to: "1m",
			was: "hit", is: "miss", see: again(10*time.Minute, question{})},
	}
	maps.Copy(found, scopeCases(exactRoute, keeping, about("france")))
	return found
}
