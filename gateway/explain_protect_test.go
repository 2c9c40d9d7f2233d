// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestWhatIsExplainedOfCacheAndSanitizer(t *testing.T) {
	type told struct{ Cache, Sanitizer, Refused string }
	exact := &config.Cache{Exact: &config.ExactCache{
		Kept:     config.Kept{Scope: config.CacheUser, Charge: config.CacheFree, TTL: config.Duration(10 * time.Minute)},
		MaxBytes: 1 << 20, MaxEntryBytes: 1 << 10,
	}}
	pii := &config.Sanitizer{PII: &config.PII{
		Mode: config.SanitizeRedact, Kinds: config.PIIKinds, Directions: config.Directions, Scopes: config.TextScopes,
	}}
	block := &config.Sanitizer{DenyPatterns: []config.DenyPattern{{
		Name: "hosts", Regex: "corp", Mode: config.SanitizeBlock, Directions: []config.Direction{config.DirectionRequest}, Scopes: config.TextScopes,
	}}}
	tests := map[string]struct {
		cache     *config.Cache
		sanitizer *config.Sanitizer
		text      string
		headers   []config.Header
		want      told
	}{
		"none of either": {text: "hi", want: told{Cache: "not configured", Sanitizer: "not configured"}},
		"both, and nothing is found": {cache: exact, sanitizer: pii, text: "hi", want: told{
			Cache: "looked up, scope User, kept for 10m0s", Sanitizer: "finds nothing in the request; looks at the answer",
		}},
		"what is replaced": {sanitizer: pii, text: "I am a@example.com", want: told{
			Cache: "not configured", Sanitizer: "finds pii, and replaces it; looks at the answer",
		}},
		"what is refused": {sanitizer: block, text: "db.corp", want: told{
			Cache: "not configured", Sanitizer: "finds deny_pattern", Refused: "deny_pattern",
		}},
		"a request that wants no cache": {cache: exact, text: "hi", headers: []config.Header{{Name: "Cache-Control", Value: "no-store"}}, want: told{
			Cache: "bypass: no-store", Sanitizer: "not configured",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			doc := explained()
			doc.Core.Gateway.Cache, doc.Core.Gateway.Sanitizer = test.cache, test.sanitizer
			asked := config.ExplainRequest{
				Body:    []byte(`{"model":"m","messages":[{"role":"user","content":"` + test.text + `"}]}`),
				Headers: test.headers,
			}
			explanation, err := serve(t, doc).Explain(asked)
			if err != nil {
				t.Fatal(err)
			}
			got := told{Cache: explanation.Cache, Sanitizer: explanation.Sanitizer}
			for _, r := range explanation.Refusals {
				got.Refused += r.Reason
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
