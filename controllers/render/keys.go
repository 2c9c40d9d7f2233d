// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// KeySecret gives the Secret with a generated API key, owned by its APIKey so that it goes with it. A rotation that was asked
// for before is done by it.
func KeySecret(key *v1alpha1.APIKey, generate func() string, now time.Time) *corev1.Secret {
	name := compiler.SecretName(key)
	s := &corev1.Secret{
		TypeMeta: typeMeta("v1", "Secret"),
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       name.Namespace,
			Name:            name.Name,
			Labels:          map[string]string{"app.kubernetes.io/managed-by": "spark-operator", "app.kubernetes.io/part-of": "spark"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(key, v1alpha1.GroupVersion.WithKind(v1alpha1.KindAPIKey))},
		},
		Type: corev1.SecretTypeOpaque,
	}
	generated(s, key, generate, now)
	return s
}

// RotatedKeySecret gives a Secret of KeySecret with a new key, and the present one, if there is one, as the key before it,
// which is accepted until a time.
func RotatedKeySecret(live *corev1.Secret, key *v1alpha1.APIKey, generate func() string, now, until time.Time) *corev1.Secret {
	s := WithoutPreviousKey(live)
	if present := live.Data[compiler.CredentialsKey]; len(present) > 0 {
		s.Data[compiler.PreviousCredentialsKey] = present
		s.Annotations[compiler.PreviousUntilAnnotation] = stamp(until)
	}
	generated(s, key, generate, now)
	return s
}

// WithoutPreviousKey gives a Secret of KeySecret without the key before the present one.
func WithoutPreviousKey(live *corev1.Secret) *corev1.Secret {
	s := live.DeepCopy()
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	delete(s.Data, compiler.PreviousCredentialsKey)
	delete(s.Annotations, compiler.PreviousUntilAnnotation)
	return s
}

// generated puts a new key into a Secret, with when and why.
func generated(s *corev1.Secret, key *v1alpha1.APIKey, generate func() string, now time.Time) {
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Data[compiler.CredentialsKey] = []byte(generate())
	s.Annotations[compiler.RotatedAtAnnotation] = stamp(now)
	delete(s.Annotations, compiler.RotateAnnotation)
	if asked := key.Annotations[compiler.RotateAnnotation]; asked != "" {
		s.Annotations[compiler.RotateAnnotation] = asked
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
