// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KeyRole is what a key may do beside asking models.
//
// +kubebuilder:validation:Enum=User;Master
type KeyRole string

// The roles.
const (
	// RoleUser asks models.
	RoleUser KeyRole = "User"
	// RoleMaster also reads what concerns all keys.
	RoleMaster KeyRole = "Master"
)

// APIKeySpec is a key for one user or team.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) == has(oldSelf.secretRef)",message="secretRef cannot be added or removed later: make another APIKey instead"
type APIKeySpec struct {
	// gatewayRefs are the gateways that accept this key.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.__namespace__) ? a.__namespace__ : '') == (has(b.__namespace__) ? b.__namespace__ : '')))",message="a gateway stands twice"
	GatewayRefs []GatewayReference `json:"gatewayRefs"`
	// user that the key is given to, as usage is recorded.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$`
	User string `json:"user"`
	// role is what the key may do beside asking models: a Master reads what concerns all keys, GET /api/metrics and the
	// providers' names in GET /api/spark/health. Default: User.
	//
	// +optional
	Role KeyRole `json:"role,omitempty"`
	// secretRef brings a key of one's own, of 20 to 512 printable characters. Default: a key is generated into the
	// Secret that is named after this APIKey with "-key" behind.
	//
	// +optional
	SecretRef *SecretKeyReference `json:"secretRef,omitempty"`
	// limits of this key, together with those of the gateway; the tightest wins.
	//
	// +optional
	Limits *KeyLimits `json:"limits,omitempty"`
}

// KeyLimits are limits of one key. They are kept by each gateway pod for itself: with n pods, up to n times as many
// requests pass.
type KeyLimits struct {
	// requests that the key may make.
	//
	// +required
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Requests []RequestLimit `json:"requests"`
}

// APIKeyStatus is what the gateways say of the key.
type APIKeyStatus struct {
	AttachedStatus `json:",inline"`
	// prefix is the beginning of the key, to tell keys apart. Of a short key it shows less.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Prefix string `json:"prefix,omitempty"`
	// secretName is the Secret that holds the key.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`
}

// APIKey lets one user or team use gateways.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ak,categories=spark
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.prefix`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 240",message="the name must be of at most 240 characters, as a Secret is named after it"
type APIKey struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is the key.
	//
	// +required
	Spec APIKeySpec `json:"spec"`
	// status is what the gateways say of it.
	//
	// +optional
	Status APIKeyStatus `json:"status,omitempty"`
}

// APIKeyList is a list of APIKeys.
//
// +kubebuilder:object:root=true
type APIKeyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []APIKey `json:"items"`
}
