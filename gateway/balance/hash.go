// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"math"
	"math/bits"
)

// HashOf gives a number for texts, the same in every process and version, since all pods must send a user to the same
// target. Where one text ends and the next begins counts: ("ab", "c") is not ("a", "bc"). It is no defence against those
// who look for collisions. It is FNV-1a over each text and its length, mixed, as FNV alone leaves similar texts near each
// other.
func HashOf[T string | []byte](parts ...T) uint64 {
	const (
		offset = 14695981039346656037
		prime  = 1099511628211
	)
	h := uint64(offset)
	for _, part := range parts {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * prime
		}
		h = (h ^ uint64(len(part))) * prime
	}
	return mix(h)
}

// mix spreads a number over all bits (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// rendezvous gives each hash an order of the candidates that does not depend on who else is there, so that taking one out
// moves only those who were with it, and they spread over the others by weight.
func rendezvous(hash uint64, of []Candidate, among uint32) int {
	best, least := -1, math.Inf(1)
	for left := among; left != 0; left &= left - 1 {
		i := bits.TrailingZeros32(left)
		if at := draw(hash, of[i].ID) / float64(of[i].weight()); at < least {
			best, least = i, at
		}
	}
	return best
}

// draw gives the time of the first event of a Poisson process of rate 1 that belongs to a user and a target: divided by the
// target's weight, it is the least of all with a probability in proportion to the weight.
func draw(hash, id uint64) float64 {
	const steps = 1 << 53
	uniform := (float64(mix(hash^id)>>11) + 0.5) / steps
	return -math.Log(uniform)
}
