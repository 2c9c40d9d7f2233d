// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the resources of group sparkgateway.dev: what a platform team declares and what Spark
// answers in status. Fields keep the user's intent; defaults named in comments are applied when compiling.
//
// +kubebuilder:object:generate=true
// +groupName=sparkgateway.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every resource here.
var GroupVersion = schema.GroupVersion{Group: "sparkgateway.dev", Version: "v1alpha1"}

// The kinds.
const (
	KindSparkGateway   = "SparkGateway"
	KindProviderPolicy = "ProviderPolicy"
	KindModelRoute     = "ModelRoute"
	KindUsagePolicy    = "UsagePolicy"
	KindAPIKey         = "APIKey"
)

var schemeBuilder = runtime.NewSchemeBuilder(addTypes)

// AddToScheme registers the resources.
var AddToScheme = schemeBuilder.AddToScheme

func addTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&SparkGateway{}, &SparkGatewayList{},
		&ProviderPolicy{}, &ProviderPolicyList{},
		&ModelRoute{}, &ModelRouteList{},
		&UsagePolicy{}, &UsagePolicyList{},
		&APIKey{}, &APIKeyList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
