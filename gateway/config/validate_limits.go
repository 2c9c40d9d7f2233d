// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// Known says whether this version has such an operator.
func (o Operator) Known() bool { return o == In || o == NotIn || o == Exists || o == DoesNotExist }

// takesValues says whether the operator relates a label to values, and not to its being there.
func (o Operator) takesValues() bool { return o == In || o == NotIn }

// limitSet checks the limits of one holder.
func (v *validation) limitSet(at string, l *Limits) {
	v.limits(at+".requests", l.Requests)
	v.tokenLimits(at+".tokens", l.Tokens)
	for i, c := range l.Cost {
		v.money(fmt.Sprintf("%s.cost[%d].amount", at, i), c.Amount, 1)
		v.positive(fmt.Sprintf("%s.cost[%d].per", at, i), c.Per)
		if slices.ContainsFunc(l.Cost[:i], func(o CostLimit) bool { return o.Per == c.Per }) {
			v.add("%s.cost[%d].per: %s stands twice", at, i, c.Per)
		}
	}
	if l.Concurrency < 0 {
		v.add("%s.concurrency: %d is negative", at, l.Concurrency)
	}
}

// limits and tokenLimits look for a period that stands twice without a set, as documents have many short lists.
func (v *validation) limits(field string, limits []RequestLimit) {
	for i, l := range limits {
		if l.Count <= 0 || l.Burst <= 0 || l.Per <= 0 {
			v.add("%s[%d]: count, per and burst must be positive", field, i)
		}
		if slices.ContainsFunc(limits[:i], func(o RequestLimit) bool { return o.Per == l.Per }) {
			v.add("%s[%d].per: %s stands twice", field, i, l.Per)
		}
	}
}

func (v *validation) tokenLimits(field string, limits []TokenLimit) {
	for i, l := range limits {
		if l.Count <= 0 || l.Per <= 0 {
			v.add("%s[%d]: count and per must be positive", field, i)
		}
		if slices.ContainsFunc(limits[:i], func(o TokenLimit) bool { return o.Per == l.Per }) {
			v.add("%s[%d].per: %s stands twice", field, i, l.Per)
		}
	}
}

func (v *validation) budgets(field string, budgets []Budget) {
	for i, b := range budgets {
		v.money(fmt.Sprintf("%s[%d].amount", field, i), b.Amount, 1)
		if !b.Per.Known() {
			v.add("%s[%d].per: %q is not known to this gateway", field, i, b.Per)
		}
		if slices.ContainsFunc(budgets[:i], func(o Budget) bool { return o.Per == b.Per }) {
			v.add("%s[%d].per: %s stands twice", field, i, b.Per)
		}
	}
}

func (v *validation) money(field string, m, least Money) {
	if m < least || m > MaxMoney {
		v.add("%s: %s is not within %s and %s", field, m, least, MaxMoney)
	}
}

func (v *validation) policies(policies []Policy) {
	for i := range policies {
		p, at := &policies[i], fmt.Sprintf("policies[%d]", i)
		// Whose keys a policy is for is read from its ID.
		if namespace, name, ok := strings.Cut(p.ID, "/"); !ok || namespace == "" || name == "" {
			v.add("%s.id: %q is not of the form namespace/name", at, p.ID)
		}
		if i > 0 && policies[i-1].ID >= p.ID {
			v.add("%s.id: %q is out of order or stands twice", at, p.ID)
		}
		v.selector(at+".selector", p.Selector)
		v.limitSet(at+".limits", &p.Limits)
		v.budgets(at+".budgets", p.Budgets)
	}
}

func (v *validation) selector(field string, selector []Requirement) {
	for i, r := range selector {
		at := fmt.Sprintf("%s[%d]", field, i)
		if r.Label == "" {
			v.add("%s.label: empty", at)
		}
		switch {
		case !r.Operator.Known():
			v.add("%s.operator: %q is not known to this gateway", at, r.Operator)
		case r.Operator.takesValues() != (len(r.Values) > 0):
			v.add("%s.values: are required with %s and %s, and mean nothing otherwise", at, In, NotIn)
		}
		v.ascending(at+".values", r.Values)
	}
}

// ascending checks that words are sorted and unique.
func (v *validation) ascending(field string, words []string) {
	for i := 1; i < len(words); i++ {
		if words[i-1] >= words[i] {
			v.add("%s[%d]: %q is out of order or stands twice", field, i, words[i])
		}
	}
}
