// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

func slots(n, queue int64) config.Quota { return config.Quota{Concurrency: n, QueueLength: queue} }

func woken(w *Waiter) bool {
	select {
	case <-w.C:
		return true
	default:
		return false
	}
}

// stand makes waiters that stand in the provider's queue in order and were told to try once already.
func stand(t *testing.T, p *Provider, n int) (all []*Waiter) {
	t.Helper()
	for range n {
		w := NewWaiter()
		if !p.Join(w) {
			t.Fatal("the queue is full")
		}
		woken(w)
		all = append(all, w)
	}
	return all
}

func mustTake(t *testing.T, target *Target, w *Waiter) Grant {
	t.Helper()
	g, _, ok := target.Take(start, 1, w)
	if !ok {
		t.Fatal("refused")
	}
	return g
}

func mustNotTake(t *testing.T, target *Target, w *Waiter) time.Duration {
	t.Helper()
	_, wait, ok := target.Take(start, 1, w)
	if ok {
		t.Fatal("granted")
	}
	return wait
}

func TestAFullQueueRefuses(t *testing.T) {
	p := New(slots(1, 2))
	stood := stand(t, p, 2)
	late := NewWaiter()
	if p.Join(late) {
		t.Error("a third waits in a queue of two")
	}
	if !p.Join(stood[1]) || p.Sight(start).Waiting != 2 {
		t.Error("who waits already does not stay where it is")
	}
	p.Leave(stood[0])
	if !p.Join(late) {
		t.Error("there is no place where one left")
	}
	if New(slots(1, 0)).Join(NewWaiter()) {
		t.Error("one waits where there is no queue")
	}
}

func TestAnEndWakesTheFirstAlone(t *testing.T) {
	p := New(slots(1, 9))
	target := p.Target()
	g := mustTake(t, target, nil)
	stood := stand(t, p, 3)
	g.Settle(start, -1)
	if !woken(stood[0]) || woken(stood[1]) || woken(stood[2]) {
		t.Error("others than the first were woken")
	}
	mustNotTake(t, target, nil)
	mustNotTake(t, target, stood[1])
	mustTake(t, target, stood[0])
	if p.Sight(start).Waiting != 2 {
		t.Error("who was granted a slot still waits")
	}
}

func TestWhoLeavesPassesTheWakeUpOn(t *testing.T) {
	p := New(slots(1, 9))
	target := p.Target()
	g := mustTake(t, target, nil)
	stood := stand(t, p, 3)
	g.Settle(start, -1)
	p.Leave(stood[0])
	if !woken(stood[1]) {
		t.Error("the next was not woken")
	}
	p.Leave(stood[0])
	p.Leave(stood[2])
	mustTake(t, target, stood[1])
	mustNotTake(t, target, stood[0])
	if woken(stood[0]) || woken(stood[2]) {
		t.Error("who left is woken")
	}
}

func TestWhoIsGrantedWakesTheNext(t *testing.T) {
	p := New(slots(2, 9))
	target := p.Target()
	g, other := mustTake(t, target, nil), mustTake(t, target, nil)
	stood := stand(t, p, 2)
	g.Settle(start, -1)
	other.Settle(start, -1)
	mustTake(t, target, stood[0])
	if !woken(stood[1]) {
		t.Error("the second slot was given to nobody")
	}
	mustTake(t, target, stood[1])
}

func TestWhatComesBetweenRefusalAndJoiningIsNotLost(t *testing.T) {
	p := New(slots(1, 9))
	target := p.Target()
	g := mustTake(t, target, nil)
	mustNotTake(t, target, nil)
	g.Settle(start, -1)
	w := NewWaiter()
	p.Join(w)
	if !woken(w) {
		t.Error("the first in the queue waits for an end that was")
	}
}

func TestOtherLimitsWakeTheFirst(t *testing.T) {
	p := New(slots(1, 9))
	target := p.Target()
	mustTake(t, target, nil)
	stood := stand(t, p, 2)
	p.Use(slots(3, 1))
	if !woken(stood[0]) {
		t.Error("the first was not told of more slots")
	}
	mustTake(t, target, stood[0])
	mustTake(t, target, stood[1])
	stood = stand(t, p, 1)
	p.Use(config.Quota{})
	mustNotTake(t, target, nil)
	mustTake(t, target, stood[0])
	mustTake(t, target, nil)
}

func TestOneMayWaitForSeveralProviders(t *testing.T) {
	busy, free := New(slots(1, 9)), New(slots(1, 9))
	one, other := busy.Target(), free.Target()
	mustTake(t, one, nil)
	g := mustTake(t, other, nil)
	w, next := NewWaiter(), NewWaiter()
	for _, p := range []*Provider{busy, free} {
		p.Join(w)
		p.Join(next)
	}
	woken(w)
	woken(next)
	g.Settle(start, -1)
	if !woken(w) {
		t.Fatal("not woken by the second provider")
	}
	mustNotTake(t, one, w)
	g = mustTake(t, other, w)
	busy.Leave(w)
	free.Leave(w)
	if !woken(next) {
		t.Error("the next was not woken")
	}
	g.Settle(start, -1)
	mustTake(t, other, next)
	// It can be used again, also where it waited before.
	busy.Leave(next)
	if woken(next) || !busy.Join(next) || len(next.places) != 2 {
		t.Errorf("a used waiter is not as new: %d places", len(next.places))
	}
}

func TestAModelThatIsOutIsInTheWayOfNobody(t *testing.T) {
	p := New(slots(1, 9))
	out, other := p.Target(), p.Target()
	out.learn(start, noon, openai("Requests", "", "0", "5s").get)
	g := mustTake(t, other, nil)
	stood := stand(t, p, 3)
	g.Settle(start, -1)
	if wait := mustNotTake(t, out, stood[0]); wait != 5*time.Second || !woken(stood[1]) {
		t.Fatalf("wait %s, and the next was not told", wait)
	}
	g = mustTake(t, other, stood[1])
	if p.Sight(start).Waiting != 2 {
		t.Error("who stepped aside does not wait any more")
	}
	// Once it may go on, it stands where it stood.
	later := start + int64(5*time.Second)
	if _, wait, ok := out.Take(later, 1, stood[0]); ok || wait != 0 {
		t.Errorf("granted %v, wait %s", ok, wait)
	}
	woken(stood[2])
	g.Settle(later, -1)
	if !woken(stood[0]) || woken(stood[2]) {
		t.Error("who came back does not stand first")
	}
	if _, _, ok := out.Take(later, 1, stood[0]); !ok {
		t.Error("refused")
	}
}

func TestThoseWhoComeBackFromAsideStandByArrival(t *testing.T) {
	p := New(slots(1, 9))
	out, other := p.Target(), p.Target()
	out.learn(start, noon, openai("Requests", "", "0", "5s").get)
	stood := stand(t, p, 4)
	for _, w := range stood[:3] {
		mustNotTake(t, out, w)
	}
	g := mustTake(t, other, stood[3])
	late := stand(t, p, 1)[0]
	for _, i := range []int{1, 0, 2} {
		mustNotTake(t, other, stood[i])
	}
	for _, w := range []*Waiter{stood[0], stood[1], stood[2], late} {
		g.Settle(start, -1)
		g = mustTake(t, other, w)
	}
}

func TestWhoIsAsideIsToldOfBetterNews(t *testing.T) {
	p := New(slots(9, 9))
	target, other := p.Target(), p.Target()
	target.learn(start, noon, openai("Requests", "", "0", "5s").get)
	stood := stand(t, p, 2)
	mustNotTake(t, target, stood[0])
	woken(stood[1])
	other.learn(start, noon, openai("Requests", "", "9", "9s").get)
	target.learn(start, noon, openai("Requests", "", "0", "9s").get)
	if woken(stood[0]) {
		t.Error("woken for nothing")
	}
	target.learn(start, noon, openai("Requests", "", "9", "19s").get)
	if !woken(stood[0]) || woken(stood[1]) {
		t.Error("the one who could go on was not woken alone")
	}
	mustTake(t, target, stood[0])
	p.Leave(stood[1])
}

func TestWhoLeavesFromAsideIsGone(t *testing.T) {
	p := New(slots(9, 1))
	target := p.Target()
	target.learn(start, noon, openai("Requests", "", "0", "5s").get)
	stood := stand(t, p, 1)
	mustNotTake(t, target, stood[0])
	if p.Join(NewWaiter()) {
		t.Error("those aside do not count as waiting")
	}
	p.Leave(stood[0])
	if got := p.Sight(start).Waiting; got != 0 {
		t.Errorf("%d wait", got)
	}
}

// patience is longer than any test waits that loses no wake-up.
const patience = 30 * time.Second

// visit is what a request does: it takes, or waits and takes, at any of the targets.
func visit(now func() int64, targets []*Target, n int64, w *Waiter) (Grant, bool) {
	for _, t := range targets {
		if g, _, ok := t.Take(now(), n, nil); ok {
			return g, true
		}
	}
	for _, t := range targets {
		if !t.provider.Join(w) {
			return Grant{}, false
		}
	}
	defer func() {
		for _, t := range targets {
			t.provider.Leave(w)
		}
	}()
	for {
		next := patience
		for _, t := range targets {
			g, wait, ok := t.Take(now(), n, w)
			if ok {
				return g, true
			}
			if wait > 0 {
				next = min(next, wait)
			}
		}
		timer := time.NewTimer(next)
		select {
		case <-w.C:
		case <-timer.C:
			if next == patience {
				return Grant{}, false
			}
		}
		timer.Stop()
	}
}

func TestEverybodyIsServedInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		now := func() int64 { return start + int64(time.Since(begun)) }
		p := New(config.Quota{
			Concurrency: 3, QueueLength: 100, Tokens: tokensOf(1000, time.Second).Tokens, Requests: requestsOf(20, 5, time.Second).Requests,
		})
		target := []*Target{p.Target()}
		var served []int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i)) // One after the other.
				g, ok := visit(now, target, 100, NewWaiter())
				if !ok {
					t.Errorf("%d was not served", i)
				}
				mu.Lock()
				served = append(served, i)
				mu.Unlock()
				if got := p.Sight(now()).InFlight; got > 3 {
					t.Errorf("%d in flight", got)
				}
				time.Sleep(time.Duration(1+i%7) * 30 * time.Millisecond)
				g.Settle(now(), int64(i))
			})
		}
		all.Wait()
		if !slices.IsSorted(served) || len(served) != 100 {
			t.Errorf("served in the order %v", served)
		}
		if got := p.Sight(now()); got != (Sight{}) {
			t.Errorf("%+v remains", got)
		}
		if took := time.Since(begun); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("100 requests at 20 a second took %s", took)
		}
	})
}

func TestCrowdsAtSeveralProvidersAreAllServed(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			now := func() int64 { return start + int64(time.Since(begun)) }
			var targets []*Target
			for i := range int64(3) {
				p := New(config.Quota{Concurrency: 1 + i, QueueLength: 100, Tokens: tokensOf(2000, time.Second).Tokens})
				targets = append(targets, p.Target(), p.Target())
			}
			var all sync.WaitGroup
			for i := range uint64(100) {
				all.Go(func() {
					random := rand.New(rand.NewPCG(seed, i))
					mine := slices.Clone(targets)
					random.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
					time.Sleep(time.Duration(random.IntN(int(time.Second))))
					g, ok := visit(now, mine[:1+random.IntN(4)], 1+random.Int64N(400), NewWaiter())
					if !ok {
						t.Errorf("seed %d: %d was not served", seed, i)
					}
					time.Sleep(time.Duration(random.IntN(int(100 * time.Millisecond))))
					if random.IntN(4) == 0 {
						targets[random.IntN(6)].learn(now(), noon, openai("Requests", "", "1", "300ms").get)
					}
					g.Settle(now(), random.Int64N(500)-1)
				})
			}
			all.Wait()
			for i := range 3 {
				if got := targets[2*i].provider.Sight(now() + int64(time.Second)); got != (Sight{}) {
					t.Errorf("seed %d: %+v remains", seed, got)
				}
			}
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("seed %d: took %s, so a wake-up was lost", seed, took)
			}
		})
	}
}

// Real goroutines on a real clock, for the race detector and for the roads without the lock.
func TestNoWakeUpIsLostUnderContention(t *testing.T) {
	for _, q := range []config.Quota{slots(2, 100), {Concurrency: 2, QueueLength: 100, Tokens: tokensOf(1<<40, time.Second).Tokens}} {
		p := New(q)
		targets := []*Target{p.Target()}
		begun := time.Now()
		now := func() int64 { return start + int64(time.Since(begun)) }
		var busy, most atomic.Int64
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				w := NewWaiter()
				for range 200 {
					g, ok := visit(now, targets, 5, w)
					if !ok {
						t.Error("not served")
						return
					}
					if n := busy.Add(1); n > most.Load() {
						most.Store(n)
					}
					busy.Add(-1)
					g.Settle(now(), 3)
				}
			})
		}
		all.Wait()
		if most.Load() > 2 || p.Sight(now()) != (Sight{}) {
			t.Errorf("%d at once, and %+v remains", most.Load(), p.Sight(now()))
		}
	}
}

func TestLimitsMayChangeUnderWay(t *testing.T) {
	p := New(config.Quota{})
	targets := []*Target{p.Target(), p.Target()}
	begun := time.Now()
	now := func() int64 { return start + int64(time.Since(begun)) }
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			w := NewWaiter()
			for range 300 {
				g, ok := visit(now, targets[i%2:], 5, w)
				if !ok {
					t.Error("not served")
					return
				}
				targets[0].learn(now(), noon, openai("Tokens", "9", "9", "1ms").get)
				targets[1].Allows(now(), 5)
				g.Settle(now(), -1)
			}
		})
	}
	for i := range int64(300) {
		p.Use(config.Quota{Concurrency: i % 4, QueueLength: 100, Tokens: tokensOf(1<<40+i, time.Second).Tokens})
		p.Use(config.Quota{QueueLength: 100})
	}
	all.Wait()
	if got := p.Sight(now() + int64(time.Hour)); got != (Sight{}) {
		t.Errorf("%+v remains", got)
	}
}
