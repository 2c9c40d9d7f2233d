// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// collector deletes what a deleted owner has left, as the garbage collector of a cluster does. It compares all
// objects every so often, which is plenty for the few that a development machine has.
type collector struct {
	client     client.Client
	live       client.Reader
	namespaces []string
	log        logr.Logger
}

const collectEvery = 2 * time.Second

// collected are the kinds that an operator makes and owns, owners before what they own.
var collected = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "Pod"},
	{Version: "v1", Kind: "Secret"},
	{Version: "v1", Kind: "ConfigMap"},
	{Version: "v1", Kind: "ServiceAccount"},
}

// Start runs until ctx ends; the name is the manager's.
func (c *collector) Start(ctx context.Context) error {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := c.collect(ctx); err != nil && ctx.Err() == nil {
				c.log.Error(err, "garbage not collected")
			}
		}
	}
}

func (c *collector) collect(ctx context.Context) error {
	namespaces := c.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	alive := map[types.UID]bool{} // owners that were looked up in this round
	for _, kind := range collected {
		for _, namespace := range namespaces {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(kind)
			if err := c.live.List(ctx, list, client.InNamespace(namespace)); err != nil {
				return err
			}
			for i := range list.Items {
				if err := c.collectOne(ctx, kind, &list.Items[i], alive); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *collector) collectOne(ctx context.Context, kind schema.GroupVersionKind, object *metav1.PartialObjectMetadata, alive map[types.UID]bool) error {
	if len(object.OwnerReferences) == 0 || object.DeletionTimestamp != nil {
		return nil
	}
	for _, owner := range object.OwnerReferences {
		if _, known := alive[owner.UID]; !known {
			exists, err := c.exists(ctx, object.Namespace, owner)
			if err != nil {
				return err
			}
			alive[owner.UID] = exists
		}
		if alive[owner.UID] {
			return nil
		}
	}
	object.SetGroupVersionKind(kind)
	c.log.Info("deleted with its owner", "kind", kind.Kind, "name", object.Name)
	err := c.client.Delete(ctx, object, client.Preconditions{UID: &object.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if apierrors.IsConflict(err) {
		return nil // another object has the name now
	}
	return client.IgnoreNotFound(err)
}

func (c *collector) exists(ctx context.Context, namespace string, owner metav1.OwnerReference) (bool, error) {
	found := &metav1.PartialObjectMetadata{}
	found.SetGroupVersionKind(schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind))
	err := c.live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: owner.Name}, found)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if meta.IsNoMatchError(err) {
		return true, nil // of a kind that is not served (any more): not ours to judge
	}
	return err != nil || found.UID == owner.UID, err
}
