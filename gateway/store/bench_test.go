// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// typical is a request as most are: of a key with limits and a budget, a user, a team's policy, a route and the gateway.
func typical() *Reservation {
	const key, policy, route = "key/team-a/alice", "policy/team-a/everybody", "route/models/gpt-5"
	return &Reservation{
		Holders: []string{key, "user/alice@example.com", policy, route, config.HolderAll},
		Constraints: []exchange.Constraint{
			requests(key, 1<<40, 1<<39, time.Minute), tokens(key, 1<<48, time.Minute), slots(key, 1<<30),
			budget(key, int64(config.MaxMoney), config.Month), budget(policy, int64(config.MaxMoney), config.Month),
			tokens(policy, 1<<48, time.Minute),
		},
		Use: exchange.Use{Tokens: 5000, Cost: 40_000}, Least: exchange.Use{Tokens: 800, Cost: 2000},
	}
}

var record = []byte(`{"id":"req-0123456789abcdef","at":"2026-11-23T10:00:00Z","key":"team-a/alice","user":"alice@example.com","team":"a",` +
	`"route":"models/gpt-5","provider":"team-a/openai","model":"gpt-5","in":812,"out":345,"cached":0,"reasoning":0,"cost":"0.004213",` +
	`"source":"reported","outcome":"ok","attempts":1,"latencyMs":2310,"firstTokenMs":412}`)

// BenchmarkRequest is a request's reservation and settlement: one caller waits for one round trip, many share them.
func BenchmarkRequest(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(strconv.Itoa(callers)+" callers", func(b *testing.B) {
			server := redistest.Start(b, redistest.Options{})
			s := opened(b, single(server))
			var n atomic.Int64
			before := traffic(b, server)
			b.ReportAllocs()
			b.SetParallelism(callers)
			if callers == 1 {
				b.SetParallelism(0)
			}
			run := func(next func() bool) {
				r := typical()
				for next() {
					r.ID = "0123456789abcdef" + strconv.FormatInt(n.Add(1), 10)
					if d, err := s.Reserve(context.Background(), r); err != nil || d.Refused != nil {
						b.Fatal(d, err)
					}
					x := settlement(r, exchange.Use{Tokens: 1200, Cost: 9000})
					x.Record = record
					s.Settle(x)
				}
			}
			if callers == 1 {
				run(b.Loop)
			} else {
				b.RunParallel(func(pb *testing.PB) { run(pb.Next) })
			}
			flushed(b, s)
			b.StopTimer()
			after := traffic(b, server)
			b.ReportMetric(float64(after[0]-before[0])/float64(n.Load()), "wire-B-to-store/op")
			b.ReportMetric(float64(after[1]-before[1])/float64(n.Load()), "wire-B-from-store/op")
		})
	}
}

// BenchmarkSettle is the store's throughput of settlements alone.
func BenchmarkSettle(b *testing.B) {
	server := redistest.Start(b, redistest.Options{})
	deep := usual
	deep.queued = 1 << 30
	s := tuned(b, single(server), tuning{pace: deep})
	r := typical()
	x := settlement(r, exchange.Use{Tokens: 1200, Cost: 9000})
	x.Reserved, x.Record = false, record
	b.ReportAllocs()
	began, n := time.Now(), 0
	for b.Loop() {
		s.Settle(x)
		n++
	}
	waitFor(b, "all is settled", func() bool { return s.Counts().Queued == 0 })
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "stored/s")
}

// BenchmarkDown is what a store that is down costs a request.
func BenchmarkDown(b *testing.B) {
	opts := Options{Gateway: gateway, Config: config.Store{
		Mode: config.StoreSingle, Addresses: []string{"127.0.0.1:1"}, Timeout: config.Duration(time.Second),
	}}
	s, err := Open(opts)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	r := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Reserve(context.Background(), r); err == nil {
			b.Fatal("it is up")
		}
	}
}

// traffic gives the bytes that a server received and sent.
func traffic(b *testing.B, server *redistest.Server) [2]int64 {
	b.Helper()
	info, err := server.Do("INFO", "stats")
	if err != nil {
		b.Fatal(err)
	}
	var bytes [2]int64
	for line := range strings.Lines(info) {
		for i, name := range []string{"total_net_input_bytes:", "total_net_output_bytes:"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				if bytes[i], err = strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return bytes
}
