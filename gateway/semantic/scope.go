// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"slices"
	"time"
)

// maxCompared bounds how many vectors of a scope are compared in full, so that a scope of questions that are all alike
// costs no more than these.
const maxCompared = 256

// scopeKey keeps vectors of different lengths apart too, so that a model that changes its length starts anew.
type scopeKey struct {
	scope      [32]byte
	dimensions int
}

// scope is the entries of one scope. Their sketches lie side by side, so that a search reads memory in order.
type scope struct {
	key      scopeKey
	entries  []*entry
	sketches []uint64
}

// entry is one question.
type entry struct {
	ref     Ref
	vector  vector
	labels  []string
	expires int64 // nanoseconds since 1970
	bytes   int64
	scope   *scope
	// at is the place in the scope, due that in the heap of expiries.
	at, due int
	// The neighbours by use.
	before, after *entry
}

// query is a question that is looked for, and what a search writes to.
type query struct {
	vector      vector
	sketch      sketch
	coordinates [MaxDimensions]float32
	// found are candidates: the difference of the sketches above, the place in the scope below 2^32.
	found []uint64
}

// nearest gives the live entry with the greatest cosine, if that is at least the threshold. Candidates are taken by
// their sketches, the likeliest first, until none further away can be better.
func (s *scope) nearest(q *query, threshold float32, now int64) (best *entry, cosine float32) {
	s.gather(q, threshold, now)
	far := math.MaxInt
	for _, f := range q.found {
		if int(f>>32) > far {
			break
		}
		e := s.entries[uint32(f)]
		if c := q.vector.cosine(e.vector); c >= threshold && (best == nil || c > cosine) {
			best, cosine = e, c
			far = reach(c, sketchBits)
		}
	}
	return best, cosine
}

// gather finds the candidates, in order.
func (s *scope) gather(q *query, threshold float32, now int64) {
	q.found = q.found[:0]
	far, half := reach(threshold, sketchBits), reach(threshold, sketchBits/2)
	for i, e := range s.entries {
		d := difference(&q.sketch, s.sketches[i*sketchWords:], half)
		if d > far || e.expires <= now {
			continue
		}
		q.found = append(q.found, uint64(d)<<32|uint64(uint32(i)))
		if len(q.found) == 2*maxCompared {
			slices.Sort(q.found)
			q.found = q.found[:maxCompared]
			far = int(q.found[maxCompared-1] >> 32)
		}
	}
	slices.Sort(q.found)
	q.found = q.found[:min(len(q.found), maxCompared)]
}

func (s *scope) add(e *entry, drawn *sketch) {
	e.scope, e.at = s, len(s.entries)
	s.entries = append(s.entries, e)
	s.sketches = append(s.sketches, drawn[:]...)
}

// remove puts the last entry into the place of the one that goes, and gives memory back when most of it is unused.
func (s *scope) remove(e *entry) {
	last := len(s.entries) - 1
	moved := s.entries[last]
	s.entries[e.at], moved.at = moved, e.at
	copy(s.sketches[e.at*sketchWords:], s.sketches[last*sketchWords:])
	s.entries[last] = nil
	s.entries, s.sketches = s.entries[:last], s.sketches[:last*sketchWords]
	if cap(s.entries) > 64 && cap(s.entries) > 4*last {
		s.entries, s.sketches = slices.Clone(s.entries), slices.Clone(s.sketches)
	}
	e.scope = nil
}

// nanoseconds bounds a time to what they can say: the zero time is long past, and year 3000 never comes.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Year() < 1970:
		return math.MinInt64
	case t.Year() > 2200:
		return math.MaxInt64
	}
	return t.UnixNano()
}
