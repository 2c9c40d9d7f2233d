// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheWorkloadHasTheSizesItClaims(t *testing.T) {
	for _, size := range []int{minBodyBytes, bodyBytes, 32_000} {
		for _, stream := range []bool{false, true} {
			body := requestBody(size, stream)
			if len(body) != size || !json.Valid(body) {
				t.Errorf("request of %d (stream %v): %d bytes, valid %v", size, stream, len(body), json.Valid(body))
			}
		}
		if body := responseBody(size); len(body) != size || !json.Valid(body) {
			t.Errorf("response of %d: %d bytes, valid %v: %s", size, len(body), json.Valid(body), body)
		}
	}
	parts := streamParts()
	if len(parts) != streamEvents {
		t.Errorf("%d events", len(parts))
	}
	for _, part := range append(parts, streamUsage) {
		data := strings.TrimSpace(strings.TrimPrefix(string(part), "data: "))
		if !json.Valid([]byte(data)) || !strings.HasSuffix(string(part), "\n\n") {
			t.Errorf("not an event: %q", part)
		}
	}
}

func TestWrongAnswersAreSeen(t *testing.T) {
	var stream []byte
	for _, part := range streamParts() {
		stream = append(stream, part...)
	}
	for name, c := range map[string]struct {
		status int
		body   []byte
		stream bool
		right  bool
	}{
		"a completion":                {200, responseBody(bodyBytes), false, true},
		"an error":                    {429, responseBody(bodyBytes), false, false},
		"half a completion":           {200, responseBody(bodyBytes)[:900], false, false},
		"another body":                {200, make([]byte, 2000), false, false},
		"a stream":                    {200, append(stream, streamDone...), true, true},
		"a stream without its end":    {200, stream, true, false},
		"a stream with an event more": {200, append(append(streamUsage[:len(streamUsage):len(streamUsage)], stream...), streamDone...), true, false},
	} {
		if wrong := checkResponse(c.status, c.body, bodyBytes, c.stream); (wrong == "") != c.right {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}

// against runs a plan against a handler.
func against(t *testing.T, p plan, handler http.HandlerFunc) load {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p.Address = server.Listener.Addr().String()
	return p.run(t.Context())
}

func TestALoadMakesAsManyRequestsAsPlanned(t *testing.T) {
	var seen atomic.Int64
	got := against(t, plan{Connections: 5, Requests: 203, Limit: 20 * time.Second, Bytes: bodyBytes},
		func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			if r.Header.Get("Authorization") != "Bearer "+benchKey || r.URL.Path != "/v1/chat/completions" {
				t.Errorf("request %s %v", r.URL, r.Header)
			}
			_, _ = w.Write(responseBody(bodyBytes))
		})
	if got.Requests != 203 || seen.Load() != 203 || got.Errors != 0 {
		t.Errorf("%+v, the server saw %d", got, seen.Load())
	}
	if got.P50 <= 0 || got.P99 < got.P50 || got.FirstByteP50 > got.P50 {
		t.Errorf("times %+v", got)
	}
}

func TestALoadCountsWhatWentWrong(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		reason  string
	}{
		"refusals":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, "status 429"},
		"broken connections": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"connections that are not kept": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = w.Write(responseBody(bodyBytes))
		}, "not kept alive"},
	} {
		got := against(t, plan{Connections: 2, Requests: 10, Limit: 20 * time.Second, Bytes: bodyBytes}, c.handler)
		if got.Errors != 10 || !strings.Contains(got.FirstError, c.reason) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestALoadEndsInTime(t *testing.T) {
	got := against(t, plan{Connections: 2, Requests: 1 << 40, Limit: 50 * time.Millisecond, Bytes: bodyBytes},
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(responseBody(bodyBytes)) })
	if got.Requests == 0 || got.Errors != 0 {
		t.Errorf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := (plan{Address: "127.0.0.1:1", Connections: 1, Requests: 5, Limit: time.Second, Bytes: bodyBytes}).run(ctx); got.Requests != 0 {
		t.Errorf("a load that was ended before it began: %+v", got)
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]uint32, 100)
	for i := range hundred {
		hundred[i] = uint32(i + 1)
	}
	for q, want := range map[float64]int{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := quantile(hundred, q); got != want {
			t.Errorf("quantile %v = %d, want %d", q, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("of nothing it must be 0")
	}
}
