// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/render"
)

// The indexes by which watches find what to reconcile: resources by the gateways they name, and by the Secrets they
// refer to, each as "namespace/name".
const (
	gatewayIndex = "spark.gateway"
	secretIndex  = "spark.secret"
)

func addIndexes(ctx context.Context, mgr ctrl.Manager) error {
	indexer := mgr.GetFieldIndexer()
	for _, index := range []struct {
		object client.Object
		name   string
		values client.IndexerFunc
	}{
		{&v1alpha1.ProviderPolicy{}, gatewayIndex, gatewaysOf},
		{&v1alpha1.APIKey{}, gatewayIndex, gatewaysOf},
		{&v1alpha1.SparkGateway{}, secretIndex, secretsOf},
		{&v1alpha1.ProviderPolicy{}, secretIndex, secretsOf},
		{&v1alpha1.APIKey{}, secretIndex, secretsOf},
	} {
		if err := indexer.IndexField(ctx, index.object, index.name, index.values); err != nil {
			return err
		}
	}
	return nil
}

func gatewaysOf(o client.Object) []string {
	var out []string
	for _, name := range gatewayNames(o) {
		out = append(out, name.String())
	}
	return out
}

// gatewayNames gives the gateways that a resource names.
func gatewayNames(o client.Object) []types.NamespacedName {
	var refs []v1alpha1.GatewayReference
	switch o := o.(type) {
	case *v1alpha1.ProviderPolicy:
		refs = o.Spec.GatewayRefs
	case *v1alpha1.APIKey:
		refs = o.Spec.GatewayRefs
	}
	var out []types.NamespacedName
	for _, ref := range refs {
		out = append(out, compiler.GatewayName(ref, o.GetNamespace()))
	}
	return out
}

func secretsOf(o client.Object) []string {
	var names []types.NamespacedName
	switch o := o.(type) {
	case *v1alpha1.SparkGateway:
		names = compiler.GatewaySecrets(o)
	case *v1alpha1.ProviderPolicy:
		names = compiler.ProviderSecrets(o)
	case *v1alpha1.APIKey:
		names = []types.NamespacedName{compiler.SecretName(o)}
	}
	var out []string
	for _, name := range names {
		out = append(out, name.String())
	}
	return out
}

// mapping finds the gateways that an event bears on.
type mapping struct{ reader client.Reader }

// attached maps a resource to the gateways that it names.
func (m mapping) attached(_ context.Context, o client.Object) []reconcile.Request {
	return requests(gatewayNames(o)...)
}

// secret maps a Secret to the gateways that bear on it, themselves or through what attaches to them.
func (m mapping) secret(ctx context.Context, o client.Object) []reconcile.Request {
	using := client.MatchingFields{secretIndex: client.ObjectKeyFromObject(o).String()}
	var names []types.NamespacedName
	// A list from the cache fails only when it ends, and then nothing waits for these events any more.
	var gateways v1alpha1.SparkGatewayList
	if m.reader.List(ctx, &gateways, using) == nil {
		for i := range gateways.Items {
			names = append(names, client.ObjectKeyFromObject(&gateways.Items[i]))
		}
	}
	var providers v1alpha1.ProviderPolicyList
	if m.reader.List(ctx, &providers, using) == nil {
		for i := range providers.Items {
			names = append(names, gatewayNames(&providers.Items[i])...)
		}
	}
	var keys v1alpha1.APIKeyList
	if m.reader.List(ctx, &keys, using) == nil {
		for i := range keys.Items {
			names = append(names, gatewayNames(&keys.Items[i])...)
		}
	}
	return requests(names...)
}

// pod maps a pod to its gateway.
func (m mapping) pod(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[render.GatewayLabel]
	if name == "" {
		return nil
	}
	return requests(types.NamespacedName{Namespace: o.GetNamespace(), Name: name})
}

// namespace maps a namespace, whose labels may have changed, to the gateways that select namespaces.
func (m mapping) namespace(ctx context.Context, _ client.Object) []reconcile.Request {
	var gateways v1alpha1.SparkGatewayList
	if m.reader.List(ctx, &gateways) != nil {
		return nil
	}
	var names []types.NamespacedName
	for i := range gateways.Items {
		if a := gateways.Items[i].Spec.AllowedNamespaces; a != nil && a.From == v1alpha1.NamespacesSelector {
			names = append(names, client.ObjectKeyFromObject(&gateways.Items[i]))
		}
	}
	return requests(names...)
}

// providersOf and keysOf map a gateway, which has come or gone, to the resources that name it.
func (m mapping) providersOf(ctx context.Context, o client.Object) []reconcile.Request {
	var providers v1alpha1.ProviderPolicyList
	if m.reader.List(ctx, &providers, client.MatchingFields{gatewayIndex: client.ObjectKeyFromObject(o).String()}) != nil {
		return nil
	}
	var names []types.NamespacedName
	for i := range providers.Items {
		names = append(names, client.ObjectKeyFromObject(&providers.Items[i]))
	}
	return requests(names...)
}

func (m mapping) keysOf(ctx context.Context, o client.Object) []reconcile.Request {
	var keys v1alpha1.APIKeyList
	if m.reader.List(ctx, &keys, client.MatchingFields{gatewayIndex: client.ObjectKeyFromObject(o).String()}) != nil {
		return nil
	}
	var names []types.NamespacedName
	for i := range keys.Items {
		names = append(names, client.ObjectKeyFromObject(&keys.Items[i]))
	}
	return requests(names...)
}

func requests(names ...types.NamespacedName) []reconcile.Request {
	out := make([]reconcile.Request, len(names))
	for i, name := range names {
		out[i] = reconcile.Request{NamespacedName: name}
	}
	return out
}
