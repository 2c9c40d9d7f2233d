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

func TestBudgetsBeginAnewWithTheirWindow(t *testing.T) {
	tests := map[string]struct {
		per   config.Calendar
		later []time.Duration // at which it is still used up
		anew  time.Duration   // 0 for never
	}{
		"a day ends at midnight":         {config.Day, []time.Duration{0, 12*time.Hour - time.Second}, 12 * time.Hour},
		"a week ends on Sunday":          {config.Week, []time.Duration{0, 24 * time.Hour, 108*time.Hour - time.Second}, 108 * time.Hour},
		"a month ends with its last day": {config.Month, []time.Duration{108 * time.Hour, (12*24+12)*time.Hour - time.Second}, (12*24 + 12) * time.Hour},
		"all time never ends":            {config.Total, []time.Duration{24 * time.Hour, 1000 * 24 * time.Hour}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := &wall{noon}
			p := Parts{on(newBook(w), "key/a", nil, budget(100, tc.per)...)}
			if n := spend(start, p, of(0, 10), 20); n != 10 {
				t.Fatalf("%d passed", n)
			}
			for _, later := range tc.later {
				w.at = noon.Add(later)
				want := max(tc.anew-later, 0)
				if _, d := begin(start, p, Part{}, of(0, 10)); d.Refused == nil || d.RetryAfter != want || d.Refused.Calendar != tc.per {
					t.Errorf("%s later: %+v, want to wait for %s", later, d, want)
				}
			}
			if tc.anew == 0 {
				return
			}
			w.at = noon.Add(tc.anew)
			if n := spend(start, p, of(0, 10), 20); n != 10 {
				t.Errorf("%d passed in the next window", n)
			}
		})
	}
}

func TestAClockThatGoesBackForgetsNothing(t *testing.T) {
	w := &wall{noon}
	p := Parts{on(newBook(w), "key/a", nil, budget(100, config.Day)...)}
	spend(start, p, of(0, 50), 1)
	w.at = noon.AddDate(0, 0, 1)
	if n := spend(start, p, of(0, 10), 20); n != 10 {
		t.Fatalf("%d passed the next day", n)
	}
	for _, back := range []time.Duration{time.Second, 24 * time.Hour, 1000 * time.Hour} {
		w.at = noon.AddDate(0, 0, 1).Add(-back)
		if _, d := begin(start, p, Part{}, of(0, 1)); d.Refused == nil || d.RetryAfter != 12*time.Hour+back {
			t.Errorf("%s back: %+v", back, d)
		}
	}
	w.at = noon.AddDate(0, 0, 2)
	if n := spend(start, p, of(0, 10), 20); n != 10 {
		t.Errorf("%d passed the day after", n)
	}
}

func TestARequestIsChargedToTheWindowInWhichItIsSettled(t *testing.T) {
	w := &wall{noon}
	p := Parts{on(newBook(w), "key/a", nil, budget(100, config.Day)...)}
	c := mustBegin(t, start, p, of(0, 80))
	w.at = noon.AddDate(0, 0, 1)
	// It is reserved of whichever window there is.
	if n := spend(start, p, of(0, 10), 20); n != 2 {
		t.Errorf("%d passed beside the reservation", n)
	}
	c.Settle(start, of(0, 70), true)
	if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != 10 {
		t.Errorf("%+v, want 10", each)
	}
}

func TestEditsOfABudgetForgetNothing(t *testing.T) {
	book := newBook(&wall{noon})
	part := func(amount config.Money, per config.Calendar) Parts {
		return Parts{on(book, "key/a", nil, budget(amount, per)...)}
	}
	open := mustBegin(t, start, part(100, config.Day), of(0, 20))
	spend(start, part(100, config.Day), of(0, 50), 1)
	for name, tc := range map[string]struct {
		p    Parts
		want int64
	}{
		"the same": {part(100, config.Day), 30}, "more": {part(200, config.Day), 130}, "less": {part(60, config.Day), -10}, "of a month": {part(100, config.Month), 30},
	} {
		if each, _ := tc.p.Look(start, exchange.Use{}); each[0].Remaining != tc.want {
			t.Errorf("%s: %+v, want %d", name, each, tc.want)
		}
	}
	open.Settle(start, exchange.Use{}, false)
	if each, _ := part(60, config.Day).Look(start, exchange.Use{}); each[0].Remaining != 10 {
		t.Errorf("%+v", each)
	}
}

// account is what was spent when, as a list.
type account struct {
	at   []time.Time
	cost []config.Money
}

func (a *account) in(c config.Calendar, latest time.Time) (sum config.Money) {
	for i, at := range a.at {
		if c.Window(at) == c.Window(latest) {
			sum += a.cost[i]
		}
	}
	return sum
}

// Random requests, settled at random times, with a clock that now and then goes back, agree with a list of what was spent.
func TestBudgetsAgreeWithTheAccount(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 3))
		w := &wall{noon}
		latest := noon
		var budgets []config.Budget
		for _, c := range config.Calendars {
			if random.IntN(2) == 0 {
				budgets = append(budgets, config.Budget{Amount: config.Money(1 + random.Int64N(3000)), Per: c})
			}
		}
		book := newBook(w)
		p := Parts{on(book, "key/a", slots(1<<20), budgets...)}
		type under struct {
			c    *Charge
			want config.Money
		}
		var list account
		var open []under
		var reserved config.Money
		for range 300 {
			w.at = w.at.Add(time.Duration(random.Int64N(int64(6*time.Hour))) - time.Hour)
			if w.at.After(latest) {
				latest = w.at
			}
			book.windows(w.at) // A clock that nobody reads cannot be seen to go back.
			if len(open) > 0 && random.IntN(2) == 0 {
				i := random.IntN(len(open))
				u := open[i]
				open = append(open[:i], open[i+1:]...)
				used, sent := config.Money(random.Int64N(int64(u.want)*5/4+1)), random.IntN(4) > 0
				u.c.Settle(start, of(0, used), sent)
				if reserved -= u.want; sent {
					list.at, list.cost = append(list.at, latest), append(list.cost, used)
				}
				continue
			}
			want := config.Money(1 + random.Int64N(300))
			passes := true
			for _, b := range budgets {
				passes = passes && list.in(b.Per, latest)+reserved+want <= b.Amount
			}
			c, d := begin(start, p, Part{}, of(0, want))
			if (d.Refused == nil) != passes {
				t.Fatalf("seed %d: %+v, want to pass: %v", seed, d.Refused, passes)
			}
			if passes {
				open, reserved = append(open, under{c, want}), reserved+want
			}
		}
		use := p[0].Holder.Use()
		got := []config.Money{use.In(config.Day, latest), use.In(config.Week, latest), use.In(config.Month, latest), use.Cost}
		var want []config.Money
		for _, c := range config.Calendars {
			want = append(want, list.in(c, latest))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
	}
}

func FuzzWindows(f *testing.F) {
	f.Add(noon.Unix(), int64(3600), int64(-7200), int64(86400))
	f.Add(int64(0), int64(-1), int64(1), int64(-1))
	f.Fuzz(func(t *testing.T, first, a, b, c int64) {
		const most = 1 << 36 // seconds, 2000 years
		w := &wall{time.Unix(first%most, 0)}
		book := newBook(w)
		h := book.Holder("key/a")
		p := Parts{{h, NewRules(exchange.ScopeKey, nil, budget(1000, config.Day))}}
		before := *book.windows(w.at)
		for _, step := range []int64{a, b, c} {
			w.at = w.at.Add(time.Duration(step%(1<<30)) * time.Second)
			now := *book.windows(w.at)
			for per := range total {
				if now.numbers[per] < before.numbers[per] || now.numbers[per] < calendars[per].Window(w.at) {
					t.Fatalf("%s went from %d to %d", calendars[per], before.numbers[per], now.numbers[per])
				}
				if !now.ends[per].After(w.at) {
					t.Fatalf("%s ended %s, before %s", calendars[per], now.ends[per], w.at)
				}
			}
			was := h.Use()
			if n := spend(start, p, of(0, 300), 9); now == before && was.Requests > 0 && n > 0 || n > 3 {
				t.Fatalf("%d passed", n)
			}
			is := h.Use()
			if is.Cost < was.Cost || is.Day.Window < was.Day.Window || is.Month.Cost < is.Day.Cost || is.Day.Cost > 1000 {
				t.Fatalf("%+v, then %+v", was, is)
			}
			before = now
		}
	})
}
