// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// replica is what a rollout needs to know of a pod.
type replica struct {
	name        string
	current     bool // of the Deployment's present template
	ready       bool
	available   bool // ready for minReadySeconds
	terminating bool
	created     time.Time
}

// rollout is the next step towards the wanted pods.
type rollout struct {
	create int
	remove []string
}

// wanted is a Deployment's wish, with its percentages resolved.
type wanted struct {
	replicas, surge, unavailable int
	recreate                     bool
}

func wantedOf(deployment *appsv1.Deployment) wanted {
	w := wanted{replicas: 1}
	if deployment.Spec.Replicas != nil {
		w.replicas = int(*deployment.Spec.Replicas)
	}
	w.recreate = deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType
	if rolling := deployment.Spec.Strategy.RollingUpdate; rolling != nil {
		w.surge, _ = intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(rolling.MaxSurge, intstr.FromInt32(0)), w.replicas, true)
		w.unavailable, _ = intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(rolling.MaxUnavailable, intstr.FromInt32(0)), w.replicas, false)
	}
	if w.surge == 0 && w.unavailable == 0 { // as the Deployment controller does: something must move
		w.unavailable = 1
	}
	return w
}

// plan starts new pods as far as the surge allows and removes old ones as far as enough pods stay available.
func plan(w wanted, replicas []replica) rollout {
	var fresh, old []replica
	available, terminating := 0, 0
	for _, r := range replicas {
		switch {
		case r.terminating:
			terminating++
			continue
		case r.current:
			fresh = append(fresh, r)
		default:
			old = append(old, r)
		}
		if r.available {
			available++
		}
	}
	if w.recreate && len(old)+terminating > 0 && len(fresh) == 0 {
		return rollout{remove: names(old)}
	}
	spare := available - max(0, w.replicas-w.unavailable)
	step := rollout{remove: names(surplus(old, spare))}
	if excess := len(fresh) - w.replicas; excess > 0 {
		slices.SortFunc(fresh, leastMissed)
		step.remove = append(step.remove, names(fresh[:excess])...)
		return step
	}
	step.create = max(0, min(w.replicas-len(fresh), w.replicas+w.surge-len(fresh)-len(old)))
	return step
}

// surplus are the old pods that serve nobody, and of the others as many as can be spared.
func surplus(old []replica, spare int) []replica {
	slices.SortFunc(old, leastMissed)
	var out []replica
	for _, r := range old {
		if r.available {
			if spare <= 0 {
				break
			}
			spare--
		}
		out = append(out, r)
	}
	return out
}

// leastMissed sorts pods that are not available first, then the youngest.
func leastMissed(a, b replica) int {
	if a.available != b.available {
		if a.available {
			return 1
		}
		return -1
	}
	return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.name, b.name))
}

func names(replicas []replica) []string {
	var out []string
	for _, r := range replicas {
		out = append(out, r.name)
	}
	return out
}

// observe describes the pods, and when the next of them becomes available by the passing of time.
func observe(deployment *appsv1.Deployment, hash string, pods []corev1.Pod, now time.Time) (replicas []replica, again time.Duration) {
	minReady := time.Duration(deployment.Spec.MinReadySeconds) * time.Second
	for i := range pods {
		pod := &pods[i]
		r := replica{
			name: pod.Name, current: pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash,
			terminating: pod.DeletionTimestamp != nil, created: pod.CreationTimestamp.Time,
		}
		if condition := podCondition(pod.Status.Conditions, corev1.PodReady); condition != nil && condition.Status == corev1.ConditionTrue {
			r.ready = true
			left := minReady - now.Sub(condition.LastTransitionTime.Time)
			r.available = minReady == 0 || left <= 0
			if !r.available && (again == 0 || left < again) {
				again = left
			}
		}
		replicas = append(replicas, r)
	}
	return replicas, again
}

func podCondition(conditions []corev1.PodCondition, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}
