// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/config"
)

// breakerWords are the states in the order of the gauge's values.
var breakerWords = [...]string{"closed", "half_open", "open"}

// Breakers shows the states of circuit breakers as they are when somebody looks: one that is open turns half-open by the
// clock alone. It is safe for concurrent use, as far as its function is.
type Breakers struct {
	each func(tell func(provider, model, state string))
}

// NewBreakers gives a collector. each tells the state, one of config's, of every target's breaker.
func NewBreakers(each func(tell func(provider, model, state string))) Breakers { return Breakers{each} }

var breakerState = prometheus.NewDesc("spark_breaker_state",
	"State of a target's circuit breaker: 0 closed, 1 half-open, 2 open.", []string{"provider", "model"}, nil)

// Describe implements prometheus.Collector.
func (Breakers) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- breakerState }

// Collect implements prometheus.Collector.
func (b Breakers) Collect(metrics chan<- prometheus.Metric) {
	b.each(func(provider, model, state string) {
		metrics <- prometheus.MustNewConstMetric(breakerState, prometheus.GaugeValue, float64(breakerValue(state)), provider, model)
	})
}

func breakerValue(state string) int {
	switch state {
	case config.BreakerOpen:
		return 2
	case config.BreakerHalfOpen:
		return 1
	default:
		return 0
	}
}
