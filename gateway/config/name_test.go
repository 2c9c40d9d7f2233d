// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestMatchName(t *testing.T) {
	type names = []string
	tests := map[string]struct {
		pattern    string
		match, not names
	}{
		"a star alone is anything":         {"*", names{"", "a", "gpt-4o", "*"}, nil},
		"two stars are one":                {"**", names{"", "a"}, nil},
		"a beginning":                      {"gpt-4*", names{"gpt-4", "gpt-4o", "gpt-4*"}, names{"gpt-", "xgpt-4", "GPT-4"}},
		"an end":                           {"*-mini", names{"-mini", "gpt-4o-mini"}, names{"mini", "gpt-4o-minix"}},
		"both":                             {"gpt*mini", names{"gptmini", "gpt-mini", "gptminimini"}, names{"gptmin", "gpt-minis"}},
		"the ends do not overlap":          {"aba*aba", names{"abaaba", "aba-aba"}, names{"aba", "ababa"}},
		"in the middle":                    {"*4o*", names{"4o", "gpt-4o", "gpt-4o-mini"}, names{"gpt-4-o"}},
		"parts are in order":               {"*a*b*", names{"ab", "xaxbx"}, names{"ba", "b-a"}},
		"parts do not overlap":             {"*aa*aa*", names{"aaaa", "aa-aa"}, names{"aaa"}},
		"a part does not reach the end's":  {"*ab*b", names{"abb", "ab-b"}, names{"ab"}},
		"a part does not reach the first":  {"a*ab*", names{"aab"}, names{"ab"}},
		"an early part leaves room":        {"x*ab*abc", names{"xababc", "xab-abc"}, names{"xabc"}},
		"a part that is found again later": {"*ab*ac", names{"abac", "ababac"}, names{"acab"}},
		"a slash is a character":           {"meta/*", names{"meta/", "meta/llama/3"}, names{"meta"}},
		"a dot is a dot":                   {"gpt-4.*", names{"gpt-4.1"}, names{"gpt-41"}},
		"without a star it is a name":      {"gpt-4", names{"gpt-4"}, names{"gpt-4o", "gpt", "", "GPT-4"}},
		"nothing is the name of nothing":   {"", names{""}, names{"a"}},
		"characters beyond ASCII":          {"模*型", names{"模型", "模-型"}, names{"模"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for want, all := range map[bool]names{true: tc.match, false: tc.not} {
				for _, n := range all {
					if got := config.MatchName(tc.pattern, n); got != want {
						t.Errorf("%q and %q: %t", tc.pattern, n, got)
					}
					if got := config.MatchName(tc.pattern, []byte(n)); got != want {
						t.Errorf("%q and the bytes of %q: %t", tc.pattern, n, got)
					}
				}
			}
		})
	}
}

func TestMatchingANameDoesNotAllocate(t *testing.T) {
	name := []byte("publishers/meta/models/llama-3.1-405b-instruct-maas")
	matched := true
	n := testing.AllocsPerRun(100, func() {
		matched = matched && config.MatchName("publishers/*/models/*-maas", name) && !config.MatchName("*nothing*", name)
	})
	if n != 0 || !matched {
		t.Errorf("%v allocations, matched %t", n, matched)
	}
}

// reference translates a pattern.
func reference(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
}

func TestPatternsAreThoseOfTheReference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(from string, most int) string {
		var out strings.Builder
		for range random.IntN(most) {
			out.WriteByte(from[random.IntN(len(from))])
		}
		return out.String()
	}
	matched := 0
	for range 100_000 {
		pattern, name := draw("aab*", 8)+"*"+draw("aab*", 3), draw("aab", 12)
		got, want := config.MatchName(pattern, name), reference(pattern).MatchString(name)
		if got != want {
			t.Fatalf("%q and %q: got %t, want %t", pattern, name, got, want)
		}
		if got {
			matched++
		}
	}
	if matched < 10_000 {
		t.Errorf("only %d names matched", matched)
	}
}

func FuzzMatchName(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"gpt-4*", "gpt-4o"}, {"*-mini", "gpt-4o-mini"}, {"a*b*c", "abbc"}, {"*aa*aa*", "aaa"}, {"aba*aba", "ababa"},
		{"***", "\n"}, {"模*型", "模-型"}, {"(*)[a-z].+", "()[a-z].+"}, {`\*`, `\x`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		// The reference compares characters; names of models that are not text have none.
		if len(pattern) > 256 || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			return
		}
		if got, want := config.MatchName(pattern, name), reference(pattern).MatchString(name); got != want {
			t.Errorf("%q and %q: got %t, want %t", pattern, name, got, want)
		}
	})
}
