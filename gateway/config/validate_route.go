// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// MaxStars bounds the "*" of a pattern, and with them what it costs to try it on a name.
const MaxStars = 4

// CheckModel says what is wrong with a name or pattern that a route serves, nil when nothing is.
func CheckModel(name string) error {
	switch {
	case name == "":
		return errors.New("empty")
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || unicode.Is(unicode.Cc, r) }):
		return errors.New("holds white space or control characters")
	case strings.Count(name, "*") > MaxStars:
		return fmt.Errorf("has more than %d stars", MaxStars)
	}
	return nil
}

// CheckMatch says what is wrong with a header that a route asks for, nil when nothing is. The value is not in the error.
func CheckMatch(h Header) error {
	if err := h.Check(); err != nil {
		return err
	}
	switch {
	case CredentialHeader(h.Name), h.Name == "Cookie", h.Name == "Proxy-Authorization":
		// A route is no place for a secret, and who may call is not a matter of routes.
		return fmt.Errorf("%s carries credentials", h.Name)
	case h.Value == "":
		return fmt.Errorf("the value of %s is empty", h.Name)
	}
	return nil
}

// CheckAffinity says what is wrong with an affinity, nil when nothing is.
func CheckAffinity(affinity string) error {
	switch affinity {
	case AffinityNone, AffinityUser, AffinityKey:
		return nil
	}
	name, ok := strings.CutPrefix(affinity, AffinityHeader)
	if !ok {
		return fmt.Errorf("%q is not known to this gateway", affinity)
	}
	return Header{Name: name}.Check()
}

// Known says whether this version has such a strategy.
func (s Strategy) Known() bool { return slices.Contains(Strategies, s) }

func (v *validation) routes(routes []Route, providers map[string]bool) {
	seen := map[string]bool{}
	for i := range routes {
		r, at := &routes[i], fmt.Sprintf("routes[%d]", i)
		if r.ID == "" || seen[r.ID] {
			v.add("%s.id: %q is empty or stands twice", at, r.ID)
		}
		seen[r.ID] = true
		v.match(at, r)
		if !r.Strategy.Known() {
			v.add("%s.strategy: %q is not known to this gateway", at, r.Strategy)
		}
		if err := CheckAffinity(r.Affinity); err != nil {
			v.add("%s.affinity: %w", at, err)
		}
		v.targets(at+".targets", r.Targets, providers)
		v.limitSet(at+".limits", &r.Limits)
		if h := r.Hedge; h != nil {
			v.positive(at+".hedge.after", h.After)
			v.percent(at+".hedge.maxExtraPercent", h.MaxExtraPercent, 1)
		}
		if m := r.Mirror; m != nil {
			v.target(at+".mirror.target", &m.Target, providers)
			v.percent(at+".mirror.percent", m.Percent, 1)
		}
	}
}

// match checks which requests a route is for.
func (v *validation) match(at string, r *Route) {
	if len(r.Models) == 0 {
		v.add("%s.models: empty", at)
	}
	for i, name := range r.Models {
		if err := CheckModel(name); err != nil {
			v.add("%s.models[%d]: %w", at, i, err)
		}
		if i > 0 && r.Models[i-1] >= name {
			v.add("%s.models[%d]: %q is out of order or stands twice", at, i, name)
		}
	}
	for i, h := range r.Headers {
		if err := CheckMatch(h); err != nil {
			v.add("%s.headers[%d]: %w", at, i, err)
		}
		if i > 0 && r.Headers[i-1].Name >= h.Name {
			v.add("%s.headers[%d].name: %q is out of order or stands twice", at, i, h.Name)
		}
	}
}

func (v *validation) targets(at string, targets []Target, providers map[string]bool) {
	if len(targets) > MaxTargets {
		v.add("%s: %d, of at most %d", at, len(targets), MaxTargets)
	}
	type model struct{ provider, name string }
	seen := map[model]bool{}
	for i := range targets {
		t, one := &targets[i], fmt.Sprintf("%s[%d]", at, i)
		v.target(one, t, providers)
		if is := (model{t.Provider, t.Model}); seen[is] {
			v.add("%s: model %q of provider %q stands twice", one, t.Model, t.Provider)
		} else {
			seen[is] = true
		}
		if t.Weight <= 0 {
			v.add("%s.weight: %d is not positive", one, t.Weight)
		}
		if t.Tier < 0 || i > 0 && t.Tier < targets[i-1].Tier {
			v.add("%s.tier: %d is negative or out of order", one, t.Tier)
		}
	}
}

// target checks what a route's target has in common with its mirror's.
func (v *validation) target(at string, t *Target, providers map[string]bool) {
	if !providers[t.Provider] {
		v.add("%s.provider: no provider %q", at, t.Provider)
	}
	if t.Model == "" {
		v.add("%s.model: empty", at)
	}
	v.offer(at, t.Upstream, t.MaxOutputTokens, t.Price)
}
