// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func fullCache() *config.Cache {
	kept := config.Kept{Scope: config.CacheKey, Charge: config.CacheFree, TTL: config.MaxCacheTTL, AnyTemperature: true}
	return &config.Cache{
		Exact: &config.ExactCache{Kept: kept, MaxBytes: 2, MaxEntryBytes: 2},
		Semantic: &config.SemanticCache{
			Kept: kept, Threshold: 1_000_000, MaxEntries: 1,
			Embeddings: config.Target{Provider: "team/llm", Model: "small", Upstream: "small"},
		},
	}
}

func TestCachesAreValidated(t *testing.T) {
	cache := func(edit func(*config.Cache)) func(*config.Document) {
		return func(d *config.Document) {
			d.Core.Gateway.Cache = fullCache()
			edit(d.Core.Gateway.Cache)
		}
	}
	exact := func(edit func(*config.ExactCache)) func(*config.Document) {
		return cache(func(c *config.Cache) { edit(c.Exact) })
	}
	semantic := func(edit func(*config.SemanticCache)) func(*config.Document) {
		return cache(func(c *config.Cache) { edit(c.Semantic) })
	}
	const (
		ofExact    = "gateway.cache.exact"
		ofSemantic = "gateway.cache.semantic"
	)
	wantProblems(t, map[string]edited{
		"everything":      {cache(func(*config.Cache) {}), ""},
		"a cache of none": {cache(func(c *config.Cache) { *c = config.Cache{} }), ""},
		"an unknown scope": {
			exact(func(e *config.ExactCache) { e.Scope = "Team" }), ofExact + `.scope: "Team" is not known to this gateway`},
		"an unknown charge": {
			exact(func(e *config.ExactCache) { e.Charge = "" }), ofExact + `.charge: "" is not known to this gateway`},
		"an answer that is never given": {
			exact(func(e *config.ExactCache) { e.TTL = 0 }), ofExact + ".ttl: 0s is not positive, or above 720h0m0s"},
		"an answer that is given for ever": {
			exact(func(e *config.ExactCache) { e.TTL = config.MaxCacheTTL + 1 }), ofExact + ".ttl: 720h0m0.000000001s is not positive, or above 720h0m0s"},
		"no room": {
			exact(func(e *config.ExactCache) { e.MaxBytes, e.MaxEntryBytes = 0, 0 }),
			ofExact + ".maxBytes: 0 is not positive\n" + ofExact + ".maxEntryBytes: 0 is not positive"},
		"an answer larger than the cache": {
			exact(func(e *config.ExactCache) { e.MaxEntryBytes = 3 }), ofExact + ".maxEntryBytes: 3 is above maxBytes, 2"},
		"shared by nothing": {
			exact(func(e *config.ExactCache) { e.Shared = true }), ofExact + ".shared: means nothing without gateway.store"},
		"shared through the store": {func(d *config.Document) {
			sharing(func(*config.Gateway) {})(d)
			exact(func(e *config.ExactCache) { e.Shared = true })(d)
		}, ""},
		"a route's that is shared by nothing": {func(d *config.Document) {
			d.Core.Routes[0].Cache = fullCache()
			d.Core.Routes[0].Cache.Exact.Shared = true
		}, "routes[0].cache.exact.shared: means nothing without gateway.store"},
		"a scope of questions that is not known": {
			semantic(func(s *config.SemanticCache) { s.Scope = "" }), ofSemantic + `.scope: "" is not known to this gateway`},
		"questions that are alike by half": {semantic(func(s *config.SemanticCache) { s.Threshold = 500_000 }), ""},
		"questions that are not alike": {
			semantic(func(s *config.SemanticCache) { s.Threshold = 499_999 }), ofSemantic + ".threshold: 499999 is not within 500000 and 1000000"},
		"questions that are more than the same": {
			semantic(func(s *config.SemanticCache) { s.Threshold = 1_000_001 }), ofSemantic + ".threshold: 1000001 is not within 500000 and 1000000"},
		"no questions": {
			semantic(func(s *config.SemanticCache) { s.MaxEntries = 0 }), ofSemantic + ".maxEntries: 0 is not positive"},
		"vectors of nobody": {
			semantic(func(s *config.SemanticCache) { s.Embeddings.Provider = "team/gone" }), ofSemantic + `.embeddings.provider: no provider "team/gone"`},
		"vectors of no model": {
			semantic(func(s *config.SemanticCache) { s.Embeddings.Model = "" }), ofSemantic + ".embeddings.model: empty"},
	})
}
