// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/status"
)

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "team", Name: name}
}

var (
	served     = status.Condition{Type: v1alpha1.Programmed, Status: "True", Reason: v1alpha1.ReasonProgrammed, Message: "every pod serves this resource"}
	pending    = status.Condition{Type: v1alpha1.Programmed, Status: "False", Reason: v1alpha1.ReasonPending, Message: "1 of 2 pods run revision"}
	missing    = status.Condition{Type: v1alpha1.Programmed, Status: "Unknown", Reason: v1alpha1.ReasonAckMissing, Message: "pod a is silent"}
	rejected   = status.Condition{Type: v1alpha1.Programmed, Status: "False", Reason: v1alpha1.ReasonRejected, Message: "pod a rejects revision"}
	notServed  = status.Condition{Type: v1alpha1.Programmed, Status: "False", Reason: v1alpha1.ReasonInvalid, Message: "the gateway does not serve this resource"}
	noSecret   = compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: "no Secret"}
	duplicate  = compiler.Finding{Reason: v1alpha1.ReasonDuplicateModel, Message: "gpt is served by another"}
	invalidURL = compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: "not a URL"}
)

// compiled gives an output with one resource of each kind, of that content; none is served where it is empty.
func compiled(content string) compiler.Output {
	v := compiler.Verdict{Generation: 1, Content: content}
	if content == "" {
		v.ResolvedRefs = noSecret
	}
	one := func(name string) compiler.Verdicts {
		return compiler.Verdicts{named(name): &v}
	}
	return compiler.Output{Providers: one("llm"), Routes: one("smart"), Keys: one("alice")}
}

// A resource is live while every pod serves its content, whatever else travels.
func TestLivenessOfAttachments(t *testing.T) {
	type step struct {
		content string
		gateway status.Condition
		want    status.Condition
	}
	tests := map[string][]step{
		"what is new inherits the gateway's condition": {
			{"A", pending, pending}, {"A", missing, missing}, {"A", served, served},
		},
		"what every pod serves stays live while others' changes travel": {
			{"A", served, served}, {"A", pending, served}, {"A", missing, served}, {"A", rejected, served},
		},
		"what changes inherits the gateway's condition": {
			{"A", served, served}, {"B", pending, pending}, {"B", rejected, rejected}, {"B", served, served}, {"B", pending, served},
		},
		"what changes back travels too, as some pods may have had the change": {
			{"A", served, served}, {"B", pending, pending}, {"A", pending, pending}, {"A", served, served},
		},
		"what is kept out is not served": {
			{"A", served, served}, {"", pending, notServed}, {"", served, notServed},
		},
		"what was kept out travels when it comes back": {
			{"A", served, served}, {"", served, notServed}, {"A", pending, pending}, {"A", served, served},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			var report status.Report
			for i, s := range steps {
				report = status.Attachments(report, compiled(s.content), s.gateway, status.Programming{})
				for kind, name := range map[status.Kind]string{status.Providers: "llm", status.Routes: "smart", status.Keys: "alice"} {
					got := report.Attachments[kind][named(name)]
					if diff := cmp.Diff(s.want, got.Programmed); diff != "" {
						t.Errorf("step %d, %s (-want +got):\n%s", i, kind, diff)
					}
				}
			}
		})
	}
}

func TestAttachmentsThatGoAreForgotten(t *testing.T) {
	report := status.Attachments(status.Report{}, compiled("A"), served, status.Programming{})
	report = status.Attachments(report, compiler.Output{}, served, status.Programming{})
	for kind, attachments := range report.Attachments {
		if len(attachments) != 0 {
			t.Errorf("%s: %+v", kind, attachments)
		}
	}
	report = status.Attachments(report, compiled("A"), pending, status.Programming{})
	if got := report.Attachments[status.Providers][named("llm")].Programmed; got != pending {
		t.Errorf("what comes again is %+v at once", got)
	}
}

func TestAReportNamesThePodsInOrder(t *testing.T) {
	report := status.Attachments(status.Report{}, compiled("A"), served, status.Programming{Pods: []status.Pod{{Name: "b", UID: "1"}, {Name: "a", UID: "3"}, {Name: "a", UID: "2"}}})
	want := []status.PodName{{Name: "a", UID: "2"}, {Name: "a", UID: "3"}, {Name: "b", UID: "1"}}
	if diff := cmp.Diff(want, report.Pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
}

// A route without some of its targets is served, and a user has to mend it.
func TestWhatIsServedInPart(t *testing.T) {
	partial := compiler.Verdict{Generation: 1, Content: "A", Partial: true,
		ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonModelNotFound, Message: "spec.targets[1]: no such model"}}
	out := compiler.Output{Routes: compiler.Verdicts{named("smart"): &partial}}
	tests := map[string]struct {
		gateway status.Condition
		want    map[string]string
	}{
		"it is programmed and not ready": {served, map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "False/ModelNotFound",
			"Programmed": "True/Programmed", "Ready": "False/ModelNotFound", "Stalled": "True/ModelNotFound"}},
		"it inherits the gateway's condition": {pending, map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "False/ModelNotFound",
			"Programmed": "False/Pending", "Ready": "False/ModelNotFound", "Stalled": "True/ModelNotFound"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := status.Attachments(status.Report{}, out, test.gateway, status.Programming{}).Attachments[status.Routes][named("smart")]
			got := status.ForAttached(1, now, []status.AttachedTo{{Gateway: named("main"), Exists: true, Attachment: a}}, v1alpha1.AttachedStatus{})
			if diff := cmp.Diff(test.want, short(got.Conditions)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// on is a gateway that exists and says this.
func on(gateway string, programmed status.Condition, edit ...func(*compiler.Verdict)) status.AttachedTo {
	a := status.AttachedTo{Gateway: named(gateway), Exists: true, Attachment: status.Attachment{Verdict: &compiler.Verdict{}, Programmed: programmed}}
	for _, e := range edit {
		e(a.Attachment.Verdict)
	}
	return a
}

func TestConditionsOfAnAttachedResource(t *testing.T) {
	unresolved := func(v *compiler.Verdict) { v.ResolvedRefs = noSecret }
	unaccepted := func(v *compiler.Verdict) { v.Accepted = invalidURL }
	conflicted := func(v *compiler.Verdict) { v.Conflicted = duplicate }
	tests := map[string]struct {
		refs []status.AttachedTo
		want map[string]string
	}{
		"served by its gateway": {
			[]status.AttachedTo{on("a", served)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed",
				"Ready": "True/Ready", "Stalled": "False/Progressing"},
		},
		"served by one of two": {
			[]status.AttachedTo{on("a", served), on("b", pending)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "False/Pending",
				"Ready": "False/Pending", "Stalled": "False/Progressing"},
		},
		"the first gateway that is not good is told": {
			[]status.AttachedTo{on("a", served), on("b", missing), on("c", pending)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "Unknown/AckMissing",
				"Ready": "Unknown/AckMissing", "Stalled": "False/Progressing"},
		},
		"a missing gateway stalls": {
			[]status.AttachedTo{on("a", served), {Gateway: named("gone")}},
			map[string]string{"Accepted": "Unknown/GatewayNotFound", "ResolvedRefs": "False/GatewayNotFound",
				"Programmed": "False/GatewayNotFound", "Ready": "False/GatewayNotFound", "Stalled": "True/GatewayNotFound"},
		},
		"an unresolved reference stalls": {
			[]status.AttachedTo{on("a", notServed, unresolved)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "False/SecretNotFound", "Programmed": "False/Invalid",
				"Ready": "False/SecretNotFound", "Stalled": "True/SecretNotFound"},
		},
		"what does not compile stalls": {
			[]status.AttachedTo{on("a", notServed, unaccepted)},
			map[string]string{"Accepted": "False/Invalid", "ResolvedRefs": "True/Resolved", "Programmed": "False/Invalid",
				"Ready": "False/Invalid", "Stalled": "True/Invalid"},
		},
		"a rejection stalls": {
			[]status.AttachedTo{on("a", rejected)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "False/Rejected",
				"Ready": "False/Rejected", "Stalled": "True/Rejected"},
		},
		"a conflict is served in part, is not ready and stalls": {
			[]status.AttachedTo{on("a", served, conflicted)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed",
				"Ready": "False/DuplicateModel", "Stalled": "True/DuplicateModel"},
		},
		"what is not served is told before a conflict": {
			[]status.AttachedTo{on("a", served, conflicted), on("b", pending)},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "False/Pending",
				"Ready": "False/Pending", "Stalled": "True/DuplicateModel"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := status.ForAttached(2, now, test.refs, v1alpha1.AttachedStatus{})
			if diff := cmp.Diff(test.want, short(got.Conditions)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if got.ObservedGeneration != 2 || len(got.Gateways) != len(test.refs) {
				t.Errorf("observedGeneration %d, %d gateways", got.ObservedGeneration, len(got.Gateways))
			}
			for i, g := range got.Gateways {
				if g.Name != test.refs[i].Gateway.Name || g.Namespace != "team" {
					t.Errorf("gateway %d is %s/%s", i, g.Namespace, g.Name)
				}
			}
			later := status.ForAttached(2, now.Add(time.Hour), test.refs, got)
			if diff := cmp.Diff(got, later); diff != "" {
				t.Errorf("the same facts an hour later (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEachGatewayHasItsWord(t *testing.T) {
	got := status.ForAttached(2, now, []status.AttachedTo{
		on("a", served), on("b", notServed, func(v *compiler.Verdict) { v.ResolvedRefs = noSecret }), {Gateway: named("gone")},
	}, v1alpha1.AttachedStatus{})
	want := []map[string]string{
		{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed"},
		{"Accepted": "True/Accepted", "ResolvedRefs": "False/SecretNotFound", "Programmed": "False/Invalid"},
		{"Accepted": "Unknown/GatewayNotFound", "ResolvedRefs": "False/GatewayNotFound", "Programmed": "False/GatewayNotFound"},
	}
	for i, g := range got.Gateways {
		if diff := cmp.Diff(want[i], short(g.Conditions)); diff != "" {
			t.Errorf("gateway %s (-want +got):\n%s", g.Name, diff)
		}
	}
	if message := find(t, got.Gateways[2].Conditions, v1alpha1.ResolvedRefs).Message; message != "spec.gatewayRefs: SparkGateway team/gone does not exist" {
		t.Errorf("message %q", message)
	}
}

func TestConflictedIsPresentOnlyWhileThereIsAConflict(t *testing.T) {
	conflict := on("a", served, func(v *compiler.Verdict) { v.Conflicted = duplicate })
	first := status.ForAttached(2, now, []status.AttachedTo{conflict, on("b", served)}, v1alpha1.AttachedStatus{})
	c := find(t, first.Gateways[0].Conditions, v1alpha1.Conflicted)
	if c.Status != metav1.ConditionTrue || c.Message != duplicate.Message {
		t.Errorf("condition %+v", c)
	}
	if _, there := short(first.Gateways[1].Conditions)["Conflicted"]; there {
		t.Error("the other gateway has a conflict too")
	}
	next := status.ForAttached(2, now, []status.AttachedTo{on("a", served), on("b", served)}, first)
	if _, there := short(next.Gateways[0].Conditions)["Conflicted"]; there {
		t.Error("Conflicted stays when the conflict is over")
	}
	if find(t, next.Conditions, v1alpha1.Ready).Status != metav1.ConditionTrue {
		t.Error("Ready does not come back")
	}
	if _, there := short(first.Gateways[0].Conditions)["Conflicted"]; !there {
		t.Error("the previous status was changed")
	}
}

func TestTimesOfTransitionsOnEachGateway(t *testing.T) {
	first := status.ForAttached(2, now, []status.AttachedTo{on("a", served), on("b", served)}, v1alpha1.AttachedStatus{})
	then := now.Add(time.Minute)
	// The order of references changes, and one gateway falls back.
	next := status.ForAttached(3, then, []status.AttachedTo{on("b", pending), on("a", served)}, first)
	for i, want := range []time.Time{then, now} {
		if got := find(t, next.Gateways[i].Conditions, v1alpha1.Programmed).LastTransitionTime.Time; !got.Equal(want) {
			t.Errorf("Programmed on %s changed at %s, want %s", next.Gateways[i].Name, got, want)
		}
	}
	if got := find(t, next.Conditions, v1alpha1.Accepted).LastTransitionTime.Time; !got.Equal(now) {
		t.Errorf("Accepted changed at %s", got)
	}
	gone := status.ForAttached(4, then, []status.AttachedTo{on("a", served)}, next)
	if len(gone.Gateways) != 1 || gone.Gateways[0].Name != "a" {
		t.Errorf("a gateway that is no longer named stays: %+v", gone.Gateways)
	}
}
