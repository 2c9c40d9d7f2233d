// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/gateway/store"
)

// settleLimits replaces what the request reserved by what it used, here and in the store, and leaves its record.
func (r *request) settleLimits(end time.Time) {
	living, t := r.srv.living, &r.limits
	used, sent := used(&r.ex)
	now := living.nanos(end)
	t.before.Settle(now, exchange.Use{}, false)
	t.charge.Settle(now, used, sent)
	r.countByKey(used)
	if t.unpriced && !r.ex.Priced && wasSent(&r.ex.Attempt) && r.snap.gateway.UnknownPrice != config.UnknownPriceZero {
		r.series.Unpriced()
	}
	record := r.record(end)
	if len(record) > 0 {
		living.ledger.Add(record)
	}
	s := t.store
	if s == nil && len(record) > 0 {
		s = living.store()
	}
	if s == nil || !t.settles && len(record) == 0 {
		return
	}
	settlement := &store.Settlement{ID: string(r.ex.ID[:]), Used: used, Sent: sent, At: end, Record: append([]byte(nil), record...)}
	if t.settles {
		settlement.Constraints = append([]exchange.Constraint(nil), t.constraints...)
		settlement.Holders = append([]string(nil), t.holders...)
		settlement.Reserved = t.reserved
		settlement.Reserve = exchange.Use{Tokens: t.most.Estimate, Cost: t.most.Cost}
	}
	s.Settle(settlement)
}

// used gives what all attempts of an exchange used, and whether any was sent.
func used(ex *exchange.Exchange) (use exchange.Use, sent bool) {
	sent = wasSent(&ex.Attempt)
	// An answer that was kept is one, too.
	sent = sent || ex.Caching.Result == exchange.CacheHit
	use = exchange.Use{Tokens: ex.Usage.Total, Cost: ex.Cost}
	for i := range ex.Tried {
		sent = sent || wasSent(&ex.Tried[i])
		use.Tokens += ex.Tried[i].Usage.Total
		use.Cost += ex.Tried[i].Cost
	}
	return use, sent
}

// wasSent says that an attempt went to a provider, or would have, had there been a connection. What the gateway or the client did
// wrong after the provider had begun to answer does not undo what that takes.
func wasSent(a *exchange.Attempt) bool {
	return !a.Began.IsZero() && (a.UpstreamStatus != 0 || a.Outcome != exchange.Refused && a.Outcome != exchange.Internal)
}

// record writes what is kept of a request: of those that somebody known made of a model. It is good until the next one.
func (r *request) record(end time.Time) []byte {
	if r.ex.Principal == nil || r.ex.Operation == exchange.NoOperation || r.ex.Operation == exchange.ListModels ||
		!r.srv.living.ledger.Kept() {
		return nil
	}
	line := ledger.Of(&r.ex, end)
	line.Dialect = r.dialect.String()
	if h := r.limits.holding; h != nil {
		line.Policies = h.policies
	}
	if c := r.ex.Shadowed; c != nil {
		line.Shadowed = nameOf(c)
	}
	r.scratch = ledger.AppendJSON(r.scratch[:0], &line)
	return r.scratch
}
