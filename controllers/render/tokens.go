// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/gateway/config"
)

// tokenSeconds is how long a token is valid; the kubelet replaces it when four fifths are over.
const tokenSeconds = 3600

// tokens are of the pods' ServiceAccount, each for one audience, and none for the Kubernetes API server.
func tokens(audiences []string) []corev1.VolumeProjection {
	sources := make([]corev1.VolumeProjection, 0, len(audiences))
	for _, audience := range audiences {
		sources = append(sources, corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: audience, ExpirationSeconds: ptr.To(int64(tokenSeconds)), Path: config.TokenPath(audience)}})
	}
	return sources
}

func mounts(audiences []string) []corev1.VolumeMount {
	all := []corev1.VolumeMount{
		{Name: "config", MountPath: configDir, ReadOnly: true},
		{Name: "admin", MountPath: adminDir, ReadOnly: true},
		{Name: "state", MountPath: stateDir},
	}
	if len(audiences) > 0 {
		all = append(all, corev1.VolumeMount{Name: "tokens", MountPath: config.TokenDir, ReadOnly: true})
	}
	return all
}
