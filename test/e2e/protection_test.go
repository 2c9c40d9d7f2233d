// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sparkgateway/spark/test/e2e/load"
)

// protected is a gateway of two pods whose SparkGateway's spec goes on with SPEC. Its provider's breaker stays closed and a request is
// one attempt, so that each request to a provider that is gone fails in the same way.
const protected = `
apiVersion: v1
kind: Secret
metadata: {name: openai-api-key}
stringData: {apiKey: ` + providerKey + `}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec:
  replicas: 2
SPEC
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: openai}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAI
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: openai-api-key, key: apiKey}}
  models: [{name: fake-model}]
  circuitBreaker: {consecutiveFailures: 1000, minRequests: 1000}
  retry: {attempts: 1}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: alice}
spec: {user: alice, gatewayRefs: [{name: main}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: auditor}
spec: {user: amy, role: Master, gatewayRefs: [{name: main}]}
`

// protects starts that gateway, with more lines of the SparkGateway's spec.
func (s *space) protects(spec string) *loader {
	s.Helper()
	l := s.start(strings.Replace(protected, "SPEC", spec, 1))
	s.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "apikeys", "--all")
	return l
}

// turn is a message of a chat.
type turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// saying is a chat of alice's.
func (l *loader) saying(target string, stream bool, messages ...turn) load.Question {
	l.s.Helper()
	body := must[[]byte](l.s)(json.Marshal(map[string]any{"model": "fake-model", "messages": messages, "stream": stream}))
	return load.Question{
		Method: http.MethodPost, URL: target + "/v1/chat/completions", Body: string(body),
		Headers: map[string]string{"Authorization": "Bearer " + l.s.apiKey("alice"), "Content-Type": "application/json"},
	}
}

// says asks a target a chat of one message.
func (l *loader) says(target, text string) load.Answer {
	l.s.Helper()
	return l.ask(l.saying(target, false, turn{"user", text}))[0]
}

// isRefused checks that a request is refused with a status and a reason.
func (l *loader) isRefused(what string, a load.Answer, status int, reason string) {
	l.s.Helper()
	if a.Error != "" || a.Status != status || a.Headers.Get("X-Spark-Reason") != reason {
		l.s.Errorf("%s: %d, %q: %.300s %s; want %d, %q", what, a.Status, a.Headers.Get("X-Spark-Reason"), a.Body, a.Error, status, reason)
	}
}

// spoken gives what the model said in an answer, whole or streamed to its end.
func (l *loader) spoken(a load.Answer) string {
	l.s.Helper()
	if a.Error != "" || a.Status != http.StatusOK {
		l.s.Fatalf("%d %.300s %s", a.Status, a.Body, a.Error)
	}
	type part struct{ Content string }
	said := func(data string) (text string) {
		var chunk struct {
			Choices []struct{ Message, Delta part }
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			l.s.Fatalf("%v in %.300s", err, data)
		}
		for _, c := range chunk.Choices {
			text += c.Message.Content + c.Delta.Content
		}
		return text
	}
	if !strings.HasPrefix(a.Headers.Get("Content-Type"), "text/event-stream") {
		return said(a.Body)
	}
	text, whole := "", false
	for line := range strings.Lines(a.Body) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		switch {
		case ok && data == "[DONE]":
			whole = true
		case ok:
			text += said(data)
		}
	}
	if !whole {
		l.s.Errorf("a stream without its end: %.300s", a.Body)
	}
	return text
}

// plugin builds kubectl spark, and gives what runs it in the test's namespace.
func (s *space) plugin() func(args ...string) (stdout string, err error) {
	s.Helper()
	program := filepath.Join(s.TempDir(), "kubectl-spark")
	if out, err := exec.CommandContext(s.Context(), "go", "build", "-o", program, root+"/cmd/kubectl-spark").CombinedOutput(); err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	return func(args ...string) (string, error) {
		var out, errs bytes.Buffer
		command := exec.CommandContext(s.Context(), program, append(args, "-n", s.name)...)
		command.Stdout, command.Stderr = &out, &errs
		if err := command.Run(); err != nil {
			return out.String(), fmt.Errorf("kubectl spark %s: %w: %s", strings.Join(args, " "), err, errs.String())
		}
		return out.String(), nil
	}
}
