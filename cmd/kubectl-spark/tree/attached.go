// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// attachment is a resource that names gateways.
type attachment struct {
	kind   string
	object *metav1.ObjectMeta
	refs   []v1alpha1.GatewayReference
	status *v1alpha1.AttachedStatus
	detail string
}

func (s *Set) attached() []attachment {
	var all []attachment
	for i := range s.Providers {
		p := &s.Providers[i]
		detail := []string{string(p.Spec.Type)}
		if p.Status.Breaker != "" && p.Status.Breaker != v1alpha1.BreakerClosed {
			detail = append(detail, "breaker "+string(p.Status.Breaker))
		}
		if c := meta.FindStatusCondition(p.Status.Conditions, string(v1alpha1.Healthy)); c != nil && c.Status == metav1.ConditionFalse {
			detail = append(detail, "unhealthy: "+c.Reason)
		}
		all = append(all, attachment{v1alpha1.KindProviderPolicy, &p.ObjectMeta, p.Spec.GatewayRefs, &p.Status.AttachedStatus, strings.Join(detail, ", ")})
	}
	for i := range s.Routes {
		r := &s.Routes[i]
		var models []string
		for _, m := range r.Spec.Models {
			models = append(models, string(m))
		}
		all = append(all, attachment{v1alpha1.KindModelRoute, &r.ObjectMeta, r.Spec.GatewayRefs, &r.Status.AttachedStatus, strings.Join(models, ", ")})
	}
	for i := range s.Keys {
		k := &s.Keys[i]
		detail := k.Spec.User
		if c := meta.FindStatusCondition(k.Status.Conditions, string(v1alpha1.WithinBudget)); c != nil && c.Status == metav1.ConditionFalse {
			detail += ", budget used up"
		}
		all = append(all, attachment{v1alpha1.KindAPIKey, &k.ObjectMeta, k.Spec.GatewayRefs, &k.Status.AttachedStatus, detail})
	}
	for i := range s.Policies {
		p := &s.Policies[i]
		all = append(all, attachment{v1alpha1.KindUsagePolicy, &p.ObjectMeta, p.Spec.GatewayRefs, &p.Status.AttachedStatus,
			fmt.Sprintf("%d members", p.Status.Members)})
	}
	return all
}

// on gives the resource's Node below a gateway, where it names that.
func (a *attachment) on(gw *v1alpha1.SparkGateway) (Node, bool) {
	for _, ref := range a.refs {
		if ref.Name == gw.Name && cmp.Or(ref.Namespace, a.object.Namespace) == gw.Namespace {
			n := Node{Kind: a.kind, Namespace: a.object.Namespace, Name: a.object.Name, Detail: a.detail}
			n.say(a.status.Conditions, a.status.ObservedGeneration, a.object.Generation)
			a.here(gw, &n)
			return n, true
		}
	}
	return Node{}, false
}

// here narrows down to what this gateway says, where a resource attaches to several of which another one may be the reason.
func (a *attachment) here(gw *v1alpha1.SparkGateway, n *Node) {
	if n.State != NotReady && n.State != Unknown || n.Reason == "Outdated" {
		return
	}
	for i := range a.status.Gateways {
		at := &a.status.Gateways[i]
		if at.Name != gw.Name || at.Namespace != gw.Namespace {
			continue
		}
		for _, about := range []v1alpha1.ConditionType{v1alpha1.Accepted, v1alpha1.ResolvedRefs, v1alpha1.Programmed} {
			c := meta.FindStatusCondition(at.Conditions, string(about))
			if c == nil || c.Status == metav1.ConditionTrue {
				continue
			}
			n.State, n.Reason, n.Message = NotReady, c.Reason, c.Message
			if c.Status == metav1.ConditionUnknown {
				n.State = Unknown
			}
			return
		}
		if len(at.Conditions) > 0 {
			n.State, n.Reason, n.Message = Ready, "", ""
		}
		return
	}
}

func pod(p *corev1.Pod, gw *v1alpha1.SparkGateway) Node {
	n := Node{Kind: KindPod, Namespace: p.Namespace, Name: p.Name, State: NotReady, Reason: string(p.Status.Phase)}
	var restarts int32
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		restarts += c.RestartCount
		switch {
		case c.State.Waiting != nil:
			n.Reason, n.Message = c.State.Waiting.Reason, c.State.Waiting.Message
		case c.State.Terminated != nil:
			n.Reason, n.Message = c.State.Terminated.Reason, fmt.Sprintf("exit code %d", c.State.Terminated.ExitCode)
		}
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue:
			n.State, n.Reason, n.Message = Ready, "", ""
		case c.Type == corev1.PodReady && n.Reason == string(corev1.PodRunning):
			n.Reason, n.Message = c.Reason, c.Message
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			n.Reason, n.Message = c.Reason, c.Message
		}
	}
	if p.DeletionTimestamp != nil {
		n.State, n.Reason, n.Message = Off, "Leaving", ""
	}
	if n.State == Ready && gw.Status.Pods != nil && gw.Status.Pods.Lagging == p.Name {
		n.State, n.Reason, n.Message = NotReady, "Lagging", "it does not run revision "+gw.Status.Revision
	}
	if restarts > 0 {
		n.Detail = fmt.Sprintf("%d restarts", restarts)
	}
	return n
}
