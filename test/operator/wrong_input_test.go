// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

func TestWrongInputIsToldOnTheResourceAtFaultUntilItIsMended(t *testing.T) {
	own := func(name, secret string) *v1alpha1.APIKey {
		k := apiKey(name)
		k.Spec.SecretRef = &v1alpha1.SecretKeyReference{Name: secret}
		return k
	}
	secret := func(name, value string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"apiKey": value}}
	}
	const shared = "a-key-that-two-resources-share"
	for name, tc := range map[string]struct {
		// others exist before the resource at fault.
		others     []client.Object
		fault      client.Object
		condition  v1alpha1.ConditionType
		wantReason v1alpha1.Reason
		want       []string
		mend       func(b *bed)
	}{
		"a Secret that does not exist": {
			others: []client.Object{gateway(0)}, fault: policy("fake"),
			condition: v1alpha1.ResolvedRefs, wantReason: v1alpha1.ReasonSecretNotFound,
			want: []string{"spec.credentials.secretRef", "/provider-key"},
			mend: func(b *bed) { b.create(providerSecret()) },
		},
		"a gateway that does not exist": {
			fault:     apiKey("alice"),
			condition: v1alpha1.ResolvedRefs, wantReason: v1alpha1.ReasonGatewayNotFound,
			want: []string{"spec.gatewayRefs", "/main does not exist"},
			mend: func(b *bed) { b.create(gateway(0)) },
		},
		"a URL whose port is none": {
			others: []client.Object{gateway(0), providerSecret()},
			fault: func() client.Object {
				p := policy("fake")
				p.Spec.Endpoint = "http://host:99999/v1"
				return p
			}(),
			condition: v1alpha1.Accepted, wantReason: v1alpha1.ReasonInvalid,
			want: []string{"spec.endpoint"},
			mend: func(b *bed) {
				p := &v1alpha1.ProviderPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "fake"}}
				edit(b, p, func(p *v1alpha1.ProviderPolicy) { p.Spec.Endpoint = provider.URL() })
			},
		},
		"two keys with one secret": {
			others: []client.Object{gateway(0), secret("first", shared), secret("second", shared), own("alice", "first")},
			fault:  own("bob", "second"), condition: v1alpha1.Accepted, wantReason: v1alpha1.ReasonDuplicateSecret,
			want: []string{"spec.secretRef", "/second", "/alice"},
			mend: func(b *bed) {
				s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "second"}}
				edit(b, s, func(s *corev1.Secret) { s.Data = map[string][]byte{"apiKey": []byte("a-key-of-bobs-own-now")} })
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.create(tc.others...)
			b.create(tc.fault)
			c := b.becomes(tc.fault, tc.condition, metav1.ConditionFalse, tc.wantReason)
			for _, want := range tc.want {
				if !strings.Contains(c.Message, want) {
					t.Errorf("the message does not say %q: %s", want, c.Message)
				}
			}
			if strings.Contains(c.Message, shared) {
				t.Errorf("the message holds a secret: %s", c.Message)
			}
			b.becomes(tc.fault, v1alpha1.Ready, metav1.ConditionFalse, tc.wantReason)
			b.becomes(tc.fault, v1alpha1.Stalled, metav1.ConditionTrue, tc.wantReason)
			tc.mend(b)
			b.becomes(tc.fault, v1alpha1.Stalled, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
		})
	}
}

func TestADuplicateModelIsToldToTheYoungerProvider(t *testing.T) {
	b := newBed(t)
	older, younger := policy("older", "fake-model"), policy("younger", "fake-model", "other")
	b.create(providerSecret(), gateway(1), older)
	b.becomes(older, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.create(younger)
	c := b.becomes(younger, v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonDuplicateModel)
	for _, want := range []string{"spec.models[0].name", `"fake-model"`, "/older", `"younger/fake-model"`} {
		if !strings.Contains(c.Message, want) {
			t.Errorf("the message does not say %s: %s", want, c.Message)
		}
	}
	b.becomes(older, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if err := cluster.Delete(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	b.becomes(younger, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
}
