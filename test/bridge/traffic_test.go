// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// chats gives the status with which a pod answers alice, who asks a model.
func (p *pod) chats(t *testing.T, model string) int {
	t.Helper()
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hello"}]}`, model)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.address+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secretOf("alice"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// provider computes a provider's status from what the pods say now.
func (o *operator) provider(previous v1alpha1.ProviderPolicyStatus, pods ...*pod) v1alpha1.ProviderPolicyStatus {
	said := status.GatewayTraffic{Gateway: main}
	words := o.fleet.Words(main, "team/llm")
	for _, p := range pods {
		w := words[p.uid]
		said.Pods = append(said.Pods, status.PodTraffic{Pod: p.uid, Heard: w.Heard, State: w.State, Silence: w.Silence, Problem: w.Problem})
	}
	return status.Provider(1, time.Now(), v1alpha1.AttachedStatus{}, []status.GatewayTraffic{said}, previous)
}

// becomes waits until a provider's breaker and health are so.
func (o *operator) becomes(want string, pods ...*pod) (s v1alpha1.ProviderPolicyStatus) {
	o.t.Helper()
	var got, message string
	poll(o.t, func() bool {
		s = o.provider(v1alpha1.ProviderPolicyStatus{}, pods...)
		c := s.Conditions[0]
		got, message = fmt.Sprintf("%s %s/%s", s.Breaker, c.Status, c.Reason), c.Message
		return got == want
	}, func() string { return fmt.Sprintf("the provider is %s (%s), want %s", got, message, want) })
	return s
}

func TestWhatAPodSeesOfAProviderIsTold(t *testing.T) {
	fake := fakeprovider.New(fakeprovider.Options{})
	if err := fake.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	in := declared(fake.URL()+"/v1", "alice")
	in.Providers[0].Spec.CircuitBreaker = &v1alpha1.CircuitBreaker{OpenFor: "1h"}
	bundle, _ := compile(t, 1, in)
	c := newCluster(t)
	c.write(bundle)
	a, b := c.start("a", nil), c.start("b", nil)
	o := c.operator()
	o.want(bundle, a, b)
	o.eventually(v1alpha1.ReasonProgrammed, bundle, a, b)
	o.becomes("Closed Unknown/NotObserved", a, b)

	if got := a.chats(t, "smart"); got != http.StatusOK {
		t.Fatalf("by its route the model is answered with %d", got)
	}
	if s := o.becomes("Closed True/Answering", a, b); s.Errors != "0%" || s.P95 == "" {
		t.Errorf("errors %q, p95 %q", s.Errors, s.P95)
	}

	if err := fake.Down(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got := a.chats(t, "smart"); got < 500 {
			t.Errorf("a provider that is down is answered with %d", got)
		}
	}
	began := time.Now()
	s := o.becomes("Open False/BreakerOpen", a, b)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to be heard", took)
	}
	if message := s.Traffic[0].Message; !strings.HasPrefix(message, "chat is open in pod a: ") || strings.Contains(message, "pod b") {
		t.Errorf("message %q", message)
	}
	if s.Errors == "0%" || s.Errors == "" || time.Since(s.Traffic[0].Since.Time) > time.Minute {
		t.Errorf("errors %q, since %s", s.Errors, s.Traffic[0].Since)
	}

	// A configuration that changes around it does not close it.
	more := declared(fake.URL()+"/v1", "alice", "bob")
	more.Providers[0].Spec.CircuitBreaker = in.Providers[0].Spec.CircuitBreaker
	next, _ := compile(t, 2, more)
	o.want(next, a, b)
	o.eventually(v1alpha1.ReasonProgrammed, next, a, b)
	changed := time.Now()
	poll(t, func() bool { return o.fleet.Words(main, "team/llm")["a"].Silence < time.Since(changed) }, func() string { return "the pod is not asked again" })
	if s := o.provider(v1alpha1.ProviderPolicyStatus{}, a, b); s.Breaker != v1alpha1.BreakerOpen {
		t.Errorf("after the change the breaker is %s", s.Breaker)
	}
}

// A route that lacks a target is served without it, and says so.
func TestARouteIsServedInPart(t *testing.T) {
	in := declared("http://127.0.0.1:1/v1", "alice")
	in.Routes[0].Spec.Targets = append(in.Routes[0].Spec.Targets, v1alpha1.RouteTarget{
		TargetReference: v1alpha1.TargetReference{ProviderRef: v1alpha1.ProviderReference{Name: "gone"}, Model: "chat"}})
	bundle, out := compile(t, 1, in)
	c := newCluster(t)
	c.write(bundle)
	p := c.start("a", nil)
	o := c.operator()
	o.want(bundle, p)
	programmed := o.eventually(v1alpha1.ReasonProgrammed, bundle, p)
	a := status.Attachments(status.Report{}, out, programmed, status.Programming{}).Attachments[status.Routes][types.NamespacedName{Namespace: "team", Name: "smart"}]
	s := status.ForAttached(0, time.Now(), []status.AttachedTo{{Gateway: main, Exists: true, Attachment: a}}, v1alpha1.AttachedStatus{})
	wantReasons(t, s.Conditions, map[v1alpha1.ConditionType]string{
		v1alpha1.Accepted: "True/Accepted", v1alpha1.ResolvedRefs: "False/ProviderNotFound", v1alpha1.Programmed: "True/Programmed",
		v1alpha1.Ready: "False/ProviderNotFound", v1alpha1.Stalled: "True/ProviderNotFound"})
	if got := p.chats(t, "smart"); got < 500 {
		t.Errorf("the target that is left is not asked: %d", got)
	}
}

func wantReasons(t *testing.T, conditions []metav1.Condition, want map[v1alpha1.ConditionType]string) {
	t.Helper()
	for _, c := range conditions {
		if got := string(c.Status) + "/" + c.Reason; got != want[v1alpha1.ConditionType(c.Type)] {
			t.Errorf("%s is %s (%s), want %s", c.Type, got, c.Message, want[v1alpha1.ConditionType(c.Type)])
		}
	}
}
