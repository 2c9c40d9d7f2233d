// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"math"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// maxMinutes is how far an overview looks back.
const maxMinutes = 60

// counts are how many fell into each LatencyBucket, over several pods.
type counts [config.LatencyBuckets]int64

// add takes in one pod's word. A pod of another release may know more buckets: the last one takes what is beyond.
func (c *counts) add(told []int64) {
	for i, n := range told {
		c[min(i, len(c)-1)] += max(n, 0)
	}
}

// quantile gives the milliseconds within which so much of the whole (0 to 1) was done, as config.LatencyQuantile has it; 0
// without any.
func (c *counts) quantile(q float64) float64 {
	ms := float64(config.LatencyQuantile(c[:], q)) / float64(time.Millisecond)
	return math.Round(ms*10) / 10
}

// sum is one minute over several pods.
type sum struct {
	minute          Minute
	duration, first counts
	lookups, hits   int64
}

func (s *sum) add(m *config.TrafficMinute) {
	s.minute.Requests += m.Requests
	s.minute.Failed += m.Failed
	s.minute.Refused += m.Refused
	s.minute.Tokens += m.Tokens
	s.minute.Cost += m.Cost
	s.duration.add(m.Duration)
	s.first.add(m.FirstToken)
	s.lookups += max(m.Lookups, 0)
	s.hits += min(max(m.Hits, 0), max(m.Lookups, 0))
}

func (s *sum) told() Minute {
	m := s.minute
	m.P50, m.P95, m.P99 = s.duration.quantile(0.5), s.duration.quantile(0.95), s.duration.quantile(0.99)
	m.FirstP50, m.FirstP95 = s.first.quantile(0.5), s.first.quantile(0.95)
	if s.lookups > 0 {
		rate := float64(s.hits) / float64(s.lookups)
		m.HitRate = &rate
	}
	return m
}

// traffic puts minutes together that pods tell of, by the wall clock: from the first that one of them tells of, at most 60 back, to the
// last. A minute of which nobody tells anything in between had no requests. A clock that runs ahead of now does not move the others' out.
func traffic(told []*config.Health, now time.Time) []Minute {
	last := now.UTC().Truncate(time.Minute)
	begin := last.Add(-(maxMinutes - 1) * time.Minute)
	sums := map[time.Time]*sum{}
	first, newest := last, time.Time{}
	for _, h := range told {
		for i := range h.Traffic {
			at := h.Traffic[i].At.UTC().Truncate(time.Minute)
			if at.Before(begin) || at.After(last) {
				continue
			}
			if sums[at] == nil {
				sums[at] = &sum{minute: Minute{At: at}}
			}
			sums[at].add(&h.Traffic[i])
			if at.Before(first) {
				first = at
			}
			if at.After(newest) {
				newest = at
			}
		}
	}
	out := []Minute{}
	if len(sums) == 0 {
		return out
	}
	for at := first; !at.After(newest); at = at.Add(time.Minute) {
		if s := sums[at]; s != nil {
			out = append(out, s.told())
		} else {
			out = append(out, Minute{At: at})
		}
	}
	return out
}
