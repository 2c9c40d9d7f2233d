// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/telemetry"
	"github.com/sparkgateway/spark/gateway/watch"
)

// Options of a Server. The zero value of each field has a use.
type Options struct {
	// Living is the state that outlives snapshots; nil makes one, which Shutdown closes.
	Living *Living
	// AccessLog takes one JSON line a request, in batches; nil writes none.
	AccessLog io.Writer
	// Logger takes what an operator should know, never what a client sent; nil discards.
	Logger *slog.Logger
	// Version is the gateway's release, for the User-Agent that providers see; empty is "dev".
	Version string
	// KeepAlive is how long a stream may be silent before its client is told that it is still there; 0 is 15 s.
	KeepAlive time.Duration
	// DrainDelay is how long Shutdown goes on accepting while Ready already fails, so that load balancers notice.
	DrainDelay time.Duration
	// IdleLinger is how long Shutdown then still leaves silent connections open. A client that uses one is told with
	// the answer that it closes; had it been closed first, the request on its way would have been lost.
	IdleLinger time.Duration
	// Patience is how long a server that has just begun is not Ready for want of an operator's word on what was spent of budgets
	// (Report.Exchange), where there is no store; 0 waits for none.
	Patience time.Duration
}

// Server serves the data plane. Its methods are safe for concurrent use.
type Server struct {
	opts      Options
	living    *Living
	ownLiving bool
	begun     time.Time
	log       *slog.Logger
	spentLook spentLook
	started   time.Time             // as begun, by the clock of limits and logs
	accessLog *telemetry.LineWriter // nil without a log
	http      *fasthttp.Server
	conns     clientConns
	requests  sync.Pool

	snapshot atomic.Pointer[Snapshot]
	reloader atomic.Pointer[Reloader] // nil where documents come without
	draining atomic.Bool
	inFlight atomic.Int64

	applying sync.Mutex

	mu    sync.Mutex
	peers *watch.Peers // made by the first Serve
}

// What the HTTP engine bounds whatever the configuration says.
const (
	// headerTimeout bounds the time from a request's first byte to the end of its header.
	headerTimeout = 15 * time.Second
	// idleTimeout is how long a client may keep a silent connection. Load balancers close theirs after 60 s.
	idleTimeout = 90 * time.Second
	// writeTimeout bounds each write to a client that does not read.
	writeTimeout = 60 * time.Second
	// breakOffGrace is how long requests that the drain breaks off may take to say so.
	breakOffGrace = 2 * time.Second
)

// ErrNoConfiguration says that no document was applied yet.
var ErrNoConfiguration = errors.New("configuration: none yet")

// ErrDraining says that the server was asked to leave.
var ErrDraining = errors.New("draining")

// NewServer gives a server without configuration: it is not Ready before the first Apply.
func NewServer(opts Options) *Server {
	s := &Server{opts: opts, living: opts.Living, log: opts.Logger, begun: time.Now()}
	if s.living == nil {
		s.living, s.ownLiving = NewLiving(LivingOptions{}), true
	}
	s.started = s.living.now()
	if s.opts.Version == "" {
		s.opts.Version = "dev"
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if opts.AccessLog != nil {
		s.accessLog = telemetry.NewLineWriter(opts.AccessLog, s.living.metrics.DroppedLogLines.Inc)
	}
	s.conns.open = map[*clientConn]struct{}{}
	s.requests.New = func() any { return &request{srv: s} }
	s.http = &fasthttp.Server{
		Handler:       s.handle,
		ErrorHandler:  s.handleError,
		ExpectHandler: s.handleExpect,
		Logger:        engineLog{s.log},
		// A body is read by the handler, after authentication. The engine insists on a first piece: one byte.
		StreamRequestBody:  true,
		MaxRequestBodySize: 1,
		ReadBufferSize:     config.MaxHeaderBytes,
		// Most answers of a model, with their header, are one write to the client.
		WriteBufferSize: 16 << 10,
		ReadTimeout:     headerTimeout,
		IdleTimeout:     idleTimeout,
		WriteTimeout:    writeTimeout,
		// The configured maximum is the listener's business.
		Concurrency:                  1 << 30,
		CloseOnShutdown:              true,
		LazyRequestTime:              true,
		SecureErrorLogMessage:        true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
	}
	return s
}

// Apply builds a snapshot of the document and swaps it in; the next request obeys it. On an error the former snapshot
// stays. The document must be valid and must not change afterwards.
func (s *Server) Apply(doc *config.Document) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	snapshot, err := buildSnapshot(doc, s.living, s.opts.Version, s.snapshot.Load())
	if err != nil {
		return err
	}
	snapshot.applied = s.living.now()
	s.snapshot.Store(snapshot)
	return nil
}

// Serve accepts connections until Shutdown (nil) or until the listener fails.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.peers == nil {
		peers, err := watch.New()
		if err != nil {
			s.mu.Unlock()
			return err
		}
		s.peers = peers
	}
	s.mu.Unlock()
	return s.http.Serve(&listener{Listener: ln, srv: s, refusing: make(chan struct{}, 64)})
}

// Shutdown stops accepting, after Options.DrainDelay and IdleLinger, and waits for the requests in flight until ctx ends; what is
// still in flight then is broken off, each with an error, and ctx's error returned. It must be called once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	if s.opts.DrainDelay > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(s.opts.DrainDelay):
		}
	}
	s.linger(ctx)
	err := s.http.ShutdownWithContext(ctx)
	if err != nil {
		s.conns.each((*clientConn).drain)
		s.waitIdle(breakOffGrace)
		s.conns.each(func(c *clientConn) { _ = c.Close() })
	}
	s.mu.Lock()
	if s.peers != nil {
		_ = s.peers.Close()
	}
	s.mu.Unlock()
	if s.accessLog != nil {
		s.accessLog.Close()
	}
	if s.ownLiving {
		s.living.Close()
	}
	return err
}

// linger waits until no connection is open, for Options.IdleLinger, but no longer than for half of the time that is
// left for all of Shutdown.
func (s *Server) linger(ctx context.Context) {
	atMost := s.opts.IdleLinger
	if deadline, ok := ctx.Deadline(); ok {
		atMost = min(atMost, time.Until(deadline)/2)
	}
	end := time.NewTimer(atMost)
	defer end.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.conns.count() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

func (s *Server) waitIdle(atMost time.Duration) {
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.InFlight() > 0 {
		select {
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}

// DrainTimeout is how long the configuration lets a request go on once Shutdown was called; 0 before the first Apply.
func (s *Server) DrainTimeout() time.Duration {
	if snapshot := s.snapshot.Load(); snapshot != nil {
		return snapshot.gateway.DrainTimeout.Std()
	}
	return 0
}

// Registry holds the metrics of the server and of its Living.
func (s *Server) Registry() *prometheus.Registry { return s.living.Registry() }

// InFlight counts the requests being served.
func (s *Server) InFlight() int { return int(s.inFlight.Load()) }

// engineLog takes what the HTTP engine says, which is about single connections.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("http engine", "format", format, "args", len(args))
	}
}
