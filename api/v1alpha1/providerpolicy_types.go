// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ProviderType is the protocol that a provider speaks and how it takes credentials.
//
// +kubebuilder:validation:Enum=OpenAI;OpenAICompatible
type ProviderType string

// The provider types.
const (
	// ProviderOpenAI is OpenAI's own API.
	ProviderOpenAI ProviderType = "OpenAI"
	// ProviderOpenAICompatible is any server that speaks OpenAI's API, such as vLLM.
	ProviderOpenAICompatible ProviderType = "OpenAICompatible"
)

// ProviderPolicySpec is one provider and how to use it.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'OpenAICompatible' || has(self.endpoint)",message="endpoint is required with type OpenAICompatible"
// +kubebuilder:validation:XValidation:rule="self.type != 'OpenAI' || has(self.credentials)",message="credentials are required with type OpenAI"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || !has(self.endpoint) || self.endpoint.startsWith('https://')",message="tls has no effect on an endpoint that is not https"
type ProviderPolicySpec struct {
	// gatewayRefs are the gateways that use this provider.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.__namespace__) ? a.__namespace__ : '') == (has(b.__namespace__) ? b.__namespace__ : '')))",message="a gateway stands twice"
	GatewayRefs []GatewayReference `json:"gatewayRefs"`
	// type of the provider.
	//
	// +required
	Type ProviderType `json:"type"`
	// endpoint is the provider's base URL as its SDK takes it, such as "http://vllm.models.svc:8000/v1"; "/v1" is added
	// to an endpoint without a path. Default: "https://api.openai.com/v1" with type OpenAI.
	//
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",message="must be an absolute URL that begins with http:// or https://"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.contains('@')",message="must not have a query, a fragment or credentials"
	Endpoint string `json:"endpoint,omitempty"`
	// credentials that the provider asks for. Default: none.
	//
	// +optional
	Credentials *Credentials `json:"credentials,omitempty"`
	// tls to the provider. Default: the system's certificate authorities.
	//
	// +optional
	TLS *ProviderTLS `json:"tls,omitempty"`
	// headers edits what is sent to the provider.
	//
	// +optional
	Headers *HeaderEdits `json:"headers,omitempty"`
	// models that the provider offers, each reachable by its name and as "provider/model". Without any, the provider
	// is asked for whatever an application names.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Models []ProviderModel `json:"models,omitempty"`
	// timeouts of a call to the provider.
	//
	// +optional
	Timeouts *Timeouts `json:"timeouts,omitempty"`
}

// Credentials are how the gateway shows itself to the provider.
type Credentials struct {
	// secretRef names the Secret with the API key. A change to it is taken up without restarting pods.
	//
	// +required
	SecretRef SecretKeyReference `json:"secretRef"`
}

// ProviderTLS is how the provider's certificate is checked.
//
// +kubebuilder:validation:MinProperties=1
type ProviderTLS struct {
	// caSecretRef names the Secret with PEM certificates that replace the system's authorities.
	//
	// +optional
	CASecretRef *SecretKeyReference `json:"caSecretRef,omitempty"`
	// serverName that the certificate is checked for and that is sent as SNI. Default: the endpoint's host.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$`
	ServerName string `json:"serverName,omitempty"`
}

// HeaderEdits change header fields of requests to the provider.
//
// +kubebuilder:validation:MinProperties=1
type HeaderEdits struct {
	// set replaces header fields, by name. Authorization, Host and the fields that frame a message cannot be set.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[A-Za-z][A-Za-z0-9-]{0,63}$'))",message="names are letters, digits and dashes, at most 64"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k.lowerAscii() in ['authorization', 'host', 'connection', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'accept-encoding', 'keep-alive', 'proxy-connection', 'proxy-authorization']))",message="this header is the gateway's own"
	Set map[string]HeaderValue `json:"set,omitempty"`
	// remove drops header fields of those that go on to providers: the application's, all but User-Agent, which is the
	// gateway's own. What else an application sends stays in the gateway anyway.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=7
	Remove []ForwardedHeader `json:"remove,omitempty"`
}

// ForwardedHeader is a header field that goes on to providers unless a policy removes it.
//
// +kubebuilder:validation:Enum=Accept;Idempotency-Key;OpenAI-Beta;Traceparent;Tracestate;User-Agent;X-Client-Request-Id
type ForwardedHeader string

// ProviderModel is one model of a provider.
type ProviderModel struct {
	// name that applications and routes call it.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`
	Name string `json:"name"`
	// upstream is what the provider calls it. Default: name.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[\x21-\x7e]+$`
	Upstream string `json:"upstream,omitempty"`
	// maxOutputTokens that a request may ask for; one that asks for more is refused, one that does not say has the
	// provider's own bound. Default: the provider's own bound.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	MaxOutputTokens *int64 `json:"maxOutputTokens,omitempty"`
}

// Timeouts of a call to the provider, each 1ms to 24h.
//
// +kubebuilder:validation:MinProperties=1
type Timeouts struct {
	// connect bounds dialling and the TLS handshake. Default: 2s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be above zero and at most 24h"
	Connect Duration `json:"connect,omitempty"`
	// firstToken runs from the end of the request to the first byte of a streamed answer's body. Default: 30s. An answer
	// that is not streamed comes whole, so only total bounds it.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be above zero and at most 24h"
	FirstToken Duration `json:"firstToken,omitempty"`
	// betweenTokens bounds each silence of a streamed answer after that. Default: 30s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be above zero and at most 24h"
	BetweenTokens Duration `json:"betweenTokens,omitempty"`
	// total bounds the whole call. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be above zero and at most 24h"
	Total Duration `json:"total,omitempty"`
}

// ProviderPolicyStatus is what the gateways say of the provider.
type ProviderPolicyStatus struct {
	AttachedStatus `json:",inline"`
}

// ProviderPolicy is one provider of models, attached to gateways.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pp,categories=spark
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type ProviderPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is the provider and how to use it.
	//
	// +required
	Spec ProviderPolicySpec `json:"spec"`
	// status is what the gateways say of it.
	//
	// +optional
	Status ProviderPolicyStatus `json:"status,omitempty"`
}

// ProviderPolicyList is a list of ProviderPolicies.
//
// +kubebuilder:object:root=true
type ProviderPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProviderPolicy `json:"items"`
}
