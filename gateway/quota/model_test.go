// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// credit is a token bucket as the books have it: what is there, filled up as time goes by, in the time that it takes.
type credit struct{ unit, capacity, there, at, parts int64 }

func (c *credit) fill(now int64) {
	c.there = min(c.capacity, c.there+now-c.at)
	c.at = now
}

// price is what n units have to find there, and cost what they then take: in a part they may owe as much as the whole has.
func (c *credit) price(n int64) int64 { return min(n*c.unit*c.parts, c.capacity) }

func (c *credit) cost(n int64) int64 { return min(n*c.unit*c.parts, c.capacity*c.parts) }

// split makes it another part. Its period is a second.
func (c *credit) split(parts int64) {
	taken := c.capacity - c.there
	scaled := (taken*parts + c.parts - 1) / c.parts
	if parts > c.parts {
		scaled = max(min(scaled, c.capacity+int64(time.Second)), taken)
	}
	c.parts, c.there = parts, c.capacity-scaled
}

// reference is a provider of one model, with one limit of each kind, written as simply as can be.
type reference struct {
	requests, tokens credit
	slots, busy      int64 // slots of all parts
	room             int
	queue            []*Waiter
}

func (r *reference) fill(now int64) {
	r.requests.fill(now)
	r.tokens.fill(now)
}

func (r *reference) mine() int64 { return max(r.slots/r.tokens.parts, 1) }

// wait is that of a request that stands first; -1 when it needs a slot.
func (r *reference) wait(n int64) time.Duration {
	if r.busy >= r.mine() {
		return -1
	}
	return time.Duration(max(r.requests.price(1)-r.requests.there, r.tokens.price(n)-r.tokens.there, 0))
}

func (r *reference) take(n int64, w *Waiter) (time.Duration, bool) {
	if len(r.queue) > 0 && r.queue[0] != w {
		return 0, false
	}
	if wait := r.wait(n); wait != 0 {
		return max(wait, 0), false
	}
	r.busy++
	r.requests.there -= r.requests.cost(1)
	r.tokens.there -= r.tokens.cost(n)
	r.leave(w)
	return 0, true
}

func (r *reference) settle(estimate, truth int64) {
	r.busy--
	if truth < 0 {
		return
	}
	c := &r.tokens
	c.there = min(c.capacity, max(c.there+c.cost(estimate)-truth*c.unit*c.parts, min(c.there, -int64(time.Second)*c.parts)))
}

func (r *reference) join(w *Waiter) bool {
	if slices.Contains(r.queue, w) {
		return true
	}
	if len(r.queue) >= r.room {
		return false
	}
	r.queue = append(r.queue, w)
	return true
}

func (r *reference) leave(w *Waiter) {
	r.queue = slices.DeleteFunc(r.queue, func(other *Waiter) bool { return other == w })
}

// asker is a waiter with what it wants and when, as it was told, it may have it by the clock alone.
type asker struct {
	w      *Waiter
	tokens int64
	due    int64
}

type held struct {
	g        Grant
	estimate int64
}

func TestRandomOperationsAgreeWithTheReference(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

// game is one random run of the two side by side.
type game struct {
	*testing.T
	random *rand.Rand
	now    int64
	p      *Provider
	target *Target
	ref    *reference
	askers []*asker
	held   []held
}

func play(t *testing.T, random *rand.Rand) {
	const ms = int64(time.Millisecond)
	slots := 1 + random.Int64N(6)
	q := config.Quota{
		Requests: requestsOf(50, 5, time.Second).Requests, Tokens: tokensOf(1000, time.Second).Tokens,
		Concurrency: slots, QueueLength: 4,
	}
	g := &game{T: t, random: random, now: start, p: New(q), ref: &reference{
		requests: credit{20 * ms, 100 * ms, 100 * ms, start, 1}, tokens: credit{ms, 1000 * ms, 1000 * ms, start, 1}, slots: slots, room: 4,
	}}
	g.target = g.p.Target()
	for range 6 {
		g.askers = append(g.askers, &asker{w: NewWaiter()})
	}
	for range 400 {
		g.operate()
		g.check()
	}
}

func (g *game) operate() {
	a := g.askers[g.random.IntN(len(g.askers))]
	waits := slices.Contains(g.ref.queue, a.w)
	switch g.random.IntN(9) {
	case 0:
		g.now += g.random.Int64N(int64(40 * time.Millisecond))
		g.ref.fill(g.now)
	case 1, 2:
		g.take(nil, 1+g.random.Int64N(300))
	case 3, 4:
		if !waits {
			a.tokens, a.due = 1+g.random.Int64N(1500), 0
		}
		select {
		case <-a.w.C:
		default:
		}
		wait, ok := g.take(a.w, a.tokens)
		if a.due = g.now + int64(wait); ok || wait == 0 {
			a.due = 1 << 62
		}
	case 5:
		want := g.ref.join(a.w)
		if !waits {
			a.tokens, a.due = 1+g.random.Int64N(1500), 1<<62
		}
		if got := g.p.Join(a.w); got != want {
			g.Fatalf("joined %v, want %v", got, want)
		}
	case 6:
		if g.random.IntN(3) == 0 {
			g.ref.leave(a.w)
			g.p.Leave(a.w)
		}
	case 7:
		if g.random.IntN(5) == 0 {
			g.share(1 + g.random.Int64N(4))
		}
	default:
		g.settle()
	}
}

func (g *game) take(w *Waiter, n int64) (time.Duration, bool) {
	if w == nil {
		allowed := g.target.Allows(g.now, n)
		if want := len(g.ref.queue) == 0 && g.ref.wait(n) == 0; allowed != want {
			g.Fatalf("Allows says %v, want %v", allowed, want)
		}
	}
	grant, wait, ok := g.target.Take(g.now, n, w)
	wantWait, want := g.ref.take(n, w)
	if ok != want || wait != wantWait {
		g.Fatalf("%d tokens: granted %v, wait %s, want %v and %s", n, ok, wait, want, wantWait)
	}
	if ok {
		g.held = append(g.held, held{grant, n})
	}
	return wait, ok
}

// share changes how many share. Who waits is told, as it may have to wait shorter now.
func (g *game) share(parts int64) {
	g.ref.requests.split(parts)
	g.ref.tokens.split(parts)
	g.p.Share(g.now, int(parts))
}

func (g *game) settle() {
	if len(g.held) == 0 {
		return
	}
	i := g.random.IntN(len(g.held))
	h := g.held[i]
	g.held = slices.Delete(g.held, i, i+1)
	truth := g.random.Int64N(h.estimate*2) - 1
	g.ref.settle(h.estimate, truth)
	h.g.Settle(g.now, truth)
}

// check compares what can be seen, and that no wake-up is lost: when who stands first could have what it wants, it has
// been woken, or was told that it may by now.
func (g *game) check() {
	want := Sight{InFlight: g.ref.busy, Waiting: int64(len(g.ref.queue))}
	if got := g.p.Sight(g.now); got != want {
		g.Fatalf("%+v, want %+v", got, want)
	}
	if want.InFlight > g.ref.slots {
		g.Fatalf("%d in flight of at most %d", want.InFlight, g.ref.slots)
	}
	if len(g.ref.queue) == 0 {
		return
	}
	i := slices.IndexFunc(g.askers, func(a *asker) bool { return a.w == g.ref.queue[0] })
	if a := g.askers[i]; g.ref.wait(a.tokens) == 0 && len(a.w.C) == 0 && g.now < a.due {
		g.Fatal("the first was not woken")
	}
}
