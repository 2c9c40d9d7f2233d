// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const workers = 8

// together runs do in several goroutines, each with its own chance.
func together(do func(random *rand.Rand)) {
	var all sync.WaitGroup
	for i := range uint64(workers) {
		all.Go(func() { do(rand.New(rand.NewPCG(i, 7))) })
	}
	all.Wait()
}

func TestNeverMoreProbesThanAllowedAtOnce(t *testing.T) {
	r := newRig(t, usual())
	r.halfOpen()
	var under, most, given atomic.Int64
	together(func(*rand.Rand) {
		for range 5000 {
			r.b.Allows(r.now)
			ticket, ok := r.b.Take(r.now)
			if !ok {
				continue
			}
			given.Add(1)
			n := under.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			under.Add(-1)
			ticket.Done(r.now, Neutral, "")
		}
	})
	if most.Load() > 3 || given.Load() < 5000 {
		t.Errorf("%d probes at once of %d given, want at most 3 of thousands", most.Load(), given.Load())
	}
	if got := r.b.Look(r.now).State; got != HalfOpen {
		t.Errorf("the breaker is %v after probes that said nothing", got)
	}
}

func TestChangesAreToldInOrder(t *testing.T) {
	var telling atomic.Bool
	var told []Change // unguarded on purpose: one change is told after the other
	var b *Breaker
	s := usual()
	s.OpenFor = 1000
	b = New(s, rand.Float64, func(c Change) {
		if !telling.CompareAndSwap(false, true) {
			t.Error("two changes are told at once")
		}
		b.Look(c.At) // one that is told may ask
		told = append(told, c)
		telling.Store(false)
	})
	var clock atomic.Int64
	together(func(random *rand.Rand) {
		for range 5000 {
			now := clock.Add(100)
			ticket, _ := b.Take(now)
			ticket.Began(now)
			if random.IntN(500) == 0 {
				b.Pause(now, 3000)
			}
			if random.IntN(500) == 0 {
				b.Use(s)
			}
			b.Wait(now)
			ticket.Done(clock.Load(), Result(random.IntN(3)), "chance")
		}
	})
	state := Closed
	for i, c := range told {
		if c.From != state || c.To == state || c.Reason == "" {
			t.Fatalf("change %d is %+v, after %v", i, c, state)
		}
		state = c.To
	}
	if len(told) < 100 {
		t.Errorf("only %d changes were told", len(told))
	}
	now := clock.Load() + int64(time.Hour)
	if got := b.Look(now); !b.Allows(now) || got.State == Open {
		t.Errorf("the breaker is %+v long after, and nobody gets through", got)
	}
}

func TestClosedDoesNotAllocate(t *testing.T) {
	b, now := New(usual(), rand.Float64, nil), start
	got := testing.AllocsPerRun(1000, func() {
		now += int64(time.Millisecond)
		if !b.Allows(now) {
			t.Error("a closed breaker does not allow an attempt")
		}
		ticket, _ := b.Take(now)
		ticket.Began(now)
		ticket.Done(now, Success, "")
	})
	if got != 0 {
		t.Errorf("%v allocations an attempt, want none", got)
	}
}

func BenchmarkClosed(b *testing.B) {
	breaker, now := New(usual(), rand.Float64, nil), start
	b.ReportAllocs()
	for b.Loop() {
		now += 1000
		attempt(breaker, now)
	}
}

func BenchmarkClosedParallel(b *testing.B) {
	breaker := New(usual(), rand.Float64, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for now := start; pb.Next(); now += 1000 {
			attempt(breaker, now)
		}
	})
}

func BenchmarkOpenAllows(b *testing.B) {
	breaker := New(usual(), rand.Float64, nil)
	breaker.Pause(start, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if breaker.Allows(start) {
			b.Fatal("a paused breaker allows an attempt")
		}
	}
}

func attempt(b *Breaker, now int64) {
	if b.Allows(now) {
		ticket, _ := b.Take(now)
		ticket.Began(now)
		ticket.Done(now, Success, "")
	}
}
