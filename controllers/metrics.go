// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/status"
)

// Metrics are the operator's own; the libraries that it is made of have theirs beside. A nil one counts nothing. It is safe for
// concurrent use.
type Metrics struct {
	programmed   *prometheus.HistogramVec
	reconciles   *prometheus.CounterVec
	pushes, acks *prometheus.CounterVec
	writes       *prometheus.CounterVec
	thresholds   *prometheus.CounterVec

	mu      sync.Mutex
	pending map[resource]awaited
}

// resource names one of any kind.
type resource struct {
	kind string
	name types.NamespacedName
}

// awaited is a generation that is not programmed, and since when the operator knows of it.
type awaited struct {
	generation int64
	since      time.Time
}

// NewMetrics registers the metrics. Those that are registered already, as by another manager of the same process, are shared.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return registered(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
	}
	m := &Metrics{
		programmed: registered(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spark_operator_apply_to_programmed_seconds",
			Help: "Time from when the operator first saw a generation of a resource until every pod had said that it runs it. " +
				"What a user had to mend first is left out.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"kind"})),
		reconciles: counters("spark_operator_reconciles_total",
			"Reconciliations: success, error (tried again), invalid or blocked (only a user can mend it).", "result"),
		pushes: counters("spark_operator_pushes_total",
			"Configurations that were pushed to pods: applied, rejected, or failed (the pod did not answer, or not as it should).", "result"),
		acks: counters("spark_operator_acks_total",
			"Questions to pods what they run: current, behind (another revision), rejected, or silent.", "result"),
		writes: counters("spark_operator_status_writes_total", "Status writes, by the kind of resource.", "kind"),
		thresholds: counters("spark_operator_budget_thresholds_total",
			"Budgets of which 80 or 100 percent were spent, by the kind of resource that has them. Each counts once a period.", "kind", "percent"),
		pending: map[resource]awaited{},
	}
	m.begin()
	return m
}

// How reconciliations end, and the shares of a budget, in percent, that are told of.
const (
	resultSuccess = "success"
	resultError   = "error"
	resultInvalid = "invalid"
	resultBlocked = "blocked"

	shareNearly = "80"
	shareWhole  = "100"
)

// begin shows every counter as 0: Prometheus does not see the first increase of a series that begins with it.
func (m *Metrics) begin() {
	for _, result := range []string{resultSuccess, resultError, resultInvalid, resultBlocked} {
		m.reconciles.WithLabelValues(result)
	}
	for _, result := range []fleet.PushResult{fleet.PushApplied, fleet.PushRejected, fleet.PushFailed} {
		m.pushes.WithLabelValues(string(result))
	}
	for _, result := range []fleet.AckResult{fleet.AckCurrent, fleet.AckBehind, fleet.AckRejected, fleet.AckSilent} {
		m.acks.WithLabelValues(string(result))
	}
	for _, kind := range []string{v1alpha1.KindSparkGateway, v1alpha1.KindProviderPolicy, v1alpha1.KindModelRoute, v1alpha1.KindAPIKey,
		v1alpha1.KindUsagePolicy} {
		m.writes.WithLabelValues(kind)
		m.programmed.WithLabelValues(kind)
	}
	for _, kind := range []string{v1alpha1.KindAPIKey, v1alpha1.KindUsagePolicy} {
		m.thresholds.WithLabelValues(kind, shareNearly)
		m.thresholds.WithLabelValues(kind, shareWhole)
	}
}

// registered gives the collector, or the one that was there before it.
func registered[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	var there prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &there) {
		if was, same := there.ExistingCollector.(C); same {
			return was
		}
	}
	return c
}

// crossed counts a threshold.
func (m *Metrics) crossed(about client.Object, c status.Crossing) {
	if m == nil {
		return
	}
	percent := shareNearly
	if c.Reason == v1alpha1.ReasonSpent {
		percent = shareWhole
	}
	m.thresholds.WithLabelValues(kindName(about), percent).Inc()
}

// reconciled counts a reconciliation that ended so.
func (m *Metrics) reconciled(invalid bool, blocked error, err error) {
	if m == nil {
		return
	}
	result := resultSuccess
	switch {
	case err != nil:
		result = resultError
	case blocked != nil:
		result = resultBlocked
	case invalid:
		result = resultInvalid
	}
	m.reconciles.WithLabelValues(result).Inc()
}

// Pushed implements fleet.Counts.
func (m *Metrics) Pushed(result fleet.PushResult) { m.pushes.WithLabelValues(string(result)).Inc() }

// Acked implements fleet.Counts.
func (m *Metrics) Acked(result fleet.AckResult) { m.acks.WithLabelValues(string(result)).Inc() }

// seen begins to wait for a resource whose generation its conditions do not say to be programmed.
func (m *Metrics) seen(o client.Object, conditions []metav1.Condition, now time.Time) {
	if m == nil || isProgrammed(o, conditions) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := resource{kindName(o), client.ObjectKeyFromObject(o)}
	was, waited := m.pending[at]
	spoken := conditionOf(conditions, v1alpha1.Programmed)
	if waited && was.generation == o.GetGeneration() || !waited && spoken.ObservedGeneration == o.GetGeneration() {
		// What was programmed before, or was not by a former operator, says nothing of how long it took.
		return
	}
	m.pending[at] = awaited{o.GetGeneration(), now}
}

// wrote counts a status that was written, and ends the wait where it says that the resource is programmed.
func (m *Metrics) wrote(o client.Object, conditions []metav1.Condition, now time.Time) {
	if m == nil {
		return
	}
	kind := kindName(o)
	m.writes.WithLabelValues(kind).Inc()
	at := resource{kind, client.ObjectKeyFromObject(o)}
	if conditionOf(conditions, v1alpha1.Stalled).Status == metav1.ConditionTrue {
		// The time until a user mends it is not ours.
		m.gone(at.kind, at.name)
		return
	}
	if !isProgrammed(o, conditions) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, waited := m.pending[at]; waited {
		delete(m.pending, at)
		if was.generation == o.GetGeneration() {
			m.programmed.WithLabelValues(kind).Observe(now.Sub(was.since).Seconds())
		}
	}
}

// gone ends the wait for a resource, as when it was deleted.
func (m *Metrics) gone(kind string, name types.NamespacedName) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, resource{kind, name})
}

func isProgrammed(o client.Object, conditions []metav1.Condition) bool {
	c := conditionOf(conditions, v1alpha1.Programmed)
	return c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.GetGeneration()
}

// kindName gives a resource's kind, which objects that were read by type do not bear.
func kindName(o client.Object) string {
	switch o.(type) {
	case *v1alpha1.SparkGateway:
		return v1alpha1.KindSparkGateway
	case *v1alpha1.ProviderPolicy:
		return v1alpha1.KindProviderPolicy
	case *v1alpha1.ModelRoute:
		return v1alpha1.KindModelRoute
	case *v1alpha1.APIKey:
		return v1alpha1.KindAPIKey
	default:
		return v1alpha1.KindUsagePolicy
	}
}
