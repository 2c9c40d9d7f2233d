// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func (n *Node) watchDeployments(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).Named("devnode-deployments").
		For(&appsv1.Deployment{}).Owns(&corev1.Pod{}).
		Complete(reconcile.Func(n.reconcileDeployment))
}

// deadlineCheck is how often a Deployment that nothing happens to is looked at, to say when it took too long.
const deadlineCheck = 5 * time.Second

// reconcileDeployment reads pods from the API server, not from the cache: a pod that the cache has not seen yet would
// be created twice.
func (n *Node) reconcileDeployment(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	deployment := &appsv1.Deployment{}
	if err := n.live.Get(ctx, request.NamespacedName, deployment); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if deployment.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	pods, err := n.podsOf(ctx, deployment)
	if err != nil {
		return ctrl.Result{}, err
	}
	hash := templateHash(&deployment.Spec.Template)
	replicas, again := observe(deployment, hash, pods, time.Now())
	step := plan(wantedOf(deployment), replicas)
	failure := n.perform(ctx, deployment, hash, step)
	err = n.writeDeploymentStatus(ctx, deployment, replicas, failure)
	if failure != nil {
		return ctrl.Result{}, failure
	}
	if again == 0 && !slices.ContainsFunc(replicas, func(r replica) bool { return r.available }) {
		again = deadlineCheck
	}
	return ctrl.Result{RequeueAfter: again}, client.IgnoreNotFound(err)
}

func (n *Node) podsOf(ctx context.Context, deployment *appsv1.Deployment) ([]corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	err = n.live.List(ctx, &list, client.InNamespace(deployment.Namespace), client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return nil, err
	}
	var own []corev1.Pod
	for _, pod := range list.Items {
		if metav1.IsControlledBy(&pod, deployment) {
			own = append(own, pod)
		}
	}
	return own, nil
}

func (n *Node) perform(ctx context.Context, deployment *appsv1.Deployment, hash string, step rollout) error {
	for _, name := range step.remove {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: deployment.Namespace, Name: name}}
		if err := client.IgnoreNotFound(n.client.Delete(ctx, pod)); err != nil {
			return err
		}
		n.options.Log.Info("pod deleted", "pod", name, "deployment", deployment.Name)
	}
	for range step.create {
		pod := newPod(deployment, hash, n.options.Name)
		if err := n.client.Create(ctx, pod); err != nil {
			return fmt.Errorf("create a pod of %s: %w", deployment.Name, err)
		}
		n.options.Log.Info("pod created", "pod", pod.Name, "deployment", deployment.Name)
	}
	return nil
}

func newPod(deployment *appsv1.Deployment, hash, name string) *corev1.Pod {
	template := deployment.Spec.Template.DeepCopy()
	labels := map[string]string{}
	maps.Copy(labels, template.Labels)
	labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: deployment.Namespace, GenerateName: deployment.Name + "-" + hash + "-",
			Labels: labels, Annotations: template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: template.Spec,
	}
	pod.Spec.NodeName = name
	return pod
}

// templateHash names a revision of the pod template, in characters that a pod's name may have.
func templateHash(template *corev1.PodTemplateSpec) string {
	content, err := json.Marshal(template)
	if err != nil {
		panic(err) // an API type
	}
	hash := fnv.New32a()
	hash.Write(content)
	return rand.SafeEncodeString(fmt.Sprint(hash.Sum32()))
}

func (n *Node) writeDeploymentStatus(ctx context.Context, deployment *appsv1.Deployment, replicas []replica, failure error) error {
	next := deployment.DeepCopy()
	next.Status = deploymentStatus(deployment, replicas, failure, metav1.Now())
	if equality.Semantic.DeepEqual(next.Status, deployment.Status) {
		return nil
	}
	return n.client.Status().Patch(ctx, next, client.MergeFrom(deployment))
}
