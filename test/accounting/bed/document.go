// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bed

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// What opens the fake providers.
const providerKey = "sk-provider-secret"

var awsKey = fakeprovider.AWSKey{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "aws-secret-0123456789"}

// Kinds are the types of providers, with where the fake provider has each.
var Kinds = map[config.ProviderType]string{
	config.OpenAI: "/v1", config.AzureOpenAI: "", config.Anthropic: "", config.Gemini: "", config.VertexAI: "", config.Bedrock: "",
	config.Mistral: "/mistral/v1", config.Cohere: "", config.Ollama: "/ollama/v1", config.OpenAICompatible: "/compatible/v1",
}

// Provider starts a fake provider that remembers so many requests, until the test ends.
func Provider(t testing.TB, records int) *fakeprovider.Server {
	t.Helper()
	server := fakeprovider.New(fakeprovider.Options{
		APIKeys: []string{providerKey}, AWSKeys: []fakeprovider.AWSKey{awsKey}, RecordLimit: records, RecordBodyLimit: 2 << 10,
	})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// Clouds gives what a Living needs so that VertexAI's credential is found.
func Clouds(t testing.TB, opts *gateway.LivingOptions) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"`+providerKey+`","expires_in":3600,"token_type":"Bearer"}`)
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	opts.Credentials.Getenv = func(name string) string { return map[string]string{"GCE_METADATA_HOST": address}[name] }
}

// Key gives an API key for a user, which is its name too.
func Key(user string) config.Key {
	return config.Key{ID: "default/" + user, User: user, Digest: config.DigestKey(Secret(user))}
}

// Secret is what a user shows.
func Secret(user string) string { return "sk-" + user + "-0123456789abcdef0123456789abcdef" }

// Document is a gateway without limits in front of a fake provider that is there once as each type, with the ID
// "default/TYPE"; nothing opens a breaker. Everything else is the test's.
func Document(provider *fakeprovider.Server) *config.Document {
	d := &config.Document{
		Core: config.Core{
			Schema: config.Schema,
			Gateway: config.Gateway{
				ID: "default/main", MaxBodyBytes: 1 << 20, MaxHeaderBytes: 16 << 10, BodyTimeout: config.Duration(10 * time.Second),
				MaxConnections: 5000, DrainTimeout: config.Duration(10 * time.Second), AccessLog: true,
			},
		},
		Secrets: map[string]config.Secret{
			"key": config.NewSecret(providerKey), "aws-id": config.NewSecret(awsKey.AccessKeyID),
			"aws-secret": config.NewSecret(awsKey.SecretAccessKey),
		},
	}
	for kind, path := range Kinds {
		d.Core.Providers = append(d.Core.Providers, providerOf(kind, provider.URL()+path))
	}
	return d
}

func providerOf(kind config.ProviderType, endpoint string) config.Provider {
	p := config.Provider{
		ID: "default/" + strings.ToLower(string(kind)), Name: strings.ToLower(string(kind)), Type: kind, Endpoint: endpoint,
		Credential: "key",
		Timeouts: config.Timeouts{
			Connect: config.Duration(30 * time.Second), FirstToken: config.Duration(time.Minute),
			BetweenTokens: config.Duration(time.Minute), Total: config.Duration(2 * time.Minute),
		},
		Breaker: config.Breaker{
			ConsecutiveFailures: 1_000_000, FailurePercent: 100, MinRequests: 1_000_000, Window: config.Duration(time.Minute),
			OpenFor: config.Duration(time.Second), Probes: 1,
		},
		Retry: config.Retry{
			Attempts: 1, Backoff: config.Duration(time.Millisecond), MaxBackoff: config.Duration(time.Millisecond),
			On: config.RetryConditions, BudgetPercent: 100,
		},
		Quota: config.Quota{QueueTimeout: config.Duration(time.Second)},
	}
	switch kind {
	case config.VertexAI:
		p.Credential, p.Project, p.Location, p.GCP = "", "acme", "europe-west1", &config.GCPIdentity{}
	case config.Bedrock:
		p.Credential = ""
		p.AWS = &config.AWSIdentity{Region: "eu-central-1", AccessKeyID: "aws-id", SecretAccessKey: "aws-secret"}
	default:
	}
	return p
}

// Target is a provider's model, by type; upstream may carry the fake provider's directives.
func Target(kind config.ProviderType, upstream string, tier, weight int64, price *config.Price) config.Target {
	return config.Target{
		Provider: "default/" + strings.ToLower(string(kind)), Model: upstream, Upstream: upstream, Tier: tier, Weight: weight,
		Price: price,
	}
}

// Route takes all models of a name that ends in "-*" to targets.
func Route(name string, targets ...config.Target) config.Route {
	return config.Route{
		ID: "default/" + name, Models: []string{name + "-*"}, Strategy: config.Weighted, Targets: targets,
	}
}
