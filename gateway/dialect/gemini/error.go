// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// failure is google.rpc.Status, as Google renders it over HTTP.
type failure struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Status  string         `json:"status"`
	Details []retryDetails `json:"details,omitzero"`
}

// retryDetails is google.rpc.RetryInfo among the details, and nothing of the others.
type retryDetails struct {
	Delay jsontext.Value `json:"retryDelay,omitzero"`
}

type failureBody struct {
	Error *failure `json:"error"`
}

// statusWords are the names of google.rpc.Code by HTTP status.
var statusWords = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED",
	409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 502: "UNAVAILABLE",
	503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

// codeWords are HTTP statuses by names of google.rpc.Code, where an error has no number of its own.
var codeWords = map[string]int{
	"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403,
	"NOT_FOUND": 404, "ABORTED": 409, "ALREADY_EXISTS": 409, "RESOURCE_EXHAUSTED": 429, "CANCELLED": 499, "INTERNAL": 500,
	"UNKNOWN": 500, "DATA_LOSS": 500, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}

// statusOverloaded is Anthropic's own, and 503 elsewhere.
const statusOverloaded = 529

// AppendError renders an error as Google does: {"error":{"code","message","status"}}.
func AppendError(dst []byte, e *exchange.Error) []byte {
	code := e.Status
	switch {
	case code == statusOverloaded:
		code = http.StatusServiceUnavailable
	case code < 400 || code > 599:
		code = http.StatusInternalServerError
	}
	word := statusWords[code]
	switch {
	case word == "" && code < 500:
		word = "INVALID_ARGUMENT"
	case word == "":
		word = "INTERNAL"
	}
	return chat.Append(dst, &failureBody{Error: &failure{Code: code, Message: e.Message, Status: word}})
}

// DecodeError reads an error that a provider answered, lone or as the first of a list, as Google writes where a stream
// was asked for without alt=sse.
func (Encoder) DecodeError(status int, body []byte) *exchange.Error {
	var all list[failureBody]
	f := failure{}
	if chat.DecodeAnswer(body, &all) == nil && len(all) > 0 && all[0].Error != nil {
		f = *all[0].Error
	}
	e := f.neutral(status)
	e.Reason, e.Outcome = exchange.ReasonProviderStatus, exchange.ProviderFailed
	if status < http.StatusInternalServerError {
		e.Outcome = exchange.ProviderRefused
	}
	return e
}

// event is an error that stands in a stream.
func (f *failure) event() *exchange.Error {
	status := f.Code
	if status < 400 || status > 599 {
		status = codeWords[f.Status]
	}
	if status == 0 {
		status = http.StatusBadGateway
	}
	e := f.neutral(status)
	e.Reason, e.Outcome = exchange.ReasonProviderErrorEvent, exchange.ProviderFailed
	return e
}

func (f *failure) neutral(status int) *exchange.Error {
	e := &exchange.Error{Status: status, Type: exchange.TypeUpstream, Code: f.Status, Message: f.Message}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge:
		e.Type = exchange.TypeInvalidRequest
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Type = exchange.TypeAuthentication
	case http.StatusTooManyRequests:
		e.Type = exchange.TypeRateLimit
	}
	if e.Message == "" {
		e.Message = "The model's provider answered with status " + strconv.Itoa(status) + "."
	}
	for _, d := range f.Details {
		if delay := retryDelay(d.Delay); delay > 0 {
			e.RetryAfter = delay
		}
	}
	return e
}

// retryDelay reads a protobuf duration, seconds such as "34.4s"; 0 where it is none.
func retryDelay(v jsontext.Value) time.Duration {
	seconds, found := strings.CutSuffix(unquoted(v), "s")
	n, err := strconv.ParseFloat(seconds, 64)
	const day = 24 * 60 * 60
	if !found || err != nil || !(n > 0 && n < day) {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}
