// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// step is a request that begins after a while, or one that is settled where settle is its number from 1.
type step struct {
	after  time.Duration
	use    exchange.Use
	settle int
	truth  exchange.Use
	unsent bool
	by     exchange.Dimension // what refuses; only with no
	wait   time.Duration
	no     bool
	left   int64 // of tokens, where they are limited
}

func of(tokens int64, cost config.Money) exchange.Use {
	return exchange.Use{Tokens: tokens, Cost: cost}
}

func TestReserve(t *testing.T) {
	ms := time.Millisecond
	thousand := tokens(1000, time.Second)
	both := &config.Limits{Tokens: thousand.Tokens, Cost: costs(50, time.Second).Cost}
	tests := map[string]struct {
		limits  *config.Limits
		budgets []config.Budget
		steps   []step
	}{
		"all tokens may come at once, then they come back": {thousand, nil, []step{
			{use: of(600, 0), left: 400}, {use: of(400, 0)}, {use: of(1, 0), no: true, by: exchange.Tokens, wait: ms},
			{after: 10 * ms, use: of(20, 0), no: true, by: exchange.Tokens, wait: 10 * ms, left: 10}, {after: 10 * ms, use: of(20, 0)},
		}},
		"what takes no tokens passes": {thousand, nil, []step{{use: of(1000, 0)}, {}, {use: of(-7, 0)}}},
		"a request larger than the limit passes when it is full": {thousand, nil, []step{
			{use: of(1, 0), left: 999}, {use: of(5000, 0), no: true, by: exchange.Tokens, wait: ms, left: 999}, {after: ms, use: of(5000, 0)},
		}},
		"what was not used comes back at once": {thousand, nil, []step{
			{use: of(1000, 0)}, {settle: 1, truth: of(300, 0)}, {use: of(700, 0)}, {use: of(1, 0), no: true, by: exchange.Tokens, wait: ms},
		}},
		"what was not sent comes back whole": {thousand, nil, []step{{use: of(1000, 0)}, {settle: 1, truth: of(300, 0), unsent: true}, {use: of(1000, 0)}}},
		"more than estimated is a debt, of a period at most": {thousand, nil, []step{
			{use: of(100, 0), left: 900}, {settle: 1, truth: of(math.MaxInt64, 0)},
			{use: of(1, 0), no: true, by: exchange.Tokens, wait: 1001 * ms, left: -1000},
			{no: false, left: -1000}, {after: 2 * time.Second, use: of(1000, 0)},
		}},
		"cost comes back evenly": {costs(1000, time.Second), nil, []step{
			{use: of(0, 600)}, {use: of(0, 401), no: true, by: exchange.Cost, wait: ms}, {after: ms, use: of(0, 401)}, {settle: 1, truth: of(0, 100)}, {use: of(0, 500)},
		}},
		"of tokens and cost all or nothing": {both, nil, []step{
			{use: of(100, 50), left: 900}, {use: of(900, 1), no: true, by: exchange.Cost, wait: 20 * ms, left: 900}, {use: of(900, 0)},
			{after: 500 * ms, use: of(1000, 1), no: true, by: exchange.Tokens, wait: 500 * ms, left: 500},
		}},
		"a budget keeps what was spent and what is reserved": {nil, budget(100, config.Day), []step{
			{use: of(0, 60)}, {use: of(0, 41), no: true, by: exchange.Spending, wait: 12 * time.Hour}, {use: of(0, 40)}, {},
			{settle: 1, truth: of(0, 10)}, {use: of(0, 51), no: true, by: exchange.Spending, wait: 12 * time.Hour}, {use: of(0, 50)},
		}},
		"what was not sent costs nothing of a budget": {nil, budget(100, config.Day), []step{
			{use: of(0, 100)}, {settle: 1, truth: of(0, 10), unsent: true}, {use: of(0, 100)},
		}},
		"a budget that is overspent lets pass what costs nothing": {nil, budget(100, config.Week), []step{
			{use: of(0, 100)}, {settle: 1, truth: of(0, 250)}, {use: of(0, 1), no: true, by: exchange.Spending, wait: 108 * time.Hour}, {},
		}},
		"a budget that never ends has no time to wait for": {nil, budget(100, config.Total), []step{
			{use: of(0, 101), no: true, by: exchange.Spending}, {use: of(0, 100)}, {use: of(0, 1), no: true, by: exchange.Spending},
		}},
		"what never ends is the longest wait": {costs(100, 24*time.Hour), append(budget(100, config.Month), budget(100, config.Total)...), []step{
			{use: of(0, 100)}, {use: of(0, 100), no: true, by: exchange.Spending},
		}},
		"a limit that refuses longer than a budget is told": {costs(100, 24*time.Hour), budget(100, config.Day), []step{
			{use: of(0, 100)}, {use: of(0, 100), no: true, by: exchange.Cost, wait: 24 * time.Hour},
		}},
		"an amount beyond all sums is refused": {nil, budget(config.MaxMoney, config.Total), []step{{use: of(0, math.MaxInt64), no: true, by: exchange.Spending}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { play(t, alone(tc.limits, tc.budgets...), tc.steps) })
	}
}

func play(t *testing.T, p Parts, steps []step) {
	t.Helper()
	now := start
	open := make([]*Charge, len(steps)+1)
	for i, s := range steps {
		now += int64(s.after)
		if s.settle > 0 {
			open[s.settle].Settle(now, s.truth, !s.unsent)
			continue
		}
		each, look := p.Look(now, s.use)
		c, d := begin(now, p, Part{}, s.use)
		open[i+1] = c
		if (d.Refused != nil) != s.no || d.RetryAfter != s.wait || s.no && d.Refused.Dimension != s.by {
			t.Errorf("step %d: %+v, refused by %+v", i+1, d, d.Refused)
		}
		if s.left != 0 && d.Tokens.Remaining != s.left || d.Tokens.Limited && d.Tokens.Limit != 1000 {
			t.Errorf("step %d: %+v, want %d left", i+1, d.Tokens, s.left)
		}
		// A look says the same, and neither it nor a refusal changes anything.
		if s.no {
			again, _ := p.Look(now, s.use)
			if diff := cmp.Diff(d, look) + cmp.Diff(each, again); diff != "" {
				t.Errorf("step %d: %s", i+1, diff)
			}
		} else if look.Refused != nil {
			t.Errorf("step %d: the look says %+v", i+1, look)
		}
	}
}

func TestTheRouteIsTakenWithTheReservation(t *testing.T) {
	book := newBook(&wall{noon})
	p := Parts{on(book, "key/a", &config.Limits{Requests: requests(request(10, 10, time.Hour)).Requests, Concurrency: 5})}
	l := &config.Limits{Requests: requests(request(2, 2, time.Hour)).Requests, Tokens: tokens(1000, time.Hour).Tokens, Concurrency: 2}
	route := Part{book.Holder("route/r"), NewRules(exchange.ScopeRoute, l, nil)}
	one, d := begin(start, p, route, of(600, 0))
	if d.Refused != nil || d.Requests.Remaining != 1 || d.Requests.Limit != 2 || d.Tokens.Remaining != 400 {
		t.Fatalf("%+v", d)
	}
	// Refused for its tokens, it takes no request of the route, and gives back no request of its own.
	if _, d = begin(start, p, route, of(600, 0)); d.Refused == nil || d.Refused.Scope != exchange.ScopeRoute || d.Refused.Holder != "route/r" {
		t.Fatalf("%+v", d)
	}
	two, d := begin(start, p, route, of(400, 0))
	if d.Refused != nil || d.Requests.Remaining != 0 {
		t.Fatalf("%+v", d)
	}
	if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != 7 || each[1].Remaining != 3 {
		t.Errorf("%+v, want 7 requests and 3 slots", each)
	}
	one.Settle(start, of(100, 0), true)
	two.Settle(start, of(100, 0), true)
	if each, _ := (Parts{route}).Look(start, exchange.Use{}); each[0].Remaining != 0 || each[1].Remaining != 2 || each[2].Remaining != 800 {
		t.Errorf("%+v, want no requests, 2 slots, 800 tokens", each)
	}
	if u := book.Holder("route/r").Use(); u.Requests != 2 || u.Tokens != 200 {
		t.Errorf("%+v", u)
	}
}

func TestARefusedReservationLeavesNothing(t *testing.T) {
	book := newBook(&wall{noon})
	wide, narrow := on(book, "key/a", tokens(1000, time.Hour), budget(100, config.Day)...), on(book, "user/a", tokens(10, time.Hour))
	mustBegin(t, start, Parts{narrow}, of(10, 0)).Settle(start, of(10, 0), true)
	for _, p := range []Parts{{wide, narrow}, {narrow, wide}} {
		if _, d := begin(start, p, Part{}, of(10, 100)); d.Refused == nil || d.Refused.Holder != "user/a" {
			t.Fatalf("%+v", d)
		}
		if each, _ := (Parts{wide}).Look(start, exchange.Use{}); each[0].Remaining != 1000 || each[1].Remaining != 100 {
			t.Errorf("%+v", each)
		}
	}
	// The same when it is found out only after something was taken.
	other := on(book, "user/b", tokens(15, time.Hour))
	twice := Parts{wide, other, other}
	if _, d := begin(start, twice, Part{}, of(10, 100)); d.Refused == nil {
		t.Fatal("both passed")
	}
	if each, _ := twice.Look(start, exchange.Use{}); each[0].Remaining != 1000 || each[1].Remaining != 100 || each[2].Remaining != 15 {
		t.Errorf("%+v", each)
	}
}

func TestUseIsCountedOnceAHolder(t *testing.T) {
	w := &wall{noon}
	book := newBook(w)
	a, all := book.Holder("key/a"), book.Holder(config.HolderAll)
	p := Parts{{a, NewRules(exchange.ScopeEach, slots(9), nil)}, on(book, "key/a", tokens(1000, time.Hour), budget(100, config.Day)...), {Holder: all}}
	route := Part{Holder: book.Holder("route/r")}
	c, _ := begin(start, p, route, of(100, 50))
	c.Settle(start, of(70, 20), true)
	unsent, _ := begin(start, p, route, of(100, 50))
	unsent.Settle(start, of(70, 20), false)
	want := config.HolderUse{
		Holder: "key/a", Requests: 1, Tokens: 70, Cost: 20, Last: noon.UnixMilli(),
		Day: config.WindowUse{Window: config.Day.Window(noon), Cost: 20}, Week: config.WindowUse{Window: config.Week.Window(noon), Cost: 20},
		Month: config.WindowUse{Window: config.Month.Window(noon), Cost: 20},
	}
	for _, h := range []*Holder{a, all, route.Holder} {
		want.Holder = h.Name()
		if diff := cmp.Diff(want, h.Use()); diff != "" {
			t.Error(diff)
		}
	}
	if !a.idleBut(t, p) {
		t.Error("something is still reserved")
	}
}

// idleBut says that nothing is under way of a holder.
func (h *Holder) idleBut(t *testing.T, p Parts) bool {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.buckets {
		if b.slots != 0 {
			return false
		}
	}
	return h.reserved == 0 && len(p) > 0
}

func TestShadowsReportWhatWouldBeRefused(t *testing.T) {
	book := newBook(&wall{noon})
	tests := map[string]struct {
		p    Parts
		want exchange.Dimension
	}{
		"requests": {Parts{on(book, "key/r", shadow(requests(request(1, 1, time.Hour))))}, exchange.Requests},
		"tokens":   {Parts{on(book, "key/t", shadow(tokens(100, time.Hour)))}, exchange.Tokens},
		"cost":     {Parts{on(book, "key/c", shadow(costs(10, time.Hour)))}, exchange.Cost},
		"slots":    {Parts{on(book, "key/s", shadow(slots(1)))}, exchange.Concurrency},
		"a budget": {Parts{on(book, "key/b", nil, config.Budget{Amount: 10, Per: config.Total, Shadow: true})}, exchange.Spending},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			first, d := begin(start, tc.p, Part{}, of(100, 10))
			if d.Refused != nil || d.Shadowed != nil || d.Requests.Limited || d.Tokens.Limited {
				t.Fatalf("%+v", d)
			}
			for range 3 {
				over, d := begin(start, tc.p, Part{}, of(50, 5))
				if d.Refused != nil || d.Shadowed == nil || d.Shadowed.Dimension != tc.want || d.Shadowed.Holder != tc.p[0].Holder.Name() {
					t.Fatalf("%+v", d)
				}
				// It gives back nothing that it did not take.
				over.Settle(start, exchange.Use{}, true)
			}
			if each, _ := tc.p.Look(start, of(1, 1)); each[0].Remaining != 0 {
				t.Errorf("%+v, want nothing left", each)
			}
			first.Settle(start, exchange.Use{}, false)
			if each, d := tc.p.Look(start, of(1, 1)); tc.want != exchange.Requests && d.Shadowed != nil {
				t.Errorf("%+v, want what was given back", each)
			}
		})
	}
}

func TestAShadowBesideALimitTakesOnlyWithIt(t *testing.T) {
	book := newBook(&wall{noon})
	real, silent := on(book, "key/a", tokens(50, time.Hour)), on(book, "user/a", shadow(tokens(100, time.Hour)))
	p := Parts{silent, real}
	mustBegin(t, start, p, of(50, 0))
	if _, d := begin(start, p, Part{}, of(50, 0)); d.Refused == nil || d.Refused.Holder != "key/a" || d.Shadowed != nil {
		t.Errorf("%+v", d)
	}
	if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != 50 {
		t.Errorf("%+v: the refused request was taken from the shadow", each)
	}
}

func TestManyRequestsAtOnceKeepAllLimits(t *testing.T) {
	book := newBook(&wall{noon})
	const amount, limit = 100_000, 1_000_000
	all := Part{book.Holder(config.HolderAll), NewRules(exchange.ScopeAll, tokens(limit, time.Hour), budget(amount, config.Month))}
	route := Part{book.Holder("route/r"), NewRules(exchange.ScopeRoute, slots(20), nil)}
	var passed [8]exchange.Use
	var wait sync.WaitGroup
	for i := range passed {
		own := Part{book.Holder("key/" + string(rune('a'+i%4))), NewRules(exchange.ScopeKey, requests(request(600, 600, time.Hour)), budget(amount/2, config.Day))}
		wait.Go(func() {
			for n := range int64(1000) {
				use := of(100+n, config.Money(100+n%50))
				c, d := begin(start, Parts{all, own}, route, use)
				if d.Refused != nil {
					continue
				}
				used := of(use.Tokens-n%100, use.Cost-config.Money(n%100))
				c.Settle(start, used, true)
				passed[i].Tokens += used.Tokens
				passed[i].Cost += used.Cost
			}
		})
	}
	wait.Wait()
	var sum exchange.Use
	for _, u := range passed {
		sum.Tokens += u.Tokens
		sum.Cost += u.Cost
	}
	if u := all.Holder.Use(); u.Tokens != sum.Tokens || u.Cost != sum.Cost || sum.Cost > amount || sum.Tokens > limit {
		t.Errorf("%+v was counted, %+v used", u, sum)
	}
	var keys config.HolderUse
	for i := range 4 {
		h := book.Holder("key/" + string(rune('a'+i)))
		u := h.Use()
		if keys.Add(&u); u.Requests > 600 || u.Cost > amount/2 || h.reserved != 0 {
			t.Errorf("%+v", u)
		}
	}
	if keys.Cost != sum.Cost || keys.Tokens != sum.Tokens || route.Holder.Use().Requests != keys.Requests || !route.Holder.idle(start) {
		t.Errorf("%+v of the keys, %+v of the route", keys, route.Holder.Use())
	}
	each, _ := (Parts{all}).Look(start, exchange.Use{})
	if each[0].Remaining != limit-sum.Tokens || each[1].Remaining != int64(amount-sum.Cost) {
		t.Errorf("%+v remain, used were %+v", each, sum)
	}
}
