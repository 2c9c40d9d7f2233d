// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package render turns a SparkGateway into the objects that it needs. It is pure; a function that gives nil says that
// the object should not exist. Every object is whole, for server-side apply by one owner.
package render

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// GatewayLabel is on every object of a gateway, with the SparkGateway's name.
const GatewayLabel = "sparkgateway.dev/gateway"

// Options are the operator's own settings.
type Options struct {
	// Image of gateways whose resource names none.
	Image string
	// OperatorNamespace is where the operator's pods live, which may reach the administrative port.
	OperatorNamespace string
	// ServiceMonitors says that the cluster knows that kind.
	ServiceMonitors bool
}

// Workload gives every object of a gateway but its Secrets, in the order to apply them, and those of the same kinds
// that should not exist. The audiences are those of the tokens that its pods need, sorted and unique.
func Workload(gw *v1alpha1.SparkGateway, o Options, audiences []string) (desired, absent []client.Object) {
	desired = []client.Object{ServiceAccount(gw), Service(gw), Deployment(gw, o, audiences)}
	for _, optional := range []struct{ want, name client.Object }{
		{orNil(PodDisruptionBudget(gw)), emptyPDB(gw)},
		{orNil(NetworkPolicy(gw, o)), emptyNetworkPolicy(gw)},
		{orNil(HorizontalPodAutoscaler(gw)), emptyHPA(gw)},
	} {
		if optional.want != nil {
			desired = append(desired, optional.want)
		} else {
			absent = append(absent, optional.name)
		}
	}
	if !o.ServiceMonitors {
		return desired, absent
	}
	if m := ServiceMonitor(gw); m != nil {
		desired = append(desired, m)
	} else {
		absent = append(absent, emptyServiceMonitor(gw))
	}
	return desired, absent
}

// orNil keeps a nil pointer from becoming an interface that is not nil.
func orNil[T any, P interface {
	*T
	client.Object
}](p P) client.Object {
	if p == nil {
		return nil
	}
	return p
}

// Selector gives the labels that a gateway's pods are selected by. They never change, as a Deployment's cannot.
func Selector(gw *v1alpha1.SparkGateway) map[string]string {
	return map[string]string{"app.kubernetes.io/name": "spark-gateway", GatewayLabel: gw.Name}
}

// Labels gives the labels of every object of a gateway.
func Labels(gw *v1alpha1.SparkGateway) map[string]string {
	labels := Selector(gw)
	labels["app.kubernetes.io/managed-by"] = "spark-operator"
	labels["app.kubernetes.io/part-of"] = "spark"
	return labels
}

// meta gives the metadata of a gateway's object, owned by the SparkGateway so that it goes with it.
func meta(gw *v1alpha1.SparkGateway, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:       gw.Namespace,
		Name:            name,
		Labels:          Labels(gw),
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(gw, v1alpha1.GroupVersion.WithKind(v1alpha1.KindSparkGateway))},
	}
}

func typeMeta(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

// merged gives both maps' entries, own ones winning; nil for none.
func merged[V ~string](extra map[string]V, own map[string]string) map[string]string {
	if len(extra)+len(own) == 0 {
		return nil
	}
	out := make(map[string]string, len(extra)+len(own))
	for k, v := range extra {
		out[k] = string(v)
	}
	maps.Copy(out, own)
	return out
}
