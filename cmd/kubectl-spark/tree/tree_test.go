// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/controllers/render"
)

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 2}
}

func condition(about v1alpha1.ConditionType, is metav1.ConditionStatus, reason v1alpha1.Reason, message string) metav1.Condition {
	return metav1.Condition{Type: string(about), Status: is, Reason: string(reason), Message: message}
}

func attachedTo(status v1alpha1.AttachedStatus, conditions ...metav1.Condition) v1alpha1.AttachedStatus {
	status.ObservedGeneration, status.Conditions = 2, conditions
	return status
}

var (
	fine = condition(v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady, "")
	main = []v1alpha1.GatewayReference{{Name: "main"}}
)

func podOf(gateway, name string, edit func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: named("team", name), Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	p.Labels = map[string]string{render.GatewayLabel: gateway}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if edit != nil {
		edit(&p)
	}
	return p
}

// troubled is a gateway with something of every kind, and much of it not well.
func troubled() *Set {
	gw := v1alpha1.SparkGateway{ObjectMeta: named("team", "main")}
	gw.Status = v1alpha1.SparkGatewayStatus{
		ObservedGeneration: 2, Revision: "1f9c04ab", URL: "http://main.team.svc:8080",
		Pods: &v1alpha1.PodCounts{Summary: "1/2/3", Lagging: "main-b"}, Attached: &v1alpha1.AttachedCounts{Refused: 2},
		Conditions: []metav1.Condition{
			condition(v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonPending, "1 of 2 pods run revision 1f9c04ab; pod main-b runs 00000000, and what it serves is older than what was asked for"),
			condition(v1alpha1.LimitsEnforced, metav1.ConditionFalse, v1alpha1.ReasonStoreDown, ""),
		},
	}
	crashing := podOf("main", "main-c", func(p *corev1.Pod) {
		p.Status.Conditions[0].Status = corev1.ConditionFalse
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 7, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s restarting failed container"}}}}
	})
	openai := v1alpha1.ProviderPolicy{ObjectMeta: named("team", "openai"), Spec: v1alpha1.ProviderPolicySpec{GatewayRefs: main, Type: "OpenAI"}}
	openai.Status.AttachedStatus = attachedTo(openai.Status.AttachedStatus, fine, condition(v1alpha1.Healthy, metav1.ConditionFalse, v1alpha1.ReasonBreakerOpen, ""))
	openai.Status.Breaker = v1alpha1.BreakerOpen
	azure := v1alpha1.ProviderPolicy{ObjectMeta: named("team", "azure"), Spec: v1alpha1.ProviderPolicySpec{GatewayRefs: main, Type: "AzureOpenAI"}}
	azure.Status.AttachedStatus = attachedTo(azure.Status.AttachedStatus,
		condition(v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, "spec.credentials.secretRef: Secret team/azure-key does not exist\x1b[2J"))
	smart := v1alpha1.ModelRoute{ObjectMeta: named("other", "smart"), Spec: v1alpha1.ModelRouteSpec{
		GatewayRefs: []v1alpha1.GatewayReference{{Name: "main", Namespace: "team"}}, Models: []v1alpha1.ModelName{"smart", "gpt-4*"}}}
	smart.Status.AttachedStatus = attachedTo(smart.Status.AttachedStatus, fine)
	outdated := v1alpha1.ModelRoute{ObjectMeta: named("team", "fast"), Spec: v1alpha1.ModelRouteSpec{GatewayRefs: main, Models: []v1alpha1.ModelName{"fast"}}}
	outdated.Status.AttachedStatus = attachedTo(outdated.Status.AttachedStatus, fine)
	outdated.Generation = 3
	set := &Set{
		Gateways:  []v1alpha1.SparkGateway{gw},
		Pods:      []corev1.Pod{podOf("main", "main-a", nil), podOf("main", "main-b", nil), crashing, podOf("other", "other-a", nil)},
		Providers: []v1alpha1.ProviderPolicy{openai, azure}, Routes: []v1alpha1.ModelRoute{smart, outdated},
		Policies: []v1alpha1.UsagePolicy{{ObjectMeta: named("team", "search"), Spec: v1alpha1.UsagePolicySpec{GatewayRefs: main}}},
	}
	for i, user := range []string{"alice", "bob", "carol", "dave"} {
		k := v1alpha1.APIKey{ObjectMeta: named("team", user), Spec: v1alpha1.APIKeySpec{GatewayRefs: main, User: user}}
		k.Status.AttachedStatus = attachedTo(k.Status.AttachedStatus, fine)
		if i == 1 {
			k.Status.Conditions = []metav1.Condition{condition(v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonDisabled, "spec.disabled: the key is refused")}
		}
		if i == 2 {
			k.Status.Conditions = append(k.Status.Conditions, condition(v1alpha1.WithinBudget, metav1.ConditionFalse, v1alpha1.ReasonSpent, ""))
		}
		set.Keys = append(set.Keys, k)
	}
	return set
}

func TestTreesSayWhatIsNotReadyAndWhy(t *testing.T) {
	well := &Set{Gateways: troubled().Gateways[:1], Pods: troubled().Pods[:1]}
	well.Gateways[0].Status.Conditions = []metav1.Condition{fine}
	well.Gateways[0].Status.Pods = nil
	for name, tt := range map[string]struct {
		set  *Set
		look Look
	}{
		"troubled.txt":   {troubled(), Look{}},
		"few.txt":        {troubled(), Look{ASCII: true, Most: 2}},
		"well.txt":       {well, Look{}},
		"colored.txt":    {well, Look{Screen: screen.Screen{Color: true}}},
		"unobserved.txt": {&Set{Gateways: []v1alpha1.SparkGateway{{ObjectMeta: named("team", "new")}, {ObjectMeta: named("a", "new")}}}, Look{}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.look.Screen.Width = 100
			got := Text(Build(tt.set), tt.look)
			path := filepath.Join("testdata", name)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(line) - 1; n > 100 && !tt.look.Screen.Color {
					t.Errorf("a line of %d characters: %s", n, line)
				}
			}
		})
	}
}

func TestAGatewayIsHealthyWhereAllBelowItIs(t *testing.T) {
	for name, tt := range map[string]struct {
		below []Node
		state string
		want  bool
	}{
		"nothing below":              {nil, Ready, true},
		"all ready":                  {[]Node{{State: Ready}}, Ready, true},
		"a key that is off":          {[]Node{{State: Off}}, Ready, true},
		"one that is not":            {[]Node{{State: Ready}, {State: NotReady}}, Ready, false},
		"one that nobody speaks of":  {[]Node{{State: Unknown}}, Ready, false},
		"the gateway itself":         {nil, NotReady, false},
		"a gateway nobody speaks of": {nil, Unknown, false},
	} {
		if n := (Node{State: tt.state, Below: tt.below}); n.Healthy() != tt.want {
			t.Errorf("%s: healthy %v", name, !tt.want)
		}
	}
}

// A resource on two gateways is judged on each by what that gateway says.
func TestAnotherGatewaysTroubleIsNotThisOnes(t *testing.T) {
	p := v1alpha1.ProviderPolicy{ObjectMeta: named("team", "p"), Spec: v1alpha1.ProviderPolicySpec{
		GatewayRefs: []v1alpha1.GatewayReference{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d", Namespace: "away"}}}}
	p.Status.AttachedStatus = attachedTo(p.Status.AttachedStatus, condition(v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonNotAllowed, "somewhere"))
	p.Status.Gateways = []v1alpha1.AttachmentStatus{
		{Name: "a", Namespace: "team", Conditions: []metav1.Condition{condition(v1alpha1.Accepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "")}},
		{Name: "b", Namespace: "team", Conditions: []metav1.Condition{condition(v1alpha1.ResolvedRefs, metav1.ConditionFalse, v1alpha1.ReasonNotAllowed, "here")}},
		{Name: "c", Namespace: "team", Conditions: []metav1.Condition{condition(v1alpha1.Programmed, metav1.ConditionUnknown, v1alpha1.ReasonAckMissing, "silent")}},
	}
	set := &Set{Providers: []v1alpha1.ProviderPolicy{p}}
	for _, name := range []string{"a", "b", "c"} {
		set.Gateways = append(set.Gateways, v1alpha1.SparkGateway{ObjectMeta: named("team", name)})
	}
	set.Gateways = append(set.Gateways, v1alpha1.SparkGateway{ObjectMeta: named("away", "d")}, v1alpha1.SparkGateway{ObjectMeta: named("away", "a")})
	got := map[string]string{}
	for _, n := range Build(set) {
		got[n.Namespace+"/"+n.Name] = ""
		for _, b := range n.Below {
			got[n.Namespace+"/"+n.Name] = strings.TrimSpace(fmt.Sprint(b.State, " ", b.Reason, " ", b.Message))
		}
	}
	want := map[string]string{
		"team/a": "Ready", "team/b": "NotReady NamespaceNotAllowed here", "team/c": "Unknown AckMissing silent",
		"away/d": "NotReady NamespaceNotAllowed somewhere", "away/a": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPodsSayWhatKeepsThem(t *testing.T) {
	gw := &v1alpha1.SparkGateway{}
	unready := func(p *corev1.Pod) {
		p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = corev1.ConditionFalse, "ContainersNotReady"
	}
	for name, tt := range map[string]struct {
		edit func(*corev1.Pod)
		want string
	}{
		"ready":              {nil, "Ready "},
		"running, not ready": {unready, "NotReady ContainersNotReady"},
		"without a place": {func(p *corev1.Pod) {
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable"}}}
		}, "NotReady Unschedulable"},
		"ended": {func(p *corev1.Pod) {
			unready(p)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled"}}}}
		}, "NotReady OOMKilled"},
		"asked to leave": {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, "Off Leaving"},
		"not begun":      {func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }, "NotReady Pending"},
	} {
		p := podOf("main", "p", tt.edit)
		n := pod(&p, gw)
		if got := n.State + " " + n.Reason; got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
