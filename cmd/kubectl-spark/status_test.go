// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/controllers/render"
)

func gatewayNamed(namespace, name string, ready metav1.ConditionStatus) *v1alpha1.SparkGateway {
	gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	gw.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: ready, Reason: "Pending", Message: "0 of 1 pods"}}
	return gw
}

func TestStatusShowsGatewaysAndChecksThem(t *testing.T) {
	open := gatewayNamed("team", "main", "True")
	open.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main-a", Labels: map[string]string{render.GatewayLabel: "main"}}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	foreign := apiKey("other", "alice", func(k *v1alpha1.APIKey) {
		k.Spec.GatewayRefs[0].Namespace = "team"
		k.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True"}}
	})
	all := []client.Object{open, pod, foreign, gatewayNamed("other", "second", "False")}
	for name, tt := range map[string]struct {
		s     standing
		fails bool
	}{
		"status_here.txt":    {standing{check: true}, false},
		"status_all.txt":     {standing{all: true, check: true}, true},
		"status_ascii.txt":   {standing{gateway: "main", ascii: true}, false},
		"status_names.txt":   {standing{all: true, output: "name"}, false},
		"status.json":        {standing{all: true, output: "json"}, false},
		"status_nothing.txt": {standing{namespace: "none"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", "C.UTF-8")
			var out, told bytes.Buffer
			if tt.s.namespace == "" {
				tt.s.namespace = "team"
			}
			err := tt.s.run(t.Context(), fakeCluster(all...), screen.Screen{Writer: &out, Width: screen.Width}, &told)
			if (err != nil) != tt.fails || err != nil && !errors.Is(err, errSaid) || told.Len() > 0 {
				t.Errorf("%v; told %s", err, told.String())
			}
			golden(t, name, out.Bytes())
		})
	}
	s := standing{namespace: "none", check: true}
	if err := s.run(t.Context(), fakeCluster(), screen.Screen{Writer: &bytes.Buffer{}}, nil); err == nil || err.Error() != "--check: there is no SparkGateway" {
		t.Error(err)
	}
}

// confined may read one namespace.
type confined struct{ client.Reader }

func (c confined) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	if o.Namespace == "" {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "apikeys"}, "", nil)
	}
	return c.Reader.List(ctx, list, options...)
}

func TestStatusDoesWithoutOtherNamespacesWhereItMust(t *testing.T) {
	gw := gatewayNamed("team", "main", "True")
	gw.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}
	var out, told bytes.Buffer
	s := standing{namespace: "team"}
	err := s.run(t.Context(), confined{fakeCluster(gw)}, screen.Screen{Writer: &out, Width: screen.Width}, &told)
	if err != nil || told.String() != "warning: without what attaches from other namespaces, which may not be read\n" || !strings.HasPrefix(out.String(), "SparkGateway team/main  Ready") {
		t.Errorf("%v, %s, %s", err, told.String(), out.String())
	}
}

func TestStatusRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"one of all":        {[]string{"main", "-A"}, "a name is of one namespace"},
		"less than none":    {[]string{"--limit", "-1"}, "--limit: how many"},
		"an output":         {[]string{"-o", "xml"}, "-o xml: tree, json, yaml and name are known"},
		"two names":         {[]string{"a", "b"}, "accepts at most 1 arg"},
		"without a cluster": {[]string{"--kubeconfig", "none"}, "which cluster?"},
	} {
		if _, _, err := execute(t, "", append([]string{"status"}, tt.args...)...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
