// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
)

// spoken are conditions that say whether a generation is programmed.
func spoken(of metav1.ConditionStatus, generation int64) []metav1.Condition {
	return []metav1.Condition{{Type: string(v1alpha1.Programmed), Status: of, ObservedGeneration: generation}}
}

// stalled are conditions that say that only a user can mend a generation.
func stalled(generation int64) []metav1.Condition {
	return append(spoken(metav1.ConditionFalse, generation),
		metav1.Condition{Type: string(v1alpha1.Stalled), Status: metav1.ConditionTrue, ObservedGeneration: generation})
}

func TestHowLongItTakesFromApplyToProgrammed(t *testing.T) {
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	type step struct {
		after      time.Duration
		generation int64
		conditions []metav1.Condition
		wrote      bool
	}
	tests := map[string]struct {
		steps []step
		want  []float64 // seconds
	}{
		"a resource that is new": {[]step{{0, 1, nil, false}, {time.Second, 1, spoken(no, 1), true}, {time.Second, 1, spoken(no, 1), false},
			{time.Second, 1, spoken(yes, 1), true}}, []float64{3}},
		"one that was programmed before the operator began": {[]step{{0, 1, spoken(yes, 1), false}, {time.Second, 1, spoken(yes, 1), true}}, nil},
		"one that waited before the operator began":         {[]step{{0, 1, spoken(no, 1), false}, {time.Second, 1, spoken(yes, 1), true}}, nil},
		"a change": {[]step{{0, 1, spoken(yes, 1), false}, {time.Hour, 2, spoken(yes, 1), false}, {2 * time.Second, 2, spoken(yes, 2), true}},
			[]float64{2}},
		"a change while another is on its way": {[]step{{0, 1, nil, false}, {time.Second, 2, nil, false}, {time.Second, 2, spoken(yes, 2), true}},
			[]float64{1}},
		"pods that restart are no change": {[]step{{0, 1, nil, false}, {time.Second, 1, spoken(yes, 1), true}, {time.Second, 1, spoken(no, 1), true},
			{time.Second, 1, spoken(no, 1), false}, {time.Second, 1, spoken(yes, 1), true}}, []float64{1}},
		"what a user had to mend first": {[]step{{0, 1, nil, false}, {time.Second, 1, stalled(1), true}, {time.Hour, 1, stalled(1), false},
			{time.Second, 1, spoken(yes, 1), true}}, nil},
		"a change of what a user had to mend": {[]step{{0, 1, nil, false}, {time.Second, 1, stalled(1), true}, {time.Hour, 2, stalled(1), false},
			{time.Second, 2, spoken(yes, 2), true}}, []float64{1}},
		"a word on an older generation ends no wait": {[]step{{0, 2, nil, false}, {time.Second, 2, spoken(yes, 1), true}}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			m, now, writes := NewMetrics(reg), noon, 0.0
			for _, s := range tc.steps {
				now = now.Add(s.after)
				gw := sparkGateway()
				gw.Generation = s.generation
				if s.wrote {
					writes++
					m.wrote(gw, s.conditions, now)
				} else {
					m.seen(gw, s.conditions, now)
				}
			}
			sum, n := waits(t, reg)
			want := 0.0
			for _, seconds := range tc.want {
				want += seconds
			}
			if sum != want || n != uint64(len(tc.want)) {
				t.Errorf("%d of %v s together, want %v", n, sum, tc.want)
			}
			if got := testutil.ToFloat64(m.writes.WithLabelValues("SparkGateway")); got != writes {
				t.Errorf("%v writes, want %v", got, writes)
			}
		})
	}
}

// waits gives what the histogram says of all kinds.
func waits(t *testing.T, reg *prometheus.Registry) (sum float64, n uint64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "spark_operator_apply_to_programmed_seconds" {
			for _, m := range f.Metric {
				sum, n = sum+m.GetHistogram().GetSampleSum(), n+m.GetHistogram().GetSampleCount()
			}
		}
	}
	return sum, n
}

func TestWhatIsGoneIsNotWaitedFor(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	m.seen(apiKey("alice"), nil, noon)
	m.seen(apiKey("bob"), nil, noon)
	m.gone("APIKey", types.NamespacedName{Namespace: "team", Name: "alice"})
	if len(m.pending) != 1 {
		t.Errorf("%d are waited for", len(m.pending))
	}
	var none *Metrics
	none.seen(apiKey("alice"), nil, noon)
	none.wrote(apiKey("alice"), spoken(metav1.ConditionTrue, 1), noon)
	none.gone("APIKey", types.NamespacedName{})
	none.reconciled(false, nil, nil)
}

func TestReconciliationsAreCounted(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	b := newBed(t, sparkGateway())
	b.gateways.Events.Metrics = m
	b.mustReconcile()
	b.fail = func(string, any) error { return errors.New("the API server is away") }
	b.gateways.Client = unreadable{b.client}
	if _, err := b.reconcile(); err == nil {
		t.Fatal("no error")
	}
	m.reconciled(true, nil, nil)
	m.reconciled(false, errors.New("in the way"), nil)
	m.Pushed(fleet.PushApplied)
	m.Acked(fleet.AckCurrent)
	got := map[string]float64{}
	for _, result := range []string{"success", "error", "invalid", "blocked"} {
		got[result] = testutil.ToFloat64(m.reconciles.WithLabelValues(result))
	}
	if diff := cmp.Diff(map[string]float64{"success": 1, "error": 1, "invalid": 1, "blocked": 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if testutil.ToFloat64(m.pushes.WithLabelValues("applied")) != 1 || testutil.ToFloat64(m.acks.WithLabelValues("current")) != 1 {
		t.Error("a push or an ack is not counted")
	}
	if len(m.pending) != 1 || testutil.ToFloat64(m.writes.WithLabelValues("SparkGateway")) != 1 {
		t.Errorf("waits for %d", len(m.pending))
	}
}
