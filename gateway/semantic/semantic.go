// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package semantic finds, among the questions that were answered before, the one that means the same. It holds vectors
// and the names of answers; it neither asks for embeddings nor keeps answers.
package semantic

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultEntries is Options.MaxEntries where it is not set.
	DefaultEntries = 10000
	// MaxLabels bounds the labels of a question.
	MaxLabels = 24
	// MaxLabel bounds each of them, in bytes.
	MaxLabel = 512

	// same is the cosine from which on two questions count as one: the same text, embedded twice.
	same = 0.9999
)

// Ref names an answer: it is the answer's key in the exact cache.
type Ref [32]byte

// Options are what an Index is made with.
type Options struct {
	// MaxEntries bounds the questions of all scopes together. Default 10000.
	MaxEntries int
	// MaxBytes bounds the memory of all scopes together, in bytes as Stats counts them. By default MaxEntries does alone: a
	// question of 1536 dimensions takes 3.7 KB, of 4096 nine, and its labels.
	MaxBytes int64
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Index is the questions by scope. It outlives snapshots and is safe for concurrent use.
type Index struct {
	now      func() time.Time
	planes   *planes
	maxBytes int64
	queries  sync.Pool // of *query

	mu         sync.RWMutex
	maxEntries int
	scopes     map[scopeKey]*scope
	byRef      map[Ref]*entry
	recency    recency
	expiries   expiries
	bytes      int64
	evicted    uint64
}

// New gives an empty index.
func New(o Options) *Index {
	x := &Index{
		now: o.Now, maxBytes: o.MaxBytes, maxEntries: o.MaxEntries,
		planes: newPlanes(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
		scopes: map[scopeKey]*scope{}, byRef: map[Ref]*entry{},
	}
	if x.now == nil {
		x.now = time.Now
	}
	if x.maxBytes <= 0 {
		x.maxBytes = math.MaxInt64
	}
	if x.maxEntries <= 0 {
		x.maxEntries = DefaultEntries
	}
	x.queries.New = func() any { return &query{} }
	x.recency.init()
	return x
}

// Nearest gives the answer to the question of the scope that is most alike, when the cosine of the two is at least the
// threshold. A scope is a digest of all that must be equal, the embedding model included. An answer that has expired is
// never given. An answer that was given counts as used.
func (x *Index) Nearest(scope [32]byte, vector []float32, threshold float32) (answer Ref, similarity float32, ok bool) {
	if !x.has(scope, len(vector)) {
		return Ref{}, 0, false
	}
	q := x.queries.Get().(*query)
	defer x.queries.Put(q)
	if !x.draw(q, vector) {
		return Ref{}, 0, false
	}
	e, similarity := x.search(q, scope, threshold)
	if e == nil {
		return Ref{}, 0, false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	// It may have gone meanwhile.
	if e.scope != nil {
		x.recency.use(e)
	}
	return e.ref, similarity, true
}

// has says whether a search is worth its while; most scopes are empty.
func (x *Index) has(of [32]byte, dimensions int) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.scopes[scopeKey{of, dimensions}] != nil
}

func (x *Index) draw(q *query, v []float32) bool {
	var ok bool
	if q.vector, ok = quantise(v, q.vector.values); ok {
		x.planes.draw(q.vector.values, &q.coordinates, &q.sketch)
	}
	return ok
}

func (x *Index) search(q *query, of [32]byte, threshold float32) (*entry, float32) {
	now := nanoseconds(x.now())
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.scopes[scopeKey{of, len(q.vector.values)}]; s != nil {
		return s.nearest(q, threshold, now)
	}
	return nil, 0
}

// Add remembers the question that ref answers, in place of one with the same ref, or with nearly the same vector in the
// same scope. Labels are what Purge sees. It gives false, and remembers nothing, for a vector that has no direction, a
// number that is not finite or more than MaxDimensions, for labels beyond MaxLabels, and for one that has expired.
func (x *Index) Add(scope [32]byte, vector []float32, ref Ref, labels []string, expires time.Time) bool {
	now := nanoseconds(x.now())
	e := &entry{ref: ref, expires: nanoseconds(expires)}
	if e.expires <= now || !e.label(labels) {
		return false
	}
	q := x.queries.Get().(*query)
	defer x.queries.Put(q)
	if !x.draw(q, vector) {
		return false
	}
	e.vector = q.vector
	e.vector.values = slices.Clone(q.vector.values)
	e.bytes += entryBytes + 2*int64(len(vector))
	if e.bytes+scopeBytes > x.maxBytes {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expire(now)
	if old := x.byRef[ref]; old != nil {
		x.drop(old)
	}
	key := scopeKey{scope, len(vector)}
	if s := x.scopes[key]; s != nil {
		if old, _ := s.nearest(q, same, now); old != nil {
			x.drop(old)
		}
	}
	x.evict(1, e.bytes+scopeBytes)
	x.insert(key, e, &q.sketch)
	return true
}

// label gives the entry labels of its own, so that it does not keep what they were cut from.
func (e *entry) label(labels []string) bool {
	if len(labels) > MaxLabels {
		return false
	}
	for _, l := range labels {
		if len(l) > MaxLabel {
			return false
		}
		e.labels = append(e.labels, strings.Clone(l))
		e.bytes += int64(len(l)) + 16
	}
	return true
}
