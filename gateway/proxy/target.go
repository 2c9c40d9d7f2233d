// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"time"

	"github.com/sparkgateway/spark/gateway/balance"
	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/health"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/quota"
	"github.com/sparkgateway/spark/gateway/telemetry"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// Target is where a request goes. It is immutable but for Vital and Account, and safe for concurrent use.
type Target struct {
	Provider *provider.Provider
	Pool     *upstream.Pool
	// Name is the model's name in the configuration.
	Name string
	// Model is what the provider calls the model, Quoted the same as a JSON string, PathModel as its URLs have it.
	Model     string
	Quoted    []byte
	PathModel string
	// MaxTokens is the model's bound on its output; 0 where nobody said.
	MaxTokens int64
	// Price is what its tokens cost, Cost what a usage does as a decimal of US dollars; nil where nobody said the price.
	Price *config.Price
	Cost  func(exchange.Usage) string
	// Pin marks the ids of what the provider keeps.
	Pin dialect.Pin
	// Identity proves who the gateway is where an API key does not; nil where one does.
	Identity Identity
	// Weight is the target's share of its tier, ID what affinity knows it by.
	Weight, Tier int64
	ID           uint64
	// Open says that the application named the model, and not the configuration.
	Open bool
	// Retry is the provider's.
	Retry *config.Retry
	// Vital and Account are the target's and its provider's living state.
	Vital   *Vital
	Account *Account
	// Health is what the provider's health check found.
	Health *health.Status
	// Record takes each attempt that has ended; nil does not.
	Record Recorder
}

// Recorder takes attempts that have ended. It must be safe for concurrent use.
type Recorder interface{ Attempt(*exchange.Attempt) }

// Vital is the living state of one target. It outlives configurations and is safe for concurrent use.
type Vital struct {
	Breaker *breaker.Breaker
	Load    balance.Load
	Quota   *quota.Target
}

// Account is the living state of one provider. It outlives configurations and is safe for concurrent use.
type Account struct {
	Quota   *quota.Provider
	Retries RetryBudget
}

// Route is the targets that a request may go to, in order of tier, and how to choose among them. It is immutable but for
// Hedges, and safe for concurrent use.
type Route struct {
	// ID is "namespace/name" of the ModelRoute; empty where the name is a provider's own.
	ID       string
	Targets  []Target
	Strategy config.Strategy
	// Hedge is nil for none; Hedges is what it may still spend.
	Hedge  *config.Hedge
	Hedges *HedgeBudget
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

// Observer takes what becomes of a request beside its attempts.
type Observer interface {
	// Waited is told how a wait for targets that were all full ended, unless the client left.
	Waited(telemetry.WaitResult)
	// Hedged is told how a hedge ended.
	Hedged(telemetry.HedgeResult)
}

// Request is what a Journey works on.
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
	// TailOf gives the tail where it depends on the target; nil where it does not.
	TailOf func(*Target) []byte
	// Only are the targets that may be used, a bit each by their place in the route; 0 is all.
	Only uint32
	// Sticky keeps requests of one Hash at one target of a tier.
	Sticky bool
	Hash   uint64
	// Clock is the time as living state counts it, in nanoseconds.
	Clock func() int64
	// Mirror says that nobody waits for the answer.
	Mirror bool
	// Aside is the kind of every attempt of what the gateway asks on behalf of another request; zero of a request itself.
	Aside exchange.AttemptKind
	// Observe takes what becomes of waits and hedges; nil does not.
	Observe Observer
	// Opaque says that the answer is bytes that only the application understands, whatever their type.
	Opaque bool
	// Upgrade is header lines that ask to speak another protocol on the connection, which an answer of 101 grants.
	Upgrade []byte
	Fields  provider.Fields
	Guard   Guard
	// KeepAlive is how long a stream may be silent before the client is told that it is still there; 0 is 15 s.
	KeepAlive time.Duration
}
