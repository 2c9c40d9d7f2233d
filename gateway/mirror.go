// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"math/rand/v2"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// maxMirrors bounds the copies that are under way: they must not hold what requests need.
const maxMirrors = 64

// mirrors are the copies under way.
type mirrors struct {
	slots chan struct{}
	all   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	calls  map[*mirrorGuard]proxy.Canceler
}

func newMirrors() *mirrors {
	return &mirrors{slots: make(chan struct{}, maxMirrors), calls: map[*mirrorGuard]proxy.Canceler{}}
}

// close breaks off what is under way, and waits for it.
func (m *mirrors) close() {
	m.mu.Lock()
	m.closed = true
	for _, call := range m.calls {
		call.Cancel()
	}
	m.mu.Unlock()
	m.all.Wait()
}

// mirrorGuard is a copy's client: it leaves when the process does.
type mirrorGuard struct{ mirrors *mirrors }

// Attach makes the process's end cancel the call.
func (g *mirrorGuard) Attach(call proxy.Canceler) bool {
	g.mirrors.mu.Lock()
	defer g.mirrors.mu.Unlock()
	if g.mirrors.closed {
		return false
	}
	g.mirrors.calls[g] = call
	return true
}

// Detach ends what Attach began.
func (g *mirrorGuard) Detach() {
	g.mirrors.mu.Lock()
	defer g.mirrors.mu.Unlock()
	delete(g.mirrors.calls, g)
}

// Draining is always true: there is no client that could leave.
func (g *mirrorGuard) Draining() bool { return true }

// noRetry is for copies: one attempt is all that they are worth.
var noRetry = &config.Retry{Attempts: 1}

// copied is a request that a mirror gets. It shares nothing with the one that it is a copy of.
type copied struct {
	ex      exchange.Exchange
	header  fasthttp.RequestHeader
	asked   dialect.Request
	journey proxy.Journey
	route   proxy.Route
	req     proxy.Request
	// traced tells of the copy's attempt; nil does not.
	traced func()
}

// mirror sends a copy of the request to the route's mirror, where there is one and chance wills it. A session has nothing
// that could be copied.
func (r *request) mirror(w *way, req *proxy.Request) {
	if w.mirror == nil || req.Asked == nil || rand.Int64N(100) >= w.from.MirrorPercent {
		return
	}
	living := r.srv.living
	select {
	case living.mirrors.slots <- struct{}{}:
	default:
		w.observer.Mirrored(telemetry.MirrorSkipped)
		return
	}
	c := r.copy(w, req)
	if c == nil {
		<-living.mirrors.slots
		w.observer.Mirrored(telemetry.MirrorSkipped)
		return
	}
	w.observer.Mirrored(telemetry.MirrorSent)
	living.mirrors.all.Go(func() {
		defer func() { <-living.mirrors.slots }()
		defer func() {
			if fault := recover(); fault != nil {
				living.log.Error("panic while mirroring a request", "fault", fault)
			}
		}()
		c.send()
	})
}

// copy makes a copy of what the mirror needs; nil where the body cannot be read anew.
func (r *request) copy(w *way, req *proxy.Request) *copied {
	c := &copied{ex: exchange.Exchange{
		ID: r.ex.ID, Start: r.ex.Start, Operation: r.ex.Operation, Stream: r.ex.Stream, Model: append([]byte(nil), r.ex.Model...),
	}}
	r.ctx.Request.Header.CopyTo(&c.header)
	body := append([]byte(nil), req.Body...)
	contentType := append([]byte(nil), req.ContentType...)
	var err *exchange.Error
	if len(contentType) > 0 {
		err = c.asked.DecodeForm(r.endpoint.shape, contentType, body)
	} else {
		err = c.asked.Decode(r.endpoint.shape, body)
	}
	if err != nil {
		return nil
	}
	c.traced = r.traceCopy(&c.ex)
	target := *w.mirror
	target.Retry = noRetry
	c.route = proxy.Route{ID: w.ID, Targets: []proxy.Target{target}}
	c.req = proxy.Request{
		Exchange: &c.ex, Operation: req.Operation, Dialect: req.Dialect, Asked: &c.asked, Array: req.Array,
		Tail: append([]byte(nil), req.Tail...), ContentType: contentType, Body: body, Fields: &c.header,
		Guard: &mirrorGuard{r.srv.living.mirrors}, Clock: req.Clock, Mirror: true,
	}
	return c
}

// send sends the copy, and reads what comes to its end.
func (c *copied) send() {
	defer func() {
		c.journey.Finish()
		if c.traced != nil {
			c.traced()
		}
	}()
	if err := c.journey.Do(c.req, &c.route); err == nil && c.journey.Answer.Streamed() {
		_, _ = c.journey.WriteTo(io.Discard)
	}
}
