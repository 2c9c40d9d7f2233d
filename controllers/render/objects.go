// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// The defaults that the field comments of SparkGateway promise.
const (
	defaultMinReplicas    = 2
	defaultCPUUtilization = 70
	defaultMaxUnavailable = 1
)

// ServiceAccount gives the pods' identity, which has no credentials and no rights.
func ServiceAccount(gw *v1alpha1.SparkGateway) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     typeMeta("v1", "ServiceAccount"),
		ObjectMeta:                   meta(gw, gw.Name),
		AutomountServiceAccountToken: ptr.To(false),
	}
}

// Service gives the Service in front of the pods.
func Service(gw *v1alpha1.SparkGateway) *corev1.Service {
	spec := gw.Spec.Service
	if spec == nil {
		spec = &v1alpha1.Service{}
	}
	kind := spec.Type
	if kind == "" {
		kind = corev1.ServiceTypeClusterIP
	}
	m := meta(gw, gw.Name)
	m.Annotations = spec.Annotations
	return &corev1.Service{
		TypeMeta:   typeMeta("v1", "Service"),
		ObjectMeta: m,
		Spec: corev1.ServiceSpec{
			Type:     kind,
			Selector: Selector(gw),
			Ports: []corev1.ServicePort{{
				Name: "http", Port: Port(gw), TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP,
			}},
		},
	}
}

// PodDisruptionBudget bounds voluntary disruptions; nil where there is at most one pod, which it would only block.
func PodDisruptionBudget(gw *v1alpha1.SparkGateway) *policyv1.PodDisruptionBudget {
	if gw.Spec.Autoscaling == nil && ptr.Deref(gw.Spec.Replicas, defaultReplicas) <= 1 && gw.Spec.Disruption == nil {
		return nil
	}
	most := intstr.FromInt32(defaultMaxUnavailable)
	if d := gw.Spec.Disruption; d != nil && d.MaxUnavailable != nil {
		most = *d.MaxUnavailable
	}
	pdb := emptyPDB(gw)
	pdb.ObjectMeta = meta(gw, gw.Name)
	pdb.Spec = policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: &most,
		Selector:       &metav1.LabelSelector{MatchLabels: Selector(gw)},
	}
	return pdb
}

func emptyPDB(gw *v1alpha1.SparkGateway) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{TypeMeta: typeMeta("policy/v1", "PodDisruptionBudget"), ObjectMeta: named(gw)}
}

// NetworkPolicy lets everybody reach the listener and the health port, and only the operator the administrative port.
func NetworkPolicy(gw *v1alpha1.SparkGateway, o Options) *networkingv1.NetworkPolicy {
	if p := gw.Spec.NetworkPolicy; p != nil && !ptr.Deref(p.Enabled, true) {
		return nil
	}
	port := func(name string) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To(intstr.FromString(name))}
	}
	policy := emptyNetworkPolicy(gw)
	policy.ObjectMeta = meta(gw, gw.Name)
	policy.Spec = networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: Selector(gw)},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{
			{Ports: []networkingv1.NetworkPolicyPort{port("http"), port("health")}},
			{
				From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{
					MatchLabels: map[string]string{corev1.LabelMetadataName: o.OperatorNamespace}}}},
				Ports: []networkingv1.NetworkPolicyPort{port("admin")},
			},
		},
	}
	return policy
}

func emptyNetworkPolicy(gw *v1alpha1.SparkGateway) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{TypeMeta: typeMeta("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: named(gw)}
}

// HorizontalPodAutoscaler gives the autoscaler; nil without spec.autoscaling.
func HorizontalPodAutoscaler(gw *v1alpha1.SparkGateway) *autoscalingv2.HorizontalPodAutoscaler {
	a := gw.Spec.Autoscaling
	if a == nil {
		return nil
	}
	hpa := emptyHPA(gw)
	hpa.ObjectMeta = meta(gw, gw.Name)
	hpa.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: gw.Name},
		MinReplicas:    ptr.To(ptr.Deref(a.MinReplicas, min(defaultMinReplicas, a.MaxReplicas))),
		MaxReplicas:    a.MaxReplicas,
		Metrics: []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{
				Type:               autoscalingv2.UtilizationMetricType,
				AverageUtilization: ptr.To(ptr.Deref(a.TargetCPUUtilization, defaultCPUUtilization)),
			}},
		}},
	}
	return hpa
}

func emptyHPA(gw *v1alpha1.SparkGateway) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{TypeMeta: typeMeta("autoscaling/v2", "HorizontalPodAutoscaler"), ObjectMeta: named(gw)}
}

// named identifies an object that may not exist.
func named(gw *v1alpha1.SparkGateway) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: gw.Namespace, Name: gw.Name}
}
