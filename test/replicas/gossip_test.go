// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
)

// every is how often the operator of these tests asks each gateway; a real one does so every two seconds.
const every = 100 * time.Millisecond

// operator carries what each gateway counted to the others, as the real one does, but without a network.
type operator struct {
	tally *tally.Tally
	fleet *fleet
}

func newOperator(f *fleet) *operator {
	o := &operator{tally.New(time.Now().Add(-time.Hour)), f}
	var pods []string
	for i := range f.gateways {
		pods = append(pods, fmt.Sprint("pod-", i))
	}
	o.tally.Pods(pods, len(pods), time.Now())
	return o
}

// round asks every gateway once.
func (o *operator) round() {
	for i, g := range o.fleet.gateways {
		for more := true; more; {
			call, hear := o.tally.Ask(fmt.Sprint("pod-", i), g.Instance(), time.Now())
			answer := g.Report.Exchange(call)
			hear(&answer)
			more = answer.More
		}
	}
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

// paced has a client ask at all gateways in turn at so many requests a second, for a while. It gives how many were accepted.
func (f *fleet) paced(t *testing.T, perSecond, most int, during time.Duration) (accepted, asked int) {
	t.Helper()
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	answers := make(chan answer)
	var wg sync.WaitGroup
	wg.Go(func() {
		for end := time.Now().Add(during); time.Now().Before(end); asked++ {
			<-tick.C
			at := asked % replicas
			wg.Go(func() { answers <- f.ask(at, most) })
		}
	})
	go func() { wg.Wait(); close(answers) }()
	for a := range answers {
		switch {
		case a.err != nil || a.status != http.StatusOK && a.status != http.StatusTooManyRequests:
			t.Errorf("status %d, error %v: %.300s", a.status, a.err, a.body)
		case a.status == http.StatusOK:
			accepted++
		}
	}
	return accepted, asked
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
	accepted, asked := f.paced(t, perSecond, 100, 3*time.Second)
	// A round may be late on a machine that is busy.
	const bound = limit + 4*perSecond*int(every)/int(time.Second) + replicas
	t.Logf("%d accepted of %d, with a limit of %d and a bound of %d", accepted, asked, limit, bound)
	if accepted > bound || accepted < limit*9/10 {
		t.Errorf("%d accepted, want %d to %d", accepted, limit, bound)
	}
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
	f.exhaust(t, most)
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
