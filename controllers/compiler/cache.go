// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

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

// caching is what spec.cache of a gateway says. What is switched off is here too, as a route may switch it on.
type caching struct {
	exact    *config.ExactCache
	semantic *config.SemanticCache
	// exactOn and semanticOn say what holds where a route says nothing.
	exactOn, semanticOn bool
	// missing says why the embeddings cannot be used, once that was tried.
	missing Finding
}

// served gives what the gateway keeps; nil is nothing.
func (k *caching) served() *config.Cache {
	c := config.Cache{}
	if k.exactOn {
		c.Exact = k.exact
	}
	if k.semanticOn && k.missing.OK() {
		c.Semantic = k.semantic
	}
	if c == (config.Cache{}) {
		return nil
	}
	return &c
}

// cache reads what is kept. Embeddings are resolved later, when the providers are known.
func (p *problems) cache(from *v1alpha1.Cache, stored bool) caching {
	var k caching
	if from == nil {
		return k
	}
	if e := from.Exact; e != nil {
		k.exact, k.exactOn = p.exactCache(e, stored), valueOr(e.Enabled, true)
	}
	s := from.Semantic
	if s == nil {
		return k
	}
	const field = "spec.cache.semantic"
	k.semanticOn = valueOr(s.Enabled, true)
	if s.Embeddings == nil {
		if k.semanticOn {
			p.add("%s.embeddings: is required", field)
		}
		k.semanticOn = false
		return k
	}
	k.semantic = &config.SemanticCache{
		Kept:       p.kept(field, s.TTL, s.Scope, s.Charge, s.AnyTemperature),
		Threshold:  p.threshold(field+".threshold", s.Threshold),
		MaxEntries: int(p.number(field+".maxEntries", s.MaxEntries, defaultCacheEntries, 1, 100_000)),
	}
	return k
}

func (p *problems) exactCache(e *v1alpha1.ExactCache, stored bool) *config.ExactCache {
	const field = "spec.cache.exact"
	if valueOr(e.Shared, false) && !stored {
		p.add("%s.shared: has no effect without store.type: Redis", field)
	}
	exact := &config.ExactCache{
		Kept:          p.kept(field, e.TTL, e.Scope, e.Charge, e.AnyTemperature),
		MaxBytes:      p.memory(field+".maxMemory", e.MaxMemory, defaultCacheBytes),
		MaxEntryBytes: p.within(field+".maxEntryBytes", valueOr(e.MaxEntryBytes, defaultCacheEntryBytes), 1024, 16<<20),
		Shared:        stored && valueOr(e.Shared, true),
	}
	if exact.MaxEntryBytes > exact.MaxBytes {
		p.add("%s.maxEntryBytes: %d is more than maxMemory, %d", field, exact.MaxEntryBytes, exact.MaxBytes)
	}
	return exact
}

// besideCache is what a pod needs for all else.
const besideCache = 64 << 20

// room checks that the exact cache fits into the memory that a container may have, as one that does not ends the pod again
// and again.
func (p *problems) room(resources *v1alpha1.Resources, exact *config.ExactCache) {
	if resources == nil || exact == nil {
		return
	}
	limit, limited := resources.Limits["memory"]
	if !limited {
		return
	}
	most, err := resource.ParseQuantity(limit.String())
	if err == nil && most.Value() < exact.MaxBytes+besideCache {
		p.add("spec.resources.limits.memory: %s is too little for spec.cache.exact.maxMemory, %d bytes, and %d for all else",
			limit.String(), exact.MaxBytes, int64(besideCache))
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

// What a cache's memory is at least and at most: 1Mi and 64Gi.
const (
	minCacheMemory = 1 << 20
	maxCacheMemory = 64 << 30
)

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
	if n *= memoryUnits[parts[2]]; n < minCacheMemory || n > maxCacheMemory {
		p.add("%s: %s is not within 1Mi and 64Gi", field, *quantity)
		return otherwise
	}
	return n
}

var fractionForm = regexp.MustCompile(`^(0|1)(?:\.([0-9]{1,6}))?$`)

// fraction reads a number in millionths, from least to a million of them. The range says the same in words.
func (p *problems) fraction(field, text string, least int64, within string) int64 {
	n, ok := millionths(fractionForm, text)
	if !ok || n < least || n > 1_000_000 {
		p.add("%s: %q is not a number %s with at most six decimals", field, text, within)
		return 1_000_000
	}
	return n
}

func (p *problems) threshold(field string, t v1alpha1.CosineThreshold) int64 {
	return p.fraction(field, string(cmp.Or(t, defaultCacheThreshold)), 500_000, "from 0.5 to 1")
}

// routeCache gives what stands in place of the gateway's cache, nil for that itself; and what of it is left out.
func (p *problems) routeCache(from *v1alpha1.RouteCache, gateway *caching, stored bool) (*config.Cache, Finding) {
	if from == nil {
		return nil, Finding{}
	}
	c := &config.Cache{}
	if served := gateway.served(); served != nil {
		*c = *served
	}
	if e := from.Exact; e != nil {
		c.Exact = p.routeExact(e, gateway.exact, stored)
	}
	s := from.Semantic
	if s == nil {
		return c, Finding{}
	}
	const field = "spec.cache.semantic"
	c.Semantic = nil
	switch {
	case !valueOr(s.Enabled, true):
	case gateway.semantic == nil:
		p.add("%s: the gateway's spec.cache.semantic names no embeddings", field)
	case !gateway.missing.OK():
		return c, Finding{gateway.missing.Reason, field + ": the gateway's spec.cache.semantic.embeddings cannot be used"}
	default:
		own := *gateway.semantic
		if s.Threshold != "" {
			own.Threshold = p.threshold(field+".threshold", s.Threshold)
		}
		c.Semantic = &own
	}
	return c, Finding{}
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
