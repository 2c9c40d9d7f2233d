// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// SparkGatewaySpec is what a generation gateway should be.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.replicas) && has(self.autoscaling))",message="replicas and autoscaling exclude each other"
// +kubebuilder:validation:XValidation:rule="!has(self.autoscaling) || !has(self.resources) || has(self.resources.requests) && 'cpu' in self.resources.requests || has(self.resources.limits) && 'cpu' in self.resources.limits",message="autoscaling goes by the CPU that is requested, so resources must request some"
// +kubebuilder:validation:XValidation:rule="!has(self.cache) || !has(self.cache.exact) || !has(self.cache.exact.shared) || !self.cache.exact.shared || has(self.store) && self.store.type == 'Redis'",message="cache.exact.shared has no effect without store.type: Redis"
type SparkGatewaySpec struct {
	// replicas is the number of gateway pods. Default: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`
	// autoscaling lets a HorizontalPodAutoscaler set the number of pods instead.
	//
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`
	// image of the gateway container. Default: the operator's own release.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$`
	Image string `json:"image,omitempty"`
	// resources of the gateway container, which replace the default as a whole. Default: requests of 100m CPU and 128Mi
	// memory, no limits.
	//
	// +optional
	Resources *Resources `json:"resources,omitempty"`
	// podTemplate says where the pods run and how they are labelled.
	//
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
	// disruption bounds how many pods a voluntary disruption may take at once.
	//
	// +optional
	Disruption *Disruption `json:"disruption,omitempty"`
	// networkPolicy guards the pods' administrative port.
	//
	// +optional
	NetworkPolicy *NetworkPolicy `json:"networkPolicy,omitempty"`
	// listener is where applications connect.
	//
	// +optional
	Listener *Listener `json:"listener,omitempty"`
	// service in front of the pods; its port is listener.port.
	//
	// +optional
	Service *Service `json:"service,omitempty"`
	// allowedNamespaces says whose resources may attach. Default: those of this namespace.
	//
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`
	// drain says how a pod that is asked to leave ends its requests.
	//
	// +optional
	Drain *Drain `json:"drain,omitempty"`
	// auth says who else may use the gateway beside those with an APIKey, and whose word on a client's address is taken.
	//
	// +optional
	Auth *Auth `json:"auth,omitempty"`
	// limits hold for every principal; an APIKey and UsagePolicies may have further ones, and the tightest wins.
	//
	// +optional
	Limits *GatewayLimits `json:"limits,omitempty"`
	// unknownPrice says what becomes of requests that a budget or cost limit holds for, at models without a price: Deny
	// keeps them from such models, Flag serves them as if they cost nothing and says so in the answer (x-spark-cost:
	// unknown), the usage record and a metric, Zero serves them silently. Default: Flag.
	//
	// +optional
	UnknownPrice UnknownPrice `json:"unknownPrice,omitempty"`
	// store is where the pods keep together what they count. Default: each pod counts for itself, and the operator tells
	// each what the others counted.
	//
	// +optional
	Store *Store `json:"store,omitempty"`
	// ledger keeps a record of each request.
	//
	// +optional
	Ledger *Ledger `json:"ledger,omitempty"`
	// requestLimits bound a single request.
	//
	// +optional
	RequestLimits *RequestLimits `json:"requestLimits,omitempty"`
	// sanitizer looks for prompt injection, personal data and secrets, and what else should not be said. Default: none.
	//
	// +optional
	Sanitizer *Sanitizer `json:"sanitizer,omitempty"`
	// cache keeps answers. Default: none.
	//
	// +optional
	Cache *Cache `json:"cache,omitempty"`
	// securityHeaders are set on every answer.
	//
	// +optional
	SecurityHeaders *SecurityHeaders `json:"securityHeaders,omitempty"`
	// cors lets scripts of web pages use the gateway. Default: those of no other origin.
	//
	// +optional
	CORS *CORS `json:"cors,omitempty"`
	// telemetry says what the gateway tells about its requests.
	//
	// +optional
	Telemetry *Telemetry `json:"telemetry,omitempty"`
}

// Resources are a container's requests and limits.
type Resources struct {
	// requests that the scheduler keeps free for the container.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="names are those of resources, such as cpu or memory"
	Requests map[string]ResourceQuantity `json:"requests,omitempty"`
	// limits that the container may not exceed.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="names are those of resources, such as cpu or memory"
	Limits map[string]ResourceQuantity `json:"limits,omitempty"`
}

// ResourceQuantity is an amount of a resource, such as 2, "500m" or "1Gi". It is narrower than Kubernetes' own type, whose
// schema lets through what its clients cannot read.
//
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 2147483647 : self.matches('^[0-9]{1,15}([.][0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$')",message="must be an amount such as 2, 500m or 1Gi; a number above 2147483647 needs quotes"
type ResourceQuantity intstr.IntOrString

// Autoscaling is the HorizontalPodAutoscaler's range and aim.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas must not exceed maxReplicas"
type Autoscaling struct {
	// minReplicas is the smallest number of pods. Default: 2, or maxReplicas where that is smaller.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// maxReplicas is the largest number of pods.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxReplicas int32 `json:"maxReplicas"`
	// targetCPUUtilization is the average CPU use to aim at, in percent of the requested CPU. Default: 70.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	TargetCPUUtilization *int32 `json:"targetCPUUtilization,omitempty"`
}

// PodTemplate is what a user may say of the gateway's pods.
type PodTemplate struct {
	// metadata is added to the pods'.
	//
	// +optional
	Metadata *PodMetadata `json:"metadata,omitempty"`
	// nodeSelector that nodes must match.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="keys are labels' names"
	NodeSelector map[string]PodLabelValue `json:"nodeSelector,omitempty"`
	// tolerations for nodes' taints.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// affinity to nodes and pods.
	//
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// topologySpreadConstraints over zones and nodes. Default: pods prefer different nodes.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
	// priorityClassName of the pods.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	PriorityClassName string `json:"priorityClassName,omitempty"`
}

// PodMetadata is added to the pods'.
type PodMetadata struct {
	// labels of the pods. Spark's own (sparkgateway.dev/..., app.kubernetes.io/...) cannot be set.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('sparkgateway.dev/') && !k.startsWith('app.kubernetes.io/'))",message="labels of sparkgateway.dev and app.kubernetes.io are Spark's own"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="keys are labels' names"
	Labels map[string]PodLabelValue `json:"labels,omitempty"`
	// annotations of the pods.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="keys are annotations' names"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodLabelValue is a label's value.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
type PodLabelValue string

// Disruption is the PodDisruptionBudget's bound.
type Disruption struct {
	// maxUnavailable pods at once, a number or a percentage. Default: 1.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 1000 : self.matches('^(100|[1-9]?[0-9])%$')",message="must be a number up to 1000 or a percentage up to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

// NetworkPolicy guards the pods.
type NetworkPolicy struct {
	// enabled makes a NetworkPolicy that lets only the operator's pods reach the administrative port. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// Listener is where applications connect.
//
// +kubebuilder:validation:XValidation:rule="!has(self.port) || !(self.port in [9090, 9443])",message="ports 9090 and 9443 are the gateway's own"
type Listener struct {
	// port of the pods and the Service, above 1023 as pods do not run as root. A change replaces the pods one by one.
	// Default: 8080.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
	// tls serves HTTPS. Default: plain HTTP.
	//
	// +optional
	TLS *ListenerTLS `json:"tls,omitempty"`
	// maxConnections of clients to one pod; further ones are closed at once. Default: 10000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxConnections *int32 `json:"maxConnections,omitempty"`
}

// ListenerTLS is the listener's certificate.
type ListenerTLS struct {
	// secretRef names a Secret of type kubernetes.io/tls. A change to it is taken up without restarting pods.
	//
	// +required
	SecretRef SecretReference `json:"secretRef"`
}

// Service is the Service in front of the pods.
type Service struct {
	// type of the Service. Default: ClusterIP.
	//
	// +optional
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	Type corev1.ServiceType `json:"type,omitempty"`
	// annotations of the Service, as load balancers read them.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="keys are annotations' names"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// FromNamespaces says which namespaces are meant.
//
// +kubebuilder:validation:Enum=Same;All;Selector
type FromNamespaces string

// The ways to say which namespaces are meant.
const (
	NamespacesSame     FromNamespaces = "Same"
	NamespacesAll      FromNamespaces = "All"
	NamespacesSelector FromNamespaces = "Selector"
)

// AllowedNamespaces says whose resources may attach.
//
// +kubebuilder:validation:XValidation:rule="(self.from == 'Selector') == has(self.selector)",message="selector is required with from: Selector, and has no effect otherwise"
type AllowedNamespaces struct {
	// from which namespaces: Same as the gateway's, All, or those whose labels match the Selector.
	//
	// +required
	From FromNamespaces `json:"from"`
	// selector over namespaces' labels.
	//
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Drain says how a pod leaves.
type Drain struct {
	// timeout is how long a request, streams included, may go on when its pod is asked to leave; 1s to 1h. A change
	// replaces the pods one by one, as their grace period follows it. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="must be between 1s and 1h"
	Timeout Duration `json:"timeout,omitempty"`
}

// UnknownPrice says what becomes of requests whose cost is limited and cannot be known.
//
// +kubebuilder:validation:Enum=Deny;Flag;Zero
type UnknownPrice string

// The ways.
const (
	UnknownPriceDeny UnknownPrice = "Deny"
	UnknownPriceFlag UnknownPrice = "Flag"
	UnknownPriceZero UnknownPrice = "Zero"
)

// GatewayLimits hold for every principal, beside its own: a key, the bearer of tokens, or an anonymous client address. Each of
// perUser, perIP and all has a mode of its own.
type GatewayLimits struct {
	Limits `json:",inline"`
	// perUser limits each user, over all keys and tokens.
	//
	// +optional
	PerUser *Limits `json:"perUser,omitempty"`
	// perIP limits each client address (IPv6: each /64). Requests are counted before authentication.
	//
	// +optional
	PerIP *Limits `json:"perIP,omitempty"`
	// all limits all requests together.
	//
	// +optional
	All *Limits `json:"all,omitempty"`
}

// RequestLimits bound a single request.
//
// +kubebuilder:validation:XValidation:rule="!has(self.onExcessOutput) || has(self.maxOutputTokens)",message="onExcessOutput has no effect without maxOutputTokens"
type RequestLimits struct {
	// maxBodyBytes of a request. Default: 10485760 (10 MiB).
	//
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=1073741824
	MaxBodyBytes *int64 `json:"maxBodyBytes,omitempty"`
	// maxHeaderBytes of the request line and headers together. Default: 16384 (16 KiB).
	//
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=32768
	MaxHeaderBytes *int32 `json:"maxHeaderBytes,omitempty"`
	// bodyTimeout is how long a client may take to send a body, 1s to 1h. Default: 30s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="must be between 1s and 1h"
	BodyTimeout Duration `json:"bodyTimeout,omitempty"`
	// minBodyRate is the least bytes per second that a body must come with, on average, once 5s have passed. Default: 128.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MinBodyRate *int64 `json:"minBodyRate,omitempty"`
	// maxHeaderFields of a request. Default: 100.
	//
	// +optional
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=1000
	MaxHeaderFields *int32 `json:"maxHeaderFields,omitempty"`
	// maxDepth of the nesting of a JSON body. Default: 100.
	//
	// +optional
	// +kubebuilder:validation:Minimum=8
	// +kubebuilder:validation:Maximum=500
	MaxDepth *int32 `json:"maxDepth,omitempty"`
	// maxMessages, contents or inputs of a request. Default: no bound.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxMessages *int32 `json:"maxMessages,omitempty"`
	// maxInputTokens of a request's texts, as the gateway estimates them. Default: no bound.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	MaxInputTokens *int64 `json:"maxInputTokens,omitempty"`
	// maxOutputTokens that a request may ask for. One that asks for no bound gets this one. Default: no bound.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	MaxOutputTokens *int64 `json:"maxOutputTokens,omitempty"`
	// onExcessOutput says what becomes of a request that asks for more than maxOutputTokens: Refuse it, or Clamp what it asks
	// for. Default: Refuse.
	//
	// +optional
	OnExcessOutput ExcessOutput `json:"onExcessOutput,omitempty"`
}

// ExcessOutput says what becomes of a request that asks for too long an answer.
//
// +kubebuilder:validation:Enum=Refuse;Clamp
type ExcessOutput string

// The ways.
const (
	ExcessOutputRefuse ExcessOutput = "Refuse"
	ExcessOutputClamp  ExcessOutput = "Clamp"
)

// CORS lets scripts of web pages use the gateway, as the Fetch standard says.
//
// +kubebuilder:validation:XValidation:rule="!('*' in self.allowOrigins) || !has(self.allowCredentials) || !self.allowCredentials",message="credentials cannot be allowed to every origin"
// +kubebuilder:validation:XValidation:rule="!('*' in self.allowOrigins) || self.allowOrigins.size() == 1",message="beside *, other origins have no effect"
// +kubebuilder:validation:XValidation:rule="!has(self.allowHeaders) || !('*' in self.allowHeaders) || self.allowHeaders.size() == 1",message="beside *, other headers have no effect"
type CORS struct {
	// allowOrigins are origins such as "https://app.example.com", "https://*.example.com" for all below a domain, or "*" for all.
	//
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^([*]|https?://([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[0-9]{1,5})?)$`
	AllowOrigins []string `json:"allowOrigins"`
	// allowMethods of requests. Default: GET, POST and DELETE.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=6
	// +kubebuilder:validation:items:Enum=GET;HEAD;POST;PUT;PATCH;DELETE
	AllowMethods []string `json:"allowMethods,omitempty"`
	// allowHeaders of requests, or "*" for whatever is asked for. Default: "*".
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^([*]|[A-Za-z][A-Za-z0-9-]*)$`
	AllowHeaders []string `json:"allowHeaders,omitempty"`
	// exposeHeaders of answers to scripts, beside those that the gateway itself writes. Default: none.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z][A-Za-z0-9-]*$`
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`
	// allowCredentials lets scripts send cookies and client certificates. Keys in headers need it not. Default: false.
	//
	// +optional
	AllowCredentials *bool `json:"allowCredentials,omitempty"`
	// maxAge is how long a browser may remember what is allowed, 0s to 24h. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	MaxAge Duration `json:"maxAge,omitempty"`
}

// SecurityHeaders are set on every answer, errors and streams included; only the 503 of a connection beyond
// listener.maxConnections, which comes before any request is read, goes without. Beside these, every answer has
// "X-Content-Type-Options: nosniff" and "Cache-Control: no-store".
type SecurityHeaders struct {
	// contentSecurityPolicy header. Default: "default-src 'none'; frame-ancestors 'none'".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^[\x20-\x7e]*$`
	ContentSecurityPolicy string `json:"contentSecurityPolicy,omitempty"`
	// strictTransportSecurity header; it is sent only over TLS. Default: "max-age=31536000; includeSubDomains".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[\x20-\x7e]*$`
	StrictTransportSecurity string `json:"strictTransportSecurity,omitempty"`
	// frameOptions is the X-Frame-Options header. Default: DENY.
	//
	// +optional
	// +kubebuilder:validation:Enum=DENY;SAMEORIGIN
	FrameOptions string `json:"frameOptions,omitempty"`
	// referrerPolicy header. Default: "no-referrer".
	//
	// +optional
	// +kubebuilder:validation:Enum=no-referrer;no-referrer-when-downgrade;origin;origin-when-cross-origin;same-origin;strict-origin;strict-origin-when-cross-origin;unsafe-url
	ReferrerPolicy string `json:"referrerPolicy,omitempty"`
	// extra headers, by name. Headers that the gateway itself writes (such as Content-Type or the ones above) cannot
	// be set here.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[A-Za-z][A-Za-z0-9-]{0,63}$'))",message="names are letters, digits and dashes, at most 64"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k.lowerAscii() in ['connection', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'keep-alive', 'set-cookie', 'www-authenticate', 'date', 'server', 'retry-after', 'content-security-policy', 'strict-transport-security', 'x-frame-options', 'referrer-policy', 'x-content-type-options', 'cache-control', 'age', 'x-request-id']) && !k.lowerAscii().startsWith('x-ratelimit-') && !k.lowerAscii().startsWith('x-spark-') && !k.lowerAscii().startsWith('access-control-'))",message="this header is the gateway's own"
	Extra map[string]HeaderValue `json:"extra,omitempty"`
}

// HeaderValue is a header field's value in printable ASCII.
//
// +kubebuilder:validation:MaxLength=4096
// +kubebuilder:validation:Pattern=`^[\x20-\x7e]*$`
type HeaderValue string

// Telemetry says what the gateway tells about its requests.
type Telemetry struct {
	// accessLog writes a line of JSON a request to standard output, without bodies and keys.
	//
	// +optional
	AccessLog *AccessLog `json:"accessLog,omitempty"`
	// tracing sends a span a request and a span an attempt to an OpenTelemetry collector. Default: none, which costs nothing.
	//
	// +optional
	Tracing *Tracing `json:"tracing,omitempty"`
	// metrics says what the metrics tell beside the defaults.
	//
	// +optional
	Metrics *GatewayMetrics `json:"metrics,omitempty"`
	// errorTracking groups errors, and tells others of them.
	//
	// +optional
	ErrorTracking *ErrorTracking `json:"errorTracking,omitempty"`
}

// ErrorTracking groups errors by what they have in common. kubectl spark errors and GET /api/spark/errors show the groups.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.environment) || has(self.sentryDSNSecretRef)",message="environment has no effect without sentryDSNSecretRef"
type ErrorTracking struct {
	// maxGroups that a pod remembers; those not seen for longest go first. Default: 1000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=10000
	MaxGroups *int32 `json:"maxGroups,omitempty"`
	// sentryDSNSecretRef names the DSN of a Sentry project that is sent errors of the gateway and of providers; its key is "dsn" by
	// default. Default: none.
	//
	// +optional
	SentryDSNSecretRef *SecretKeyReference `json:"sentryDSNSecretRef,omitempty"`
	// environment is what Sentry calls the deployment. Default: none.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._-]*$`
	Environment string `json:"environment,omitempty"`
	// webhook is sent the groups that changed, some at a time. Default: none.
	//
	// +optional
	Webhook *Webhook `json:"webhook,omitempty"`
}

// AccessLog is the log of requests.
type AccessLog struct {
	// enabled writes it. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// samplingPercent of the requests that ended well have a line; those that did not always have one. Default: 100.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	SamplingPercent *int32 `json:"samplingPercent,omitempty"`
}

// SparkGatewayStatus is what the gateway is.
type SparkGatewayStatus struct {
	// observedGeneration is the generation that this status speaks of.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Accepted, ResolvedRefs, Programmed, Available, LimitsEnforced, Ready and Stalled.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// revision is the first 8 digits of the digest of the configuration that the pods should run.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`
	// url at which applications in the cluster reach the gateway.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	URL string `json:"url,omitempty"`
	// pods counts the gateway's pods.
	//
	// +optional
	Pods *PodCounts `json:"pods,omitempty"`
	// attached counts the resources that attach to this gateway.
	//
	// +optional
	Attached *AttachedCounts `json:"attached,omitempty"`
}

// PodCounts counts a gateway's pods.
type PodCounts struct {
	// summary is "programmed/ready/desired".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Summary string `json:"summary,omitempty"`
	// programmed pods say that they run the revision.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Programmed int32 `json:"programmed"`
	// ready pods receive traffic.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Ready int32 `json:"ready"`
	// desired is how many there should be.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Desired int32 `json:"desired"`
	// lagging is the name of a pod that does not run the revision.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Lagging string `json:"lagging,omitempty"`
}

// AttachedCounts counts the resources that attach to a gateway.
type AttachedCounts struct {
	// providers that are served.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Providers int32 `json:"providers"`
	// routes that are served.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Routes int32 `json:"routes"`
	// keys that are served.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Keys int32 `json:"keys"`
	// policies that are served.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Policies int32 `json:"policies"`
	// refused resources name this gateway and are not served; their own status says why.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Refused int32 `json:"refused"`
}

// SparkGateway is a generation gateway: a Deployment of LLM reverse proxies, configured by this resource and by those
// that attach to it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=sgw,categories=spark
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Programmed",type=string,JSONPath=`.status.conditions[?(@.type=="Programmed")].status`
// +kubebuilder:printcolumn:name="Pods",type=string,JSONPath=`.status.pods.summary`,description="programmed/ready/desired"
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Limits-Enforced",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="LimitsEnforced")].reason`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name must be a DNS label that begins with a letter, of at most 50 characters, as a Service is named after it"
type SparkGateway struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what the gateway should be.
	//
	// +required
	Spec SparkGatewaySpec `json:"spec"`
	// status is what the gateway is.
	//
	// +optional
	Status SparkGatewayStatus `json:"status,omitempty"`
}

// SparkGatewayList is a list of SparkGateways.
//
// +kubebuilder:object:root=true
type SparkGatewayList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SparkGateway `json:"items"`
}

// String gives the amount as Kubernetes writes it.
func (q ResourceQuantity) String() string { return (*intstr.IntOrString)(&q).String() }

// MarshalJSON writes a number or a string, as it was given.
func (q ResourceQuantity) MarshalJSON() ([]byte, error) { return intstr.IntOrString(q).MarshalJSON() }

// UnmarshalJSON reads a number or a string.
func (q *ResourceQuantity) UnmarshalJSON(data []byte) error {
	return (*intstr.IntOrString)(q).UnmarshalJSON(data)
}
