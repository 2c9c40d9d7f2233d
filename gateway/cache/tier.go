// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"time"
)

// Tier is a store that processes share. It is safe for concurrent use. Keys are Keys; values mean nothing to it.
type Tier interface {
	// Fetch gives a value, which is the caller's, or nil where there is none. It takes no longer than a request can wait, and
	// no time when the store is down.
	Fetch(ctx context.Context, key [32]byte) ([]byte, error)
	// Keep stores a value for some time, in the background, and gives whether it took it; the value is its own from then on.
	Keep(key [32]byte, value []byte, ttl time.Duration) bool
	// Purged gives when labels were purged, in milliseconds since 1970.
	Purged(ctx context.Context) (map[string]int64, error)
	// Purge remembers a purge for as long as keepFor.
	Purge(ctx context.Context, label string, at int64, keepFor time.Duration) error
}
