// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// Compile judges every resource of the input and builds the document of those that are served.
func Compile(in Input) Output { return new(Memo).Compile(in) }

func (c *compilation) output() Output {
	c.secrets = map[string]config.Secret{}
	c.out = Output{
		Providers: make(Verdicts, len(c.in.Providers)),
		Routes:    make(Verdicts, len(c.in.Routes)),
		Keys:      make(Verdicts, len(c.in.Keys)),
		Policies:  make(Verdicts, len(c.in.Policies)),
	}
	gateway := c.gateway()
	providers, offers := c.providers()
	models := c.models(offers)
	c.fingerprintProviders(providers, models)
	catalog := c.catalog(offers)
	c.asides(&gateway, catalog)
	routes := c.routes(&gateway, catalog)
	policies := c.policies()
	served := c.keys(mentioned(policies))
	document := &config.Document{
		Core: config.Core{
			Schema: config.Schema, Gateway: gateway, Providers: providers, Models: models, Routes: routes, Policies: policies,
		},
		Secrets: c.secrets,
		Keys:    keysOf(served),
	}
	c.countMembers(policies, document.Keys)
	if c.out.Gateway.Served() {
		c.publish(document, served)
	}
	return c.out
}

// publish puts the document and its bytes into the output.
func (c *compilation) publish(document *config.Document, served []*judged) {
	// What was judged piece by piece is checked once more as a whole, by the gateway's own rules: a document that
	// pods would reject is never written.
	if err := document.Validate(); err != nil {
		c.refuse(Finding{v1alpha1.ReasonInvalid, err.Error()})
		return
	}
	shards, err := c.memo.encode(served)
	if err != nil {
		c.refuse(encodeFinding(err))
		return
	}
	bundle, err := config.Assemble(document, shards)
	if err != nil {
		c.refuse(encodeFinding(err))
		return
	}
	c.out.Document, c.out.Bundle = document, bundle
}

// refuse leaves the last good document in place.
func (c *compilation) refuse(why Finding) {
	c.out.Gateway.Accepted, c.out.Gateway.Partial = why, false
}

func encodeFinding(err error) Finding {
	if errors.Is(err, config.ErrTooLarge) {
		return Finding{v1alpha1.ReasonConfigTooLarge, err.Error()}
	}
	return Finding{v1alpha1.ReasonInvalid, err.Error()}
}

// compilation gathers what Compile decides.
type compilation struct {
	in      Input
	memo    *Memo
	out     Output
	secrets map[string]config.Secret
	caching caching
	// leftOut says what the gateway refers to in vain, and is served without.
	leftOut Finding
}

// permitted says whether resources of a namespace may attach to the gateway.
func (c *compilation) permitted(namespace string) Finding {
	gateway := c.in.Gateway
	if namespace == gateway.Namespace {
		return Finding{}
	}
	refused := Finding{v1alpha1.ReasonNotAllowed, fmt.Sprintf(
		"SparkGateway %s/%s does not admit namespace %s in spec.allowedNamespaces", gateway.Namespace, gateway.Name, namespace)}
	allowed := gateway.Spec.AllowedNamespaces
	if allowed == nil {
		return refused
	}
	switch allowed.From {
	case v1alpha1.NamespacesAll:
		return Finding{}
	case v1alpha1.NamespacesSelector:
		selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
		if err == nil && selector.Matches(labels.Set(c.in.Namespaces[namespace])) {
			return Finding{}
		}
	}
	return refused
}

// byAge orders resources as Gateway API does for conflicts: the oldest first, then by namespace and name.
func byAge(a, b metav1.Object) int {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(at.Compare(bt.Time), cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// idOf gives "namespace/name".
func idOf(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// Attaches says whether any of a resource's gatewayRefs names the gateway.
func Attaches(refs []v1alpha1.GatewayReference, from string, gateway types.NamespacedName) bool {
	return slices.ContainsFunc(refs, func(r v1alpha1.GatewayReference) bool { return GatewayName(r, from) == gateway })
}

// GatewayName resolves a reference made in a namespace.
func GatewayName(ref v1alpha1.GatewayReference, from string) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(ref.Namespace, from), Name: ref.Name}
}
