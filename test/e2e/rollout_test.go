// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// Neither a new image, nor a new template, nor the loss of a pod drops a request or cuts a stream.
func TestReplacingPodsUnderLoadDropsNothing(t *testing.T) {
	s := newSpace(t)
	l := s.start(minimal)
	r := l.begin(load.Spec{
		Targets: []string{l.service("main")}, Rate: 100, StreamEvery: 10, Key: s.apiKey("alice"),
		// A stream of 8 s outlives the delay after which a leaving pod no longer accepts.
		Steer: "tokens=5", SteerStream: "tokens=80 delay=100ms",
	})
	eventually(t, 20*time.Second, func() string {
		if report := r.report(); report.Running < 50 {
			return fmt.Sprintf("%d requests are under way", report.Running)
		}
		return ""
	})
	sofar := func(what string, since time.Time) {
		t.Helper()
		total := r.report().Total()
		if total.Broken > 0 || len(total.Statuses) > 0 {
			t.Errorf("%s: %d broken, by status %v: %q", what, total.Broken, total.Statuses, total.Samples)
		}
		t.Logf("%s: %s, %d requests so far, %d broken", what, time.Since(since).Round(100*time.Millisecond), total.Sent, total.Broken)
	}

	at := time.Now()
	s.roll(`{"spec":{"image":"` + nextImage + `"}}`)
	for _, pod := range s.pods("main") {
		if image := pod.Spec.Containers[0].Image; image != nextImage {
			t.Errorf("pod %s runs %s", pod.Name, image)
		}
	}
	sofar("a new image on 3 pods", at)

	at = time.Now()
	s.roll(`{"spec":{"podTemplate":{"metadata":{"annotations":{"example.com/rolled":"again"}}}}}`)
	sofar("a new annotation on 3 pods", at)

	at = time.Now()
	victim := s.pods("main")[0]
	if err := on.Delete(t.Context(), &victim); err != nil {
		t.Fatal(err)
	}
	s.gone(&victim, time.Minute)
	took := time.Since(at)
	s.becomes("main", metav1.ConditionTrue, v1alpha1.ReasonProgrammed, time.Minute)
	if pods := s.pods("main"); len(pods) != 3 {
		t.Errorf("%d pods", len(pods))
	}
	sofar(fmt.Sprintf("a pod deleted, which drained for %s", took.Round(100*time.Millisecond)), at)

	total := r.stop().Total()
	if wrong := faultless(total); wrong != "" {
		t.Error(wrong)
	}
	t.Logf("in all: %s", figures(total))
}

// roll changes what pods are made from, and waits until every pod is new, the old ones are gone and the gateway is
// Programmed.
func (s *space) roll(patch string) {
	s.Helper()
	before := s.pods("main")
	s.patch(&v1alpha1.SparkGateway{}, "main", patch)
	s.kubectl("wait", "--for=condition=Programmed", "--timeout=120s", "sparkgateway/main")
	s.kubectl("rollout", "status", "deployment/main", "--timeout=10s")
	for i := range before {
		s.gone(&before[i], time.Minute)
	}
}

// gone waits until a pod does not exist any more.
func (s *space) gone(pod *corev1.Pod, within time.Duration) {
	s.Helper()
	eventually(s, within, func() string {
		var list corev1.PodList
		if err := on.List(s.Context(), &list, inNamespace(s.name)); err != nil {
			return err.Error()
		}
		for _, p := range list.Items {
			if p.UID == pod.UID {
				return "pod " + pod.Name + " is still there"
			}
		}
		return ""
	})
}
