// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import "slices"

// metricsRules are about what metrics tell beside the defaults.
func metricsRules() []rule {
	const kind, at = "SparkGateway", "spec.telemetry.metrics"
	const idle = "maxKeys has no effect without perKeyLabels"
	type m = map[string]any
	whole := field{kind, at, nil}
	return slices.Concat([]rule{
		whole.rule("minProperties", m{"serviceMonitor": false}, m{}),
		whole.rule(idle, m{"perKeyLabels": true, "maxKeys": 5}, m{"maxKeys": 5}),
		whole.rule(idle, m{"perKeyLabels": true}, m{"perKeyLabels": false, "maxKeys": 5}),
	}, field{kind, at + ".maxKeys", change{at: m{"perKeyLabels": true}}}.number(1, 10000))
}
