// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// report is what operators see of the gateway.
func (s *setup) report() gateway.Report {
	return gateway.Report{Reloader: gateway.NewReloader(gateway.Identity{}, s.server.Apply), Server: s.server}
}

// used is what a holder used, as operators are told.
func (s *setup) used(holder string) (use config.HolderUse) {
	for _, h := range s.report().Exchange(config.UsageCall{Replicas: 1}).Holders {
		if h.Holder == holder {
			use = h
		}
	}
	return use
}

// settled waits until nothing is under way.
func (s *setup) settled() {
	s.t.Helper()
	eventually(s.t, func() bool { return s.server.InFlight() == 0 }, func() string { return "requests are under way" })
}

const cent = config.Dollar / 100

func TestWhatAHitCostsStandsInRecordsBudgetsAndReports(t *testing.T) {
	type record struct {
		Cache                            string
		TokensIn, TokensOut, TokensSaved int64
		Cost, CostSaved                  ledger.Dollars
		Attempts                         int64
		Priced                           bool
		Outcome, Source                  string
	}
	const tokens = 10 // of the answer, a cent each
	for charge, want := range map[config.CacheCharge]struct {
		statuses []int
		cost     config.Money
	}{
		config.CacheFree: {[]int{200, 200, 200, 200}, tokens * cent},
		// What is left after the second does not cover what the third may use.
		config.CacheFull: {[]int{200, 200, 429, 429}, 2 * tokens * cent},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", charge, stream), func(t *testing.T) {
				records, err := ledger.New(ledger.Options{Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				s := start(t, func(o *options) { o.living.Ledger = records }, withDocument(priced), withDocument(caching(func(e *config.ExactCache) { e.Charge = charge })),
					withDocument(func(d *config.Document) {
						d.Keys[0].Budgets = []config.Budget{{Amount: 25 * cent, Per: config.Month}}
						d.Core.Gateway.Ledger = &config.Ledger{Retention: hour, MaxBytes: 1 << 20, MaxExportRecords: 100}
					}))
				body := strings.TrimSuffix(chatBody("dear", fmt.Sprintf("tokens=%d", tokens), stream), "}") + `,"max_tokens":12}`
				for i, status := range want.statuses {
					if got := s.asks(aliceKey, body); got.StatusCode != status {
						t.Fatalf("request %d: %d, want %d: %s", i, got.StatusCode, status, got.body)
					}
					s.lines(i + 1)
					s.settled()
				}
				if use := s.used("key/default/alice"); use.Cost != want.cost || use.Month.Cost != want.cost {
					t.Errorf("operators are told of %+v, want %d", use, want.cost)
				}
				var told []record
				eventually(t, func() bool {
					told = nil
					for line := range strings.Lines(s.do(s.request("GET", "/api/export?format=jsonl", "")).body) {
						var r record
						if err := json.Unmarshal([]byte(line), &r); err != nil {
							t.Fatalf("%v: %s", err, line)
						}
						told = append(told, r)
					}
					return len(told) == 4
				}, func() string { return fmt.Sprintf("%+v", told) })
				first := record{Cache: "miss", TokensIn: told[0].TokensIn, TokensOut: tokens, Cost: tokens * ledger.Dollars(cent), Attempts: 1, Priced: true, Outcome: "ok", Source: "reported"}
				second := record{Cache: "hit", TokensSaved: first.TokensIn + tokens, CostSaved: first.Cost, Priced: true, Outcome: "ok"}
				if charge == config.CacheFull {
					second.TokensIn, second.TokensOut, second.Cost, second.Source = first.TokensIn, tokens, first.Cost, "reported"
				}
				if diff := cmp.Diff([]record{first, second}, told[:2]); diff != "" || first.TokensIn == 0 {
					t.Errorf("records (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestABudgetHoldsWhatIsAskedAside(t *testing.T) {
	const budget = 300 * cent
	dear := &config.Price{Input: 10_000_000_000} // a cent for a token
	for name, set := range map[string]func(t *testing.T) func(*config.Document){
		"embeddings": func(t *testing.T) func(*config.Document) {
			return startEmbedder(t).comparing(func(c *config.SemanticCache) { c.Embeddings.Price = dear })
		},
		"moderation both ways": func(*testing.T) func(*config.Document) {
			return func(d *config.Document) {
				d.Core.Gateway.Sanitizer = &config.Sanitizer{Moderation: &config.Moderation{
					Mode: config.SanitizeBlock, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: config.Directions,
					Target: config.Target{Provider: "default/fake", Model: "omni-moderation-latest", Upstream: "omni-moderation-latest", Price: dear},
				}}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, withDocument(priced), withDocument(set(t)), withDocument(func(d *config.Document) {
				d.Core.Routes = nil
				d.Keys[0].Budgets = []config.Budget{{Amount: budget, Per: config.Month}}
			}))
			var all sync.WaitGroup
			var mu sync.Mutex
			statuses := map[int]int{}
			for i := range 60 {
				all.Go(func() {
					body := strings.TrimSuffix(saying("what? [[fake tokens=5]]", false), "}") + `,"max_tokens":8}`
					got := s.asks(aliceKey, strings.Replace(body, "gpt-4o", "cheap", 1), fmt.Sprintf("X-Spark-Cache-Key: %d", i))
					mu.Lock()
					defer mu.Unlock()
					statuses[got.StatusCode]++
				})
			}
			all.Wait()
			s.settled()
			use := s.used("key/default/alice")
			if statuses[200] == 0 || statuses[429] == 0 || len(statuses) != 2 {
				t.Errorf("statuses %v", statuses)
			}
			// What the model itself costs is next to nothing.
			if use.Cost > budget || use.Cost < config.Money(statuses[200])*cent {
				t.Errorf("%d requests cost $%s, of a budget of $%s", statuses[200], use.Cost, budget)
			}
		})
	}
}

func TestABudgetHoldsTheModerationOfAnAnswerThatNobodyBounds(t *testing.T) {
	const budget = 600 * cent
	s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
		d.Core.Gateway.Sanitizer = &config.Sanitizer{Moderation: &config.Moderation{
			Mode: config.SanitizeBlock, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionResponse},
			Target: config.Target{Provider: "default/fake", Model: "omni-moderation-latest", Upstream: "omni-moderation-latest", Price: &config.Price{Input: 10_000_000_000}},
		}}
		d.Keys[0].Budgets = []config.Budget{{Amount: budget, Per: config.Month}}
	}))
	got := s.asks(aliceKey, chatBody("cheap", "tokens=950", false))
	s.settled()
	if use := s.used("key/default/alice"); use.Cost > budget || got.StatusCode != 429 {
		t.Errorf("%d, and $%s of a budget of $%s", got.StatusCode, use.Cost, budget)
	}
}
