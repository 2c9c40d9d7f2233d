// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gcra is the arithmetic of limits that refill evenly (the generic cell rate algorithm): all that was taken of one is
// a single time, at which it will be full again.
//
// Times are nanoseconds since an epoch that the caller chooses once, and never negative. Every rounding is against the
// taker: what is taken in any time, less what is given back in it, is never more than what may come at once and what
// refills meanwhile.
package gcra

import (
	"math/bits"
	"time"
)

// long bounds what is computed with, so that sums of a few of them do not overflow.
const long = int64(1) << 60

// Rate is how fast a bucket refills, and how much it holds. It is immutable; two that are equal are the same.
type Rate struct {
	count, per int64 // count units each per nanoseconds
	tolerance  int64 // how far a bucket may be ahead of now: what may be taken at once, as time
	most       int64 // how much one reservation may take, as time
	debt       int64 // how far a bucket may get beyond its tolerance
	period     int64 // per, before it was shared out
}

// Single gives a rate of things that are taken one by one: count each per, of which burst may come at once. All are
// positive.
func Single(count int64, per time.Duration, burst int64) Rate {
	p := min(int64(per), long)
	r := Rate{count: count, per: p, tolerance: long, debt: p, period: p}
	if one := r.Cost(1); burst < long/one {
		r.tolerance = burst * one
	}
	r.most = r.tolerance
	return r
}

// Bulk gives a rate of things that are taken many at a time: count each per, all of which may come at once. Both are
// positive.
func Bulk(count int64, per time.Duration) Rate {
	p := min(int64(per), long)
	return Rate{count: count, per: p, tolerance: p, most: p, debt: p, period: p}
}

// Share gives the nth part of a rate and of what may come at once, but at least one unit. What is taken of a bucket at the
// one counts as as large a part of it at the other.
func (r Rate) Share(n int64) Rate {
	if n <= 1 {
		return r
	}
	r.per = times(r.period, n)
	r.tolerance = max(r.tolerance, r.Cost(1))
	r.most = r.tolerance
	return r
}

// Split gives the nth part of a whole rate, for one of n takers that know nothing of each other, so that all of them
// together take what one would take of the whole. Unlike at a Share, who takes more than the part holds pays for it, up to
// what the whole holds.
func (r Rate) Split(n int64) Rate {
	if n <= 1 {
		return r
	}
	part := r.Share(n)
	part.most = max(times(r.most, n), part.tolerance)
	part.debt = times(r.debt, n)
	return part
}

// times gives n times a time, bounded.
func times(t, n int64) int64 {
	if n < long/t {
		return n * t
	}
	return long
}

// Holds gives how many units may come at once.
func (r *Rate) Holds() int64 { return r.units(r.tolerance) }

// HoldsSingly is Holds in units that are taken one by one, each of which rounds.
func (r *Rate) HoldsSingly() int64 { return r.tolerance / r.Cost(1) }

// Valid says that the rate is not the zero value.
func (r *Rate) Valid() bool { return r.count > 0 }

// SamePeriod says that two rates have the same period, so that one may be an edit of the other.
func (r *Rate) SamePeriod(o *Rate) bool { return r.per == o.per }

// Cost gives the time in which n units come back, 0 for none.
func (r *Rate) Cost(n int64) int64 {
	if n <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(n), uint64(r.per))
	if high >= uint64(r.count) {
		return long
	}
	whole, rest := bits.Div64(high, low, uint64(r.count))
	if rest > 0 {
		whole++
	}
	return int64(min(whole, uint64(long)))
}

// units gives how many units come back in a time that is not negative.
func (r *Rate) units(t int64) int64 {
	high, low := bits.Mul64(uint64(t), uint64(r.count))
	if high >= uint64(r.per) {
		return long
	}
	whole, _ := bits.Div64(high, low, uint64(r.per))
	return int64(min(whole, uint64(long)))
}

// reserve gives what a reservation of n units costs: no more than the bucket holds, or, of a part, the whole.
func (r *Rate) reserve(n int64) int64 { return min(r.Cost(n), r.most) }

// Bucket is what was taken. The zero value is full, nothing taken. It is used under its owner's lock.
type Bucket struct{ full int64 }

// Idle says that a bucket is full, as a new one is.
func (b *Bucket) Idle(now int64) bool { return b.full <= now }

// Reset gives the time until the bucket is full again.
func (b *Bucket) Reset(now int64) time.Duration { return time.Duration(max(b.full-now, 0)) }

// Wait gives the time until n units may be taken, 0 for now. More than the bucket holds may be taken when it is full.
func (b *Bucket) Wait(r *Rate, now, n int64) time.Duration {
	return time.Duration(max(max(b.full, now)+min(r.reserve(n), r.tolerance)-r.tolerance-now, 0))
}

// Take takes n units, or all that the bucket, of a part the whole, holds where they are more, whether or not they may be
// taken now.
func (b *Bucket) Take(r *Rate, now, n int64) { b.full = max(b.full, now) + r.reserve(n) }

// Left gives how many units may be taken now; below zero, how many are missing until one may, which is never more than
// a debt's.
func (b *Bucket) Left(r *Rate, now int64) int64 {
	room := r.tolerance - max(b.full-now, 0)
	if room < 0 {
		return -r.units(-room)
	}
	return r.units(room)
}

// LeftSingly is Left in units that are taken one by one, each of which rounds.
func (b *Bucket) LeftSingly(r *Rate, now int64) int64 {
	return (r.tolerance - max(b.full-now, 0)) / r.Cost(1)
}

// Correct replaces a reservation of estimate units, which Take took, by the truth. Too much taken becomes a debt, of what
// the whole refills in a period at most. What is given back refills nothing beyond full.
func (b *Bucket) Correct(r *Rate, now, estimate, truth int64) {
	before, after := r.reserve(estimate), r.Cost(truth)
	if after <= before {
		b.full = max(b.full-(before-after), 0)
		return
	}
	b.owe(now, after-before, now+r.tolerance+r.debt)
}

// Absorb takes n units that others took without looking at this bucket. Too much becomes a debt: of so many others, each of
// which took at most all of a bucket and what refilled in a period.
func (b *Bucket) Absorb(r *Rate, now, n, others int64) {
	most, all := long, r.tolerance+r.debt
	if others < long/all {
		most = others * all
	}
	b.owe(now, r.Cost(n), now+most)
}

// owe moves full ahead, to most at most. A debt that others left behind may be larger already, and stays.
func (b *Bucket) owe(now, cost, most int64) {
	was := b.full
	b.full = max(min(max(was, now)+cost, most), was)
}

// Narrow forgets what is taken beyond the whole of a bucket: a debt of a wider rate must not shut its taker out.
func (b *Bucket) Narrow(r *Rate, now int64) { b.full = min(b.full, now+r.tolerance) }

// Inherit takes over what was taken from a bucket of another rate of the same period. It is as many units as before, but
// where the rate became narrower, no more than the whole of it.
func (b *Bucket) Inherit(r *Rate, from *Bucket, was *Rate, now int64) {
	ahead := from.full - now
	if ahead <= 0 {
		b.full = from.full
		return
	}
	// As units, then as time again: ahead × was.count / r.count, bounded.
	high, low := bits.Mul64(uint64(ahead), uint64(was.count))
	scaled := uint64(long)
	if high < uint64(r.count) {
		scaled, _ = bits.Div64(high, low, uint64(r.count))
	}
	// What was borrowed of the whole stays so, but takes no longer to come back.
	most := max(r.tolerance, min(ahead, r.most))
	b.full = now + int64(min(scaled, uint64(most)))
}

// Resplit is for a bucket of one part of a whole that is of another part from now on. What was taken stays as many units.
// Where that is more than the smaller part holds it is a debt, of a period at most: whoever took of the larger part must
// not be shut out until the smaller one has brought all of it back.
func (b *Bucket) Resplit(r, was *Rate, now int64) {
	ahead := b.full - now
	if ahead <= 0 || r.per == was.per {
		return
	}
	pace := Rate{count: was.per, per: r.per}
	scaled := pace.Cost(ahead)
	if r.per > was.per {
		scaled = max(min(scaled, r.tolerance+r.period), ahead)
	}
	b.full = now + scaled
}
