// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Duration is a Gateway API duration string (GEP-2257): up to four numbers of at most five digits, each with one of
// the units h, m, s, ms, such as "10s" or "1m30s".
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
// +kubebuilder:validation:MaxLength=28
type Duration string

// GatewayReference names a SparkGateway to attach to.
type GatewayReference struct {
	// name of the SparkGateway.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// namespace of the SparkGateway. Default: this resource's own. Another namespace works only where the gateway's
	// spec.allowedNamespaces permits.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// SecretReference names a Secret in the resource's own namespace.
type SecretReference struct {
	// name of the Secret.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// SecretKeyReference names one value of a Secret in the resource's own namespace.
type SecretKeyReference struct {
	// name of the Secret.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// key within the Secret. Default: "apiKey" for API keys, "ca.crt" for certificate authorities, "credentials.json" for
	// Google's credentials, "clientSecret" for Microsoft's, "password" for a store's, "authorization" for a header's value,
	// "dsn" for Sentry's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key,omitempty"`
}

// RequestLimit allows count requests each per, refilled evenly (GCRA).
//
// +kubebuilder:validation:XValidation:rule="!has(self.burst) || self.burst <= self.count",message="burst must not exceed count"
type RequestLimit struct {
	// count of requests.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Count int64 `json:"count"`
	// per is the period that count refers to, 1s to 24h.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="must be between 1s and 24h"
	Per Duration `json:"per"`
	// burst is how many of them may come at once. Default: count.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Burst *int64 `json:"burst,omitempty"`
}

// AttachmentStatus is what one gateway says of a resource attached to it.
type AttachmentStatus struct {
	// name of the SparkGateway.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// namespace of the SparkGateway.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// conditions on this gateway: Accepted, ResolvedRefs, Programmed, and Conflicted while there is a conflict.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AttachedStatus is the part of status that every resource with gatewayRefs has.
type AttachedStatus struct {
	// observedGeneration is the generation that this status speaks of.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions over all gateways together: Accepted, ResolvedRefs, Programmed, Ready and Stalled. One is True only
	// where every gateway says so.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// gateways holds what each gateway says, in the order of spec.gatewayRefs.
	//
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Gateways []AttachmentStatus `json:"gateways,omitempty"`
}
