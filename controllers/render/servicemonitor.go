// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// ServiceMonitorKind is the Prometheus operator's, which not every cluster has.
var ServiceMonitorKind = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}

// gatewayServiceLabel is GatewayLabel as Prometheus finds it at a Service.
const gatewayServiceLabel = "__meta_kubernetes_service_label_sparkgateway_dev_gateway"

// ServiceMonitor has the Prometheus operator scrape the pods, and gives their series the label "gateway"; nil where the resource
// wants none. It goes by the pods' port, so that the Service shows the metrics to nobody.
func ServiceMonitor(gw *v1alpha1.SparkGateway) *unstructured.Unstructured {
	if t := gw.Spec.Telemetry; t != nil && t.Metrics != nil && !ptr.Deref(t.Metrics.ServiceMonitor, true) {
		return nil
	}
	m := emptyServiceMonitor(gw)
	whole := meta(gw, gw.Name)
	m.SetLabels(whole.Labels)
	m.SetOwnerReferences(whole.OwnerReferences)
	m.Object["spec"] = map[string]any{
		"selector": map[string]any{"matchLabels": texts(Selector(gw))},
		"endpoints": []any{map[string]any{
			"targetPort": "health",
			"path":       "/metrics",
			"relabelings": []any{map[string]any{
				"action": "replace", "sourceLabels": []any{gatewayServiceLabel}, "targetLabel": "gateway",
			}},
		}},
	}
	return m
}

func emptyServiceMonitor(gw *v1alpha1.SparkGateway) *unstructured.Unstructured {
	m := &unstructured.Unstructured{Object: map[string]any{}}
	m.SetGroupVersionKind(ServiceMonitorKind)
	m.SetNamespace(gw.Namespace)
	m.SetName(gw.Name)
	return m
}

// texts gives a map in the form that an Unstructured holds.
func texts(from map[string]string) map[string]any {
	out := make(map[string]any, len(from))
	for k, v := range from {
		out[k] = v
	}
	return out
}
