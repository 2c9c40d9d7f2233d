// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestTheStoreIsShownWhereThereIsOne(t *testing.T) {
	there, seen := true, StoreSight{Up: true, Queued: 2, Downs: 3, Late: 4, Merged: 5, RecordsLost: 6}
	reg := prometheus.NewRegistry()
	reg.MustRegister(NewStores(func() (StoreSight, bool) { return seen, there }))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
	}
	for name, want := range map[string]float64{
		"spark_store_up": 1, "spark_store_settlements_queued": 2, "spark_store_outages_total": 3,
		"spark_store_late_reservations_total": 4, "spark_store_settlements_merged_total": 5, "spark_store_records_lost_total": 6,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	seen.Up = false
	if err := testutil.GatherAndCompare(reg, strings.NewReader(
		"# HELP spark_store_up Whether the shared store answers: 0 or 1. Without it, limits hold as the gateway's store.onFailure says.\n"+
			"# TYPE spark_store_up gauge\nspark_store_up 0\n"), "spark_store_up"); err != nil {
		t.Error(err)
	}
	there = false
	if n, err := testutil.GatherAndCount(reg); n != 0 || err != nil {
		t.Errorf("without a store %d metrics, %v", n, err)
	}
}
