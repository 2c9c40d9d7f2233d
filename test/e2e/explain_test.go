// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// explained is a gateway whose route prefers a provider that nobody answers for.
const explained = `
apiVersion: v1
kind: Secret
metadata: {name: openai-api-key}
stringData: {apiKey: ` + providerKey + `}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec:
  replicas: 1
  limits: {requests: [{count: 60, per: 1h, burst: 10}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: gone}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://127.0.0.1:1/v1
  circuitBreaker: {consecutiveFailures: 1, openFor: 10m}
  models: [{name: m}]
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: there}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: openai-api-key, key: apiKey}}
  models: [{name: m, upstream: fake-model}]
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: smart}
spec:
  gatewayRefs: [{name: main}]
  models: [fake-model]
  targets:
  - {providerRef: {name: gone}, model: m, tier: 0}
  - {providerRef: {name: there}, model: m, tier: 1}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: alice}
spec: {gatewayRefs: [{name: main}], user: alice}
`

// explanation is what "kubectl spark explain -o json" prints.
type explanation struct {
	config.Explanation
	Gateway, Pod string
}

// What a live pod is asked is answered by what it knows: at first everything is whole, and after one request the breaker of
// the provider that is gone is open and a request of the limit taken. Asking takes nothing.
func TestALivePodExplains(t *testing.T) {
	s := newSpace(t)
	l := s.start(explained)
	s.waitFor("Programmed", "modelroute/smart")
	plugin := filepath.Join(t.TempDir(), "kubectl-spark")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", plugin, root+"/cmd/kubectl-spark").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	explain := func(args ...string) (string, error) {
		var out, errs bytes.Buffer
		command := exec.CommandContext(t.Context(), plugin, append([]string{"explain", "-f", "-", "-n", s.name}, args...)...)
		command.Stdin = strings.NewReader(`{"model": "fake-model", "messages": [{"role": "user", "content": "Hi"}]}`)
		command.Stdout, command.Stderr = &out, &errs
		if err := command.Run(); err != nil {
			return errs.String(), err
		}
		return out.String(), nil
	}
	ask := func() (e explanation) {
		t.Helper()
		out, err := explain("--gateway", "main", "--key", "alice", "-o", "json")
		if err != nil {
			t.Fatal(err, out)
		}
		if err := json.Unmarshal([]byte(out), &e); err != nil || len(e.Targets) != 2 || len(e.Limits) == 0 || e.Key == nil {
			t.Fatal(err, out)
		}
		return e
	}
	gone, there := s.name+"/gone", s.name+"/there"
	for range 3 {
		e := ask()
		if e.Gateway != s.name+"/main" || e.Pod != s.pods("main")[0].Name || e.Key.ID != s.name+"/alice" {
			t.Errorf("asked %s of %s for %+v", e.Pod, e.Gateway, e.Key)
		}
		if e.Targets[0].Provider != gone || e.Targets[0].Standing != config.TargetReady || e.Targets[1].Provider != there || *e.Limits[0].Remaining != 10 {
			t.Errorf("before any request: %+v, %+v", e.Targets, e.Limits)
		}
	}
	if a := l.chat(s.apiKey("alice"), l.service("main"))[0]; a.Status != 200 {
		t.Fatalf("%d %s %s", a.Status, a.Body, a.Error)
	}
	e := ask()
	if first := e.Targets[0]; first.Provider != there || first.Standing != config.TargetReady {
		t.Errorf("after one request: %+v", e.Targets)
	}
	if b := e.Targets[1].Breaker; e.Targets[1].Standing != config.TargetOut || b == nil || b.State != config.BreakerOpen || *e.Limits[0].Remaining != 9 {
		t.Errorf("after one request: %+v, %+v", e.Targets, e.Limits)
	}
	text, err := explain("--gateway", "main")
	if err != nil || !strings.Contains(text, "Result    sent to target 1: "+there+"/m") || strings.Contains(text, s.apiKey("alice")) {
		t.Error(err, text)
	}
	t.Log("\n" + text)
	for name, args := range map[string][]string{
		"which the operator makes for each SparkGateway": {"--gateway", "none"},
		"is none of SparkGateway":                        {"--gateway", "main", "--pod", "none"},
		`this gateway has no key "bob"`:                  {"--gateway", "main", "--key", "bob"},
	} {
		if out, err := explain(args...); err == nil || !strings.Contains(out, name) {
			t.Errorf("%v: %v, %s", args, err, out)
		}
	}
}
