// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

const defaultMaxExtraPercent = 5

// routes judges the routes, oldest first, and gives those that are served in that order, which decides between routes
// that are equally specific.
func (c *compilation) routes(gateway *config.Gateway, catalog catalog) []config.Route {
	all := make([]*v1alpha1.ModelRoute, len(c.in.Routes))
	for i := range c.in.Routes {
		all[i] = &c.in.Routes[i]
	}
	slices.SortFunc(all, func(a, b *v1alpha1.ModelRoute) int { return byAge(a, b) })

	var served []config.Route
	claims := claims{}
	for _, resource := range all {
		route, verdict, closed := c.route(resource, gateway, catalog)
		switch {
		case closed:
			verdict.Accepted.join(claims.take(resource.Spec.Models, &route))
		case verdict.Served():
			lost := claims.take(resource.Spec.Models, &route)
			if len(route.Models) == 0 {
				verdict.Accepted, verdict.Partial = lost, false
			} else {
				verdict.Conflicted = lost
			}
		}
		if verdict.Served() {
			verdict.Content = fingerprint(route)
		}
		if verdict.Served() || closed && len(route.Models) > 0 {
			served = append(served, route)
		}
		c.out.Routes[nameOf(resource)] = &verdict
	}
	return served
}

// route judges one by itself. A closed one has a guard that cannot be read and is otherwise fine: it keeps its names and has no
// targets, so that who asks for them is refused, and not served unguarded by whatever else has them.
func (c *compilation) route(resource *v1alpha1.ModelRoute, gateway *config.Gateway, catalog catalog) (_ config.Route, _ Verdict, closed bool) {
	verdict := Verdict{Generation: resource.Generation, ResolvedRefs: c.permitted(resource.Namespace)}
	spec, p, guard := resource.Spec, &problems{}, &problems{}
	route := config.Route{
		ID:       idOf(resource),
		Models:   p.names(spec.Models),
		Headers:  p.match(spec.Match),
		Strategy: p.strategy(spec.Strategy),
		Affinity: p.affinity(spec.Affinity),
		Hedge:    p.hedge(spec.Hedge),
		Limits:   p.limitSet("spec.limits", spec.Limits),
	}
	var uncached Finding
	route.Cache, uncached = p.routeCache(spec.Cache, &c.caching, gateway.Store != nil)
	route.Sanitizer = guard.routeSanitizer(spec.Sanitizer, gateway.Sanitizer)
	places := p.places(resource.Namespace, spec.Targets)
	if spec.Mirror != nil {
		percent := p.number("spec.mirror.percent", spec.Mirror.Percent, 100, 1, 100)
		route.Mirror = &config.Mirror{Percent: percent}
	}
	verdict.Accepted = p.finding()
	closed = verdict.Served() && len(guard.errs) > 0
	verdict.Accepted.join(guard.finding())
	if closed {
		route.Cache, route.Sanitizer, route.Mirror = nil, nil, nil
	}
	if !verdict.Served() {
		return route, verdict, closed
	}
	verdict.ResolvedRefs = c.resolve(resource, places, catalog, &route)
	verdict.ResolvedRefs.join(uncached)
	verdict.Partial = !verdict.ResolvedRefs.OK()
	return route, verdict, false
}

// resolve takes over the targets that are there, and tells of the others. A route without any stays: who asks for its
// names is refused, and not sent elsewhere.
func (c *compilation) resolve(resource *v1alpha1.ModelRoute, places []place, catalog catalog, route *config.Route) Finding {
	var missing Finding
	for _, at := range places {
		target, finding := catalog.find(at.field, at.name, at.model)
		if !finding.OK() {
			missing.join(finding)
			continue
		}
		target.Weight, target.Tier = at.weight, at.tier
		route.Targets = append(route.Targets, target)
	}
	// Within a tier the user's order stays.
	slices.SortStableFunc(route.Targets, func(a, b config.Target) int { return cmp.Compare(a.Tier, b.Tier) })
	if m := resource.Spec.Mirror; m != nil {
		target, finding := catalog.find("spec.mirror.target", providerName(m.Target, resource.Namespace), m.Target.Model)
		if !finding.OK() {
			missing.join(finding)
			route.Mirror = nil
			return missing
		}
		route.Mirror.Target = target
	}
	return missing
}

func (p *problems) match(m *v1alpha1.RouteMatch) []config.Header {
	if m == nil {
		return nil
	}
	var headers []config.Header
	seen := map[string]bool{}
	for i, h := range m.Headers {
		header := config.Header{Name: textproto.CanonicalMIMEHeaderKey(h.Name), Value: h.Value}
		if err := config.CheckMatch(header); err != nil {
			p.add("spec.match.headers[%d]: %w", i, err)
		}
		if seen[header.Name] {
			p.add("spec.match.headers[%d].name: %s stands twice, in different case", i, header.Name)
		}
		seen[header.Name] = true
		headers = append(headers, header)
	}
	slices.SortFunc(headers, func(a, b config.Header) int { return cmp.Compare(a.Name, b.Name) })
	return headers
}

func (p *problems) strategy(s v1alpha1.RouteStrategy) config.Strategy {
	strategy := config.Strategy(cmp.Or(s, v1alpha1.StrategyWeighted))
	if !strategy.Known() {
		p.add("spec.strategy: %q is not a strategy", s)
	}
	return strategy
}

func (p *problems) affinity(a string) string {
	if a == "None" {
		return config.AffinityNone
	}
	if name, ok := strings.CutPrefix(a, config.AffinityHeader); ok {
		a = config.AffinityHeader + textproto.CanonicalMIMEHeaderKey(name)
	}
	if err := config.CheckAffinity(a); err != nil {
		p.add("spec.affinity: %w", err)
	}
	return a
}

func (p *problems) hedge(h *v1alpha1.Hedge) *config.Hedge {
	if h == nil {
		return nil
	}
	if h.After == "" {
		p.add("spec.hedge.after: empty")
	}
	return &config.Hedge{
		After:           p.duration("spec.hedge.after", h.After, 0),
		MaxExtraPercent: p.number("spec.hedge.maxExtraPercent", h.MaxExtraPercent, defaultMaxExtraPercent, 1, 100),
	}
}

// place is a target as its route has it.
type place struct {
	field        string
	name         types.NamespacedName
	model        string
	weight, tier int64
}

// places gives the targets that have a weight.
func (p *problems) places(namespace string, targets []v1alpha1.RouteTarget) []place {
	if len(targets) > config.MaxTargets {
		p.add("spec.targets: %d, of at most %d", len(targets), config.MaxTargets)
	}
	type model struct {
		of   types.NamespacedName
		name string
	}
	seen := map[model]bool{}
	var out []place
	for i, t := range targets {
		at := place{
			field: fmt.Sprintf("spec.targets[%d]", i), name: providerName(t.TargetReference, namespace), model: t.Model,
		}
		at.weight = p.number(at.field+".weight", t.Weight, 1, 0, 1_000_000)
		at.tier = p.within(at.field+".tier", int64(t.Tier), 0, 15)
		// The API server cannot see that a namespace that is said is the one that is meant otherwise.
		if is := (model{at.name, at.model}); seen[is] {
			p.add("%s: model %q of ProviderPolicy %s stands twice", at.field, at.model, at.name)
		} else {
			seen[is] = true
		}
		if at.weight > 0 {
			out = append(out, at)
		}
	}
	if len(out) == 0 {
		p.add("spec.targets: every target has weight 0")
	}
	return out
}

// providerName resolves a target's reference made in a namespace.
func providerName(ref v1alpha1.TargetReference, from string) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(ref.ProviderRef.Namespace, from), Name: ref.ProviderRef.Name}
}
