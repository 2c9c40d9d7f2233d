// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deploymentStatus is what the Deployment controller would say, with its reasons: operators read both.
func deploymentStatus(deployment *appsv1.Deployment, replicas []replica, failure error, now metav1.Time) appsv1.DeploymentStatus {
	w := wantedOf(deployment)
	status := appsv1.DeploymentStatus{ObservedGeneration: deployment.Generation, CollisionCount: deployment.Status.CollisionCount}
	var terminating int32
	for _, r := range replicas {
		if r.terminating {
			terminating++
			continue
		}
		status.Replicas++
		status.UpdatedReplicas += count(r.current)
		status.ReadyReplicas += count(r.ready)
		status.AvailableReplicas += count(r.available)
	}
	status.TerminatingReplicas = &terminating
	status.UnavailableReplicas = max(0, int32(w.replicas)-status.AvailableReplicas)
	status.Conditions = deploymentConditions(deployment, status, failure, now)
	return status
}

func count(is bool) int32 {
	if is {
		return 1
	}
	return 0
}

func deploymentConditions(deployment *appsv1.Deployment, status appsv1.DeploymentStatus, failure error, now metav1.Time) []appsv1.DeploymentCondition {
	w := wantedOf(deployment)
	available := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue,
		Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability.",
	}
	if int(status.AvailableReplicas) < w.replicas-w.unavailable {
		available.Status, available.Reason = corev1.ConditionFalse, "MinimumReplicasUnavailable"
		available.Message = "Deployment does not have minimum availability."
	}
	conditions := []appsv1.DeploymentCondition{available, progressing(deployment, status, now)}
	if failure != nil {
		conditions = append(conditions, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: failure.Error(),
		})
	}
	for i := range conditions {
		keepTimes(&conditions[i], deployment.Status.Conditions, now)
	}
	return conditions
}

func progressing(deployment *appsv1.Deployment, status appsv1.DeploymentStatus, now metav1.Time) appsv1.DeploymentCondition {
	condition := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue}
	w := int32(wantedOf(deployment).replicas)
	was := deployment.Status
	moved := status.Replicas != was.Replicas || status.UpdatedReplicas != was.UpdatedReplicas ||
		status.AvailableReplicas != was.AvailableReplicas || status.ObservedGeneration != was.ObservedGeneration
	switch {
	case status.UpdatedReplicas == w && status.Replicas == w && status.AvailableReplicas == w:
		condition.Reason, condition.Message = "NewReplicaSetAvailable", fmt.Sprintf("Deployment %q has successfully progressed.", deployment.Name)
	case !moved && overdue(deployment, now):
		condition.Status, condition.Reason = corev1.ConditionFalse, "ProgressDeadlineExceeded"
		condition.Message = fmt.Sprintf("Deployment %q has timed out progressing.", deployment.Name)
	default:
		condition.Reason, condition.Message = "ReplicaSetUpdated", fmt.Sprintf("Deployment %q is progressing.", deployment.Name)
		if moved {
			condition.LastUpdateTime = now
		}
	}
	return condition
}

func overdue(deployment *appsv1.Deployment, now metav1.Time) bool {
	limit := deployment.Spec.ProgressDeadlineSeconds
	i := slices.IndexFunc(deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentProgressing
	})
	if limit == nil || i < 0 {
		return false
	}
	last := deployment.Status.Conditions[i]
	return last.Reason == "ProgressDeadlineExceeded" ||
		last.Reason != "NewReplicaSetAvailable" && now.Sub(last.LastUpdateTime.Time).Seconds() > float64(*limit)
}

// keepTimes lets a condition that did not change keep its times, so that a status at rest is never written again.
func keepTimes(condition *appsv1.DeploymentCondition, before []appsv1.DeploymentCondition, now metav1.Time) {
	updated := condition.LastUpdateTime
	condition.LastUpdateTime, condition.LastTransitionTime = now, now
	for _, old := range before {
		if old.Type != condition.Type {
			continue
		}
		if old.Status == condition.Status {
			condition.LastTransitionTime = old.LastTransitionTime
			if old.Reason == condition.Reason && updated.IsZero() {
				condition.LastUpdateTime = old.LastUpdateTime
			}
		}
	}
}
