// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"sync"
	"sync/atomic"

	"github.com/sparkgateway/spark/gateway/config"
)

// Scope keeps the buckets of one identity apart that different limits of the document use.
type Scope uint8

// The scopes.
const (
	ScopeGateway Scope = iota // the gateway's limit on each principal
	ScopeKey                  // the key's own
)

// bucket is the living state of one identity under one limit.
type bucket struct {
	tat        atomic.Int64
	generation uint64 // of the last build that used it; guarded by Book.mu
	scope      Scope
}

type bucketKey struct {
	scope    Scope
	identity string
	per      config.Duration
}

// Book holds the buckets of configured identities. It is safe for concurrent use.
type Book struct {
	mu         sync.Mutex
	buckets    map[bucketKey]*bucket
	generation uint64
}

// NewBook gives an empty book.
func NewBook() *Book { return &Book{buckets: map[bucketKey]*bucket{}} }

// Group is the limits that one principal has to keep together, each with its bucket. It is immutable but for the
// buckets, and safe for concurrent use.
type Group struct {
	limits  []Limit
	buckets []*bucket
}

// Build calls fill with a function that resolves limits to buckets, adding them to a group, and afterwards forgets the
// buckets that neither this build nor the one before used and that are empty at now: a snapshot in use may still hold
// those of the one before.
func (b *Book) Build(now int64, fill func(add func(g *Group, s Scope, identity string, limits []config.RequestLimit))) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation++
	fill(func(g *Group, s Scope, identity string, limits []config.RequestLimit) {
		for _, l := range limits {
			k := bucketKey{s, identity, l.Per}
			found, ok := b.buckets[k]
			if !ok {
				found = &bucket{scope: s}
				b.buckets[k] = found
			}
			found.generation = b.generation
			g.limits = append(g.limits, NewLimit(l))
			g.buckets = append(g.buckets, found)
		}
	})
	for k, found := range b.buckets {
		if found.generation+1 < b.generation && found.tat.Load() <= now {
			delete(b.buckets, k)
		}
	}
}

// Len is the number of buckets.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.buckets)
}

// Take lets one request through all limits of the group, or through none of them. It does not allocate.
func (g *Group) Take(now int64) Decision {
	if g == nil || len(g.limits) == 0 {
		return Decision{}
	}
	told := g.peek(now)
	if told.Refused {
		return told
	}
	told = Decision{}
	for i, l := range g.limits {
		d := l.commit(g.buckets[i], now)
		if d.Refused {
			// Another request was faster since the peek: give back what was taken.
			for j := range i {
				g.buckets[j].tat.Add(-g.limits[j].interval)
			}
			return d
		}
		if tighter(d, told) {
			told = d
		}
	}
	return told
}

// peek decides without taking, so that a refused request costs nothing of the limits that would have let it through.
func (g *Group) peek(now int64) Decision {
	var told Decision
	for i, l := range g.limits {
		next, ok := l.take(g.buckets[i].tat.Load(), now)
		if ok {
			continue
		}
		if d := l.refused(next, now); tighter(d, told) {
			told = d
		}
	}
	return told
}

func (l Limit) commit(b *bucket, now int64) Decision {
	for {
		tat := b.tat.Load()
		next, ok := l.take(tat, now)
		if !ok {
			return l.refused(next, now)
		}
		if b.tat.CompareAndSwap(tat, next) {
			return l.allowed(next, now)
		}
	}
}
