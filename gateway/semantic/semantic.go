// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package semantic finds, among the questions that were answered before, the one that means the same. It holds vectors
// and the names of answers; it neither asks for embeddings nor keeps answers.
package semantic

import (
	"time"
)

// Ref names an answer: it is the answer's key in the exact cache.
type Ref [32]byte

// Options are what an Index is made with.
type Options struct {
	// MaxEntries bounds the questions of all scopes together. Default 10000.
	MaxEntries int
	// MaxBytes bounds the memory of all scopes together, in bytes as Stats counts them. Default 128 MiB.
	MaxBytes int64
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Index is the questions by scope. It outlives snapshots and is safe for concurrent use.
type Index struct{}

// New gives an empty index.
func New(Options) *Index { return &Index{} }

// Resize sets how many questions there may be, and drops the least recently used ones beyond. Values below 1 mean the
// default.
func (x *Index) Resize(int) {}

// Nearest gives the answer to the question of the scope that is most alike, when the cosine of the two is at least the
// threshold. An answer that has expired is never given. An answer that was given counts as used.
func (x *Index) Nearest([32]byte, []float32, float32) (answer Ref, similarity float32, ok bool) {
	return Ref{}, 0, false
}

// Add remembers the question that ref answers, in place of one with the same ref, or with nearly the same vector in the
// same scope. Labels are what Purge sees. It gives false, and remembers nothing, for a vector that has no direction, a
// number that is not finite or more than MaxDimensions, for labels beyond MaxLabels, and for one that has expired.
func (x *Index) Add([32]byte, []float32, Ref, []string, time.Time) bool { return false }

// Remove forgets the question that ref answers, and says whether there was one.
func (x *Index) Remove(Ref) bool { return false }

// Purge forgets the questions whose labels match, and gives their number. It asks under a lock: match is to be quick,
// and not to call the index.
func (x *Index) Purge(func(labels []string) bool) int { return 0 }

// Stats is what an index holds.
type Stats struct {
	// Entries is the number of questions, Scopes that of the scopes with any.
	Entries, Scopes int
	// Bytes is about what they take, in memory.
	Bytes int64
	// Evicted counts the questions that had to go to make room, since the index was made.
	Evicted uint64
}

// Stats gives what the index holds now.
func (x *Index) Stats() Stats { return Stats{} }
