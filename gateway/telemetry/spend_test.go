// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func costing(dollars, tokens int64) exchange.Use {
	return exchange.Use{Tokens: tokens, Cost: config.Money(dollars) * config.Dollar}
}

func key(n int) *exchange.Principal {
	return &exchange.Principal{ID: fmt.Sprintf("team/key-%06d", n), User: "u"}
}

func TestSpendTellsWhoSpentMost(t *testing.T) {
	alice := &exchange.Principal{ID: "team/alice", User: "alice", Team: "search"}
	renamed := &exchange.Principal{ID: "team/alice", User: "alice b.", Team: "ads"}
	bob, carol, dave := &exchange.Principal{ID: "team/bob"}, &exchange.Principal{ID: "team/carol"}, &exchange.Principal{ID: "team/dave"}
	type spent struct {
		of  *exchange.Principal
		use exchange.Use
	}
	for name, test := range map[string]struct {
		spent []spent
		most  int
		want  []config.KeySpend
	}{
		"nobody":     {most: 5, want: []config.KeySpend{}},
		"who is one": {[]spent{{alice, costing(1, 10)}, {alice, costing(2, 20)}}, 5, []config.KeySpend{{Key: "team/alice", User: "alice", Team: "search", Requests: 2, Tokens: 30, Cost: 3}}},
		"the dearest first, then who used most tokens, then who asked most": {
			[]spent{{bob, costing(0, 5)}, {carol, costing(0, 9)}, {dave, costing(0, 4)}, {dave, costing(0, 1)}, {alice, costing(1, 1)}}, 5,
			[]config.KeySpend{
				{Key: "team/alice", User: "alice", Team: "search", Requests: 1, Tokens: 1, Cost: 1}, {Key: "team/carol", Requests: 1, Tokens: 9},
				{Key: "team/dave", Requests: 2, Tokens: 5}, {Key: "team/bob", Requests: 1, Tokens: 5},
			},
		},
		"not more than asked for":     {[]spent{{bob, costing(1, 1)}, {carol, costing(2, 1)}}, 1, []config.KeySpend{{Key: "team/carol", Requests: 1, Tokens: 1, Cost: 2}}},
		"a key has its user of today": {[]spent{{alice, costing(1, 1)}, {renamed, costing(1, 1)}}, 5, []config.KeySpend{{Key: "team/alice", User: "alice b.", Team: "ads", Requests: 2, Tokens: 2, Cost: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSpend()
			for _, each := range test.spent {
				s.Add(each.of, each.use)
			}
			if diff := cmp.Diff(test.want, s.Look(test.most)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpendIsBoundedAndKeepsTheDearest(t *testing.T) {
	s := NewSpend()
	const dear = 50
	for n := range dear {
		s.Add(key(n), costing(int64(1000+n), 1))
	}
	for n := range 40_000 {
		s.Add(key(dear+n), costing(1, 1))
		if n%10_000 == 0 && s.keys() > 10_000 {
			t.Fatalf("%d keys", s.keys())
		}
	}
	if n := s.keys(); n > 10_000 || n < 5_000 {
		t.Errorf("%d keys", n)
	}
	for i, got := range s.Look(dear) {
		if want := key(dear - 1 - i).ID; got.Key != want || got.Requests != 1 {
			t.Errorf("place %d: %+v, want %s", i, got, want)
		}
	}
}

// keys counts those that are remembered.
func (s *Spend) keys() (n int) {
	for i := range s.shards {
		n += len(s.shards[i].keys)
	}
	return n
}

func TestSpendLosesNothingWhenManyCount(t *testing.T) {
	s := NewSpend()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for n := range 1000 {
				s.Add(key(n%20), costing(1, 2))
				if n%100 == 0 {
					s.Look(3)
				}
			}
		})
	}
	wait.Wait()
	all := s.Look(100)
	for _, each := range all {
		if each.Requests != 400 || each.Tokens != 800 || each.Cost != 400 {
			t.Errorf("%+v", each)
		}
	}
	if len(all) != 20 {
		t.Errorf("%d keys", len(all))
	}
}

// A name that is a part of a document must not keep the document.
func TestSpendHasCopiesOfNames(t *testing.T) {
	document := []byte(strings.Repeat("team/alice", 2))
	p := &exchange.Principal{ID: string(document[:10])}
	s := NewSpend()
	s.Add(p, exchange.Use{})
	if allocations := testing.AllocsPerRun(100, func() { s.Add(p, costing(1, 1)) }); allocations != 0 {
		t.Errorf("%v allocations for a key that is known", allocations)
	}
	if got := s.Look(1)[0].Key; got != "team/alice" {
		t.Errorf("got %s", got)
	}
}

func BenchmarkSpend(b *testing.B) {
	s, p := NewSpend(), key(1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.Add(p, costing(1, 500))
		}
	})
}
