// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/controllers/render"
)

func TestNamesThatBeginSoAreCompleted(t *testing.T) {
	pod := func(name, gateway string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, Labels: map[string]string{render.GatewayLabel: gateway}}}
	}
	cluster := &live.Cluster{Namespace: "team", Objects: fakeCluster(
		apiKey("team", "alice", nil), apiKey("team", "alex", nil), apiKey("team", "bob", nil), apiKey("other", "alien", nil),
		pod("main-a", "main"), pod("other-a", "other"),
	)}
	for name, tt := range map[string]struct {
		list    client.ObjectList
		options []client.ListOption
		args    []string
		begun   string
		want    []string
	}{
		"all":                    {list: &v1alpha1.APIKeyList{}, want: []string{"alex", "alice", "bob"}},
		"those that begin so":    {list: &v1alpha1.APIKeyList{}, begun: "al", want: []string{"alex", "alice"}},
		"not those that stand":   {list: &v1alpha1.APIKeyList{}, begun: "al", args: []string{"alex"}, want: []string{"alice"}},
		"pods of a gateway":      {list: &corev1.PodList{}, options: []client.ListOption{client.MatchingLabels{render.GatewayLabel: "main"}}, want: []string{"main-a"}},
		"none":                   {list: &v1alpha1.ModelRouteList{}},
		"what cannot be read is": {list: &metav1.PartialObjectMetadataList{}},
	} {
		if diff := cmp.Diff(tt.want, namesOf(t.Context(), cluster, tt.list, tt.args, tt.begun, tt.options...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
