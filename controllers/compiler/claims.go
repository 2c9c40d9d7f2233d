// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// claims tell which route serves a model under which headers.
type claims map[string]string

// take gives a route those of its names that no older one has, sorted, and tells of the others.
func (c claims) take(names []v1alpha1.ModelName, route *config.Route) Finding {
	var condition strings.Builder
	for _, h := range route.Headers {
		// Neither can hold a line break.
		condition.WriteString("\n" + h.Name + "\n" + h.Value)
	}
	var lost Finding
	route.Models = nil
	for i, name := range names {
		claim := string(name) + condition.String()
		if winner, taken := c[claim]; taken {
			lost.join(Finding{v1alpha1.ReasonDuplicateRoute,
				fmt.Sprintf("spec.models[%d]: %q is served by the older ModelRoute %s", i, name, winner)})
			continue
		}
		c[claim] = route.ID
		route.Models = append(route.Models, string(name))
	}
	slices.Sort(route.Models)
	return lost
}

func (p *problems) names(names []v1alpha1.ModelName) []string {
	if len(names) == 0 {
		p.add("spec.models: empty")
	}
	var out []string
	for i, name := range names {
		if err := config.CheckModel(string(name)); err != nil {
			p.add("spec.models[%d]: %w", i, err)
		}
		if slices.Contains(out, string(name)) {
			p.add("spec.models[%d]: %q stands twice", i, name)
		}
		out = append(out, string(name))
	}
	return out
}
