// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"strings"
	"testing"
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
