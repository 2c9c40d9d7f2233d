// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTokenize(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing has no tokens":                {"", []string{}},
		"four bytes are one token":             {"four", []string{"four"}},
		"the rest is a shorter token":          {"fives", []string{"five", "s"}},
		"a character is never cut":             {"abc«d", []string{"abc", "«d"}},
		"a four-byte character stands alone":   {"a🙂b", []string{"a", "🙂", "b"}},
		"invalid bytes are kept as they stand": {"\xff\xfe\xfd\xfc\xfb", []string{"\xff\xfe\xfd\xfc", "\xfb"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Tokenize(c.text)); diff != "" {
				t.Error(diff)
			}
			if got := CountTokens(c.text); got != len(c.want) {
				t.Errorf("CountTokens = %d, want %d", got, len(c.want))
			}
		})
	}
}

func TestPromptTokensAddsTheTemplatesOverhead(t *testing.T) {
	if got, want := PromptTokens("12345678", "1"), 3+(4+2)+(4+1); got != want {
		t.Errorf("PromptTokens = %d, want %d", got, want)
	}
}

func FuzzTokenizeLosesNothingAndCountsPrefixesAlike(f *testing.F) {
	for _, seed := range []string{"", "hello", "You asked «日本語»: 🙂", "\xff\xc3\x28é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens := Tokenize(text)
		if joined := strings.Join(tokens, ""); joined != text {
			t.Fatalf("joined = %q, want %q", joined, text)
		}
		for i, token := range tokens {
			if utf8.ValidString(text) && !utf8.ValidString(token) {
				t.Fatalf("token %q cuts a character", token)
			}
			if prefix := strings.Join(tokens[:i+1], ""); CountTokens(prefix) != i+1 {
				t.Fatalf("CountTokens(%q) = %d, want %d", prefix, CountTokens(prefix), i+1)
			}
		}
	})
}

func TestCompose(t *testing.T) {
	if got := compose("a", "m", 0, wish{tokens: 50}); len(got.tokens) != 50 || got.cut {
		t.Errorf("50 tokens were asked for: got %d, cut %v", len(got.tokens), got.cut)
	}
	if got := compose("a", "m", 0, wish{tokens: 50, limit: 7}); len(got.tokens) != 7 || !got.cut {
		t.Errorf("the limit of 7 must cut: got %d, cut %v", len(got.tokens), got.cut)
	}
	if got := compose("a", "m", 0, wish{tokens: 7, limit: 7}); got.cut {
		t.Error("an answer that ends at its limit is not cut")
	}
	first, again := compose("a", "m", 0, wish{}).text(), compose("a", "m", 0, wish{}).text()
	if first != again {
		t.Error("the same question must get the same answer")
	}
	if compose("a", "m", 0, wish{tokens: 40}).text() == compose("a", "m", 1, wish{tokens: 40}).text() {
		t.Error("two choices must differ")
	}
	if long := compose(strings.Repeat("é", 5000), "m", 0, wish{}).text(); len(long) > 800 || !utf8.ValidString(long) {
		t.Errorf("a long prompt is repeated in part: %d bytes", len(long))
	}
}
