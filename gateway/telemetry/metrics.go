// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package telemetry is what the gateway says of the requests it served: metrics, the access log, and the IDs by which
// both can be joined with what clients and providers say.
package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Metrics are the data plane's. Label values come from the configuration only, never from clients. It is safe for
// concurrent use.
type Metrics struct {
	genAI
	requests    *prometheus.CounterVec
	spend       *prometheus.CounterVec
	attempts    *prometheus.CounterVec
	tokens      *prometheus.CounterVec
	transitions *prometheus.CounterVec
	healthy     *prometheus.GaugeVec
	hedges      *prometheus.CounterVec
	mirrors     *prometheus.CounterVec
	waits       *prometheus.CounterVec
	limited     *prometheus.CounterVec
	shadowed    *prometheus.CounterVec
	unpriced    *prometheus.CounterVec

	// InFlight counts the requests being served.
	InFlight prometheus.Gauge
	// Connections counts open client connections, RefusedConnections those over the configured maximum.
	Connections        prometheus.Gauge
	RefusedConnections prometheus.Counter
	// DroppedLogLines counts access log lines that the log's writer was too slow for.
	DroppedLogLines prometheus.Counter

	protection *protection
	keys       *keyVectors

	mu        sync.Mutex
	sweeps    uint64
	series    map[[2]string]*Series
	routes    map[string]*RouteSeries
	providers map[string]*ProviderSeries
}

// NewMetrics registers the metrics. It panics when they are registered already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: counters("spark_requests_total",
			"Requests, by how they ended. Without a target, provider and model are empty.", "provider", "model", "outcome"),
		genAI: newGenAI(reg),
		spend: counters("spark_spend_cost_dollars_total", "US dollars that all attempts cost, as far as their prices are known.",
			"provider", "model"),
		attempts: counters("spark_attempts_total",
			"Attempts at targets, by why they were made and how they ended.", "provider", "model", "kind", "outcome"),
		tokens: counters("spark_tokens_total",
			"Tokens of all attempts, by kind and by how their number is known. Cached is part of prompt, reasoning of completion.",
			"provider", "model", "type", "source"),
		transitions: counters("spark_breaker_transitions_total",
			"Transitions of a target's circuit breaker, by the state it came to.", "provider", "model", "to"),
		healthy: gauges("spark_provider_healthy", "Whether a provider's health check finds it healthy: 0 or 1.", "provider"),
		hedges:  counters("spark_hedges_total", "Hedges that were due, by what became of them.", "route", "result"),
		mirrors: counters("spark_mirrors_total", "Requests that were drawn to be mirrored, by what became of the copy.", "route", "result"),
		waits:   counters("spark_quota_waits_total", "Requests that no target had room for, by how their wait ended.", "result"),
		limited: counters("spark_limit_refusals_total", "Requests refused by a limit or budget, by whom it holds for and what it counts.",
			"scope", "dimension"),
		shadowed: counters("spark_limit_shadowed_total", "Requests that a limit or budget in shadow would have refused.",
			"scope", "dimension"),
		unpriced: counters("spark_unpriced_requests_total", "Requests under a budget or cost limit whose cost is not known.", "provider", "model"),
		InFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "spark_requests_in_flight", Help: "Requests being served.",
		}),
		Connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "spark_connections", Help: "Open client connections.",
		}),
		RefusedConnections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spark_connections_refused_total", Help: "Client connections over the configured maximum.",
		}),
		DroppedLogLines: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spark_access_log_dropped_total", Help: "Access log lines that could not be written.",
		}),
		series: map[[2]string]*Series{}, routes: map[string]*RouteSeries{}, providers: map[string]*ProviderSeries{},
	}
	reg.MustRegister(m.requests, m.spend, m.attempts, m.tokens, m.transitions, m.healthy,
		m.hedges, m.mirrors, m.waits, m.limited, m.shadowed, m.unpriced, m.InFlight, m.Connections, m.RefusedConnections, m.DroppedLogLines)
	m.protection = newProtection(m, reg)
	m.keys = newKeyVectors(reg)
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

// Limited counts a refusal by a limit.
func (m *Metrics) Limited(scope exchange.Scope, of exchange.Dimension) {
	m.limited.WithLabelValues(scope.String(), of.String()).Inc()
}

// Shadowed counts a request that a limit in shadow would have refused.
func (m *Metrics) Shadowed(scope exchange.Scope, of exchange.Dimension) {
	m.shadowed.WithLabelValues(scope.String(), of.String()).Inc()
}

// NewLostRecords registers the count of usage records that were lost on the way to where they are kept, and gives what
// counts them.
func NewLostRecords(reg prometheus.Registerer) func(sink string, n int) {
	lost := counters("spark_usage_records_lost_total", "Usage records that were lost on the way to a sink.", "sink")
	reg.MustRegister(lost)
	return func(sink string, n int) { lost.WithLabelValues(sink).Add(float64(n)) }
}

// Waited is the counter of the waits for a provider's quota that ended so; resolve it once.
func (m *Metrics) Waited(result WaitResult) prometheus.Counter {
	return m.waits.WithLabelValues(waitWords[result])
}

// WaitResult is how a wait for a provider's quota ended.
type WaitResult uint8

// The results.
const (
	// WaitServed: there was room in time.
	WaitServed WaitResult = iota
	// WaitTimedOut: there was none in time.
	WaitTimedOut
	// WaitFull: too many waited already.
	WaitFull
)

var waitWords = [...]string{WaitServed: "served", WaitTimedOut: "timeout", WaitFull: "full"}
