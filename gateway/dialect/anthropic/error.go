// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"net/http"
	"strconv"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// statusOverloaded is Anthropic's own status for having too much to do.
const statusOverloaded = 529

// errorType gives the API's type of an error by its status
// (https://platform.claude.com/docs/en/api/errors).
func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable, statusOverloaded:
		return "overloaded_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	}
	if status >= 500 || status < 400 {
		return "api_error"
	}
	return "invalid_request_error"
}

var errorStatuses = map[string]int{
	"invalid_request_error": http.StatusBadRequest,
	"authentication_error":  http.StatusUnauthorized,
	"billing_error":         http.StatusPaymentRequired,
	"permission_error":      http.StatusForbidden,
	"not_found_error":       http.StatusNotFound,
	"request_too_large":     http.StatusRequestEntityTooLarge,
	"rate_limit_error":      http.StatusTooManyRequests,
	"timeout_error":         http.StatusGatewayTimeout,
	"overloaded_error":      statusOverloaded,
}

type errorBody struct {
	Type      string      `json:"type"`
	Error     errorDetail `json:"error"`
	RequestID string      `json:"request_id,omitzero"`
}

type errorDetail struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// AppendError renders an error: {"type":"error","error":{"type","message"},"request_id"}. Without a request ID that
// member is left out.
func AppendError(dst []byte, e *exchange.Error, requestID string) []byte {
	return chat.Append(dst, errorBody{
		Type: "error", Error: errorDetail{Type: errorType(e.Status), Message: e.Message}, RequestID: requestID,
	})
}

// AppendErrorEvent renders an error as the event that ends a stream which cannot be whole.
func AppendErrorEvent(dst []byte, e *exchange.Error, requestID string) []byte {
	dst = append(dst, "event: error\ndata: "...)
	return append(AppendError(dst, e, requestID), "\n\n"...)
}

// DecodeError reads the body of an error; Type is Anthropic's own word.
func (Encoder) DecodeError(status int, body []byte) *exchange.Error {
	var w errorBody
	if err := chat.DecodeAnswer(body, &w); err != nil {
		w = errorBody{}
	}
	e := &exchange.Error{
		Status: status, Type: w.Error.Type, Message: w.Error.Message,
		Reason: exchange.ReasonProviderStatus, Outcome: exchange.ProviderRefused,
	}
	if status >= 500 {
		e.Outcome = exchange.ProviderFailed
	}
	if e.Type == "" {
		e.Type = errorType(status)
	}
	if e.Message == "" {
		e.Message = "The provider answered with status " + strconv.Itoa(status) + "."
	}
	return e
}

// failure is the error that an error event tells. What the provider calls by a word of its own is its failure.
func failure(d errorDetail) *exchange.Error {
	e := &exchange.Error{
		Status: http.StatusBadGateway, Type: exchange.TypeUpstream, Message: d.Message,
		Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
	}
	if status, ok := errorStatuses[d.Type]; ok {
		e.Status = status
	}
	switch e.Status {
	case http.StatusTooManyRequests:
		e.Type = exchange.TypeRateLimit
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		e.Type = exchange.TypeInvalidRequest
	case http.StatusUnauthorized, http.StatusForbidden:
		// It was the gateway's credential, and the provider's text may quote it.
		e.Status, e.Reason = http.StatusBadGateway, exchange.ReasonAuthFailed
		e.Message = "The provider did not accept the gateway's credential."
	}
	if e.Message == "" {
		e.Message = "The provider failed in the middle of its answer."
	}
	return e
}
