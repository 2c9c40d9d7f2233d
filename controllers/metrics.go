// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
)

// newThresholds registers the count of budgets that were spent to four fifths, or wholly. Where it is registered already, as
// by another manager of the same process, that one is given.
func newThresholds(reg prometheus.Registerer) *prometheus.CounterVec {
	all := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "spark_operator_budget_thresholds_total",
		Help: "Budgets of which 80 or 100 percent were spent, by the kind of resource that has them. Each counts once a period.",
	}, []string{"kind", "percent"})
	var there prometheus.AlreadyRegisteredError
	if err := reg.Register(all); errors.As(err, &there) {
		if was, same := there.ExistingCollector.(*prometheus.CounterVec); same {
			return was
		}
	}
	return all
}

// crossed counts a threshold; a nil count does not.
func crossed(all *prometheus.CounterVec, about client.Object, c status.Crossing) {
	if all == nil {
		return
	}
	kind := v1alpha1.KindAPIKey
	if _, policy := about.(*v1alpha1.UsagePolicy); policy {
		kind = v1alpha1.KindUsagePolicy
	}
	percent := "80"
	if c.Reason == v1alpha1.ReasonSpent {
		percent = "100"
	}
	all.WithLabelValues(kind, percent).Inc()
}
