// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	alice  = Labels{Holder: "team/alice", Model: "smart", Route: "team/smart", Tags: []string{"faq", "x"}}
	bob    = Labels{Holder: "team/bob", Model: "gpt-4o"}
	nobody = Labels{}
)

func TestPurgesRemoveWhatTheySay(t *testing.T) {
	tests := map[string]struct {
		label string
		want  []string // what is left
	}{
		"all":                         {PurgeAll, nil},
		"a model":                     {"model:smart", []string{"bob", "nobody"}},
		"a key":                       {"key:team/bob", []string{"alice", "nobody"}},
		"a route":                     {"route:team/smart", []string{"bob", "nobody"}},
		"a tag":                       {"tag:x", []string{"bob", "nobody"}},
		"a model nobody asked for":    {"model:other", []string{"alice", "bob", "nobody"}},
		"a name of another kind":      {"tag:smart", []string{"alice", "bob", "nobody"}},
		"a model without a name":      {"model:", []string{"alice", "bob", "nobody"}},
		"an unknown kind":             {"user:team/alice", []string{"alice", "bob", "nobody"}},
		"nothing":                     {"", []string{"alice", "bob", "nobody"}},
		"a label longer than can be":  {"tag:" + strings.Repeat("x", MaxLabel), []string{"alice", "bob", "nobody"}},
		"a name that begins as one":   {"model:smar", []string{"alice", "bob", "nobody"}},
		"a label with more behind it": {"all:", []string{"alice", "bob", "nobody"}},
	}
	labels := map[string]Labels{"alice": alice, "bob": bob, "nobody": nobody}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, clock := made(t, 1<<20)
			for who, l := range labels {
				answered(c, KeyOf([]byte(who)), &Terms{Labels: l}, who)
			}
			left := map[string]bool{}
			removed := c.Purge(test.label, clock.now())
			for who := range labels {
				if c.Get(KeyOf([]byte(who)), 0) != nil {
					left[who] = true
				}
			}
			want := map[string]bool{}
			for _, who := range test.want {
				want[who] = true
			}
			if diff := cmp.Diff(want, left); diff != "" {
				t.Error(diff)
			}
			if removed != 3-len(want) || c.Stats().Purged != int64(removed) {
				t.Errorf("it removed %d, counted %d", removed, c.Stats().Purged)
			}
			// What is asked for from now on is kept.
			clock.advance(time.Millisecond)
			if !answered(c, numbered(9), &Terms{Labels: alice}, "new") || c.Get(numbered(9), 0) == nil {
				t.Error("a new answer is not kept")
			}
		})
	}
}

func TestKnownLabels(t *testing.T) {
	tests := map[string]bool{
		"all": true, "model:a": true, "key:ns/a": true, "route:ns/a": true, "tag:a b": true,
		"": false, "all:": false, "model:": false, "user:a": false, "Model:a": false,
		"tag:" + strings.Repeat("x", MaxLabel-4): true, "tag:" + strings.Repeat("x", MaxLabel-3): false,
	}
	for label, want := range tests {
		if got := KnownLabel(label); got != want {
			t.Errorf("%q: %v", label, got)
		}
	}
}

func TestAPurgeHoldsForWhatWasAskedForBefore(t *testing.T) {
	c, clock := made(t, 1<<20)
	under, _ := c.Join(numbered(1), &Terms{Labels: alice})
	follower, _ := c.Join(numbered(1), &Terms{})
	other, _ := c.Join(numbered(2), &Terms{Labels: bob})
	clock.advance(time.Second)
	if n := c.Purge("model:smart", clock.now()); n != 0 {
		t.Errorf("it removed %d from an empty memory", n)
	}
	clock.advance(time.Second)
	// Who comes after the purge does not follow a flight from before it.
	next, leader := c.Join(numbered(1), &Terms{Labels: alice})
	if !leader {
		t.Fatal("it follows a flight from before the purge")
	}
	if f, leader := c.Join(numbered(2), &Terms{}); leader {
		t.Error("another flight is shut as well")
	} else {
		f.Leave()
	}
	done := &Entry{Status: 200, Body: []byte("old"), TTL: time.Minute}
	if under.Done(done) || c.Get(numbered(1), 0) != nil {
		t.Error("what was under way is kept")
	}
	if a := follower.Wait(nil); a.Result != Answered || string(a.Entry.Body) != "old" {
		t.Errorf("who followed it got %+v", a)
	}
	follower.Leave()
	if !next.Done(&Entry{Status: 200, Body: []byte("new"), TTL: time.Minute}) || string(c.Get(numbered(1), 0).Body) != "new" {
		t.Error("the new answer is not kept")
	}
	if !other.Done(&Entry{Status: 200, Body: []byte("other"), TTL: time.Minute}) {
		t.Error("the other answer is not kept")
	}
}

func TestWhatOthersPurgedIsLearnedOnce(t *testing.T) {
	c, clock := made(t, 1<<20)
	for n := range uint64(10) {
		answered(c, numbered(n), &Terms{Labels: Labels{Model: fmt.Sprint("m", n)}}, "x")
	}
	told := map[string]int64{"model:m1": clock.after(0), "model:m2": clock.after(-time.Second), "model:m3": clock.after(time.Hour), "nonsense": 1}
	if n := c.Learn(told); n != 2 {
		t.Errorf("%d were removed", n)
	}
	marks := c.marks.Load()
	if n := c.Learn(told); n != 0 || c.marks.Load() != marks {
		t.Errorf("told again, %d were removed", n)
	}
	clock.advance(time.Millisecond)
	// A clock far ahead does not keep others from caching.
	if !answered(c, numbered(3), &Terms{Labels: Labels{Model: "m3"}}, "x") {
		t.Error("a purge that is to come holds already")
	}
	if c.Learn(told); c.Get(numbered(3), 0) == nil {
		t.Error("a purge that is to come holds again and again")
	}
	if c.Get(numbered(2), 0) == nil || c.Get(numbered(1), 0) != nil {
		t.Error("a purge holds for what was asked for since, or not for what was before")
	}
}

// Whose clock is behind or ahead by no more than Skew keeps nothing from before another's purge, and soon keeps answers again.
func TestPurgesByOtherClocks(t *testing.T) {
	tests := map[string]struct {
		ahead time.Duration // of the one who purges, before those who answered
		after time.Duration // when it is learned
		want  bool          // still there
	}{
		"clocks that agree":              {0, 0, false},
		"one that is ahead":              {Skew, time.Second, false},
		"one that is behind":             {-Skew, time.Second, false},
		"one that is behind by far":      {-Skew - time.Millisecond, time.Second, true},
		"one that is behind, at once":    {-Skew, 0, false},
		"one that is far ahead, at once": {time.Hour, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, clock := made(t, 1<<20)
			there := New(Options{Bytes: 1 << 20, Now: clock.now})
			defer there.Close()
			s := &shelf{}
			answered(c, numbered(1), &Terms{Labels: alice, Tier: s}, "x")
			purged := clock.after(test.ahead)
			clock.advance(test.after)
			told := map[string]int64{"model:smart": purged}
			c.Learn(told)
			there.Purge("model:smart", time.UnixMilli(purged))
			if got := c.Get(numbered(1), 0) != nil; got != test.want {
				t.Errorf("who answered still has it: %v", got)
			}
			if e, _ := there.Lookup(t.Context(), numbered(1), &Terms{Tier: s}); (e != nil) != test.want {
				t.Errorf("who purges still finds it: %v", e)
			}
			clock.advance(time.Millisecond)
			if !answered(c, numbered(2), &Terms{Labels: alice}, "x") {
				t.Error("a new answer is not kept")
			}
			if c.Learn(told); c.Get(numbered(2), 0) == nil {
				t.Error("told again, it holds for a new answer")
			}
		})
	}
}

func TestPurgesAreBounded(t *testing.T) {
	c, clock := made(t, 16<<20)
	const n = 3 * maxMarks
	told := map[string]int64{}
	begin := clock.now()
	for i := range n {
		told[fmt.Sprint("tag:", i)] = begin.Add(time.Duration(i) * time.Millisecond).UnixMilli()
	}
	clock.advance(n * time.Millisecond)
	c.Learn(told)
	m := c.marks.Load()
	if m.count > maxMarks || m.count < maxMarks/3 || m.all.at == 0 {
		t.Errorf("%d are remembered, and all before %d", m.count, m.all.at)
	}
	// None of them is forgotten.
	for i := range n {
		if !m.hold(&Labels{Tags: []string{fmt.Sprint(i)}}, time.UnixMilli(told[fmt.Sprint("tag:", i)])) {
			t.Fatalf("purge %d is forgotten", i)
		}
	}
	if c.Learn(told); c.marks.Load() != m {
		t.Error("told again, they are new")
	}
	clock.advance(time.Millisecond)
	if !answered(c, numbered(1), &Terms{Labels: Labels{Tags: []string{"5"}}}, "x") {
		t.Error("what is asked for since is not kept")
	}
	clock.advance(MaxTTL)
	c.Purge("model:x", clock.now())
	if m := c.marks.Load(); m.count != 1 || m.all.at != 0 {
		t.Errorf("after the longest time %d are remembered, and all before %d", m.count, m.all.at)
	}
	if n := len(c.marks.Load().names[kindTag]); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// Nothing that was asked for before a purge is there when Purge has returned, whoever puts answers there meanwhile.
func TestPurgesAgainstWhoeverKeeps(t *testing.T) {
	c := New(Options{Bytes: 64 << 20})
	defer c.Close()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				answered(c, numbered(g<<32|n%1000), &Terms{Labels: alice}, "x")
			}
		})
	}
	for range 100 {
		at := time.Now()
		c.Purge("tag:faq", at)
		for key, e := range maps.Collect(c.memory.Load().All()) {
			if e.Asked.UnixMilli() <= at.UnixMilli() {
				t.Fatalf("%x was asked for %v before the purge", key[:4], at.Sub(e.Asked))
			}
		}
	}
	close(stop)
	wg.Wait()
}

// A purge in the middle of an answer's way to memory finds it there.
func TestAPurgeWaitsForWhatIsBeingPut(t *testing.T) {
	clock := newFake()
	var armed atomic.Bool
	purged := make(chan struct{})
	var c *Cache
	c = New(Options{Bytes: 1 << 20, Now: func() time.Time {
		// The memory asks for the time when it takes an entry.
		if at := clock.now(); armed.CompareAndSwap(true, false) {
			go func() {
				c.Purge(PurgeAll, at)
				close(purged)
			}()
			select {
			case <-purged:
			case <-time.After(100 * time.Millisecond):
			}
		}
		return clock.now()
	}})
	defer c.Close()
	key := numbered(1)
	armed.Store(true)
	c.put(&key, &Entry{Status: 200, Asked: clock.now(), Stored: clock.now(), TTL: time.Minute})
	<-purged
	if c.Get(key, 0) != nil {
		t.Error("it is there after the purge")
	}
}

// shelf is a Tier of its own.
type shelf struct {
	mu      sync.Mutex
	values  map[Key][]byte
	ttls    map[Key]time.Duration
	fetches int
	full    bool
	err     error
}

func (s *shelf) Fetch(_ context.Context, key [32]byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	return s.values[key], s.err
}

func (s *shelf) Keep(key [32]byte, value []byte, ttl time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return false
	}
	if s.values == nil {
		s.values, s.ttls = map[Key][]byte{}, map[Key]time.Duration{}
	}
	s.values[key], s.ttls[key] = value, ttl
	return true
}

func (s *shelf) Purged(context.Context) (map[string]int64, error) { return nil, s.err }

func (s *shelf) Purge(context.Context, string, int64, time.Duration) error { return s.err }

func TestProcessesShareAnswers(t *testing.T) {
	tests := map[string]struct {
		meanwhile func(t *testing.T, s *shelf, clock *fake, there *Cache)
		terms     Terms
		bytes     int64
		want      From
		wantAgain From // when it is asked for a second time
		corrupt   int64
	}{
		"an answer of another":            {nil, Terms{}, 1 << 20, Shared, Memory, 0},
		"without a memory of its own":     {nil, Terms{}, 0, Shared, Shared, 0},
		"one that is almost too old":      {func(_ *testing.T, _ *shelf, clock *fake, _ *Cache) { clock.advance(time.Minute - 1) }, Terms{}, 1 << 20, Shared, Memory, 0},
		"one that is too old":             {func(_ *testing.T, _ *shelf, clock *fake, _ *Cache) { clock.advance(time.Minute) }, Terms{}, 1 << 20, Nowhere, Nowhere, 0},
		"one that is older than is asked": {func(_ *testing.T, _ *shelf, clock *fake, _ *Cache) { clock.advance(2 * time.Second) }, Terms{MaxAge: time.Second}, 1 << 20, Nowhere, Nowhere, 0},
		"one from a clock that is ahead":  {func(_ *testing.T, _ *shelf, clock *fake, _ *Cache) { clock.advance(-time.Hour) }, Terms{}, 1 << 20, Shared, Memory, 0},
		"one that was purged here":        {func(_ *testing.T, _ *shelf, clock *fake, there *Cache) { there.Purge("key:team/alice", clock.now()) }, Terms{}, 1 << 20, Nowhere, Nowhere, 0},
		"one that is corrupt":             {func(_ *testing.T, s *shelf, _ *fake, _ *Cache) { s.values[numbered(1)][60] ^= 1 }, Terms{}, 1 << 20, Nowhere, Nowhere, 2},
		"one of another key": {func(_ *testing.T, s *shelf, _ *fake, _ *Cache) {
			other := numbered(2)
			s.values[numbered(1)] = appendBinary(nil, &other, &Entry{Status: 200, TTL: time.Hour})
		}, Terms{}, 1 << 20, Nowhere, Nowhere, 2},
		"a store that fails": {func(_ *testing.T, s *shelf, _ *fake, _ *Cache) { s.err = fmt.Errorf("down") }, Terms{}, 1 << 20, Nowhere, Nowhere, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			here, clock := made(t, 1<<20)
			there := New(Options{Bytes: test.bytes, Now: clock.now})
			defer there.Close()
			s := &shelf{}
			if !answered(here, numbered(1), &Terms{Tier: s, Labels: alice}, "yes") || s.ttls[numbered(1)] != time.Minute {
				t.Fatalf("it was not kept: %v", s.ttls)
			}
			if test.meanwhile != nil {
				test.meanwhile(t, s, clock, there)
			}
			test.terms.Tier = s
			for n, want := range []From{test.want, test.wantAgain} {
				e, from := there.Lookup(t.Context(), numbered(1), &test.terms)
				if from != want || (e != nil) != (want != Nowhere) {
					t.Fatalf("look %d gives %+v from %d", n, e, from)
				}
				if e != nil && (string(e.Body) != "yes" || !e.Fresh(clock.now(), 0)) {
					t.Errorf("look %d gives %+v", n, e)
				}
			}
			if n := there.Stats().Corrupt; n != test.corrupt {
				t.Errorf("%d were corrupt", n)
			}
			// It is fresh no longer there than here.
			clock.advance(time.Minute)
			if e := there.Get(numbered(1), 0); e != nil {
				t.Errorf("after its time it is still there, of age %v", e.Age(clock.now()))
			}
		})
	}
}

func TestATierThatTakesNothingIsCounted(t *testing.T) {
	c, _ := made(t, 1<<20)
	s := &shelf{full: true}
	if !answered(c, numbered(1), &Terms{Tier: s}, "x") || c.Stats().DroppedKeeps != 1 {
		t.Errorf("the figures are %+v", c.Stats())
	}
	without, _ := made(t, 0)
	if answered(without, numbered(1), &Terms{Tier: s}, "x") {
		t.Error("nobody took it, and it says that it was kept")
	}
	s.full = false
	if !answered(without, numbered(2), &Terms{Tier: s}, "x") {
		t.Error("the tier took it, and it says that it was not kept")
	}
}

// An answer of a Tier can be passed on to those who follow, and is not kept another time.
func TestAFoundAnswerIsShared(t *testing.T) {
	here, clock := made(t, 1<<20)
	s := &shelf{}
	answered(here, numbered(1), &Terms{Tier: s, Labels: alice}, "yes")
	there := New(Options{Bytes: 1 << 20, Now: clock.now})
	defer there.Close()
	lead, _ := there.Join(numbered(1), &Terms{Tier: s})
	f, _ := there.Join(numbered(1), &Terms{Tier: s})
	e, from := there.Lookup(t.Context(), numbered(1), &Terms{Tier: s})
	if from != Shared {
		t.Fatalf("it is from %d", from)
	}
	before := *e
	lead.Share(e)
	if a := f.Wait(nil); a.Entry != e {
		t.Errorf("who followed got %+v", a)
	}
	f.Leave()
	if diff := cmp.Diff(before, *e); diff != "" {
		t.Error(diff)
	}
	if n := there.Stats().Stored; n != 1 {
		t.Errorf("it was put in memory %d times", n)
	}
}
