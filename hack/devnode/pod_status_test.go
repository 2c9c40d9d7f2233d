// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func demoPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "demo", UID: "u", Generation: 2},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "demo:dev"}}},
	}
}

func TestPodStatusKeepsTheTimeOfAnUnchangedCondition(t *testing.T) {
	first := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	later := metav1.NewTime(first.Add(time.Minute))
	running := container{state: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: first}}, started: true, incarnated: 1}
	before := podStatus(demoPod(), nil, running, "127.77.0.1", first)
	if got := podStatus(demoPod(), &before, running, "127.77.0.1", later); !sameStatus(got, before) {
		t.Errorf("nothing happened, and the status went from %+v to %+v", before, got)
	}
	running.ready = true
	after := podStatus(demoPod(), &before, running, "127.77.0.1", later)
	for kind, want := range map[corev1.PodConditionType]metav1.Time{corev1.PodScheduled: first, corev1.PodInitialized: first, corev1.PodReady: later} {
		c := podCondition(after.Conditions, kind)
		if c == nil || c.Status != corev1.ConditionTrue || !c.LastTransitionTime.Equal(&want) {
			t.Errorf("%s: %+v, want True since %s", kind, c, want)
		}
	}
	if after.StartTime == nil || !after.StartTime.Equal(&first) {
		t.Errorf("started at %v, want %v", after.StartTime, first)
	}
}

func TestPodStatusFollowsTheContainer(t *testing.T) {
	now := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	cases := map[string]struct {
		container container
		address   string
		wantPhase corev1.PodPhase
		wantReady corev1.ConditionStatus
	}{
		"not started yet":   {container{state: waiting(missingContent, "")}, "", corev1.PodPending, corev1.ConditionFalse},
		"up, not ready":     {container{incarnated: 1, started: true}, "127.77.0.1", corev1.PodRunning, corev1.ConditionFalse},
		"ready":             {container{incarnated: 1, started: true, ready: true}, "127.77.0.1", corev1.PodRunning, corev1.ConditionTrue},
		"between two tries": {container{incarnated: 3, restarts: 3, state: waiting("CrashLoopBackOff", "")}, "127.77.0.1", corev1.PodRunning, corev1.ConditionFalse},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := podStatus(demoPod(), nil, tc.container, tc.address, now)
			if got.Phase != tc.wantPhase || podCondition(got.Conditions, corev1.PodReady).Status != tc.wantReady {
				t.Errorf("phase %s, ready %v", got.Phase, podCondition(got.Conditions, corev1.PodReady))
			}
			if got.PodIP != tc.address || (len(got.PodIPs) > 0) != (tc.address != "") {
				t.Errorf("addresses %q, %v", got.PodIP, got.PodIPs)
			}
			if c := got.ContainerStatuses[0]; c.RestartCount != tc.container.restarts || c.Ready != tc.container.ready || c.Name != "app" {
				t.Errorf("container %+v", c)
			}
		})
	}
}

func TestANewRunnerGoesOnCountingRestarts(t *testing.T) {
	pod := demoPod()
	if got := containerOf(pod).restarts; got != 0 {
		t.Errorf("a new pod: %d restarts", got)
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 4, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	if got := containerOf(pod).restarts; got != 5 {
		t.Errorf("of a running one whose node went away: %d restarts, want 5", got)
	}
	pod.Status.ContainerStatuses[0].State = waiting("CrashLoopBackOff", "")
	if got := containerOf(pod).restarts; got != 4 {
		t.Errorf("of a waiting one: %d restarts, want 4", got)
	}
}

func TestTerminatedStateTellsExitsFromSignals(t *testing.T) {
	began := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	running := &corev1.ContainerStateRunning{StartedAt: began}
	for name, tc := range map[string]struct {
		status     syscall.WaitStatus
		wantCode   int32
		wantReason string
	}{
		"done":   {0, 0, "Completed"},
		"failed": {3 << 8, 3, "Error"},
		"killed": {syscall.WaitStatus(syscall.SIGKILL), 137, "Error"},
	} {
		got := terminatedState(tc.status, running, began.Add(time.Second))
		if got.ExitCode != tc.wantCode || got.Reason != tc.wantReason || !got.StartedAt.Equal(&began) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
