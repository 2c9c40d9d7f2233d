// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package limit says how many requests an identity may make: GCRA buckets that hold one time each, the theoretical
// arrival time (TAT) of the next request that would find the bucket empty.
//
// A bucket is state and a Limit is policy: buckets outlive snapshots and edits of the limit they are used with.
package limit

import (
	"math"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Limit is a request limit in the form that GCRA computes with. Times are nanoseconds since an epoch that the caller
// chooses once.
type Limit struct {
	interval  int64 // between two requests at the allowed rate
	tolerance int64 // how far the TAT may be ahead: burst × interval
	burst     int64
	per       config.Duration
	count     int64 // as configured
}

// NewLimit converts a limit of the document, whose fields are positive.
func NewLimit(l config.RequestLimit) Limit {
	interval := max(int64(l.Per)/l.Count, 1)
	tolerance := int64(math.MaxInt64 / 4)
	if l.Burst < tolerance/interval {
		tolerance = l.Burst * interval
	}
	return Limit{interval: interval, tolerance: tolerance, burst: l.Burst, per: l.Per, count: l.Count}
}

// Decision is what a caller should be told. The zero value says that no limit applied.
type Decision struct {
	// Limited says that a limit applied, so that the numbers mean something.
	Limited bool
	// Refused says that the request must not go on.
	Refused bool
	// Limit is how many requests may come at once, Remaining how many of them may still come now.
	Limit, Remaining int64
	// Reset is the time until Remaining is Limit again, RetryAfter until one request may come; 0 when not refused.
	Reset, RetryAfter time.Duration
}

// take gives the TAT after one more request at now, and whether it is allowed. A TAT from before an edit that made the
// limit narrower counts as a full bucket, not as a debt of its former size.
func (l Limit) take(tat, now int64) (next int64, ok bool) {
	next = l.clamp(tat, now) + l.interval
	return next, next-now <= l.tolerance
}

func (l Limit) clamp(tat, now int64) int64 { return min(max(tat, now), now+l.tolerance) }

func (l Limit) allowed(next, now int64) Decision {
	return Decision{
		Limited: true, Limit: l.burst,
		Remaining: (l.tolerance - (next - now)) / l.interval,
		Reset:     time.Duration(next - now),
	}
}

func (l Limit) refused(next, now int64) Decision {
	return Decision{
		Limited: true, Refused: true, Limit: l.burst,
		Reset:      time.Duration(next - l.interval - now),
		RetryAfter: time.Duration(next - now - l.tolerance),
	}
}

// tighter says that a is what the caller of both limits should be told: the refusal with the longest wait, or else the
// limit with the least remaining.
func tighter(a, b Decision) bool {
	switch {
	case !b.Limited:
		return true
	case a.Refused != b.Refused:
		return a.Refused
	case a.Refused:
		return a.RetryAfter > b.RetryAfter
	default:
		return a.Remaining < b.Remaining
	}
}
