// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

// kindOf names what is applied.
func kindOf(o any) string {
	if u, ok := o.(interface{ GetKind() string }); ok {
		return u.GetKind()
	}
	return fmt.Sprintf("%T", o)
}

func wantCondition(t *testing.T, s v1alpha1.SparkGatewayStatus, kind v1alpha1.ConditionType, want metav1.ConditionStatus, reason v1alpha1.Reason) {
	t.Helper()
	if c := conditionOf(s.Conditions, kind); c.Status != want || c.Reason != string(reason) {
		t.Errorf("%s is %s/%s (%s), want %s/%s", kind, c.Status, c.Reason, c.Message, want, reason)
	}
}

func TestAGatewayBecomesProgrammed(t *testing.T) {
	b := newBed(t, sparkGateway(), apiKey("alice"), keySecret("alice"), runningPod("a", "192.0.2.1"), runningPod("b", "192.0.2.2"))
	wantCondition(t, b.mustReconcile(), v1alpha1.Programmed, "False", v1alpha1.ReasonPending)
	b.rollOut(2)
	wantCondition(t, b.mustReconcile(), v1alpha1.Programmed, "False", v1alpha1.ReasonPending)
	b.fleet.obey("a")
	wantCondition(t, b.mustReconcile(), v1alpha1.Programmed, "False", v1alpha1.ReasonPending)
	b.fleet.obey("a", "b")
	s := b.mustReconcile()
	wantCondition(t, s, v1alpha1.Programmed, "True", v1alpha1.ReasonProgrammed)
	wantCondition(t, s, v1alpha1.Ready, "True", v1alpha1.ReasonReady)
	if s.Pods.Summary != "2/2/2" || s.Attached.Keys != 1 || s.Revision == "" || s.URL != "http://main.team.svc:8080" {
		t.Errorf("status %+v", s)
	}
	if report := b.gateways.Board.Report(main); report.Attachments[status.Keys][types.NamespacedName{Namespace: "team", Name: "alice"}].Programmed.Reason != v1alpha1.ReasonProgrammed {
		t.Errorf("report %+v", report)
	}
	if diff := cmp.Diff([]status.PodName{{Name: "a", UID: "a"}, {Name: "b", UID: "b"}}, b.gateways.Board.Report(main).Pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	// At rest there is nothing to write.
	b.mustReconcile()
	if len(b.writes) != 0 {
		t.Errorf("at rest it writes %v", b.writes)
	}
}

// A key that was deleted must be refused at once, whatever else is in the way.
func TestRunningPodsHaveTheirConfigurationWhateverIsInTheWay(t *testing.T) {
	tests := map[string]struct {
		before func(*bed)
		want   v1alpha1.Reason
	}{
		"an object of another's making": {
			before: func(b *bed) {
				if err := b.client.Create(b.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main"}}); err != nil {
					b.Fatal(err)
				}
			},
			want: v1alpha1.ReasonChildConflict,
		},
		"an object that the API server refuses": {
			before: func(b *bed) {
				b.fail = func(verb string, o any) error {
					if verb == "apply" && kindOf(o) == "Service" {
						return apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "main", nil)
					}
					return nil
				}
			},
			want: v1alpha1.ReasonInvalid,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, sparkGateway(), apiKey("alice"), keySecret("alice"), apiKey("bob"), keySecret("bob"), runningPod("a", "192.0.2.1"))
			test.before(b)
			wantCondition(t, b.mustReconcile(), v1alpha1.Programmed, "False", test.want)
			if diff := cmp.Diff([]string{"team/alice", "team/bob"}, b.keysOfLastTarget()); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if err := b.client.Delete(t.Context(), apiKey("bob")); err != nil {
				t.Fatal(err)
			}
			b.mustReconcile()
			if diff := cmp.Diff([]string{"team/alice"}, b.keysOfLastTarget()); diff != "" {
				t.Errorf("keys after the deletion (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAGatewayThatIsNotServedKeepsItsLastGoodDocument(t *testing.T) {
	b := newBed(t, sparkGateway(), apiKey("alice"), keySecret("alice"), runningPod("a", "192.0.2.1"))
	b.mustReconcile()
	b.rollOut(1)
	b.fleet.obey("a")
	good := b.mustReconcile()
	manifest := b.fleet.wanted[len(b.fleet.wanted)-1].Bundle.Manifest

	gw := sparkGateway()
	if err := b.client.Get(t.Context(), main, gw); err != nil {
		t.Fatal(err)
	}
	gw.Spec.Limits = &v1alpha1.GatewayLimits{Limits: v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 1, Per: "1m"}, {Count: 1, Per: "60s"}}}}
	if err := b.client.Update(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	s := b.mustReconcile()
	wantCondition(t, s, v1alpha1.Accepted, "False", v1alpha1.ReasonInvalid)
	wantCondition(t, s, v1alpha1.Programmed, "False", v1alpha1.ReasonInvalid)
	wantCondition(t, s, v1alpha1.Stalled, "True", v1alpha1.ReasonInvalid)
	if s.Revision != good.Revision {
		t.Errorf("revision %s, want the one that is served, %s", s.Revision, good.Revision)
	}
	if diff := cmp.Diff(manifest, b.fleet.wanted[len(b.fleet.wanted)-1].Bundle.Manifest); diff != "" {
		t.Errorf("what pods should run (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeReadDecidesNothing(t *testing.T) {
	b := newBed(t, sparkGateway(), runningPod("a", "192.0.2.1"))
	b.gateways.Client = unreadable{b.client}
	s, err := b.reconcile()
	if err == nil {
		t.Error("no error, and so no retry")
	}
	wantCondition(t, s, v1alpha1.Ready, "Unknown", v1alpha1.ReasonUnreadable)
	if len(b.fleet.wanted) != 0 || len(b.writes) != 1 {
		t.Errorf("%d targets, writes %v", len(b.fleet.wanted), b.writes)
	}
}

func TestAnErrorOfTheAPIServerIsTriedAgain(t *testing.T) {
	b := newBed(t, sparkGateway())
	b.fail = func(verb string, _ any) error {
		if verb == "apply" {
			return errors.New("etcd is slow")
		}
		return nil
	}
	s, err := b.reconcile()
	if err == nil || !strings.Contains(err.Error(), "etcd is slow") {
		t.Errorf("error %v", err)
	}
	wantCondition(t, s, v1alpha1.Programmed, "False", v1alpha1.ReasonPending)
	b.fail = func(string, any) error { return nil }
	b.mustReconcile()
}

func TestAGatewayThatGoesIsForgotten(t *testing.T) {
	b := newBed(t)
	b.gateways.Board.Publish(main, status.Report{Pods: []status.PodName{{Name: "a"}}})
	b.mustReconcile()
	if diff := cmp.Diff([]types.NamespacedName{main}, b.fleet.forgotten); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
	if got := b.gateways.Board.Report(main); got.Pods != nil {
		t.Errorf("report %+v", got)
	}
}

func TestPodsThatCount(t *testing.T) {
	leaving := func(p *corev1.Pod) { p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: noon}, []string{"x"} }
	container := func(edit func(*corev1.ContainerStatus)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { edit(&p.Status.ContainerStatuses[1]) }
	}
	tests := map[string]struct {
		edit                      func(*corev1.Pod)
		wantCounted, wantAudience bool
	}{
		"a pod that serves":           {func(*corev1.Pod) {}, true, true},
		"a pod that is not ready":     {func(p *corev1.Pod) { p.Status.Conditions = nil }, true, true},
		"a pod that leaves":           {leaving, false, true},
		"a pod that starts":           {container(func(c *corev1.ContainerStatus) { c.Started = nil }), false, true},
		"a pod whose container waits": {container(func(c *corev1.ContainerStatus) { c.State = corev1.ContainerState{} }), false, false},
		"a pod without an address":    {func(p *corev1.Pod) { p.Status.PodIP = "" }, false, false},
		"a pod that is done":          {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, false, false},
		"a pod without the container": {func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pods := []corev1.Pod{*runningPod("a", "2001:db8::1", test.edit)}
			if got := len(observed(pods, nil)) == 1; got != test.wantCounted {
				t.Errorf("it counts: %t", got)
			}
			heard := audience(pods)
			if got := len(heard) == 1; got != test.wantAudience {
				t.Errorf("it is talked to: %t", got)
			}
			if len(heard) == 1 && (heard[0] != fleet.Pod{UID: "a", Name: "a", Address: "[2001:db8::1]:9443", Instance: "first"}) {
				t.Errorf("it is %+v", heard[0])
			}
		})
	}
}

func TestSequencesRise(t *testing.T) {
	at := func(sequence int64) fleet.Observation {
		return fleet.Observation{Ack: &config.Ack{Sequence: sequence}}
	}
	now := noon.UnixMilli()
	tests := map[string]struct {
		written   int64
		unchanged bool
		acks      []fleet.Observation
		want      int64
	}{
		"the first is the time":                                 {want: now},
		"what is unchanged keeps its number":                    {written: 7, unchanged: true, acks: []fleet.Observation{at(7), at(6), {}}, want: 7},
		"a change takes the time":                               {written: 7, want: now},
		"a change within the same millisecond takes the next":   {written: now, want: now + 1},
		"a clock that was set back does not bring numbers back": {written: now + 500, want: now + 501},
		"a pod that is ahead is overtaken":                      {written: 7, unchanged: true, acks: []fleet.Observation{at(now + 9)}, want: now + 10},
		"an unchanged document whose number was lost":           {unchanged: true, want: now},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			acks := map[string]fleet.Observation{}
			for i, o := range test.acks {
				acks[fmt.Sprint(i)] = o
			}
			if got := nextSequence(test.written, test.unchanged, acks, noon); got != test.want {
				t.Errorf("sequence %d, want %d", got, test.want)
			}
		})
	}
}

func TestEventsTellOfTransitions(t *testing.T) {
	conditions := func(ready metav1.ConditionStatus, reason string, stalled metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: "Ready", Status: ready, Reason: reason, Message: "so it is"}, {Type: "Stalled", Status: stalled}}
	}
	tests := map[string]struct {
		before, after []metav1.Condition
		want          string
	}{
		"a first step is no news":            {nil, conditions("False", "Pending", "False"), ""},
		"becoming ready":                     {conditions("False", "Pending", "False"), conditions("True", "Ready", "False"), "Normal Ready so it is"},
		"staying ready is no news":           {conditions("True", "Ready", "False"), conditions("True", "Ready", "False"), ""},
		"a change on its way is no news":     {conditions("True", "Ready", "False"), conditions("False", "Pending", "False"), ""},
		"a pod that falls silent":            {conditions("True", "Ready", "False"), conditions("Unknown", "AckMissing", "False"), "Warning AckMissing so it is"},
		"a mistake of a user at first sight": {nil, conditions("False", "SecretNotFound", "True"), "Warning SecretNotFound so it is"},
		"another mistake":                    {conditions("False", "Invalid", "True"), conditions("False", "SecretNotFound", "True"), "Warning SecretNotFound so it is"},
		"the same mistake is no news":        {conditions("False", "Invalid", "True"), conditions("False", "Invalid", "True"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.gateways.Events.transition(sparkGateway(), test.before, test.after)
			got := ""
			select {
			case got = <-b.events.Events:
			default:
			}
			if got != test.want {
				t.Errorf("event %q, want %q", got, test.want)
			}
		})
	}
}

var _ Conversation = (*conversation)(nil)

// The label by which pods are watched is on them.
func TestWatchesFindGateways(t *testing.T) {
	m := mapping{newBed(t).client}
	if got := m.pod(t.Context(), runningPod("a", "192.0.2.1")); len(got) != 1 || got[0].NamespacedName != main {
		t.Errorf("a gateway's pod maps to %v", got)
	}
	if got := m.pod(t.Context(), &corev1.Pod{}); len(got) != 0 {
		t.Errorf("another pod maps to %v", got)
	}
	key := apiKey("alice")
	key.Spec.GatewayRefs = append(key.Spec.GatewayRefs, v1alpha1.GatewayReference{Namespace: "other", Name: "second"})
	got := m.attached(t.Context(), key)
	if len(got) != 2 || got[0].NamespacedName != main || got[1].NamespacedName != (types.NamespacedName{Namespace: "other", Name: "second"}) {
		t.Errorf("a key maps to %v", got)
	}
	if _, labelled := runningPod("a", "").Labels[render.GatewayLabel]; !labelled {
		t.Error("pods are not labelled")
	}
}
