// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"time"
)

// Tier is a store that processes share. It is safe for concurrent use. Keys are Keys; values are opaque to it.
type Tier interface {
	// Fetch gives a value, nil where there is none. It takes no longer than a request can wait, and none when the store is down.
	Fetch(ctx context.Context, key [32]byte) ([]byte, error)
	// Keep stores a value for some time, in the background. It may drop it.
	Keep(key [32]byte, value []byte, ttl time.Duration)
	// Purged gives when what labels was purged, in milliseconds since 1970.
	Purged(ctx context.Context) (map[string]int64, error)
	// Purge remembers a purge for as long as keepFor.
	Purge(ctx context.Context, label string, at int64, keepFor time.Duration) error
}

// What a purge is of: everything, or what has a label of one of these kinds with its name behind it.
const (
	PurgeAll   = "all"
	PurgeModel = "model:"
	PurgeKey   = "key:"   // Labels.Holder
	PurgeRoute = "route:" // Labels.Route
	PurgeTag   = "tag:"
)

// Purge removes what has the label and was asked for no later than at, and says how many entries it removed from memory. None
// of it is served any more, whether it is in memory, in a Tier or under way, but to those who follow it already. Other
// processes hear of it by a Tier's Purge and their Learn.
func (c *Cache) Purge(label string, at time.Time) (removed int) { return 0 }

// Learn is Purge for what other processes purged, as a Tier's Purged gives it. What is known costs little.
func (c *Cache) Learn(marks map[string]int64) (removed int) { return 0 }

// KnownLabel says whether a label is of a kind that can be purged.
func KnownLabel(label string) bool { return label == PurgeAll }
