// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// mayGoOn says whether a session that used so much may have another answer: it reserved what one may cost, and is settled
// as a whole when it ends, so that until then what it used beyond that is only here. nil lets it go on.
func (r *request) mayGoOn(so exchange.Usage) *exchange.Constraint {
	t := &r.limits
	if t.holding == nil || r.srv.living.unlimited() {
		return nil
	}
	cost, _ := proxy.Cost(r.journey.Price(), so, 1)
	parts := t.parts
	if t.route.Holder != nil {
		parts = append(parts[:len(parts):len(parts)], t.route)
	}
	each, _ := parts.Look(r.srv.living.clock(), exchange.Use{})
	for i := range each {
		c, left := &each[i].Constraint, each[i].Remaining
		if c.Shadow {
			continue
		}
		beyond := false
		switch c.Dimension {
		case exchange.Tokens:
			beyond = left < so.Total-t.most.Estimate
		case exchange.Cost, exchange.Spending:
			// What was reserved is for one answer, and this one is not over before it is paid.
			beyond = config.Money(left) < cost
		}
		if beyond {
			return c
		}
	}
	return nil
}
