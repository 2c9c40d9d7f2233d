// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// priced is a provider whose every prompt token costs a cent.
func priced() *v1alpha1.ProviderPolicy {
	p := policy("fake", "fake-model")
	p.Spec.Models[0].Price = &v1alpha1.ModelPrice{InputPerMillion: "9000", OutputPerMillion: "9000"}
	return p
}

func (b *bed) refresh(o client.Object) bool {
	return cluster.Get(b.Context(), client.ObjectKeyFromObject(o), o) == nil
}

// since logs how long something took.
func (b *bed) since(began time.Time, what string) {
	b.Logf("%s after %s", what, time.Since(began).Round(10*time.Millisecond))
}

func TestADisabledKeyIsToldToBeRevoked(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(3), apiKey("alice")
	b.create(providerSecret(), gw, policy("fake"), k)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	key := b.secretOf("alice")
	began := time.Now()
	edit(b, k, func(k *v1alpha1.APIKey) { k.Spec.Disabled = ptr.To(true) })
	b.eventually("the key is revoked in 3/3 pods", func() bool { return b.refresh(k) && k.Status.Revoked == "3/3" })
	b.since(began, "revoked 3/3")
	b.becomes(k, v1alpha1.Stalled, metav1.ConditionTrue, v1alpha1.ReasonDisabled)
	for _, address := range b.addresses() {
		if status, _, body := b.chat(address, key, "fake-model"); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("pod %s answers %d %s", address, status, body)
		}
	}
	edit(b, k, func(k *v1alpha1.APIKey) { k.Spec.Disabled = nil })
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if k.Status.Revoked != "" {
		t.Errorf("a key that is back is revoked in %s", k.Status.Revoked)
	}
}

func TestARotatedKeyIsAcceptedBesideTheNewOne(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(2), apiKey("alice")
	k.Spec.Rotation = &v1alpha1.Rotation{Overlap: "6s"}
	b.create(providerSecret(), gw, policy("fake"), k)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	old := b.secretOf("alice")
	began := time.Now()
	edit(b, k, func(k *v1alpha1.APIKey) { k.Annotations = map[string]string{"sparkgateway.dev/rotate": "1"} })
	b.eventually("both keys are told", func() bool { return b.refresh(k) && k.Status.Previous != nil })
	b.since(began, "both keys are told")
	fresh := b.secretOf("alice")
	if fresh == old || !strings.HasPrefix(old, strings.TrimSuffix(k.Status.Previous.Prefix, "…")) || !strings.HasPrefix(fresh, strings.TrimSuffix(k.Status.Prefix, "…")) {
		t.Errorf("status tells of %q and %q", k.Status.Prefix, k.Status.Previous.Prefix)
	}
	b.becomes(k, v1alpha1.Programmed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed)
	for _, address := range b.addresses() {
		for _, key := range []string{old, fresh} {
			if status, _, body := b.chat(address, key, "fake-model"); status != http.StatusOK && time.Now().Before(k.Status.Previous.AcceptedUntil.Time) {
				t.Errorf("pod %s answers %d %s", address, status, body)
			}
		}
	}
	b.eventually("the former key is not told of any more", func() bool { return b.refresh(k) && k.Status.Previous == nil })
	for _, address := range b.addresses() {
		if status, _, _ := b.chat(address, old, "fake-model"); status != http.StatusUnauthorized {
			t.Errorf("pod %s answers the former key with %d", address, status)
		}
		if status, _, _ := b.chat(address, fresh, "fake-model"); status != http.StatusOK {
			t.Errorf("pod %s answers the new key with %d", address, status)
		}
	}
}

func TestUseIsToldAndOutlivesPods(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(2), apiKey("alice")
	k.Labels = map[string]string{"team": "blue"}
	k.Spec.Budgets = []v1alpha1.Budget{{Amount: "500.00", Per: v1alpha1.BudgetMonth}}
	blue := &v1alpha1.UsagePolicy{ObjectMeta: metav1.ObjectMeta{Name: "blue"}, Spec: v1alpha1.UsagePolicySpec{GatewayRefs: refs(),
		KeySelector: metav1.LabelSelector{MatchLabels: map[string]string{"team": "blue"}}, Budgets: []v1alpha1.Budget{{Amount: "600", Per: v1alpha1.BudgetDay}}}}
	b.create(providerSecret(), gw, priced(), k, blue)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.WithinBudget, metav1.ConditionTrue, v1alpha1.ReasonWithinBudget)
	b.becomes(blue, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(gw, v1alpha1.LimitsEnforced, metav1.ConditionTrue, v1alpha1.ReasonLocal)
	if blue.Status.Members != 1 || b.refresh(gw) && gw.Status.Attached.Policies != 1 {
		t.Errorf("%d members, attached %+v", blue.Status.Members, gw.Status.Attached)
	}
	key := b.secretOf("alice")
	ask := func(times int) {
		t.Helper()
		for i := range times {
			addresses := b.addresses()
			if status, _, body := b.chat(addresses[i%len(addresses)], key, "fake-model"); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
		}
	}
	wantRequests := func(want int64) {
		t.Helper()
		began := time.Now()
		for _, o := range []client.Object{k, blue} {
			b.eventually("what was used is told", func() bool { return b.refresh(o) && usageOf(o).Requests == want })
		}
		b.since(began, "what was used is told")
	}
	ask(4)
	wantRequests(4)
	u := k.Status.Usage
	if u.Tokens == 0 || u.Spent == "$0.00" || u.Budget != "$500.00" || u.LastUsed == nil || len(u.Budgets) != 1 || u.Budgets[0].Remaining == "500.00" {
		t.Errorf("usage %+v", u)
	}
	b.eventually("it is kept", func() bool { return b.usageMaps() > 0 })

	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(b.namespace)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Delete(t.Context(), &pods.Items[0]); err != nil {
		t.Fatal(err)
	}
	b.eventually("another pod takes its place", func() bool {
		return b.refresh(gw) && gw.Status.Pods.Summary == "2/2/2" && len(b.addresses()) == 2 && !b.refresh(pods.Items[0].DeepCopy())
	})
	ask(2)
	wantRequests(6)
	if k.Status.Usage.Cost == u.Cost || k.Status.Usage.Tokens <= u.Tokens {
		t.Errorf("usage %+v after %+v", k.Status.Usage, u)
	}
}

func TestUseOutlivesTheOperator(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(2), apiKey("alice")
	b.create(providerSecret(), gw, priced(), k)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	key, addresses := b.secretOf("alice"), b.addresses()
	ask := func(i int) {
		t.Helper()
		if status, _, body := b.chat(addresses[i%2], key, "fake-model"); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	wantRequests := func(want int64) {
		t.Helper()
		b.eventually("what was used is told", func() bool {
			if !b.refresh(k) || k.Status.Usage.Requests > want {
				t.Fatalf("%d requests are told, of %d", k.Status.Usage.Requests, want)
			}
			return k.Status.Usage.Requests == want
		})
	}
	for i := range 4 {
		ask(i)
	}
	wantRequests(4)
	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(b.namespace)); err != nil {
		t.Fatal(err)
	}
	gone := pods.Items[0].Status.PodIP + ":8080"
	left := slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return a == gone })
	// While there is no operator, one pod goes, and the other is used.
	if err := restart(func() {
		if err := cluster.Delete(t.Context(), &pods.Items[0]); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if status, _, body := b.chat(left[0], key, "fake-model"); status != http.StatusOK {
				t.Errorf("without an operator: %d %s", status, body)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	wantRequests(7)
}

func TestABudgetThatIsSpentIsToldAtOnce(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(1), apiKey("alice")
	k.Spec.Budgets = []v1alpha1.Budget{{Amount: "3.00", Per: v1alpha1.BudgetTotal, Mode: v1alpha1.LimitShadow}}
	b.create(providerSecret(), gw, priced(), k)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(k, v1alpha1.WithinBudget, metav1.ConditionTrue, v1alpha1.ReasonWithinBudget)
	key, began := b.secretOf("alice"), time.Now()
	b.eventually("three dollars are spent", func() bool {
		b.chat(b.addresses()[0], key, "fake-model")
		c := b.condition(k, v1alpha1.WithinBudget)
		return c != nil && c.Status == metav1.ConditionFalse && c.Reason == string(v1alpha1.ReasonSpent)
	})
	b.since(began, "Spent")
	if ready := b.condition(k, v1alpha1.Ready); ready.Status != metav1.ConditionTrue {
		t.Errorf("Ready %+v", ready)
	}
}

func usageOf(o client.Object) v1alpha1.UsageStatus {
	switch o := o.(type) {
	case *v1alpha1.APIKey:
		return o.Status.Usage
	case *v1alpha1.UsagePolicy:
		return o.Status.Usage
	}
	return v1alpha1.UsageStatus{}
}

// usageMaps counts the ConfigMaps of what was used.
func (b *bed) usageMaps() (n int) {
	b.Helper()
	var maps corev1.ConfigMapList
	if err := cluster.List(b.Context(), &maps, client.InNamespace(b.namespace)); err != nil {
		b.Fatal(err)
	}
	for _, m := range maps.Items {
		if strings.HasPrefix(m.Name, "main-spark-usage-") {
			n++
		}
	}
	return n
}
