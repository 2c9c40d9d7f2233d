// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// every is how often the operator of these tests asks each gateway; a real one does so every two seconds.
const every = 100 * time.Millisecond

// operator carries what each gateway counted to the others, as the real one does, but without a network.
type operator struct {
	tally *tally.Tally
	fleet *fleet
	mu    sync.Mutex
	// rounds are when each began and ended.
	rounds [][2]time.Time
}

func newOperator(f *fleet) *operator {
	o := &operator{tally: tally.New(time.Now().Add(-time.Hour)), fleet: f}
	var pods []string
	for i := range f.gateways {
		pods = append(pods, fmt.Sprint("pod-", i))
	}
	o.tally.Pods(pods, len(pods), time.Now())
	return o
}

// round asks every gateway once.
func (o *operator) round() {
	began := time.Now()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.rounds = append(o.rounds, [2]time.Time{began, time.Now()})
	}()
	for i, g := range o.fleet.gateways {
		for more := true; more; {
			call, hear := o.tally.Ask(fmt.Sprint("pod-", i), g.Instance(), time.Now())
			answer := g.Report.Exchange(call)
			hear(&answer)
			more = answer.More
		}
	}
}

// known gives when every gateway knew what all had counted at a time: in the next round all tell it, and in the one after that
// the first of them hears it too. False is not yet.
func (o *operator) known(at time.Time) (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	after := slices.IndexFunc(o.rounds, func(r [2]time.Time) bool { return r[0].After(at) })
	if after < 0 || after+1 >= len(o.rounds) {
		return time.Time{}, false
	}
	return o.rounds[after+1][1], true
}

// work asks until the test says stop.
func (o *operator) work() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				o.round()
			}
		}
	})
	return sync.OnceFunc(func() { close(done); wg.Wait() })
}

// paced has a client ask at all gateways in turn at so many requests a second at most, until so many were asked and so many
// refused. It gives the accepted ones in the order in which they were answered.
func (f *fleet) paced(t *testing.T, perSecond, most, ask, refuse int) (accepted []answer) {
	t.Helper()
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var mu sync.Mutex
	var wg sync.WaitGroup
	refused := 0
	enough := func(asked int) bool {
		mu.Lock()
		defer mu.Unlock()
		return asked >= ask && refused >= refuse
	}
	for asked, end := 0, time.Now().Add(patience); !enough(asked); asked++ {
		if time.Now().After(end) {
			t.Fatalf("%d were asked, and not yet %d refused", asked, refuse)
		}
		<-tick.C
		wg.Go(func() {
			a := f.ask(asked%replicas, most)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.err != nil || a.status != http.StatusOK && a.status != http.StatusTooManyRequests:
				t.Errorf("status %d, error %v: %.300s", a.status, a.err, a.body)
			case a.status == http.StatusOK:
				accepted = append(accepted, a)
			default:
				refused++
			}
		})
	}
	wg.Wait()
	return accepted
}

// All come at once, before any gateway has learnt of the others: each lets a burst in, and none anything more.
func TestWithoutAStoreACrowdIsAcceptedUpToTheStatedBound(t *testing.T) {
	const limit = 150
	f := start(t, "", func(d *config.Document) {
		d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: limit, Per: day, Burst: limit}}
	})
	o := newOperator(f)
	o.round()
	stop := o.work()
	defer stop()
	got := f.crowd(t, 3, 100, nil)
	t.Logf("%d accepted of %d, with a limit of %d and a bound of %d", got.accepted.Load(), 3*clients, limit, replicas*limit)
	if accepted := got.accepted.Load(); accepted > replicas*limit || accepted < limit {
		t.Errorf("%d accepted, want %d to %d", accepted, limit, replicas*limit)
	}
}

// Requests that come evenly are nearly all seen in time: what is accepted beyond the limit came within two rounds.
func TestWithoutAStoreWhatComesEvenlyIsHeldCloseToTheLimit(t *testing.T) {
	const limit, perSecond = 150, 150
	f := start(t, "", func(d *config.Document) {
		d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: limit, Per: day, Burst: limit}}
	})
	o := newOperator(f)
	o.round()
	stop := o.work()
	defer stop()
	accepted := f.paced(t, perSecond, 100, 3*limit, limit)
	if len(accepted) < limit*9/10 || len(accepted) > replicas*limit {
		t.Fatalf("%d accepted, want %d to %d", len(accepted), limit, replicas*limit)
	}
	t.Logf("%d accepted, with a limit of %d", len(accepted), limit)
	if len(accepted) < limit {
		return
	}
	full := accepted[limit-1].sent.Add(accepted[limit-1].took)
	known, ok := o.known(full)
	for _, a := range accepted {
		if ok && a.sent.After(known) {
			t.Errorf("accepted %v after every gateway knew that the limit was used up", a.sent.Sub(known))
		}
	}
	t.Logf("every gateway knew after %v, %t", known.Sub(full), ok)
}

// A budget is shared out: of what was left at the last round, each gateway may spend its part.
func TestWithoutAStoreABudgetIsHeldToTheStatedBound(t *testing.T) {
	const amount, most = config.Dollar / 4, 40
	f := start(t, "", func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: amount, Per: config.Total}}
	})
	o := newOperator(f)
	o.round()
	stop := o.work()
	defer stop()
	got := f.crowd(t, 2, most, nil)
	f.exhaust(t, most, func() {
		now := time.Now()
		bed.Eventually(t, func() bool { _, ok := o.known(now); return ok }, func() string { return "every gateway knows of the others" })
	})
	answers, _, cost := f.billed()
	t.Logf("%d of %d in the crowd and %d in all: $%v of $%v", got.accepted.Load(), 2*clients, answers, cost, amount)
	const bound = amount * 4 / 3
	if cost > bound || cost < amount/2 {
		t.Errorf("$%v were spent of $%v, want at most $%v", cost, amount, bound)
	}
	stop()
	for range 3 {
		o.round() // what was settled behind the last one
	}
	if told := o.tally.Use("key/default/alice"); told.Cost != cost || told.Requests != answers {
		t.Errorf("the operator knows of %+v, the provider served %d for $%v", told, answers, cost)
	}
}
