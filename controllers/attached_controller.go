// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/status"
)

// AttachedReconciler is what the reconcilers of resources with gatewayRefs share: they are the only writers of these
// resources' status, and tell there what the gateways' reconciliation put on the board.
type AttachedReconciler struct {
	Client client.Client
	Board  *board.Board
	Events Events
	// Writes bounds status writes over the whole cluster.
	Writes *rate.Limiter
	// Now is the clock.
	Now func() time.Time
}

// gathered holds, of each of a resource's gatewayRefs, what is known. known is false while some gateway has not been
// heard on this generation.
func (r *AttachedReconciler) gathered(
	ctx context.Context, object client.Object, refs []v1alpha1.GatewayReference,
	in func(status.Report) map[types.NamespacedName]status.Attachment,
) (attached []status.AttachedTo, known bool, err error) {
	for _, ref := range refs {
		name := compiler.GatewayName(ref, object.GetNamespace())
		gw, err := get(ctx, r.Client, name, &v1alpha1.SparkGateway{})
		if err != nil {
			return nil, false, err
		}
		if gw == nil || !gw.DeletionTimestamp.IsZero() {
			attached = append(attached, status.AttachedTo{Gateway: name})
			continue
		}
		said, ok := in(r.Board.Report(name))[client.ObjectKeyFromObject(object)]
		if !ok || said.Verdict.Generation != object.GetGeneration() {
			return nil, false, nil
		}
		attached = append(attached, status.AttachedTo{Gateway: name, Exists: true, Attachment: said})
	}
	return attached, true, nil
}

// write patches the status from before to the object's present one.
func (r *AttachedReconciler) write(ctx context.Context, object, before client.Object) error {
	if err := r.Writes.Wait(ctx); err != nil {
		return err
	}
	return client.IgnoreNotFound(r.Client.Status().Patch(ctx, object, client.MergeFrom(before)))
}

// ProviderPolicyReconciler tells a ProviderPolicy's status.
type ProviderPolicyReconciler struct{ AttachedReconciler }

// Reconcile writes the status where what the gateways say has changed.
func (r *ProviderPolicyReconciler) Reconcile(ctx context.Context, name types.NamespacedName) error {
	policy, err := get(ctx, r.Client, name, &v1alpha1.ProviderPolicy{})
	if err != nil || policy == nil || !policy.DeletionTimestamp.IsZero() {
		return err
	}
	attached, known, err := r.gathered(ctx, policy, policy.Spec.GatewayRefs,
		func(s status.Report) map[types.NamespacedName]status.Attachment { return s.Providers })
	if err != nil || !known {
		return err
	}
	next := policy.DeepCopy()
	next.Status.AttachedStatus = status.ForAttached(policy.Generation, r.Now(), attached, policy.Status.AttachedStatus)
	if equality.Semantic.DeepEqual(next.Status, policy.Status) {
		return nil
	}
	if err := r.write(ctx, next, policy); err != nil {
		return err
	}
	r.Events.transition(next, policy.Status.Conditions, next.Status.Conditions)
	return nil
}

// prefixOf gives the key's prefix, as any gateway knows it.
func prefixOf(attached []status.AttachedTo) string {
	i := slices.IndexFunc(attached, func(a status.AttachedTo) bool { return a.Attachment.Verdict.Prefix != "" })
	if i < 0 {
		return ""
	}
	return attached[i].Attachment.Verdict.Prefix
}
