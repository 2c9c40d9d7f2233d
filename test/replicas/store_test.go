// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

func TestWithAStoreRequestsAreAcceptedUpToTheLimitExactly(t *testing.T) {
	const limit = 300
	f := start(t, redistest.Start(t, redistest.Options{}).Addr, func(d *config.Document) {
		d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: limit, Per: day, Burst: limit}}
	})
	got := f.crowd(t, 2, 100, nil)
	if accepted := got.accepted.Load(); accepted != limit || got.limited.Load() != 2*clients-limit {
		t.Errorf("%d accepted and %d refused, want %d and %d", accepted, got.limited.Load(), limit, 2*clients-limit)
	}
	if answers, _, _ := f.billed(); answers != limit {
		t.Errorf("the provider served %d, want %d", answers, limit)
	}
}

// What is reserved is the worst case, which these requests come nowhere near: it has to be given back for the limit to be
// used up, and must never be passed.
func TestWithAStoreTokensCostAndBudgetsEndAtTheirLimit(t *testing.T) {
	const most = 200
	// What a request reserves, and so what may be left when the next one is refused, for a prompt of less than 100 tokens.
	worstTokens, worstCost := int64(100+most), config.Money((100*price.Input+most*price.Output)/1000)
	for name, tc := range map[string]struct {
		change            func(*config.Key)
		tokens, leastLeft int64
		cost, costLeft    config.Money
	}{
		"tokens": {func(k *config.Key) { k.Limits.Tokens = []config.TokenLimit{{Count: 12_000, Per: day}} }, 12_000, worstTokens, 0, 0},
		"cost": {func(k *config.Key) { k.Limits.Cost = []config.CostLimit{{Amount: config.Dollar / 2, Per: day}} },
			0, 0, config.Dollar / 2, worstCost},
		"a budget": {func(k *config.Key) { k.Budgets = []config.Budget{{Amount: config.Dollar / 2, Per: config.Total}} },
			0, 0, config.Dollar / 2, worstCost},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			f := start(t, server.Addr, func(d *config.Document) { tc.change(&d.Keys[0]) })
			got := f.crowd(t, 2, most, nil)
			known := newLook(t, server.Addr)
			f.exhaust(t, most, func() { f.settled(t, known) })
			answers, tokens, cost := f.billed()
			t.Logf("%d of %d in the crowd and %d in all: %d tokens, $%v", got.accepted.Load(), 2*clients, answers, tokens, cost)
			if tc.tokens > 0 && (tokens > tc.tokens || tokens < tc.tokens-tc.leastLeft) {
				t.Errorf("%d tokens, want at most %d and %d less at least", tokens, tc.tokens, tc.leastLeft)
			}
			if tc.cost > 0 && (cost > tc.cost || cost < tc.cost-tc.costLeft) {
				t.Errorf("$%v were spent, want at most $%v, and $%v less at least", cost, tc.cost, tc.costLeft)
			}
		})
	}
}

// exhaust asks until every gateway refuses, three times over. Before each time it waits until what was reserved and not used is
// given back.
func (f *fleet) exhaust(t *testing.T, most int, settled func()) {
	t.Helper()
	for refused, deadline := 0, time.Now().Add(patience); refused < 3*replicas; {
		if time.Now().After(deadline) {
			t.Fatal("requests are still accepted")
		}
		if refused%replicas == 0 {
			settled()
		}
		switch a := f.ask(refused%replicas, most); {
		case a.err != nil || a.status != 200 && a.status != 429:
			t.Fatalf("status %d, error %v: %s", a.status, a.err, a.body)
		case a.status == 200:
			refused = 0
		default:
			refused++
		}
	}
}

// The store dies when a third of the limit is used, and comes back.
func TestAStoreThatDiesCostsNoRequestAndIsUsedAgainByItself(t *testing.T) {
	const limit = 600
	server := redistest.Start(t, redistest.Options{})
	f := start(t, server.Addr, func(d *config.Document) {
		d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: limit, Per: day, Burst: limit}}
		d.Keys[0].Limits.Concurrency = 100_000
	})
	var asked atomic.Int64
	var killed time.Time
	got := f.crowd(t, 4, 100, func() {
		if asked.Add(1) == limit/3 {
			killed = time.Now()
			server.Kill()
		}
	})
	accepted := got.accepted.Load()
	// Before it died at most the limit was accepted, and after that each gateway has its share of the limit once more.
	const bound = limit + limit
	t.Logf("%d accepted of %d, with a limit of %d; the bound is %d; the slowest answer took %v", accepted, 4*clients, limit, bound,
		time.Duration(got.slowest.Load()))
	if accepted > bound || accepted < limit/3 {
		t.Errorf("%d accepted, want %d at most", accepted, bound)
	}
	f.until(t, "the store is found down", func(s *config.StoreState) bool { return !s.Up })
	server.Restart()
	back := time.Now()
	f.until(t, "the store is used again", func(s *config.StoreState) bool { return s.Up })
	t.Logf("down for %v, used again %v after it came back", back.Sub(killed), time.Since(back))
	f.settled(t, newLook(t, server.Addr))
	if a := f.ask(0, 100); a.status != 429 {
		t.Errorf("status %d with the limit used up: %s", a.status, a.body)
	}
}

// patience is how long settlements that wait for a store may take, after it comes back.
const patience = 3 * time.Minute

// While the store is down, all gateways together let in what one would.
func TestWithoutItsStoreEachGatewayHasItsShareOfALimit(t *testing.T) {
	const limit = 300
	server := redistest.Start(t, redistest.Options{})
	f := start(t, server.Addr, func(d *config.Document) {
		d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: limit, Per: day, Burst: limit}}
	})
	server.Kill()
	for i := range replicas {
		// Who asks nothing of the store finds out later.
		if a := f.ask(i, 100); a.status != http.StatusOK {
			t.Errorf("status %d, error %v: %s", a.status, a.err, a.body)
		}
	}
	f.until(t, "the store is found down", func(s *config.StoreState) bool { return !s.Up })
	got := f.crowd(t, 2, 100, nil)
	if accepted := got.accepted.Load() + replicas; accepted != limit {
		t.Errorf("%d accepted while the store is down, want %d", accepted, limit)
	}
	server.Restart() // or each gateway waits for it when it ends
	f.settled(t, newLook(t, server.Addr))
}

// settled waits until the store knows of all that the provider served, and looks that it does not know of more.
func (f *fleet) settled(t *testing.T, store *look) {
	t.Helper()
	answers, tokens, cost := f.billed()
	var known config.HolderUse
	for deadline := time.Now().Add(patience); known.Requests < answers && time.Now().Before(deadline); {
		known = store.use(t, alice)
		<-time.After(20 * time.Millisecond)
	}
	known = store.use(t, alice)
	if known.Requests != answers || known.Tokens != tokens || known.Cost != cost {
		t.Errorf("the store knows of %+v, the provider served %d requests, %d tokens, $%v", known, answers, tokens, cost)
	}
}
