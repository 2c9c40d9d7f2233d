// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// toProvider changes what all gateways together may ask of the provider.
func toProvider(change func(*config.Quota)) func(*config.Document) {
	return func(d *config.Document) {
		for i := range d.Core.Providers {
			change(&d.Core.Providers[i].Quota)
		}
	}
}

// each gives how many of so many requests every gateway lets through, one after the other, and what it refuses with.
func (f *fleet) each(t *testing.T, times int) (passed []int) {
	t.Helper()
	for at := range f.gateways {
		passed = append(passed, 0)
		for range times {
			switch a := f.ask(at, 100); {
			case a.status == http.StatusOK:
				passed[at]++
			case a.err != nil || a.status != http.StatusTooManyRequests || a.header.Get("X-Spark-Reason") != "provider_quota":
				t.Fatalf("status %d, error %v: %.300s", a.status, a.err, a.body)
			}
		}
	}
	return passed
}

// tell tells gateways how many serve.
func (f *fleet) tell(serving int) {
	for _, g := range f.gateways {
		g.Report.Exchange(config.UsageCall{Instance: g.Instance(), Replicas: serving})
	}
}

func TestAProviderIsAskedNoMoreThanItsLimitByAllTogether(t *testing.T) {
	const limit = 150
	f := start(t, "", toProvider(func(q *config.Quota) {
		q.Requests = []config.RequestLimit{{Count: limit, Per: config.Duration(time.Minute), Burst: limit}}
	}))
	began := time.Now()
	got := f.crowd(t, 2, 100, nil)
	passed := f.each(t, limit)
	refills := int(time.Since(began) * limit / time.Minute)
	served, _, _ := f.billed()
	t.Logf("%d in the crowd, then %v; the provider served %d, of at most %d and %d", got.accepted.Load(), passed, served, limit, refills)
	if served > limit+int64(refills) || served < limit {
		t.Errorf("the provider served %d, want %d to %d", served, limit, limit+refills)
	}
}

func TestEveryGatewayHasItsPartOfAProvidersRequests(t *testing.T) {
	f := start(t, "", toProvider(func(q *config.Quota) { q.Requests = []config.RequestLimit{{Count: 62, Per: day, Burst: 62}} }))
	if diff := cmp.Diff([]int{20, 20, 20}, f.each(t, 30)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryGatewayHasItsPartOfAProvidersTokens(t *testing.T) {
	// What a request reserves, for a prompt of less than 100 tokens, and so what may be left of a part when it is refused.
	const limit, reserved = 2400, 200
	f := start(t, "", toProvider(func(q *config.Quota) { q.Tokens = []config.TokenLimit{{Count: limit, Per: day}} }))
	passed := f.each(t, 60)
	answers, tokens, _ := f.billed()
	t.Logf("%v passed, of %d tokens", passed, tokens)
	if tokens > limit || tokens < limit-replicas*reserved || passed[0] != passed[1] || passed[1] != passed[2] {
		t.Errorf("%v passed, %d in all, of %d tokens, want the same for each of %d", passed, answers, tokens, limit)
	}
}

// Whoever stays gets a larger part, of which what it took is taken, and a smaller one when the other is back.
func TestAProvidersLimitsFollowTheGatewaysThatServe(t *testing.T) {
	f := start(t, "", func(d *config.Document) {
		d.Core.Gateway.Replicas = 0 // nobody says but the operator
		toProvider(func(q *config.Quota) { q.Requests = []config.RequestLimit{{Count: 60, Per: day, Burst: 60}} })(d)
	})
	f.tell(replicas)
	if diff := cmp.Diff([]int{20, 20, 20}, f.each(t, 25)); diff != "" {
		t.Error("three serve:", diff)
	}
	all := f.gateways
	f.gateways = all[:2]
	f.tell(2)
	if diff := cmp.Diff([]int{10, 10}, f.each(t, 25)); diff != "" {
		t.Error("one is gone:", diff)
	}
	f.gateways = all
	f.tell(replicas)
	if diff := cmp.Diff([]int{0, 0, 0}, f.each(t, 2)); diff != "" {
		t.Error("it is back:", diff)
	}
	if served, _, _ := f.billed(); served != 80 {
		t.Errorf("the provider served %d", served)
	}
}

// All wait, and each is served in its turn.
func TestAProviderHasNoMoreUnderWayThanItsConcurrencyOfAllTogether(t *testing.T) {
	const slots = 7
	f := start(t, "", func(d *config.Document) {
		d.Core.Routes[0].Targets[0].Upstream = "m+delay=1ms"
		toProvider(func(q *config.Quota) {
			*q = config.Quota{Concurrency: slots, QueueLength: clients, QueueTimeout: config.Duration(time.Minute)}
		})(d)
	})
	got := f.crowd(t, 1, 100, nil)
	stats := f.provider.Stats()
	t.Logf("%d accepted, %d at once", got.accepted.Load(), stats.MaxInFlight)
	// Of seven slots each of three gateways has two whole ones.
	if got.accepted.Load() != clients || stats.MaxInFlight != 6 {
		t.Errorf("%d accepted and %d at once, want %d and 6", got.accepted.Load(), stats.MaxInFlight, clients)
	}
}

// A limit below the number of gateways: each lets one through at once, as none of them would ever let one otherwise.
func TestALimitBelowTheNumberOfGateways(t *testing.T) {
	f := start(t, "", toProvider(func(q *config.Quota) { q.Requests = []config.RequestLimit{{Count: 2, Per: day, Burst: 2}} }))
	passed := f.each(t, 3)
	if !slices.Equal(passed, []int{1, 1, 1}) {
		t.Errorf("%v passed, want one each", passed)
	}
}
