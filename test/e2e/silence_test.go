// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// A pod whose process is stopped makes Programmed Unknown, by name; once it goes on, all is well again by itself.
func TestASilentPodMakesProgrammedUnknown(t *testing.T) {
	s := newSpace(t)
	l := s.start(minimal)
	victim := s.pods("main")[1]
	hand := s.signaller("hand", victim.Spec.NodeName)

	hand.signal(string(victim.UID), load.SignalStop)
	t.Cleanup(func() { hand.signalQuietly(string(victim.UID), load.SignalCont) })
	c, told := s.becomes("main", metav1.ConditionUnknown, v1alpha1.ReasonAckMissing, 40*time.Second)
	if !strings.Contains(c.Message, victim.Name) {
		t.Errorf("the message does not name %s: %s", victim.Name, c.Message)
	}
	ready := s.condition(&v1alpha1.SparkGateway{}, "main", v1alpha1.Ready)
	stalled := s.condition(&v1alpha1.SparkGateway{}, "main", v1alpha1.Stalled)
	if ready.Status != metav1.ConditionUnknown || stalled.Status != metav1.ConditionFalse {
		t.Errorf("Ready is %s, Stalled is %s", ready.Status, stalled.Status)
	}
	if counts := get(s, "main", &v1alpha1.SparkGateway{}).Status.Pods; counts.Programmed != 2 || counts.Lagging != victim.Name {
		t.Errorf("pods are told as %+v", counts)
	}
	// What is edited meanwhile cannot be Programmed either, and the other pods obey it.
	s.patch(&v1alpha1.SparkGateway{}, "main", `{"spec":{"securityHeaders":{"extra":{"X-Round":"silent"}}}}`)
	eventually(t, 10*time.Second, func() string {
		for _, pod := range s.pods("main") {
			if pod.UID == victim.UID {
				continue
			}
			if a := l.chat(s.apiKey("alice"), "http://"+pod.Status.PodIP+":8080")[0]; a.Headers.Get("X-Round") != "silent" {
				return "pod " + pod.Name + " does not obey the edit"
			}
		}
		return ""
	})
	edited, _ := s.becomes("main", metav1.ConditionUnknown, v1alpha1.ReasonAckMissing, 10*time.Second)

	hand.signal(string(victim.UID), load.SignalCont)
	_, mended := s.becomes("main", metav1.ConditionTrue, v1alpha1.ReasonProgrammed, 30*time.Second)
	if a := l.chat(s.apiKey("alice"), "http://"+victim.Status.PodIP+":8080")[0]; a.Headers.Get("X-Round") != "silent" {
		t.Errorf("the pod that was stopped does not obey the edit: %d %v", a.Status, a.Headers)
	}
	if again := get(s, victim.Name, &corev1.Pod{}); again.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the pod was restarted")
	}
	t.Logf("SIGSTOP: Unknown/AckMissing after %s: %q; after an edit: %q", millis(told), c.Message, edited.Message)
	t.Logf("SIGCONT: Programmed again after %s, without a restart", millis(mended))
}

// signaller starts a pod that may signal the processes of a node.
func (s *space) signaller(name, node string) *loader {
	s.Helper()
	s.apply(strings.NewReplacer("NAME}", name+"}", "NAME,", name+",", "NODE", node).Replace(signalPod))
	return s.loader(name)
}

func (l *loader) signalQuietly(podUID string, number int) {
	ctx, cancel := backgroundFor(5 * time.Second)
	defer cancel()
	_ = on.post(ctx, l.s.name, l.pod+":8090", "signal", load.Signal{PodUID: podUID, Number: number}, new(load.Moment))
}
