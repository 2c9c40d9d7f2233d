// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/accesslog"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/bundle"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/tree"
	"github.com/sparkgateway/spark/controllers/render"
)

// operatorLabels are those of the operator's pods.
var operatorLabels = client.MatchingLabels{"app.kubernetes.io/name": "spark-operator"}

// errNoOperator says that no pod of the operator was found.
var errNoOperator = errors.New("there is no pod: --operator-namespace says where it runs")

// resources are the gateway, what attaches to it, and how all that stands.
func (s *supporting) resources(ctx context.Context, objects client.Reader, a *bundle.Archive) error {
	st := standing{gateway: s.gateway, namespace: s.space}
	var told strings.Builder
	set, err := st.gather(ctx, objects, &told)
	if err != nil {
		a.Miss("the resources", err)
		return nil
	}
	nodes := tree.Build(set)
	if err := a.Add("status.txt", told.String()+tree.Text(nodes, tree.Look{Screen: screen.Screen{Width: screen.Width}})); err != nil {
		return err
	}
	var all []any
	take := func(kind string, object client.Object) {
		object.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		all = append(all, object)
	}
	gw := &set.Gateways[0]
	take(v1alpha1.KindSparkGateway, gw)
	on := func(kind, namespace, name string) bool {
		for _, n := range nodes[0].Below {
			if n.Kind == kind && n.Namespace == namespace && n.Name == name {
				return true
			}
		}
		return false
	}
	for i := range set.Providers {
		if p := &set.Providers[i]; on(v1alpha1.KindProviderPolicy, p.Namespace, p.Name) {
			take(v1alpha1.KindProviderPolicy, p)
		}
	}
	for i := range set.Routes {
		if r := &set.Routes[i]; on(v1alpha1.KindModelRoute, r.Namespace, r.Name) {
			take(v1alpha1.KindModelRoute, r)
		}
	}
	for i := range set.Policies {
		if p := &set.Policies[i]; on(v1alpha1.KindUsagePolicy, p.Namespace, p.Name) {
			take(v1alpha1.KindUsagePolicy, p)
		}
	}
	// Of very many keys the first are enough.
	const most = 1000
	for i := range set.Keys[:min(len(set.Keys), most)] {
		if k := &set.Keys[i]; on(v1alpha1.KindAPIKey, k.Namespace, k.Name) {
			take(v1alpha1.KindAPIKey, k)
		}
	}
	return a.AddObjects("resources.yaml", all)
}

// children are Kubernetes' own objects. Of Secrets only the metadata is asked for, so that no value reaches this process.
func (s *supporting) children(ctx context.Context, objects client.Reader, a *bundle.Archive) error {
	of := client.MatchingLabels{render.GatewayLabel: s.gateway}
	here := client.InNamespace(s.space)
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	for _, wanted := range []struct {
		name    string
		list    client.ObjectList
		options []client.ListOption
	}{
		{"deployments", &appsv1.DeploymentList{}, []client.ListOption{here, of}},
		{"autoscalers", &autoscalingv2.HorizontalPodAutoscalerList{}, []client.ListOption{here, of}},
		{"services", &corev1.ServiceList{}, []client.ListOption{here, of}},
		{"pods", &corev1.PodList{}, []client.ListOption{here, of}},
		{"events", &corev1.EventList{}, []client.ListOption{here}},
		{"secrets", secrets, []client.ListOption{here}},
		{"operator-deployments", &appsv1.DeploymentList{}, []client.ListOption{client.InNamespace(s.operator), operatorLabels}},
		{"operator-pods", &corev1.PodList{}, []client.ListOption{client.InNamespace(s.operator), operatorLabels}},
		{"operator-events", &corev1.EventList{}, []client.ListOption{client.InNamespace(s.operator)}},
	} {
		if err := objects.List(ctx, wanted.list, wanted.options...); err != nil {
			a.Miss("the "+wanted.name, err)
			continue
		}
		var all []any
		err := meta.EachListItem(wanted.list, func(item runtime.Object) error {
			if kind, err := apiutil.GVKForObject(item, live.Scheme); err == nil {
				item.GetObjectKind().SetGroupVersionKind(kind)
			}
			all = append(all, item)
			return nil
		})
		if err != nil {
			return err
		}
		if err := a.AddObjects("kubernetes/"+wanted.name+".yaml", all); err != nil {
			return err
		}
	}
	return nil
}

// operators adds the logs of the operator's pods.
func (s *supporting) operators(ctx context.Context, from scene, a *bundle.Archive) error {
	pods := corev1.PodList{}
	if err := from.objects.List(ctx, &pods, client.InNamespace(s.operator), operatorLabels); err != nil {
		a.Miss("the operator's logs", err)
		return nil
	}
	if len(pods.Items) == 0 {
		a.Miss("the operator's logs in namespace "+s.operator, errNoOperator)
	}
	for i := range pods.Items {
		name := pods.Items[i].Name
		text, err := podLog(ctx, from.operator, name, "manager")
		if err != nil {
			a.Miss("the log of the operator's pod "+name, err)
			continue
		}
		if err := a.Add("operator/"+name+".log", text); err != nil {
			return err
		}
	}
	return nil
}

// journals adds the logs of the gateway's pods without their access lines, which say who asked for what.
func (s *supporting) journals(ctx context.Context, pods archive, a *bundle.Archive) error {
	names, err := pods.Pods(ctx, s.gateway)
	if err != nil {
		a.Miss("the logs of all pods", err)
		return nil
	}
	for _, pod := range names {
		text, err := podLog(ctx, pods, pod, render.Container)
		if err != nil {
			a.Miss("the log of pod "+pod, err)
			continue
		}
		var kept strings.Builder
		for line := range strings.Lines(text) {
			if _, access := accesslog.Parse(pod, []byte(line)); !access {
				kept.WriteString(line)
			}
		}
		if err := a.Add("pods/"+pod+"/log.txt", kept.String()); err != nil {
			return err
		}
	}
	return nil
}
