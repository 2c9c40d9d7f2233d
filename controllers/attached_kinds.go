// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
)

// The reconcilers of the kinds that attach to gateways.
type (
	providerReconciler = AttachedReconciler[v1alpha1.ProviderPolicy, *v1alpha1.ProviderPolicy]
	routeReconciler    = AttachedReconciler[v1alpha1.ModelRoute, *v1alpha1.ModelRoute]
	keyReconciler      = AttachedReconciler[v1alpha1.APIKey, *v1alpha1.APIKey]
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

// keys gives the reconciler that generates keys, once, and tells an APIKey's status.
func keys(t Telling, applier *apply.Applier) *keyReconciler {
	return &keyReconciler{
		Telling: t, Kind: status.Keys, Complete: completeKey,
		Shared: func(k *v1alpha1.APIKey) *v1alpha1.AttachedStatus { return &k.Status.AttachedStatus },
		Prepare: func(ctx context.Context, key *v1alpha1.APIKey) error {
			if key.Spec.SecretRef != nil {
				return nil
			}
			return applier.CreateOnce(ctx, render.KeySecret(key, issue.NewAPIKey))
		},
	}
}

// completeKey says where the key is, and how it begins as any gateway knows it.
func completeKey(next, _ *v1alpha1.APIKey, attached []status.AttachedTo) (time.Duration, bool) {
	if next.Spec.SecretRef == nil && slices.ContainsFunc(attached, secretNotFound) {
		// The generated key exists by now: a gateway that has not seen it yet will speak again.
		return 0, false
	}
	next.Status.SecretName, next.Status.Prefix = compiler.SecretName(next).Name, ""
	for _, a := range attached {
		if next.Status.Prefix == "" {
			next.Status.Prefix = a.Attachment.Verdict.Prefix
		}
	}
	return 0, true
}

func secretNotFound(a status.AttachedTo) bool {
	return a.Attachment.Verdict.ResolvedRefs.Reason == v1alpha1.ReasonSecretNotFound
}
