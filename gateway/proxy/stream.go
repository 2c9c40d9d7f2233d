// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"
	"io"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sse"
)

// errBrokenOff makes the server close the client's connection without the end of the framing, so that nobody takes a
// part of a stream for the whole.
var errBrokenOff = errors.New("the stream broke off")

// begin reads a stream as far as its first block, so that a failure before it is still an error with a status.
func (a *Attempt) begin() *exchange.Error {
	if err := a.more(); err != nil {
		return err
	}
	if !a.refused {
		a.streamed = true
		a.req.Exchange.Status = 200
		return nil
	}
	a.req.Exchange.Status = 502
	return nil
}

// more reads until there is something to relay, or the stream has ended. What is to relay is whole events, in relayed.
func (a *Attempt) more() *exchange.Error {
	a.relayed = a.relayed[:0]
	for {
		for !a.completed && !a.broken {
			event, ok, err := a.scanner.Next()
			if err != nil {
				return broken(exchange.ReasonResponseTooLarge, err)
			}
			if !ok {
				break
			}
			if err := a.event(event); err != nil {
				return err
			}
		}
		if len(a.relayed) > 0 || a.completed || a.broken {
			return nil
		}
		n, err := a.scanner.Fill(&a.call)
		if n > 0 {
			a.first()
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return a.end()
		case errors.Is(err, sse.ErrTooLong):
			return broken(exchange.ReasonResponseTooLarge, err)
		default:
			return a.failed(err)
		}
	}
}

// event takes up one whole block.
func (a *Attempt) event(e sse.Event) *exchange.Error {
	switch {
	case !e.HasData:
		a.relayed = append(a.relayed, e.Raw...)
		return nil
	case string(e.Data) == dialect.Done:
		a.completed = true
		a.relayed = append(a.relayed, e.Raw...)
		return nil
	}
	answer, ok := dialect.ReadAnswer(e.Data)
	if !ok {
		return broken(exchange.ReasonInvalidResponse, errors.New("an event is not a JSON object"))
	}
	if answer.Error != nil {
		return a.errorEvent(e)
	}
	a.textBytes += answer.TextBytes
	a.texts += answer.Texts
	if answer.Usage.Source != exchange.UsageNone {
		a.usage = answer.Usage
	}
	if !answer.UsageOnly || !a.req.Chat.HidesUsage() {
		a.relayed = append(a.relayed, e.Raw...)
	}
	return nil
}

// errorEvent relays the provider's own error; nothing comes after it.
func (a *Attempt) errorEvent(e sse.Event) *exchange.Error {
	a.broken = true
	ex := a.req.Exchange
	ex.Reason, ex.Outcome = exchange.ReasonProviderErrorEvent, exchange.ProviderFailed
	if !a.streamed && len(a.relayed) == 0 {
		// The first event is an error: it becomes the answer.
		a.refused = true
		a.answer = append(a.answer[:0], e.Data...)
		return nil
	}
	a.relayed = append(a.relayed, e.Raw...)
	return nil
}

// end takes up the end of the provider's stream. Only one thing may lack its blank line: [DONE], which some providers
// write last without one.
func (a *Attempt) end() *exchange.Error {
	a.scanner.End()
	for {
		event, ok, err := a.scanner.Next()
		if err != nil || !ok {
			break
		}
		if err := a.event(event); err != nil {
			return err
		}
		if a.completed || a.broken {
			return nil
		}
	}
	if string(bytes.TrimSpace(a.scanner.Rest())) == "data: "+dialect.Done {
		a.completed = true
		a.relayed = append(a.relayed, "data: "+dialect.Done+"\n\n"...)
		return nil
	}
	if len(a.relayed) > 0 {
		// Whole events first; the next call finds the end again.
		return nil
	}
	e := broken(exchange.ReasonTruncated, io.ErrUnexpectedEOF)
	e.Message = "The provider's answer broke off."
	return e
}

// WriteTo relays the stream, each batch of events in one write, as soon as they are whole. A failure of the provider
// becomes an error event and an error; only a stream that ended with [DONE] gives nil. The exchange's outcome is set.
func (a *Attempt) WriteTo(w io.Writer) (int64, error) {
	ex := a.req.Exchange
	for {
		if err := a.write(w, a.relayed); err != nil {
			return ex.BytesOut, err
		}
		switch {
		case a.completed:
			return ex.BytesOut, nil
		case a.broken:
			return ex.BytesOut, errBrokenOff
		}
		if err := a.more(); err != nil {
			return ex.BytesOut, a.breakOff(w, err)
		}
	}
}

func (a *Attempt) write(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	ex := a.req.Exchange
	n, err := w.Write(b)
	ex.BytesOut += int64(n)
	if err != nil {
		ex.Outcome, ex.Reason, ex.Cause = exchange.ClientGone, exchange.ReasonClientGone, err
	}
	return err
}

// breakOff says to the client that what it has is not the whole.
func (a *Attempt) breakOff(w io.Writer, e *exchange.Error) error {
	a.broken = true
	// Whole events that came with the failure go first.
	if e.Outcome != exchange.ClientGone {
		a.relayed = dialect.AppendErrorEvent(a.relayed, e)
		if err := a.write(w, a.relayed); err != nil {
			return err
		}
	}
	ex := a.req.Exchange
	ex.Outcome, ex.Reason, ex.Cause = e.Outcome, e.Reason, e.Cause
	return errBrokenOff
}
