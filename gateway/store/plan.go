// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"strconv"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// letters are what scripts call the periods of budgets.
var letters = map[config.Calendar]string{config.Day: "d", config.Week: "w", config.Month: "m", config.Total: "t"}

// maxUse bounds what one request may want or have used, so that sums of some stay within 53 bits, all that the server's
// scripts compute with.
const maxUse = int64(config.MaxMoney)

func bounded(n int64) int64 { return min(max(n, 0), maxUse) }

// appendPlan writes what a request asks for as the scripts read it: JSON of [holders, constraints, least, cost].
func appendPlan(b []byte, constraints []exchange.Constraint, holders []string, use, least exchange.Use) []byte {
	holders = all(constraints, holders)
	b = append(b, '[')
	b = append(b, '[')
	for i, h := range holders {
		b = comma(b, i)
		b = appendText(b, h)
	}
	b = append(b, "],["...)
	for i := range constraints {
		b = comma(b, i)
		b = appendConstraint(b, &constraints[i], slices.Index(holders, constraints[i].Holder)+1, use)
	}
	b = append(b, "],["...)
	b = number(b, bounded(least.Tokens))
	b = append(b, ',')
	b = number(b, bounded(int64(least.Cost)))
	b = append(b, "],"...)
	b = number(b, bounded(int64(use.Cost)))
	return append(b, ']')
}

// all gives the holders with those of constraints that are not among them, as should not be.
func all(constraints []exchange.Constraint, holders []string) []string {
	for i := range constraints {
		if !slices.Contains(holders, constraints[i].Holder) {
			holders = append(slices.Clip(holders), constraints[i].Holder)
		}
	}
	return holders
}

func appendConstraint(b []byte, c *exchange.Constraint, holder int, use exchange.Use) []byte {
	limit := bounded(c.Limit)
	burst, want := limit, int64(1)
	switch c.Dimension {
	case exchange.Requests:
		burst = min(bounded(c.Burst), 1<<40)
	case exchange.Tokens:
		// A request that is larger than the whole limit passes when nothing of it is in use.
		want = min(bounded(use.Tokens), limit)
	case exchange.Cost:
		want = min(bounded(int64(use.Cost)), limit)
	case exchange.Spending:
		want = bounded(int64(use.Cost))
	}
	per := max(c.Per.Microseconds(), 1)
	b = append(b, '[')
	b = number(b, int64(holder))
	b = append(b, ',')
	b = number(b, int64(c.Dimension))
	b = append(b, `,"`...)
	b = appendField(b, c, per)
	b = append(b, `",`...)
	for _, n := range []int64{limit, burst, per, want} {
		b = number(b, n)
		b = append(b, ',')
	}
	shadow := byte('0')
	if c.Shadow {
		shadow = '1'
	}
	return append(b, shadow, ']')
}

// appendField names where a constraint is counted: a bucket, the window of a budget by its letter, nothing for slots. Buckets
// of limits of another origin or period are others; those of an edited limit are the same.
func appendField(b []byte, c *exchange.Constraint, per int64) []byte {
	switch c.Dimension {
	case exchange.Spending:
		return append(b, letters[c.Calendar]...)
	case exchange.Concurrency:
		return b
	}
	b = append(b, 'b')
	b = number(b, int64(c.Scope))
	b = append(b, '.')
	b = number(b, int64(c.Dimension))
	b = append(b, '.')
	return number(b, per)
}

func number(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendText writes a string of any bytes as JSON that the scripts read as the same bytes.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
