// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import "github.com/sparkgateway/spark/gateway/config"

// CacheResult is what the cache had to do with a request.
type CacheResult uint8

// The results.
const (
	// CacheNone: there is no cache for it.
	CacheNone CacheResult = iota
	// CacheBypass: the request is not one whose answer is kept, or does not want to be.
	CacheBypass
	// CacheMiss: the provider had to be asked.
	CacheMiss
	// CacheHit: the provider was not asked, or by another request.
	CacheHit

	// CacheResults is their number.
	CacheResults
)

var cacheResultWords = [CacheResults]string{"", "bypass", "miss", "hit"}

// String gives the word of headers, logs and records; "" for CacheNone.
func (r CacheResult) String() string {
	if r < CacheResults {
		return cacheResultWords[r]
	}
	return "unknown"
}

// CacheTier is where a hit came from.
type CacheTier uint8

// The tiers.
const (
	TierNone CacheTier = iota
	// TierMemory: the pod's own.
	TierMemory
	// TierShared: the store.
	TierShared
	// TierFlight: another request that was under way.
	TierFlight
	// TierSemantic: the answer to a question that means the same.
	TierSemantic

	// CacheTiers is their number.
	CacheTiers
)

var cacheTierWords = [CacheTiers]string{"", "memory", "shared", "flight", "semantic"}

// String gives the word of metrics and logs; "" for TierNone.
func (t CacheTier) String() string {
	if t < CacheTiers {
		return cacheTierWords[t]
	}
	return "unknown"
}

// Caching is what the cache had to do with a request.
type Caching struct {
	Result CacheResult
	Tier   CacheTier
	// Why says of a bypass why, as one word; else it is empty.
	Why string
	// Saved is what the answer of a hit took when it was made, SavedCost what that cost. Where the request was charged for it, they
	// stand in the Attempt as well.
	Saved     Usage
	SavedCost config.Money
	// Similarity is the cosine of a semantic hit's questions.
	Similarity float32
}
