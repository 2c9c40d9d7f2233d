// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/e2e/load"
)

const (
	// usageWithin is how long after a request a status may take to tell of it: ten seconds between two writes, and a round of
	// the operator.
	usageWithin = 13 * time.Second
	// tokenPrice and answerPrice are what the models that cost something take for a token of prompt and of answer.
	tokenPrice, answerPrice = config.Dollar / 10_000, config.Dollar / 1_000
	pods                    = 3
)

// sharing is a gateway of three pods whose SparkGateway's spec goes on with STORE, and keys with limits and budgets. What each
// key asks has a model of its own, so that the provider's books tell whose it was.
const sharing = `
apiVersion: v1
kind: Secret
metadata: {name: openai-api-key}
stringData: {apiKey: ` + providerKey + `}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec:
  replicas: 3
  ledger: {retention: 24h}
STORE
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: openai}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAI
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: openai-api-key, key: apiKey}}
  models:
  - {name: of-counted}
  - {name: of-slow}
  - {name: of-worker}
  - {name: of-spender, maxOutputTokens: 30, price: {inputPerMillion: "100", outputPerMillion: "1000"}}
  - {name: of-mate, maxOutputTokens: 30, price: {inputPerMillion: "100", outputPerMillion: "1000"}}
  - {name: of-buyer, price: {inputPerMillion: "0", outputPerMillion: "0", perRequest: "0.05"}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: counted}
spec: {user: carl, gatewayRefs: [{name: main}], limits: {requests: [{count: 60, per: 24h}]}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: slow}
spec: {user: sue, gatewayRefs: [{name: main}], limits: {requests: [{count: 60, per: 24h}]}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: spender, labels: {team: search}}
spec: {user: sam, gatewayRefs: [{name: main}], budgets: [{amount: "1.00", per: Month}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: mate, labels: {team: search}}
spec: {user: mia, gatewayRefs: [{name: main}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: buyer}
spec: {user: bob, gatewayRefs: [{name: main}], budgets: [{amount: "1.00", per: Total}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: worker}
spec: {user: wim, gatewayRefs: [{name: main}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: auditor}
spec: {user: amy, role: Master, gatewayRefs: [{name: main}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: UsagePolicy
metadata: {name: team-search}
spec:
  gatewayRefs: [{name: main}]
  keySelector: {matchLabels: {team: search}}
  budgets: [{amount: "2.00", per: Total}]
`

// shares starts that gateway, with more lines of the SparkGateway's spec.
func (s *space) shares(store string) *loader {
	s.Helper()
	l := s.start(strings.Replace(sharing, "STORE", store, 1))
	s.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "apikeys,usagepolicies", "--all")
	return l
}

// spec is a load of a key on its own model: so many requests to each pod, at a rate each.
func (l *loader) spec(name string, rate float64, count int) load.Spec {
	l.s.Helper()
	return load.Spec{
		Targets: l.s.addresses("main"), Rate: rate, Count: count, Key: l.s.apiKey(name), Model: "of-" + name, Steer: "tokens=20",
	}
}

// question is one chat of a key on its own model.
func (l *loader) question(name, target string) load.Question {
	l.s.Helper()
	return load.Question{
		Method: http.MethodPost, URL: target + "/v1/chat/completions", Body: load.Chat("of-"+name, "tokens=20", false),
		Headers: map[string]string{"Authorization": "Bearer " + l.s.apiKey(name), "Content-Type": "application/json"},
	}
}

// sentAll waits for a load of so many requests to end.
func (r *run) sentAll(count int, within time.Duration) load.Report {
	r.l.s.Helper()
	eventually(r.l.s, within, func() string {
		for pod, tally := range r.report().Targets {
			if tally.Sent < count {
				return fmt.Sprintf("%d of %d requests were sent to %s", tally.Sent, count, pod)
			}
		}
		return ""
	})
	return r.ended()
}

// refusedOnly says what beside answers and refusals by limits there was; empty is well.
func refusedOnly(total load.Tally) string {
	if total.OK+total.Statuses["429"] != total.Sent {
		return fmt.Sprintf("of %d requests %d were answered, %d broken, by status %v: %q", total.Sent, total.OK, total.Broken, total.Statuses, total.Samples)
	}
	return ""
}

// bill is what the provider's books say of keys.
type bill struct {
	requests, tokens int64
	cost             config.Money
}

func (b bill) String() string {
	return fmt.Sprintf("%d requests, %d tokens, $%s", b.requests, b.tokens, b.cost)
}

// billed sums up what the provider answered to keys, each on its own model, at prices of tokens.
func (s *space) billed(names ...string) (b bill) {
	s.Helper()
	of := map[string]bool{}
	for _, name := range names {
		of["of-"+name] = true
	}
	for _, r := range s.records() {
		if !of[r.Model] || r.Status != http.StatusOK {
			continue
		}
		b.requests++
		b.tokens += int64(r.PromptTokens + r.CompletionTokens)
		b.cost += config.Money(r.PromptTokens)*tokenPrice + config.Money(r.CompletionTokens)*answerPrice
	}
	return b
}

// keyUsage gives what the status of an APIKey tells of use, and its WithinBudget.
func (s *space) keyUsage(name string) (v1alpha1.UsageStatus, metav1.Condition) {
	s.Helper()
	status := get(s, name, &v1alpha1.APIKey{}).Status
	return status.Usage, find(status.Conditions, v1alpha1.WithinBudget)
}

// policyUsage does likewise of a UsagePolicy.
func (s *space) policyUsage(name string) (v1alpha1.UsageStatus, metav1.Condition) {
	s.Helper()
	status := get(s, name, &v1alpha1.UsagePolicy{}).Status
	return status.Usage, find(status.Conditions, v1alpha1.WithinBudget)
}

// enforced waits for the gateway's LimitsEnforced to be so, and gives it and how long that took.
func (s *space) enforced(status metav1.ConditionStatus, reason v1alpha1.Reason, within time.Duration) (metav1.Condition, time.Duration) {
	s.Helper()
	start := time.Now()
	var c metav1.Condition
	eventually(s, within, func() string {
		if c = find(get(s, "main", &v1alpha1.SparkGateway{}).Status.Conditions, v1alpha1.LimitsEnforced); c.Status != status || c.Reason != string(reason) {
			return fmt.Sprintf("LimitsEnforced is %s/%s: %s; want %s/%s", c.Status, c.Reason, c.Message, status, reason)
		}
		return ""
	})
	return c, time.Since(start)
}

// podsOf lists the pods of an app of the space.
func (s *space) podsOf(app string) []corev1.Pod {
	s.Helper()
	var list corev1.PodList
	if err := on.List(s.Context(), &list, inNamespace(s.name), labelled(app)); err != nil {
		s.Fatal(err)
	}
	return list.Items
}
