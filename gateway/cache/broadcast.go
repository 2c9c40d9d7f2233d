// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// broadcast is what the participants of a flight share.
type broadcast struct {
	cache  *Cache
	key    Key
	labels Labels
	tier   Tier
	most   int64 // of the body, to be kept
	asked  time.Time

	mu      sync.Mutex
	changed chan struct{} // closed when something changes; nil while nobody waits
	closed  bool          // nobody may join any more

	begun, stream bool
	status        int
	contentType   []byte
	body          buffer
	partial       bool // the body is too large to be kept

	following []*Flight
	detached  bool
	alone     func()

	ended bool
	entry *Entry // nil where it failed
	err   *exchange.Error
	own   bool
}

// wake needs the lock.
func (b *broadcast) wake() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// await gives what is closed at the next change. It needs the lock.
func (b *broadcast) await() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// follow gives another follower, nil where it came too late.
func (b *broadcast) follow() *Flight {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.ended && b.entry == nil {
		return nil
	}
	f := &Flight{broadcast: b, place: len(b.following)}
	b.following = append(b.following, f)
	return f
}

// append needs the lock. It says whether the body just became too large to be kept.
func (b *broadcast) append(p []byte) (full bool) {
	if b.ended {
		return false
	}
	full = !b.partial && b.body.total+int64(len(p)) > b.most
	if full {
		b.partial, b.closed = true, true
	}
	if b.partial && len(b.following) == 0 {
		b.body.chunks, b.body.total = nil, b.body.total+int64(len(p))
		return full
	}
	if b.body.write(p) && b.partial {
		b.trim()
	}
	b.wake()
	return full
}

// trim forgets what all followers have read, and what one reads too late. It needs the lock.
func (b *broadcast) trim() {
	low := b.body.total
	for _, f := range b.following {
		low = min(low, f.pos)
	}
	b.body.drop(max(low, b.body.total-HardBytes))
}

// fill completes an entry, and says whether the flight goes on.
func (b *broadcast) fill(e *Entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	if e.Status == 0 {
		e.Status, e.ContentType, e.Stream = b.status, b.contentType, b.stream
	}
	if e.Body == nil && b.body.base() == 0 && (!b.partial || !e.Stream && len(b.following) > 0) {
		e.Body = b.body.whole()
	}
	e.Asked, e.Stored, e.Labels = b.asked, b.cache.opts.Now(), b.labels
	e.TTL = min(e.TTL, MaxTTL)
	return true
}

// end ends the flight, unless it is over. What is kept is in memory before that, so that nobody finds neither.
func (b *broadcast) end(e *Entry, err *exchange.Error, own bool) {
	b.mu.Lock()
	over := b.ended
	if !over {
		b.ended, b.entry, b.err, b.own, b.alone = true, e, err, own, nil
		b.wake()
	}
	b.mu.Unlock()
	if !over {
		b.cache.flights.remove(b)
	}
}

// keep puts an entry where it is to be kept.
func (c *Cache) keep(b *broadcast, e *Entry) bool {
	if e.TTL <= 0 || e.Body == nil || int64(len(e.Body)) > b.most || c.marks.Load().hold(&e.Labels, e.Asked) {
		return false
	}
	kept := c.put(&b.key, e)
	if b.tier != nil {
		const around = 1 << 10
		value := appendBinary(make([]byte, 0, len(e.Body)+around), &b.key, e)
		if b.tier.Keep(b.key, value, e.TTL) {
			kept = true
		} else {
			c.dropped.Add(1)
		}
	}
	return kept
}

// shards spread the lock of the table.
const shards = 16

// table is the flights that can be joined.
type table [shards]shard

type shard struct {
	mu      sync.Mutex
	flights map[Key]*broadcast
}

func (t *table) of(key *Key) *shard { return &t[key[0]%shards] }

// remove removes a flight, unless another has taken its place.
func (t *table) remove(b *broadcast) {
	s := t.of(&b.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[b.key] == b {
		delete(s.flights, b.key)
	}
}

// shut keeps others from joining the flights that a purge is of.
func (t *table) shut(m *marks) {
	for i := range t {
		s := &t[i]
		s.mu.Lock()
		for key, b := range s.flights {
			if m.hold(&b.labels, b.asked) {
				delete(s.flights, key)
			}
		}
		s.mu.Unlock()
	}
}
