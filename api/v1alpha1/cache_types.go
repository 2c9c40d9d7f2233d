// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// CacheScope says who may be answered with what somebody else was.
//
// +kubebuilder:validation:Enum=Key;User;Policy;Gateway
type CacheScope string

// The scopes.
const (
	CacheScopeKey     CacheScope = "Key"
	CacheScopeUser    CacheScope = "User"
	CacheScopePolicy  CacheScope = "Policy"
	CacheScopeGateway CacheScope = "Gateway"
)

// CacheCharge says what a request costs that is answered from a cache.
//
// +kubebuilder:validation:Enum=Free;Full
type CacheCharge string

// The ways.
const (
	CacheChargeFree CacheCharge = "Free"
	CacheChargeFull CacheCharge = "Full"
)

// Cache keeps answers, each under all that its request says and under the configuration that answered it. Only whole,
// successful answers are kept; streams are kept and given as streams. Requests may say Cache-Control: no-cache, no-store,
// max-age or only-if-cached, and answers say x-spark-cache: hit, miss or bypass.
//
// +kubebuilder:validation:MinProperties=1
type Cache struct {
	// exact answers requests that are the same as one before, whatever the order of their members and their white space.
	//
	// +optional
	Exact *ExactCache `json:"exact,omitempty"`
	// semantic answers single questions that mean what one before did.
	//
	// +optional
	Semantic *SemanticCache `json:"semantic,omitempty"`
}

// ExactCache answers requests that are the same as one before. Of those that come at once one goes to the provider, and the
// others get its answer.
type ExactCache struct {
	// enabled keeps answers. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// ttl is how long an answer is given, 1s to 720h. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('720h')",message="must be between 1s and 720h"
	TTL Duration `json:"ttl,omitempty"`
	// scope says who shares answers: one Key (token, address), the keys of one User, the keys that are under the same
	// UsagePolicies, or all of the Gateway. Who has no user, or is under no policy, shares with nobody. Default: Key.
	//
	// +optional
	Scope CacheScope `json:"scope,omitempty"`
	// charge says what a request costs that is answered from the cache: Free of tokens and money, or in Full what the
	// provider's answer cost. It counts against limits on requests either way. Default: Free.
	//
	// +optional
	Charge CacheCharge `json:"charge,omitempty"`
	// anyTemperature keeps answers to requests that ask for a temperature above zero, too. Default: false.
	//
	// +optional
	AnyTemperature *bool `json:"anyTemperature,omitempty"`
	// maxMemory bounds what one pod keeps, 1Mi to 64Gi. Default: 64Mi.
	//
	// +optional
	MaxMemory *MemoryQuantity `json:"maxMemory,omitempty"`
	// maxEntryBytes bounds one answer; longer ones are not kept. Default: 1048576 (1 MiB).
	//
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=16777216
	MaxEntryBytes *int64 `json:"maxEntryBytes,omitempty"`
	// shared keeps answers in the store, too, so that all pods give them. Default: true where store is Redis.
	//
	// +optional
	Shared *bool `json:"shared,omitempty"`
}

// MemoryQuantity is an amount of memory of 1Mi to 64Gi, such as 256Mi.
//
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,8}(Mi|Gi|M|G)$`
// +kubebuilder:validation:XValidation:rule="quantity(self).compareTo(quantity('1Mi')) >= 0 && quantity(self).compareTo(quantity('64Gi')) <= 0",message="must be between 1Mi and 64Gi"
type MemoryQuantity string

// SemanticCache answers single questions that mean what one before did, by the cosine of their embeddings. It is for requests
// with one message of a user, and instructions at most: without tools, images or history. All else that a request says must be the
// same. What embeddings cost is charged to who asks.
//
// +kubebuilder:validation:XValidation:rule="has(self.enabled) && !self.enabled || has(self.embeddings)",message="embeddings are required"
type SemanticCache struct {
	// enabled compares meanings. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// threshold is the least cosine of questions that mean the same, "0.5" to "1". Default: "0.95".
	//
	// +optional
	Threshold CosineThreshold `json:"threshold,omitempty"`
	// embeddings is the model that gives questions their vectors, of a provider of any type but Anthropic.
	//
	// +optional
	Embeddings *TargetReference `json:"embeddings,omitempty"`
	// ttl is how long an answer is given, 1s to 720h. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('720h')",message="must be between 1s and 720h"
	TTL Duration `json:"ttl,omitempty"`
	// scope as of exact. Default: Key.
	//
	// +optional
	Scope CacheScope `json:"scope,omitempty"`
	// charge as of exact. Default: Free.
	//
	// +optional
	Charge CacheCharge `json:"charge,omitempty"`
	// anyTemperature as of exact. Default: false.
	//
	// +optional
	AnyTemperature *bool `json:"anyTemperature,omitempty"`
	// maxEntries bounds the questions that one pod remembers. Default: 10000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxEntries *int32 `json:"maxEntries,omitempty"`
}

// CosineThreshold is a number from 0.5 to 1, such as "0.95".
//
// +kubebuilder:validation:MaxLength=8
// +kubebuilder:validation:Pattern=`^(0\.[5-9][0-9]{0,5}|1(\.0{1,6})?)$`
type CosineThreshold string

// RouteCache is what a route does otherwise than its gateways. What is not set is as there, or the default.
//
// +kubebuilder:validation:MinProperties=1
type RouteCache struct {
	// exact answers requests that are the same as one before.
	//
	// +optional
	Exact *RouteExactCache `json:"exact,omitempty"`
	// semantic answers single questions that mean what one before did. It needs the gateway's embeddings.
	//
	// +optional
	Semantic *RouteSemanticCache `json:"semantic,omitempty"`
}

// RouteExactCache is what a route does otherwise.
//
// +kubebuilder:validation:MinProperties=1
type RouteExactCache struct {
	// enabled keeps answers. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// ttl is how long an answer is given, 1s to 720h.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('720h')",message="must be between 1s and 720h"
	TTL Duration `json:"ttl,omitempty"`
	// scope says who shares answers.
	//
	// +optional
	Scope CacheScope `json:"scope,omitempty"`
	// anyTemperature keeps answers to requests that ask for a temperature above zero, too.
	//
	// +optional
	AnyTemperature *bool `json:"anyTemperature,omitempty"`
}

// RouteSemanticCache is what a route does otherwise.
//
// +kubebuilder:validation:MinProperties=1
type RouteSemanticCache struct {
	// enabled compares meanings. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// threshold is the least cosine of questions that mean the same, "0.5" to "1".
	//
	// +optional
	Threshold CosineThreshold `json:"threshold,omitempty"`
}
