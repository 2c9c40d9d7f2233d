// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

func bedrock(credentials v1alpha1.Credentials) *v1alpha1.ProviderPolicy {
	return &v1alpha1.ProviderPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: "bedrock", UID: "bedrock-uid", Generation: 1},
		Spec: v1alpha1.ProviderPolicySpec{
			GatewayRefs: []v1alpha1.GatewayReference{{Name: main.Name}}, Type: v1alpha1.ProviderBedrock,
			Bedrock: &v1alpha1.Bedrock{Region: "eu-central-1"}, Credentials: &credentials,
		},
	}
}

// mountedAudiences gives those of the tokens that new pods are given.
func (b *bed) mountedAudiences() []string {
	b.Helper()
	d := &appsv1.Deployment{}
	if err := b.client.Get(b.Context(), main, d); err != nil {
		b.Fatal(err)
	}
	var all []string
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ServiceAccountToken != nil {
				all = append(all, source.ServiceAccountToken.Audience)
			}
		}
	}
	return all
}

func (b *bed) wantAudiences(want ...string) {
	b.Helper()
	if diff := cmp.Diff(want, b.mountedAudiences()); diff != "" {
		b.Errorf("audiences (-want +got):\n%s", diff)
	}
}

func TestPodsAreGivenTheTokensThatProvidersNeed(t *testing.T) {
	b := newBed(t, sparkGateway())
	b.mustReconcile()
	b.wantAudiences()

	role := bedrock(v1alpha1.Credentials{AWS: &v1alpha1.AWSCredentials{RoleARN: "arn:aws:iam::123456789012:role/spark"}})
	if err := b.client.Create(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	b.mustReconcile()
	b.wantAudiences(config.AWSAudience)

	// A gateway that is not served any more keeps its document, and so do its pods their tokens.
	gw := &v1alpha1.SparkGateway{}
	if err := b.client.Get(t.Context(), main, gw); err != nil {
		t.Fatal(err)
	}
	gw.Spec.Listener = &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{SecretRef: v1alpha1.SecretReference{Name: "nowhere"}}}
	if err := b.client.Update(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	wantCondition(t, b.mustReconcile(), v1alpha1.ResolvedRefs, "False", v1alpha1.ReasonSecretNotFound)
	b.wantAudiences(config.AWSAudience)

	gw = &v1alpha1.SparkGateway{}
	if err := b.client.Get(t.Context(), main, gw); err != nil {
		t.Fatal(err)
	}
	gw.Spec.Listener = nil
	if err := b.client.Update(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Delete(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	b.mustReconcile()
	b.wantAudiences()
}

func TestAProviderWithKeysReplacesNoPods(t *testing.T) {
	b := newBed(t, sparkGateway(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: "aws"},
		Data: map[string][]byte{"accessKeyID": []byte("a"), "secretAccessKey": []byte("b")}})
	b.mustReconcile()
	before := &appsv1.Deployment{}
	if err := b.client.Get(t.Context(), main, before); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Create(t.Context(), bedrock(v1alpha1.Credentials{AWS: &v1alpha1.AWSCredentials{SecretRef: &v1alpha1.SecretReference{Name: "aws"}}})); err != nil {
		t.Fatal(err)
	}
	b.mustReconcile()
	after := &appsv1.Deployment{}
	if err := b.client.Get(t.Context(), main, after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Spec, after.Spec); diff != "" {
		t.Errorf("the Deployment changes (-before +after):\n%s", diff)
	}
}

// What was written may have been changed by somebody else: no pods are replaced for that.
func TestADocumentThatCannotBeReadReplacesNoPods(t *testing.T) {
	b := newBed(t, sparkGateway(), bedrock(v1alpha1.Credentials{AWS: &v1alpha1.AWSCredentials{RoleARN: "arn:aws:iam::123456789012:role/spark"}}))
	b.mustReconcile()
	written := &corev1.Secret{}
	name := main
	name.Name = render.ConfigSecretName(main.Name)
	if err := b.client.Get(t.Context(), name, written); err != nil {
		t.Fatal(err)
	}
	written.Data[config.CoreFile] = []byte("[")
	if err := b.client.Update(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	gw := &v1alpha1.SparkGateway{}
	if err := b.client.Get(t.Context(), main, gw); err != nil {
		t.Fatal(err)
	}
	gw.Spec.Listener = &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{SecretRef: v1alpha1.SecretReference{Name: "nowhere"}}}
	if err := b.client.Update(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	if _, err := b.reconcile(); err == nil {
		t.Error("what cannot be read is not told")
	}
	b.wantAudiences(config.AWSAudience)
}
