// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestKeysThatAreRefusedOnPurpose(t *testing.T) {
	tests := map[string]struct {
		spec v1alpha1.APIKeySpec
		want v1alpha1.Reason
	}{
		"a key":                    {v1alpha1.APIKeySpec{}, ""},
		"one that is not disabled": {v1alpha1.APIKeySpec{Disabled: ptr.To(false)}, ""},
		"a disabled one":           {v1alpha1.APIKeySpec{Disabled: ptr.To(true)}, v1alpha1.ReasonDisabled},
		"one that expires later":   {v1alpha1.APIKeySpec{ExpiresAt: ptr.To(metav1.NewTime(now.Add(1)))}, ""},
		"one that expires now":     {v1alpha1.APIKeySpec{ExpiresAt: ptr.To(metav1.NewTime(now))}, v1alpha1.ReasonExpired},
		"one that is both":         {v1alpha1.APIKeySpec{Disabled: ptr.To(true), ExpiresAt: ptr.To(metav1.NewTime(now))}, v1alpha1.ReasonDisabled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := v1alpha1.Reason("")
			if c := status.Refused(&test.spec, now); c != nil {
				got = c.Reason
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestReadyOfARefusedKey(t *testing.T) {
	refused := &status.Condition{Type: v1alpha1.Ready, Status: "False", Reason: v1alpha1.ReasonDisabled, Message: "no"}
	tests := map[string]struct {
		refused *status.Condition
		ref     status.AttachedTo
		want    [2]string
	}{
		"others are as they are":                {nil, on("a", served), [2]string{"True/Ready", "False/Progressing"}},
		"once every pod knows nothing moves":    {refused, on("a", served), [2]string{"False/Disabled", "True/Disabled"}},
		"until then it is on its way":           {refused, on("a", pending), [2]string{"False/Disabled", "False/Progressing"}},
		"what a user did not mean is told":      {refused, on("a", notServed, func(v *compiler.Verdict) { v.ResolvedRefs = noSecret }), [2]string{"False/SecretNotFound", "True/SecretNotFound"}},
		"a pod that refuses to know it is told": {refused, on("a", rejected), [2]string{"False/Rejected", "True/Rejected"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			first := status.ForRefused(2, now, []status.AttachedTo{test.ref}, v1alpha1.AttachedStatus{}, test.refused)
			all := short(first.Conditions)
			if diff := cmp.Diff(test.want, [2]string{all["Ready"], all["Stalled"]}); diff != "" {
				t.Errorf("Ready and Stalled (-want +got):\n%s", diff)
			}
			later := status.ForRefused(2, now.Add(time.Hour), []status.AttachedTo{test.ref}, first, test.refused)
			if diff := cmp.Diff(first, later); diff != "" {
				t.Errorf("an hour later (-first +later):\n%s", diff)
			}
		})
	}
}

func TestHowManyPodsKnowOfAChange(t *testing.T) {
	pod := func(uid string, sequence int64, silence time.Duration) status.Pod {
		p := status.Pod{Name: uid, UID: uid, Silence: silence}
		if sequence > 0 {
			p.Ack = &config.Ack{Sequence: sequence}
		}
		return p
	}
	report := status.Report{}
	at := func(content string, sequence int64, pods ...status.Pod) string {
		report = status.Attachments(report, compiled(content), served, status.Programming{Sequence: sequence, Pods: pods})
		return status.Revoked(report.Reach(report.Attachments[status.Keys][named("alice")]))
	}
	for i, step := range []struct{ got, want string }{
		{at("A", 5, pod("a", 5, 0), pod("b", 4, 0), pod("c", 0, 0)), "1/3"},
		{at("A", 5, pod("a", 5, 0), pod("b", 5, 0), pod("c", 5, 0)), "3/3"},
		{at("A", 7, pod("a", 5, 0), pod("b", 7, 0), pod("c", 5, status.Grace+1)), "2/3"},
		{at("B", 8, pod("a", 8, 0), pod("b", 7, 0), pod("c", 7, 0)), "1/3"},
		{at("B", 9, pod("a", 9, 0), pod("b", 8, 0)), "2/2"},
		{at("A", 10, pod("a", 9, 0), pod("b", 10, 0)), "1/2"},
	} {
		if step.got != step.want {
			t.Errorf("step %d: %s, want %s", i, step.got, step.want)
		}
	}
}
