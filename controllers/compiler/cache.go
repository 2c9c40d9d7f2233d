// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of Cache promise.
const (
	defaultCacheTTL        = 10 * time.Minute
	defaultCacheBytes      = 64 << 20
	defaultCacheEntryBytes = 1 << 20
	defaultCacheEntries    = 10_000
	defaultCacheThreshold  = "0.95"
)

// cache reads what is kept; nil is nothing. Embeddings are resolved later, when the providers are known.
func (p *problems) cache(from *v1alpha1.Cache, stored bool) *config.Cache {
	if from == nil {
		return nil
	}
	c := &config.Cache{}
	if e := from.Exact; e != nil && valueOr(e.Enabled, true) {
		c.Exact = p.exactCache(e, stored)
	}
	if s := from.Semantic; s != nil && valueOr(s.Enabled, true) {
		const field = "spec.cache.semantic"
		c.Semantic = &config.SemanticCache{
			Kept:       p.kept(field, s.TTL, s.Scope, s.Charge, s.AnyTemperature),
			Threshold:  p.threshold(field+".threshold", s.Threshold),
			MaxEntries: int(p.number(field+".maxEntries", s.MaxEntries, defaultCacheEntries, 1, 100_000)),
		}
		if s.Embeddings == nil {
			p.add("%s.embeddings: is required", field)
		}
	}
	if c.Exact == nil && c.Semantic == nil {
		return nil
	}
	return c
}

func (p *problems) exactCache(e *v1alpha1.ExactCache, stored bool) *config.ExactCache {
	const field = "spec.cache.exact"
	if valueOr(e.Shared, false) && !stored {
		p.add("%s.shared: has no effect without store.type: Redis", field)
	}
	return &config.ExactCache{
		Kept:          p.kept(field, e.TTL, e.Scope, e.Charge, e.AnyTemperature),
		MaxBytes:      p.memory(field+".maxMemory", e.MaxMemory, defaultCacheBytes),
		MaxEntryBytes: p.within(field+".maxEntryBytes", valueOr(e.MaxEntryBytes, defaultCacheEntryBytes), 1024, 16<<20),
		Shared:        stored && valueOr(e.Shared, true),
	}
}

func (p *problems) kept(field string, ttl v1alpha1.Duration, scope v1alpha1.CacheScope, charge v1alpha1.CacheCharge, anyTemperature *bool) config.Kept {
	k := config.Kept{
		Scope: p.cacheScope(field+".scope", scope), TTL: p.cacheTTL(field+".ttl", ttl, defaultCacheTTL),
		Charge: config.CacheCharge(cmp.Or(charge, v1alpha1.CacheChargeFree)), AnyTemperature: valueOr(anyTemperature, false),
	}
	if !slices.Contains(config.CacheCharges, k.Charge) {
		p.add("%s.charge: %q is not one of %v", field, charge, config.CacheCharges)
	}
	return k
}

func (p *problems) cacheScope(field string, scope v1alpha1.CacheScope) config.CacheScope {
	s := config.CacheScope(cmp.Or(scope, v1alpha1.CacheScopeKey))
	if !slices.Contains(config.CacheScopes, s) {
		p.add("%s: %q is not one of %v", field, scope, config.CacheScopes)
	}
	return s
}

func (p *problems) cacheTTL(field string, ttl v1alpha1.Duration, otherwise time.Duration) config.Duration {
	d := p.duration(field, ttl, otherwise)
	if d > config.MaxCacheTTL {
		p.add("%s: %s is longer than %s", field, ttl, config.MaxCacheTTL)
	}
	return d
}

var memoryForm = regexp.MustCompile(`^([1-9][0-9]{0,8})(Mi|Gi|M|G)$`)

var memoryUnits = map[string]int64{"Mi": 1 << 20, "Gi": 1 << 30, "M": 1e6, "G": 1e9}

// maxCacheMemory is 64Gi.
const maxCacheMemory = 64 << 30

func (p *problems) memory(field string, quantity *v1alpha1.MemoryQuantity, otherwise int64) int64 {
	if quantity == nil {
		return otherwise
	}
	parts := memoryForm.FindStringSubmatch(string(*quantity))
	if parts == nil {
		p.add("%s: %q is not an amount of memory such as 256Mi", field, *quantity)
		return otherwise
	}
	n, _ := strconv.ParseInt(parts[1], 10, 64)
	if n *= memoryUnits[parts[2]]; n > maxCacheMemory {
		p.add("%s: %s is more than 64Gi", field, *quantity)
		return otherwise
	}
	return n
}

var fractionForm = regexp.MustCompile(`^(0|1)(?:\.([0-9]{1,6}))?$`)

// fraction reads a number from least to 1, in millionths.
func (p *problems) fraction(field, text string, least int64) int64 {
	n, ok := millionths(fractionForm, text)
	if !ok || n < least || n > 1_000_000 {
		p.add("%s: %q is not a number from %g to 1 with at most six decimals", field, text, float64(least)/1e6)
		return 1_000_000
	}
	return n
}

func (p *problems) threshold(field string, t v1alpha1.CosineThreshold) int64 {
	return p.fraction(field, string(cmp.Or(t, defaultCacheThreshold)), 500_000)
}

// routeCache gives what stands in place of the gateway's cache; nil keeps that.
func (p *problems) routeCache(from *v1alpha1.RouteCache, gateway *config.Cache, stored bool) *config.Cache {
	if from == nil {
		return nil
	}
	c := &config.Cache{}
	if gateway != nil {
		*c = *gateway
	}
	if e := from.Exact; e != nil {
		c.Exact = p.routeExact(e, c.Exact, stored)
	}
	if s := from.Semantic; s != nil {
		switch {
		case !valueOr(s.Enabled, true):
			c.Semantic = nil
		case c.Semantic == nil:
			p.add("spec.cache.semantic: the gateway's spec.cache.semantic names no embeddings that are served")
		case s.Threshold != "":
			own := *c.Semantic
			own.Threshold = p.threshold("spec.cache.semantic.threshold", s.Threshold)
			c.Semantic = &own
		}
	}
	return c
}

func (p *problems) routeExact(e *v1alpha1.RouteExactCache, gateway *config.ExactCache, stored bool) *config.ExactCache {
	const field = "spec.cache.exact"
	if !valueOr(e.Enabled, true) {
		return nil
	}
	if gateway == nil {
		gateway = p.exactCache(&v1alpha1.ExactCache{}, stored)
	}
	own := *gateway
	if e.TTL != "" {
		own.TTL = p.cacheTTL(field+".ttl", e.TTL, defaultCacheTTL)
	}
	if e.Scope != "" {
		own.Scope = p.cacheScope(field+".scope", e.Scope)
	}
	own.AnyTemperature = valueOr(e.AnyTemperature, own.AnyTemperature)
	return &own
}

// asides resolves the models that the gateway itself asks: for embeddings, without which there is no semantic cache, and for
// moderation, without which nothing is served.
func (c *compilation) asides(g *config.Gateway, catalog catalog) {
	spec := &c.in.Gateway.Spec
	verdict := &c.out.Gateway
	if g.Sanitizer != nil && g.Sanitizer.Moderation != nil {
		target, finding := catalog.find("spec.sanitizer.moderation.target",
			providerName(spec.Sanitizer.Moderation.Target, c.in.Gateway.Namespace), spec.Sanitizer.Moderation.Target.Model)
		g.Sanitizer.Moderation.Target = target
		verdict.ResolvedRefs.join(finding)
	}
	if g.Cache == nil || g.Cache.Semantic == nil || spec.Cache.Semantic.Embeddings == nil {
		return
	}
	target, finding := catalog.find("spec.cache.semantic.embeddings",
		providerName(*spec.Cache.Semantic.Embeddings, c.in.Gateway.Namespace), spec.Cache.Semantic.Embeddings.Model)
	if finding.OK() {
		g.Cache.Semantic.Embeddings = target
		return
	}
	g.Cache.Semantic = nil
	if g.Cache.Exact == nil {
		g.Cache = nil
	}
	// A cache is worth no refusal.
	verdict.Partial = verdict.ResolvedRefs.OK()
	verdict.ResolvedRefs.join(finding)
}
