// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A scope that was large once does not keep the memory of it.
func TestAScopeGivesMemoryBack(t *testing.T) {
	x, _ := clocked(Options{})
	c := newCorpus(1, 64, 1, 0, 0)
	for i := range 300 {
		mustAdd(t, x, scopeA, c.question(), i)
	}
	for i := range 290 {
		x.Remove(refOf(i))
	}
	check(t, x)
	s := x.scopes[scopeKey{scopeA, 64}]
	if len(s.entries) != 10 || cap(s.entries) > 64 || cap(s.sketches) > 64*sketchWords {
		t.Errorf("%d entries take room for %d, and %d words", len(s.entries), cap(s.entries), cap(s.sketches))
	}
}

// What expires together goes bit by bit, so that no request waits for all of it.
func TestExpiredQuestionsGoAFewAtATime(t *testing.T) {
	x, now := clocked(Options{})
	c := newCorpus(1, 64, 1, 0, 0)
	for i := range 150 {
		x.Add(scopeA, c.question(), refOf(i), nil, start.Add(time.Minute))
	}
	*now = start.Add(time.Minute)
	for i, want := range []int{150 - maxExpired + 1, 150 - 2*maxExpired + 2, 3, 4} {
		mustAdd(t, x, scopeB, c.question(), 1000+i)
		if got := x.Stats(); got.Entries != want || got.Evicted != 0 {
			t.Errorf("after %d: %+v, want %d", i+1, got, want)
		}
	}
	check(t, x)
}

func TestStatsCountTheBytes(t *testing.T) {
	x, _ := clocked(Options{})
	mustAdd(t, x, scopeA, axis(0), 1)
	if got, want := x.Stats().Bytes, int64(scopeBytes+entryBytes+2*64); got != want {
		t.Errorf("one takes %d, want %d", got, want)
	}
	mustAdd(t, x, scopeA, axis(1), 2, "model:a")
	if got, want := x.Stats().Bytes, int64(scopeBytes+2*(entryBytes+2*64)+16+7); got != want {
		t.Errorf("two take %d, want %d", got, want)
	}
	x.Remove(refOf(1))
	x.Remove(refOf(2))
	if got := x.Stats().Bytes; got != 0 {
		t.Errorf("none takes %d", got)
	}
}

// A search is on the way of every eligible request.
func TestASearchDoesNotAllocate(t *testing.T) {
	x, _ := clocked(Options{})
	c := newCorpus(1, 256, 1, 0.5, 0.98)
	// Candidates overflow, and are cut.
	for i := range 2*maxCompared + 10 {
		mustAdd(t, x, scopeA, c.question(), i)
	}
	q, v := &query{}, c.question()
	n := testing.AllocsPerRun(20, func() {
		if !x.draw(q, v) {
			t.Fatal("no direction")
		}
		if e, _ := x.search(q, scopeA, 0.5); e == nil {
			t.Fatal("nothing found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Two indexes turn vectors differently, so that what one learned of one says nothing about the other.
func TestEachIndexHasPlanesOfItsOwn(t *testing.T) {
	v := newCorpus(1, 256, 1, 0, 0).question()
	a, _ := drawn(t, New(Options{}).planes, v)
	b, _ := drawn(t, New(Options{}).planes, v)
	if d := differ(a, b); d < sketchBits/3 || d > 2*sketchBits/3 {
		t.Errorf("the sketches of one vector differ in %d bits", d)
	}
}

func TestRecencyIsTheOrderOfUse(t *testing.T) {
	var r recency
	r.init()
	if r.oldest() != nil {
		t.Fatal("an empty ring has an oldest")
	}
	random := rand.New(rand.NewPCG(2, 2))
	entries := make([]entry, 20)
	var want []*entry // the oldest first
	for i := range entries {
		r.add(&entries[i])
		want = append(want, &entries[i])
	}
	for len(want) > 0 {
		at := random.IntN(len(want))
		e := want[at]
		want = slices.Delete(want, at, at+1)
		if random.IntN(3) == 0 {
			r.remove(e)
		} else {
			r.use(e)
			want = append(want, e)
		}
		if len(want) > 0 && r.oldest() != want[0] {
			t.Fatal("the oldest is another")
		}
	}
	if r.oldest() != nil {
		t.Error("an emptied ring has an oldest")
	}
}

func TestExpiriesComeInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	var h expiries
	var entries []*entry
	for range 200 {
		e := &entry{expires: random.Int64N(50)}
		heap.Push(&h, e)
		entries = append(entries, e)
	}
	for _, e := range entries[:100] {
		if h[e.due] != e {
			t.Fatal("an entry is not where it says")
		}
		heap.Remove(&h, e.due)
	}
	before := int64(-1)
	for len(h) > 0 {
		e := heap.Pop(&h).(*entry)
		if e.expires < before {
			t.Fatalf("%d comes after %d", e.expires, before)
		}
		before = e.expires
	}
}

func TestNanoseconds(t *testing.T) {
	moments := []time.Time{{}, time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), start, start.Add(1), never,
		time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range moments[1:] {
		if a, b := nanoseconds(moments[i]), nanoseconds(moments[i+1]); a > b {
			t.Errorf("%v is after %v", moments[i], moments[i+1])
		}
	}
	if nanoseconds(start.Add(1))-nanoseconds(start) != 1 {
		t.Error("a nanosecond is not one")
	}
}
