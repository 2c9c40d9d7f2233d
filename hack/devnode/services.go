// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// service makes one Service reachable from this machine: a forwarder a port, on an address of its own.
type service struct {
	lease      *lease
	forwarders map[int32]*forwarder // by the Service's port
}

func (s *service) address(port int32) string {
	if f := s.forwarders[port]; f != nil {
		return f.address()
	}
	return ""
}

func (s *service) close() {
	for _, f := range s.forwarders {
		f.close()
	}
	s.lease.release()
}

func (n *Node) watchServices(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).Named("devnode-services").
		For(&corev1.Service{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(n.servicesOf)).
		Complete(reconcile.Func(n.reconcileService))
}

func (n *Node) servicesOf(ctx context.Context, pod client.Object) []ctrl.Request {
	var list corev1.ServiceList
	if err := n.client.List(ctx, &list, client.InNamespace(pod.GetNamespace())); err != nil {
		return nil
	}
	var requests []ctrl.Request
	for i := range list.Items {
		selector := list.Items[i].Spec.Selector
		if len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(pod.GetLabels())) {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

func (n *Node) reconcileService(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := &corev1.Service{}
	err := n.client.Get(ctx, request.NamespacedName, object)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	gone := err != nil || object.DeletionTimestamp != nil || len(object.Spec.Selector) == 0
	var pods corev1.PodList
	if !gone {
		err := n.client.List(ctx, &pods, client.InNamespace(object.Namespace), client.MatchingLabels(object.Spec.Selector))
		if err != nil {
			return ctrl.Result{}, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.services == nil {
		return ctrl.Result{}, nil
	}
	s := n.services[request.NamespacedName]
	if gone {
		if s != nil {
			s.close()
			delete(n.services, request.NamespacedName)
		}
		return ctrl.Result{}, nil
	}
	if s == nil {
		s = &service{forwarders: map[int32]*forwarder{}}
		n.services[request.NamespacedName] = s
	}
	return ctrl.Result{}, n.forward(s, object, pods.Items)
}

// forward opens what is missing, closes what is no longer asked for, and points the rest at the ready pods.
func (n *Node) forward(s *service, object *corev1.Service, pods []corev1.Pod) error {
	wanted := map[int32]bool{}
	var failures []error
	for i := range object.Spec.Ports {
		port := &object.Spec.Ports[i]
		if port.Protocol != "" && port.Protocol != corev1.ProtocolTCP {
			continue
		}
		wanted[port.Port] = true
		if s.forwarders[port.Port] == nil {
			f, err := n.open(s, object, i)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			n.options.Log.Info("service reachable", "service", object.Namespace+"/"+object.Name, "port", port.Port, "at", f.address())
			s.forwarders[port.Port] = f
		}
		s.forwarders[port.Port].setBackends(backends(port, pods))
	}
	for port, f := range s.forwarders {
		if !wanted[port] {
			f.close()
			delete(s.forwarders, port)
		}
	}
	return errors.Join(failures...)
}

// open prefers the wished address, then the Service's own port, which may be a privileged one, then any.
func (n *Node) open(s *service, object *corev1.Service, index int) (*forwarder, error) {
	if s.lease == nil {
		taken, err := n.addresses.take()
		if err != nil {
			return nil, err
		}
		s.lease = taken
	}
	wishes := []string{
		net.JoinHostPort(s.lease.address, strconv.Itoa(int(object.Spec.Ports[index].Port))),
		net.JoinHostPort(s.lease.address, "0"),
	}
	if wished := n.options.ServiceAddresses[object.Namespace+"/"+object.Name]; wished != "" && index == 0 {
		wishes = slices.Insert(wishes, 0, wished)
	}
	var failures []error
	for _, address := range wishes {
		f, err := newForwarder(address)
		if err == nil {
			return f, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func backends(port *corev1.ServicePort, pods []corev1.Pod) []string {
	var out []string
	for i := range pods {
		pod := &pods[i]
		ready := podCondition(pod.Status.Conditions, corev1.PodReady)
		if pod.DeletionTimestamp != nil || pod.Status.PodIP == "" || ready == nil || ready.Status != corev1.ConditionTrue {
			continue
		}
		target, err := containerPort(&pod.Spec.Containers[0], port.TargetPort)
		if err != nil {
			continue
		}
		if target == 0 {
			target = port.Port
		}
		out = append(out, net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(target))))
	}
	slices.Sort(out)
	return out
}
