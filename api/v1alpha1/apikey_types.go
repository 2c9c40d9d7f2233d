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
// +kubebuilder:validation:XValidation:rule="!(has(self.secretRef) && has(self.rotation))",message="rotation is of generated keys; a key of one's own is rotated by changing its Secret"
type APIKeySpec struct {
	// gatewayRefs are the gateways that accept this key. Each counts for itself what the key uses.
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
	// role is what the key may do beside asking models: a Master reads what concerns all keys, GET /api/metrics, the
	// usage of all in GET /api/export, and the gateway's state in GET /api/spark/health. Default: User.
	//
	// +optional
	Role KeyRole `json:"role,omitempty"`
	// secretRef brings a key of one's own, of 20 to 512 printable characters. Default: a key is generated into the
	// Secret that is named after this APIKey with "-key" behind: "spark-", 256 random bits, and a checksum.
	//
	// +optional
	SecretRef *SecretKeyReference `json:"secretRef,omitempty"`
	// expiresAt is when the key ends to be accepted, to the second. Default: never.
	//
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// rotation replaces the generated key. The annotation sparkgateway.dev/rotate with a new value, whatever it is, asks for
	// a rotation at once. Default: the key is rotated only when that asks for it, with an overlap of 24h.
	//
	// +optional
	Rotation *Rotation `json:"rotation,omitempty"`
	// disabled refuses the key, and keeps what it used. Default: false.
	//
	// +optional
	Disabled *bool `json:"disabled,omitempty"`
	// allow bounds what the key may be used for. Default: everything that the gateways serve.
	//
	// +optional
	Allow *Allow `json:"allow,omitempty"`
	// limits of this key, together with those of the gateway and of UsagePolicies; the tightest wins.
	//
	// +optional
	Limits *Limits `json:"limits,omitempty"`
	// budgets of this key.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Budgets []Budget `json:"budgets,omitempty"`
}

// Rotation replaces a generated key by a new one.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.every) || !has(self.overlap) || duration(self.overlap) <= duration(self.every)",message="overlap must not exceed every"
type Rotation struct {
	// every is how long a key is used at most, 1h to 99999h. Each key is replaced earlier by a time of its own, at most a tenth
	// of every and 24h, so that keys that were made together are not replaced together; it never cuts short an overlap.
	// status.nextRotation says when. Default: a rotation only when it is asked for.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h')",message="must be at least 1h"
	Every Duration `json:"every,omitempty"`
	// overlap is how long the replaced key is accepted beside the new one, in which applications take up the new one; up to
	// 720h. Default: 24h, or as long as a key is used where that is shorter.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('720h')",message="must be at most 720h"
	Overlap Duration `json:"overlap,omitempty"`
}

// KeyEndpoint is a group of what a gateway serves. Lists of models, which show what the key may use, are in none.
//
// +kubebuilder:validation:Enum=Audio;Batches;Chat;Completions;Embeddings;Files;Images;Moderations;Realtime;Rerank
type KeyEndpoint string

// Allow bounds what may be done.
//
// +kubebuilder:validation:MinProperties=1
type Allow struct {
	// models that may be asked for, by the names that applications use; each "*" stands for any characters. Default: all.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Models []ModelName `json:"models,omitempty"`
	// endpoints that may be used. Chat is chat completions, responses, messages, generateContent, and the counting of their
	// tokens. Default: all.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Endpoints []KeyEndpoint `json:"endpoints,omitempty"`
	// cidrs that clients must have their address in, such as 10.0.0.0/8. Behind a proxy the gateway needs
	// spec.auth.trustedProxies to know it. Default: any address.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be a CIDR, such as 10.0.0.0/8"
	CIDRs []string `json:"cidrs,omitempty"`
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
	// rotatedAt is when the present key was generated, and nextRotation when the next will be.
	//
	// +optional
	RotatedAt *metav1.Time `json:"rotatedAt,omitempty"`
	// nextRotation is when the key will be replaced; absent without spec.rotation.every.
	//
	// +optional
	NextRotation *metav1.Time `json:"nextRotation,omitempty"`
	// previous is the key before, while it is still accepted.
	//
	// +optional
	Previous *PreviousKey `json:"previous,omitempty"`
	// expires is the day of spec.expiresAt, in UTC, and "expired" once it is past, for tables.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Expires string `json:"expires,omitempty"`
	// revoked says of a key that is disabled or expired how many of the serving pods refuse it: "3/3". It is absent otherwise.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Revoked string `json:"revoked,omitempty"`
	// usage of the key.
	//
	// +optional
	Usage UsageStatus `json:"usage,omitzero"`
}

// PreviousKey is a key that was replaced and is still accepted.
type PreviousKey struct {
	// prefix is the beginning of the key.
	//
	// +required
	// +kubebuilder:validation:MaxLength=32
	Prefix string `json:"prefix"`
	// acceptedUntil is when it ends.
	//
	// +required
	AcceptedUntil metav1.Time `json:"acceptedUntil"`
}

// APIKey lets one user or team use gateways.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ak,categories=spark
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.prefix`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expires`
// +kubebuilder:printcolumn:name="Last-Used",type=date,JSONPath=`.status.usage.lastUsed`
// +kubebuilder:printcolumn:name="Tokens",type=integer,JSONPath=`.status.usage.tokens`
// +kubebuilder:printcolumn:name="Spent",type=string,JSONPath=`.status.usage.spent`
// +kubebuilder:printcolumn:name="Budget",type=string,JSONPath=`.status.usage.budget`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Within-Budget",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="WithinBudget")].status`
// +kubebuilder:printcolumn:name="Revoked",type=string,priority=1,JSONPath=`.status.revoked`
// +kubebuilder:printcolumn:name="Secret",type=string,priority=1,JSONPath=`.status.secretName`
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
