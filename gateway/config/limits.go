// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strconv"
	"time"
)

// Money is an amount in nanodollars: 1e-9 US dollars.
type Money int64

// Dollar is one US dollar.
const Dollar Money = 1_000_000_000

// MaxMoney bounds what a limit or budget may be: below a million dollars, which numbers of 53 bits count exactly.
const MaxMoney = 1_000_000*Dollar - 1

// String gives the exact amount as a decimal of US dollars, with cents always and more only where there is more.
func (m Money) String() string { return string(m.AppendTo(nil)) }

// AppendTo appends what String gives, without allocating.
func (m Money) AppendTo(dst []byte) []byte {
	n := uint64(m)
	if m < 0 {
		dst, n = append(dst, '-'), -n
	}
	const whole = uint64(Dollar)
	dst = append(strconv.AppendUint(dst, n/whole, 10), '.')
	rest, digit := n%whole, whole/10
	for i := 0; i < 2 || rest > 0; i++ {
		dst = append(dst, byte('0'+rest/digit))
		rest, digit = rest%digit, digit/10
	}
	return dst
}

// RequestLimit allows Count requests each Per, of which Burst may come at once (GCRA).
type RequestLimit struct {
	Count int64    `json:"count"`
	Per   Duration `json:"per"`
	Burst int64    `json:"burst"`
}

// TokenLimit allows Count tokens each Per, all of which may come at once. Both are positive.
type TokenLimit struct {
	Count int64    `json:"count"`
	Per   Duration `json:"per"`
}

// CostLimit allows to spend Amount each Per, all of which may be spent at once. Both are positive, Amount is at most MaxMoney.
type CostLimit struct {
	Amount Money    `json:"amount"`
	Per    Duration `json:"per"`
}

// Limits are what one holder may use: a principal, a user, an address, the members of a policy, a route, all of a gateway.
// In each list every Per stands once. The zero value limits nothing.
type Limits struct {
	Requests []RequestLimit `json:"requests,omitempty"`
	Tokens   []TokenLimit   `json:"tokens,omitempty"`
	Cost     []CostLimit    `json:"cost,omitempty"`
	// Concurrency is how many requests may be under way; 0 does not bound them.
	Concurrency int64 `json:"concurrency,omitempty"`
	// Shadow only reports what would have been refused.
	Shadow bool `json:"shadow,omitempty"`
}

// Empty says that nothing is limited.
func (l *Limits) Empty() bool {
	return len(l.Requests) == 0 && len(l.Tokens) == 0 && len(l.Cost) == 0 && l.Concurrency == 0
}

// Calendar is a period of a budget, in UTC.
type Calendar string

// The periods. A week begins on Monday.
const (
	Day   Calendar = "Day"
	Week  Calendar = "Week"
	Month Calendar = "Month"
	Total Calendar = "Total"
)

// Calendars are all that this version knows, the shortest first.
var Calendars = []Calendar{Day, Week, Month, Total}

// Known says whether this version has such a period.
func (c Calendar) Known() bool { return slices.Contains(Calendars, c) }

// Window numbers the period that a time lies in; a later period has a larger number. Total has the one window 0.
func (c Calendar) Window(at time.Time) int64 {
	at = at.UTC()
	days := floorDiv(at.Unix(), 86400)
	switch c {
	case Day:
		return days
	case Week:
		return floorDiv(days+3, 7) // 1970-01-01 was a Thursday.
	case Month:
		return int64(at.Year())*12 + int64(at.Month()) - 1
	default:
		return 0
	}
}

// Ends gives when the window that a time lies in ends; zero for Total.
func (c Calendar) Ends(at time.Time) time.Time {
	at = at.UTC()
	y, m, d := at.Date()
	switch c {
	case Day:
		return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
	case Week:
		return time.Date(y, m, d+7-(int(at.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
	case Month:
		return time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
	default:
		return time.Time{}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Budget is what may be spent in each window of Per. Amount is 1 to MaxMoney.
type Budget struct {
	Amount Money    `json:"amount"`
	Per    Calendar `json:"per"`
	// Shadow only reports what would have been refused.
	Shadow bool `json:"shadow,omitempty"`
}

// Policy is limits and budgets that the principals which its selector matches have together.
type Policy struct {
	// ID is "namespace/name" of the UsagePolicy; what was used is keyed by it.
	ID string `json:"id"`
	// Selector is over the labels of principals: all requirements must hold. None matches every principal.
	Selector []Requirement `json:"selector,omitempty"`
	Limits   Limits        `json:"limits,omitzero"`
	// Budgets are one a period.
	Budgets []Budget `json:"budgets,omitempty"`
}

// Operator relates a label to values.
type Operator string

// The operators, as Kubernetes' label selectors have them.
const (
	In           Operator = "In"
	NotIn        Operator = "NotIn"
	Exists       Operator = "Exists"
	DoesNotExist Operator = "DoesNotExist"
)

// Requirement is one condition on a label. Values are there with In and NotIn only, sorted.
type Requirement struct {
	Label    string   `json:"label"`
	Operator Operator `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

// Holds says whether labels meet the requirement. A label may have several values, as groups of a token do: one that is
// among Values is enough for In, and too much for NotIn.
func (r *Requirement) Holds(values []string) bool {
	among := slices.ContainsFunc(values, func(v string) bool { return slices.Contains(r.Values, v) })
	switch r.Operator {
	case In:
		return among
	case NotIn:
		return !among
	case Exists:
		return len(values) > 0
	case DoesNotExist:
		return len(values) == 0
	default:
		return false
	}
}

// UnknownPrice says what becomes of requests whose cost has to be limited, and cannot be known.
type UnknownPrice string

// The ways.
const (
	// UnknownPriceDeny keeps requests that a budget or cost limit holds for from models without a price.
	UnknownPriceDeny UnknownPrice = "Deny"
	// UnknownPriceFlag serves them as if they cost nothing, and says so in the answer, the usage record and a metric.
	UnknownPriceFlag UnknownPrice = "Flag"
	// UnknownPriceZero serves them as if they cost nothing.
	UnknownPriceZero UnknownPrice = "Zero"
)

// UnknownPrices are all that this version knows.
var UnknownPrices = []UnknownPrice{UnknownPriceDeny, UnknownPriceFlag, UnknownPriceZero}
