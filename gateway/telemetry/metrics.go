// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package telemetry is what the gateway says of the requests it served: metrics, the access log, and the IDs by which
// both can be joined with what clients and providers say.
package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Metrics are the data plane's. Label values come from the configuration only, never from clients. It is safe for
// concurrent use.
type Metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	firstToken *prometheus.HistogramVec
	tokens     *prometheus.CounterVec
	limited    *prometheus.CounterVec

	// InFlight counts the requests being served.
	InFlight prometheus.Gauge
	// Connections counts open client connections, RefusedConnections those over the configured maximum.
	Connections        prometheus.Gauge
	RefusedConnections prometheus.Counter
	// DroppedLogLines counts access log lines that the log's writer was too slow for.
	DroppedLogLines prometheus.Counter

	mu     sync.Mutex
	series map[[2]string]*Series
}

// NewMetrics registers the metrics. It panics when they are registered already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	target := []string{"provider", "model"}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spark_requests_total", Help: "Requests, by how they ended. Without a target, provider and model are empty.",
		}, append(target[:2:2], "outcome")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spark_request_duration_seconds", Help: "Time from a request's header to the end of its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, target),
		firstToken: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spark_time_to_first_token_seconds", Help: "Time from a request's header to the first byte of the provider's answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, target),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spark_tokens_total", Help: "Tokens, by kind and by how their number is known. Cached is part of prompt, reasoning of completion.",
		}, append(target[:2:2], "type", "source")),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spark_limit_refusals_total", Help: "Requests refused by a limit.",
		}, []string{"limit"}),
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
		series: map[[2]string]*Series{},
	}
	reg.MustRegister(m.requests, m.duration, m.firstToken, m.tokens, m.limited,
		m.InFlight, m.Connections, m.RefusedConnections, m.DroppedLogLines)
	return m
}

// Limited is the counter of one limit's refusals; resolve it once.
func (m *Metrics) Limited(limit string) prometheus.Counter { return m.limited.WithLabelValues(limit) }

// Series are the metrics of one target, looked up once and then free of label lookups. Single counters appear with
// their first use, so that a thousand models do not make a dozen thousand zeros.
type Series struct {
	provider, model string
	m               *Metrics
	duration        prometheus.Observer
	firstToken      prometheus.Observer
	outcomes        [exchange.Outcomes]atomic.Pointer[prometheus.Counter]
	tokens          [tokenKinds][4]atomic.Pointer[prometheus.Counter]
}

const tokenKinds = 4

var tokenWords = [tokenKinds]string{"prompt", "completion", "cached", "reasoning"}

// Series gives the series of a target; empty names are for requests that reach none.
func (m *Metrics) Series(provider, model string) *Series {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{provider, model}
	if s, ok := m.series[key]; ok {
		return s
	}
	s := &Series{
		provider: provider, model: model, m: m,
		duration:   m.duration.WithLabelValues(provider, model),
		firstToken: m.firstToken.WithLabelValues(provider, model),
	}
	m.series[key] = s
	return s
}

// Settle counts a request that ended at the given time.
func (s *Series) Settle(ex *exchange.Exchange, end time.Time) {
	counter(&s.outcomes[ex.Outcome], s.m.requests, s.provider, s.model, ex.Outcome.String()).Inc()
	s.duration.Observe(end.Sub(ex.Start).Seconds())
	if !ex.FirstToken.IsZero() {
		s.firstToken.Observe(ex.FirstToken.Sub(ex.Start).Seconds())
	}
	if ex.Usage.Source == exchange.UsageNone {
		return
	}
	for kind, n := range [tokenKinds]int64{ex.Usage.Prompt, ex.Usage.Completion, ex.Usage.Cached, ex.Usage.Reasoning} {
		if n > 0 {
			counter(&s.tokens[kind][ex.Usage.Source], s.m.tokens,
				s.provider, s.model, tokenWords[kind], ex.Usage.Source.String()).Add(float64(n))
		}
	}
}

func counter(at *atomic.Pointer[prometheus.Counter], vec *prometheus.CounterVec, labels ...string) prometheus.Counter {
	if c := at.Load(); c != nil {
		return *c
	}
	c := vec.WithLabelValues(labels...)
	at.Store(&c)
	return c
}
