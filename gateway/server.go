// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/config"
)

// Options of a Server. The zero value of each field has a use.
type Options struct {
	// Living is the state that outlives snapshots; nil makes one that the server owns.
	Living *Living
	// AccessLog takes one JSON line a request, in batches; nil writes none.
	AccessLog io.Writer
	// Logger takes what an operator should know, never what a client sent; nil discards.
	Logger *slog.Logger
	// Version is the gateway's release, for the user agent that providers see.
	Version string
	// DrainDelay is how long Shutdown goes on accepting while Ready already fails, so that load balancers notice.
	DrainDelay time.Duration
}

// Server serves the data plane. Its methods are safe for concurrent use.
type Server struct {
	opts     Options
	living   *Living
	snapshot atomic.Pointer[Snapshot]
}

// ErrNoConfiguration says that no document was applied yet.
var ErrNoConfiguration = errors.New("no configuration yet")

// NewServer gives a server without configuration: it is not Ready before the first Apply.
func NewServer(opts Options) *Server {
	if opts.Living == nil {
		opts.Living = NewLiving(LivingOptions{})
	}
	return &Server{opts: opts, living: opts.Living}
}

// Apply builds a snapshot of the document and swaps it in; the next request obeys it. On an error the former snapshot
// stays. The document must be valid and must not change afterwards.
func (s *Server) Apply(doc *config.Document) error {
	snapshot, err := Build(doc, s.living)
	if err != nil {
		return err
	}
	s.snapshot.Store(snapshot)
	return nil
}

// Serve accepts connections until Shutdown (nil) or until the listener fails.
func (s *Server) Serve(ln net.Listener) error { return errors.New("not yet") }

// Shutdown stops accepting, after Options.DrainDelay, and waits for the requests in flight until ctx ends; what is
// still in flight then is broken off and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context) error { return nil }

// DrainTimeout is how long the configuration lets a request go on once Shutdown was called; 0 before the first Apply.
func (s *Server) DrainTimeout() time.Duration { return 0 }

// Registry holds the metrics of the server and of its Living.
func (s *Server) Registry() *prometheus.Registry { return s.living.Registry() }

// Ready says why the server should get no traffic; nil when it should.
func (s *Server) Ready() error {
	if s.snapshot.Load() == nil {
		return ErrNoConfiguration
	}
	return nil
}

// InFlight counts the requests being served.
func (s *Server) InFlight() int { return 0 }
