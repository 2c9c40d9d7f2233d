// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/gcra"
)

// bucket is a limit with what was taken from it. A request limit and a token limit differ only in what may be taken at once.
type bucket struct {
	rate  gcra.Rate
	taken gcra.Bucket
	since uint64 // the generation of limits that it came with
}

func requestBucket(l config.RequestLimit) bucket {
	return bucket{rate: gcra.Single(l.Count, time.Duration(l.Per), l.Burst)}
}

func tokenBucket(l config.TokenLimit) bucket {
	return bucket{rate: gcra.Bulk(l.Count, time.Duration(l.Per))}
}

// wait gives the time until n units may be taken, 0 for now.
func (b *bucket) wait(now, n int64) time.Duration { return b.taken.Wait(&b.rate, now, n) }

func (b *bucket) take(now, n int64) { b.taken.Take(&b.rate, now, n) }

// correct replaces a reservation of estimate units by the truth.
func (b *bucket) correct(now, estimate, truth int64) { b.taken.Correct(&b.rate, now, estimate, truth) }

// inherit takes over what was taken from a bucket of the same period.
func (b *bucket) inherit(from *bucket, now int64) {
	b.since = from.since
	b.taken.Inherit(&b.rate, &from.taken, &from.rate, now)
}
