// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	aMinute = config.Duration(time.Minute)
	anHour  = config.Duration(time.Hour)
)

// fullLimits use everything that limits have.
func fullLimits() config.Limits {
	return config.Limits{
		Requests: []config.RequestLimit{{Count: 10, Per: aMinute, Burst: 5}, {Count: 100, Per: anHour, Burst: 100}},
		Tokens:   []config.TokenLimit{{Count: 1000, Per: aMinute}, {Count: 10_000, Per: anHour}},
		Cost:     []config.CostLimit{{Amount: 1, Per: aMinute}, {Amount: config.MaxMoney, Per: anHour}}, Concurrency: 3, Shadow: true,
	}
}

// fullPolicies are two that use everything that policies have.
func fullPolicies() []config.Policy {
	return []config.Policy{
		{
			ID: "team/research", Limits: fullLimits(), Budgets: []config.Budget{{Amount: config.Dollar, Per: config.Day}, {Amount: 1, Per: config.Total, Shadow: true}},
			Selector: []config.Requirement{
				{Label: "cost-center", Operator: config.Exists}, {Label: "stage", Operator: config.NotIn, Values: []string{"dev", "test"}},
				{Label: "team", Operator: config.In, Values: []string{"search"}}, {Label: "trial", Operator: config.DoesNotExist},
			},
		},
		{ID: "team/search", Budgets: []config.Budget{{Amount: config.MaxMoney, Per: config.Month}}},
	}
}

func TestLimitsAreValidatedWhereverTheyStand(t *testing.T) {
	places := map[string]func(*config.Document) *config.Limits{
		"gateway.limits":          func(d *config.Document) *config.Limits { return &d.Core.Gateway.Limits },
		"gateway.perUser":         func(d *config.Document) *config.Limits { return &d.Core.Gateway.PerUser },
		"gateway.perIP":           func(d *config.Document) *config.Limits { return &d.Core.Gateway.PerIP },
		"gateway.all":             func(d *config.Document) *config.Limits { return &d.Core.Gateway.All },
		"routes[0].limits":        func(d *config.Document) *config.Limits { return &d.Core.Routes[0].Limits },
		"policies[0].limits":      func(d *config.Document) *config.Limits { return &d.Core.Policies[0].Limits },
		"keys[team/key-0].limits": func(d *config.Document) *config.Limits { return &d.Keys[0].Limits },
	}
	faults := map[string]struct {
		edit func(*config.Limits)
		want string
	}{
		"nothing wrong":              {func(*config.Limits) {}, ""},
		"nothing at all":             {func(l *config.Limits) { *l = config.Limits{} }, ""},
		"no requests":                {func(l *config.Limits) { l.Requests[1].Count = 0 }, ".requests[1]: count, per and burst must be positive"},
		"requests without a burst":   {func(l *config.Limits) { l.Requests[0].Burst = 0 }, ".requests[0]: count, per and burst must be positive"},
		"requests per no time":       {func(l *config.Limits) { l.Requests[0].Per = 0 }, ".requests[0]: count, per and burst must be positive"},
		"requests twice":             {func(l *config.Limits) { l.Requests[1].Per = aMinute }, ".requests[1].per: 1m0s stands twice"},
		"no tokens":                  {func(l *config.Limits) { l.Tokens[1].Count = 0 }, ".tokens[1]: count and per must be positive"},
		"tokens per no time":         {func(l *config.Limits) { l.Tokens[1].Per = -1 }, ".tokens[1]: count and per must be positive"},
		"tokens twice":               {func(l *config.Limits) { l.Tokens[0].Per = anHour }, ".tokens[1].per: 1h0m0s stands twice"},
		"no money":                   {func(l *config.Limits) { l.Cost[0].Amount = 0 }, ".cost[0].amount: 0.00 is not within 0.000000001 and 999999.999999999"},
		"too much money":             {func(l *config.Limits) { l.Cost[1].Amount++ }, ".cost[1].amount: 1000000.00 is not within 0.000000001 and 999999.999999999"},
		"cost per no time":           {func(l *config.Limits) { l.Cost[0].Per = 0 }, ".cost[0].per: 0s is not positive"},
		"cost twice":                 {func(l *config.Limits) { l.Cost[1].Per = aMinute }, ".cost[1].per: 1m0s stands twice"},
		"fewer than no slots":        {func(l *config.Limits) { l.Concurrency = -1 }, ".concurrency: -1 is negative"},
		"nothing but negative slots": {func(l *config.Limits) { *l = config.Limits{Concurrency: -1} }, ".concurrency: -1 is negative"},
	}
	tests := map[string]edited{}
	for at, place := range places {
		for name, fault := range faults {
			want := fault.want
			if want != "" {
				want = at + want
			}
			tests[at+" with "+name] = edited{func(d *config.Document) {
				d.Core.Policies = fullPolicies()
				limits := fullLimits()
				fault.edit(&limits)
				*place(d) = limits
			}, want}
		}
	}
	wantProblems(t, tests)
}

func TestBudgetsAreValidatedWhereverTheyStand(t *testing.T) {
	places := map[string]func(*config.Document) *[]config.Budget{
		"policies[1].budgets":      func(d *config.Document) *[]config.Budget { return &d.Core.Policies[1].Budgets },
		"keys[team/key-0].budgets": func(d *config.Document) *[]config.Budget { return &d.Keys[0].Budgets },
	}
	faults := map[string]struct {
		budgets []config.Budget
		want    string
	}{
		"one a period": {[]config.Budget{{Amount: 1, Per: config.Day}, {Amount: 1, Per: config.Week}, {Amount: 1, Per: config.Month}, {Amount: 1, Per: config.Total}}, ""},
		"none":         {nil, ""},
		"no money":     {[]config.Budget{{Per: config.Day}}, "[0].amount: 0.00 is not within 0.000000001 and 999999.999999999"},
		"too much":     {[]config.Budget{{Amount: config.MaxMoney + 1, Per: config.Day}}, "[0].amount: 1000000.00 is not within 0.000000001 and 999999.999999999"},
		"no period":    {[]config.Budget{{Amount: 1}}, `[0].per: "" is not known to this gateway`},
		"a fortnight":  {[]config.Budget{{Amount: 1, Per: "Fortnight"}}, `[0].per: "Fortnight" is not known to this gateway`},
		"a day twice":  {[]config.Budget{{Amount: 1, Per: config.Day}, {Amount: 2, Per: config.Day}}, "[1].per: Day stands twice"},
	}
	tests := map[string]edited{}
	for at, place := range places {
		for name, fault := range faults {
			want := fault.want
			if want != "" {
				want = at + want
			}
			tests[at+" with "+name] = edited{func(d *config.Document) {
				d.Core.Policies = fullPolicies()
				*place(d) = fault.budgets
			}, want}
		}
	}
	wantProblems(t, tests)
}

func TestPoliciesAreValidated(t *testing.T) {
	policies := func(edit func([]config.Policy)) func(*config.Document) {
		return func(d *config.Document) {
			d.Core.Policies = fullPolicies()
			edit(d.Core.Policies)
		}
	}
	selector := func(of ...config.Requirement) func(*config.Document) {
		return policies(func(p []config.Policy) { p[0].Selector = of })
	}
	const values = "policies[0].selector[0].values: are required with In and NotIn, and mean nothing otherwise"
	wantProblems(t, map[string]edited{
		"two policies":           {policies(func([]config.Policy) {}), ""},
		"a policy that says all": {selector(), ""},
		"no ID":                  {policies(func(p []config.Policy) { p[0].ID = "" }), `policies[0].id: "" is not of the form namespace/name`},
		"an ID without a namespace": {
			policies(func(p []config.Policy) { p[0].ID = "research" }), `policies[0].id: "research" is not of the form namespace/name`},
		"an ID without a name": {policies(func(p []config.Policy) { p[0].ID = "team/" }), `policies[0].id: "team/" is not of the form namespace/name`},
		"one twice":            {policies(func(p []config.Policy) { p[1].ID = p[0].ID }), `policies[1].id: "team/research" is out of order or stands twice`},
		"out of order":         {policies(slices.Reverse[[]config.Policy]), `policies[1].id: "team/research" is out of order or stands twice`},
		"a requirement of no label": {
			selector(config.Requirement{Operator: config.Exists}), "policies[0].selector[0].label: empty"},
		"an unknown operator": {
			selector(config.Requirement{Label: "a", Operator: "Gt", Values: []string{"1"}}), `policies[0].selector[0].operator: "Gt" is not known to this gateway`},
		"in nothing":                 {selector(config.Requirement{Label: "a", Operator: config.In}), values},
		"not in nothing":             {selector(config.Requirement{Label: "a", Operator: config.NotIn}), values},
		"there with a value":         {selector(config.Requirement{Label: "a", Operator: config.Exists, Values: []string{"1"}}), values},
		"not there with a value":     {selector(config.Requirement{Label: "a", Operator: config.DoesNotExist, Values: []string{"1"}}), values},
		"the empty value of a label": {selector(config.Requirement{Label: "a", Operator: config.In, Values: []string{""}}), ""},
		"values out of order":        {selector(config.Requirement{Label: "a", Operator: config.In, Values: []string{"b", "a"}}), `policies[0].selector[0].values[1]: "a" is out of order or stands twice`},
		"a value twice":              {selector(config.Requirement{Label: "a", Operator: config.In, Values: []string{"a", "a"}}), `policies[0].selector[0].values[1]: "a" is out of order or stands twice`},
		"a label that is asked for twice": {
			selector(config.Requirement{Label: "a", Operator: config.Exists}, config.Requirement{Label: "a", Operator: config.NotIn, Values: []string{"x"}}), ""},
	})
}
