// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Ledger keeps a record of each request: in the store where there is one, else in files of each pod, which go with it.
//
// +kubebuilder:validation:MinProperties=1
type Ledger struct {
	// retention is how long records are kept, 1h to 99999h. Default: 720h.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h')",message="must be at least 1h"
	Retention Duration `json:"retention,omitempty"`
	// maxBytes bounds what one pod keeps on disk without a store, and what the store keeps of this gateway, roughly; the oldest
	// records go first. A change replaces the pods one by one. Default: 268435456 (256 MiB).
	//
	// +optional
	// +kubebuilder:validation:Minimum=1048576
	// +kubebuilder:validation:Maximum=1099511627776
	MaxBytes *int64 `json:"maxBytes,omitempty"`
	// maxExportRecords bounds one GET /api/export; what is beyond says where to go on. Default: 1000000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	MaxExportRecords *int64 `json:"maxExportRecords,omitempty"`
	// webhook is sent the records, as JSON lines, some at a time. What it does not take is tried again, and dropped, counted
	// by a metric, when too much waits.
	//
	// +optional
	Webhook *Webhook `json:"webhook,omitempty"`
	// otlp is sent the records as OpenTelemetry logs over HTTP, in the same way.
	//
	// +optional
	OTLP *LedgerOTLP `json:"otlp,omitempty"`
}

// Webhook is sent what the gateway tells, by POST.
type Webhook struct {
	// url to post to.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.contains('#') && !self.contains('@')",message="must be an http or https URL without fragment or credentials"
	URL string `json:"url"`
	// authorizationSecretRef names the value of the header Authorization; its key is "authorization" by default. Default: no
	// such header.
	//
	// +optional
	AuthorizationSecretRef *SecretKeyReference `json:"authorizationSecretRef,omitempty"`
}

// LedgerOTLP takes records as OpenTelemetry logs.
type LedgerOTLP struct {
	// endpoint that logs are posted to, such as http://otel:4318/v1/logs.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.contains('#') && !self.contains('@')",message="must be an http or https URL without fragment or credentials"
	Endpoint string `json:"endpoint"`
	// authorizationSecretRef names the value of the header Authorization; its key is "authorization" by default. Default: no
	// such header.
	//
	// +optional
	AuthorizationSecretRef *SecretKeyReference `json:"authorizationSecretRef,omitempty"`
}
