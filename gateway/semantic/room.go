// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import "container/heap"

const (
	// maxExpired bounds how many expired questions go with one Add, and so how long that may take.
	maxExpired = 64
	// entryBytes is what an entry takes beside its vector and labels: itself, its sketch, and its places in the scope,
	// the map and the heap.
	entryBytes = 640
	// scopeBytes is what a scope takes beside its entries.
	scopeBytes = 256
)

// Resize sets how many questions there may be, and drops the least recently used ones beyond. Values below 1 mean the
// default.
func (x *Index) Resize(maxEntries int) {
	if maxEntries <= 0 {
		maxEntries = DefaultEntries
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.maxEntries = maxEntries
	x.evict(0, 0)
}

// insert needs the lock, and that the ref is new and there is room.
func (x *Index) insert(key scopeKey, e *entry, drawn *sketch) {
	s := x.scopes[key]
	if s == nil {
		s = &scope{key: key}
		x.scopes[key] = s
		x.bytes += scopeBytes
	}
	s.add(e, drawn)
	x.byRef[e.ref] = e
	x.recency.add(e)
	heap.Push(&x.expiries, e)
	x.bytes += e.bytes
}

// drop needs the lock. A scope goes with its last entry.
func (x *Index) drop(e *entry) {
	s := e.scope
	s.remove(e)
	if len(s.entries) == 0 {
		delete(x.scopes, s.key)
		x.bytes -= scopeBytes
	}
	delete(x.byRef, e.ref)
	x.recency.remove(e)
	heap.Remove(&x.expiries, e.due)
	x.bytes -= e.bytes
}

// expire drops what has expired, up to a bound. It needs the lock.
func (x *Index) expire(now int64) {
	for range maxExpired {
		if len(x.expiries) == 0 || x.expiries[0].expires > now {
			return
		}
		x.drop(x.expiries[0])
	}
}

// evict makes room for as many more entries and bytes. It needs the lock.
func (x *Index) evict(entries int, bytes int64) {
	for len(x.byRef)+entries > x.maxEntries || x.bytes > x.maxBytes-bytes {
		e := x.recency.oldest()
		if e == nil {
			return
		}
		x.drop(e)
		x.evicted++
	}
}

// Remove forgets the question that ref answers, and says whether there was one.
func (x *Index) Remove(ref Ref) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.byRef[ref]
	if e != nil {
		x.drop(e)
	}
	return e != nil
}

// Purge forgets the questions whose labels match, and gives their number. It asks under a lock: match is to be quick,
// and not to call the index.
func (x *Index) Purge(match func(labels []string) bool) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, e := range x.byRef {
		if match(e.labels) {
			x.drop(e)
			n++
		}
	}
	return n
}

// Stats is what an index holds.
type Stats struct {
	// Entries is the number of questions, Scopes that of the scopes with any. What has expired counts until it goes.
	Entries, Scopes int
	// Bytes is about what they take, in memory.
	Bytes int64
	// Evicted counts the questions that had to go to make room, since the index was made.
	Evicted uint64
}

// Stats gives what the index holds now.
func (x *Index) Stats() Stats {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return Stats{Entries: len(x.byRef), Scopes: len(x.scopes), Bytes: x.bytes, Evicted: x.evicted}
}
