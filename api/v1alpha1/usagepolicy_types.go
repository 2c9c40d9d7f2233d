// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// UsagePolicySpec is limits and budgets that several keys have together.
//
// +kubebuilder:validation:XValidation:rule="has(self.limits) || has(self.budgets)",message="one of limits and budgets is required"
type UsagePolicySpec struct {
	// gatewayRefs are the gateways whose keys the policy holds for; each gateway counts for itself.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.__namespace__) ? a.__namespace__ : '') == (has(b.__namespace__) ? b.__namespace__ : '')))",message="a gateway stands twice"
	GatewayRefs []GatewayReference `json:"gatewayRefs"`
	// keySelector matches the labels of APIKeys in this namespace, and the labels that spec.auth.jwt of a gateway in this
	// namespace takes from tokens. An empty selector matches them all.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || self.matchLabels.size() <= 16) && (!has(self.matchExpressions) || self.matchExpressions.size() <= 16)",message="at most 16 matchLabels and 16 matchExpressions"
	KeySelector metav1.LabelSelector `json:"keySelector"`
	// limits of all that match together, beside their own and those of other policies; the tightest wins.
	//
	// +optional
	Limits *Limits `json:"limits,omitempty"`
	// budgets of all that match together.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Budgets []Budget `json:"budgets,omitempty"`
}

// UsagePolicyStatus is what the gateways say of the policy.
type UsagePolicyStatus struct {
	AttachedStatus `json:",inline"`
	// members is how many APIKeys match.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members int32 `json:"members"`
	// usage of all members together.
	//
	// +optional
	Usage UsageStatus `json:"usage,omitzero"`
}

// UsagePolicy holds several keys to limits and budgets together.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=up,categories=spark
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Last-Used",type=date,JSONPath=`.status.usage.lastUsed`
// +kubebuilder:printcolumn:name="Tokens",type=integer,JSONPath=`.status.usage.tokens`
// +kubebuilder:printcolumn:name="Spent",type=string,JSONPath=`.status.usage.spent`
// +kubebuilder:printcolumn:name="Budget",type=string,JSONPath=`.status.usage.budget`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Within-Budget",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="WithinBudget")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type UsagePolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is the policy.
	//
	// +required
	Spec UsagePolicySpec `json:"spec"`
	// status is what the gateways say of it.
	//
	// +optional
	Status UsagePolicyStatus `json:"status,omitempty"`
}

// UsagePolicyList is a list of UsagePolicies.
//
// +kubebuilder:object:root=true
type UsagePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []UsagePolicy `json:"items"`
}
