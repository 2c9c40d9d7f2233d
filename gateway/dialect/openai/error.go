// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

type toldError struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	} `json:"error"`
}

// AppendError renders an error: {"error":{"message","type","param","code"}}. Without a code of its own it has the
// gateway's reason for one; param and code are null where there is none.
func AppendError(dst []byte, e *exchange.Error) []byte {
	var told toldError
	told.Error.Message, told.Error.Type = e.Message, e.Type
	if e.Param != "" {
		told.Error.Param = &e.Param
	}
	code := e.Code
	if code == "" {
		code = string(e.Reason)
	}
	if code != "" {
		told.Error.Code = &code
	}
	return chat.Append(dst, told)
}

// answeredError is an error as any flavor tells it: OpenAI's object below "error", Mistral's and older vLLM's without
// that, Ollama's and FastAPI's text or list.
type answeredError struct {
	Error   jsontext.Value `json:"error"`
	Message jsontext.Value `json:"message"`
	Detail  jsontext.Value `json:"detail"`
	Type    jsontext.Value `json:"type"`
	Code    jsontext.Value `json:"code"`
	Param   jsontext.Value `json:"param"`
}

// maxMessage bounds the message of a provider, in bytes.
const maxMessage = 4 << 10

// DecodeError reads the body of an error. A 4xx speaks of the request, anything else against the provider.
func (Encoder) DecodeError(status int, body []byte) *exchange.Error {
	e := &exchange.Error{Status: status, Reason: exchange.ReasonProviderStatus, Outcome: exchange.ProviderFailed}
	if status >= 400 && status < 500 {
		e.Outcome = exchange.ProviderRefused
	}
	var w answeredError
	if chat.DecodeAnswer(body, &w) == nil {
		w.read(e)
	}
	if e.Type == "" {
		e.Type = typeOf(status)
	}
	if e.Message == "" {
		e.Message = "The provider answered with status " + strconv.Itoa(status) + "."
	}
	return e
}

// read takes the words of an error.
func (w *answeredError) read(e *exchange.Error) {
	switch kindOf(w.Error) {
	case '{':
		var inner answeredError
		if chat.DecodeAnswer(w.Error, &inner) == nil {
			inner.Error = nil
			inner.read(e)
		}
		return
	case '"':
		e.Message = clip(stringOf(w.Error))
		return
	}
	e.Message = clip(messageIn(w.Message, maxNesting))
	if e.Message == "" {
		e.Message = clip(messageIn(w.Detail, maxNesting))
	}
	e.Type, e.Param, e.Code = clip(word(w.Type)), clip(word(w.Param)), clip(word(w.Code))
}

// maxNesting is how deep a message is looked for.
const maxNesting = 4

// messageIn finds the message in a text, in an object that has one, or in a list of them (FastAPI's validation errors,
// which Mistral passes on).
func messageIn(v jsontext.Value, nesting int) string {
	if nesting == 0 {
		return ""
	}
	switch kindOf(v) {
	case '"':
		return stringOf(v)
	case '[':
		var list []jsontext.Value
		if chat.DecodeAnswer(v, &list) == nil && len(list) > 0 {
			return messageIn(list[0], nesting-1)
		}
	case '{':
		var o struct {
			Message jsontext.Value `json:"message"`
			Msg     jsontext.Value `json:"msg"`
			Detail  jsontext.Value `json:"detail"`
		}
		if chat.DecodeAnswer(v, &o) != nil {
			return ""
		}
		for _, m := range []jsontext.Value{o.Message, o.Msg, o.Detail} {
			if text := messageIn(m, nesting-1); text != "" {
				return text
			}
		}
	}
	return ""
}

// word gives a text or a number as text.
func word(v jsontext.Value) string {
	switch kindOf(v) {
	case '"':
		return stringOf(v)
	case '0':
		return string(v)
	}
	return ""
}

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "")
}

// typeOf gives OpenAI's type for a status.
func typeOf(status int) string {
	switch {
	case status == 401 || status == 403:
		return exchange.TypeAuthentication
	case status == 429:
		return exchange.TypeRateLimit
	case status < 500:
		return exchange.TypeInvalidRequest
	}
	return exchange.TypeServer
}

// failure reads the error that stands in place of an answer, nil where there is none.
func (w *answered) failure(data []byte) *exchange.Error {
	if kindOf(w.Error) == 'n' && w.Object != "error" {
		return nil
	}
	return failed(data)
}

// failed reads an error event.
func failed(data []byte) *exchange.Error {
	e := failedAnswer()
	var w answeredError
	if chat.DecodeAnswer(data, &w) != nil {
		return e
	}
	told := exchange.Error{}
	w.read(&told)
	if told.Message != "" {
		e.Message = told.Message
	}
	e.Param, e.Code = told.Param, told.Code
	if told.Type != "" {
		e.Type = told.Type
	}
	e.Status = statusOf(told.Type, told.Code)
	return e
}

// failedAnswer is a failure in the middle of an answer, without the provider's words for it.
func failedAnswer() *exchange.Error {
	return &exchange.Error{
		Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonProviderErrorEvent,
		Outcome: exchange.ProviderFailed, Message: "The provider's answer failed.",
	}
}

// statuses are what an error's type or code would have been as a status.
var statuses = map[string]int{
	"invalid_request_error":   400,
	"BadRequestError":         400,
	"context_length_exceeded": 400,
	"authentication_error":    401,
	"invalid_api_key":         401,
	"permission_error":        403,
	"not_found_error":         404,
	"model_not_found":         404,
	"rate_limit_error":        429,
	"rate_limit_exceeded":     429,
	"insufficient_quota":      429,
	"server_error":            500,
	"api_error":               500,
	"InternalServerError":     500,
	"service_unavailable":     503,
	"overloaded_error":        503,
	"timeout":                 504,
}

// statusOf finds a status in the words of an error event, 502 without one.
func statusOf(words ...string) int {
	for _, w := range words {
		if n, err := strconv.Atoi(w); err == nil && n >= 400 && n <= 599 {
			return n
		}
		if n, ok := statuses[w]; ok {
			return n
		}
	}
	return 502
}
