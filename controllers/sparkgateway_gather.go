// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// scope is one reconciliation of a SparkGateway: what was read, and what was found out since.
type scope struct {
	gateway *v1alpha1.SparkGateway
	input   compiler.Input
	// written is the configuration that the Secrets hold, zero before the first; shards holds the key shards' Secrets.
	written config.Bundle
	shards  map[string]*corev1.Secret
	// admin is the Secret with the administrative credentials, nil before the first.
	admin      *corev1.Secret
	deployment *appsv1.Deployment
	pods       []corev1.Pod

	output  compiler.Output
	desired config.Bundle
	// current says that the Secrets hold the desired bundle.
	current bool
	// replacing says that this pass changed the pods' template or number.
	replacing bool
	// failure is what kept objects from being written.
	failure error
	unread  string
	// unwatched says that the ServiceMonitor is not as it should be, which is no failure.
	unwatched bool
}

// gather reads everything that decisions are made from. unread names, in stable words, what could not be read.
func (r *GatewayReconciler) gather(ctx context.Context, s *scope) error {
	for _, read := range []struct {
		what string
		from func(context.Context, *scope) error
	}{
		{"the resources that attach to this gateway", r.gatherAttached},
		{"the Secrets that resources refer to", r.gatherSecrets},
		{"the namespaces of the resources that attach", r.gatherNamespaces},
		{"the gateway's own objects", r.gatherOwn},
	} {
		if err := read.from(ctx, s); err != nil {
			s.unread = "could not read " + read.what
			return fmt.Errorf("gather: %s: %w", s.unread, err)
		}
	}
	return nil
}

func (r *GatewayReconciler) gatherAttached(ctx context.Context, s *scope) error {
	attached := client.MatchingFields{gatewayIndex: client.ObjectKeyFromObject(s.gateway).String()}
	var providers v1alpha1.ProviderPolicyList
	var routes v1alpha1.ModelRouteList
	var keys v1alpha1.APIKeyList
	var policies v1alpha1.UsagePolicyList
	for _, list := range []client.ObjectList{&providers, &routes, &keys, &policies} {
		// Nothing of the input is changed, so it need not be copied, which of many keys takes longer than all the rest.
		if err := r.Client.List(ctx, list, attached, client.UnsafeDisableDeepCopy); err != nil {
			return err
		}
	}
	s.input = compiler.Input{
		Gateway:   s.gateway,
		Providers: slices.DeleteFunc(providers.Items, func(p v1alpha1.ProviderPolicy) bool { return !p.DeletionTimestamp.IsZero() }),
		Routes:    slices.DeleteFunc(routes.Items, func(m v1alpha1.ModelRoute) bool { return !m.DeletionTimestamp.IsZero() }),
		Keys:      slices.DeleteFunc(keys.Items, func(k v1alpha1.APIKey) bool { return !k.DeletionTimestamp.IsZero() }),
		Policies:  slices.DeleteFunc(policies.Items, func(p v1alpha1.UsagePolicy) bool { return !p.DeletionTimestamp.IsZero() }),
	}
	return nil
}

// gatherSecrets lists the namespaces that Secrets are referred to in: of many, that is much faster than to get each.
func (r *GatewayReconciler) gatherSecrets(ctx context.Context, s *scope) error {
	namespaces := map[string]bool{}
	for name := range compiler.References(s.gateway, s.input.Providers, s.input.Keys) {
		namespaces[name.Namespace] = true
	}
	s.input.Secrets = map[types.NamespacedName]*corev1.Secret{}
	for namespace := range namespaces {
		var secrets corev1.SecretList
		if err := r.Client.List(ctx, &secrets, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return err
		}
		for i := range secrets.Items {
			s.input.Secrets[client.ObjectKeyFromObject(&secrets.Items[i])] = &secrets.Items[i]
		}
	}
	return nil
}

func (r *GatewayReconciler) gatherNamespaces(ctx context.Context, s *scope) error {
	allowed := s.gateway.Spec.AllowedNamespaces
	if allowed == nil || allowed.From != v1alpha1.NamespacesSelector {
		return nil
	}
	var namespaces corev1.NamespaceList
	if err := r.Client.List(ctx, &namespaces); err != nil {
		return err
	}
	s.input.Namespaces = make(map[string]map[string]string, len(namespaces.Items))
	for i := range namespaces.Items {
		s.input.Namespaces[namespaces.Items[i].Name] = namespaces.Items[i].Labels
	}
	return nil
}

func (r *GatewayReconciler) gatherOwn(ctx context.Context, s *scope) error {
	gw := s.gateway
	own := func(name string) types.NamespacedName {
		return types.NamespacedName{Namespace: gw.Namespace, Name: name}
	}
	// The configuration may have tens of megabytes. It is only read.
	written, err := get(ctx, r.Client, own(render.ConfigSecretName(gw.Name)), &corev1.Secret{}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return err
	}
	s.shards = map[string]*corev1.Secret{}
	for shard := range config.KeyShards {
		part := config.ShardPart(shard)
		secret, err := get(ctx, r.Client, own(render.ShardSecretName(gw.Name, part)), &corev1.Secret{}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return err
		}
		if secret != nil {
			s.shards[part] = secret
		}
	}
	s.written = render.WrittenBundle(written, s.shards)
	if s.admin, err = get(ctx, r.Client, own(render.AdminSecretName(gw.Name)), &corev1.Secret{}); err != nil {
		return err
	}
	if s.deployment, err = get(ctx, r.Client, own(gw.Name), &appsv1.Deployment{}); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := r.Client.List(ctx, &pods, client.InNamespace(gw.Namespace), client.MatchingLabels(render.Selector(gw))); err != nil {
		return err
	}
	s.pods = pods.Items
	slices.SortFunc(s.pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// get reads an object into the empty one given, nil when there is none.
func get[T client.Object](ctx context.Context, c client.Reader, name types.NamespacedName, into T, options ...client.GetOption) (T, error) {
	var none T
	err := c.Get(ctx, name, into, options...)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read %T %s: %w", into, name, err)
	}
	return into, nil
}
