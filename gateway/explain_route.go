// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"slices"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/route"
)

// candidates tells where the model's name leads to, and which of that is taken.
func (e *explaining) candidates() {
	for _, c := range e.snap.routes.Candidates(e.ex.Model, &e.ctx.Request.Header) {
		told := config.ExplainedCandidate{ID: c.Route.ID, By: string(c.By), Name: c.Name, Headers: c.Fields, Lacks: c.Lacks}
		if c.Route.ID == "" {
			own := &c.Route.Targets[0]
			told.Model = e.snap.providers[own.Provider].name + "/" + own.Model
			if own.Model == route.OtherModel && c.Upstream != "" {
				told.Model = e.snap.providers[own.Provider].name + "/" + c.Upstream
			}
		}
		switch {
		case e.told.Route != nil:
			e.told.LessSpecific = append(e.told.LessSpecific, told)
		case c.Lacks != "":
			e.told.PassedOver = append(e.told.PassedOver, told)
		default:
			e.told.Route = &config.ExplainedRoute{ExplainedCandidate: told, Strategy: c.Route.Strategy, Affinity: c.Route.Affinity}
		}
	}
}

// route tells what else becomes of a request on its way.
func (e *explaining) route(req *proxy.Request, w *way) {
	e.told.Route.Sticky, e.told.Route.Hedge = req.Sticky, w.from.Hedge
	if w.mirror != nil {
		e.told.Route.Mirror, e.told.Route.MirrorPercent = w.mirror.Provider.ID+"/"+w.mirror.Name, w.from.MirrorPercent
	}
}

// targets tells which would be tried, and what is known of each.
func (e *explaining) targets(req *proxy.Request, w *way) {
	plan := req.Plan(&w.Route)
	if req.Asked != nil {
		e.told.Tokens = &config.ExplainedTokens{Prompt: plan.Prompt, Answer: plan.Answer, Reserved: plan.Reserved}
	}
	if e.told.Route != nil {
		e.told.Route.HedgeTo = plan.Hedge + 1
	}
	patience := false // somebody may wait
	for i := range plan.Steps {
		told := e.target(req, &plan, i, &w.Targets[plan.Steps[i].Place])
		e.told.Targets = append(e.told.Targets, told)
		patience = patience || told.Standing == config.TargetFull && told.Quota.QueueLength > 0
	}
	e.refuse(plan.Refused)
	if !patience {
		e.refuse(plan.TooFull)
	}
}

var standings = map[proxy.Standing]string{
	proxy.Ready: config.TargetReady, proxy.Incapable: config.TargetIncapable, proxy.Full: config.TargetFull,
	proxy.Out: config.TargetOut, proxy.Elsewhere: config.TargetElsewhere,
}

// target tells one step of the plan.
func (e *explaining) target(req *proxy.Request, plan *proxy.Plan, at int, t *proxy.Target) config.ExplainedTarget {
	living, step := e.srv.living, &plan.Steps[at]
	told := config.ExplainedTarget{
		Provider: t.Provider.ID, Type: t.Provider.Type, Model: t.Name, Upstream: t.Model, Tier: t.Tier, Weight: t.Weight,
		Standing: standings[step.Standing], Chance: step.Chance, Translated: step.Translated, Edited: step.Edited,
		InFlight: t.Vital.Load.InFlight(), Latency: config.Duration(t.Vital.Load.Latency(e.now, e.ex.Stream)), Price: t.Price,
		Retry: *t.Retry, Timeouts: step.Timeouts,
	}
	if step.Refusal != nil {
		refused := refusal(step.Refusal)
		told.Refusal = &refused
	}
	if step.Refusal == nil || step.Translated || step.Edited {
		told.Wire = step.Wire.String()
	}
	if t.Cost != nil && req.Asked != nil {
		told.Cost = t.Cost(exchange.Usage{Prompt: plan.Prompt, Completion: plan.Answer, Total: plan.Prompt + plan.Answer})
	}
	if state, is := living.breakerOf(t, e.now); is {
		told.Breaker = &state
	}
	if found, known := t.Health.Look(); known {
		told.Health = &found
	}
	sight := t.Account.Quota.Sight(e.now)
	told.ProviderInFlight, told.ProviderWaiting = sight.InFlight, sight.Waiting
	if out := t.Vital.Quota.Out(e.now); out > 0 {
		told.OutUntil = living.since(out).UTC()
	}
	if i := slices.IndexFunc(e.snap.providers, func(v providerView) bool { return v.id == t.Provider.ID }); i >= 0 {
		told.Quota = e.snap.providers[i].settings.Quota
		if n := living.replicas(); n > 1 {
			told.Replicas = n
		}
	}
	return told
}

// Explain is Server.Explain.
func (r Report) Explain(asked config.ExplainRequest) (config.Explanation, error) {
	return r.Server.Explain(asked)
}
