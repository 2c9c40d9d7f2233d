// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// observation counts what is written to objects, by watching them. Every write gives them a new resourceVersion, and
// so the watch an event; a write that changes nothing does neither, and is seen in the operator's own metrics only.
type observation struct {
	mu     sync.Mutex
	total  int
	events []string
}

// observe watches everything that the operator makes or tells the status of, in the test's namespace and in the
// operator's own; Leases are left out.
func (s *space) observe() *observation {
	s.Helper()
	o := &observation{}
	for _, namespace := range []string{s.name, system} {
		for _, list := range []client.ObjectList{
			&v1alpha1.SparkGatewayList{}, &v1alpha1.ProviderPolicyList{}, &v1alpha1.ModelRouteList{}, &v1alpha1.APIKeyList{},
			&appsv1.DeploymentList{}, &corev1.SecretList{}, &corev1.ServiceList{}, &corev1.ServiceAccountList{}, &corev1.ConfigMapList{},
			&corev1.EventList{}, &policyv1.PodDisruptionBudgetList{}, &networkingv1.NetworkPolicyList{},
			&autoscalingv2.HorizontalPodAutoscalerList{},
		} {
			s.follow(o, namespace, list)
		}
	}
	return o
}

// observeLeases watches the operator's Lease.
func (s *space) observeLeases() *observation {
	s.Helper()
	o := &observation{}
	s.follow(o, system, &coordinationv1.LeaseList{})
	return o
}

func (s *space) leaseHolders() []string {
	s.Helper()
	var list coordinationv1.LeaseList
	if err := on.List(s.Context(), &list, inNamespace(system)); err != nil {
		s.Fatal(err)
	}
	var holders []string
	for _, lease := range list.Items {
		if lease.Spec.HolderIdentity != nil {
			holders = append(holders, *lease.Spec.HolderIdentity)
		}
	}
	return holders
}

// follow counts what happens from now on.
func (s *space) follow(o *observation, namespace string, list client.ObjectList) {
	s.Helper()
	if err := on.List(s.Context(), list, inNamespace(namespace)); err != nil {
		s.Fatal(err)
	}
	w, err := on.Watch(s.Context(), list, inNamespace(namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(w.Stop)
	go func() {
		for event := range w.ResultChan() {
			o.add(event)
		}
		if s.Context().Err() == nil {
			o.add(watch.Event{Type: "the watch ended early"})
		}
	}()
}

func (o *observation) add(event watch.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total++
	text := string(event.Type)
	if object, ok := event.Object.(client.Object); ok {
		text = fmt.Sprintf("%s %T %s/%s", event.Type, object, object.GetNamespace(), object.GetName())
		for _, field := range object.GetManagedFields() {
			if t := field.Time; t != nil {
				text += fmt.Sprintf(" (%s %s)", field.Manager, t.UTC().Format("15:04:05"))
			}
		}
	}
	if e, ok := event.Object.(*corev1.Event); ok {
		text += " " + e.Reason + ": " + e.Message
	}
	if gw, ok := event.Object.(*v1alpha1.SparkGateway); ok {
		c := find(gw.Status.Conditions, v1alpha1.Programmed)
		text += fmt.Sprintf(" Programmed=%s/%s %s", c.Status, c.Reason, c.Message)
	}
	o.events = append(o.events, text)
}

func (o *observation) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// take gives what was written since the last take.
func (o *observation) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	events := o.events
	o.events = nil
	return events
}
