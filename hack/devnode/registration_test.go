// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestANodeAtRestIsWrittenOnceAMinute(t *testing.T) {
	began := metav1.NewTime(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	at := func(d time.Duration) metav1.Time { return metav1.NewTime(began.Add(d)) }
	first := nodeStatus(1234, corev1.NodeStatus{}, began)
	if c := first.Conditions[0]; c.Type != corev1.NodeReady || c.Status != corev1.ConditionTrue || c.LastTransitionTime != began {
		t.Errorf("at first %+v", c)
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourcePods} {
		if quantity := first.Allocatable[name]; quantity.Value() <= 0 { // kubectl divides by them
			t.Errorf("%s of %s", quantity.String(), name)
		}
	}
	if again := nodeStatus(1234, first, at(59*time.Second)); !equality.Semantic.DeepEqual(first, again) {
		t.Errorf("before the minute is over it is written: %+v", again.Conditions)
	}
	later := nodeStatus(1234, first, at(time.Minute))
	if c := later.Conditions[0]; c.LastHeartbeatTime != at(time.Minute) || c.LastTransitionTime != began {
		t.Errorf("after a minute %+v", c)
	}
	if moved := nodeStatus(1235, first, at(time.Second)); equality.Semantic.DeepEqual(first, moved) {
		t.Error("another port is not written")
	}
}

func TestANodeThatSomebodyCalledUnreadyBecomesReadyNow(t *testing.T) {
	now := metav1.Now()
	before := corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionUnknown,
		LastHeartbeatTime: metav1.NewTime(now.Add(-time.Second)), LastTransitionTime: metav1.NewTime(now.Add(-time.Second)),
	}}}
	got := nodeStatus(1234, before, now).Conditions
	if len(got) != 1 || got[0].Status != corev1.ConditionTrue || got[0].LastTransitionTime != now || got[0].LastHeartbeatTime != now {
		t.Errorf("conditions %+v", got)
	}
}
