// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
)

const wantLagging = `
# HELP spark_operator_pods_lagging Gateway pods that have not said that they run the configuration that is wanted of them: behind (another revision), rejected, or silent.
# TYPE spark_operator_pods_lagging gauge
spark_operator_pods_lagging{gateway="main",namespace="team",reason="rejected"} 3
spark_operator_pods_lagging{gateway="main",namespace="team",reason="silent"} 0
`

const wantGateways = `
# HELP spark_operator_gateway_pods Pods of a SparkGateway, as its status counts them: desired, ready, programmed.
# TYPE spark_operator_gateway_pods gauge
spark_operator_gateway_pods{gateway="ready",namespace="team",state="desired"} 4
spark_operator_gateway_pods{gateway="ready",namespace="team",state="programmed"} 2
spark_operator_gateway_pods{gateway="ready",namespace="team",state="ready"} 3
# HELP spark_operator_gateways SparkGateways, by the status of their condition Ready: True, False or Unknown. Each is counted as 1.
# TYPE spark_operator_gateways gauge
spark_operator_gateways{gateway="main",namespace="team",ready="Unknown"} 1
spark_operator_gateways{gateway="ready",namespace="team",ready="True"} 1
`

func TestEachGatewayIsShownAsItIs(t *testing.T) {
	ready := sparkGateway()
	ready.Name, ready.Status.Conditions = "ready", []metav1.Condition{{Type: string(v1alpha1.Ready), Status: metav1.ConditionTrue}}
	ready.Status.Pods = &v1alpha1.PodCounts{Desired: 4, Ready: 3, Programmed: 2}
	b := newBed(t, sparkGateway(), ready)
	reg := prometheus.NewRegistry()
	for _, step := range []struct {
		of     string
		reader client.Reader
		want   string
	}{
		{"what cannot be read is not shown", unreadable{b.client}, wantLagging},
		{"a later sight takes the place of one before", b.client, wantGateways + wantLagging},
	} {
		s := Sight{
			Lagging: func() map[types.NamespacedName]map[fleet.AckResult]int {
				return map[types.NamespacedName]map[fleet.AckResult]int{main: {fleet.AckRejected: 3, fleet.AckSilent: 0}}
			},
			Gateways: func() ([]GatewaySight, bool) { return seenGateways(step.reader) },
		}
		if err := s.Register(reg); err != nil {
			t.Fatal(err)
		}
		if err := testutil.GatherAndCompare(reg, strings.NewReader(step.want)); err != nil {
			t.Errorf("%s: %v", step.of, err)
		}
	}
}

// Prometheus does not see the increase of a series that begins with it.
func TestCountersBeginWithZero(t *testing.T) {
	reg := prometheus.NewRegistry()
	NewMetrics(reg)
	for name, want := range map[string]int{
		"spark_operator_reconciles_total": 4, "spark_operator_pushes_total": 3, "spark_operator_acks_total": 4,
		"spark_operator_status_writes_total": 5, "spark_operator_budget_thresholds_total": 4, "spark_operator_apply_to_programmed_seconds": 5,
	} {
		if n, err := testutil.GatherAndCount(reg, name); n != want || err != nil {
			t.Errorf("%s has %d series (%v), want %d", name, n, err, want)
		}
	}
}
