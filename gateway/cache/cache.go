// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cache keeps whole answers and gives them again: in the memory of one process, in a store that processes share,
// and to those who ask for an answer while it is being made.
package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Cache is made with.
type Options struct {
	// Bytes bounds the memory of all entries, what surrounds them included; 0 keeps none.
	Bytes int64
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
}

// Terms are how one request uses the cache.
type Terms struct {
	// MaxAge is the oldest that the answer may be; 0 takes any that is fresh. A client that says "no-cache" or "max-age=0"
	// is not looked up, and Leads.
	MaxAge time.Duration
	// MaxBytes bounds the body that is kept; 0 is DefaultMaxBytes, and more than HardBytes is HardBytes.
	MaxBytes int
	// Labels are what the answer can be purged by. An entry keeps their texts.
	Labels Labels
	// Tier is the store that processes share; nil for none.
	Tier Tier
}

const (
	// DefaultMaxBytes is how large a body is kept, unless Terms say otherwise: 1 MiB.
	DefaultMaxBytes = 1 << 20
	// HardBytes is how far a follower may stay behind its leader: 16 MiB.
	HardBytes = 16 << 20
)

// From is where an answer was found.
type From uint8

// The places.
const (
	Nowhere From = iota
	Memory
	Shared
)

// Cache is safe for concurrent use. It outlives snapshots.
type Cache struct {
	opts    Options
	memory  atomic.Pointer[memory] // nil while nothing is kept
	flights table
	marks   atomic.Pointer[marks]

	// keeping is held for reading while an entry is put in memory, so that who changes what may be there sees all that was
	// put by the old rules.
	keeping sync.RWMutex

	hits, sharedHits, misses, followers, stored, evicted, purged, corrupt, dropped atomic.Int64
}

// New makes a Cache, to be closed.
func New(opts Options) *Cache {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	c := &Cache{opts: opts}
	c.marks.Store(&marks{})
	c.Resize(opts.Bytes)
	return c
}

// Close empties the memory, and ends what happens in the background. Flights go on.
func (c *Cache) Close() { c.Resize(0) }

// Resize changes the bound of Options.Bytes. Zero empties the memory, and keeps it so.
func (c *Cache) Resize(bytes int64) {
	c.keeping.Lock()
	defer c.keeping.Unlock()
	m := c.memory.Load()
	switch {
	case bytes <= 0 && m != nil:
		c.memory.Store(nil)
		m.stop()
	case bytes > 0 && m != nil:
		m.SetMaximum(uint64(bytes))
	case bytes > 0:
		c.memory.Store(c.newMemory(bytes))
	}
}

// Bytes gives what the entries in memory take.
func (c *Cache) Bytes() int64 {
	if m := c.memory.Load(); m != nil {
		return int64(m.WeightedSize())
	}
	return 0
}

// Len gives how many entries are in memory; expired ones count for up to a second.
func (c *Cache) Len() int {
	if m := c.memory.Load(); m != nil {
		return m.EstimatedSize()
	}
	return 0
}

// Get looks into memory only, and counts a hit but no miss: for those who go on to Join.
func (c *Cache) Get(key Key, maxAge time.Duration) *Entry {
	e := c.peek(&key, maxAge)
	if e != nil {
		c.hits.Add(1)
	}
	return e
}

func (c *Cache) peek(key *Key, maxAge time.Duration) *Entry {
	m := c.memory.Load()
	if m == nil {
		return nil
	}
	e, ok := m.GetIfPresent(*key)
	if !ok || !e.Fresh(c.opts.Now(), maxAge) {
		return nil
	}
	return e
}

// Lookup gives the answer, nil where there is none: from memory or, when that has none, from the Tier of the terms, whose
// answers are put in memory as well. It waits for the Tier, which does not take long when it is down, and not after ctx ends.
func (c *Cache) Lookup(ctx context.Context, key Key, terms *Terms) (*Entry, From) {
	if e := c.Get(key, terms.MaxAge); e != nil {
		return e, Memory
	}
	if terms.Tier != nil {
		if e := c.fetch(ctx, &key, terms); e != nil {
			c.sharedHits.Add(1)
			return e, Shared
		}
	}
	c.misses.Add(1)
	return nil, Nowhere
}

// fetch asks the Tier. What it cannot give, for whatever reason, is a miss.
func (c *Cache) fetch(ctx context.Context, key *Key, terms *Terms) *Entry {
	value, err := terms.Tier.Fetch(ctx, *key)
	if err != nil || value == nil {
		return nil
	}
	e, ok := parse(key, value)
	if !ok {
		c.corrupt.Add(1)
		return nil
	}
	now := c.opts.Now()
	if e.Stored.After(now) {
		// The other's clock is ahead, by who knows how much: it is kept no longer than if it were new.
		e.Stored = now
	}
	// It was asked for by another's clock.
	if !e.Fresh(now, 0) || c.marks.Load().hold(&e.Labels, e.Asked.Add(-Skew)) {
		return nil
	}
	c.put(key, e)
	if !e.Fresh(now, terms.MaxAge) {
		return nil
	}
	return e
}

// put puts an entry in memory, unless it is purged or larger than all of it. It says whether it was.
func (c *Cache) put(key *Key, e *Entry) bool {
	c.keeping.RLock()
	defer c.keeping.RUnlock()
	m := c.memory.Load()
	if m == nil || c.marks.Load().hold(&e.Labels, e.Asked) || uint64(e.weight()) > m.GetMaximum() {
		return false
	}
	m.Set(*key, e)
	c.stored.Add(1)
	return true
}

// Stats is what a Cache did since it was made, but for Bytes and Entries, which are now.
type Stats struct {
	// Hits were found in memory, SharedHits in a Tier, Misses nowhere.
	Hits, SharedHits, Misses int64
	// Followers joined a flight that another led.
	Followers int64
	// Stored were put in memory, by flights or from a Tier; Evicted had to leave it for others.
	Stored, Evicted int64
	// Purged were removed by Purge or Learn.
	Purged int64
	// Corrupt are values of a Tier that could not be read; DroppedKeeps are those that it did not take.
	Corrupt, DroppedKeeps int64
	Bytes                 int64
	Entries               int
}

// Stats gives the figures.
func (c *Cache) Stats() Stats {
	return Stats{
		Hits: c.hits.Load(), SharedHits: c.sharedHits.Load(), Misses: c.misses.Load(), Followers: c.followers.Load(),
		Stored: c.stored.Load(), Evicted: c.evicted.Load(), Purged: c.purged.Load(), Corrupt: c.corrupt.Load(),
		DroppedKeeps: c.dropped.Load(), Bytes: c.Bytes(), Entries: c.Len(),
	}
}
