// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"math"
	"math/bits"

	"github.com/sparkgateway/spark/gateway/config"
)

// Candidate is a target that a request may go to.
type Candidate struct {
	// Load of the target, not nil.
	Load *Load
	// ID is the same for the target in every process: HashOf its names.
	ID uint64
	// Weight is the target's share in proportion to others; below 1 it counts as 1.
	Weight int64
	// Cost of the request there, in any unit that the candidates share; NaN where the price is not known.
	Cost float64
}

// Question is what a target is chosen by.
type Question struct {
	Strategy config.Strategy
	Now      int64
	// Streamed says which latencies count.
	Streamed bool
	// Sticky makes the strategy Weighted give one target to all requests of the same Hash, as long as that may be chosen.
	// Other strategies have no use for it.
	Sticky bool
	// Hash is HashOf what is to stay at a target.
	Hash uint64
}

// Pick gives the index of the candidate to try next, of those whose bit is set in among, -1 where there is none. Candidates
// beyond the 32nd are not seen. Random gives uniform numbers. It does not allocate.
func Pick(q Question, of []Candidate, among uint32, random func() uint64) int {
	if len(of) < 32 {
		among &= 1<<len(of) - 1
	}
	switch bits.OnesCount32(among) {
	case 0:
		return -1
	case 1:
		return bits.TrailingZeros32(among)
	}
	switch {
	case q.Strategy == config.LeastInFlight:
		return leastInFlight(of, among, random)
	case q.Strategy == config.LowestLatency:
		return lowestLatency(q, of, among, random)
	case q.Strategy == config.LowestCost:
		return lowestCost(of, among, random)
	case q.Sticky:
		return rendezvous(q.Hash, of, among)
	}
	return weighted(of, among, random)
}

func (c *Candidate) weight() int64 { return max(c.Weight, 1) }

// below gives a number from 0 to n-1. Its bias is n in 2^64, which nobody can see.
func below(n int64, random func() uint64) int64 {
	high, _ := bits.Mul64(random(), uint64(n))
	return int64(high)
}

func weighted(of []Candidate, among uint32, random func() uint64) int {
	var total int64
	for left := among; left != 0; left &= left - 1 {
		total += of[bits.TrailingZeros32(left)].weight()
	}
	at := below(total, random)
	left := among
	for ; left&(left-1) != 0; left &= left - 1 {
		i := bits.TrailingZeros32(left)
		if at -= of[i].weight(); at < 0 {
			return i
		}
	}
	return bits.TrailingZeros32(left)
}

// leastInFlight gives the candidate that would have the fewest attempts under way for its weight, the next one included.
func leastInFlight(of []Candidate, among uint32, random func() uint64) int {
	best, count, weight, alike := -1, int64(0), int64(0), int64(0)
	for left := among; left != 0; left &= left - 1 {
		i := bits.TrailingZeros32(left)
		n, w := of[i].Load.InFlight()+1, of[i].weight()
		switch {
		case best < 0 || n*weight < count*w:
			best, count, weight, alike = i, n, w, 1
		case n*weight == count*w:
			if alike++; below(alike, random) == 0 {
				best, count, weight = i, n, w
			}
		}
	}
	return best
}

// trust is how many times better than another a candidate may look. One that nothing is known of, or that was not asked for
// long, looks as good as can be and is tried; were there no bound, all requests would go there until its first answer
// came. So it holds at most so many times the attempts of another. Where a target is known to be better still, this costs
// little: the slower one is given more to do at once, but each of its attempts keeps it busy for longer.
const trust = 8

// lowestLatency draws two candidates and gives the one at which the product of latency and attempts under way is the lesser.
// Two, not all, since every request that comes before the next answer would otherwise choose the same one.
func lowestLatency(q Question, of []Candidate, among uint32, random func() uint64) int {
	n := int64(bits.OnesCount32(among))
	first, second := below(n, random), below(n-1, random)
	if second >= first {
		second++
	}
	a, b := nth(among, first), nth(among, second)
	slowA := float64(of[a].Load.Latency(q.Now, q.Streamed))
	slowB := float64(of[b].Load.Latency(q.Now, q.Streamed))
	// Where nothing is known of either, their attempts alone decide.
	slowA, slowB = max(slowA, slowB/trust, 1), max(slowB, slowA/trust, 1)
	if slowB*float64(of[b].Load.InFlight()+1) < slowA*float64(of[a].Load.InFlight()+1) {
		return b
	}
	return a
}

// nth gives the place of the nth bit that is set.
func nth(set uint32, n int64) int {
	for ; n > 0; n-- {
		set &= set - 1
	}
	return bits.TrailingZeros32(set)
}

func lowestCost(of []Candidate, among uint32, random func() uint64) int {
	best, least, total := -1, 0.0, int64(0)
	for left := among; left != 0; left &= left - 1 {
		i := bits.TrailingZeros32(left)
		cost := of[i].Cost
		if math.IsNaN(cost) {
			cost = math.Inf(1)
		}
		switch {
		case best < 0 || cost < least:
			best, least, total = i, cost, of[i].weight()
		case cost == least:
			total += of[i].weight()
			if below(total, random) < of[i].weight() {
				best = i
			}
		}
	}
	return best
}
