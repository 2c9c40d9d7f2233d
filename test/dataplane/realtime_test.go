// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// talk opens a realtime session at the gateway, or gives the response that refused it.
func (s *setup) talk(query string, options *websocket.DialOptions) (*websocket.Conn, *http.Response) {
	s.t.Helper()
	if options.HTTPHeader == nil && len(options.Subprotocols) == 0 {
		options.HTTPHeader = http.Header{"Authorization": {"Bearer " + aliceKey}}
	}
	options.HTTPClient = s.client
	conn, resp, err := websocket.Dial(s.soon(), "ws://"+s.addr+"/v1/realtime"+query, options)
	if err != nil {
		if resp == nil {
			s.t.Fatal(err)
		}
		return nil, resp
	}
	conn.SetReadLimit(1 << 20)
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, resp
}

func (s *setup) soon() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

func (s *setup) say(conn *websocket.Conn, message string) {
	s.t.Helper()
	if err := conn.Write(s.soon(), websocket.MessageText, []byte(message)); err != nil {
		s.t.Fatal(err)
	}
}

// hearUntil reads events up to one of a type, and gives the text of the deltas before.
func (s *setup) hearUntil(conn *websocket.Conn, kind string) (text string) {
	s.t.Helper()
	for {
		_, message, err := conn.Read(s.soon())
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", kind, err)
		}
		var e struct{ Type, Delta string }
		if err := json.Unmarshal(message, &e); err != nil {
			s.t.Fatalf("%v in %s", err, message)
		}
		text += e.Delta
		if e.Type == kind {
			return text
		}
	}
}

const createItem = `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hello [[fake tokens=5]]"}]}}`

func TestARealtimeSessionIsRelayedAndItsUsageSummedUp(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Providers[0].AnyModel = false
		d.Core.Models = []config.Model{{Name: "voice", Provider: "default/fake", Upstream: "gpt-realtime"}}
	}))
	conn, resp := s.talk("?model=voice&intent=a%26b", &websocket.DialOptions{})
	if conn == nil {
		t.Fatalf("status %d", resp.StatusCode)
	}
	if len(resp.Header.Get("X-Request-Id")) != 32 || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("header %v", resp.Header)
	}
	s.hearUntil(conn, "session.created")
	s.say(conn, createItem)
	texts := map[string]bool{}
	for range 2 {
		s.say(conn, `{"type":"response.create"}`)
		texts[s.hearUntil(conn, "response.done")] = true
	}
	if len(texts) == 0 || texts[""] {
		t.Errorf("the answers were %v", texts)
	}
	if err := conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("close: %v", err)
	}
	l := s.lines(1)[0]
	if l.Outcome != "ok" || l.Status != 101 || l.UpstreamStatus != 101 || l.Model != "voice" || l.Provider != "default/fake" ||
		!l.Stream || l.BytesIn == 0 || l.BytesOut == 0 {
		t.Errorf("access log: %+v", l)
	}
	r := s.record(fakeprovider.Completed)
	if l.Usage == nil || l.Usage.Source != "reported" || l.Usage.Completion != 10 || l.Usage.Prompt == 0 ||
		l.Usage.Total != l.Usage.Prompt+l.Usage.Completion {
		t.Errorf("usage %+v", l.Usage)
	}
	if r.Model != "gpt-realtime" || r.KeySHA256 != fakeprovider.SHA256Of(providerKey) || r.Query != "model=gpt-realtime&intent=a%26b" {
		t.Errorf("the provider was asked for %q, by %q", r.Model, r.Query)
	}
	if n := s.counted("default/fake", "ok"); n != 1 {
		t.Errorf("%v requests were counted", n)
	}
}

func TestABrowsersKeyStandsAmongTheSubprotocols(t *testing.T) {
	s := start(t)
	conn, resp := s.talk("?model=gpt-realtime", &websocket.DialOptions{
		Subprotocols: []string{"realtime", "openai-insecure-api-key." + bobKey, "openai-beta.realtime-v1", "openai-organization.org-1"},
	})
	if conn == nil {
		t.Fatalf("status %d", resp.StatusCode)
	}
	if conn.Subprotocol() != "realtime" || strings.Contains(resp.Header.Get("Sec-Websocket-Protocol"), bobKey) {
		t.Errorf("subprotocol %q", resp.Header.Get("Sec-Websocket-Protocol"))
	}
	s.hearUntil(conn, "session.created")
	_ = conn.Close(websocket.StatusNormalClosure, "")
	r := s.record(fakeprovider.Completed)
	if got := r.Headers.Get("Sec-Websocket-Protocol"); got != "realtime, openai-beta.realtime-v1" {
		t.Errorf("the provider was offered %q", got)
	}
	if l := s.lines(1)[0]; l.Key != "default/bob" || strings.Contains(s.log.String(), bobKey) {
		t.Errorf("access log: %s", s.log)
	}
}

func TestWhoMayNotTalkIsToldOverHTTP(t *testing.T) {
	alice := http.Header{"Authorization": {"Bearer " + aliceKey}}
	tests := map[string]struct {
		query      string
		options    websocket.DialOptions
		doc        func(*config.Document)
		want       int
		wantReason string
		wantParam  string
	}{
		"no key":         {query: "?model=m", options: websocket.DialOptions{HTTPHeader: http.Header{}}, want: 401, wantReason: "missing_api_key"},
		"an unknown key": {query: "?model=m", options: websocket.DialOptions{Subprotocols: []string{"realtime", "openai-insecure-api-key.nobody"}}, want: 401, wantReason: "invalid_api_key"},
		"a header with an unknown key, before a subprotocol with a known one": {
			query: "?model=m", want: 401, wantReason: "invalid_api_key",
			options: websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer nobody"}}, Subprotocols: []string{"openai-insecure-api-key." + aliceKey}},
		},
		"no model": {options: websocket.DialOptions{HTTPHeader: alice}, want: 400, wantReason: "invalid_body", wantParam: "model"},
		"an unknown model": {
			query: "?model=other", options: websocket.DialOptions{HTTPHeader: alice}, want: 404, wantReason: "model_not_found", wantParam: "model",
			doc: func(d *config.Document) { d.Core.Providers[0].AnyModel = false },
		},
		"a provider without sessions": {
			query: "?model=m", options: websocket.DialOptions{HTTPHeader: alice}, want: 404, wantReason: "unsupported_by_provider",
			doc: func(d *config.Document) { d.Core.Providers[0].Type = config.Mistral },
		},
		"Azure by deployments": {
			query: "?model=m", options: websocket.DialOptions{HTTPHeader: alice}, want: 404, wantReason: "unsupported_by_provider",
			doc: func(d *config.Document) {
				d.Core.Providers[0].Type, d.Core.Providers[0].APIVersion = config.AzureOpenAI, "2024-10-21"
			},
		},
		"a key over its limit": {
			query: "?model=m", options: websocket.DialOptions{HTTPHeader: alice}, want: 429, wantReason: "request_limit",
			doc: func(d *config.Document) { d.Keys[0].Limits.Requests = limits(1, 1, time.Hour) },
		},
		"a provider that refuses the gateway": {
			query: "?model=m", options: websocket.DialOptions{HTTPHeader: alice}, want: 502, wantReason: "upstream_auth_failed",
			doc: func(d *config.Document) { d.Secrets["fake"] = config.NewSecret("wrong") },
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, withDocument(func(d *config.Document) {
				if tc.doc != nil {
					tc.doc(d)
				}
			}))
			line := 0
			if tc.want == 429 {
				s.call("GET", "/v1/models", "")
				line = 1
			}
			conn, resp := s.talk(tc.query, &tc.options)
			if conn != nil || resp.StatusCode != tc.want || resp.Header.Get("X-Spark-Reason") != tc.wantReason {
				t.Fatalf("status %d, reason %q", resp.StatusCode, resp.Header.Get("X-Spark-Reason"))
			}
			body, _ := io.ReadAll(resp.Body)
			if a := decode(t, string(body)); a.Error == nil || a.Error.Param != tc.wantParam {
				t.Errorf("body %s", body)
			}
			if l := s.lines(line + 1)[line]; l.Status != tc.want || l.Reason != tc.wantReason {
				t.Errorf("access log %+v", l)
			}
		})
	}
}

func TestWhatIsNoWebSocketIsRefused(t *testing.T) {
	good := "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	tests := map[string]struct {
		fields string
		want   int
	}{
		"a handshake":         {good, 101},
		"an ordinary GET":     {"", 426},
		"another protocol":    {strings.Replace(good, "websocket", "h2c", 1), 426},
		"another version":     {strings.Replace(good, ": 13", ": 8", 1), 426},
		"no upgrade":          {strings.Replace(good, ", Upgrade", "", 1), 426},
		"a key that is none":  {strings.Replace(good, "==", "", 1), 400},
		"a key that is short": {strings.Replace(good, "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", 1), 400},
		"extensions are left": {good + "Sec-WebSocket-Extensions: permessage-deflate\r\n", 101},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			c := s.dial()
			_, _ = io.WriteString(c, "GET /v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+aliceKey+"\r\n"+tc.fields+"\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.want || resp.Header.Get("Sec-Websocket-Extensions") != "" {
				t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
			}
			if tc.want == 426 && resp.Header.Get("Upgrade") != "websocket" {
				t.Errorf("header %v", resp.Header)
			}
			if tc.want == 101 && resp.Header.Get("Sec-Websocket-Accept") != "ICX+Yqv66kxgM0FcWaLWlFLwTAI=" {
				t.Errorf("accept %q", resp.Header.Get("Sec-Websocket-Accept"))
			}
		})
	}
}

func TestAClientThatLeavesASessionEndsItAtTheProvider(t *testing.T) {
	s := start(t)
	conn, _ := s.talk("?model=m", &websocket.DialOptions{})
	s.hearUntil(conn, "session.created")
	s.say(conn, createItem)
	s.say(conn, `{"type":"response.create"}`)
	s.hearUntil(conn, "response.done")
	left := time.Now()
	_ = conn.CloseNow()
	r := s.record(fakeprovider.Cancelled)
	if took := r.CancelledAt.Sub(left); took > cancelBound {
		t.Errorf("the provider was told after %v", took)
	}
	l := s.lines(1)[0]
	if l.Outcome != "client_gone" || l.Usage == nil || l.Usage.Completion != 5 {
		t.Errorf("access log %+v, usage %+v", l, l.Usage)
	}
	eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "in flight" })
}

func TestHowAProviderEndsASessionIsTold(t *testing.T) {
	tests := map[string]struct {
		steer       string
		wantCode    websocket.StatusCode
		wantOutcome string
		wantReason  string
	}{
		"its connection breaks off": {steer: "fault=reset-mid-stream:6", wantCode: websocket.StatusInternalError, wantOutcome: "provider_broken", wantReason: "upstream_reset"},
		"it reports an error":       {steer: "fault=error-event:6", wantCode: websocket.StatusInternalError, wantOutcome: "provider_failed", wantReason: "upstream_error_event"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			steer := strings.TrimPrefix(tc.steer, "fault=")
			if err := s.provider.SetScript(fakeprovider.Rule{Fault: steer}); err != nil {
				t.Fatal(err)
			}
			conn, resp := s.talk("?model=m", &websocket.DialOptions{})
			if conn == nil {
				t.Fatalf("status %d", resp.StatusCode)
			}
			s.hearUntil(conn, "session.created")
			s.say(conn, createItem)
			s.say(conn, `{"type":"response.create"}`)
			var err error
			for err == nil {
				_, _, err = conn.Read(s.soon())
			}
			if got := websocket.CloseStatus(err); got != tc.wantCode {
				t.Errorf("closed with %d: %v", got, err)
			}
			if l := s.lines(1)[0]; l.Outcome != tc.wantOutcome || l.Reason != tc.wantReason {
				t.Errorf("access log %+v", l)
			}
		})
	}
}

func TestDrainGivesSessionsTimeAndThenSaysGoodbye(t *testing.T) {
	s := start(t)
	conn, _ := s.talk("?model=m", &websocket.DialOptions{})
	s.hearUntil(conn, "session.created")
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		done <- s.server.Shutdown(ctx)
	}()
	eventually(t, func() bool { return s.server.Ready() != nil }, func() string { return "ready" })
	s.say(conn, createItem)
	s.hearUntil(conn, "conversation.item.done")
	_, _, err := conn.Read(s.soon())
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the session ended with %v", err)
	}
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if l := s.lines(1)[0]; l.Outcome != "drained" || l.Reason != "draining" {
		t.Errorf("access log %+v", l)
	}
	s.down.Do(s.living.Close)
}

func TestDrainEndsWithTheLastSession(t *testing.T) {
	s := start(t)
	conn, _ := s.talk("?model=m", &websocket.DialOptions{})
	s.hearUntil(conn, "session.created")
	done := make(chan error, 1)
	go func() { done <- s.server.Shutdown(s.soon()) }()
	eventually(t, func() bool { return s.server.Ready() != nil }, func() string { return "ready" })
	_ = conn.Close(websocket.StatusNormalClosure, "")
	if err := <-done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if l := s.lines(1)[0]; l.Outcome != "ok" {
		t.Errorf("access log %+v", l)
	}
	s.down.Do(s.living.Close)
}
