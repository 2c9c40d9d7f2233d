// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// nobody is a provider at whose address nothing listens.
const (
	nobody       = "nobody"
	nobodyListen = `
---
apiVersion: v1
kind: Service
metadata: {name: ` + nobody + `}
spec:
  selector: {app: ` + nobody + `}
  ports: [{port: 9000}]
`
)

// A route that is changed under load in each of its fields fails no request, restarts no pod and forgets nothing of what
// is known of providers; each change is in force when it is told to be.
func TestChangingARouteUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	everyFieldIsEdited(t)
	s := newSpace(t)
	l := s.stage(nobodyListen +
		strings.Replace(policyOf(primary), "models: [", "models: [{name: also-of-primary, upstream: fake-model}, ", 1) +
		policyOf(backup) + policyOf(nobody, "  circuitBreaker: {consecutiveFailures: 3, openFor: 1h}") +
		routeOf("smart", "smart", primary, backup) + routeOf("doomed", "doomed", nobody, primary))
	pods := s.pods("main")
	since := l.opens(nobody, len(pods))
	tried := s.attemptsAt(nobody)
	if tried == 0 {
		t.Fatal("the access log tells of no attempt at the provider that does not answer")
	}

	under := l.smartly()
	under.goesOn(50)
	var took []time.Duration
	for _, edit := range routeEdits(s.name) {
		took = append(took, s.changes("smart", edit))
		under.goesOn(20)
		if status, _ := s.health(nobody); status.Breaker != v1alpha1.BreakerOpen || !status.Traffic[0].Since.Equal(since) {
			t.Errorf("once %s the breaker of %s is %s since %s, was Open since %s", edit.what, nobody, status.Breaker, status.Traffic[0].Since, since)
		}
	}
	total := under.stop().Total()
	if wrong := faultless(total); wrong != "" {
		t.Error(wrong)
	}
	s.untouched("main", pods)
	if again := s.attemptsAt(nobody); again != tried {
		t.Errorf("%d attempts at a provider whose breaker is open, %d before it was", again-tried, tried)
	}
	slices.Sort(took)
	t.Logf("%s", figures(total))
	t.Logf("%d edits, from sending one to Programmed=True of its generation: median %s, max %s",
		len(took), millis(load.Quantile(took, 0.5)), millis(took[len(took)-1]))
}

// opens has the breaker of a provider opened in every pod, by requests for the model doomed that are answered by the
// next target, and gives since when it is open.
func (l *loader) opens(provider string, pods int) *metav1.Time {
	l.s.Helper()
	doomed := l.begin(load.Spec{
		Targets: l.s.addresses("main"), Rate: 20, Count: 15, Key: l.s.apiKey("alice"), Model: "doomed", Steer: "tokens=3",
	})
	var status v1alpha1.ProviderPolicyStatus
	eventually(l.s, 15*time.Second, func() string {
		if status, _ = l.s.health(provider); len(status.Traffic) != 1 || strings.Count(status.Traffic[0].Message, " is open in pod ") != pods {
			return fmt.Sprintf("breakers are %s: %+v", status.Breaker, status.Traffic)
		}
		return ""
	})
	if wrong := faultless(doomed.ended().Total()); wrong != "" {
		l.s.Error(wrong)
	}
	return status.Traffic[0].Since
}

// attemptsAt counts what the access log tells of attempts at a provider.
func (s *space) attemptsAt(provider string) int {
	s.Helper()
	n := 0
	for _, said := range s.accessLog("main") {
		if len(said.Attempts) == 0 && said.Provider == s.name+"/"+provider {
			n++
		}
		for _, a := range said.Attempts {
			if a.Provider == s.name+"/"+provider {
				n++
			}
		}
	}
	return n
}

// changes edits a route, and waits until it is told that every pod serves the edit.
func (s *space) changes(name string, edit routeEdit) time.Duration {
	s.Helper()
	route := get(s, name, &v1alpha1.ModelRoute{})
	before := route.DeepCopy()
	edit.do(&route.Spec)
	start := time.Now()
	if err := on.Patch(s.Context(), route, client.MergeFrom(before)); err != nil {
		s.Fatalf("%s: %v", edit.what, err)
	}
	if route.Generation == before.Generation {
		s.Errorf("%s: nothing has changed", edit.what)
	}
	eventually(s, 10*time.Second, func() string {
		c := s.condition(&v1alpha1.ModelRoute{}, name, v1alpha1.Programmed)
		if c.ObservedGeneration < route.Generation || c.Status != metav1.ConditionTrue {
			return fmt.Sprintf("%s: Programmed is %s/%s of generation %d: %s", edit.what, c.Status, c.Reason, c.ObservedGeneration, c.Message)
		}
		return ""
	})
	return time.Since(start)
}

// Of routes with the same name the oldest has it, and the others are told whose it is; it is theirs when that one goes.
// A target that does not exist is told, and the others serve.
func TestTheLoserOfAConflictIsTold(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	l := s.stage(policyOf(primary) + policyOf(backup) + routeOf("first", "smart", primary))
	s.apply(routeOf("second", "smart, clever", backup))
	s.says("second", v1alpha1.Conflicted, "True", v1alpha1.ReasonDuplicateRoute, `spec.models[0]: "smart" is served by the older ModelRoute NAMESPACE/first`)
	s.says("second", v1alpha1.Ready, "False", v1alpha1.ReasonDuplicateRoute, `spec.models[0]: "smart" is served by the older ModelRoute NAMESPACE/first`)
	s.says("second", v1alpha1.Accepted, "True", v1alpha1.ReasonAccepted, "the resource compiles")
	s.apply(routeOf("third", "smart", backup))
	s.says("third", v1alpha1.Accepted, "False", v1alpha1.ReasonDuplicateRoute, `spec.models[0]: "smart" is served by the older ModelRoute NAMESPACE/first`)
	s.says("first", v1alpha1.Ready, "True", v1alpha1.ReasonReady, "served by every gateway")
	l.isServedBy(map[string]string{"smart": primary, "clever": backup})
	s.table("modelroutes", "NAME", "MODELS", "READY", "REASON", "AGE")

	start := time.Now()
	s.kubectl("delete", "modelroute/first")
	s.waitFor("Ready", "modelroute/second")
	l.isServedBy(map[string]string{"smart": backup, "clever": backup})
	t.Logf("the name was handed over %s after its owner was deleted", millis(time.Since(start)))
	s.says("second", v1alpha1.Conflicted, "", "", "")
	s.says("third", v1alpha1.Accepted, "False", v1alpha1.ReasonDuplicateRoute, `spec.models[0]: "smart" is served by the older ModelRoute NAMESPACE/second`)

	s.apply(routeOf("partial", "partial", "later", backup))
	const missing = "spec.targets[0].providerRef: ProviderPolicy NAMESPACE/later does not exist or does not attach to SparkGateway NAMESPACE/main"
	s.says("partial", v1alpha1.ResolvedRefs, "False", v1alpha1.ReasonProviderNotFound, missing)
	s.says("partial", v1alpha1.Ready, "False", v1alpha1.ReasonProviderNotFound, missing)
	s.says("partial", v1alpha1.Programmed, "True", v1alpha1.ReasonProgrammed, "every pod serves this resource")
	l.isServedBy(map[string]string{"partial": backup})
	s.apply(strings.Replace(policyOf("later"), "later.NAMESPACE", primary+".NAMESPACE", 1))
	s.waitFor("Ready", "modelroute/partial")
	l.isServedBy(map[string]string{"partial": primary})
}

// says waits for what a route's condition says; without a status, until there is none.
func (s *space) says(route string, condition v1alpha1.ConditionType, status metav1.ConditionStatus, reason v1alpha1.Reason, message string) {
	s.Helper()
	eventually(s, 10*time.Second, func() string {
		r := get(s, route, &v1alpha1.ModelRoute{})
		list := r.Status.Conditions
		if condition == v1alpha1.Conflicted && len(r.Status.Gateways) > 0 {
			list = r.Status.Gateways[0].Conditions // it stands nowhere else
		}
		c := find(list, condition)
		if c.Status != status || c.Reason != string(reason) || c.Message != s.fill(message) {
			return fmt.Sprintf("%s of %s is %s/%s: %q, want %s/%s: %q", condition, route, c.Status, c.Reason, c.Message, status, reason, s.fill(message))
		}
		return ""
	})
}

// isServedBy checks which provider answers for each model.
func (l *loader) isServedBy(want map[string]string) {
	l.s.Helper()
	for model, provider := range want {
		if got := l.servedBy(model); !slices.Equal(got, []string{provider}) {
			l.s.Errorf("%s is served by %q, want %s", model, got, provider)
		}
	}
}
