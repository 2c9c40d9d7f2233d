// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestFramesOfAClientAreBounded(t *testing.T) {
	small := withDocument(func(d *config.Document) { d.Core.Gateway.MaxBodyBytes = 1000 })
	t.Run("a message of the bound is relayed", func(t *testing.T) {
		s := start(t, small)
		conn, _ := s.talk("?model=m", &websocket.DialOptions{})
		s.hearUntil(conn, "session.created")
		event := `{"type":"input_audio_buffer.commit","x":""}`
		s.say(conn, strings.Replace(event, `""`, `"`+strings.Repeat("x", 1000-len(event))+`"`, 1))
		s.hearUntil(conn, "input_audio_buffer.committed")
	})
	t.Run("a larger one ends the session", func(t *testing.T) {
		s := start(t, small)
		conn, _ := s.talk("?model=m", &websocket.DialOptions{})
		s.hearUntil(conn, "session.created")
		s.say(conn, strings.Repeat("x", 1001))
		_, _, err := conn.Read(s.soon())
		if websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("the session ended with %v", err)
		}
		if l := s.lines(1)[0]; l.Outcome != "refused" || l.Reason != "body_too_large" {
			t.Errorf("access log %+v", l)
		}
	})
	t.Run("a frame without a mask ends the session", func(t *testing.T) {
		s := start(t, small)
		c, r := s.rawSession()
		_, _ = c.Write([]byte("\x81\x02{}"))
		if opcode, payload := readFrame(t, r); opcode != 8 || string(payload[:2]) != "\x03\xea" {
			t.Errorf("opcode %d: %q", opcode, payload)
		}
		if l := s.lines(1)[0]; l.Outcome != "refused" || l.Reason != "malformed_request" {
			t.Errorf("access log %+v", l)
		}
	})
}

// rawSession is a session whose frames the test writes itself; the provider's first event was read.
func (s *setup) rawSession() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c := s.dial()
	_, _ = io.WriteString(c, "GET /v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+aliceKey+"\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 101 {
		s.t.Fatalf("%v, %v", resp, err)
	}
	if opcode, payload := readFrame(s.t, r); opcode != 1 || !strings.Contains(string(payload), "session.created") {
		s.t.Fatalf("opcode %d: %s", opcode, payload)
	}
	return c, r
}

// readFrame reads a server's frame of less than 64 KiB.
func readFrame(t testing.TB, r *bufio.Reader) (opcode byte, payload []byte) {
	t.Helper()
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		t.Fatal(err)
	}
	length := int(head[1])
	if length == 126 {
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			t.Fatal(err)
		}
		length = int(head[2])<<8 | int(head[3])
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		t.Fatal(err)
	}
	return head[0] & 0xf, payload
}

func TestSilentSidesOfASessionArePinged(t *testing.T) {
	s := start(t, func(o *options) { o.server.KeepAlive = 50 * time.Millisecond })
	c, r := s.rawSession()
	opcode, payload := readFrame(t, r)
	if opcode != 9 {
		t.Fatalf("opcode %d: %q", opcode, payload)
	}
	// A client that answers stays; its pongs are the gateway's own business.
	pong := append([]byte{0x8a, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	for range 6 {
		if _, err := c.Write(pong); err != nil {
			t.Fatal(err)
		}
		if opcode, _ = readFrame(t, r); opcode != 9 {
			t.Fatalf("opcode %d", opcode)
		}
	}
	if n := s.server.InFlight(); n != 1 {
		t.Errorf("%d in flight", n)
	}
	// One that does not has left, whatever its kernel says.
	if l := s.lines(1)[0]; l.Outcome != "client_gone" {
		t.Errorf("access log %+v", l)
	}
}

// rawProvider is a provider of sessions that sends these bytes after its handshake, and then waits for the end. Its
// accept is what proves the handshake; empty is the right one.
func rawProvider(t *testing.T, accept, sends string) option {
	t.Helper()
	address := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proof := accept
		if proof == "" {
			sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			proof = base64.StdEncoding.EncodeToString(sum[:])
		}
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "+proof+"\r\n\r\n"+sends)
		_, _ = io.Copy(io.Discard, c)
	}))
	return withDocument(func(d *config.Document) { d.Core.Providers[0].Endpoint = address + "/v1" })
}

const (
	rawCreated = "\x81\x1a" + `{"type":"session.created"}`
	rawDone    = `{"type":"response.done","response":{"usage":{"input_tokens":9,"output_tokens":4,"total_tokens":13,"input_token_details":{"cached_tokens":5}}}}`
)

func TestWhatAProviderSendsOfASession(t *testing.T) {
	tests := map[string]struct {
		sends       string
		wantCode    int // of the close frame that the client gets
		wantOutcome string
		wantReason  string
		wantUsage   int64 // completion
		wantFrames  int   // before the close
	}{
		"a close":                     {sends: "\x88\x02\x03\xe8", wantCode: 1000, wantOutcome: "ok"},
		"a close that says nothing":   {sends: "\x88\x00", wantCode: 0, wantOutcome: "ok"},
		"a close because of an error": {sends: "\x88\x02\x03\xf3", wantCode: 1011, wantOutcome: "provider_failed", wantReason: "upstream_error_event"},
		"an event in pieces, with a ping between": {
			sends:    "\x01\x05" + rawDone[:5] + "\x89\x00" + "\x80\x7e\x00" + string([]byte{byte(len(rawDone) - 5)}) + rawDone[5:] + "\x88\x02\x03\xe8",
			wantCode: 1000, wantOutcome: "ok", wantUsage: 4, wantFrames: 3,
		},
		"a frame with a mask":     {sends: "\x81\x80\x00\x00\x00\x00", wantCode: 1011, wantOutcome: "provider_broken", wantReason: "upstream_invalid_response"},
		"a frame that is too big": {sends: "\x81\x7f\x00\x00\x00\x00\x01\x00\x00\x01", wantCode: 1011, wantOutcome: "provider_broken", wantReason: "upstream_response_too_large"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, rawProvider(t, "", rawCreated+tc.sends))
			c, r := s.rawSession()
			frames := 0
			opcode, payload := readFrame(t, r)
			for ; opcode != 8; opcode, payload = readFrame(t, r) {
				frames++
			}
			code := 0
			if len(payload) >= 2 {
				code = int(payload[0])<<8 | int(payload[1])
			}
			if code != tc.wantCode || frames != tc.wantFrames {
				t.Errorf("closed with %d after %d frames", code, frames)
			}
			_ = c.Close()
			l := s.lines(1)[0]
			if l.Outcome != tc.wantOutcome || l.Reason != tc.wantReason {
				t.Errorf("access log %+v", l)
			}
			if tc.wantUsage > 0 && (l.Usage == nil || l.Usage.Completion != tc.wantUsage || l.Usage.Prompt != 9 || l.Usage.Cached != 5) {
				t.Errorf("usage %+v", l.Usage)
			}
		})
	}
}

func TestAProviderThatSpeaksNoWebSocketIsTold(t *testing.T) {
	s := start(t, rawProvider(t, "wrong", rawCreated))
	conn, resp := s.talk("?model=m", &websocket.DialOptions{})
	if conn != nil || resp.StatusCode != 502 || resp.Header.Get("X-Spark-Reason") != "upstream_invalid_response" {
		t.Errorf("status %d, reason %q", resp.StatusCode, resp.Header.Get("X-Spark-Reason"))
	}
	if l := s.lines(1)[0]; l.Outcome != "provider_broken" {
		t.Errorf("access log %+v", l)
	}
}

func TestNothingFollowsTheGoodbye(t *testing.T) {
	s := start(t)
	c, r := s.rawSession()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.server.Shutdown(ctx)
		s.down.Do(s.living.Close)
	}()
	if opcode, payload := readFrame(t, r); opcode != 8 || string(payload[:2]) != "\x03\xe9" {
		t.Fatalf("opcode %d: %q", opcode, payload)
	}
	// The provider answers the goodbye that it got; for the client that is nothing new.
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%v: %q follows", err, rest)
	}
	_ = c.Close()
	s.lines(1)
}
