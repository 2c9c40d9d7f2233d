// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// A document that pods refuse is told with the pod's own error, and what was served before goes on; it is over once
// the document is mended, or once the pods are of a release that can serve it.
func TestARejectedDocumentIsToldAndRecovers(t *testing.T) {
	s := newSpace(t)
	l := s.start(strings.Replace(minimal, "{replicas: 3}", "{replicas: 2, drain: {timeout: 5s}, image: "+rejectingImage+"}", 1))
	alice := s.apiKey("alice")
	reject := func() {
		t.Helper()
		s.patch(&v1alpha1.SparkGateway{}, "main", `{"spec":{"securityHeaders":{"extra":{"X-Marker":"reject-me"}}}}`)
		c, took := s.becomes("main", metav1.ConditionFalse, v1alpha1.ReasonRejected, 20*time.Second)
		named := slices.ContainsFunc(s.pods("main"), func(p corev1.Pod) bool { return strings.HasPrefix(c.Message, "pod "+p.Name+" rejects revision ") })
		if !named || !strings.HasSuffix(c.Message, `: gateway.headers: this release does not know how to send "reject-me" in X-Marker`) {
			t.Errorf("the message does not tell the pod and its error: %s", c.Message)
		}
		if stalled := s.condition(&v1alpha1.SparkGateway{}, "main", v1alpha1.Stalled); stalled.Status != metav1.ConditionTrue {
			t.Errorf("Stalled is %s: %s", stalled.Status, stalled.Message)
		}
		for _, a := range l.chat(alice, s.addresses("main")...) {
			if a.Status != 200 || a.Headers.Get("X-Marker") == "reject-me" {
				t.Errorf("a pod that refuses a document no longer serves the one before: %d %v %s", a.Status, a.Headers, a.Error)
			}
		}
		t.Logf("Rejected after %s: %q", millis(took), c.Message)
	}

	reject()
	s.patch(&v1alpha1.SparkGateway{}, "main", `{"spec":{"securityHeaders":{"extra":{"X-Marker":"fine"}}}}`)
	_, took := s.becomes("main", metav1.ConditionTrue, v1alpha1.ReasonProgrammed, 20*time.Second)
	for _, a := range l.chat(alice, s.addresses("main")...) {
		if a.Status != 200 || a.Headers.Get("X-Marker") != "fine" {
			t.Errorf("the mended document is not served: %d %v %s", a.Status, a.Headers, a.Error)
		}
	}
	t.Logf("Programmed %s after the document was mended", millis(took))

	reject()
	s.patch(&v1alpha1.SparkGateway{}, "main", `{"spec":{"image":null}}`)
	_, took = s.becomes("main", metav1.ConditionTrue, v1alpha1.ReasonProgrammed, time.Minute)
	for _, a := range l.chat(alice, s.addresses("main")...) {
		if a.Status != 200 || a.Headers.Get("X-Marker") != "reject-me" {
			t.Errorf("the new release does not serve the document: %d %v %s", a.Status, a.Headers, a.Error)
		}
	}
	t.Logf("Programmed %s after the pods' release was changed", millis(took))
}
