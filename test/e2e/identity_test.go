// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// role is a provider that knows the gateway by a token of its pods.
var role = front{
	kind: v1alpha1.ProviderBedrock, credentials: "{aws: {roleARN: 'arn:aws:iam::123456789012:role/spark'}}", own: region,
}

// patient keeps the breaker of a provider closed that refuses every request, so that each of them is tried.
const patient = "  circuitBreaker: {consecutiveFailures: 100}\n"

// A provider that knows the gateway by its pods' ServiceAccount has them get a token for that provider's cloud, and for
// nobody else, as long as there is such a provider.
func TestTokensOfAPodsIdentityAreMounted(t *testing.T) {
	s := newSpace(t)
	l := s.start(two + fronts["openai"].policy("openai"))
	s.waitFor("Ready", "providerpolicy/openai")
	s.hasTokens(nil)
	r := l.begin(load.Spec{
		Targets: []string{l.service("main")}, Rate: 20, StreamEvery: 5, Key: s.apiKey("alice"), Model: "via-openai",
		Steer: "tokens=5", SteerStream: "tokens=20 delay=50ms",
	})

	at := time.Now()
	s.replaced(func() { s.apply(role.policy("role") + patient) })
	s.waitFor("Programmed", "providerpolicy/role")
	s.waitFor("Ready", "providerpolicy/role")
	t.Logf("the policy is Programmed on new pods after %s", time.Since(at).Round(100*time.Millisecond))
	s.hasTokens([]string{"sts.amazonaws.com"})
	l.asksForTheRole()

	at = time.Now()
	s.replaced(func() { s.kubectl("delete", "providerpolicy", "role") })
	t.Logf("the policy is gone from new pods after %s", time.Since(at).Round(100*time.Millisecond))
	s.hasTokens(nil)

	total := r.stop().Total()
	if wrong := faultless(total); wrong != "" {
		t.Error(wrong)
	}
	t.Logf("meanwhile: %s", figures(total))
}

// replaced waits until every pod of the gateway is new and the gateway is Programmed.
func (s *space) replaced(change func()) {
	s.Helper()
	before := s.pods("main")
	change()
	for i := range before {
		s.gone(&before[i], 2*time.Minute)
	}
	s.waitFor("Programmed", "sparkgateway/main")
}

// hasTokens checks for whom the gateway's pods have tokens.
func (s *space) hasTokens(audiences []string) {
	s.Helper()
	pods := s.pods("main")
	if len(pods) != 2 {
		s.Errorf("%d pods", len(pods))
	}
	for _, pod := range pods {
		if automount := pod.Spec.AutomountServiceAccountToken; automount == nil || *automount {
			s.Errorf("pod %s has a token for the API server", pod.Name)
		}
		var got []string
		for _, volume := range pod.Spec.Volumes {
			if volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				if token := source.ServiceAccountToken; token != nil {
					got = append(got, token.Audience)
				}
			}
		}
		if diff := cmp.Diff(audiences, got); diff != "" {
			s.Errorf("audiences of the tokens of pod %s (-want +got):\n%s", pod.Name, diff)
		}
		if mounted := mountsOf(&pod, "/var/run/spark/tokens"); mounted != len(audiences) {
			s.Errorf("pod %s has %d volumes of tokens mounted", pod.Name, mounted)
		}
		if mounted := mountsOf(&pod, "/var/run/secrets/kubernetes.io"); mounted != 0 {
			s.Errorf("pod %s has the API server's token mounted", pod.Name)
		}
	}
}

func mountsOf(pod *corev1.Pod, path string) int {
	n := 0
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		if strings.HasPrefix(mount.MountPath, path) {
			n++
		}
	}
	return n
}

// asksForTheRole checks that each pod has read its token: it goes on to Amazon's Security Token Service, which is out of
// reach or does not trust this cluster.
func (l *loader) asksForTheRole() {
	l.s.Helper()
	const service = "sts.eu-central-1.amazonaws.com "
	for _, pod := range l.s.addresses("main") {
		answers := l.chats(pod, "role")
		lines := l.s.linesOf(answers)
		for c, answer := range answers {
			if answer.Status != 502 || answer.Headers.Get("X-Spark-Reason") != "upstream_auth_failed" ||
				message(answer.Body) != "The gateway could not get a credential for the provider." {
				l.s.Errorf("%+v: status %d, %v\n%s", c, answer.Status, answer.Headers, answer.Body)
			}
			said := lines[answer.Headers.Get("X-Request-Id")]
			if len(said) != 1 || !strings.HasPrefix(said[0].Error, service) {
				l.s.Errorf("%+v: in the access log: %+v", c, said)
			}
		}
	}
}
