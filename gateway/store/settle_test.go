// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// counted gives what a holder is counted with in the store.
func counted(t testing.TB, s *Store, holder string) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for _, f := range []string{"r", "t", "c", "d", "w", "m", "s", "v"} {
		got[f] = fieldNumber(t, s, holder, f)
	}
	return got
}

// used gives what a holder should be counted with after some requests in one day, with nothing under way.
func used(requests, tokens, cost int64) map[string]int64 {
	return map[string]int64{"r": requests, "t": tokens, "c": cost, "d": cost, "w": cost, "m": cost, "s": 0, "v": 0}
}

func TestSettling(t *testing.T) {
	const holder, bucket = "key/team/a", "b0.1.60000000"
	const money = "b0.2.60000000"
	for name, test := range map[string]struct {
		reserve, use exchange.Use
		unsent       bool
		unreserved   bool
		want         map[string]int64
		// tokens and cost are the levels of the buckets of 1000 a minute.
		tokens, cost int64
	}{
		"what was not used is given back": {
			reserve: exchange.Use{Tokens: 500, Cost: 400}, use: exchange.Use{Tokens: 120, Cost: 30}, want: used(1, 120, 30), tokens: 120, cost: 30,
		},
		"what was used beyond is taken": {
			reserve: exchange.Use{Tokens: 500, Cost: 400}, use: exchange.Use{Tokens: 700, Cost: 800}, want: used(1, 700, 800), tokens: 700, cost: 800,
		},
		"far too much used is a debt of one period": {
			reserve: exchange.Use{Tokens: 500}, use: exchange.Use{Tokens: 9000}, want: used(1, 9000, 0), tokens: 2000,
		},
		"a request larger than the limit is charged what it used": {
			reserve: exchange.Use{Tokens: 5000}, use: exchange.Use{Tokens: 900}, want: used(1, 900, 0), tokens: 900,
		},
		"of a request that was not sent all is given back": {
			reserve: exchange.Use{Tokens: 500, Cost: 400}, use: exchange.Use{Tokens: 120, Cost: 30}, unsent: true, want: used(0, 0, 0),
		},
		"a request that was made without the store is counted": {
			unreserved: true, use: exchange.Use{Tokens: 120, Cost: 30}, want: used(1, 120, 30), tokens: 120, cost: 30,
		},
		"a request that was not made at all is nothing": {
			unreserved: true, unsent: true, use: exchange.Use{Tokens: 120, Cost: 30}, want: used(0, 0, 0),
		},
		"negative use is none": {
			reserve: exchange.Use{Tokens: 500}, use: exchange.Use{Tokens: -5, Cost: -7}, want: used(1, 0, 0),
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			setClock(t, server, noon)
			var learned told
			opts := single(server)
			opts.Learned = learned.learned
			s := clocked(t, opts)
			r := &Reservation{
				ID: "one", Holders: []string{holder}, Use: test.reserve,
				Constraints: []exchange.Constraint{
					tokens(holder, 1000, time.Minute), cost(holder, 1000, time.Minute), budget(holder, 1000, config.Day), slots(holder, 3),
				},
			}
			x := settlement(r, test.use)
			x.Sent, x.Reserved, x.At = !test.unsent, !test.unreserved, time.UnixMicro(noon)
			if x.Reserved {
				reserved(t, s, r)
				if got, want := under(t, s, holder), [2]int64{1, int64(test.reserve.Cost)}; got != want {
					t.Errorf("%v is under way, not %v", got, want)
				}
			}
			s.Settle(x)
			flushed(t, s)
			if diff := cmp.Diff(test.want, counted(t, s, holder)); diff != "" {
				t.Error(diff)
			}
			if got, want := [2]int64{level(t, s, holder, bucket), level(t, s, holder, money)}, [2]int64{test.tokens, test.cost}; got != want {
				t.Errorf("the buckets hold %v, not %v", got, want)
			}
			if !test.unsent {
				cost := config.Money(test.want["c"])
				window := func(c config.Calendar) config.WindowUse {
					return config.WindowUse{Window: c.Window(time.UnixMicro(noon)), Cost: cost}
				}
				want := config.HolderUse{
					Holder: holder, Requests: test.want["r"], Tokens: test.want["t"], Cost: cost, Last: noon / 1000,
					Day: window(config.Day), Week: window(config.Week), Month: window(config.Month),
				}
				if diff := cmp.Diff(want, learned.of(holder)); diff != "" {
					t.Errorf("learned: %s", diff)
				}
			}
		})
	}
}

func TestWindowsAreThoseOfTheStoreWhenItIsTold(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const holder = "key/team/a"
	at := time.Date(2027, 2, 28, 23, 59, 0, 0, time.UTC) // a Sunday
	names := ids{}
	var s *Store
	spend := func(at time.Time, amount config.Money) {
		setClock(t, server, at.UnixMicro())
		if s == nil {
			s = clocked(t, single(server))
		}
		s.clock.ahead.Store(at.UnixMicro() - s.clock.own())
		r := &Reservation{ID: names.next(), Holders: []string{holder}}
		reserved(t, s, r)
		s.Settle(settlement(r, exchange.Use{Cost: amount}))
		flushed(t, s)
	}
	check := func(what string, d, w, m, c int64) {
		t.Helper()
		all := counted(t, s, holder)
		if got, want := [4]int64{all["d"], all["w"], all["m"], all["c"]}, [4]int64{d, w, m, c}; got != want {
			t.Errorf("%s: day, week, month and total are %v, not %v", what, got, want)
		}
	}
	spend(at, 10)
	spend(at, 1)
	check("on the last day of the month", 11, 11, 11, 11)
	spend(at.Add(2*time.Minute), 5)
	check("on the first, a Monday", 5, 5, 5, 16)
	spend(at.Add(24*time.Hour), 3)
	check("on the first, later", 8, 8, 8, 19)
	spend(at.Add(25*time.Hour), 4)
	check("on the second", 4, 12, 12, 23)
	spend(at, 2)
	check("when the clock goes back nothing is spent anew", 6, 14, 14, 25)
}

func TestABatchCountsOnceHoweverOftenItIsSent(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	r := &Reservation{ID: "one", Holders: []string{"key/team/a"}, Use: exchange.Use{Cost: 100}}
	reserved(t, s, r)
	s.Settle(&Settlement{ID: "two", Holders: r.Holders, Sent: true, Used: exchange.Use{Tokens: 10, Cost: 1}, Record: []byte(`{"n":2}`)})
	flushed(t, s)
	x := settlement(r, exchange.Use{Tokens: 5, Cost: 50})
	x.Record = []byte(`{"n":1}`)
	s.queue.most = 1 << 20
	var it item
	// The batch as it would be sent, so that it can be sent again.
	func() {
		other := &Store{opts: s.opts, pace: s.pace, instance: s.instance}
		other.queue.wake = make(chan struct{}, 1)
		other.queue.most = 1 << 20
		other.Settle(x)
		items, _ := other.queue.take(1)
		it = items[0]
	}()
	args := s.batch(2, []item{it}, nil)
	args[ofSight], args[ofSight+1] = s.seen.Load().generation, s.seen.Load().heard
	for range 3 {
		if err := s.scripts.settle.Exec(context.Background(), *s.client.Load(), s.prefix, args).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(used(2, 15, 51), counted(t, s, "key/team/a")); diff != "" {
		t.Error(diff)
	}
	if got := read(t, s, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)); len(got) != 2 {
		t.Errorf("the records are %q", got)
	}
}

func TestAStoreThatLostAllGoesOn(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := tuned(t, single(server), tuning{pace: watchful()})
	const holder = "key/team/a"
	constraints := []exchange.Constraint{slots(holder, 2), tokens(holder, 1000, time.Hour), budget(holder, 1000, config.Total)}
	reservation := func(id string) *Reservation {
		return &Reservation{ID: id, Constraints: constraints, Holders: []string{holder}, Use: exchange.Use{Tokens: 100, Cost: 100}}
	}
	one, two := reservation("one"), reservation("two")
	reserved(t, s, one)
	if _, err := server.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Do("SCRIPT", "FLUSH"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the loss is seen", func() bool { _, err := s.Reserve(t.Context(), reservation("seen")); return err != nil })
	waitFor(t, "the store is up", s.Up)
	reserved(t, s, two)
	// Were this process to die now, others would give back what it reserved since.
	c := *s.client.Load()
	if err := c.Do(context.Background(), c.B().Zscore().Key(s.prefix[0]+"e").Member(s.instance).Build()).Error(); err != nil {
		t.Errorf("the process is not known: %v", err)
	}
	s.Settle(settlement(one, exchange.Use{Tokens: 10, Cost: 10}))
	flushed(t, s)
	if got, want := under(t, s, holder), [2]int64{1, 100}; got != want {
		t.Errorf("%v is under way, not %v", got, want)
	}
	s.Settle(settlement(two, exchange.Use{Tokens: 10, Cost: 10}))
	s.Settle(settlement(two, exchange.Use{}))
	flushed(t, s)
	if diff := cmp.Diff(used(3, 20, 20), counted(t, s, holder)); diff != "" {
		t.Error(diff)
	}
	// A store that evicts may lose the holder only.
	three := reservation("three")
	reserved(t, s, three)
	if _, err := server.Do("DEL", s.prefix[0]+"h:"+holder); err != nil {
		t.Fatal(err)
	}
	s.Settle(settlement(three, exchange.Use{Tokens: 10, Cost: 10}))
	flushed(t, s)
	if diff := cmp.Diff(used(1, 10, 10), counted(t, s, holder)); diff != "" {
		t.Error(diff)
	}
}

func TestManyThatWaitAreMergedAndNothingIsLost(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	opts := single(server)
	opts.Config.Timeout = config.Duration(time.Second)
	small := usual
	small.queued = 64
	s := tuned(t, opts, tuning{pace: small})
	before := &Reservation{ID: "before", Holders: []string{config.HolderAll}, Use: exchange.Use{Cost: 10}}
	reserved(t, s, before)
	server.Kill()
	waitFor(t, "the store is down", func() bool {
		_, err := s.Reserve(context.Background(), &Reservation{ID: "x", Holders: []string{config.HolderAll}})
		return err != nil && !s.Up()
	})
	const n = 1000
	s.Settle(settlement(before, exchange.Use{Tokens: 7, Cost: 3}))
	for i := range n {
		s.Settle(&Settlement{
			ID: fmt.Sprint("r", i), Holders: []string{config.HolderAll, fmt.Sprint("key/team/", i%50), fmt.Sprint("ip/", i)}, Sent: true,
			Used: exchange.Use{Tokens: 2, Cost: 1}, Record: []byte(`{}`),
		})
	}
	if c := s.Counts(); c.Merged < n/3 || c.RecordsDropped != 0 {
		t.Errorf("%+v", c)
	}
	server.Restart()
	waitFor(t, "the store is up", s.Up)
	flushed(t, s)
	if diff := cmp.Diff(used(n+1, 2*n+7, n+3), counted(t, s, config.HolderAll)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(used(n/50, 2*n/50, n/50), counted(t, s, "key/team/7")); diff != "" {
		t.Error(diff)
	}
	if got := read(t, s, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)); len(got) != n {
		t.Errorf("%d records are there, of %d", len(got), n)
	}
}

func TestRecordsThatWaitAreBounded(t *testing.T) {
	q := queue{wake: make(chan struct{}, 1), most: 1 << 30}
	record := make([]byte, 1<<20)
	for range 200 {
		q.push(item{record: record, body: []byte("x")})
	}
	if q.records > maxRecordBytes || q.records < maxRecordBytes/2 {
		t.Errorf("%d bytes of records wait", q.records)
	}
	if len(q.items) != 200 || q.items[0].record != nil || q.items[199].record == nil {
		t.Error("the oldest records should have gone, and no settlement")
	}
	if got := q.counts(); got.RecordsDropped < 100 {
		t.Errorf("%+v", got)
	}
}

func TestClosing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	watcher := opened(t, single(server))
	for name, test := range map[string]struct {
		down bool
		// patience is how long it may take.
		patience time.Duration
		want     bool
	}{
		"stores what is queued":     {false, patience, true},
		"says what it cannot store": {true, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, single(server))
			var settled atomic.Int64
			if test.down {
				server.Kill()
			}
			for i := range 500 {
				s.Settle(&Settlement{ID: fmt.Sprint(i), Holders: []string{config.HolderAll}, Sent: true, Used: exchange.Use{Tokens: 1}})
				settled.Add(1)
			}
			ctx, cancel := context.WithTimeout(context.Background(), test.patience)
			defer cancel()
			if err := s.Close(ctx); (err == nil) != test.want {
				t.Errorf("closing: %v", err)
			}
			if test.down {
				server.Restart()
				waitFor(t, "the store is up", watcher.Up)
			} else if got := fieldNumber(t, watcher, config.HolderAll, "t"); got != settled.Load() {
				t.Errorf("%d of %d are stored", got, settled.Load())
			}
		})
	}
}
