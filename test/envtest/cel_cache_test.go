// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"maps"
	"slices"
)

const cacheAt = "spec.cache"

// cacheRules are about which answers are kept, by gateways and by routes.
func cacheRules() []rule {
	return slices.Concat(exactCacheRules(), semanticCacheRules(), routeCacheRules())
}

// keptRules are those of both caches of a gateway.
func keptRules(at string, around change) []rule {
	of := func(name string) field { return field{"SparkGateway", at + "." + name, around} }
	rules := of("ttl").duration("must be between 1s and 720h", "1s", "720h", "999ms", "720h1ms")
	for accepted, rejected := range map[string]string{"Key": "Team", "User": "user", "Policy": "", "Gateway": "All"} {
		rules = append(rules, of("scope").rule("enum", accepted, rejected))
	}
	return append(rules, of("charge").rule("enum", "Free", "Half"), of("charge").rule("enum", "Full", ""))
}

func exactCacheRules() []rule {
	const at = cacheAt + ".exact"
	const idle = "cache.exact.shared has no effect without store.type: Redis"
	const within = "must be between 1Mi and 64Gi"
	gateway := func(store map[string]any, shared bool) change {
		c := change{at: map[string]any{"shared": shared}}
		if store != nil {
			c[storeAt] = store
		}
		return c
	}
	local := map[string]any{"type": "Local"}
	memory := field{"SparkGateway", at + ".maxMemory", nil}
	return slices.Concat([]rule{
		field{"SparkGateway", cacheAt, nil}.rule("minProperties", map[string]any{"exact": map[string]any{}}, map[string]any{}),
		{constraint{"SparkGateway", "spec", idle}, gateway(redis(nil), true), gateway(nil, true)},
		{constraint{"SparkGateway", "spec", idle}, gateway(local, false), gateway(local, true)},
		memory.rule(within, "1Mi", "1M"),
		memory.rule(within, "2M", "999999999Gi"),
		memory.rule(within, "64Gi", "65Gi"),
		memory.rule(within, "65536Mi", "65537Mi"),
		memory.rule("pattern", "1G", "1T"),
		memory.rule("pattern", "256Mi", "0Mi"),
		memory.rule("pattern", "256M", "1.5Gi"),
		memory.rule("maxLength", "64Gi", repeat(17)),
	}, keptRules(at, nil), field{"SparkGateway", at + ".maxEntryBytes", nil}.number(1024, 16777216))
}

func semanticCacheRules() []rule {
	const at = cacheAt + ".semantic"
	model := someTargets(1)[0]
	with := func(fields map[string]any) map[string]any {
		all := map[string]any{"embeddings": model}
		maps.Copy(all, fields)
		return all
	}
	around := change{at: with(nil)}
	whole := field{"SparkGateway", at, nil}
	return slices.Concat([]rule{
		whole.rule("embeddings are required", with(nil), map[string]any{}),
		whole.rule("embeddings are required", map[string]any{"enabled": false}, map[string]any{"enabled": true}),
		whole.rule("embeddings are required", with(map[string]any{"enabled": true}), map[string]any{"threshold": "0.9"}),
	}, keptRules(at, around), thresholdRules(field{"SparkGateway", at + ".threshold", around}),
		field{"SparkGateway", at + ".maxEntries", around}.number(1, 100000), reference(field{"SparkGateway", at + ".embeddings", nil}))
}

// thresholdRules are those of a cosine.
func thresholdRules(f field) []rule {
	return []rule{
		f.rule("pattern", "0.5", "0.499999"),
		f.rule("pattern", "0.999999", "1.000001"),
		f.rule("pattern", "1", "2"),
		f.rule("pattern", "1.0", ".9"),
		f.rule("maxLength", "0.999999", "0.9999999"),
	}
}

func routeCacheRules() []rule {
	const kind = "ModelRoute"
	exact, semantic := field{kind, cacheAt + ".exact", nil}, field{kind, cacheAt + ".semantic", nil}
	off := map[string]any{"enabled": false}
	return slices.Concat([]rule{
		field{kind, cacheAt, nil}.rule("minProperties", map[string]any{"exact": off}, map[string]any{}),
		exact.rule("minProperties", off, map[string]any{}),
		semantic.rule("minProperties", off, map[string]any{}),
		field{kind, exact.at + ".scope", nil}.rule("enum", "Gateway", "Route"),
	},
		field{kind, exact.at + ".ttl", nil}.duration("must be between 1s and 720h", "1s", "720h", "999ms", "720h1ms"),
		thresholdRules(field{kind, semantic.at + ".threshold", nil}))
}
