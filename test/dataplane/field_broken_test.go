// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
)

// wires are a type of provider for each dialect and framing that providers have.
var wires = []config.ProviderType{config.OpenAI, config.Anthropic, config.Gemini, config.Bedrock, config.Cohere}

// breakages are the ways in which a provider breaks a stream off after some of its events, and what the log says.
var breakages = map[string]struct{ fault, reason, outcome string }{
	"a reset":                  {"reset-mid-stream:9", "upstream_truncated", "provider_broken"},
	"a close within a chunk":   {"truncate-stream:9", "upstream_truncated", "provider_broken"},
	"an end without an ending": {"no-done:9", "upstream_truncated", "provider_broken"},
	"noise":                    {"garbage-event:9", "upstream_invalid_response", "provider_broken"},
	"an error":                 {"error-event:9", "upstream_error_event", "provider_failed"},
}

// breakOff asks for a stream that breaks in its middle.
func breakOff(s *setup, a application, fault string) (answer, said) {
	s.t.Helper()
	got := s.do(s.ask(a, "Hello [[fake tokens=30 delay=2ms fault="+fault+"]]", true))
	if got.StatusCode != 200 {
		s.t.Fatalf("%s: status %d: %s", fault, got.StatusCode, got.body)
	}
	return got, heard(s.t, a, got.body, true)
}

// Nothing that ends a whole stream is invented: no [DONE], no message_stop, no response.completed, no reason to finish,
// no end of an array.
func TestNoDONEAfterABrokenRead(t *testing.T) {
	everyPair(t, wires, func(t *testing.T, s *setup, a application, _ config.ProviderType) {
		whole := s.do(s.ask(a, "Hello [[fake tokens=30]]", true))
		if !strings.Contains(whole.body, a.terminator) || a.array && !json.Valid([]byte(whole.body)) {
			t.Fatalf("a whole stream has no %q: %s", a.terminator, whole.body)
		}
		for name, b := range breakages {
			got, told := breakOff(s, a, b.fault)
			if told.text == "" {
				t.Errorf("%s: nothing came before the fault: %s", name, got.body)
			}
			if strings.Contains(got.body, a.terminator) || told.finish != "" && told.finish != "failed" {
				t.Errorf("%s: an end was invented: …%s", name, got.body[max(0, len(got.body)-400):])
			}
			if a.array && json.Valid([]byte(got.body)) {
				t.Errorf("%s: the array was closed: %s", name, got.body)
			}
		}
	})
}

// The client's HTTP library notices as well, and the last thing that the client is told is an error of its dialect.
func TestABrokenStreamIsNotClosedCleanly(t *testing.T) {
	everyPair(t, wires, func(t *testing.T, s *setup, a application, kind config.ProviderType) {
		answers := map[string]answer{}
		for name, b := range breakages {
			got, told := breakOff(s, a, b.fault)
			answers[name] = got
			if got.err == nil {
				t.Errorf("%s: the framing ends cleanly", name)
			}
			if told.failure == "" || told.code == "" {
				t.Errorf("%s: no error at the end: …%s", name, got.body[max(0, len(got.body)-300):])
			}
			if strings.Contains(got.body, providerKey) || strings.Contains(got.body, s.provider.URL()) {
				t.Errorf("%s: the error tells of the inside: %s", name, got.body)
			}
			all := pieces(a, got.body, true)
			last := said{}
			_ = a.read(&last, []byte(all[len(all)-1]))
			if last.failure == "" && !strings.Contains(all[len(all)-1], `"response.failed"`) {
				t.Errorf("%s: something follows the error: %s", name, all[len(all)-1])
			}
			if b.fault == "error-event:9" && kind != config.Cohere && !strings.Contains(told.failure, "had an error while processing") {
				t.Errorf("%s: the provider's own words are lost: %q", name, told.failure)
			}
		}
		for name, want := range breakages {
			if l := s.logged(answers[name]); l.Reason != want.reason || l.Outcome != want.outcome || l.Usage == nil || l.Usage.Completion == 0 {
				t.Errorf("%s: access log %+v, usage %+v", name, l, l.Usage)
			}
		}
	})
}

// A timeout is not cleared by the response's header.
func TestATimeoutGoesOnBeyondTheResponseHeaders(t *testing.T) {
	everyPair(t, wires, func(t *testing.T, s *setup, a application, _ config.ProviderType) {
		faults := map[string]string{
			"first-token-latency:30s": "upstream_first_token_timeout", "stall:9": "upstream_between_tokens_timeout",
		}
		answers := map[string]answer{}
		for fault := range faults {
			began := time.Now()
			got := s.do(s.ask(a, "Hello [[fake tokens=30 delay=2ms fault="+fault+"]]", true))
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("%s: took %s", fault, took)
			}
			answers[fault] = got
			told := heard(t, a, got.body, got.StatusCode == 200)
			if told.failure == "" || got.StatusCode != 504 && (got.StatusCode != 200 || got.err == nil) {
				t.Errorf("%s: status %d, error %v, %+v", fault, got.StatusCode, got.err, told)
			}
		}
		for fault, want := range faults {
			if l := s.logged(answers[fault]); l.Reason != want || l.Outcome != "provider_timeout" {
				t.Errorf("%s: access log %+v", fault, l)
			}
		}
	}, withTimeouts(short))
}

// Each of the two bounds what it is for, and nothing else.
func TestFirstTokenAndIdleAreTwoKnobs(t *testing.T) {
	const brief, long = soon, config.Duration(20 * time.Second)
	const slow = "2500ms"
	tests := map[string]struct {
		first, between config.Duration
		steer, want    string
	}{
		"a slow beginning, of which only the pauses are bounded":  {long, brief, "fault=first-token-latency:" + slow, ""},
		"a slow beginning that is bounded":                        {brief, long, "fault=first-token-latency:30s", "upstream_first_token_timeout"},
		"a pause within, where only the beginning is bounded":     {brief, long, "fault=stall:9", "client"},
		"a pause that is bounded":                                 {long, brief, "fault=stall:9", "upstream_between_tokens_timeout"},
		"a slow header, where only the pauses are bounded":        {long, brief, "fault=latency:" + slow, ""},
		"a slow header that is bounded as the first token's part": {brief, long, "fault=latency:30s", "upstream_first_token_timeout"},
	}
	for name, tc := range tests {
		for _, dialect := range []string{"chat", "anthropic", "responses"} {
			t.Run(name+", "+dialect, func(t *testing.T) {
				t.Parallel()
				s := start(t, withTimeouts(func(o *config.Timeouts) { o.FirstToken, o.BetweenTokens = tc.first, tc.between }))
				if tc.want == "client" {
					// Nobody but the client ends this one.
					if l := s.logged(s.leaveAfter(applications[dialect], "Hello [[fake tokens=30 "+tc.steer+"]]", 100)); l.Outcome != "client_gone" {
						t.Errorf("access log %+v", l)
					}
					return
				}
				l := s.logged(s.do(s.ask(applications[dialect], "Hello [[fake tokens=30 "+tc.steer+"]]", true)))
				if l.Reason != tc.want {
					t.Errorf("access log %+v", l)
				}
			})
		}
	}
}

// signs are what tells the applications of each dialect that a silent stream is still there.
var signs = map[string]string{
	"chat": ": keep-alive\n\n", "responses": ": keep-alive\n\n", "anthropic": "event: ping\ndata: {\"type\":\"ping\"}\n\n",
	"gemini": "\n\n\n\n", "gemini array": "\n\n",
}

// A gateway that is silent as long as its provider is loses its clients to the first load balancer on the way.
func TestASilentStreamIsKeptAlive(t *testing.T) {
	keepAlive := func(o *options) { o.server = gateway.Options{KeepAlive: 10 * time.Millisecond} }
	for _, kind := range wires {
		for name, a := range applications {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				t.Parallel()
				s := start(t, to(t, kind), keepAlive)
				steer := " [[fake tokens=4 delay=200ms fault=first-token-latency:600ms]]"
				got := s.do(s.ask(a, "Hello"+steer, true))
				if got.StatusCode != 200 || got.err != nil || !strings.Contains(got.body, a.terminator) {
					t.Fatalf("status %d, error %v: %s", got.StatusCode, got.err, got.body)
				}
				first := strings.Index(got.body, `"`)
				if n := strings.Count(got.body[:max(first, 0)], "\n\n"); n == 0 && name != "anthropic" {
					t.Errorf("no sign before the first event: %q", got.body)
				}
				if n := strings.Count(got.body, signs[name]); n < 4 {
					t.Errorf("%d signs of life in %q", n, got.body)
				}
				if told := heard(t, a, got.body, true); told.completion != 4 || told.failure != "" {
					t.Errorf("%+v", told)
				}
				whole := s.do(s.ask(a, "Hello [[fake tokens=4 fault=latency:40ms]]", false))
				if whole.StatusCode != 200 || whole.body[0] != '{' || strings.Contains(whole.body, "keep-alive") {
					t.Errorf("a whole answer: status %d, %q", whole.StatusCode, whole.body)
				}
			})
		}
	}
}
