// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// tokensOf gives the audiences of the tokens in a pod, by the file that each is read from.
func tokensOf(t *testing.T, pod corev1.PodSpec) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, v := range pod.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			token := source.ServiceAccountToken
			if token == nil {
				continue
			}
			if ptr.Deref(token.ExpirationSeconds, 0) != 3600 {
				t.Errorf("the token for %s is valid for %d s", token.Audience, ptr.Deref(token.ExpirationSeconds, 0))
			}
			for _, m := range pod.Containers[0].VolumeMounts {
				if m.Name == v.Name && m.ReadOnly {
					found[path.Join(m.MountPath, token.Path)] = token.Audience
				}
			}
		}
	}
	return found
}

func TestTokensStandWhereTheDocumentSays(t *testing.T) {
	tests := map[string][]string{
		"none":  nil,
		"one":   {config.AWSAudience},
		"three": audiences["full"],
	}
	for name, audiences := range tests {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{}
			for _, audience := range audiences {
				want[config.TokenFile(audience)] = audience
			}
			pod := render.Deployment(minimal(), options, audiences).Spec.Template.Spec
			if diff := cmp.Diff(want, tokensOf(t, pod)); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
			for _, v := range pod.Volumes {
				if v.Name == "tokens" && len(audiences) == 0 {
					t.Error("a volume for no tokens")
				}
			}
		})
	}
}

// A token with an empty audience is one for the Kubernetes API server, and so is one for the addresses that it answers to.
func TestNoTokenIsAKubernetesCredential(t *testing.T) {
	for name, gw := range gateways(t) {
		pod := render.Deployment(gw, options, audiences[name]).Spec.Template.Spec
		if ptr.Deref(pod.AutomountServiceAccountToken, true) {
			t.Errorf("%s: the API server's own token is mounted", name)
		}
		for _, audience := range tokensOf(t, pod) {
			if audience == "" || strings.Contains(audience, "kubernetes") || strings.Contains(audience, ".svc") {
				t.Errorf("%s: a token for %q", name, audience)
			}
		}
	}
}

// Only the set of audiences bears on the template, so that pods are replaced when it changes and not before.
func TestTheSameAudiencesGiveTheSameTemplate(t *testing.T) {
	before := render.Deployment(minimal(), options, []string{"a", "b"}).Spec.Template
	if diff := cmp.Diff(before, render.Deployment(minimal(), options, []string{"a", "b"}).Spec.Template); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
	if cmp.Equal(before, render.Deployment(minimal(), options, []string{"a"}).Spec.Template) {
		t.Error("pods keep a token that they do not need")
	}
}
