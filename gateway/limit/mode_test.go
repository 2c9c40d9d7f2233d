// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestModesKeepTheirPartOfLimits(t *testing.T) {
	tests := map[string]struct {
		mode                                  Mode
		requests, slots, tokens, cost, budget int64
	}{
		"whole":                          {Mode{}, 10, 10, 1000, 700, 100},
		"before a store":                 {Whole(), 10, 10, 1000, 700, 100},
		"alone without a store":          {Gossip(1), 10, 10, 1000, 700, 100},
		"no number is one":               {Gossip(0), 10, 10, 1000, 700, 100},
		"one of three without a store":   {Gossip(3), 10, 4, 1000, 700, 33},
		"one of many without a store":    {Gossip(500), 10, 1, 1000, 700, 0},
		"alone without its store":        {Share(1), 10, 10, 1000, 700, 100},
		"one of three without its store": {Share(3), 3, 3, 333, 233, 33},
		"one of many without its store":  {Share(500), 1, 1, 2, 1, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := &config.Limits{
				Requests: requests(request(10, 10, time.Hour)).Requests, Concurrency: 10,
				Tokens: tokens(1000, time.Hour).Tokens, Cost: costs(700, time.Hour).Cost,
			}
			book := newBook(&wall{noon})
			p := Parts{on(book, "key/a", l, budget(100, config.Day)...)}
			book.SetMode(tc.mode)
			each, _ := p.Look(start, exchange.Use{})
			for i, want := range []int64{tc.requests, tc.slots, tc.tokens, tc.cost, tc.budget} {
				if each[i].Remaining != want {
					t.Errorf("%d %s remain, want %d", each[i].Remaining, each[i].Dimension, want)
				}
			}
			_, d := begin(start, p, Part{}, exchange.Use{})
			if d.Requests.Limit != tc.requests || d.Tokens.Limit != tc.tokens {
				t.Errorf("%+v", d)
			}
			for i, limits := range []*config.Limits{requests(request(10, 10, time.Hour)), slots(10)} {
				passed := 0
				for ; passed <= 10; passed++ {
					if _, d := begin(start, Parts{on(book, "key/b", limits)}, Part{}, exchange.Use{}); d.Refused != nil {
						break
					}
				}
				if want := []int64{tc.requests, tc.slots}[i]; int64(passed) != want {
					t.Errorf("%d passed, want %d", passed, want)
				}
			}
			if got := spend(start, Parts{on(book, "key/c", nil, budget(100, config.Day)...)}, of(0, 1), 200); int64(got) != tc.budget {
				t.Errorf("%d of the budget were spent, want %d", got, tc.budget)
			}
		})
	}
}

func TestOtherModesForgetNothing(t *testing.T) {
	book := newBook(&wall{noon})
	l := &config.Limits{Tokens: tokens(1000, time.Hour).Tokens, Requests: requests(request(10, 10, time.Hour)).Requests}
	p := Parts{on(book, "key/a", l, budget(1000, config.Day)...)}
	open := mustBegin(t, start, p, of(200, 200))
	if n := spend(start, p, of(300, 300), 1); n != 1 {
		t.Fatal("refused")
	}
	book.SetMode(Share(2))
	// Half of each was taken: of its share, half remains. Of the budget, 500 of its own were spent or reserved.
	each, _ := p.Look(start, exchange.Use{})
	for i, want := range []int64{4, 250, 0} {
		if each[i].Remaining != want {
			t.Errorf("%d %s remain, want %d", each[i].Remaining, each[i].Dimension, want)
		}
	}
	// What was reserved of the whole comes back as that.
	open.Settle(start, of(100, 100), true)
	book.SetMode(Whole())
	each, _ = p.Look(start, exchange.Use{})
	for i, want := range []int64{8, 600, 600} {
		if each[i].Remaining != want {
			t.Errorf("%d %s remain, want %d", each[i].Remaining, each[i].Dimension, want)
		}
	}
	// And what was reserved of a share, as a share.
	book.SetMode(Share(4))
	open = mustBegin(t, start, p, of(100, 0))
	book.SetMode(Whole())
	open.Settle(start, of(50, 0), true)
	if each, _ = p.Look(start, exchange.Use{}); each[1].Remaining != 400 {
		t.Errorf("%+v, want 400 tokens", each[1])
	}
}

func TestLearn(t *testing.T) {
	w := &wall{noon}
	book := newBook(w)
	book.SetMode(Whole())
	p := Parts{on(book, "key/a", nil, budget(1000, config.Day)...)}
	left := func() int64 {
		each, _ := p.Look(start, exchange.Use{})
		return each[0].Remaining
	}
	day := func(cost config.Money) *config.HolderUse {
		return &config.HolderUse{
			Holder: "key/a", Requests: 9, Tokens: 90, Cost: cost, Day: config.WindowUse{Window: config.Day.Window(w.at), Cost: cost}, Last: 1,
		}
	}
	spend(start, p, of(5, 100), 1)
	for _, step := range []struct {
		what        string
		learn       config.Money
		spend, want int64
	}{
		{"the store knows more", 400, 0, 600}, {"what is spent since", 0, 50, 550}, {"the store has it already", 450, 0, 550},
		{"the store is behind", 420, 0, 550}, {"the store has others' too", 900, 0, 100},
	} {
		if step.learn > 0 {
			book.Learn("key/a", day(step.learn))
		}
		if step.spend > 0 {
			spend(start, p, of(5, config.Money(step.spend)), 1)
		}
		if got := left(); got != step.want {
			t.Errorf("%s: %d left, want %d", step.what, got, step.want)
		}
	}
	answer := book.Exchange(start, config.UsageCall{Instance: "x"}, "x")
	if len(answer.Holders) != 1 || !answer.Shared || answer.Holders[0].Cost != 900 || answer.Holders[0].Requests != 9 {
		t.Errorf("%+v", answer)
	}
	// The store is down: of what it left, each pod has its share.
	book.SetMode(Share(4))
	if got := left(); got != 25 {
		t.Errorf("%d left, want 25", got)
	}
	spend(start, p, of(0, 20), 1)
	if got := left(); got != 5 {
		t.Errorf("%d left, want 5", got)
	}
	w.at = w.at.AddDate(0, 0, 1)
	if got := left(); got != 250 {
		t.Errorf("%d left the next day, want 250", got)
	}
	book.Learn("ip/192.0.2.1", day(1))
	book.Learn("", day(1))
	if len(book.holders) != 1 {
		t.Errorf("%d holders", len(book.holders))
	}
}

func TestWhatAStoreCountsIsToldOnceOnly(t *testing.T) {
	book := newBook(&wall{noon})
	p := Parts{on(book, "key/a", nil, budget(1000, config.Day)...)}
	tell := func(mode Mode) (u config.HolderUse, shared bool) {
		book.SetMode(mode)
		a := book.Exchange(start, config.UsageCall{Instance: "x", Replicas: 1}, "x")
		if len(a.Holders) == 0 {
			return u, a.Shared
		}
		return a.Holders[0], a.Shared
	}
	book.SetMode(Gossip(1))
	spend(start, p, of(1, 100), 1)
	if u, shared := tell(Gossip(1)); u.Cost != 100 || shared {
		t.Errorf("without a store %+v is told, shared: %v", u, shared)
	}
	// With a store, what it did not answer yet is not told, and not what was told before.
	book.SetMode(Whole())
	spend(start, p, of(1, 50), 1)
	if u, shared := tell(Whole()); u.Cost != 0 || !shared {
		t.Errorf("before the store answered %+v is told, shared: %v", u, shared)
	}
	book.Learn("key/a", &config.HolderUse{Requests: 1, Cost: 50})
	book.Learn("key/a", &config.HolderUse{Requests: 1, Cost: 50})
	for _, mode := range []Mode{Whole(), Share(2)} {
		if u, shared := tell(mode); u.Cost != 50 || u.Holder != "key/a" || !shared {
			t.Errorf("%+v is told of the store, shared: %v", u, shared)
		}
	}
	if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != 850/2 {
		t.Errorf("%+v remain of what was left of both", each)
	}
	// When it is gone again, what it counted is the operator's to know.
	book.SetMode(Gossip(1))
	spend(start, p, of(1, 7), 1)
	if u, shared := tell(Gossip(1)); u.Cost != 107 || u.Requests != 2 || shared {
		t.Errorf("%+v is told, shared: %v", u, shared)
	}
}

func TestWhatIsWithdrawnIsThereForTheNext(t *testing.T) {
	b := newBook(&wall{})
	b.SetMode(Whole())
	limits := requests(request(6, 6, time.Hour))
	limits.Concurrency = 6
	p := Parts{on(b, "key/a", limits)}
	left := func() (requests, slots int64) {
		each, _ := p.Look(1, exchange.Use{})
		return each[0].Remaining, each[1].Remaining
	}
	var c Charge
	var d exchange.Decision
	if !c.Admit(1, p, &d) {
		t.Fatal("refused")
	}
	// The store goes away between the two: what was taken of the whole is not given back by the share's measure.
	b.SetMode(Share(3))
	c.Withdraw(1)
	c.Withdraw(1)
	b.SetMode(Whole())
	if r, s := left(); r != 6 || s != 6 {
		t.Errorf("%d requests and %d slots are left of six", r, s)
	}
	b.SetMode(Share(3))
	if !c.Admit(1, p, &d) {
		t.Fatal("refused of the share")
	}
	if r, s := left(); r != 1 || s != 1 {
		t.Errorf("%d requests and %d slots are left of a share of two", r, s)
	}
	if !c.Reserve(1, Part{}, exchange.Use{}, &d) {
		t.Fatal("not reserved")
	}
	c.Withdraw(1)
	if r, s := left(); r != 1 || s != 1 {
		t.Errorf("what is reserved is withdrawn: %d requests and %d slots are left", r, s)
	}
	c.Settle(1, exchange.Use{}, false)
	if _, s := left(); s != 2 {
		t.Errorf("%d slots are left after the end", s)
	}
}
