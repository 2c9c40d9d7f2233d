// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	federationName = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"
	canary         = "canary-of-an-identity"
)

// valid gives a provider of each type with what it needs.
func valid(kind config.ProviderType) func(*config.Provider) {
	return func(p *config.Provider) {
		p.Type = kind
		switch kind {
		case config.VertexAI:
			p.Credential, p.GCP, p.Project, p.Location = "", &config.GCPIdentity{}, "project", "global"
		case config.Bedrock:
			p.Credential, p.AWS = "", &config.AWSIdentity{Region: "eu-central-1"}
		case config.AzureOpenAI:
			p.Credential, p.Azure = "", &config.AzureIdentity{TenantID: "t", ClientID: "c", ClientSecret: "canary"}
		case config.Ollama, config.OpenAICompatible:
			p.Credential = ""
		}
	}
}

func aws(edit func(*config.AWSIdentity)) func(*config.Provider) {
	return func(p *config.Provider) {
		valid(config.Bedrock)(p)
		edit(p.AWS)
	}
}

func gcp(edit func(*config.GCPIdentity)) func(*config.Provider) {
	return func(p *config.Provider) {
		valid(config.VertexAI)(p)
		edit(p.GCP)
	}
}

func azure(edit func(*config.AzureIdentity)) func(*config.Provider) {
	return func(p *config.Provider) {
		valid(config.AzureOpenAI)(p)
		edit(p.Azure)
	}
}

// problemsOf gives what Validate says of a provider.
func problemsOf(t *testing.T, edit func(*config.Provider)) string {
	t.Helper()
	d := document(func(d *config.Document) {
		d.Secrets["canary"] = config.NewSecret(canary)
		edit(&d.Core.Providers[0])
	})
	err := d.Validate()
	if err == nil {
		return ""
	}
	if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), providerSecret) {
		t.Error("the problem quotes a secret")
	}
	return err.Error()
}

func TestEveryTypeOfProviderIsValidWithWhatItNeeds(t *testing.T) {
	if len(config.ProviderTypes) != 10 {
		t.Fatalf("%d types", len(config.ProviderTypes))
	}
	for _, kind := range config.ProviderTypes {
		t.Run(string(kind), func(t *testing.T) {
			if got := problemsOf(t, valid(kind)); got != "" {
				t.Error(got)
			}
			withKey := func(p *config.Provider) {
				valid(kind)(p)
				p.Credential, p.AWS, p.GCP, p.Azure = "provider/team/llm", nil, nil, nil
			}
			want := ""
			if kind == config.VertexAI {
				want = "providers[0].credential: type VertexAI takes no API key"
			}
			if got := problemsOf(t, withKey); got != want {
				t.Errorf("with an API key %q, want %q", got, want)
			}
			withNone := func(p *config.Provider) {
				valid(kind)(p)
				p.Credential, p.AWS, p.GCP, p.Azure = "", nil, nil, nil
			}
			want = "providers[0]: no credential, which type " + string(kind) + " requires"
			if kind == config.Ollama || kind == config.OpenAICompatible {
				want = ""
			}
			if got := problemsOf(t, withNone); got != want {
				t.Errorf("without a credential %q, want %q", got, want)
			}
		})
	}
}

func TestIdentitiesThatAreNotValid(t *testing.T) {
	kind := func(kind config.ProviderType, edit func(*config.Provider)) func(*config.Provider) {
		return func(p *config.Provider) {
			valid(kind)(p)
			edit(p)
		}
	}
	role := func(edit func(*config.AWSIdentity)) func(*config.Provider) {
		return aws(func(a *config.AWSIdentity) {
			a.RoleARN, a.TokenFile = "arn:aws:iam::123456789012:role/spark", config.TokenFile(config.AWSAudience)
			edit(a)
		})
	}
	tests := map[string]struct {
		edit func(*config.Provider)
		want string
	}{
		"an API key and an identity": {kind(config.Bedrock, func(p *config.Provider) { p.Credential = "canary" }),
			"providers[0]: credential and aws exclude each other"},
		"an identity of another cloud": {kind(config.OpenAI, func(p *config.Provider) { p.AWS = &config.AWSIdentity{Region: "a"} }),
			"providers[0].aws: only with type Bedrock\nproviders[0]: credential and aws exclude each other"},
		"Google's identity elsewhere": {kind(config.Gemini, func(p *config.Provider) { p.Credential, p.GCP = "", &config.GCPIdentity{} }),
			"providers[0].gcp: only with type VertexAI"},
		"Azure's identity elsewhere": {kind(config.OpenAI, func(p *config.Provider) {
			p.Credential, p.Azure = "", &config.AzureIdentity{TenantID: "t", ClientID: "c", ClientSecret: "canary"}
		}), "providers[0].azure: only with type AzureOpenAI"},
		"an API version elsewhere": {kind(config.OpenAI, func(p *config.Provider) { p.APIVersion = "v" }),
			"providers[0].apiVersion: only with type AzureOpenAI"},
		"an API version that is a query": {kind(config.AzureOpenAI, func(p *config.Provider) { p.APIVersion = "a&b=c" }),
			"providers[0].apiVersion: does not match ^[a-zA-Z0-9._-]{1,64}$"},
		"a project elsewhere": {kind(config.Gemini, func(p *config.Provider) { p.Project, p.Location = "p", "l" }),
			"providers[0].project: only with type VertexAI\nproviders[0].location: only with type VertexAI"},
		"no project":            {kind(config.VertexAI, func(p *config.Provider) { p.Project = "" }), "providers[0].project: required with type VertexAI"},
		"a project with a path": {kind(config.VertexAI, func(p *config.Provider) { p.Project = "a/b" }), "providers[0].project: does not match ^[a-z0-9.:-]{1,128}$"},
		"no location":           {kind(config.VertexAI, func(p *config.Provider) { p.Location = "" }), "providers[0].location: required with type VertexAI"},
		"no region":             {aws(func(a *config.AWSIdentity) { a.Region = "" }), "providers[0].aws.region: does not match ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
		"a region that is a host": {aws(func(a *config.AWSIdentity) { a.Region = "evil.example.com/" }),
			"providers[0].aws.region: does not match ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
		"keys": {aws(func(a *config.AWSIdentity) {
			a.AccessKeyID, a.SecretAccessKey, a.SessionToken = "canary", "canary", "canary"
		}), ""},
		"half of a key": {aws(func(a *config.AWSIdentity) { a.AccessKeyID = "canary" }),
			"providers[0].aws: accessKeyID and secretAccessKey go together"},
		"a session without a key": {aws(func(a *config.AWSIdentity) { a.SessionToken = "canary" }),
			"providers[0].aws: accessKeyID and secretAccessKey go together"},
		"keys that are not there": {aws(func(a *config.AWSIdentity) { a.AccessKeyID, a.SecretAccessKey, a.SessionToken = "a", "b", "c" }),
			"providers[0].aws.accessKeyID: no secret named \"a\"\nproviders[0].aws.secretAccessKey: no secret named \"b\"\n" +
				"providers[0].aws.sessionToken: no secret named \"c\""},
		"a role":                             {role(func(*config.AWSIdentity) {}), ""},
		"a role at an endpoint of one's own": {role(func(a *config.AWSIdentity) { a.STSEndpoint = "https://sts.example.com" }), ""},
		"a role at what is no endpoint": {role(func(a *config.AWSIdentity) { a.STSEndpoint = "sts.example.com" }),
			"providers[0].aws.stsEndpoint: must begin with http:// or https://"},
		"a role and keys": {role(func(a *config.AWSIdentity) { a.AccessKeyID, a.SecretAccessKey = "canary", "canary" }),
			"providers[0].aws: keys and roleARN exclude each other"},
		"a role without a token": {role(func(a *config.AWSIdentity) { a.TokenFile = "" }), "providers[0].aws: roleARN and tokenFile go together"},
		"a token without a role": {role(func(a *config.AWSIdentity) { a.RoleARN = "" }), "providers[0].aws: roleARN and tokenFile go together"},
		"a token with a relative path": {role(func(a *config.AWSIdentity) { a.TokenFile = "token" }),
			"providers[0].aws.tokenFile: is not a clean absolute path"},
		"a token with a path that climbs": {role(func(a *config.AWSIdentity) { a.TokenFile = "/var/../etc/token" }),
			"providers[0].aws.tokenFile: is not a clean absolute path"},
		"an endpoint without a role": {aws(func(a *config.AWSIdentity) { a.STSEndpoint = "https://sts.example.com" }),
			"providers[0].aws.stsEndpoint: only with roleARN"},
		"a service account's key": {gcp(func(g *config.GCPIdentity) { g.Key = "canary" }), ""},
		"a federation":            {gcp(func(g *config.GCPIdentity) { g.Key, g.TokenFile, g.Audience = "canary", "/t", "https:"+federationName }), ""},
		"a key that is not there": {gcp(func(g *config.GCPIdentity) { g.Key = "nowhere" }), `providers[0].gcp.key: no secret named "nowhere"`},
		"a federation without an audience": {gcp(func(g *config.GCPIdentity) { g.Key, g.TokenFile = "canary", "/t" }),
			"providers[0].gcp: tokenFile and audience go together"},
		"a federation without a configuration": {gcp(func(g *config.GCPIdentity) { g.TokenFile, g.Audience = "/t", "https:"+federationName }),
			"providers[0].gcp.tokenFile: only with key"},
		"a federation with the cluster for its audience": {
			gcp(func(g *config.GCPIdentity) {
				g.Key, g.TokenFile, g.Audience = "canary", "/t", "https://kubernetes.default.svc"
			}),
			"providers[0].gcp.audience: is not the URL of a workload identity pool's provider"},
		"a federation whose audience is no URL": {
			gcp(func(g *config.GCPIdentity) { g.Key, g.TokenFile, g.Audience = "canary", "/t", federationName }),
			"providers[0].gcp.audience: is not the URL of a workload identity pool's provider"},
		"a federated token": {azure(func(a *config.AzureIdentity) { a.ClientSecret, a.TokenFile = "", "/t" }), ""},
		"a secret and a token": {azure(func(a *config.AzureIdentity) { a.TokenFile = "/t" }),
			"providers[0].azure: needs either clientSecret or tokenFile"},
		"neither secret nor token": {azure(func(a *config.AzureIdentity) { a.ClientSecret = "" }),
			"providers[0].azure: needs either clientSecret or tokenFile"},
		"nobody": {azure(func(a *config.AzureIdentity) { a.TenantID, a.ClientID = "", "" }),
			"providers[0].azure.tenantID: does not match ^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$\n" +
				"providers[0].azure.clientID: does not match ^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$"},
		"a directory that is a path": {azure(func(a *config.AzureIdentity) { a.TenantID = "a/../b" }),
			"providers[0].azure.tenantID: does not match ^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$"},
		"a secret that is not there": {azure(func(a *config.AzureIdentity) { a.ClientSecret = "nowhere" }),
			`providers[0].azure.clientSecret: no secret named "nowhere"`},
		"an authority that is no URL": {azure(func(a *config.AzureIdentity) { a.Authority = "login.example.com" }),
			"providers[0].azure.authority: must begin with http:// or https://"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := problemsOf(t, test.edit); got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
}

func TestHeadersThatShowTheGatewayToAProviderAreNotEdited(t *testing.T) {
	for name, own := range map[string]bool{
		"Authorization": true, "X-Api-Key": true, "Api-Key": true, "X-Goog-Api-Key": true, "X-Amz-Date": true, "X-Amz-Security-Token": true,
		"X-Amzn-Bedrock-Guardrailidentifier": false, "X-Tenant": false, "Anthropic-Beta": false, "Anthropic-Version": false,
		"X-Goog-User-Project": false, "Te": true, "Content-Length": true,
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{"set": "", "remove": ""}
			if own {
				want["set"] = "providers[0].setHeaders[0]: " + name + " is the gateway's own"
				want["remove"] = "providers[0].removeHeaders[0]: " + strings.ToLower(name) + " is the gateway's own"
			}
			set := problemsOf(t, func(p *config.Provider) { p.SetHeaders = []config.Header{{Name: name, Value: "v"}} })
			removed := problemsOf(t, func(p *config.Provider) { p.RemoveHeaders = []string{strings.ToLower(name)} })
			if set != want["set"] || removed != want["remove"] {
				t.Errorf("set: %q, removed: %q", set, removed)
			}
		})
	}
}

func TestSecretNamesAreAllThatCredentialsAreMadeOf(t *testing.T) {
	p := config.Provider{
		Credential: "a", AWS: &config.AWSIdentity{AccessKeyID: "b", SecretAccessKey: "c", SessionToken: "d"},
		GCP: &config.GCPIdentity{Key: "e"}, Azure: &config.AzureIdentity{ClientSecret: "f"},
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "f"}, p.SecretNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	none := config.Provider{AWS: &config.AWSIdentity{}, GCP: &config.GCPIdentity{}, Azure: &config.AzureIdentity{}}
	if got := none.SecretNames(); len(got) > 0 {
		t.Errorf("names %q", got)
	}
}
