// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// estimate is what the requests of these tests are taken to have cost.
func estimate(completion int64) exchange.Usage {
	return exchange.Usage{Prompt: 6, Completion: completion, Total: 6 + completion, Source: exchange.UsageEstimated}
}

func TestWholeAnswers(t *testing.T) {
	estimated := exchange.Usage{Prompt: 6, Completion: 2, Total: 8, Source: exchange.UsageEstimated}
	tests := map[string]struct {
		script      *script
		wantRefused exchange.Reason
		wantStatus  int
		wantOutcome exchange.Outcome
		wantUsage   exchange.Usage
	}{
		"with its usage": {
			script:     whole(200, "application/json", `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`),
			wantStatus: 200, wantUsage: exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported},
		},
		"without": {
			script: whole(200, "application/json", `{"choices":[{"message":{"content":"12345678"}}]}`), wantStatus: 200, wantUsage: estimated,
		},
		"a refusal":             {script: whole(400, "application/json", `{"error":{}}`), wantStatus: 400, wantOutcome: exchange.ProviderRefused},
		"a refusal as text":     {script: whole(422, "text/plain", `no`), wantStatus: 422, wantOutcome: exchange.ProviderRefused},
		"too many requests":     {script: whole(429, "application/json", `{}`), wantStatus: 429, wantOutcome: exchange.ProviderRefused},
		"a failure":             {script: whole(500, "text/html", `<html>`), wantStatus: 500, wantOutcome: exchange.ProviderFailed},
		"the wrong key":         {script: whole(401, "application/json", `{"error":"key sk is wrong"}`), wantRefused: exchange.ReasonAuthFailed, wantOutcome: exchange.ProviderFailed},
		"a redirect":            {script: whole(302, "text/html", ``), wantRefused: exchange.ReasonInvalidResponse, wantOutcome: exchange.ProviderBroken},
		"no content":            {script: &script{pieces: []string{"HTTP/1.1 204 No Content\r\n\r\n"}}, wantRefused: exchange.ReasonInvalidResponse, wantOutcome: exchange.ProviderBroken},
		"an empty body":         {script: whole(200, "application/json", ``), wantRefused: exchange.ReasonInvalidResponse, wantOutcome: exchange.ProviderBroken},
		"a list":                {script: whole(200, "application/json", `[]`), wantRefused: exchange.ReasonInvalidResponse, wantOutcome: exchange.ProviderBroken},
		"an unasked stream":     {script: chunks(doneEvent), wantRefused: exchange.ReasonInvalidResponse, wantOutcome: exchange.ProviderBroken},
		"nothing":               {script: &script{}, wantRefused: exchange.ReasonReset, wantOutcome: exchange.ProviderBroken},
		"silence":               {script: &script{hang: true}, wantRefused: exchange.ReasonTotalTimeout, wantOutcome: exchange.ProviderTimeout, wantUsage: estimate(0)},
		"half a body":           {script: &script{pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"}}, wantRefused: exchange.ReasonTruncated, wantOutcome: exchange.ProviderBroken},
		"half and silence":      {script: &script{hang: true, pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"}}, wantRefused: exchange.ReasonTotalTimeout, wantOutcome: exchange.ProviderTimeout, wantUsage: estimate(0)},
		"too large by its word": {script: &script{pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"}}, wantRefused: exchange.ReasonResponseTooLarge, wantOutcome: exchange.ProviderBroken},
		"compressed": {
			script:      &script{pieces: []string{"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"}},
			wantRefused: exchange.ReasonProviderUnsupported, wantOutcome: exchange.ProviderBroken,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tc.script, plain).finish()
			if tc.wantRefused != "" {
				if r.refused == nil || r.refused.Reason != tc.wantRefused || r.refused.Outcome != tc.wantOutcome || r.refused.Status < 500 {
					t.Fatalf("got %+v", r.refused)
				}
				if strings.Contains(r.refused.Message, "sk") {
					t.Errorf("the message quotes the provider: %s", r.refused.Message)
				}
			} else if r.refused != nil || r.ex.Status != tc.wantStatus || r.ex.Outcome != tc.wantOutcome {
				t.Fatalf("refused %+v, status %d, outcome %s", r.refused, r.ex.Status, r.ex.Outcome)
			}
			if diff := cmp.Diff(tc.wantUsage, r.ex.Usage); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	reported := exchange.Usage{Prompt: 5, Completion: 6, Total: 11, Source: exchange.UsageReported}
	tests := map[string]struct {
		body        string
		script      *script
		want        string // what the client gets; an error event is cut to its code
		wantBroken  bool
		wantOutcome exchange.Outcome
		wantUsage   exchange.Usage
	}{
		"the usage is hidden from who did not ask": {
			body: stream, script: chunks(delta("a"), delta("b"), usageEvent, doneEvent), want: delta("a") + delta("b") + doneEvent, wantUsage: reported,
		},
		"the usage is shown to who did": {
			body: asking, script: chunks(delta("a"), usageEvent, doneEvent), want: delta("a") + usageEvent + doneEvent, wantUsage: reported,
		},
		"without a usage it is estimated": {
			body: stream, script: chunks(delta("abcdefgh"), doneEvent), want: delta("abcdefgh") + doneEvent, wantUsage: estimate(2),
		},
		"each delta counts": {
			body: stream, script: chunks(delta("a"), delta("b"), delta("c"), doneEvent), want: delta("a") + delta("b") + delta("c") + doneEvent, wantUsage: estimate(3),
		},
		"all in one chunk": {
			body: stream, script: chunks(delta("a") + usageEvent + doneEvent), want: delta("a") + doneEvent, wantUsage: reported,
		},
		"events cut within": {
			body: stream, script: chunks(delta("a")[:9], delta("a")[9:]+doneEvent[:3], doneEvent[3:]), want: delta("a") + doneEvent, wantUsage: estimate(1),
		},
		"comments pass": {
			body: stream, script: chunks(": hi\n\n", delta("a"), ": there\n\n", doneEvent), want: ": hi\n\n" + delta("a") + ": there\n\n" + doneEvent, wantUsage: estimate(1),
		},
		"[DONE] without its blank line": {
			body: stream, script: chunks(delta("a"), "data: [DONE]\n"), want: delta("a") + doneEvent, wantUsage: estimate(1),
		},
		"[DONE] without any line end": {
			body: stream, script: chunks(delta("a"), "data: [DONE]"), want: delta("a") + doneEvent, wantUsage: estimate(1),
		},
		"what comes after [DONE] is not relayed": {
			body: stream, script: chunks(delta("a") + doneEvent + delta("b")), want: delta("a") + doneEvent, wantUsage: estimate(1),
		},
		"no [DONE]": {
			body: stream, script: chunks(delta("a"), usageEvent), want: delta("a") + "upstream_truncated", wantBroken: true,
			wantOutcome: exchange.ProviderBroken, wantUsage: reported,
		},
		"half an event at the end": {
			body: stream, script: chunks(delta("a"), delta("b")[:20]), want: delta("a") + "upstream_truncated", wantBroken: true,
			wantOutcome: exchange.ProviderBroken, wantUsage: estimate(1),
		},
		"a connection that breaks": {
			body: stream, script: &script{pieces: chunks(delta("a"), delta("b")).pieces[:3]}, want: delta("a") + delta("b") + "upstream_truncated", wantBroken: true,
			wantOutcome: exchange.ProviderBroken, wantUsage: estimate(2),
		},
		"silence": {
			body: stream, script: &script{pieces: chunks(delta("a")).pieces[:2], hang: true}, want: delta("a") + "upstream_between_tokens_timeout", wantBroken: true,
			wantOutcome: exchange.ProviderTimeout, wantUsage: estimate(1),
		},
		"an event of noise": {
			body: stream, script: chunks(delta("a"), "data: {nope\n\n"), want: delta("a") + "upstream_invalid_response", wantBroken: true,
			wantOutcome: exchange.ProviderBroken, wantUsage: estimate(1),
		},
		"noise in one chunk with what is whole": {
			body: stream, script: chunks(delta("a"), delta("b")+"data: {nope\n\n"), want: delta("a") + delta("b") + "upstream_invalid_response", wantBroken: true,
			wantOutcome: exchange.ProviderBroken, wantUsage: estimate(2),
		},
		"the provider's own error event": {
			body: stream, script: chunks(delta("a"), `data: {"error":{"code":"theirs"}}`+"\n\n", doneEvent), want: delta("a") + "theirs", wantBroken: true,
			wantOutcome: exchange.ProviderFailed, wantUsage: estimate(1),
		},
		"an error event of another shape than OpenAI's": {
			body: stream, script: chunks(delta("a"), `data: {"object":"error","message":"m","type":"t","code":"theirs"}`+"\n\n", doneEvent),
			want: delta("a") + "theirs", wantBroken: true, wantOutcome: exchange.ProviderFailed, wantUsage: estimate(1),
		},
		"a malformed chunk": {
			body: stream, script: &script{pieces: append(chunks(delta("a")).pieces[:2:2], "zz\r\n")}, want: delta("a") + "upstream_invalid_response", wantBroken: true,
			wantOutcome: exchange.ProviderBroken, wantUsage: estimate(1),
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tc.script, tc.body).finish()
			if r.refused != nil {
				t.Fatal(r.refused)
			}
			if diff := cmp.Diff(tc.want, cutError(r.out.String())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (r.relay != nil) != tc.wantBroken || r.ex.Outcome != tc.wantOutcome || (r.ex.Reason != "") != tc.wantBroken {
				t.Errorf("relay %v, outcome %s, reason %q", r.relay, r.ex.Outcome, r.ex.Reason)
			}
			if diff := cmp.Diff(tc.wantUsage, r.ex.Usage); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
			if r.ex.BytesOut != int64(r.out.Len()) || r.ex.FirstToken.IsZero() {
				t.Errorf("bytes out %d of %d, first token %s", r.ex.BytesOut, r.out.Len(), r.ex.FirstToken)
			}
		})
	}
}

// cutError puts an error event's code in the event's place.
func cutError(stream string) string {
	before, event, ok := strings.Cut(stream, `data: {"error":`)
	if !ok {
		return stream
	}
	_, code, _ := strings.Cut(event, `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	return before + code
}

func TestFailuresBeforeAStreamsFirstEventHaveAStatus(t *testing.T) {
	tests := map[string]struct {
		script *script
		want   exchange.Reason
		// A provider that was left in silence may have worked all the same.
		wantUsage exchange.Usage
	}{
		"an empty stream":            {chunks(), exchange.ReasonTruncated, exchange.Usage{}},
		"half an event":              {chunks("data: {"), exchange.ReasonTruncated, exchange.Usage{}},
		"noise":                      {chunks("data: nope\n\n"), exchange.ReasonInvalidResponse, exchange.Usage{}},
		"silence after the header":   {&script{pieces: []string{streamHead}, hang: true}, exchange.ReasonFirstTokenTimeout, estimate(0)},
		"silence in the first event": {&script{pieces: []string{streamHead, "3\r\ndat\r\n"}, hang: true}, exchange.ReasonBetweenTokens, estimate(0)},
		"a whole answer":             {whole(200, "application/json", `{}`), exchange.ReasonInvalidResponse, exchange.Usage{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tc.script, stream).finish()
			if r.refused == nil || r.refused.Reason != tc.want || r.refused.Status < 500 || r.out.Len() > 0 || r.ex.Usage != tc.wantUsage {
				t.Errorf("refused %+v, usage %+v, out %q", r.refused, r.ex.Usage, r.out.String())
			}
		})
	}
}

func TestAnErrorAsTheFirstEventBecomesTheAnswer(t *testing.T) {
	r := start(t, chunks(`data: {"error":{"message":"overloaded"}}`+"\n\n"), stream)
	if r.journey.Answer.Streamed() || r.out.String() != `{"error":{"message":"overloaded"}}` || string(r.journey.Answer.ContentType()) != "application/json" {
		t.Errorf("streamed %t, %q", r.journey.Answer.Streamed(), r.out.String())
	}
	r.finish()
	if r.ex.Status != 502 || r.ex.Outcome != exchange.ProviderFailed || r.ex.Usage.Source != exchange.UsageNone {
		t.Errorf("%+v", r.ex)
	}
}

func TestAnErrorAsTheFirstEventHasTheStatusThatItSays(t *testing.T) {
	for event, want := range map[string]int{
		`{"error":{"message":"slow down","type":"rate_limit_error"}}`: 429,
		`{"error":{"message":"no","type":"invalid_request_error"}}`:   400,
		`{"error":{"message":"no","type":"authentication_error"}}`:    502,
		`{"error":"no"}`: 502,
	} {
		r := start(t, chunks("data: "+event+"\n\n"), stream).finish()
		if r.ex.Status != want || r.out.String() != event {
			t.Errorf("%s: status %d, %q", event, r.ex.Status, r.out.String())
		}
	}
}

func TestAnEventThatIsTooLongBreaksTheStreamOff(t *testing.T) {
	s := chunks(delta("a"), delta(strings.Repeat("x", 9<<20)), doneEvent)
	r := start(t, s, stream).finish()
	if got := cutError(r.out.String()); got != delta("a")+"upstream_response_too_large" || r.relay == nil {
		t.Errorf("relay %v, …%s", r.relay, got[max(0, len(got)-100):])
	}
}

func TestTheRequestGoesUpstreamAsEdited(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"a whole answer": {plain, strings.Replace(plain, `"m"`, `"up"`, 1)},
		"a stream":       {stream, strings.Replace(strings.Replace(stream, `"m"`, `"up"`, 1), "{", `{"stream_options":{"include_usage":true},`, 1)},
		"a large body":   {strings.Replace(plain, "abcdefgh", strings.Repeat("long ", 20_000), 1), strings.Replace(strings.Replace(plain, "abcdefgh", strings.Repeat("long ", 20_000), 1), `"m"`, `"up"`, 1)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := whole(500, "text/plain", "no")
			s.received, s.bodies = make(chan *http.Request, 1), make(chan string, 1)
			r := start(t, s, tc.body).finish()
			req, body := <-s.received, <-s.bodies
			if req.Method != "POST" || req.URL.Path != "/v1/chat/completions" || req.Header.Get("Authorization") != "Bearer sk" || body != tc.want {
				t.Errorf("%s %s: %d bytes, want %d", req.Method, req.URL.Path, len(body), len(tc.want))
			}
			if r.ex.Provider != "ns/p" || r.ex.UpstreamModel != "up" || r.ex.UpstreamStatus != 500 {
				t.Errorf("%+v", r.ex)
			}
		})
	}
}
