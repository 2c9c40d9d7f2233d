// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// withKey edits an APIKey's spec.
func withKey(edit func(*v1alpha1.APIKeySpec)) func(*v1alpha1.APIKey) {
	return func(k *v1alpha1.APIKey) { edit(&k.Spec) }
}

// usagePolicy gives a UsagePolicy over every key of its namespace.
func usagePolicy(name string, edits ...func(*v1alpha1.UsagePolicy)) v1alpha1.UsagePolicy {
	u := v1alpha1.UsagePolicy{Spec: v1alpha1.UsagePolicySpec{GatewayRefs: refs(), Limits: &v1alpha1.Limits{Concurrency: ptr.To(int32(1))}}}
	u.Namespace, u.Name, u.Generation = ns, name, 11
	for _, edit := range edits {
		edit(&u)
	}
	return u
}

// aliceWith is alice's key, changed, and its Secret.
func aliceWith(edit func(*v1alpha1.APIKeySpec)) []any {
	return []any{apiKey("alice", withKey(edit)), secret("alice-own", "apiKey", aliceSecret)}
}

func TestLimitsAreReadWhereverTheyStand(t *testing.T) {
	given := &v1alpha1.Limits{
		Mode:     v1alpha1.LimitShadow,
		Requests: []v1alpha1.RequestLimit{{Count: 100, Per: "1h"}, {Count: 10, Per: "1m", Burst: ptr.To(int64(3))}},
		Tokens:   []v1alpha1.TokenLimit{{Count: 1000, Per: "1h"}, {Count: 100, Per: "1m"}},
		Cost:     []v1alpha1.CostLimit{{Amount: "12.5", Per: "1h"}, {Amount: "0.000001", Per: "1m"}}, Concurrency: ptr.To(int32(7)),
	}
	want := config.Limits{
		Requests: []config.RequestLimit{{Count: 10, Per: duration("1m"), Burst: 3}, {Count: 100, Per: duration("1h"), Burst: 100}},
		Tokens:   []config.TokenLimit{{Count: 100, Per: duration("1m")}, {Count: 1000, Per: duration("1h")}},
		Cost:     []config.CostLimit{{Amount: 1000, Per: duration("1m")}, {Amount: 12_500_000_000, Per: duration("1h")}}, Concurrency: 7, Shadow: true,
	}
	out := mustServe(t, input(append(aliceWith(func(s *v1alpha1.APIKeySpec) { s.Limits = given }),
		gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
			s.Limits = &v1alpha1.GatewayLimits{Limits: *given, PerUser: given, PerIP: given, All: given}
		})),
		provider("openai", models("gpt-4o")), route("r", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Limits = given })),
		usagePolicy("p", func(u *v1alpha1.UsagePolicy) { u.Spec.Limits = given }))...))
	core := out.Document.Core
	for where, got := range map[string]config.Limits{
		"each principal": core.Gateway.Limits, "each user": core.Gateway.PerUser, "each address": core.Gateway.PerIP, "all": core.Gateway.All,
		"the route": core.Routes[0].Limits, "the policy": core.Policies[0].Limits, "the key": out.Document.Keys[0].Limits,
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limits of %s (-want +got):\n%s", where, diff)
		}
	}
	if given.Requests[0].Per != "1h" {
		t.Error("Compile changed its input")
	}
}

func TestLimitsThatAreNotValidKeepTheirHolderOut(t *testing.T) {
	tests := map[string]struct {
		limits v1alpha1.Limits
		want   string
	}{
		"a period twice in other words": {
			v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 1, Per: "60s"}, {Count: 2, Per: "1m"}}}, "spec.limits.requests[1].per: 1m stands twice"},
		"a period of tokens twice": {
			v1alpha1.Limits{Tokens: []v1alpha1.TokenLimit{{Count: 1, Per: "60s"}, {Count: 2, Per: "1m"}}}, "spec.limits.tokens[1].per: 1m stands twice"},
		"a period of cost twice": {
			v1alpha1.Limits{Cost: []v1alpha1.CostLimit{{Amount: "1", Per: "60s"}, {Amount: "1", Per: "1m"}}}, "spec.limits.cost[1].per: 1m stands twice"},
		"a limit of nothing": {
			v1alpha1.Limits{Tokens: []v1alpha1.TokenLimit{{Per: "1m"}}}, "spec.limits.tokens[0]: count and per must be positive"},
		"no money":       {v1alpha1.Limits{Cost: []v1alpha1.CostLimit{{Amount: "0.000000", Per: "1m"}}}, "spec.limits.cost[0].amount: is not an amount above zero and below a million with at most six decimals"},
		"a million":      {v1alpha1.Limits{Cost: []v1alpha1.CostLimit{{Amount: "1000000", Per: "1m"}}}, "spec.limits.cost[0].amount: is not an amount above zero and below a million with at most six decimals"},
		"seven decimals": {v1alpha1.Limits{Cost: []v1alpha1.CostLimit{{Amount: "1.0000001", Per: "1m"}}}, "spec.limits.cost[0].amount: is not an amount above zero and below a million with at most six decimals"},
		"cost per nothing": {
			v1alpha1.Limits{Cost: []v1alpha1.CostLimit{{Amount: "1"}}}, "spec.limits.cost[0].per: empty"},
		"no slots":        {v1alpha1.Limits{Concurrency: ptr.To(int32(0))}, "spec.limits.concurrency: 0 is not within 1 and 1000000"},
		"an unknown mode": {v1alpha1.Limits{Mode: "Pretend", Concurrency: ptr.To(int32(1))}, `spec.limits.mode: "Pretend" is not a mode`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := compiler.Compile(input(append(aliceWith(func(s *v1alpha1.APIKeySpec) { s.Limits = &test.limits }),
				usagePolicy("p", func(u *v1alpha1.UsagePolicy) { u.Spec.Limits = &test.limits }), provider("openai", models("gpt-4o")),
				route("r", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Limits = &test.limits })))...))
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			for who, v := range map[string]*compiler.Verdict{"key": out.Keys[own("alice")], "policy": out.Policies[own("p")], "route": out.Routes[own("r")]} {
				if diff := cmp.Diff(want, findingsOf(v)); diff != "" {
					t.Errorf("verdict on the %s (-want +got):\n%s", who, diff)
				}
			}
			if out.Document == nil || len(out.Document.Keys) > 0 || len(out.Document.Core.Policies) > 0 {
				t.Errorf("what is not valid is served, or nothing is: %+v", out.Gateway)
			}
			on := compiler.Compile(input(gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
				s.Limits = &v1alpha1.GatewayLimits{Limits: test.limits}
			}))))
			if diff := cmp.Diff(want, findingsOf(&on.Gateway)); diff != "" {
				t.Errorf("verdict on the gateway (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBudgets(t *testing.T) {
	tests := map[string]struct {
		budgets []v1alpha1.Budget
		want    []config.Budget
		problem string
	}{
		"none": {},
		"the shortest first": {
			budgets: []v1alpha1.Budget{{Amount: "999999.999999", Per: "Total"}, {Amount: "0.01", Per: "Day", Mode: v1alpha1.LimitShadow}, {Amount: "5", Per: "Month"}, {Amount: "1", Per: "Week", Mode: v1alpha1.LimitEnforce}},
			want: []config.Budget{{Amount: 10_000_000, Per: config.Day, Shadow: true}, {Amount: config.Dollar, Per: config.Week},
				{Amount: 5 * config.Dollar, Per: config.Month}, {Amount: 999_999_999_999_000, Per: config.Total}},
		},
		"a period twice":    {budgets: []v1alpha1.Budget{{Amount: "1", Per: "Day"}, {Amount: "2", Per: "Day"}}, problem: "spec.budgets[1].per: Day stands twice"},
		"an unknown period": {budgets: []v1alpha1.Budget{{Amount: "1", Per: "Year"}}, problem: `spec.budgets[0].per: "Year" is not a period`},
		"no amount": {budgets: []v1alpha1.Budget{{Per: "Day"}},
			problem: "spec.budgets[0].amount: is not an amount above zero and below a million with at most six decimals"},
		"an unknown mode": {budgets: []v1alpha1.Budget{{Amount: "1", Per: "Day", Mode: "Pretend"}}, problem: `spec.budgets[0].mode: "Pretend" is not a mode`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(append(aliceWith(func(s *v1alpha1.APIKeySpec) { s.Budgets = test.budgets }),
				usagePolicy("p", func(u *v1alpha1.UsagePolicy) { u.Spec.Budgets = test.budgets }))...))
			want := wantFindings{}
			if test.problem != "" {
				want.Accepted = compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.problem}
			}
			for who, v := range map[string]*compiler.Verdict{"key": out.Keys[own("alice")], "policy": out.Policies[own("p")]} {
				if diff := cmp.Diff(want, findingsOf(v)); diff != "" {
					t.Errorf("verdict on the %s (-want +got):\n%s", who, diff)
				}
			}
			if test.problem != "" {
				return
			}
			for who, got := range map[string][]config.Budget{"key": out.Document.Keys[0].Budgets, "policy": out.Document.Core.Policies[0].Budgets} {
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("budgets of the %s (-want +got):\n%s", who, diff)
				}
			}
		})
	}
}
