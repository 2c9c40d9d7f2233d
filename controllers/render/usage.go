// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

const (
	// usageLabel is on the ConfigMaps of what was used, with the sheet's number.
	usageLabel = "sparkgateway.dev/usage"
	usageKey   = "usage.json.gz"
)

// UsageSelector gives the labels by which the ConfigMaps of what was used on a gateway are found; values of others.
func UsageSelector(gw *v1alpha1.SparkGateway) map[string]string { return Selector(gw) }

// UsageMapName names the ConfigMap of one sheet of what was used, 0 to 255.
func UsageMapName(gateway string, sheet int) string {
	return fmt.Sprintf("%s-spark-usage-%02x", gateway, sheet)
}

// UsageMap gives the ConfigMap of one sheet of what was used, without which budgets would begin anew with the operator.
func UsageMap(gw *v1alpha1.SparkGateway, sheet int, content []byte) *corev1.ConfigMap {
	m := &corev1.ConfigMap{
		TypeMeta:   typeMeta("v1", "ConfigMap"),
		ObjectMeta: meta(gw, UsageMapName(gw.Name, sheet)),
		BinaryData: map[string][]byte{usageKey: content},
	}
	m.Labels = maps.Clone(m.Labels)
	m.Labels[usageLabel] = strconv.Itoa(sheet)
	return m
}

// UsageSheet reads a ConfigMap of UsageMap; ok is false where it is none.
func UsageSheet(m *corev1.ConfigMap) (sheet int, content []byte, ok bool) {
	sheet, err := strconv.Atoi(m.Labels[usageLabel])
	if err != nil || sheet < 0 {
		return 0, nil, false
	}
	return sheet, m.BinaryData[usageKey], true
}
