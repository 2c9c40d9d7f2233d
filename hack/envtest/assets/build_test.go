// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestModuleFileReplacesOnlyKubernetesOwnLibraries(t *testing.T) {
	upstream := `module k8s.io/kubernetes

require (
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.140.0
	k8s.io/utils v0.0.0-20260626114624-be93311217bd
	github.com/google/uuid v1.6.0 // indirect
)

require k8s.io/endpointslice v0.0.0 // indirect

replace (
	k8s.io/api => ./staging/src/k8s.io/api
)
`
	got := moduleFile(upstream)
	for _, want := range []string{
		"\tk8s.io/kubernetes v" + KubernetesVersion + "\n",
		"\tgo.etcd.io/etcd/server/v3 v" + EtcdVersion + "\n",
		"\tk8s.io/api => k8s.io/api v0.37.2\n",
		"\tk8s.io/endpointslice => k8s.io/endpointslice v0.37.2\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("go.mod lacks %q:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "=>"); n != 2 {
		t.Errorf("%d replacements, want 2:\n%s", n, got)
	}
}

func TestAFailedStepSaysWhatTheCommandSaid(t *testing.T) {
	_, err := step{
		title: "building", progress: &bytes.Buffer{},
		args: []string{"sh", "-c", "echo go: downloading x >&2; echo some/package >&2; echo 'a.go:1: undefined: y' >&2; exit 1"},
	}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "undefined: y") || strings.Contains(err.Error(), "some/package") {
		t.Errorf("error %v, want the complaint and not the progress", err)
	}
}

func TestAStepEndsAtItsLimitWithAllItStarted(t *testing.T) {
	began := time.Now()
	_, err := step{
		title: "asking", limit: 50 * time.Millisecond, progress: &bytes.Buffer{},
		args: []string{"sh", "-c", "sleep 60 & sleep 60"},
	}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "took longer than 50ms") {
		t.Errorf("error %v, want the limit", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestProgressCountsModulesAndPackages(t *testing.T) {
	var lines lineCounter
	for _, chunk := range []string{"go: downloading a v1\ngo: down", "loading b v2\nnet/http\ncrypto", "/tls\n# pkg\nx.go:1:2: bad\n"} {
		if _, err := lines.Write([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := lines.summary(), ", 2 modules downloaded, 2 packages compiled"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	if got := lines.tail(); !strings.Contains(got, "x.go:1:2: bad") {
		t.Errorf("tail %q", got)
	}
}
