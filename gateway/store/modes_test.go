// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// works reserves, settles, renews and reads records, and says whether each limit held.
func works(t *testing.T, s *Store) {
	t.Helper()
	const holder = "key/team/a"
	constraints := []exchange.Constraint{
		requests(holder, 10, 10, 24*time.Hour), tokens(config.HolderAll, 1_000_000, time.Hour), cost("ip/10.0.0.1", 1000, time.Minute),
		slots(holder, 50), budget("policy/team/b", 1_000_000, config.Total), budget("policy/team/b", 1_000_000, config.Month),
	}
	accepted := 0
	for i := range 20 {
		r := &Reservation{
			ID: fmt.Sprint(i), Constraints: constraints, Holders: []string{config.HolderAll, holder, "ip/10.0.0.1", "user/ann", "policy/team/b"},
			Use: exchange.Use{Tokens: 100, Cost: 20},
		}
		if reserved(t, s, r).Refused == nil {
			accepted++
			x := settlement(r, exchange.Use{Tokens: 10, Cost: 2})
			x.Record = fmt.Appendf(nil, `{"n":%d}`, i)
			s.Settle(x)
		}
	}
	flushed(t, s)
	if accepted != 10 {
		t.Errorf("%d were accepted of 10", accepted)
	}
	if got := read(t, s, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)); len(got) != 10 {
		t.Errorf("the records are %q", got)
	}
	if _, err := s.renew(context.Background(), false); err != nil {
		t.Errorf("renewing: %v", err)
	}
	if state := s.State(); !state.Up || state.Reason != "" {
		t.Errorf("the state is %+v", state)
	}
}

func TestACluster(t *testing.T) {
	servers := redistest.StartCluster(t)
	opts := single(servers[0])
	opts.Config.Mode = config.StoreCluster
	opts.Config.Addresses = []string{"127.0.0.1:1", servers[1].Addr, servers[2].Addr}
	// Gateways lie on different nodes.
	for _, name := range []string{"a/one", "b/two", "c/three", "d/four", "e/five", "f/six"} {
		opts.Gateway = name
		t.Run(name, func(t *testing.T) {
			var learned told
			opts.Learned = learned.learned
			works(t, opened(t, opts))
			if got := learned.of("key/team/a"); got.Requests != 10 || got.Tokens != 100 || got.Cost != 20 {
				t.Errorf("%+v was learned", got)
			}
		})
	}
	full := 0
	for _, s := range servers {
		if answer, err := s.Do("DBSIZE"); err != nil {
			t.Fatal(err)
		} else if answer != ":0" {
			full++
		}
	}
	if full < 2 {
		t.Errorf("only %d nodes hold something", full)
	}
}

func TestAClusterThatMovesTheSlot(t *testing.T) {
	servers := redistest.StartCluster(t)
	opts := single(servers[0])
	opts.Config.Mode = config.StoreCluster
	s := opened(t, opts)
	r := &Reservation{ID: "one", Holders: []string{config.HolderAll}, Use: exchange.Use{Cost: 5}}
	reserved(t, s, r)
	s.Settle(settlement(r, exchange.Use{Tokens: 1}))
	flushed(t, s)
	slot, err := servers[0].Do("CLUSTER", "KEYSLOT", s.prefix[0])
	if err != nil {
		t.Fatal(err)
	}
	slot = strings.TrimPrefix(slot, ":")
	var target *redistest.Server
	var id string
	for _, server := range servers {
		// Whoever does not have it: asking for a key of the slot is answered with MOVED.
		answer, err := server.Do("GET", s.prefix[0])
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(answer, "-MOVED") {
			target = server
			continue
		}
		if _, err := server.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
	}
	if id, err = target.Do("CLUSTER", "MYID"); err != nil {
		t.Fatal(err)
	}
	for _, server := range append([]*redistest.Server{target}, servers...) {
		if answer, err := server.Do("CLUSTER", "SETSLOT", slot, "NODE", id); err != nil || answer != "+OK" {
			t.Fatal(answer, err)
		}
	}
	// A slot is moved with its keys.
	seen := s.seen.Load()
	for _, command := range [][]string{{"SET", s.prefix[0] + "g", seen.generation}, {"ZADD", s.prefix[0] + "e", seen.heard, s.instance}} {
		if _, err := target.Do(command...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		r := &Reservation{ID: fmt.Sprint(i), Holders: []string{config.HolderAll}}
		reserved(t, s, r)
		s.Settle(settlement(r, exchange.Use{Tokens: 1}))
	}
	flushed(t, s)
	if diff := cmp.Diff(used(5, 5, 0), counted(t, s, config.HolderAll)); diff != "" {
		t.Error(diff)
	}
	if got := s.Counts().Downs; got != 0 {
		t.Errorf("it went down %d times", got)
	}
}

func TestAFailoverOfSentinels(t *testing.T) {
	const password = "of the servers"
	master, replica, sentinels := redistest.StartSentinel(t, "main", password, "user spark on >secret "+SentinelRules)
	opts := single(master)
	opts.Config.Mode, opts.Config.MasterName, opts.Config.Password = config.StoreSentinel, "main", "p"
	opts.Config.SentinelUsername, opts.Config.SentinelPassword = "spark", "s"
	opts.Config.Addresses = nil
	for _, s := range sentinels {
		opts.Config.Addresses = append(opts.Config.Addresses, s.Addr)
	}
	opts.Config.Timeout = config.Duration(2 * time.Second)
	opts.Secrets = func(name string) config.Secret {
		return config.NewSecret(map[string]string{"p": password, "s": "secret"}[name])
	}
	s := opened(t, opts)
	works(t, s)
	waitFor(t, "the replica has all", func() bool {
		theirs, _ := redistest.Do(replica.Addr, password, "HGET", s.prefix[0]+"h:key/team/a", "u")
		return strings.HasPrefix(theirs, "10 100 ")
	})
	master.Kill()
	killed := time.Now()
	waitFor(t, "the store is down", func() bool {
		_, err := s.Reserve(context.Background(), &Reservation{ID: "x", Holders: []string{config.HolderAll}})
		return err != nil
	})
	s.Settle(&Settlement{ID: "while down", Holders: []string{"key/team/a"}, Sent: true, Used: exchange.Use{Tokens: 1}})
	waitFor(t, "the store is up", s.Up)
	t.Logf("another master was found after %v", time.Since(killed).Round(time.Millisecond))
	flushed(t, s)
	if got, err := redistest.Do(replica.Addr, password, "HGET", s.prefix[0]+"h:key/team/a", "u"); err != nil || !strings.HasPrefix(got, "11 101 ") {
		t.Errorf("the new master has %q, %v", got, err)
	}
}

func TestTLSAndAUserWithNoMoreThanTheRules(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, Args: append(
		[]string{"--user", "default", "off", "--user", "spark", "on", ">secret"}, strings.Fields(Rules)...)})
	opts := single(server)
	opts.Config.Username, opts.Config.Password, opts.Config.Database = "spark", "p", 3
	opts.Config.TLS = &config.StoreTLS{CA: server.CA}
	opts.Secrets = func(string) config.Secret { return config.NewSecret("secret") }
	for name, serverName := range map[string]string{"by its address": "", "by another name": "localhost"} {
		t.Run(name, func(t *testing.T) {
			opts.Config.TLS.ServerName = serverName
			opts.Gateway = "a/" + strings.ReplaceAll(name, " ", "-")
			s, one := tuned(t, opts, tuning{pace: hasty()}), tuned(t, opts, tuning{pace: hasty()})
			reserved(t, one, &Reservation{ID: "left", Holders: []string{"user/left"}})
			dies(one)
			waitFor(t, "what was left is swept up", func() bool { return under(t, s, "user/left")[0] == 0 })
			works(t, s)
		})
	}
	if _, err := Open(Options{Config: config.Store{TLS: &config.StoreTLS{CA: "none"}}}); err == nil {
		t.Error("a bundle without a certificate was taken")
	}
	opts.Config.TLS = &config.StoreTLS{CA: server.CA, ServerName: "elsewhere"}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	waitFor(t, "the name is not the certificate's", func() bool { return s.State().Reason == "certificate not trusted" })
}
