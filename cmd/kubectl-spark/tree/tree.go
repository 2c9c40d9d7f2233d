// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tree puts together what resources and pods say of a gateway: what is ready, and of what is not why.
package tree

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
)

// The states of a Node.
const (
	Ready    = "Ready"
	NotReady = "NotReady"
	// Unknown is what nobody has said anything of yet, or not of how it is now.
	Unknown = "Unknown"
	// Off is a key that is refused on purpose: disabled or expired.
	Off = "Off"
)

// Node is a resource or a pod.
type Node struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// State is one of the constants; Reason and Message say why it is not Ready.
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Detail is what else is worth to know at a glance, such as a gateway's revision.
	Detail string `json:"detail,omitempty"`
	// Below a gateway stand its pods and what attaches to it.
	Below []Node `json:"below,omitempty"`
}

// Set is what there is.
type Set struct {
	Gateways  []v1alpha1.SparkGateway
	Pods      []corev1.Pod
	Providers []v1alpha1.ProviderPolicy
	Routes    []v1alpha1.ModelRoute
	Keys      []v1alpha1.APIKey
	Policies  []v1alpha1.UsagePolicy
}

// KindPod is the kind of a pod's Node; the others are those of resources.
const KindPod = "Pod"

// Kinds stand below a gateway in this order.
var Kinds = []string{KindPod, v1alpha1.KindProviderPolicy, v1alpha1.KindModelRoute, v1alpha1.KindAPIKey, v1alpha1.KindUsagePolicy}

// Build gives a Node for each gateway, by namespace and name. What is below stands by kind, and what is not Ready first.
func Build(s *Set) []Node {
	nodes := make([]Node, 0, len(s.Gateways))
	for i := range s.Gateways {
		gw := &s.Gateways[i]
		node := gateway(gw)
		for j := range s.Pods {
			if p := &s.Pods[j]; p.Namespace == gw.Namespace && p.Labels[render.GatewayLabel] == gw.Name {
				node.Below = append(node.Below, pod(p, gw))
			}
		}
		for _, a := range s.attached() {
			if n, ok := a.on(gw); ok {
				node.Below = append(node.Below, n)
			}
		}
		slices.SortStableFunc(node.Below, before)
		nodes = append(nodes, node)
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return nodes
}

func before(a, b Node) int {
	order := map[string]int{NotReady: 0, Unknown: 1, Ready: 2, Off: 3}
	return cmp.Or(slices.Index(Kinds, a.Kind)-slices.Index(Kinds, b.Kind), order[a.State]-order[b.State],
		strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// Healthy says whether a Node and all below it are Ready, or Off.
func (n *Node) Healthy() bool {
	fine := n.State == Ready || n.State == Off
	return fine && !slices.ContainsFunc(n.Below, func(b Node) bool { return !b.Healthy() })
}

func gateway(gw *v1alpha1.SparkGateway) Node {
	n := Node{Kind: v1alpha1.KindSparkGateway, Namespace: gw.Namespace, Name: gw.Name}
	n.say(gw.Status.Conditions, gw.Status.ObservedGeneration, gw.Generation)
	var detail []string
	if gw.Status.Attached != nil && gw.Status.Attached.Refused > 0 {
		detail = append(detail, fmt.Sprintf("%d refused", gw.Status.Attached.Refused))
	}
	if c := meta.FindStatusCondition(gw.Status.Conditions, string(v1alpha1.LimitsEnforced)); c != nil && c.Status == metav1.ConditionFalse {
		detail = append(detail, "limits not enforced: "+c.Reason)
	}
	if gw.Status.Pods != nil {
		detail = append(detail, "pods "+gw.Status.Pods.Summary)
	}
	if gw.Status.Revision != "" {
		detail = append(detail, "revision "+gw.Status.Revision)
	}
	n.Detail = strings.Join(append(detail, gw.Status.URL), ", ")
	n.Detail = strings.TrimSuffix(n.Detail, ", ")
	return n
}

// say takes over what conditions say of being ready.
func (n *Node) say(conditions []metav1.Condition, observed, generation int64) {
	c := meta.FindStatusCondition(conditions, string(v1alpha1.Ready))
	switch {
	case c == nil:
		n.State, n.Reason, n.Message = Unknown, "NotObserved", "the operator has said nothing of it yet: does it run?"
	case observed < generation:
		n.State, n.Reason, n.Message = Unknown, "Outdated", "the operator has not seen the last change yet"
	case c.Status == metav1.ConditionTrue:
		n.State = Ready
	case c.Reason == string(v1alpha1.ReasonDisabled) || c.Reason == string(v1alpha1.ReasonExpired):
		n.State, n.Reason, n.Message = Off, c.Reason, c.Message
	case c.Status == metav1.ConditionFalse:
		n.State, n.Reason, n.Message = NotReady, c.Reason, c.Message
	default:
		n.State, n.Reason, n.Message = Unknown, c.Reason, c.Message
	}
}
