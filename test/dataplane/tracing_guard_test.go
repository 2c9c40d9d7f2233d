// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakecollector"
)

// A guard's own spans are a part of the request's trace, where there is one.
func TestAGuardIsToldOfTheTrace(t *testing.T) {
	type told struct{ Parent, State string }
	asked := make(chan told, 1)
	guard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- told{r.Header.Get("Traceparent"), r.Header.Get("Tracestate")}
		_, _ = io.WriteString(w, `{"action":"allow"}`)
	}))
	t.Cleanup(guard.Close)
	guarded := func(d *config.Document) {
		d.Core.Gateway.Sanitizer = &config.Sanitizer{Webhook: &config.GuardWebhook{
			URL: guard.URL, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionRequest},
		}}
	}
	s, collector := start(t, withDocument(guarded)), fakecollector.Start(t)
	ask := func() told {
		request := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
		request.Header.Set("Traceparent", callersParent)
		request.Header.Set("Tracestate", callersState)
		s.do(request)
		return <-asked
	}
	if diff := cmp.Diff(told{}, ask()); diff != "" {
		t.Errorf("without tracing (-want +got):\n%s", diff)
	}
	s.apply(guarded, traced(collector, 0))
	got := ask()
	want := told{"00-" + callersTrace + "-" + s.spans(collector, 2)[0].ID + "-01", callersState}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
