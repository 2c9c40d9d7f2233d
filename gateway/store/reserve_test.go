// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// noon of a Wednesday, in microseconds.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).UnixMicro()

func TestDecisions(t *testing.T) {
	const a, b = "key/team/a", "policy/team/b"
	shadow := func(c exchange.Constraint) exchange.Constraint {
		c.Shadow = true
		return c
	}
	type step struct {
		after time.Duration // since the step before
		use   exchange.Use
		want  exchange.Decision // Refused and Shadowed by index
		// refused and shadowed are indices from 1, 0 for none.
		refused, shadowed int
	}
	level := func(limit, remaining int64, reset time.Duration) exchange.Level {
		return exchange.Level{Limited: true, Limit: limit, Remaining: remaining, Reset: reset}
	}
	none := exchange.Decision{}
	for name, test := range map[string]struct {
		constraints []exchange.Constraint
		steps       []step
	}{
		"without a limit every request passes": {nil, []step{{want: none}, {want: none}}},
		"a burst passes, and then one request each interval": {
			[]exchange.Constraint{requests(a, 60, 2, time.Minute)},
			[]step{
				{want: exchange.Decision{Requests: level(2, 1, time.Second)}},
				{want: exchange.Decision{Requests: level(2, 0, 2*time.Second)}},
				{refused: 1, want: exchange.Decision{RetryAfter: time.Second, Requests: level(2, 0, 2*time.Second)}},
				{after: time.Second - time.Microsecond, refused: 1, want: exchange.Decision{
					RetryAfter: time.Microsecond, Requests: level(2, 0, time.Second+time.Microsecond)}},
				{after: time.Microsecond, want: exchange.Decision{Requests: level(2, 0, 2*time.Second)}},
			},
		},
		"a request that is larger than the token limit passes when nothing is in use": {
			[]exchange.Constraint{tokens(a, 600, time.Minute)},
			[]step{
				{use: exchange.Use{Tokens: 1000}, want: exchange.Decision{Tokens: level(600, 0, time.Minute)}},
				{use: exchange.Use{Tokens: 1}, refused: 1, want: exchange.Decision{
					RetryAfter: 100 * time.Millisecond, Tokens: level(600, 0, time.Minute)}},
				{after: time.Minute, use: exchange.Use{Tokens: 100}, want: exchange.Decision{Tokens: level(600, 500, 10*time.Second)}},
			},
		},
		"cost is limited without a word in the headers": {
			[]exchange.Constraint{cost(a, 1_000_000_000, time.Hour)},
			[]step{
				{use: exchange.Use{Cost: 600_000_000}, want: none},
				{use: exchange.Use{Cost: 600_000_000}, refused: 1, want: exchange.Decision{RetryAfter: 12 * time.Minute}},
			},
		},
		"nobody can say when a slot is free": {
			[]exchange.Constraint{slots(a, 1)}, []step{{want: none}, {refused: 1, want: none}},
		},
		"a budget of a day is refused until the day ends": {
			[]exchange.Constraint{budget(a, 100, config.Day)},
			[]step{
				{use: exchange.Use{Cost: 60}, want: none},
				{use: exchange.Use{Cost: 41}, refused: 1, want: exchange.Decision{RetryAfter: 12 * time.Hour}},
				{use: exchange.Use{Cost: 40}, want: none},
				// What is reserved still may be spent on the next day.
				{after: 12 * time.Hour, use: exchange.Use{Cost: 1}, refused: 1, want: exchange.Decision{RetryAfter: 24 * time.Hour}},
			},
		},
		"a budget of a week is refused until Monday": {
			[]exchange.Constraint{budget(a, 100, config.Week)},
			[]step{{use: exchange.Use{Cost: 101}, refused: 1, want: exchange.Decision{RetryAfter: (4*24 + 12) * time.Hour}}},
		},
		"a budget of a month is refused until the first": {
			[]exchange.Constraint{budget(a, 100, config.Month)},
			[]step{{use: exchange.Use{Cost: 101}, refused: 1, want: exchange.Decision{RetryAfter: (5*24 + 12) * time.Hour}}},
		},
		"a total budget never comes back, and is told before what does": {
			[]exchange.Constraint{requests(a, 1, 1, time.Hour), budget(a, 100, config.Total), budget(a, 100, config.Day)},
			[]step{
				{use: exchange.Use{Cost: 90}, want: exchange.Decision{Requests: level(1, 0, time.Hour)}},
				{use: exchange.Use{Cost: 90}, refused: 2, want: exchange.Decision{Requests: level(1, 0, time.Hour)}},
			},
		},
		"of several refusals the longest wait is told, and nothing is taken of any": {
			[]exchange.Constraint{requests(a, 60, 1, time.Minute), requests(b, 6, 1, time.Minute), tokens(a, 100, time.Minute)},
			[]step{
				{use: exchange.Use{Tokens: 10}, want: exchange.Decision{
					Requests: level(1, 0, time.Second), Tokens: level(100, 90, 6*time.Second)}},
				{use: exchange.Use{Tokens: 10}, refused: 2, want: exchange.Decision{
					RetryAfter: 10 * time.Second, Requests: level(1, 0, 10*time.Second), Tokens: level(100, 90, 6*time.Second)}},
				{after: 10 * time.Second, use: exchange.Use{Tokens: 100}, want: exchange.Decision{
					Requests: level(1, 0, time.Second), Tokens: level(100, 0, time.Minute)}},
			},
		},
		"a limit in shadow lets pass and says so": {
			[]exchange.Constraint{shadow(requests(a, 60, 1, time.Minute)), requests(b, 60, 3, time.Minute)},
			[]step{
				{want: exchange.Decision{Requests: level(3, 2, time.Second)}},
				{shadowed: 1, want: exchange.Decision{Requests: level(3, 1, 2*time.Second)}},
				// What it let pass is not held against it.
				{after: time.Second, want: exchange.Decision{Requests: level(3, 1, 2*time.Second)}},
			},
		},
		"a budget in shadow lets pass and says so": {
			[]exchange.Constraint{shadow(budget(a, 100, config.Month))},
			[]step{{use: exchange.Use{Cost: 200}, shadowed: 1}, {use: exchange.Use{Cost: 1}, shadowed: 1}},
		},
		"limits of other origin or period have buckets of their own": {
			[]exchange.Constraint{
				requests(a, 60, 5, time.Minute),
				{Dimension: exchange.Requests, Scope: exchange.ScopeKey, Holder: a, Limit: 60, Burst: 3, Per: time.Minute},
				requests(a, 100, 2, time.Hour),
			},
			[]step{
				{want: exchange.Decision{Requests: level(2, 1, 36*time.Second)}},
				{want: exchange.Decision{Requests: level(2, 0, 72*time.Second)}},
				{refused: 3, want: exchange.Decision{RetryAfter: 36 * time.Second, Requests: level(2, 0, 72*time.Second)}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			setClock(t, server, noon)
			s := clocked(t, single(server))
			at, names := noon, ids{}
			for i, step := range test.steps {
				at += step.after.Microseconds()
				setClock(t, server, at)
				s.clock.ahead.Store(at - s.clock.own()) // so that no reservation is late
				r := &Reservation{ID: names.next(), Constraints: test.constraints, Holders: []string{a, b}, Use: step.use}
				got := reserved(t, s, r)
				want := step.want
				if step.refused > 0 {
					want.Refused = &test.constraints[step.refused-1]
				}
				if step.shadowed > 0 {
					want.Shadowed = &test.constraints[step.shadowed-1]
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("step %d: %s", i+1, diff)
				}
			}
		})
	}
}

func TestManyCallersOfThreeStoresGetExactlyTheLimit(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const limit, callers, each = 1000, 500, 6
	holders := []string{config.HolderAll, "key/team/a", "user/ann"}
	constraints := []exchange.Constraint{
		requests(config.HolderAll, limit, limit, 24*time.Hour), tokens(holders[1], 1<<40, time.Hour), slots(holders[2], 1<<20),
	}
	stores := []*Store{opened(t, single(server)), opened(t, single(server)), opened(t, single(server))}
	var accepted, refused atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			s := stores[c%len(stores)]
			for i := range each {
				r := &Reservation{
					ID: fmt.Sprintf("%d-%d", c, i), Constraints: constraints, Holders: holders, Use: exchange.Use{Tokens: 100, Cost: 7},
				}
				d, err := s.Reserve(context.Background(), r)
				switch {
				case err != nil:
					t.Error(err)
				case d.Refused != nil:
					refused.Add(1)
				default:
					accepted.Add(1)
					s.Settle(settlement(r, exchange.Use{Tokens: 30, Cost: 5}))
				}
			}
		})
	}
	wg.Wait()
	flushed(t, stores...)
	if accepted.Load() != limit || refused.Load() != callers*each-limit {
		t.Errorf("%d were accepted and %d refused, of a limit of %d", accepted.Load(), refused.Load(), limit)
	}
	for _, h := range holders {
		got := map[string]int64{}
		for _, f := range []string{"r", "t", "c", "d", "w", "m", "s", "v"} {
			got[f] = fieldNumber(t, stores[0], h, f)
		}
		want := map[string]int64{
			"r": limit, "t": 30 * limit, "c": 5 * limit, "d": 5 * limit, "w": 5 * limit, "m": 5 * limit, "s": 0, "v": 0,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", h, diff)
		}
	}
}

func TestHoldersMayHaveAnyName(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Real: true})
	var learned told
	opts := single(server)
	opts.Learned = learned.learned
	s := opened(t, opts)
	var every []byte
	for b := range 256 {
		every = append(every, byte(b))
	}
	holders := []string{"user/" + string(every), `user/"ünïcode"\`, "user/", "user/}:h:{"}
	r := &Reservation{ID: string(every[:maxID]), Holders: holders, Constraints: []exchange.Constraint{slots(holders[0], 1)}}
	reserved(t, s, r)
	for _, h := range holders {
		if got := under(t, s, h); got != [2]int64{1, 0} {
			t.Errorf("of %q %v is under way", h, got)
		}
	}
	s.Settle(settlement(r, exchange.Use{Tokens: 5}))
	flushed(t, s)
	for _, h := range holders {
		if diff := cmp.Diff(used(1, 5, 0), counted(t, s, h)); diff != "" {
			t.Errorf("%q: %s", h, diff)
		}
		if got := learned.of(h); got.Tokens != 5 || got.Holder != h {
			t.Errorf("of %q %+v was learned", h, got)
		}
	}
}

func TestABudgetIsNeverOverrun(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const amount = 10_000
	constraints := []exchange.Constraint{budget("key/team/a", amount, config.Month), budget("policy/team/b", amount/2, config.Total)}
	stores := []*Store{opened(t, single(server)), opened(t, single(server)), opened(t, single(server))}
	var spent atomic.Int64
	var wg sync.WaitGroup
	for c := range 60 {
		wg.Go(func() {
			s := stores[c%len(stores)]
			for i := range 20 {
				r := &Reservation{
					ID: fmt.Sprintf("%d-%d", c, i), Constraints: constraints, Holders: []string{"key/team/a", "policy/team/b"},
					Use: exchange.Use{Cost: config.Money(100 + c)},
				}
				d, err := s.Reserve(context.Background(), r)
				if err != nil {
					t.Error(err)
				} else if d.Refused == nil {
					used := config.Money(c + i)
					spent.Add(int64(used))
					s.Settle(settlement(r, exchange.Use{Cost: used}))
				}
			}
		})
	}
	wg.Wait()
	flushed(t, stores...)
	got := fieldNumber(t, stores[0], "policy/team/b", "c")
	if got != spent.Load() || got > amount/2 {
		t.Errorf("%d of %d were spent, and %d settled", got, amount/2, spent.Load())
	}
	// All that is left may be spent, and no more.
	left := config.Money(amount/2 - got)
	for _, step := range []struct {
		cost config.Money
		want bool
	}{{left + 1, false}, {left, true}, {1, false}} {
		r := &Reservation{
			ID: fmt.Sprint("last ", step.cost), Constraints: constraints, Holders: []string{"key/team/a", "policy/team/b"},
			Use: exchange.Use{Cost: step.cost},
		}
		if d := reserved(t, stores[0], r); (d.Refused == nil) != step.want {
			t.Errorf("%v of %v that are left: %+v", step.cost, left, d)
		}
	}
}

func TestReservationsThatTheStoreCannotTake(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	holders := []string{"key/team/a"}
	if _, err := s.Reserve(context.Background(), &Reservation{ID: "one", Holders: holders}); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"no ID": "", "an ID that is in use": "one", "a long ID": strings.Repeat("x", maxID+1),
	} {
		if _, err := s.Reserve(context.Background(), &Reservation{ID: id, Holders: holders}); !errors.Is(err, errID) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !s.Up() {
		t.Error("the store is down")
	}
	if got := under(t, s, "key/team/a"); got != [2]int64{1, 0} {
		t.Errorf("%v are under way, not 1", got)
	}
}

func TestAReservationThatIsCarriedOutAfterItsCallerGaveUpTakesNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	opts := single(server)
	opts.Config.Timeout = config.Duration(50 * time.Millisecond)
	s := opened(t, opts)
	// The script is known by now. A busy machine may be too slow at first.
	names := ids{}
	waitFor(t, "a reservation", func() bool {
		_, err := s.Reserve(context.Background(), &Reservation{ID: names.next(), Holders: []string{"key/team/b"}})
		return err == nil
	})
	server.Pause()
	r := &Reservation{ID: "one", Holders: []string{"key/team/a"}, Use: exchange.Use{Cost: 100}}
	if _, err := s.Reserve(context.Background(), r); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("reserving of a store that stands still: %v", err)
	}
	server.Resume()
	waitFor(t, "the store is up", s.Up)
	flushed(t, s)
	if got := field(t, s, "key/team/a", "s"); got != "" {
		t.Errorf("%s slots are taken", got)
	}
}

func TestAReservationWhoseCallerLeftIsGivenBack(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const holder = "key/team/a"
	s := opened(t, single(server))
	constraints := []exchange.Constraint{requests(holder, 10, 10, 24*time.Hour), tokens(holder, 1000, 24*time.Hour), slots(holder, 5)}
	reservation := func(id string) *Reservation {
		return &Reservation{ID: id, Constraints: constraints, Holders: []string{holder}, Use: exchange.Use{Tokens: 100, Cost: 10}}
	}
	reserved(t, s, reservation("one"))
	server.Pause()
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	go func() {
		_, err := s.Reserve(ctx, reservation("two"))
		left <- err
	}()
	waitFor(t, "it is asked for", func() bool { return s.reserving.Load() == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("reserving for a caller that left: %v", err)
	}
	server.Resume()
	flushed(t, s)
	if !s.Up() || s.Counts().Late != 0 {
		t.Errorf("a caller that left is no fault of the store's: %+v, %+v", s.State(), s.Counts())
	}
	if got, want := under(t, s, holder), [2]int64{1, 10}; got != want {
		t.Errorf("%v is under way, not %v", got, want)
	}
	if got, want := [2]int64{level(t, s, holder, "b0.0.86400000000"), level(t, s, holder, "b0.1.86400000000")}, [2]int64{1, 100}; got != want {
		t.Errorf("the buckets hold %v, not %v", got, want)
	}
	if got := field(t, s, holder, "r"); got != "" {
		t.Errorf("%s requests are counted", got)
	}
}

func TestAnEditedLimitKeepsWhatWasTakenAndNoDebt(t *testing.T) {
	const holder = "key/team/a"
	for name, test := range map[string]struct {
		before, after exchange.Constraint
		tokens, then  int64
		remaining     int64
	}{
		"wider":                  {tokens(holder, 100, time.Hour), tokens(holder, 1000, time.Hour), 80, 10, 910},
		"narrower":               {tokens(holder, 1000, time.Hour), tokens(holder, 100, time.Hour), 60, 10, 30},
		"narrower than is taken": {tokens(holder, 1000, time.Hour), tokens(holder, 100, time.Hour), 600, 0, 0},
		"wider than a debt":      {tokens(holder, 100, time.Hour), tokens(holder, 150, time.Hour), 5000, 0, 0},
		"the same":               {tokens(holder, 100, time.Hour), tokens(holder, 100, time.Hour), 50, 10, 40},
		"another period":         {tokens(holder, 100, time.Hour), tokens(holder, 100, time.Minute), 50, 10, 90},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			setClock(t, server, noon)
			s := clocked(t, single(server))
			r := &Reservation{ID: "one", Holders: []string{holder}, Constraints: []exchange.Constraint{test.before}}
			reserved(t, s, r)
			s.Settle(settlement(r, exchange.Use{Tokens: test.tokens}))
			flushed(t, s)
			use := exchange.Use{Tokens: test.then}
			got := reserved(t, s, &Reservation{ID: "two", Holders: r.Holders, Constraints: []exchange.Constraint{test.after}, Use: use})
			if got.Refused != nil || got.Tokens.Remaining != test.remaining {
				t.Errorf("%+v, where %d should remain", got, test.remaining)
			}
		})
	}
}

func TestALimitInShadowGivesBackNoMoreThanItTook(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const holder = "key/team/a"
	s := opened(t, single(server))
	limit := tokens(holder, 100, 24*time.Hour)
	limit.Shadow = true
	reservation := func(id string, n int64) *Reservation {
		return &Reservation{
			ID: id, Constraints: []exchange.Constraint{limit, requests(holder, 9, 9, time.Hour)}, Holders: []string{holder}, Use: exchange.Use{Tokens: n},
		}
	}
	one, two := reservation("one", 70), reservation("two", 50)
	reserved(t, s, one)
	if got := reserved(t, s, two); got.Shadowed == nil || got.Refused != nil {
		t.Fatalf("%+v", got)
	}
	s.Settle(settlement(two, exchange.Use{Tokens: 5}))
	flushed(t, s)
	if got := level(t, s, holder, "b0.1.86400000000"); got != 75 {
		t.Errorf("%d are taken, not 70 and 5", got)
	}
}

func TestAServersClockThatIsSetIsLearned(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	for i, off := range []time.Duration{-time.Hour, time.Hour, -48 * time.Hour, 0} {
		s.clock.ahead.Add(off.Microseconds())
		reserved(t, s, &Reservation{ID: fmt.Sprint(i), Holders: []string{"key/team/a"}})
		now, err := server.Do("EVAL", "return redis.call('TIME')[1]", "0")
		if err != nil {
			t.Fatal(err)
		}
		at, err := strconv.ParseInt(now, 10, 64)
		if known := s.clock.until(0) / 1e6; err != nil || known > at || known < at-2 {
			t.Errorf("the store's clock is thought to be at %d, and is at %d: %v", known, at, err)
		}
	}
}
