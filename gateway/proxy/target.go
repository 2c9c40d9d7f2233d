// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"time"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// Target is where a request goes.
type Target struct {
	Provider *provider.Provider
	Pool     *upstream.Pool
	// Model is what the provider calls the model, Quoted the same as a JSON string, PathModel as its URLs have it.
	Model     string
	Quoted    []byte
	PathModel string
	// MaxTokens is the model's bound on its output; 0 where nobody said.
	MaxTokens int64
	// Cost is what a usage costs, as a decimal of US dollars; nil where nobody said the price.
	Cost func(exchange.Usage) string
	// Pin marks the ids of what the provider keeps.
	Pin dialect.Pin
	// Identity proves who the gateway is where an API key does not; nil where one does.
	Identity Identity
}

// Identity gives header fields that prove who the gateway is, for one request. It may have to ask somebody.
type Identity interface {
	Authorize(ctx context.Context, method, host, target string, body []byte, set func(name, value string)) error
}

// Canceler is what a Guard breaks off.
type Canceler interface{ Cancel() }

// Guard breaks a call off when its client leaves or the gateway must.
type Guard interface {
	// Attach makes the guard cancel c, until Detach. It is false when there is reason to cancel already.
	Attach(c Canceler) bool
	// Detach ends that; when it returns, c is not being cancelled and will not be.
	Detach()
	// Draining says that the gateway was the reason; otherwise it was the client.
	Draining() bool
}

// Request is what an Attempt works on.
type Request struct {
	Exchange  *exchange.Exchange
	Operation exchange.Operation
	// Dialect is the application's.
	Dialect exchange.Dialect
	// Asked is what was read of the body; nil where the gateway reads none of it.
	Asked *dialect.Request
	// Array asks for a JSON array in place of events, as Gemini does.
	Array bool
	// Method, Tail and ContentType are the application's, where they go on. An empty Method is POST, and an empty
	// ContentType JSON.
	Method      string
	Tail        []byte
	ContentType []byte
	Body        []byte
	// Opaque says that the answer is bytes that only the application understands, whatever their type.
	Opaque bool
	// Upgrade is header lines that ask to speak another protocol on the connection, which an answer of 101 grants.
	Upgrade []byte
	Fields  provider.Fields
	Guard   Guard
	// KeepAlive is how long a stream may be silent before the client is told that it is still there; 0 is 15 s.
	KeepAlive time.Duration
}
