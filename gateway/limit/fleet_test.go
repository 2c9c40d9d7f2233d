// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const exchangeEvery = 2 * time.Second

// pod is one process of a fleet.
type pod struct {
	instance string
	book     *Book
	cursor   int64
	parts    Parts
	route    Part
}

// operator tells pods of each other, as the real one does: each of what it knew of the others a round ago, or less.
type operator struct {
	pods  []*pod
	told  map[string]map[string]config.HolderUse // by instance and holder; of pods that are gone too
	given map[string]map[string]config.HolderUse // what each pod was told last
	wall  *wall
	rules func(b *Book) (Parts, Part)
	born  int
}

func newFleet(n int, w *wall, rules func(b *Book) (Parts, Part)) *operator {
	o := &operator{told: map[string]map[string]config.HolderUse{}, given: map[string]map[string]config.HolderUse{}, wall: w, rules: rules}
	o.pods = make([]*pod, n)
	for i := range o.pods {
		o.restart(i)
	}
	return o
}

// restart replaces a pod by a new process, which knows nothing.
func (o *operator) restart(i int) {
	o.born++
	p := &pod{instance: fmt.Sprint("pod-", o.born), book: newBook(o.wall)}
	p.book.SetMode(Gossip(len(o.pods)))
	p.parts, p.route = o.rules(p.book)
	o.pods[i] = p
	o.told[p.instance], o.given[p.instance] = map[string]config.HolderUse{}, map[string]config.HolderUse{}
}

// elsewhere is what all other processes counted, of holders of which it has grown.
func (o *operator) elsewhere(instance string) (all []config.HolderUse) {
	sums := map[string]config.HolderUse{}
	for other, holders := range o.told {
		if other == instance {
			continue
		}
		for name, u := range holders {
			sum := sums[name]
			sum.Holder = name
			sum.Add(&u)
			sums[name] = sum
		}
	}
	for name, sum := range sums {
		if o.given[instance][name] != sum {
			o.given[instance][name] = sum
			all = append(all, sum)
		}
	}
	return all
}

// poll calls one pod.
func (o *operator) poll(now int64, i int) {
	p := o.pods[i]
	a := p.book.Exchange(now, config.UsageCall{
		Instance: p.instance, Replicas: len(o.pods), After: p.cursor, Elsewhere: o.elsewhere(p.instance),
	}, p.instance)
	p.cursor = a.Cursor
	for _, u := range a.Holders {
		o.told[p.instance][u.Holder] = u
	}
}

// total is what all processes told of a holder.
func (o *operator) total(holder string) (sum config.HolderUse) {
	for _, holders := range o.told {
		u := holders[holder]
		sum.Add(&u)
	}
	return sum
}

// The bound on requests: in any time T, N pods that exchange every E let N bursts pass, what refills in T, and what refills
// for each of the others until they have told it, which takes two exchanges at most.
func TestTheBoundOnRequestsOfSeveralPods(t *testing.T) {
	const count, burst, per = 60, 10, time.Minute
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 5))
		n := 1 + random.IntN(5)
		o := newFleet(n, &wall{noon}, func(b *Book) (Parts, Part) {
			return Parts{on(b, "key/a", requests(request(count, burst, per)))}, Part{}
		})
		var passed []int64
		// What is told first is of another time, so it begins with one request of each.
		for i := range o.pods {
			spend(start-int64(time.Hour), o.pods[i].parts, of(1, 1), 1)
		}
		for range 2 {
			for i := range o.pods {
				o.poll(start-int64(time.Hour), i)
			}
		}
		busy := true
		for at := time.Duration(0); at < 8*time.Minute; at += 100 * time.Millisecond {
			now := start + int64(at)
			if random.IntN(300) == 0 {
				busy = !busy
			}
			for i, p := range o.pods {
				// Each is called at its own time of the round, first or last.
				if at%exchangeEvery == time.Duration(i)*100*time.Millisecond {
					o.poll(now, i)
				}
				if busy {
					for range spend(now, p.parts, of(1, 1), 12) {
						passed = append(passed, now)
					}
				}
			}
		}
		most := 0.0
		for i := range passed {
			for j := i; j < len(passed); j++ {
				window := time.Duration(passed[j] - passed[i])
				refilled := float64(window+time.Duration(n-1)*2*exchangeEvery) * count / float64(per)
				bound := float64(n*burst) + refilled
				if got := float64(j - i + 1); got > bound {
					t.Fatalf("seed %d: %d pods let %.0f requests pass in %s, want at most %.1f", seed, n, got, window, bound)
				}
				most = max(most, float64(j-i+1)/bound)
			}
		}
		if most < 0.5 {
			t.Errorf("seed %d: at most %.2f of the bound was reached", seed, most)
		}
	}
}

// The bound on budgets: requests that are over before the next exchange never overrun one, whatever the number of pods.
func TestSeveralPodsKeepABudget(t *testing.T) {
	const amount = 100_000
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 6))
		n := 1 + random.IntN(5)
		w := &wall{noon}
		o := newFleet(n, w, func(b *Book) (Parts, Part) { return Parts{on(b, "key/a", nil, budget(amount, config.Day)...)}, Part{} })
		var sum config.Money
		absent := make([]int, n)
		for range 80 {
			for i := range o.pods {
				if absent[i] > 0 {
					// A process begins when the others know what the one before it spent, and serves after its first exchange.
					if absent[i]--; absent[i] > 0 {
						continue
					}
					o.restart(i)
					o.poll(start, i)
				}
				if random.IntN(20) == 0 {
					o.poll(start, i)
					absent[i] = 3
					continue
				}
				for range random.IntN(30) {
					cost := config.Money(1 + random.Int64N(2000))
					if c, d := begin(start, o.pods[i].parts, Part{}, of(1, cost)); d.Refused == nil {
						used := cost - config.Money(random.Int64N(int64(cost)))
						c.Settle(start, of(1, used), true)
						sum += used
					}
				}
			}
			for _, i := range random.Perm(n) {
				if absent[i] == 0 {
					o.poll(start, i)
				}
			}
			if sum > amount {
				t.Fatalf("seed %d: %d pods spent %d of %d", seed, n, sum, amount)
			}
		}
		if sum < amount*9/10 {
			t.Errorf("seed %d: only %d of %d could be spent", seed, sum, amount)
		}
		for i := range o.pods {
			o.poll(start, i)
		}
		if got := o.total("key/a").Cost; got != sum {
			t.Errorf("seed %d: %d was told, %d spent", seed, got, sum)
		}
	}
}

// Requests that are under way at an exchange are not told of, so a budget may be overrun by what they had reserved, and
// never by as much as it is.
func TestTheBoundOnBudgetsWithLongRequests(t *testing.T) {
	const amount = 100_000
	overrun := false
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 7))
		n := 2 + random.IntN(4)
		o := newFleet(n, &wall{noon}, func(b *Book) (Parts, Part) {
			return Parts{on(b, "key/a", nil, budget(amount, config.Total)...)}, Part{}
		})
		type under struct {
			c    *Charge
			cost config.Money
		}
		open := make([][]under, n)
		var spent, atExchange, reserved config.Money
		settle := func(i int) {
			u := open[i][0]
			open[i] = open[i][1:]
			u.c.Settle(start, of(1, u.cost), true)
			spent, reserved = spent+u.cost, reserved-u.cost
		}
		for range 40 {
			for i := range o.pods {
				for range random.IntN(20) {
					if len(open[i]) > 0 && random.IntN(3) == 0 {
						settle(i)
					}
					cost := config.Money(1 + random.Int64N(3000))
					if c, d := begin(start, o.pods[i].parts, Part{}, of(1, cost)); d.Refused == nil {
						open[i] = append(open[i], under{c, cost})
						reserved += cost
					}
				}
			}
			atExchange = max(atExchange, reserved)
			for i := range o.pods {
				o.poll(start, i)
			}
		}
		for i := range open {
			for len(open[i]) > 0 {
				settle(i)
			}
		}
		if spent > amount+atExchange || spent > 2*amount-amount/config.Money(n) {
			t.Errorf("seed %d: %d pods spent %d of %d, with %d reserved at an exchange", seed, n, spent, amount, atExchange)
		}
		overrun = overrun || spent > amount
	}
	if !overrun {
		t.Error("the bound is not tight: nothing was overrun")
	}
}

// Without the operator, every pod keeps its share of what was left.
func TestWithoutExchangesABudgetIsKept(t *testing.T) {
	o := newFleet(4, &wall{noon}, func(b *Book) (Parts, Part) { return Parts{on(b, "key/a", nil, budget(1000, config.Day)...)}, Part{} })
	var each []int
	for i := range o.pods {
		each = append(each, spend(start, o.pods[i].parts, of(1, 1), 2000))
	}
	if !slices.Equal(each, []int{250, 250, 250, 250}) {
		t.Errorf("%v were spent", each)
	}
}

// The store is down: the pods keep their shares of what it left, and of every limit.
func TestTheBoundOfShares(t *testing.T) {
	const pods = 3
	l := &config.Limits{Requests: requests(request(60, 60, time.Minute)).Requests, Tokens: tokens(90, time.Minute).Tokens}
	var passed, tokens int
	var spent config.Money
	for i := range pods {
		book := newBook(&wall{noon})
		book.SetMode(Whole())
		key, other := Parts{on(book, "key/a", l)}, Parts{on(book, "key/b", nil, budget(1000, config.Day)...)}
		book.Learn("key/b", &config.HolderUse{Cost: 400, Day: config.WindowUse{Window: config.Day.Window(noon), Cost: 400}})
		book.SetMode(Share(pods))
		for at := time.Duration(0); at < 2*time.Minute; at += 50 * time.Millisecond {
			if i == 0 {
				tokens += spend(start+int64(at), Parts{on(book, "key/c", l)}, of(10, 0), 1) * 10
			}
			passed += spend(start+int64(at), key, exchange.Use{}, 1)
		}
		for spend(start, other, of(1, 7), 1) > 0 {
			spent += 7
		}
	}
	if passed > 60+120 || passed < 170 {
		t.Errorf("%d requests passed in two minutes of 60 a minute", passed)
	}
	if most := 90/pods + 2*90/pods; tokens > most || tokens < most-20 {
		t.Errorf("one pod took %d tokens, of at most %d", tokens, most)
	}
	if spent > 600 || spent < 580 {
		t.Errorf("%d were spent of the 600 that were left", spent)
	}
}

func TestEverythingAtOnce(t *testing.T) {
	book := newBook(&wall{noon})
	book.SetMode(Gossip(2))
	p, route := four(book)
	var wait sync.WaitGroup
	const each, workers = 500, 4
	for range workers {
		wait.Go(func() {
			c, d := &Charge{}, exchange.Decision{}
			for i := range int64(each) {
				now := start + i
				if c.Admit(now, p, &d) && c.Reserve(now, route, of(100, 10), &d) {
					c.Settle(now, of(90, 9), true)
				}
			}
		})
	}
	told := map[string]config.HolderUse{}
	ask := func(after int64) int64 {
		a := book.Exchange(start, config.UsageCall{Instance: "me", Replicas: 2, After: after}, "me")
		for _, u := range a.Holders {
			if u.Cost < told[u.Holder].Cost {
				t.Errorf("%s was told to have spent less than before", u.Holder)
			}
			told[u.Holder] = u
		}
		return a.Cursor
	}
	var cursor int64
	for range 200 {
		cursor = ask(cursor)
		book.Exchange(start, config.UsageCall{Instance: "me", Elsewhere: []config.HolderUse{{Holder: "key/other", Requests: cursor}}}, "me")
		p.Look(start, of(1, 1))
		book.Holder("key/a").Use()
	}
	wait.Wait()
	ask(cursor)
	for _, name := range []string{"key/a", "policy/p", "all", "route/r"} {
		if u := told[name]; u.Requests != each*workers || u.Cost != 9*each*workers || u.Tokens != 90*each*workers {
			t.Errorf("%+v was told", u)
		}
	}
	stands, _ := p.Look(start+each, exchange.Use{})
	for _, s := range stands {
		if s.Dimension == exchange.Concurrency && s.Remaining != (1<<20+1)/2 {
			t.Errorf("%d slots are free", s.Remaining)
		}
	}
}
