// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// shards is how many parts the groups have.
const shards = 16

// roster is all the groups. Those that exist are found in their shards; who comes and goes is decided by one at a time.
type roster struct {
	shards [shards]shard

	// mu is taken before that of any shard.
	mu sync.Mutex
	// owners are the groups by their place, of which seen is the time. Faults and mistakes are how many there are of each.
	owners   []*group
	seen     []atomic.Int64
	faults   int
	mistakes int
	// forgotten counts groups that went for others.
	forgotten atomic.Int64
}

func (r *roster) init(most int) {
	for i := range r.shards {
		r.shards[i].groups = map[uint64]*group{}
	}
	r.seen = make([]atomic.Int64, most)
}

func (r *roster) shard(key uint64) *shard { return &r.shards[key%shards] }

// admit makes a place for a group and counts its first event, or counts it for the group of this key that came before.
func (r *roster) admit(g *group, e *Event, counted func(*group)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shard(g.key)
	s.mu.Lock()
	if known := s.groups[g.key]; known != nil {
		known.add(e)
		counted(known)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	place := len(r.owners)
	if place == len(r.seen) {
		place = r.oldest(g.fault)
		r.forget(place)
		r.owners[place] = g
	} else {
		r.owners = append(r.owners, g)
	}
	g.shard, g.seen = s, &r.seen[place]
	r.tally(g, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	g.seen.Store(0)
	s.groups[g.key] = g
	g.add(e)
	counted(g)
}

func (r *roster) tally(g *group, by int) {
	if g.fault {
		r.faults += by
	} else {
		r.mistakes += by
	}
}

// oldest gives the place of the group to forget for one of a level: the least recently seen of the level that has more than
// its half of the places, so that strangers who make all kinds of mistakes cannot push out what went wrong here.
func (r *roster) oldest(fault bool) int {
	level := fault
	if r.faults != r.mistakes {
		level = r.faults > r.mistakes
	}
	place, first := 0, int64(math.MaxInt64)
	for i, g := range r.owners {
		if g.fault != level {
			continue
		}
		if seen := r.seen[i].Load(); seen < first {
			place, first = i, seen
		}
	}
	return place
}

// forget takes a group out, but not its place.
func (r *roster) forget(place int) {
	g := r.owners[place]
	g.shard.mu.Lock()
	delete(g.shard.groups, g.key)
	g.shard.mu.Unlock()
	r.tally(g, -1)
	r.forgotten.Add(1)
}

// resize changes how many places there are.
func (r *roster) resize(most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if most == len(r.seen) {
		return
	}
	for len(r.owners) > most {
		place := r.oldest(false)
		r.forget(place)
		last := len(r.owners) - 1
		r.move(r.owners[last], &r.seen[place])
		r.owners[place] = r.owners[last]
		r.owners = slices.Delete(r.owners, last, last+1)
	}
	seen := make([]atomic.Int64, most)
	for i, g := range r.owners {
		r.move(g, &seen[i])
	}
	r.seen = seen
}

// move gives a group another place to be seen at.
func (r *roster) move(g *group, to *atomic.Int64) {
	g.shard.mu.Lock()
	defer g.shard.mu.Unlock()
	to.Store(g.seen.Load())
	g.seen = to
}

// all gives the groups in the order of their places.
func (r *roster) all() []*group {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.owners)
}
