// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// statuses are the HTTP statuses of the exceptions (Amazon Bedrock API Reference, "ConverseStream", "Errors"), by their
// names in a stream. The model's own failures, 424 there, are those of an upstream.
var statuses = map[string]int{
	"throttlingException":           http.StatusTooManyRequests,
	"modelNotReadyException":        http.StatusTooManyRequests,
	"modelStreamErrorException":     http.StatusBadGateway,
	"modelErrorException":           http.StatusBadGateway,
	"modelTimeoutException":         http.StatusGatewayTimeout,
	"internalServerException":       http.StatusInternalServerError,
	"serviceUnavailableException":   http.StatusServiceUnavailable,
	"validationException":           http.StatusBadRequest,
	"serviceQuotaExceededException": http.StatusBadRequest,
	"resourceNotFoundException":     http.StatusNotFound,
	"accessDeniedException":         http.StatusForbidden,
}

// isFailure says whether a message of a stream tells a failure: an exception, or an error by its code.
func isFailure(name string) bool {
	return strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Failure")
}

// failure is an exception that a stream ended with.
func failure(name string, data []byte) *exchange.Error {
	status, known := statuses[name]
	if !known {
		status = http.StatusBadGateway
	}
	e := describe(status, data)
	e.Code, e.Reason, e.Outcome = name, exchange.ReasonProviderErrorEvent, exchange.ProviderFailed
	return e
}

// DecodeError reads the body of an error. Statuses that would mean something else to a gateway's client become those of
// an upstream: 424, the model's own failure, 502; and 408, its taking too long, 504.
func (Encoder) DecodeError(status int, body []byte) *exchange.Error {
	switch status {
	case http.StatusFailedDependency:
		status = http.StatusBadGateway
	case http.StatusRequestTimeout:
		status = http.StatusGatewayTimeout
	}
	e := describe(status, body)
	e.Reason, e.Outcome = exchange.ReasonProviderStatus, exchange.ProviderRefused
	if status >= 500 {
		e.Outcome = exchange.ProviderFailed
	}
	return e
}

// describe gives an error its type, message and code. The body is {"message":…}, in other spellings of Amazon's too, or
// the text of an error.
func describe(status int, body []byte) *exchange.Error {
	e := &exchange.Error{Status: status, Type: errorType(status)}
	var w struct {
		Message string `json:"message"`
		Capital string `json:"Message"`
		Type    string `json:"__type"`
	}
	if chat.DecodeAnswer(body, &w) == nil {
		e.Message = w.Message
		if e.Message == "" {
			e.Message = w.Capital
		}
		// The type may have a namespace before it: "com.amazon.coral.service#ThrottlingException".
		e.Code = w.Type[strings.LastIndexByte(w.Type, '#')+1:]
	} else if isText(body) {
		e.Message = string(body)
	}
	if e.Type == exchange.TypeAuthentication {
		// It was the gateway's credential, and the provider's text may quote it.
		e.Message = "The provider did not accept the gateway's credential."
	}
	if e.Message == "" {
		e.Message = "The provider answered with an error: " + http.StatusText(status) + "."
	}
	return e
}

func errorType(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return exchange.TypeAuthentication
	case status == http.StatusTooManyRequests:
		return exchange.TypeRateLimit
	case status >= 400 && status < 500:
		return exchange.TypeInvalidRequest
	default:
		return exchange.TypeUpstream
	}
}

// isText says whether a body that is not JSON reads as a sentence.
func isText(b []byte) bool {
	const most = 1 << 10
	return len(b) > 0 && len(b) <= most && b[0] != '<' && b[0] != '{' && utf8.Valid(b)
}
