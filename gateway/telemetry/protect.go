// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// action is what became of a finding.
type action uint8

const (
	flagged action = iota
	redacted
	blocked
)

var actionWords = [...]string{flagged: "flagged", redacted: "redacted", blocked: "blocked"}

// halves is the number of config.Directions.
const halves = 2

func half(d config.Direction) int {
	if d == config.DirectionResponse {
		return 1
	}
	return 0
}

// protection are the metrics of caches and of the sanitizer. What nobody uses does not show, and nothing of it goes.
type protection struct {
	lasting
	requests    *prometheus.CounterVec
	findings    *prometheus.CounterVec
	pii         *prometheus.CounterVec
	guards      *prometheus.CounterVec
	guardTime   *prometheus.HistogramVec
	savedTokens prometheus.Counter
	savedCost   prometheus.Counter

	cached [exchange.CacheResults][exchange.CacheTiers]counter
	found  [exchange.FindingKinds][halves][len(actionWords)]counter
	leaked [exchange.PIIKinds][halves]counter
}

func newProtection(m *Metrics, reg prometheus.Registerer) *protection {
	p := &protection{
		lasting: lasting{m: m},
		requests: counters("spark_cache_requests_total",
			"Requests whose answers a cache is for, by what it did, and of hits by where they came from.", "result", "tier"),
		savedTokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spark_cache_saved_tokens_total", Help: "Tokens that the answers of hits took when they were made.",
		}),
		savedCost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spark_cache_saved_cost_dollars_total", Help: "US dollars that the answers of hits cost when they were made.",
		}),
		findings: counters("spark_sanitizer_findings_total",
			"Requests and answers in which the sanitizer found something, by what became of it.", "kind", "direction", "action"),
		pii: counters("spark_sanitizer_pii_total", "Personal data and secrets that the sanitizer found.", "kind", "direction"),
		guards: counters("spark_guard_calls_total",
			"Questions to guards, by their answer (allow, block, redact) or why there was none.", "guard", "result"),
		guardTime: histograms("spark_guard_duration_seconds", "Time from a question to a guard to its answer, or to the end of the wait.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "guard"),
	}
	reg.MustRegister(p.requests, p.savedTokens, p.savedCost, p.findings, p.pii, p.guards, p.guardTime)
	return p
}

// Cached counts what a cache had to do with a request that ended; where there was none, nothing. Call it once a request.
func (m *Metrics) Cached(c *exchange.Caching) {
	if c.Result == exchange.CacheNone {
		return
	}
	p := m.protection
	count(&p.cached[c.Result][c.Tier], &p.lasting, p.requests, 1, c.Result.String(), c.Tier.String())
	if c.Saved.Total > 0 {
		p.savedTokens.Add(float64(c.Saved.Total))
	}
	if c.SavedCost > 0 {
		p.savedCost.Add(float64(c.SavedCost) / float64(config.Dollar))
	}
}

// Found counts what the sanitizer found in one direction of a request. by is the kind that it was refused for, and
// exchange.FindingKinds where it was not.
func (m *Metrics) Found(direction config.Direction, f *exchange.Findings, by exchange.Finding) {
	p, d := m.protection, half(direction)
	for kind := range exchange.FindingKinds {
		what := flagged
		switch {
		case kind == by:
			what = blocked
		case !f.Has(kind):
			continue
		case f.Redacted(kind):
			what = redacted
		}
		count(&p.found[kind][d][what], &p.lasting, p.findings, 1, kind.String(), string(direction), actionWords[what])
	}
	for i, n := range f.PII {
		if n > 0 {
			count(&p.leaked[i][d], &p.lasting, p.pii, float64(n), string(config.PIIKinds[i]), string(direction))
		}
	}
}

// Guarded counts a question to a guard, "webhook" or "moderation", and how long it took. The result is "allow", "block",
// "redact", or a word for why there was no answer.
func (m *Metrics) Guarded(guard, result string, took time.Duration) {
	m.protection.guards.WithLabelValues(guard, result).Inc()
	m.protection.guardTime.WithLabelValues(guard).Observe(took.Seconds())
}
