// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proxy takes a decoded request to a provider and relays the answer: pick → encode → send → classify → relay.
package proxy

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/eventstream"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/sse"
	"github.com/sparkgateway/spark/gateway/trace"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// MaxAnswerBytes bounds an answer that is not streamed: it is read whole before the client is told anything, so that
// a client never gets half of it.
const MaxAnswerBytes = 64 << 20

// form is how an answer comes.
type form uint8

const (
	// formWhole is a body, in answer.
	formWhole form = iota
	// formEvents comes event by event.
	formEvents
	// formRaw is bytes that only the application understands.
	formRaw
)

// Attempt is one try at one target. The zero value is ready for a Journey; after Finish it may be used again, and keeps its
// buffers. It belongs to one goroutine.
type Attempt struct {
	req    Request
	target *Target
	// rec is what becomes of it: the exchange's own, or, beside another attempt, one of the Attempt's.
	rec    *exchange.Attempt
	own    exchange.Attempt
	way    *provider.Way
	call   upstream.Call
	out    []byte // the request's head and, where it is small, its body
	edited []byte
	answer []byte
	parent []byte // the traceparent to send
	form   form
	// rendered says that the gateway wrote the answer itself, in JSON.
	rendered bool
	// retryAfter is how long an error of the provider says to wait in its body, 0 where it does not.
	retryAfter time.Duration
	// Where application and provider speak differently.
	translating bool
	translation dialect.Translation

	// Of a stream.
	scanner  sse.Scanner
	messages eventstream.Scanner
	relayed  []byte
	late     *exchange.Error // came with the first events
	eventful bool            // more than signs of life came
	elements int             // of an array

	// What was learnt of the answer.
	usage                       exchange.Usage
	textBytes, texts            int64  // since the usage was told
	numbered                    int64  // what the next event's number is, where events have one
	answerModel                 string // which a provider told last, for all requests
	sent                        bool   // the provider may have worked on it
	pace                        pace
	completed, broken, finished bool // how a stream ended, or that it may
}

// keep is the largest buffer that an idle attempt holds on to.
const keep = 256 << 10

// smallBody is what is copied behind the head, so that both go in one write.
const smallBody = 16 << 10

// prepare makes the attempt one of a request at a target. What becomes of it is written to rec, which must live until
// after Finish.
func (a *Attempt) prepare(req *Request, t *Target, rec *exchange.Attempt) {
	a.req, a.target, a.rec = *req, t, rec
	rec.Provider, rec.UpstreamModel, rec.Target, rec.Began = t.Provider.ID, t.Model, t.Name, time.Now()
	if req.Exchange.Trace.Traced() {
		rec.Span = trace.NewSpan()
	}
}

// do sends the request and reads the answer: the whole of it, or, when it is a stream, as far as its first event. On an
// error there is no answer; either way Finish must follow.
func (a *Attempt) do() *exchange.Error {
	req, t, rec := &a.req, a.target, a.rec
	body, err := a.word()
	if err != nil {
		return err
	}
	head, body, err := a.address(t, body)
	if err != nil {
		return err
	}
	a.sent = true
	if err := a.call.Do(t.Pool, a.timeouts(t.Provider.Timeouts), head, body); err != nil {
		return a.failed(err)
	}
	rec.UpstreamStatus = a.call.Header.StatusCode()
	a.upstreamID()
	t.Vital.Quota.Learn(req.Clock, time.Now, a.headerField)
	if len(req.Upgrade) > 0 && rec.UpstreamStatus < 300 {
		return a.upgraded()
	}
	return a.classify()
}

// timeouts gives those of the call. An answer that is not streamed comes when all of its tokens are there, so nothing
// but the total can bound it.
func (a *Attempt) timeouts(t config.Timeouts) config.Timeouts {
	if !a.req.Exchange.Stream {
		t.FirstToken, t.BetweenTokens = t.Total, t.Total
	}
	return t
}

// word finds the provider's way, and gives the body to send on it.
func (a *Attempt) word() ([]byte, *exchange.Error) {
	a.way = a.target.Provider.Way(a.req.Operation, a.req.Dialect).For(a.target.Model)
	if a.way == nil {
		return nil, dialect.Unsupported(a.req.Operation, a.target.Provider.Type)
	}
	return a.encode(a.target)
}

// encode gives the body to send.
func (a *Attempt) encode(t *Target) ([]byte, *exchange.Error) {
	differs := a.way.Wire != a.req.Dialect || a.way.Differs
	if a.translating = differs && a.req.Asked != nil && translatable(a.req.Operation); a.translating {
		var err *exchange.Error
		a.edited, err = a.translation.Request(a.edited[:0], a.question(), dialect.Target{
			Wire: a.way.Wire, Type: t.Provider.Type, Verb: a.way.Verb, Model: t.Model, MaxTokens: t.MaxTokens,
		})
		return a.edited, err
	}
	if a.req.Asked == nil {
		return a.req.Body, nil
	}
	edit := dialect.Edit{
		QuotedModel: t.Quoted, Model: t.Model, AskUsage: true, Mistral: t.Provider.Type == config.Mistral,
	}
	if a.req.Asked.Untouched(edit) {
		return a.req.Body, nil
	}
	a.edited = a.req.Asked.AppendEdited(a.edited[:0], edit)
	return a.edited, nil
}

// translatable says that operations of several dialects mean the same; the others belong to one.
func translatable(op exchange.Operation) bool {
	return op == exchange.Chat || op == exchange.CountTokens || op == exchange.Embeddings
}

func (a *Attempt) question() dialect.Question {
	ex := a.req.Exchange
	return dialect.Question{
		Operation: a.req.Operation, Dialect: a.req.Dialect, Body: a.req.Body, Model: string(ex.Model), Stream: ex.Stream,
		Array: a.req.Array,
		Meta: chat.Meta{
			ID: dialect.AnswerID(a.req.Dialect, ex.ID[:]), Model: string(ex.Model), Created: ex.Start.Unix(),
			Provider: a.target.Provider.Name, Cost: a.target.Cost, Cache: ex.Caching.Result.String(),
		},
	}
}

// address gives the head to send, and the body where it is too large to go with it.
func (a *Attempt) address(t *Target, body []byte) (head, rest []byte, refused *exchange.Error) {
	h := provider.Head{
		Method: a.req.Method, PathModel: t.PathModel, Tail: a.tail(t), Stream: a.req.Exchange.Stream, Fields: a.req.Fields,
		ContentType: a.req.ContentType, Length: len(body),
	}
	if a.req.Method != "" && a.req.Method != "POST" && len(body) == 0 {
		h.Length = -1
	}
	if from := &a.req.Exchange.Trace; from.Traced() {
		a.parent = trace.AppendParent(a.parent[:0], from, a.rec.Span)
		h.Traceparent, h.Tracestate = a.parent, from.State
	}
	a.out = a.way.AppendHead(a.out[:0], &h)
	if t.Identity != nil {
		if err := a.identify(t, &h, body); err != nil {
			return nil, nil, err
		}
	}
	a.out = append(append(a.out, a.req.Upgrade...), "\r\n"...)
	if len(body) > smallBody {
		return a.out, body, nil
	}
	a.out = append(a.out, body...)
	return a.out, nil, nil
}

// headerField gives a field of the answer's header by its canonical name.
func (a *Attempt) headerField(name []byte) []byte { return a.call.Header.PeekCanonical(name) }

// tail is what follows the operation's path at the provider.
func (a *Attempt) tail(t *Target) []byte {
	if a.req.TailOf != nil {
		return a.req.TailOf(t)
	}
	return a.req.Tail
}

// identify adds what proves the gateway's identity.
func (a *Attempt) identify(t *Target, h *provider.Head, body []byte) *exchange.Error {
	ctx, cancel := context.WithTimeout(context.Background(), t.Provider.Timeouts.Connect.Std())
	defer cancel()
	method := h.Method
	if method == "" {
		method = "POST"
	}
	err := t.Identity.Authorize(ctx, method, t.Provider.Host, string(a.way.AppendTarget(nil, h)), body, func(name, value string) {
		a.out = append(append(append(append(a.out, name...), ": "...), value...), "\r\n"...)
	})
	if err == nil {
		return nil
	}
	return &exchange.Error{
		Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonAuthFailed, Outcome: exchange.ProviderFailed,
		Message: "The gateway could not get a credential for the provider.", Cause: err,
	}
}

// Streamed says that the answer comes piece by piece, from WriteTo; otherwise it is whole, in Body.
func (a *Attempt) Streamed() bool { return a.form != formWhole }

// Events says that the pieces are events.
func (a *Attempt) Events() bool { return a.form == formEvents }

// Body is the answer where it is whole. Swap gives the buffer up for another.
func (a *Attempt) Body() []byte { return a.answer }

// Swap gives the answer's buffer away and takes one to use instead.
func (a *Attempt) Swap(other []byte) { a.answer = other[:0] }

// ContentType is the answer's.
func (a *Attempt) ContentType() []byte {
	switch {
	case a.rendered, a.form == formEvents && a.req.Array:
		return jsonType
	case a.form == formEvents && a.way.Wire != a.req.Dialect:
		return eventsType
	default:
		return a.call.Header.ContentType()
	}
}

var (
	jsonType   = []byte("application/json")
	eventsType = []byte("text/event-stream; charset=utf-8")
)

// requestIDs are where providers tell their own name for the request.
var requestIDs = [][]byte{[]byte("X-Request-Id"), []byte("Request-Id"), []byte("X-Amzn-Requestid"), []byte("Apim-Request-Id")}

func (a *Attempt) upstreamID() {
	ex := a.rec
	ex.UpstreamID = ex.UpstreamID[:0]
	for _, name := range requestIDs {
		if id := a.call.Header.PeekCanonical(name); len(id) > 0 {
			ex.UpstreamID = append(ex.UpstreamID, id...)
			return
		}
	}
}

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
	if a.retryAfter > 0 && len(a.call.Header.PeekCanonical(headerRetryAfter)) == 0 {
		set(headerRetryAfter, strconv.AppendInt(nil, int64((a.retryAfter+time.Second-1)/time.Second), 10))
	}
}

var (
	headerUpstreamID = []byte(provider.UpstreamIDHeader)
	headerRetryAfter = []byte("Retry-After")
)

// lingerAfterDone is how long the end of a stream's framing may lag behind its last event and the connection still be
// used again.
const lingerAfterDone = 5 * time.Millisecond

// Finish settles the usage and lets go of the connection.
func (a *Attempt) Finish() {
	a.settle()
	a.price()
	wait := time.Duration(0)
	if a.completed {
		wait = lingerAfterDone
	}
	a.call.Finish(wait)
	a.reset()
}

// settle prefers what the provider reported, and adds an estimate of what came after that: Anthropic tells the prompt's
// tokens at the beginning of a stream, and the answer's at an end that a client may not wait for. Without a report, what
// was served is estimated: all of a prompt that was sent, and the texts that came. A provider that answered with an
// error, or not at all, is taken to charge nothing; one that was left while it worked may charge all the same, and one that
// reports nothing but zeros has not counted.
func (a *Attempt) settle() {
	ex := a.rec
	switch {
	case ex == nil, keeping(a.req.Operation):
		// What a kept answer cost was counted when it was made, and may be read many times.
	case a.usage.Total > 0:
		ex.Usage = a.usage
		if more := dialect.Estimate(0, 0, a.textBytes, a.texts).Completion; more > 0 {
			ex.Usage.Completion += more
			ex.Usage.Total += more
			ex.Usage.Source = exchange.UsageEstimated
		}
	case a.req.Asked == nil, a.req.Operation == exchange.CountTokens:
		// Nothing was generated.
	case a.texts > 0 || a.completed || a.sent && worked(ex.Outcome):
		ex.Usage = dialect.Estimate(a.req.Asked.Items, a.req.Asked.TextBytes, a.textBytes, a.texts)
	}
}

// price gives what the usage costs.
func (a *Attempt) price() {
	if a.rec == nil || a.rec.Usage.Source == exchange.UsageNone && a.rec.Outcome != exchange.OK || keeping(a.req.Operation) {
		return
	}
	a.rec.Cost, a.rec.Priced = Cost(a.target.Price, a.rec.Usage, a.req.answers())
}

// worked says that a provider which told nothing may have begun to answer.
func worked(o exchange.Outcome) bool {
	switch o {
	case exchange.OK, exchange.ClientGone, exchange.Overtaken, exchange.ProviderTimeout, exchange.Blocked:
		return true
	default:
		return false
	}
}

func (a *Attempt) reset() {
	a.scanner.Reset()
	a.messages.Reset()
	if a.translating {
		a.translation.Reset()
	}
	for _, b := range []*[]byte{&a.out, &a.edited, &a.answer, &a.relayed} {
		if cap(*b) > keep {
			*b = nil
		}
	}
	a.req, a.target, a.rec, a.way, a.form = Request{}, nil, nil, nil, formWhole
	a.rendered, a.translating, a.late, a.eventful, a.pace = false, false, nil, false, pace{}
	a.usage, a.textBytes, a.texts, a.numbered, a.elements = exchange.Usage{}, 0, 0, 0, 0
	a.retryAfter = 0
	a.sent, a.completed, a.broken, a.finished = false, false, false, false
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

// learn takes up what was read of the answer. A usage counts the texts up to it.
func (a *Attempt) learn(read *dialect.Answer) {
	a.pace.bytes += read.TextBytes
	a.textBytes += read.TextBytes
	a.texts += read.Texts
	if read.Usage.Prompt+read.Usage.Completion > 0 {
		a.textBytes, a.texts = 0, 0
	}
	a.usage = dialect.Merge(a.usage, read.Usage)
	a.finished = a.finished || read.Finished
	a.numbered = max(a.numbered, read.Next)
	if a.rec.AnswerModel == "" && len(read.Model) > 0 && a.req.Exchange.Trace.Traced() {
		// Providers say the same each time.
		if string(read.Model) != a.answerModel {
			a.answerModel = string(read.Model[:min(len(read.Model), maxAnswerModel)])
		}
		a.rec.AnswerModel = a.answerModel
	}
}

// maxAnswerModel bounds what is kept of a provider's name for a model.
const maxAnswerModel = 128

// first notes the time of the answer's first byte.
func (a *Attempt) first() {
	if a.rec.FirstToken.IsZero() {
		a.rec.FirstToken = time.Now()
	}
}
