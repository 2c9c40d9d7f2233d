// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

var (
	main = types.NamespacedName{Namespace: "team", Name: "main"}
	noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
)

// sparkGateway is one without a NetworkPolicy, which the API server in memory cannot apply; test/operator has a real one.
func sparkGateway() *v1alpha1.SparkGateway {
	return &v1alpha1.SparkGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: main.Name, UID: "gateway-uid", Generation: 1},
		Spec:       v1alpha1.SparkGatewaySpec{NetworkPolicy: &v1alpha1.NetworkPolicy{Enabled: ptr.To(false)}},
	}
}

func apiKey(name string) *v1alpha1.APIKey {
	return &v1alpha1.APIKey{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name, UID: types.UID(name + "-uid"), Generation: 1},
		Spec: v1alpha1.APIKeySpec{GatewayRefs: []v1alpha1.GatewayReference{{Name: main.Name}}, User: name,
			SecretRef: &v1alpha1.SecretKeyReference{Name: name}},
	}
}

func keySecret(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name},
		Data: map[string][]byte{"apiKey": []byte("the-own-key-of-" + name + "-0001")}}
}

// runningPod is a pod of the gateway, ready, at an address of its own.
func runningPod(name, ip string, edits ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name, UID: types.UID(name), Labels: render.Labels(sparkGateway())},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: ip,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "sidecar", ContainerID: "sidecar"},
				{Name: render.Container, ContainerID: "first", Started: ptr.To(true), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			},
		},
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

// conversation is a fleet whose pods say what they are told to say.
type conversation struct {
	wanted    []fleet.Target
	forgotten []types.NamespacedName
	observed  map[string]fleet.Observation
}

func (c *conversation) Want(_ types.NamespacedName, t fleet.Target) { c.wanted = append(c.wanted, t) }

func (c *conversation) Observe(types.NamespacedName) map[string]fleet.Observation { return c.observed }

func (c *conversation) Forget(gateway types.NamespacedName) {
	c.forgotten = append(c.forgotten, gateway)
}

// obey makes pods say that they run what was wanted last.
func (c *conversation) obey(uids ...string) {
	m := c.wanted[len(c.wanted)-1].Bundle.Manifest
	c.observed = map[string]fleet.Observation{}
	for _, uid := range uids {
		c.observed[uid] = fleet.Observation{Ack: &config.Ack{Gateway: main.String(), Pod: uid, Revision: m.Revision, Sequence: m.Sequence}}
	}
}

// bookkeeping keeps what it is told.
type bookkeeping struct {
	pods      []string
	serving   int
	forgotten []types.NamespacedName
}

func (b *bookkeeping) Want(_ *v1alpha1.SparkGateway, pods []string, serving int) {
	b.pods, b.serving = pods, serving
}

func (b *bookkeeping) Forget(gateway types.NamespacedName) {
	b.forgotten = append(b.forgotten, gateway)
}

// fleetObeys makes pods say that they run what was wanted last, and that they share what they count.
func (b *bed) fleetObeys(uids ...string) {
	b.fleet.obey(uids...)
	for uid, o := range b.fleet.observed {
		o.Sharing.Told = true
		b.fleet.observed[uid] = o
	}
}

// bed is a reconciler over an API server in memory.
type bed struct {
	*testing.T
	gateways *GatewayReconciler
	fleet    *conversation
	books    *bookkeeping
	events   *events.FakeRecorder
	client   client.Client
	// fail is asked before each write.
	fail   func(verb string, o any) error
	writes []string
	// told are the names of what the board told of.
	told []string
}

func newBed(t *testing.T, objects ...client.Object) *bed {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := &bed{T: t, fleet: &conversation{}, books: &bookkeeping{}, events: events.NewFakeRecorder(100), fail: func(string, any) error { return nil }}
	write := func(verb string, o any) error {
		if err := b.fail(verb, o); err != nil {
			return err
		}
		b.writes = append(b.writes, verb)
		return nil
	}
	b.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.SparkGateway{}, &v1alpha1.ProviderPolicy{}, &v1alpha1.ModelRoute{}, &v1alpha1.APIKey{}, &v1alpha1.UsagePolicy{}, &appsv1.Deployment{}).
		WithIndex(&v1alpha1.ProviderPolicy{}, gatewayIndex, gatewaysOf).
		WithIndex(&v1alpha1.ModelRoute{}, gatewayIndex, gatewaysOf).
		WithIndex(&v1alpha1.APIKey{}, gatewayIndex, gatewaysOf).
		WithIndex(&v1alpha1.UsagePolicy{}, gatewayIndex, gatewaysOf).
		WithIndex(&v1alpha1.SparkGateway{}, secretIndex, secretsOf).
		WithIndex(&v1alpha1.ProviderPolicy{}, secretIndex, secretsOf).
		WithIndex(&v1alpha1.APIKey{}, secretIndex, secretsOf).
		WithInterceptorFuncs(interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				if err := write("apply", o); err != nil {
					return err
				}
				return c.Apply(ctx, o, opts...)
			},
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
				if err := write("patch", o); err != nil {
					return err
				}
				return c.Patch(ctx, o, p, opts...)
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				if err := write("patch "+sub, o); err != nil {
					return err
				}
				return c.SubResource(sub).Patch(ctx, o, p, opts...)
			},
		}).Build()
	b.gateways = &GatewayReconciler{
		Client: b.client, Applier: &apply.Applier{Client: b.client}, Fleet: b.fleet, Books: b.books, Board: board.New(func(_ status.Kind, name types.NamespacedName) { b.told = append(b.told, name.Name) }),
		Events: Events{Recorder: b.events}, Render: render.Options{Image: "gateway", OperatorNamespace: "spark-system"}, Now: func() time.Time { return noon },
	}
	return b
}

// reconcile reconciles the gateway and gives its status.
func (b *bed) reconcile() (v1alpha1.SparkGatewayStatus, error) {
	b.Helper()
	b.writes = nil
	_, err := b.gateways.Reconcile(b.Context(), ctrl.Request{NamespacedName: main})
	gw := &v1alpha1.SparkGateway{}
	if err := b.client.Get(b.Context(), main, gw); client.IgnoreNotFound(err) != nil {
		b.Fatal(err)
	}
	return gw.Status, err
}

func (b *bed) mustReconcile() v1alpha1.SparkGatewayStatus {
	b.Helper()
	s, err := b.reconcile()
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// rollOut makes the Deployment one that is done.
func (b *bed) rollOut(replicas int32) {
	b.Helper()
	d := &appsv1.Deployment{}
	if err := b.client.Get(b.Context(), main, d); err != nil {
		b.Fatal(err)
	}
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas,
		Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue}}}
	if err := b.client.Status().Update(b.Context(), d); err != nil {
		b.Fatal(err)
	}
}

// keysOfLastTarget gives the digests of the keys that pods should have now.
func (b *bed) keysOfLastTarget() []string {
	b.Helper()
	bundle := b.fleet.wanted[len(b.fleet.wanted)-1].Bundle
	d, err := config.Decode(bundle)
	if err != nil {
		b.Fatal(err)
	}
	var ids []string
	for _, k := range d.Keys {
		ids = append(ids, k.ID)
	}
	slices.Sort(ids)
	return ids
}

// unreadable is a client that cannot list.
type unreadable struct{ client.Client }

func (unreadable) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("the API server is away")
}
