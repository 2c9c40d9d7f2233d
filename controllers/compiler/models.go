// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// offers judges the models. The API server's rules refuse these too; but what slipped past them must not make the whole
// document one that pods reject.
func (p *problems) offers(spec v1alpha1.ProviderPolicySpec) {
	for i, m := range spec.Models {
		if m.Name == "" {
			p.add("spec.models[%d].name: empty", i)
		}
		if valueOr(m.MaxOutputTokens, 0) < 0 {
			p.add("spec.models[%d].maxOutputTokens: negative", i)
		}
		if _, field := priceOf(m.Price); field != "" {
			p.add("spec.models[%d].price.%s: is not an amount below 10,000 with at most six decimals", i, field)
		}
	}
}

// models builds the routing table. Qualified names ("provider/model") cannot conflict, as providers' names are unique
// and hold no slash, so they come first; a bare name goes to the oldest provider that declares it, and the others are
// told.
func (c *compilation) models(policies []*v1alpha1.ProviderPolicy) []config.Model {
	table := map[string]config.Model{}
	named := func(policy *v1alpha1.ProviderPolicy, m v1alpha1.ProviderModel, name string) config.Model {
		t := targetOf(policy, m)
		return config.Model{Name: name, Provider: t.Provider, Upstream: t.Upstream, MaxOutputTokens: t.MaxOutputTokens, Price: t.Price}
	}
	for _, policy := range policies {
		for _, m := range policy.Spec.Models {
			name := policy.Name + "/" + m.Name
			table[name] = named(policy, m, name)
		}
	}
	for _, policy := range policies {
		var lost []error
		for i, m := range policy.Spec.Models {
			if winner, taken := table[m.Name]; taken {
				lost = append(lost, fmt.Errorf("spec.models[%d].name: %q is served by ProviderPolicy %s; this one answers to %q",
					i, m.Name, winner.Provider, policy.Name+"/"+m.Name))
				continue
			}
			table[m.Name] = named(policy, m, m.Name)
		}
		if len(lost) > 0 {
			c.out.Providers[nameOf(policy)].Conflicted = Finding{v1alpha1.ReasonDuplicateModel, (&problems{errs: lost}).finding().Message}
		}
	}
	models := make([]config.Model, 0, len(table))
	for _, name := range sortedKeys(table) {
		models = append(models, table[name])
	}
	return models
}

// targetOf gives a model of a provider, without weight and tier.
func targetOf(policy *v1alpha1.ProviderPolicy, m v1alpha1.ProviderModel) config.Target {
	price, _ := priceOf(m.Price)
	return config.Target{Provider: idOf(policy), Model: m.Name, Upstream: cmp.Or(m.Upstream, m.Name),
		MaxOutputTokens: valueOr(m.MaxOutputTokens, 0), Price: price}
}

// priceOf reads a price, exactly; where it cannot it names the field. No price is nil.
func priceOf(p *v1alpha1.ModelPrice) (*config.Price, string) {
	if p == nil {
		return nil, ""
	}
	price := &config.Price{}
	// Millionths of a dollar per million tokens are what a config.Price has.
	request := int64(0)
	for _, f := range []struct {
		name string
		from v1alpha1.USDollars
		to   *int64
	}{
		{"inputPerMillion", p.InputPerMillion, &price.Input},
		{"outputPerMillion", p.OutputPerMillion, &price.Output},
		{"cachedInputPerMillion", cmp.Or(p.CachedInputPerMillion, p.InputPerMillion), &price.CachedInput},
		{"cacheWritePerMillion", cmp.Or(p.CacheWritePerMillion, p.InputPerMillion), &price.CacheWrite},
		{"perRequest", cmp.Or(p.PerRequest, "0"), &request},
	} {
		ok := false
		if *f.to, ok = millionths(dollarForm, string(f.from)); !ok {
			return nil, f.name
		}
	}
	price.Request = config.Money(request) * microdollar
	return price, ""
}
