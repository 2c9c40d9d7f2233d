// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/controllers/render"
)

// rendered sees something of the gateway's object of a type; "none" where there is no such object.
func rendered[T client.Object](look func(T) any) func(*bed) any {
	return func(b *bed) any {
		options := render.Options{Image: "example.com/gateway:v1", OperatorNamespace: "spark-system", ServiceMonitors: true}
		desired, _ := render.Workload(&b.resource, options, b.compiled.Document.Core.Audiences())
		for _, object := range desired {
			if found, ok := object.(T); ok {
				return look(found)
			}
		}
		return "none"
	}
}

func deployed(look func(*appsv1.DeploymentSpec) any) func(*bed) any {
	return rendered(func(d *appsv1.Deployment) any { return look(&d.Spec) })
}

// pods sees something of what the pods are made from.
func pods(look func(*corev1.PodTemplateSpec) any) func(*bed) any {
	return deployed(func(d *appsv1.DeploymentSpec) any { return look(&d.Template) })
}

func container(look func(*corev1.Container) any) func(*bed) any {
	return pods(func(p *corev1.PodTemplateSpec) any { return look(&p.Spec.Containers[0]) })
}

func scaled(look func(*autoscalingv2.HorizontalPodAutoscalerSpec) any) func(*bed) any {
	return rendered(func(h *autoscalingv2.HorizontalPodAutoscaler) any { return look(&h.Spec) })
}

func service(look func(*corev1.Service) any) func(*bed) any { return rendered(look) }

var (
	amounts = func(list corev1.ResourceList) any {
		found := map[string]string{}
		for name, amount := range list {
			found[string(name)] = amount.String()
		}
		return found
	}
	serviceType = service(func(s *corev1.Service) any { return string(s.Spec.Type) })
	minReplicas = scaled(func(h *autoscalingv2.HorizontalPodAutoscalerSpec) any { return *h.MinReplicas })
)

// podCases are of fields that say how pods run: what they change is the objects that the operator applies.
var podCases = cases{
	"SparkGateway.spec.replicas": {to: "5", was: int32(2), is: int32(5),
		see: deployed(func(d *appsv1.DeploymentSpec) any { return *d.Replicas })},
	"SparkGateway.spec.autoscaling": {to: "{maxReplicas: 9}", was: true, is: false,
		see: deployed(func(d *appsv1.DeploymentSpec) any { return d.Replicas != nil })},
	"SparkGateway.spec.autoscaling.minReplicas": {with: edits{"SparkGateway.spec.autoscaling.maxReplicas": "9"}, to: "4",
		was: int32(2), is: int32(4), see: minReplicas},
	"SparkGateway.spec.autoscaling.maxReplicas": {from: "3", to: "9", was: int32(3), is: int32(9),
		see: scaled(func(h *autoscalingv2.HorizontalPodAutoscalerSpec) any { return h.MaxReplicas })},
	"SparkGateway.spec.autoscaling.maxReplicas below the least number": {from: "9", to: "1", was: int32(2), is: int32(1), see: minReplicas},
	"SparkGateway.spec.autoscaling.targetCPUUtilization": {with: edits{"SparkGateway.spec.autoscaling.maxReplicas": "9"}, to: "55",
		was: int32(70), is: int32(55),
		see: scaled(func(h *autoscalingv2.HorizontalPodAutoscalerSpec) any {
			return *h.Metrics[0].Resource.Target.AverageUtilization
		})},
	"SparkGateway.spec.image": {to: "example.com/own:v2", was: "example.com/gateway:v1", is: "example.com/own:v2",
		see: container(func(c *corev1.Container) any { return c.Image })},
	"SparkGateway.spec.resources.requests": {to: "{cpu: 2}",
		was: map[string]string{"cpu": "100m", "memory": "128Mi"}, is: map[string]string{"cpu": "2"},
		see: container(func(c *corev1.Container) any { return amounts(c.Resources.Requests) })},
	"SparkGateway.spec.resources.limits": {to: "{memory: 1Gi}", was: map[string]string{}, is: map[string]string{"memory": "1Gi"},
		see: container(func(c *corev1.Container) any { return amounts(c.Resources.Limits) })},
	"SparkGateway.spec.podTemplate.metadata.labels": {to: "{team: search}", was: "", is: "search",
		see: pods(func(p *corev1.PodTemplateSpec) any { return p.Labels["team"] })},
	"SparkGateway.spec.podTemplate.metadata.annotations": {to: "{a: b}", was: "", is: "b",
		see: pods(func(p *corev1.PodTemplateSpec) any { return p.Annotations["a"] })},
	"SparkGateway.spec.podTemplate.nodeSelector": {to: "{disk: fast}", was: "", is: "fast",
		see: pods(func(p *corev1.PodTemplateSpec) any { return p.Spec.NodeSelector["disk"] })},
	"SparkGateway.spec.podTemplate.tolerations": {to: "[{key: gpu, operator: Exists}]",
		was: []corev1.Toleration(nil), is: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}},
		see: pods(func(p *corev1.PodTemplateSpec) any { return p.Spec.Tolerations })},
	"SparkGateway.spec.podTemplate.affinity": {
		to:  "{podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}",
		was: "", is: "zone",
		see: pods(func(p *corev1.PodTemplateSpec) any {
			if p.Spec.Affinity == nil {
				return ""
			}
			return p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].TopologyKey
		})},
	"SparkGateway.spec.podTemplate.topologySpreadConstraints": {
		to:  "[{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]",
		was: corev1.LabelHostname, is: "zone",
		see: pods(func(p *corev1.PodTemplateSpec) any { return p.Spec.TopologySpreadConstraints[0].TopologyKey })},
	"SparkGateway.spec.podTemplate.priorityClassName": {to: "high", was: "", is: "high",
		see: pods(func(p *corev1.PodTemplateSpec) any { return p.Spec.PriorityClassName })},
	"SparkGateway.spec.disruption.maxUnavailable": {to: "30%", was: intstr.FromInt32(1), is: intstr.FromString("30%"),
		see: rendered(func(b *policyv1.PodDisruptionBudget) any { return *b.Spec.MaxUnavailable })},
	"SparkGateway.spec.networkPolicy.enabled": {to: "false", was: "guarded", is: "none",
		see: rendered(func(*networkingv1.NetworkPolicy) any { return "guarded" })},
	"SparkGateway.spec.listener.port of the pods": {to: "8443", was: int32(8080), is: int32(8443),
		see: container(func(c *corev1.Container) any { return c.Ports[0].ContainerPort })},
	"SparkGateway.spec.listener.port of the program": {to: "8443", was: "--port=8080", is: "--port=8443",
		see: container(func(c *corev1.Container) any { return c.Args[2] })},
	"SparkGateway.spec.listener.port": {to: "8443", was: int32(8080), is: int32(8443),
		see: service(func(s *corev1.Service) any { return s.Spec.Ports[0].Port })},
	"SparkGateway.spec.service.type=ClusterIP":    {from: "NodePort", was: "NodePort", is: "ClusterIP", see: serviceType},
	"SparkGateway.spec.service.type=NodePort":     {was: "ClusterIP", is: "NodePort", see: serviceType},
	"SparkGateway.spec.service.type=LoadBalancer": {was: "ClusterIP", is: "LoadBalancer", see: serviceType},
	"SparkGateway.spec.service.annotations": {to: "{a: b}", was: "", is: "b",
		see: service(func(s *corev1.Service) any { return s.Annotations["a"] })},
	"SparkGateway.spec.drain.timeout of the pods": {to: "1m30s", was: int64(620), is: int64(110),
		see: pods(func(p *corev1.PodTemplateSpec) any { return *p.Spec.TerminationGracePeriodSeconds })},
}
