// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// classify decides from the answer's header what the answer is, and reads it as far as needed to say so to the client.
func (a *Attempt) classify() *exchange.Error {
	h := &a.call.Header
	if encoding := h.ContentEncoding(); len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity")) {
		return broken(exchange.ReasonProviderUnsupported, errors.New("the answer has a content encoding"))
	}
	status := h.StatusCode()
	switch {
	case status == 401 || status == 403:
		// It was the gateway's credential, and the provider's text may quote it.
		return &exchange.Error{
			Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonAuthFailed, Outcome: exchange.ProviderFailed,
			Message: "The provider did not accept the gateway's credential.",
		}
	case status >= 400:
		return a.relayError(status)
	case status/100 != 2:
		return broken(exchange.ReasonInvalidResponse, errors.New("the answer has an unexpected status"))
	}
	return a.byType(status)
}

// byType reads an answer as its media type says. Most operations have one that they must have.
func (a *Attempt) byType(status int) *exchange.Error {
	contentType := a.call.Header.ContentType()
	streamed := hasMediaType(contentType, a.eventsType())
	a.rec.Status = status
	switch {
	case a.req.Opaque, free(a.req.Operation) && !streamed && !hasMediaType(contentType, "application/json"):
		a.form = formRaw
		return nil
	case streamed != a.req.Exchange.Stream && !free(a.req.Operation):
		return broken(exchange.ReasonInvalidResponse, errors.New("the answer has an unexpected content type"))
	case streamed:
		return a.begin()
	default:
		return a.readCompletion()
	}
}

func (a *Attempt) eventsType() string {
	if a.way.Events {
		return "application/vnd.amazon.eventstream"
	}
	return "text/event-stream"
}

// free says that the answers to an operation may be of any type: sound, subtitles, files. They are relayed as they
// come.
func free(op exchange.Operation) bool {
	switch op {
	case exchange.Chat, exchange.Completions, exchange.Embeddings, exchange.CountTokens:
		return false
	default:
		return true
	}
}

// relayError passes a provider's refusal or failure on: as it is where the client reads it so, or told again.
func (a *Attempt) relayError(status int) *exchange.Error {
	if err := a.readWhole(); err != nil {
		return err
	}
	rec := a.rec
	rec.Status, rec.Reason, rec.Outcome = status, exchange.ReasonProviderStatus, exchange.ProviderRefused
	if status >= 500 {
		rec.Outcome = exchange.ProviderFailed
	}
	if a.way.Wire == a.req.Dialect && dialect.IsError(a.req.Dialect, a.answer) {
		return nil
	}
	told := dialect.DecodeError(a.way.Wire, a.target.Provider.Type, status, a.answer)
	rec.Status, a.retryAfter = dialect.ErrorStatus(a.req.Dialect, told.Status), told.RetryAfter
	a.rendered, a.answer = true, dialect.AppendError(a.answer[:0], a.req.Dialect, told, a.req.Exchange.ID[:])
	return nil
}

func (a *Attempt) readCompletion() *exchange.Error {
	if err := a.readWhole(); err != nil {
		return err
	}
	if a.translating {
		return a.translateWhole()
	}
	answer, ok := dialect.ReadAnswer(a.req.Dialect, a.answer)
	if !ok && !free(a.req.Operation) {
		return broken(exchange.ReasonInvalidResponse, errors.New("the answer is not a JSON object"))
	}
	answer.Texts = 0
	a.learn(&answer)
	a.pinAnswer()
	return nil
}

// headerPrompt is where Bedrock tells the usage of models whose own answers do not.
var headerPrompt = []byte("X-Amzn-Bedrock-Input-Token-Count")

func (a *Attempt) translateWhole() *exchange.Error {
	a.translation.Prompt = a.call.Header.PeekCanonical(headerPrompt)
	answer, read, err := a.translation.Answer(a.edited[:0], a.answer)
	if err != nil {
		return broken(exchange.ReasonInvalidResponse, err)
	}
	a.rendered = true
	a.answer, a.edited = answer, a.answer
	a.learn(&read)
	return nil
}

// hasMediaType compares a Content-Type's media type, without its parameters (RFC 9110 8.3.1).
func hasMediaType(contentType []byte, want string) bool {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return bytes.EqualFold(bytes.TrimSpace(contentType), []byte(want))
}
