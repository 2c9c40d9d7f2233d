// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package watch tells when the other end of a TCP connection leaves, while nobody reads from the connection.
package watch

import "net"

// Peers tells the owner of each added connection, once, when its peer has closed its side or the connection broke,
// even with unread bytes pending. It is safe for concurrent use.
//
// On Linux it is one epoll instance of its own, with edge-triggered EPOLLRDHUP: a connection costs one system call
// when it is added and none for its requests. Elsewhere a goroutine per connection would be needed for each wait, so
// peers are not watched there, and a client that left is noticed at the next write.
type Peers struct{ *peers }

// Remove forgets a connection. When it returns, the connection's function is not running and will not be called.
type Remove func()

// New gives a Peers that watches nothing yet. Close it to end its goroutine.
func New() (*Peers, error) {
	p, err := newPeers()
	if err != nil {
		return nil, err
	}
	return &Peers{p}, nil
}

// Add calls gone, on another goroutine and at most once, when the connection's peer leaves. Connections that are no
// sockets are not watched; then Remove does nothing. The connection must be removed before or after it is closed. gone
// must not call Remove.
func (p *Peers) Add(c net.Conn, gone func()) (Remove, error) { return p.add(c, gone) }

// Close ends the watch; no function is called afterwards.
func (p *Peers) Close() error { return p.close() }
