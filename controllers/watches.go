// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
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
		{&v1alpha1.ModelRoute{}, gatewayIndex, gatewaysOf},
		{&v1alpha1.APIKey{}, gatewayIndex, gatewaysOf},
		{&v1alpha1.UsagePolicy{}, gatewayIndex, gatewaysOf},
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
	case *v1alpha1.ModelRoute:
		refs = o.Spec.GatewayRefs
	case *v1alpha1.APIKey:
		refs = o.Spec.GatewayRefs
	case *v1alpha1.UsagePolicy:
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
	var names []types.NamespacedName
	for _, list := range []client.ObjectList{&v1alpha1.SparkGatewayList{}, &v1alpha1.ProviderPolicyList{}, &v1alpha1.APIKeyList{}} {
		for _, user := range m.list(ctx, list, secretIndex, o) {
			if gw, ok := user.(*v1alpha1.SparkGateway); ok {
				names = append(names, client.ObjectKeyFromObject(gw))
			}
			names = append(names, gatewayNames(user)...)
		}
	}
	return requests(names...)
}

// list gives the resources whose index has an object's name.
func (m mapping) list(ctx context.Context, into client.ObjectList, index string, of client.Object) []client.Object {
	using := client.MatchingFields{index: client.ObjectKeyFromObject(of).String()}
	if m.reader.List(ctx, into, using, client.UnsafeDisableDeepCopy) != nil {
		// A list from the cache fails only when it ends, and then nothing waits for these events any more.
		return nil
	}
	return itemsOf(into)
}

// itemsOf gives the objects of a list.
func itemsOf(list client.ObjectList) []client.Object {
	var out []client.Object
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		out = append(out, item.(client.Object))
		return nil
	})
	return out
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

// attachedTo maps a gateway, which has come or gone, to the resources of a kind that name it.
func (m mapping) attachedTo(list client.ObjectList) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		var names []types.NamespacedName
		for _, user := range m.list(ctx, list.DeepCopyObject().(client.ObjectList), gatewayIndex, o) {
			names = append(names, client.ObjectKeyFromObject(user))
		}
		return requests(names...)
	}
}

func requests(names ...types.NamespacedName) []reconcile.Request {
	out := make([]reconcile.Request, len(names))
	for i, name := range names {
		out[i] = reconcile.Request{NamespacedName: name}
	}
	return out
}
