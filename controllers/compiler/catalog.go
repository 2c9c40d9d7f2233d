// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// catalog is what routes may name: the providers that the gateway serves, and the verdicts on all that attach to it.
type catalog struct {
	gateway  string
	served   map[types.NamespacedName]*v1alpha1.ProviderPolicy
	verdicts Verdicts
}

func (c *compilation) catalog(served []*v1alpha1.ProviderPolicy) catalog {
	found := catalog{
		gateway:  idOf(c.in.Gateway),
		served:   make(map[types.NamespacedName]*v1alpha1.ProviderPolicy, len(served)),
		verdicts: c.out.Providers,
	}
	for _, policy := range served {
		found.served[nameOf(policy)] = policy
	}
	return found
}

// find gives the target that a model of a provider is, without weight and tier, or says why there is none.
func (c catalog) find(field string, name types.NamespacedName, model string) (config.Target, Finding) {
	policy, served := c.served[name]
	if !served {
		return config.Target{}, Finding{v1alpha1.ReasonProviderNotFound, field + ".providerRef: " + c.absence(name)}
	}
	if len(policy.Spec.Models) == 0 {
		return targetOf(policy, v1alpha1.ProviderModel{Name: model}), Finding{}
	}
	for _, m := range policy.Spec.Models {
		if m.Name == model {
			return targetOf(policy, m), Finding{}
		}
	}
	return config.Target{}, Finding{v1alpha1.ReasonModelNotFound,
		fmt.Sprintf("%s.model: ProviderPolicy %s has no model %q", field, name, model)}
}

// absence says why a provider is not served. Whether one exists that is not for this gateway is not told apart from that
// it does not: it may be another namespace's secret.
func (c catalog) absence(name types.NamespacedName) string {
	if _, attached := c.verdicts[name]; attached {
		return fmt.Sprintf("ProviderPolicy %s is not served on SparkGateway %s for reasons of its own", name, c.gateway)
	}
	return fmt.Sprintf("ProviderPolicy %s does not exist or does not attach to SparkGateway %s", name, c.gateway)
}
