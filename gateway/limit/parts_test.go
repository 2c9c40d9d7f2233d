// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestConstraints(t *testing.T) {
	book := newBook(&wall{noon})
	l := &config.Limits{
		Requests: requests(request(60, 3, time.Minute)).Requests, Tokens: tokens(1000, time.Hour).Tokens,
		Cost: costs(5*config.Dollar, time.Second).Cost, Concurrency: 7,
	}
	p := Parts{
		on(book, "key/a", l, budget(config.Dollar, config.Month)...), {Holder: book.Holder("user/a")}, {},
		{book.Holder("policy/p"), NewRules(exchange.ScopePolicy, shadow(slots(2)), []config.Budget{{Amount: 9, Per: config.Total, Shadow: true}})},
	}
	route := Part{book.Holder("route/r"), NewRules(exchange.ScopeRoute, slots(3), nil)}
	key := exchange.Constraint{Scope: exchange.ScopeKey, Holder: "key/a"}
	with := func(c exchange.Constraint, d exchange.Dimension, limit, burst int64, per time.Duration) exchange.Constraint {
		c.Dimension, c.Limit, c.Burst, c.Per = d, limit, burst, per
		return c
	}
	policy := exchange.Constraint{Scope: exchange.ScopePolicy, Holder: "policy/p", Shadow: true}
	monthly, ever := with(key, exchange.Spending, 1e9, 1e9, 0), with(policy, exchange.Spending, 9, 9, 0)
	monthly.Calendar, ever.Calendar = config.Month, config.Total
	want := []exchange.Constraint{
		with(key, exchange.Requests, 60, 3, time.Minute), with(key, exchange.Concurrency, 7, 7, 0), with(key, exchange.Tokens, 1000, 1000, time.Hour),
		with(key, exchange.Cost, 5e9, 5e9, time.Second), monthly, with(policy, exchange.Concurrency, 2, 2, 0), ever,
		with(exchange.Constraint{Scope: exchange.ScopeRoute, Holder: "route/r"}, exchange.Concurrency, 3, 3, 0),
	}
	if diff := cmp.Diff(want, p.Constraints(route)); diff != "" {
		t.Error(diff)
	}
	if got := (Parts{}).Constraints(Part{}); got != nil {
		t.Errorf("of nobody: %+v", got)
	}
}

func TestLook(t *testing.T) {
	book := newBook(&wall{noon})
	l := &config.Limits{
		Requests: requests(request(60, 3, time.Minute)).Requests, Tokens: tokens(1000, time.Second).Tokens, Concurrency: 9,
	}
	p := Parts{on(book, "key/a", l, append(budget(100, config.Day), budget(500, config.Total)...)...), {Holder: book.Holder("user/a")}}
	all := p.Constraints(Part{})
	want := []Standing{
		{all[0], 3, 0}, {all[1], 9, 0}, {all[2], 1000, 0}, {all[3], 100, 0}, {all[4], 500, 0},
	}
	check := func(name string, by exchange.Dimension, refused bool) {
		t.Helper()
		each, d := p.Look(start, of(10, 10))
		if diff := cmp.Diff(want, each); diff != "" || (d.Refused != nil) != refused || refused && d.Refused.Dimension != by {
			t.Error(name, diff, d)
		}
	}
	check("untouched", 0, false)
	mustBegin(t, start, p, of(400, 60))
	want[0].Remaining, want[0].Reset, want[1].Remaining = 2, time.Second, 8
	want[2].Remaining, want[2].Reset = 600, 400*time.Millisecond
	want[3].Remaining, want[3].Reset, want[4].Remaining = 40, 12*time.Hour, 440
	check("in use", 0, false)
	mustBegin(t, start, p, of(600, 40))
	want[0].Remaining, want[0].Reset, want[1].Remaining = 1, 2*time.Second, 7
	want[2].Remaining, want[2].Reset = 0, time.Second
	want[3].Remaining, want[4].Remaining = 0, 400
	check("used up", exchange.Spending, true)
	if each, d := (Parts)(nil).Look(start, of(1, 1)); each != nil || d.Requests.Limited || d.Refused != nil {
		t.Error("of nobody:", each, d)
	}
}

// What Look says of the next request is what happens then, and what it says remains can be taken.
func TestLookAgreesWithAdmit(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	refused := 0
	for range 200 {
		book := newBook(&wall{noon})
		p := Parts{}
		for s := range 1 + random.IntN(2) {
			l := requests(request(1+random.Int64N(50), 1+random.Int64N(9), time.Duration(1+random.Int64N(int64(time.Minute)))))
			p = append(p, Part{book.Holder("key/a"), NewRules(exchange.Scope(s), l, nil)})
		}
		now := start
		for range 60 {
			now += random.Int64N(int64(2 * time.Second))
			each, next := p.Look(now, exchange.Use{})
			least := each[0].Remaining
			for _, s := range each {
				least = min(least, s.Remaining)
			}
			again, _ := p.Look(now, exchange.Use{})
			if diff := cmp.Diff(each, again); diff != "" {
				t.Fatal("a look changed something:", diff)
			}
			took := p.try(now)
			if (next.Refused == nil) != (took.Refused == nil) || took.Refused != nil && cmp.Diff(next, took) != "" || (least == 0) != (took.Refused != nil) {
				t.Fatalf("looked %+v with %d left, took %+v", next, least, took)
			}
			if took.Refused != nil {
				refused++
			}
		}
	}
	if refused < 1000 {
		t.Errorf("only %d were refused", refused)
	}
}

// four is what a request of a key in a team has to keep.
func four(b *Book) (Parts, Part) {
	wide := &config.Limits{
		Requests: requests(request(1<<40, 1<<40, time.Second)).Requests, Tokens: tokens(1<<50, time.Second).Tokens, Concurrency: 1 << 20,
	}
	p := Parts{
		{b.Holder("key/a"), NewRules(exchange.ScopeEach, wide, nil)}, on(b, "key/a", wide, budget(config.MaxMoney, config.Month)...),
		{b.Holder("policy/p"), NewRules(exchange.ScopePolicy, shadow(tokens(1, time.Hour)), budget(config.MaxMoney, config.Day))},
		{b.Holder(config.HolderAll), NewRules(exchange.ScopeAll, wide, nil)},
	}
	return p, Part{b.Holder("route/r"), NewRules(exchange.ScopeRoute, slots(1<<20), nil)}
}

func TestAChargeDoesNotAllocate(t *testing.T) {
	for name, mode := range map[string]Mode{"alone": {}, "whole": Whole(), "gossip": Gossip(3), "share": Share(3)} {
		b := newBook(&wall{noon})
		b.SetMode(mode)
		p, route := four(b)
		c, d, now := &Charge{}, &exchange.Decision{}, start
		charge := func() {
			now++
			if !c.Admit(now, p, d) || !c.Reserve(now, route, of(100, 1), d) {
				t.Fatalf("%+v", d)
			}
			c.Settle(now, of(90, 1), true)
			c.Reset()
		}
		charge()
		charge()
		b.Exchange(now, config.UsageCall{Replicas: 3}, "a")
		charge()
		if n := testing.AllocsPerRun(100, charge); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if d.Shadowed == nil {
			t.Errorf("%s: no shadow was met", name)
		}
	}
}

func BenchmarkChargeOfFourParts(b *testing.B) {
	p, route := four(NewBook(Options{}))
	c, d, now := &Charge{}, &exchange.Decision{}, start
	b.ReportAllocs()
	for b.Loop() {
		now += 100
		if !c.Admit(now, p, d) || !c.Reserve(now, route, of(100, 1), d) {
			b.Fatalf("%+v", d)
		}
		c.Settle(now, of(90, 1), true)
	}
}

func BenchmarkAdmitOfOneLimit(b *testing.B) {
	p := Parts{on(NewBook(Options{}), "key/a", requests(request(1e9, 1e9, time.Minute)))}
	c, d, now := &Charge{}, &exchange.Decision{}, start
	b.ReportAllocs()
	for b.Loop() {
		now += 100
		c.Admit(now, p, d)
		c.Settle(now, exchange.Use{}, false)
	}
}
