// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"context"
	"net/http"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// hang is a transport that never answers.
type hang struct{}

func (hang) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func hooked(tb testing.TB) *Tracker {
	tb.Helper()
	tr := New(Options{Transport: hang{}})
	if err := tr.Use(Settings{WebhookURL: "http://hook.example", SentryDSN: config.NewSecret(fakeDSN)}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		tr.Close(ctx)
	})
	return tr
}

func TestRecordOfAGroupAllocatesNothing(t *testing.T) {
	tr := hooked(t)
	e := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	tr.Record(e)
	if got := testing.AllocsPerRun(1000, func() { tr.Record(e) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	tr := hooked(b)
	e := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	b.ReportAllocs()
	for b.Loop() {
		tr.Record(e)
	}
}

func BenchmarkRecordOnAllCores(b *testing.B) {
	tr := hooked(b)
	e := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tr.Record(e)
		}
	})
}

// Every event is of a new group, and every one takes another's place.
func BenchmarkRecordOfNewGroups(b *testing.B) {
	tr := hooked(b)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		tr.Record(fault(n))
	}
}
