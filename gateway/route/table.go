// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/config"
)

// builder makes a Table of a document that is valid.
type builder struct {
	*Table
	core *config.Core
	byID map[string]int // places in Core.Providers
	// places are those of targets, plain the routes of models by the place of their target.
	places map[place]int
	plain  map[int]*Route
}

// place is what makes a target one. A provider's model has one name upstream, but OtherModel may be the name of one, too.
type place struct {
	provider        int
	model, upstream string
}

// NewTable builds the table of a document. It fails when two providers that declare no models have one name, because
// "name/model" would not say which.
func NewTable(core *config.Core) (*Table, error) {
	b := builder{
		Table: &Table{
			named:     map[string][]choice{},
			qualified: make(map[string]*Route, len(core.Models)), bare: make(map[string]*Route, len(core.Models)),
			open: map[string]*Route{},
		},
		core: core, byID: make(map[string]int, len(core.Providers)),
		places: map[place]int{}, plain: map[int]*Route{},
	}
	for i := range core.Routes {
		b.routes = append(b.routes, &Route{Place: i, ID: core.Routes[i].ID})
	}
	if err := b.providers(); err != nil {
		return nil, err
	}
	b.models()
	for i := range core.Routes {
		b.fill(b.routes[i], &core.Routes[i])
	}
	b.order()
	b.listNames()
	b.onlyName = b.only()
	return b.Table, nil
}

func (b *builder) providers() error {
	for i, p := range b.core.Providers {
		b.byID[p.ID] = i
		if !p.AnyModel {
			continue
		}
		if other, ok := b.open[p.Name]; ok {
			return fmt.Errorf("providers[%d].name: %q is also the name of %s", i, p.Name,
				b.core.Providers[other.Targets[0].Provider].ID)
		}
		b.open[p.Name] = b.model(Target{Provider: i, Model: OtherModel})
		b.openPlaces = append(b.openPlaces, i)
	}
	if len(b.openPlaces) == 1 {
		b.sole = b.open[b.core.Providers[b.openPlaces[0]].Name]
	}
	return nil
}

// models tells the two names of each model apart.
func (b *builder) models() {
	byName := make(map[string]*config.Model, len(b.core.Models))
	for i := range b.core.Models {
		byName[b.core.Models[i].Name] = &b.core.Models[i]
	}
	for i := range b.core.Models {
		m := &b.core.Models[i]
		provider := b.byID[m.Provider]
		prefix := b.core.Providers[provider].Name + "/"
		name, qualified := strings.CutPrefix(m.Name, prefix)
		if q := byName[prefix+m.Name]; q != nil && q.Provider == m.Provider && q.Upstream == m.Upstream {
			// The name of a model itself begins with its provider's.
			name, qualified = m.Name, false
		}
		r := b.model(Target{
			Provider: provider, Model: name, Upstream: m.Upstream, MaxOutputTokens: m.MaxOutputTokens, Price: m.Price,
		})
		if qualified {
			b.qualified[m.Name] = r
		} else {
			b.bare[m.Name] = r
		}
	}
}

// model gives the route that leads to a target only.
func (b *builder) model(target Target) *Route {
	b.put(&target)
	r, ok := b.plain[target.Place]
	if !ok {
		target.Weight = 1
		r = &Route{Place: len(b.routes), Targets: []Target{target}, Strategy: config.Weighted}
		b.plain[target.Place] = r
		b.routes = append(b.routes, r)
	}
	return r
}

// put gives a target its place.
func (b *builder) put(t *Target) {
	key := place{t.Provider, t.Model, t.Upstream}
	at, ok := b.places[key]
	if !ok {
		at = len(b.targets)
		b.places[key] = at
		b.targets = append(b.targets, *t)
		b.targets[at].Place, b.targets[at].Weight, b.targets[at].Tier = at, 0, 0
	}
	t.Place = at
}

// fill takes over what a ModelRoute says, and the names that it serves.
func (b *builder) fill(r *Route, from *config.Route) {
	r.Strategy, r.Affinity, r.Hedge = from.Strategy, from.Affinity, from.Hedge
	if name, ok := strings.CutPrefix(from.Affinity, config.AffinityHeader); ok {
		r.AffinityHeader = []byte(name)
	}
	for i := range from.Targets {
		r.Targets = append(r.Targets, b.target(&from.Targets[i]))
	}
	if !from.Limits.Empty() {
		r.Limits = &from.Limits
	}
	if m := from.Mirror; m != nil {
		mirror := b.target(&m.Target)
		r.Mirror, r.MirrorPercent = &mirror, m.Percent
	}
	var fields []field
	for _, h := range from.Headers {
		fields = append(fields, field{[]byte(h.Name), h.Value})
	}
	for _, name := range from.Models {
		if strings.Contains(name, "*") {
			b.patterns = append(b.patterns, choice{route: r, name: name, fields: fields, literal: literal(name)})
		} else {
			b.named[name] = append(b.named[name], choice{route: r, name: name, fields: fields})
		}
	}
}

// literal counts the characters of a pattern that are not "*": the more, the more specific it is.
func literal(pattern string) int {
	return utf8.RuneCountInString(pattern) - strings.Count(pattern, "*")
}

func (b *builder) target(from *config.Target) Target {
	t := Target{
		Provider: b.byID[from.Provider], Model: from.Model, Upstream: from.Upstream,
		MaxOutputTokens: from.MaxOutputTokens, Price: from.Price, Weight: from.Weight, Tier: from.Tier,
	}
	b.put(&t)
	return t
}

// order puts the more specific first; where they are alike the order of the document stays.
func (b *builder) order() {
	specific := func(x, y choice) int {
		return cmp.Or(cmp.Compare(y.literal, x.literal), cmp.Compare(len(y.fields), len(x.fields)))
	}
	slices.SortStableFunc(b.patterns, specific)
	for _, choices := range b.named {
		slices.SortStableFunc(choices, specific)
	}
}

func (b *builder) listNames() {
	seen := map[string]bool{}
	for _, m := range b.core.Models {
		seen[m.Name] = true
	}
	for name, choices := range b.named {
		if len(choices[len(choices)-1].fields) == 0 {
			seen[name] = true
		}
	}
	b.names = slices.Sorted(maps.Keys(seen))
}

// only gives the name of the only model there is, as Default says.
func (b *builder) only() string {
	anybody := func(c choice) bool { return len(c.fields) == 0 }
	if len(b.open) > 0 || slices.ContainsFunc(b.patterns, anybody) {
		return ""
	}
	var chosen *Route // a ModelRoute or, where there is none, a model
	for _, name := range b.names {
		match, err := b.Find([]byte(name), nil)
		if err == nil && (chosen == nil || chosen.ID == "" && match.Route.ID != "") {
			chosen = match.Route
		}
	}
	shortest := ""
	for _, name := range b.names {
		match, err := b.Find([]byte(name), nil)
		switch {
		case err != nil: // A name that is too long.
		case match.Route != chosen && !match.Route.within(chosen):
			return ""
		case match.Route == chosen && (shortest == "" || len(name) < len(shortest)):
			shortest = name
		}
	}
	return shortest
}

// within says whether a route is a model's, and the model is a target of the other.
func (r *Route) within(other *Route) bool {
	return r.ID == "" && slices.ContainsFunc(other.Targets, func(t Target) bool { return t.Place == r.Targets[0].Place })
}
