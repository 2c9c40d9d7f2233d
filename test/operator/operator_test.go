// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

func TestTheSmallestUsefulSetServesAndSaysSo(t *testing.T) {
	b := newBed(t)
	gw, p, k := gateway(2), policy("fake"), apiKey("alice")
	b.create(providerSecret(), gw, p, k)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if gw.Status.Pods.Summary != "2/2/2" || gw.Status.Attached.Keys != 1 || gw.Status.Attached.Providers != 1 {
		t.Errorf("pods %q, attached %+v", gw.Status.Pods.Summary, gw.Status.Attached)
	}
	b.becomes(p, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	key := b.secretOf("alice")
	if !strings.HasPrefix(key, strings.TrimSuffix(k.Status.Prefix, "…")) {
		t.Errorf("status shows prefix %q of another key", k.Status.Prefix)
	}
	addresses := b.addresses()
	if len(addresses) != 2 {
		t.Fatalf("%d pods", len(addresses))
	}
	for _, address := range addresses {
		if status, _, body := b.chat(address, key, "fake-model"); status != http.StatusOK || !strings.Contains(body, "completion_tokens") {
			t.Errorf("pod %s answers %d %s", address, status, body)
		}
	}
}

func TestOnceProgrammedTheNextRequestOnEveryPodObeys(t *testing.T) {
	b := newBed(t)
	gw := gateway(3)
	b.create(providerSecret(), gw, policy("fake"), apiKey("alice"))
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	key := b.secretOf("alice")
	before := b.template()
	for _, want := range []string{"first", "second", "third"} {
		edit(b, gw, func(gw *v1alpha1.SparkGateway) {
			gw.Spec.SecurityHeaders = &v1alpha1.SecurityHeaders{Extra: map[string]v1alpha1.HeaderValue{"X-Edition": v1alpha1.HeaderValue(want)}}
		})
		b.becomes(gw, v1alpha1.Programmed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed)
		for _, address := range b.addresses() {
			if _, header, _ := b.chat(address, key, "fake-model"); header.Get("X-Edition") != want {
				t.Errorf("pod %s is of edition %q, want %q", address, header.Get("X-Edition"), want)
			}
		}
	}
	if after := b.template(); after != before {
		t.Errorf("the pod template changed from %s to %s", before, after)
	}
}

// template gives the hash of the Deployment's pods.
func (b *bed) template() string {
	b.Helper()
	var pods corev1.PodList
	if err := cluster.List(b.Context(), &pods, client.InNamespace(b.namespace)); err != nil {
		b.Fatal(err)
	}
	var hashes []string
	for _, p := range pods.Items {
		hashes = append(hashes, p.Name)
	}
	slices.Sort(hashes)
	return strings.Join(hashes, " ")
}

func TestADeletedKeyIsRefusedByEveryPod(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(2), apiKey("alice")
	b.create(providerSecret(), gw, policy("fake"), k, apiKey("bob"))
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.Programmed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed)
	alice, bob := b.secretOf("alice"), b.secretOf("bob")
	began := time.Now()
	if err := cluster.Delete(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	for _, address := range b.addresses() {
		b.eventually("pod "+address+" refuses the deleted key", func() bool {
			status, _, _ := b.chat(address, alice, "fake-model")
			return status == http.StatusUnauthorized
		})
		if status, _, body := b.chat(address, bob, "fake-model"); status != http.StatusOK {
			t.Errorf("another key is answered %d %s", status, body)
		}
	}
	t.Logf("refused by every pod after %s", time.Since(began).Round(time.Millisecond))
}

func TestAtRestNothingIsWritten(t *testing.T) {
	b := newBed(t)
	gw, m, k := gateway(1), modelRoute("smart", "fake"), apiKey("alice")
	b.create(providerSecret(), gw, policy("fake", "fake-model"), m, k)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(m, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	// Events of the transitions may still be on their way, and what keys of other tests used, which is told every seven seconds.
	quiet := func(span time.Duration) bool {
		before := writes.Load()
		<-time.After(span)
		return writes.Load() == before
	}
	b.eventually("11 seconds without a write", func() bool { return quiet(11 * time.Second) })
	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(b.namespace)); err != nil {
		t.Fatal(err)
	}
	// Poke the reconcilers with events that change nothing they decide by.
	edit(b, &pods.Items[0], func(p *corev1.Pod) { p.Annotations = map[string]string{"poke": "1"} })
	if !quiet(5 * time.Second) {
		t.Errorf("the operator wrote although nothing changed, last: %s", lastWrite.Load())
	}
}

func TestWhatSomeoneElseChangesIsRepairedAndWhatIsTheirsIsLeft(t *testing.T) {
	b := newBed(t)
	gw := gateway(1)
	b.create(providerSecret(), gw, policy("fake"), apiKey("alice"))
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "main"}}
	if err := cluster.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	b.eventually("the Service is back", func() bool {
		return cluster.Get(t.Context(), client.ObjectKeyFromObject(service), service) == nil && service.DeletionTimestamp == nil
	})
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "main"}}
	edit(b, deployment, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Image = "someone/else:latest"
		d.Annotations["theirs"] = "stays"
	})
	b.eventually("the image is Spark's again", func() bool {
		return cluster.Get(t.Context(), client.ObjectKeyFromObject(deployment), deployment) == nil &&
			deployment.Spec.Template.Spec.Containers[0].Image == "spark/gateway:test"
	})
	if deployment.Annotations["theirs"] != "stays" {
		t.Error("an annotation of someone else's was removed")
	}
}

func TestAnObjectOfSomeoneElsesIsNotTakenOver(t *testing.T) {
	b := newBed(t)
	b.create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "main"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
	gw := gateway(1)
	b.create(gw)
	c := b.becomes(gw, v1alpha1.Programmed, metav1.ConditionFalse, v1alpha1.ReasonChildConflict)
	if !strings.Contains(c.Message, "Service "+b.namespace+"/main") {
		t.Errorf("the message does not name the Service: %s", c.Message)
	}
	b.becomes(gw, v1alpha1.Stalled, metav1.ConditionTrue, v1alpha1.ReasonChildConflict)
}

func TestAStoppedPodIsUnknownUntilItSpeaksAgain(t *testing.T) {
	b := newBed(t)
	gw := gateway(2)
	b.create(providerSecret(), gw, policy("fake"), apiKey("alice"))
	// Programmed speaks of the pods whose container has started, Ready of all that are asked for.
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(b.namespace)); err != nil {
		t.Fatal(err)
	}
	stopped := pods.Items[0].Name
	pid := node.PID(b.namespace, stopped)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	c := b.becomes(gw, v1alpha1.Programmed, metav1.ConditionUnknown, v1alpha1.ReasonAckMissing)
	if !strings.Contains(c.Message, stopped) {
		t.Errorf("the message does not name pod %s: %s", stopped, c.Message)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	b.becomes(gw, v1alpha1.Programmed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed)
}
