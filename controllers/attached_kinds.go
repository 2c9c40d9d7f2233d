// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

// The reconcilers of the kinds that attach to gateways.
type (
	providerReconciler = AttachedReconciler[v1alpha1.ProviderPolicy, *v1alpha1.ProviderPolicy]
	routeReconciler    = AttachedReconciler[v1alpha1.ModelRoute, *v1alpha1.ModelRoute]
	keyReconciler      = AttachedReconciler[v1alpha1.APIKey, *v1alpha1.APIKey]
	policyReconciler   = AttachedReconciler[v1alpha1.UsagePolicy, *v1alpha1.UsagePolicy]
)

// providers gives the reconciler that tells a ProviderPolicy's status, what pods say of the provider included.
func providers(t Telling, pods Hearing) *providerReconciler {
	said := &traffic{Hearing: pods, Telling: t, kept: map[types.NamespacedName]memory{}}
	return &providerReconciler{
		Telling: t, Kind: status.Providers, Complete: said.complete, Gone: said.forget,
		Shared: func(p *v1alpha1.ProviderPolicy) *v1alpha1.AttachedStatus { return &p.Status.AttachedStatus },
	}
}

// routes gives the reconciler that tells a ModelRoute's status.
func routes(t Telling) *routeReconciler {
	return &routeReconciler{
		Telling: t, Kind: status.Routes,
		Shared: func(m *v1alpha1.ModelRoute) *v1alpha1.AttachedStatus { return &m.Status.AttachedStatus },
	}
}

// keys gives the reconciler that generates and rotates keys, and tells an APIKey's status, what it used included.
func keys(t Telling, applier *apply.Applier, s *spending) *keyReconciler {
	ring := &keyring{Telling: t, applier: applier, spending: s, dates: map[types.NamespacedName]dates{}}
	return &keyReconciler{
		Telling: t, Kind: status.Keys, Prepare: ring.prepare, Complete: ring.complete, Wrote: ring.wrote, Gone: ring.forget,
		Shared:  func(k *v1alpha1.APIKey) *v1alpha1.AttachedStatus { return &k.Status.AttachedStatus },
		Refused: func(k *v1alpha1.APIKey) *status.Condition { return status.Refused(&k.Spec, t.Now()) },
	}
}

// policies gives the reconciler that tells a UsagePolicy's status, what its members used included.
func policies(t Telling, s *spending) *policyReconciler {
	return &policyReconciler{
		Telling: t, Kind: status.Policies,
		Shared: func(p *v1alpha1.UsagePolicy) *v1alpha1.AttachedStatus { return &p.Status.AttachedStatus },
		Complete: func(next, before *v1alpha1.UsagePolicy, attached []status.AttachedTo) Completion {
			return completePolicy(s, next, before, attached)
		},
		Wrote: func(next, before *v1alpha1.UsagePolicy) {
			t.Events.crossings(next, before.Status.Usage, next.Status.Usage)
		},
		Gone: func(name types.NamespacedName) { s.forget(account{kind: status.Policies, name: name}) },
	}
}

// completePolicy says how many keys a policy matches, on the gateway where they are most, and what all together used.
func completePolicy(s *spending, next, before *v1alpha1.UsagePolicy, attached []status.AttachedTo) Completion {
	next.Status.Members = 0
	for _, a := range attached {
		if a.Exists {
			next.Status.Members = max(next.Status.Members, a.Attachment.Verdict.Members)
		}
	}
	name := client.ObjectKeyFromObject(next)
	of := account{kind: status.Policies, name: name, holder: config.HolderPolicy + name.String(), budgets: next.Spec.Budgets}
	said := s.tell(of, attached, before.Status.Usage, &next.Status.AttachedStatus)
	next.Status.Usage = before.Status.Usage
	rest := !equality.Semantic.DeepEqual(next, before)
	next.Status.Usage = said.usage
	done := s.pace(of, rest, !equality.Semantic.DeepEqual(next.Status.Usage, before.Status.Usage))
	done.Again = said.again
	return done
}
