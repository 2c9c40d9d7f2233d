// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podStatus is what a kubelet would write.
func podStatus(pod *corev1.Pod, before *corev1.PodStatus, c container, address string, now metav1.Time) corev1.PodStatus {
	if before == nil {
		before = &pod.Status
	}
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: hostAddress, HostIPs: []corev1.HostIP{{IP: hostAddress}},
		PodIP: address, StartTime: before.StartTime, QOSClass: pod.Status.QOSClass, ObservedGeneration: pod.Generation,
		ContainerStatuses: []corev1.ContainerStatus{containerStatus(pod, c)},
	}
	if status.StartTime == nil {
		status.StartTime = &now
	}
	if address != "" {
		status.PodIPs = []corev1.PodIP{{IP: address}}
	}
	if c.incarnated == 0 && c.restarts == 0 {
		status.Phase = corev1.PodPending
	}
	unready := ""
	if !c.ready {
		unready = fmt.Sprintf("containers with unready status: [%s]", pod.Spec.Containers[0].Name)
	}
	for _, condition := range []struct {
		kind    corev1.PodConditionType
		message string // why not
	}{
		{corev1.PodScheduled, ""}, {corev1.PodInitialized, ""}, {corev1.ContainersReady, unready}, {corev1.PodReady, unready},
	} {
		status.Conditions = append(status.Conditions, conditionOf(condition.kind, condition.message, pod.Generation, before.Conditions, now))
	}
	return status
}

func conditionOf(kind corev1.PodConditionType, message string, generation int64, before []corev1.PodCondition, now metav1.Time) corev1.PodCondition {
	condition := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now, ObservedGeneration: generation}
	if message != "" {
		condition.Status, condition.Reason, condition.Message = corev1.ConditionFalse, "ContainersNotReady", message
	}
	if old := podCondition(before, kind); old != nil && old.Status == condition.Status {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	return condition
}

func containerStatus(pod *corev1.Pod, c container) corev1.ContainerStatus {
	spec := pod.Spec.Containers[0]
	status := corev1.ContainerStatus{
		Name: spec.Name, Image: spec.Image, ImageID: spec.Image,
		State: c.state, LastTerminationState: c.last, RestartCount: c.restarts, Ready: c.ready, Started: &c.started,
	}
	if c.incarnated > 0 {
		status.ContainerID = fmt.Sprintf("devnode://%s/%d", pod.UID, c.restarts)
	}
	return status
}

func sameStatus(a, b corev1.PodStatus) bool { return equality.Semantic.DeepEqual(a, b) }
