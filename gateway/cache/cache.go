// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cache keeps whole answers and gives them again: in the memory of one process, in a store that processes share,
// and to those who ask for an answer while it is being made.
package cache

import (
	"context"
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
	// Labels are what the answer can be purged by.
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
type Cache struct{ opts Options }

// New makes a Cache, to be closed.
func New(opts Options) *Cache { return &Cache{opts: opts} }

// Close ends what happens in the background.
func (c *Cache) Close() {}

// Resize changes the bound of Options.Bytes. Zero empties the memory, and keeps it so.
func (c *Cache) Resize(bytes int64) { c.opts.Bytes = bytes }

// Bytes gives what the entries in memory take.
func (c *Cache) Bytes() int64 { return 0 }

// Len gives how many entries are in memory.
func (c *Cache) Len() int { return 0 }

// Get looks into memory only, and counts a hit but no miss: for those who go on to Join.
func (c *Cache) Get(key Key, maxAge time.Duration) *Entry { return nil }

// Lookup gives the answer, nil where there is none: from memory or, when that has none, from the Tier of the terms, whose
// answers are put in memory as well. It waits for the Tier, which does not take long when it is down, and not after ctx ends.
func (c *Cache) Lookup(ctx context.Context, key Key, terms *Terms) (*Entry, From) {
	return nil, Nowhere
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
	// Corrupt are values of a Tier that could not be read.
	Corrupt int64
	Bytes   int64
	Entries int
}

// Stats gives the figures.
func (c *Cache) Stats() Stats { return Stats{} }
