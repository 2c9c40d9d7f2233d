// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// rawRequest is a chat as bytes on the wire.
func rawRequest(body string, fields ...string) string {
	return "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer " + aliceKey + "\r\n" +
		strings.Join(append(fields, ""), "\r\n") + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func (s *setup) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// running waits until the provider works on n requests.
func (s *setup) running(n int) {
	s.t.Helper()
	eventually(s.t, func() bool {
		count := 0
		for _, r := range s.provider.Records() {
			if r.State == fakeprovider.Running {
				count++
			}
		}
		return count == n
	}, func() string { return fmt.Sprintf("records %+v", s.provider.Records()) })
}

func TestAClientThatLeavesCancelsTheProvider(t *testing.T) {
	type scene struct {
		steer  string
		stream bool
		tls    bool
		extra  string // what the client sends before it leaves
		leave  func(net.Conn)
	}
	closes := func(c net.Conn) { _ = c.Close() }
	resets := func(c net.Conn) {
		if t, ok := c.(*tls.Conn); ok {
			c = t.NetConn()
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	tests := map[string]scene{
		"waiting for a whole answer":                 {steer: "fault=hang", leave: closes},
		"waiting for a whole answer, by reset":       {steer: "fault=hang", leave: resets},
		"waiting for a whole answer over TLS":        {steer: "fault=hang", tls: true, leave: closes},
		"waiting for a whole answer over TLS, reset": {steer: "fault=hang", tls: true, leave: resets},
		"waiting with another request sent ahead":    {steer: "fault=hang", extra: "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", leave: closes},
		"waiting within a whole answer's body":       {steer: "fault=stall-body", leave: closes},
		"waiting for a stream's first event":         {steer: "fault=first-token-latency:1m", stream: true, leave: closes},
		"waiting for a stream's header":              {steer: "fault=hang", stream: true, leave: closes},
		"between a stream's events":                  {steer: "fault=stall:3 tokens=50", stream: true, leave: closes},
		"between a stream's events over TLS":         {steer: "fault=stall:3 tokens=50", stream: true, tls: true, leave: closes},
		"in a running stream":                        {steer: "tokens=500 delay=20ms", stream: true, leave: closes},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate := selfSigned(t)
			s := start(t, withDocument(func(d *config.Document) {
				if tc.tls {
					certificate.use(d)
				}
			}))
			c := s.dial()
			if tc.tls {
				c = tls.Client(c, certificate.client())
			}
			if _, err := io.WriteString(c, rawRequest(chatBody("gpt-4o", tc.steer, tc.stream))+tc.extra); err != nil {
				t.Fatal(err)
			}
			s.running(1)
			if tc.stream && !strings.Contains(tc.steer, "hang") && !strings.Contains(tc.steer, "latency") {
				if _, err := c.Read(make([]byte, 16)); err != nil {
					t.Fatal(err)
				}
			}
			left := time.Now()
			tc.leave(c)
			record := s.ended()
			if took := record.CancelledAt.Sub(left); record.State == fakeprovider.Cancelled && took > cancelBound {
				t.Errorf("cancelled after %s", took)
			} else if record.State != fakeprovider.Cancelled && !strings.Contains(tc.steer, "stall") {
				t.Errorf("the provider recorded %s", record.State)
			}
			l := s.lines(1)[0]
			if l.Outcome != "client_gone" || l.Usage == nil || l.Usage.Source != "estimated" || l.Usage.Prompt == 0 {
				t.Errorf("access log: %+v, usage %+v", l, l.Usage)
			}
			eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "still in flight" })
		})
	}
}

// ended waits for the provider's only record to be no longer running, and says when.
func (s *setup) ended() fakeprovider.Record {
	s.t.Helper()
	var r fakeprovider.Record
	eventually(s.t, func() bool {
		records := s.provider.Records()
		if len(records) != 1 {
			return false
		}
		r = records[0]
		return r.State != fakeprovider.Running
	}, func() string { return fmt.Sprintf("records %+v", s.provider.Records()) })
	return r
}

func TestFiftyStreamsCutHalfWayAreAllCancelledAndCountedOnce(t *testing.T) {
	const n = 50
	s := start(t)
	ctx, cut := context.WithCancel(t.Context())
	var half, done sync.WaitGroup
	half.Add(n)
	for range n {
		done.Go(func() {
			req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1000 delay=10ms", true)).WithContext(ctx)
			resp, err := s.client.Do(req)
			if err != nil {
				t.Error(err)
				half.Done()
				return
			}
			defer func() { _ = resp.Body.Close() }()
			r := bufio.NewReader(resp.Body)
			for range 20 {
				if _, err := r.ReadString('\n'); err != nil {
					t.Error(err)
				}
			}
			half.Done()
			_, _ = io.Copy(io.Discard, r)
		})
	}
	half.Wait()
	left := time.Now()
	cut()
	done.Wait()
	eventually(t, func() bool {
		for _, r := range s.provider.Records() {
			if r.State == fakeprovider.Running {
				return false
			}
		}
		return true
	}, func() string { return "still running at the provider" })
	slowest := time.Duration(0)
	for _, r := range s.provider.Records() {
		if r.State != fakeprovider.Cancelled {
			t.Errorf("the provider recorded %s", r.State)
		}
		slowest = max(slowest, r.CancelledAt.Sub(left))
	}
	if slowest > cancelBound {
		t.Errorf("the slowest was cancelled after %s", slowest)
	}
	t.Logf("the slowest was cancelled after %s", slowest)
	ids := map[string]bool{}
	for _, l := range s.lines(n) {
		if l.Outcome != "client_gone" || l.Usage == nil || l.Usage.Completion < 5 || ids[l.ID] {
			t.Errorf("access log: %+v, usage %+v", l, l.Usage)
		}
		ids[l.ID] = true
	}
	eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "still in flight" })
	if got := s.lines(n); len(got) != n {
		t.Errorf("%d lines for %d requests", len(got), n)
	}
}

func TestAConnectionServesOnAfterALongWait(t *testing.T) {
	s := start(t)
	c := s.dial()
	r := bufio.NewReader(c)
	for _, steer := range []string{"fault=latency:300ms", "tokens=1", "fault=latency:50ms"} {
		if _, err := io.WriteString(c, rawRequest(chatBody("gpt-4o", steer, false))); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 || resp.Close {
			t.Errorf("status %d, close %t, error %v", resp.StatusCode, resp.Close, err)
		}
	}
}

func TestEachEventArrivesBeforeTheNextIsMade(t *testing.T) {
	s := start(t)
	const delay = slowdown * 150 * time.Millisecond // in which a busy machine comes to read what is there
	req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=6 delay="+delay.String(), true))
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	r := bufio.NewReader(resp.Body)
	seen := 0
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			break
		}
		if !strings.Contains(text, `"content":"`) || strings.Contains(text, `"content":""`) {
			continue
		}
		seen++
		// Had the gateway held this event back, the provider would have made more by now.
		if record := s.provider.Records()[0]; record.CompletionTokens > seen+1 {
			t.Errorf("event %d arrives when %d were made", seen, record.CompletionTokens)
		}
	}
	if seen < 6 {
		t.Errorf("%d events of 6", seen)
	}
}
