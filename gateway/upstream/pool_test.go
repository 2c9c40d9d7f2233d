// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

func TestAConnectionThatWasClosedMeanwhileIsReplaced(t *testing.T) {
	address, connections := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if take(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	p, call := pool(t, address), &Call{}
	for i := range 20 {
		if status, body, err := ask(call, p, generous()); status != 200 || body != "ok" || err != nil {
			t.Fatalf("call %d: %d, %q, %v", i, status, body, err)
		}
		call.Finish(0)
	}
	if n := connections.Load(); n != 20 {
		t.Errorf("%d connections", n)
	}
}

func TestAFailureOnANewConnectionIsNotTriedAgain(t *testing.T) {
	address, connections := server(t, func(_ int, _ net.Conn, r *bufio.Reader) { take(r) })
	if _, _, err := ask(&Call{}, pool(t, address), generous()); failureOf(err) != Reset {
		t.Errorf("got %v", err)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAConnectionThatBreaksWithinTheAnswerIsNotTriedAgain(t *testing.T) {
	address, connections := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for i := 0; take(r); i++ {
			if i > 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	p, call := pool(t, address), &Call{}
	if _, _, err := ask(call, p, generous()); err != nil {
		t.Fatal(err)
	}
	call.Finish(0)
	if _, _, err := ask(call, p, generous()); failureOf(err) == 0 {
		t.Errorf("got %v", err)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections: a request that the provider had begun to answer was sent twice", n)
	}
}

func TestAnIdleConnectionIsLookedAtAfterAWhile(t *testing.T) {
	closed := make(chan struct{})
	address, connections := server(t, func(n int, c net.Conn, r *bufio.Reader) {
		for take(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			if n == 1 {
				_ = c.Close()
				close(closed)
				return
			}
		}
	})
	p, call := pool(t, address), &Call{}
	if _, _, err := ask(call, p, generous()); err != nil {
		t.Fatal(err)
	}
	call.Finish(0)
	<-closed
	deadline := time.Now().Add(time.Minute)
	for p.idle[0].probe() {
		if time.Now().After(deadline) {
			t.Fatal("the probe does not see the end of the connection")
		}
	}
	if c := p.get(time.Now().Add(2 * checkAfter)); c != nil {
		t.Error("a closed connection was taken from the pool")
	}
	if _, _, err := ask(call, p, generous()); err != nil || connections.Load() != 2 {
		t.Errorf("%v, %d connections", err, connections.Load())
	}
	call.Finish(0)
	if c := p.get(time.Now().Add(2 * checkAfter)); c == nil {
		t.Error("an open connection was not taken")
	} else {
		_ = c.Close()
	}
}

func TestPoolsOutliveConfigurationsAndAreDrained(t *testing.T) {
	address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for take(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	pools := NewPools(nil)
	defer pools.Close()
	endpoint := Endpoint{Key: "a", Address: address}
	first := pools.Use([]Endpoint{endpoint})[0]
	call, busy := &Call{}, &Call{}
	for _, c := range []*Call{call, busy} {
		if _, _, err := ask(c, first, generous()); err != nil {
			t.Fatal(err)
		}
	}
	call.Finish(0)
	if again := pools.Use([]Endpoint{{Key: "b", Address: address}, endpoint}); again[1] != first || first.Idle() != 1 {
		t.Error("the pool was not kept")
	}
	pools.Use(nil)
	if first.Idle() != 0 {
		t.Error("idle connections outlived their provider")
	}
	busy.Finish(0)
	if first.Idle() != 0 {
		t.Error("a drained pool took a connection back")
	}
}

func TestIdleConnectionsExpire(t *testing.T) {
	address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for take(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	p, calls := pool(t, address), [3]Call{}
	for i := range calls {
		if _, _, err := ask(&calls[i], p, generous()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range calls {
		calls[i].Finish(0)
	}
	p.idle[0].since = time.Now().Add(-2 * IdleTimeout)
	p.expire(time.Now())
	if p.Idle() != 2 {
		t.Errorf("%d idle", p.Idle())
	}
	if c := p.get(time.Now().Add(2 * IdleTimeout)); c != nil {
		t.Error("an expired connection was used")
	}
}
