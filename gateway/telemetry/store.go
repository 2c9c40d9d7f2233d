// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "github.com/prometheus/client_golang/prometheus"

// StoreSight is what can be seen of the shared store.
type StoreSight struct {
	Up bool
	// Queued settlements wait for it.
	Queued int64
	// The rest was counted since the store was taken up.
	Downs, Late, Merged, RecordsLost int64
}

// Stores shows the shared store as it is when somebody looks, and nothing where there is none. It is safe for concurrent
// use, as far as its function is.
type Stores struct {
	look func() (StoreSight, bool)
}

// NewStores gives a collector. look is false without a store.
func NewStores(look func() (StoreSight, bool)) Stores { return Stores{look} }

var (
	storeUp = prometheus.NewDesc("spark_store_up",
		"Whether the shared store answers: 0 or 1. Without it, limits hold as the gateway's store.onFailure says.", nil, nil)
	storeQueued = prometheus.NewDesc("spark_store_settlements_queued", "Settlements that wait for the shared store.", nil, nil)
	storeDowns  = prometheus.NewDesc("spark_store_outages_total", "How often the shared store was found not to answer.", nil, nil)
	storeLate   = prometheus.NewDesc("spark_store_late_reservations_total",
		"Reservations that reached the shared store after their request had gone on without it, and took nothing.", nil, nil)
	storeMerged = prometheus.NewDesc("spark_store_settlements_merged_total",
		"Settlements that were summed up, as too many waited for the shared store; what was used is counted all the same.", nil, nil)
	storeLost = prometheus.NewDesc("spark_store_records_lost_total", "Usage records that the shared store did not get.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Stores) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeUp, storeQueued, storeDowns, storeLate, storeMerged, storeLost} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (s Stores) Collect(metrics chan<- prometheus.Metric) {
	seen, there := s.look()
	if !there {
		return
	}
	up := 0.0
	if seen.Up {
		up = 1
	}
	metrics <- prometheus.MustNewConstMetric(storeUp, prometheus.GaugeValue, up)
	metrics <- prometheus.MustNewConstMetric(storeQueued, prometheus.GaugeValue, float64(seen.Queued))
	for _, c := range []struct {
		of *prometheus.Desc
		n  int64
	}{{storeDowns, seen.Downs}, {storeLate, seen.Late}, {storeMerged, seen.Merged}, {storeLost, seen.RecordsLost}} {
		metrics <- prometheus.MustNewConstMetric(c.of, prometheus.CounterValue, float64(c.n))
	}
}
