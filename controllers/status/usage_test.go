// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

var (
	fridayNoon  = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	saturday    = metav1.NewTime(time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC))
	mondayAfter = metav1.NewTime(time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC))
	june        = metav1.NewTime(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
)

// spentOn gives what was used on a gateway, all of it at noon, in cents.
func spentOn(gateway string, cents int64) status.GatewayUse {
	cost := config.Money(cents) * config.Dollar / 100
	window := func(c config.Calendar) config.WindowUse {
		return config.WindowUse{Window: c.Window(fridayNoon), Cost: cost}
	}
	use := config.HolderUse{Requests: cents, Tokens: 10 * cents, Cost: cost,
		Day: window(config.Day), Week: window(config.Week), Month: window(config.Month)}
	if cents > 0 {
		use.Last = fridayNoon.UnixMilli() + 250
	}
	return status.GatewayUse{Gateway: named(gateway), Use: use}
}

func budget(amount v1alpha1.MoneyAmount, per v1alpha1.BudgetPeriod) v1alpha1.Budget {
	return v1alpha1.Budget{Amount: amount, Per: per}
}

func TestUsage(t *testing.T) {
	last := metav1.NewTime(fridayNoon)
	tests := map[string]struct {
		budgets []v1alpha1.Budget
		uses    []status.GatewayUse
		now     time.Time
		want    v1alpha1.UsageStatus
	}{
		"nothing was used": {nil, []status.GatewayUse{spentOn("main", 0)}, fridayNoon, v1alpha1.UsageStatus{}},
		"without a budget all that was spent is told": {nil, []status.GatewayUse{spentOn("main", 192)}, fridayNoon,
			v1alpha1.UsageStatus{Requests: 192, Tokens: 1920, Cost: "1.92", Spent: "$1.92", LastUsed: &last}},
		"gateways are added up": {nil, []status.GatewayUse{spentOn("main", 100), spentOn("other", 50)}, fridayNoon,
			v1alpha1.UsageStatus{Requests: 150, Tokens: 1500, Cost: "1.50", Spent: "$1.50", LastUsed: &last}},
		"a budget of which nothing is spent": {[]v1alpha1.Budget{budget("50", v1alpha1.BudgetDay)}, []status.GatewayUse{spentOn("main", 0)}, fridayNoon,
			v1alpha1.UsageStatus{Spent: "$0.00", Budget: "$50.00", Budgets: []v1alpha1.BudgetStatus{
				{Per: v1alpha1.BudgetDay, Amount: "50.00", Spent: "0.00", Remaining: "50.00", ResetsAt: &saturday}}}},
		"every budget is told, the first in the table": {
			[]v1alpha1.Budget{budget("5", v1alpha1.BudgetMonth), budget("2.5", v1alpha1.BudgetDay), budget("100", v1alpha1.BudgetTotal), budget("9", v1alpha1.BudgetWeek)},
			[]status.GatewayUse{spentOn("main", 400)}, fridayNoon,
			v1alpha1.UsageStatus{Requests: 400, Tokens: 4000, Cost: "4.00", Spent: "$4.00", Budget: "$5.00", LastUsed: &last, Budgets: []v1alpha1.BudgetStatus{
				{Per: v1alpha1.BudgetMonth, Amount: "5.00", Spent: "4.00", Remaining: "1.00", ResetsAt: &june},
				{Per: v1alpha1.BudgetDay, Amount: "2.50", Spent: "4.00", Remaining: "0.00", ResetsAt: &saturday},
				{Per: v1alpha1.BudgetTotal, Amount: "100.00", Spent: "4.00", Remaining: "96.00"},
				{Per: v1alpha1.BudgetWeek, Amount: "9.00", Spent: "4.00", Remaining: "5.00", ResetsAt: &mondayAfter},
			}}},
		"of a budget that each gateway counts for itself the fullest is told": {[]v1alpha1.Budget{budget("5", v1alpha1.BudgetDay)},
			[]status.GatewayUse{spentOn("main", 300), spentOn("other", 400)}, fridayNoon,
			v1alpha1.UsageStatus{Requests: 700, Tokens: 7000, Cost: "7.00", Spent: "$4.00", Budget: "$5.00", LastUsed: &last, Budgets: []v1alpha1.BudgetStatus{
				{Per: v1alpha1.BudgetDay, Amount: "5.00", Spent: "4.00", Remaining: "1.00", ResetsAt: &saturday}}}},
		"a new window has nothing spent": {[]v1alpha1.Budget{budget("5", v1alpha1.BudgetDay)},
			[]status.GatewayUse{spentOn("main", 300)}, saturday.Add(-24 * time.Hour).Add(72 * time.Hour),
			v1alpha1.UsageStatus{Requests: 300, Tokens: 3000, Cost: "3.00", Spent: "$0.00", Budget: "$5.00", LastUsed: &last, Budgets: []v1alpha1.BudgetStatus{
				{Per: v1alpha1.BudgetDay, Amount: "5.00", Spent: "0.00", Remaining: "5.00", ResetsAt: &metav1.Time{Time: mondayAfter.Add(24 * time.Hour)}}}}},
		"no gateway exists": {[]v1alpha1.Budget{budget("5", v1alpha1.BudgetTotal)}, nil, fridayNoon,
			v1alpha1.UsageStatus{Spent: "$0.00", Budget: "$5.00", Budgets: []v1alpha1.BudgetStatus{
				{Per: v1alpha1.BudgetTotal, Amount: "5.00", Spent: "0.00", Remaining: "5.00"}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, status.Usage(test.budgets, test.uses, test.now)); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAmountsInTables(t *testing.T) {
	for spent, want := range map[config.Money]string{
		1: "$0.000001", 1234: "$0.000002", 43_512_001: "$0.043513", 999_999_999: "$1.00", config.Dollar: "$1.00",
		1_994_999_999: "$1.99", 1_995_000_000: "$2.00", 123 * config.Dollar: "$123.00",
	} {
		use := status.GatewayUse{Use: config.HolderUse{Cost: spent, Last: 1}}
		if got := status.Usage(nil, []status.GatewayUse{use}, fridayNoon).Spent; got != want {
			t.Errorf("%d nanodollars are %s, want %s", spent, got, want)
		}
	}
}

func TestWithinBudget(t *testing.T) {
	day, month := budget("10.00", v1alpha1.BudgetDay), budget("20.00", v1alpha1.BudgetMonth)
	total := v1alpha1.Budget{Amount: "10", Per: v1alpha1.BudgetTotal, Mode: v1alpha1.LimitShadow}
	tests := map[string]struct {
		budgets []v1alpha1.Budget
		uses    []status.GatewayUse
		want    status.Condition
	}{
		"less than four fifths are spent": {[]v1alpha1.Budget{day}, []status.GatewayUse{spentOn("main", 799)},
			status.Condition{Status: "True", Reason: "WithinBudget", Message: "of every budget less than four fifths are spent"}},
		"four fifths are spent": {[]v1alpha1.Budget{day}, []status.GatewayUse{spentOn("main", 800)},
			status.Condition{Status: "True", Reason: "NearlySpent", Message: "the daily budget of $10.00 is spent to four fifths or more; requests that may cost more than is left are refused"}},
		"too little is left to ask with": {[]v1alpha1.Budget{day}, []status.GatewayUse{spentOn("main", 999)},
			status.Condition{Status: "True", Reason: "NearlySpent", Message: "the daily budget of $10.00 is spent to four fifths or more; requests that may cost more than is left are refused"}},
		"all is spent": {[]v1alpha1.Budget{day}, []status.GatewayUse{spentOn("main", 1000)},
			status.Condition{Status: "False", Reason: "Spent", Message: "the daily budget of $10.00 is spent until 2026-05-02T00:00:00Z; requests are refused"}},
		"the worst of several is told": {[]v1alpha1.Budget{day, month}, []status.GatewayUse{spentOn("main", 2000)},
			status.Condition{Status: "False", Reason: "Spent", Message: "the daily budget of $10.00 is spent until 2026-05-02T00:00:00Z; requests are refused"}},
		"a budget for ever": {[]v1alpha1.Budget{month, total}, []status.GatewayUse{spentOn("main", 1100)},
			status.Condition{Status: "False", Reason: "Spent", Message: "the budget of $10.00 is spent; it is in shadow and refuses nothing"}},
		"of several gateways it is said which": {[]v1alpha1.Budget{day}, []status.GatewayUse{spentOn("main", 1), spentOn("other", 900)},
			status.Condition{Status: "True", Reason: "NearlySpent", Message: "the daily budget of $10.00 is spent to four fifths or more on SparkGateway team/other; requests that may cost more than is left are refused"}},
		"budgets are not added up": {[]v1alpha1.Budget{day}, []status.GatewayUse{spentOn("main", 700), spentOn("other", 700)},
			status.Condition{Status: "True", Reason: "WithinBudget", Message: "of every budget less than four fifths are spent"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := status.WithinBudget(test.budgets, test.uses, fridayNoon)
			test.want.Type = v1alpha1.WithinBudget
			if diff := cmp.Diff(test.want, got); diff != "" || !ok {
				t.Errorf("%t (-want +got):\n%s", ok, diff)
			}
		})
	}
	if c, ok := status.WithinBudget(nil, nil, fridayNoon); ok {
		t.Errorf("without a budget: %+v", c)
	}
}

func TestCrossings(t *testing.T) {
	at := func(cents int64, now time.Time, budgets ...v1alpha1.Budget) v1alpha1.UsageStatus {
		return status.Usage(budgets, []status.GatewayUse{spentOn("main", cents)}, now)
	}
	day, total := budget("10", v1alpha1.BudgetDay), budget("20", v1alpha1.BudgetTotal)
	nearlyDay := status.Crossing{Per: "Day", Reason: "NearlySpent", Message: "80% of the daily budget of $10.00 is spent, which begins anew at 2026-05-02T00:00:00Z"}
	spentDay := status.Crossing{Per: "Day", Reason: "Spent", Message: "100% of the daily budget of $10.00 is spent, which begins anew at 2026-05-02T00:00:00Z"}
	yesterday := at(900, fridayNoon, day)
	yesterday.Budgets[0].ResetsAt = &metav1.Time{Time: saturday.AddDate(0, 0, -1)}
	tests := map[string]struct {
		before, after v1alpha1.UsageStatus
		want          []status.Crossing
	}{
		"nothing is told before":       {v1alpha1.UsageStatus{}, at(700, fridayNoon, day), nil},
		"four fifths":                  {at(700, fridayNoon, day), at(800, fridayNoon, day), []status.Crossing{nearlyDay}},
		"four fifths are told once":    {at(800, fridayNoon, day), at(999, fridayNoon, day), nil},
		"all":                          {at(999, fridayNoon, day), at(1000, fridayNoon, day), []status.Crossing{spentDay}},
		"all at once":                  {v1alpha1.UsageStatus{}, at(1000, fridayNoon, day), []status.Crossing{spentDay}},
		"all is told once":             {at(1000, fridayNoon, day), at(2000, fridayNoon, day), nil},
		"each budget is told":          {at(700, fridayNoon, day, total), at(2000, fridayNoon, day, total), []status.Crossing{spentDay, {Per: "Total", Reason: "Spent", Message: "100% of the budget of $20.00 is spent"}}},
		"a new window is told anew":    {yesterday, at(900, fridayNoon, day), []status.Crossing{nearlyDay}},
		"a budget that was made lower": {at(900, fridayNoon, budget("100", v1alpha1.BudgetDay)), at(900, fridayNoon, day), []status.Crossing{nearlyDay}},
		"a budget that was raised":     {at(1000, fridayNoon, day), at(1000, fridayNoon, budget("11", v1alpha1.BudgetDay)), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, status.Crossings(test.before, test.after)); diff != "" {
				t.Errorf("crossings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatChangesABudgetsCondition(t *testing.T) {
	day, total := budget("10", v1alpha1.BudgetDay), budget("0.000001", v1alpha1.BudgetTotal)
	uses := []status.GatewayUse{spentOn("main", 799), spentOn("other", 800), spentOn("third", 1000)}
	want := []status.Threshold{
		{Gateway: named("main"), Per: config.Day, At: 8 * config.Dollar},
		{Gateway: named("other"), Per: config.Day, At: 10 * config.Dollar},
	}
	got := status.Thresholds([]v1alpha1.Budget{day, total}, uses, fridayNoon)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
	for i, reached := range []bool{false, true, true} {
		if got[0].Reached(&uses[i].Use, fridayNoon) != reached {
			t.Errorf("%d: reached %t", i, !reached)
		}
	}
	if got[0].Reached(&uses[2].Use, saturday.Time) {
		t.Error("what was spent in another window counts")
	}
	for name, test := range map[string]struct {
		budgets []v1alpha1.Budget
		cents   int64
		want    time.Time
	}{
		"the first window that ends": {[]v1alpha1.Budget{total, budget("10", v1alpha1.BudgetMonth), day}, 1, saturday.Time},
		"nothing was spent":          {[]v1alpha1.Budget{day}, 0, time.Time{}},
		"nothing ends":               {[]v1alpha1.Budget{total}, 1, time.Time{}},
	} {
		if got := status.WindowEnds(test.budgets, []status.GatewayUse{spentOn("main", test.cents)}, fridayNoon); !got.Equal(test.want) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
