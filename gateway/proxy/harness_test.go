// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/quota"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// guard is a client that can leave.
type guard struct {
	mu             sync.Mutex
	call           Canceler
	gone, draining bool
	detached       int
}

func (g *guard) Attach(c Canceler) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone || g.draining {
		return false
	}
	g.call = c
	return true
}

func (g *guard) Detach() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.call = nil
	g.detached++
}

func (g *guard) Draining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

func (g *guard) leave(draining bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone, g.draining = !draining, draining
	if g.call != nil {
		g.call.Cancel()
	}
}

// fields is an empty header.
type fields struct{}

func (fields) PeekCanonical([]byte) []byte { return nil }

// script is a provider that answers each request with these pieces and then, unless it hangs, closes.
type script struct {
	pieces   []string
	late     time.Duration // before the first piece
	hang     bool
	received chan *http.Request
	bodies   chan string
}

// dial connects to the script over a pipe.
func (s *script) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		req, err := http.ReadRequest(bufio.NewReader(server))
		if err != nil {
			_ = server.Close()
			return
		}
		body, _ := io.ReadAll(req.Body)
		if s.received != nil {
			s.received <- req
			s.bodies <- string(body)
		}
		<-time.After(s.late)
		for _, piece := range s.pieces {
			if _, err := io.WriteString(server, piece); err != nil {
				break
			}
		}
		if !s.hang {
			_ = server.Close()
		}
	}()
	return client, nil
}

// run makes one attempt at a script.
type run struct {
	t       testing.TB
	guard   *guard
	ex      exchange.Exchange
	journey *Journey
	out     bytes.Buffer
	relay   error
	refused *exchange.Error

	keepAlive time.Duration
	observer  Observer
	only      uint32
}

// wait is how long providers may be silent; a machine that is busy is silent for less.
const wait = config.Duration(200 * time.Millisecond)

func target(t testing.TB, s *script) Target {
	t.Helper()
	total := 100 * wait
	if s.hang {
		total = 4 * wait
	}
	p, err := provider.New(&config.Provider{
		ID: "ns/p", Name: "p", Type: config.OpenAI, Endpoint: "http://provider.example/v1",
		Timeouts: config.Timeouts{Connect: wait, FirstToken: wait, BetweenTokens: wait, Total: total},
	}, config.NewSecret("sk"), "1")
	if err != nil {
		t.Fatal(err)
	}
	pools := upstream.NewPools(s.dial)
	t.Cleanup(pools.Close)
	return at(p, pools)
}

// at is the model "up" of a provider, which is tried once.
func at(p *provider.Provider, pools *upstream.Pools) Target {
	account := quota.New(config.Quota{QueueTimeout: wait})
	return Target{
		Provider: p, Pool: pools.Use([]upstream.Endpoint{{Key: p.ConnectionKey, Address: p.Address}})[0],
		Name: "m", Model: "up", Quoted: []byte(`"up"`), PathModel: p.PathModel("up"), Weight: 1,
		Retry: &config.Retry{Attempts: 1, Backoff: 1, MaxBackoff: 1},
		Vital: &Vital{Breaker: breaker.New(patient, nil, nil), Quota: account.Target()}, Account: &Account{Quota: account},
	}
}

// patient is a breaker that no test of single attempts opens.
var patient = config.Breaker{
	ConsecutiveFailures: 1000, FailurePercent: 100, MinRequests: 1000, Window: config.Duration(time.Minute),
	OpenFor: config.Duration(time.Minute), Probes: 1,
}

var epoch = time.Now()

// clock is the time of living state.
func clock() int64 { return int64(time.Since(epoch)) + 1 }

// alone is the route to one target.
func alone(t Target) *Route { return &Route{Targets: []Target{t}} }

// start does the attempt, without finishing it.
func start(t testing.TB, s *script, body string) *run {
	t.Helper()
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	r.do(target(t, s), body)
	return r
}

func (r *run) do(to Target, body string) {
	r.t.Helper()
	var asked dialect.Request
	if err := asked.Decode(dialect.Chat, []byte(body)); err != nil {
		r.t.Fatal(err)
	}
	r.ex = exchange.Exchange{Start: time.Now(), Stream: asked.Stream, Model: asked.Model}
	if r.refused = r.journey.Do(Request{
		Exchange: &r.ex, Operation: exchange.Chat, Asked: &asked, Body: []byte(body), Fields: fields{}, Guard: r.guard,
		Clock: clock,
	}, alone(to)); r.refused != nil {
		r.ex.Outcome, r.ex.Reason = r.refused.Outcome, r.refused.Reason
		return
	}
	if r.journey.Answer.Streamed() {
		_, r.relay = r.journey.WriteTo(&r.out)
	} else {
		r.out.Write(r.journey.Answer.Body())
	}
}

func (r *run) finish() *run {
	r.journey.Finish()
	if r.guard.call != nil {
		r.t.Error("the guard may still cancel a call that has ended")
	}
	return r
}

const (
	plain  = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}]}`
	stream = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}],"stream":true}`
	asking = `{"model":"m","messages":[{"role":"user","content":"abcdefgh"}],"stream":true,"stream_options":{"include_usage":true}}`
)

func whole(status int, contentType, body string) *script {
	return &script{pieces: []string{fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, contentType, len(body), body)}}
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

// chunks is a stream of these pieces, each a chunk, with its end.
func chunks(pieces ...string) *script {
	s := &script{pieces: []string{streamHead}}
	for _, p := range pieces {
		s.pieces = append(s.pieces, fmt.Sprintf("%x\r\n%s\r\n", len(p), p))
	}
	s.pieces = append(s.pieces, "0\r\n\r\n")
	return s
}

func delta(text string) string {
	return `data: {"choices":[{"delta":{"content":"` + text + `"}}]}` + "\n\n"
}

const (
	usageEvent = `data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}` + "\n\n"
	doneEvent  = "data: [DONE]\n\n"
)
