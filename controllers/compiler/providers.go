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

// providers judges the providers, oldest first, and gives those that are served, in order of ID, and their policies, oldest
// first.
func (c *compilation) providers() ([]config.Provider, []*v1alpha1.ProviderPolicy) {
	policies := make([]*v1alpha1.ProviderPolicy, len(c.in.Providers))
	for i := range c.in.Providers {
		policies[i] = &c.in.Providers[i]
	}
	slices.SortFunc(policies, func(a, b *v1alpha1.ProviderPolicy) int { return byAge(a, b) })

	var served []config.Provider
	var servedPolicies []*v1alpha1.ProviderPolicy
	names := map[string]string{}
	for _, policy := range policies {
		provider, verdict := c.provider(policy)
		if id, taken := names[policy.Name]; verdict.Served() && taken {
			verdict.Accepted = Finding{v1alpha1.ReasonDuplicateName, fmt.Sprintf(
				"metadata.name: the older ProviderPolicy %s has this name on SparkGateway %s, and clients name providers by it",
				id, idOf(c.in.Gateway))}
			for _, name := range provider.SecretNames() {
				delete(c.secrets, name)
			}
		}
		if verdict.Served() {
			names[policy.Name] = provider.ID
			served, servedPolicies = append(served, provider), append(servedPolicies, policy)
		}
		c.out.Providers[nameOf(policy)] = &verdict
	}
	slices.SortFunc(served, func(a, b config.Provider) int { return cmp.Compare(a.ID, b.ID) })
	return served, servedPolicies
}

func (c *compilation) provider(policy *v1alpha1.ProviderPolicy) (config.Provider, Verdict) {
	verdict := Verdict{Generation: policy.Generation, ResolvedRefs: c.permitted(policy.Namespace)}
	spec, p := policy.Spec, &problems{}
	provider := config.Provider{
		ID:       idOf(policy),
		Name:     policy.Name,
		Type:     config.ProviderType(spec.Type),
		Endpoint: p.endpoint(spec),
		AnyModel: len(spec.Models) == 0,
	}
	p.kind(spec, &provider)
	p.traffic(spec, &provider)
	p.edits(spec.Headers, &provider)
	p.offers(spec)
	verdict.Accepted = p.finding()
	if !verdict.Served() {
		return provider, verdict
	}
	verdict.ResolvedRefs = c.providerSecrets(policy, &provider)
	return provider, verdict
}

func (p *problems) edits(h *v1alpha1.HeaderEdits, provider *config.Provider) {
	if h == nil {
		return
	}
	own := func(name string) bool { return config.Framing(name) || config.CredentialHeader(name) }
	provider.SetHeaders = p.headers("spec.headers.set", h.Set)
	for _, h := range provider.SetHeaders {
		if own(h.Name) {
			p.add("spec.headers.set: %s is the gateway's own", h.Name)
		}
	}
	for i, name := range h.Remove {
		if own(string(name)) {
			p.add("spec.headers.remove[%d]: %s is the gateway's own", i, name)
		}
		provider.RemoveHeaders = append(provider.RemoveHeaders, textproto.CanonicalMIMEHeaderKey(string(name)))
	}
	slices.Sort(provider.RemoveHeaders)
}

// fingerprintProviders notes what each provider contributes to the document.
func (c *compilation) fingerprintProviders(providers []config.Provider, models []config.Model) {
	offered := map[string][]config.Model{}
	for _, m := range models {
		offered[m.Provider] = append(offered[m.Provider], m)
	}
	for _, provider := range providers {
		namespace, name, _ := strings.Cut(provider.ID, "/")
		var secrets []config.Digest
		for _, name := range provider.SecretNames() {
			secrets = append(secrets, config.DigestKey(c.secrets[name].Reveal()))
		}
		verdict := c.out.Providers[types.NamespacedName{Namespace: namespace, Name: name}]
		verdict.Content = fingerprint(provider, offered[provider.ID], secrets)
	}
}
