// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// ErrDown says that the store does not answer, and that the caller did not wait for it.
var ErrDown = errors.New("the store is down")

// Store is safe for concurrent use.
type Store struct{ opts Options }

// Open connects in the background, and keeps at it. Errors are only of what can never work.
func Open(opts Options) (*Store, error) { return &Store{opts: opts}, nil }

// Reserve takes all that a request needs, or nothing. An error says that the store cannot say.
func (s *Store) Reserve(context.Context, *Reservation) (exchange.Decision, error) {
	return exchange.Decision{}, ErrDown
}

// Settle never blocks.
func (s *Store) Settle(*Settlement) {}

// State says how the store is found.
func (s *Store) State() config.StoreState { return config.StoreState{} }

// Up says whether the store answers.
func (s *Store) Up() bool { return false }

// Counts gives what was done so far.
func (s *Store) Counts() Counts { return Counts{} }

// Records calls back with each record whose At is in [from, to).
func (s *Store) Records(context.Context, time.Time, time.Time, func(record []byte) error) error {
	return ErrDown
}

// Flush waits until what was settled before is in the store.
func (s *Store) Flush(context.Context) error { return ErrDown }

// Close flushes what is queued, and ends.
func (s *Store) Close(context.Context) error { return nil }
