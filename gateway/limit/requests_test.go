// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestRequests(t *testing.T) {
	type step struct {
		after     time.Duration // since the step before
		refused   bool
		remaining int64
		reset     time.Duration
		retry     time.Duration
	}
	ms := time.Millisecond
	tests := map[string]struct {
		limit config.RequestLimit
		steps []step
	}{
		"a burst may come at once, then one at the rate": {
			limit: request(60, 3, time.Minute),
			steps: []step{
				{remaining: 2, reset: time.Second},
				{remaining: 1, reset: 2 * time.Second},
				{remaining: 0, reset: 3 * time.Second},
				{refused: true, reset: 3 * time.Second, retry: time.Second},
				{after: 400 * ms, refused: true, reset: 2600 * ms, retry: 600 * ms},
				{after: 600 * ms, remaining: 0, reset: 3 * time.Second},
				{refused: true, reset: 3 * time.Second, retry: time.Second},
			},
		},
		"a pause refills": {
			limit: request(60, 2, time.Minute),
			steps: []step{
				{remaining: 1, reset: time.Second}, {remaining: 0, reset: 2 * time.Second},
				{after: time.Hour, remaining: 1, reset: time.Second},
			},
		},
		"a burst of one spaces requests evenly": {
			limit: request(2, 1, time.Second),
			steps: []step{
				{remaining: 0, reset: 500 * ms},
				{after: 499 * ms, refused: true, reset: ms, retry: ms},
				{after: ms, remaining: 0, reset: 500 * ms},
			},
		},
		"what does not divide rounds against the taker": {
			limit: request(3, 3, time.Second),
			steps: []step{
				{remaining: 2, reset: 333333334}, {remaining: 1, reset: 666666668}, {remaining: 0, reset: 1000000002},
				{after: time.Second, remaining: 1, reset: 333333336},
			},
		},
		"a limit finer than a nanosecond lets one a nanosecond through": {
			limit: request(10_000_000_000, 5, time.Second),
			steps: []step{{remaining: 4, reset: 1}, {remaining: 3, reset: 2}, {after: 1, remaining: 3, reset: 2}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, now := alone(requests(tc.limit)), start
			for i, want := range tc.steps {
				now += int64(want.after)
				got := p.try(now)
				level := exchange.Level{Limited: true, Limit: tc.limit.Burst, Remaining: want.remaining, Reset: want.reset}
				if (got.Refused != nil) != want.refused || got.RetryAfter != want.retry || got.Requests != level || got.Tokens.Limited {
					t.Errorf("step %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

func TestABurstTooLargeToCountDoesNotOverflow(t *testing.T) {
	p := alone(requests(request(1, 1<<62, 24*time.Hour)))
	for range 3 {
		if d := p.try(start); d.Refused != nil || d.Requests.Limit != 1<<62 || d.Requests.Remaining < 1000 {
			t.Errorf("%+v", d)
		}
	}
}

func TestRetryAfterIsExactlyLongEnough(t *testing.T) {
	p := alone(requests(request(7, 3, time.Minute)))
	now, refused := start, 0
	for range 50 {
		d := p.try(now)
		if d.Refused == nil {
			continue
		}
		refused++
		if _, early := p.Look(now+int64(d.RetryAfter)-1, exchange.Use{}); early.Refused == nil {
			t.Fatal("allowed before Retry-After")
		}
		now += int64(d.RetryAfter)
		if d := p.try(now); d.Refused != nil {
			t.Fatal("refused after Retry-After")
		}
	}
	if refused < 20 {
		t.Errorf("only %d were refused", refused)
	}
}

func TestOverALongTimeTheRateHolds(t *testing.T) {
	p := alone(requests(request(60, 10, time.Minute)))
	allowed := 0
	for at := time.Duration(0); at < 10*time.Minute; at += 100 * time.Millisecond {
		if p.try(start+int64(at)).Refused == nil {
			allowed++
		}
	}
	if allowed < 600 || allowed > 610 {
		t.Errorf("%d requests in ten minutes of 60 a minute", allowed)
	}
}

func TestOfSeveralLimitsAllOrNoneIsTaken(t *testing.T) {
	book := newBook(&wall{noon})
	tests := map[string]Parts{
		"of one part":          alone(requests(request(2, 2, time.Second), request(3, 3, time.Hour))),
		"of two holders":       {on(book, "key/a", requests(request(2, 2, time.Second))), on(book, "user/a", requests(request(3, 3, time.Hour)))},
		"of two, long first":   {on(book, "key/b", requests(request(3, 3, time.Hour))), on(book, "user/b", requests(request(2, 2, time.Second)))},
		"of one holder, twice": {on(book, "key/c", requests(request(2, 2, time.Second))), on(book, "key/c", requests(request(3, 3, time.Hour)))},
	}
	for name, p := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if p.try(start).Refused != nil {
					t.Fatal("refused within both")
				}
			}
			for range 10 {
				if d := p.try(start); d.Refused == nil || d.RetryAfter != 500*time.Millisecond || d.Refused.Per != time.Second {
					t.Fatalf("%+v, want to wait for the short limit", d)
				}
			}
			// Had the refusals been taken from the long limit, nothing would be left of it.
			if d := p.try(start + int64(time.Second)); d.Refused != nil || d.Requests.Remaining != 0 || d.Requests.Limit != 3 {
				t.Errorf("%+v, want the last of the long limit", d)
			}
			if d := p.try(start + int64(2*time.Second)); d.Refused == nil || d.RetryAfter < 19*time.Minute {
				t.Errorf("%+v, want to wait for the long limit", d)
			}
		})
	}
}

func TestTheTighterLimitIsTold(t *testing.T) {
	p := alone(requests(request(100, 100, time.Minute), request(5, 5, time.Hour)))
	if d := p.try(start); d.Requests.Limit != 5 || d.Requests.Remaining != 4 {
		t.Errorf("%+v", d)
	}
	both := alone(requests(request(1, 1, time.Minute), request(1, 1, time.Hour)))
	both.try(start)
	if d := both.try(start); d.RetryAfter != time.Hour || d.Refused.Per != time.Hour || d.Requests.Reset != time.Hour {
		t.Errorf("%+v, want the longer wait", d)
	}
}

func TestWithoutLimitsEverythingPasses(t *testing.T) {
	book := newBook(&wall{noon})
	for name, p := range map[string]Parts{
		"no parts": nil, "no rules": {{Holder: book.Holder("key/a")}}, "no holder": {{}},
		"other limits only": {on(book, "key/b", tokens(1, time.Hour))},
	} {
		for range 3 {
			if d := p.try(start); d.Refused != nil || d.Requests.Limited {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
	if NewRules(exchange.ScopeKey, nil, nil) != nil || NewRules(exchange.ScopeKey, &config.Limits{Shadow: true}, nil) != nil {
		t.Error("rules that limit nothing are not nil")
	}
}

func TestConcurrentRequestsTakeExactlyWhatThereIs(t *testing.T) {
	book := newBook(&wall{noon})
	wide, narrow := on(book, "key/a", requests(request(1, 100, time.Hour))), on(book, "user/a", requests(request(1, 70, 2*time.Hour)))
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for i := range 8 {
		p := Parts{wide, narrow}
		if i%2 == 0 {
			p = Parts{narrow, wide}
		}
		wait.Go(func() {
			for range 50 {
				if p.try(start).Refused == nil {
					allowed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	// A request may be refused for another that gives back what it took, but none passes too many, and the rest is there.
	for allowed.Load() < 70 && (Parts{wide, narrow}).try(start).Refused == nil {
		allowed.Add(1)
	}
	if allowed.Load() != 70 {
		t.Errorf("%d allowed of 70", allowed.Load())
	}
	// Nothing was lost of the wider limit to the requests that the narrower refused.
	if d := (Parts{wide}).try(start); d.Refused != nil || d.Requests.Remaining != 29 {
		t.Errorf("%+v of the wider limit, want 29 remaining", d)
	}
}

func TestEditsOfALimitKeepItsBucket(t *testing.T) {
	tests := map[string]struct {
		before, after config.RequestLimit
		taken         int
		wantAllowed   int
	}{
		"the same limit":                   {before: request(10, 10, time.Hour), after: request(10, 10, time.Hour), taken: 7, wantAllowed: 3},
		"a wider rate keeps the share":     {before: request(10, 10, time.Hour), after: request(20, 20, time.Hour), taken: 5, wantAllowed: 10},
		"a narrower rate keeps the share":  {before: request(20, 20, time.Hour), after: request(10, 10, time.Hour), taken: 10, wantAllowed: 5},
		"a smaller burst is full, no more": {before: request(60, 60, time.Hour), after: request(60, 2, time.Hour), taken: 50, wantAllowed: 0},
		"another period begins anew":       {before: request(10, 10, time.Hour), after: request(10, 10, time.Minute), taken: 10, wantAllowed: 10},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			book := newBook(&wall{noon})
			for range tc.taken {
				Parts{on(book, "key/a", requests(tc.before))}.try(start)
			}
			p := Parts{on(book, "key/a", requests(tc.after))}
			if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != int64(tc.wantAllowed) {
				t.Errorf("%d seem to remain after the edit, want %d", each[0].Remaining, tc.wantAllowed)
			}
			allowed := 0
			for p.try(start).Refused == nil {
				allowed++
			}
			if allowed != tc.wantAllowed {
				t.Errorf("%d allowed after the edit, want %d", allowed, tc.wantAllowed)
			}
			if d := p.try(start); name == "a smaller burst is full, no more" && d.RetryAfter > time.Minute {
				t.Errorf("a debt of the former limit remains: %s", d.RetryAfter)
			}
		})
	}
}

func TestScopesAndHoldersHaveTheirOwnBuckets(t *testing.T) {
	book, l := newBook(&wall{noon}), requests(request(1, 1, time.Hour))
	if h := book.Holder("key/a"); h != book.Holder("key/a") || h.Name() != "key/a" {
		t.Error("a holder is not always the same")
	}
	for name, p := range map[string]Parts{
		"a": {on(book, "key/a", l)}, "b": {on(book, "key/b", l)}, "a in the gateway's scope": {{book.Holder("key/a"), NewRules(exchange.ScopeEach, l, nil)}},
	} {
		if p.try(start).Refused != nil {
			t.Error(name, "is refused by another's bucket")
		}
		d := p.try(start)
		if d.Refused == nil {
			t.Fatal(name, "is not limited")
		}
		if c := *d.Refused; c.Holder != p[0].Holder.Name() || c.Limit != 1 || c.Burst != 1 || c.Per != time.Hour {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestWhatWasTakenIsGivenBackWhenAnotherRequestWasFaster(t *testing.T) {
	// Two parts on one bucket: both have room when looked at, and the first takes it from the second.
	one := alone(requests(request(1, 1, time.Hour)))
	if d := (Parts{one[0], one[0]}).try(start); d.Refused == nil {
		t.Fatalf("%+v", d)
	}
	if d := one.try(start); d.Refused != nil {
		t.Errorf("%+v: the refused request kept what it took", d)
	}
}

func TestSlots(t *testing.T) {
	p := alone(slots(2))
	var open []*Charge
	for range 2 {
		open = append(open, mustBegin(t, start, p, exchange.Use{}))
	}
	if d := p.try(start + int64(time.Hour)); d.Refused == nil || d.Refused.Dimension != exchange.Concurrency || d.RetryAfter != 0 || d.Requests.Limited {
		t.Errorf("%+v, want no slot", d)
	}
	open[0].Settle(start, exchange.Use{}, false)
	open[0].Settle(start, exchange.Use{}, false)
	if p.try(start).Refused != nil {
		t.Error("the slot that is free is not given")
	}
	// An edit forgets no slot that is in use.
	narrow := Parts{{p[0].Holder, NewRules(exchange.ScopeKey, slots(1), nil)}}
	if narrow.try(start).Refused == nil {
		t.Error("the slot in use is forgotten")
	}
	open[1].Settle(start, exchange.Use{}, true)
	for range 3 {
		if narrow.try(start).Refused != nil {
			t.Error("slots that are over are not free")
		}
	}
}
