// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/sparkgateway/spark/gateway/auth"
	"github.com/sparkgateway/spark/gateway/balance"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/health"
	"github.com/sparkgateway/spark/gateway/limit"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/route"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// way is a route with what it takes to go it.
type way struct {
	proxy.Route
	from     *route.Route
	observer *observer
	mirror   *proxy.Target // nil for none
	// limits hold for all requests that take it; dear says that what they spend is limited.
	limits limit.Part
	dear   bool
	// keeping and guarding are nil where nothing is kept, and nothing looked for.
	keeping  *keeping
	guarding *guarding
}

// way resolves a route.
func (b *build) way(living *Living, from *route.Route) way {
	w := way{from: from, observer: &observer{living.metrics.Route(from.ID), living}}
	w.Route = proxy.Route{ID: from.ID, Strategy: from.Strategy, Hedge: from.Hedge}
	for i := range from.Targets {
		t := b.snapshot.targets[from.Targets[i].Place]
		t.Weight, t.Tier = from.Targets[i].Weight, from.Targets[i].Tier
		w.Targets = append(w.Targets, t)
	}
	if from.Hedge != nil {
		w.Hedges = living.vitals.hedges.use(from.ID, living.vitals.generation, func() *proxy.HedgeBudget { return &proxy.HedgeBudget{} })
	}
	if rules := limit.NewRules(exchange.ScopeRoute, from.Limits, nil); rules != nil {
		w.limits = limit.Part{Holder: living.book.Holder(config.HolderRoute + from.ID), Rules: rules}
		w.dear = dear(limit.Parts(nil).Constraints(w.limits))
	}
	routed := b.routed(from.ID)
	w.keeping, w.guarding = b.keepingOf(routed, w.Targets), b.guardingOf(routed)
	if from.Mirror != nil {
		w.mirror = &b.snapshot.targets[from.Mirror.Place]
	}
	return w
}

// routed gives what the configuration says of a route; nil of those that lead to a provider's own names.
func (b *build) routed(id string) *config.Route {
	for i := range b.doc.Core.Routes {
		if r := &b.doc.Core.Routes[i]; r.ID == id {
			return r
		}
	}
	return nil
}

// setModel gives a target the name that its provider has for the model.
func setModel(t *proxy.Target, upstream string) {
	t.Model, t.Quoted, t.PathModel = upstream, dialect.AppendString(nil, upstream), t.Provider.PathModel(upstream)
}

// way finds the route that a request takes. Where the application alone names the model, it is one of the request's own.
func (r *request) way() (*way, *exchange.Error) {
	if p := r.ex.Principal; p != nil {
		if err := auth.PermitModel(p, r.ex.Model); err != nil {
			return nil, err
		}
	}
	found, err := r.snap.routes.Find(r.ex.Model, &r.ctx.Request.Header)
	if err != nil {
		return nil, err
	}
	w := &r.snap.ways[found.Route.Place]
	r.ex.Route = w.ID
	if found.Upstream == "" {
		return w, nil
	}
	r.alone = *w
	r.alone.Targets = append([]proxy.Target(nil), w.Targets...)
	setModel(&r.alone.Targets[0], found.Upstream)
	return &r.alone, nil
}

// stick gives what keeps a request at one target of a tier.
func (r *request) stick(from *route.Route) (sticky bool, hash uint64) {
	switch {
	case from.AffinityHeader != nil:
		if value := r.ctx.Request.Header.PeekCanonical(from.AffinityHeader); len(value) > 0 {
			return true, balance.HashOf(value)
		}
	case from.Affinity == config.AffinityUser:
		return true, balance.HashOf(r.ex.Principal.User)
	case from.Affinity == config.AffinityKey:
		return true, balance.HashOf(r.ex.Principal.ID)
	}
	return false, 0
}

// recorder takes a target's attempts.
type recorder struct {
	series  *telemetry.Series
	account *account
	living  *Living
}

// Attempt counts an attempt that has ended.
func (r *recorder) Attempt(a *exchange.Attempt) {
	r.series.SettleAttempt(a)
	if a.Outcome == exchange.Overtaken || a.Outcome == exchange.ClientGone && a.FirstToken.IsZero() {
		// Nobody knows how it would have ended.
		return
	}
	began := a.FirstToken
	if began.IsZero() {
		began = a.Ended
	}
	r.account.minute.Add(r.living.nanos(a.Ended), a.Outcome.ProviderFault(), began.Sub(a.Began))
}

// observer takes what becomes of a route's requests beside their attempts.
type observer struct {
	*telemetry.RouteSeries
	living *Living
}

// Waited counts a wait for a target that was full.
func (o *observer) Waited(result telemetry.WaitResult) { o.living.metrics.Waited(result).Inc() }

// providerView is what a snapshot knows of a provider for its report.
type providerView struct {
	name, id string
	settings *config.Provider
	account  *account
	health   *health.Status
	targets  []int // places among Snapshot.targets
}
