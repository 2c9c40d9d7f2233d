// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"net/http"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// checks are the health checks that provider one got.
func (b *bed) checks() []fakeprovider.Record {
	return slices.DeleteFunc(b.one.Records(), func(r fakeprovider.Record) bool {
		return r.Method != http.MethodGet || r.State == fakeprovider.Running
	})
}

// checked waits for so many of them, and gives whether they came.
func (b *bed) checked(n int, d time.Duration) bool {
	b.up()
	return within(d, func() bool { return len(b.checks()) >= n })
}

// seen is what the gateway has seen of provider one.
func (b *bed) seen() config.ProviderState {
	all := b.server.Providers()
	at := slices.IndexFunc(all, func(p config.ProviderState) bool { return p.ID == "team/one" })
	return all[at]
}

func (b *bed) healthy() bool {
	found := b.seen().Health
	return found == nil || found.Healthy
}

// chosenAfter sees who is asked once n health checks of provider one were judged, of which the first so many fail: they are
// made one after another, so that the next one tells.
func chosenAfter(n int, faults ...string) func(*bed) any {
	return whenBroken(func(b *bed) any {
		if !b.checked(n+1, patience) {
			return "no checks"
		}
		b.ask(question{})
		return b.shares().who()
	}, faults...)
}

// healthCases are of asking a provider whether it is there; a route prefers one where both are.
var healthCases = func() cases {
	first := edits{"ModelRoute.spec.targets[1].tier": "1"}
	seconds := edits{"healthCheck.interval": "2s", "healthCheck.timeout": "2s"}
	checked := func(more edits) edits { return and(first, of(edits{"healthCheck": "{}"}), of(more)) }
	return cases{
		"ProviderPolicy.spec.healthCheck": {with: first, to: "{}", was: false, is: true, see: func(b *bed) any { return b.checked(1, glance) }},
		"ProviderPolicy.spec.healthCheck.path": {with: checked(nil), to: "/v1/models/gpt-4o", was: "/v1/models", is: "/v1/models/gpt-4o",
			see: func(b *bed) any {
				if !b.checked(1, patience) {
					return "none"
				}
				return b.checks()[0].Path
			}},
		"ProviderPolicy.spec.healthCheck.interval": {with: checked(edits{"healthCheck.timeout": "1s"}), to: "1s", was: false, is: true,
			see: func(b *bed) any { return b.checked(2, 2*glance) }},
		"ProviderPolicy.spec.healthCheck.timeout": {with: checked(edits{"healthCheck.interval": "1h", "healthCheck.unhealthyThreshold": "1"}),
			from: "1m", to: "20ms", was: "one", is: "two", see: func(b *bed) any {
				if err := b.one.SetScript(fakeprovider.Rule{Path: "/v1/models", Fault: "hang"}); err != nil {
					b.Fatal(err)
				}
				b.up()
				within(glance, func() bool { return !b.healthy() })
				b.ask(question{})
				return b.shares().who()
			}},
		"ProviderPolicy.spec.healthCheck.unhealthyThreshold": {
			with: checked(and(seconds, edits{"healthCheck.healthyThreshold": "10"})), to: "1", was: "one", is: "two",
			see: chosenAfter(1, "status:503", "none")},
		"ProviderPolicy.spec.healthCheck.healthyThreshold": {
			with: checked(and(seconds, edits{"healthCheck.unhealthyThreshold": "1"})), to: "10", was: "one", is: "two", see: chosenAfter(2, "status:503", "none")},
	}
}()
