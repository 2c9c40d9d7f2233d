// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
)

// wantMonitor is of the minimal gateway.
const wantMonitor = `apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  labels:
    app.kubernetes.io/managed-by: spark-operator
    app.kubernetes.io/name: spark-gateway
    app.kubernetes.io/part-of: spark
    sparkgateway.dev/gateway: main
  name: main
  namespace: team
  ownerReferences:
  - apiVersion: sparkgateway.dev/v1alpha1
    blockOwnerDeletion: true
    controller: true
    kind: SparkGateway
    name: main
    uid: gateway-uid
spec:
  endpoints:
  - path: /metrics
    relabelings:
    - action: replace
      sourceLabels:
      - __meta_kubernetes_service_label_sparkgateway_dev_gateway
      targetLabel: gateway
    targetPort: health
  selector:
    matchLabels:
      app.kubernetes.io/name: spark-gateway
      sparkgateway.dev/gateway: main
`

func TestPrometheusScrapesThePods(t *testing.T) {
	got, err := yaml.Marshal(render.ServiceMonitor(minimal()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantMonitor, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What it names is there.
	gw := minimal()
	port := false
	for _, p := range render.Deployment(gw, options, nil).Spec.Template.Spec.Containers[0].Ports {
		port = port || p.Name == "health"
	}
	service := render.Service(gw).Labels
	for label, value := range render.Selector(gw) {
		if service[label] != value {
			t.Errorf("the Service is not selected: its label %s is %q", label, service[label])
		}
	}
	if !port {
		t.Error("the pods have no such port")
	}
}

func TestServiceMonitorsAreWhereTheClusterKnowsThemAndTheResourceWantsThem(t *testing.T) {
	of := func(m *v1alpha1.GatewayMetrics) *v1alpha1.SparkGateway {
		gw := minimal()
		gw.Spec.Telemetry = &v1alpha1.Telemetry{Metrics: m}
		return gw
	}
	tests := map[string]struct {
		gateway         *v1alpha1.SparkGateway
		known           bool
		desired, absent bool
	}{
		"a cluster that does not know them": {minimal(), false, false, false},
		"without a word":                    {minimal(), true, true, false},
		"without a word on this":            {of(&v1alpha1.GatewayMetrics{PerKeyLabels: ptr.To(true)}), true, true, false},
		"no metrics at all":                 {of(nil), true, true, false},
		"wanted":                            {of(&v1alpha1.GatewayMetrics{ServiceMonitor: ptr.To(true)}), true, true, false},
		"not wanted":                        {of(&v1alpha1.GatewayMetrics{ServiceMonitor: ptr.To(false)}), true, false, true},
		"not wanted, and not known":         {of(&v1alpha1.GatewayMetrics{ServiceMonitor: ptr.To(false)}), false, false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := options
			o.ServiceMonitors = tc.known
			desired, absent := render.Workload(tc.gateway, o, nil)
			if has(desired) != tc.desired || has(absent) != tc.absent {
				t.Errorf("desired %t, absent %t", has(desired), has(absent))
			}
		})
	}
}

func has(objects []client.Object) bool {
	for _, o := range objects {
		if o.GetObjectKind().GroupVersionKind() == render.ServiceMonitorKind {
			return o.GetName() == "main" && o.GetNamespace() == "team"
		}
	}
	return false
}
