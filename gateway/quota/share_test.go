// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestShare(t *testing.T) {
	const ms = time.Millisecond
	use := func(q config.Quota) *config.Quota { return &q }
	thousand := tokensOf(1200, 1200*ms)
	tests := map[string]struct {
		quota config.Quota
		steps []step
	}{
		"a part of the requests comes at a part of the pace": {requestsOf(60, 6, time.Minute), []step{
			{share: 3}, {}, {}, {no: true, wait: 3 * time.Second}, {after: 3 * time.Second}, {no: true, wait: 3 * time.Second},
		}},
		"of fewer requests than pods one passes, then the next in its turn": {requestsOf(2, 2, time.Minute), []step{
			{share: 5}, {}, {no: true, wait: 150 * time.Second}, {after: 150 * time.Second}, {no: true, wait: 150 * time.Second},
		}},
		"a part of the tokens": {thousand, []step{
			{share: 3}, {tokens: 300}, {tokens: 100}, {tokens: 10, no: true, wait: 30 * ms}, {after: 30 * ms, tokens: 10},
		}},
		"more tokens than the part holds pass when it is full, and are paid for": {thousand, []step{
			{share: 3}, {tokens: 1}, {tokens: 800, no: true, wait: 3 * ms}, {after: 3 * ms, tokens: 800}, {tokens: 1, no: true, wait: 1203 * ms},
		}},
		"a part of the slots": {config.Quota{Concurrency: 7}, []step{
			{share: 3}, {}, {}, {no: true}, {settle: 2}, {}, {no: true},
		}},
		"of fewer slots than pods each has one": {config.Quota{Concurrency: 2}, []step{{share: 5}, {}, {no: true}}},
		"fewer than one pod are one":            {config.Quota{Concurrency: 2}, []step{{share: 2}, {}, {no: true}, {share: -1}, {}, {no: true}}},
		"slots in use stay in use": {config.Quota{Concurrency: 4}, []step{
			{}, {}, {}, {share: 2}, {no: true}, {settle: 1}, {no: true}, {settle: 2}, {}, {no: true}, {share: 1}, {}, {}, {no: true},
		}},
		"where a pod comes, what was taken stays taken": {thousand, []step{
			{share: 2}, {tokens: 300}, {share: 3}, {tokens: 101, no: true, wait: 3 * ms}, {tokens: 100},
		}},
		"where a pod comes, what was too much is owed": {thousand, []step{
			{share: 2}, {tokens: 600}, {share: 3}, {tokens: 1, no: true, wait: 603 * ms},
		}},
		"where a pod goes, what was taken stays taken": {thousand, []step{
			{share: 3}, {tokens: 400}, {share: 2}, {tokens: 201, no: true, wait: 2 * ms}, {tokens: 200},
		}},
		"what came back meanwhile is not taken again": {thousand, []step{
			{tokens: 1200}, {after: 600 * ms, share: 2}, {tokens: 1, no: true, wait: 2 * ms}, {share: 1}, {tokens: 600},
		}},
		"an estimate comes back as what it was": {thousand, []step{
			{share: 2}, {tokens: 500}, {share: 4}, {settle: 2, tokens: 200}, {tokens: 101, no: true, wait: 4 * ms}, {tokens: 100},
		}},
		"other limits are shared too": {thousand, []step{
			{share: 3}, {use: use(requestsOf(60, 6, time.Minute))}, {}, {}, {no: true, wait: 3 * time.Second},
		}},
		"what was taken of the part of a wider limit is the whole of it at most": {tokensOf(2400, 1200*ms), []step{
			{share: 2}, {tokens: 1000}, {use: use(thousand)}, {tokens: 1, no: true, wait: 2 * ms},
		}},
		"what was borrowed of the whole is owed to other limits too": {thousand, []step{
			{share: 3}, {tokens: 1200}, {use: use(tokensOf(2400, 1200*ms))}, {tokens: 1, no: true, wait: 601500 * time.Microsecond},
		}},
		"the whole again once alone": {requestsOf(60, 6, time.Minute), []step{
			{share: 3}, {}, {share: 1}, {}, {}, {}, {}, {}, {no: true, wait: time.Second},
		}},
		"without limits there is nothing to share": {config.Quota{}, []step{{share: 3}, {}, {tokens: 1 << 40}, {}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { run(t, New(tc.quota), tc.steps) })
	}
}

func TestALargerPartWakesTheFirst(t *testing.T) {
	p := New(slots(4, 9))
	p.Share(start, 4)
	target := p.Target()
	mustTake(t, target, nil)
	stood := stand(t, p, 2)
	mustNotTake(t, target, stood[0])
	p.Share(start, 4)
	if woken(stood[0]) {
		t.Error("woken though nothing changed")
	}
	p.Share(start, 2)
	if !woken(stood[0]) || woken(stood[1]) {
		t.Error("the first alone should be told of another slot")
	}
	mustTake(t, target, stood[0])
	mustNotTake(t, target, stood[1])
	p.Share(start, 9)
	if p.Sight(start) != (Sight{InFlight: 2, Waiting: 1}) {
		t.Errorf("%+v: what is under way and who waits is not forgotten", p.Sight(start))
	}
}

// The provider tells what is left of the account, of which every pod hears.
func TestWhatTheProviderTellsIsNotShared(t *testing.T) {
	p := New(config.Quota{})
	target := p.Target()
	target.learn(start, noon, openai("Requests", "60", "6", "6s").get)
	p.Share(start, 3)
	for i := range 6 {
		if _, _, ok := target.Take(start, 1, nil); !ok {
			t.Fatalf("request %d of 6 is refused", i+1)
		}
	}
	p.Share(start, 5)
	if _, wait, ok := target.Take(start, 1, nil); ok || wait <= 0 || target.Out(start) == 0 {
		t.Errorf("granted %v, wait %s", ok, wait)
	}
}

// fleet are pods of one provider, of which each takes as much as it may.
type fleet struct {
	q    config.Quota
	pods []*Provider
	took int64
}

// be lets as many pods serve. Those that come begin with nothing taken.
func (f *fleet) be(now int64, pods int) {
	f.pods = f.pods[:min(len(f.pods), pods)]
	for len(f.pods) < pods {
		f.pods = append(f.pods, New(f.q))
	}
	for _, p := range f.pods {
		p.Share(now, pods)
	}
}

// take lets each pod make requests of so many tokens, until it may not.
func (f *fleet) take(now, tokens int64) {
	for _, p := range f.pods {
		for {
			g, _, ok := p.Target().Take(now, tokens, nil)
			if !ok {
				break
			}
			f.took++
			g.Settle(now, tokens)
		}
	}
}

// Pods that are always asked more than they may let through take what is there at first, and then what comes back: all of
// it, to the last request of each.
func TestPodsTogetherTakeTheLimitAndNotMore(t *testing.T) {
	for name, q := range map[string]config.Quota{
		"requests": requestsOf(600, 600, time.Minute),
		"tokens":   tokensOf(60_000, time.Minute),
		"a few":    requestsOf(5, 5, time.Minute),
	} {
		for _, pods := range []int{1, 3, 40} {
			t.Run(fmt.Sprintf("%s, %d pods", name, pods), func(t *testing.T) {
				limit := int64(600)
				if name == "a few" {
					limit = 5
				}
				f := &fleet{q: q}
				f.be(start, pods)
				const minutes = 10
				for at := time.Duration(0); at < minutes*time.Minute; at += 100 * time.Millisecond {
					f.take(start+int64(at), 100)
				}
				// Where there are fewer than pods, each has one at once nevertheless.
				atOnce := max(limit, int64(pods))
				if most := atOnce + minutes*limit; f.took > most || f.took < most-2*int64(pods)-1 {
					t.Errorf("%d requests in %d minutes, want %d", f.took, minutes, most)
				}
			})
		}
	}
}

// walk lets pods come and go every while, and take whatever they may for so many minutes. It gives what they took.
func walk(q config.Quota, minutes int, every time.Duration, next func(pods int) int) int64 {
	f := &fleet{q: q}
	pods := next(0)
	f.be(start, pods)
	for at := time.Duration(0); at < time.Duration(minutes)*time.Minute; at += 100 * time.Millisecond {
		if at > 0 && at%every == 0 {
			pods = next(pods)
			f.be(start+int64(at), pods)
		}
		f.take(start+int64(at), 1)
	}
	return f.took
}

// A pod that comes brings its part, full; what the others took of larger parts they owe.
func TestAsPodsComeTheLimitIsKept(t *testing.T) {
	const limit, minutes = 600, 10
	took := walk(requestsOf(limit, limit, time.Minute), minutes, 90*time.Second, func(pods int) int { return max(2, pods+1) })
	if most := int64(limit * (1 + minutes)); took > most || took < most*9/10 {
		t.Errorf("%d requests in %d minutes, want %d", took, minutes, most)
	}
}

func TestAsPodsComeAndGoTheLimitIsKept(t *testing.T) {
	const limit, minutes = 600, 20
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 5))
		gone := int64(0)
		took := walk(requestsOf(limit, limit, time.Minute), minutes, 20*time.Second, func(pods int) int {
			next := max(1, pods-1+random.IntN(3))
			if next < pods {
				// It takes along what it took, its debts too, as a process that ends always did.
				gone += 2 * limit / int64(pods)
			}
			return next
		})
		if most := limit*(1+minutes) + gone; took > most || took < limit*minutes*9/10 {
			t.Errorf("seed %d: %d requests in %d minutes, want %d at most", seed, took, minutes, most)
		}
	}
}

func TestTheNumberOfPodsMayChangeUnderWay(t *testing.T) {
	p := New(config.Quota{Concurrency: 4, QueueLength: 100, Tokens: tokensOf(1<<40, time.Second).Tokens})
	targets := []*Target{p.Target()}
	begun := time.Now()
	now := func() int64 { return start + int64(time.Since(begun)) }
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			w := NewWaiter()
			for range 300 {
				g, ok := visit(now, targets, 5, w)
				if !ok {
					t.Error("not served")
					return
				}
				g.Settle(now(), 3)
			}
		})
	}
	for i := range 600 {
		p.Share(now(), 1+i%6)
	}
	p.Share(now(), 1)
	all.Wait()
	if got := p.Sight(now()); got != (Sight{}) {
		t.Errorf("%+v remains", got)
	}
}

func BenchmarkTakeOfAPartWithAllLimits(b *testing.B) {
	p := New(wide)
	p.Share(start, 3)
	target, now := p.Target(), start
	b.ReportAllocs()
	for b.Loop() {
		now++
		g, _, ok := target.Take(now, 100, nil)
		if !ok {
			b.Fatal("refused")
		}
		g.Settle(now, 90)
	}
}

func TestAPartDoesNotAllocate(t *testing.T) {
	p := New(wide)
	target, pods := p.Target(), 0
	if n := testing.AllocsPerRun(100, func() {
		pods++
		p.Share(start, pods)
		g, _, _ := target.Take(start, 5, nil)
		g.Settle(start, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
