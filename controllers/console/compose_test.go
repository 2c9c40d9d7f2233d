// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

const revision = "1f9c04ab"

func is(t v1alpha1.ConditionType, s metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: string(t), Status: s, Reason: reason, Message: "because", LastTransitionTime: metav1.NewTime(ago(9))}
}

func told(t v1alpha1.ConditionType, s metav1.ConditionStatus, reason string) Condition {
	return Condition{Type: string(t), Status: string(s), Reason: reason, Message: "because", Since: ago(9)}
}

func status(ready metav1.ConditionStatus) v1alpha1.AttachedStatus {
	return v1alpha1.AttachedStatus{Conditions: []metav1.Condition{is(v1alpha1.Ready, ready, "R")}}
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "team", Name: name} }

func sparkGateway() *v1alpha1.SparkGateway {
	return &v1alpha1.SparkGateway{ObjectMeta: named("main"), Status: v1alpha1.SparkGatewayStatus{
		Conditions: []metav1.Condition{is(v1alpha1.Programmed, "True", "Programmed"), is(v1alpha1.Ready, "True", "Ready")},
		Revision:   revision, URL: "http://main.team.svc:8080", Pods: &v1alpha1.PodCounts{Desired: 3},
	}}
}

// speaking is a pod that serves the gateway's revision.
func speaking(name string, more func(*config.Health)) voice {
	h := &config.Health{
		Status: config.HealthOK, Reasons: []string{}, Gateway: "team/main", Pod: name, Version: "v1", Started: ago(30), InFlight: 2,
		Configuration: &config.ConfigurationHealth{Revision: revision + "ffff", Sequence: 7},
	}
	if more != nil {
		more(h)
	}
	return voice{member: Member{Name: name, Ready: true, Running: true, Pod: fleet.Pod{UID: name}}, health: h}
}

func silent(name, why string) voice {
	return voice{member: Member{Name: name, Ready: true, Running: true}, silence: why}
}

func TestASilentPodIsSilentAndNotZero(t *testing.T) {
	s := &subject{gateway: sparkGateway(), voices: []voice{
		silent("c", "it does not answer in time"),
		speaking("b", func(h *config.Health) { h.Configuration.Revision = "00000000ffff" }),
		speaking("a", func(h *config.Health) {
			h.Status, h.Reasons, h.Draining = config.HealthDegraded, []string{"draining"}, true
			h.Traffic = []config.TrafficMinute{{At: ago(0), Requests: 4}}
		}),
		speaking("d", func(h *config.Health) { h.Configuration = nil }),
	}}
	want := []Pod{
		{Name: "a", Ready: true, Programmed: true, Revision: revision, Version: "v1", Started: ago(30), Draining: true, InFlight: 2,
			Status: "degraded", Reasons: []string{"draining"}},
		{Name: "b", Ready: true, Revision: "00000000", Version: "v1", Started: ago(30), InFlight: 2, Status: "ok", Reasons: []string{}},
		{Name: "c", Ready: true, Silent: true, Reasons: []string{"it does not answer in time"}},
		{Name: "d", Ready: true, Version: "v1", Started: ago(30), InFlight: 2, Status: "ok", Reasons: []string{}},
	}
	got := compose(s, noon)
	if diff := cmp.Diff(want, got.Pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Minute{{At: ago(0), Requests: 4}}, got.Traffic); diff != "" {
		t.Errorf("traffic is of those that spoke (-want +got):\n%s", diff)
	}
	s.voices = []voice{silent("c", "it refuses connections")}
	if got = compose(s, noon); len(got.Traffic) != 0 {
		t.Errorf("of nobody's word there is traffic: %v", got.Traffic)
	}
}

func TestProvidersAreAsAllPodsSeeThem(t *testing.T) {
	open := config.BreakerState{Model: "gpt", State: config.BreakerOpen, Reason: "5 failures in a row", Since: ago(2), Until: ago(-1)}
	trying := config.BreakerState{Model: "gpt", State: config.BreakerHalfOpen, Reason: "5 failures in a row", Since: ago(3)}
	s := &subject{gateway: sparkGateway(), voices: []voice{
		speaking("b", func(h *config.Health) {
			h.Providers = []config.ProviderState{{ID: "team/llm", Attempts: 10, Failures: 9, Latency: took(map[int]int64{100: 1}),
				Out: []config.BreakerState{open, {Model: "mini", State: config.BreakerClosed}}}}
		}),
		speaking("a", func(h *config.Health) {
			h.Providers = []config.ProviderState{{ID: "team/llm", Attempts: 20, Failures: 1, Latency: took(map[int]int64{10: 19}),
				Out: []config.BreakerState{trying}}, {ID: "team/gone", Attempts: 1}}
		}),
		silent("c", "it does not answer in time"),
	}}
	s.resources.Providers = []v1alpha1.ProviderPolicy{
		{ObjectMeta: named("fine"), Spec: v1alpha1.ProviderPolicySpec{Type: v1alpha1.ProviderOpenAI},
			Status: v1alpha1.ProviderPolicyStatus{AttachedStatus: status("True")}},
		{ObjectMeta: named("llm"), Spec: v1alpha1.ProviderPolicySpec{Type: v1alpha1.ProviderAnthropic},
			Status: v1alpha1.ProviderPolicyStatus{AttachedStatus: v1alpha1.AttachedStatus{Conditions: []metav1.Condition{
				is(v1alpha1.Ready, "False", "Invalid"), is(v1alpha1.Healthy, "False", "BreakerOpen")}}}},
	}
	unknown := Condition{Type: "Healthy", Status: "Unknown", Reason: "Pending", Message: "nothing was said of it yet"}
	want := []Provider{
		{Namespace: "team", Name: "llm", Type: "Anthropic", Ready: told(v1alpha1.Ready, "False", "Invalid"),
			Healthy:  told(v1alpha1.Healthy, "False", "BreakerOpen"),
			Attempts: 30, Failures: 10, P50: bound(10), P95: bound(10),
			Breakers: []Breaker{
				{Pod: "a", Model: "gpt", State: "HalfOpen", Reason: "5 failures in a row", Since: ago(3)},
				{Pod: "b", Model: "gpt", State: "Open", Reason: "5 failures in a row", Since: ago(2), Until: ago(-1)},
			}},
		{Namespace: "team", Name: "fine", Type: "OpenAI", Ready: told(v1alpha1.Ready, "True", "R"), Healthy: unknown, Breakers: []Breaker{}},
	}
	if diff := cmp.Diff(want, compose(s, noon).Providers); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestBudgetsAreNotCountedTwice(t *testing.T) {
	full := config.BudgetHealth{Kind: "key", Holder: "team/alice", Per: config.Month, Spent: 49, Limit: 50, Resets: ago(-60)}
	behind := full
	behind.Spent = 45
	daily := config.BudgetHealth{Kind: "key", Holder: "team/alice", Per: config.Day, Spent: 8, Limit: 10}
	nothing := config.BudgetHealth{Kind: "policy", Holder: "team/none", Per: config.Day, Spent: 1, Limit: 0}
	got := budgets([]*config.Health{{Budgets: []config.BudgetHealth{behind, daily}}, {Budgets: []config.BudgetHealth{full, nothing}}})
	if diff := cmp.Diff([]config.BudgetHealth{nothing, full, daily}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func key(name, team string, requests, tokens int64, cost string) v1alpha1.APIKey {
	k := v1alpha1.APIKey{ObjectMeta: named(name), Spec: v1alpha1.APIKeySpec{User: "u-" + name}}
	k.Labels = map[string]string{config.LabelTeam: team}
	k.Status.AttachedStatus = status("True")
	k.Status.Usage = v1alpha1.UsageStatus{Requests: requests, Tokens: tokens, Cost: cost}
	return k
}

func TestSpendIsOfKeysAndTeams(t *testing.T) {
	got := spend([]v1alpha1.APIKey{
		key("a", "search", 1, 10, "0.50"), key("b", "search", 2, 20, "3.00"), key("c", "ads", 3, 30, "3.25"),
		key("free", "", 9, 900, "0.00"), key("idle", "search", 0, 0, ""), key("odd", "", 1, 1, "much"),
	})
	want := []Spend{
		{Kind: "key", Name: "team/c", User: "u-c", Requests: 3, Tokens: 30, Cost: 3.25},
		{Kind: "key", Name: "team/b", User: "u-b", Requests: 2, Tokens: 20, Cost: 3},
		{Kind: "key", Name: "team/a", User: "u-a", Requests: 1, Tokens: 10, Cost: 0.5},
		{Kind: "key", Name: "team/free", User: "u-free", Requests: 9, Tokens: 900},
		{Kind: "key", Name: "team/odd", User: "u-odd", Requests: 1, Tokens: 1},
		{Kind: "team", Name: "search", Requests: 3, Tokens: 30, Cost: 3.5},
		{Kind: "team", Name: "ads", Requests: 3, Tokens: 30, Cost: 3.25},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatIsNotReadyComesFirst(t *testing.T) {
	s := &subject{gateway: sparkGateway()}
	for _, r := range []struct {
		name  string
		ready metav1.ConditionStatus
	}{{"b", "True"}, {"z", "False"}, {"a", "True"}, {"m", "Unknown"}, {"c", "False"}} {
		s.resources.Routes = append(s.resources.Routes, v1alpha1.ModelRoute{ObjectMeta: named(r.name),
			Spec: v1alpha1.ModelRouteSpec{Models: []v1alpha1.ModelName{"smart", "gpt-*"}}, Status: v1alpha1.ModelRouteStatus{AttachedStatus: status(r.ready)}})
	}
	s.resources.Policies = []v1alpha1.UsagePolicy{{ObjectMeta: named("p")}, {ObjectMeta: named("q"), Status: v1alpha1.UsagePolicyStatus{AttachedStatus: status("True")}}}
	got := compose(s, noon)
	order := ""
	for _, r := range got.Routes {
		order += r.Name
	}
	if order != "czmab" {
		t.Errorf("routes in the order %s", order)
	}
	if got.Policies.Count != 2 || len(got.Policies.NotReady) != 1 || got.Policies.NotReady[0].Ready.Status != "Unknown" {
		t.Errorf("policies: %+v", got.Policies)
	}
	if diff := cmp.Diff([]string{"smart"}, got.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	if got.Ready.Status != "True" || got.Revision != revision || got.Desired != 3 || len(got.Conditions) != 2 {
		t.Errorf("the gateway: %+v", got)
	}
}

// A list that is null would have to be told from one that is empty by every reader.
func TestNoListIsNull(t *testing.T) {
	content, err := json.Marshal(compose(&subject{gateway: &v1alpha1.SparkGateway{ObjectMeta: named("new")}}, noon))
	if err != nil || strings.Contains(string(content), "null") {
		t.Errorf("%v: %s", err, content)
	}
	content, err = json.Marshal(compose(&subject{gateway: sparkGateway(), voices: []voice{silent("a", "why"), speaking("b", func(h *config.Health) { h.Reasons = nil })},
		resources: Resources{Providers: []v1alpha1.ProviderPolicy{{ObjectMeta: named("p")}}}}, noon))
	if err != nil || strings.Contains(string(content), "null") {
		t.Errorf("%v: %s", err, content)
	}
}

func TestListsAreBounded(t *testing.T) {
	s := &subject{gateway: sparkGateway()}
	var groups []config.ErrorGroup
	var own []config.BudgetHealth
	for i := range 300 {
		name := fmt.Sprintf("n%03d", i)
		s.resources.Keys = append(s.resources.Keys, key(name, name, 1, 1, "1.00"))
		s.resources.Keys[i].Status.Conditions = nil
		s.resources.Routes = append(s.resources.Routes, v1alpha1.ModelRoute{ObjectMeta: named(name), Spec: v1alpha1.ModelRouteSpec{Models: []v1alpha1.ModelName{v1alpha1.ModelName(name)}}})
		s.resources.Providers = append(s.resources.Providers, v1alpha1.ProviderPolicy{ObjectMeta: named(name)})
		s.resources.Members = append(s.resources.Members, Member{Name: name, Running: true, Pod: fleet.Pod{UID: name}})
		groups = append(groups, config.ErrorGroup{Fingerprint: name})
		own = append(own, config.BudgetHealth{Holder: name})
	}
	subjects := []subject{*s}
	hear(t.Context(), callers{health: func(uid string) (config.Health, error) {
		return config.Health{Gateway: "team/main", Pod: uid, Budgets: own, Reasons: make([]string, 99)}, nil
	}, groups: groups}, make(chan struct{}, atOnce), subjects)
	got := compose(&subjects[0], noon)
	for what, pair := range map[string][2]int{
		"pods": {len(got.Pods), maxPods}, "providers": {len(got.Providers), maxAttached}, "routes": {len(got.Routes), maxAttached},
		"keys": {len(got.Keys.NotReady), maxNotReady}, "models": {len(got.Models), maxModels}, "spend": {len(got.Spend), 2 * maxSpend},
		"errors": {len(got.Errors), maxErrors}, "budgets": {len(got.Budgets), maxBudgets}, "reasons": {len(got.Pods[0].Reasons), maxReasons},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", what, pair[0], pair[1])
		}
	}
	if all := len(s.resources.Members); got.PodsOmitted != all-maxPods {
		t.Errorf("%d pods of %d are said to be left out", got.PodsOmitted, all)
	}
	if got.Keys.Count != 300 {
		t.Errorf("%d keys are counted", got.Keys.Count)
	}
}

// callers answers as told.
type callers struct {
	health func(uid string) (config.Health, error)
	groups []config.ErrorGroup
	asked  *atomic.Int64
}

func (c callers) Health(_ context.Context, _ types.NamespacedName, _ fleet.Target, p fleet.Pod) (config.Health, error) {
	if c.asked != nil {
		c.asked.Add(1)
	}
	return c.health(p.UID)
}

func (c callers) Errors(context.Context, types.NamespacedName, fleet.Target, fleet.Pod) (config.ErrorReport, error) {
	if c.groups == nil {
		return config.ErrorReport{}, errors.New("its release does not group errors")
	}
	return config.ErrorReport{Groups: c.groups}, nil
}

func (callers) Forget(types.NamespacedName) {}

func TestWhoIsAskedAndWhoIsSilent(t *testing.T) {
	var asked atomic.Int64
	c := callers{asked: &asked, health: func(uid string) (config.Health, error) {
		switch uid {
		case "deaf":
			return config.Health{}, errors.New("it does not answer in time")
		case "stranger":
			return config.Health{Gateway: "team/main", Pod: "another"}, nil
		case "elsewhere":
			return config.Health{Gateway: "team/other", Pod: uid}, nil
		}
		return config.Health{Gateway: "team/main", Pod: uid}, nil
	}}
	subjects := []subject{{gateway: sparkGateway()}}
	for _, uid := range []string{"deaf", "stranger", "elsewhere", "well"} {
		subjects[0].resources.Members = append(subjects[0].resources.Members, Member{Name: uid, Running: true, Pod: fleet.Pod{UID: uid}})
	}
	subjects[0].resources.Members = append(subjects[0].resources.Members, Member{Name: "starting"})
	hear(t.Context(), c, make(chan struct{}, atOnce), subjects)
	got := map[string]string{}
	for _, v := range subjects[0].voices {
		got[v.member.Name] = v.silence
	}
	want := map[string]string{"deaf": "it does not answer in time", "stranger": "another process answers at its address",
		"elsewhere": "another process answers at its address", "well": "", "starting": "it does not run"}
	if diff := cmp.Diff(want, got); diff != "" || asked.Load() != 4 {
		t.Errorf("%d were asked (-want +got):\n%s", asked.Load(), diff)
	}
	many := make([]subject, 5)
	for i := range many {
		many[i].gateway = sparkGateway()
		for j := range maxPods {
			many[i].resources.Members = append(many[i].resources.Members, Member{Running: true, Pod: fleet.Pod{UID: fmt.Sprint(j)}})
		}
	}
	asked.Store(0)
	hear(t.Context(), c, make(chan struct{}, atOnce), many)
	if asked.Load() != maxAsked || many[4].voices[0].health != nil ||
		!strings.Contains(many[4].voices[0].silence, "too many pods") {
		t.Errorf("%d of %d pods were asked, the last one is %q", asked.Load(), 5*maxPods, many[4].voices[0].silence)
	}
}

// The pods that are left out are the same ones every time, whatever order the cache has them in, and not those that are not ready.
func TestWhichPodsAreLeftOut(t *testing.T) {
	var members []Member
	for i := range maxPods + 20 {
		members = append(members, Member{Name: fmt.Sprintf("pod-%03d", i), Ready: i != maxPods+19})
	}
	want := shownMembers(members)
	slices.Reverse(members)
	if diff := cmp.Diff(want, shownMembers(members), cmp.AllowUnexported(Member{})); diff != "" || len(want) != maxPods || want[0].Name != "pod-119" || want[1].Name != "pod-000" {
		t.Errorf("%d are shown, %v first (-want +got):\n%s", len(want), want[:2], diff)
	}
	if members[0].Name != "pod-119" {
		t.Error("what was read of the cluster is changed")
	}
}

// Overviews of several gateways share the slots: together they ask no more pods at a time.
func TestPodsThatAreAskedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := callers{health: func(uid string) (config.Health, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return config.Health{Gateway: "team/main", Pod: uid}, nil
		}}
		slots := make(chan struct{}, atOnce)
		var rounds sync.WaitGroup
		for range 3 {
			subjects := []subject{{gateway: sparkGateway()}}
			for range atOnce {
				subjects[0].resources.Members = append(subjects[0].resources.Members, Member{Running: true})
			}
			rounds.Go(func() { hear(t.Context(), slow, slots, subjects) })
		}
		rounds.Wait()
		if most.Load() != atOnce {
			t.Errorf("%d pods were asked at a time, want %d", most.Load(), atOnce)
		}
	})
}

// Pods that hang use up the time of the round, and no more; those that could not be asked any more are not called deaf.
func TestPodsThatHangHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subjects := []subject{{gateway: sparkGateway()}}
		for range maxPods {
			subjects[0].resources.Members = append(subjects[0].resources.Members, Member{Running: true})
		}
		began := time.Now()
		hear(t.Context(), hanging{}, make(chan struct{}, atOnce), subjects)
		if took := time.Since(began); took != roundTime {
			t.Errorf("it took %v", took)
		}
		told := map[string]int{}
		for _, v := range subjects[0].voices {
			told[v.silence]++
		}
		want := map[string]int{"it does not answer in time": atOnce, "there was no time left to ask it, as others did not answer": maxPods - atOnce}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// hanging pods never answer.
type hanging struct{ callers }

func (hanging) Health(ctx context.Context, _ types.NamespacedName, _ fleet.Target, _ fleet.Pod) (config.Health, error) {
	<-ctx.Done()
	return config.Health{}, errors.New("it does not answer in time")
}
