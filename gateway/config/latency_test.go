// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestAQuantileIsTheBoundOfTheBucketThatItEndsIn(t *testing.T) {
	counted := func(took ...time.Duration) []int64 {
		counts := make([]int64, config.LatencyBuckets)
		for _, d := range took {
			counts[config.LatencyBucket(d)]++
		}
		return counts
	}
	many := func(n int64, d time.Duration, more ...time.Duration) []int64 {
		counts := counted(more...)
		counts[config.LatencyBucket(d)] += n
		return counts
	}
	for name, c := range map[string]struct {
		counts []int64
		q      float64
		want   time.Duration
	}{
		"of nothing":                            {nil, 0.95, 0},
		"of empty buckets":                      {counted(), 0.5, 0},
		"of one":                                {counted(time.Second), 0.5, config.LatencyBound(config.LatencyBucket(time.Second))},
		"of the quickest":                       {counted(time.Microsecond), 0.99, time.Millisecond},
		"the last of twenty":                    {many(19, time.Millisecond, time.Minute), 0.96, config.LatencyBound(config.LatencyBucket(time.Minute))},
		"one before the last":                   {many(19, time.Millisecond, time.Minute), 0.95, time.Millisecond},
		"so small a share that it is the first": {many(19, time.Minute, time.Millisecond), 0.001, time.Millisecond},
		"trailing zeros left out":               {[]int64{1}, 0.5, time.Millisecond},
		"more buckets than there are":           {append(counted(), 3), 0.5, config.LatencyBound(config.LatencyBuckets - 1)},
		"what cannot be is none, and takes nothing away": {[]int64{-5, 2}, 0.5, config.LatencyBound(1)},
	} {
		if got := config.LatencyQuantile(c.counts, c.q); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
