// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
)

// APIKeyReconciler generates keys, once, and tells an APIKey's status.
type APIKeyReconciler struct {
	AttachedReconciler
	Applier *apply.Applier
}

// Reconcile makes the key where there is none, and writes the status where what the gateways say has changed.
func (r *APIKeyReconciler) Reconcile(ctx context.Context, name types.NamespacedName) error {
	key, err := get(ctx, r.Client, name, &v1alpha1.APIKey{})
	if err != nil || key == nil || !key.DeletionTimestamp.IsZero() {
		return err
	}
	if key.Spec.SecretRef == nil {
		if err := r.Applier.CreateOnce(ctx, render.KeySecret(key, issue.NewAPIKey)); err != nil {
			return err
		}
	}
	attached, known, err := r.gathered(ctx, key, key.Spec.GatewayRefs,
		func(s status.Report) map[types.NamespacedName]status.Attachment { return s.Keys })
	if err != nil || !known {
		return err
	}
	if key.Spec.SecretRef == nil && slices.ContainsFunc(attached, secretNotFound) {
		// The generated key exists by now: a gateway that has not seen it yet will speak again.
		return nil
	}
	next := key.DeepCopy()
	next.Status = v1alpha1.APIKeyStatus{
		AttachedStatus: status.ForAttached(key.Generation, r.Now(), attached, key.Status.AttachedStatus),
		Prefix:         prefixOf(attached),
		SecretName:     compiler.SecretName(key).Name,
	}
	if equality.Semantic.DeepEqual(next.Status, key.Status) {
		return nil
	}
	if err := r.write(ctx, next, key); err != nil {
		return err
	}
	r.Events.transition(next, key.Status.Conditions, next.Status.Conditions)
	return nil
}

func secretNotFound(a status.AttachedTo) bool {
	return a.Attachment.Verdict.ResolvedRefs.Reason == v1alpha1.ReasonSecretNotFound
}
