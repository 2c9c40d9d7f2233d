// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const start = int64(time.Hour)

func request(count, burst int64, per time.Duration) config.RequestLimit {
	return config.RequestLimit{Count: count, Per: config.Duration(per), Burst: burst}
}

// group makes a group of one identity in a new book.
func group(limits ...config.RequestLimit) *Group {
	g := &Group{}
	rebuild(NewBook(), g, "id", limits...)
	return g
}

// rebuild resolves the limits in a book, as a snapshot's build does.
func rebuild(b *Book, g *Group, identity string, limits ...config.RequestLimit) {
	*g = Group{}
	b.Build(start, func(add func(*Group, Scope, string, []config.RequestLimit)) { add(g, ScopeKey, identity, limits) })
}

func TestGCRA(t *testing.T) {
	type step struct {
		after     time.Duration // since the step before
		refused   bool
		remaining int64
		reset     time.Duration
		retry     time.Duration
	}
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
				{after: 400 * time.Millisecond, refused: true, reset: 2600 * time.Millisecond, retry: 600 * time.Millisecond},
				{after: 600 * time.Millisecond, remaining: 0, reset: 3 * time.Second},
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
				{remaining: 0, reset: 500 * time.Millisecond},
				{after: 499 * time.Millisecond, refused: true, reset: time.Millisecond, retry: time.Millisecond},
				{after: time.Millisecond, remaining: 0, reset: 500 * time.Millisecond},
			},
		},
		"a limit finer than a nanosecond lets all through that can come": {
			limit: request(10_000_000_000, 5, time.Second),
			steps: []step{{remaining: 4, reset: 1}, {remaining: 3, reset: 2}},
		},
		"a burst too large to count does not overflow": {
			limit: request(1, 1<<62, 24*time.Hour),
			steps: []step{{remaining: 1<<61/int64(24*time.Hour) - 1, reset: 24 * time.Hour}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g, now := group(tc.limit), start
			for i, want := range tc.steps {
				now += int64(want.after)
				got := g.Take(now)
				if name == "a burst too large to count does not overflow" {
					got.Remaining = want.remaining // only that it is allowed matters
				}
				if got.Refused != want.refused || got.Remaining != want.remaining || got.Reset != want.reset ||
					got.RetryAfter != want.retry || !got.Limited || got.Limit != tc.limit.Burst {
					t.Errorf("step %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

func TestRetryAfterIsExactlyLongEnough(t *testing.T) {
	g := group(request(7, 3, time.Minute))
	now := start
	for range 50 {
		d := g.Take(now)
		if !d.Refused {
			continue
		}
		if early := g.peek(now + int64(d.RetryAfter) - 1); !early.Refused {
			t.Fatal("allowed before Retry-After")
		}
		now += int64(d.RetryAfter)
		if d := g.Take(now); d.Refused {
			t.Fatal("refused after Retry-After")
		}
	}
}

func TestOverALongTimeTheRateHolds(t *testing.T) {
	g := group(request(60, 10, time.Minute))
	allowed := 0
	for at := time.Duration(0); at < 10*time.Minute; at += 100 * time.Millisecond {
		if !g.Take(start + int64(at)).Refused {
			allowed++
		}
	}
	if allowed < 600 || allowed > 610 {
		t.Errorf("%d requests in ten minutes of 60 a minute", allowed)
	}
}

func TestOfSeveralLimitsAllOrNoneIsTaken(t *testing.T) {
	g := group(request(2, 2, time.Second), request(3, 3, time.Hour))
	for range 2 {
		if g.Take(start).Refused {
			t.Fatal("refused within both")
		}
	}
	for range 10 {
		if d := g.Take(start); !d.Refused || d.RetryAfter != 500*time.Millisecond {
			t.Fatalf("%+v, want to wait for the short limit", d)
		}
	}
	// Had the refusals been taken from the long limit, nothing would be left of it.
	if d := g.Take(start + int64(time.Second)); d.Refused || d.Remaining != 0 || d.Limit != 3 {
		t.Errorf("%+v, want the last of the long limit", d)
	}
	if d := g.Take(start + int64(2*time.Second)); !d.Refused || d.RetryAfter < 19*time.Minute {
		t.Errorf("%+v, want to wait for the long limit", d)
	}
}

func TestTheTighterLimitIsTold(t *testing.T) {
	g := group(request(100, 100, time.Minute), request(5, 5, time.Hour))
	if d := g.Take(start); d.Limit != 5 || d.Remaining != 4 {
		t.Errorf("%+v", d)
	}
	both := group(request(1, 1, time.Minute), request(1, 1, time.Hour))
	both.Take(start)
	if d := both.Take(start); d.RetryAfter != time.Hour {
		t.Errorf("%+v, want the longer wait", d)
	}
}

func TestWithoutLimitsEverythingPasses(t *testing.T) {
	var none *Group
	if d := none.Take(start); d.Limited || d.Refused {
		t.Errorf("%+v", d)
	}
	if d := (&Group{}).Take(start); d.Limited || d.Refused {
		t.Errorf("%+v", d)
	}
}

func TestConcurrentRequestsTakeExactlyWhatThereIs(t *testing.T) {
	g := group(request(1, 100, time.Hour), request(1, 70, 2*time.Hour))
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if !g.Take(start).Refused {
					allowed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if allowed.Load() != 70 {
		t.Errorf("%d allowed of 70", allowed.Load())
	}
	// Nothing was lost of the wider limit to the requests that the narrower refused.
	wide := &Group{limits: g.limits[:1], buckets: g.buckets[:1]}
	if d := wide.Take(start); d.Refused || d.Remaining != 29 {
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
			book, g := NewBook(), &Group{}
			rebuild(book, g, "id", tc.before)
			for range tc.taken {
				g.Take(start)
			}
			rebuild(book, g, "id", tc.after)
			allowed := 0
			for !g.Take(start).Refused {
				allowed++
			}
			if allowed != tc.wantAllowed {
				t.Errorf("%d allowed after the edit, want %d", allowed, tc.wantAllowed)
			}
			if d := g.Take(start); name == "a smaller burst is full, no more" && d.RetryAfter > time.Minute {
				t.Errorf("a debt of the former limit remains: %s", d.RetryAfter)
			}
		})
	}
}

func TestScopesAndIdentitiesHaveTheirOwnBuckets(t *testing.T) {
	book := NewBook()
	var a, b, c Group
	limits := []config.RequestLimit{request(1, 1, time.Hour)}
	book.Build(start, func(add func(*Group, Scope, string, []config.RequestLimit)) {
		add(&a, ScopeKey, "a", limits)
		add(&b, ScopeKey, "b", limits)
		add(&c, ScopeGateway, "a", limits)
	})
	for _, g := range []*Group{&a, &b, &c} {
		if g.Take(start).Refused {
			t.Error("refused by another's bucket")
		}
		if !g.Take(start).Refused {
			t.Error("not limited")
		}
	}
}

func TestBucketsOfFormerKeysAreForgottenOnceEmpty(t *testing.T) {
	book, g := NewBook(), &Group{}
	build := func(now int64, identities ...string) {
		book.Build(now, func(add func(*Group, Scope, string, []config.RequestLimit)) {
			for _, id := range identities {
				*g = Group{}
				add(g, ScopeKey, id, []config.RequestLimit{request(60, 60, time.Hour)})
			}
		})
	}
	build(start, "gone")
	g.Take(start)
	build(start, "kept")
	if book.Len() != 2 {
		t.Errorf("%d buckets; the snapshot before may still be using its own", book.Len())
	}
	build(start, "kept")
	if book.Len() != 2 {
		t.Errorf("%d buckets; one that is in debt was forgotten: deleting a key and making it again would reset its limit", book.Len())
	}
	build(start+int64(time.Hour), "kept")
	if book.Len() != 1 {
		t.Errorf("%d buckets, want one", book.Len())
	}
}

func TestTakeDoesNotAllocate(t *testing.T) {
	g := group(request(1e9, 1e9, time.Minute), request(1e9, 1e9, time.Hour))
	if n := testing.AllocsPerRun(100, func() { g.Take(start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	g := group(request(1e9, 1e9, time.Minute), request(1e9, 1e9, time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		g.Take(start)
	}
}

func FuzzGCRA(f *testing.F) {
	f.Add(int64(60), int64(10), int64(time.Minute), int64(time.Second))
	f.Add(int64(1), int64(1), int64(1), int64(0))
	f.Fuzz(func(t *testing.T, count, burst, per, gap int64) {
		if count <= 0 || burst <= 0 || per <= 0 || gap < 0 || gap > int64(24*time.Hour) || per > int64(10000*time.Hour) {
			return // no limit that could be configured
		}
		g, now := group(config.RequestLimit{Count: count, Burst: burst, Per: config.Duration(per)}), start
		for i := range 20 {
			d := g.Take(now)
			if i == 0 && d.Refused {
				t.Fatal("the first request is refused")
			}
			if d.Refused && (d.RetryAfter <= 0 || d.RetryAfter > time.Duration(per)+1) || d.Remaining < 0 || d.Remaining > burst {
				t.Fatalf("%+v", d)
			}
			now += gap
		}
	})
}

func TestWhatWasTakenIsGivenBackWhenAnotherRequestWasFaster(t *testing.T) {
	// Two limits on one bucket: both have room when looked at, and the first takes it from the second.
	shared := &bucket{}
	one := NewLimit(request(1, 1, time.Hour))
	g := &Group{limits: []Limit{one, one}, buckets: []*bucket{shared, shared}}
	if d := g.Take(start); !d.Refused {
		t.Fatalf("%+v", d)
	}
	if d := (&Group{limits: g.limits[:1], buckets: g.buckets[:1]}).Take(start); d.Refused {
		t.Errorf("%+v: the refused request kept what it took", d)
	}
}
