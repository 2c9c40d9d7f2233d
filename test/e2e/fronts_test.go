// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// front is one ProviderPolicy in front of the fake provider. It answers to the model via-<its name>.
type front struct {
	kind v1alpha1.ProviderType
	// below the fake provider's root is where this type is.
	below string
	// credentials is that field of the policy, own the line of the field that only this type has.
	credentials, own string
	// path begins that of each request that the provider gets, and key is whose it is, empty for none.
	path, key string
	// unbilled are tokens of a prompt that the provider counts and does not bill, for its own instructions.
	unbilled int
}

const (
	byKey     = "{secretRef: {name: provider}}"
	byAWSKeys = "{aws: {secretRef: {name: provider-aws}}}"
	region    = "bedrock: {region: eu-central-1}"
)

// fronts are of every type that can be asked without a cloud, and some types twice, where they have two ways.
var fronts = map[string]front{
	"openai": {kind: v1alpha1.ProviderOpenAI, below: "/v1", credentials: byKey, path: "/v1/", key: providerKey},
	"azure":  {kind: v1alpha1.ProviderAzureOpenAI, credentials: byKey, path: "/openai/v1/", key: providerKey},
	"azure-2024": {
		kind: v1alpha1.ProviderAzureOpenAI, credentials: byKey, own: `azureOpenAI: {apiVersion: "2024-10-21"}`,
		path: "/openai/", key: providerKey,
	},
	"anthropic": {kind: v1alpha1.ProviderAnthropic, credentials: byKey, path: "/v1/messages", key: providerKey},
	"gemini":    {kind: v1alpha1.ProviderGemini, credentials: byKey, path: "/v1beta/models/fake-model:", key: providerKey},
	"bedrock": {
		kind: v1alpha1.ProviderBedrock, credentials: byKey, own: region,
		path: "/model/fake-model/converse", key: providerKey,
	},
	"bedrock-aws": {
		kind: v1alpha1.ProviderBedrock, credentials: byAWSKeys, own: region,
		path: "/model/fake-model/converse", key: awsID,
	},
	"mistral": {
		kind: v1alpha1.ProviderMistral, below: "/mistral/v1", credentials: byKey,
		path: "/mistral/v1/chat/completions", key: providerKey,
	},
	"cohere": {kind: v1alpha1.ProviderCohere, credentials: byKey, path: "/v2/chat", key: providerKey, unbilled: 3},
	"ollama": {kind: v1alpha1.ProviderOllama, below: "/ollama/v1", path: "/ollama/v1/chat/completions"},
	"compatible": {
		kind: v1alpha1.ProviderOpenAICompatible, below: "/compatible/v1", credentials: byKey,
		path: "/compatible/v1/chat/completions", key: providerKey,
	},
}

// vertex is the one whose access tokens come from Google alone.
var vertex = front{
	kind: v1alpha1.ProviderVertexAI, credentials: "{gcp: {secretRef: {name: provider-gcp, key: key.json}}}",
	own: "vertexAI: {project: acme, location: europe-west4}",
}

// two is a gateway with two pods, a key for it, and what providers take.
const two = `
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {replicas: 2}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: alice}
spec: {user: alice, gatewayRefs: [{name: main}]}
---
apiVersion: v1
kind: Secret
metadata: {name: provider}
stringData: {apiKey: ` + providerKey + `}
---
apiVersion: v1
kind: Secret
metadata: {name: provider-aws}
stringData: {accessKeyID: ` + awsID + `, secretAccessKey: ` + awsSecret + `}
`

// policy is the manifest of a front.
func (f front) policy(name string) string {
	manifest := fmt.Sprintf(`
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: %s}
spec:
  gatewayRefs: [{name: main}]
  type: %s
  endpoint: http://fake.NAMESPACE.svc:9000%s
  models: [{name: via-%s, upstream: fake-model}]
`, name, f.kind, f.below, name)
	if f.credentials != "" {
		manifest += "  credentials: " + f.credentials + "\n"
	}
	if f.own != "" {
		manifest += "  " + f.own + "\n"
	}
	return manifest
}

// serviceAccount makes a key file of Google Cloud's whose account does not exist, and gives its private key, too.
func serviceAccount(t *testing.T) (key, file string) {
	t.Helper()
	private := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	encoded := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(private))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	return key, string(must[[]byte](t)(json.Marshal(map[string]string{
		"type": "service_account", "project_id": "acme", "private_key_id": "0123456789abcdef0123456789abcdef01234567",
		"private_key": key, "client_email": "spark-e2e@acme.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
	})))
}
