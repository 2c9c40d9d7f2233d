// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bed has the real gateway in this process, in front of fake providers of every type, for tests of what it counts.
package bed

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
)

// patience bounds every wait; nothing takes a tenth of it unless it is broken.
const patience = 2 * time.Minute

// Gateway is one that serves.
type Gateway struct {
	Server *gateway.Server
	Living *gateway.Living
	// Report is what the operator asks.
	Report gateway.Report
	URL    string

	log  logLines
	down sync.Once
}

// Start serves a document until the test ends.
func Start(t testing.TB, doc *config.Document, opts gateway.LivingOptions) *Gateway {
	t.Helper()
	g := &Gateway{Living: gateway.NewLiving(opts)}
	g.Server = gateway.NewServer(gateway.Options{Living: g.Living, AccessLog: &g.log})
	g.Report = gateway.Report{Server: g.Server, Reloader: gateway.NewReloader(gateway.Identity{}, g.Server.Apply)}
	g.Apply(t, doc)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.URL = "http://" + ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- g.Server.Serve(ln) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return g
}

// Apply changes what is served. The document must not change afterwards.
func (g *Gateway) Apply(t testing.TB, doc *config.Document) {
	t.Helper()
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := g.Server.Apply(doc); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the gateway as one that is asked to leave, once: what it counted is written when it returns.
func (g *Gateway) Stop() {
	g.down.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = g.Server.Shutdown(ctx) // a connection that a client left open is no failure
		g.Living.Close()
	})
}

// Instance is the process' name for the operator.
func (g *Gateway) Instance() string { return g.Report.Reloader.Ack().Instance }

// Used gives what the gateway counted of each holder, as one of so many replicas.
func (g *Gateway) Used(replicas int) map[string]config.HolderUse {
	all := map[string]config.HolderUse{}
	call := config.UsageCall{Instance: g.Instance(), Replicas: replicas}
	for {
		answer := g.Report.Exchange(call)
		for _, h := range answer.Holders {
			all[h.Holder] = h
		}
		if !answer.More {
			return all
		}
		call.After = answer.Cursor
	}
}

// Client gives one for many requests at once.
func Client(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: connections, MaxIdleConns: connections, DisableCompression: true,
	}}
}

// Eventually polls until a condition holds.
func Eventually(t testing.TB, ok func() bool, message func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, message())
		}
		<-time.After(2 * time.Millisecond)
	}
}

// logLines collects the access log.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// Usage is as the access log tells it.
type Usage struct {
	Source                                                     string
	Prompt, Completion, Total, Cached, CacheWritten, Reasoning int64
}

// Attempt is one of a request's, as the access log tells it.
type Attempt struct {
	Kind, Provider, Model, Outcome string
	Usage                          *Usage
}

// Line is one request in the access log.
type Line struct {
	ID, Key, User, Model, Provider, UpstreamModel, Route, Operation, Outcome, Reason string
	Stream                                                                           bool
	Status                                                                           int
	Usage                                                                            *Usage
	// Attempts are there where there were several, in the order in which they began.
	Attempts []Attempt
}

// All gives the attempts that a line tells of.
func (l *Line) All() []Attempt {
	if len(l.Attempts) == 0 && l.Provider != "" {
		return []Attempt{{Provider: l.Provider, Model: l.UpstreamModel, Outcome: l.Outcome, Usage: l.Usage}}
	}
	return l.Attempts
}

// Lines gives the access log as far as it is written; after Stop that is all of it.
func (g *Gateway) Lines(t testing.TB) []Line {
	t.Helper()
	g.log.mu.Lock()
	text := bytes.Clone(g.log.buf.Bytes())
	g.log.mu.Unlock()
	var all []Line
	for one := range bytes.Lines(text) {
		var l Line
		if err := json.Unmarshal(one, &l); err != nil {
			t.Fatalf("access log line %q: %v", one, err)
		}
		all = append(all, l)
	}
	return all
}
