// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// observed gives a document everything that is told of requests, changed.
func observed(edit func(*config.Gateway)) func(*config.Document) {
	return func(d *config.Document) {
		d.Secrets["tracing"] = config.NewSecret("Bearer hunter2")
		d.Secrets["broken"] = config.NewSecret("Bearer hunter2\r\nX-A: b")
		g := &d.Core.Gateway
		g.LogSkips, g.KeyLabels = 100, 1000
		g.Tracing = &config.Tracing{Endpoint: "http://otel:4317", Authorization: "tracing", SamplingPercent: 100}
		edit(g)
	}
}

func TestWhatIsToldOfRequestsIsValidated(t *testing.T) {
	tracing := func(edit func(*config.Tracing)) func(*config.Document) {
		return observed(func(g *config.Gateway) { edit(g.Tracing) })
	}
	endpoint := func(url string, http bool) func(*config.Document) {
		return tracing(func(t *config.Tracing) { t.Endpoint, t.HTTP = url, http })
	}
	wantProblems(t, map[string]edited{
		"everything":                   {observed(func(*config.Gateway) {}), ""},
		"nothing":                      {observed(func(g *config.Gateway) { g.LogSkips, g.KeyLabels, g.Tracing = 0, 0, nil }), ""},
		"gRPC with a slash":            {endpoint("https://otel/", false), ""},
		"HTTP":                         {endpoint("https://otel/v1/traces", true), ""},
		"HTTP at the root":             {endpoint("https://otel/", true), ""},
		"no header":                    {tracing(func(t *config.Tracing) { t.Authorization = "" }), ""},
		"more lines left out than all": {observed(func(g *config.Gateway) { g.LogSkips = 101 }), "gateway.logSkips: 101 is not within 0 and 100"},
		"fewer lines left out":         {observed(func(g *config.Gateway) { g.LogSkips = -1 }), "gateway.logSkips: -1 is not within 0 and 100"},
		"fewer keys than none":         {observed(func(g *config.Gateway) { g.KeyLabels = -1 }), "gateway.keyLabels: -1 is not within 0 and 10000"},
		"as many keys as may be":       {observed(func(g *config.Gateway) { g.KeyLabels = config.MaxKeyLabels }), ""},
		"more keys than may be":        {observed(func(g *config.Gateway) { g.KeyLabels = 10_001 }), "gateway.keyLabels: 10001 is not within 0 and 10000"},
		"a path over gRPC":             {endpoint("http://otel/v1/traces", false), "gateway.tracing.endpoint: has no path over gRPC"},
		"no path over HTTP":            {endpoint("http://otel:4318", true), "gateway.tracing.endpoint: needs a path over HTTP, such as /v1/traces"},
		"a query":                      {endpoint("http://otel/v1/traces?a=b", true), "gateway.tracing.endpoint: must not have a query or fragment"},
		"credentials":                  {endpoint("http://a:b@otel", false), "gateway.tracing.endpoint: must not carry credentials"},
		"no URL":                       {endpoint("otel:4317", false), "gateway.tracing.endpoint: must begin with http:// or https://"},
		"a header of nobody":           {tracing(func(t *config.Tracing) { t.Authorization = "none" }), `gateway.tracing.authorization: no secret named "none"`},
		"a header of two lines":        {tracing(func(t *config.Tracing) { t.Authorization = "broken" }), "gateway.tracing.authorization: the value of Authorization holds control characters"},
		"more traces than requests":    {tracing(func(t *config.Tracing) { t.SamplingPercent = 101 }), "gateway.tracing.samplingPercent: 101 is not within 0 and 100"},
		"fewer traces than none":       {tracing(func(t *config.Tracing) { t.SamplingPercent = -1 }), "gateway.tracing.samplingPercent: -1 is not within 0 and 100"},
	})
}
