// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options configure a Server; the zero value is a provider that asks for no key and answers at once.
type Options struct {
	APIKeys         []string      // any one of them is insisted on; none: no key is needed
	AWSKeys         []AWSKey      // any one of them may sign a request to the Bedrock dialect; none: no signature is needed
	Models          []string      // what /v1/models lists; default: fake-model, fake-small, gpt-4o, gpt-4o-mini
	StrictModels    bool          // refuse models that are not listed (markers aside); default: any name answers
	TokenDelay      time.Duration // default pace of an answer, per token; default 0
	RecordLimit     int           // how many records are kept; default 4096
	RecordBodyLimit int           // how many bytes of a request body a record keeps; default 64 KiB
	Log             *slog.Logger  // gets one line a finished request; default: none
}

// maxRequestBody bounds what is read of a request, in bytes.
const maxRequestBody = 64 << 20

// Server is a fake provider. All methods are safe for concurrent use.
type Server struct {
	options  Options
	records  recorder
	script   script
	shelves  []interface{ clear() } // what dialects keep for clients
	prompts  promptCache
	handler  http.Handler
	readied  time.Time
	handlers sync.RWMutex // read-held by every provider request, so that Close can wait for them

	mu     sync.Mutex
	http   *http.Server // nil while nothing listens
	addr   string       // host and port that were listened on first; empty before Start
	closed bool
	cancel context.CancelFunc
}

// New makes a Server that does not listen yet.
func New(options Options) *Server {
	if len(options.Models) == 0 {
		options.Models = []string{"fake-model", "fake-small", "gpt-4o", "gpt-4o-mini"}
	}
	if options.RecordLimit <= 0 {
		options.RecordLimit = 4096
	}
	if options.RecordBodyLimit <= 0 {
		options.RecordBodyLimit = 64 << 10
	}
	s := &Server{options: options, readied: time.Now()}
	s.records.limit = options.RecordLimit
	s.handler = s.routes()
	return s
}

// Handler serves the provider, /fake/* and /livez, for use under another HTTP server. Faults that break connections
// need one that can be hijacked, as HTTP/1.1 ones can.
func (s *Server) Handler() http.Handler { return s.handler }

// Start listens on addr ("127.0.0.1:0" picks a free port) and serves until Close.
func (s *Server) Start(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr != "" {
		return errors.New("fakeprovider: started already")
	}
	return s.listen(addr)
}

// Down breaks all connections and refuses further ones, as a provider whose process has ended, until Up. What it has
// recorded and its script stay. It does nothing when the server is down already.
func (s *Server) Down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hangUp()
}

// Up listens again, on the same address. It fails where another process has taken the port meanwhile; a port below
// those that the system gives to clients (32768 on Linux) is safe from that.
func (s *Server) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.addr == "" || s.closed:
		return errors.New("fakeprovider: not started, or closed")
	case s.http != nil:
		return nil
	}
	return s.listen(s.addr)
}

// listen serves in the background. The lock is held.
func (s *Server) listen(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.addr = listener.Addr().String()
	s.http = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // broken connections are what this server is for
	}
	go s.http.Serve(listener) //nolint:errcheck // it always ends with ErrServerClosed
	return nil
}

// URL is the root of a started server, such as http://127.0.0.1:4242; OpenAI clients want /v1 after it.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		return ""
	}
	return "http://" + s.addr
}

// Close breaks all connections, ends requests that hang or stall, and waits for their handlers. Without Start it does
// nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.addr != ""
	return s.hangUp()
}

// hangUp leaves neither listener, connection nor handler. The lock is held.
func (s *Server) hangUp() error {
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	s.http = nil
	s.cancel()
	s.handlers.Lock()
	defer s.handlers.Unlock()
	return err
}

// Records gives the newest requests, oldest first.
func (s *Server) Records() []Record { return s.records.list() }

// WaitFor waits until a record matches and returns the oldest that does; ctx bounds the wait. The predicate runs under
// the recorder's lock: it must not call the Server.
func (s *Server) WaitFor(ctx context.Context, want func(Record) bool) (Record, error) {
	found, err := s.records.wait(ctx, 1, want)
	if err != nil {
		return Record{}, err
	}
	return found[0], nil
}

// WaitForN waits until at least n records match, and returns all that do, oldest first. See WaitFor.
func (s *Server) WaitForN(ctx context.Context, n int, want func(Record) bool) ([]Record, error) {
	return s.records.wait(ctx, n, want)
}

// Stats gives the totals since the start or the last Reset.
func (s *Server) Stats() Stats { return s.records.totals() }

// SetScript replaces the rules, or leaves them when one of the new ones is wrong.
func (s *Server) SetScript(rules ...Rule) error { return s.script.set(rules) }

// Script gives the rules in force with their counts.
func (s *Server) Script() []Rule { return s.script.list() }

// Reset forgets records, totals, cached prompts, what was kept for clients and the script, as between two tests.
func (s *Server) Reset() {
	s.records.reset()
	s.prompts.clear()
	for _, kept := range s.shelves {
		kept.clear()
	}
	_ = s.script.set(nil) // no rule can be wrong
}

func (s *Server) knows(model string) bool {
	return !s.options.StrictModels || slices.Contains(s.options.Models, BaseModel(model))
}
