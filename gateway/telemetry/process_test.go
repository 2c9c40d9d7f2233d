// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestAProcessIsShownAsItIs(t *testing.T) {
	tests := map[string]struct {
		seen ProcessSight
		want []string
	}{
		"before its first configuration": {ProcessSight{Version: "v1"}, []string{
			"build_info{" + runtime.Version() + ",v1} 1", "config_reloads_total{applied} 0", "config_reloads_total{rejected} 0",
		}},
		"with one": {ProcessSight{Version: "v1", Revision: "abc", Sequence: 7, Applied: at, Taken: 3, Rejected: 2, Draining: true}, []string{
			"build_info{" + runtime.Version() + ",v1} 1", "config_info{abc} 1", "config_reloads_total{applied} 3", "config_reloads_total{rejected} 2",
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			p := NewProcess(func() ProcessSight { return tc.seen })
			reg.MustRegister(p)
			if diff := cmp.Diff(tc.want, shown(t, reg)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			plain := map[string]float64{"spark_draining": truth(tc.seen.Draining)}
			if tc.seen.Revision != "" {
				plain["spark_config_sequence"], plain["spark_config_applied_timestamp_seconds"] = 7, float64(at.Truncate(time.Millisecond).UnixMilli())/1e3
			}
			got := map[string]float64{}
			for _, family := range gathered(t, reg) {
				if m := family.Metric[0]; len(m.Label) == 0 {
					got[family.GetName()] = m.GetGauge().GetValue()
				}
			}
			if diff := cmp.Diff(plain, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if problems, err := testutil.CollectAndLint(p); err != nil || len(problems) > 0 {
				t.Errorf("%v, %v", problems, err)
			}
		})
	}
}

func TestTheFullestBudgetsAreShown(t *testing.T) {
	seen := BudgetSight{}
	b := NewBudgets(func() BudgetSight { return seen })
	reg := prometheus.NewRegistry()
	reg.MustRegister(b)
	if got := shown(t, reg); got != nil {
		t.Errorf("without budgets: %q", got)
	}
	seen[BudgetOfKey], seen[BudgetOfPolicy] = 0.25, 1.5
	if diff := cmp.Diff([]string{"budget_used_ratio{key} 0.25", "budget_used_ratio{policy} 1.5"}, shown(t, reg)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
