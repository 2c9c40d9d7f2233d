// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Credentials are how the gateway shows itself to the provider: exactly one of the ways. What has no secretRef is the
// identity of the gateway's own pods, which only ProviderPolicies of the SparkGateway's namespace may use.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type Credentials struct {
	// secretRef names the Secret with the API key; with type Bedrock a Bedrock API key. A change to it is taken up without
	// restarting pods.
	//
	// +optional
	SecretRef *SecretKeyReference `json:"secretRef,omitempty"`
	// aws signs requests to Amazon Bedrock. Without a field, pods take what Amazon EKS gives them (Pod Identity).
	//
	// +optional
	AWS *AWSCredentials `json:"aws,omitempty"`
	// gcp sends access tokens to Vertex AI. Without a field, pods ask the metadata server (Workload Identity Federation for
	// GKE).
	//
	// +optional
	GCP *GCPCredentials `json:"gcp,omitempty"`
	// azure sends access tokens of Microsoft Entra ID to Azure OpenAI.
	//
	// +optional
	Azure *AzureCredentials `json:"azure,omitempty"`
}

// AWSCredentials are one of keys, a role, or, when empty, EKS Pod Identity.
//
// +kubebuilder:validation:MaxProperties=1
type AWSCredentials struct {
	// secretRef names the Secret with the keys "accessKeyID", "secretAccessKey" and, for temporary credentials,
	// "sessionToken". A change to it is taken up without restarting pods.
	//
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
	// roleARN of the IAM role that pods assume with a token of their ServiceAccount, which is named after the SparkGateway.
	// The role must trust the cluster's OIDC provider for that ServiceAccount and audience "sts.amazonaws.com". The first
	// provider that needs such a token replaces the pods once.
	//
	// +optional
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=600
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[a-zA-Z0-9+=,.@_/-]+$`
	RoleARN string `json:"roleARN,omitempty"`
}

// GCPCredentials are a credentials file, or, when empty, the metadata server's.
type GCPCredentials struct {
	// secretRef names the Secret with a credentials file: a service account's key, or the configuration of a workload
	// identity federation with the cluster, whose token pods have whatever the file says of its source. Its key is by
	// default "credentials.json". A change to it is taken up without restarting pods, except that the first provider of
	// a federation replaces them once.
	//
	// +optional
	SecretRef *SecretKeyReference `json:"secretRef,omitempty"`
}

// AzureCredentials are an application of Microsoft Entra ID, or a managed identity.
type AzureCredentials struct {
	// tenantID of the directory.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`
	TenantID string `json:"tenantID"`
	// clientID of the application or managed identity.
	//
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	ClientID string `json:"clientID"`
	// secretRef names the Secret with a client secret, by default under the key "clientSecret". A change to it is taken up
	// without restarting pods. Default: a token of the pods' ServiceAccount, which is named after the SparkGateway and whom
	// the application must trust by a federated credential of audience "api://AzureADTokenExchange" (workload identity). The
	// first provider that needs such a token replaces the pods once.
	//
	// +optional
	SecretRef *SecretKeyReference `json:"secretRef,omitempty"`
}

// AzureOpenAI is what only type AzureOpenAI has.
//
// +kubebuilder:validation:MinProperties=1
type AzureOpenAI struct {
	// apiVersion that deployments are asked with, such as "2024-10-21". Default: none, which uses the v1 API.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	APIVersion string `json:"apiVersion,omitempty"`
}

// VertexAI is what only type VertexAI has.
type VertexAI struct {
	// project that is billed, by ID or number.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-z0-9.:-]+$`
	Project string `json:"project"`
	// location that answers: a region such as "europe-west4", a multi-region ("us", "eu"), or "global". The default endpoint
	// is "https://<region>-aiplatform.googleapis.com", "https://aiplatform.<multi-region>.rep.googleapis.com" or
	// "https://aiplatform.googleapis.com".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	Location string `json:"location"`
}

// Bedrock is what only type Bedrock has.
type Bedrock struct {
	// region that answers and that requests are signed for, such as "eu-central-1".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	Region string `json:"region"`
}
