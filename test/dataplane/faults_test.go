// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// soon is how long a silence may last, which no provider that speaks needs on a machine that is busy.
const soon = config.Duration(slowdown * 300 * time.Millisecond)

// short makes silences end soon.
func short(t *config.Timeouts) {
	t.FirstToken, t.BetweenTokens = soon, soon
}

// impatient is short where a test is about silence: elsewhere a slow machine would look like a slow provider.
func impatient(fault string, stream bool) option {
	return withTimeouts(func(t *config.Timeouts) {
		for _, silence := range []string{"hang", "stall", "latency"} {
			switch {
			case !strings.Contains(fault, silence):
			case stream:
				short(t)
			default:
				// An answer that is not streamed comes whole when it is done: the others must not end it.
				t.Total, t.FirstToken, t.BetweenTokens = soon, config.Duration(time.Millisecond), config.Duration(time.Millisecond)
			}
		}
	})
}

func TestAFailureBeforeTheAnswerIsAnErrorWithAStatus(t *testing.T) {
	tests := map[string]struct {
		fault       string
		stream      bool
		want        int
		wantReason  string
		wantOutcome string
	}{
		"silence": {fault: "hang", want: 504, wantReason: "upstream_total_timeout", wantOutcome: "provider_timeout"},
		"silence for a stream": {
			fault: "hang", stream: true, want: 504, wantReason: "upstream_first_token_timeout", wantOutcome: "provider_timeout",
		},
		"silence after a stream's header": {
			fault: "first-token-latency:5s", stream: true, want: 504,
			wantReason: "upstream_first_token_timeout", wantOutcome: "provider_timeout",
		},
		"a reset":                          {fault: "reset-before-headers", want: 502, wantReason: "upstream_reset", wantOutcome: "provider_broken"},
		"a close":                          {fault: "close-before-headers", want: 502, wantReason: "upstream_reset", wantOutcome: "provider_broken"},
		"a reset after the header":         {fault: "reset-after-headers", want: 502, wantReason: "upstream_reset", wantOutcome: "provider_broken"},
		"a reset after a stream's header":  {fault: "reset-after-headers", stream: true, want: 502, wantReason: "upstream_reset", wantOutcome: "provider_broken"},
		"a reset within the body":          {fault: "reset-mid-body", want: 502, wantReason: "upstream_truncated", wantOutcome: "provider_broken"},
		"a body that is cut short":         {fault: "truncate-body", want: 502, wantReason: "upstream_truncated", wantOutcome: "provider_broken"},
		"a body that stops":                {fault: "stall-body", want: 504, wantReason: "upstream_total_timeout", wantOutcome: "provider_timeout"},
		"noise":                            {fault: "garbage", want: 502, wantReason: "upstream_invalid_response", wantOutcome: "provider_broken"},
		"noise for a stream":               {fault: "garbage", stream: true, want: 502, wantReason: "upstream_truncated", wantOutcome: "provider_broken"},
		"a web page":                       {fault: "html", want: 502, wantReason: "upstream_invalid_response", wantOutcome: "provider_broken"},
		"a web page for a stream":          {fault: "html", stream: true, want: 502, wantReason: "upstream_invalid_response", wantOutcome: "provider_broken"},
		"a compressed body":                {fault: "gzip", want: 502, wantReason: "upstream_unsupported_encoding", wantOutcome: "provider_broken"},
		"the gateway's credential refused": {fault: "status:401", want: 502, wantReason: "upstream_auth_failed", wantOutcome: "provider_failed"},
		"the gateway's credential forbidden": {
			fault: "status:403", want: 502, wantReason: "upstream_auth_failed", wantOutcome: "provider_failed",
		},
		"a stream that is empty": {
			fault: "truncate-stream:0", stream: true, want: 502, wantReason: "upstream_reset", wantOutcome: "provider_broken",
		},
		"a stream that ends without any event": {
			fault: "no-done:0", stream: true, want: 502, wantReason: "upstream_truncated", wantOutcome: "provider_broken",
		},
		"a stream whose first event is an error": {
			fault: "error-event:0", stream: true, want: 500, wantReason: "upstream_error_event", wantOutcome: "provider_failed",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, impatient(tc.fault, tc.stream))
			got := s.chat("tokens=20 fault="+tc.fault, tc.stream)
			if got.StatusCode != tc.want || got.Header.Get("X-Spark-Reason") != tc.wantReason || got.err != nil {
				t.Errorf("status %d, reason %q, error %v, body %s", got.StatusCode, got.Header.Get("X-Spark-Reason"), got.err, got.body)
			}
			if a := decode(t, got.body); a.Error == nil || a.Error.Message == "" {
				t.Errorf("the body is no error: %s", got.body)
			}
			if l := s.lines(1)[0]; l.Outcome != tc.wantOutcome || l.Reason != tc.wantReason || l.Status != tc.want {
				t.Errorf("access log: %+v", l)
			}
		})
	}
}

func TestAProvidersRefusalIsRelayedAsItIs(t *testing.T) {
	tests := map[string]struct {
		fault, wantRetry, wantOutcome string
		want                          int
	}{
		"rate limit":      {fault: "rate-limit:7s", want: 429, wantRetry: "7", wantOutcome: "provider_refused"},
		"bad request":     {fault: "status:400", want: 400, wantOutcome: "provider_refused"},
		"internal error":  {fault: "status:500", want: 500, wantOutcome: "provider_failed"},
		"overload":        {fault: "status:503:2s", want: 503, wantRetry: "2", wantOutcome: "provider_failed"},
		"an unusual code": {fault: "status:529", want: 529, wantOutcome: "provider_failed"},
	}
	for name, tc := range tests {
		for _, stream := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := start(t)
				got := s.chat("fault="+tc.fault, stream)
				if got.StatusCode != tc.want || got.Header.Get("Retry-After") != tc.wantRetry {
					t.Errorf("status %d, retry-after %q", got.StatusCode, got.Header.Get("Retry-After"))
				}
				if got.Header.Get("X-Spark-Reason") != "upstream_status" || decode(t, got.body).Error == nil {
					t.Errorf("reason %q, body %s", got.Header.Get("X-Spark-Reason"), got.body)
				}
				if l := s.lines(1)[0]; l.Outcome != tc.wantOutcome || l.UpstreamStatus != tc.want || l.Usage != nil {
					t.Errorf("access log: %+v", l)
				}
			})
		}
	}
}

func TestABrokenStreamIsNeverDressedAsAWholeOne(t *testing.T) {
	tests := map[string]struct {
		fault, wantCode, wantOutcome string
		theirs                       bool // the error event is the provider's own
	}{
		"a reset":                    {fault: "reset-mid-stream:4", wantCode: "upstream_truncated", wantOutcome: "provider_broken"},
		"a close within the framing": {fault: "truncate-stream:4", wantCode: "upstream_truncated", wantOutcome: "provider_broken"},
		"a clean end without [DONE]": {fault: "no-done:4", wantCode: "upstream_truncated", wantOutcome: "provider_broken"},
		"all but [DONE]":             {fault: "no-done", wantCode: "upstream_truncated", wantOutcome: "provider_broken"},
		"silence":                    {fault: "stall:4", wantCode: "upstream_between_tokens_timeout", wantOutcome: "provider_timeout"},
		"an event of noise":          {fault: "garbage-event:4", wantCode: "upstream_invalid_response", wantOutcome: "provider_broken"},
		"an error of the provider's": {fault: "error-event:4", wantOutcome: "provider_failed", theirs: true},
		"a reset in odd framing":     {fault: "crlf,comments,reset-mid-stream:4", wantCode: "upstream_truncated", wantOutcome: "provider_broken"},
		"a stall in multi-line data": {fault: "multiline-data,stall:4", wantCode: "upstream_between_tokens_timeout", wantOutcome: "provider_timeout"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, impatient(tc.fault, true))
			got := s.chat("tokens=20 delay=1ms fault="+tc.fault, true)
			if got.StatusCode != 200 || got.err == nil {
				t.Errorf("status %d; reading ended with %v: the framing must not end cleanly", got.StatusCode, got.err)
			}
			if strings.Contains(got.body, "[DONE]") {
				t.Error("a [DONE] was invented")
			}
			data := events(got.body)
			last := decode(t, data[len(data)-1])
			if last.Error == nil || !tc.theirs && last.Error.Code != tc.wantCode {
				t.Errorf("the last event is %s", data[len(data)-1])
			}
			l := s.lines(1)[0]
			if l.Outcome != tc.wantOutcome || l.Usage == nil || l.Usage.Completion == 0 {
				t.Errorf("access log: %+v, usage %+v", l, l.Usage)
			}
		})
	}
}

func TestOddFramingIsRelayedWhole(t *testing.T) {
	for _, fault := range []string{
		"crlf", "multiline-data", "comments", "split-utf8", "big-line", "crlf,comments,split-utf8", "no-usage", "bad-usage",
		"keep-alive,first-token-latency:120ms",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			body := chatBody("gpt-4o", "tokens=30 fault="+fault, true)
			body = strings.Replace(body, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
			got := s.do(s.request("POST", "/v1/chat/completions", body))
			if got.StatusCode != 200 || got.err != nil || !strings.Contains(got.body, "[DONE]") {
				t.Fatalf("status %d, error %v, %d bytes", got.StatusCode, got.err, len(got.body))
			}
			// The same question, asked without the gateway, has the same answer but for its ID and time.
			direct := s.request("POST", "/", body)
			direct.URL.Host, direct.URL.Path = strings.TrimPrefix(s.provider.URL(), "http://"), "/v1/chat/completions"
			direct.Header.Set("Authorization", "Bearer "+providerKey)
			if want := s.do(direct); len(want.body) != len(got.body) && !strings.Contains(fault, "keep-alive") {
				t.Errorf("%d bytes through the gateway, %d without", len(got.body), len(want.body))
			}
			if l := s.lines(1)[0]; l.Outcome != "ok" || l.Usage == nil || l.Usage.Completion < 30 {
				t.Errorf("access log: %+v, usage %+v", l, l.Usage)
			}
			for _, r := range s.provider.Records() {
				if r.State != fakeprovider.Completed {
					t.Errorf("the provider recorded %s", r.State)
				}
			}
		})
	}
}

func TestAWholeAnswerMayTakeLongerThanAFirstToken(t *testing.T) {
	s := start(t, withTimeouts(short))
	if got := s.chat("tokens=1 fault=latency:2s", false); got.StatusCode != 200 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
}
