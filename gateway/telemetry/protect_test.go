// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// found are findings, of which some were redacted.
func found(kinds, redacted []exchange.Finding) *exchange.Findings {
	var f exchange.Findings
	for _, kind := range kinds {
		f.Add(kind, slices.Contains(redacted, kind))
	}
	return &f
}

func TestWhatIsCountedOfProtection(t *testing.T) {
	saved := exchange.Caching{Result: exchange.CacheHit, Tier: exchange.TierShared, Saved: exchange.Usage{Total: 30}, SavedCost: config.Dollar / 2}
	tests := map[string]struct {
		act  func(*Metrics)
		want []string
		// what was saved, which has no labels
		tokens, dollars float64
	}{
		"a request without a cache": {act: func(m *Metrics) { m.Cached(&exchange.Caching{}) }},
		"what caches did": {
			act: func(m *Metrics) {
				m.Cached(&exchange.Caching{Result: exchange.CacheBypass, Why: "no-store"})
				m.Cached(&exchange.Caching{Result: exchange.CacheMiss})
				m.Cached(&exchange.Caching{Result: exchange.CacheMiss})
				for tier := exchange.TierMemory; tier < exchange.CacheTiers; tier++ {
					m.Cached(&exchange.Caching{Result: exchange.CacheHit, Tier: tier})
				}
			},
			want: []string{
				"cache_requests_total{bypass,} 1", "cache_requests_total{hit,flight} 1", "cache_requests_total{hit,memory} 1",
				"cache_requests_total{hit,semantic} 1", "cache_requests_total{hit,shared} 1", "cache_requests_total{miss,} 2",
			},
		},
		"what hits saved": {
			act:  func(m *Metrics) { m.Cached(&saved); m.Cached(&saved) },
			want: []string{"cache_requests_total{hit,shared} 2"}, tokens: 60, dollars: 1,
		},
		"nothing that is found": {act: func(m *Metrics) { m.Found(config.DirectionRequest, &exchange.Findings{}, exchange.FindingKinds) }},
		"what became of findings": {
			act: func(m *Metrics) {
				f := found([]exchange.Finding{exchange.FoundPII, exchange.FoundDenyPattern, exchange.FoundImageLink}, []exchange.Finding{exchange.FoundPII})
				f.Count(2, 3)
				m.Found(config.DirectionResponse, f, exchange.FoundDenyPattern)
				m.Found(config.DirectionRequest, f, exchange.FindingKinds)
				m.Found(config.DirectionRequest, f, exchange.FindingKinds)
			},
			want: []string{
				"sanitizer_findings_total{blocked,Response,deny_pattern} 1", "sanitizer_findings_total{flagged,Request,deny_pattern} 2",
				"sanitizer_findings_total{flagged,Request,image_link} 2", "sanitizer_findings_total{flagged,Response,image_link} 1",
				"sanitizer_findings_total{redacted,Request,pii} 2", "sanitizer_findings_total{redacted,Response,pii} 1",
				"sanitizer_pii_total{Request,Email} 6", "sanitizer_pii_total{Response,Email} 3",
			},
		},
		"a refusal counts though its kind was not noted": {
			act: func(m *Metrics) {
				m.Found(config.DirectionRequest, &exchange.Findings{}, exchange.FoundPromptInjection)
			},
			want: []string{"sanitizer_findings_total{blocked,Request,prompt_injection} 1"},
		},
		"what was refused is not redacted, too": {
			act: func(m *Metrics) {
				pii := []exchange.Finding{exchange.FoundPII}
				m.Found(config.DirectionRequest, found(pii, pii), exchange.FoundPII)
			},
			want: []string{"sanitizer_findings_total{blocked,Request,pii} 1"},
		},
		"questions to guards": {
			act: func(m *Metrics) {
				m.Guarded("webhook", "allow", time.Millisecond)
				m.Guarded("webhook", "timeout", time.Second)
				m.Guarded("moderation", "block", time.Millisecond)
			},
			want: []string{
				"guard_calls_total{moderation,block} 1", "guard_calls_total{webhook,allow} 1", "guard_calls_total{webhook,timeout} 1",
				"guard_duration_seconds{moderation} 1", "guard_duration_seconds{webhook} 2",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			m := NewMetrics(reg)
			tt.act(m)
			// A new configuration takes nothing of it away.
			m.Sweep()
			m.Sweep()
			if diff := cmp.Diff(tt.want, shown(t, reg)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			tokens, dollars := testutil.ToFloat64(m.protection.savedTokens), testutil.ToFloat64(m.protection.savedCost)
			if tokens != tt.tokens || dollars != tt.dollars {
				t.Errorf("saved %v tokens, $%v; want %v, $%v", tokens, dollars, tt.tokens, tt.dollars)
			}
		})
	}
}

func TestCountingProtectionDoesNotAllocate(t *testing.T) {
	m, ex := NewMetrics(prometheus.NewRegistry()), full()
	all := func() {
		m.Cached(&ex.Caching)
		m.Found(config.DirectionResponse, &ex.Findings, exchange.FoundPromptInjection)
	}
	all()
	if n := testing.AllocsPerRun(100, all); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCached(b *testing.B) {
	m, ex := NewMetrics(prometheus.NewRegistry()), full()
	b.ReportAllocs()
	for b.Loop() {
		m.Cached(&ex.Caching)
	}
}
