// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
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

func model(name, provider, upstream string) config.Model {
	return config.Model{Name: name, Provider: "ns/" + provider, Upstream: upstream}
}

func TestFind(t *testing.T) {
	type want struct {
		provider        int
		upstream, label string
	}
	configured := []config.Model{
		model("smart", "b", "gpt-4o"), model("b/gpt-4o", "b", "gpt-4o"), model("a/special", "b", "renamed"),
	}
	tests := map[string]struct {
		providers []config.Provider
		models    []config.Model
		ask       string
		want      *want
		says      string // part of the refusal's message
	}{
		"a configured name": {
			providers: []config.Provider{closed("a"), closed("b")}, models: configured, ask: "smart", want: &want{1, "gpt-4o", "smart"},
		},
		"a configured name with its provider": {
			providers: []config.Provider{closed("a"), closed("b")}, models: configured, ask: "b/gpt-4o", want: &want{1, "gpt-4o", "b/gpt-4o"},
		},
		"a name that is not configured": {
			providers: []config.Provider{closed("a"), closed("b")}, models: configured, ask: "dumb", says: "`dumb` does not exist",
		},
		"a closed provider's other model": {
			providers: []config.Provider{closed("a"), closed("b")}, models: configured, ask: "b/other", says: "does not exist",
		},
		"names are told apart by case": {
			providers: []config.Provider{closed("a"), closed("b")}, models: configured, ask: "Smart", says: "does not exist",
		},
		"an open provider's model by both names": {
			providers: []config.Provider{open("a"), open("b")}, ask: "b/llama", want: &want{1, "llama", OtherModel},
		},
		"the rest after the first slash is the model": {
			providers: []config.Provider{open("a"), open("b")}, ask: "a/meta/llama/3", want: &want{0, "meta/llama/3", OtherModel},
		},
		"a configured name wins over an open provider": {
			providers: []config.Provider{open("a"), closed("b")}, models: configured, ask: "a/special", want: &want{1, "renamed", "a/special"},
		},
		"a bare name with one open provider": {
			providers: []config.Provider{open("a"), closed("b")}, models: configured, ask: "llama", want: &want{0, "llama", OtherModel},
		},
		"a bare name with a slash that names no provider": {
			providers: []config.Provider{open("a")}, ask: "meta-llama/Llama-3", want: &want{0, "meta-llama/Llama-3", OtherModel},
		},
		"a provider's name and nothing after it": {
			providers: []config.Provider{open("a")}, ask: "a/", want: &want{0, "a/", OtherModel},
		},
		"a bare name with two open providers": {
			providers: []config.Provider{open("a"), open("b")}, ask: "llama", says: "write provider/model",
		},
		"an unknown provider with two open ones": {
			providers: []config.Provider{open("a"), open("b")}, ask: "c/llama", says: "write provider/model",
		},
		"nothing configured": {ask: "x", says: "does not exist"},
		"a very long name is cut in the message": {
			providers: []config.Provider{closed("a")}, ask: strings.Repeat("é", 200), says: strings.Repeat("é", 64) + "…`",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table, err := NewTable(&config.Core{Providers: tc.providers, Models: tc.models})
			if err != nil {
				t.Fatal(err)
			}
			target, refused := table.Find([]byte(tc.ask))
			if tc.want == nil {
				if refused == nil || refused.Status != 404 || refused.Code != "model_not_found" || refused.Param != "model" ||
					refused.Reason != exchange.ReasonModelNotFound || !strings.Contains(refused.Message, tc.says) {
					t.Errorf("got %+v, %+v", target, refused)
				}
				return
			}
			if refused != nil {
				t.Fatal(refused)
			}
			if target.Provider != tc.want.provider || target.Upstream != tc.want.upstream || target.Label != tc.want.label {
				t.Errorf("got %+v, want %+v", target, *tc.want)
			}
			if at := table.Targets()[target.Place]; at.Provider != target.Provider || at.Label != target.Label {
				t.Errorf("its place holds %+v", at)
			}
		})
	}
}

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

func TestNamesAndOpen(t *testing.T) {
	core := &config.Core{
		Providers: []config.Provider{open("z"), closed("b"), open("a")},
		Models:    []config.Model{model("y", "b", "y"), model("x", "b", "x")},
	}
	table, err := NewTable(core)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x", "y"}, table.Names()); diff != "" {
		t.Error(diff)
	}
	if places, bare := table.Open(); bare || !cmp.Equal(places, []int{0, 2}) {
		t.Errorf("open %v, bare %t", places, bare)
	}
	if n := len(table.Targets()); n != 4 {
		t.Errorf("%d targets", n)
	}
}

func TestMaxOutputTokensComesAlong(t *testing.T) {
	m := model("x", "a", "x")
	m.MaxOutputTokens = 7
	table, err := NewTable(&config.Core{Providers: []config.Provider{closed("a")}, Models: []config.Model{m}})
	if err != nil {
		t.Fatal(err)
	}
	if target, _ := table.Find([]byte("x")); target.MaxOutputTokens != 7 {
		t.Errorf("%+v", target)
	}
}

func TestAConfiguredModelDoesNotAllocate(t *testing.T) {
	table, err := NewTable(&config.Core{Providers: []config.Provider{closed("a")}, Models: []config.Model{model("x", "a", "y")}})
	if err != nil {
		t.Fatal(err)
	}
	ask := []byte("x")
	if n := testing.AllocsPerRun(100, func() { _, _ = table.Find(ask) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
