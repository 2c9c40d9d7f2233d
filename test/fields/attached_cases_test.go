// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"strings"
)

// far asks a provider of another namespace.
var far = question{model: "far/gpt"}

const (
	allNamespaces = "SparkGateway.spec.allowedNamespaces"
	labelled      = "{from: Selector, selector: {matchLabels: {tier: silver}}}"
)

// attachedCases are of what binds resources to a gateway.
var attachedCases = cases{
	"SparkGateway.spec.allowedNamespaces.from=Same": {from: "All", was: 200, is: 404, see: status(far)},
	"SparkGateway.spec.allowedNamespaces.from=All":  {was: 404, is: 200, see: status(far), from: "Same"},
	"SparkGateway.spec.allowedNamespaces.from=Selector": {from: "Same", was: 404, is: 200, see: status(far),
		also: edits{"SparkGateway.spec.allowedNamespaces.selector": "{matchLabels: {tier: gold}}"}},
	"SparkGateway.spec.allowedNamespaces.selector": {with: edits{allNamespaces: labelled},
		from: "{matchLabels: {tier: silver}}", to: "{matchExpressions: [{key: tier, operator: In, values: [gold]}]}",
		was: 404, is: 200, see: status(far)},

	"ProviderPolicy.spec.gatewayRefs[].name":      {from: "main", to: "another", was: 200, is: 404, see: status(question{model: "one/gpt"})},
	"ProviderPolicy.spec.gatewayRefs[].namespace": {to: "elsewhere", was: 200, is: 404, see: status(question{model: "one/gpt"})},
	"ModelRoute.spec.gatewayRefs[].name":          {from: "main", to: "another", was: 200, is: 404, see: status(question{})},
	"ModelRoute.spec.gatewayRefs[].namespace":     {to: "elsewhere", was: 200, is: 404, see: status(question{})},
	"APIKey.spec.gatewayRefs[].name":              {from: "main", to: "another", was: 200, is: 401, see: status(list)},
	"APIKey.spec.gatewayRefs[].namespace":         {to: "elsewhere", was: 200, is: 401, see: status(list)},
}

// keyCases are of what a key is.
var keyCases = cases{
	"APIKey.spec.user": {from: "alice", to: "bob", was: "alice", is: "bob", see: func(b *bed) any {
		b.ask(list)
		within(patience, func() bool { return strings.Contains(b.log.String(), "\n") })
		var line struct{ User string }
		if err := json.Unmarshal([]byte(b.log.String()), &line); err != nil {
			b.Fatal(err)
		}
		return line.User
	}},
	"APIKey.spec.role=Master":    {was: 403, is: 200, see: status(question{method: "GET", path: "/api/metrics"})},
	"APIKey.spec.role=User":      {from: "Master", was: 200, is: 403, see: status(question{method: "GET", path: "/api/metrics"})},
	"APIKey.spec.secretRef.name": {from: "alice", to: "alice-5", was: []int{200, 401}, is: []int{401, 200}, see: opens("1", "5")},
	"APIKey.spec.secretRef.key":  {to: "second", was: []int{200, 401}, is: []int{401, 200}, see: opens("1", "one")},
}

// opens sees what keys are answered.
func opens(keys ...string) func(*bed) any {
	return func(b *bed) any {
		var statuses []int
		for _, key := range keys {
			q := list
			q.key = key
			statuses = append(statuses, b.ask(q).status)
		}
		return statuses
	}
}
