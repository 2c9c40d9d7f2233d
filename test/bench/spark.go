// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// benchKey is the key that the load shows to Spark; it opens nothing else.
const benchKey = "spark-bench-key-0123456789abcdef"

// sparkResources switch everything on and refuse nothing: the limits are real, and far away.
var sparkResources = template.Must(template.New("spark.yaml").Parse(`apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: bench}
spec:
  limits:
    requests: [{count: 600000000, per: 1m}]
    perIP: {requests: [{count: 600000000, per: 1m}]}
  telemetry: {accessLog: {enabled: true}}
{{- if .Cached}}
  cache: {exact: {anyTemperature: true}}
{{- end}}
{{- if .Sanitized}}
  sanitizer: {promptInjection: {}, pii: {}, controlCharacters: {}}
{{- end}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: upstream}
spec:
  gatewayRefs: [{name: bench}]
  type: OpenAICompatible
  endpoint: http://{{.Upstream}}/v1
  credentials: {secretRef: {name: upstream}}
  models: [{name: {{.Model}}}]
---
apiVersion: v1
kind: Secret
metadata: {name: upstream}
stringData: {apiKey: sk-bench-upstream-0123456789}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: bench}
spec:
  gatewayRefs: [{name: bench}]
  user: bench
  secretRef: {name: bench-key}
  limits: {requests: [{count: 600000000, per: 1m}]}
---
apiVersion: v1
kind: Secret
metadata: {name: bench-key}
stringData: {apiKey: {{.Key}}}
`))

type sparkValues struct {
	Upstream, Model, Key string
	Cached, Sanitized    bool
}

func sparkYAML(upstream, name string) (string, error) {
	var text strings.Builder
	err := sparkResources.Execute(&text, sparkValues{
		Upstream: upstream, Model: benchModel, Key: benchKey, Cached: name == "cached", Sanitized: name == "sanitized",
	})
	return text.String(), err
}

// sparkAs starts Spark under a name that says what it does beside: "cached" answers from its cache all but the first of the
// requests, which are all the same, and "sanitized" looks at the words of requests and answers.
func sparkAs(name string) func(context.Context, *rig) (*subject, error) {
	return func(ctx context.Context, r *rig) (*subject, error) { return startSpark(ctx, r, name) }
}

// startSpark serves with the standalone command; its access log, which goes to standard output, ends in a file.
func startSpark(ctx context.Context, r *rig, name string) (*subject, error) {
	program, err := filepath.Abs(r.sparkBin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("%w: build it or give --spark-bin", err)
	}
	resources, err := sparkYAML(r.address, name)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(r.dir, name+".d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "bench.yaml"), []byte(resources), 0o600); err != nil {
		return nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	spec := processSpec{name: name, dir: r.dir, path: program,
		args: []string{"run", "-f", dir, "--listen", listen, "--admin", admin}}
	p, err := spec.start(ctx)
	if err != nil {
		return nil, err
	}
	return &subject{address: listen, process: p}, nil
}
