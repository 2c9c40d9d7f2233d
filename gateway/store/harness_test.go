// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

const gateway = "team/gate"

// patience bounds every wait; what is waited for comes much sooner.
const patience = time.Minute

// single gives options for one server, with a timeout that a busy machine keeps.
func single(s *redistest.Server) Options {
	return Options{
		Gateway: gateway, Retention: 24 * time.Hour, MaxBytes: 1 << 30,
		Config: config.Store{Mode: config.StoreSingle, Addresses: []string{s.Addr}, Timeout: config.Duration(10 * time.Second)},
	}
}

// opened opens a Store and waits until it is up.
func opened(t testing.TB, opts Options) *Store { return tuned(t, opts, tuning{pace: usual}) }

// clocked opens a Store whose server has the time of setClock.
func clocked(t testing.TB, opts Options) *Store {
	return tuned(t, opts, tuning{pace: usual, timing: testTiming})
}

func tuned(t testing.TB, opts Options, tuning tuning) *Store {
	t.Helper()
	s, err := open(opts, tuning)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.Close(ctx)
	})
	waitFor(t, "the store is up", s.Up)
	return s
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// flushed waits until all is in the store.
func flushed(t testing.TB, stores ...*Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, s := range stores {
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// reserved reserves, and fails the test where the store cannot say.
func reserved(t testing.TB, s *Store, r *Reservation) exchange.Decision {
	t.Helper()
	d, err := s.Reserve(context.Background(), r)
	if err != nil {
		t.Fatalf("reserving %s: %v", r.ID, err)
	}
	return d
}

// settlement gives that of a reservation which was made, sent and used so much.
func settlement(r *Reservation, used exchange.Use) *Settlement {
	return &Settlement{
		ID: r.ID, Constraints: r.Constraints, Holders: r.Holders, Reserve: r.Use, Reserved: true, Used: used, Sent: true,
	}
}

// field gives a number of a holder as the store has it, "" for none: those of u and o by a letter of their own.
func field(t testing.TB, s *Store, holder, name string) string {
	t.Helper()
	places := map[string]struct {
		field string
		at    int
	}{
		"r": {"u", 0}, "t": {"u", 1}, "dn": {"u", 2}, "d": {"u", 3}, "wn": {"u", 4}, "w": {"u", 5}, "mn": {"u", 6}, "m": {"u", 7},
		"s": {"o", 0}, "v": {"o", 1},
	}
	place, packed := places[name]
	if !packed {
		place.field = name
	}
	c := *s.client.Load()
	v, err := c.Do(context.Background(), c.B().Hget().Key(s.prefix[0]+"h:"+holder).Field(place.field).Build()).ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatal(err)
	}
	if packed && v != "" {
		return strings.Fields(v)[place.at]
	}
	return v
}

func fieldNumber(t testing.TB, s *Store, holder, name string) int64 {
	t.Helper()
	v := field(t, s, holder, name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		t.Fatalf("%s of %s: %v", name, holder, err)
	}
	return n
}

// level gives what is taken of a bucket as it was last written.
func level(t testing.TB, s *Store, holder, bucket string) int64 {
	t.Helper()
	text, _, _ := strings.Cut(field(t, s, holder, bucket), " ")
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// under gives what is under way of a holder: slots and reserved money.
func under(t testing.TB, s *Store, holder string) [2]int64 {
	t.Helper()
	return [2]int64{fieldNumber(t, s, holder, "s"), fieldNumber(t, s, holder, "v")}
}

// told collects what Learned is told.
type told struct {
	mu   sync.Mutex
	uses map[string]config.HolderUse
}

func (l *told) learned(holder string, total *config.HolderUse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.uses == nil {
		l.uses = make(map[string]config.HolderUse)
	}
	l.uses[holder] = *total
}

func (l *told) of(holder string) config.HolderUse {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.uses[holder]
}

// A clock that tests set: a hash that stands for the server's TIME.
const clockKey = "spark:{" + gateway + "}:clock"

const testTiming = "call('HMGET', P .. 'clock', 's', 'u')"

func setClock(t testing.TB, server *redistest.Server, micros int64) {
	t.Helper()
	_, err := server.Do("HSET", clockKey, "s", fmt.Sprint(micros/1_000_000), "u", fmt.Sprint(micros%1_000_000))
	if err != nil {
		t.Fatal(err)
	}
}

// id gives an ID that is unique in a test.
type ids struct {
	mu sync.Mutex
	n  int
}

func (i *ids) next() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return "req-" + strconv.Itoa(i.n)
}

func requests(holder string, count, burst int64, per time.Duration) exchange.Constraint {
	return exchange.Constraint{Dimension: exchange.Requests, Holder: holder, Limit: count, Burst: burst, Per: per}
}

func tokens(holder string, count int64, per time.Duration) exchange.Constraint {
	return exchange.Constraint{Dimension: exchange.Tokens, Holder: holder, Limit: count, Burst: count, Per: per}
}

func cost(holder string, count int64, per time.Duration) exchange.Constraint {
	return exchange.Constraint{Dimension: exchange.Cost, Holder: holder, Limit: count, Burst: count, Per: per}
}

func slots(holder string, n int64) exchange.Constraint {
	return exchange.Constraint{Dimension: exchange.Concurrency, Holder: holder, Limit: n, Burst: n}
}

func budget(holder string, amount int64, per config.Calendar) exchange.Constraint {
	return exchange.Constraint{Dimension: exchange.Spending, Holder: holder, Limit: amount, Burst: amount, Calendar: per}
}
