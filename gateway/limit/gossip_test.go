// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// use is what others told of a key.
func use(requests, tokens int64, cost config.Money) config.HolderUse {
	return config.HolderUse{
		Holder: "key/a", Requests: requests, Tokens: tokens, Cost: cost,
		Day: config.WindowUse{Window: config.Day.Window(noon), Cost: cost},
	}
}

func call(after int64, elsewhere ...config.HolderUse) config.UsageCall {
	return config.UsageCall{Instance: "me", Replicas: 2, After: after, Elsewhere: elsewhere}
}

func TestWhatOthersUsedIsTaken(t *testing.T) {
	l := &config.Limits{
		Requests: requests(request(10, 10, time.Hour)).Requests, Tokens: tokens(1000, time.Hour).Tokens, Cost: costs(900, time.Hour).Cost,
	}
	type told struct {
		call config.UsageCall
		want [4]int64 // what remains of requests, tokens, cost, budget
	}
	foreign := call(0, use(9, 9, 9))
	foreign.Instance = "another"
	spent := use(0, 0, 500)
	yesterday := spent
	yesterday.Day.Window--
	tests := map[string]struct {
		mode Mode
		told []told
	}{
		"what is told first is history, but spent": {Gossip(2), []told{{call(0, use(4, 100, 500)), [4]int64{9, 999, 899, 249}}}},
		"what is told then is taken": {Gossip(2), []told{
			{call(0, use(4, 100, 300)), [4]int64{9, 999, 899, 349}}, {call(0, use(6, 300, 500)), [4]int64{7, 799, 699, 249}},
			{call(0, use(6, 300, 500)), [4]int64{7, 799, 699, 249}}, {call(0), [4]int64{7, 799, 699, 249}},
		}},
		"too much is a debt of a bucket and a period": {Gossip(2), []told{
			{call(0, use(0, 0, 0)), [4]int64{9, 999, 899, 499}}, {call(0, use(1000, 1<<40, 1<<40)), [4]int64{-10, -1000, -900, 1 - 1<<40}},
		}},
		"what is nonsense does no harm": {Gossip(2), []told{
			{call(0, use(-5, -5, -5)), [4]int64{9, 999, 899, 499}},
			{call(0, use(math.MaxInt64, math.MaxInt64, math.MaxInt64)), [4]int64{-10, -1000, -900, 999 - most}},
		}},
		"an operator that began anew takes nothing twice": {Gossip(2), []told{
			{call(0, use(4, 100, 300)), [4]int64{9, 999, 899, 349}}, {call(0, use(0, 0, 0)), [4]int64{9, 999, 899, 349}},
			{call(0, use(6, 300, 500)), [4]int64{7, 799, 699, 249}},
		}},
		"what was spent the day before is not of today": {Gossip(2), []told{{call(0, yesterday), [4]int64{9, 999, 899, 499}}}},
		"what is for another process is not taken":      {Gossip(2), []told{{foreign, [4]int64{9, 999, 899, 499}}, {foreign, [4]int64{9, 999, 899, 499}}}},
		"with a store it is the store that knows":       {Whole(), []told{{call(0, use(0, 0, 0)), [4]int64{9, 999, 899, 999}}, {call(0, spent), [4]int64{9, 999, 899, 999}}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			book := newBook(&wall{noon})
			book.SetMode(tc.mode)
			p := Parts{on(book, "key/a", l, budget(1000, config.Day)...)}
			spend(start, p, of(1, 1), 1)
			for i, told := range tc.told {
				book.Exchange(start, told.call, "me")
				each, _ := p.Look(start, exchange.Use{})
				if got := [4]int64{each[0].Remaining, each[1].Remaining, each[2].Remaining, each[3].Remaining}; !near(got, told.want) {
					t.Errorf("call %d: %v remain, want %v", i+1, got, told.want)
				}
			}
		})
	}
}

// near lets what is overspent by far be, of which a share is none.
func near(got, want [4]int64) bool {
	if want[3] < -1000 {
		return got[3] < want[3]/2 && [3]int64(got[:3]) == [3]int64(want[:3])
	}
	return got == want
}

func TestAShadowOwesNothing(t *testing.T) {
	book := newBook(&wall{noon})
	book.SetMode(Gossip(2))
	p := Parts{on(book, "key/a", shadow(tokens(1000, time.Hour)))}
	spend(start, p, of(1, 1), 1)
	book.Exchange(start, call(0, use(1, 1, 1)), "me")
	book.Exchange(start, call(0, use(1, 10_000, 1)), "me")
	if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != 0 {
		t.Errorf("%+v", each)
	}
}

func TestReplicasAreTold(t *testing.T) {
	book := newBook(&wall{noon})
	p := Parts{on(book, "key/a", slots(12), budget(1200, config.Total)...)}
	for replicas, pods := range map[int]int64{3: 3, 4: 4, 1: 1, 0: 6, -3: 6} {
		book.SetMode(Gossip(6))
		book.Exchange(start, config.UsageCall{Instance: "me", Replicas: replicas}, "me")
		each, _ := p.Look(start, exchange.Use{})
		if each[0].Remaining != 12/pods || each[1].Remaining != 1200/pods {
			t.Errorf("%d replicas: %+v", replicas, each)
		}
	}
	book.SetMode(Mode{})
	book.Exchange(start, call(0), "me")
	if each, _ := p.Look(start, exchange.Use{}); each[0].Remaining != 12 {
		t.Errorf("the whole is shared out: %+v", each)
	}
}

func TestExchangeTellsWhatGrew(t *testing.T) {
	book := newBook(&wall{noon})
	part := func(name string) Parts { return Parts{{Holder: book.Holder(name)}} }
	names := func(a config.UsageAnswer) (all []string) {
		for _, u := range a.Holders {
			all = append(all, fmt.Sprint(u.Holder, " ", u.Requests, " ", u.Tokens))
		}
		return all
	}
	ask := func(after int64) config.UsageAnswer { return book.Exchange(start, call(after), "me") }
	if a := ask(0); a.Cursor != 0 || a.Holders != nil || a.More || a.Shared || a.Instance != "me" {
		t.Errorf("of nothing: %+v", a)
	}
	spend(start, part("key/a"), of(1, 1), 2)
	spend(start, part("key/b"), of(5, 1), 1)
	spend(start, Parts{{Holder: book.Address(address4(1), start)}}, of(5, 1), 1)
	unsent := mustBegin(t, start, part("key/c"), of(1, 1))
	unsent.Settle(start, of(1, 1), false)
	first := ask(0)
	if diff := cmp.Diff([]string{"key/a 2 2", "key/b 1 5"}, names(first)); diff != "" {
		t.Error(diff)
	}
	if again := ask(first.Cursor); again.Holders != nil || again.Cursor != first.Cursor {
		t.Errorf("nothing grew: %+v", again)
	}
	spend(start, part("key/a"), of(1, 1), 1)
	second := ask(first.Cursor)
	if diff := cmp.Diff([]string{"key/a 3 3"}, names(second)); diff != "" {
		t.Error(diff)
	}
	// An answer that was lost is given again, and who has no cursor of this process is told all, the oldest change first.
	if diff := cmp.Diff([]string{"key/a 3 3"}, names(ask(first.Cursor))); diff != "" {
		t.Error(diff)
	}
	for _, after := range []int64{0, -1, second.Cursor + 1, math.MaxInt64} {
		if diff := cmp.Diff([]string{"key/b 1 5", "key/a 3 3"}, names(ask(after))); diff != "" {
			t.Error(after, diff)
		}
	}
	other := call(second.Cursor)
	other.Instance = "another"
	if diff := cmp.Diff([]string{"key/b 1 5", "key/a 3 3"}, names(book.Exchange(start, other, "me"))); diff != "" {
		t.Error(diff)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	book := newBook(&wall{noon})
	const all = 2*config.MaxHolders + 7
	for i := range all {
		spend(start, Parts{{Holder: book.Holder(fmt.Sprint("key/", i))}}, of(1, 1), 1)
	}
	told := map[string]int64{}
	var cursor int64
	for calls := 1; ; calls++ {
		a := book.Exchange(start, call(cursor), "me")
		for _, u := range a.Holders {
			told[u.Holder] += u.Requests
		}
		if len(a.Holders) > config.MaxHolders || a.Cursor <= cursor || calls > 3 {
			t.Fatalf("call %d: %d holders, up to %d", calls, len(a.Holders), a.Cursor)
		}
		if cursor = a.Cursor; !a.More {
			break
		}
		// Those that change meanwhile are told of later, once more.
		spend(start, Parts{{Holder: book.Holder("key/7")}}, of(1, 1), 1)
	}
	if len(told) != all || told["key/8"] != 1 || told["key/7"] != 1+3 {
		t.Errorf("%d of %d holders, %d of one", len(told), all, told["key/7"])
	}
	// The log of changes does not grow with the calls.
	for range 20 {
		for i := range 1000 {
			spend(start, Parts{{Holder: book.Holder(fmt.Sprint("key/", i))}}, of(1, 1), 1)
		}
		cursor = book.Exchange(start, call(cursor), "me").Cursor
	}
	if n := len(book.tidings.log); n > all+1000 {
		t.Errorf("%d changes of %d holders", n, all)
	}
}

// What a store knew is remembered with each number as large as it ever was, and nothing else is.
func TestWhatWasLearnedIsRemembered(t *testing.T) {
	b := NewBook(Options{})
	b.Holder("key/t/unused")
	use := func(requests, day int64, cost config.Money) *config.HolderUse {
		return &config.HolderUse{Requests: requests, Cost: cost, Day: config.WindowUse{Window: day, Cost: cost}}
	}
	b.Learn("key/t/a", use(3, 7, 30))
	b.Learn("key/t/a", use(2, 8, 20))
	b.Learn("policy/t/p", use(1, 7, 10))
	b.Learn(config.HolderIP+"192.0.2.1", use(1, 7, 10))
	want := map[string]config.HolderUse{
		"key/t/a":    {Holder: "key/t/a", Requests: 3, Cost: 30, Day: config.WindowUse{Window: 8, Cost: 20}},
		"policy/t/p": {Holder: "policy/t/p", Requests: 1, Cost: 10, Day: config.WindowUse{Window: 7, Cost: 10}},
	}
	got := map[string]config.HolderUse{}
	for u := range b.Learned {
		got[u.Holder] = u
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
