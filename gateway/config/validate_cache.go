// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// millionths make a whole.
const millionths = 1_000_000

// minThreshold is the least cosine, in millionths, of which a user could say that two questions mean the same.
const minThreshold = 500_000

func (c *contentCheck) cache(at string, cache *Cache) {
	if cache == nil {
		return
	}
	if e := cache.Exact; e != nil {
		c.kept(at+".exact", &e.Kept)
		c.counted(at+".exact.maxBytes", e.MaxBytes)
		c.counted(at+".exact.maxEntryBytes", e.MaxEntryBytes)
		if e.MaxEntryBytes > e.MaxBytes {
			c.add("%s.exact.maxEntryBytes: %d is above maxBytes, %d", at, e.MaxEntryBytes, e.MaxBytes)
		}
		if e.Shared && c.document.Core.Gateway.Store == nil {
			c.add("%s.exact.shared: means nothing without gateway.store", at)
		}
	}
	if s := cache.Semantic; s != nil {
		c.kept(at+".semantic", &s.Kept)
		if s.Threshold < minThreshold || s.Threshold > millionths {
			c.add("%s.semantic.threshold: %d is not within %d and %d", at, s.Threshold, minThreshold, millionths)
		}
		c.counted(at+".semantic.maxEntries", int64(s.MaxEntries))
		c.target(at+".semantic.embeddings", &s.Embeddings, c.providers)
	}
}

func (c *contentCheck) kept(at string, k *Kept) {
	known(c, at+".scope", k.Scope, CacheScopes)
	known(c, at+".charge", k.Charge, CacheCharges)
	if k.TTL <= 0 || k.TTL > MaxCacheTTL {
		c.add("%s.ttl: %s is not positive, or above %s", at, k.TTL, MaxCacheTTL)
	}
}
