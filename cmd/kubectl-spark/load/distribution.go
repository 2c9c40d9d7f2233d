// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// MaxTimeout bounds a request, and with it what a distribution can hold.
const MaxTimeout = time.Hour

// Distribution holds durations of up to MaxTimeout, to three significant digits, in bounded memory. It is not safe for
// concurrent use.
type Distribution struct{ in *hdr.Histogram }

func newDistribution() Distribution {
	return Distribution{hdr.New(1, int64(2*MaxTimeout/time.Microsecond), 3)}
}

// record takes one; beyond the bounds it counts as the bound.
func (d Distribution) record(t time.Duration) {
	micros := int64((t + time.Microsecond/2) / time.Microsecond)
	_ = d.in.RecordValue(min(max(micros, 1), d.in.HighestTrackableValue()))
}

// Count is how many were recorded.
func (d Distribution) Count() int64 { return d.in.TotalCount() }

// At is the duration that so many percent of those recorded do not exceed; 0 where there is none.
func (d Distribution) At(percent float64) time.Duration {
	if d.Count() == 0 {
		return 0
	}
	return time.Duration(d.in.ValueAtPercentile(percent)) * time.Microsecond
}

// Max is the longest.
func (d Distribution) Max() time.Duration { return time.Duration(d.in.Max()) * time.Microsecond }

// Mean is the mean.
func (d Distribution) Mean() time.Duration {
	return time.Duration(d.in.Mean() * float64(time.Microsecond))
}

// forget empties it.
func (d Distribution) forget() { d.in.Reset() }
