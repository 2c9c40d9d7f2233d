// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Entry is a whole answer. It is immutable once it was given to a Cache, and whoever gets one must not change it.
type Entry struct {
	// Status is the HTTP status that the client was told.
	Status      int
	ContentType []byte
	// Stream says that Body is server-sent events, as the client was sent them: a blank line ends each.
	Stream bool
	Body   []byte
	// Usage and Cost are what the answer took when it was made; Priced says that Cost means something.
	Usage  exchange.Usage
	Cost   config.Money
	Priced bool
	// Provider, Model and Target are those of exchange.Attempt: Provider, UpstreamModel, Target.
	Provider, Model, Target string
	// Asked is when the answer was asked for: a purge since then holds for it. Stored is when it was complete.
	Asked, Stored time.Time
	// TTL is how long it is fresh, from Stored on; at most MaxTTL.
	TTL    time.Duration
	Labels Labels
}

// MaxTTL bounds how long an entry is kept: 30 days.
const MaxTTL = 30 * 24 * time.Hour

// Labels are what an entry can be purged by. Empty ones do not count.
type Labels struct {
	// Holder is the "namespace/name" of an APIKey.
	Holder string
	// Model is what the client called it.
	Model string
	// Route is the "namespace/name" of a ModelRoute.
	Route string
	// Tags are chosen by clients or the configuration; those beyond MaxTags are not kept.
	Tags []string
}

// MaxTags bounds the tags of an entry.
const MaxTags = 16

// Age says how long the entry has been complete; never negative.
func (e *Entry) Age(now time.Time) time.Duration { return max(now.Sub(e.Stored), 0) }

// Fresh says that the entry may be given: it is within its TTL, and no older than maxAge unless that is 0.
func (e *Entry) Fresh(now time.Time, maxAge time.Duration) bool {
	age := e.Age(now)
	return age < e.TTL && (maxAge == 0 || age <= maxAge)
}

// entryBytes is what an entry takes beside its texts, in its own structure and in those that hold it, as measured.
const entryBytes = 512

// weight gives what the entry takes of memory, in bytes.
func (e *Entry) weight() int64 {
	n := entryBytes + taken(cap(e.Body)) + cap(e.ContentType) + len(e.Provider) + len(e.Model) + len(e.Target)
	n += len(e.Labels.Holder) + len(e.Labels.Model) + len(e.Labels.Route)
	for _, tag := range e.Labels.Tags {
		n += 16 + len(tag)
	}
	return int64(n)
}

// taken gives what the allocator takes for a number of bytes, roughly: it has sizes some eighth apart, and above 32 KiB pages.
func taken(n int) int {
	const page, small = 8 << 10, 32 << 10
	if n > small {
		return (n + page - 1) / page * page
	}
	return n + n/16
}
