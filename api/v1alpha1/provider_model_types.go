// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ProviderModel is one model of a provider.
type ProviderModel struct {
	// name that applications and routes call it.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`
	Name string `json:"name"`
	// upstream is what the provider calls it: a model, a deployment (AzureOpenAI), an inference profile (Bedrock). Default:
	// name.
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
	// price of its tokens, by which the cost of an answer is told. Default: none, and no cost is told.
	//
	// +optional
	Price *ModelPrice `json:"price,omitempty"`
}

// ModelPrice is what a model's tokens cost.
type ModelPrice struct {
	// inputPerMillion is the price of a million tokens of prompt, in US dollars.
	//
	// +required
	InputPerMillion USDollars `json:"inputPerMillion"`
	// outputPerMillion is the price of a million tokens of answer, those of reasoning among them, in US dollars; "0" for
	// models that answer without tokens, such as embeddings.
	//
	// +required
	OutputPerMillion USDollars `json:"outputPerMillion"`
	// cachedInputPerMillion is the price of a million tokens of prompt that the provider read from its cache, in US dollars.
	// Default: inputPerMillion.
	//
	// +optional
	CachedInputPerMillion USDollars `json:"cachedInputPerMillion,omitempty"`
	// cacheWritePerMillion is the price of a million tokens of prompt that the provider put into its cache, in US dollars.
	// Default: inputPerMillion.
	//
	// +optional
	CacheWritePerMillion USDollars `json:"cacheWritePerMillion,omitempty"`
	// perRequest is the price of an answer beside that of its tokens, in US dollars, as of a search, and of each of several
	// images. Default: 0.
	//
	// +optional
	PerRequest USDollars `json:"perRequest,omitempty"`
}

// USDollars is an amount below 10,000 US dollars with at most six decimals, such as "3" or "0.075".
//
// +kubebuilder:validation:Pattern=`^[0-9]{1,4}(\.[0-9]{1,6})?$`
// +kubebuilder:validation:MaxLength=11
type USDollars string
