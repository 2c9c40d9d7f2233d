// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"testing"
)

// wide gives n different strings of the greatest length.
func wide(n, length int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%03d", repeat(length-3), i))
	}
	return all
}

// The cost of rules is estimated when a CRD is installed and counted when an object is judged; the largest must pass too.
func TestRoutesAsLargeAsMayBeAreWithinTheBudgetOfRules(t *testing.T) {
	namespace := newNamespace(t)
	var refs, models, headers, targets []any
	for _, name := range wide(16, 253) {
		refs = append(refs, map[string]any{"name": name, "namespace": repeat(63)})
	}
	for _, name := range wide(64, 256) {
		models = append(models, name)
	}
	for _, name := range wide(8, 64) {
		headers = append(headers, map[string]any{"name": name, "value": repeat(1024)})
	}
	for _, name := range wide(16, 253) {
		targets = append(targets, map[string]any{"model": repeat(256), "weight": 1000000, "tier": 15,
			"providerRef": map[string]any{"name": name, "namespace": repeat(63)}})
	}
	largest := change{
		"spec.gatewayRefs": refs, "spec.models": models, "spec.match.headers": headers, "spec.targets": targets,
		"spec.strategy": "Weighted", "spec.affinity": "Header:" + repeat(64),
	}
	server, offline := judgements(t, "ModelRoute", namespace, object(t, "ModelRoute", namespace, largest))
	if server != nil || offline != nil {
		t.Errorf("refused: the API server says %v, package manifest says %v", server, offline)
	}
	largest["spec.targets[0].weight"], largest["spec.strategy"] = 0, "LowestCost"
	if server, offline = judgements(t, "ModelRoute", namespace, object(t, "ModelRoute", namespace, largest)); server == nil || offline == nil {
		t.Error("the rules are not tried on a route of that size")
	}
}
