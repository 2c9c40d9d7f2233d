// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"maps"
	"slices"
)

// sharedRules are about what the pods of a gateway have together: the store and the ledger.
func sharedRules() []rule {
	return slices.Concat([]rule{
		field{"SparkGateway", "spec.unknownPrice", nil}.rule("enum", "Deny", "Guess"),
		field{"SparkGateway", "spec.unknownPrice", nil}.rule("enum", "Flag", "flag"),
		field{"SparkGateway", "spec.unknownPrice", nil}.rule("enum", "Zero", ""),
	}, storeRules(), redisRules(), storeCredentialRules(), ledgerRules())
}

const storeAt, redisAt = "spec.store", "spec.store.redis"

// redis gives a store of type Redis with these fields beside an address.
func redis(fields map[string]any) map[string]any {
	all := map[string]any{"addresses": []any{"redis:6379"}}
	maps.Copy(all, fields)
	return map[string]any{"type": "Redis", "redis": all}
}

// ofRedis is a field of a Redis store with what must stand around it.
func ofRedis(name string, around map[string]any) field {
	return field{"SparkGateway", redisAt + "." + name, change{storeAt: redis(around)}}
}

func storeRules() []rule {
	const union = "redis is required with type: Redis, and has no effect otherwise"
	const idle = "onFailure has no effect without type: Redis"
	store := field{"SparkGateway", storeAt, nil}
	with := func(store map[string]any, name string, value any) map[string]any {
		store[name] = value
		return store
	}
	local := func() map[string]any { return map[string]any{"type": "Local"} }
	failure := field{"SparkGateway", storeAt + ".onFailure", change{storeAt: redis(nil)}}
	return []rule{
		store.rule("required type", local(), map[string]any{}),
		store.rule(union, redis(nil), map[string]any{"type": "Redis"}),
		store.rule(union, local(), with(redis(nil), "type", "Local")),
		store.rule(idle, with(redis(nil), "onFailure", "Deny"), with(local(), "onFailure", "Deny")),
		field{"SparkGateway", storeAt + ".type", nil}.rule("enum", "Local", "Memcached"),
		failure.rule("enum", "LocalShare", "Panic"),
		failure.rule("enum", "Allow", "allow"),
		failure.rule("enum", "Deny", ""),
	}
}

func redisRules() []rule {
	const master = "masterName is required with mode: Sentinel, and has no effect otherwise"
	const sentinels = "sentinelCredentials have no effect without mode: Sentinel"
	const clusters = "a cluster has database 0 only"
	const one = "mode: Single takes one address"
	const within = "must be between 5ms and 10s"
	store := field{"SparkGateway", storeAt, nil}
	so := func(message string, accept, reject map[string]any) rule {
		return rule{constraint{"SparkGateway", redisAt, message}, store.with(redis(accept)), store.with(redis(reject))}
	}
	type m = map[string]any
	two, credentials := []any{"a:1", "b:2"}, m{"secretRef": m{"name": "sentinels"}}
	addresses, address := ofRedis("addresses", m{"mode": "Cluster"}), ofRedis("addresses[0]", nil)
	hosts := func(n int) []any {
		all := numbered("h", n)
		for i := range all {
			all[i] = all[i].(string) + ":6379"
		}
		return all
	}
	timeout := ofRedis("timeout", nil)
	return slices.Concat([]rule{
		so(master, m{"mode": "Sentinel", "masterName": "a"}, m{"mode": "Sentinel"}),
		so(master, m{"mode": "Cluster"}, m{"mode": "Cluster", "masterName": "a"}),
		so(master, nil, m{"masterName": "a"}),
		so(sentinels, m{"mode": "Sentinel", "masterName": "a", "sentinelCredentials": credentials}, m{"sentinelCredentials": credentials}),
		so(sentinels, nil, m{"mode": "Cluster", "sentinelCredentials": credentials}),
		so(clusters, m{"mode": "Cluster", "database": 0}, m{"mode": "Cluster", "database": 1}),
		so(clusters, m{"mode": "Single", "database": 1}, m{"mode": "Cluster", "database": 15}),
		so(one, m{"mode": "Cluster", "addresses": two}, m{"mode": "Single", "addresses": two}),
		so(one, m{"mode": "Sentinel", "masterName": "a", "addresses": two}, m{"addresses": two}),
		{constraint{"SparkGateway", redisAt, "required addresses"}, store.with(redis(nil)), change{storeAt: m{"type": "Redis", "redis": m{}}}},
		ofRedis("mode", nil).rule("enum", "Single", "Gossip"),
		addresses.rule("minItems", hosts(1), []any{}),
		addresses.rule("maxItems", hosts(16), hosts(17)),
		addresses.rule("listType", hosts(2), append(hosts(1), hosts(1)...)),
		address.rule("maxLength", repeat(256)+":6379", repeat(257)+":6379"),
		address.rule("pattern", "redis-0.redis.svc:6379", "redis"),
		address.rule("pattern", "[2001:db8::1]:6379", "2001:db8::1"),
		address.rule("pattern", "10.0.0.1:1", "redis://a:1"),
		address.rule("pattern", "a_b:1", "a b:1"),
		timeout.rule(within, "5ms", "4ms"),
		timeout.rule(within, "10s", "10s1ms"),
	}, timeout.spellings("1s500ms", "00000h00000m00001s00001ms", "9s"),
		ofRedis("masterName", m{"mode": "Sentinel"}).name(253), ofRedis("database", nil).number(0, 15))
}

func storeCredentialRules() []rule {
	type m = map[string]any
	var rules []rule
	for name, around := range map[string]m{"credentials": {}, "sentinelCredentials": {"mode": "Sentinel", "masterName": "a"}} {
		whole := m{"secretRef": m{"name": "redis"}}
		around[name] = whole
		rules = slices.Concat(rules, []rule{
			ofRedis(name, around).rule("required secretRef", whole, m{"username": "spark"}),
		}, ofRedis(name+".username", around).name(253), secretKey(ofRedis(name+".secretRef", around)))
	}
	return slices.Concat(rules, secretKey(ofRedis("tls.caSecretRef", nil)), ofRedis("tls.serverName", nil).name(253))
}

func ledgerRules() []rule {
	const kind, at = "SparkGateway", "spec.ledger"
	const asked = "must be an http or https URL without fragment or credentials"
	type m = map[string]any
	of := func(name string) field { return field{kind, at + "." + name, nil} }
	retention := of("retention")
	rules := slices.Concat([]rule{
		field{kind, at, nil}.rule("minProperties", m{"maxBytes": 1048576}, m{}),
		retention.rule("must be at least 1h", "60m", "59m59s"),
		retention.rule("must be at least 1h", "99999h", "0s"),
	}, retention.spellings("1h30m", "00001h00001m00001s00001ms", "90m"),
		of("maxBytes").number(1048576, 1099511627776), of("maxExportRecords").number(1, 1000000000))
	for sink, url := range map[string]string{"webhook": "url", "otlp": "endpoint"} {
		whole := m{url: "https://sink.example.com"}
		to := field{kind, at + "." + sink + "." + url, change{at + "." + sink: whole}}
		rules = slices.Concat(rules, []rule{
			of(sink).rule("required "+url, whole, m{"authorizationSecretRef": m{"name": "a"}}),
			to.rule("maxLength", "https://"+repeat(1016), "https://"+repeat(1017)),
			to.rule(asked, "http://otel:4318/v1/logs", "otel:4318"),
			to.rule(asked, "https://a/b?c=d", "https://a/b#c"),
			to.rule(asked, "HTTPS://a", "https://user:password@a"),
			to.rule(asked, "https://[::1]", "https:///a"),
		}, secretKey(field{kind, at + "." + sink + ".authorizationSecretRef", change{at + "." + sink: whole}}))
	}
	return rules
}
