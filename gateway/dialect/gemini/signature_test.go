// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"encoding/base64"
	"testing"
)

func TestOtherProvidersSignaturesSurviveGooglesSDKs(t *testing.T) {
	for name, signature := range map[string]string{
		"base64":     "ErUBCkYIBhgCIkD+/w==",
		"text":       "no base64 at all: é",
		"short":      "a",
		"like bytes": "\x00\x01",
	} {
		t.Run(name, func(t *testing.T) {
			wrapped := wrapSignature(signature)
			raw, err := base64.StdEncoding.DecodeString(wrapped)
			if err != nil {
				t.Fatal(err)
			}
			for sdk, again := range map[string]string{
				"as it was":               wrapped,
				"in the other alphabet":   base64.URLEncoding.EncodeToString(raw),
				"without padding":         base64.RawStdEncoding.EncodeToString(raw),
				"other and no padding":    base64.RawURLEncoding.EncodeToString(raw),
				"decoded and put in anew": base64.StdEncoding.EncodeToString(raw),
			} {
				if got := unwrapSignature(again); got != signature {
					t.Errorf("%s: %q", sdk, got)
				}
			}
		})
	}
	if wrapSignature("") != "" {
		t.Error("no signature became one")
	}
}

func TestGeminisOwnSignaturesStay(t *testing.T) {
	for _, signature := range []string{"", "AAECAw==", "CiQB", "AAEC-_8", unsigned, "not base64!", "===="} {
		if got := unwrapSignature(signature); got != signature {
			t.Errorf("%q became %q", signature, got)
		}
	}
}

func TestBothAlphabetsOfBase64(t *testing.T) {
	for in, want := range map[string]struct {
		text string
		ok   bool
	}{
		"":         {"", true},
		"AAAA":     {"AAAA", true},
		"+/+/":     {"+/+/", true},
		"-_-_":     {"+/+/", true},
		"AA":       {"AA==", true},
		"AAA":      {"AAA=", true},
		"AA==":     {"AA==", true},
		"A_A=":     {"A/A=", true},
		"AA=":      {"AA==", true},
		"A":        {"", false},
		"AAAAA":    {"", false},
		"AA A":     {"", false},
		"AA\nAA":   {"", false},
		"AA===":    {"", false},
		"A=AA":     {"", false},
		"data:abc": {"", false},
		"é":        {"", false},
	} {
		got, ok := standardBase64(in)
		if got != want.text || ok != want.ok {
			t.Errorf("%q: %q, %t", in, got, ok)
		}
	}
}
