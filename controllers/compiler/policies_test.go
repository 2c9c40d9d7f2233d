// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

func over(selector metav1.LabelSelector) func(*v1alpha1.UsagePolicy) {
	return func(u *v1alpha1.UsagePolicy) { u.Spec.KeySelector = selector }
}

func expression(key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
}

// population gives keys of two namespaces whose labels differ in every way that selectors ask for.
func population() []any {
	objects := []any{gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
		s.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}
	}))}
	for _, namespace := range []string{ns, ns + "-b", elsewhere} {
		for i := range 40 {
			key := apiKey(fmt.Sprintf("key-%02d", i), func(k *v1alpha1.APIKey) {
				k.Namespace, k.Labels = namespace, map[string]string{}
				for label, value := range map[string]string{"team": fmt.Sprint(i % 3), "stage": fmt.Sprint(i % 5), "empty": ""} {
					if i%7 != len(label)-3 {
						k.Labels[label] = value
					}
				}
			})
			s := secret(key.Name+"-own", "apiKey", "canary-of-"+namespace+"-"+key.Name)
			s.Namespace = namespace
			objects = append(objects, key, s)
		}
	}
	return objects
}

// The members of a policy are the keys of its namespace that Kubernetes says the selector matches.
func TestMembersAreAsKubernetesSelects(t *testing.T) {
	both := func(a, b metav1.LabelSelector) metav1.LabelSelector {
		a.MatchExpressions = append(a.MatchExpressions, b.MatchExpressions...)
		return a
	}
	tests := map[string]metav1.LabelSelector{
		"everything":              {},
		"a label":                 {MatchLabels: map[string]string{"team": "1"}},
		"two labels":              {MatchLabels: map[string]string{"team": "1", "stage": "2"}},
		"a label that is empty":   {MatchLabels: map[string]string{"empty": ""}},
		"a label of nobody":       {MatchLabels: map[string]string{"team": "9"}},
		"one of several values":   expression("team", metav1.LabelSelectorOpIn, "2", "0"),
		"none of several values":  expression("team", metav1.LabelSelectorOpNotIn, "2", "0"),
		"a label that is there":   expression("stage", metav1.LabelSelectorOpExists),
		"a label that is not":     expression("stage", metav1.LabelSelectorOpDoesNotExist),
		"there and not one value": both(expression("team", metav1.LabelSelectorOpExists), expression("team", metav1.LabelSelectorOpNotIn, "1")),
		"a contradiction":         both(expression("team", metav1.LabelSelectorOpIn, "1"), expression("team", metav1.LabelSelectorOpIn, "2")),
		"one value and not there": both(expression("team", metav1.LabelSelectorOpIn, "1"), expression("stage", metav1.LabelSelectorOpDoesNotExist)),
		"values of two labels":    both(expression("team", metav1.LabelSelectorOpIn, "1", "2"), expression("stage", metav1.LabelSelectorOpIn, "1", "3")),
	}
	for name, selector := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(append(population(), usagePolicy("p", over(selector)))...)
			kubernetes, err := metav1.LabelSelectorAsSelector(&selector)
			if err != nil {
				t.Fatal(err)
			}
			want := int32(0)
			for _, key := range in.Keys {
				if key.Namespace == ns && kubernetes.Matches(labels.Set(key.Labels)) {
					want++
				}
			}
			out := mustServe(t, in)
			if got := out.Policies[own("p")].Members; got != want {
				t.Errorf("%d members, want %d", got, want)
			}
			// What the gateway will find, by the document alone.
			found := int32(0)
			for _, key := range out.Document.Keys {
				if strings.HasPrefix(key.ID, ns+"/") && holds(out.Document.Core.Policies[0], key) {
					found++
				}
			}
			if found != want {
				t.Errorf("the document has %d members, want %d", found, want)
			}
		})
	}
}

func holds(policy config.Policy, key config.Key) bool {
	for _, r := range policy.Selector {
		var values []string
		if value, ok := key.Labels[r.Label]; ok {
			values = []string{value}
		}
		if !r.Holds(values) {
			return false
		}
	}
	return true
}

func TestOnlyServedKeysAreMembers(t *testing.T) {
	out := mustServe(t, input(usagePolicy("p"), apiKey("alice"), secret("alice-own", "apiKey", aliceSecret), apiKey("without-a-secret"),
		apiKey("disabled", withKey(func(s *v1alpha1.APIKeySpec) { s.Disabled = new(true) })), secret("disabled-own", "apiKey", "the-key-that-is-disabled")))
	if got := out.Policies[own("p")].Members; got != 2 {
		t.Errorf("%d members", got)
	}
}

func TestKeysBringAlongOnlyLabelsThatAreSelectedBy(t *testing.T) {
	given := map[string]string{"team": "search", "stage": "prod", "cost": "7", "private": "x"}
	tests := map[string]struct {
		policies []any
		want     map[string]string
	}{
		"without a policy, the team":   {want: map[string]string{"team": "search"}},
		"a policy over everything":     {policies: []any{usagePolicy("p")}, want: map[string]string{"team": "search"}},
		"a policy over labels":         {policies: []any{usagePolicy("p", over(metav1.LabelSelector{MatchLabels: map[string]string{"stage": "dev"}}))}, want: map[string]string{"team": "search", "stage": "prod"}},
		"a label that the key has not": {policies: []any{usagePolicy("p", over(expression("trial", metav1.LabelSelectorOpDoesNotExist)))}, want: map[string]string{"team": "search"}},
		"two policies": {
			policies: []any{usagePolicy("p", over(expression("stage", metav1.LabelSelectorOpExists))), usagePolicy("q", over(expression("cost", metav1.LabelSelectorOpNotIn, "8")))},
			want:     map[string]string{"team": "search", "stage": "prod", "cost": "7"},
		},
		"a policy of another namespace": {
			policies: []any{usagePolicy("p", over(expression("stage", metav1.LabelSelectorOpExists)), func(u *v1alpha1.UsagePolicy) { u.Namespace = elsewhere })},
			want:     map[string]string{"team": "search"},
		},
		"a policy that is refused": {
			policies: []any{usagePolicy("p", over(expression("stage", metav1.LabelSelectorOpExists)), func(u *v1alpha1.UsagePolicy) { u.Spec.Limits.Mode = "?" })},
			want:     map[string]string{"team": "search"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			alice := apiKey("alice", func(k *v1alpha1.APIKey) { k.Labels = given })
			open := gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
				s.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}
			}))
			out := mustServe(t, input(append(test.policies, open, alice, secret("alice-own", "apiKey", aliceSecret))...))
			if diff := cmp.Diff(test.want, out.Document.Keys[0].Labels); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerdictOnAPolicy(t *testing.T) {
	invalid := func(message string) wantFindings {
		return wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: message}}
	}
	tests := map[string]struct {
		policy v1alpha1.UsagePolicy
		want   wantFindings
	}{
		"served": {policy: usagePolicy("p")},
		"an operator that Kubernetes does not have": {
			policy: usagePolicy("p", over(expression("team", "Gt", "1"))), want: invalid(`spec.keySelector: "Gt" is not a valid label selector operator`)},
		"from a namespace that is not admitted": {
			policy: usagePolicy("p", func(u *v1alpha1.UsagePolicy) { u.Namespace = elsewhere }),
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonNotAllowed,
				Message: "SparkGateway team/main does not admit namespace elsewhere in spec.allowedNamespaces"}},
		},
		"without a name": {policy: usagePolicy(""), want: invalid("metadata.name: empty")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(test.policy))
			v := out.Policies[in(test.policy.Namespace, test.policy.Name)]
			if diff := cmp.Diff(test.want, findingsOf(v)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if v.Generation != 11 || (v.Content != "") != v.Served() || (len(out.Document.Core.Policies) == 1) != v.Served() {
				t.Errorf("verdict %+v with policies %+v", v, out.Document.Core.Policies)
			}
		})
	}
}
