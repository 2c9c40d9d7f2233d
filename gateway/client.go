// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/watch"
)

// clientConn is a client's connection below TLS. It knows whether the client is still there, and cancels the provider
// call that is being made for it when it is not.
type clientConn struct {
	net.Conn
	ip      netip.Addr
	overTLS bool
	srv     *Server
	remove  watch.Remove
	closed  atomic.Bool
	// ended says that the reader met the end of what the client sends. Only the reader's goroutine looks at it.
	ended bool
	// lingers says that the client was refused before all that it sends was read.
	lingers atomic.Bool

	mu             sync.Mutex
	call           proxy.Canceler
	expecting      *request // was told to go on with its body
	gone, draining bool
}

// clientOf finds the clientConn of what the HTTP engine serves; nil in tests without one.
func clientOf(c net.Conn) *clientConn {
	switch c := c.(type) {
	case *clientConn:
		return c
	case *tlsConn:
		return c.below
	default:
		return nil
	}
}

// Read notes the end.
func (c *clientConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		c.ended = true
	}
	return n, err
}

// tlsConn is TLS over a clientConn. Over TLS, the end may come without that of the connection below.
type tlsConn struct {
	*tls.Conn
	below *clientConn
}

// Read notes the end.
func (c *tlsConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		c.below.ended = true
	}
	return n, err
}

// Attach makes the client's leaving cancel c.
func (c *clientConn) Attach(call proxy.Canceler) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || c.draining {
		return false
	}
	c.call = call
	return true
}

// Detach ends what Attach began.
func (c *clientConn) Detach() {
	c.mu.Lock()
	c.call = nil
	c.mu.Unlock()
}

// Draining says that the gateway broke off, not the client.
func (c *clientConn) Draining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining && !c.gone
}

// hasLeft says that the client has left.
func (c *clientConn) hasLeft() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// leave is called when the client has left.
func (c *clientConn) leave() { c.breakOff(&c.gone) }

// drain is called when the gateway waits no longer.
func (c *clientConn) drain() { c.breakOff(&c.draining) }

func (c *clientConn) breakOff(why *bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*why = true
	if c.call != nil {
		c.call.Cancel()
	}
}

// expect keeps a request that was told to go on with its body until that comes.
func (c *clientConn) expect(r *request) {
	c.mu.Lock()
	c.expecting = r
	c.mu.Unlock()
}

// expected gives the request that expect kept, once, or nil.
func (c *clientConn) expected() *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.expecting
	c.expecting = nil
	return r
}

// Close closes the connection and takes it off the books, once.
func (c *clientConn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	c.remove()
	c.srv.conns.forget(c)
	if r := c.expected(); r != nil {
		r.abandon()
	}
	if c.lingers.Load() {
		c.linger()
	}
	return c.Conn.Close()
}

// How long, and for how much, a connection lingers whose client was refused while it still sends.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// linger reads what a refused client still sends, to the end or within bounds. Were the connection closed under it, the
// client's system would throw away the refusal, and the client would see a reset.
func (c *clientConn) linger() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}

// clientConns are the open client connections.
type clientConns struct {
	mu   sync.Mutex
	open map[*clientConn]struct{}
}

func (cs *clientConns) add(c *clientConn, bound int) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) >= bound {
		return false
	}
	cs.open[c] = struct{}{}
	c.srv.living.metrics.Connections.Set(float64(len(cs.open)))
	return true
}

func (cs *clientConns) forget(c *clientConn) {
	cs.mu.Lock()
	delete(cs.open, c)
	c.srv.living.metrics.Connections.Set(float64(len(cs.open)))
	cs.mu.Unlock()
}

func (cs *clientConns) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// each calls f for every open connection; f may close it.
func (cs *clientConns) each(f func(*clientConn)) {
	cs.mu.Lock()
	all := make([]*clientConn, 0, len(cs.open))
	for c := range cs.open {
		all = append(all, c)
	}
	cs.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// listener gives the HTTP engine connections as the snapshot of the moment wants them: counted, watched, over TLS.
type listener struct {
	net.Listener
	srv *Server
	// refusing bounds how many connections are being told that there are too many.
	refusing chan struct{}
}

// Accept waits for a connection that may be served. It fails only as the listener below does.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(raw); c != nil {
			return c, nil
		}
	}
}

func (l *listener) admit(raw net.Conn) net.Conn {
	snapshot := l.srv.snapshot.Load()
	c := &clientConn{Conn: raw, srv: l.srv, remove: func() {}}
	if addr, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		c.ip = addr.AddrPort().Addr().Unmap()
	}
	if !l.srv.conns.add(c, snapshot.maxConnections()) {
		l.srv.living.metrics.RefusedConnections.Inc()
		l.refuse(raw, snapshot.tlsConfig() != nil)
		return nil
	}
	// Without a watch the client's leaving is noticed at the next write; that is no reason to refuse it.
	if remove, err := l.srv.peers.Add(raw, c.leave); err == nil {
		c.remove = remove
	}
	if config := snapshot.tlsConfig(); config != nil {
		c.overTLS = true
		return &tlsConn{Conn: tls.Server(c, config), below: c}
	}
	return c
}

var tooManyConnections = func() []byte {
	const reason = "too_many_connections"
	body := dialect.AppendError(nil, exchange.OpenAI, &exchange.Error{
		Type: exchange.TypeServer, Code: reason, Message: "Too many connections; try again.",
	}, nil)
	return append([]byte("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nX-Spark-Reason: "+
		reason+"\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
}()

// refuse tells a client over plain HTTP why it is not served. It does not hold up the accepting of others.
func (l *listener) refuse(c net.Conn, overTLS bool) {
	select {
	case l.refusing <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	go func() {
		defer func() { <-l.refusing }()
		defer func() { _ = c.Close() }()
		if overTLS {
			return
		}
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = c.Write(tooManyConnections)
		// Closing with unread bytes would reset the connection and lose the answer.
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.CloseWrite()
			var buf [1024]byte
			for range 64 {
				if _, err := c.Read(buf[:]); err != nil {
					return
				}
			}
		}
	}()
}
