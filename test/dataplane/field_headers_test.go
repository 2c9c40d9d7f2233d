// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// SDKs retry by what they are told: it reaches them from every provider, with every status.
func TestWhatSDKsRetryByComesBack(t *testing.T) {
	passed := map[string]string{
		"Retry-After": "7", "Retry-After-Ms": "6500", "X-Should-Retry": "false", "Openai-Processing-Ms": "12",
		"X-Ratelimit-Remaining-Tokens": "3", "X-Ratelimit-Reset-Requests": "1s", "Anthropic-Ratelimit-Requests-Remaining": "4",
		"Anthropic-Ratelimit-Unified-Reset": "9",
	}
	dropped := []string{"Set-Cookie", "Server", "Openai-Organization", "Anthropic-Organization-Id", "Via", "X-Internal"}
	for _, status := range []int{200, 408, 409, 429, 500, 503} {
		provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range passed {
				w.Header().Set(name, value)
			}
			for _, name := range dropped {
				w.Header().Set(name, "x")
			}
			w.Header().Set("X-Request-Id", "req_theirs")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, map[bool]string{
				true:  `{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}`,
				false: `{"error":{"message":"no","type":"x","param":null,"code":null}}`,
			}[status == 200])
		}))
		t.Cleanup(provider.Close)
		for name, a := range applications {
			if name == "responses" {
				continue // OpenAI answers these otherwise, and the headers are the same.
			}
			// Each has a gateway of its own, as a provider that asks to be left alone is.
			s := start(t, withDocument(func(d *config.Document) { d.Core.Providers[0].Endpoint = provider.URL }))
			got := s.do(s.ask(a, "Hi", false))
			if got.StatusCode != status {
				t.Errorf("%s: status %d, want %d: %s", name, got.StatusCode, status, got.body)
			}
			for field, want := range passed {
				if got.Header.Get(field) != want {
					t.Errorf("%s, %d: %s is %q", name, status, field, got.Header.Get(field))
				}
			}
			for _, field := range dropped {
				if got.Header.Get(field) != "" {
					t.Errorf("%s, %d: %s came back", name, status, field)
				}
			}
			l := s.logged(got)
			if got.Header.Get("X-Request-Id") != l.ID || got.Header.Get("X-Spark-Upstream-Request-Id") != "req_theirs" {
				t.Errorf("%s: request ids %v", name, got.Header)
			}
			if own := got.Header.Get("Request-Id"); (own == l.ID) != (name == "anthropic") {
				t.Errorf("%s: request-id %q", name, own)
			}
		}
	}
}

// A client's key opens the gateway wherever its SDK puts it, and goes no further.
func TestAClientsKeyNeverReachesAProvider(t *testing.T) {
	places := map[string]func(*http.Request){
		"Authorization":  func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+aliceKey) },
		"x-api-key":      func(r *http.Request) { r.Header.Set("X-Api-Key", aliceKey) },
		"api-key":        func(r *http.Request) { r.Header.Set("Api-Key", aliceKey) },
		"x-goog-api-key": func(r *http.Request) { r.Header.Set("X-Goog-Api-Key", aliceKey) },
		"key in the query": func(r *http.Request) {
			query := r.URL.Query()
			query.Set("key", aliceKey)
			r.URL.RawQuery = query.Encode()
		},
	}
	shown := aliceKey[len(aliceKey)-4:] // what the fake provider's records show of a key
	everyPair(t, allTypes, func(t *testing.T, s *setup, a application, kind config.ProviderType) {
		for name, place := range places {
			if name == "key in the query" && !strings.HasPrefix(nameOf(a), "gemini") {
				continue
			}
			req := s.ask(a, "Hi [[fake tokens=1]]", false)
			req.Header.Del("Authorization")
			place(req)
			got := s.do(req)
			if got.StatusCode != 200 {
				t.Fatalf("%s: status %d: %s", name, got.StatusCode, got.body)
			}
			records := s.provider.Records()
			r := records[len(records)-1]
			for field, values := range r.Headers {
				if all := strings.Join(values, " "); strings.Contains(all, aliceKey) || strings.HasSuffix(all, "***"+shown) {
					t.Errorf("%s: %s went to %s: %s", name, field, kind, all)
				}
			}
			if strings.Contains(r.Query, "key=") || strings.Contains(r.Body, aliceKey) {
				t.Errorf("%s: query %q", name, r.Query)
			}
			own := providerKey
			if kind == config.Bedrock {
				own = awsKey.AccessKeyID
			}
			if r.KeySHA256 != fakeprovider.SHA256Of(own) {
				t.Errorf("%s: %s got another credential than its own", name, kind)
			}
		}
	})
}

// What an SDK says of itself ends at the gateway; what makes a retry the same request goes on.
func TestOnlyWhatConcernsAProviderIsForwarded(t *testing.T) {
	everyPair(t, allTypes, func(t *testing.T, s *setup, a application, kind config.ProviderType) {
		req := s.ask(a, "Hi [[fake tokens=1]]", false)
		for name, value := range map[string]string{
			"X-Stainless-Lang": "js", "X-Stainless-Retry-Count": "2", "X-Goog-Api-Client": "genai-js", "User-Agent": "sdk/1",
			"Cookie": "c=1", "Openai-Organization": "org", "Openai-Project": "p", "X-Forwarded-For": "10.0.0.1",
			"Anthropic-Dangerous-Direct-Browser-Access": "true", "Idempotency-Key": "once", "Anthropic-Beta": "context-1m-2025-08-07",
			"Anthropic-Version": "2023-01-01",
		} {
			req.Header.Set(name, value)
		}
		if got := s.do(req); got.StatusCode != 200 {
			t.Fatalf("status %d: %s", got.StatusCode, got.body)
		}
		records := s.provider.Records()
		header := records[len(records)-1].Headers
		for name := range header {
			for _, prefix := range []string{"X-Stainless-", "X-Goog-Api-Client", "Cookie", "Openai-", "X-Forwarded-", "Anthropic-Dangerous-"} {
				if strings.HasPrefix(name, prefix) {
					t.Errorf("%s went to %s", name, kind)
				}
			}
		}
		if header.Get("Idempotency-Key") != "once" || header.Get("User-Agent") != "spark/dev" {
			t.Errorf("header %v", header)
		}
		wantBeta, wantVersion := "", ""
		switch {
		case kind == config.Anthropic && nameOf(a) == "anthropic":
			wantBeta, wantVersion = "context-1m-2025-08-07", "2023-01-01"
		case kind == config.Anthropic:
			wantVersion = "2023-06-01"
		}
		if beta, version := header.Get("Anthropic-Beta"), header.Get("Anthropic-Version"); beta != wantBeta || version != wantVersion {
			t.Errorf("anthropic-beta %q, anthropic-version %q", beta, version)
		}
	})
}

func TestAnthropicsBetaPathIsServed(t *testing.T) {
	s := start(t, to(t, config.Anthropic))
	a := applications["anthropic"]
	a.path = "/v1/messages?beta=true"
	if got := s.do(s.ask(a, "Hi", false)); got.StatusCode != 200 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	if r := s.record(fakeprovider.Completed); r.Path != "/v1/messages" {
		t.Errorf("went to %s", r.Path)
	}
}
