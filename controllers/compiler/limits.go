// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// limitSet reads the limits of one holder; none are empty.
func (p *problems) limitSet(field string, l *v1alpha1.Limits) config.Limits {
	if l == nil {
		return config.Limits{}
	}
	return config.Limits{
		Requests:    p.limits(field+".requests", l.Requests),
		Tokens:      p.tokens(field+".tokens", l.Tokens),
		Cost:        p.cost(field+".cost", l.Cost),
		Concurrency: p.number(field+".concurrency", l.Concurrency, 0, 1, 1_000_000),
		Shadow:      p.shadow(field+".mode", l.Mode),
	}
}

func (p *problems) shadow(field string, mode v1alpha1.LimitMode) bool {
	if mode != "" && mode != v1alpha1.LimitEnforce && mode != v1alpha1.LimitShadow {
		p.add("%s: %q is not a mode", field, mode)
	}
	return mode == v1alpha1.LimitShadow
}

// limits reads request limits in order of their period.
func (p *problems) limits(field string, limits []v1alpha1.RequestLimit) []config.RequestLimit {
	var out []config.RequestLimit
	for i, l := range limits {
		limit := config.RequestLimit{
			Count: l.Count, Burst: valueOr(l.Burst, l.Count),
			Per: p.period(field, i, l.Per, func(per config.Duration) bool {
				return slices.ContainsFunc(out, func(o config.RequestLimit) bool { return o.Per == per })
			}),
		}
		if l.Per == "" || limit.Count <= 0 || limit.Burst <= 0 {
			p.add("%s[%d]: count, per and burst must be positive", field, i)
		}
		out = append(out, limit)
	}
	slices.SortFunc(out, func(a, b config.RequestLimit) int { return cmp.Compare(a.Per, b.Per) })
	return out
}

// tokens reads limits of tokens in order of their period.
func (p *problems) tokens(field string, limits []v1alpha1.TokenLimit) []config.TokenLimit {
	var out []config.TokenLimit
	for i, l := range limits {
		per := p.period(field, i, l.Per, func(per config.Duration) bool {
			return slices.ContainsFunc(out, func(o config.TokenLimit) bool { return o.Per == per })
		})
		if l.Per == "" || l.Count <= 0 {
			p.add("%s[%d]: count and per must be positive", field, i)
		}
		out = append(out, config.TokenLimit{Count: l.Count, Per: per})
	}
	slices.SortFunc(out, func(a, b config.TokenLimit) int { return cmp.Compare(a.Per, b.Per) })
	return out
}

// cost reads limits of cost in order of their period.
func (p *problems) cost(field string, limits []v1alpha1.CostLimit) []config.CostLimit {
	var out []config.CostLimit
	for i, l := range limits {
		per := p.period(field, i, l.Per, func(per config.Duration) bool {
			return slices.ContainsFunc(out, func(o config.CostLimit) bool { return o.Per == per })
		})
		if l.Per == "" {
			p.add("%s[%d].per: empty", field, i)
		}
		out = append(out, config.CostLimit{Amount: p.money(fmt.Sprintf("%s[%d].amount", field, i), l.Amount), Per: per})
	}
	slices.SortFunc(out, func(a, b config.CostLimit) int { return cmp.Compare(a.Per, b.Per) })
	return out
}

// period reads the period of a limit, which must stand once: the API server takes "60s" and "1m" for two.
func (p *problems) period(field string, i int, d v1alpha1.Duration, taken func(config.Duration) bool) config.Duration {
	at := field + "[" + strconv.Itoa(i) + "].per"
	per := p.duration(at, d, 0)
	if taken(per) {
		p.add("%s: %s stands twice", at, d)
	}
	return per
}

// budgets reads budgets, the shortest period first.
func (p *problems) budgets(field string, budgets []v1alpha1.Budget) []config.Budget {
	var out []config.Budget
	for i, b := range budgets {
		at := field + "[" + strconv.Itoa(i) + "]"
		budget := config.Budget{Amount: p.money(at+".amount", b.Amount), Per: config.Calendar(b.Per), Shadow: p.shadow(at+".mode", b.Mode)}
		if !budget.Per.Known() {
			p.add("%s.per: %q is not a period", at, b.Per)
		}
		if slices.ContainsFunc(out, func(o config.Budget) bool { return o.Per == budget.Per }) {
			p.add("%s.per: %s stands twice", at, b.Per)
		}
		out = append(out, budget)
	}
	slices.SortFunc(out, func(a, b config.Budget) int {
		return cmp.Compare(slices.Index(config.Calendars, a.Per), slices.Index(config.Calendars, b.Per))
	})
	return out
}

// The forms of MoneyAmount and USDollars; millionths of a dollar are nanodollars by microdollar.
var (
	moneyForm  = regexp.MustCompile(`^([0-9]{1,6})(?:\.([0-9]{1,6}))?$`)
	dollarForm = regexp.MustCompile(`^([0-9]{1,4})(?:\.([0-9]{1,6}))?$`)
)

const microdollar = config.Dollar / 1_000_000

// millionths reads an amount with at most six decimals, exactly.
func millionths(form *regexp.Regexp, amount string) (int64, bool) {
	parts := form.FindStringSubmatch(amount)
	if parts == nil {
		return 0, false
	}
	// The forms leave twelve digits at most.
	n, _ := strconv.ParseInt(parts[1]+(parts[2] + strings.Repeat("0", 6))[:6], 10, 64)
	return n, true
}

// money reads an amount above zero.
func (p *problems) money(field string, amount v1alpha1.MoneyAmount) config.Money {
	n, ok := millionths(moneyForm, string(amount))
	if !ok || n == 0 {
		p.add("%s: is not an amount above zero and below a million with at most six decimals", field)
	}
	return config.Money(n) * microdollar
}
