// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestLook(t *testing.T) {
	book, g := NewBook(), &Group{}
	book.Build(start, func(add func(*Group, Scope, string, []config.RequestLimit)) {
		add(g, ScopeGateway, "a", []config.RequestLimit{request(60, 3, time.Minute)})
		add(g, ScopeKey, "a", []config.RequestLimit{request(7, 10, time.Second)})
	})
	minute, seventh := config.Duration(time.Minute), time.Second/7
	want := []Sight{
		{Scope: ScopeGateway, Count: 60, Per: minute, Burst: 3, Remaining: 3},
		{Scope: ScopeKey, Count: 7, Per: config.Duration(time.Second), Burst: 10, Remaining: 10},
	}
	each, next := g.Look(start)
	if diff := cmp.Diff(want, each); diff != "" || next.Refused {
		t.Error("untouched:", diff, next)
	}
	for range 3 {
		g.Take(start)
	}
	want[0].Remaining, want[0].Reset = 0, 3*time.Second
	want[1].Remaining, want[1].Reset = 7, 3*seventh
	each, next = g.Look(start)
	if diff := cmp.Diff(want, each); diff != "" || !next.Refused || next.RetryAfter != time.Second {
		t.Error("used up:", diff, next)
	}
	if each, next := (*Group)(nil).Look(start); each != nil || next.Limited {
		t.Error("of nobody:", each, next)
	}
}

// What Look says of the next request is what Take then does, and what it says remains can be taken.
func TestLookAgreesWithTake(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	refused := 0
	for range 200 {
		book, g := NewBook(), &Group{}
		book.Build(start, func(add func(*Group, Scope, string, []config.RequestLimit)) {
			for s := range 1 + random.IntN(2) {
				add(g, Scope(s), "a", []config.RequestLimit{
					request(1+random.Int64N(50), 1+random.Int64N(9), time.Duration(1+random.Int64N(int64(time.Minute)))),
				})
			}
		})
		now := start
		for range 60 {
			now += random.Int64N(int64(2 * time.Second))
			each, next := g.Look(now)
			least := each[0].Remaining
			for _, s := range each {
				least = min(least, s.Remaining)
			}
			again, _ := g.Look(now)
			took := g.Take(now)
			if diff := cmp.Diff(each, again); diff != "" {
				t.Fatal("a look changed something:", diff)
			}
			if next.Refused != took.Refused || took.Refused && next != took || (least == 0) != took.Refused {
				t.Fatalf("looked %+v with %d left, took %+v", next, least, took)
			}
			if took.Refused {
				refused++
			}
		}
	}
	if refused < 1000 {
		t.Errorf("only %d were refused", refused)
	}
}
