// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/upstream"
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
	case status != 200:
		return broken(exchange.ReasonInvalidResponse, errors.New("the answer has an unexpected status"))
	}
	isStream := hasMediaType(h.ContentType(), "text/event-stream")
	switch {
	case isStream != a.req.Exchange.Stream:
		return broken(exchange.ReasonInvalidResponse, errors.New("the answer has an unexpected content type"))
	case isStream:
		return a.begin()
	default:
		return a.readCompletion()
	}
}

// relayError passes a provider's refusal or failure on as it is.
func (a *Attempt) relayError(status int) *exchange.Error {
	if err := a.readWhole(); err != nil {
		return err
	}
	ex := a.req.Exchange
	ex.Status, ex.Reason, ex.Outcome = status, exchange.ReasonProviderStatus, exchange.ProviderRefused
	if status >= 500 {
		ex.Outcome = exchange.ProviderFailed
	}
	return nil
}

func (a *Attempt) readCompletion() *exchange.Error {
	if err := a.readWhole(); err != nil {
		return err
	}
	answer, ok := dialect.ReadAnswer(a.answer)
	if !ok {
		return broken(exchange.ReasonInvalidResponse, errors.New("the answer is not a JSON object"))
	}
	ex := a.req.Exchange
	ex.Status = 200
	a.usage, a.textBytes, a.texts = answer.Usage, answer.TextBytes, 0
	return nil
}

// hasMediaType compares a Content-Type's media type, without its parameters (RFC 9110 8.3.1).
func hasMediaType(contentType []byte, want string) bool {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return bytes.EqualFold(bytes.TrimSpace(contentType), []byte(want))
}

// failed maps a failed call to what the client is told.
func (a *Attempt) failed(err error) *exchange.Error {
	var e *upstream.Error
	if !errors.As(err, &e) {
		return broken(exchange.ReasonInvalidResponse, err)
	}
	if e.Failure == upstream.Cancelled {
		return a.cancelled()
	}
	told := failures[e.Failure]
	told.Type, told.Cause = exchange.TypeUpstream, e.Cause
	return &told
}

var failures = map[upstream.Failure]exchange.Error{
	upstream.Connect: {
		Status: 502, Reason: exchange.ReasonConnect, Outcome: exchange.ProviderUnreachable,
		Message: "The gateway could not connect to the provider.",
	},
	upstream.ConnectTimeout: {
		Status: 504, Reason: exchange.ReasonConnectTimeout, Outcome: exchange.ProviderUnreachable,
		Message: "The gateway could not connect to the provider in time.",
	},
	upstream.FirstTokenTimeout: {
		Status: 504, Reason: exchange.ReasonFirstTokenTimeout, Outcome: exchange.ProviderTimeout,
		Message: "The provider did not begin its answer in time.",
	},
	upstream.BetweenTokensTimeout: {
		Status: 504, Reason: exchange.ReasonBetweenTokens, Outcome: exchange.ProviderTimeout,
		Message: "The provider stopped in the middle of its answer.",
	},
	upstream.TotalTimeout: {
		Status: 504, Reason: exchange.ReasonTotalTimeout, Outcome: exchange.ProviderTimeout,
		Message: "The provider did not finish its answer in time.",
	},
	upstream.Reset: {
		Status: 502, Reason: exchange.ReasonReset, Outcome: exchange.ProviderBroken,
		Message: "The provider closed the connection before it answered.",
	},
	upstream.Truncated: {
		Status: 502, Reason: exchange.ReasonTruncated, Outcome: exchange.ProviderBroken,
		Message: "The provider's answer broke off.",
	},
	upstream.Malformed: {
		Status: 502, Reason: exchange.ReasonInvalidResponse, Outcome: exchange.ProviderBroken,
		Message: "The provider's answer could not be understood.",
	},
}

func broken(reason exchange.Reason, cause error) *exchange.Error {
	e := failures[upstream.Malformed]
	e.Type, e.Reason, e.Cause = exchange.TypeUpstream, reason, cause
	return &e
}

func tooLarge() *exchange.Error {
	e := broken(exchange.ReasonResponseTooLarge, nil)
	e.Message = "The provider's answer is too large."
	return e
}

// cancelled says which of the two left. 499 is nginx's word for a client that did; nobody reads it but the log.
func (a *Attempt) cancelled() *exchange.Error {
	if a.req.Guard.Draining() {
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
