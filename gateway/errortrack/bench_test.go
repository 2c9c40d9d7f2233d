// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"context"
	"net/http"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// hang is a transport that never answers. It says that it is asked.
type hang chan struct{}

func (h hang) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case h <- struct{}{}:
	default:
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// hooked gives a Tracker whose hooks hang, and a group that it knows. Sentry has been called, so that nothing more goes on.
func hooked(tb testing.TB, known Event) *Tracker {
	tb.Helper()
	asked := hang(make(chan struct{}, 1))
	tr := New(Options{Transport: asked})
	if err := tr.Use(Settings{WebhookURL: "http://hook.example", SentryDSN: config.NewSecret(fakeDSN)}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		tr.Close(ctx)
	})
	tr.Record(known)
	<-asked
	return tr
}

func TestRecordOfAGroupAllocatesNothing(t *testing.T) {
	e := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	tr := hooked(t, e)
	if got := testing.AllocsPerRun(1000, func() { tr.Record(e) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	e := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	tr := hooked(b, e)
	b.ReportAllocs()
	for b.Loop() {
		tr.Record(e)
	}
}

func BenchmarkRecordOnAllCores(b *testing.B) {
	e := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	tr := hooked(b, e)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tr.Record(e)
		}
	})
}

// Every event is of a new group, and every one takes another's place.
func BenchmarkRecordOfNewGroups(b *testing.B) {
	tr := hooked(b, fault(0))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		tr.Record(fault(n))
	}
}
