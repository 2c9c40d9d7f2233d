// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// gated is a provider that begins its answer when it is told to, and ends it when it is told to.
type gated struct {
	url            string
	asked          atomic.Int64
	begin, end     chan struct{}
	status         int
	contentType    string
	first, further string
}

func startGated(t *testing.T, g *gated) *gated {
	t.Helper()
	g.begin, g.end = make(chan struct{}), make(chan struct{})
	wait := func(req *http.Request, until chan struct{}) bool {
		select {
		case <-until:
			return true
		case <-req.Context().Done():
			return false
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		g.asked.Add(1)
		if !wait(req, g.begin) {
			return
		}
		w.Header().Set("Content-Type", g.contentType)
		w.WriteHeader(max(g.status, 200))
		_, _ = io.WriteString(w, g.first)
		w.(http.Flusher).Flush()
		if g.further == "" || wait(req, g.end) {
			_, _ = io.WriteString(w, g.further)
		}
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func (g *gated) instead(kind config.ProviderType, base string) option {
	return (&scripted{url: g.url}).instead(kind, base)
}

// together asks n times at once, and gives the answers when all of them wait for one.
func (s *setup) together(n int, g *gated, path, body string) []chan answer {
	s.t.Helper()
	all := make([]chan answer, n)
	for i := range all {
		all[i] = make(chan answer, 1)
		go func() { all[i] <- s.do(s.request("POST", path, body)) }()
		eventually(s.t, func() bool { return s.server.InFlight() == i+1 && g.asked.Load() == 1 }, func() string { return "nobody asks" })
	}
	// Who is in flight is about to follow.
	eventually(s.t, func() bool { return strings.Count(s.goroutines(), "cache.(*Flight).") == n-1 }, func() string { return "nobody follows:\n" + s.goroutines() })
	return all
}

// goroutines are all of the process.
func (s *setup) goroutines() string {
	buf := make([]byte, 4<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

const jsonChat = `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`

func TestThoseWhoFollowAreToldWhatTheProviderSaid(t *testing.T) {
	tests := map[string]struct {
		status      int
		body        string
		wantOutcome string
	}{
		"a refusal": {status: 400, body: `{"error":{"message":"too long","type":"invalid_request_error"}}`, wantOutcome: "provider_refused"},
		"a failure": {status: 503, body: `{"error":{"message":"too busy","type":"server_error"}}`, wantOutcome: "provider_failed"},
		"an answer": {status: 200, body: jsonChat, wantOutcome: "ok"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := startGated(t, &gated{status: test.status, contentType: "application/json", first: test.body})
			s := start(t, g.instead(config.OpenAI, "/v1"), withDocument(caching()))
			all := s.together(3, g, "/v1/chat/completions", chatBody("gpt-4o", "", false))
			close(g.begin)
			for i := range all {
				if got := <-all[i]; got.StatusCode != test.status || got.body != test.body || (got.Header.Get("X-Spark-Reason") != "") != (test.status != 200) {
					t.Errorf("answer %d: %d %q %s", i, got.StatusCode, got.Header.Get("X-Spark-Reason"), got.body)
				}
			}
			for _, l := range s.lines(3) {
				if l.Outcome != test.wantOutcome || l.Status != test.status {
					t.Errorf("the log says %s, %d", l.Outcome, l.Status)
				}
			}
			if n := g.asked.Load(); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
}

func TestThoseWhoFollowAStreamAreToldThatTheGatewayLeaves(t *testing.T) {
	const chat = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
	const gemini = "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]}}]}\n\n"
	for name, test := range map[string]struct {
		kind             config.ProviderType
		base, path, body string
		first            string
	}{
		"events":   {config.OpenAI, "/v1", "/v1/chat/completions", chatBody("gpt-4o", "", true), chat},
		"an array": {config.Gemini, "", geminiStream, `{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}`, gemini},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGated(t, &gated{contentType: "text/event-stream", first: test.first, further: test.first})
			s := start(t, g.instead(test.kind, test.base), withDocument(caching()))
			all := s.together(3, g, test.path, test.body)
			close(g.begin)
			eventually(t, func() bool { return strings.Count(s.goroutines(), "cache.(*Flight).Tail") == 2 }, func() string { return "nobody is told anything" })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = s.server.Shutdown(ctx)
			for i := range all {
				got := <-all[i]
				if got.err == nil || !strings.Contains(got.body, `"error"`) || !strings.Contains(got.body, "shutting down") {
					t.Errorf("answer %d: %d %v %q", i, got.StatusCode, got.err, got.body)
				}
				if test.path == geminiStream && strings.Contains(got.body, "data:") {
					t.Errorf("an array has events: %q", got.body)
				}
			}
			for _, l := range s.lines(3) {
				if l.Outcome != "drained" {
					t.Errorf("the log says %s, %s", l.Outcome, l.Reason)
				}
			}
		})
	}
}

func TestAStreamThatIsRefusedIsRefusedForThoseWhoFollow(t *testing.T) {
	const piece = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n"
	g := startGated(t, &gated{
		contentType: "text/event-stream", first: fmt.Sprintf(piece, strings.Repeat("nothing much. ", 100)), further: fmt.Sprintf(piece, "ssh db.corp.example now, and more of it") + "data: [DONE]\n\n",
	})
	s := start(t, g.instead(config.OpenAI, "/v1"), withDocument(caching()), withDocument(sanitizing(&config.Sanitizer{DenyPatterns: []config.DenyPattern{{
		Name: "internal-hosts", Regex: `\.corp\.example\b`, Mode: config.SanitizeBlock, Directions: []config.Direction{config.DirectionResponse}, Scopes: config.TextScopes,
	}}})))
	body := chatBody("gpt-4o", "", true)
	all := s.together(3, g, "/v1/chat/completions", body)
	close(g.begin)
	eventually(t, func() bool { return strings.Count(s.goroutines(), "cache.(*Flight).Tail") == 2 }, func() string { return "nobody is told anything" })
	close(g.end)
	for i := range all {
		if got := <-all[i]; got.StatusCode != 200 || !strings.Contains(got.body, "content_policy_violation") || strings.Contains(got.body, "[DONE]") || strings.Contains(got.body, "corp") {
			t.Errorf("answer %d: %d %.300q", i, got.StatusCode, got.body)
		}
	}
	for _, l := range s.lines(3) {
		if l.Outcome != "blocked" || l.Reason != "deny_pattern" {
			t.Errorf("the log says %s, %s", l.Outcome, l.Reason)
		}
	}
	if got := s.asks(aliceKey, body); got.Header.Get("X-Spark-Cache") != "miss" {
		t.Errorf("what was refused was kept: %s", got.Header.Get("X-Spark-Cache"))
	}
}

func TestSparksOwnAnswersSayWhetherTheProviderWasAsked(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %t", stream), func(t *testing.T) {
			g := &gated{contentType: "application/json", first: jsonChat}
			if stream {
				g = &gated{
					contentType: "text/event-stream", first: "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"cache\\\":\\\"miss\\\"\"},\"finish_reason\":null}]}\n\n",
					further: "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
				}
			}
			g = startGated(t, g)
			s := start(t, g.instead(config.OpenAI, "/v1"), withDocument(caching()))
			body := fmt.Sprintf(`{"model":"gpt-4o","prompt":"hello","stream":%t}`, stream)
			all := s.together(2, g, "/api/spark/generate", body)
			close(g.begin)
			close(g.end)
			for i, c := range all {
				got := <-c
				if word := got.Header.Get("X-Spark-Cache"); word != []string{"miss", "hit"}[i] || !strings.Contains(got.body, `"cache":"`+word+`"`) {
					t.Errorf("answer %d is a %s: %s", i, word, got.body)
				}
			}
			s.lines(2)
			if got := s.do(s.request("POST", "/api/spark/generate", body)); !strings.Contains(got.body, `"cache":"hit"`) || stream && !strings.Contains(got.body, `\"cache\":\"miss\"`) {
				t.Errorf("asked again: %s", got.body)
			}
		})
	}
}

func TestThoseWhoFollowGoOnWhereWhoLeadsFails(t *testing.T) {
	var armed atomic.Bool
	g := startGated(t, &gated{contentType: "application/json", first: jsonChat})
	s := start(t, g.instead(config.OpenAI, "/v1"), withDocument(caching()), func(o *options) {
		o.living.Now = func() time.Time {
			if armed.Load() && strings.Contains(string(debug.Stack()), "proxy.(*Journey).Do") && armed.CompareAndSwap(true, false) {
				panic("a fault of the gateway")
			}
			return time.Now()
		}
	})
	all := s.together(3, g, "/v1/chat/completions", chatBody("gpt-4o", "", false))
	armed.Store(true)
	close(g.begin)
	statuses := map[int]int{}
	for i := range all {
		statuses[(<-all[i]).StatusCode]++
	}
	if statuses[500] != 1 || statuses[200] != 2 {
		t.Errorf("statuses %v", statuses)
	}
	if n := g.asked.Load(); n != 2 {
		t.Errorf("the provider was asked %d times", n)
	}
	eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "somebody waits still" })
}
