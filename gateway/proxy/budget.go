// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"sync"
	"sync/atomic"
)

const (
	// budgetWindow is how many seconds a RetryBudget looks back.
	budgetWindow = 10
	// freeRetries are always granted within the window, so that a provider with few requests has retries at all.
	freeRetries = 3
	second      = int64(1e9)
)

// RetryBudget bounds the retries at a provider in proportion to its requests. The zero value is ready; it is safe for
// concurrent use.
type RetryBudget struct {
	mu     sync.Mutex
	slots  [budgetWindow]struct{ requests, retries int64 }
	newest int64 // second since the epoch
}

// Request counts a request's first attempt.
func (b *RetryBudget) Request(now int64) {
	b.mu.Lock()
	b.slots[b.turn(now)].requests++
	b.mu.Unlock()
}

// Retry takes one retry, where the percentage leaves one.
func (b *RetryBudget) Retry(now, percent int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.turn(now)
	var requests, retries int64
	for _, s := range b.slots {
		requests, retries = requests+s.requests, retries+s.retries
	}
	if retries >= max(freeRetries, requests*percent/100) {
		return false
	}
	b.slots[at].retries++
	return true
}

// turn gives the present second's slot, and empties those that were passed over.
func (b *RetryBudget) turn(now int64) int64 {
	at := max(now/second, b.newest)
	for s := max(b.newest+1, at-budgetWindow+1); s <= at; s++ {
		b.slots[s%budgetWindow] = struct{ requests, retries int64 }{}
	}
	b.newest = at
	return at % budgetWindow
}

// wholeHedge is one hedge, as HedgeBudget counts: in hundredths.
const wholeHedge = 100

// savedHedges bounds how many hedges a quiet time may save up.
const savedHedges = 10

// HedgeBudget bounds the second attempts of a route in percent of its requests. The zero value has none to spend yet; it
// is safe for concurrent use.
type HedgeBudget struct{ hundredths, under atomic.Int64 }

// Request earns a request's part of a hedge. What requests under way have earned is kept for them until Done.
func (b *HedgeBudget) Request(percent int64) {
	most := savedHedges*wholeHedge + b.under.Add(1)*percent
	for {
		have := b.hundredths.Load()
		next := min(have+percent, max(most, have))
		if next == have || b.hundredths.CompareAndSwap(have, next) {
			return
		}
	}
}

// Done says that a request has no more use for a hedge.
func (b *HedgeBudget) Done() { b.under.Add(-1) }

// Take spends one hedge, where there is one.
func (b *HedgeBudget) Take() bool {
	for {
		have := b.hundredths.Load()
		if have < wholeHedge {
			return false
		}
		if b.hundredths.CompareAndSwap(have, have-wholeHedge) {
			return true
		}
	}
}
