// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// CredentialsKey is the key within a Secret where none is named.
const CredentialsKey = "apiKey"

// The defaults that the field comments of ProviderPolicy promise.
const (
	openAIEndpoint         = "https://api.openai.com/v1"
	certificateKey         = "ca.crt"
	defaultConnectTimeout  = 2 * time.Second
	defaultFirstToken      = 30 * time.Second
	defaultBetweenTokens   = 30 * time.Second
	defaultTotalTimeout    = 10 * time.Minute
	maxProviderSecretBytes = 16 << 10
)

// providers judges the providers, oldest first, and gives those that are served in order of ID, and the routing table
// in order of name.
func (c *compilation) providers() ([]config.Provider, []config.Model) {
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
			delete(c.secrets, provider.Credential)
		}
		if verdict.Served() {
			names[policy.Name] = provider.ID
			served, servedPolicies = append(served, provider), append(servedPolicies, policy)
		}
		c.out.Providers[nameOf(policy)] = verdict
	}
	models := c.models(servedPolicies)
	c.fingerprintProviders(served, models)
	slices.SortFunc(served, func(a, b config.Provider) int { return cmp.Compare(a.ID, b.ID) })
	return served, models
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
		Timeouts: p.timeouts(spec.Timeouts),
	}
	if h := spec.Headers; h != nil {
		provider.SetHeaders = p.headers("spec.headers.set", h.Set)
		for _, h := range provider.SetHeaders {
			if config.Framing(h.Name) {
				p.add("spec.headers.set: %s is the gateway's own", h.Name)
			}
		}
		for i, name := range h.Remove {
			if config.Framing(string(name)) {
				p.add("spec.headers.remove[%d]: %s is the gateway's own", i, name)
			}
			provider.RemoveHeaders = append(provider.RemoveHeaders, textproto.CanonicalMIMEHeaderKey(string(name)))
		}
		slices.Sort(provider.RemoveHeaders)
	}
	p.offers(spec)
	verdict.Accepted = p.finding()
	if !verdict.Served() {
		return provider, verdict
	}
	verdict.ResolvedRefs = c.providerSecrets(policy, &provider)
	return provider, verdict
}

// providerSecrets resolves what a provider refers to.
func (c *compilation) providerSecrets(policy *v1alpha1.ProviderPolicy, provider *config.Provider) Finding {
	if t := policy.Spec.TLS; t != nil {
		provider.ServerName = t.ServerName
		if ref := t.CASecretRef; ref != nil {
			const field = "spec.tls.caSecretRef"
			name := types.NamespacedName{Namespace: policy.Namespace, Name: ref.Name}
			ca, finding := c.secretValue(field, name, cmp.Or(ref.Key, certificateKey))
			if !finding.OK() {
				return finding
			}
			if !x509.NewCertPool().AppendCertsFromPEM([]byte(ca)) {
				return Finding{v1alpha1.ReasonInvalidSecret,
					fmt.Sprintf("%s: Secret %s: key %q holds no PEM certificate", field, name, cmp.Or(ref.Key, certificateKey))}
			}
			provider.CA = ca
		}
	}
	if policy.Spec.Credentials == nil {
		return Finding{}
	}
	const field = "spec.credentials.secretRef"
	ref := policy.Spec.Credentials.SecretRef
	name := types.NamespacedName{Namespace: policy.Namespace, Name: ref.Name}
	value, finding := c.secretValue(field, name, cmp.Or(ref.Key, CredentialsKey))
	if !finding.OK() {
		return finding
	}
	if !printable(value) || len(value) > maxProviderSecretBytes {
		return Finding{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"%s: Secret %s: key %q must be printable ASCII without spaces, of at most %d bytes",
			field, name, cmp.Or(ref.Key, CredentialsKey), maxProviderSecretBytes)}
	}
	provider.Credential = "provider/" + provider.ID
	c.secrets[provider.Credential] = config.NewSecret(value)
	return Finding{}
}

// offers judges the type and the models. The API server's rules refuse these too; but what slipped past them must not
// make the whole document one that pods reject.
func (p *problems) offers(spec v1alpha1.ProviderPolicySpec) {
	if !config.ProviderType(spec.Type).Known() {
		p.add("spec.type: %q is not a type of provider", spec.Type)
	}
	for i, m := range spec.Models {
		if m.Name == "" {
			p.add("spec.models[%d].name: empty", i)
		}
		if valueOr(m.MaxOutputTokens, 0) < 0 {
			p.add("spec.models[%d].maxOutputTokens: negative", i)
		}
	}
}

// endpoint gives the base URL, to which paths such as "/chat/completions" are appended.
func (p *problems) endpoint(spec v1alpha1.ProviderPolicySpec) string {
	endpoint := spec.Endpoint
	if endpoint == "" && spec.Type == v1alpha1.ProviderOpenAI {
		endpoint = openAIEndpoint
	}
	if err := config.CheckEndpoint(endpoint); err != nil {
		p.add("spec.endpoint: %w", err)
		return ""
	}
	endpoint = strings.TrimRight(endpoint, "/")
	if u, err := url.Parse(endpoint); err == nil && u.Path == "" {
		endpoint += "/v1"
	}
	return endpoint
}

func (p *problems) timeouts(t *v1alpha1.Timeouts) config.Timeouts {
	if t == nil {
		t = &v1alpha1.Timeouts{}
	}
	return config.Timeouts{
		Connect:       p.duration("spec.timeouts.connect", t.Connect, defaultConnectTimeout),
		FirstToken:    p.duration("spec.timeouts.firstToken", t.FirstToken, defaultFirstToken),
		BetweenTokens: p.duration("spec.timeouts.betweenTokens", t.BetweenTokens, defaultBetweenTokens),
		Total:         p.duration("spec.timeouts.total", t.Total, defaultTotalTimeout),
	}
}

// models builds the routing table. Qualified names ("provider/model") cannot conflict, as providers' names are unique
// and hold no slash, so they come first; a bare name goes to the oldest provider that declares it, and the others are
// told.
func (c *compilation) models(policies []*v1alpha1.ProviderPolicy) []config.Model {
	table := map[string]config.Model{}
	target := func(policy *v1alpha1.ProviderPolicy, m v1alpha1.ProviderModel, name string) config.Model {
		return config.Model{Name: name, Provider: idOf(policy), Upstream: cmp.Or(m.Upstream, m.Name),
			MaxOutputTokens: valueOr(m.MaxOutputTokens, 0)}
	}
	for _, policy := range policies {
		for _, m := range policy.Spec.Models {
			name := policy.Name + "/" + m.Name
			table[name] = target(policy, m, name)
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
			table[m.Name] = target(policy, m, m.Name)
		}
		if len(lost) > 0 {
			verdict := c.out.Providers[nameOf(policy)]
			verdict.Conflicted = Finding{v1alpha1.ReasonDuplicateModel, (&problems{errs: lost}).finding().Message}
			c.out.Providers[nameOf(policy)] = verdict
		}
	}
	models := make([]config.Model, 0, len(table))
	for _, name := range sortedKeys(table) {
		models = append(models, table[name])
	}
	return models
}

// fingerprintProviders notes what each provider contributes to the document.
func (c *compilation) fingerprintProviders(providers []config.Provider, models []config.Model) {
	offered := map[string][]config.Model{}
	for _, m := range models {
		offered[m.Provider] = append(offered[m.Provider], m)
	}
	for _, provider := range providers {
		namespace, name, _ := strings.Cut(provider.ID, "/")
		key := types.NamespacedName{Namespace: namespace, Name: name}
		verdict := c.out.Providers[key]
		verdict.Content = fingerprint(provider, offered[provider.ID], config.DigestKey(c.secrets[provider.Credential].Reveal()))
		c.out.Providers[key] = verdict
	}
}
