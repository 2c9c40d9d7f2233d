// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "slices"

// ProviderType is the protocol that a provider speaks and how it takes credentials.
type ProviderType string

// The provider types.
const (
	OpenAI           ProviderType = "OpenAI"
	AzureOpenAI      ProviderType = "AzureOpenAI"
	Anthropic        ProviderType = "Anthropic"
	Gemini           ProviderType = "Gemini"
	VertexAI         ProviderType = "VertexAI"
	Bedrock          ProviderType = "Bedrock"
	Mistral          ProviderType = "Mistral"
	Cohere           ProviderType = "Cohere"
	Ollama           ProviderType = "Ollama"
	OpenAICompatible ProviderType = "OpenAICompatible"
)

// ProviderTypes are all that this version knows.
var ProviderTypes = []ProviderType{
	OpenAI, AzureOpenAI, Anthropic, Gemini, VertexAI, Bedrock, Mistral, Cohere, Ollama, OpenAICompatible,
}

// Known says whether this version has such a type.
func (t ProviderType) Known() bool { return slices.Contains(ProviderTypes, t) }

// Embeds says whether providers of the type make embeddings, which a semantic cache asks for.
func (t ProviderType) Embeds() bool { return t != Anthropic }

// Moderates says whether providers of the type have OpenAI's /v1/moderations. AzureOpenAI has none where an API version is
// given, as what has one is asked of deployments.
func (t ProviderType) Moderates(apiVersion string) bool {
	switch t {
	case OpenAI, Mistral, OpenAICompatible:
		return true
	case AzureOpenAI:
		return apiVersion == ""
	default:
		return false
	}
}

// Provider is one upstream.
type Provider struct {
	// ID is "namespace/name" of the ProviderPolicy; living state (connections, breakers) is keyed by it.
	ID string `json:"id"`
	// Name is how clients name it in "provider/model".
	Name string       `json:"name"`
	Type ProviderType `json:"type"`
	// Endpoint is an absolute http or https URL without query or fragment; paths such as "/chat/completions" are
	// appended to it.
	Endpoint string `json:"endpoint"`
	// APIVersion is the api-version of AzureOpenAI's deployment URLs; empty uses its versionless v1 API.
	APIVersion string `json:"apiVersion,omitempty"`
	// Project and Location are VertexAI's.
	Project  string `json:"project,omitempty"`
	Location string `json:"location,omitempty"`
	// Credential names the API key in Document.Secrets. Exactly one of it and the identities is there, or, with Ollama and
	// OpenAICompatible, none, which sends none. AWS goes with Bedrock, GCP with VertexAI, Azure with AzureOpenAI, and VertexAI
	// takes no API key.
	Credential string         `json:"credential,omitempty"`
	AWS        *AWSIdentity   `json:"aws,omitempty"`
	GCP        *GCPIdentity   `json:"gcp,omitempty"`
	Azure      *AzureIdentity `json:"azure,omitempty"`
	// CA is a PEM bundle that replaces the system's roots; empty keeps them.
	CA string `json:"ca,omitempty"`
	// ServerName overrides the name that the provider's certificate is checked for.
	ServerName string `json:"serverName,omitempty"`
	// SetHeaders replace, RemoveHeaders drop header fields of the request that goes upstream.
	SetHeaders    []Header `json:"setHeaders,omitempty"`
	RemoveHeaders []string `json:"removeHeaders,omitempty"`
	Timeouts      Timeouts `json:"timeouts"`
	// Breaker is that of each of the provider's models.
	Breaker Breaker `json:"breaker"`
	Retry   Retry   `json:"retry"`
	Quota   Quota   `json:"quota"`
	// HealthCheck is nil for none.
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`
	// AnyModel says that the provider declared no models, so that it is asked for whatever a client names.
	AnyModel bool `json:"anyModel,omitempty"`
}

// SecretNames gives the names in Document.Secrets of all that the provider's credentials are made of.
func (p *Provider) SecretNames() []string {
	names := []string{p.Credential}
	if a := p.AWS; a != nil {
		names = append(names, a.AccessKeyID, a.SecretAccessKey, a.SessionToken)
	}
	if p.GCP != nil {
		names = append(names, p.GCP.Key)
	}
	if p.Azure != nil {
		names = append(names, p.Azure.ClientSecret)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// AWSIdentity signs requests (SigV4) with static keys, or those of a role that is assumed with a token of the pod's
// ServiceAccount. Without either, credentials come from the environment that Amazon EKS gives a pod (Pod Identity).
type AWSIdentity struct {
	// Region that requests are signed for.
	Region string `json:"region"`
	// AccessKeyID, SecretAccessKey and SessionToken name parts of a static credential in Document.Secrets; the last may
	// be empty.
	AccessKeyID     string `json:"accessKeyID,omitempty"`
	SecretAccessKey string `json:"secretAccessKey,omitempty"`
	SessionToken    string `json:"sessionToken,omitempty"`
	// RoleARN is assumed with the web identity token in TokenFile, of audience AWSAudience.
	RoleARN   string `json:"roleARN,omitempty"`
	TokenFile string `json:"tokenFile,omitempty"`
	// STSEndpoint is the URL where, by default the region's.
	STSEndpoint string `json:"stsEndpoint,omitempty"`
}

// GCPIdentity gets access tokens of Google Cloud. Without a member they come from the metadata server.
type GCPIdentity struct {
	// Key names a credentials file in Document.Secrets: a service account's key, or the configuration of a workload identity
	// federation.
	Key string `json:"key,omitempty"`
	// TokenFile and Audience are where the token for a federation stands in the pod, whatever the configuration says of its
	// source, and for whom it is made; both are empty with a service account's key.
	TokenFile string `json:"tokenFile,omitempty"`
	Audience  string `json:"audience,omitempty"`
}

// AzureIdentity gets access tokens of Microsoft Entra ID, by a client secret or by a federated token of audience
// AzureAudience.
type AzureIdentity struct {
	TenantID string `json:"tenantID"`
	ClientID string `json:"clientID"`
	// ClientSecret names the secret in Document.Secrets; empty uses TokenFile.
	ClientSecret string `json:"clientSecret,omitempty"`
	TokenFile    string `json:"tokenFile,omitempty"`
	// Authority is the URL of the authority, by default the public cloud's.
	Authority string `json:"authority,omitempty"`
}
