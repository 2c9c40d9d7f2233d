// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import "github.com/sparkgateway/spark/gateway/exchange"

// Decoder reads what applications ask in a dialect, and Encoder answers them. They are stateless and safe for
// concurrent use.
type Decoder interface {
	// DecodeRequest reads a request body that is known to be one JSON object. It refuses, naming the field, what is
	// malformed and what no other dialect can express: unknown fields, tools that only one provider runs.
	DecodeRequest(body []byte) (*Request, *exchange.Error)
	// AppendAnswer renders a whole answer.
	AppendAnswer(dst []byte, a *Answer) []byte
	// NewWriter begins a stream as the request asked for it.
	NewWriter(r *Request, m Meta) Writer
}

// Target is what an encoder must know beside the request.
type Target struct {
	// Model is the provider's name for the model.
	Model string
	// MaxTokens is the bound for dialects that insist on one, where the application named none. Positive.
	MaxTokens int64
}

// Encoder asks providers in a dialect and reads what they answer. It is stateless and safe for concurrent use.
type Encoder interface {
	// AppendRequest renders a request for the target, or refuses what the dialect cannot express.
	AppendRequest(dst []byte, r *Request, t Target) ([]byte, *exchange.Error)
	// DecodeAnswer reads a whole answer. An error says that it is not one.
	DecodeAnswer(body []byte) (*Answer, error)
	// NewReader begins a stream.
	NewReader() Reader
}

// ErrorDecoder reads the body of an error that a provider answered with a status of 400 or more: its message, and its
// own words for type and code, as far as there are any. It never fails: without a message it gives one by status.
type ErrorDecoder interface {
	DecodeError(status int, body []byte) *exchange.Error
}
