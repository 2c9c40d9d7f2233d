// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/sse"
)

// leading is the guard of a request that others may follow: when its client leaves while somebody follows, its call goes on,
// until the last of them has left, too.
type leading struct {
	conn   *clientConn // nil where the engine serves no socket
	guard  proxy.Guard
	flight *cache.Flight

	mu   sync.Mutex
	call proxy.Canceler
	// gone says that the client has left, over that nobody follows any more.
	gone, over bool
}

// Attach makes the client's leaving cancel the call, unless somebody follows.
func (l *leading) Attach(call proxy.Canceler) bool {
	l.mu.Lock()
	l.call = call
	over := l.over
	l.mu.Unlock()
	if over {
		return false
	}
	l.flight.OnAlone(l.cancel)
	if l.guard.Attach(l) {
		return true
	}
	// The client has left before, and may be followed all the same.
	return l.conn != nil && !l.conn.mustLeave() && l.leave()
}

// mustLeave says that the gateway breaks the connection off, whether or not the client is still there.
func (c *clientConn) mustLeave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// Detach ends what Attach began.
func (l *leading) Detach() {
	l.guard.Detach()
	l.mu.Lock()
	l.call = nil
	l.mu.Unlock()
}

// Draining says that the gateway broke off.
func (l *leading) Draining() bool { return l.guard.Draining() }

// Cancel is called when the client has left, or the gateway must; the connection's lock is held.
func (l *leading) Cancel() {
	if l.conn != nil && l.conn.draining || !l.leave() {
		l.cancel()
	}
}

// leave says that the client has left, and whether somebody follows.
func (l *leading) leave() (followed bool) {
	alone := l.flight.Detach()
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	return !alone
}

func (l *leading) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.call != nil {
		l.call.Cancel()
	}
}

// alone says that nobody waits for the answer any more.
func (l *leading) alone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over || l.gone && l.flight.Followers() == 0
}

// left says that the client has left.
func (l *leading) left() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

// tee writes what the client gets to those who follow, first, and goes on for them when the client has left.
type tee struct {
	w    io.Writer
	lead *leading
}

func (t tee) Write(b []byte) (int, error) {
	_, _ = t.lead.flight.Write(b)
	if t.lead.left() {
		return len(b), nil
	}
	if n, err := t.w.Write(b); err != nil && !t.lead.leave() {
		return n, err
	}
	return len(b), nil
}

// departure is closed when a follower's client leaves.
type departure struct {
	once sync.Once
	done chan struct{}
}

// Cancel is called when the client has left, or the gateway must.
func (d *departure) Cancel() { d.once.Do(func() { close(d.done) }) }

// follow waits for what somebody else asked. again says that the other gave up, and that this one is to join anew.
func (r *request) follow(flight *cache.Flight) (again bool, err *exchange.Error) {
	c := &r.caching
	leaving := &departure{done: make(chan struct{})}
	guard := r.guard()
	if !guard.Attach(leaving) {
		leaving.Cancel()
	}
	c.begun = flight.Wait(leaving.done)
	switch c.begun.Result {
	case cache.Answered:
		c.flight, c.leaving, c.follows = flight, leaving, true
		if c.begun.Entry != nil {
			r.hit(c.begun.Entry, exchange.TierFlight)
		} else {
			r.ex.Caching.Result, r.ex.Caching.Tier = exchange.CacheHit, exchange.TierFlight
		}
		return false, nil
	case cache.Failed:
		err = c.begun.Err
	case cache.Left:
		err = r.left(guard)
	case cache.TakeOver:
		again = true
	}
	guard.Detach()
	flight.Leave()
	return again, err
}

// left is what became of a request whose client waited for somebody else's answer.
func (r *request) left(guard proxy.Guard) *exchange.Error {
	if guard.Draining() {
		return &exchange.Error{
			Status: 503, Type: exchange.TypeServer, Reason: exchange.ReasonDraining, Outcome: exchange.Drained,
			Message: "The gateway is shutting down.",
		}
	}
	return &exchange.Error{
		Status: 499, Type: exchange.TypeServer, Reason: exchange.ReasonClientGone, Outcome: exchange.ClientGone,
		Message: "The client closed the connection.",
	}
}

// relayFollowed relays the stream that the request follows.
func (r *request) relayFollowed(w io.Writer) error {
	c := &r.caching
	to := &followed{r: r, w: w}
	e, err := c.flight.Tail(to, c.leaving.done)
	ex := &r.ex
	switch {
	case err == nil:
		if e != nil {
			r.charge(e)
		}
		return nil
	case errors.Is(err, cache.ErrBroken):
		// The client was told by the other's own event.
		ex.Outcome, ex.Reason, ex.Cause = exchange.ProviderBroken, exchange.ReasonTruncated, err
		if why := c.flight.Wait(c.leaving.done).Err; why != nil && why.Reason != "" {
			ex.Outcome, ex.Reason = why.Outcome, why.Reason
		}
	case errors.Is(err, cache.ErrAbandoned), errors.Is(err, cache.ErrBehind):
		to.breakOff(&exchange.Error{
			Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonTruncated, Outcome: exchange.ProviderBroken,
			Message: "The answer broke off.", Cause: err,
		})
	case errors.Is(err, cache.ErrLeft) && r.guard().Draining():
		to.breakOff(r.left(r.guard()))
	default:
		ex.Outcome, ex.Reason, ex.Cause = exchange.ClientGone, exchange.ReasonClientGone, err
	}
	return err
}

// followed takes a stream that another request brings to the client.
type followed struct {
	r     *request
	w     io.Writer
	begun bool // something of the answer was passed on
}

// Write passes whole events on.
func (f *followed) Write(events []byte) (int, error) {
	f.begun = f.begun || !signOfLife(events)
	if _, err := f.w.Write(f.r.asHit(events)); err != nil {
		return 0, err
	}
	return len(events), nil
}

// breakOff tells the client why it gets no more.
func (f *followed) breakOff(e *exchange.Error) {
	ex := &f.r.ex
	ex.Outcome, ex.Reason, ex.Cause = e.Outcome, e.Reason, e.Cause
	_, _ = f.w.Write(f.r.appendBreak(nil, e, f.begun, 0))
}

// land ends what the request has to do with a flight, once its usage is known.
func (r *request) land() {
	c := &r.caching
	switch {
	case c.leaving != nil:
		r.guard().Detach()
		c.flight.Leave()
		return
	case c.flight == nil:
		return
	}
	// Whatever comes of it, nobody is left to wait.
	defer c.flight.Abandon()
	ex := &r.ex
	switch {
	case c.entry != nil:
		c.flight.Share(c.entry)
		return
	case c.failed != nil:
		c.flight.Fail(c.failed, c.failed.Outcome == exchange.ClientGone || !r.relaying && own(c.failed.Outcome))
		return
	}
	e := &cache.Entry{
		Usage: ex.Usage, Cost: ex.Cost, Priced: ex.Priced, Provider: ex.Provider, Model: ex.UpstreamModel, Target: ex.Target, TTL: c.ttl,
	}
	whole, good := r.judge(e)
	switch {
	case good && c.flight.Done(e):
		r.remember()
	case good:
	case whole:
		c.flight.Share(e)
	}
	if c.leading.left() && ex.Outcome == exchange.OK {
		ex.Outcome, ex.Reason = exchange.ClientGone, exchange.ReasonClientGone
	}
}

// judge says whether the answer is whole, so that who waits for it may have it, and whether it is good, so that it is kept.
func (r *request) judge(e *cache.Entry) (whole, good bool) {
	ex := &r.ex
	switch ex.Outcome {
	case exchange.OK:
		if ex.Status != 200 || r.caching.tainted {
			return true, false
		}
		e.Body = r.caching.flight.Recorded()
		if e.Body == nil || !r.whole(e.Body) {
			e.Body = nil
			return true, false
		}
		return true, true
	case exchange.ProviderRefused, exchange.ProviderFailed:
		// The provider's own error, as it came.
		return !r.relaying, false
	default:
		return false, false
	}
}

// whole says that an answer is whole and good by its own words.
func (r *request) whole(body []byte) bool {
	if !r.ex.Stream || r.array() {
		return dialect.Complete(r.dialect, r.ex.Operation, body)
	}
	var events sse.Scanner
	from, end := bytes.NewReader(body), dialect.Ending{Dialect: r.dialect}
	for {
		e, ok, err := events.Next()
		switch {
		case err != nil:
			return false
		case ok && e.HasData:
			end.Event(e.Data)
		case ok:
		default:
			if n, _ := events.Fill(from); n == 0 {
				return len(events.Rest()) == 0 && end.Complete()
			}
		}
	}
}

// own says that a request failed, before there was anything of an answer, for a reason that is nobody else's.
func own(o exchange.Outcome) bool {
	switch o {
	case exchange.ClientGone, exchange.Drained, exchange.Limited, exchange.Internal, exchange.Refused:
		return true
	default:
		return false
	}
}
