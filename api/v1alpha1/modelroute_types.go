// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RouteStrategy is how a target is chosen among those of one tier.
//
// +kubebuilder:validation:Enum=Weighted;LeastInFlight;LowestLatency;LowestCost
type RouteStrategy string

// The strategies.
const (
	// StrategyWeighted draws by weight.
	StrategyWeighted RouteStrategy = "Weighted"
	// StrategyLeastInFlight takes the one with the fewest requests under way, by weight.
	StrategyLeastInFlight RouteStrategy = "LeastInFlight"
	// StrategyLowestLatency takes the better of two drawn ones, by a moving average of the time to the first token that
	// follows peaks at once, times the requests under way (peak EWMA, power of two choices).
	StrategyLowestLatency RouteStrategy = "LowestLatency"
	// StrategyLowestCost takes the cheapest for the request, by the models' prices; those without a price come last.
	StrategyLowestCost RouteStrategy = "LowestCost"
)

// ModelName is a model's name as applications ask for it, or a pattern in which each "*" stands for any characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7f*]*(\*[^\x00-\x20\x7f*]*){0,4}$`
type ModelName string

// ModelRouteSpec says where requests for models go.
//
// +kubebuilder:validation:XValidation:rule="!has(self.affinity) || self.affinity == 'None' || !has(self.strategy) || self.strategy == 'Weighted'",message="affinity chooses by weight, so it goes with strategy Weighted only"
// +kubebuilder:validation:XValidation:rule="!has(self.strategy) || self.strategy in ['Weighted', 'LeastInFlight'] || self.targets.all(t, !has(t.weight))",message="weights have no effect with strategies LowestLatency and LowestCost"
// +kubebuilder:validation:XValidation:rule="self.targets.exists(t, !has(t.weight) || t.weight > 0)",message="every target has weight 0"
type ModelRouteSpec struct {
	// gatewayRefs are the gateways that this route is for.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.__namespace__) ? a.__namespace__ : '') == (has(b.__namespace__) ? b.__namespace__ : '')))",message="a gateway stands twice"
	GatewayRefs []GatewayReference `json:"gatewayRefs"`
	// models are the names that applications ask for, each exact or a pattern such as "gpt-4*". Of several routes that
	// match a request the most specific serves it: an exact name before a pattern, more characters of a pattern before
	// fewer, more headers before fewer; then the oldest, then the first by namespace and name. Exact names come before the
	// names of providers' models, and patterns before their bare names; "provider/model" of a provider escapes patterns.
	//
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Models []ModelName `json:"models"`
	// match narrows the route to some requests. Default: all.
	//
	// +optional
	Match *RouteMatch `json:"match,omitempty"`
	// strategy chooses among the targets of a tier. Default: Weighted.
	//
	// +optional
	Strategy RouteStrategy `json:"strategy,omitempty"`
	// targets that a request may go to. When one fails before anything of an answer went to the client, as the retry
	// conditions of its ProviderPolicy say, the next is tried.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.model == b.model && a.providerRef.name == b.providerRef.name && (has(a.providerRef.__namespace__) ? a.providerRef.__namespace__ : '') == (has(b.providerRef.__namespace__) ? b.providerRef.__namespace__ : '')))",message="a target stands twice"
	Targets []RouteTarget `json:"targets"`
	// hedge sends a second attempt when the first is slow. Default: none.
	//
	// +optional
	Hedge *Hedge `json:"hedge,omitempty"`
	// mirror sends a copy of some requests to another target, whose answers nobody sees. Default: none.
	//
	// +optional
	Mirror *Mirror `json:"mirror,omitempty"`
	// limits of all requests together that take the route.
	//
	// +optional
	Limits *Limits `json:"limits,omitempty"`
	// cache of answers, otherwise than the gateway's. Default: as there.
	//
	// +optional
	Cache *RouteCache `json:"cache,omitempty"`
	// sanitizer looks for other things than the gateway's. Default: as there.
	//
	// +optional
	Sanitizer *RouteSanitizer `json:"sanitizer,omitempty"`
	// affinity keeps the requests of one user, one key or one value of a header at one target of a tier, as long as that
	// target can answer, so that the provider's prompt cache is of use: None, User, Key or "Header:<name>". Default: None.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:Pattern=`^(None|User|Key|Header:[A-Za-z][A-Za-z0-9-]{0,63})$`
	Affinity string `json:"affinity,omitempty"`
}

// RouteMatch narrows a route.
type RouteMatch struct {
	// headers that a request must all have.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))",message="names differ in more than case"
	Headers []HeaderMatch `json:"headers"`
}

// HeaderMatch is met by a header field with exactly the value.
type HeaderMatch struct {
	// name of the header field, in any case. Fields that carry credentials cannot be matched.
	//
	// +required
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9-]*$`
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'proxy-authorization', 'cookie']) && !self.lowerAscii().startsWith('x-amz-')",message="this header carries credentials"
	Name string `json:"name"`
	// value, in the same case.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[!-~]([ -~]*[!-~])?$`
	Value string `json:"value"`
}

// ProviderReference names a ProviderPolicy that attaches to the same gateway.
type ProviderReference struct {
	// name of the ProviderPolicy.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// namespace of the ProviderPolicy. Default: this resource's own.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// TargetReference is a model of a provider.
type TargetReference struct {
	// providerRef names the provider.
	//
	// +required
	ProviderRef ProviderReference `json:"providerRef"`
	// model is the name of one of the provider's models as its ProviderPolicy has it or, where that names none, as the
	// provider has it.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7f]+$`
	Model string `json:"model"`
}

// RouteTarget is a target with its place in the order.
type RouteTarget struct {
	TargetReference `json:",inline"`
	// weight is the target's share, in proportion to the others of its tier; 0 takes it out. Default: 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Weight *int32 `json:"weight,omitempty"`
	// tier is used when no target of a lower one can answer. Default: 0.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=15
	Tier int32 `json:"tier,omitempty"`
}

// Hedge sends a second attempt, to another target where there is one, when the first has not brought a token for a
// while. The first to bring one answers; the other is broken off, and what it cost is accounted for. It is for chats,
// completions, embeddings, the counting of tokens, moderations and rerankings; other requests are made once at a time.
type Hedge struct {
	// after is how long the first attempt has, 1ms to 10m.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="must be between 1ms and 10m"
	After Duration `json:"after"`
	// maxExtraPercent bounds the second attempts, in percent of the route's requests. Default: 5.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxExtraPercent *int32 `json:"maxExtraPercent,omitempty"`
}

// Mirror copies requests. What a copy costs is counted for its target, not for the key.
type Mirror struct {
	// target that copies go to.
	//
	// +required
	Target TargetReference `json:"target"`
	// percent of the requests that are copied. Default: 100.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`
}

// ModelRouteStatus is what the gateways say of the route.
type ModelRouteStatus struct {
	AttachedStatus `json:",inline"`
}

// ModelRoute sends requests for models to targets.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mr,categories=spark
// +kubebuilder:printcolumn:name="Models",type=string,JSONPath=`.spec.models`
// +kubebuilder:printcolumn:name="Strategy",type=string,priority=1,JSONPath=`.spec.strategy`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type ModelRoute struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is where requests go.
	//
	// +required
	Spec ModelRouteSpec `json:"spec"`
	// status is what the gateways say of it.
	//
	// +optional
	Status ModelRouteStatus `json:"status,omitempty"`
}

// ModelRouteList is a list of ModelRoutes.
//
// +kubebuilder:object:root=true
type ModelRouteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ModelRoute `json:"items"`
}
