// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// guard is a client that can leave.
type guard struct {
	mu             sync.Mutex
	call           Canceler
	gone, draining bool
	detached       int
}

func (g *guard) Attach(c Canceler) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone || g.draining {
		return false
	}
	g.call = c
	return true
}

func (g *guard) Detach() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.call = nil
	g.detached++
}

func (g *guard) Draining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

func (g *guard) leave(draining bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone, g.draining = !draining, draining
	if g.call != nil {
		g.call.Cancel()
	}
}

// fields is an empty header.
type fields struct{}

func (fields) PeekCanonical([]byte) []byte { return nil }

// script is a provider that answers each request with these pieces and then, unless it hangs, closes.
type script struct {
	pieces   []string
	hang     bool
	received chan *http.Request
	bodies   chan string
}

// dial connects to the script over a pipe.
func (s *script) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		req, err := http.ReadRequest(bufio.NewReader(server))
		if err != nil {
			_ = server.Close()
			return
		}
		body, _ := io.ReadAll(req.Body)
		if s.received != nil {
			s.received <- req
			s.bodies <- string(body)
		}
		for _, piece := range s.pieces {
			if _, err := io.WriteString(server, piece); err != nil {
				break
			}
		}
		if !s.hang {
			_ = server.Close()
		}
	}()
	return client, nil
}

// run makes one attempt at a script.
type run struct {
	t       testing.TB
	guard   *guard
	ex      exchange.Exchange
	attempt *Attempt
	out     bytes.Buffer
	relay   error
	refused *exchange.Error
}

const wait = config.Duration(100 * time.Millisecond)

func target(t testing.TB, s *script) Target {
	t.Helper()
	total := 100 * wait
	if s.hang {
		total = 4 * wait
	}
	p, err := provider.New(&config.Provider{
		ID: "ns/p", Name: "p", Endpoint: "http://provider.example/v1",
		Timeouts: config.Timeouts{Connect: wait, FirstToken: wait, BetweenTokens: wait, Total: total},
	}, config.NewSecret("sk"), "1")
	if err != nil {
		t.Fatal(err)
	}
	pools := upstream.NewPools(s.dial)
	t.Cleanup(pools.Close)
	return Target{
		Provider: p, Pool: pools.Use([]upstream.Endpoint{{Key: p.ConnectionKey, Address: p.Address}})[0],
		Model: "up", Quoted: []byte(`"up"`),
	}
}

// start does the attempt, without finishing it.
func start(t testing.TB, s *script, body string) *run {
	t.Helper()
	r := &run{t: t, guard: &guard{}, attempt: &Attempt{}}
	r.do(target(t, s), body)
	return r
}

func (r *run) do(to Target, body string) {
	r.t.Helper()
	chat, err := dialect.DecodeChat([]byte(body))
	if err != nil {
		r.t.Fatal(err)
	}
	r.ex = exchange.Exchange{Start: time.Now(), Stream: chat.Stream}
	if r.refused = r.attempt.Do(Request{
		Exchange: &r.ex, Chat: &chat, Body: []byte(body), Fields: fields{}, Guard: r.guard,
	}, to); r.refused != nil {
		r.ex.Outcome, r.ex.Reason = r.refused.Outcome, r.refused.Reason
		return
	}
	if r.attempt.Streamed() {
		_, r.relay = r.attempt.WriteTo(&r.out)
	} else {
		r.out.Write(r.attempt.Body())
	}
}

func (r *run) finish() *run {
	r.attempt.Finish()
	if r.guard.call != nil {
		r.t.Error("the guard may still cancel a call that has ended")
	}
	return r
}

const (
	plain  = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}]}`
	stream = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}],"stream":true}`
	asking = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}],"stream":true,"stream_options":{"include_usage":true}}`
)

func whole(status int, contentType, body string) *script {
	return &script{pieces: []string{fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, contentType, len(body), body)}}
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

// chunks is a stream of these pieces, each a chunk, with its end.
func chunks(pieces ...string) *script {
	s := &script{pieces: []string{streamHead}}
	for _, p := range pieces {
		s.pieces = append(s.pieces, fmt.Sprintf("%x\r\n%s\r\n", len(p), p))
	}
	s.pieces = append(s.pieces, "0\r\n\r\n")
	return s
}

func delta(text string) string {
	return `data: {"choices":[{"delta":{"content":"` + text + `"}}]}` + "\n\n"
}

const (
	usageEvent = `data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}` + "\n\n"
	doneEvent  = "data: [DONE]\n\n"
)

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
		"silence":               {script: &script{hang: true}, wantRefused: exchange.ReasonTotalTimeout, wantOutcome: exchange.ProviderTimeout},
		"half a body":           {script: &script{pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"}}, wantRefused: exchange.ReasonTruncated, wantOutcome: exchange.ProviderBroken},
		"half and silence":      {script: &script{hang: true, pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"}}, wantRefused: exchange.ReasonTotalTimeout, wantOutcome: exchange.ProviderTimeout},
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
	estimate := func(completion int64) exchange.Usage {
		return exchange.Usage{Prompt: 6, Completion: completion, Total: 6 + completion, Source: exchange.UsageEstimated}
	}
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
	}{
		"an empty stream":            {chunks(), exchange.ReasonTruncated},
		"half an event":              {chunks("data: {"), exchange.ReasonTruncated},
		"noise":                      {chunks("data: nope\n\n"), exchange.ReasonInvalidResponse},
		"silence after the header":   {&script{pieces: []string{streamHead}, hang: true}, exchange.ReasonFirstTokenTimeout},
		"silence in the first event": {&script{pieces: []string{streamHead, "3\r\ndat\r\n"}, hang: true}, exchange.ReasonBetweenTokens},
		"a whole answer":             {whole(200, "application/json", `{}`), exchange.ReasonInvalidResponse},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tc.script, stream).finish()
			if r.refused == nil || r.refused.Reason != tc.want || r.refused.Status < 500 || r.out.Len() > 0 || r.ex.Usage.Source != exchange.UsageNone {
				t.Errorf("refused %+v, usage %+v, out %q", r.refused, r.ex.Usage, r.out.String())
			}
		})
	}
}

func TestAnErrorAsTheFirstEventBecomesTheAnswer(t *testing.T) {
	r := start(t, chunks(`data: {"error":{"message":"overloaded"}}`+"\n\n"), stream)
	if r.attempt.Streamed() || r.out.String() != `{"error":{"message":"overloaded"}}` || string(r.attempt.ContentType()) != "application/json" {
		t.Errorf("streamed %t, %q", r.attempt.Streamed(), r.out.String())
	}
	r.finish()
	if r.ex.Status != 502 || r.ex.Outcome != exchange.ProviderFailed || r.ex.Usage.Source != exchange.UsageNone {
		t.Errorf("%+v", r.ex)
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

func TestAClientThatLeavesOrADrain(t *testing.T) {
	for _, draining := range []bool{false, true} {
		want, reason := exchange.ClientGone, exchange.ReasonClientGone
		if draining {
			want, reason = exchange.Drained, exchange.ReasonDraining
		}
		t.Run("before the call", func(t *testing.T) {
			r := &run{t: t, guard: &guard{gone: !draining, draining: draining}, attempt: &Attempt{}}
			r.do(target(t, &script{}), plain)
			r.finish()
			if r.refused == nil || r.refused.Outcome != want || r.refused.Reason != reason || r.ex.Usage.Source != exchange.UsageNone {
				t.Errorf("%+v, usage %+v", r.refused, r.ex.Usage)
			}
		})
		t.Run("while waiting", func(t *testing.T) {
			s := &script{hang: true, received: make(chan *http.Request, 1), bodies: make(chan string, 1)}
			r := &run{t: t, guard: &guard{}, attempt: &Attempt{}}
			go func() {
				<-s.bodies
				r.guard.leave(draining)
			}()
			r.do(target(t, s), plain)
			r.finish()
			if r.refused == nil || r.refused.Outcome != want {
				t.Errorf("%+v", r.refused)
			}
			if counted := r.ex.Usage.Prompt == 6; counted == draining {
				t.Errorf("usage %+v", r.ex.Usage)
			}
		})
		t.Run("in a stream", func(t *testing.T) {
			s := &script{pieces: chunks(delta("a"), delta("b")).pieces[:2], hang: true}
			r := &run{t: t, guard: &guard{}, attempt: &Attempt{}}
			time.AfterFunc(20*time.Millisecond, func() { r.guard.leave(draining) })
			r.do(target(t, s), stream)
			r.finish()
			if r.relay == nil || r.ex.Outcome != want || r.ex.Usage.Completion != 1 {
				t.Errorf("relay %v, %+v", r.relay, r.ex)
			}
			if got := cutError(r.out.String()); draining && got != delta("a")+"draining" || !draining && got != delta("a") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// failing is a client that takes so many writes.
type failing struct{ writes int }

func (f *failing) Write(b []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(b), nil
}

func TestAClientThatCannotBeWrittenToHasLeft(t *testing.T) {
	chat, _ := dialect.DecodeChat([]byte(stream))
	var a Attempt
	ex := exchange.Exchange{Stream: true}
	if err := a.Do(Request{Exchange: &ex, Chat: &chat, Body: []byte(stream), Fields: fields{}, Guard: &guard{}},
		target(t, chunks(delta("a"), delta("b"), delta("c"), doneEvent))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo(&failing{writes: 1}); err == nil {
		t.Error("no error")
	}
	a.Finish()
	if ex.Outcome != exchange.ClientGone || ex.Usage.Source != exchange.UsageEstimated || ex.Usage.Completion == 0 {
		t.Errorf("%+v", ex)
	}
}

func TestAnAttemptIsUsedAgainAsIfItWereNew(t *testing.T) {
	var a Attempt
	a.Finish() // before any use
	for _, step := range []struct {
		script *script
		body   string
		want   int64
	}{
		{chunks(delta("a"), usageEvent, doneEvent), stream, 6},
		{chunks(delta("a"), delta("b"), doneEvent), stream, 2},
		{whole(200, "application/json", `{"choices":[{"message":{"content":"1234"}}]}`), plain, 1},
		{whole(500, "application/json", `{}`), plain, 0},
		{chunks(delta("a"), `data: {"error":1}`+"\n\n"), stream, 1},
		{chunks(delta("a"), doneEvent), stream, 1},
	} {
		r := &run{t: t, guard: &guard{}, attempt: &a}
		r.do(target(t, step.script), step.body)
		r.finish()
		if r.ex.Usage.Completion != step.want {
			t.Errorf("%+v: usage %+v, want %d", step.script.pieces[0][:15], r.ex.Usage, step.want)
		}
	}
}

// FuzzRelay: however a stream is cut, the client gets the same bytes, and only a stream with [DONE] ends well.
func FuzzRelay(f *testing.F) {
	f.Add(delta("a")+usageEvent+doneEvent, uint8(7))
	f.Add(": c\n\n"+delta("a")+"data: nope\n\n", uint8(1))
	f.Add(strings.ReplaceAll(delta("é")+doneEvent, "\n", "\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if len(text) == 0 || len(text) > 2000 {
			t.Skip()
		}
		var pieces []string
		for rest := text; rest != ""; {
			n := min(int(size%37)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		one, cut := start(t, chunks(text), stream).finish(), start(t, chunks(pieces...), stream).finish()
		if one.refused != nil || cut.refused != nil {
			// Cut, the first events may be on their way before the failure comes.
			return
		}
		if one.out.String() != cut.out.String() || (one.relay == nil) != (cut.relay == nil) || one.ex.Usage != cut.ex.Usage {
			t.Errorf("whole %q, %v; cut %q, %v", one.out.String(), one.relay, cut.out.String(), cut.relay)
		}
		if one.relay == nil && !strings.Contains(one.out.String(), dialect.Done) {
			t.Errorf("ended well without %s: %q", dialect.Done, one.out.String())
		}
	})
}
