// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// protection are the metrics of caches and of the sanitizer.
type protection struct {
	cached      [exchange.CacheResults][exchange.CacheTiers]prometheus.Counter
	savedTokens prometheus.Counter
	savedCost   prometheus.Counter
	findings    *prometheus.CounterVec
	pii         *prometheus.CounterVec
	guards      *prometheus.CounterVec
	guardTime   *prometheus.HistogramVec
}

func newProtection(reg prometheus.Registerer) *protection {
	requests := counters("spark_cache_requests_total", "Requests that a cache is for, by what it did, and of hits by where they came from.",
		"result", "tier")
	p := &protection{
		savedTokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spark_cache_saved_tokens_total", Help: "Tokens that hits took when their answers were made.",
		}),
		savedCost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spark_cache_saved_cost_dollars_total", Help: "US dollars that hits cost when their answers were made.",
		}),
		findings: counters("spark_sanitizer_findings_total", "Requests and answers in which the sanitizer found something, by what became of it.",
			"kind", "direction", "action"),
		pii: counters("spark_sanitizer_pii_total", "Personal data and secrets that the sanitizer found.", "kind", "direction"),
		guards: counters("spark_guard_calls_total", "Questions to guards, by their answer or why there was none.",
			"guard", "result"),
		guardTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spark_guard_duration_seconds", Help: "Time that a guard took to answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"guard"}),
	}
	for result := exchange.CacheBypass; result < exchange.CacheResults; result++ {
		for tier := range exchange.CacheTiers {
			if (result == exchange.CacheHit) == (tier != exchange.TierNone) {
				p.cached[result][tier] = requests.WithLabelValues(result.String(), tier.String())
			}
		}
	}
	reg.MustRegister(requests, p.savedTokens, p.savedCost, p.findings, p.pii, p.guards, p.guardTime)
	return p
}

// Cached counts what a cache had to do with a request that ended. It does not allocate.
func (m *Metrics) Cached(c *exchange.Caching) {
	if counter := m.protection.cached[c.Result][c.Tier]; counter != nil {
		counter.Inc()
	}
	if c.Saved.Total > 0 {
		m.protection.savedTokens.Add(float64(c.Saved.Total))
	}
	if c.SavedCost > 0 {
		m.protection.savedCost.Add(float64(c.SavedCost) / 1e9)
	}
}

// Found counts what the sanitizer found in one direction of a request; blocked is the kind that it was refused for, and
// exchange.FindingKinds where it was not.
func (m *Metrics) Found(direction config.Direction, f *exchange.Findings, blocked exchange.Finding) {
	for kind := range exchange.FindingKinds {
		action := "flagged"
		switch {
		case kind == blocked:
			action = "blocked"
		case !f.Has(kind):
			continue
		case f.Redacted(kind):
			action = "redacted"
		}
		m.protection.findings.WithLabelValues(kind.String(), string(direction), action).Inc()
	}
	f.EachPII(func(kind config.PIIKind, n int) {
		m.protection.pii.WithLabelValues(string(kind), string(direction)).Add(float64(n))
	})
}

// Guarded counts a question to a guard: "webhook" or "moderation". The result is "allow", "block", "redact", or a word for
// why there was no answer.
func (m *Metrics) Guarded(guard, result string, took time.Duration) {
	m.protection.guards.WithLabelValues(guard, result).Inc()
	m.protection.guardTime.WithLabelValues(guard).Observe(took.Seconds())
}
