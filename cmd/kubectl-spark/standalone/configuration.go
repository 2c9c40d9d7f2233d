// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package standalone turns a directory of manifests into what one gateway serves, without Kubernetes: it reads them
// as an API server would, compiles them as the operator does, and follows their changes.
package standalone

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// defaultPort is the port that SparkGateway's spec.listener.port promises.
const defaultPort = 8080

// Configuration is one gateway as compiled.
type Configuration struct {
	// Gateway is the resource; compiled what the compiler made of it. Its document is nil when it was refused.
	Gateway  v1alpha1.SparkGateway
	compiled compiler.Output
	// rotated says that keys should be rotated.
	rotated bool
}

// Name is the gateway's.
func (c Configuration) Name() types.NamespacedName {
	return types.NamespacedName{Namespace: c.Gateway.Namespace, Name: c.Gateway.Name}
}

// Still is what the gateway would serve, without what asks or tells others by itself: health checks of providers, the keys of
// issuers, the store, the ledger. It is nil where the gateway was refused.
func (c Configuration) Still() *config.Document {
	if c.compiled.Document == nil {
		return nil
	}
	still := *c.compiled.Document
	still.Core.Providers = slices.Clone(still.Core.Providers)
	for i := range still.Core.Providers {
		still.Core.Providers[i].HealthCheck = nil
	}
	still.Core.Gateway.Auth.Issuers, still.Core.Gateway.Store, still.Core.Gateway.Ledger = nil, nil, nil
	return &still
}

// Port is the one to listen on, default applied.
func (c Configuration) Port() int {
	if l := c.Gateway.Spec.Listener; l != nil && l.Port != nil {
		return int(*l.Port)
	}
	return defaultPort
}

// ClusterFields names the set fields that only a cluster gives a meaning to, in order.
func (c Configuration) ClusterFields() []string {
	spec := c.Gateway.Spec
	set := map[string]bool{
		"spec.replicas": spec.Replicas != nil, "spec.autoscaling": spec.Autoscaling != nil, "spec.image": spec.Image != "",
		"spec.resources": spec.Resources != nil, "spec.podTemplate": spec.PodTemplate != nil,
		"spec.disruption": spec.Disruption != nil, "spec.networkPolicy": spec.NetworkPolicy != nil, "spec.service": spec.Service != nil,
		"spec.rotation of APIKeys": c.rotated,
	}
	maps.DeleteFunc(set, func(_ string, isSet bool) bool { return !isSet })
	return slices.Sorted(maps.Keys(set))
}

// Compile compiles every gateway of the set, in order of name, and gives a problem for each resource that a gateway
// would not serve, or not wholly. generated holds the Secrets of APIKeys that bring none. Findings for the ignored
// reasons are no problems.
func Compile(
	set *manifest.Set, generated map[types.NamespacedName]*corev1.Secret, ignored ...v1alpha1.Reason,
) ([]Configuration, []manifest.Problem) {
	secrets := maps.Clone(set.Secrets())
	maps.Copy(secrets, generated)
	var configurations []Configuration
	problems := danglingRefs(set)
	for _, gateway := range set.Gateways() {
		c := Configuration{Gateway: gateway}
		in := input(set, &c.Gateway, secrets)
		c.compiled = compiler.Compile(in)
		c.rotated = slices.ContainsFunc(in.Keys, func(k v1alpha1.APIKey) bool { return k.Spec.Rotation != nil })
		if c.compiled.Document != nil {
			// There is one process, whatever a cluster would have.
			c.compiled.Document.Core.Gateway.Replicas = 1
		}
		judged := c.compiled
		if len(ignored) > 0 {
			judged = compiler.Compile(complete(in, c.compiled, ignored))
		}
		problems = append(problems, verdicts(set, c.Name(), judged, ignored)...)
		configurations = append(configurations, c)
	}
	return configurations, manifest.Sort(problems)
}

// complete gives the input as if nothing lacked that is ignored: a provider that is out for it alone offers its models all
// the same, so that routes to them, and names that it shares with others, are judged as they will be.
func complete(in compiler.Input, out compiler.Output, ignored []v1alpha1.Reason) compiler.Input {
	in.Providers = slices.Clone(in.Providers)
	for i := range in.Providers {
		p := &in.Providers[i]
		v := out.Providers[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}]
		if v.Accepted.OK() && slices.Contains(ignored, v.ResolvedRefs.Reason) {
			p.Spec = v1alpha1.ProviderPolicySpec{
				GatewayRefs: p.Spec.GatewayRefs, Models: p.Spec.Models,
				Type: v1alpha1.ProviderOpenAICompatible, Endpoint: "http://placeholder",
			}
		}
	}
	return in
}

// input selects what bears on one gateway.
func input(set *manifest.Set, gateway *v1alpha1.SparkGateway, secrets map[types.NamespacedName]*corev1.Secret) compiler.Input {
	name := types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name}
	in := compiler.Input{Gateway: gateway, Secrets: secrets, Namespaces: set.Namespaces()}
	for _, p := range set.Providers() {
		if compiler.Attaches(p.Spec.GatewayRefs, p.Namespace, name) {
			in.Providers = append(in.Providers, p)
		}
	}
	for _, r := range set.Routes() {
		if compiler.Attaches(r.Spec.GatewayRefs, r.Namespace, name) {
			in.Routes = append(in.Routes, r)
		}
	}
	for _, k := range set.Keys() {
		if compiler.Attaches(k.Spec.GatewayRefs, k.Namespace, name) {
			in.Keys = append(in.Keys, k)
		}
	}
	for _, u := range set.Policies() {
		if compiler.Attaches(u.Spec.GatewayRefs, u.Namespace, name) {
			in.Policies = append(in.Policies, u)
		}
	}
	return in
}

// danglingRefs are references to gateways that the set does not have, which no gateway's verdict speaks of.
func danglingRefs(set *manifest.Set) []manifest.Problem {
	known := map[types.NamespacedName]bool{}
	for _, g := range set.Gateways() {
		known[types.NamespacedName{Namespace: g.Namespace, Name: g.Name}] = true
	}
	var problems []manifest.Problem
	check := func(kind, namespace, name string, refs []v1alpha1.GatewayReference) {
		for i, ref := range refs {
			if gateway := compiler.GatewayName(ref, namespace); !known[gateway] {
				problems = append(problems, set.Problem(kind, types.NamespacedName{Namespace: namespace, Name: name},
					fmt.Sprintf("spec.gatewayRefs[%d]", i), fmt.Sprintf("SparkGateway %s does not exist", gateway)))
			}
		}
	}
	for _, p := range set.Providers() {
		check(v1alpha1.KindProviderPolicy, p.Namespace, p.Name, p.Spec.GatewayRefs)
	}
	for _, r := range set.Routes() {
		check(v1alpha1.KindModelRoute, r.Namespace, r.Name, r.Spec.GatewayRefs)
	}
	for _, k := range set.Keys() {
		check(v1alpha1.KindAPIKey, k.Namespace, k.Name, k.Spec.GatewayRefs)
	}
	for _, u := range set.Policies() {
		check(v1alpha1.KindUsagePolicy, u.Namespace, u.Name, u.Spec.GatewayRefs)
	}
	return problems
}

// verdicts turns what the compiler found into problems.
func verdicts(set *manifest.Set, gateway types.NamespacedName, out compiler.Output, ignored []v1alpha1.Reason) []manifest.Problem {
	var problems []manifest.Problem
	add := func(kind string, name types.NamespacedName, v *compiler.Verdict) {
		for _, f := range []compiler.Finding{v.Accepted, v.ResolvedRefs, v.Conflicted} {
			if f.OK() || slices.Contains(ignored, f.Reason) {
				continue
			}
			for message := range strings.SplitSeq(f.Message, "\n") {
				field, reason := cutField(message)
				if f.Reason == v1alpha1.ReasonNotAllowed {
					field = cmp.Or(field, "spec.gatewayRefs")
				}
				problems = append(problems, set.Problem(kind, name, field, reason))
			}
		}
	}
	add(v1alpha1.KindSparkGateway, gateway, &out.Gateway)
	for name, v := range out.Providers {
		add(v1alpha1.KindProviderPolicy, name, v)
	}
	for name, v := range out.Routes {
		add(v1alpha1.KindModelRoute, name, v)
	}
	for name, v := range out.Keys {
		add(v1alpha1.KindAPIKey, name, v)
	}
	for name, v := range out.Policies {
		add(v1alpha1.KindUsagePolicy, name, v)
	}
	return problems
}

// cutField cuts the field that a verdict's message begins with, if it does.
func cutField(message string) (field, reason string) {
	field, reason, ok := strings.Cut(message, ": ")
	if !ok || !strings.HasPrefix(field, "spec") && !strings.HasPrefix(field, "metadata") || strings.Contains(field, " ") {
		return "", message
	}
	return field, reason
}
