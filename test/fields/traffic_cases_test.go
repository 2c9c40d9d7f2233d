// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// of gives edits of provider one's policy.
func of(changes edits) edits {
	whole := edits{}
	for path, value := range changes {
		whole["ProviderPolicy.spec."+path] = value
	}
	return whole
}

// once is without retries, as are most of the cases below.
var once = of(edits{"retry.attempts": "1"})

// and gives all of the edits.
func and(some ...edits) edits {
	all := edits{}
	for _, changes := range some {
		maps.Copy(all, changes)
	}
	return all
}

// whole sees whether a stream comes to its end.
func whole(q question) func(*bed) any {
	return func(b *bed) any { return strings.Contains(b.ask(q).body, "[DONE]") }
}

// timeoutCases are of how long a provider may take.
var timeoutCases = cases{
	"ProviderPolicy.spec.timeouts.connect": {with: and(once, of(edits{"endpoint": "http://silent.test"})),
		from: "1m", to: "20ms",
		was: false, is: true, see: endsSoon(toOne)},
	"ProviderPolicy.spec.timeouts.firstToken": {with: once, from: "1m", to: "20ms", was: false, is: true,
		see: endsSoon(question{model: "one/gpt", stream: true, steer: "fault=hang"})},
	"ProviderPolicy.spec.timeouts.betweenTokens": {with: once, from: "1m", to: "20ms", was: false, is: true,
		see: endsSoon(question{model: "one/gpt", stream: true, steer: "fault=stall"})},
	"ProviderPolicy.spec.timeouts.total": {with: once, from: "1m", to: "20ms", was: false, is: true,
		see: endsSoon(question{model: "one/gpt", steer: "fault=hang"})},
	"ProviderPolicy.spec.timeouts.minThroughput": {with: once, to: "{tokensPerSecond: 10000, over: 2s}",
		was: true, is: false, see: whole(trickle)},
	"ProviderPolicy.spec.timeouts.minThroughput.tokensPerSecond": {with: and(once, of(edits{"timeouts.minThroughput.over": "2s"})),
		from: "1", to: "10000", was: true, is: false, see: whole(trickle)},
	"ProviderPolicy.spec.timeouts.minThroughput.over": {with: and(once, of(edits{"timeouts.minThroughput.tokensPerSecond": "10000"})),
		from: "5m", to: "2s", was: true, is: false, see: whole(trickle)},
}

// trickle is a stream of three seconds.
var trickle = question{model: "one/gpt", stream: true, steer: "tokens=60 delay=50ms"}

// Breakers are told apart by what opens them, so that each case leaves but one reason.
var (
	neverInARow = of(edits{"retry.attempts": "1", "circuitBreaker.consecutiveFailures": "10000"})
	neverAShare = of(edits{"retry.attempts": "1", "circuitBreaker.minRequests": "1000000"})
)

// breakerCases are of when a model of a provider is left alone.
var breakerCases = cases{
	"ProviderPolicy.spec.circuitBreaker.consecutiveFailures": {with: neverAShare, to: "2",
		was: shares{One: 5}, is: shares{One: 2},
		see: whenBroken(attempts(9, toOne), "status:500")},
	"ProviderPolicy.spec.circuitBreaker.failurePercent": {with: and(neverInARow, of(edits{"circuitBreaker.minRequests": "4"})),
		from: "50", to: "20", was: shares{One: 6}, is: shares{One: 4},
		see: whenBroken(attempts(6, toOne), "none", "none", "none", "status:500", "none")},
	"ProviderPolicy.spec.circuitBreaker.minRequests": {with: neverInARow, to: "4", was: shares{One: 9}, is: shares{One: 4},
		see: whenBroken(attempts(9, toOne), "status:500")},
	"ProviderPolicy.spec.circuitBreaker.window": {with: and(neverInARow, of(edits{"circuitBreaker.minRequests": "4"})),
		from: "1m", to: "1s", was: shares{One: 4}, is: shares{One: 6},
		see: whenBroken(func(b *bed) any {
			attempts(3, toOne)(b)
			b.pass(10 * time.Second)
			return attempts(3, toOne)(b)
		}, "status:500")},
	"ProviderPolicy.spec.circuitBreaker.openFor": {with: and(neverAShare, of(edits{"circuitBreaker.consecutiveFailures": "1"})),
		from: "1h", to: "1s", was: 0, is: 1, see: whenBroken(servedAfter(10*time.Second, toOne), "status:500", "none")},
	"ProviderPolicy.spec.circuitBreaker.halfOpenProbes": {with: and(neverAShare, of(edits{"circuitBreaker.consecutiveFailures": "1"})),
		from: "1", to: "3", was: 1, is: 3, see: whenBroken(probes, "status:500", "hang")},
	"ProviderPolicy.spec.circuitBreaker.halfOpenProbes until it closes": {
		with: and(neverAShare, of(edits{"circuitBreaker.consecutiveFailures": "1"})),
		from: "1", to: "3", was: 0, is: 1, see: whenBroken(func(b *bed) any {
			servedAfter(time.Minute, toOne)(b)
			return len(b.seen().Out)
		}, "status:500", "none")},
}

// probes sees how many of five requests try a provider at once after its breaker was open.
func probes(b *bed) any {
	b.ask(toOne)
	b.pass(time.Minute)
	refused := 0
	for range 5 {
		if b.reachesOne(toOne).status == http.StatusServiceUnavailable {
			refused++
		}
	}
	return 5 - refused
}

// reachesOne begins a request and waits until it is answered or provider one is asked, which gives no answer.
func (b *bed) reachesOne(q question) answer {
	b.Helper()
	before := len(asked(b.one))
	p := b.begin(q)
	var got answer
	if !within(patience, func() bool {
		answered := false
		got, answered = p.answered(0)
		return answered || len(asked(b.one)) > before
	}) {
		b.Fatalf("%+v is neither answered nor sent on", q)
	}
	return got
}

// failures are what providers do where a retry's conditions apply.
var failures = map[string]string{
	"ConnectFailure": "reset-before-headers", "Timeout": "hang", "TooManyRequests": "status:429", "ServerError": "status:500",
	"TargetRefused": "status:401",
}

// retryCases are of what happens to requests that failed.
func retryCases() cases {
	quick := of(edits{"retry.backoff": "1ms", "circuitBreaker.consecutiveFailures": "10000", "circuitBreaker.minRequests": "1000000"})
	allAtOnce := func(b *bed) any {
		var all []*pending
		for range 6 {
			all = append(all, b.begin(toOne))
		}
		return within(glance, func() bool {
			return !slices.ContainsFunc(all, func(p *pending) bool {
				_, ok := p.answered(0)
				return !ok
			})
		})
	}
	found := cases{
		"attempts": {with: quick, from: "1", to: "3", was: shares{One: 1}, is: shares{One: 3},
			see: whenBroken(attempts(1, toOne), "status:500")},
		"backoff": {with: and(quick, of(edits{"retry.budgetPercent": "100", "retry.maxBackoff": "1m"})), from: "1ms", to: "1m",
			was: true, is: false,
			see: whenBroken(allAtOnce, "status:500")},
		"maxBackoff": {with: quick, to: "100ms", was: shares{One: 2}, is: shares{One: 1},
			see: whenBroken(attempts(1, toOne), "status:429:300ms", "none")},
		"budgetPercent": {with: quick, from: "0", to: "100", was: shares{One: 13}, is: shares{One: 20},
			see: whenBroken(attempts(10, toOne), "status:500")},
	}
	for condition, fault := range failures {
		var others []string
		for other := range failures {
			if other != condition {
				others = append(others, other)
			}
		}
		// One comes first, and only where it fails so that another is tried, two does.
		with := and(quick, edits{"ModelRoute.spec.targets[1].tier": "1"})
		if condition == "Timeout" {
			// Long enough for one to be asked, whatever else the machine does.
			with["ProviderPolicy.spec.timeouts.firstToken"] = "2s"
		}
		found["when="+condition] = fieldCase{with: with,
			from: "[" + strings.Join(others, ", ") + "]", to: "[" + condition + "]", was: "one", is: "both",
			see: whenBroken(who(1, question{stream: true}), fault),
		}
	}
	named := cases{}
	for name, c := range found {
		named["ProviderPolicy.spec.retry."+name] = c
	}
	return named
}

// quotaCases are of how much a provider is asked.
func quotaCases() cases {
	noQueue := of(edits{"limits.queue.length": "0"})
	oneAtOnce := of(edits{"limits.concurrency": "1"})
	return cases{
		"ProviderPolicy.spec.limits.tokens[].count": {with: and(noQueue, of(edits{"limits.tokens": "[{per: 1h}]"})),
			from: "100000", to: "10", was: 3, is: 1, see: served(3, toOne)},
		"ProviderPolicy.spec.limits.tokens[].per": {with: and(noQueue, of(edits{"limits.tokens": "[{count: 10}]"})),
			from: "1h", to: "1s", was: 1, is: 2, see: servedAfter(time.Minute, toOne)},
		"ProviderPolicy.spec.limits.concurrency": {with: noQueue, to: "2", was: 4, is: 2, see: func(b *bed) any {
			for range 4 {
				b.reachesOne(question{model: "one/gpt", steer: "fault=hang"})
			}
			return len(asked(b.one))
		}},
		"ProviderPolicy.spec.limits.queue.length": {with: and(oneAtOnce, of(edits{"limits.queue.timeout": "1m"})), from: "0", to: "1",
			was: 429, is: 200, see: afterAnother},
		"ProviderPolicy.spec.limits.queue.timeout": {with: oneAtOnce, from: "1m", to: "20ms",
			was: 200, is: 429, see: afterAnother},
	}
}

// afterAnother sees what a request is answered that finds another, which ends a moment later.
func afterAnother(b *bed) any {
	first := b.begin(question{model: "one/gpt", steer: "fault=hang"})
	if !within(patience, func() bool { return len(asked(b.one)) == 1 }) {
		b.Fatal("provider one is not asked")
	}
	second := b.begin(toOne)
	second.answered(glance)
	first.leave()
	got, _ := second.answered(patience)
	return got.status
}
