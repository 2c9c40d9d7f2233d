// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/hack/envtest/assets"
)

// registration keeps the Node object, by which the API server finds the kubelet, and its Lease. An object that somebody
// deletes comes back with the next beat: the pods are still here.
type registration struct {
	node *Node
	port int32
}

const (
	beatEvery = 10 * time.Second
	// statusEvery is how old a heartbeat may become while the Lease says that the node lives.
	statusEvery   = time.Minute
	leaseDuration = 40 * time.Second
	hostAddress   = "127.0.0.1"
	maxPods       = 110 // a kubelet's, though nothing here holds to it
)

// Start beats until ctx ends; the name is the manager's.
func (g *registration) Start(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := errors.Join(g.register(ctx), g.renew(ctx)); err != nil && ctx.Err() == nil {
				g.node.options.Log.Error(err, "heartbeat not written")
			}
		}
	}
}

// register makes the Node object or brings it up to date: another node of this name may have left one.
func (g *registration) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: g.node.options.Name}}
	err := g.node.live.Get(ctx, client.ObjectKeyFromObject(node), node)
	if apierrors.IsNotFound(err) {
		node.Labels = map[string]string{
			corev1.LabelHostname: node.Name, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
		}
		err = g.node.client.Create(ctx, node)
	}
	if err != nil {
		return err
	}
	if err := g.untaint(ctx, node); err != nil {
		return err
	}
	before := node.DeepCopy()
	node.Status = nodeStatus(g.port, before.Status, metav1.Now())
	if equality.Semantic.DeepEqual(before.Status, node.Status) {
		return nil
	}
	return g.node.client.Status().Patch(ctx, node, client.MergeFrom(before))
}

// untaint does what the node controller would: the API server taints whatever node is new.
func (g *registration) untaint(ctx context.Context, node *corev1.Node) error {
	before := node.DeepCopy()
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady })
	if len(node.Spec.Taints) == len(before.Spec.Taints) {
		return nil
	}
	return g.node.client.Patch(ctx, node, client.MergeFrom(before))
}

// nodeStatus is what a kubelet would write, as far as there is something to say.
func nodeStatus(port int32, before corev1.NodeStatus, now metav1.Time) corev1.NodeStatus {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:  *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourcePods: *resource.NewQuantity(maxPods, resource.DecimalSI),
	}
	if bytes := memory(); bytes > 0 {
		resources[corev1.ResourceMemory] = *resource.NewQuantity(bytes, resource.BinarySI)
	}
	ready := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
		Message:           "pods run as processes of this machine, with ports, logs and nothing else of a kubelet",
		LastHeartbeatTime: now, LastTransitionTime: now,
	}
	for _, old := range before.Conditions {
		if old.Type != ready.Type || old.Status != ready.Status {
			continue
		}
		ready.LastTransitionTime = old.LastTransitionTime
		if now.Sub(old.LastHeartbeatTime.Time) < statusEvery {
			ready.LastHeartbeatTime = old.LastHeartbeatTime
		}
	}
	return corev1.NodeStatus{
		Capacity: resources, Allocatable: resources, Conditions: []corev1.NodeCondition{ready},
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: hostAddress}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: port}},
		NodeInfo:        machine(),
	}
}

func machine() corev1.NodeSystemInfo {
	about := corev1.NodeSystemInfo{
		OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, OSImage: "this machine",
		ContainerRuntimeVersion: "devnode://processes", KubeletVersion: "v" + assets.KubernetesVersion + "+devnode",
	}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		about.KernelVersion = unix.ByteSliceToString(system.Release[:])
	}
	return about
}

// renew writes the Lease, in the namespace that the API server makes for it.
func (g *registration) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	name := g.node.options.Name
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: name}}
	err := g.node.live.Get(ctx, client.ObjectKeyFromObject(lease), lease)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	before := lease.DeepCopy()
	lease.Spec = coordinationv1.LeaseSpec{
		HolderIdentity: &name, LeaseDurationSeconds: ptr.To(int32(leaseDuration.Seconds())), RenewTime: ptr.To(metav1.NowMicro()),
	}
	if err != nil {
		return g.node.client.Create(ctx, lease)
	}
	return g.node.client.Patch(ctx, lease, client.MergeFrom(before))
}
