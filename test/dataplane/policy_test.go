// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestAuthentication(t *testing.T) {
	tests := map[string]struct {
		authorization []string
		want          int
		wantReason    string
	}{
		"a known key":                {authorization: []string{"Bearer " + aliceKey}, want: 200},
		"the scheme in another case": {authorization: []string{"bearer " + aliceKey}, want: 200},
		"no key":                     {want: 401, wantReason: "missing_api_key"},
		"an empty key":               {authorization: []string{"Bearer "}, want: 401, wantReason: "missing_api_key"},
		"another scheme":             {authorization: []string{"Basic " + aliceKey}, want: 401, wantReason: "missing_api_key"},
		"an unknown key":             {authorization: []string{"Bearer nobody"}, want: 401, wantReason: "invalid_api_key"},
		"a key with something after": {authorization: []string{"Bearer " + aliceKey + "x"}, want: 401, wantReason: "invalid_api_key"},
		"a key that is very long":    {authorization: []string{"Bearer " + strings.Repeat("x", 4000)}, want: 401, wantReason: "invalid_api_key"},
		"the first of two headers counts": {
			authorization: []string{"Bearer nobody", "Bearer " + aliceKey}, want: 401, wantReason: "invalid_api_key",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
			req.Header["Authorization"] = tc.authorization
			got := s.do(req)
			if got.StatusCode != tc.want || got.Header.Get("X-Spark-Reason") != tc.wantReason {
				t.Errorf("status %d, reason %q: %s", got.StatusCode, got.Header.Get("X-Spark-Reason"), got.body)
			}
			if tc.want == 401 {
				if a := decode(t, got.body); a.Error == nil || a.Error.Code != tc.wantReason {
					t.Errorf("body %s", got.body)
				}
				if n := len(s.provider.Records()); n != 0 {
					t.Errorf("the provider got %d requests", n)
				}
				if l := s.lines(1)[0]; l.Outcome != "unauthenticated" || l.Key != "" {
					t.Errorf("access log %+v", l)
				}
			}
			if strings.Contains(s.log.String(), aliceKey) || strings.Contains(s.log.String(), "nobody") {
				t.Error("the access log holds a key")
			}
		})
	}
}

func limits(count, burst int64, per time.Duration) []config.RequestLimit {
	return []config.RequestLimit{{Count: count, Per: config.Duration(per), Burst: burst}}
}

func TestAKeyHasItsOwnLimitAndIsToldOfIt(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Gateway.Limits.Requests = limits(60, 10, time.Minute)
		d.Keys[0].Limits.Requests = limits(2, 2, time.Hour)
	}))
	for i, want := range []int{200, 200, 429} {
		got := s.chat("tokens=1", false)
		if got.StatusCode != want {
			t.Fatalf("request %d: status %d: %s", i+1, got.StatusCode, got.body)
		}
		if got.Header.Get("X-Ratelimit-Limit-Requests") != "2" ||
			got.Header.Get("X-Ratelimit-Remaining-Requests") != strconv.Itoa(max(1-i, 0)) ||
			got.Header.Get("X-Ratelimit-Reset-Requests") == "" {
			t.Errorf("request %d: header %v", i+1, got.Header)
		}
		if want != 429 {
			continue
		}
		retry, err := strconv.Atoi(got.Header.Get("Retry-After"))
		if err != nil || retry < 1790 || retry > 1800 {
			t.Errorf("retry-after %q, want half an hour", got.Header.Get("Retry-After"))
		}
		if a := decode(t, got.body); a.Error.Code != "rate_limit_exceeded" || got.Header.Get("X-Spark-Reason") != "request_limit" {
			t.Errorf("body %s, reason %s", got.body, got.Header.Get("X-Spark-Reason"))
		}
	}
	bob := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
	bob.Header.Set("Authorization", "Bearer "+bobKey)
	if got := s.do(bob); got.StatusCode != 200 || got.Header.Get("X-Ratelimit-Remaining-Requests") != "9" {
		t.Errorf("another key: status %d, remaining %s", got.StatusCode, got.Header.Get("X-Ratelimit-Remaining-Requests"))
	}
}

func TestAnAddressIsLimitedBeforeItsKeyIsLookedAt(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) { d.Core.Gateway.PerIP.Requests = limits(3, 3, time.Hour) }))
	for i, want := range []int{401, 401, 401, 429} {
		req := s.request("POST", "/v1/chat/completions", "{}")
		req.Header.Set("Authorization", "Bearer guess")
		if got := s.do(req); got.StatusCode != want {
			t.Errorf("request %d: status %d", i+1, got.StatusCode)
		}
	}
	if got := s.chat("", false); got.StatusCode != 429 || got.Header.Get("X-Spark-Reason") != "ip_request_limit" ||
		got.Header.Get("Retry-After") == "" {
		t.Errorf("with a key: status %d, header %v", got.StatusCode, got.Header)
	}
}

func TestAConfigurationChangeKeepsBucketsAndObeysTheNewLimit(t *testing.T) {
	withLimit := func(count, burst int64) func(*config.Document) {
		return func(d *config.Document) { d.Keys[0].Limits.Requests = limits(count, burst, time.Hour) }
	}
	s := start(t, withDocument(withLimit(4, 4)))
	status := func() int { return s.chat("tokens=1", false).StatusCode }
	for range 3 {
		if got := status(); got != 200 {
			t.Fatalf("status %d", got)
		}
	}
	s.apply(withLimit(4, 4), func(d *config.Document) { d.Core.Gateway.MaxConnections = 5 })
	if a, b := status(), status(); a != 200 || b != 429 {
		t.Errorf("after an unrelated change: %d, %d; the bucket was forgotten", a, b)
	}
	s.apply(withLimit(8, 8))
	if got := status(); got != 429 {
		t.Errorf("after a wider limit: %d, want the bucket as full as before", got)
	}
	s.apply(func(d *config.Document) { d.Keys[0].Limits.Requests = nil })
	if got := status(); got != 200 {
		t.Errorf("without a limit: %d", got)
	}
	s.apply(func(d *config.Document) { d.Keys = d.Keys[1:] })
	if got := status(); got != 401 {
		t.Errorf("after the key was deleted: %d", got)
	}
}

func TestAChangeUnderLoadFailsNoRequest(t *testing.T) {
	s := start(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				stream := i%2 == 0
				if got := s.chat("tokens=5 delay=1ms", stream); got.StatusCode != 200 || got.err != nil ||
					stream && !strings.HasSuffix(got.body, "data: [DONE]\n\n") {
					t.Errorf("status %d, error %v: %s", got.StatusCode, got.err, got.body)
					return
				}
			}
		})
	}
	for i := range 60 {
		s.apply(func(d *config.Document) {
			d.Core.Gateway.Limits.Requests = limits(int64(1e6+i), 1e6, time.Minute)
			if i%2 == 0 {
				// Another provider identity: connections of the one before are drained.
				d.Core.Providers[0].ID = "default/other"
			}
		})
		<-time.After(5 * time.Millisecond)
	}
	close(stop)
	clients.Wait()
	for _, r := range s.provider.Records() {
		if r.State != fakeprovider.Completed {
			t.Errorf("the provider recorded %s", r.State)
		}
	}
}

func TestTooManyConnectionsAreRefusedAndTheBoundIsLive(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) { d.Core.Gateway.MaxConnections = 2 }))
	first, second := s.dial(), s.dial()
	_ = second
	eventually(t, func() bool { return s.metric("spark_connections") == 2 }, func() string { return "two connections" })
	third := s.dial()
	resp := readResponse(t, third)
	if resp.StatusCode != 503 || !resp.Close || decode(t, resp.body).Error.Code != "too_many_connections" {
		t.Errorf("status %d: %s", resp.StatusCode, resp.body)
	}
	_ = first.Close()
	eventually(t, func() bool { return s.metric("spark_connections") == 1 }, func() string { return "one connection" })
	if got := s.chat("tokens=1", false); got.StatusCode != 200 {
		t.Errorf("status %d", got.StatusCode)
	}
	s.apply(func(d *config.Document) { d.Core.Gateway.MaxConnections = 1 })
	if resp := readResponse(t, s.dial()); resp.StatusCode != 503 {
		t.Errorf("under the narrower bound: status %d", resp.StatusCode)
	}
	s.apply()
	s.client.CloseIdleConnections()
	if got := s.chat("tokens=1", false); got.StatusCode != 200 {
		t.Errorf("under the wider bound: status %d", got.StatusCode)
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Gateway.Headers = []config.Header{
			{Name: "Content-Security-Policy", Value: "default-src 'none'"}, {Name: "X-Frame-Options", Value: "DENY"},
		}
	}))
	noKey := s.request("GET", "/v1/models", "")
	noKey.Header.Del("Authorization")
	answers := map[string]answer{
		"a chat": s.chat("tokens=1", false), "a stream": s.chat("tokens=1", true), "a refusal": s.do(noKey),
		"an unknown path": s.do(s.request("GET", "/nope", "")), "a provider's error": s.chat("fault=status:500", false),
		"models": s.do(s.request("GET", "/v1/models", "")), "options": s.do(s.request("OPTIONS", "/v1/models", "")),
	}
	for name, got := range answers {
		if got.Header.Get("Content-Security-Policy") != "default-src 'none'" || got.Header.Get("X-Frame-Options") != "DENY" ||
			got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: header %v", name, got.Header)
		}
		if got.Header.Get("Server") != "" {
			t.Errorf("%s: names the server", name)
		}
	}
}

func TestWhatGoesUpstreamIsOnlyWhatConcernsTheProvider(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Providers[0].SetHeaders = []config.Header{{Name: "X-Team", Value: "search"}, {Name: "Openai-Beta", Value: "ours"}}
		d.Core.Providers[0].RemoveHeaders = []string{"Traceparent"}
	}))
	req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
	for name, value := range map[string]string{
		"Cookie": "c=1", "X-Forwarded-For": "10.1.1.1", "X-Api-Key": aliceKey, "Openai-Organization": "org", "Openai-Beta": "theirs",
		"X-Stainless-Lang": "go", "Idempotency-Key": "i-1", "Traceparent": "00-1", "Tracestate": "t=1", "Connection": "x-hop",
		"X-Hop": "1", "Accept-Encoding": "gzip", "X-Client-Request-Id": "c-1",
	} {
		req.Header.Set(name, value)
	}
	if got := s.do(req); got.StatusCode != 200 {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	header := s.record(fakeprovider.Completed).Headers
	for name, want := range map[string]string{
		"X-Team": "search", "Openai-Beta": "ours", "Idempotency-Key": "i-1", "Tracestate": "t=1", "X-Client-Request-Id": "c-1",
		"Accept-Encoding": "identity", "User-Agent": "spark/dev", "Content-Type": "application/json",
	} {
		if header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want)
		}
	}
	for _, name := range []string{
		"Cookie", "X-Forwarded-For", "X-Api-Key", "Openai-Organization", "X-Stainless-Lang", "Traceparent", "X-Hop", "Connection",
	} {
		if header.Get(name) != "" {
			t.Errorf("%s went upstream", name)
		}
	}
	for _, values := range header {
		if strings.Contains(strings.Join(values, " "), aliceKey) {
			t.Error("the client's key went upstream")
		}
	}
}

func TestWhatComesBackIsOnlyWhatConcernsTheClient(t *testing.T) {
	s := start(t)
	got := s.chat("tokens=1", false)
	for name := range got.Header {
		switch name {
		case "Content-Type", "Content-Length", "Date", "X-Request-Id", "X-Content-Type-Options", "Openai-Processing-Ms",
			"Openai-Version", "X-Spark-Upstream-Request-Id":
		default:
			if !strings.HasPrefix(name, "X-Ratelimit-") {
				t.Errorf("%s: %q came back", name, got.Header.Get(name))
			}
		}
	}
	if got.Header.Get("X-Spark-Upstream-Request-Id") == "" {
		t.Errorf("the provider's request ID is missing: %v", got.Header)
	}
}
