// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// asides resolves the models that the gateway itself asks, and tells what a SparkGateway's document is served without. What guards
// is never left out: without the model for moderation nothing new is served.
func (c *compilation) asides(g *config.Gateway, catalog catalog) {
	if s := g.Sanitizer; s != nil && s.Moderation != nil {
		target, finding := c.aside(catalog, "spec.sanitizer.moderation.target", c.in.Gateway.Spec.Sanitizer.Moderation.Target)
		s.Moderation.Target = target
		c.out.Gateway.ResolvedRefs.join(finding)
	}
	if k := &c.caching; k.semantic != nil {
		k.semantic.Embeddings, k.missing = c.aside(catalog, "spec.cache.semantic.embeddings", *c.in.Gateway.Spec.Cache.Semantic.Embeddings)
		c.leftOut.join(k.missing)
	}
	g.Cache = c.caching.served()
	verdict := &c.out.Gateway
	verdict.Partial = verdict.Accepted.OK() && verdict.ResolvedRefs.OK() && !c.leftOut.OK()
	verdict.ResolvedRefs.join(c.leftOut)
}

func (c *compilation) aside(catalog catalog, field string, ref v1alpha1.TargetReference) (config.Target, Finding) {
	return catalog.find(field, providerName(ref, c.in.Gateway.Namespace), ref.Model)
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
