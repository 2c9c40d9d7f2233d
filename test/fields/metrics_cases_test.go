// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sparkgateway/spark/controllers/render"
)

const metricsOf = "SparkGateway.spec.telemetry.metrics"

// metricsCases are of what metrics tell beside the defaults.
func metricsCases() cases {
	return cases{
		metricsOf + ".serviceMonitor": {from: "true", to: "false", was: "scraped", is: "none",
			see: rendered(func(m *unstructured.Unstructured) any {
				if m.GroupVersionKind() != render.ServiceMonitorKind {
					return "something else"
				}
				return "scraped"
			})},
		metricsOf + ".perKeyLabels": {from: "false", to: "true", was: []string(nil), is: []string{"team/alice", "team/alice-2"}, see: keysCounted},
		metricsOf + ".maxKeys": {with: edits{metricsOf + ".perKeyLabels": "true"}, to: "1",
			was: []string{"team/alice", "team/alice-2"}, is: []string{"other", "team/alice"}, see: keysCounted},
	}
}

// keysCounted sees by which names the requests of two keys are counted, one after the other.
func keysCounted(b *bed) any {
	b.ask(question{})
	within(glance, func() bool { return len(keyNames(b)) == 1 })
	b.ask(question{key: "2"})
	within(glance, func() bool { return len(keyNames(b)) == 2 })
	return keyNames(b)
}

func keyNames(b *bed) (names []string) {
	families, err := b.server.Registry().Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "spark_key_requests_total" {
			continue
		}
		for _, metric := range family.Metric {
			names = append(names, metric.Label[0].GetValue())
		}
	}
	slices.Sort(names)
	return names
}
