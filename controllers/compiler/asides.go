// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"fmt"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// asides resolves the models that the gateway itself asks, and tells what a SparkGateway's document is served without. What guards
// is never left out: without the model for moderation nothing new is served.
func (c *compilation) asides(g *config.Gateway, catalog catalog) {
	if s := g.Sanitizer; s != nil && s.Moderation != nil {
		target, finding := c.aside(catalog, "spec.sanitizer.moderation.target", c.in.Gateway.Spec.Sanitizer.Moderation.Target, moderates)
		s.Moderation.Target = target
		c.out.Gateway.ResolvedRefs.join(finding)
	}
	if k := &c.caching; k.semantic != nil {
		k.semantic.Embeddings, k.missing = c.aside(catalog, "spec.cache.semantic.embeddings", *c.in.Gateway.Spec.Cache.Semantic.Embeddings, embeds)
		c.leftOut.join(k.missing)
	}
	g.Cache = c.caching.served()
	verdict := &c.out.Gateway
	verdict.Partial = verdict.Accepted.OK() && verdict.ResolvedRefs.OK() && !c.leftOut.OK()
	verdict.ResolvedRefs.join(c.leftOut)
}

// operation is what the gateway itself asks of a model.
type operation struct {
	name string
	can  func(*v1alpha1.ProviderPolicySpec) bool
}

var (
	embeds = operation{"embeddings", func(p *v1alpha1.ProviderPolicySpec) bool { return config.ProviderType(p.Type).Embeds() }}

	moderates = operation{"moderations", func(p *v1alpha1.ProviderPolicySpec) bool {
		version := ""
		if p.AzureOpenAI != nil {
			version = p.AzureOpenAI.APIVersion
		}
		return config.ProviderType(p.Type).Moderates(version)
	}}
)

func (c *compilation) aside(catalog catalog, field string, ref v1alpha1.TargetReference, does operation) (config.Target, Finding) {
	name := providerName(ref, c.in.Gateway.Namespace)
	target, finding := catalog.find(field, name, ref.Model)
	if !finding.OK() {
		return target, finding
	}
	if spec := &catalog.served[name].Spec; !does.can(spec) {
		return config.Target{}, Finding{v1alpha1.ReasonUnsupportedOperation,
			fmt.Sprintf("%s.providerRef: ProviderPolicy %s is of type %s, which has no %s as it is configured", field, name, spec.Type, does.name)}
	}
	return target, finding
}

// dispensable reads what refers to Secrets, and does not keep the gateway from being served where one is missing.
func (c *compilation) dispensable(read func()) (found bool) {
	needed := c.out.Gateway.ResolvedRefs
	c.out.Gateway.ResolvedRefs = Finding{}
	read()
	missing := c.out.Gateway.ResolvedRefs
	c.leftOut.join(missing)
	c.out.Gateway.ResolvedRefs = needed
	return missing.OK()
}
