// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package watch

import (
	"net"
	"testing"
	"time"
)

// pair gives both ends of a TCP connection over loopback.
func pair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

func newTestPeers(t testing.TB) *Peers {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestAPeerThatLeavesIsTold(t *testing.T) {
	tests := map[string]func(client *net.TCPConn) error{
		"when it closes":            func(c *net.TCPConn) error { return c.Close() },
		"when it closes its writes": func(c *net.TCPConn) error { return c.CloseWrite() },
		"when it resets": func(c *net.TCPConn) error {
			if err := c.SetLinger(0); err != nil {
				return err
			}
			return c.Close()
		},
		"when it closes with bytes pending": func(c *net.TCPConn) error {
			if _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
				return err
			}
			return c.Close()
		},
	}
	for name, leave := range tests {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t)
			gone := make(chan struct{})
			if _, err := newTestPeers(t).Add(server, func() { close(gone) }); err != nil {
				t.Fatal(err)
			}
			if err := leave(client); err != nil {
				t.Fatal(err)
			}
			select {
			case <-gone:
			case <-time.After(time.Minute):
				t.Fatal("not told within a minute")
			}
		})
	}
}

func TestAPeerThatStaysOrIsRemovedIsNotTold(t *testing.T) {
	peers := newTestPeers(t)
	server, client := pair(t)
	forget, err := peers.Add(server, func() { t.Error("told of a peer that only wrote") })
	if err != nil {
		t.Fatal(err)
	}
	defer forget()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	removed, leaving := pair(t)
	remove, err := peers.Add(removed, func() { t.Error("told of a connection that was removed") })
	if err != nil {
		t.Fatal(err)
	}
	remove()
	_ = leaving.Close()
	// The events of one instance come in order: once this one came, the others would have.
	last, lastClient := pair(t)
	done := make(chan struct{})
	if _, err := peers.Add(last, func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	_ = lastClient.Close()
	<-done
}

func TestAPeerThatHadLeftBeforeIsTold(t *testing.T) {
	server, client := pair(t)
	_ = client.Close()
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Fatal("read from a closed peer")
	}
	gone := make(chan struct{})
	if _, err := newTestPeers(t).Add(server, func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	<-gone
}

func TestWhatIsNoSocketIsNotWatched(t *testing.T) {
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	remove, err := newTestPeers(t).Add(a, func() { t.Error("told") })
	if err != nil {
		t.Fatal(err)
	}
	remove()
}

func TestAClosedConnectionCannotBeAdded(t *testing.T) {
	server, _ := pair(t)
	_ = server.Close()
	if _, err := newTestPeers(t).Add(server, func() {}); err == nil {
		t.Error("added")
	}
}
