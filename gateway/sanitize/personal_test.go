// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sanitize/pii"
)

func TestEveryKindOfDataHasItsPlace(t *testing.T) {
	seen := map[int]bool{}
	for i, name := range config.PIIKinds {
		kind, ok := pii.ParseKind(string(name))
		if !ok || piiOrder[kind] != i || seen[i] {
			t.Errorf("%s is %d, of place %d", name, kind, piiOrder[kind])
		}
		seen[i] = true
	}
	if got := piiKinds(config.PIIKinds); got != pii.All {
		t.Errorf("all kinds are %b, want %b", got, pii.All)
	}
}

func TestDataInAnswers(t *testing.T) {
	const text = "Write to anna@example.com or bert@example.com, card 4111 1111 1111 1111, thanks"
	all := map[config.PIIKind]int{config.PIIEmail: 2, config.PIICreditCard: 1}
	for name, test := range map[string]struct {
		mode  config.SanitizeMode
		kinds []config.PIIKind
		text  string
		want  string
		block string
		found map[config.PIIKind]int
	}{
		"replaced":             {config.SanitizeRedact, config.PIIKinds, text, "Write to [EMAIL] or [EMAIL], card [CREDIT_CARD], thanks", "", all},
		"flagged":              {config.SanitizeFlag, config.PIIKinds, text, text, "", all},
		"refused":              {config.SanitizeBlock, config.PIIKinds, text, "Write to ", "pii", nil},
		"refused at the end":   {config.SanitizeBlock, config.PIIKinds, "Write to anna@example.com", "Write to ", "pii", nil},
		"refused at its start": {config.SanitizeBlock, config.PIIKinds, "anna@example.com", "", "pii", nil},
		"nothing to refuse":    {config.SanitizeBlock, config.PIIKinds, prose, prose, "", nil},
		"what looks like a placeholder": {
			config.SanitizeBlock, config.PIIKinds, "[EMAIL] and [", "[EMAIL] and [", "", nil},
		"of one kind":     {config.SanitizeRedact, []config.PIIKind{config.PIIEmail}, text, "Write to [EMAIL] or [EMAIL], card 4111 1111 1111 1111, thanks", "", map[config.PIIKind]int{config.PIIEmail: 2}},
		"of another kind": {config.SanitizeBlock, []config.PIIKind{config.PIIIBAN}, text, text, "", nil},
		"at the end":      {config.SanitizeRedact, config.PIIKinds, "It is anna@example.com", "It is [EMAIL]", "", map[config.PIIKind]int{config.PIIEmail: 1}},
		"none":            {config.SanitizeRedact, config.PIIKinds, prose, prose, "", nil},
		"no text":         {config.SanitizeRedact, config.PIIKinds, "", "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Sanitizer{PII: personal(test.mode)}
			cfg.PII.Kinds = test.kinds
			got := wantSameInPieces(t, mustPolicy(t, cfg).Answer(nil).Filter, test.text)
			if got.text != test.want || got.block != test.block {
				t.Errorf("%+v, want %q, %q", got, test.want, test.block)
			}
			var found map[config.PIIKind]int
			got.found.EachPII(func(kind config.PIIKind, n int) {
				if found == nil {
					found = map[config.PIIKind]int{}
				}
				found[kind] = n
			})
			if diff := cmp.Diff(test.found, found); diff != "" {
				t.Error(diff)
			}
			if got.found.Redacted(exchange.FoundPII) != (test.mode == config.SanitizeRedact && test.found != nil) {
				t.Errorf("redacted: %t", got.found.Redacted(exchange.FoundPII))
			}
		})
	}
}

func TestDataInPieces(t *testing.T) {
	parts := []string{"anna@example.com", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "078-05-1120", "192.0.2.7", "+44 20 7946 0958", " ", ", ", "word ", "@", "[", "[EMAIL]",
		"é", "\xff", "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n", "-----END PRIVATE KEY-----", "password: "}
	rng := rand.New(rand.NewPCG(13, 13))
	for range 300 {
		var text strings.Builder
		for range rng.IntN(10) {
			text.WriteString(parts[rng.IntN(len(parts))])
		}
		for _, mode := range []config.SanitizeMode{config.SanitizeRedact, config.SanitizeBlock, config.SanitizeFlag} {
			got := wantSameInPieces(t, mustPolicy(t, config.Sanitizer{PII: personal(mode)}).Answer(nil).Filter, text.String())
			if mode == config.SanitizeBlock && !strings.HasPrefix(text.String(), got.text) {
				t.Fatalf("%q is no beginning of %q", got.text, text.String())
			}
			if want, _ := pii.Redact(nil, []byte(text.String()), pii.All); mode == config.SanitizeRedact && got.text != string(want) {
				t.Fatalf("%q, want %q", got.text, want)
			}
		}
	}
}
