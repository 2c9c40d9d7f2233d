// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// forwarder passes connections on to one of the backends, whoever is next. As with kube-proxy, a connection stays
// where it is when its backend becomes unready.
type forwarder struct {
	listener net.Listener
	backends atomic.Pointer[[]string]
	next     atomic.Uint64

	mu          sync.Mutex
	closed      bool
	connections map[net.Conn]struct{}
}

const dialTimeout = 5 * time.Second

func newForwarder(address string) (*forwarder, error) {
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, err
	}
	f := &forwarder{listener: listener, connections: map[net.Conn]struct{}{}}
	f.setBackends(nil)
	go f.accept()
	return f, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

func (f *forwarder) setBackends(backends []string) { f.backends.Store(&backends) }

func (f *forwarder) accept() {
	for {
		connection, err := f.listener.Accept()
		if err != nil {
			return
		}
		if f.track(connection) {
			go f.serve(connection.(*net.TCPConn))
		}
	}
}

// serve refuses, as a Service without endpoints does, when there is no backend that answers.
func (f *forwarder) serve(client *net.TCPConn) {
	defer f.untrack(client)
	backend := f.dial()
	if backend == nil {
		_ = client.SetLinger(0)
		return
	}
	defer func() { _ = backend.Close() }()
	var both sync.WaitGroup
	both.Go(func() { pipe(backend, client) })
	both.Go(func() { pipe(client, backend) })
	both.Wait()
}

// pipe tells one side when the other has finished, and ends both when a side is gone for good.
func pipe(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.SetLinger(0)
		_ = to.Close()
		_ = from.Close()
		return
	}
	_ = to.CloseWrite()
}

func (f *forwarder) dial() *net.TCPConn {
	backends := *f.backends.Load()
	for range backends {
		address := backends[f.next.Add(1)%uint64(len(backends))]
		connection, err := net.DialTimeout("tcp4", address, dialTimeout)
		if err == nil {
			return connection.(*net.TCPConn)
		}
	}
	return nil
}

func (f *forwarder) track(connection net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = connection.Close()
		return false
	}
	f.connections[connection] = struct{}{}
	return true
}

func (f *forwarder) untrack(connection net.Conn) {
	_ = connection.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.connections, connection)
}

func (f *forwarder) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for connection := range f.connections {
		_ = connection.Close()
	}
}
