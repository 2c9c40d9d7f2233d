// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestEndpointsOfEveryType(t *testing.T) {
	tests := map[v1alpha1.ProviderType]struct {
		// byDefault is "" where there is none; added follows an endpoint without a path.
		byDefault, added string
	}{
		v1alpha1.ProviderOpenAI:           {"https://api.openai.com/v1", "/v1"},
		v1alpha1.ProviderAzureOpenAI:      {"", ""},
		v1alpha1.ProviderAnthropic:        {"https://api.anthropic.com", ""},
		v1alpha1.ProviderGemini:           {"https://generativelanguage.googleapis.com", ""},
		v1alpha1.ProviderVertexAI:         {"https://europe-west4-aiplatform.googleapis.com", ""},
		v1alpha1.ProviderBedrock:          {"https://bedrock-runtime.eu-central-1.amazonaws.com", ""},
		v1alpha1.ProviderMistral:          {"https://api.mistral.ai/v1", "/v1"},
		v1alpha1.ProviderCohere:           {"https://api.cohere.com", ""},
		v1alpha1.ProviderOllama:           {"", "/v1"},
		v1alpha1.ProviderOpenAICompatible: {"", "/v1"},
	}
	if len(tests) != len(config.ProviderTypes) {
		t.Fatalf("%d types are tested, of %d", len(tests), len(config.ProviderTypes))
	}
	for kind, test := range tests {
		t.Run(string(kind), func(t *testing.T) {
			compiled := func(endpoint string) (config.Provider, *compiler.Verdict) {
				out := mustServe(t, input(cloudSecret(), provider("llm", ofType(kind, func(s *spec) { s.Endpoint = endpoint }))))
				if verdict := out.Providers[name("llm")]; !verdict.Served() {
					return config.Provider{}, verdict
				}
				return out.Document.Core.Providers[0], &compiler.Verdict{}
			}
			got, verdict := compiled("")
			if got.Endpoint != test.byDefault {
				t.Errorf("by default %q, want %q", got.Endpoint, test.byDefault)
			}
			want := wantFindings{}
			if test.byDefault == "" {
				want.Accepted = compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: `spec.endpoint: type "` + string(kind) + `" has no default`}
			}
			if diff := cmp.Diff(want, findingsOf(verdict)); diff != "" {
				t.Errorf("without an endpoint (-want +got):\n%s", diff)
			}
			for endpoint, want := range map[string]string{
				"https://a.example.com":       "https://a.example.com" + test.added,
				"https://a.example.com/":      "https://a.example.com" + test.added,
				"https://a.example.com/b/c/":  "https://a.example.com/b/c",
				"http://10.0.0.1:8000/v1beta": "http://10.0.0.1:8000/v1beta",
			} {
				if got, verdict := compiled(endpoint); got.Endpoint != want {
					t.Errorf("%s becomes %q, want %q: %+v", endpoint, got.Endpoint, want, verdict)
				}
			}
		})
	}
}

func TestEndpointsOfLocations(t *testing.T) {
	for location, want := range map[string]string{
		"global":      "https://aiplatform.googleapis.com",
		"us":          "https://aiplatform.us.rep.googleapis.com",
		"eu":          "https://aiplatform.eu.rep.googleapis.com",
		"us-central1": "https://us-central1-aiplatform.googleapis.com",
	} {
		out := mustServe(t, input(cloudSecret(), provider("llm", ofType(v1alpha1.ProviderVertexAI, func(s *spec) { s.VertexAI.Location = location }))))
		got := out.Document.Core.Providers[0]
		if got.Endpoint != want || got.Location != location || got.Project != "example" {
			t.Errorf("%s: %q of project %q at %q", location, got.Endpoint, got.Project, got.Location)
		}
	}
}

// What the API server's rules refuse is refused here too: resources may come from files, or from before a rule.
func TestVerdictOnWhatGoesWithAnotherType(t *testing.T) {
	const (
		openAI  = v1alpha1.ProviderOpenAI
		bedrock = v1alpha1.ProviderBedrock
		vertex  = v1alpha1.ProviderVertexAI
		azure   = v1alpha1.ProviderAzureOpenAI
	)
	key := &v1alpha1.SecretKeyReference{Name: "cloud"}
	price := func(in, out, cached v1alpha1.USDollars) func(*spec) {
		return func(s *spec) {
			s.Models = []v1alpha1.ProviderModel{{Name: "m", Price: &v1alpha1.ModelPrice{InputPerMillion: in, OutputPerMillion: out, CachedInputPerMillion: cached}}}
		}
	}
	const noAmount = ": is not an amount below 10,000 with at most six decimals"
	tests := map[string]struct {
		edit func(*v1alpha1.ProviderPolicy)
		want []string
	}{
		"an API version elsewhere": {ofType(openAI, func(s *spec) { s.AzureOpenAI = &v1alpha1.AzureOpenAI{APIVersion: "v"} }),
			[]string{"spec.azureOpenAI: is for type AzureOpenAI only"}},
		"an API version that is a query": {ofType(azure, func(s *spec) { s.AzureOpenAI = &v1alpha1.AzureOpenAI{APIVersion: "a&b"} }),
			[]string{"spec.azureOpenAI.apiVersion: does not match ^[a-zA-Z0-9._-]{1,64}$"}},
		"a project elsewhere": {ofType(openAI, func(s *spec) { s.VertexAI = &v1alpha1.VertexAI{Project: "p", Location: "l"} }),
			[]string{"spec.vertexAI: is for type VertexAI only"}},
		"no project": {ofType(vertex, func(s *spec) { s.VertexAI = nil }),
			[]string{`spec.endpoint: type "VertexAI" has no default`, "spec.vertexAI: is required with type VertexAI"}},
		"an empty project and a location that is a host": {ofType(vertex, func(s *spec) { s.VertexAI = &v1alpha1.VertexAI{Location: "evil.example.com/"} }),
			[]string{"spec.vertexAI.project: empty", "spec.vertexAI.location: does not match ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}},
		"a region elsewhere": {ofType(openAI, func(s *spec) { s.Bedrock = &v1alpha1.Bedrock{Region: "r"} }),
			[]string{"spec.bedrock: is for type Bedrock only"}},
		"no region":       {ofType(bedrock, func(s *spec) { s.Bedrock, s.Endpoint = nil, "https://a" }), []string{"spec.bedrock: is required with type Bedrock"}},
		"an empty region": {ofType(bedrock, func(s *spec) { s.Bedrock.Region = "" }), []string{"spec.bedrock.region: empty"}},
		"no credentials":  {ofType(openAI, func(s *spec) { s.Credentials = nil }), []string{"spec.credentials: are required with type OpenAI"}},
		"empty credentials": {ofType(openAI, func(s *spec) { s.Credentials = &v1alpha1.Credentials{} }),
			[]string{"spec.credentials: exactly one of secretRef, aws, gcp and azure must be set"}},
		"two credentials": {ofType(bedrock, func(s *spec) { s.Credentials.SecretRef = key }),
			[]string{"spec.credentials: exactly one of secretRef, aws, gcp and azure must be set"}},
		"an API key for VertexAI": {ofType(vertex, func(s *spec) { s.Credentials = &v1alpha1.Credentials{SecretRef: key} }),
			[]string{"spec.credentials.secretRef: type VertexAI takes no API key: use gcp"}},
		"another cloud's": {ofType(openAI, func(s *spec) { s.Credentials = &v1alpha1.Credentials{AWS: &v1alpha1.AWSCredentials{}} }),
			[]string{"spec.credentials.aws: is for type Bedrock only"}},
		"keys and a role": {ofType(bedrock, func(s *spec) { s.Credentials.AWS.RoleARN = "arn:aws:iam::123456789012:role/a" }),
			[]string{"spec.credentials.aws: secretRef and roleARN exclude each other"}},
		"nobody at Microsoft": {ofType(azure, func(s *spec) { s.Credentials.Azure = &v1alpha1.AzureCredentials{ClientID: "a/b"} }),
			[]string{"spec.credentials.azure.tenantID: empty",
				"spec.credentials.azure.clientID: does not match ^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$"}},
		"a header that shows who calls": {ofType(openAI, func(s *spec) {
			s.Headers = &v1alpha1.HeaderEdits{Set: map[string]v1alpha1.HeaderValue{"x-amz-date": "a", "x-api-key": "b"},
				Remove: []v1alpha1.ForwardedHeader{"Api-Key"}}
		}), []string{"spec.headers.set: X-Amz-Date is the gateway's own", "spec.headers.set: X-Api-Key is the gateway's own",
			"spec.headers.remove[0]: Api-Key is the gateway's own"}},
		"a price that is none":      {ofType(openAI, price("three", "1", "")), []string{"spec.models[0].price.inputPerMillion" + noAmount}},
		"a price below zero":        {ofType(openAI, price("1", "-1", "")), []string{"spec.models[0].price.outputPerMillion" + noAmount}},
		"half of a price":           {ofType(openAI, price("1", "", "")), []string{"spec.models[0].price.outputPerMillion" + noAmount}},
		"a price too exact":         {ofType(openAI, price("1", "1", "0.0000001")), []string{"spec.models[0].price.cachedInputPerMillion" + noAmount}},
		"a price beyond all sense":  {ofType(openAI, price("10000", "1", "")), []string{"spec.models[0].price.inputPerMillion" + noAmount}},
		"a price with a line break": {ofType(openAI, price("1\n", "1", "")), []string{"spec.models[0].price.inputPerMillion" + noAmount}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(cloudSecret(), provider("llm", test.edit)))
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: strings.Join(test.want, "\n")}}
			if diff := cmp.Diff(want, findingsOf(out.Providers[own("llm")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPricesAreExact(t *testing.T) {
	tests := map[string]struct {
		price v1alpha1.ModelPrice
		want  config.Price
	}{
		"in dollars":            {v1alpha1.ModelPrice{InputPerMillion: "3", OutputPerMillion: "15.00"}, config.Price{Input: 3_000_000, Output: 15_000_000, CachedInput: 3_000_000, CacheWrite: 3_000_000}},
		"in parts of a cent":    {v1alpha1.ModelPrice{InputPerMillion: "0.0375", OutputPerMillion: "0", CachedInputPerMillion: "0.000001"}, config.Price{Input: 37_500, CachedInput: 1, CacheWrite: 37_500}},
		"free from the cache":   {v1alpha1.ModelPrice{InputPerMillion: "1", OutputPerMillion: "1", CachedInputPerMillion: "0"}, config.Price{Input: 1_000_000, Output: 1_000_000, CacheWrite: 1_000_000}},
		"as high as can be":     {v1alpha1.ModelPrice{InputPerMillion: "9999.999999", OutputPerMillion: "0000"}, config.Price{Input: 9_999_999_999, CachedInput: 9_999_999_999, CacheWrite: 9_999_999_999}},
		"as no float can write": {v1alpha1.ModelPrice{InputPerMillion: "0.1", OutputPerMillion: "0.3"}, config.Price{Input: 100_000, Output: 300_000, CachedInput: 100_000, CacheWrite: 100_000}},
		"of what is put into the cache": {v1alpha1.ModelPrice{InputPerMillion: "3", OutputPerMillion: "15", CacheWritePerMillion: "3.75"},
			config.Price{Input: 3_000_000, Output: 15_000_000, CachedInput: 3_000_000, CacheWrite: 3_750_000}},
		"of an answer, in nanodollars": {v1alpha1.ModelPrice{InputPerMillion: "0", OutputPerMillion: "0", PerRequest: "0.040001"},
			config.Price{Request: 40_001_000}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(cloudSecret(), provider("llm", ofType(v1alpha1.ProviderOpenAI, func(s *spec) {
				s.Models = []v1alpha1.ProviderModel{{Name: "m", Price: &test.price}, {Name: "n"}}
			}))))
			for _, m := range out.Document.Core.Models {
				want := &test.want
				if strings.HasSuffix(m.Name, "n") {
					want = nil
				}
				if diff := cmp.Diff(want, m.Price); diff != "" {
					t.Errorf("price of %s (-want +got):\n%s", m.Name, diff)
				}
			}
		})
	}
}
