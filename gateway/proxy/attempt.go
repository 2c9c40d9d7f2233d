// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proxy takes a decoded request to a provider and relays the answer: pick → encode → send → classify → relay.
package proxy

import (
	"errors"
	"io"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/sse"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// MaxAnswerBytes bounds an answer that is not streamed: it is read whole before the client is told anything, so that
// a client never gets half of it.
const MaxAnswerBytes = 64 << 20

// Target is where a request goes.
type Target struct {
	Provider *provider.Provider
	Pool     *upstream.Pool
	// Model is what the provider calls the model, Quoted the same as a JSON string.
	Model  string
	Quoted []byte
}

// Canceler is what a Guard breaks off.
type Canceler interface{ Cancel() }

// Guard breaks a call off when its client leaves or the gateway must.
type Guard interface {
	// Attach makes the guard cancel c, until Detach. It is false when there is reason to cancel already.
	Attach(c Canceler) bool
	// Detach ends that; when it returns, c is not being cancelled and will not be.
	Detach()
	// Draining says that the gateway was the reason; otherwise it was the client.
	Draining() bool
}

// Request is what an Attempt works on.
type Request struct {
	Exchange *exchange.Exchange
	Chat     *dialect.ChatRequest
	Body     []byte
	Fields   provider.Fields
	Guard    Guard
}

// Attempt is one try at one target. The zero value is ready for Do; after Finish it may be used again, and keeps its
// buffers. It belongs to one goroutine.
type Attempt struct {
	req      Request
	call     upstream.Call
	out      []byte // the request's head and, where it is small, its body
	edited   []byte
	answer   []byte
	scanner  sse.Scanner
	streamed bool
	// attached says that the guard may cancel the call.
	attached bool

	// What was learnt of the answer.
	usage             exchange.Usage
	textBytes, texts  int64
	sent              bool // the provider may have worked on it
	completed, broken bool // how a stream ended
	refused           bool // a stream whose first event is an error; the answer is its data
	relayed           []byte
}

// keep is the largest buffer that an idle attempt holds on to.
const keep = 256 << 10

// smallBody is what is copied behind the head, so that both go in one write.
const smallBody = 16 << 10

// Do sends the request and reads the answer: the whole of it, or, when it is a stream, as far as its first event. On
// an error there is no answer; either way Finish must follow.
func (a *Attempt) Do(req Request, t Target) *exchange.Error {
	a.req = req
	ex := req.Exchange
	ex.Provider, ex.UpstreamModel = t.Provider.ID, t.Model
	head, body := a.encode(t)
	a.attached = req.Guard.Attach(&a.call)
	if !a.attached {
		return a.cancelled()
	}
	a.sent = true
	if err := a.call.Do(t.Pool, timeoutsOf(t.Provider.Timeouts, req.Chat.Stream), head, body); err != nil {
		return a.failed(err)
	}
	ex.UpstreamStatus = a.call.Header.StatusCode()
	ex.UpstreamID = append(ex.UpstreamID[:0], a.call.Header.PeekCanonical(headerRequestID)...)
	return a.classify()
}

// timeoutsOf gives the timeouts of a call. An answer that is not streamed comes when all of its tokens are there, so
// nothing but the total can bound it.
func timeoutsOf(t config.Timeouts, streamed bool) config.Timeouts {
	if !streamed {
		t.FirstToken, t.BetweenTokens = t.Total, t.Total
	}
	return t
}

var headerRequestID = []byte("X-Request-Id")

// encode gives what to send.
func (a *Attempt) encode(t Target) (head, body []byte) {
	body = a.req.Body
	if !a.req.Chat.Untouched(t.Quoted) {
		a.edited = a.req.Chat.AppendEdited(a.edited[:0], t.Quoted)
		body = a.edited
	}
	a.out = t.Provider.AppendChatHead(a.out[:0], a.req.Fields, len(body))
	if len(body) > smallBody {
		return a.out, body
	}
	a.out = append(a.out, body...)
	return a.out, nil
}

// Streamed says that the answer is a stream, to be had from WriteTo; otherwise it is whole, in Body.
func (a *Attempt) Streamed() bool { return a.streamed }

// Body is the answer where it is whole. Swap gives the buffer up for another.
func (a *Attempt) Body() []byte { return a.answer }

// Swap gives the answer's buffer away and takes one to use instead.
func (a *Attempt) Swap(other []byte) { a.answer = other[:0] }

// ContentType is the answer's.
func (a *Attempt) ContentType() []byte {
	if a.refused {
		return jsonType
	}
	return a.call.Header.ContentType()
}

var jsonType = []byte("application/json")

// Returned calls set with each field of the provider's header that the client should get. Limited says that the
// gateway tells the client about its own limits.
func (a *Attempt) Returned(limited bool, set func(name, value []byte)) {
	for name, value := range a.call.Header.All() {
		switch provider.Returned(name) {
		case provider.Pass:
			set(name, value)
		case provider.PassUnlessOurs:
			if !limited {
				set(name, value)
			}
		case provider.RequestID:
			set(headerUpstreamID, value)
		case provider.Drop:
		}
	}
}

var headerUpstreamID = []byte(provider.UpstreamIDHeader)

// lingerAfterDone is how long the end of a stream's framing may lag behind its last event and the connection still be
// used again.
const lingerAfterDone = 5 * time.Millisecond

// Finish settles the usage in the exchange and lets go of the connection.
func (a *Attempt) Finish() {
	if a.attached {
		a.req.Guard.Detach()
	}
	a.settle()
	wait := time.Duration(0)
	if a.completed {
		wait = lingerAfterDone
	}
	a.call.Finish(wait)
	a.reset()
}

// settle prefers what the provider reported. Without that, what was served is estimated: all of a prompt that was
// sent, and the texts that came. A provider that answered with an error, or not at all, is taken to charge nothing.
func (a *Attempt) settle() {
	ex := a.req.Exchange
	switch {
	case ex == nil:
	case a.usage.Source != exchange.UsageNone:
		ex.Usage = a.usage
	case a.texts > 0 || a.completed || a.sent && (ex.Outcome == exchange.OK || ex.Outcome == exchange.ClientGone):
		ex.Usage = dialect.Estimate(a.req.Chat.Messages, a.req.Chat.TextBytes, a.textBytes, a.texts)
	}
}

func (a *Attempt) reset() {
	a.scanner.Reset()
	for _, b := range []*[]byte{&a.out, &a.edited, &a.answer, &a.relayed} {
		if cap(*b) > keep {
			*b = nil
		}
	}
	a.req, a.streamed, a.attached = Request{}, false, false
	a.usage, a.textBytes, a.texts = exchange.Usage{}, 0, 0
	a.sent, a.completed, a.broken, a.refused = false, false, false, false
}

// readWhole reads the body into answer.
func (a *Attempt) readWhole() *exchange.Error {
	n := a.call.ContentLength()
	if n > MaxAnswerBytes {
		return tooLarge()
	}
	a.answer = a.answer[:0]
	if int64(cap(a.answer)) < n {
		a.answer = make([]byte, 0, n)
	}
	for {
		if len(a.answer) == cap(a.answer) {
			if int64(len(a.answer)) == n {
				break
			}
			a.answer = append(a.answer, make([]byte, max(4096, len(a.answer)))...)[:len(a.answer)]
		}
		m, err := a.call.Read(a.answer[len(a.answer):cap(a.answer)])
		if m > 0 {
			a.first()
		}
		a.answer = a.answer[:len(a.answer)+m]
		if err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return a.failed(err)
		}
		if len(a.answer) > MaxAnswerBytes {
			return tooLarge()
		}
	}
	return nil
}

// first notes the time of the answer's first byte.
func (a *Attempt) first() {
	if ex := a.req.Exchange; ex.FirstToken.IsZero() {
		ex.FirstToken = time.Now()
	}
}
