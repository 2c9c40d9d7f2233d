// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"strings"
	"testing"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestTheCollectorDeletesOnlyWhatHasNoOwnerLeft(t *testing.T) {
	living := &appsv1.Deployment{ObjectMeta: named("living")}
	living.UID = "living"
	owner := func(name string, uid types.UID) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name, UID: uid}
	}
	secret := func(name string, owners ...metav1.OwnerReference) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: named(name)}
		s.UID, s.OwnerReferences = types.UID(name), owners
		return s
	}
	c := fake.NewClientBuilder().WithObjects(living,
		secret("unowned"), secret("owned", owner("living", "living")),
		secret("orphan", owner("dead", "dead")), secret("owned-by-its-namesake", owner("living", "before")),
		secret("half-owned", owner("dead", "dead"), owner("living", "living")),
	).Build()
	if err := (&collector{client: c, live: c, log: logr.Discard()}).collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left corev1.SecretList
	if err := c.List(t.Context(), &left); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range left.Items {
		names = append(names, s.Name)
	}
	if got, want := strings.Join(names, " "), "half-owned owned unowned"; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}
