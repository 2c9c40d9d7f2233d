// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"net/http"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestADeploymentScalesUpAndDown(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(3))
	pods := b.ready(3)
	addresses := map[string]bool{}
	for i := range pods {
		pod := &pods[i]
		addresses[pod.Status.PodIP] = true
		if !strings.HasPrefix(pod.Status.PodIP, "127.77.") || get(pod, "/about") == "" {
			t.Errorf("pod %s does not answer at %s", pod.Name, pod.Status.PodIP)
		}
		if owner := metav1.GetControllerOf(pod); owner == nil || owner.Kind != "Deployment" || owner.Name != "demo" {
			t.Errorf("pod %s is controlled by %v", pod.Name, owner)
		}
	}
	if len(addresses) != 3 {
		t.Errorf("3 pods have the addresses %v", addresses)
	}
	b.eventually("status of three", func() bool {
		s := b.read().Status
		return s.ReadyReplicas == 3 && s.AvailableReplicas == 3 && s.UpdatedReplicas == 3 && conditionIs(s, appsv1.DeploymentAvailable, corev1.ConditionTrue)
	})
	b.edit(func(d *appsv1.Deployment) { one := int32(1); d.Spec.Replicas = &one })
	b.ready(1)
	b.eventually("status of one", func() bool {
		d := b.read()
		return d.Status.Replicas == 1 && d.Status.ReadyReplicas == 1 && d.Status.ObservedGeneration == d.Generation
	})
}

func conditionIs(s appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus) bool {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c.Status == status
		}
	}
	return false
}

func TestANewTemplateReplacesPodsWhileTheServiceGoesOnAnswering(t *testing.T) {
	b := newBed(t)
	d := b.deployment(2)
	none, one := intstr.FromInt32(0), intstr.FromInt32(1)
	d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &one}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "demo"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "demo"},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 8080, TargetPort: intstr.FromString("http")}},
		},
	}
	b.create(d, service)
	before := b.ready(2)
	b.eventually("the Service", func() bool {
		address := b.node.ServiceAddress(b.namespace, "demo", 8080)
		return address != "" && fetch("http://"+address+"/about") != ""
	})
	url := "http://" + b.node.ServiceAddress(b.namespace, "demo", 8080) + "/healthz"

	b.edit(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Args = []string{"second"} })
	old := map[string]bool{before[0].Name: true, before[1].Name: true}
	b.eventually("two new pods", func() bool {
		if response, err := http.Get(url); err != nil {
			t.Errorf("the Service failed: %v", err)
		} else {
			_ = response.Body.Close()
		}
		pods := b.pods()
		for i := range pods {
			if old[pods[i].Name] || !isPodReady(&pods[i]) {
				return false
			}
		}
		return len(pods) == 2
	})
	for _, pod := range b.pods() {
		if !strings.Contains(get(&pod, "/about"), `"second"`) {
			t.Errorf("pod %s runs without the new argument", pod.Name)
		}
		if pod.Labels["pod-template-hash"] == before[0].Labels["pod-template-hash"] {
			t.Errorf("pod %s has the old hash", pod.Name)
		}
	}
	b.eventually("a finished rollout", func() bool {
		d := b.read()
		return d.Status.UpdatedReplicas == 2 && d.Status.Replicas == 2 && d.Status.ObservedGeneration == d.Generation
	})
}

func TestADeletedDeploymentTakesItsPodsWithIt(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(2))
	b.ready(2)
	if err := b.client.Delete(t.Context(), b.read(), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	b.eventually("no pods", func() bool { return len(b.pods()) == 0 })
}

func TestADeploymentAtRestIsNotWritten(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	b.ready(1)
	b.eventually("availability", func() bool { return b.read().Status.AvailableReplicas == 1 })
	pod, deployment := b.ready(1)[0].ResourceVersion, b.read().ResourceVersion
	// longer than the probes' period and the collector's
	<-time.After(2*collectEvery + time.Second)
	if got := b.ready(1)[0].ResourceVersion; got != pod {
		t.Errorf("the pod went from version %s to %s", pod, got)
	}
	if got := b.read().ResourceVersion; got != deployment {
		t.Errorf("the Deployment went from version %s to %s", deployment, got)
	}
}

func TestPlan(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	pod := func(name string, current, available bool) replica {
		return replica{name: name, current: current, ready: available, available: available, created: at}
	}
	leaving := func(r replica) replica { r.terminating = true; return r }
	surging := wanted{replicas: 2, surge: 1}
	cases := map[string]struct {
		wanted     wanted
		replicas   []replica
		wantCreate int
		wantRemove string
	}{
		"nothing yet":                                {wanted{replicas: 3, surge: 1}, nil, 3, ""},
		"at rest":                                    {surging, []replica{pod("a", true, true), pod("b", true, false)}, 0, ""},
		"a terminating pod is replaced at once":      {surging, []replica{pod("a", true, true), leaving(pod("b", true, true))}, 1, ""},
		"too many: the unavailable goes first":       {wanted{replicas: 1, surge: 1}, []replica{pod("a", true, true), pod("b", true, false)}, 0, "b"},
		"a rollout begins with the surge":            {surging, []replica{pod("a", false, true), pod("b", false, true)}, 1, ""},
		"it waits until the new pod is available":    {surging, []replica{pod("a", false, true), pod("b", false, true), pod("c", true, false)}, 0, ""},
		"then an old one leaves":                     {surging, []replica{pod("a", false, true), pod("b", false, true), pod("c", true, true)}, 0, "a"},
		"then the next new one starts":               {surging, []replica{pod("b", false, true), pod("c", true, true)}, 1, ""},
		"old pods that serve nobody leave at once":   {surging, []replica{pod("a", false, false), pod("b", false, true)}, 1, "a"},
		"without surge an old one leaves first":      {wanted{replicas: 2, unavailable: 1}, []replica{pod("a", false, true), pod("b", false, true)}, 0, "a"},
		"and its place is taken":                     {wanted{replicas: 2, unavailable: 1}, []replica{pod("b", false, true)}, 1, ""},
		"recreate ends all old pods":                 {wanted{replicas: 1, recreate: true}, []replica{pod("a", false, true)}, 0, "a"},
		"recreate waits until they are gone":         {wanted{replicas: 1, recreate: true}, []replica{leaving(pod("a", false, true))}, 0, ""},
		"zero replicas mean none, new or old":        {wanted{unavailable: 1}, []replica{pod("a", false, true), pod("b", true, true)}, 0, "a b"},
		"of equals the youngest is missed the least": {wanted{replicas: 1, surge: 1}, []replica{{name: "old", current: true, created: at}, {name: "young", current: true, created: at.Add(1)}}, 0, "young"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := plan(tc.wanted, tc.replicas)
			if got.create != tc.wantCreate || strings.Join(got.remove, " ") != tc.wantRemove {
				t.Errorf("create %d, remove %v; want create %d, remove %q", got.create, got.remove, tc.wantCreate, tc.wantRemove)
			}
		})
	}
}

func TestDeploymentStatusSaysWhenARolloutTakesTooLong(t *testing.T) {
	limit, one := int32(60), int32(1)
	began := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &one, ProgressDeadlineSeconds: &limit}}
	stuck := []replica{{name: "a", current: true}}
	d.Status = deploymentStatus(d, stuck, nil, began)
	for seconds, want := range map[int]string{1: "ReplicaSetUpdated", 59: "ReplicaSetUpdated", 61: "ProgressDeadlineExceeded"} {
		status := deploymentStatus(d, stuck, nil, metav1.NewTime(began.Add(time.Duration(seconds)*time.Second)))
		if got := status.Conditions[1].Reason; got != want {
			t.Errorf("after %d s: %s, want %s", seconds, got, want)
		}
	}
	late := d.DeepCopy()
	late.Status = deploymentStatus(d, stuck, nil, metav1.NewTime(began.Add(time.Hour)))
	status := deploymentStatus(late, []replica{{name: "a", current: true, ready: true, available: true}}, nil, metav1.NewTime(began.Add(2*time.Hour)))
	if got := status.Conditions[1]; got.Reason != "NewReplicaSetAvailable" || got.Status != corev1.ConditionTrue {
		t.Errorf("recovered: %+v", got)
	}
}
