// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/tools/events"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

func TestThresholdsOfBudgetsAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	count := m.thresholds
	if NewMetrics(reg).thresholds != count {
		t.Error("a second manager counts for itself")
	}
	e := Events{Recorder: events.NewFakeRecorder(10), Metrics: m}
	spent := func(amount string) v1alpha1.UsageStatus {
		return v1alpha1.UsageStatus{Budgets: []v1alpha1.BudgetStatus{{Per: v1alpha1.BudgetTotal, Amount: "10.00", Spent: amount}}}
	}
	e.crossings(&v1alpha1.APIKey{}, spent("7.99"), spent("8.00"))
	e.crossings(&v1alpha1.APIKey{}, spent("8.00"), spent("9.99"))
	e.crossings(&v1alpha1.UsagePolicy{}, spent("0.00"), spent("10.00"))
	for _, want := range []struct {
		kind, percent string
		n             float64
	}{{"APIKey", "80", 1}, {"APIKey", "100", 0}, {"UsagePolicy", "80", 0}, {"UsagePolicy", "100", 1}} {
		if got := testutil.ToFloat64(count.WithLabelValues(want.kind, want.percent)); got != want.n {
			t.Errorf("%s at %s %%: %v, want %v", want.kind, want.percent, got, want.n)
		}
	}
	Events{Recorder: events.NewFakeRecorder(10)}.crossings(&v1alpha1.APIKey{}, spent("0.00"), spent("10.00"))
}
