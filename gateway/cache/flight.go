// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Flight is one participant's part in an answer that is being made: the leader's, who makes it, or a follower's, who waits
// for it. The leader's methods are Begin, Write, Done, Share, Fail, Abandon, Followers, OnAlone and Detach; a follower's are
// Wait, Tail and Leave. It belongs to one goroutine at a time. No follower ever holds up the leader.
type Flight struct {
	*broadcast
	pos   int64 // how far a follower has read
	place int   // among the followers; -1 for none of them
}

// Join takes part in the flight of a key: as its leader where there is none. Who joins as a follower calls Wait, and Leave
// in the end; a leader calls Abandon in the end, whatever happened. An answer that was put in memory meanwhile is a flight
// that is over already.
func (c *Cache) Join(key Key, terms *Terms) (f *Flight, leader bool) {
	shard := c.flights.of(&key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if b := shard.flights[key]; b != nil {
		if f := b.follow(); f != nil {
			c.followers.Add(1)
			return f, false
		}
	}
	// Who looked before the last flight put its answer there comes here after it.
	if e := c.Get(key, terms.MaxAge); e != nil {
		return &Flight{broadcast: &broadcast{closed: true, ended: true, entry: e}, place: -1}, false
	}
	return c.lead(shard, &key, terms), true
}

// Lead makes a flight of its own, for who wants a new answer whatever there is: those who join from now on follow it.
func (c *Cache) Lead(key Key, terms *Terms) *Flight {
	shard := c.flights.of(&key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return c.lead(shard, &key, terms)
}

// lead needs the shard's lock.
func (c *Cache) lead(shard *shard, key *Key, terms *Terms) *Flight {
	most := terms.MaxBytes
	if most <= 0 {
		most = DefaultMaxBytes
	}
	labels := terms.Labels
	if len(labels.Tags) > MaxTags {
		labels.Tags = labels.Tags[:MaxTags]
	}
	labels.Tags = slices.Clone(labels.Tags)
	b := &broadcast{
		cache: c, key: *key, labels: labels, tier: terms.Tier, most: int64(min(most, HardBytes)), asked: c.opts.Now(),
	}
	if shard.flights == nil {
		shard.flights = make(map[Key]*broadcast)
	}
	shard.flights[*key] = b
	return &Flight{broadcast: b, place: -1}
}

// Begin says how the answer begins. Nothing of it is kept.
func (f *Flight) Begin(status int, contentType []byte, stream bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun || f.ended {
		return
	}
	f.begun, f.status, f.contentType, f.stream = true, status, slices.Clone(contentType), stream
	f.wake()
}

// Write appends to the body: of a stream, whole events. It never fails, and keeps nothing of p.
func (f *Flight) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	f.mu.Lock()
	full := f.append(p)
	f.mu.Unlock()
	if full {
		f.cache.flights.remove(f.broadcast)
	}
	return len(p), nil
}

// Recorded gives what the leader wrote so far, as one; nil where it is too much to be kept, or the flight is over. It must not
// be changed, and may be the Body of the entry.
func (f *Flight) Recorded() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || f.partial {
		return nil
	}
	return f.body.whole()
}

// Done ends the flight with a whole and good answer, which is kept. Of the entry, what the flight knows is filled in: with a
// Status of 0 that, ContentType and Stream are those of Begin; a nil Body is what was written; Asked, Stored and Labels are always
// the flight's. The entry is the cache's from then on. It says whether the answer was kept: not when its TTL is 0, it is too
// large, or it was purged meanwhile.
func (f *Flight) Done(e *Entry) bool {
	if !f.fill(e) {
		return false
	}
	kept := f.cache.keep(f.broadcast, e)
	f.end(e, nil, false)
	return kept
}

// Share ends the flight with a whole answer for those who follow, which is not kept. The entry is as in Done, unless Lookup
// gave it: then it is left as it is.
func (f *Flight) Share(e *Entry) {
	if e.Stored.IsZero() && !f.fill(e) {
		return
	}
	f.end(e, nil, false)
}

// Fail ends the flight. Own says that it failed for a reason of the leader's alone, so that one of the others is to take
// over; else all of them fail by the same error. Of a stream that has begun, the error's event was written before, unless own.
func (f *Flight) Fail(err *exchange.Error, own bool) { f.end(nil, err, own) }

// Abandon is Fail with own for a flight that is not over, and nothing for one that is.
func (f *Flight) Abandon() { f.end(nil, nil, true) }

// Followers gives how many follow now.
func (f *Flight) Followers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.following)
}

// OnAlone sets what is called, at most once and by another goroutine, when the last follower leaves after Detach. It must not
// block. It is set before Detach.
func (f *Flight) OnAlone(call func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.alone = call
}

// Detach says that the leader's client has left, and gives whether nobody follows: then the leader is to give up, and who comes
// later makes another flight. Otherwise it goes on until what OnAlone was given is called.
func (f *Flight) Detach() (alone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.detached = true
	if len(f.following) == 0 {
		f.closed = true
	}
	return len(f.following) == 0
}
