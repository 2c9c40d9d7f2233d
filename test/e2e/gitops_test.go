// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// terminal is how wide a terminal kubectl get must fit.
const terminal = 100

// What Argo CD and Flux rely on: applying again changes nothing, kubectl get can be read, transitions are told as
// Events, and what was made goes with its maker.
func TestGitOps(t *testing.T) {
	s := newSpace(t)
	s.start(minimal)
	for _, object := range []string{"sparkgateway/main", "providerpolicy/openai", "apikey/alice"} {
		s.waitFor("Ready", object)
	}
	s.appliesTwice()
	s.reads()
	s.tells()
	s.goesWithItsMaker()
}

func (s *space) appliesTwice() {
	s.Helper()
	before := s.versions()
	out := s.apply(minimal)
	for text := range strings.Lines(out) {
		// stringData is not what is stored, so kubectl always sends it.
		if !strings.HasSuffix(strings.TrimSpace(text), " unchanged") && !strings.HasPrefix(text, "secret/openai-api-key ") {
			s.Errorf("applied again: %s", text)
		}
	}
	tick := time.NewTimer(2 * time.Second)
	<-tick.C
	after := s.versions()
	for object, version := range before {
		if after[object] != version {
			s.Errorf("%s changed when the same was applied again: %s, then %s", object, version, after[object])
		}
	}
	s.Logf("applied twice: generation and resourceVersion of %d objects are as before", len(before))
}

// versions gives the generation and resourceVersion of everything that is Spark's, pods and endpoints aside.
func (s *space) versions() map[string]string {
	s.Helper()
	out := map[string]string{}
	for _, list := range []client.ObjectList{
		&v1alpha1.SparkGatewayList{}, &v1alpha1.ProviderPolicyList{}, &v1alpha1.APIKeyList{}, &appsv1.DeploymentList{},
		&corev1.SecretList{}, &corev1.ServiceList{}, &corev1.ServiceAccountList{}, &policyv1.PodDisruptionBudgetList{},
		&networkingv1.NetworkPolicyList{},
	} {
		if err := on.List(s.Context(), list, inNamespace(s.name)); err != nil {
			s.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			s.Fatal(err)
		}
		for _, item := range items {
			o, ok := item.(client.Object)
			if !ok {
				s.Fatalf("%T is not an object", item)
			}
			out[fmt.Sprintf("%T %s", item, o.GetName())] = fmt.Sprintf("%d/%s", o.GetGeneration(), o.GetResourceVersion())
		}
	}
	return out
}

func (s *space) reads() {
	s.Helper()
	for _, kind := range []struct {
		name    string
		columns []string
		cells   []string
	}{
		{"sparkgateways", []string{"NAME", "READY", "PROGRAMMED", "PODS", "REVISION", "URL", "AGE"},
			[]string{"main", "True", "True", "3/3/3", "*", fmt.Sprintf("http://main.%s.svc:8080", s.name), "*"}},
		{"providerpolicies", []string{"NAME", "TYPE", "READY"}, []string{"openai", "OpenAI", "True"}},
		{"apikeys", []string{"NAME", "USER", "READY"}, []string{"alice", "alice", "True"}},
	} {
		lines := strings.Split(strings.TrimSpace(s.shown(kind.name)), "\n")
		if len(lines) != 2 {
			s.Errorf("%d lines", len(lines))
			continue
		}
		header, row := strings.Fields(lines[0]), strings.Fields(lines[1])
		for i, column := range kind.columns {
			if i >= len(header) || header[i] != column {
				s.Errorf("column %d of %s is not %s: %v", i, kind.name, column, header)
			}
			if want := append(kind.cells, "*", "*", "*", "*")[i]; want != "*" && (i >= len(row) || row[i] != want) {
				s.Errorf("column %s of %s is not %s: %v", column, kind.name, want, row)
			}
		}
	}
	if out := s.kubectl("get", "spark"); strings.Count(out, "True") < 3 {
		s.Errorf("the category spark lists:\n%s", out)
	}
}

// tells checks the Events of good and bad turns.
func (s *space) tells() {
	s.Helper()
	s.patch(&v1alpha1.ProviderPolicy{}, "openai", `{"spec":{"credentials":{"secretRef":{"name":"nowhere"}}}}`)
	s.waitFor("Stalled", "providerpolicy/openai")
	s.patch(&v1alpha1.ProviderPolicy{}, "openai", `{"spec":{"credentials":{"secretRef":{"name":"openai-api-key"}}}}`)
	s.waitFor("Ready", "providerpolicy/openai")
	wanted := []string{"SparkGateway/Normal/Ready", "ProviderPolicy/Normal/Ready", "APIKey/Normal/Ready", "ProviderPolicy/Warning/SecretNotFound"}
	var events corev1.EventList
	eventually(s, 20*time.Second, func() string {
		if err := on.List(s.Context(), &events, inNamespace(s.name)); err != nil {
			return err.Error()
		}
		seen := map[string]bool{}
		for _, e := range events.Items {
			seen[e.InvolvedObject.Kind+"/"+e.Type+"/"+e.Reason] = true
		}
		for _, w := range wanted {
			if !seen[w] {
				return fmt.Sprintf("no Event %s among %v", w, seen)
			}
		}
		return ""
	})
	for _, e := range events.Items {
		if e.InvolvedObject.APIVersion == v1alpha1.GroupVersion.String() {
			s.Logf("event: %s %s %s/%s: %s", e.Type, e.Reason, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Message)
			// A set that is right from the start is nobody's mistake at any moment.
			if e.Type == corev1.EventTypeWarning && e.InvolvedObject.Kind != "ProviderPolicy" {
				s.Errorf("a Warning about what is right: %s %s", e.Reason, e.Message)
			}
		}
	}
}

func (s *space) goesWithItsMaker() {
	s.Helper()
	gw := get(s, "main", &v1alpha1.SparkGateway{})
	children := s.children(gw.UID)
	if len(children) < 8 {
		s.Errorf("the gateway has %d children: %v", len(children), children)
	}
	start := time.Now()
	if err := on.Delete(s.Context(), gw); err != nil {
		s.Fatal(err)
	}
	eventually(s, time.Minute, func() string {
		if left := s.children(gw.UID); len(left) > 0 {
			return fmt.Sprintf("left of the gateway: %v", left)
		}
		return ""
	})
	s.Logf("%d children of the SparkGateway gone after %s: %s", len(children), millis(time.Since(start)), strings.Join(children, ", "))
	for _, o := range []client.Object{&v1alpha1.ProviderPolicy{}, &v1alpha1.APIKey{}} {
		name := "openai"
		if _, ok := o.(*v1alpha1.APIKey); ok {
			name = "alice"
		}
		eventually(s, 10*time.Second, func() string {
			c := s.condition(o, name, v1alpha1.ResolvedRefs)
			if c.Status == metav1.ConditionFalse && c.Reason == string(v1alpha1.ReasonGatewayNotFound) {
				return ""
			}
			return fmt.Sprintf("%s does not say that its gateway is gone: %+v", name, c)
		})
	}
	if err := on.Delete(s.Context(), get(s, "alice", &v1alpha1.APIKey{})); err != nil {
		s.Fatal(err)
	}
	eventually(s, 30*time.Second, func() string {
		if err := on.Get(s.Context(), key(s.name, "alice-key"), &corev1.Secret{}); client.IgnoreNotFound(err) == nil && err != nil {
			return ""
		}
		return "the generated key outlives its APIKey"
	})
}

// children names what an object controls.
func (s *space) children(uid types.UID) []string {
	s.Helper()
	var out []string
	for _, list := range []client.ObjectList{
		&appsv1.DeploymentList{}, &corev1.SecretList{}, &corev1.ServiceList{}, &corev1.ServiceAccountList{},
		&policyv1.PodDisruptionBudgetList{}, &networkingv1.NetworkPolicyList{},
	} {
		if err := on.List(s.Context(), list, inNamespace(s.name)); err != nil {
			s.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			s.Fatal(err)
		}
		for _, item := range items {
			o, ok := item.(client.Object)
			if !ok {
				s.Fatalf("%T is not an object", item)
			}
			if owner := metav1.GetControllerOf(o); owner != nil && owner.UID == uid {
				out = append(out, strings.TrimPrefix(fmt.Sprintf("%T", item), "*v1.")+"/"+o.GetName())
			}
		}
	}
	return out
}
