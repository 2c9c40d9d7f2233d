// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestValidate(t *testing.T) {
	gateway := func(edit func(*config.Gateway)) func(*config.Document) {
		return func(d *config.Document) { edit(&d.Core.Gateway) }
	}
	provider := func(edit func(*config.Provider)) func(*config.Document) {
		return func(d *config.Document) { edit(&d.Core.Providers[0]) }
	}
	model := func(edit func(*config.Model)) func(*config.Document) {
		return func(d *config.Document) { edit(&d.Core.Models[0]) }
	}
	key := func(edit func(*config.Key)) func(*config.Document) {
		return func(d *config.Document) { edit(&d.Keys[0]) }
	}
	tests := map[string]edited{
		"a valid document":         {func(*config.Document) {}, ""},
		"nothing but a gateway":    {func(d *config.Document) { d.Core.Providers, d.Core.Models, d.Core.Routes, d.Keys = nil, nil, nil, nil }, ""},
		"another schema":           {func(d *config.Document) { d.Core.Schema = 1 }, "schema: 1 is not one this gateway reads (4)"},
		"a gateway without an ID":  {gateway(func(g *config.Gateway) { g.ID = "" }), "gateway.id: empty"},
		"no bytes of body":         {gateway(func(g *config.Gateway) { g.MaxBodyBytes = 0 }), "gateway.maxBodyBytes: 0 is not positive"},
		"too few bytes of header":  {gateway(func(g *config.Gateway) { g.MaxHeaderBytes = 1023 }), "gateway.maxHeaderBytes: 1023 is not within 1024 and 32768"},
		"too many bytes of header": {gateway(func(g *config.Gateway) { g.MaxHeaderBytes = 32769 }), "gateway.maxHeaderBytes: 32769 is not within 1024 and 32768"},
		"no connections":           {gateway(func(g *config.Gateway) { g.MaxConnections = -1 }), "gateway.maxConnections: -1 is not positive"},
		"no time for a body":       {gateway(func(g *config.Gateway) { g.BodyTimeout = 0 }), "gateway.bodyTimeout: 0s is not positive"},
		"no time to drain":         {gateway(func(g *config.Gateway) { g.DrainTimeout = 0 }), "gateway.drainTimeout: 0s is not positive"},
		"a limit of nothing":       {gateway(func(g *config.Gateway) { g.Limits.Requests[0].Count = 0 }), "gateway.limits.requests[0]: count, per and burst must be positive"},
		"a limit without burst":    {gateway(func(g *config.Gateway) { g.Limits.Requests[0].Burst = 0 }), "gateway.limits.requests[0]: count, per and burst must be positive"},
		"a limit per address twice": {
			gateway(func(g *config.Gateway) { g.PerIP.Requests = slices.Repeat(g.Limits.Requests[:1], 2) }), "gateway.perIP.requests[1].per: 1m0s stands twice"},
		"a header in other than canonical form": {
			gateway(func(g *config.Gateway) { g.Headers[0].Name = "x-frame-options" }), `gateway.headers[0]: name "x-frame-options" is not a header name in canonical form`},
		"a header's name that ends the line": {
			gateway(func(g *config.Gateway) { g.Headers[0].Name = "X-A\r\nX-B" }), `gateway.headers[0]: name "X-A\r\nX-B" is not a header name in canonical form`},
		"a header that ends the line": {
			gateway(func(g *config.Gateway) { g.Headers[0].Value = "a\r\nX-B: 1" }), "gateway.headers[0]: the value of X-Frame-Options holds control characters"},
		"a header twice": {
			gateway(func(g *config.Gateway) { g.Headers = append(g.Headers, g.Headers[0]) }), `gateway.headers[1].name: "X-Frame-Options" stands twice`},
		"TLS without its key": {
			gateway(func(g *config.Gateway) { g.TLS = &config.ServerTLS{Key: "nowhere"} }), `gateway.tls.key: no secret named "nowhere"`},
		"TLS with something else for a key": {
			gateway(func(g *config.Gateway) { g.TLS = &config.ServerTLS{Certificate: "-", Key: "provider/team/llm"} }),
			"gateway.tls: certificate and key do not make a pair: tls: failed to find any PEM data in certificate input"},
		"a provider twice": {
			func(d *config.Document) { d.Core.Providers = append(d.Core.Providers, d.Core.Providers[0]) }, `providers[1].id: "team/llm" is empty or stands twice`},
		"a provider of an unknown type": {provider(func(p *config.Provider) { p.Type = "Carrier" }), `providers[0].type: "Carrier" is not known to this gateway`},
		"a provider's URL is not quoted": {
			provider(func(p *config.Provider) { p.Endpoint = "http://user:hunter2@llm" }), "providers[0].endpoint: must not carry credentials"},
		"a provider's URL with a query": {
			provider(func(p *config.Provider) { p.Endpoint = "http://llm?a=b" }), "providers[0].endpoint: must not have a query or fragment"},
		"a provider's URL with an empty query": {
			provider(func(p *config.Provider) { p.Endpoint = "http://llm?" }), "providers[0].endpoint: must not have a query or fragment"},
		"a provider without its credential": {
			provider(func(p *config.Provider) { p.Credential = "nowhere" }), `providers[0].credential: no secret named "nowhere"`},
		"a provider's authority that is not PEM": {provider(func(p *config.Provider) { p.CA = "x" }), "providers[0].ca: holds no PEM certificate"},
		"a provider's header that ends the line": {
			provider(func(p *config.Provider) { p.SetHeaders[0].Value = "\n" }), "providers[0].setHeaders[0]: the value of X-Tenant holds control characters"},
		"a provider without a timeout": {
			provider(func(p *config.Provider) { p.Timeouts = config.Timeouts{} }), "providers[0].timeouts.connect: 0s is not positive\n" +
				"providers[0].timeouts.firstToken: 0s is not positive\nproviders[0].timeouts.betweenTokens: 0s is not positive\nproviders[0].timeouts.total: 0s is not positive"},
		"a model twice": {
			func(d *config.Document) { d.Core.Models = append(d.Core.Models, d.Core.Models[0]) }, `models[1].name: "chat" is empty or stands twice`},
		"a model of nobody":          {model(func(m *config.Model) { m.Provider = "team/none" }), `models[0].provider: no provider "team/none"`},
		"a model that is nothing":    {model(func(m *config.Model) { m.Upstream = "" }), "models[0].upstream: empty"},
		"a negative bound of tokens": {model(func(m *config.Model) { m.MaxOutputTokens = -1 }), "models[0].maxOutputTokens: negative"},
		"a price":                    {model(func(m *config.Model) { m.Price = &config.Price{Input: config.MaxPrice, Output: 0, CachedInput: 1} }), ""},
		"a negative price":           {model(func(m *config.Model) { m.Price = &config.Price{Output: -1} }), "models[0].price: not within 0 and 10000000000"},
		"a price beyond all sense":   {model(func(m *config.Model) { m.Price = &config.Price{CachedInput: config.MaxPrice + 1} }), "models[0].price: not within 0 and 10000000000"},
		"a price of what is put into a cache, and of an answer": {model(func(m *config.Model) {
			m.Price = &config.Price{CacheWrite: config.MaxPrice, Request: config.MaxMoney}
		}), ""},
		"a negative price of what is put into a cache": {model(func(m *config.Model) { m.Price = &config.Price{CacheWrite: -1} }), "models[0].price: not within 0 and 10000000000"},
		"a negative price of an answer":                {model(func(m *config.Model) { m.Price = &config.Price{Request: -1} }), "models[0].price: request is not within 0 and 999999.999999999"},
		"an answer dearer than any budget":             {model(func(m *config.Model) { m.Price = &config.Price{Request: config.MaxMoney + 1} }), "models[0].price: request is not within 0 and 999999.999999999"},
		"a key without an ID":                          {key(func(k *config.Key) { k.ID = "" }), `keys: id "" is empty or stands twice`},
		"a key twice":                                  {key(func(k *config.Key) { k.ID = "team/key-1" }), `keys: id "team/key-1" is empty or stands twice`},
		"two keys with one secret":                     {func(d *config.Document) { d.Keys[1].Digest = d.Keys[0].Digest }, `keys: "team/key-0" and "team/key-1" have one digest`},
		"a key with half of a limit":                   {key(func(k *config.Key) { k.Limits.Requests = []config.RequestLimit{{Count: 1}} }), "keys[team/key-0].limits.requests[0]: count, per and burst must be positive"},
		"all problems, not the first":                  {gateway(func(g *config.Gateway) { g.ID, g.MaxBodyBytes = "", 0 }), "gateway.id: empty\ngateway.maxBodyBytes: 0 is not positive"},
	}
	wantProblems(t, tests)
}

// wantProblems validates documents that were edited, each to have one problem or, with "", none.
func wantProblems(t *testing.T, tests map[string]edited) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := document(test.edit).Validate(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
			if strings.Contains(got, providerSecret) || strings.Contains(got, "hunter2") {
				t.Error("the problem quotes a secret")
			}
		})
	}
}

type edited struct {
	edit func(*config.Document)
	want string
}
