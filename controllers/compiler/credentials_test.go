// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// cloudSecret has what every way to show oneself asks for.
func cloudSecret() *corev1.Secret {
	return secret("cloud", "apiKey", "canary-api-key", "accessKeyID", "canary-access-key-id", "secretAccessKey", "canary-secret-access-key",
		"credentials.json", certificates()["@GOOGLE@"], "clientSecret", "canary-client-secret")
}

// without takes keys from a Secret.
func without(s *corev1.Secret, keys ...string) *corev1.Secret {
	for _, key := range keys {
		delete(s.Data, key)
	}
	return s
}

// with puts a value into a Secret.
func with(s *corev1.Secret, key, value string) *corev1.Secret {
	s.Data[key] = []byte(value)
	return s
}

type spec = v1alpha1.ProviderPolicySpec

func TestCredentialsOfClouds(t *testing.T) {
	const (
		bedrock = v1alpha1.ProviderBedrock
		vertex  = v1alpha1.ProviderVertexAI
		azure   = v1alpha1.ProviderAzureOpenAI
		prefix  = "provider/team/llm"
		pool    = "https://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"
		role    = "arn:aws:iam::123456789012:role/spark"
	)
	tests := map[string]struct {
		edit   func(*v1alpha1.ProviderPolicy)
		secret *corev1.Secret
		want   config.Provider // its identities
		// wantSecrets are the document's, by name.
		wantSecrets map[string]string
	}{
		"a Bedrock API key": {
			ofType(bedrock, func(s *spec) {
				s.Credentials = &v1alpha1.Credentials{SecretRef: &v1alpha1.SecretKeyReference{Name: "cloud"}}
			}), cloudSecret(),
			config.Provider{Credential: prefix}, map[string]string{prefix: "canary-api-key"}},
		"AWS's keys": {ofType(bedrock), cloudSecret(),
			config.Provider{AWS: &config.AWSIdentity{Region: "eu-central-1", AccessKeyID: prefix + "/accessKeyID", SecretAccessKey: prefix + "/secretAccessKey"}},
			map[string]string{prefix + "/accessKeyID": "canary-access-key-id", prefix + "/secretAccessKey": "canary-secret-access-key"}},
		"AWS's temporary keys": {ofType(bedrock), with(cloudSecret(), "sessionToken", "canary-session"),
			config.Provider{AWS: &config.AWSIdentity{Region: "eu-central-1", AccessKeyID: prefix + "/accessKeyID", SecretAccessKey: prefix + "/secretAccessKey",
				SessionToken: prefix + "/sessionToken"}},
			map[string]string{prefix + "/accessKeyID": "canary-access-key-id", prefix + "/secretAccessKey": "canary-secret-access-key",
				prefix + "/sessionToken": "canary-session"}},
		"a role of AWS": {ofType(bedrock, func(s *spec) { s.Credentials.AWS = &v1alpha1.AWSCredentials{RoleARN: role} }), nil,
			config.Provider{AWS: &config.AWSIdentity{Region: "eu-central-1", RoleARN: role, TokenFile: config.TokenFile("sts.amazonaws.com")}}, map[string]string{}},
		"what EKS gives a pod": {ofType(bedrock, func(s *spec) { s.Credentials.AWS = &v1alpha1.AWSCredentials{} }), nil,
			config.Provider{AWS: &config.AWSIdentity{Region: "eu-central-1"}}, map[string]string{}},
		"a service account's key": {ofType(vertex), cloudSecret(),
			config.Provider{GCP: &config.GCPIdentity{Key: prefix + "/credentials.json"}},
			map[string]string{prefix + "/credentials.json": certificates()["@GOOGLE@"]}},
		"a federation with Google": {ofType(vertex), with(cloudSecret(), "credentials.json", federation),
			config.Provider{GCP: &config.GCPIdentity{Key: prefix + "/credentials.json", Audience: pool, TokenFile: config.TokenFile(pool)}},
			map[string]string{prefix + "/credentials.json": federation}},
		"Google's metadata server": {ofType(vertex, func(s *spec) { s.Credentials.GCP = &v1alpha1.GCPCredentials{} }), nil,
			config.Provider{GCP: &config.GCPIdentity{}}, map[string]string{}},
		"Microsoft's client secret": {ofType(azure), cloudSecret(),
			config.Provider{Azure: &config.AzureIdentity{TenantID: "example.onmicrosoft.com", ClientID: "00000000-0000-0000-0000-000000000001",
				ClientSecret: prefix + "/clientSecret"}},
			map[string]string{prefix + "/clientSecret": "canary-client-secret"}},
		"Microsoft's workload identity": {ofType(azure, func(s *spec) { s.Credentials.Azure.SecretRef = nil }), nil,
			config.Provider{Azure: &config.AzureIdentity{TenantID: "example.onmicrosoft.com", ClientID: "00000000-0000-0000-0000-000000000001",
				TokenFile: config.TokenFile("api://AzureADTokenExchange")}}, map[string]string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			objects := []any{provider("llm", test.edit)}
			if test.secret != nil {
				objects = append(objects, test.secret)
			}
			all := input(objects...)
			out := mustServe(t, all)
			if v := out.Providers[own("llm")]; !v.Served() {
				t.Fatalf("not served: %+v", v)
			}
			got := out.Document.Core.Providers[0]
			identities := config.Provider{Credential: got.Credential, AWS: got.AWS, GCP: got.GCP, Azure: got.Azure}
			if diff := cmp.Diff(test.want, identities); diff != "" {
				t.Errorf("identities (-want +got):\n%s", diff)
			}
			secrets := map[string]string{}
			for name, s := range out.Document.Secrets {
				secrets[name] = s.Reveal()
			}
			if diff := cmp.Diff(test.wantSecrets, secrets); diff != "" {
				t.Errorf("secrets (-want +got):\n%s", diff)
			}
			wantNoSecret(t, all, out)
		})
	}
}

func TestVerdictOnCredentialsOfClouds(t *testing.T) {
	const (
		bedrock = v1alpha1.ProviderBedrock
		vertex  = v1alpha1.ProviderVertexAI
		azure   = v1alpha1.ProviderAzureOpenAI
	)
	printable := " must be printable ASCII without spaces, of at most 16384 bytes"
	tests := map[string]struct {
		edit   func(*v1alpha1.ProviderPolicy)
		secret *corev1.Secret
		reason v1alpha1.Reason
		want   []string
	}{
		"AWS's Secret is missing, which is told once": {ofType(bedrock), nil, v1alpha1.ReasonSecretNotFound,
			[]string{"spec.credentials.aws.secretRef: Secret team/cloud does not exist"}},
		"both of AWS's keys are missing": {ofType(bedrock), without(cloudSecret(), "accessKeyID", "secretAccessKey"), v1alpha1.ReasonSecretKeyNotFound,
			[]string{`spec.credentials.aws.secretRef: Secret team/cloud has no key "accessKeyID", or an empty one`,
				`spec.credentials.aws.secretRef: Secret team/cloud has no key "secretAccessKey", or an empty one`}},
		"one of AWS's keys is missing": {ofType(bedrock), without(cloudSecret(), "secretAccessKey"), v1alpha1.ReasonSecretKeyNotFound,
			[]string{`spec.credentials.aws.secretRef: Secret team/cloud has no key "secretAccessKey", or an empty one`}},
		"AWS's session token is there and empty": {ofType(bedrock), with(cloudSecret(), "sessionToken", "\n"), v1alpha1.ReasonSecretKeyNotFound,
			[]string{`spec.credentials.aws.secretRef: Secret team/cloud has no key "sessionToken", or an empty one`}},
		"AWS's key cannot stand in a header": {ofType(bedrock), with(cloudSecret(), "accessKeyID", "canary\r\nX-Evil: 1"), v1alpha1.ReasonInvalidSecret,
			[]string{`spec.credentials.aws.secretRef: Secret team/cloud: key "accessKeyID"` + printable}},
		"Google's Secret is missing": {ofType(vertex), nil, v1alpha1.ReasonSecretNotFound,
			[]string{"spec.credentials.gcp.secretRef: Secret team/cloud does not exist"}},
		"Google's credentials file is none": {ofType(vertex), with(cloudSecret(), "credentials.json", "canary"), v1alpha1.ReasonInvalidSecret,
			[]string{`spec.credentials.gcp.secretRef: Secret team/cloud: key "credentials.json" is no credentials file that gateways take: is not JSON of the form of a credentials file`}},
		"Google's credentials file is a user's": {ofType(vertex), with(cloudSecret(), "credentials.json", `{"type": "authorized_user"}`), v1alpha1.ReasonInvalidSecret,
			[]string{`spec.credentials.gcp.secretRef: Secret team/cloud: key "credentials.json" is no credentials file that gateways take: type is neither service_account nor external_account`}},
		"Google's credentials file asks for a token for the cluster": {ofType(vertex), with(cloudSecret(), "credentials.json",
			strings.Replace(federation, "//iam.googleapis.com/projects", "https://kubernetes.default.svc", 1)), v1alpha1.ReasonInvalidSecret,
			[]string{`spec.credentials.gcp.secretRef: Secret team/cloud: key "credentials.json" is no credentials file that gateways take: audience is not a provider of a workload identity pool`}},
		"Google's credentials file is too long": {ofType(vertex), with(cloudSecret(), "credentials.json", strings.Repeat("x", 16<<10+1)), v1alpha1.ReasonInvalidSecret,
			[]string{`spec.credentials.gcp.secretRef: Secret team/cloud: key "credentials.json" has more than 16384 bytes`}},
		"Microsoft's client secret is missing": {ofType(azure), without(cloudSecret(), "clientSecret"), v1alpha1.ReasonSecretKeyNotFound,
			[]string{`spec.credentials.azure.secretRef: Secret team/cloud has no key "clientSecret", or an empty one`}},
		"two Secrets are missing, and both are told": {
			ofType(v1alpha1.ProviderAnthropic, func(s *spec) {
				s.TLS = &v1alpha1.ProviderTLS{CASecretRef: &v1alpha1.SecretKeyReference{Name: "authority"}}
			}), nil,
			v1alpha1.ReasonSecretNotFound,
			[]string{"spec.tls.caSecretRef: Secret team/authority does not exist", "spec.credentials.secretRef: Secret team/cloud does not exist"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			objects := []any{provider("llm", test.edit)}
			if test.secret != nil {
				objects = append(objects, test.secret)
			}
			all := input(objects...)
			out := mustServe(t, all)
			want := wantFindings{ResolvedRefs: compiler.Finding{Reason: test.reason, Message: strings.Join(test.want, "\n")}}
			if diff := cmp.Diff(want, findingsOf(out.Providers[own("llm")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if len(out.Document.Secrets) > 0 {
				t.Errorf("the document holds secrets of a provider that is not served: %v", out.Document.Secrets)
			}
			wantNoSecret(t, all, out)
		})
	}
}

// The pods' identity is their namespace's, as Secrets are: a provider that is attached from elsewhere brings its own.
func TestPodsIdentityIsForTheirNamespace(t *testing.T) {
	const own = ": the identity of SparkGateway team/main's pods is for ProviderPolicies of namespace team only; a secretRef brings one's own"
	tests := map[string]struct {
		edit func(*v1alpha1.ProviderPolicy)
		file string
		want string
	}{
		"keys of AWS": {ofType(v1alpha1.ProviderBedrock), "", ""},
		"a role of AWS": {ofType(v1alpha1.ProviderBedrock, func(s *spec) {
			s.Credentials.AWS = &v1alpha1.AWSCredentials{RoleARN: "arn:aws:iam::123456789012:role/spark"}
		}), "", "spec.credentials.aws" + own},
		"what EKS gives a pod":     {ofType(v1alpha1.ProviderBedrock, func(s *spec) { s.Credentials.AWS = &v1alpha1.AWSCredentials{} }), "", "spec.credentials.aws" + own},
		"a service account's key":  {ofType(v1alpha1.ProviderVertexAI), "", ""},
		"a federation":             {ofType(v1alpha1.ProviderVertexAI), federation, "spec.credentials.gcp.secretRef" + own},
		"Google's metadata server": {ofType(v1alpha1.ProviderVertexAI, func(s *spec) { s.Credentials.GCP = &v1alpha1.GCPCredentials{} }), "", "spec.credentials.gcp" + own},
		"a client secret":          {ofType(v1alpha1.ProviderAzureOpenAI), "", ""},
		"a workload identity":      {ofType(v1alpha1.ProviderAzureOpenAI, func(s *spec) { s.Credentials.Azure.SecretRef = nil }), "", "spec.credentials.azure" + own},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := moved(cloudSecret())
			if test.file != "" {
				with(s, "credentials.json", test.file)
			}
			p := provider("llm", test.edit, func(p *v1alpha1.ProviderPolicy) { p.Namespace = elsewhere })
			out := mustServe(t, input(allowAll(), p, s))
			want := wantFindings{}
			if test.want != "" {
				want.ResolvedRefs = compiler.Finding{Reason: v1alpha1.ReasonNotAllowed, Message: test.want}
			}
			if diff := cmp.Diff(want, findingsOf(out.Providers[in(elsewhere, "llm")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if audiences := out.Document.Core.Audiences(); len(audiences) > 0 {
				t.Errorf("pods are given tokens for %q", audiences)
			}
		})
	}
}

func TestContentMovesWithEverySecretOfAProvider(t *testing.T) {
	changes := map[v1alpha1.ProviderType]map[string]string{
		v1alpha1.ProviderCohere:      {"apiKey": "another"},
		v1alpha1.ProviderBedrock:     {"accessKeyID": "another", "secretAccessKey": "another", "sessionToken": "another"},
		v1alpha1.ProviderVertexAI:    {"credentials.json": newGoogleKey()},
		v1alpha1.ProviderAzureOpenAI: {"clientSecret": "another"},
	}
	for kind, values := range changes {
		for key, value := range values {
			t.Run(string(kind)+" "+key, func(t *testing.T) {
				content := func(s *corev1.Secret) string {
					return mustServe(t, input(provider("llm", ofType(kind)), s)).Providers[own("llm")].Content
				}
				before := content(cloudSecret())
				if before == "" || before != content(with(cloudSecret(), "unrelated", "x")) {
					t.Error("the content is empty, or moves with what it does not hold")
				}
				if before == content(with(cloudSecret(), key, value)) {
					t.Error("the content stays")
				}
			})
		}
	}
}

func TestSecretsOfCloudsAreReferredTo(t *testing.T) {
	for _, kind := range []v1alpha1.ProviderType{v1alpha1.ProviderCohere, v1alpha1.ProviderBedrock, v1alpha1.ProviderVertexAI, v1alpha1.ProviderAzureOpenAI} {
		p := provider("llm", ofType(kind))
		if diff := cmp.Diff([]types.NamespacedName{own("cloud")}, compiler.ProviderSecrets(&p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	for kind, edit := range map[v1alpha1.ProviderType]func(*spec){
		v1alpha1.ProviderBedrock:     func(s *spec) { s.Credentials.AWS.SecretRef = nil },
		v1alpha1.ProviderVertexAI:    func(s *spec) { s.Credentials.GCP.SecretRef = nil },
		v1alpha1.ProviderAzureOpenAI: func(s *spec) { s.Credentials.Azure.SecretRef = nil },
		v1alpha1.ProviderOllama:      func(s *spec) { s.Credentials = nil },
	} {
		p := provider("llm", ofType(kind, edit))
		if got := compiler.ProviderSecrets(&p); len(got) > 0 {
			t.Errorf("%s refers to %v", kind, got)
		}
	}
}
