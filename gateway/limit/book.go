// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package limit says what a request may take of the limits and budgets of all whom it counts for, and keeps what was taken.
//
// A Holder is state and Rules are policy: holders outlive snapshots, and edits of the rules they are used with. Times are
// nanoseconds since an epoch that the caller chooses once, and never negative; days and months are by the wall clock.
package limit

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// DefaultTransient is how many holders that clients choose a Book remembers.
const DefaultTransient = 1 << 16

// Options are those of a Book.
type Options struct {
	// MaxTransient bounds about how many client addresses are holders at a time; 0 is DefaultTransient.
	MaxTransient int
	// Now is the wall clock, for windows of the calendar; nil is time.Now.
	Now func() time.Time
}

// Book holds what lives of holders: buckets, slots, reservations, counts. It outlives snapshots. It is safe for concurrent
// use.
type Book struct {
	clock    func() time.Time
	state    atomic.Uint64 // see stateOf
	calendar atomic.Pointer[windows]
	clients  clients
	tidings  tidings

	mu      sync.RWMutex
	holders map[string]*Holder
}

// NewBook gives a book of which nothing was taken, of a process that serves alone.
func NewBook(opts Options) *Book {
	b := &Book{holders: map[string]*Holder{}, clock: opts.Now}
	if b.clock == nil {
		b.clock = time.Now
	}
	b.clients.open(b, opts.MaxTransient)
	return b
}

// Holder gives the holder of a name, as config.HolderUse has it: always the same one, made when it is first asked for.
// Callers keep it; names that clients choose are for Address.
func (b *Book) Holder(name string) *Holder {
	b.mu.RLock()
	h := b.holders[name]
	b.mu.RUnlock()
	if h != nil {
		return h
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h = b.holders[name]; h == nil {
		h = &Holder{book: b, own: config.HolderUse{Holder: name}}
		b.holders[name] = h
	}
	return h
}
