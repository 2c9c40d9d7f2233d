// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/hack/envtest/assets"
)

// apiServer is one for every test of the package; a test works in a namespace of its own.
var apiServer *rest.Config

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := assets.Default(os.Stderr).Resolve(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	environment := &envtest.Environment{BinaryAssetsDirectory: dir}
	// Without these two it looks for a default route, which an offline machine has not, and publishes its address as an
	// Endpoint, which may not be a loopback one.
	environment.ControlPlane.GetAPIServer().Configure().Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")
	if apiServer, err = environment.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the API server:", err)
		return 1
	}
	defer func() {
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the API server:", err)
		}
	}()
	return m.Run()
}

// bed is an Applier whose writes are counted, in a namespace of its own.
type bed struct {
	*testing.T
	*apply.Applier
	namespace string
	writes    atomic.Int64
	// user is somebody else at the API server.
	user client.Client
}

func newBed(t *testing.T) *bed {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.NewWithWatch(apiServer, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{T: t, user: client.WithFieldOwner(c, "somebody")}
	b.Applier = &apply.Applier{Client: interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			b.writes.Add(1)
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			b.writes.Add(1)
			return c.Update(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			b.writes.Add(1)
			return c.Patch(ctx, o, p, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			b.writes.Add(1)
			return c.Apply(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			b.writes.Add(1)
			return c.Delete(ctx, o, opts...)
		},
	})}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "apply-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	b.namespace = namespace.Name
	return b
}

// gateway is an owner. The API server does not ask whether owners exist.
func (b *bed) gateway(uid types.UID) *v1alpha1.SparkGateway {
	return &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "main", UID: uid}}
}

// service gives a child of the gateway.
func (b *bed) service(owner *v1alpha1.SparkGateway, edits ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "main",
			Labels:          map[string]string{"app": "main"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1alpha1.GroupVersion.WithKind("SparkGateway"))}},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "main"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 8080, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP}}},
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

// apply applies and says whether something was written, as Applier and as the count of writes say.
func (b *bed) apply(o client.Object) bool {
	b.Helper()
	before := b.writes.Load()
	changed, err := b.Apply(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	n := b.writes.Load() - before
	if changed != (n == 1) || n > 1 {
		b.Errorf("%T: changed is %t, and there were %d writes", o, changed, n)
	}
	return changed
}

// read reads an object of the same kind and name.
func read[T client.Object](b *bed, like, into T) T {
	b.Helper()
	if err := b.user.Get(b.Context(), client.ObjectKeyFromObject(like), into); err != nil {
		b.Fatal(err)
	}
	return into
}

func (b *bed) update(o client.Object) {
	b.Helper()
	if err := b.user.Update(b.Context(), o); err != nil {
		b.Fatal(err)
	}
}
