// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// hasty is a pace at which a process is soon taken for dead.
func hasty() pace {
	p := usual
	p.silence, p.renew = 2*time.Second, 100*time.Millisecond
	return p
}

// comesBackSince is how much a limit of a million a day gives back since then, and what is rounded.
func comesBackSince(began time.Time) int64 {
	return int64(time.Since(began)*1_000_000/(24*time.Hour)) + 20
}

// dies ends a Store as a process that is killed ends: nothing is settled, and nothing said.
func dies(s *Store) {
	s.stop()
	s.tasks.Wait()
}

func TestWhatADeadProcessReservedIsGivenBack(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const holder = "key/team/a"
	one, other := tuned(t, single(server), tuning{pace: hasty()}), tuned(t, single(server), tuning{pace: hasty()})
	constraints := []exchange.Constraint{
		slots(holder, 500), tokens(holder, 1_000_000, 24*time.Hour), cost(holder, 1_000_000, 24*time.Hour), budget(holder, 1_000_000, config.Total),
		requests(holder, 1000, 1000, 24*time.Hour),
	}
	const n = 123 // more than are swept at once
	began := time.Now()
	var late *Reservation
	for i := range n {
		late = &Reservation{
			ID: fmt.Sprint(i), Constraints: constraints, Holders: []string{holder, config.HolderAll},
			Use: exchange.Use{Tokens: 1000, Cost: 5000}, Least: exchange.Use{Tokens: 10, Cost: 40},
		}
		reserved(t, one, late)
	}
	if got, want := under(t, other, holder), [2]int64{n, n * 5000}; got != want {
		t.Fatalf("%v is under way, not %v", got, want)
	}
	dies(one)
	waitFor(t, "all is given back", func() bool { return under(t, other, holder) == [2]int64{} })
	for _, h := range []string{holder, config.HolderAll} {
		if diff := cmp.Diff(used(n, 10*n, 40*n), counted(t, other, h)); diff != "" {
			t.Errorf("%s: %s", h, diff)
		}
	}
	if got := level(t, other, holder, "b0.1.86400000000"); got < 10*n-comesBackSince(began) || got > 10*n {
		t.Errorf("%d tokens are taken of the bucket, not %d", got, 10*n)
	}
	if got := level(t, other, holder, "b0.0.86400000000"); got != n {
		t.Errorf("%d requests are taken of the bucket, not %d", got, n)
	}
	t.Run("and one that was not dead charges the rest only", func(t *testing.T) {
		// As if it came back: it has the same name.
		back := tuned(t, single(server), tuning{pace: hasty(), instance: one.instance})
		for _, x := range []struct {
			id     string
			tokens int64
		}{{"122", 100}, {"0", 100}, {"0", 3}} {
			late.ID = x.id
			back.Settle(settlement(late, exchange.Use{Tokens: x.tokens, Cost: 50}))
		}
		flushed(t, back)
		// Of the last reservation and the first 90 and 10 more; the third has none, and is a request of its own.
		if diff := cmp.Diff(used(n+1, 10*n+90+90+3, 40*n+10+10+50), counted(t, other, holder)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAProcessThatLivesKeepsWhatItReserved(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	one, other := tuned(t, single(server), tuning{pace: hasty()}), tuned(t, single(server), tuning{pace: hasty()})
	reserved(t, one, &Reservation{ID: "one", Holders: []string{config.HolderAll}, Use: exchange.Use{Cost: 7}})
	for began := time.Now(); time.Since(began) < 2*hasty().silence; time.Sleep(10 * time.Millisecond) {
		if got := under(t, other, config.HolderAll); got != [2]int64{1, 7} {
			t.Fatalf("%v is under way", got)
		}
	}
}

func TestAProcessThatLeavesInOrderLeavesNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	other := opened(t, single(server))
	s := opened(t, single(server))
	r := &Reservation{ID: "one", Holders: []string{config.HolderAll}, Use: exchange.Use{Cost: 7}}
	reserved(t, s, r)
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.settledAll(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it would leave a reservation: %v", err)
	}
	s.Settle(settlement(r, exchange.Use{Cost: 5}))
	long, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(long); err != nil {
		t.Fatal(err)
	}
	keys := client(t, other)
	if got := keys("p:*"); len(got) > 0 {
		t.Errorf("%q is left", got)
	}
	if diff := cmp.Diff(used(1, 0, 5), counted(t, other, config.HolderAll)); diff != "" {
		t.Error(diff)
	}
}

func TestHoldersThatClientsChooseAreForgotten(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	holders := []string{config.HolderAll, "key/team/a", "policy/team/a", "route/team/a", "user/ann", "token/abc", "ip/10.0.0.1", "ip/10.0.0.2"}
	r := &Reservation{
		ID: "one", Holders: holders,
		Constraints: []exchange.Constraint{tokens("ip/10.0.0.1", 1000, time.Minute), requests("ip/10.0.0.2", 10, 100, time.Hour)},
	}
	reserved(t, s, r)
	s.Settle(settlement(r, exchange.Use{Tokens: 1}))
	flushed(t, s)
	got := map[string]int64{}
	c := *s.client.Load()
	for _, h := range holders {
		seconds, err := c.Do(context.Background(), c.B().Ttl().Key(s.prefix[0]+"h:"+h).Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		got[h] = (seconds + 59) / 60
	}
	want := map[string]int64{
		config.HolderAll: 0, "key/team/a": 0, "policy/team/a": 0, "route/team/a": 0, "user/ann": 40 * 24 * 60, "token/abc": 40 * 24 * 60,
		"ip/10.0.0.1": 15, "ip/10.0.0.2": 11 * 60,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("minutes: %s", diff)
	}
}
