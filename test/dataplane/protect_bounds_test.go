// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestMessagesAreBounded(t *testing.T) {
	s := start(t, bounded(config.RequestLimits{MaxMessages: 3}))
	messages := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"role":"user","content":"hi"},`, n), ",") + "]"
	}
	contents := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"role":"user","parts":[{"text":"hi"}]},`, n), ",") + "]"
	}
	for path, body := range map[string]func(n int) string{
		"/v1/chat/completions":             func(n int) string { return `{"model":"m","messages":` + messages(n) + `}` },
		"/v1/messages":                     func(n int) string { return `{"model":"m","max_tokens":5,"messages":` + messages(n) + `}` },
		"/v1/responses":                    func(n int) string { return `{"model":"m","input":` + messages(n) + `}` },
		"/v1beta/models/m:generateContent": func(n int) string { return `{"contents":` + contents(n) + `}` },
		"/api/spark/generate":              func(n int) string { return `{"model":"m","messages":` + messages(n) + `}` },
	} {
		t.Run(path, func(t *testing.T) {
			s := s.as(t)
			if got := s.do(s.request("POST", path, body(3))); got.StatusCode != 200 {
				t.Errorf("status %d: %s", got.StatusCode, got.body)
			}
			got := s.do(s.request("POST", path, body(4)))
			if got.StatusCode != 400 || got.Header.Get("X-Spark-Reason") != "too_many_messages" || !strings.Contains(got.body, "has 4 elements. This gateway takes at most 3.") {
				t.Errorf("status %d: %s", got.StatusCode, got.body)
			}
		})
	}
}

func TestInputTokensAreBounded(t *testing.T) {
	s := start(t, bounded(config.RequestLimits{MaxInputTokens: 1000}))
	ask := func(text string) answer {
		return s.do(s.request("POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"`+text+`"}]}`))
	}
	// Each word and its space is a token, of nearly four bytes.
	if got := ask(strings.Repeat("the ", 900)); got.StatusCode != 200 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	got := ask(strings.Repeat("the ", 2000))
	if got.StatusCode != 400 || got.Header.Get("X-Spark-Reason") != "input_tokens" {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	if e := decode(t, got.body).Error; e.Code != "context_length_exceeded" || !strings.Contains(e.Message, "at most 1000 tokens of input. Your request has about 1") {
		t.Errorf("%+v", e)
	}
	// A picture is no text.
	if got := ask(`x"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + strings.Repeat("AAAA", 5000) + `"}}],"name":"n`); got.StatusCode != 200 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
}

func TestOutputTokensAreBoundedForTheProvider(t *testing.T) {
	const chat = `{"model":"gpt-4o","messages":[{"role":"user","content":"hi [[fake tokens=1]]"}]`
	tests := map[string]struct {
		limits   config.RequestLimits
		provider config.ProviderType
		body     string
		want     string // of the provider's body
		refused  string
	}{
		"little is as it was":      {config.RequestLimits{MaxOutputTokens: 100}, config.OpenAI, chat + `,"max_tokens":5}`, `"max_tokens":5`, ""},
		"too much is refused":      {config.RequestLimits{MaxOutputTokens: 100}, config.OpenAI, chat + `,"max_tokens":101}`, "", "max_tokens is too large: 101. This gateway allows at most 100 tokens."},
		"too much is lowered":      {config.RequestLimits{MaxOutputTokens: 100, ClampOutput: true}, config.OpenAI, chat + `,"max_tokens":101}`, `"max_tokens":100`, ""},
		"none is given":            {config.RequestLimits{MaxOutputTokens: 100}, config.OpenAI, chat + `}`, `"max_completion_tokens":100`, ""},
		"none, to a like server":   {config.RequestLimits{MaxOutputTokens: 100}, config.OpenAICompatible, chat + `}`, `"max_tokens":100`, ""},
		"none, to a smaller model": {config.RequestLimits{MaxOutputTokens: 100_000}, config.OpenAI, `{"model":"small","messages":[{"role":"user","content":"hi"}]}`, `"max_completion_tokens":4096`, ""},
		"nothing is bounded":       {config.RequestLimits{}, config.OpenAI, chat + `}`, `]}`, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, bounded(tc.limits), withDocument(func(d *config.Document) {
				d.Core.Providers[0].Type = tc.provider
				d.Core.Models = []config.Model{{Name: "small", Provider: "default/fake", Upstream: "small-1", MaxOutputTokens: 4096}}
			}))
			got := s.do(s.request("POST", "/v1/chat/completions", tc.body))
			if tc.refused != "" {
				if got.StatusCode != 400 || got.Header.Get("X-Spark-Reason") != "max_output_tokens" || decode(t, got.body).Error.Message != tc.refused {
					t.Errorf("status %d: %s", got.StatusCode, got.body)
				}
				return
			}
			if got.StatusCode != 200 {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			if r := s.provider.Records()[0]; !strings.Contains(r.Body, tc.want) || strings.Count(r.Body, "_tokens") != strings.Count(tc.want, "_tokens") {
				t.Errorf("the provider got %s", r.Body)
			}
		})
	}
}

// corsed lets pages of one origin, and of all below a domain, use the gateway.
func corsed(d *config.Document) {
	d.Core.Gateway.CORS = &config.CORS{
		AllowOrigins: []string{"https://*.example.org", "https://app.example.com"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"*"},
		MaxAge: config.Duration(600e9),
	}
}

func TestPreflightsNeedNoKey(t *testing.T) {
	s := start(t, withDocument(corsed))
	ask := func(origin, path string) answer {
		req := s.request("OPTIONS", path, "")
		req.Header = http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"},
		}
		return s.do(req)
	}
	for _, path := range []string{"/v1/chat/completions", "/v1/nothing", "/v1beta/models/m:generateContent"} {
		got := ask("https://app.example.com", path)
		want := map[string]string{
			"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Methods": "GET, POST",
			"Access-Control-Allow-Headers": "authorization,content-type", "Access-Control-Max-Age": "600", "Access-Control-Allow-Credentials": "",
			"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers", "X-Content-Type-Options": "nosniff",
		}
		if got.StatusCode != 204 || got.body != "" {
			t.Errorf("%s: status %d: %s", path, got.StatusCode, got.body)
		}
		for name, value := range want {
			if got.Header.Get(name) != value {
				t.Errorf("%s: %s: %q, want %q", path, name, got.Header.Get(name), value)
			}
		}
	}
	got := ask("https://evil.example.net", "/v1/chat/completions")
	if got.StatusCode != 204 || allows(got.Header) || got.Header.Get("Vary") == "" {
		t.Errorf("status %d: %v", got.StatusCode, got.Header)
	}
	if l := s.lines(4)[3]; l.Status != 204 || l.Key != "" {
		t.Errorf("access log %+v", l)
	}
}

// allows says that a header allows anything to another origin.
func allows(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			return true
		}
	}
	return false
}

func TestEveryAnswerTellsOriginsWhatTheyMay(t *testing.T) {
	s := start(t, withDocument(corsed), withDocument(func(d *config.Document) { d.Core.Gateway.MaxBodyBytes = 1000 }))
	chat := chatBody("gpt-4o", "tokens=2", false)
	for name, tc := range map[string]struct {
		method, path, body, key string
		want                    int
	}{
		"an answer":    {"POST", "/v1/chat/completions", chat, aliceKey, 200},
		"a stream":     {"POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=2", true), aliceKey, 200},
		"a list":       {"GET", "/v1/models", "", aliceKey, 200},
		"no such key":  {"POST", "/v1/chat/completions", chat, "nobody", 401},
		"no such path": {"GET", "/v1/nothing", "", aliceKey, 404},
		"a large body": {"POST", "/v1/chat/completions", strings.Repeat("x", 1001), aliceKey, 413},
		"no JSON":      {"POST", "/v1/messages", "x", aliceKey, 400},
	} {
		for origin, allowed := range map[string]bool{"https://app.example.com": true, "https://a.example.org": true, "https://evil.example.net": false, "": false} {
			t.Run(fmt.Sprintf("%s, to %q", name, origin), func(t *testing.T) {
				s := s.as(t)
				req := s.request(tc.method, tc.path, tc.body)
				req.Header.Set("Authorization", "Bearer "+tc.key)
				if origin != "" {
					req.Header.Set("Origin", origin)
				}
				got := s.do(req)
				if got.StatusCode != tc.want || got.Header.Get("Vary") != "Origin" {
					t.Errorf("status %d, vary %q", got.StatusCode, got.Header.Get("Vary"))
				}
				exposed := strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), "x-request-id")
				if allows(got.Header) != allowed || exposed != allowed || allowed && got.Header.Get("Access-Control-Allow-Origin") != origin {
					t.Errorf("%v", got.Header)
				}
			})
		}
	}
}

// A client that still sends when its header is refused reads why, and no reset.
func TestAClientThatStillSendsReadsWhyItsHeaderIsRefused(t *testing.T) {
	s := start(t, bounded(config.RequestLimits{MaxHeaderFields: 100}))
	// More than the systems on the way keep for either.
	large := strings.Repeat("x", 16<<20)
	many, long := s.request("POST", "/v1/chat/completions", large), s.request("POST", "/v1/chat/completions", "")
	for i := range 200 {
		many.Header.Set(fmt.Sprintf("X-%d", i), "1")
	}
	long.Header.Set("X-Large", large)
	for want, req := range map[string]*http.Request{"too_many_header_fields": many, "header_too_large": long} {
		if got := s.do(req); got.StatusCode != 431 || got.Header.Get("X-Spark-Reason") != want {
			t.Errorf("status %d, %q, want %q: %v", got.StatusCode, got.Header.Get("X-Spark-Reason"), want, got.err)
		}
	}
}

// What could not be read as a request has no origin; where but one is allowed, it is told nonetheless.
func TestAHeaderThatIsTooLargeIsToldToTheOnlyOrigin(t *testing.T) {
	for want, origins := range map[string][]string{"https://a.example": {"https://a.example"}, "*": {"*"}, "": {"https://a.example", "https://b.example"}} {
		s := start(t, withDocument(func(d *config.Document) { d.Core.Gateway.CORS = &config.CORS{AllowOrigins: origins} }))
		c := s.dial()
		_, _ = fmt.Fprintf(c, "GET /v1/models HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nX-Big: %s\r\n\r\n", strings.Repeat("x", 40<<10))
		if got := readResponse(t, c); got.StatusCode != 431 || got.Header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("%v: status %d, %v", origins, got.StatusCode, got.Header)
		}
	}
}

func TestWithoutCORSNothingIsSaid(t *testing.T) {
	s := start(t)
	req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
	req.Header.Set("Origin", "https://app.example.com")
	if got := s.do(req); got.StatusCode != 200 || allows(got.Header) || got.Header.Get("Vary") != "" {
		t.Errorf("status %d: %v", got.StatusCode, got.Header)
	}
	req = s.request("OPTIONS", "/v1/chat/completions", "")
	req.Header = http.Header{"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {"POST"}}
	if got := s.do(req); got.StatusCode != 204 || allows(got.Header) || got.Header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("status %d: %v", got.StatusCode, got.Header)
	}
}

func TestPagesOfOtherOriginsOpenNoSession(t *testing.T) {
	s := start(t, withDocument(corsed))
	for origin, want := range map[string]bool{"https://app.example.com": true, "": true, "https://evil.example.net": false} {
		header := http.Header{"Authorization": {"Bearer " + aliceKey}}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, resp, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/v1/realtime?model=m", &websocket.DialOptions{HTTPHeader: header})
		if err == nil {
			_ = conn.CloseNow()
		}
		if (err == nil) != want {
			t.Errorf("%q: %v", origin, err)
		}
		if !want && (resp == nil || resp.StatusCode != 403 || resp.Header.Get("X-Spark-Reason") != "origin_not_allowed" || resp.Header.Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%q: %v", origin, resp)
		}
	}
}
