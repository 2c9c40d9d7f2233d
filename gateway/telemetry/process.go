// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ProcessSight is what can be seen of a process as a whole.
type ProcessSight struct {
	// Version is the gateway's release.
	Version string
	// Revision and Sequence are of the document that is served, which was taken up at Applied; empty and zero before the first.
	Revision string
	Sequence int64
	Applied  time.Time
	// Taken and Rejected count documents since the process began.
	Taken, Rejected int64
	// Draining says that the process was asked to leave.
	Draining bool
}

// Process shows a process as it is when somebody looks. It is safe for concurrent use, as far as its function is.
type Process struct {
	look func() ProcessSight
}

// NewProcess gives a collector.
func NewProcess(look func() ProcessSight) Process { return Process{look} }

var (
	buildSeen    = prometheus.NewDesc("spark_build_info", "The gateway's release, and the Go it was built with: always 1.", []string{"version", "goversion"}, nil)
	revisionSeen = prometheus.NewDesc("spark_config_info", "The revision of the configuration that is served: always 1.", []string{"revision"}, nil)
	sequenceSeen = prometheus.NewDesc("spark_config_sequence", "The number of the configuration that is served; later ones are greater.", nil, nil)
	appliedSeen  = prometheus.NewDesc("spark_config_applied_timestamp_seconds", "When the configuration that is served was taken up, as a Unix time.", nil, nil)
	reloadsSeen  = prometheus.NewDesc("spark_config_reloads_total", "Configurations that were offered, by what became of them.", []string{"result"}, nil)
	drainingSeen = prometheus.NewDesc("spark_draining", "Whether the process was asked to leave: 0 or 1.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Process) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{buildSeen, revisionSeen, sequenceSeen, appliedSeen, reloadsSeen, drainingSeen} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (p Process) Collect(metrics chan<- prometheus.Metric) {
	seen := p.look()
	tell := func(what *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(what, kind, value, labels...)
	}
	tell(buildSeen, prometheus.GaugeValue, 1, seen.Version, runtime.Version())
	tell(reloadsSeen, prometheus.CounterValue, float64(seen.Taken), "applied")
	tell(reloadsSeen, prometheus.CounterValue, float64(seen.Rejected), "rejected")
	tell(drainingSeen, prometheus.GaugeValue, truth(seen.Draining))
	if seen.Revision == "" {
		return
	}
	tell(revisionSeen, prometheus.GaugeValue, 1, seen.Revision)
	tell(sequenceSeen, prometheus.GaugeValue, float64(seen.Sequence))
	tell(appliedSeen, prometheus.GaugeValue, float64(seen.Applied.UnixMilli())/1e3)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// The scopes of budgets that a Budgets tells of.
const (
	// BudgetOfKey is a key's own, and BudgetOfPolicy a UsagePolicy's.
	BudgetOfKey    = "key"
	BudgetOfPolicy = "policy"
)

// BudgetSight is the fullest budget of each scope: what is used of it, from 0 on. A scope without budgets is not there.
type BudgetSight map[string]float64

// Budgets shows how full budgets are when somebody looks. It is safe for concurrent use, as far as its function is.
type Budgets struct {
	look func() BudgetSight
}

// NewBudgets gives a collector.
func NewBudgets(look func() BudgetSight) Budgets { return Budgets{look} }

var budgetUsed = prometheus.NewDesc("spark_budget_used_ratio",
	"How much of a budget in force is used, of the fullest of each scope, key or policy: 1 is all of it.", []string{"scope"}, nil)

// Describe implements prometheus.Collector.
func (Budgets) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- budgetUsed }

// Collect implements prometheus.Collector.
func (b Budgets) Collect(metrics chan<- prometheus.Metric) {
	seen := b.look()
	for _, scope := range []string{BudgetOfKey, BudgetOfPolicy} {
		if used, there := seen[scope]; there {
			metrics <- prometheus.MustNewConstMetric(budgetUsed, prometheus.GaugeValue, used, scope)
		}
	}
}
