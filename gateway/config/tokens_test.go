// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestTokensHavePathsOfTheirOwn(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9-]{1,49}/token$`)
	seen := map[string]string{}
	for _, audience := range []string{
		config.AWSAudience, config.AzureAudience, "sts-amazonaws-com", "", "/", "../../etc", "é", strings.Repeat("a", 1000),
		"https:" + federationName, "https:" + federationName + "2",
	} {
		below := config.TokenPath(audience)
		if !form.MatchString(below) {
			t.Errorf("%q stands in %q", audience, below)
		}
		if other, taken := seen[below]; taken {
			t.Errorf("%q and %q stand in one file", audience, other)
		}
		seen[below] = audience
		if file := config.TokenFile(audience); file != path.Join(config.TokenDir, below) {
			t.Errorf("%q stands in file %q", audience, file)
		}
	}
	// Pods that were made by an older operator have the token where that one put it.
	if got := config.TokenFile(config.AWSAudience); got != "/var/run/spark/tokens/sts-amazonaws-com-59172549/token" {
		t.Errorf("the token for AWS stands in %s", got)
	}
}

func TestOnlyAFederationHasAnAudience(t *testing.T) {
	for configured, want := range map[string]bool{
		federationName:                   true,
		federationName + "/":             false,
		"https:" + federationName:        false,
		"":                               false,
		"https://kubernetes.default.svc": false,
		"//kubernetes.default.svc":       false,
		"//iam.googleapis.com/":          false,
		"//iam.googleapis.com/locations/global/workforcePools/pool/providers/p":           false,
		strings.Replace(federationName, "iam.googleapis.com", "iamXgoogleapis.com", 1):    false,
		strings.Replace(federationName, "/pool/", "/pool/x/", 1):                          false,
		"//evil.example.com" + strings.TrimPrefix(federationName, "//iam.googleapis.com"): false,
		strings.Replace(federationName, "123", "my-project", 1):                           false,
	} {
		got, ok := config.GCPAudience(configured)
		if ok != want || ok && got != "https:"+configured {
			t.Errorf("%q: %q, %t", configured, got, ok)
		}
	}
}

func TestAudiencesAreThoseThatProvidersNeed(t *testing.T) {
	role := config.Provider{AWS: &config.AWSIdentity{RoleARN: "r", TokenFile: "/t"}}
	federated := func(audience string) config.Provider {
		return config.Provider{GCP: &config.GCPIdentity{Key: "k", TokenFile: "/t", Audience: audience}}
	}
	tests := map[string]struct {
		providers []config.Provider
		want      []string
	}{
		"none": {nil, nil},
		"identities without tokens": {[]config.Provider{
			{}, {Credential: "c"}, {AWS: &config.AWSIdentity{}}, {GCP: &config.GCPIdentity{Key: "k"}}, {Azure: &config.AzureIdentity{ClientSecret: "s"}},
		}, nil},
		"each once, sorted": {
			[]config.Provider{role, federated("https://b"), {Azure: &config.AzureIdentity{TokenFile: "/t"}}, role, federated("https://a")},
			[]string{config.AzureAudience, "https://a", "https://b", config.AWSAudience}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			core := config.Core{Providers: test.providers}
			if diff := cmp.Diff(test.want, core.Audiences()); diff != "" {
				t.Errorf("audiences (-want +got):\n%s", diff)
			}
		})
	}
}
