// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// patience bounds every wait; what is waited for comes much sooner.
const patience = 3 * time.Minute

// bed is one test's namespace and what it applied there.
type bed struct {
	*testing.T
	namespace string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t, newNamespace(t)}
	t.Cleanup(func() {
		if t.Failed() {
			b.dump()
		}
		b.leave()
	})
	return b
}

// leave deletes the gateway, and with it its pods, so that the tests that follow have the machine.
func (b *bed) leave() {
	gateways := client.InNamespace(b.namespace)
	if err := cluster.DeleteAllOf(context.WithoutCancel(b.Context()), &v1alpha1.SparkGateway{}, gateways); err != nil {
		b.Error(err)
	}
}

func (b *bed) create(objects ...client.Object) {
	b.Helper()
	for _, o := range objects {
		o.SetNamespace(b.namespace)
		if err := cluster.Create(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}

// edit changes a resource as a user would.
func edit[T client.Object](b *bed, o T, change func(T)) {
	b.Helper()
	b.eventually("the edit is taken", func() bool {
		if err := cluster.Get(b.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return false
		}
		change(o)
		return cluster.Update(b.Context(), o) == nil
	})
}

// eventually polls until the condition holds.
func (b *bed) eventually(what string, condition func() bool) {
	b.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			b.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// condition gives a resource's condition as it is now, of its present generation only.
func (b *bed) condition(o client.Object, kind v1alpha1.ConditionType) *metav1.Condition {
	b.Helper()
	if err := cluster.Get(b.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		return nil
	}
	var list []metav1.Condition
	switch o := o.(type) {
	case *v1alpha1.SparkGateway:
		list = o.Status.Conditions
	case *v1alpha1.ProviderPolicy:
		list = o.Status.Conditions
	case *v1alpha1.ModelRoute:
		list = o.Status.Conditions
	case *v1alpha1.APIKey:
		list = o.Status.Conditions
	case *v1alpha1.UsagePolicy:
		list = o.Status.Conditions
	}
	c := meta.FindStatusCondition(list, string(kind))
	if c == nil || c.ObservedGeneration != o.GetGeneration() {
		return nil
	}
	return c
}

// becomes waits for a condition.
func (b *bed) becomes(o client.Object, kind v1alpha1.ConditionType, status metav1.ConditionStatus, reason v1alpha1.Reason) *metav1.Condition {
	b.Helper()
	var c *metav1.Condition
	b.eventually(fmt.Sprintf("%T %s is %s=%s/%s", o, o.GetName(), kind, status, reason), func() bool {
		c = b.condition(o, kind)
		return c != nil && c.Status == status && c.Reason == string(reason)
	})
	return c
}

func (b *bed) dump() {
	var gateways v1alpha1.SparkGatewayList
	var providers v1alpha1.ProviderPolicyList
	var routes v1alpha1.ModelRouteList
	var keys v1alpha1.APIKeyList
	var policies v1alpha1.UsagePolicyList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&gateways, &providers, &routes, &keys, &policies, &pods} {
		if err := cluster.List(context.WithoutCancel(b.Context()), list, client.InNamespace(b.namespace)); err != nil {
			b.Log(err)
		}
	}
	for _, g := range gateways.Items {
		b.Logf("SparkGateway %s: %+v", g.Name, g.Status)
	}
	for _, p := range providers.Items {
		b.Logf("ProviderPolicy %s: %+v", p.Name, p.Status)
	}
	for _, m := range routes.Items {
		b.Logf("ModelRoute %s: %+v", m.Name, m.Status)
	}
	for _, k := range keys.Items {
		b.Logf("APIKey %s: %+v", k.Name, k.Status)
	}
	for _, u := range policies.Items {
		b.Logf("UsagePolicy %s: %+v", u.Name, u.Status)
	}
	for _, p := range pods.Items {
		b.Logf("Pod %s: %+v", p.Name, p.Status)
	}
}

// The smallest useful set, of which tests change what they are about.

func gateway(replicas int32) *v1alpha1.SparkGateway {
	return &v1alpha1.SparkGateway{
		ObjectMeta: metav1.ObjectMeta{Name: "main"},
		Spec: v1alpha1.SparkGatewaySpec{
			Replicas: ptr.To(replicas),
			Drain:    &v1alpha1.Drain{Timeout: "1s"},
		},
	}
}

func refs() []v1alpha1.GatewayReference { return []v1alpha1.GatewayReference{{Name: "main"}} }

func policy(name string, models ...string) *v1alpha1.ProviderPolicy {
	p := &v1alpha1.ProviderPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ProviderPolicySpec{
			GatewayRefs: refs(),
			Type:        v1alpha1.ProviderOpenAICompatible,
			Endpoint:    provider.URL(),
			Credentials: &v1alpha1.Credentials{SecretRef: &v1alpha1.SecretKeyReference{Name: "provider-key"}},
		},
	}
	for _, m := range models {
		p.Spec.Models = append(p.Spec.Models, v1alpha1.ProviderModel{Name: m})
	}
	return p
}

func providerSecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "provider-key"}, StringData: map[string]string{"apiKey": "sk-of-the-provider"}}
}

// modelRoute sends a model's name to "fake-model" of providers, the first that can answer.
func modelRoute(name string, providers ...string) *v1alpha1.ModelRoute {
	m := &v1alpha1.ModelRoute{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ModelRouteSpec{GatewayRefs: refs(), Models: []v1alpha1.ModelName{v1alpha1.ModelName(name)}}}
	for i, p := range providers {
		m.Spec.Targets = append(m.Spec.Targets, v1alpha1.RouteTarget{Tier: int32(i),
			TargetReference: v1alpha1.TargetReference{ProviderRef: v1alpha1.ProviderReference{Name: p}, Model: "fake-model"}})
	}
	return m
}

func apiKey(name string) *v1alpha1.APIKey {
	return &v1alpha1.APIKey{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.APIKeySpec{GatewayRefs: refs(), User: name}}
}

// secretOf gives a generated key.
func (b *bed) secretOf(name string) string {
	b.Helper()
	var secret corev1.Secret
	b.eventually("the key of "+name+" is generated", func() bool {
		return cluster.Get(b.Context(), client.ObjectKey{Namespace: b.namespace, Name: name + "-key"}, &secret) == nil
	})
	return string(secret.Data["apiKey"])
}

// addresses gives the listeners of the gateway's running pods.
func (b *bed) addresses() []string {
	b.Helper()
	var pods corev1.PodList
	if err := cluster.List(b.Context(), &pods, client.InNamespace(b.namespace)); err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil && p.Status.PodIP != "" {
			out = append(out, p.Status.PodIP+":8080")
		}
	}
	return out
}

// chat asks one pod, and gives the status, the headers and the body.
func (b *bed) chat(address, key, model string) (int, http.Header, string) {
	b.Helper()
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hello"}]}`, model)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+address+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return response.StatusCode, response.Header, string(answer)
}
