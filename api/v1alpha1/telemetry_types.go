// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// OTLPProtocol is how OTLP is spoken.
//
// +kubebuilder:validation:Enum=GRPC;HTTP
type OTLPProtocol string

// The protocols.
const (
	// OTLPOverGRPC is gRPC, commonly at port 4317.
	OTLPOverGRPC OTLPProtocol = "GRPC"
	// OTLPOverHTTP is protobuf by POST, commonly at port 4318.
	OTLPOverHTTP OTLPProtocol = "HTTP"
)

// Tracing sends spans to an OpenTelemetry collector, named after its conventions for generative AI. A caller's traceparent (W3C Trace
// Context) is gone on with, and given to providers.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.protocol) && self.protocol == 'HTTP') || size(url(self.otlpEndpoint).getEscapedPath()) > 0",message="otlpEndpoint needs a path with protocol HTTP, such as /v1/traces"
// +kubebuilder:validation:XValidation:rule="(has(self.protocol) && self.protocol == 'HTTP') || (size(url(self.otlpEndpoint).getEscapedPath()) == 0 || url(self.otlpEndpoint).getEscapedPath() == '/')",message="otlpEndpoint has no path with protocol GRPC"
type Tracing struct {
	// otlpEndpoint is the collector's URL, such as http://otel:4317; https speaks TLS.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.contains('#') && !self.contains('@') && !self.contains('?')",message="must be an http or https URL without query, fragment or credentials"
	OTLPEndpoint string `json:"otlpEndpoint"`
	// protocol: GRPC or HTTP. Default: GRPC.
	//
	// +optional
	Protocol OTLPProtocol `json:"protocol,omitempty"`
	// authorizationSecretRef names the value of the header Authorization; its key is "authorization" by default. Default: no
	// such header.
	//
	// +optional
	AuthorizationSecretRef *SecretKeyReference `json:"authorizationSecretRef,omitempty"`
	// samplingPercent of the requests whose callers did not decide are traced. Those that fail are always sent, unless the caller decided
	// against it. Default: 10.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	SamplingPercent *int32 `json:"samplingPercent,omitempty"`
}

// GatewayMetrics says what a gateway's metrics tell beside the defaults.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.maxKeys) || (has(self.perKeyLabels) && self.perKeyLabels)",message="maxKeys has no effect without perKeyLabels"
type GatewayMetrics struct {
	// serviceMonitor makes a ServiceMonitor, where the Prometheus operator's CRD exists. Default: true.
	//
	// +optional
	ServiceMonitor *bool `json:"serviceMonitor,omitempty"`
	// perKeyLabels adds metrics whose label is a key: spark_key_requests_total, spark_key_tokens_total and
	// spark_key_cost_dollars_total. Default: false.
	//
	// +optional
	PerKeyLabels *bool `json:"perKeyLabels,omitempty"`
	// maxKeys that have a label of their own; further ones share "other". Default: 1000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxKeys *int32 `json:"maxKeys,omitempty"`
}
