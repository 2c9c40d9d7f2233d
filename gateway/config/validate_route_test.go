// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestRoutesThatAreNotValid(t *testing.T) {
	target := func(edit func(*config.Target)) func(*config.Route) {
		return func(r *config.Route) { edit(&r.Targets[1]) }
	}
	mirror := func(edit func(*config.Mirror)) func(*config.Route) {
		return func(r *config.Route) { edit(r.Mirror) }
	}
	header := func(name, value string) func(*config.Route) {
		return func(r *config.Route) { r.Headers = []config.Header{{Name: name, Value: value}} }
	}
	models := func(names ...string) func(*config.Route) {
		return func(r *config.Route) { r.Models = names }
	}
	affinity := func(a string) func(*config.Route) {
		return func(r *config.Route) { r.Affinity = a }
	}
	many := func(n int) func(*config.Route) {
		return func(r *config.Route) {
			r.Targets = nil
			for i := range n {
				r.Targets = append(r.Targets, config.Target{Provider: "team/llm", Model: strings.Repeat("m", i+1), Upstream: "m", Weight: 1})
			}
		}
	}
	tests := map[string]struct {
		edit func(*config.Route)
		want string
	}{
		"what a route may have":               {func(*config.Route) {}, ""},
		"a route without targets is refusing": {func(r *config.Route) { r.Targets = nil }, ""},
		"a route for every request":           {func(r *config.Route) { r.Headers, r.Affinity = nil, "" }, ""},
		"no ID":                               {func(r *config.Route) { r.ID = "" }, `routes[0].id: "" is empty or stands twice`},
		"no models":                           {models(), "routes[0].models: empty"},
		"a model without a name":              {models(""), "routes[0].models[0]: empty"},
		"four stars":                          {models("a*b*c*d*"), ""},
		"five stars":                          {models("*a*b*c*d*"), "routes[0].models[0]: has more than 4 stars"},
		"a model with a space":                {models("a b"), "routes[0].models[0]: holds white space or control characters"},
		"a model with a line break":           {models("a\nb"), "routes[0].models[0]: holds white space or control characters"},
		"a model twice":                       {models("a", "a"), `routes[0].models[1]: "a" is out of order or stands twice`},
		"models out of order":                 {models("b", "a"), `routes[0].models[1]: "a" is out of order or stands twice`},
		"a header in other than canonical form": {
			header("x-tier", "gold"), `routes[0].headers[0]: name "x-tier" is not a header name in canonical form`},
		"a header without a value":    {header("X-Tier", ""), "routes[0].headers[0]: the value of X-Tier is empty"},
		"a header that ends the line": {header("X-Tier", "a\n"), "routes[0].headers[0]: the value of X-Tier holds control characters"},
		"headers out of order": {
			func(r *config.Route) { slices.Reverse(r.Headers) }, `routes[0].headers[1].name: "X-Tier" is out of order or stands twice`},
		"a header twice": {
			func(r *config.Route) { r.Headers[1].Name = "X-Tier" }, `routes[0].headers[1].name: "X-Tier" is out of order or stands twice`},
		"another strategy":          {func(r *config.Route) { r.Strategy = "RoundRobin" }, `routes[0].strategy: "RoundRobin" is not known to this gateway`},
		"no strategy":               {func(r *config.Route) { r.Strategy = "" }, `routes[0].strategy: "" is not known to this gateway`},
		"affinity of the user":      {affinity(config.AffinityUser), ""},
		"affinity of the key":       {affinity(config.AffinityKey), ""},
		"affinity of the moon":      {affinity("Moon"), `routes[0].affinity: "Moon" is not known to this gateway`},
		"affinity of no header":     {affinity("Header:"), `routes[0].affinity: name "" is not a header name in canonical form`},
		"affinity of another form":  {affinity("Header:x-session"), `routes[0].affinity: name "x-session" is not a header name in canonical form`},
		"as many targets as may be": {many(config.MaxTargets), ""},
		"more targets than may be":  {many(config.MaxTargets + 1), "routes[0].targets: 17, of at most 16"},
		"a target of nobody":        {target(func(t *config.Target) { t.Provider = "team/none" }), `routes[0].targets[1].provider: no provider "team/none"`},
		"a target without a model":  {target(func(t *config.Target) { t.Model = "" }), "routes[0].targets[1].model: empty"},
		"a target that is nothing":  {target(func(t *config.Target) { t.Upstream = "" }), "routes[0].targets[1].upstream: empty"},
		"a target twice": {
			target(func(t *config.Target) { t.Model = "chat" }), `routes[0].targets[1]: model "chat" of provider "team/llm" stands twice`},
		"a target without a weight": {target(func(t *config.Target) { t.Weight = 0 }), "routes[0].targets[1].weight: 0 is not positive"},
		"a tier below the first":    {func(r *config.Route) { r.Targets[0].Tier = -1 }, "routes[0].targets[0].tier: -1 is negative or out of order"},
		"tiers out of order": {
			func(r *config.Route) { slices.Reverse(r.Targets) }, "routes[0].targets[1].tier: 0 is negative or out of order"},
		"a negative bound of tokens": {target(func(t *config.Target) { t.MaxOutputTokens = -1 }), "routes[0].targets[1].maxOutputTokens: negative"},
		"a price beyond all sense": {
			target(func(t *config.Target) { t.Price.Input = config.MaxPrice + 1 }), "routes[0].targets[1].price: not within 0 and 10000000000"},
		"a hedge at once":            {func(r *config.Route) { r.Hedge.After = 0 }, "routes[0].hedge.after: 0s is not positive"},
		"a hedge of nothing":         {func(r *config.Route) { r.Hedge.MaxExtraPercent = 0 }, "routes[0].hedge.maxExtraPercent: 0 is not within 1 and 100"},
		"a hedge of more than all":   {func(r *config.Route) { r.Hedge.MaxExtraPercent = 101 }, "routes[0].hedge.maxExtraPercent: 101 is not within 1 and 100"},
		"a mirror of nothing":        {mirror(func(m *config.Mirror) { m.Percent = 0 }), "routes[0].mirror.percent: 0 is not within 1 and 100"},
		"a mirror of more than all":  {mirror(func(m *config.Mirror) { m.Percent = 101 }), "routes[0].mirror.percent: 101 is not within 1 and 100"},
		"a mirror at nobody's":       {mirror(func(m *config.Mirror) { m.Target.Provider = "" }), `routes[0].mirror.target.provider: no provider ""`},
		"a mirror without any model": {mirror(func(m *config.Mirror) { m.Target.Model = "" }), "routes[0].mirror.target.model: empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := document(func(d *config.Document) { test.edit(&d.Core.Routes[0]) }).Validate(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
}

func TestTwoRoutesHaveTwoNames(t *testing.T) {
	err := document(func(d *config.Document) { d.Core.Routes = append(d.Core.Routes, d.Core.Routes[0]) }).Validate()
	if want := `routes[1].id: "team/smart" is empty or stands twice`; err == nil || err.Error() != want {
		t.Errorf("problem %v, want %s", err, want)
	}
}

func TestHeadersThatCarryCredentialsAreNotMatched(t *testing.T) {
	const value = "canary-of-a-header"
	for name, refused := range map[string]bool{
		"Authorization": true, "X-Api-Key": true, "Api-Key": true, "X-Goog-Api-Key": true, "X-Amz-Security-Token": true,
		"Proxy-Authorization": true, "Cookie": true, "X-Tier": false, "User-Agent": false, "Traceparent": false,
	} {
		err := config.CheckMatch(config.Header{Name: name, Value: value})
		if (err != nil) != refused {
			t.Errorf("%s: %v, want refused %t", name, err, refused)
		}
		if err != nil && strings.Contains(err.Error(), value) {
			t.Errorf("the problem with %s quotes its value", name)
		}
	}
}
