// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// A provider whose health check fails is told as such and left alone, before requests fail; it is used again when the
// check succeeds.
func TestHealthChecksAreTold(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	l := s.stage(policyOf(primary, "  healthCheck: {interval: 1s, timeout: 500ms}") + policyOf(backup) +
		routeOf("smart", "smart", primary, backup))
	under := l.smartly()
	under.goesOn(100)
	// Good news may wait for as long as figures do.
	s.isChecked(20*time.Second, metav1.ConditionTrue, v1alpha1.ReasonAnswering)
	under.leavesTheIll()
	start := time.Now()
	last := s.newest(primary)
	s.script(primary)
	s.isChecked(toldWithin, metav1.ConditionTrue, v1alpha1.ReasonAnswering)
	t.Logf("well again %s after its check was", millis(time.Since(start)))
	eventually(s, toldWithin, func() string {
		if s.newest(primary) == last {
			return "the provider that is well again is not asked"
		}
		if s.eventAbout(primary, corev1.EventTypeNormal, "HealthCheckSucceeded") == nil {
			return "no Event HealthCheckSucceeded"
		}
		return ""
	})
	total := under.stop().Total()
	if wrong := faultless(total); wrong != "" {
		t.Error(wrong)
	}
	t.Log(figures(total))
}

// leavesTheIll has the primary's check fail, and only that: chats would be answered all the time.
func (r *run) leavesTheIll() {
	s := r.l.s
	s.Helper()
	start := time.Now()
	s.script(primary, fakeprovider.Rule{Path: "/v1/models", Fault: "status:503"})
	failing := s.isChecked(toldWithin, metav1.ConditionFalse, v1alpha1.ReasonHealthCheckFailed)
	s.Logf("Healthy=%s/%s after %s: %s", failing.Status, failing.Reason, millis(time.Since(start)), failing.Message)
	for _, pod := range s.pods("main") {
		eventually(s, toldWithin, func() string {
			if _, c := s.health(primary); !strings.Contains(c.Message, pod.Name+": status 503") {
				return fmt.Sprintf("the message does not name pod %s: %s", pod.Name, c.Message)
			}
			return ""
		})
	}
	s.isNoMatterOfConfiguration()
	last := s.newest(primary)
	r.goesOn(200)
	if now := s.newest(primary); now != last {
		s.Errorf("chats go to a provider that is not well: number %d, then %d", last, now)
	}
	e := s.eventAbout(primary, corev1.EventTypeWarning, string(v1alpha1.ReasonHealthCheckFailed))
	if e == nil || !strings.Contains(e.Message, s.name+"/main") {
		s.Errorf("no Event names the gateway: %+v", e)
	}
}

// isChecked waits for what the primary's Healthy says.
func (s *space) isChecked(within time.Duration, status metav1.ConditionStatus, reason v1alpha1.Reason) metav1.Condition {
	s.Helper()
	var c metav1.Condition
	eventually(s, within, func() string {
		if _, c = s.health(primary); c.Status != status || c.Reason != string(reason) {
			return fmt.Sprintf("Healthy is %s/%s: %s", c.Status, c.Reason, c.Message)
		}
		return ""
	})
	return c
}
