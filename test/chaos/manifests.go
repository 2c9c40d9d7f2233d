// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"text/template"
	"time"
)

// The keys that the load and the gateway show; they open nothing else.
const (
	applicationKey = "spark-chaos-key-0123456789abcdef"
	providerKey    = "sk-chaos-provider-0123456789"
)

// manifests are what a team would apply: two providers of different types, so that failing over is translating too, and
// routes over them.
var manifests = template.Must(template.New("manifests").Parse(`apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: chaos}
spec: {drain: {timeout: 1s}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: primary}
spec:
  gatewayRefs: [{name: chaos}]
  type: OpenAI
  endpoint: {{.Primary}}/v1
  credentials: {secretRef: {name: provider}}
  models: [{name: gpt, upstream: gpt-4o}]
  circuitBreaker: {{.Breaker}}
  timeouts: {{.Timeouts}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: secondary}
spec:
  gatewayRefs: [{name: chaos}]
  type: Anthropic
  endpoint: {{.Secondary}}
  credentials: {secretRef: {name: provider}}
  models: [{name: claude, upstream: claude-sonnet-4-5}]
  circuitBreaker: {{.Breaker}}
  timeouts: {{.Timeouts}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: tiers}
spec:
  gatewayRefs: [{name: chaos}]
  models: [` + modelTiers + `]
  targets:
  - {providerRef: {name: primary}, model: gpt, tier: 0}
  - {providerRef: {name: secondary}, model: claude, tier: 1}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: weighted}
spec:
  gatewayRefs: [{name: chaos}]
  models: [` + modelWeighted + `]
  targets:
  - {providerRef: {name: primary}, model: gpt, weight: 80}
  - {providerRef: {name: secondary}, model: claude, weight: 20}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: fastest}
spec:
  gatewayRefs: [{name: chaos}]
  models: [` + modelFastest + `]
  strategy: LowestLatency
  targets:
  - {providerRef: {name: primary}, model: gpt}
  - {providerRef: {name: secondary}, model: claude}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: hedged}
spec:
  gatewayRefs: [{name: chaos}]
  models: [` + modelHedged + `]
  hedge: {after: {{.HedgeAfter}}, maxExtraPercent: 100}
  targets:
  - {providerRef: {name: primary}, model: gpt, tier: 0}
  - {providerRef: {name: secondary}, model: claude, tier: 1}
---
apiVersion: v1
kind: Secret
metadata: {name: provider}
stringData: {apiKey: ` + providerKey + `}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: application}
spec: {gatewayRefs: [{name: chaos}], user: application, secretRef: {name: application}}
---
apiVersion: v1
kind: Secret
metadata: {name: application}
stringData: {apiKey: ` + applicationKey + `}
`))

// breakerSettings and timeoutSettings are the policy of both providers, as YAML.
func breakerSettings(p pace) string {
	return fmt.Sprintf("{consecutiveFailures: %d, openFor: %s, halfOpenProbes: %d}",
		consecutiveFailures, milliseconds(p.openFor), halfOpenProbes)
}

func timeoutSettings() string {
	return "{connect: 1s, firstToken: " + milliseconds(firstToken) + ", betweenTokens: 2s, total: 20s}"
}

// manifestsFor gives the manifests for providers at these URLs.
func manifestsFor(p pace, primaryURL, secondaryURL string) (string, error) {
	var text strings.Builder
	err := manifests.Execute(&text, map[string]string{
		"Primary": primaryURL, "Secondary": secondaryURL, "Breaker": breakerSettings(p), "Timeouts": timeoutSettings(),
		"HedgeAfter": milliseconds(hedgeAfter),
	})
	return text.String(), err
}

// milliseconds writes a duration as Gateway API does, which has no fractions.
func milliseconds(d time.Duration) string {
	if d%time.Second == 0 {
		return d.String()
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
