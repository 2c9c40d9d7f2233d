// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// largest is the bound on bodies in these tests, which is the default.
const largest = 10 << 20

// heapGrowth is how much the heap may grow while one large request is served: by a copy or two of its body in each of the
// gateway, its translation, the fake provider and the client, which all live in this process, and by what the garbage
// collector has not yet come to.
const heapGrowth = 1 << 30

// fewer gives the last of several types of provider where the race detector makes megabytes slow.
func fewer(kinds ...config.ProviderType) []config.ProviderType {
	if slowdown > 1 {
		return kinds[len(kinds)-1:]
	}
	return kinds
}

// measured calls f and gives by how much the heap grew meanwhile.
func measured(t testing.TB, f func()) (growth int64) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return int64(most) - int64(before)
}

// largeBodies are chats of a size by what they consist of, and what becomes of them: where the wire is the application's
// own, and where they are translated.
func largeBodies(size int) map[string]struct {
	body               string
	passed, translated int
} {
	chat := func(messages string) string { return `{"model":"gpt-4o","messages":[` + messages + `]}` }
	fill := func(before, piece, after string) string {
		room := size - len(chat(before+after))
		return chat(before + strings.Repeat(piece, room/len(piece)) + after)
	}
	return map[string]struct {
		body               string
		passed, translated int
	}{
		"one string":     {fill(`{"role":"user","content":"`, "x", `"}`), 200, 200},
		"fewer messages": {fill("", `{"role":"user","content":"`+strings.Repeat("x", 1000)+`"},`, `{"role":"user","content":"x"}`), 200, 200},
		"small messages": {fill("", `{"role":"user","content":"x"},`, `{"role":"user","content":"x"}`), 200, 400},
		"brackets":       {`{"model":"gpt-4o","messages":` + strings.Repeat("[", size-100), 400, 400},
		"deep brackets":  {chat(strings.Repeat("[", size/2-100) + strings.Repeat("]", size/2-100)), 400, 400},
		"another object": {fill(`{"role":"user","content":"x","metadata":`, `{"a":`, `1}`), 400, 400},
	}
}

func TestARequestAsLargeAsIsAllowedIsServedOrRefusedClearly(t *testing.T) {
	for _, kind := range fewer(config.OpenAI, config.Gemini, config.Bedrock, config.Anthropic) {
		t.Run(string(kind), func(t *testing.T) {
			for name, tc := range largeBodies(largest) {
				t.Run(name, func(t *testing.T) {
					// A provider tells that its tokens are spent after one such request.
					s := start(t, to(t, kind))
					if len(tc.body) > largest || len(tc.body) < largest-2000 {
						t.Fatalf("%d bytes", len(tc.body))
					}
					var got answer
					if grown := measured(t, func() { got = s.do(s.request("POST", "/v1/chat/completions", tc.body)) }); grown > heapGrowth*slowdown {
						t.Errorf("the heap grew by %d MiB", grown>>20)
					}
					want := tc.translated
					if kind == config.OpenAI {
						want = tc.passed
					}
					if got.StatusCode != want {
						t.Fatalf("%d, want %d: %.300s", got.StatusCode, want, got.body)
					}
					if want == http.StatusBadRequest && (decode(t, got.body).Error == nil || len(got.body) > 1000) {
						t.Errorf("%.300s", got.body)
					}
				})
			}
		})
	}
}

func TestARequestThatIsTooLargeIsRefusedInTheDialectsWords(t *testing.T) {
	// A bound is what a gateway is told, whatever its size: ten times as much shows nothing more, and costs the race detector
	// ten times as much.
	const largest = 1 << 20
	s := start(t, withDocument(func(d *config.Document) { d.Core.Gateway.MaxBodyBytes = largest }))
	for name, a := range applications {
		t.Run(name, func(t *testing.T) {
			s := s.as(t)
			empty := len(fmt.Sprintf(a.body, `""`))
			for over, want := range map[int]int{0: http.StatusOK, 1: http.StatusRequestEntityTooLarge} {
				req := s.ask(a, strings.Repeat("x", largest-empty+over), false)
				got := s.do(req)
				if got.StatusCode != want {
					t.Fatalf("%d bytes over: %d, %.200s", over, got.StatusCode, got.body)
				}
				if failure := heard(t, a, got.body, false).failure; (failure != "") != (over > 0) {
					t.Errorf("%d bytes over: %q", over, failure)
				}
			}
		})
	}
}

// A line of 5 MiB, from every wire to every application.
func TestALongLineIsRelayed(t *testing.T) {
	const line = 5 << 20
	for _, kind := range fewer(config.OpenAI, config.Anthropic, config.Gemini, config.Cohere, config.Bedrock) {
		t.Run(string(kind), func(t *testing.T) {
			s := start(t, to(t, kind))
			for name, a := range applications {
				t.Run(name, func(t *testing.T) {
					s := s.as(t)
					var got answer
					grown := measured(t, func() {
						got = s.do(s.ask(a, fmt.Sprintf("[[fake fault=big-line:%d]]", line), true))
					})
					if grown > heapGrowth*slowdown {
						t.Errorf("the heap grew by %d MiB", grown>>20)
					}
					answer := heard(t, a, got.body, true)
					if got.err != nil || answer.failure != "" || len(answer.text) < line || !strings.Contains(got.body, a.terminator) {
						t.Errorf("%v, %q, %d bytes of text in %d", got.err, answer.failure, len(answer.text), len(got.body))
					}
					if l := s.logged(got); l.Outcome != "ok" || l.Usage == nil || l.Usage.Source != "reported" {
						t.Errorf("logged %+v", l)
					}
				})
			}
		})
	}
}

// A line beyond what the gateway holds ends the stream with the application's own error, and is no success to anybody.
func TestALineThatIsTooLongEndsTheStreamWithAnError(t *testing.T) {
	const line = 9 << 20
	for _, kind := range fewer(config.OpenAI, config.Gemini, config.Cohere, config.Anthropic) {
		t.Run(string(kind), func(t *testing.T) {
			s := start(t, to(t, kind))
			for name, a := range applications {
				t.Run(name, func(t *testing.T) {
					s := s.as(t)
					got := s.do(s.ask(a, fmt.Sprintf("[[fake fault=big-line:%d]]", line), true))
					body := got.body
					if a.array && got.StatusCode == http.StatusOK {
						body += "]" // which a broken array lacks
					}
					answer := heard(t, a, body, got.StatusCode == http.StatusOK)
					if !strings.Contains(answer.failure, "too large") || strings.Contains(got.body, a.terminator) || len(answer.text) >= line {
						t.Errorf("%d, %q after %d bytes of text", got.StatusCode, answer.failure, len(answer.text))
					}
					if got.StatusCode == http.StatusOK && got.err == nil {
						t.Error("the broken stream has a clean end")
					}
					if l := s.logged(got); l.Outcome != "provider_broken" || l.Reason != "upstream_response_too_large" {
						t.Errorf("logged %+v", l)
					}
				})
			}
		})
	}
}

// After all of that, nothing is held on to. One copy of every body would be more than the test allows.
func TestLargeRequestsLeaveNothingBehind(t *testing.T) {
	const size, times, most = 2 << 20, 8, 12 << 20
	s := start(t, to(t, config.Anthropic))
	once := func() {
		if got := s.do(s.ask(applications["chat"], strings.Repeat("x", size), false)); got.StatusCode != http.StatusOK {
			t.Fatalf("%d %.200s", got.StatusCode, got.body)
		}
	}
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	once()
	s.provider.Reset()
	before := held()
	for range times {
		once()
	}
	s.provider.Reset()
	if more := held() - before; more > most {
		t.Errorf("%d MiB more are held after %d requests of %d MiB", more>>20, times, size>>20)
	}
}
