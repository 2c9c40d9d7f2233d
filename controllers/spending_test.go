// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
)

// used gives what a holder used, all of it at noon, in cents, of which each request costs one.
func used(holder string, cents int64) config.HolderUse {
	cost := config.Money(cents) * config.Dollar / 100
	window := func(c config.Calendar) config.WindowUse { return config.WindowUse{Window: c.Window(noon), Cost: cost} }
	return config.HolderUse{Holder: holder, Requests: cents, Tokens: 10 * cents, Cost: cost, Last: noon.UnixMilli(),
		Day: window(config.Day), Week: window(config.Week), Month: window(config.Month)}
}

// keyWithBudget is served, and its status written.
func keyWithBudget(b *attachedBed, amount v1alpha1.MoneyAmount) *v1alpha1.APIKey {
	b.Helper()
	key := apiKey("alice")
	key.Spec.Budgets = []v1alpha1.Budget{{Amount: amount, Per: v1alpha1.BudgetDay}}
	for _, o := range []client.Object{sparkGateway(), key, keySecret("alice")} {
		if err := b.client.Create(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	key.Generation = 1
	b.publish(status.Keys, "alice", compiler.Verdict{Generation: key.Generation, Content: "A"}, "a")
	b.reconcile(status.Keys, key)
	b.news()
	return key
}

// turn gives turns until there are none at this time, and says who was queued by that and by what grew before.
func (b *attachedBed) turn() (queued []string) {
	b.Helper()
	for {
		who, _, ok := b.spent.turns.Next(b.now)
		if !ok {
			break
		}
		b.queued = append(b.queued, who.name)
	}
	for _, name := range b.queued {
		queued = append(queued, name.Name)
	}
	b.queued = nil
	return queued
}

func TestUseIsToldInTurn(t *testing.T) {
	b := newAttachedBed(t)
	key := keyWithBudget(b, "10.00")
	b.spent.grew(main, b.tell(used("key/team/alice", 5), used("all", 5), used("user/alice", 5)))
	if writes, _ := b.reconcile(status.Keys, key); writes != 0 {
		t.Errorf("%d writes without a turn", writes)
	}
	if queued := b.turn(); queued != nil {
		t.Errorf("%v have a turn so soon after the last write", queued)
	}
	b.now = noon.Add(usageEvery)
	if diff := cmp.Diff([]string{"alice"}, b.turn()); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	writes, wait := b.reconcile(status.Keys, key)
	last, tomorrow := metav1.NewTime(noon), metav1.NewTime(noon.Add(12*time.Hour))
	want := v1alpha1.UsageStatus{Requests: 5, Tokens: 50, Cost: "0.05", Spent: "$0.05", Budget: "$10.00", LastUsed: &last,
		Budgets: []v1alpha1.BudgetStatus{{Per: v1alpha1.BudgetDay, Amount: "10.00", Spent: "0.05", Remaining: "9.95", ResetsAt: &tomorrow}}}
	if diff := cmp.Diff(want, key.Status.Usage); diff != "" || writes != 1 || wait != 12*time.Hour-usageEvery {
		t.Errorf("%d writes, then a wait of %s (-want +got):\n%s", writes, wait, diff)
	}
	for range 3 {
		b.spent.grew(main, b.tell(used("key/team/alice", 5)))
		if writes, _ := b.reconcile(status.Keys, key); writes != 0 || b.turn() != nil {
			t.Errorf("at rest: %d writes", writes)
		}
	}
}

func TestBudgetsThatAreNearlySpentAreToldAtOnce(t *testing.T) {
	b := newAttachedBed(t)
	key := keyWithBudget(b, "10.00")
	step := func(cents int64, wantQueued, wantReason string, wantNews ...string) {
		t.Helper()
		b.spent.grew(main, b.tell(used("key/team/alice", cents)))
		if diff := cmp.Diff(wantQueued, fmt.Sprint(b.turn())); diff != "" {
			t.Errorf("after %d cents, queued (-want +got):\n%s", cents, diff)
		}
		b.reconcile(status.Keys, key)
		c := conditionOf(key.Status.Conditions, v1alpha1.WithinBudget)
		if got := fmt.Sprintf("%s/%s", c.Status, c.Reason); got != wantReason {
			t.Errorf("after %d cents: WithinBudget %s, want %s", cents, got, wantReason)
		}
		if conditionOf(key.Status.Conditions, v1alpha1.Ready).Status != "True" {
			t.Error("a budget bears on Ready")
		}
		if diff := cmp.Diff(wantNews, b.news()); diff != "" {
			t.Errorf("after %d cents, events (-want +got):\n%s", cents, diff)
		}
	}
	step(799, "[]", "True/WithinBudget")
	step(800, "[alice]", "True/NearlySpent", "Warning BudgetNearlySpent 80% of the daily budget of $10.00 is spent, which begins anew at 2026-05-02T00:00:00Z")
	step(900, "[]", "True/NearlySpent")
	step(1000, "[alice]", "False/Spent", "Warning BudgetSpent 100% of the daily budget of $10.00 is spent, which begins anew at 2026-05-02T00:00:00Z")
	step(1001, "[]", "False/Spent")
	if key.Status.Usage.Spent != "$10.00" {
		t.Errorf("spent %s", key.Status.Usage.Spent)
	}
	b.now = noon.Add(12 * time.Hour)
	step(1001, "[alice]", "True/WithinBudget")
	if key.Status.Usage.Spent != "$0.00" || key.Status.Usage.Requests != 1001 {
		t.Errorf("in a new window: %+v", key.Status.Usage)
	}
}

// An operator that has just started says nothing less than the one before did, and tells of no crossing again.
func TestUseAfterARestart(t *testing.T) {
	b := newAttachedBed(t)
	key := keyWithBudget(b, "10.00")
	b.spent.grew(main, b.tell(used("key/team/alice", 900)))
	b.reconcile(status.Keys, key)
	told := key.Status
	b.news()

	next := tally.New(b.now)
	next.Pods([]string{"a"}, 1, b.now)
	b.spent.books.Open(main, next)
	if writes, wait := b.reconcile(status.Keys, key); writes != 0 || wait != usageEvery {
		t.Errorf("before the pod is heard: %d writes, then a wait of %s", writes, wait)
	}
	b.spent.books.Close(main)
	if writes, _ := b.reconcile(status.Keys, key); writes != 0 {
		t.Errorf("while the books are closed: %d writes", writes)
	}
	b.spent.books.Open(main, next)
	b.used = next
	b.spent.grew(main, b.tell(used("key/team/alice", 900)))
	b.now = noon.Add(time.Minute)
	b.turn()
	if writes, _ := b.reconcile(status.Keys, key); writes != 0 {
		t.Errorf("after it is heard: %d writes", writes)
	}
	if diff := cmp.Diff(told, key.Status); diff != "" || b.news() != nil {
		t.Errorf("status (-before +after):\n%s", diff)
	}
}

func TestABudgetThatIsTakenAwayIsToldNoMore(t *testing.T) {
	b := newAttachedBed(t)
	key := keyWithBudget(b, "10.00")
	b.tell(used("key/team/alice", 1000))
	b.reconcile(status.Keys, key)
	b.now = noon.Add(time.Minute)
	key.Spec.Budgets = nil
	if err := b.client.Update(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	b.reconcile(status.Keys, key)
	if c := conditionOf(key.Status.Conditions, v1alpha1.WithinBudget); c.Type != "" || key.Status.Usage.Budgets != nil || key.Status.Usage.Spent != "$10.00" {
		t.Errorf("%+v, usage %+v", c, key.Status.Usage)
	}
	b.spent.grew(main, b.tell(used("key/team/alice", 1001)))
	if b.queued != nil {
		t.Error("a threshold is left of it")
	}
}

func TestPoliciesTellOfTheirMembers(t *testing.T) {
	policy := usagePolicy("team")
	b := newAttachedBed(t, sparkGateway(), policy)
	b.publish(status.Policies, "team", compiler.Verdict{Generation: 1, Content: "A", Members: 7}, "a")
	b.tell(used("policy/team/team", 850))
	b.reconcile(status.Policies, policy)
	c := conditionOf(policy.Status.Conditions, v1alpha1.WithinBudget)
	if policy.Status.Members != 7 || policy.Status.Usage.Spent != "$8.50" || c.Reason != "NearlySpent" || c.ObservedGeneration != 1 {
		t.Errorf("status %+v", policy.Status)
	}
	want := []string{"Normal Ready served by every gateway",
		"Warning BudgetNearlySpent 80% of the daily budget of $10.00 is spent, which begins anew at 2026-05-02T00:00:00Z"}
	if diff := cmp.Diff(want, b.news()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if err := b.client.Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	b.reconcile(status.Policies, policy)
	if len(b.spent.thresholds) != 0 {
		t.Errorf("of a policy that is gone is kept: %v", b.spent.thresholds)
	}
}

func TestWhoseStatusTellsOfAHolder(t *testing.T) {
	for holder, want := range map[string]turn{
		"key/team/alice": {status.Keys, inTeam("alice")}, "policy/team/a": {status.Policies, inTeam("a")},
		"all": {}, "user/alice": {}, "token/x": {}, "route/team/r": {}, "key/": {}, "key/x": {}, "": {},
	} {
		if got, ok := turnOf(holder); ok != (want != turn{}) || ok && got != want {
			t.Errorf("%q: %v, %t", holder, got, ok)
		}
	}
}

// Ten thousand keys that are used all the time: no more writes than promised, nobody starves, and none at rest.
func TestManyKeysAreToldOf(t *testing.T) {
	const keys = 10_000
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		books, total, second, inSecond := tally.NewBooks(time.Now), 0, begin, 0
		wrote := map[types.NamespacedName]time.Time{}
		var mu sync.Mutex
		var s *spending
		var worst time.Duration
		// again does what a reconciliation does whose use has changed.
		again := func(kind status.Kind, name types.NamespacedName) {
			if done := s.pace(account{kind: kind, name: name}, false, true); !done.Worth {
				t.Errorf("%s has no turn", name)
			}
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			if now.Sub(second) >= time.Second {
				second, inSecond = now, 0
			}
			if inSecond++; inSecond > usagePerSecond+1 {
				t.Errorf("%d writes in a second", inSecond)
			}
			if last, ok := wrote[name]; ok {
				worst = max(worst, now.Sub(last))
			}
			wrote[name], total = now, total+1
		}
		s = newSpending(Telling{Now: time.Now}, books, again)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Start(ctx) }()
		holders := make([]string, keys)
		for i := range holders {
			holders[i] = fmt.Sprint("key/team/k", i)
		}
		for range 900 / 20 { // every now and then all are told of
			s.grew(main, holders)
			<-time.After(20 * time.Second)
		}
		mu.Lock()
		if len(wrote) != keys || worst > 401*time.Second || total > 900*usagePerSecond+1 {
			t.Errorf("%d of %d keys were told of in %d writes, the slowest every %s", len(wrote), keys, total, worst)
		}
		t.Logf("%d writes in 15 minutes, each key told of within %s", total, worst)
		mu.Unlock()
		<-time.After(10 * time.Minute)
		mu.Lock()
		at := total
		mu.Unlock()
		<-time.After(time.Hour)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if total != at {
			t.Errorf("%d writes at rest", total-at)
		}
	})
}
