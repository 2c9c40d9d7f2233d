// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/status"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// short gives conditions as "status/reason", by type.
func short(conditions []metav1.Condition) map[string]string {
	out := map[string]string{}
	for _, c := range conditions {
		out[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return out
}

func find(t *testing.T, conditions []metav1.Condition, kind v1alpha1.ConditionType) metav1.Condition {
	t.Helper()
	for _, c := range conditions {
		if c.Type == string(kind) {
			return c
		}
	}
	t.Fatalf("no condition %s among %v", kind, short(conditions))
	return metav1.Condition{}
}

// good is a gateway about which nothing is wrong.
func good(edits ...func(*status.Gateway)) status.Gateway {
	g := status.Gateway{
		Generation: 4, Now: now, Programming: programming(current("a")), Available: ptr.To(true), Desired: 1,
		URL: "http://main.team.svc:8080", Attached: v1alpha1.AttachedCounts{Providers: 2, Keys: 3, Refused: 1},
		Limiting: status.Limiting{Pods: []status.PodSharing{{Pod: "a", Told: true}}},
	}
	for _, edit := range edits {
		edit(&g)
	}
	return g
}

func TestConditionsOfAGateway(t *testing.T) {
	tests := map[string]struct {
		edit func(*status.Gateway)
		want map[string]string
	}{
		"all is well": {
			func(*status.Gateway) {},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed",
				"Available": "True/Available", "Ready": "True/Ready", "Stalled": "False/Progressing"},
		},
		"what is not accepted stalls": {
			func(g *status.Gateway) {
				g.Verdict.Accepted = compiler.Finding{Reason: v1alpha1.ReasonConfigTooLarge, Message: "too large"}
				g.Programming.Invalid, g.Programming.Served = true, former
			},
			map[string]string{"Accepted": "False/ConfigTooLarge", "ResolvedRefs": "True/Resolved", "Programmed": "False/Invalid",
				"Available": "True/Available", "Ready": "False/ConfigTooLarge", "Stalled": "True/ConfigTooLarge"},
		},
		"what does not resolve stalls": {
			func(g *status.Gateway) {
				g.Verdict.ResolvedRefs = compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: "no Secret"}
				g.Programming.Invalid = true
			},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "False/SecretNotFound", "Programmed": "False/Invalid",
				"Available": "True/Available", "Ready": "False/SecretNotFound", "Stalled": "True/SecretNotFound"},
		},
		"what is served without does not resolve, and is programmed": {
			func(g *status.Gateway) {
				g.Verdict.ResolvedRefs = compiler.Finding{Reason: v1alpha1.ReasonProviderNotFound, Message: "no embeddings"}
				g.Verdict.Partial = true
			},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "False/ProviderNotFound", "Programmed": "True/Programmed",
				"Available": "True/Available", "Ready": "False/ProviderNotFound", "Stalled": "True/ProviderNotFound"},
		},
		"waiting for pods does not stall": {
			func(g *status.Gateway) { g.Programming.Pods = []status.Pod{behind("a")} },
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "False/Pending",
				"Available": "True/Available", "Ready": "False/Pending", "Stalled": "False/Progressing"},
		},
		"a silent pod makes Ready Unknown and does not stall": {
			func(g *status.Gateway) {
				g.Programming.Pods = []status.Pod{silent(current("a"), time.Hour, "gone")}
			},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "Unknown/AckMissing",
				"Available": "True/Available", "Ready": "Unknown/AckMissing", "Stalled": "False/Progressing"},
		},
		"a rejection stalls": {
			func(g *status.Gateway) { g.Programming.Pods = []status.Pod{rejects("a", "no")} },
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "False/Rejected",
				"Available": "True/Available", "Ready": "False/Rejected", "Stalled": "True/Rejected"},
		},
		"an object of another's making stalls": {
			func(g *status.Gateway) {
				g.Programming.Blocked = &status.Blocked{Reason: v1alpha1.ReasonChildConflict, Message: "in the way"}
			},
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "False/ChildConflict",
				"Available": "True/Available", "Ready": "False/ChildConflict", "Stalled": "True/ChildConflict"},
		},
		"a Deployment that has too few pods is not available": {
			func(g *status.Gateway) { g.Available = ptr.To(false) },
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed",
				"Available": "False/Unavailable", "Ready": "False/Unavailable", "Stalled": "False/Progressing"},
		},
		"a Deployment that does not exist is not available": {
			func(g *status.Gateway) { g.Available = nil },
			map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed",
				"Available": "False/Unavailable", "Ready": "False/Unavailable", "Stalled": "False/Progressing"},
		},
		"what cannot be read is told, and nothing else": {
			func(g *status.Gateway) { g.Unread = "could not read the gateway's own objects" },
			map[string]string{"Programmed": "Unknown/Unreadable", "Ready": "Unknown/Unreadable"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := forGateway(good(test.edit), v1alpha1.SparkGatewayStatus{})
			conditions := short(got.Conditions)
			if limits := conditions["LimitsEnforced"]; limits != "True/Local" && conditions["Ready"] != "Unknown/Unreadable" {
				t.Errorf("LimitsEnforced is %s", limits)
			}
			delete(conditions, "LimitsEnforced")
			if diff := cmp.Diff(test.want, conditions); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			for _, c := range got.Conditions {
				if c.ObservedGeneration != 4 || !c.LastTransitionTime.Time.Equal(now) || c.Message == "" {
					t.Errorf("condition %+v", c)
				}
			}
			if got.ObservedGeneration != 4 {
				t.Errorf("observedGeneration %d", got.ObservedGeneration)
			}
		})
	}
}

// forGateway gives the status alone.
func forGateway(f status.Gateway, previous v1alpha1.SparkGatewayStatus) v1alpha1.SparkGatewayStatus {
	next, _ := status.ForGateway(f, previous)
	return next
}

func TestTheRestOfAGatewaysStatus(t *testing.T) {
	got := forGateway(good(), v1alpha1.SparkGatewayStatus{})
	got.Conditions = nil
	want := v1alpha1.SparkGatewayStatus{
		ObservedGeneration: 4, Revision: "aaaaaaaa", URL: "http://main.team.svc:8080",
		Pods:     &v1alpha1.PodCounts{Summary: "1/1/1", Programmed: 1, Ready: 1, Desired: 1},
		Attached: &v1alpha1.AttachedCounts{Providers: 2, Keys: 3, Refused: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	invalid := forGateway(good(func(g *status.Gateway) { g.Programming.Invalid, g.Programming.Served = true, former }), got)
	if invalid.Revision != "ffffffff" {
		t.Errorf("a gateway that is not accepted shows revision %s, want that which is served", invalid.Revision)
	}
}

func TestTheSameFactsGiveTheSameStatus(t *testing.T) {
	first := forGateway(good(), v1alpha1.SparkGatewayStatus{})
	later := good(func(g *status.Gateway) { g.Now = now.Add(time.Hour) })
	if diff := cmp.Diff(first, forGateway(later, first)); diff != "" {
		t.Errorf("an hour later (-want +got):\n%s", diff)
	}
}

func TestTimesOfTransitions(t *testing.T) {
	first := forGateway(good(), v1alpha1.SparkGatewayStatus{})
	then := now.Add(time.Minute)
	next := forGateway(good(func(g *status.Gateway) {
		g.Now, g.Generation, g.Programming.Pods = then, 5, []status.Pod{behind("a")}
	}), first)
	for kind, want := range map[v1alpha1.ConditionType]time.Time{
		v1alpha1.Accepted: now, v1alpha1.Available: now, v1alpha1.Programmed: then, v1alpha1.Ready: then, v1alpha1.Stalled: now,
	} {
		c := find(t, next.Conditions, kind)
		if !c.LastTransitionTime.Time.Equal(want) {
			t.Errorf("%s changed at %s, want %s", kind, c.LastTransitionTime, want)
		}
		if c.ObservedGeneration != 5 {
			t.Errorf("%s observed generation %d", kind, c.ObservedGeneration)
		}
	}
	if find(t, first.Conditions, v1alpha1.Programmed).Status != metav1.ConditionTrue {
		t.Error("the previous status was changed")
	}
}

func TestWhatCannotBeReadLeavesTheRest(t *testing.T) {
	first := forGateway(good(), v1alpha1.SparkGatewayStatus{})
	unread := forGateway(good(func(g *status.Gateway) { g.Unread, g.Generation = "could not read", 5 }), first)
	want := map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "Unknown/Unreadable",
		"LimitsEnforced": "True/Local",
		"Available":      "True/Available", "Ready": "Unknown/Unreadable", "Stalled": "False/Progressing"}
	if diff := cmp.Diff(want, short(unread.Conditions)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if got := find(t, unread.Conditions, v1alpha1.Accepted).ObservedGeneration; got != 4 {
		t.Errorf("Accepted claims to have observed generation %d", got)
	}
	if diff := cmp.Diff(first.Pods, unread.Pods); diff != "" || unread.Revision != first.Revision {
		t.Errorf("the rest changed: %s", diff)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"of one byte a character":      strings.Repeat("a", 5000),
		"of several bytes a character": strings.Repeat("a", 20) + strings.Repeat("é…𝛼", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			got := forGateway(good(func(g *status.Gateway) {
				g.Verdict.Accepted = compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: text}
			}), v1alpha1.SparkGatewayStatus{})
			for _, c := range got.Conditions {
				if len(c.Message) > 1<<10 || !utf8.ValidString(c.Message) {
					t.Errorf("%s has a message of %d bytes", c.Type, len(c.Message))
				}
			}
			message := find(t, got.Conditions, v1alpha1.Ready).Message
			if len(message) < 1<<10-8 || !strings.HasSuffix(message, "…") {
				t.Errorf("the message was cut to %d bytes, ending in %q", len(message), message[len(message)-4:])
			}
		})
	}
}

func TestURL(t *testing.T) {
	gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main"}}
	if got := status.URL(gw, 8080); got != "http://main.team.svc:8080" {
		t.Errorf("URL %s", got)
	}
	gw.Spec.Listener = &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{}}
	if got := status.URL(gw, 8443); got != "https://main.team.svc:8443" {
		t.Errorf("URL %s", got)
	}
}
