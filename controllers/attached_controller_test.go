// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/status"
)

// attachedStatus gives what every kind's status has.
func attachedStatus(o client.Object) v1alpha1.AttachedStatus {
	switch o := o.(type) {
	case *v1alpha1.ProviderPolicy:
		return o.Status.AttachedStatus
	case *v1alpha1.ModelRoute:
		return o.Status.AttachedStatus
	case *v1alpha1.APIKey:
		return o.Status.AttachedStatus
	case *v1alpha1.UsagePolicy:
		return o.Status.AttachedStatus
	}
	return v1alpha1.AttachedStatus{}
}

// attachables are one resource of each kind, by kind.
func attachables() map[status.Kind]client.Object {
	return map[status.Kind]client.Object{
		status.Providers: policy("it"), status.Routes: modelRoute("it"), status.Keys: apiKey("it"),
		status.Policies: usagePolicy("it")}
}

// Every kind's status is told in the same way.
func TestStatusOfWhatAttaches(t *testing.T) {
	good := compiler.Verdict{Generation: 1, Content: "A"}
	tests := map[string]struct {
		prepare func(b *attachedBed, kind status.Kind)
		want    string
	}{
		"what the gateway serves": {
			func(b *attachedBed, kind status.Kind) { b.publish(kind, "it", good) }, "True/Ready"},
		"what the gateway does not serve": {
			func(b *attachedBed, kind status.Kind) {
				b.publish(kind, "it", compiler.Verdict{Generation: 1, Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: "no"}})
			}, "False/Invalid"},
		"what another claimed first": {
			func(b *attachedBed, kind status.Kind) {
				b.publish(kind, "it", compiler.Verdict{Generation: 1, Content: "A", Conflicted: compiler.Finding{
					Reason: v1alpha1.ReasonDuplicateRoute, Message: `spec.models[0]: "it" is served by the older ModelRoute team/elder`}})
			}, "False/DuplicateRoute"},
		"what is served in part": {
			func(b *attachedBed, kind status.Kind) {
				b.publish(kind, "it", compiler.Verdict{Generation: 1, Content: "A", Partial: true,
					ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonProviderNotFound, Message: "spec.targets[0]: no"}})
			}, "False/ProviderNotFound"},
		"a gateway that has not spoken yet says nothing": {func(*attachedBed, status.Kind) {}, "/"},
		"a gateway that has spoken of an older generation says nothing": {
			func(b *attachedBed, kind status.Kind) { b.publish(kind, "it", compiler.Verdict{Content: "A"}) }, "/"},
		"a gateway that does not exist is told": {
			func(b *attachedBed, _ status.Kind) {
				if err := b.client.Delete(b.Context(), sparkGateway()); err != nil {
					b.Fatal(err)
				}
			}, "False/GatewayNotFound"},
	}
	for name, test := range tests {
		for kind, o := range attachables() {
			t.Run(name+", "+string(kind), func(t *testing.T) {
				b := newAttachedBed(t, sparkGateway(), o)
				test.prepare(b, kind)
				writes, _ := b.reconcile(kind, o)
				ready := conditionOf(attachedStatus(o).Conditions, v1alpha1.Ready)
				if got := string(ready.Status) + "/" + ready.Reason; got != test.want {
					t.Errorf("Ready is %s, want %s", got, test.want)
				}
				if told := test.want != "/"; told != (writes == 1) {
					t.Errorf("%d writes", writes)
				}
				b.now = b.now.Add(time.Hour)
				if writes, wait := b.reconcile(kind, o); writes != 0 || wait != 0 {
					t.Errorf("the second time there are %d writes, and a wait of %s", writes, wait)
				}
			})
		}
	}
}

func TestAConflictNamesTheWinner(t *testing.T) {
	o := modelRoute("smart")
	b := newAttachedBed(t, sparkGateway(), o)
	const winner = `spec.models[0]: "smart" is served by the older ModelRoute team/elder`
	b.publish(status.Routes, "smart", compiler.Verdict{Generation: 1, Content: "A",
		Conflicted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateRoute, Message: winner}})
	b.reconcile(status.Routes, o)
	c := conditionOf(o.Status.Gateways[0].Conditions, v1alpha1.Conflicted)
	if c.Status != metav1.ConditionTrue || c.Message != winner {
		t.Errorf("Conflicted is %s: %s", c.Status, c.Message)
	}
	if diff := cmp.Diff([]string{"Warning DuplicateRoute " + winner}, b.news()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestAFailedWriteIsTriedAgain(t *testing.T) {
	for kind, o := range attachables() {
		t.Run(string(kind), func(t *testing.T) {
			b := newAttachedBed(t, sparkGateway(), o)
			b.publish(kind, "it", compiler.Verdict{Generation: 1, Content: "A"})
			b.fail = func(string, any) error { return errors.New("etcd is slow") }
			request := ctrl.Request{NamespacedName: inTeam("it")}
			if _, err := b.by[kind].Reconcile(t.Context(), request); err == nil {
				t.Error("no error, and so no retry")
			}
			b.fail = func(string, any) error { return nil }
			if writes, _ := b.reconcile(kind, o); writes != 1 {
				t.Errorf("%d writes", writes)
			}
		})
	}
}

func TestWhatIsGoneIsLeftAlone(t *testing.T) {
	for kind, o := range attachables() {
		b := newAttachedBed(t, sparkGateway())
		b.publish(kind, "it", compiler.Verdict{Generation: 1, Content: "A"})
		if writes, wait := b.reconcile(kind, o); writes != 0 || wait != 0 {
			t.Errorf("%s: %d writes, a wait of %s", kind, writes, wait)
		}
	}
}

func TestAKeyIsGeneratedAndToldOnceTheGatewayHasSeenIt(t *testing.T) {
	o := apiKey("it")
	o.Spec.SecretRef = nil
	b := newAttachedBed(t, sparkGateway(), o)
	b.publish(status.Keys, "it", compiler.Verdict{Generation: 1, ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: "no Secret"}})
	b.reconcile(status.Keys, o)
	if len(o.Status.Conditions) != 0 {
		t.Errorf("told of a Secret that is on its way: %+v", o.Status)
	}
	b.publish(status.Keys, "it", compiler.Verdict{Generation: 1, Content: "A", Prefix: "spark-ab…"})
	b.reconcile(status.Keys, o)
	if o.Status.Prefix != "spark-ab…" || o.Status.SecretName != "it-key" {
		t.Errorf("status %+v", o.Status)
	}
}

// A change of any of them, or of a Secret, bears on their gateways; a gateway that comes or goes bears on them.
func TestWatchesOfWhatAttaches(t *testing.T) {
	provider, route, key := policy("llm"), modelRoute("smart"), apiKey("alice")
	elsewhere := modelRoute("elsewhere")
	elsewhere.Spec.GatewayRefs = []v1alpha1.GatewayReference{{Name: "other"}}
	m := mapping{newAttachedBed(t, sparkGateway(), provider, route, key, elsewhere, keySecret("llm")).client}
	tests := map[string]struct {
		got  []ctrl.Request
		want string
	}{
		"a route":                      {m.attached(t.Context(), route), "team/main"},
		"a Secret that a provider has": {m.secret(t.Context(), keySecret("llm")), "team/main"},
		"a Secret that a key has":      {m.secret(t.Context(), keySecret("alice")), "team/main"},
		"a Secret that nobody has":     {m.secret(t.Context(), keySecret("nobody")), ""},
		"a gateway with providers":     {m.attachedTo(&v1alpha1.ProviderPolicyList{})(t.Context(), sparkGateway()), "team/llm"},
		"a gateway with routes":        {m.attachedTo(&v1alpha1.ModelRouteList{})(t.Context(), sparkGateway()), "team/smart"},
		"a gateway with keys":          {m.attachedTo(&v1alpha1.APIKeyList{})(t.Context(), sparkGateway()), "team/alice"},
	}
	for name, test := range tests {
		got := ""
		for _, r := range test.got {
			got += r.String()
		}
		if got != test.want {
			t.Errorf("%s maps to %q, want %q", name, got, test.want)
		}
	}
}

// Routes reach the compiler, and what it says of them the board.
func TestAGatewayServesItsRoutes(t *testing.T) {
	leaving := modelRoute("leaving")
	leaving.DeletionTimestamp, leaving.Finalizers = &metav1.Time{Time: noon}, []string{"x"}
	b := newBed(t, sparkGateway(), policy("llm"), keySecret("llm"), modelRoute("smart"), leaving)
	s := b.mustReconcile()
	verdicts := b.gateways.Board.Report(main).Attachments[status.Routes]
	if _, there := verdicts[inTeam("smart")]; !there || len(verdicts) != 1 {
		t.Errorf("verdicts %+v", verdicts)
	}
	if want := (v1alpha1.AttachedCounts{Providers: 1, Routes: 1}); *s.Attached != want {
		t.Errorf("attached %+v, want %+v", *s.Attached, want)
	}
}
