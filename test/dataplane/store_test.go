// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// shared makes the gateway count in a store.
func shared(addr string, onFailure config.OnFailure) func(*config.Document) {
	return func(d *config.Document) {
		d.Core.Gateway.Store = &config.Store{
			Mode: config.StoreSingle, Addresses: []string{addr}, Timeout: config.Duration(10 * time.Second), OnFailure: onFailure,
		}
		d.Core.Gateway.Replicas = 2
		d.Core.Gateway.Ledger = &config.Ledger{Retention: hour, MaxBytes: 1 << 20, MaxExportRecords: 100}
	}
}

// reachesStore waits until requests are counted in the store: without it, a key of the tests has its share only.
func (s *setup) reachesStore(server *redistest.Server) {
	s.t.Helper()
	if _, err := server.Do("DEL", "spark:{default/main}:h:key/default/bob"); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, func() bool {
		s.askFor(bobKey, "cheap", 1)
		return counts(server, "bob")
	}, func() string { return "the store counts nothing" })
}

// counts says that a store knows what a key used.
func counts(server *redistest.Server, key string) bool {
	said, err := server.Do("EXISTS", "spark:{default/main}:h:key/default/"+key)
	return err == nil && said == ":1"
}

func TestWhatIsCountedInTheStoreOutlivesTheGateway(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	budget := func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: 10 * config.Dollar / 100, Per: config.Month}}
		d.Keys[0].Limits.Tokens = []config.TokenLimit{{Count: 100_000, Per: hour}}
	}
	first := start(t, withDocument(priced), withDocument(shared(server.Addr, config.DenyAll)), withDocument(budget))
	first.reachesStore(server)
	got := first.askFor(aliceKey, "dear", 7)
	if got.StatusCode != 200 || got.Header.Get("X-Ratelimit-Limit-Tokens") != "100000" {
		t.Fatalf("%d, %+v: %s", got.StatusCode, got.Header, got.body)
	}
	first.shutdown()

	second := start(t, withDocument(priced), withDocument(shared(server.Addr, config.DenyAll)), withDocument(budget))
	second.reachesStore(server)
	if got := second.askFor(aliceKey, "dear", 4); got.StatusCode != 429 || got.Header.Get("X-Spark-Limit") != "key budget Month" {
		t.Errorf("beyond what another gateway spent: %d, %v", got.StatusCode, got.Header)
	}
	if got := second.askFor(aliceKey, "dear", 3); got.StatusCode != 200 {
		t.Errorf("what it left: %d: %s", got.StatusCode, got.body)
	}
	eventually(t, func() bool {
		got = second.do(second.request("GET", "/api/export?format=jsonl", ""))
		return strings.Count(got.body, "\n") == 3
	}, func() string { return got.body })
	if got.Header.Get("X-Spark-Export-Scope") != "store" {
		t.Errorf("scope %q", got.Header.Get("X-Spark-Export-Scope"))
	}
}

func TestWithoutItsStoreAGatewayDoesAsItIsTold(t *testing.T) {
	for how, want := range map[config.OnFailure][]int{
		// Of four requests a pod of two may let two through.
		config.LocalShare: {200, 200, 429, 429, 429}, config.AllowAll: {200, 200, 200, 200, 200}, config.DenyAll: {503, 503, 503, 503, 503},
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			s := start(t, withDocument(priced), withDocument(shared(server.Addr, how)), withDocument(func(d *config.Document) {
				d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: 4, Per: hour, Burst: 4}}
				d.Keys[1].Limits.Requests = []config.RequestLimit{{Count: 100_000, Per: hour, Burst: 100_000}}
			}))
			s.reachesStore(server)
			server.Kill()
			// The first to ask finds out, and everybody goes without from then on.
			s.askFor(bobKey, "cheap", 1)
			for i, status := range want {
				got := s.askFor(aliceKey, "cheap", 1)
				if got.StatusCode != status || status == 503 && got.Header.Get("X-Spark-Reason") != "limit_store_unavailable" {
					t.Errorf("request %d: %d, %v", i+1, got.StatusCode, got.Header)
				}
			}
			server.Restart()
			if how == config.AllowAll {
				// What passed without the store is counted when it is back.
				said := ""
				eventually(t, func() bool {
					said, _ = server.Do("HGET", "spark:{default/main}:h:key/default/alice", "u")
					return strings.HasPrefix(said, "5 ")
				}, func() string { return "the store knows of " + said })
			}
			eventually(t, func() bool {
				return s.askFor(aliceKey, "cheap", 1).StatusCode != 503 && counts(server, "alice")
			}, func() string { return "the store is not used again" })
		})
	}
}
