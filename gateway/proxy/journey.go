// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"io"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/quota"
)

// Journey takes one request to the targets of a route until one of them answers: it tries again, elsewhere, or beside a
// slow attempt, as long as the client was told nothing. The zero value is ready for Do; after Finish it may be used
// again, and keeps its buffers. It belongs to one goroutine, but for Cancel.
type Journey struct {
	// Answer is the attempt that the client is answered from, after Do gave no error.
	Answer *Attempt

	req      Request
	route    *Route
	choice   choice
	current  try
	attempt  Attempt // all that come one after another
	waiter   *quota.Waiter
	refill   time.Duration // when the clock may let what was refused last be had
	attached bool
	// beside counts attempts that were overtaken, each of whose ends comes by ended.
	beside int
	ended  chan try

	mu        sync.Mutex
	running   []*Attempt
	cancelled bool
	stop      chan struct{} // made when something waits
}

// try is an attempt with what was taken for it.
type try struct {
	attempt *Attempt
	rec     *exchange.Attempt
	place   int
	kind    exchange.AttemptKind
	permit  breaker.Ticket
	grant   quota.Grant
	err     *exchange.Error
	verdict verdict
	// released says that what was taken was given back.
	released bool
}

// Do tries until a target answers: with the whole answer or, when it is a stream, its first event. What the application
// is to be told otherwise is an error, or a provider's own error in Answer. Either way Finish must follow. The attempts'
// records are in the exchange: the last in Attempt, those before in Tried.
func (j *Journey) Do(req Request, route *Route) *exchange.Error {
	j.req, j.route = req, route
	j.attached = req.Guard.Attach(j)
	if !j.attached {
		return cancelled(req.Guard)
	}
	j.choice.begin(&j.req, route)
	if route.Hedge != nil && hedgeable(req.Operation) {
		return j.race()
	}
	t, err := j.next()
	if err != nil {
		return err
	}
	return j.walk(t)
}

// walk makes one attempt after another.
func (j *Journey) walk(next try) *exchange.Error {
	for {
		// From here on Finish gives back what was taken, whatever happens.
		t := &j.current
		*t = next
		t.attempt, t.rec = &j.attempt, &j.req.Exchange.Attempt
		j.make(t, &j.req)
		if !j.onwards(t) {
			return j.arrive(t)
		}
		var err *exchange.Error
		if next, err = j.next(); err != nil {
			return j.arrive(t)
		}
		j.drop(t)
	}
}

// make makes the attempt, and judges it.
func (j *Journey) make(t *try, req *Request) {
	target := &j.route.Targets[t.place]
	t.attempt.prepare(req, target, t.rec)
	t.rec.Kind = t.kind
	switch t.err = req.fits(target); {
	case t.err != nil:
	case !j.start(t.attempt):
		t.err = cancelled(req.Guard)
	default:
		t.err = t.attempt.do()
	}
	if t.err != nil {
		t.rec.Status = t.err.Status
		blame(t.rec, t.err)
	}
	t.verdict = t.attempt.judge()
}

// onwards gives back what a failed attempt had taken, and says whether another may be made.
func (j *Journey) onwards(t *try) bool {
	if t.verdict.final() {
		return false
	}
	tokens := int64(0)
	if worked(t.rec.Outcome) {
		tokens = -1
	}
	j.release(t, tokens)
	return j.choice.failed(t.place, &t.verdict, j.req.Clock())
}

// arrive ends the search: the client is told what this attempt brought.
func (j *Journey) arrive(t *try) *exchange.Error {
	if told := &j.req.Exchange.Attempt; t.rec != told {
		// The attempt's own record is used again with it, and so is what its slice points to.
		id := told.UpstreamID[:0]
		id = append(id, t.rec.UpstreamID...)
		*told = *t.rec
		told.UpstreamID = id
		t.attempt.rec, t.rec = told, told
	}
	j.current = *t
	if t.err != nil {
		return t.err
	}
	j.Answer = t.attempt
	if t.rec.Outcome == exchange.OK {
		now := j.req.Clock()
		t.permit.Began(now)
		if began := t.rec.FirstToken; !began.IsZero() {
			j.route.Targets[t.place].Vital.Load.Observe(now, began.Sub(t.rec.Began), j.req.Exchange.Stream)
		}
	}
	return nil
}

// Recorder is that of the target which was tried last; nil where none was.
func (j *Journey) Recorder() Recorder {
	if j.current.attempt == nil {
		return nil
	}
	return j.route.Targets[j.current.place].Record
}

// Price is that of the target which was tried last; nil where nobody said it, or none was tried.
func (j *Journey) Price() *config.Price {
	if j.current.attempt == nil {
		return nil
	}
	return j.route.Targets[j.current.place].Price
}

// release gives back what an attempt had taken, once. tokens is what it cost, negative where nobody knows.
func (j *Journey) release(t *try, tokens int64) {
	if t.released {
		return
	}
	t.released = true
	now := j.req.Clock()
	target := &j.route.Targets[t.place]
	if t.verdict.retryAfter > 0 && t.rec.UpstreamStatus == 429 {
		target.Vital.Breaker.Pause(now, t.verdict.retryAfter)
	}
	target.Vital.Load.End()
	t.permit.Done(now, t.verdict.result, t.verdict.why)
	t.grant.Settle(now, tokens)
}

// drop ends an attempt that the client is not answered from.
func (j *Journey) drop(t *try) {
	j.close(t)
	// Where nobody was asked, it is no attempt that a log needs.
	if !t.verdict.incapable {
		rec := *t.rec
		rec.UpstreamID = append([]byte(nil), rec.UpstreamID...)
		j.req.Exchange.Tried = append(j.req.Exchange.Tried, rec)
	}
	*t.rec = exchange.Attempt{UpstreamID: t.rec.UpstreamID[:0]}
	j.putBack(t.attempt)
}

// close ends an attempt and settles all that it took.
func (j *Journey) close(t *try) {
	j.stopped(t.attempt)
	t.rec.Ended = time.Now()
	if !t.released {
		t.verdict = t.attempt.judge()
	}
	target := &j.route.Targets[t.place]
	t.attempt.Finish()
	tokens := int64(-1)
	if t.rec.Usage.Source != exchange.UsageNone {
		tokens = t.rec.Usage.Total
	}
	j.release(t, tokens)
	if target.Record != nil && !t.verdict.incapable {
		target.Record.Attempt(t.rec)
	}
}

// putBack gives up an attempt that was made beside the Journey's own.
func (j *Journey) putBack(a *Attempt) {
	if a != &j.attempt {
		attempts.Put(a)
	}
}

// fits says why a target cannot serve the request; nil when it can.
func (r *Request) fits(t *Target) *exchange.Error {
	if r.Asked == nil {
		return nil
	}
	return r.Asked.CheckOutput(t.MaxTokens)
}

// prompted estimates the request's own tokens.
func prompted(r *Request) exchange.Usage {
	return dialect.Estimate(r.Asked.Items, r.Asked.TextBytes, 0, 0)
}

// WriteTo relays the answer's stream. As long as nothing but signs of life went to the client, a failure still goes to
// another target; later it becomes an error event and an error. Only a stream that is whole by its grammar gives nil.
func (j *Journey) WriteTo(w io.Writer) (int64, error) {
	ex := j.req.Exchange
	for {
		a := j.Answer
		failed, err := a.stream(w)
		if failed == nil {
			return ex.BytesOut, err
		}
		if a.eventful || len(a.relayed) > 0 || !j.resume(failed) {
			return ex.BytesOut, j.Answer.breakOff(w, failed)
		}
		if told := j.untold(); told != nil {
			return ex.BytesOut, j.Answer.breakOff(w, told)
		}
	}
}

// resume goes on with another target behind a stream that failed before its first event, where there is one.
func (j *Journey) resume(failed *exchange.Error) bool {
	t := &j.current
	blame(t.rec, failed)
	t.verdict, t.err = t.attempt.judge(), failed
	if !j.onwards(t) {
		return false
	}
	next, err := j.next()
	if err != nil {
		return false
	}
	j.drop(t)
	_ = j.walk(next)
	return true
}

// untold gives what a client that already reads a stream is to be told, where what came is none.
func (j *Journey) untold() *exchange.Error {
	t := &j.current
	j.Answer = t.attempt
	switch {
	case t.err != nil:
		return t.err
	case !t.attempt.Events():
		e := broken(exchange.ReasonProviderStatus, nil)
		e.Status, e.Outcome, e.Message = t.rec.Status, t.rec.Outcome, "The provider answered with an error."
		return e
	}
	return nil
}

// Finish settles the usage, gives back what was taken, and lets go of connections.
func (j *Journey) Finish() {
	if j.attached {
		j.req.Guard.Detach()
	}
	if t := &j.current; t.attempt != nil {
		j.close(t)
		j.putBack(t.attempt)
	}
	for ; j.beside > 0; j.beside-- {
		t := <-j.ended
		j.overtaken(&t)
	}
	j.mu.Lock()
	j.cancelled, j.stop = false, nil
	j.mu.Unlock()
	j.req, j.route, j.choice, j.current, j.Answer, j.attached, j.ended = Request{}, nil, choice{}, try{}, nil, false, nil
}

// Cancel breaks off whatever is being tried or waited for. Any goroutine may call it before Finish.
func (j *Journey) Cancel() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cancelled = true
	for _, a := range j.running {
		a.Cancel()
	}
	if j.stop != nil {
		close(j.stop)
		j.stop = nil
	}
}

// start makes Cancel reach an attempt; false says that it came before.
func (j *Journey) start(a *Attempt) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancelled {
		return false
	}
	j.running = append(j.running, a)
	return true
}

// stopped ends what start began.
func (j *Journey) stopped(a *Attempt) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, other := range j.running {
		if other == a {
			j.running = append(j.running[:i], j.running[i+1:]...)
			return
		}
	}
}
