// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/eventstream"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sse"
)

// Numbered is the number that the next event has, in streams that number theirs.
func (a *Attempt) Numbered() int64 { return a.numbered }

// errBrokenOff makes the server close the client's connection without the end of the framing, so that nobody takes a
// part of a stream for the whole.
var errBrokenOff = errors.New("the stream broke off")

// defaultKeepAlive is how long a stream may be silent before the client is told that it is still there. Proxies and
// load balancers give up on silent connections after a minute.
const defaultKeepAlive = 15 * time.Second

// begin reads a stream as far as its first event, so that a failure before it is still an error with a status. One behind
// it is told by the stream, even where both came at once: what a client gets does not depend on how the network cut the
// provider's bytes. A provider that has said 200 and then thinks for long is told to the client as the stream that it is.
func (a *Attempt) begin() *exchange.Error {
	// Streams that are not of a chat have no last event.
	a.finished = free(a.req.Operation) && a.req.Operation != exchange.StoredResponse
	if err := a.more(); err != nil {
		if len(a.relayed) == 0 || err.Outcome == exchange.ClientGone {
			return err
		}
		a.late, a.eventful = err, true
	}
	if !a.rendered {
		a.form = formEvents
		return nil
	}
	a.rec.Status = dialect.EventStatus(a.req.Dialect, dialect.Target{Wire: a.way.Wire, Type: a.target.Provider.Type}, a.answer)
	return nil
}

// more reads until there is something to relay, or the stream has ended. What is to relay is whole events, in relayed.
// A provider's own signs of life may mean nothing to the client, which must not be left in silence by them.
func (a *Attempt) more() *exchange.Error {
	a.relayed = a.relayed[:0]
	silent := time.Now()
	for {
		if err := a.arrived(); err != nil {
			return err
		}
		if len(a.relayed) > 0 || a.completed || a.broken {
			a.eventful = true
			return nil
		}
		left := a.keepAlive() - time.Since(silent)
		if left <= 0 {
			a.relayed = dialect.AppendKeepAlive(a.relayed, a.req.Dialect)
			return nil
		}
		if err := a.pace.check(a.target.Provider.Timeouts.MinThroughput, a.rec.FirstToken); err != nil {
			return err
		}
		if !a.call.Wait(a.pace.within(left)) {
			continue
		}
		n, err := a.fill()
		if n > 0 {
			a.first()
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return a.end()
		case errors.Is(err, sse.ErrTooLong), errors.Is(err, eventstream.ErrTooLong):
			return broken(exchange.ReasonResponseTooLarge, err)
		default:
			return a.failed(err)
		}
	}
}

func (a *Attempt) keepAlive() time.Duration {
	if a.req.KeepAlive > 0 {
		return a.req.KeepAlive
	}
	return defaultKeepAlive
}

func (a *Attempt) fill() (int, error) {
	if a.way.Events {
		return a.messages.Fill(&a.call)
	}
	return a.scanner.Fill(&a.call)
}

// arrived takes up the whole events that have arrived.
func (a *Attempt) arrived() *exchange.Error {
	for !a.completed && !a.broken {
		ok, err := a.next()
		switch {
		case errors.Is(err, sse.ErrTooLong), errors.Is(err, eventstream.ErrTooLong):
			return broken(exchange.ReasonResponseTooLarge, err)
		case err != nil:
			return a.told(err)
		case !ok:
			return nil
		}
	}
	return nil
}

// told makes an error of the provider's, or of its grammar, what the client is told.
func (a *Attempt) told(err error) *exchange.Error {
	var e *exchange.Error
	if errors.As(err, &e) {
		return e
	}
	return broken(exchange.ReasonInvalidResponse, err)
}

// next takes up one event; false says that none has arrived whole.
func (a *Attempt) next() (bool, error) {
	if a.way.Events {
		m, ok, err := a.messages.Next()
		if err != nil || !ok {
			return false, err
		}
		return true, a.translate(m.Name(), m.Data())
	}
	e, ok, err := a.scanner.Next()
	if err != nil || !ok {
		return false, err
	}
	switch {
	case !a.translating:
		return true, a.pass(e)
	case e.HasData:
		return true, a.translate(e.Name, e.Data)
	default:
		return true, nil
	}
}

// translate takes up one event of another dialect.
func (a *Attempt) translate(name, data []byte) error {
	var read dialect.Answer
	var err error
	a.relayed, read, err = a.translation.Event(a.relayed, name, data)
	a.learn(&read)
	a.completed = read.Ended
	return err
}

// pass takes up one event of the client's own dialect.
func (a *Attempt) pass(e sse.Event) error {
	switch {
	case !e.HasData:
		if !a.req.Array {
			a.relayed = append(a.relayed, e.Raw...)
		}
		return nil
	case string(e.Data) == dialect.Done:
		a.completed = true
		a.relayed = append(a.relayed, e.Raw...)
		return nil
	}
	answer, ok := dialect.ReadAnswer(a.req.Dialect, e.Data)
	switch {
	case !ok && free(a.req.Operation):
	case !ok:
		return broken(exchange.ReasonInvalidResponse, errors.New("an event is not a JSON object"))
	case a.req.Dialect == exchange.OpenAI && len(answer.Error) == len(e.Data):
		return a.retold(e.Data)
	case answer.Error != nil:
		a.errorEvent(e)
		return nil
	}
	a.learn(&answer)
	a.completed = answer.Ended
	if !answer.UsageOnly || a.req.Asked == nil || !a.req.Asked.HidesUsage() {
		a.relay(e)
	}
	return nil
}

// relay passes an event on, as an element where the client wants an array.
func (a *Attempt) relay(e sse.Event) {
	if !a.req.Array {
		a.relayed = a.appendPinned(a.relayed, e)
		return
	}
	a.relayed = append(a.relayed, "[,"[min(a.elements, 1)])
	a.relayed = append(append(a.relayed, e.Data...), '\n')
	a.elements++
}

// retold makes an error event that is an error as a whole, as Mistral's, one that OpenAI's SDKs read.
func (a *Attempt) retold(data []byte) *exchange.Error {
	wire := dialect.Target{Wire: a.way.Wire, Type: a.target.Provider.Type}
	told := dialect.DecodeError(wire.Wire, wire.Type, dialect.EventStatus(a.req.Dialect, wire, data), data)
	told.Reason, told.Outcome = exchange.ReasonProviderErrorEvent, exchange.ProviderFailed
	return told
}

// errorEvent relays the provider's own error; nothing comes after it.
func (a *Attempt) errorEvent(e sse.Event) {
	a.broken = true
	a.rec.Reason, a.rec.Outcome = exchange.ReasonProviderErrorEvent, exchange.ProviderFailed
	if a.form == formWhole && len(a.relayed) == 0 {
		// The first event is an error: it becomes the answer.
		a.rendered = true
		a.answer = append(a.answer[:0], e.Data...)
		return
	}
	a.relay(e)
}

// end takes up the end of the provider's stream. Only one thing may lack its blank line: [DONE], which some providers
// write last without one.
func (a *Attempt) end() *exchange.Error {
	if !a.way.Events {
		a.scanner.End()
		if err := a.arrived(); err != nil || a.completed || a.broken {
			return err
		}
	}
	rest := bytes.TrimSpace(a.rest())
	if len(rest) > 0 && rest[0] == '{' {
		// Google breaks a stream off with an error in no framing.
		if err := a.unframed(rest); err != nil || a.broken {
			return err
		}
	}
	switch {
	case string(rest) == "data: "+dialect.Done && !a.translating:
		a.completed = true
		a.relayed = append(a.relayed, "data: "+dialect.Done+"\n\n"...)
		return nil
	case len(rest) > 0 && string(rest) != "data: "+dialect.Done:
	case a.translating:
		if err := a.endTranslation(); err == nil && a.completed {
			return nil
		}
	case a.finished:
		a.completed = true
		if a.req.Array {
			a.relayed = append(a.relayed, ']')
		}
		return nil
	}
	if len(a.relayed) > 0 {
		// Whole events first; the next call finds the end again.
		return nil
	}
	return truncated(io.ErrUnexpectedEOF)
}

// unframed takes up an error that stands outside of the stream's framing.
func (a *Attempt) unframed(rest []byte) *exchange.Error {
	if a.translating {
		if err := a.translate(nil, rest); err != nil {
			return a.told(err)
		}
		return nil
	}
	if answer, ok := dialect.ReadAnswer(a.req.Dialect, rest); ok && answer.Error != nil {
		a.errorEvent(sse.Event{Raw: rest, Data: rest})
	}
	return nil
}

func (a *Attempt) rest() []byte {
	if a.way.Events {
		return a.messages.Rest()
	}
	return a.scanner.Rest()
}

func (a *Attempt) endTranslation() error {
	relayed, read, err := a.translation.End(a.relayed)
	if err != nil {
		return err
	}
	a.relayed, a.completed = relayed, read.Ended
	a.learn(&read)
	return nil
}

// stream relays the stream, each batch of events in one write, as soon as they are whole. It gives what the client has to
// be told where the provider failed; otherwise the stream is whole by its grammar, or err says why not: the client has
// left, or was told by the provider itself.
func (a *Attempt) stream(w io.Writer) (failed *exchange.Error, err error) {
	if a.form == formRaw {
		return nil, a.copy(w)
	}
	if a.late != nil {
		return a.late, nil
	}
	for {
		if err := a.write(w, a.relayed); err != nil {
			return nil, err
		}
		switch {
		case a.completed:
			return nil, nil
		case a.broken:
			return nil, errBrokenOff
		}
		if failed := a.more(); failed != nil {
			return failed, nil
		}
	}
}

// copy relays bytes as they come.
func (a *Attempt) copy(w io.Writer) error {
	a.relayed = append(a.relayed[:0], make([]byte, 16<<10)...)
	for {
		n, err := a.call.Read(a.relayed)
		if n > 0 {
			a.first()
			if err := a.write(w, a.relayed[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			a.completed = true
			return nil
		default:
			blame(a.rec, a.failed(err))
			return errBrokenOff
		}
	}
}

func (a *Attempt) write(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := w.Write(b)
	a.req.Exchange.BytesOut += int64(n)
	if err != nil {
		a.rec.Outcome, a.rec.Reason, a.rec.Cause = exchange.ClientGone, exchange.ReasonClientGone, err
	}
	return err
}

// breakOff says to the client that what it has is not the whole.
func (a *Attempt) breakOff(w io.Writer, e *exchange.Error) error {
	a.broken = true
	ex := a.req.Exchange
	// Whole events that came with the failure go first.
	if e.Outcome != exchange.ClientGone {
		switch {
		case a.translating:
			a.relayed = a.translation.AppendFailure(a.relayed, e)
		case a.req.Array:
			a.relayed = append(a.relayed, "[,"[min(a.elements, 1)])
			a.relayed = dialect.AppendError(a.relayed, a.req.Dialect, e, ex.ID[:])
		default:
			a.relayed = dialect.AppendErrorEvent(a.relayed, a.req.Dialect, e, ex.ID[:], a.numbered)
		}
		if err := a.write(w, a.relayed); err != nil {
			return err
		}
	}
	blame(a.rec, e)
	return errBrokenOff
}
