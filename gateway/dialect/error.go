// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect/anthropic"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/gemini"
	"github.com/sparkgateway/spark/gateway/dialect/openai"
	"github.com/sparkgateway/spark/gateway/dialect/responses"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Done is the data of the event that ends a whole stream of OpenAI's.
const Done = "[DONE]"

// AppendError renders an error as an application's dialect has it. The ID is the request's.
func AppendError(dst []byte, d exchange.Dialect, e *exchange.Error, id []byte) []byte {
	switch d {
	case exchange.Anthropic:
		return anthropic.AppendError(dst, e, string(id))
	case exchange.Gemini:
		return gemini.AppendError(dst, e)
	default:
		return openai.AppendError(dst, e)
	}
}

// AppendErrorEvent renders an error as the event that ends a stream which cannot be whole. Next is its number, in streams
// that number their events.
func AppendErrorEvent(dst []byte, d exchange.Dialect, e *exchange.Error, id []byte, next int64) []byte {
	switch d {
	case exchange.Anthropic:
		return anthropic.AppendErrorEvent(dst, e, string(id))
	case exchange.Responses:
		return responses.AppendErrorEvent(dst, e, next)
	case exchange.Gemini, exchange.Spark:
		failed := chat.Event{Kind: chat.Failed, Err: e}
		return decoders[d].NewWriter(&chat.Request{}, chat.Meta{}).Write(dst, &failed)
	default:
		dst = AppendError(append(dst, "data: "...), d, e, id)
		return append(dst, "\n\n"...)
	}
}

// AppendKeepAlive renders what says that a silent stream is still there: Anthropic's own ping; for Gemini's SDKs, which
// take a comment for an error, the end of an event that holds nothing; for others a comment (WHATWG HTML 9.2.7).
func AppendKeepAlive(dst []byte, d exchange.Dialect) []byte {
	switch d {
	case exchange.Anthropic:
		return append(dst, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
	case exchange.Gemini:
		return append(dst, "\n\n"...)
	default:
		return append(dst, ": keep-alive\n\n"...)
	}
}

// statusOverloaded is Anthropic's own.
const statusOverloaded = 529

// ErrorStatus gives the status that a dialect has for an error: 529 is Anthropic's word for 503.
func ErrorStatus(d exchange.Dialect, status int) int {
	if status == statusOverloaded && d != exchange.Anthropic {
		return 503
	}
	return status
}

// EventStatus gives the status that an error event would have had as an answer, 502 where it does not say. That the
// gateway's credential was refused is no business of the application's.
func EventStatus(d exchange.Dialect, wire Target, data []byte) int {
	const unsaid = 502
	events, err := encoderOf(wire).NewReader().Read(nil, nil, data)
	if err != nil || len(events) == 0 {
		return unsaid
	}
	failed := events[len(events)-1].Err
	if failed == nil || failed.Status < 400 || failed.Status == 401 || failed.Status == 403 {
		return unsaid
	}
	return ErrorStatus(d, failed.Status)
}

// IsError says that a body is an error as a dialect has it.
func IsError(d exchange.Dialect, body []byte) bool {
	inner := member(body, "error")
	if len(inner) == 0 || inner[0] != '{' {
		return false
	}
	return d != exchange.Anthropic || string(member(body, "type")) == `"error"`
}

// DecodeError reads a provider's error of another dialect, or of another shape than its dialect has.
func DecodeError(wire exchange.Dialect, t config.ProviderType, status int, body []byte) *exchange.Error {
	decoder, ok := encoderOf(Target{Wire: wire, Type: t}).(chat.ErrorDecoder)
	if !ok {
		decoder = openai.Encoder{}
	}
	return decoder.DecodeError(status, body)
}

// AnswerID gives an answer that a provider gave no name one in the application's dialect.
func AnswerID(d exchange.Dialect, id []byte) string {
	return [exchange.Dialects]string{
		exchange.OpenAI: "chatcmpl-", exchange.Responses: "resp_", exchange.Anthropic: "msg_",
	}[d] + string(id)
}
