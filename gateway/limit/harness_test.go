// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const start = int64(time.Hour)

// noon is a Wednesday.
var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

// wall is a clock that tests set.
type wall struct{ at time.Time }

func (w *wall) now() time.Time { return w.at }

func newBook(w *wall) *Book { return NewBook(Options{Now: w.now}) }

func request(count, burst int64, per time.Duration) config.RequestLimit {
	return config.RequestLimit{Count: count, Per: config.Duration(per), Burst: burst}
}

func requests(limits ...config.RequestLimit) *config.Limits { return &config.Limits{Requests: limits} }

func tokens(count int64, per time.Duration) *config.Limits {
	return &config.Limits{Tokens: []config.TokenLimit{{Count: count, Per: config.Duration(per)}}}
}

func costs(amount config.Money, per time.Duration) *config.Limits {
	return &config.Limits{Cost: []config.CostLimit{{Amount: amount, Per: config.Duration(per)}}}
}

func slots(n int64) *config.Limits { return &config.Limits{Concurrency: n} }

func shadow(l *config.Limits) *config.Limits {
	other := *l
	other.Shadow = true
	return &other
}

func budget(amount config.Money, per config.Calendar) []config.Budget {
	return []config.Budget{{Amount: amount, Per: per}}
}

// on makes a part of a key's own limits.
func on(b *Book, name string, l *config.Limits, budgets ...config.Budget) Part {
	return Part{b.Holder(name), NewRules(exchange.ScopeKey, l, budgets)}
}

// alone makes parts of one key's own limits in a new book.
func alone(l *config.Limits, budgets ...config.Budget) Parts {
	return Parts{on(newBook(&wall{noon}), "key/ns/a", l, budgets...)}
}

// try admits and settles a request that used nothing, for limits that do not ask for more.
func (p Parts) try(now int64) (d exchange.Decision) {
	c := &Charge{}
	c.Admit(now, p, &d)
	c.Settle(now, exchange.Use{}, false)
	return d
}

// begin makes a request that goes on, or says why not.
func begin(now int64, p Parts, route Part, use exchange.Use) (*Charge, exchange.Decision) {
	c, d := &Charge{}, exchange.Decision{}
	if c.Admit(now, p, &d) {
		c.Reserve(now, route, use, &d)
	}
	if d.Refused != nil {
		c.Settle(now, exchange.Use{}, false)
	}
	return c, d
}

func mustBegin(t *testing.T, now int64, p Parts, use exchange.Use) *Charge {
	t.Helper()
	c, d := begin(now, p, Part{}, use)
	if d.Refused != nil {
		t.Fatalf("refused by %+v, for %s", d.Refused, d.RetryAfter)
	}
	return c
}

// spend makes requests that use all they reserve, and gives how many passed.
func spend(now int64, p Parts, use exchange.Use, tries int) (passed int) {
	for range tries {
		if c, d := begin(now, p, Part{}, use); d.Refused == nil {
			c.Settle(now, use, true)
			passed++
		}
	}
	return passed
}
