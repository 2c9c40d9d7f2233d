// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/gcra"
)

// bucket is this process' part of a limit, with what was taken from it. A request limit and a token limit differ only in
// what may be taken at once.
type bucket struct {
	limit gcra.Rate // the whole
	rate  gcra.Rate
	taken gcra.Bucket
	since uint64 // the generation of limits that it came with
}

func requestBucket(l config.RequestLimit, pods int64) bucket {
	return partOf(gcra.Single(l.Count, time.Duration(l.Per), l.Burst), pods)
}

func tokenBucket(l config.TokenLimit, pods int64) bucket {
	return partOf(gcra.Bulk(l.Count, time.Duration(l.Per)), pods)
}

func partOf(limit gcra.Rate, pods int64) bucket { return bucket{limit: limit, rate: limit.Split(pods)} }

// share makes it the part of one of so many. What was taken stays taken.
func (b *bucket) share(pods, now int64) {
	rate := b.limit.Split(pods)
	b.taken.Resplit(&rate, &b.rate, now)
	b.rate = rate
}

// wait gives the time until n units may be taken, 0 for now.
func (b *bucket) wait(now, n int64) time.Duration { return b.taken.Wait(&b.rate, now, n) }

func (b *bucket) take(now, n int64) { b.taken.Take(&b.rate, now, n) }

// correct replaces a reservation of estimate units by the truth.
func (b *bucket) correct(now, estimate, truth int64) { b.taken.Correct(&b.rate, now, estimate, truth) }

// inherit takes over what was taken from a bucket of the same period, and of as many pods.
func (b *bucket) inherit(from *bucket, now int64) {
	b.since = from.since
	b.taken.Inherit(&b.rate, &from.taken, &from.rate, now)
}
