// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// stopwatch is a response writer that knows when its first byte and its last were written.
type stopwatch struct {
	*httptest.ResponseRecorder
	header, first, last time.Time
}

func (s *stopwatch) WriteHeader(code int) {
	s.header = time.Now()
	s.ResponseRecorder.WriteHeader(code)
}

func (s *stopwatch) Write(b []byte) (int, error) {
	if s.first.IsZero() {
		s.first = time.Now()
	}
	s.last = time.Now()
	return s.ResponseRecorder.Write(b)
}

func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		body                string
		headers             map[string]string
		header, first, last time.Duration
	}{
		"a stream waits before each token": {
			streamed, map[string]string{"x-fake-tokens": "10", "x-fake-token-delay": "20ms"},
			0, 0, 200 * time.Millisecond},
		"a body is ready when its last token is": {
			plain, map[string]string{"x-fake-tokens": "10", "x-fake-token-delay": "20ms"},
			200 * time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond},
		"the default pace holds when nobody says otherwise": {
			streamed, map[string]string{"x-fake-tokens": "3"}, 0, 0, 3 * time.Second},
		"latency comes before the headers": {
			streamed, map[string]string{"x-fake-token-delay": "0s", "x-fake-fault": "latency:2s"},
			2 * time.Second, 2 * time.Second, 2 * time.Second},
		"first-token-latency comes after them": {
			streamed, map[string]string{"x-fake-token-delay": "0s", "x-fake-fault": "first-token-latency:2s"},
			0, 2 * time.Second, 2 * time.Second},
		"latency delays an error too": {
			plain, map[string]string{"x-fake-fault": "latency:2s,status:503"},
			2 * time.Second, 2 * time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := fakeprovider.New(fakeprovider.Options{TokenDelay: time.Second})
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, chatPath, strings.NewReader(c.body))
				for name, value := range c.headers {
					request.Header.Set(name, value)
				}
				started := time.Now()
				watch := &stopwatch{ResponseRecorder: httptest.NewRecorder()}
				server.Handler().ServeHTTP(watch, request)
				got := []time.Duration{watch.header.Sub(started), watch.first.Sub(started), watch.last.Sub(started)}
				if got[0] != c.header || got[1] != c.first || got[2] != c.last {
					t.Errorf("headers, first and last byte after %v, want %v", got, []time.Duration{c.header, c.first, c.last})
				}
			})
		})
	}
}

func TestKeepAliveCommentsComeAtTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := fakeprovider.New(fakeprovider.Options{})
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, chatPath, strings.NewReader(streamed))
		request.Header.Set("x-fake-fault", "keep-alive:10ms,first-token-latency:55ms")
		answer := httptest.NewRecorder()
		server.Handler().ServeHTTP(answer, request)
		if got := strings.Count(answer.Body.String(), ": keep-alive\n\n"); got != 5 {
			t.Errorf("%d comments in 55ms, want 5", got)
		}
	})
}
