// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"math/bits"
	"time"
)

// StatePath gives a State by GET.
const StatePath = "/v1/state"

// State is what one gateway process has seen of the providers. It belongs to the process, not to a configuration.
type State struct {
	// Instance is the process's, as in its Ack.
	Instance string `json:"instance"`
	// Providers of the configuration that is served, in its order.
	Providers []ProviderState `json:"providers,omitempty"`
}

// ProviderState is what one process has seen of one provider.
type ProviderState struct {
	// ID is a Provider.ID.
	ID string `json:"id"`
	// Attempts of the last minute, and how many of them failed by the provider's fault.
	Attempts int64 `json:"attempts,omitempty"`
	Failures int64 `json:"failures,omitempty"`
	// Latency says how many of the last minute's answers began how fast: by LatencyBucket, trailing zeros left out.
	Latency []int64 `json:"latency,omitempty"`
	// Out are the provider's models whose breaker is not closed, sorted by name.
	Out []BreakerState `json:"out,omitempty"`
	// Health is what the health check found: nil without one, or before its first result.
	Health *HealthState `json:"health,omitempty"`
}

// The states of a breaker.
const (
	BreakerClosed   = "Closed"
	BreakerHalfOpen = "HalfOpen"
	BreakerOpen     = "Open"
)

// BreakerState is a breaker that is not closed.
type BreakerState struct {
	// Model is the name of the model in the configuration, or "other" for those that only applications name.
	Model string `json:"model"`
	State string `json:"state"`
	// Reason is a phrase such as "5 failures in a row".
	Reason string `json:"reason"`
	// Since is when the breaker left Closed, Until when an open one lets the next request through.
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
}

// HealthState is the result of health checks.
type HealthState struct {
	Healthy bool `json:"healthy"`
	// Reason is a phrase such as "status 503", empty while healthy.
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// LatencyBuckets is how many buckets a latency may fall into.
const LatencyBuckets = 96

// latencyBounds are those of the buckets: each bucket is a fifth wider than the one before, and four double.
var latencyBounds = func() (bounds [LatencyBuckets]time.Duration) {
	for i := range bounds {
		bounds[i] = time.Duration(math.Round(math.Pow(2, float64(i)/4) * float64(time.Millisecond)))
	}
	return bounds
}()

// LatencyBucket gives the bucket of a latency: 0 up to a millisecond, then by a factor of 2^(1/4) each.
func LatencyBucket(d time.Duration) int {
	if d <= latencyBounds[0] {
		return 0
	}
	// A power of two of milliseconds that it is longer than, and up to four steps from there: a logarithm takes three times as long.
	bucket := (bits.Len64(uint64((d-1)/time.Millisecond)) - 1) * 4
	for bucket < LatencyBuckets-1 && d > latencyBounds[bucket] {
		bucket++
	}
	return min(bucket, LatencyBuckets-1)
}

// LatencyBound gives the upper bound of a bucket, 0 to LatencyBuckets-1.
func LatencyBound(bucket int) time.Duration { return latencyBounds[bucket] }

// LatencyQuantile gives the time within which so much of the whole, above 0 and at most 1, was done: the upper bound of the bucket that it
// ends in. counts are by LatencyBucket; those beyond the last bucket, which a process of another release may tell, belong to it, and
// negative ones are none. 0 says that nothing was counted.
func LatencyQuantile(counts []int64, q float64) time.Duration {
	var all, seen int64
	for _, n := range counts {
		all += max(n, 0)
	}
	rank := max(int64(math.Ceil(q*float64(all))), 1)
	for bucket, n := range counts {
		if seen += max(n, 0); seen >= rank {
			return LatencyBound(min(bucket, LatencyBuckets-1))
		}
	}
	return 0
}
