// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestTwoOpenProvidersOfOneNameAreRefused(t *testing.T) {
	other := open("a")
	other.ID = "elsewhere/a"
	_, err := NewTable(&config.Core{Providers: []config.Provider{open("a"), other}})
	if err == nil || !strings.Contains(err.Error(), "providers[1].name") || !strings.Contains(err.Error(), "ns/a") {
		t.Errorf("got %v", err)
	}
	other.AnyModel = false
	if _, err := NewTable(&config.Core{Providers: []config.Provider{open("a"), other}}); err != nil {
		t.Errorf("a closed one of the same name: %v", err)
	}
}

func TestOpen(t *testing.T) {
	tests := map[string]struct {
		providers []config.Provider
		want      []int
		bare      bool
	}{
		"none":         {[]config.Provider{closed("a")}, nil, false},
		"one of two":   {[]config.Provider{closed("a"), open("b")}, []int{1}, true},
		"two of three": {[]config.Provider{open("z"), closed("b"), open("a")}, []int{0, 2}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			places, bare := mustTable(t, config.Core{Providers: tc.providers}).Open()
			if diff := cmp.Diff(tc.want, places); diff != "" || bare != tc.bare {
				t.Errorf("bare %t, %s", bare, diff)
			}
		})
	}
}

// A ModelRoute says everything: nothing of it is lost on the way to a request.
func TestARouteIsWhatTheDocumentSays(t *testing.T) {
	price := &config.Price{Input: 3, Output: 15}
	hedge := &config.Hedge{After: 2e9, MaxExtraPercent: 5}
	core := config.Core{
		Providers: []config.Provider{closed("a"), closed("b")},
		Models: []config.Model{
			{Name: "a/x", Provider: "ns/a", Upstream: "x-1", MaxOutputTokens: 7, Price: price},
			{Name: "x", Provider: "ns/a", Upstream: "x-1", MaxOutputTokens: 7, Price: price},
		},
		Routes: []config.Route{{
			ID: "ns/r", Models: []string{"smart"}, Strategy: config.Weighted, Affinity: "Header:X-Session", Hedge: hedge,
			Targets: []config.Target{
				{Provider: "ns/b", Model: "y", Upstream: "y-1", Weight: 90},
				{Provider: "ns/a", Model: "x", Upstream: "x-1", Weight: 10, Tier: 1, MaxOutputTokens: 7, Price: price},
			},
			Mirror: &config.Mirror{Percent: 3, Target: config.Target{Provider: "ns/b", Model: "z", Upstream: "z-1"}},
		}, {ID: "ns/s", Models: []string{"other*"}, Strategy: config.LowestCost, Affinity: config.AffinityUser}},
	}
	table := mustTable(t, core)
	x := Target{Provider: 0, Model: "x", Upstream: "x-1", Place: 0, MaxOutputTokens: 7, Price: price}
	y := Target{Provider: 1, Model: "y", Upstream: "y-1", Place: 1}
	z := Target{Provider: 1, Model: "z", Upstream: "z-1", Place: 2}
	if diff := cmp.Diff([]Target{x, y, z}, table.Targets()); diff != "" {
		t.Errorf("targets: %s", diff)
	}
	own := x
	y.Weight, x.Weight, x.Tier, own.Weight = 90, 10, 1, 1
	want := []*Route{
		{Place: 0, ID: "ns/r", Targets: []Target{y, x}, Strategy: config.Weighted, Affinity: "Header:X-Session",
			AffinityHeader: []byte("X-Session"), Hedge: hedge, Mirror: &z, MirrorPercent: 3},
		{Place: 1, ID: "ns/s", Strategy: config.LowestCost, Affinity: config.AffinityUser},
		{Place: 2, Targets: []Target{own}, Strategy: config.Weighted},
	}
	if diff := cmp.Diff(want, table.Routes()); diff != "" {
		t.Errorf("routes: %s", diff)
	}
}

func TestPlacesAreOneForAProvidersModel(t *testing.T) {
	type at struct {
		provider        int
		model, upstream string
	}
	core := config.Core{
		Providers: []config.Provider{open("o"), closed("a")},
		Models:    append(model("a", "x", "x-up"), model("a", "same", "x-up")...),
		Routes: []config.Route{
			sends("r", "a/x", "r"), sends("s", "a/x", "s*"), sends("t", "o/llama", "t"), sends("u", "o/llama", "u"),
			sends("v", "o/other", "v"),
		},
	}
	core.Routes[0].Mirror = &config.Mirror{Percent: 1, Target: core.Routes[2].Targets[0]}
	table := mustTable(t, core)
	var got []at
	for i, target := range table.Targets() {
		if target.Place != i || target.Weight != 0 || target.Tier != 0 {
			t.Errorf("at %d stands %+v", i, target)
		}
		got = append(got, at{target.Provider, target.Model, target.Upstream})
	}
	want := []at{{0, OtherModel, ""}, {1, "x", "x-up"}, {1, "same", "x-up"}, {0, "llama", "llama-up"}, {0, "other", "other-up"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(at{})); diff != "" {
		t.Error(diff)
	}
	if got := table.Routes()[0].Mirror.Place; got != 3 {
		t.Errorf("the mirror's place is %d", got)
	}
	if n := len(table.Routes()); n != 5+3 {
		t.Errorf("%d routes", n)
	}
	for i, r := range table.Routes() {
		if r.Place != i || (r.ID == "") != (i >= 5) {
			t.Errorf("at %d stands %+v", i, r)
		}
	}
}

func TestNames(t *testing.T) {
	core := config.Core{
		Providers: []config.Provider{open("z"), closed("b")},
		Models:    append(model("b", "y", "y"), model("b", "x", "x")...),
		Routes: []config.Route{
			sends("r", "b/x", "smart", "x", "gpt-*"), with(sends("h", "b/x", "hidden"), "A: b"),
			with(sends("n", "b/y", "smart"), "A: b"), sends("none", "", "refused"),
		},
	}
	want := []string{"b/x", "b/y", "refused", "smart", "x", "y"}
	if diff := cmp.Diff(want, mustTable(t, core).Names()); diff != "" {
		t.Error(diff)
	}
}

func TestDefault(t *testing.T) {
	x, y := model("a", "x", "x-up"), model("a", "long", "y-up")
	tests := map[string]struct {
		models []config.Model
		routes []config.Route
		open   bool
		want   string
	}{
		"nothing":                               {},
		"the only model by its shorter name":    {models: x, want: "x"},
		"several models":                        {models: slices.Concat(x, y)},
		"an open provider":                      {open: true},
		"an open provider beside a model":       {models: x, open: true},
		"a single route":                        {routes: []config.Route{sends("r", "a/z", "smart")}, want: "smart"},
		"a single route by its shortest name":   {routes: []config.Route{sends("r", "a/z", "clever", "top", "wit")}, want: "top"},
		"a route to the only model":             {models: x, routes: []config.Route{sends("r", "a/x", "smart")}, want: "smart"},
		"a route that has the model's own name": {models: x, routes: []config.Route{sends("r", "a/x", "x")}, want: "x"},
		"a route to all models, whatever the order of names": {
			models: slices.Concat(x, y), want: "mid",
			routes: []config.Route{{ID: "ns/r", Models: []string{"mid"}, Targets: slices.Concat(
				[]config.Target{{Provider: "ns/a", Model: "x", Upstream: "x-up"}},
				[]config.Target{{Provider: "ns/a", Model: "long", Upstream: "y-up"}})}},
		},
		"a route to one of two models":       {models: slices.Concat(x, y), routes: []config.Route{sends("r", "a/x", "smart")}},
		"a route to another model":           {models: x, routes: []config.Route{sends("r", "a/z", "smart")}},
		"a route without targets":            {routes: []config.Route{sends("r", "", "smart")}, want: "smart"},
		"two routes":                         {routes: []config.Route{sends("r", "a/z", "smart"), sends("s", "a/z", "dumb")}},
		"a route beside a pattern":           {routes: []config.Route{sends("r", "a/z", "smart"), sends("s", "a/z", "d*")}},
		"a route with a pattern":             {routes: []config.Route{sends("r", "a/z", "smart", "s*")}},
		"a route and one for some":           {routes: []config.Route{sends("r", "a/z", "smart"), with(sends("s", "a/y", "smart", "d*"), "A: b")}, want: "smart"},
		"a route for some only":              {routes: []config.Route{with(sends("s", "a/y", "smart"), "A: b")}},
		"a route beside an open provider":    {open: true, routes: []config.Route{sends("r", "a/z", "smart")}},
		"a model and a route for some":       {models: x, routes: []config.Route{with(sends("s", "a/y", "smart"), "A: b")}, want: "x"},
		"a model whose every name is routed": {models: x, routes: []config.Route{sends("r", "a/z", "a/x", "x")}, want: "x"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			core := config.Core{Providers: []config.Provider{closed("a")}, Models: tc.models, Routes: tc.routes}
			if tc.open {
				core.Providers = append(core.Providers, open("o"))
			}
			table := mustTable(t, core)
			got, ok := table.Default()
			if got != tc.want || ok != (tc.want != "") {
				t.Fatalf("got %q, %t, want %q", got, ok, tc.want)
			}
			if _, refused := table.Find([]byte(got), nil); ok && refused != nil {
				t.Errorf("it is not found: %v", refused)
			}
		})
	}
}
