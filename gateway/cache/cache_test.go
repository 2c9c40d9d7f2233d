// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// fake is a wall clock that stands until it is moved.
type fake struct{ nanos atomic.Int64 }

func newFake() *fake {
	f := &fake{}
	f.nanos.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return f
}

func (f *fake) now() time.Time              { return time.Unix(0, f.nanos.Load()) }
func (f *fake) advance(d time.Duration)     { f.nanos.Add(int64(d)) }
func (f *fake) after(d time.Duration) int64 { return f.now().Add(d).UnixMilli() }

func made(t testing.TB, bytes int64) (*Cache, *fake) {
	clock := newFake()
	c := New(Options{Bytes: bytes, Now: clock.now})
	t.Cleanup(c.Close)
	return c, clock
}

func numbered(n uint64) Key {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	return KeyOf(b[:])
}

// answered leads a flight to its end.
func answered(c *Cache, key Key, terms *Terms, body string) bool {
	f, leader := c.Join(key, terms)
	if !leader {
		f.Leave()
		return false
	}
	return f.Done(&Entry{Status: 200, ContentType: []byte("application/json"), Body: []byte(body), TTL: time.Minute})
}

func TestAnAnswerIsGivenAsLongAsItIsFresh(t *testing.T) {
	const ttl = time.Minute
	tests := map[string]struct {
		after  time.Duration
		maxAge time.Duration
		want   bool
	}{
		"at once":                         {0, 0, true},
		"just within its time":            {ttl - 1, 0, true},
		"at the end of its time":          {ttl, 0, false},
		"long after":                      {time.Hour, 0, false},
		"as old as the client takes":      {time.Second, time.Second, true},
		"older than the client takes":     {time.Second + 1, time.Second, false},
		"younger than the client takes":   {time.Second, time.Hour, true},
		"too old, whatever clients take":  {ttl + time.Second, time.Hour, false},
		"from a clock that was set ahead": {-time.Second, 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, clock := made(t, 1<<20)
			key := numbered(1)
			if !answered(c, key, &Terms{}, "yes") {
				t.Fatal("it was not kept")
			}
			clock.advance(test.after)
			e, from := c.Lookup(context.Background(), key, &Terms{MaxAge: test.maxAge})
			if (e != nil) != test.want || (from == Memory) != test.want {
				t.Fatalf("it gives %v, from %v", e, from)
			}
			want := Stats{Stored: 1, Misses: 1}
			if test.want {
				want = Stats{Stored: 1, Hits: 1}
				if string(e.Body) != "yes" || e.Age(clock.now()) != max(test.after, 0) {
					t.Errorf("it gives %q of age %v", e.Body, e.Age(clock.now()))
				}
			}
			got := c.Stats()
			got.Bytes, got.Entries = 0, 0
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNotKept(t *testing.T) {
	tests := map[string]struct {
		bytes int64
		terms Terms
		entry Entry
	}{
		"a body larger than the terms allow":  {1 << 20, Terms{MaxBytes: 10}, Entry{Body: make([]byte, 11), TTL: time.Minute}},
		"a body larger than all memory":       {2000, Terms{}, Entry{Body: make([]byte, 2000), TTL: time.Minute}},
		"an answer without a time":            {1 << 20, Terms{}, Entry{Body: []byte("x")}},
		"anything where there is no memory":   {0, Terms{}, Entry{Body: []byte("x"), TTL: time.Minute}},
		"a body larger than any that is kept": {64 << 20, Terms{MaxBytes: 1 << 30}, Entry{Body: make([]byte, HardBytes+1), TTL: time.Minute}},
		"a body larger than by default":       {64 << 20, Terms{}, Entry{Body: make([]byte, DefaultMaxBytes+1), TTL: time.Minute}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, _ := made(t, test.bytes)
			f, _ := c.Join(numbered(1), &test.terms)
			if f.Done(&test.entry) {
				t.Error("it says that it was kept")
			}
			if e := c.Get(numbered(1), 0); e != nil || c.Len() != 0 {
				t.Errorf("it is there: %v, of %d", e, c.Len())
			}
		})
	}
}

func TestAnEntryKnowsItsFlight(t *testing.T) {
	c, clock := made(t, 1<<20)
	asked := clock.now()
	labels := Labels{Holder: "team/alice", Model: "smart", Route: "team/smart", Tags: []string{"a", "b"}}
	f, _ := c.Join(numbered(1), &Terms{Labels: labels})
	f.Begin(201, []byte("text/event-stream"), true)
	_, _ = f.Write([]byte("data: 1\n\n"))
	clock.advance(time.Second)
	_, _ = f.Write([]byte("data: 2\n\n"))
	usage := exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported}
	if !f.Done(&Entry{TTL: 365 * 24 * time.Hour, Usage: usage, Cost: 7, Priced: true, Provider: "p", Model: "m", Target: "t"}) {
		t.Fatal("it was not kept")
	}
	want := &Entry{
		Status: 201, ContentType: []byte("text/event-stream"), Stream: true, Body: []byte("data: 1\n\ndata: 2\n\n"),
		Usage: usage, Cost: 7, Priced: true, Provider: "p", Model: "m", Target: "t",
		Asked: asked, Stored: clock.now(), TTL: MaxTTL, Labels: labels,
	}
	if diff := cmp.Diff(want, c.Get(numbered(1), 0)); diff != "" {
		t.Error(diff)
	}
}

func TestTheMemoryChangesItsSize(t *testing.T) {
	c, _ := made(t, 1<<20)
	fill := func() {
		for n := range uint64(200) {
			answered(c, numbered(n), &Terms{}, string(make([]byte, 4000)))
		}
	}
	fill()
	if n := c.Len(); n < 150 || c.Bytes() > 1<<20 {
		t.Fatalf("%d entries of %d bytes", n, c.Bytes())
	}
	c.Resize(100 << 10)
	if n := c.Bytes(); n > 100<<10 || n < 50<<10 {
		t.Errorf("made smaller, it has %d bytes", n)
	}
	c.Resize(0)
	if c.Len() != 0 || c.Bytes() != 0 || c.Get(numbered(199), 0) != nil {
		t.Error("without a size, it has something")
	}
	fill()
	if c.Len() != 0 {
		t.Error("without a size, it takes something")
	}
	c.Resize(1 << 20)
	if c.Len() != 0 {
		t.Error("what was emptied is back")
	}
	fill()
	if c.Len() < 150 {
		t.Errorf("made larger again, it has %d entries", c.Len())
	}
}

// What is expired leaves the memory without being asked for.
func TestWhatExpiresLeavesTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Bytes: 1 << 20})
		defer c.Close()
		answered(c, numbered(1), &Terms{}, "x")
		time.Sleep(time.Minute - time.Millisecond)
		if c.Get(numbered(1), 0) == nil {
			t.Error("it left before its time")
		}
		time.Sleep(3 * time.Second)
		if c.Len() != 0 {
			t.Error("it is still there")
		}
	})
}

func TestFrequentAnswersStay(t *testing.T) {
	c, _ := made(t, 1<<20)
	for n := range uint64(100) {
		answered(c, numbered(n), &Terms{}, string(make([]byte, 2000)))
	}
	for range 20 {
		for n := range uint64(100) {
			c.Get(numbered(n), 0)
		}
	}
	for n := range uint64(5000) {
		answered(c, numbered(1000+n), &Terms{}, string(make([]byte, 2000)))
	}
	kept := 0
	for n := range uint64(100) {
		if c.Get(numbered(n), 0) != nil {
			kept++
		}
	}
	if kept < 80 {
		t.Errorf("of 100 that were asked for often, %d are left after 5000 that were not", kept)
	}
	if s := c.Stats(); s.Evicted < 4000 || s.Bytes > 1<<20 {
		t.Errorf("the figures are %+v", s)
	}
}

// The bound is that of what the process really takes, while many put answers there at once.
func TestTheMemoryIsBounded(t *testing.T) {
	const bound = 8 << 20
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for size, most := range map[int]int{200: 10000, 3000: 2000, 60000: 200} {
		c, _ := made(t, bound)
		if empty := heap() - before; empty > 2<<20 {
			t.Errorf("empty it takes %d bytes", empty)
		}
		var peak atomic.Int64
		var wg sync.WaitGroup
		for g := range uint64(4) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(g, uint64(size)))
				for range most {
					key := numbered(r.Uint64())
					c.keep(&broadcast{key: key, most: 1 << 20}, &Entry{
						Status: 200, Body: make([]byte, size/2+r.IntN(size)), Asked: c.opts.Now(), Stored: c.opts.Now(), TTL: time.Hour,
						Labels: Labels{Holder: "team-a/alice", Model: "smart"},
					})
					if now := c.Bytes(); now > peak.Load() {
						peak.Store(now)
					}
				}
			})
		}
		wg.Wait()
		took := heap() - before
		t.Logf("entries of some %d bytes: %d, heap %.1f MiB of %d, counted %.1f, at most %.1f", size, c.Len(), float64(took)/(1<<20), bound>>20,
			float64(c.Bytes())/(1<<20), float64(peak.Load())/(1<<20))
		if took > bound*110/100 {
			t.Errorf("entries of some %d bytes: the heap has %d, of %d", size, took, bound)
		}
		if took < bound/2 {
			t.Errorf("entries of some %d bytes: only %d of %d are used", size, took, bound)
		}
		if peak.Load() > bound*105/100 {
			t.Errorf("entries of some %d bytes: %d were counted at a time", size, peak.Load())
		}
		c.Close()
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	c, _ := made(t, 1<<20)
	key := numbered(1)
	answered(c, key, &Terms{}, "yes")
	terms := &Terms{}
	if n := testing.AllocsPerRun(1000, func() {
		if e, _ := c.Lookup(context.Background(), key, terms); e == nil {
			t.Fatal("it is not there")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	c := New(Options{Bytes: 64 << 20})
	defer c.Close()
	keys := make([]Key, 1000)
	for n := range keys {
		keys[n] = numbered(uint64(n))
		f, _ := c.Join(keys[n], &Terms{})
		f.Done(&Entry{Status: 200, Body: make([]byte, 2000), TTL: time.Hour})
	}
	terms, ctx := &Terms{}, context.Background()
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if e, _ := c.Lookup(ctx, keys[n%len(keys)], terms); e == nil {
				b.Fatal("it is not there")
			}
			n++
		}
	})
	b.Run("hits of all at once", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			n := 0
			for pb.Next() {
				c.Lookup(ctx, keys[n%len(keys)], terms)
				n++
			}
		})
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		miss := KeyOf([]byte("miss"))
		for b.Loop() {
			c.Lookup(ctx, miss, terms)
		}
	})
}

func BenchmarkFlight(b *testing.B) {
	c := New(Options{Bytes: 64 << 20})
	defer c.Close()
	terms, body := &Terms{}, make([]byte, 2000)
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n++
		f, _ := c.Join(numbered(n), terms)
		f.Begin(200, []byte("application/json"), false)
		_, _ = f.Write(body)
		f.Done(&Entry{TTL: time.Hour})
	}
}
