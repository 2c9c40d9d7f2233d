// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/render"
)

var options = render.Options{Image: "example.com/gateway:v1", OperatorNamespace: "spark-system"}

// fullGateway is the sample with every field, on which the API server's defaults and forms bear most.
func fullGateway(b *bed) *v1alpha1.SparkGateway {
	b.Helper()
	text, err := os.ReadFile("../render/testdata/full.yaml")
	if err != nil {
		b.Fatal(err)
	}
	gw := &v1alpha1.SparkGateway{}
	if err := yaml.UnmarshalStrict(text, gw); err != nil {
		b.Fatal(err)
	}
	gw.Namespace = b.namespace
	return gw
}

func TestASecondPassWritesNothing(t *testing.T) {
	tests := map[string]func(*bed) *v1alpha1.SparkGateway{
		"of a minimal gateway": func(b *bed) *v1alpha1.SparkGateway { return b.gateway("uid") },
		"of a full gateway":    fullGateway,
		"of quantities in another form than the API's": func(b *bed) *v1alpha1.SparkGateway {
			gw := b.gateway("uid")
			// As it comes from the API server, which keeps a custom resource's text as it is.
			text := `{"requests":{"cpu":"1000m","memory":"1024Mi"},"limits":{"cpu":"2.50","memory":"2147483648"}}`
			if err := yaml.Unmarshal([]byte(text), &gw.Spec.Resources); err != nil {
				b.Fatal(err)
			}
			return gw
		},
		"of an autoscaled gateway": func(b *bed) *v1alpha1.SparkGateway {
			gw := b.gateway("uid")
			gw.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 3}
			return gw
		},
	}
	for name, gateway := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			gw := gateway(b)
			versions := map[string]string{}
			desired := func() []client.Object {
				objects, _ := render.Workload(gw, options, nil)
				return append(objects, render.AdminSecret(gw, map[string][]byte{"ca.crt": []byte("ca"), "empty": {}}))
			}
			for _, o := range desired() {
				if !b.apply(o) {
					t.Errorf("%T is not written", o)
				}
				live := read(b, o, o.DeepCopyObject().(client.Object))
				versions[o.GetObjectKind().GroupVersionKind().Kind] = live.GetResourceVersion()
			}
			for range 2 {
				for _, o := range desired() {
					if b.apply(o) {
						t.Errorf("%T is written again", o)
					}
					kind := o.GetObjectKind().GroupVersionKind().Kind
					if got := read(b, o, o.DeepCopyObject().(client.Object)).GetResourceVersion(); got != versions[kind] {
						t.Errorf("%s went from version %s to %s", kind, versions[kind], got)
					}
				}
			}
		})
	}
}

func TestAnObjectOfAnothersIsNotTouched(t *testing.T) {
	tests := map[string]func(*bed) *corev1.Service{
		"of nobody's": func(b *bed) *corev1.Service {
			return b.service(b.gateway("x"), func(s *corev1.Service) { s.OwnerReferences = nil })
		},
		"of another owner's":               func(b *bed) *corev1.Service { return b.service(b.gateway("another-uid")) },
		"of a former gateway of that name": func(b *bed) *corev1.Service { return b.service(b.gateway("former-uid")) },
		"of an owner that does not control it": func(b *bed) *corev1.Service {
			return b.service(b.gateway("uid"), func(s *corev1.Service) { s.OwnerReferences[0].Controller = nil })
		},
	}
	for name, theirs := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			existing := theirs(b)
			if err := b.user.Create(t.Context(), existing); err != nil {
				t.Fatal(err)
			}
			before := read(b, existing, &corev1.Service{})
			desired := b.service(b.gateway("uid"), func(s *corev1.Service) { s.Spec.Ports[0].Port = 9999 })
			changed, err := b.Apply(t.Context(), desired)
			var conflict *apply.ConflictError
			if !errors.As(err, &conflict) || changed {
				t.Fatalf("changed: %t, error %v", changed, err)
			}
			want := "Service " + b.namespace + "/main exists and is not this resource's; rename one of them, or delete it"
			if err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if err := b.Prune(t.Context(), b.gateway("uid"), desired); err != nil {
				t.Errorf("prune: %v", err)
			}
			if diff := cmp.Diff(before, read(b, existing, &corev1.Service{})); diff != "" || b.writes.Load() != 0 {
				t.Errorf("%d writes; the object (-want +got):\n%s", b.writes.Load(), diff)
			}
		})
	}
}

func TestDriftIsRepaired(t *testing.T) {
	tests := map[string]func(*corev1.Service){
		"a changed value":    func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(1) },
		"a removed label":    func(s *corev1.Service) { delete(s.Labels, "app") },
		"a changed selector": func(s *corev1.Service) { s.Spec.Selector["app"] = "another" },
		"a removed selector": func(s *corev1.Service) { s.Spec.Selector = nil },
		"the digest is gone": func(s *corev1.Service) { delete(s.Annotations, apply.DigestAnnotation) },
	}
	for name, drift := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			owner := b.gateway("uid")
			b.apply(b.service(owner))
			want := read(b, b.service(owner), &corev1.Service{})
			changed := want.DeepCopy()
			drift(changed)
			b.update(changed)
			if !b.apply(b.service(owner)) {
				t.Error("it is left as it is")
			}
			got := read(b, want, &corev1.Service{})
			for _, s := range []*corev1.Service{want, got} {
				s.ResourceVersion, s.ManagedFields = "", nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("after the repair (-want +got):\n%s", diff)
			}
			if b.apply(b.service(owner)) {
				t.Error("it is repaired twice")
			}
		})
	}
}

func TestWhatOthersAddIsLeft(t *testing.T) {
	b := newBed(t)
	owner := b.gateway("uid")
	b.apply(b.service(owner))
	theirs := read(b, b.service(owner), &corev1.Service{})
	theirs.Labels["team"], theirs.Annotations["note"] = "platform", "theirs"
	b.update(theirs)
	if b.apply(b.service(owner)) {
		t.Error("it is written over")
	}
	if !b.apply(b.service(owner, func(s *corev1.Service) { s.Spec.Ports[0].Port = 8081 })) {
		t.Error("a change is not written")
	}
	got := read(b, theirs, &corev1.Service{})
	if got.Labels["team"] != "platform" || got.Annotations["note"] != "theirs" || got.Spec.Ports[0].Port != 8081 {
		t.Errorf("labels %v, annotations %v, ports %v", got.Labels, got.Annotations, got.Spec.Ports)
	}
}

func TestAFieldThatIsNoLongerWantedGoes(t *testing.T) {
	b := newBed(t)
	owner := b.gateway("uid")
	b.apply(b.service(owner, func(s *corev1.Service) {
		s.Annotations = map[string]string{"balancer": "internal"}
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "more", Port: 9000, Protocol: corev1.ProtocolTCP})
	}))
	if !b.apply(b.service(owner)) {
		t.Error("nothing is written")
	}
	got := read(b, b.service(owner), &corev1.Service{})
	if _, there := got.Annotations["balancer"]; there || len(got.Spec.Ports) != 1 {
		t.Errorf("annotations %v, ports %v", got.Annotations, got.Spec.Ports)
	}
	if b.apply(b.service(owner)) {
		t.Error("it is written twice")
	}
}

func TestAKeyOfASecretThatIsNoLongerWantedGoes(t *testing.T) {
	b := newBed(t)
	gw := b.gateway("uid")
	secret := func(data map[string][]byte) *corev1.Secret { return render.AdminSecret(gw, data) }
	b.apply(secret(map[string][]byte{"old": []byte("1"), "both": []byte("1")}))
	for _, data := range []map[string][]byte{
		{"both": []byte("1"), "new": []byte("2")}, // a key comes, a key goes
		{"both": []byte("1"), "new": []byte("3")}, // a value changes
		{"new": []byte("3")},                      // a key goes
	} {
		if !b.apply(secret(data)) {
			t.Errorf("%v is not written", data)
		}
		if diff := cmp.Diff(data, read(b, secret(nil), &corev1.Secret{}).Data); diff != "" {
			t.Errorf("data (-want +got):\n%s", diff)
		}
		if b.apply(secret(data)) {
			t.Errorf("%v is written twice", data)
		}
	}
}

// The digest may be read where the Secret may not, and so tells nothing of its values.
func TestTheDigestTellsNothingOfASecretsValues(t *testing.T) {
	b := newBed(t)
	gw := b.gateway("uid")
	digest := func(value string) string {
		b.apply(render.AdminSecret(gw, map[string][]byte{"a": []byte(value)}))
		return read(b, render.AdminSecret(gw, nil), &corev1.Secret{}).Annotations[apply.DigestAnnotation]
	}
	if one, two := digest("one"), digest("two"); one != two || one == "" {
		t.Errorf("digests %q and %q", one, two)
	}
}

func TestTheAutoscalersReplicasAreLeftAlone(t *testing.T) {
	b := newBed(t)
	gw := b.gateway("uid")
	b.apply(render.Deployment(gw, options, nil))
	gw.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 9}
	if !b.apply(render.Deployment(gw, options, nil)) {
		t.Error("giving up the replicas is not written")
	}
	scale := func(n int32) {
		d := read(b, render.Deployment(gw, options, nil), &appsv1.Deployment{})
		d.Spec.Replicas = ptr.To(n)
		b.update(d)
	}
	scale(7)
	if b.apply(render.Deployment(gw, options, nil)) {
		t.Error("the autoscaler's number is written over")
	}
	// Another change of the Deployment leaves it too.
	gw.Spec.Image = "example.com/gateway:v2"
	if !b.apply(render.Deployment(gw, options, nil)) {
		t.Error("the image is not written")
	}
	d := read(b, render.Deployment(gw, options, nil), &appsv1.Deployment{})
	if *d.Spec.Replicas != 7 || d.Spec.Template.Spec.Containers[0].Image != "example.com/gateway:v2" {
		t.Errorf("%d replicas of %s", *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Image)
	}
	// Without the autoscaler the number is ours again.
	gw.Spec.Autoscaling, gw.Spec.Replicas = nil, ptr.To(int32(3))
	b.apply(render.Deployment(gw, options, nil))
	if d := read(b, d, &appsv1.Deployment{}); *d.Spec.Replicas != 3 {
		t.Errorf("%d replicas", *d.Spec.Replicas)
	}
}

func TestResourcesOfTheContainerFollowTheGateway(t *testing.T) {
	b := newBed(t)
	gw := b.gateway("uid")
	gw.Spec.Resources = &v1alpha1.Resources{Limits: map[string]v1alpha1.ResourceQuantity{"memory": v1alpha1.ResourceQuantity(intstr.FromString("1Gi"))}}
	b.apply(render.Deployment(gw, options, nil))
	gw.Spec.Resources = &v1alpha1.Resources{}
	if !b.apply(render.Deployment(gw, options, nil)) {
		t.Error("taking the limit away is not written")
	}
	if got := read(b, render.Deployment(gw, options, nil), &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Resources; len(got.Limits)+len(got.Requests) != 0 {
		t.Errorf("resources %v", got)
	}
}

func TestPruneTakesOnlyOurs(t *testing.T) {
	b := newBed(t)
	owner := b.gateway("uid")
	absent := b.service(owner)
	if err := b.Prune(t.Context(), owner, absent); err != nil || b.writes.Load() != 0 {
		t.Fatalf("what is absent: %d writes, %v", b.writes.Load(), err)
	}
	b.apply(b.service(owner))
	if err := b.Prune(t.Context(), b.gateway("another-uid"), absent); err != nil {
		t.Fatal(err)
	}
	read(b, absent, &corev1.Service{})
	if err := b.Prune(t.Context(), owner, absent); err != nil {
		t.Fatal(err)
	}
	if err := b.user.Get(t.Context(), client.ObjectKeyFromObject(absent), &corev1.Service{}); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestCreateOnceDecidesOnce(t *testing.T) {
	b := newBed(t)
	key := &v1alpha1.APIKey{}
	key.Namespace, key.Name, key.UID = b.namespace, "alice", "alice-uid"
	secret := func(value string) *corev1.Secret {
		return render.KeySecret(key, func() string { return value }, time.Unix(0, 0))
	}
	for _, value := range []string{"first", "second"} {
		if err := b.CreateOnce(t.Context(), secret(value)); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(read(b, secret(""), &corev1.Secret{}).Data["apiKey"]); got != "first" || b.writes.Load() != 1 {
		t.Errorf("the key is %q after %d writes", got, b.writes.Load())
	}
	// Somebody else's of that name stays; the compiler tells of it.
	key.Name = "bob"
	theirs := &corev1.Secret{Data: map[string][]byte{"apiKey": []byte("theirs")}}
	theirs.Namespace, theirs.Name = b.namespace, "bob-key"
	if err := b.user.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateOnce(t.Context(), secret("ours")); err != nil {
		t.Fatal(err)
	}
	if got := string(read(b, theirs, &corev1.Secret{}).Data["apiKey"]); got != "theirs" {
		t.Errorf("their key is %q", got)
	}
}

func TestNothingIsMissedInANamespaceThatGoes(t *testing.T) {
	b := newBed(t)
	// Nobody here removes what is in it, so that it stays as it is.
	if err := b.user.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace}}); err != nil {
		t.Fatal(err)
	}
	key := &v1alpha1.APIKey{}
	key.Namespace, key.Name, key.UID = b.namespace, "alice", "alice-uid"
	secret := render.KeySecret(key, func() string { return "key" }, time.Unix(0, 0))
	if err := b.CreateOnce(t.Context(), secret); err != nil {
		t.Error(err)
	}
	if err := b.user.Get(t.Context(), client.ObjectKeyFromObject(secret), &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("it is there: %v", err)
	}
}

func TestAmendLosesNobodysChange(t *testing.T) {
	b := newBed(t)
	secret := &corev1.Secret{Data: map[string][]byte{"apiKey": []byte("first"), "other": []byte("theirs")}}
	secret.Namespace, secret.Name = b.namespace, "alice-key"
	if err := b.user.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	amended := func(key, value string) *corev1.Secret {
		next := secret.DeepCopy()
		next.Data[key] = []byte(value)
		delete(next.Data, "other")
		return next
	}
	if err := b.Amend(t.Context(), secret, amended("apiKey", "second")); err != nil {
		t.Fatal(err)
	}
	if err := b.Amend(t.Context(), secret, amended("apiKey", "third")); !apierrors.IsConflict(err) {
		t.Errorf("a change of what is not there any more: %v", err)
	}
	got := read(b, secret, &corev1.Secret{}).Data
	if string(got["apiKey"]) != "second" || len(got) != 1 {
		t.Errorf("it holds %q", got)
	}
}

func TestReplaceKeepsWritersApart(t *testing.T) {
	b := newBed(t)
	sheet := func(content, version string) *corev1.ConfigMap {
		m := &corev1.ConfigMap{BinaryData: map[string][]byte{"usage": []byte(content)}}
		m.Namespace, m.Name, m.ResourceVersion = b.namespace, "main-usage", version
		return m
	}
	first := sheet("first", "")
	if err := b.Replace(t.Context(), first); err != nil || first.ResourceVersion == "" {
		t.Fatal(err)
	}
	if err := b.Replace(t.Context(), sheet("theirs", "")); !apierrors.IsAlreadyExists(err) {
		t.Errorf("who does not know of it writes it: %v", err)
	}
	if err := b.Replace(t.Context(), sheet("second", first.ResourceVersion)); err != nil {
		t.Fatal(err)
	}
	if err := b.Replace(t.Context(), sheet("third", first.ResourceVersion)); !apierrors.IsConflict(err) {
		t.Errorf("who knows an older one writes it: %v", err)
	}
	if got := string(read(b, first, &corev1.ConfigMap{}).BinaryData["usage"]); got != "second" {
		t.Errorf("it holds %q", got)
	}
}

func TestAnAPIServerThatIsGoneIsAnError(t *testing.T) {
	b := newBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	owner := b.gateway("uid")
	if _, err := b.Apply(ctx, b.service(owner)); err == nil {
		t.Error("Apply succeeds")
	}
	if err := b.Prune(ctx, owner, b.service(owner)); err == nil {
		t.Error("Prune succeeds")
	}
	if err := b.CreateOnce(ctx, b.service(owner)); err == nil {
		t.Error("CreateOnce succeeds")
	}
}
