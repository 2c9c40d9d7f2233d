// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package catalog remembers for a while which models providers say they offer, and asks each only once at a time.
package catalog

import (
	"sync"
	"time"
)

const (
	// Fresh is how long an answer holds.
	Fresh = time.Minute
	// FreshFailure is how long a failure holds, so that a provider that is down is not asked by every client.
	FreshFailure = 5 * time.Second
	// maxEntries bounds what is remembered; entries of former configurations go first.
	maxEntries = 1024
)

// Catalog is safe for concurrent use.
type Catalog struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*entry
}

type entry struct {
	done   chan struct{} // closed once the rest is set
	until  time.Time
	models []string
	err    error
}

// New gives an empty catalog; now is the clock.
func New(now func() time.Time) *Catalog {
	return &Catalog{now: now, entries: map[string]*entry{}}
}

// Models gives what is known under a key, and calls ask when that is nothing or too old. Callers with one key share one
// call of ask, and wait for it. The slice must not be changed.
func (c *Catalog) Models(key string, ask func() ([]string, error)) ([]string, error) {
	now := c.now()
	c.mu.Lock()
	e, ok := c.entries[key]
	if ok && e.holds(now) {
		c.mu.Unlock()
		<-e.done
		return e.models, e.err
	}
	e = &entry{done: make(chan struct{})}
	c.forget(now)
	c.entries[key] = e
	c.mu.Unlock()

	models, err := ask()
	fresh := Fresh
	if err != nil {
		fresh = FreshFailure
	}
	e.models, e.err, e.until = models, err, c.now().Add(fresh)
	close(e.done)
	return models, err
}

// holds says that an entry is being filled or still fresh.
func (e *entry) holds(now time.Time) bool {
	select {
	case <-e.done:
		return now.Before(e.until)
	default:
		return true
	}
}

// forget makes room for one entry.
func (c *Catalog) forget(now time.Time) {
	if len(c.entries) < maxEntries {
		return
	}
	for key, e := range c.entries {
		if !e.holds(now) {
			delete(c.entries, key)
		}
	}
	for key := range c.entries {
		if len(c.entries) < maxEntries {
			return
		}
		delete(c.entries, key)
	}
}
