// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// ownProvider is one that a test may take down.
func ownProvider(t *testing.T) *fakeprovider.Server {
	t.Helper()
	fake := fakeprovider.New(fakeprovider.Options{})
	if err := fake.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	return fake
}

// row gives what kubectl get shows of a ProviderPolicy without -o wide, by column.
func (b *bed) row(name string) map[string]string {
	b.Helper()
	config := rest.CopyConfig(admin)
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		b.Fatal(err)
	}
	url := fmt.Sprintf("%s/apis/sparkgateway.dev/v1alpha1/namespaces/%s/providerpolicies/%s", config.Host, b.namespace, name)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	response, err := transport.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var table metav1.Table
	if err := json.NewDecoder(response.Body).Decode(&table); err != nil || len(table.Rows) != 1 {
		b.Fatalf("no table of one row: %v, %+v", err, table)
	}
	row := map[string]string{}
	for i, column := range table.ColumnDefinitions {
		if column.Priority == 0 {
			row[column.Name] = fmt.Sprint(table.Rows[0].Cells[i])
		}
	}
	return row
}

// events gives those of a resource, "Reason note".
func (b *bed) events(about client.Object) (all []string) {
	b.Helper()
	var list eventsv1.EventList
	if err := cluster.List(b.Context(), &list, client.InNamespace(b.namespace)); err != nil {
		b.Fatal(err)
	}
	for _, e := range list.Items {
		if e.Regarding.Name == about.GetName() {
			all = append(all, e.Reason+" "+e.Note)
		}
	}
	return all
}

func (b *bed) wantEvent(about client.Object, prefix string) {
	b.Helper()
	b.eventually("an event "+prefix, func() bool {
		for _, e := range b.events(about) {
			if strings.HasPrefix(e, prefix) {
				return true
			}
		}
		return false
	})
}

func TestABreakerIsToldWithinSeconds(t *testing.T) {
	b, fake := newBed(t), ownProvider(t)
	gw, p := gateway(2), policy("fake", "fake-model")
	p.Spec.Endpoint = fake.URL()
	p.Spec.CircuitBreaker = &v1alpha1.CircuitBreaker{OpenFor: "3s"}
	b.create(providerSecret(), gw, p, apiKey("alice"))
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(p, v1alpha1.Healthy, metav1.ConditionUnknown, v1alpha1.ReasonNotObserved)
	key := b.secretOf("alice")
	addresses := b.addresses()
	for _, address := range addresses {
		if status, _, body := b.chat(address, key, "fake-model"); status != http.StatusOK {
			t.Fatalf("pod %s answers %d %s", address, status, body)
		}
	}
	b.becomes(p, v1alpha1.Healthy, metav1.ConditionTrue, v1alpha1.ReasonAnswering)
	row := b.row("fake")
	for column, want := range map[string]string{"Name": "fake", "Type": "OpenAICompatible", "Ready": "True", "Breaker": "Closed", "Errors": "0%"} {
		if row[column] != want {
			t.Errorf("column %s shows %q, want %q", column, row[column], want)
		}
	}
	if len(row) != 7 || row["P95"] == "" || row["Age"] == "" {
		t.Errorf("columns %v", row)
	}

	if err := fake.Down(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		b.chat(addresses[0], key, "fake-model")
	}
	began := time.Now()
	c := b.becomes(p, v1alpha1.Healthy, metav1.ConditionFalse, v1alpha1.ReasonBreakerOpen)
	b.since(began, "the open breaker is told")
	if !strings.HasPrefix(c.Message, "fake-model is open in pod main-") || p.Status.Breaker != v1alpha1.BreakerOpen || p.Status.Traffic[0].Since == nil {
		t.Errorf("message %q, breaker %s, traffic %+v", c.Message, p.Status.Breaker, p.Status.Traffic)
	}
	if ready := b.condition(p, v1alpha1.Ready); ready == nil || ready.Status != metav1.ConditionTrue {
		t.Errorf("Ready follows the breaker: %+v", ready)
	}
	b.wantEvent(p, "BreakerOpened SparkGateway "+b.namespace+"/main: fake-model is open in pod main-")

	if err := fake.Up(); err != nil {
		t.Fatal(err)
	}
	b.eventually("requests are answered again", func() bool {
		status, _, _ := b.chat(addresses[0], key, "fake-model")
		healthy := b.condition(p, v1alpha1.Healthy)
		return status == http.StatusOK && healthy != nil && healthy.Status == metav1.ConditionTrue
	})
	if p.Status.Breaker != v1alpha1.BreakerClosed || p.Status.Traffic[0].Message != "" {
		t.Errorf("breaker %s, message %q", p.Status.Breaker, p.Status.Traffic[0].Message)
	}
	b.wantEvent(p, "BreakerClosed SparkGateway "+b.namespace+"/main: the breaker of fake-model is closed again")
}

func TestARoutesProvidersComeAndGo(t *testing.T) {
	b := newBed(t)
	gw, first, second := gateway(1), policy("first", "fake-model"), policy("second", "fake-model")
	// Made within one second, the two are as old as each other, and the name decides.
	smart, late := modelRoute("smart", "first", "second"), modelRoute("tardy", "second")
	late.Spec.Models = []v1alpha1.ModelName{"smart", "tardy"}
	b.create(providerSecret(), gw, first, smart, apiKey("alice"))
	c := b.becomes(smart, v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonProviderNotFound)
	if !strings.Contains(c.Message, "/second") {
		t.Errorf("the message does not name the provider: %s", c.Message)
	}
	// Once all that there is was seen, what is programmed has it.
	b.becomes(first, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(smart, v1alpha1.Programmed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed)
	key := b.secretOf("alice")
	for _, address := range b.addresses() {
		if status, _, body := b.chat(address, key, "smart"); status != http.StatusOK {
			t.Errorf("the target that is there is not asked: %d %s", status, body)
		}
	}
	b.create(second)
	b.becomes(smart, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)

	b.create(late)
	lost := b.becomes(late, v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonDuplicateRoute)
	if !strings.Contains(lost.Message, b.namespace+"/smart") {
		t.Errorf("the message does not name the winner: %s", lost.Message)
	}
	if err := cluster.Delete(t.Context(), smart); err != nil {
		t.Fatal(err)
	}
	b.becomes(late, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

// Under steady load numbers are written a few times a minute, whatever the number of requests.
func TestSteadyLoadIsHardlyWritten(t *testing.T) {
	b := newBed(t)
	gw, p := gateway(2), policy("fake", "fake-model")
	b.create(providerSecret(), gw, p, apiKey("alice"))
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	key, addresses := b.secretOf("alice"), b.addresses()
	requests := 0
	const least, span = 100, 12 * time.Second
	began, version, versions := time.Now(), "", 0
	for requests < least || time.Since(began) < span {
		for _, address := range addresses {
			if status, _, body := b.chat(address, key, "fake-model"); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
			requests++
		}
		var now v1alpha1.ProviderPolicy
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), &now); err != nil {
			t.Fatal(err)
		}
		if now.ResourceVersion != version {
			version, versions = now.ResourceVersion, versions+1
		}
	}
	took := time.Since(began)
	if most := 1 + int(took/(3*time.Second)); versions > most {
		t.Errorf("%d versions of the status for %d requests in %s, want %d at most", versions, requests, took, most)
	}
}
