// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// sharing gives a document a store and a ledger with everything, changed.
func sharing(edit func(*config.Gateway)) func(*config.Document) {
	return func(d *config.Document) {
		d.Secrets["store/password"] = config.NewSecret("hunter2")
		d.Secrets["store/sentinelPassword"] = config.NewSecret("hunter2 of sentinels")
		d.Secrets["ledger/webhook"] = config.NewSecret("Bearer hunter2")
		d.Secrets["broken"] = config.NewSecret("Bearer hunter2\r\nX-A: b")
		g := &d.Core.Gateway
		g.UnknownPrice, g.Replicas = config.UnknownPriceDeny, 2
		g.Store = &config.Store{
			Mode: config.StoreSentinel, Addresses: []string{"sentinel-0:26379", "[2001:db8::1]:26379"}, MasterName: "main", Database: 15,
			Username: "spark", Password: "store/password", SentinelUsername: "spark", SentinelPassword: "store/sentinelPassword",
			TLS: &config.StoreTLS{ServerName: "redis"}, Timeout: aMinute, OnFailure: config.LocalShare,
		}
		g.Ledger = &config.Ledger{
			Retention: aMinute, MaxBytes: 1, MaxExportRecords: 1,
			Webhook: &config.Webhook{URL: "https://sink.example.com/records?a=b", Authorization: "ledger/webhook"},
			OTLP:    &config.OTLP{Endpoint: "http://otel:4318/v1/logs", Authorization: "ledger/webhook"},
		}
		edit(g)
	}
}

func TestTheStoreIsValidated(t *testing.T) {
	store := func(edit func(*config.Store)) func(*config.Document) {
		return sharing(func(g *config.Gateway) { edit(g.Store) })
	}
	// single makes the store one server.
	single := func(edit func(*config.Store)) func(*config.Document) {
		return store(func(s *config.Store) {
			*s = config.Store{Mode: config.StoreSingle, Addresses: []string{"redis:6379"}, Timeout: aMinute, OnFailure: config.AllowAll}
			edit(s)
		})
	}
	const (
		master    = "gateway.store.masterName: required with mode Sentinel, and means nothing otherwise"
		sentinels = "gateway.store: sentinelUsername and sentinelPassword mean nothing without mode Sentinel"
		address   = "gateway.store.addresses[0]: is not host:port with a port between 1 and 65535"
	)
	database := func(n string) string {
		return "gateway.store.database: " + n + " is not within 0 and 15, or not 0 with mode Cluster"
	}
	wantProblems(t, map[string]edited{
		"sentinels":               {store(func(*config.Store) {}), ""},
		"one server":              {single(func(*config.Store) {}), ""},
		"a cluster":               {single(func(s *config.Store) { s.Mode, s.Addresses = config.StoreCluster, []string{"a:1", "b:2"} }), ""},
		"an unknown mode":         {single(func(s *config.Store) { s.Mode = "Gossip" }), `gateway.store.mode: "Gossip" is not known to this gateway`},
		"an unknown failure":      {store(func(s *config.Store) { s.OnFailure = "" }), `gateway.store.onFailure: "" is not known to this gateway`},
		"no address":              {store(func(s *config.Store) { s.Addresses = nil }), "gateway.store.addresses: there are 0, and mode Single has one and every other at least one"},
		"one server at two":       {single(func(s *config.Store) { s.Addresses = []string{"a:1", "b:2"} }), "gateway.store.addresses: there are 2, and mode Single has one and every other at least one"},
		"an address with no port": {store(func(s *config.Store) { s.Addresses[0] = "redis" }), address},
		"a port beyond all":       {store(func(s *config.Store) { s.Addresses[0] = "redis:65536" }), address},
		"no port":                 {store(func(s *config.Store) { s.Addresses[0] = "redis:" }), address},
		"port 0":                  {store(func(s *config.Store) { s.Addresses[0] = "redis:0" }), address},
		"no host":                 {store(func(s *config.Store) { s.Addresses[0] = ":6379" }), address},
		"sentinels of nobody":     {store(func(s *config.Store) { s.MasterName = "" }), master},
		"a server with a master":  {single(func(s *config.Store) { s.MasterName = "main" }), master},
		"a 17th database":         {single(func(s *config.Store) { s.Database = 16 }), database("16")},
		"a database before all":   {single(func(s *config.Store) { s.Database = -1 }), database("-1")},
		"a cluster's database":    {single(func(s *config.Store) { s.Mode, s.Database = config.StoreCluster, 1 }), database("1")},
		"a password of nobody":    {store(func(s *config.Store) { s.Password = "none" }), `gateway.store.password: no secret named "none"`},
		"sentinels' of nobody":    {store(func(s *config.Store) { s.SentinelPassword = "none" }), `gateway.store.sentinelPassword: no secret named "none"`},
		"a user without password": {single(func(s *config.Store) { s.Username = "spark" }), ""},
		"a sentinel's user":       {single(func(s *config.Store) { s.SentinelUsername = "spark" }), sentinels},
		"a sentinel's password":   {single(func(s *config.Store) { s.SentinelPassword = "store/password" }), sentinels},
		"an authority of no PEM":  {store(func(s *config.Store) { s.TLS.CA = "x" }), "gateway.store.tls.ca: holds no PEM certificate"},
		"no time to answer":       {store(func(s *config.Store) { s.Timeout = 0 }), "gateway.store.timeout: 0s is not positive"},
	})
}

func TestWhatIsKeptAndToldIsValidated(t *testing.T) {
	ledger := func(edit func(*config.Ledger)) func(*config.Document) {
		return sharing(func(g *config.Gateway) { edit(g.Ledger) })
	}
	wantProblems(t, map[string]edited{
		"everything":                      {sharing(func(*config.Gateway) {}), ""},
		"neither store nor ledger":        {sharing(func(g *config.Gateway) { g.Store, g.Ledger, g.UnknownPrice, g.Replicas = nil, nil, "", 0 }), ""},
		"an unknown way with no price":    {sharing(func(g *config.Gateway) { g.UnknownPrice = "Guess" }), `gateway.unknownPrice: "Guess" is not known to this gateway`},
		"fewer than no pods":              {sharing(func(g *config.Gateway) { g.Replicas = -1 }), "gateway.replicas: -1 is negative"},
		"records kept for no time":        {ledger(func(l *config.Ledger) { l.Retention = 0 }), "gateway.ledger.retention: 0s is not positive"},
		"records in no bytes":             {ledger(func(l *config.Ledger) { l.MaxBytes = 0 }), "gateway.ledger.maxBytes: 0 is not positive"},
		"exports of nothing":              {ledger(func(l *config.Ledger) { l.MaxExportRecords = 0 }), "gateway.ledger.maxExportRecords: 0 is not positive"},
		"a webhook that is no URL":        {ledger(func(l *config.Ledger) { l.Webhook.URL = "sink" }), "gateway.ledger.webhook.url: must begin with http:// or https://"},
		"a webhook's URL is not quoted":   {ledger(func(l *config.Ledger) { l.Webhook.URL = "https://a:hunter2@sink" }), "gateway.ledger.webhook.url: must not carry credentials"},
		"a webhook at no port":            {ledger(func(l *config.Ledger) { l.Webhook.URL = "https://sink:0/" }), "gateway.ledger.webhook.url: has a port that is not between 1 and 65535"},
		"a webhook without a header":      {ledger(func(l *config.Ledger) { l.Webhook.Authorization = "" }), ""},
		"a webhook's header of nobody":    {ledger(func(l *config.Ledger) { l.Webhook.Authorization = "none" }), `gateway.ledger.webhook.authorization: no secret named "none"`},
		"a header that ends the line":     {ledger(func(l *config.Ledger) { l.Webhook.Authorization = "broken" }), "gateway.ledger.webhook.authorization: the value of Authorization holds control characters"},
		"logs to no URL":                  {ledger(func(l *config.Ledger) { l.OTLP.Endpoint = "https://otel/#x" }), "gateway.ledger.otlp.endpoint: must not have a fragment"},
		"logs with a header of nobody":    {ledger(func(l *config.Ledger) { l.OTLP.Authorization = "none" }), `gateway.ledger.otlp.authorization: no secret named "none"`},
		"logs with a header of two lines": {ledger(func(l *config.Ledger) { l.OTLP.Authorization = "broken" }), "gateway.ledger.otlp.authorization: the value of Authorization holds control characters"},
	})
}
