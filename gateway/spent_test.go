// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// spender is a server whose keys have budgets of 100 dollars each, by a clock of its own.
type spender struct {
	*Server
	doc *config.Document
	mu  sync.Mutex
	now time.Time
}

func newSpender(t testing.TB, keys int) *spender {
	t.Helper()
	s := &spender{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), doc: fullPolicy("127.0.0.1:1")}
	living := NewLiving(LivingOptions{Now: func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}})
	t.Cleanup(living.Close)
	s.Server = NewServer(Options{Living: living})
	s.doc.Core.Policies = []config.Policy{{ID: "default/team", Budgets: []config.Budget{{Amount: config.Dollar, Per: config.Total}}}}
	s.doc.Keys = nil
	for n := range keys {
		id := fmt.Sprintf("default/k%03d", n)
		s.doc.Keys = append(s.doc.Keys, config.Key{ID: id, User: "u", Digest: config.DigestKey(id), Budgets: []config.Budget{{Amount: 100 * config.Dollar, Per: config.Total}}})
	}
	s.apply(t)
	return s
}

func (s *spender) apply(t testing.TB) {
	t.Helper()
	if err := s.Apply(s.doc); err != nil {
		t.Fatal(err)
	}
}

func (s *spender) spend(holder string, cost config.Money) {
	s.living.book.Learn(holder, &config.HolderUse{Holder: holder, Requests: 1, Cost: cost})
}

func (s *spender) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func TestBudgetsNearTheirEndAreListedTheFullestFirst(t *testing.T) {
	// So many are near their end that the list is cut on the way.
	const keys = 700
	s := newSpender(t, keys)
	for n := range keys {
		s.spend(config.HolderKey+s.doc.Keys[n].ID, config.Money(n)*config.Dollar)
	}
	got := s.Health().Budgets
	if len(got) != 50 {
		t.Errorf("%d budgets", len(got))
	}
	for i := range got {
		if want := fmt.Sprintf("default/k%03d", keys-1-i); got[i].Holder != want {
			t.Errorf("place %d: %s, want %s", i, got[i].Holder, want)
		}
	}
	s.spend(config.HolderPolicy+"default/team", 10*config.Dollar)
	s.pass(time.Minute)
	want := config.BudgetHealth{Kind: "policy", Holder: "default/team", Per: config.Total, Spent: 10, Limit: 1}
	if diff := cmp.Diff(want, s.Health().Budgets[0]); diff != "" {
		t.Errorf("the fullest (-want +got):\n%s", diff)
	}
}

// Whoever asks without end does not make the gateway look at all budgets each time.
func TestALookAtWhatWasSpentServesForAMoment(t *testing.T) {
	s := newSpender(t, 1)
	holder, per := config.HolderKey+s.doc.Keys[0].ID, exchange.Principal{ID: s.doc.Keys[0].ID}
	type seen struct {
		Budget, Metric, Key float64
	}
	look := func() (all seen) {
		h := s.Health()
		for i := range h.Budgets {
			all.Budget = h.Budgets[i].Spent
		}
		for i := range h.Spend {
			all.Key = h.Spend[i].Cost
		}
		all.Metric = s.budgets()[telemetry.BudgetOfKey]
		return all
	}
	want := func(when string, want seen) {
		t.Helper()
		if diff := cmp.Diff(want, look()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	want("nothing was spent", seen{})
	s.spend(holder, 90*config.Dollar)
	s.living.spend.Add(&per, exchange.Use{Cost: config.Dollar})
	want("at once", seen{})
	s.pass(time.Minute)
	want("later", seen{90, 0.9, 1})
	s.doc.Keys[0].Budgets = []config.Budget{{Amount: 200 * config.Dollar, Per: config.Total}}
	s.apply(t)
	want("of another configuration", seen{0, 0.45, 1})
}

func TestALongLookServesLonger(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: time.Second, 20 * time.Millisecond: time.Second, 100 * time.Millisecond: 5 * time.Second} {
		if got := useOf(took); got != want {
			t.Errorf("a look of %s serves for %s, want %s", took, got, want)
		}
	}
}

// BenchmarkHealth is what the health of a gateway costs whoever asks while a look at the budgets serves, and what that look costs.
func BenchmarkHealth(b *testing.B) {
	s := newSpender(b, 100_000)
	b.Run("a look at 100,000 budgets", func(b *testing.B) {
		for b.Loop() {
			s.snapshot.Load().rules.spent()
		}
	})
	b.Run("what was found", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Health()
		}
	})
}

func TestABudgetIsToldOfFromFourFifthsOn(t *testing.T) {
	for cost, want := range map[config.Money]int{0: 0, 79 * config.Dollar / 100: 0, 80 * config.Dollar / 100: 1, config.Dollar: 1, 3 * config.Dollar: 1} {
		doc := fullPolicy("127.0.0.1:1")
		doc.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Total}}
		s := NewServer(Options{})
		t.Cleanup(s.living.Close)
		if err := s.Apply(doc); err != nil {
			t.Fatal(err)
		}
		holder := config.HolderKey + doc.Keys[0].ID
		s.living.book.Learn(holder, &config.HolderUse{Holder: holder, Requests: 1, Cost: cost})
		if got := s.Health().Budgets; len(got) != want {
			t.Errorf("of $%s: %+v", cost, got)
		}
	}
}
