// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/sparkgateway/spark/controllers/render"
)

// monitorCRD is as much of the Prometheus operator's as the API server needs.
func monitorCRD() *apiextensionsv1.CustomResourceDefinition {
	of := render.ServiceMonitorKind
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "servicemonitors." + of.Group,
			Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test's own"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: of.Group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: of.Kind, Plural: "servicemonitors", ListKind: of.Kind + "List", Singular: "servicemonitor"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: of.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true),
				}}}},
		},
	}
}

// What the cluster knows and the program has no type for is treated as everything else is.
func TestAKindWithoutATypeIsAppliedAndPruned(t *testing.T) {
	crds := []*apiextensionsv1.CustomResourceDefinition{monitorCRD()}
	if _, err := envtest.InstallCRDs(apiServer, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		t.Fatal(err)
	}
	b := newBed(t)
	gw := b.gateway("uid")
	if !b.apply(render.ServiceMonitor(gw)) {
		t.Error("it is not written")
	}
	if b.apply(render.ServiceMonitor(gw)) {
		t.Error("it is written again")
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(render.ServiceMonitorKind)
	read(b, render.ServiceMonitor(gw), live)
	if err := unstructured.SetNestedField(live.Object, "elsewhere", "spec", "endpoints"); err != nil {
		t.Fatal(err)
	}
	b.update(live)
	if !b.apply(render.ServiceMonitor(gw)) {
		t.Error("drift is not repaired")
	}
	if err := b.Prune(t.Context(), b.gateway("another-uid"), render.ServiceMonitor(gw)); err != nil {
		t.Fatal(err)
	}
	read(b, render.ServiceMonitor(gw), live)
	if err := b.Prune(t.Context(), gw, render.ServiceMonitor(gw)); err != nil {
		t.Fatal(err)
	}
	if err := b.user.Get(t.Context(), client.ObjectKeyFromObject(live), live); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}
