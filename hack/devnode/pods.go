// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sparkgateway/spark/hack/devnode/kubelet"
)

func (n *Node) watchPods(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).Named("devnode-pods").
		For(&corev1.Pod{}).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(n.podsBeside)).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(n.podsBeside)).
		Complete(reconcile.Func(n.reconcilePod))
}

// podsBeside are all pods of the namespace: each finds out by itself, and cheaply, whether its volumes changed.
func (n *Node) podsBeside(_ context.Context, object client.Object) []ctrl.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	var requests []ctrl.Request
	for key := range n.runners {
		if key.Namespace == object.GetNamespace() {
			requests = append(requests, ctrl.Request{NamespacedName: key})
		}
	}
	return requests
}

// reconcilePod gives each pod of this node a runner and tells the runner what it should look at again.
func (n *Node) reconcilePod(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pod := &corev1.Pod{}
	err := n.client.Get(ctx, request.NamespacedName, pod)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if err != nil {
		pod = nil
	}
	if pod != nil && (pod.Spec.NodeName != n.options.Name || finished(pod)) {
		return ctrl.Result{}, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	current := n.runners[request.NamespacedName]
	if current != nil {
		current.update(pod)
		return ctrl.Result{}, nil
	}
	if pod != nil && n.runners != nil {
		n.startRunner(request.NamespacedName, pod)
	}
	return ctrl.Result{}, nil
}

// pods are those that the kubelet serves.
type pods struct{ node *Node }

// Pod is false when the node does not run it, or not any more.
func (p pods) Pod(namespace, name string) (kubelet.Pod, bool) {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()
	runner := p.node.runners[types.NamespacedName{Namespace: namespace, Name: name}]
	if runner == nil {
		return kubelet.Pod{}, false
	}
	return runner.shown(), true
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func (n *Node) startRunner(key types.NamespacedName, pod *corev1.Pod) {
	r := newRunner(n, pod)
	n.runners[key] = r
	go func() {
		r.run()
		n.mu.Lock()
		delete(n.runners, key)
		n.mu.Unlock()
		// by now another pod may have the name
		if _, err := n.reconcilePod(context.Background(), ctrl.Request{NamespacedName: key}); err != nil {
			n.options.Log.Error(err, "pod not looked at again", "pod", key.String())
		}
	}()
}
