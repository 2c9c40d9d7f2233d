// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	// toldWithin is how long after it began an outage may be unknown to a status.
	toldWithin = 5 * time.Second
	// openFor is how long the breakers of these tests stay open.
	openFor = 5 * time.Second
	// minute is how far the figures of a provider look back, and how late they may be told.
	minute = 60*time.Second + 30*time.Second
	// atRest is how long a status is watched where nothing happens.
	atRest = 20 * time.Second
)

// A provider that goes down fails no request of a route that has another one; the status says so within seconds, on the
// provider, and says when it is over. Then it rests.
func TestABreakerIsToldWithinSeconds(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	l := s.stage(policyOf(primary, fmt.Sprintf("  circuitBreaker: {consecutiveFailures: 3, openFor: %s}", openFor)) +
		policyOf(backup) + routeOf("smart", "smart", primary, backup))
	pods := s.pods("main")
	under := l.smartly()
	under.goesOn(300)

	start := time.Now()
	// Streams under way end well, as nothing could save them; whatever comes anew is broken off.
	s.script(primary, fakeprovider.Rule{Path: "*", Fault: "reset-before-headers"})
	s.tellsOfOutage(start, pods)
	under.goesOn(50)
	s.kubectl("scale", "deployment/"+primary, "--replicas=0", "--timeout=30s")
	s.kubectl("wait", "--for=delete", "--timeout=30s", "pod", "-l", "app="+primary)
	// It is tried again, in vain, while there is nothing at its address.
	under.goesOn(700)
	if status, healthy := s.health(primary); status.Breaker == v1alpha1.BreakerClosed || healthy.Status == metav1.ConditionTrue {
		t.Errorf("with its pod gone the breaker is %s, Healthy %s/%s", status.Breaker, healthy.Status, healthy.Reason)
	}
	s.listsOutage()

	s.kubectl("scale", "deployment/"+primary, "--replicas=1")
	s.kubectl("rollout", "status", "deployment/"+primary, "--timeout=60s")
	l.reaches(fmt.Sprintf("http://%s.%s.svc:9000/livez", primary, s.name), http.StatusOK)
	s.tellsOfRecovery(time.Now())
	under.goesOn(100)
	total := under.stop().Total()
	if wrong := faultless(total); wrong != "" {
		t.Error(wrong)
	}
	if s.newest(primary) == 0 {
		t.Error("the provider that is back is not asked")
	}
	s.untouched("main", pods)
	t.Logf("through the outage: %s", figures(total))
	s.settles()
}

// tellsOfOutage waits until all that is to be told of the primary's outage is told, and says how long each took.
func (s *space) tellsOfOutage(start time.Time, pods []corev1.Pod) {
	s.Helper()
	took := map[string]time.Duration{}
	eventually(s, toldWithin, func() string {
		status, healthy := s.health(primary)
		var told v1alpha1.ProviderTraffic
		if len(status.Traffic) == 1 {
			told = status.Traffic[0]
		}
		named := told.Name == "main" && told.Namespace == s.name && told.Since != nil && strings.Contains(told.Message, "the connection broke")
		for _, pod := range pods {
			named = named && strings.Contains(told.Message, "of-primary is open in pod "+pod.Name+": ")
		}
		var missing string
		for _, fact := range []struct {
			name string
			told bool
		}{
			{"breaker Open", status.Breaker == v1alpha1.BreakerOpen},
			{"Healthy False/BreakerOpen", healthy.Status == metav1.ConditionFalse && healthy.Reason == string(v1alpha1.ReasonBreakerOpen)},
			{"both pods, the model and the reason", named && told.Breaker == v1alpha1.BreakerOpen},
			{"an Event", s.eventAbout(primary, corev1.EventTypeWarning, "BreakerOpened") != nil},
		} {
			if _, known := took[fact.name]; fact.told && !known {
				took[fact.name] = time.Since(start)
			} else if !known {
				missing += fmt.Sprintf("%s is not told: %+v, %+v; ", fact.name, status.Traffic, healthy)
			}
		}
		return missing
	})
	for fact, d := range took {
		s.Logf("outage: %s after %s", fact, millis(d))
	}
	status, _ := s.health(primary)
	s.Logf("status.traffic: %+v", status.Traffic)
	e := s.eventAbout(primary, corev1.EventTypeWarning, "BreakerOpened")
	s.Logf("event: %s %s: %s", e.Type, e.Reason, e.Message)
	if !strings.Contains(e.Message, s.name+"/main") || !strings.Contains(e.Message, "of-primary") {
		s.Errorf("the Event does not name the gateway and the model: %s", e.Message)
	}
	s.isNoMatterOfConfiguration()
}

// isNoMatterOfConfiguration checks that Ready of everything stands, whatever the providers do.
func (s *space) isNoMatterOfConfiguration() {
	s.Helper()
	for _, name := range []string{primary, backup} {
		if ready := s.condition(&v1alpha1.ProviderPolicy{}, name, v1alpha1.Ready); ready.Status != metav1.ConditionTrue {
			s.Errorf("Ready of %s is %s/%s: %s", name, ready.Status, ready.Reason, ready.Message)
		}
	}
	if ready := s.condition(&v1alpha1.ModelRoute{}, "smart", v1alpha1.Ready); ready.Status != metav1.ConditionTrue {
		s.Errorf("Ready of the route is %s/%s: %s", ready.Status, ready.Reason, ready.Message)
	}
}

// tellsOfRecovery waits until it is told that the primary answers again.
func (s *space) tellsOfRecovery(start time.Time) {
	s.Helper()
	eventually(s, openFor+toldWithin, func() string {
		status, healthy := s.health(primary)
		if status.Breaker != v1alpha1.BreakerClosed || len(status.Traffic) != 1 || status.Traffic[0].Message != "" {
			return fmt.Sprintf("the breaker is %s: %+v", status.Breaker, status.Traffic)
		}
		if healthy.Status == metav1.ConditionFalse {
			return fmt.Sprintf("Healthy is %s/%s: %s", healthy.Status, healthy.Reason, healthy.Message)
		}
		if s.eventAbout(primary, corev1.EventTypeNormal, "BreakerClosed") == nil {
			return "no Event BreakerClosed"
		}
		return ""
	})
	status, healthy := s.health(primary)
	s.Logf("recovery: told %s after the provider was back: %s, Healthy %s/%s", millis(time.Since(start)), status.Breaker, healthy.Status, healthy.Reason)
	s.isNoMatterOfConfiguration()
}

// listsOutage checks that kubectl get shows it, in a terminal.
func (s *space) listsOutage() {
	s.Helper()
	providers := s.table("providerpolicies", "NAME", "TYPE", "READY", "BREAKER", "ERRORS", "P95", "AGE")
	for _, row := range providers {
		open := row["BREAKER"] == string(v1alpha1.BreakerOpen) || row["BREAKER"] == string(v1alpha1.BreakerHalfOpen)
		if row["READY"] != "True" || open != (row["NAME"] == primary) {
			s.Errorf("kubectl get providerpolicies shows %v", row)
		}
	}
	routes := s.table("modelroutes", "NAME", "MODELS", "READY", "REASON", "AGE")
	both := s.kubectl("get", "providerpolicies,modelroutes")
	s.Logf("kubectl get providerpolicies,modelroutes\n%s", both)
	if len(providers) != 2 || len(routes) != 1 || routes[0]["MODELS"] != `["smart"]` || routes[0]["READY"] != "True" {
		s.Errorf("kubectl get shows %v and %v", providers, routes)
	}
}

// settles checks that the figures of the last minute go once it has passed without a request, and that nothing is
// written then.
func (s *space) settles() {
	s.Helper()
	start := time.Now()
	s.figuresGo()
	s.Logf("the figures are gone %s after the last request", millis(time.Since(start)))
	for _, name := range []string{primary, backup} {
		if _, healthy := s.health(name); healthy.Reason != string(v1alpha1.ReasonNotObserved) {
			s.Errorf("Healthy of %s, which was not asked for a minute, is %s/%s", name, healthy.Status, healthy.Reason)
		}
	}
	written := &observation{}
	s.follow(written, s.name, &v1alpha1.ProviderPolicyList{})
	s.follow(written, s.name, &v1alpha1.ModelRouteList{})
	<-time.After(atRest)
	if changes := written.take(); len(changes) > 0 {
		s.Errorf("writes at rest: %q", changes)
	}
}

// figuresGo waits until the last minute holds nothing to be told of any provider.
func (s *space) figuresGo() {
	s.Helper()
	eventually(s, minute, func() string {
		var list v1alpha1.ProviderPolicyList
		if err := on.List(s.Context(), &list, inNamespace(s.name)); err != nil {
			return err.Error()
		}
		for _, p := range list.Items {
			if p.Status.Errors+p.Status.P95 != "" {
				return fmt.Sprintf("%s has errors %q, p95 %q", p.Name, p.Status.Errors, p.Status.P95)
			}
		}
		return ""
	})
}
