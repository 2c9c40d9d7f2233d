// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"net/http"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/store/redistest"
)

const (
	storeOf = "SparkGateway.spec.store"
	redisOf = storeOf + ".redis"
	ledger  = "SparkGateway.spec.ledger"
)

// limited is a gateway with a limit that two requests use up.
var limited = edits{"SparkGateway.spec.limits.requests": "[{count: 2, per: 1h}]"}

// storing is a gateway whose limits need the store: without it nothing is served. It waits for the store on a machine that is
// busy too.
func storing(redis string) edits {
	return edits{"SparkGateway.spec.limits.requests": "[{count: 1000000, per: 1h}]", storeOf: "{type: Redis, onFailure: Deny, redis: " + redis + "}",
		redisOf + ".timeout": "10s"}
}

// storeCases are of where pods keep together what they count.
func storeCases() cases {
	const gone = `{type: Redis, redis: {addresses: ["127.0.0.1:1"]}}`
	found := cases{
		storeOf + ".type=Redis": {with: and(limited, edits{storeOf: "{type: Local}"}), from: "Local", was: 2, is: 0, see: served(5, question{}),
			also: edits{redisOf: `{addresses: ["127.0.0.1:1"]}`, storeOf + ".onFailure": "Deny"}},
		storeOf + ".type=Local": {with: and(limited, edits{storeOf: gone, storeOf + ".onFailure": "Deny"}), from: "Redis", was: 0, is: 2,
			see: served(5, question{}), also: edits{redisOf: "", storeOf + ".onFailure": ""}},
		storeOf + ".onFailure=LocalShare": {with: and(limited, edits{storeOf: gone}), from: "Deny", was: 0, is: 2, see: served(5, question{})},
		storeOf + ".onFailure=Allow":      {with: and(limited, edits{storeOf: gone}), was: 2, is: 5, see: served(5, question{})},
		storeOf + ".onFailure=Deny":       {with: and(limited, edits{storeOf: gone}), was: 2, is: 0, see: served(5, question{})},
	}
	up := func(name, redis, from, to string) {
		found[redisOf+name] = fieldCase{with: storing(redis), from: from, to: to, was: false, is: true, see: comesUp}
	}
	up(".addresses", "{}", `["127.0.0.1:1"]`, "[$REDIS]")
	up(".timeout", "{addresses: [$SLOW]}", "5ms", "10s")
	up(".credentials.username", "{addresses: [$REDISLOCKED], credentials: {secretRef: {name: redis}}}", "somebody", "spark")
	up(".credentials.secretRef.name", "{addresses: [$REDISLOCKED], credentials: {username: spark}}", "redis-wrong", "redis")
	up(".credentials.secretRef.key", "{addresses: [$REDISLOCKED], credentials: {username: spark, secretRef: {name: redis}}}", "wrong", "second")
	up(".tls.caSecretRef.name", "{addresses: [$REDISTLS], tls: {}}", "ca-nobody", "redis-ca")
	up(".tls.caSecretRef.key", "{addresses: [$REDISTLS], tls: {caSecretRef: {name: redis-ca}}}", "nobody.crt", "ca.crt")
	up(".tls.serverName", "{addresses: [$REDISTLS], tls: {caSecretRef: {name: redis-ca}}}", "wrong.test", "localhost")
	up(".masterName", "{mode: Sentinel, addresses: [$SENTINEL]}", "other", "main")
	sentinels := "{mode: Sentinel, masterName: main, addresses: [$SENTINEL], sentinelCredentials: "
	up(".sentinelCredentials.username", sentinels+"{secretRef: {name: redis}}}", "somebody", "spark")
	up(".sentinelCredentials.secretRef.name", sentinels+"{username: spark}}", "redis-wrong", "redis")
	up(".sentinelCredentials.secretRef.key", sentinels+"{username: spark, secretRef: {name: redis}}}", "wrong", "second")
	// What goes with one mode only goes and comes with it.
	found[redisOf+".mode=Sentinel"] = fieldCase{with: storing("{addresses: [$SENTINEL]}"), from: "Single", was: false, is: true, see: comesUp,
		also: edits{redisOf + ".masterName": "main"}}
	found[redisOf+".mode=Single"] = fieldCase{with: storing("{addresses: [$REDIS], masterName: main}"), from: "Sentinel", was: false, is: true,
		see: comesUp, also: edits{redisOf + ".masterName": ""}}
	found[redisOf+".mode=Cluster"] = fieldCase{with: storing("{addresses: [$CLUSTER], masterName: main}"), from: "Sentinel", was: false, is: true,
		see: comesUp, also: edits{redisOf + ".masterName": ""}}
	found[redisOf+".database"] = fieldCase{with: storing("{addresses: [$REDIS]}"), to: "7", was: false, is: true, see: func(b *bed) any {
		comesUp(b)
		info, err := redistest.Do(theStores.place(b.T, "$REDIS"), "", "INFO", "keyspace")
		if err != nil {
			b.Fatal(err)
		}
		return strings.Contains(info, "db7:")
	}}
	return found
}

// comesUp sees whether a request that needs the store is served, soon.
func comesUp(b *bed) any {
	return within(glance, func() bool { return b.ask(list).status == http.StatusOK })
}

// ledgerCases are of what becomes of usage records.
func ledgerCases() cases {
	found := cases{
		ledger + ".maxExportRecords": {to: "1", was: 3, is: 1, see: func(b *bed) any {
			served(3, question{})(b)
			return b.exported(3)
		}},
		ledger + ".retention": {from: "720h", to: "1h", was: 2, is: 1, see: func(b *bed) any {
			served(1, question{})(b)
			b.exported(1)
			b.pass(3 * time.Hour)
			served(1, question{})(b)
			return b.exported(2)
		}},
	}
	found[ledger+".maxBytes"] = fieldCase{from: "1073741824", to: "1048576", was: 2, is: 1, see: func(b *bed) any {
		served(1, question{})(b)
		b.exported(1)
		// What others used fills the files, and a day later they are looked through.
		line := []byte(`{"user":"` + strings.Repeat("x", 4096) + "\"}\n")
		for range 400 {
			b.kept.Add(line)
		}
		b.exported(2)
		b.pass(25 * time.Hour)
		served(1, question{})(b)
		return b.exported(2)
	}}
	for sink, url := range map[string]string{"webhook": "url", "otlp": "endpoint"} {
		at := ledger + "." + sink
		to := func(is, was string) fieldCase { return fieldCase{was: was, is: is, see: posted} }
		c := to("POST /b?c=d ", "POST /a ")
		c.from, c.to = "$SINK/a", "$SINK/b?c=d"
		found[at+"."+url] = c
		c = to("POST /a Bearer two", "POST /a Bearer one")
		c.with, c.from, c.to = edits{at: "{" + url + ": $SINK/a}"}, "sink-1", "sink-2"
		found[at+".authorizationSecretRef.name"] = c
		c = to("POST /a Bearer other", "POST /a Bearer one")
		c.with, c.to = edits{at: "{" + url + ": $SINK/a, authorizationSecretRef: {name: sink-1}}"}, "second"
		found[at+".authorizationSecretRef.key"] = c
	}
	return found
}

// posted sees where records are sent, and how.
func posted(b *bed) any {
	b.ask(question{})
	within(patience, func() bool { return b.sink.first() != "" })
	return b.sink.first()
}

// exported sees how many records an export has, which is soon as many as are wanted or fewer for good.
func (b *bed) exported(want int) int {
	b.Helper()
	records := 0
	within(glance, func() bool {
		from := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		got := b.ask(question{method: http.MethodGet, path: "/api/export?format=jsonl&from=" + from})
		if got.status != http.StatusOK {
			b.Fatal(got.status, got.body)
		}
		records = strings.Count(got.body, "\n")
		return records >= want
	})
	return records
}
