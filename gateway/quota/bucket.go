// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"math"
	"math/bits"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// long bounds what is computed with, so that sums of a few of them do not overflow; never is before every time.
const (
	long  = int64(1) << 60
	never = math.MinInt64 / 4
)

// bucket is a limit with what was taken from it, held as one time: when it will be full again (GCRA). A request limit and
// a token limit differ only in what may be taken at once.
type bucket struct {
	count, per int64 // count units each per nanoseconds
	tolerance  int64 // how far full may be ahead of now: what may be taken at once, as time
	full       int64
	since      uint64 // the generation of limits that it came with
}

func requestBucket(l config.RequestLimit) bucket {
	b := bucket{count: l.Count, per: min(int64(l.Per), long), full: never}
	b.tolerance = long
	if one := b.cost(1); l.Burst < long/one {
		b.tolerance = l.Burst * one
	}
	return b
}

func tokenBucket(l config.TokenLimit) bucket {
	per := min(int64(l.Per), long)
	return bucket{count: l.Count, per: per, tolerance: per, full: never}
}

// cost gives the time in which n units come back, at least 1 and at most that of three periods: a reservation of one, all
// else that was there, and the largest debt. More would change nothing.
func (b *bucket) cost(n int64) int64 {
	high, low := bits.Mul64(uint64(min(n, 3*min(b.count, long))), uint64(b.per))
	whole, rest := bits.Div64(high, low, uint64(b.count))
	if rest > 0 {
		whole++
	}
	return max(int64(whole), 1)
}

// reserve gives what a reservation of n units costs: no more than the bucket holds, so that any request can pass once.
func (b *bucket) reserve(n int64) int64 { return min(b.cost(n), b.tolerance) }

// wait gives the time until n units may be taken, 0 for now.
func (b *bucket) wait(now, n int64) time.Duration {
	return time.Duration(max(max(b.full, now)+b.reserve(n)-b.tolerance-now, 0))
}

func (b *bucket) take(now, n int64) { b.full = max(b.full, now) + b.reserve(n) }

// correct replaces a reservation of estimate units by the truth. Too much taken becomes a debt, of a period at most.
func (b *bucket) correct(now, estimate, truth int64) {
	var before, after int64
	if estimate > 0 {
		before = b.reserve(estimate)
	}
	if truth > 0 {
		after = b.cost(truth)
	}
	if after <= before {
		b.full = max(b.full-(before-after), never)
		return
	}
	b.full = max(b.full, now) + after - before
	// A debt that other limits left behind may be larger already.
	b.full = max(min(b.full, now+b.tolerance+b.per), b.full-(after-before))
}

// inherit takes over what was taken from a bucket of the same period. It is as many units as before, but where the limit
// became narrower, no more than the whole of it: it must not shut the provider out for many periods.
func (b *bucket) inherit(from *bucket, now int64) {
	b.since = from.since
	ahead := from.full - now
	if ahead <= 0 {
		return
	}
	// As units, then as time again: ahead × from.count / b.count, bounded.
	high, low := bits.Mul64(uint64(ahead), uint64(from.count))
	scaled := uint64(long)
	if high < uint64(b.count) {
		scaled, _ = bits.Div64(high, low, uint64(b.count))
	}
	b.full = now + int64(min(scaled, uint64(b.tolerance)))
}
