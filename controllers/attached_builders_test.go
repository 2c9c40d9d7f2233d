// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
)

func inTeam(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: main.Namespace, Name: name}
}

func toMain() []v1alpha1.GatewayReference { return []v1alpha1.GatewayReference{{Name: main.Name}} }

func policy(name string) *v1alpha1.ProviderPolicy {
	return &v1alpha1.ProviderPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name, UID: types.UID(name + "-uid"), Generation: 1},
		Spec: v1alpha1.ProviderPolicySpec{GatewayRefs: toMain(), Type: v1alpha1.ProviderOpenAICompatible, Endpoint: "http://127.0.0.1:1/v1",
			Credentials: &v1alpha1.Credentials{SecretRef: &v1alpha1.SecretKeyReference{Name: name}}},
	}
}

func modelRoute(name string) *v1alpha1.ModelRoute {
	return &v1alpha1.ModelRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name, UID: types.UID(name + "-uid"), Generation: 1},
		Spec: v1alpha1.ModelRouteSpec{GatewayRefs: toMain(), Models: []v1alpha1.ModelName{v1alpha1.ModelName(name)},
			Targets: []v1alpha1.RouteTarget{{TargetReference: v1alpha1.TargetReference{ProviderRef: v1alpha1.ProviderReference{Name: "llm"}, Model: "gpt"}}}},
	}
}

// pods are the words of a gateway's pods on the only provider, by UID.
type pods map[string]fleet.Word

func (p pods) Words(types.NamespacedName, string) map[string]fleet.Word { return p }

// say makes a pod say something.
func (p pods) say(uid string, s config.ProviderState) {
	p[uid] = fleet.Word{Heard: true, State: &s, Silence: time.Second}
}

func usagePolicy(name string) *v1alpha1.UsagePolicy {
	return &v1alpha1.UsagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name, UID: types.UID(name + "-uid"), Generation: 1},
		Spec:       v1alpha1.UsagePolicySpec{GatewayRefs: toMain(), Budgets: []v1alpha1.Budget{{Amount: "10.00", Per: v1alpha1.BudgetDay}}},
	}
}

func open(model string) config.ProviderState {
	return config.ProviderState{Attempts: 9, Failures: 5, Out: []config.BreakerState{
		{Model: model, State: config.BreakerOpen, Reason: "5 failures in a row, last: status 503", Since: noon}}}
}

// attachedBed has reconcilers of what attaches to the gateway, and a clock of its own.
type attachedBed struct {
	*bed
	now   time.Time
	pods  pods
	used  *tally.Tally
	spent *spending
	// queued are those that were told of again.
	queued []types.NamespacedName
	by     map[status.Kind]reconcile.Reconciler
}

func newAttachedBed(t *testing.T, objects ...client.Object) *attachedBed {
	t.Helper()
	b := &attachedBed{bed: newBed(t, objects...), now: noon, pods: pods{}}
	shared := Telling{Client: b.client, Board: b.gateways.Board, Events: Events{Recorder: b.events}, Writes: rate.NewLimiter(rate.Inf, 1),
		Now: func() time.Time { return b.now }}
	books := tally.NewBooks(shared.Now)
	b.used = tally.New(noon)
	books.Open(main, b.used)
	b.tell()
	b.spent = newSpending(shared, books, func(_ status.Kind, name types.NamespacedName) { b.queued = append(b.queued, name) })
	b.by = map[status.Kind]reconcile.Reconciler{
		status.Providers: providers(shared, b.pods), status.Routes: routes(shared),
		status.Keys: keys(shared, b.gateways.Applier, b.spent), status.Policies: policies(shared, b.spent),
	}
	return b
}

// tell has the gateway's only pod tell what it counted.
func (b *attachedBed) tell(uses ...config.HolderUse) (grown []string) {
	b.Helper()
	b.used.Pods([]string{"a"}, 1, b.now)
	_, hear := b.used.Ask("a", "a-1", b.now)
	grown, ok := hear(&config.UsageAnswer{Instance: "a-1", Holders: uses})
	if !ok {
		b.Fatal("what the pod tells is not taken")
	}
	return grown
}

// publish puts a word on the board, and the pods by whose words it is.
func (b *attachedBed) publish(kind status.Kind, name string, v compiler.Verdict, uids ...string) {
	b.Helper()
	out := compiler.Output{}
	verdicts := compiler.Verdicts{inTeam(name): &v}
	switch kind {
	case status.Providers:
		out.Providers = verdicts
	case status.Routes:
		out.Routes = verdicts
	case status.Keys:
		out.Keys = verdicts
	case status.Policies:
		out.Policies = verdicts
	}
	var serving []status.Pod
	for _, uid := range uids {
		serving = append(serving, status.Pod{Name: "main-" + uid, UID: uid})
	}
	programmed := status.Condition{Type: v1alpha1.Programmed, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonProgrammed}
	b.gateways.Board.Publish(main, status.Attachments(status.Report{}, out, programmed, status.Programming{Pods: serving}))
}

// reconcile reconciles a resource, reads it again, and says how many writes there were and what was to wait.
func (b *attachedBed) reconcile(kind status.Kind, o client.Object) (writes int, wait time.Duration) {
	b.Helper()
	b.writes = nil
	result, err := b.by[kind].Reconcile(b.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	if err != nil {
		b.Fatal(err)
	}
	if err := b.client.Get(b.Context(), client.ObjectKeyFromObject(o), o); client.IgnoreNotFound(err) != nil {
		b.Fatal(err)
	}
	return len(b.writes), result.RequeueAfter
}

// news gives the Events since the last time, sorted.
func (b *attachedBed) news() (all []string) {
	for {
		select {
		case e := <-b.events.Events:
			all = append(all, e)
		default:
			slices.Sort(all)
			return all
		}
	}
}

// recorder tells the action of each Event.
type recorder func(action string)

func (r recorder) Eventf(_, _ runtime.Object, _, _, action, _ string, _ ...any) { r(action) }
