// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func open(name string) config.Provider {
	return config.Provider{ID: "ns/" + name, Name: name, AnyModel: true}
}

func closed(name string) config.Provider { return config.Provider{ID: "ns/" + name, Name: name} }

// model gives both names of a provider's model, as a compiler does.
func model(provider, name, upstream string) []config.Model {
	m := config.Model{Name: provider + "/" + name, Provider: "ns/" + provider, Upstream: upstream}
	bare := m
	bare.Name = name
	return []config.Model{m, bare}
}

// sends gives a route for some names to one target, written "provider/model".
func sends(id, target string, names ...string) config.Route {
	r := config.Route{ID: "ns/" + id, Models: names, Strategy: config.Weighted}
	if provider, name, ok := strings.Cut(target, "/"); ok {
		r.Targets = []config.Target{{Provider: "ns/" + provider, Model: name, Upstream: name + "-up", Weight: 1}}
	}
	return r
}

// with narrows a route to fields, written "Name: value".
func with(r config.Route, fields ...string) config.Route {
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Headers = append(r.Headers, config.Header{Name: name, Value: value})
	}
	return r
}

type header map[string]string

func (h header) PeekCanonical(key []byte) []byte { return []byte(h[string(key)]) }

func mustTable(t testing.TB, core config.Core) *Table {
	t.Helper()
	table, err := NewTable(&core)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// describe gives what was found as "route → provider/model=upstream", the place of the provider for its name.
func describe(m Match) string {
	var out strings.Builder
	out.WriteString(m.Route.ID + " →")
	for _, t := range m.Route.Targets {
		upstream := t.Upstream
		if m.Upstream != "" {
			upstream += m.Upstream
		}
		fmt.Fprintf(&out, " %d/%s=%s", t.Provider, t.Model, upstream)
	}
	return out.String()
}

type found struct {
	core   config.Core
	ask    string
	header header
	want   string // as describe has it
	says   string // part of the refusal's message, where it is one
}

func (f found) check(t *testing.T) {
	table := mustTable(t, f.core)
	var fields Fields
	if f.header != nil {
		fields = f.header
	}
	match, refused := table.Find([]byte(f.ask), fields)
	if f.want == "" {
		if refused == nil || refused.Status != 404 || refused.Code != "model_not_found" || refused.Param != "model" ||
			refused.Reason != exchange.ReasonModelNotFound || f.says == "" || !strings.Contains(refused.Message, f.says) {
			t.Errorf("got %+v, %+v", match, refused)
		}
		return
	}
	if refused != nil {
		t.Fatal(refused)
	}
	if diff := cmp.Diff(f.want, describe(match)); diff != "" {
		t.Error(diff)
	}
	if table.Routes()[match.Route.Place] != match.Route {
		t.Errorf("at its place stands %+v", table.Routes()[match.Route.Place])
	}
	for _, target := range match.Route.Targets {
		target.Weight, target.Tier = 0, 0
		if diff := cmp.Diff(target, table.Targets()[target.Place]); diff != "" {
			t.Errorf("at its target's place stands another: %s", diff)
		}
	}
}

func TestFindOfProvidersNames(t *testing.T) {
	closedOnly := config.Core{
		Providers: []config.Provider{closed("a"), closed("b")},
		Models:    append(model("b", "gpt-4o", "gpt-4o-2024"), model("b", "meta/llama", "llama")...),
	}
	mixed := closedOnly
	mixed.Providers = []config.Provider{open("a"), closed("b")}
	mixed.Models = append(model("b", "a/special", "renamed"), closedOnly.Models...)
	two := config.Core{Providers: []config.Provider{open("a"), open("b")}}
	one := config.Core{Providers: []config.Provider{open("a")}}
	both := config.Core{
		Providers: []config.Provider{closed("b"), closed("c")},
		Models: []config.Model{
			{Name: "b/x", Provider: "ns/b", Upstream: "x-1"}, {Name: "b/b/x", Provider: "ns/b", Upstream: "x-2"},
			{Name: "b/y", Provider: "ns/b", Upstream: "y"}, {Name: "b/b/y", Provider: "ns/c", Upstream: "y"},
		},
	}
	own := config.Core{Providers: []config.Provider{closed("b")}, Models: model("b", "b/x", "x")}
	tests := map[string]found{
		"a model by its own name":                                  {core: closedOnly, ask: "gpt-4o", want: " → 1/gpt-4o=gpt-4o-2024"},
		"a model with its provider's":                              {core: closedOnly, ask: "b/gpt-4o", want: " → 1/gpt-4o=gpt-4o-2024"},
		"a model whose name has a slash":                           {core: closedOnly, ask: "meta/llama", want: " → 1/meta/llama=llama"},
		"the same with its provider's":                             {core: closedOnly, ask: "b/meta/llama", want: " → 1/meta/llama=llama"},
		"a model named like its provider":                          {core: own, ask: "b/x", want: " → 0/b/x=x"},
		"the same with its provider's name twice":                  {core: own, ask: "b/b/x", want: " → 0/b/x=x"},
		"with a provider's name that begins another of its models": {core: both, ask: "b/x", want: " → 0/x=x-1"},
		"that other model":                                         {core: both, ask: "b/b/x", want: " → 0/b/x=x-2"},
		"with a provider's name that begins another's model":       {core: both, ask: "b/y", want: " → 0/y=y"},
		"a name that is not configured":                            {core: closedOnly, ask: "dumb", says: "`dumb` does not exist"},
		"a closed provider's other model":                          {core: closedOnly, ask: "b/other", says: "does not exist"},
		"another provider's model":                                 {core: closedOnly, ask: "a/gpt-4o", says: "does not exist"},
		"names are told apart by case":                             {core: closedOnly, ask: "GPT-4o", says: "does not exist"},
		"nothing configured":                                       {ask: "x", says: "does not exist"},
		"an open provider's model":                                 {core: two, ask: "b/llama", want: " → 1/other=llama"},
		"the rest after the first slash is the model": {
			core: two, ask: "a/meta/llama/3", want: " → 0/other=meta/llama/3",
		},
		"a name with an open provider's is that provider's, whoever else has such a model": {
			core: mixed, ask: "a/special", want: " → 0/other=special",
		},
		"the other's is reached with its provider's":       {core: mixed, ask: "b/a/special", want: " → 1/a/special=renamed"},
		"a configured name, not the only open provider":    {core: mixed, ask: "gpt-4o", want: " → 1/gpt-4o=gpt-4o-2024"},
		"other names with one open provider":               {core: mixed, ask: "llama", want: " → 0/other=llama"},
		"a bare name with a slash that names no provider":  {core: one, ask: "meta-llama/Llama-3", want: " → 0/other=meta-llama/Llama-3"},
		"a provider's name and nothing after it":           {core: one, ask: "a/", want: " → 0/other=a/"},
		"a bare name with two open providers":              {core: two, ask: "llama", says: "write provider/model"},
		"an unknown provider with two open ones":           {core: two, ask: "c/llama", says: "write provider/model"},
		"a very long name is cut in the message":           {core: closedOnly, ask: strings.Repeat("é", 200), says: strings.Repeat("é", 64) + "…`"},
		"a name is not cut within a character":             {core: closedOnly, ask: "x" + strings.Repeat("é", 200), says: "x" + strings.Repeat("é", 63) + "…`"},
		"the longest name there can be":                    {core: one, ask: strings.Repeat("x", maxName), want: " → 0/other=" + strings.Repeat("x", maxName)},
		"a longer name is nobody's, though one takes any":  {core: one, ask: strings.Repeat("x", maxName+1), says: "does not exist"},
		"a longer name is nobody's, with a provider's too": {core: two, ask: "a/" + strings.Repeat("x", maxName), says: "does not exist"},
	}
	for name, tc := range tests {
		t.Run(name, tc.check)
	}
}

func TestFindOfRoutes(t *testing.T) {
	core := func(routes ...config.Route) config.Core {
		return config.Core{
			Providers: []config.Provider{closed("a"), open("o")}, Models: model("a", "gpt-4o", "gpt-4o-up"), Routes: routes,
		}
	}
	gold, tiered := "X-Tier: gold", header{"X-Tier": "gold", "X-Team": "search"}
	tests := map[string]found{
		"an exact name": {core: core(sends("r", "a/gpt-4o", "smart")), ask: "smart", want: "ns/r → 0/gpt-4o=gpt-4o-up"},
		"each of several": {
			core: core(sends("r", "a/gpt-4o", "clever", "smart")), ask: "smart", want: "ns/r → 0/gpt-4o=gpt-4o-up",
		},
		"an exact name before a model's own":      {core: core(sends("r", "o/x", "gpt-4o")), ask: "gpt-4o", want: "ns/r → 1/x=x-up"},
		"an exact name before provider/model":     {core: core(sends("r", "o/x", "a/gpt-4o")), ask: "a/gpt-4o", want: "ns/r → 1/x=x-up"},
		"an exact name before an open provider's": {core: core(sends("r", "a/gpt-4o", "o/y")), ask: "o/y", want: "ns/r → 0/gpt-4o=gpt-4o-up"},
		"an exact name before patterns, though they are longer or older": {
			core: core(sends("p", "o/x", "smar*t"), sends("r", "a/gpt-4o", "smart")), ask: "smart", want: "ns/r → 0/gpt-4o=gpt-4o-up",
		},
		"a pattern":                                {core: core(sends("p", "o/x", "claude-*")), ask: "claude-3", want: "ns/p → 1/x=x-up"},
		"a pattern before a model's own name":      {core: core(sends("p", "o/x", "gpt-*")), ask: "gpt-4o", want: "ns/p → 1/x=x-up"},
		"provider/model escapes patterns":          {core: core(sends("p", "o/x", "*")), ask: "a/gpt-4o", want: " → 0/gpt-4o=gpt-4o-up"},
		"an open provider's name escapes patterns": {core: core(sends("p", "a/gpt-4o", "*")), ask: "o/y", want: " → 1/other=y"},
		"a closed provider's other models do not":  {core: core(sends("p", "o/x", "*")), ask: "a/none", want: "ns/p → 1/x=x-up"},
		"a pattern before the only open provider":  {core: core(sends("p", "a/gpt-4o", "l*")), ask: "llama", want: "ns/p → 0/gpt-4o=gpt-4o-up"},
		"no pattern of a name's":                   {core: core(sends("p", "a/gpt-4o", "l*a")), ask: "llamas", want: " → 1/other=llamas"},
		"more characters of a pattern first": {
			core: core(sends("p", "o/x", "gpt-*"), sends("q", "o/y", "gpt-4*")), ask: "gpt-4.1", want: "ns/q → 1/y=y-up",
		},
		"stars are no characters": {
			core: core(sends("p", "o/x", "*g*p*t*"), sends("q", "o/y", "gpt-*")), ask: "gpt-4.1", want: "ns/q → 1/y=y-up",
		},
		"characters count, not bytes": {
			core: core(sends("p", "o/x", "*éé*"), sends("q", "o/y", "*abc*")), ask: "ééabc", want: "ns/q → 1/y=y-up",
		},
		"a name with a star is no pattern to a client": {
			core: core(sends("p", "o/x", "gpt-*")), ask: "gpt*", want: " → 1/other=gpt*",
		},
		"of patterns as long the first": {
			core: core(sends("p", "o/x", "gpt-*"), sends("q", "o/y", "*-4.1")), ask: "gpt-4.1", want: "ns/p → 1/x=x-up",
		},
		"of patterns as long the one with more headers": {
			core: core(sends("p", "o/x", "gpt-*"), with(sends("q", "o/y", "*-4.1"), gold)), ask: "gpt-4.1", header: tiered,
			want: "ns/q → 1/y=y-up",
		},
		"more characters before more headers": {
			core: core(with(sends("p", "o/x", "*-4.1"), gold), sends("q", "o/y", "*t-4.1")), ask: "gpt-4.1", header: tiered,
			want: "ns/q → 1/y=y-up",
		},
		"more headers of an exact name first": {
			core: core(sends("p", "o/x", "m"), with(sends("q", "o/y", "m"), gold), with(sends("r", "o/z", "m"), "X-Team: search", gold)),
			ask:  "m", header: tiered, want: "ns/r → 1/z=z-up",
		},
		"fewer headers where more are not met": {
			core: core(sends("p", "o/x", "m"), with(sends("q", "o/y", "m"), gold), with(sends("r", "o/z", "m"), "X-Team: ads", gold)),
			ask:  "m", header: tiered, want: "ns/q → 1/y=y-up",
		},
		"as many headers by order": {
			core: core(with(sends("p", "o/x", "m"), "X-Team: search"), with(sends("q", "o/y", "m"), gold)), ask: "m", header: tiered,
			want: "ns/p → 1/x=x-up",
		},
		"a header with another value passes over":  {core: core(with(sends("p", "o/x", "m"), gold)), ask: "m", header: header{"X-Tier": "Gold"}, want: " → 1/other=m"},
		"a header that is not there passes over":   {core: core(with(sends("p", "o/x", "m"), gold)), ask: "m", header: header{}, want: " → 1/other=m"},
		"no header at all passes over":             {core: core(with(sends("p", "o/x", "m"), gold)), ask: "m", want: " → 1/other=m"},
		"one header of two passes over":            {core: core(with(sends("p", "o/x", "m*"), "X-Team: ads", gold)), ask: "m", header: tiered, want: " → 1/other=m"},
		"a route that passes over, then a pattern": {core: core(with(sends("p", "o/x", "m"), gold), sends("q", "o/y", "*")), ask: "m", want: "ns/q → 1/y=y-up"},
		"a pattern that passes over, then another": {core: core(with(sends("p", "o/x", "mm*"), gold), sends("q", "o/y", "*")), ask: "mm", want: "ns/q → 1/y=y-up"},
		"a route without targets":                  {core: core(sends("p", "", "gpt-4o")), ask: "gpt-4o", want: "ns/p →"},
		"a pattern without targets":                {core: core(sends("p", "", "*")), ask: "any", want: "ns/p →"},
		"a name too long for patterns goes nowhere else": {
			core: core(sends("p", "", "*")), ask: strings.Repeat("m", maxName+1), says: "does not exist",
		},
	}
	for name, tc := range tests {
		t.Run(name, tc.check)
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	table := large(t)
	for name, ask := range map[string]string{
		"an exact name":           "route-7",
		"a pattern":               "family-49-x",
		"a model's own name":      "model-123",
		"with its provider's":     "a/model-123",
		"a header that is missed": "golden",
	} {
		// As a request has it, so that the conversion is not counted.
		var fields Fields = still{}
		model := []byte(ask)
		n := testing.AllocsPerRun(100, func() {
			if _, err := table.Find(model, fields); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// still is a header with one field.
type still struct{}

var silver = []byte("silver")

func (still) PeekCanonical([]byte) []byte { return silver }

// large is a table of 1,000 models, 50 patterns and 10 names of routes.
func large(t testing.TB) *Table {
	core := config.Core{Providers: []config.Provider{closed("a")}}
	for i := range 1000 {
		core.Models = append(core.Models, model("a", "model-"+strconv.Itoa(i), "up")...)
	}
	for i := range 50 {
		core.Routes = append(core.Routes, sends("p"+strconv.Itoa(i), "a/model-1", "family-"+strconv.Itoa(i)+"-*"))
	}
	for i := range 10 {
		core.Routes = append(core.Routes, sends("r"+strconv.Itoa(i), "a/model-1", "route-"+strconv.Itoa(i)))
	}
	core.Routes = append(core.Routes, sends("g", "a/model-1", "golden"), with(sends("h", "a/model-1", "golden"), "X-Tier: gold"))
	return mustTable(t, core)
}

func BenchmarkFind(b *testing.B) {
	table := large(b)
	for name, ask := range map[string]string{
		"Exact": "route-7", "Qualified": "a/model-123", "LastPattern": "family-49-x", "Bare": "model-123",
	} {
		b.Run(name, func(b *testing.B) {
			model := []byte(ask)
			var fields Fields = still{}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := table.Find(model, fields); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
