// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ProviderType is the protocol that a provider speaks and how it takes credentials.
//
// +kubebuilder:validation:Enum=OpenAI;AzureOpenAI;Anthropic;Gemini;VertexAI;Bedrock;Mistral;Cohere;Ollama;OpenAICompatible
type ProviderType string

// The provider types.
const (
	// ProviderOpenAI is OpenAI's own API.
	ProviderOpenAI ProviderType = "OpenAI"
	// ProviderAzureOpenAI is OpenAI's API as Microsoft Azure offers it.
	ProviderAzureOpenAI ProviderType = "AzureOpenAI"
	// ProviderAnthropic is Anthropic's Messages API.
	ProviderAnthropic ProviderType = "Anthropic"
	// ProviderGemini is Google's Gemini API, with an API key.
	ProviderGemini ProviderType = "Gemini"
	// ProviderVertexAI is Gemini in a project of Google Cloud.
	ProviderVertexAI ProviderType = "VertexAI"
	// ProviderBedrock is Amazon Bedrock's Converse API.
	ProviderBedrock ProviderType = "Bedrock"
	// ProviderMistral is Mistral's own API.
	ProviderMistral ProviderType = "Mistral"
	// ProviderCohere is Cohere's v2 API.
	ProviderCohere ProviderType = "Cohere"
	// ProviderOllama is a server of Ollama's.
	ProviderOllama ProviderType = "Ollama"
	// ProviderOpenAICompatible is any server that speaks OpenAI's API, such as vLLM.
	ProviderOpenAICompatible ProviderType = "OpenAICompatible"
)

// ProviderPolicySpec is one provider and how to use it.
//
// +kubebuilder:validation:XValidation:rule="!(self.type in ['AzureOpenAI', 'Ollama', 'OpenAICompatible']) || has(self.endpoint)",message="endpoint is required with types AzureOpenAI, Ollama and OpenAICompatible"
// +kubebuilder:validation:XValidation:rule="self.type in ['Ollama', 'OpenAICompatible'] || has(self.credentials)",message="credentials are required with every type but Ollama and OpenAICompatible"
// +kubebuilder:validation:XValidation:rule="self.type != 'VertexAI' || !has(self.credentials) || !has(self.credentials.secretRef)",message="type VertexAI takes no API key: use credentials.gcp"
// +kubebuilder:validation:XValidation:rule="self.type == 'Bedrock' || !has(self.credentials) || !has(self.credentials.aws)",message="credentials.aws is for type Bedrock only"
// +kubebuilder:validation:XValidation:rule="self.type == 'VertexAI' || !has(self.credentials) || !has(self.credentials.gcp)",message="credentials.gcp is for type VertexAI only"
// +kubebuilder:validation:XValidation:rule="self.type == 'AzureOpenAI' || !has(self.credentials) || !has(self.credentials.azure)",message="credentials.azure is for type AzureOpenAI only"
// +kubebuilder:validation:XValidation:rule="self.type == 'AzureOpenAI' || !has(self.azureOpenAI)",message="azureOpenAI is for type AzureOpenAI only"
// +kubebuilder:validation:XValidation:rule="(self.type == 'VertexAI') == has(self.vertexAI)",message="vertexAI is required with type VertexAI, and has no effect otherwise"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Bedrock') == has(self.bedrock)",message="bedrock is required with type Bedrock, and has no effect otherwise"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || !has(self.endpoint) || self.endpoint.startsWith('https://')",message="tls has no effect on an endpoint that is not https"
// +kubebuilder:validation:XValidation:rule="!(self.type in ['Bedrock', 'VertexAI'] || has(self.azureOpenAI) && has(self.azureOpenAI.apiVersion)) || !has(self.healthCheck) || has(self.healthCheck.path)",message="healthCheck.path is required with types Bedrock and VertexAI and with azureOpenAI.apiVersion, which have no list of models"
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
	// endpoint is the provider's base URL. With types OpenAI, Mistral, Ollama and OpenAICompatible it is what OpenAI's SDK
	// takes, such as "http://vllm.models.svc:8000/v1": "/v1" is added to an endpoint without a path, and paths such as
	// "/chat/completions" follow. With all other types nothing is added to it but what their own APIs begin with:
	// "/openai/" (AzureOpenAI, so that "https://example.openai.azure.com" is enough), "/v1/messages" (Anthropic), "/v1beta/"
	// (Gemini), "/v1/projects/" (VertexAI), "/model/" (Bedrock), "/v2/" (Cohere). Default: "https://api.openai.com/v1" (OpenAI),
	// "https://api.anthropic.com" (Anthropic), "https://generativelanguage.googleapis.com" (Gemini), the location's (VertexAI),
	// "https://bedrock-runtime.<region>.amazonaws.com" (Bedrock), "https://api.mistral.ai/v1" (Mistral), "https://api.cohere.com"
	// (Cohere). The other types have none.
	//
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",message="must be an absolute URL that begins with http:// or https://"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.contains('@')",message="must not have a query, a fragment or credentials"
	Endpoint string `json:"endpoint,omitempty"`
	// credentials that the provider asks for; only types Ollama and OpenAICompatible go without. Default: none.
	//
	// +optional
	Credentials *Credentials `json:"credentials,omitempty"`
	// azureOpenAI is what only type AzureOpenAI has. Default: its versionless v1 API.
	//
	// +optional
	AzureOpenAI *AzureOpenAI `json:"azureOpenAI,omitempty"`
	// vertexAI is what only type VertexAI has, and needs.
	//
	// +optional
	VertexAI *VertexAI `json:"vertexAI,omitempty"`
	// bedrock is what only type Bedrock has, and needs.
	//
	// +optional
	Bedrock *Bedrock `json:"bedrock,omitempty"`
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
	// circuitBreaker takes a model of the provider out while it fails. Default: as its fields say.
	//
	// +optional
	CircuitBreaker *CircuitBreaker `json:"circuitBreaker,omitempty"`
	// retry of requests that failed before anything of an answer went to the client. Default: as its fields say.
	//
	// +optional
	Retry *Retry `json:"retry,omitempty"`
	// limits are the provider's own quotas. Default: none but what its answers' headers tell.
	//
	// +optional
	Limits *ProviderLimits `json:"limits,omitempty"`
	// healthCheck asks the provider now and then whether it is there. Default: none.
	//
	// +optional
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`
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
	// set replaces header fields, by name. Host, the fields that frame a message and those that carry credentials
	// (Authorization, X-Api-Key, Api-Key, X-Goog-Api-Key, X-Amz-*) cannot be set.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[A-Za-z][A-Za-z0-9-]{0,63}$'))",message="names are letters, digits and dashes, at most 64"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k.lowerAscii() in ['authorization', 'host', 'connection', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'accept-encoding', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'x-api-key', 'api-key', 'x-goog-api-key']) && !k.lowerAscii().startsWith('x-amz-'))",message="this header is the gateway's own"
	Set map[string]HeaderValue `json:"set,omitempty"`
	// remove drops header fields of those that go on to providers: the application's, all but User-Agent, which is the
	// gateway's own. What else an application sends stays in the gateway anyway.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=9
	Remove []ForwardedHeader `json:"remove,omitempty"`
}

// ForwardedHeader is a header field that goes on to providers unless a policy removes it.
//
// +kubebuilder:validation:Enum=Accept;Anthropic-Beta;Anthropic-Version;Idempotency-Key;OpenAI-Beta;Traceparent;Tracestate;User-Agent;X-Client-Request-Id
type ForwardedHeader string

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
	// minThroughput breaks off an answer that trickles. Default: none.
	//
	// +optional
	MinThroughput *MinThroughput `json:"minThroughput,omitempty"`
}

// ProviderPolicyStatus is what the gateways say of the provider.
type ProviderPolicyStatus struct {
	AttachedStatus `json:",inline"`
	// breaker is the worst of all breakers: those of every model of the provider, in every pod of every gateway. Unknown
	// says that some pod has not been heard of late.
	//
	// +optional
	Breaker BreakerState `json:"breaker,omitempty"`
	// errors is the share of the last minute's attempts that failed, as "0.2%"; empty without any, which is told within
	// 80 seconds.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Errors string `json:"errors,omitempty"`
	// p95 is the time within which 95 of 100 answers of the last minute began, as "812ms"; empty without any.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	P95 string `json:"p95,omitempty"`
	// traffic is what each gateway says of the provider, in the order of spec.gatewayRefs.
	//
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Traffic []ProviderTraffic `json:"traffic,omitempty"`
}

// BreakerState is what a circuit breaker does.
//
// +kubebuilder:validation:Enum=Closed;HalfOpen;Open;Unknown
type BreakerState string

// The states.
const (
	// BreakerClosed: requests go to the provider.
	BreakerClosed BreakerState = "Closed"
	// BreakerHalfOpen: a few go, to see whether it has recovered.
	BreakerHalfOpen BreakerState = "HalfOpen"
	// BreakerOpen: none go.
	BreakerOpen BreakerState = "Open"
	// BreakerUnknown: not every pod says.
	BreakerUnknown BreakerState = "Unknown"
)

// ProviderTraffic is what the pods of one gateway say of a provider.
type ProviderTraffic struct {
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
	// breaker is the worst of the gateway's breakers.
	//
	// +required
	Breaker BreakerState `json:"breaker"`
	// since is when it became so.
	//
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// message says which models are out in which pods, and why; empty while all are in.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// errors of this gateway.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Errors string `json:"errors,omitempty"`
	// p95 of this gateway.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	P95 string `json:"p95,omitempty"`
}

// ProviderPolicy is one provider of models, attached to gateways.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pp,categories=spark
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Breaker",type=string,JSONPath=`.status.breaker`
// +kubebuilder:printcolumn:name="Errors",type=string,JSONPath=`.status.errors`
// +kubebuilder:printcolumn:name="P95",type=string,JSONPath=`.status.p95`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
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
