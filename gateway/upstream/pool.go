// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upstream is the HTTP/1.1 client side: connections to providers that outlive snapshots, and one call over one
// of them, which any goroutine may cancel by closing its connection.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

const (
	// MaxHeaderBytes bounds an answer's status line and header fields.
	MaxHeaderBytes = 16 << 10
	// MaxIdle bounds the idle connections to one endpoint.
	MaxIdle = 1024
	// IdleTimeout is how long a connection may be idle; most servers close theirs after 60 s or more.
	IdleTimeout = 50 * time.Second
	// checkAfter is how long a connection may have been idle and be used without a look at it.
	checkAfter = time.Second
)

// Endpoint is where to connect. Two with one Key share connections, whatever else they say.
type Endpoint struct {
	// Key names the provider, the address and the TLS settings: whatever must not share connections.
	Key string
	// Address is host:port.
	Address string
	// TLS is nil for plain TCP.
	TLS *tls.Config
}

// Dial opens a TCP connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Pools holds a Pool for each endpoint. It is safe for concurrent use.
type Pools struct {
	dial Dial
	stop chan struct{}

	mu    sync.Mutex
	pools map[string]*Pool
}

// NewPools gives no pools yet; dial nil means a net.Dialer. Close it to end its goroutine.
func NewPools(dial Dial) *Pools {
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	p := &Pools{dial: dial, stop: make(chan struct{}), pools: map[string]*Pool{}}
	go p.sweep()
	return p
}

// Use gives the pool of each endpoint, in order, and drains the pools of all others: their idle connections are
// closed now, those in use when their call ends.
func (p *Pools) Use(endpoints []Endpoint) []*Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	used := make([]*Pool, len(endpoints))
	keep := make(map[string]bool, len(endpoints))
	for i, e := range endpoints {
		pool, ok := p.pools[e.Key]
		if !ok {
			pool = &Pool{endpoint: e, dial: p.dial}
			p.pools[e.Key] = pool
		}
		keep[e.Key], used[i] = true, pool
	}
	for key, pool := range p.pools {
		if !keep[key] {
			delete(p.pools, key)
			pool.drain()
		}
	}
	return used
}

// Close drains every pool. Calls in flight go on.
func (p *Pools) Close() {
	p.Use(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
}

func (p *Pools) sweep() {
	ticker := time.NewTicker(IdleTimeout / 2)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-ticker.C:
			p.mu.Lock()
			for _, pool := range p.pools {
				pool.expire(now)
			}
			p.mu.Unlock()
		}
	}
}

// Pool is the connections to one endpoint. It is safe for concurrent use.
type Pool struct {
	endpoint Endpoint
	dial     Dial

	mu      sync.Mutex
	idle    []*conn // the most recently used last
	drained bool
}

// conn is one connection, used by one call at a time.
type conn struct {
	net.Conn
	tcp    net.Conn // below TLS; closing it never waits
	br     *bufio.Reader
	probe  func() bool
	since  time.Time // when it became idle
	reused bool
}

func newConn(c, tcp net.Conn) *conn {
	return &conn{Conn: c, tcp: tcp, br: bufio.NewReaderSize(c, MaxHeaderBytes), probe: prober(tcp)}
}

// get gives the most recently used idle connection that is still open, or nil.
func (p *Pool) get(now time.Time) *conn {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if idle := now.Sub(c.since); idle < checkAfter || idle < IdleTimeout && c.probe() {
			c.reused = true
			return c
		}
		_ = c.tcp.Close()
	}
}

func (p *Pool) put(c *conn, now time.Time) {
	c.since = now
	p.mu.Lock()
	if !p.drained && len(p.idle) < MaxIdle {
		p.idle = append(p.idle, c)
		c = nil
	}
	p.mu.Unlock()
	if c != nil {
		_ = c.tcp.Close()
	}
}

func (p *Pool) drain() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.drained = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.tcp.Close()
	}
}

func (p *Pool) expire(now time.Time) {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= IdleTimeout {
		n++
	}
	expired := append([]*conn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.mu.Unlock()
	for _, c := range expired {
		_ = c.tcp.Close()
	}
}

// Idle is the number of idle connections.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// open dials and, for TLS, shakes hands.
func (p *Pool) open(ctx context.Context) (*conn, error) {
	tcp, err := p.dial(ctx, "tcp", p.endpoint.Address)
	if err != nil {
		return nil, err
	}
	if p.endpoint.TLS == nil {
		return newConn(tcp, tcp), nil
	}
	c := tls.Client(tcp, p.endpoint.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = tcp.Close()
		return nil, err
	}
	return newConn(c, tcp), nil
}
