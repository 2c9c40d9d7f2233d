// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// GatewayUse is what a key or policy used on one gateway.
type GatewayUse struct {
	Gateway types.NamespacedName
	Use     config.HolderUse
}

// Usage gives what was used on all gateways together and, of budgets, which each gateway counts for itself, how they stand
// where most of each is spent.
func Usage(budgets []v1alpha1.Budget, uses []GatewayUse, now time.Time) v1alpha1.UsageStatus {
	all := config.HolderUse{}
	for i := range uses {
		all.Add(&uses[i].Use)
	}
	next := v1alpha1.UsageStatus{Requests: all.Requests, Tokens: all.Tokens}
	if all.Last > 0 {
		last := metav1.NewTime(time.UnixMilli(all.Last).Truncate(time.Second))
		next.LastUsed = &last
		next.Cost, next.Spent = all.Cost.String(), dollars(all.Cost)
	}
	for i, s := range standings(budgets, uses, now) {
		if i == 0 {
			next.Spent, next.Budget = dollars(s.spent), dollars(s.amount)
		}
		stands := v1alpha1.BudgetStatus{Per: v1alpha1.BudgetPeriod(s.per), Amount: s.amount.String(), Spent: s.spent.String(),
			Remaining: max(0, s.amount-s.spent).String()}
		if !s.ends.IsZero() {
			ends := metav1.NewTime(s.ends)
			stands.ResetsAt = &ends
		}
		next.Budgets = append(next.Budgets, stands)
	}
	return next
}

// dollars writes an amount for a table: cents, and more of less than a dollar.
func dollars(m config.Money) string {
	const cent, micro = config.Dollar / 100, config.Dollar / 1_000_000
	if m >= config.Dollar {
		m = (m + cent/2) / cent * cent
	} else {
		m = (m + micro - 1) / micro * micro
	}
	return "$" + m.String()
}

// standing is how one budget stands on the gateway where most of it is spent.
type standing struct {
	per           config.Calendar
	amount, spent config.Money
	shadow        bool
	gateway       types.NamespacedName
	// ends is when the window does; zero for never.
	ends time.Time
}

// level is how far a budget is spent.
type level int

const (
	within level = iota
	nearly       // four fifths
	spent        // all
)

func levelOf(used, amount config.Money) level {
	switch {
	case amount <= 0 || used < nearlyOf(amount):
		return within
	case used < amount:
		return nearly
	}
	return spent
}

// nearlyOf gives four fifths of an amount, rounded up.
func nearlyOf(amount config.Money) config.Money { return (4*amount + 4) / 5 }

func (s *standing) level() level { return levelOf(s.spent, s.amount) }

// standings are in the order of the budgets.
func standings(budgets []v1alpha1.Budget, uses []GatewayUse, now time.Time) []standing {
	var all []standing
	for _, b := range budgets {
		s := standing{per: config.Calendar(b.Per), amount: money(string(b.Amount)), shadow: b.Mode == v1alpha1.LimitShadow}
		s.ends = s.per.Ends(now)
		for i := range uses {
			if here := uses[i].Use.In(s.per, now); i == 0 || here > s.spent {
				s.spent, s.gateway = here, uses[i].Gateway
			}
		}
		all = append(all, s)
	}
	return all
}

// periods are what messages call a budget of each period.
var periods = map[config.Calendar]string{
	config.Day: "the daily budget", config.Week: "the weekly budget", config.Month: "the monthly budget", config.Total: "the budget",
}

// message says how a budget stands, in words that change only with its level.
func (s *standing) message(gateways int) string {
	var text strings.Builder
	text.WriteString(cmp.Or(periods[s.per], "the budget") + " of " + dollars(s.amount))
	switch s.level() {
	case spent:
		text.WriteString(" is spent")
		if !s.ends.IsZero() {
			text.WriteString(" until " + s.ends.Format(time.RFC3339))
		}
	case nearly:
		text.WriteString(" is spent to four fifths or more")
	default:
		text.WriteString(" is spent to less than four fifths")
	}
	if gateways > 1 {
		fmt.Fprintf(&text, " on SparkGateway %s", s.gateway)
	}
	switch {
	case s.level() == within:
	case s.shadow:
		text.WriteString("; it is in shadow and refuses nothing")
	case s.level() == nearly:
		text.WriteString("; requests that may cost more than is left are refused")
	default:
		text.WriteString("; requests are refused")
	}
	return text.String()
}

// WithinBudget gives the condition of that name, of the budget that is spent furthest; ok is false where there is none.
func WithinBudget(budgets []v1alpha1.Budget, uses []GatewayUse, now time.Time) (c Condition, ok bool) {
	all := standings(budgets, uses, now)
	if len(all) == 0 {
		return Condition{}, false
	}
	worst := slices.MaxFunc(all, func(a, b standing) int { return cmp.Compare(a.level(), b.level()) })
	switch worst.level() {
	case spent:
		return Condition{v1alpha1.WithinBudget, metav1.ConditionFalse, v1alpha1.ReasonSpent, worst.message(len(uses))}, true
	case nearly:
		return Condition{v1alpha1.WithinBudget, metav1.ConditionTrue, v1alpha1.ReasonNearlySpent, worst.message(len(uses))}, true
	}
	return Condition{v1alpha1.WithinBudget, metav1.ConditionTrue, v1alpha1.ReasonWithinBudget, "of every budget less than four fifths are spent"}, true
}

// Crossing is a budget of which more than four fifths, or all, is spent by now.
type Crossing struct {
	Per     v1alpha1.BudgetPeriod
	Reason  v1alpha1.Reason
	Message string
}

// Crossings gives what a status says of budgets that the one before did not say of the same window: once it is written, it is
// no news any more, whoever asks.
func Crossings(before, after v1alpha1.UsageStatus) []Crossing {
	var all []Crossing
	for _, b := range after.Budgets {
		was := within
		for _, old := range before.Budgets {
			if old.Per == b.Per && old.ResetsAt.Equal(b.ResetsAt) {
				was = told(old)
			}
		}
		is := told(b)
		if is <= was {
			continue
		}
		c := Crossing{b.Per, v1alpha1.ReasonNearlySpent, "80% of "}
		if is == spent {
			c = Crossing{b.Per, v1alpha1.ReasonSpent, "100% of "}
		}
		c.Message += cmp.Or(periods[config.Calendar(b.Per)], "the budget") + " of $" + b.Amount + " is spent"
		if b.ResetsAt != nil {
			c.Message += ", which begins anew at " + b.ResetsAt.UTC().Format(time.RFC3339)
		}
		all = append(all, c)
	}
	return all
}

// told gives the level that a status tells of.
func told(b v1alpha1.BudgetStatus) level {
	return levelOf(money(b.Spent), money(b.Amount))
}

// Threshold is what may be spent on a gateway in a period before a budget's condition changes.
type Threshold struct {
	Gateway types.NamespacedName
	Per     config.Calendar
	At      config.Money
}

// Reached says whether a use goes as far.
func (t *Threshold) Reached(u *config.HolderUse, now time.Time) bool { return u.In(t.Per, now) >= t.At }

// Thresholds gives those that are next.
func Thresholds(budgets []v1alpha1.Budget, uses []GatewayUse, now time.Time) []Threshold {
	var all []Threshold
	for i := range uses {
		for _, s := range standings(budgets, uses[i:i+1], now) {
			switch s.level() {
			case within:
				all = append(all, Threshold{s.gateway, s.per, nearlyOf(s.amount)})
			case nearly:
				all = append(all, Threshold{s.gateway, s.per, s.amount})
			}
		}
	}
	return all
}

// WindowEnds gives when the first window ends of which something is spent; zero for none.
func WindowEnds(budgets []v1alpha1.Budget, uses []GatewayUse, now time.Time) time.Time {
	var first time.Time
	for _, s := range standings(budgets, uses, now) {
		if s.spent > 0 && !s.ends.IsZero() && (first.IsZero() || s.ends.Before(first)) {
			first = s.ends
		}
	}
	return first
}

// money reads an amount of dollars with at most nine decimals, exactly; 0 where it is none, as the API server lets none through.
func money(s string) config.Money {
	const decimals = 9
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" || len(whole) > decimals || len(fraction) > decimals {
		return 0
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 63)
	if err != nil {
		return 0
	}
	return config.Money(n)
}
