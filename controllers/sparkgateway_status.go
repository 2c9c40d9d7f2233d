// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
)

// tell computes the status from what the scope holds, writes it if it changed, and reports on the attachments. again is when
// it may be another though nobody tells anything new.
func (r *GatewayReconciler) tell(ctx context.Context, s *scope) (again time.Duration, err error) {
	facts := r.facts(s)
	if s.unread == "" && r.takingOver(s, facts.Programming) {
		return 0, nil
	}
	if s.unread == "" {
		r.publish(s, facts.Programming)
	}
	next, again := status.ForGateway(facts, s.gateway.Status)
	if equality.Semantic.DeepEqual(next, s.gateway.Status) {
		return again, nil
	}
	before := s.gateway.DeepCopy()
	s.gateway.Status = next
	if err := r.Client.Status().Patch(ctx, s.gateway, client.MergeFrom(before)); err != nil {
		return again, client.IgnoreNotFound(err)
	}
	r.Events.Metrics.wrote(s.gateway, next.Conditions, r.Now())
	r.Events.transition(s.gateway, before.Status.Conditions, next.Conditions)
	return again, nil
}

// publish puts the report on the board, and has those keys told again that are refused on purpose and of which other pods know.
func (r *GatewayReconciler) publish(s *scope, p status.Programming) {
	name, now := client.ObjectKeyFromObject(s.gateway), r.Now()
	before := r.Board.Report(name)
	after := status.Attachments(before, s.output, status.Programmed(p), p)
	r.Board.Publish(name, after)
	if slices.Equal(before.Runs, after.Runs) {
		return
	}
	for i := range s.input.Keys {
		key := &s.input.Keys[i]
		if status.Refused(&key.Spec, now) == nil {
			continue
		}
		id := client.ObjectKeyFromObject(key)
		a := after.Attachments[status.Keys][id]
		wasPods, wasOf := before.Reach(a)
		if pods, of := after.Reach(a); pods != wasPods || of != wasOf {
			r.Board.Tell(status.Keys, id)
		}
	}
}

// takingOver says that the status tells of these very facts that all is well, that this operator has just begun to ask
// the pods, and that it has not heard all of them. What its predecessor heard then stands until they speak or the grace
// period ends: a restart of the operator is no news of any gateway.
func (r *GatewayReconciler) takingOver(s *scope, p status.Programming) bool {
	was := s.gateway.Status
	before := conditionOf(was.Conditions, v1alpha1.Programmed)
	if before.Status != metav1.ConditionTrue || before.ObservedGeneration != s.gateway.Generation ||
		was.Revision != status.Short(p.Revision) || p.Invalid || !p.Written || !p.TemplateCurrent || p.Blocked != nil {
		return false
	}
	for _, o := range r.Fleet.Observe(client.ObjectKeyFromObject(s.gateway)) {
		if o.Found && o.Ack == nil && o.Silence <= status.Grace {
			return true
		}
	}
	return false
}

// facts gives what the status is computed from.
func (r *GatewayReconciler) facts(s *scope) status.Gateway {
	facts := status.Gateway{
		Generation: s.gateway.Generation,
		Now:        r.Now(),
		Unread:     s.unread,
		Verdict:    s.output.Gateway,
		URL:        status.URL(s.gateway, render.Port(s.gateway)),
		Attached:   count(s.output),
		Limiting:   limiting(s, r.Fleet.Observe(client.ObjectKeyFromObject(s.gateway))),
		Programming: status.Programming{
			Invalid:         !s.output.Gateway.Served(),
			Served:          s.written.Manifest.Revision,
			Revision:        s.desired.Manifest.Revision,
			Sequence:        s.desired.Manifest.Sequence,
			Written:         s.current,
			TemplateCurrent: s.deployment != nil && !s.replacing && templateCurrent(s.deployment),
			Pods:            observed(s.pods, r.Fleet.Observe(client.ObjectKeyFromObject(s.gateway))),
		},
	}
	facts.Programming.Blocked = blockedBy(s.failure)
	if s.deployment != nil {
		facts.Available = ptr.To(available(s.deployment))
		facts.Desired = ptr.Deref(s.deployment.Spec.Replicas, 1)
	}
	return facts
}

// blockedBy tells failures that only a user can mend: an object that is someone else's, or one that the API server
// refuses for what the resource asks. Others pass by themselves.
func blockedBy(failure error) *status.Blocked {
	var conflict *apply.ConflictError
	switch {
	case errors.As(failure, &conflict):
		return &status.Blocked{Reason: v1alpha1.ReasonChildConflict, Message: conflict.Error()}
	case apierrors.IsInvalid(failure):
		return &status.Blocked{Reason: v1alpha1.ReasonInvalid, Message: failure.Error()}
	}
	return nil
}

// count counts what is served, by kind, and what of any kind is not.
func count(out compiler.Output) v1alpha1.AttachedCounts {
	served, refused := map[status.Kind]int32{}, int32(0)
	for _, kind := range status.Kinds {
		for _, v := range status.Verdicts(out, kind) {
			if v.Served() {
				served[kind]++
			} else {
				refused++
			}
		}
	}
	return v1alpha1.AttachedCounts{Providers: served[status.Providers], Routes: served[status.Routes], Keys: served[status.Keys],
		Policies: served[status.Policies], Refused: refused}
}

// templateCurrent says whether all pods are of the Deployment's current template.
func templateCurrent(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration >= d.Generation && d.Status.Replicas == d.Status.UpdatedReplicas
}

func available(d *appsv1.Deployment) bool {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentAvailable {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// observed gives the pods that serve or could receive traffic: their container has started, which it does only with
// a valid configuration, and nobody has asked them to leave.
func observed(pods []corev1.Pod, observations map[string]fleet.Observation) []status.Pod {
	var out []status.Pod
	for i := range pods {
		pod := &pods[i]
		container := gatewayContainer(pod)
		if !reachable(pod) || pod.DeletionTimestamp != nil || !ptr.Deref(container.Started, false) {
			continue
		}
		o, asked := observations[string(pod.UID)]
		p := status.Pod{Name: pod.Name, UID: string(pod.UID), Ready: podReady(pod)}
		if asked {
			p.Ack, p.Silence, p.Problem = o.Ack, o.Silence, o.Problem
		}
		out = append(out, p)
	}
	return out
}

// limiting gives what bears on whether limits hold over all pods.
func limiting(s *scope, observations map[string]fleet.Observation) status.Limiting {
	l := status.Limiting{Store: s.gateway.Spec.Store}
	for _, pod := range observed(s.pods, observations) {
		p := status.PodSharing{Pod: pod.Name}
		if o, asked := observations[pod.UID]; asked {
			p.Told, p.Silence, p.Problem, p.Store = o.Sharing.Told, o.Sharing.Silence, o.Sharing.Problem, o.Sharing.Store
		}
		l.Pods = append(l.Pods, p)
	}
	return l
}

// uids gives all pods' that exist.
func uids(pods []corev1.Pod) []string {
	all := make([]string, len(pods))
	for i := range pods {
		all[i] = string(pods[i].UID)
	}
	return all
}

// serving counts the pods that share limits: those that receive traffic.
func serving(pods []corev1.Pod) int {
	n := 0
	for i := range pods {
		if reachable(&pods[i]) && podReady(&pods[i]) && pods[i].DeletionTimestamp == nil {
			n++
		}
	}
	return n
}

// audience gives every pod that runs, those that start or leave included: they too should have the newest
// configuration.
func audience(pods []corev1.Pod) []fleet.Pod {
	var out []fleet.Pod
	for i := range pods {
		pod := &pods[i]
		if reachable(pod) {
			out = append(out, fleet.Pod{
				UID:      string(pod.UID),
				Name:     pod.Name,
				Address:  net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(render.AdminPort)),
				Instance: gatewayContainer(pod).ContainerID,
			})
		}
	}
	return out
}

func reachable(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" && gatewayContainer(pod).State.Running != nil
}

func gatewayContainer(pod *corev1.Pod) corev1.ContainerStatus {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == render.Container {
			return c
		}
	}
	return corev1.ContainerStatus{}
}

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// nextSequence gives the number of a document: the present one's while the content is the same and no pod is ahead,
// else one above all that was ever seen. The clock keeps it rising even when the written number was lost.
func nextSequence(written int64, unchanged bool, acks map[string]fleet.Observation, now time.Time) int64 {
	highest := written
	for _, o := range acks {
		if o.Ack != nil {
			highest = max(highest, o.Ack.Sequence)
		}
	}
	if unchanged && highest == written && written > 0 {
		return written
	}
	return max(highest+1, now.UnixMilli())
}

// conditionOf finds a condition by its type.
func conditionOf(list []metav1.Condition, t v1alpha1.ConditionType) metav1.Condition {
	for _, c := range list {
		if c.Type == string(t) {
			return c
		}
	}
	return metav1.Condition{}
}
