// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

func TestAStoreThatStandsStillHoldsNobodyUp(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	opts := single(server)
	const timeout = 100 * time.Millisecond
	opts.Config.Timeout = config.Duration(timeout)
	s := opened(t, opts)
	names := ids{}
	reserve := func() (time.Duration, error) {
		began := time.Now()
		_, err := s.Reserve(context.Background(), &Reservation{ID: names.next(), Holders: []string{config.HolderAll}})
		return time.Since(began), err
	}
	// Warm: the scripts are known, the connection is there. A busy machine may be too slow at first.
	reserves := func() bool { _, err := reserve(); return err == nil }
	waitFor(t, "a reservation", reserves)
	paused := time.Now()
	server.Pause()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			// Who waited for the store would wait until the test ends.
			if took, err := reserve(); err == nil || took > timeout+5*time.Second {
				t.Errorf("it took %v, and gave %v", took, err)
			}
		})
	}
	wg.Wait()
	if state := s.State(); state.Up || state.Reason != "timeout" || state.Since.Before(paused) {
		t.Errorf("the state is %+v", state)
	}
	var all []time.Duration
	for range 1000 {
		took, err := reserve()
		if !errors.Is(err, ErrDown) {
			t.Fatalf("while it is down: %v", err)
		}
		all = append(all, took)
	}
	if slices.Sort(all); all[len(all)/2] > timeout/2 {
		t.Errorf("while it is down it takes %v", all[len(all)/2])
	}
	// Longer than the client keeps a silent connection.
	down := time.Now()
	for ; time.Since(down) < 4*time.Second; time.Sleep(50 * time.Millisecond) {
		if s.Up() {
			t.Fatal("it is up, and stands still")
		}
	}
	server.Resume()
	comesBack(t, s)
	waitFor(t, "a reservation", reserves)
	flushed(t, s)
	// The first, and the last; those that nobody waited for took nothing or were given back.
	if got := fieldNumber(t, s, config.HolderAll, "s"); got != 2 {
		t.Errorf("%d slots are taken", got)
	}
}

// comesBack waits for a store whose server is there again: it looks every second, and is not put off for long.
func comesBack(t *testing.T, s *Store) {
	t.Helper()
	began := time.Now()
	waitFor(t, "the store is up", s.Up)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v to come back", took)
	}
}

func TestAnOutageIsSeenWithoutARequest(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	server.Kill()
	waitFor(t, "the store is down", func() bool { return !s.Up() })
	waitFor(t, "its reason is known", func() bool { return s.State().Reason == "connection refused" })
}

func TestAServerThatComesBackIsFoundByItself(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Sync: true})
	var learned told
	opts := single(server)
	opts.Learned = learned.learned
	s := opened(t, opts)
	names := ids{}
	for range 5 {
		server.Kill()
		waitFor(t, "the store is down", func() bool {
			_, err := s.Reserve(context.Background(), &Reservation{ID: names.next(), Holders: []string{config.HolderAll}})
			return err != nil
		})
		s.Settle(&Settlement{ID: names.next(), Holders: []string{config.HolderAll}, Sent: true, Used: exchange.Use{Tokens: 3}})
		server.Restart()
		comesBack(t, s)
		flushed(t, s)
	}
	if got := learned.of(config.HolderAll); got.Requests != 5 || got.Tokens != 15 {
		t.Errorf("%+v was learned", got)
	}
	if got := s.Counts().Downs; got != 5 {
		t.Errorf("it went down %d times", got)
	}
}

// Whenever the server is killed: what was settled is counted once, and nothing stays under way.
func TestKillingTheServerAtAnyMomentLosesNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Sync: true})
	const workers, kills = 8, 12
	holders := []string{config.HolderAll, "key/team/a"}
	constraints := []exchange.Constraint{slots(config.HolderAll, 1000), tokens("key/team/a", 1<<40, time.Hour), budget("key/team/a", int64(config.MaxMoney), config.Total)}
	stores := []*Store{opened(t, single(server)), opened(t, single(server))}
	var requests, tokens, money, without atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range workers {
		s := stores[w%len(stores)]
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				r := &Reservation{
					ID: fmt.Sprintf("%d-%d", w, i), Constraints: constraints, Holders: holders,
					Use: exchange.Use{Tokens: 1000, Cost: 1000}, Least: exchange.Use{Tokens: 1},
				}
				_, err := s.Reserve(context.Background(), r)
				if errors.Is(err, ErrDown) && i%20 != 0 {
					// While it is down some go on without it; all would be a flood.
					s.waitUp()
					continue
				}
				x := settlement(r, exchange.Use{Tokens: random.Int64N(1000), Cost: config.Money(random.Int64N(1000))})
				x.Reserved = err == nil
				if err != nil {
					without.Add(1)
				}
				requests.Add(1)
				tokens.Add(x.Used.Tokens)
				money.Add(int64(x.Used.Cost))
				s.Settle(x)
			}
		})
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range kills {
		for began, pause := time.Now(), time.Duration(random.IntN(150))*time.Millisecond; time.Since(began) < pause; time.Sleep(time.Millisecond) {
			continue
		}
		server.Kill()
		server.Restart()
		waitFor(t, "the stores are up", func() bool { return stores[0].Up() && stores[1].Up() })
	}
	close(stop)
	wg.Wait()
	flushed(t, stores...)
	t.Logf("%d requests, %d of them without the store", requests.Load(), without.Load())
	want := used(requests.Load(), tokens.Load(), money.Load())
	for _, h := range holders {
		if diff := cmp.Diff(want, counted(t, stores[0], h)); diff != "" {
			t.Errorf("%s: %s", h, diff)
		}
	}
	if without.Load() == 0 || requests.Load() < 100 {
		t.Errorf("%d requests, %d without the store, say little", requests.Load(), without.Load())
	}
}

func TestReasons(t *testing.T) {
	const secret = "hunter2-password"
	for name, test := range map[string]struct {
		args []string
		tls  bool
		opts func(o *Options)
		do   [][]string
		want string
	}{
		"nobody listens":      {opts: func(o *Options) { o.Config.Addresses = []string{"127.0.0.1:1"} }, want: "connection refused"},
		"a name that is none": {opts: func(o *Options) { o.Config.Addresses = []string{"store.invalid:6379"} }, want: "address not found"},
		"a missing password":  {args: []string{"--requirepass", secret}, want: "authentication failed"},
		"a wrong password":    {args: []string{"--requirepass", secret + "x"}, opts: func(o *Options) { o.Config.Password = "p" }, want: "authentication failed"},
		"an unknown user":     {opts: func(o *Options) { o.Config.Username, o.Config.Password = "nobody", "p" }, want: "authentication failed"},
		"a user without right": {
			do:   [][]string{{"ACL", "SETUSER", "weak", "on", ">" + secret, "~*", "+ping", "+hello"}},
			opts: func(o *Options) { o.Config.Username, o.Config.Password = "weak", "p" }, want: "permission denied",
		},
		"a replica":                     {do: [][]string{{"REPLICAOF", "127.0.0.1", "1"}}, want: "read-only replica"},
		"no memory":                     {do: [][]string{{"CONFIG", "SET", "maxmemory", "1"}}, want: "out of memory"},
		"too few replicas":              {do: [][]string{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, want: "not enough replicas"},
		"no TLS where there is some":    {tls: true, want: "connection lost"},
		"an authority that is not ours": {tls: true, opts: func(o *Options) { o.Config.TLS = &config.StoreTLS{} }, want: "certificate not trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Args: test.args, TLS: test.tls, Real: len(test.do) > 0})
			for _, command := range test.do {
				if answer, err := server.Do(command...); answer != "+OK" {
					t.Fatal(answer, err)
				}
			}
			var log bytes.Buffer
			var mu sync.Mutex
			opts := single(server)
			opts.Logger = slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				return log.Write(p)
			}), nil))
			opts.Secrets = func(name string) config.Secret {
				if name != "p" {
					t.Errorf("%q was asked for", name)
				}
				return config.NewSecret(secret)
			}
			if test.opts != nil {
				test.opts(&opts)
			}
			s, err := Open(opts)
			if err != nil {
				t.Fatal(err)
			}
			// A busy machine may be too slow the first time.
			waitFor(t, "the reason is "+test.want, func() bool { return s.State().Reason == test.want })
			if s.Up() {
				t.Error("the store is up")
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Errorf("closing: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "127.0.0.1") {
				t.Errorf("the log tells too much: %s", log.String())
			}
		})
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestFailuresThatPass(t *testing.T) {
	for name, test := range map[string]struct {
		fail, heal []string
		want       string
	}{
		"it runs out of memory":   {[]string{"CONFIG", "SET", "maxmemory", "1"}, []string{"CONFIG", "SET", "maxmemory", "0"}, "out of memory"},
		"it becomes a replica":    {[]string{"REPLICAOF", "127.0.0.1", "1"}, []string{"REPLICAOF", "NO", "ONE"}, "read-only replica"},
		"its password is changed": {[]string{"CONFIG", "SET", "requirepass", "other"}, nil, "authentication failed"},
		"it forgets the scripts":  {[]string{"SCRIPT", "FLUSH"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Args: []string{"--requirepass", "first"}})
			var password atomic.Value
			password.Store("first")
			opts := single(server)
			opts.Config.Password = "p"
			opts.Secrets = func(string) config.Secret { return config.NewSecret(password.Load().(string)) }
			s := opened(t, opts)
			names := ids{}
			reserve := func() error {
				r := &Reservation{ID: names.next(), Holders: []string{config.HolderAll}}
				_, err := s.Reserve(context.Background(), r)
				x := settlement(r, exchange.Use{Tokens: 1})
				x.Reserved = err == nil
				s.Settle(x)
				return err
			}
			c := *s.client.Load()
			do := func(args []string) {
				t.Helper()
				if err := c.Do(context.Background(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
					t.Fatal(err)
				}
			}
			if err := reserve(); err != nil {
				t.Fatal(err)
			}
			do(test.fail)
			made := 1
			if test.want == "authentication failed" {
				// Connections outlive a password.
				do([]string{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"})
			}
			if test.want != "" {
				waitFor(t, "it fails", func() bool { made++; return reserve() != nil && s.State().Reason == test.want })
			}
			if test.heal != nil {
				do(test.heal)
			}
			password.Store("other")
			waitFor(t, "it is up", s.Up)
			made++
			if err := reserve(); err != nil {
				t.Error(err)
			}
			flushed(t, s)
			if diff := cmp.Diff(used(int64(made), int64(made), 0), counted(t, s, config.HolderAll)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
