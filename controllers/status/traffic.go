// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// PodTraffic is what one pod that serves, or could, says of a provider.
type PodTraffic struct {
	Pod string
	// Heard says that the pod has said something; State is nil when that was nothing of this provider, which the pod then
	// does not have.
	Heard bool
	State *config.ProviderState
	// Silence is the time since it was heard or, before the first time, since it was first asked.
	Silence time.Duration
	// Problem says why it could not be asked.
	Problem string
}

// GatewayTraffic is what the pods of one gateway that serves a provider say of it.
type GatewayTraffic struct {
	Gateway types.NamespacedName
	Pods    []PodTraffic
}

// Provider gives the status of a provider from its attachments and what pods say of it. gateways are those that exist
// and serve it, in the order of spec.gatewayRefs. Of the previous status it keeps the times of transitions that did not
// happen, and, while a pod has yet to be heard for the first time, what is worse than what is heard: an operator that
// has just started does not call a provider well on the word of some of its pods.
func Provider(generation int64, now time.Time, attached v1alpha1.AttachedStatus, gateways []GatewayTraffic, previous v1alpha1.ProviderPolicyStatus) v1alpha1.ProviderPolicyStatus {
	next := v1alpha1.ProviderPolicyStatus{AttachedStatus: attached}
	var all voices
	for _, g := range gateways {
		heard := listen(g)
		all.add(heard)
		next.Traffic = append(next.Traffic, heard.traffic(now, g.Gateway, trafficOf(previous, g.Gateway)))
	}
	next.Errors, next.P95 = all.errors(), all.p95()
	if all.pending && len(previous.Traffic) > 0 {
		next.Errors, next.P95 = previous.Errors, previous.P95
	}
	for _, t := range next.Traffic {
		next.Breaker = worse(next.Breaker, t.Breaker)
	}
	healthy := all.healthy(next.Traffic)
	if was := find(previous.Conditions, v1alpha1.Healthy); all.pending && was != nil && stands(*was, healthy, next.Breaker) {
		healthy.Status, healthy.Reason, healthy.Message = was.Status, v1alpha1.Reason(was.Reason), was.Message
	}
	next.Conditions = set(slices.Clone(attached.Conditions), generation, now, healthy)
	return next
}

// stands says that what was told of health is better kept until every pod is heard: nothing that is heard is worse, nor
// says that the breaker which it told of is no longer open.
func stands(was metav1.Condition, heard Condition, breaker v1alpha1.BreakerState) bool {
	ofBreaker := was.Reason == string(v1alpha1.ReasonBreakerOpen)
	return heard.Status != metav1.ConditionFalse && (!ofBreaker || breaker == v1alpha1.BreakerOpen)
}

func trafficOf(s v1alpha1.ProviderPolicyStatus, gateway types.NamespacedName) *v1alpha1.ProviderTraffic {
	for i, t := range s.Traffic {
		if t.Namespace == gateway.Namespace && t.Name == gateway.Name {
			return &s.Traffic[i]
		}
	}
	return nil
}

func find(list []metav1.Condition, t v1alpha1.ConditionType) *metav1.Condition {
	for i := range list {
		if list[i].Type == string(t) {
			return &list[i]
		}
	}
	return nil
}

// severity orders breakers: what is worse than Closed hides it.
var severity = map[v1alpha1.BreakerState]int{
	v1alpha1.BreakerClosed: 1, v1alpha1.BreakerHalfOpen: 2, v1alpha1.BreakerUnknown: 3, v1alpha1.BreakerOpen: 4,
}

func worse(a, b v1alpha1.BreakerState) v1alpha1.BreakerState {
	if severity[b] > severity[a] {
		return b
	}
	return a
}

// traffic gives what one gateway says.
func (v *voices) traffic(now time.Time, gateway types.NamespacedName, previous *v1alpha1.ProviderTraffic) v1alpha1.ProviderTraffic {
	t := v1alpha1.ProviderTraffic{
		Name: gateway.Name, Namespace: gateway.Namespace, Breaker: v.breaker(), Message: bounded(v.message()),
		Errors: v.errors(), P95: v.p95(),
	}
	if previous != nil && v.pending {
		if severity[previous.Breaker] > severity[t.Breaker] {
			t.Breaker, t.Message = previous.Breaker, previous.Message
		}
		t.Errors, t.P95 = previous.Errors, previous.P95
	}
	if previous != nil && previous.Breaker == t.Breaker && previous.Since != nil {
		t.Since = previous.Since
		return t
	}
	since := metav1.NewTime(v.since(t.Breaker, now).Truncate(time.Second))
	t.Since = &since
	return t
}
