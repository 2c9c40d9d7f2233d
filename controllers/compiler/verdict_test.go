// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// wantFindings is what a resource is told; a zero Finding says that nothing is wrong.
type wantFindings struct{ Accepted, ResolvedRefs, Conflicted compiler.Finding }

func findingsOf(v *compiler.Verdict) wantFindings {
	return wantFindings{v.Accepted, v.ResolvedRefs, v.Conflicted}
}

func TestVerdictOnAProvider(t *testing.T) {
	withCA := func(key string) func(*v1alpha1.ProviderPolicy) {
		return func(p *v1alpha1.ProviderPolicy) {
			p.Spec.Endpoint = "https://llm.example.com/v1"
			p.Spec.TLS = &v1alpha1.ProviderTLS{CASecretRef: &v1alpha1.SecretKeyReference{Name: "authority", Key: key}}
		}
	}
	endpoint := func(e string) func(*v1alpha1.ProviderPolicy) {
		return func(p *v1alpha1.ProviderPolicy) { p.Spec.Endpoint = e }
	}
	tests := map[string]struct {
		provider v1alpha1.ProviderPolicy
		others   []any
		want     wantFindings
	}{
		"without credentials nothing is missing": {provider: provider("llm")},
		"credentials are found by the default key": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{secret("llm-key", "apiKey", providerSecret)},
		},
		"white space around a credential is not part of it": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{secret("llm-key", "apiKey", " "+providerSecret+"\n")},
		},
		"a missing Secret is named": {
			provider: provider("llm", credentials("llm-key")),
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.credentials.secretRef: Secret team/llm-key does not exist"}},
		},
		"a Secret of that name elsewhere does not count": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{moved(secret("llm-key", "apiKey", providerSecret))},
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.credentials.secretRef: Secret team/llm-key does not exist"}},
		},
		"a missing key within the Secret is named": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{secret("llm-key", "token", providerSecret)},
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretKeyNotFound, Message: `spec.credentials.secretRef: Secret team/llm-key has no key "apiKey", or an empty one`}},
		},
		"an empty key within the Secret is as good as none": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{secret("llm-key", "apiKey", " \n")},
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretKeyNotFound, Message: `spec.credentials.secretRef: Secret team/llm-key has no key "apiKey", or an empty one`}},
		},
		"a credential that no header can hold is refused": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{secret("llm-key", "apiKey", "sk-one\r\nX-Evil: 1")},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret,
				Message: `spec.credentials.secretRef: Secret team/llm-key: key "apiKey" must be printable ASCII without spaces, of at most 16384 bytes`}},
		},
		"a credential that is too long is refused": {
			provider: provider("llm", credentials("llm-key")),
			others:   []any{secret("llm-key", "apiKey", strings.Repeat("k", 16<<10+1))},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret,
				Message: `spec.credentials.secretRef: Secret team/llm-key: key "apiKey" must be printable ASCII without spaces, of at most 16384 bytes`}},
		},
		"a certificate authority is found by the default key": {
			provider: provider("llm", withCA("")),
			others:   []any{secret("authority", "ca.crt", certificates()["@CERT@"])},
		},
		"a missing certificate authority is named": {
			provider: provider("llm", withCA("")),
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.tls.caSecretRef: Secret team/authority does not exist"}},
		},
		"a certificate authority that is not PEM is refused": {
			provider: provider("llm", withCA("bundle.pem")),
			others:   []any{secret("authority", "bundle.pem", "not a certificate")},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret,
				Message: `spec.tls.caSecretRef: Secret team/authority: key "bundle.pem" holds no PEM certificate`}},
		},
		"a URL that passes CEL and is none is refused": {
			provider: provider("llm", endpoint("http://[::1/v1")),
			want:     wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: "spec.endpoint: not a URL"}},
		},
		"a URL with another scheme is refused": {
			provider: provider("llm", endpoint("ftp://llm.example.com")),
			want: wantFindings{Accepted: compiler.Finding{
				Reason: v1alpha1.ReasonInvalid, Message: "spec.endpoint: must begin with http:// or https://"}},
		},
		"a URL without a host is refused": {
			provider: provider("llm", endpoint("http://:8080")),
			want:     wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: "spec.endpoint: has no host"}},
		},
		"credentials in a URL are refused and not repeated": {
			provider: provider("llm", endpoint("http://user:hunter2@llm")),
			want:     wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: "spec.endpoint: must not carry credentials"}},
		},
		"headers that differ in case only are refused": {
			provider: provider("llm", func(p *v1alpha1.ProviderPolicy) {
				p.Spec.Headers = &v1alpha1.HeaderEdits{Set: map[string]v1alpha1.HeaderValue{"X-Tenant": "a", "x-tenant": "b"}}
			}),
			want: wantFindings{Accepted: compiler.Finding{
				Reason: v1alpha1.ReasonInvalid, Message: "spec.headers.set: X-Tenant stands twice, in different case"}},
		},
		"a timeout of nothing is refused": {
			provider: provider("llm", func(p *v1alpha1.ProviderPolicy) { p.Spec.Timeouts = &v1alpha1.Timeouts{Connect: "0s", Total: "1x"} }),
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid,
				Message: "spec.timeouts.connect: \"0s\" is not a duration above zero\nspec.timeouts.total: \"1x\" is not a duration above zero"}},
		},
		"the younger of two with one name in two namespaces is refused": {
			provider: provider("llm", func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(2) }),
			others:   []any{allowAll(), provider("llm", func(p *v1alpha1.ProviderPolicy) { p.Namespace, p.CreationTimestamp = elsewhere, born(1) })},
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateName,
				Message: "metadata.name: the older ProviderPolicy elsewhere/llm has this name on SparkGateway team/main, and clients name providers by it"}},
		},
		"of two with one name that are equally old the namespace decides": {
			provider: provider("llm"),
			others:   []any{allowAll(), provider("llm", func(p *v1alpha1.ProviderPolicy) { p.Namespace = elsewhere })},
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateName,
				Message: "metadata.name: the older ProviderPolicy elsewhere/llm has this name on SparkGateway team/main, and clients name providers by it"}},
		},
		"a name that a refused provider has is free": {
			provider: provider("llm", func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(2) }),
			others: []any{allowAll(), provider("llm", endpoint("nowhere"), func(p *v1alpha1.ProviderPolicy) {
				p.Namespace, p.CreationTimestamp = elsewhere, born(1)
			})},
		},
		"the younger of two that declare one model is told who serves it and what it answers to": {
			provider: provider("llm", models("own", "gpt-4o"), func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(2) }),
			others:   []any{provider("openai", models("gpt-4o"), func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(1) })},
			want: wantFindings{Conflicted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateModel,
				Message: `spec.models[1].name: "gpt-4o" is served by ProviderPolicy team/openai; this one answers to "llm/gpt-4o"`}},
		},
		"the older of two that declare one model is told nothing": {
			provider: provider("llm", models("gpt-4o"), func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(1) }),
			others:   []any{provider("openai", models("gpt-4o"), func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(2) })},
		},
		"a model named like another provider's qualified one loses to it, however old": {
			provider: provider("llm", models("openai/gpt-4o"), func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(1) }),
			others:   []any{provider("openai", models("gpt-4o"), func(p *v1alpha1.ProviderPolicy) { p.CreationTimestamp = born(2) })},
			want: wantFindings{Conflicted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateModel,
				Message: `spec.models[0].name: "openai/gpt-4o" is served by ProviderPolicy team/openai; this one answers to "llm/openai/gpt-4o"`}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(append(test.others, test.provider)...))
			verdict := out.Providers[in(test.provider.Namespace, test.provider.Name)]
			if diff := cmp.Diff(test.want, findingsOf(verdict)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if verdict.Generation != test.provider.Generation {
				t.Errorf("the verdict is on generation %d, want %d", verdict.Generation, test.provider.Generation)
			}
			if served := hasProvider(out, ns+"/llm"); served != verdict.Served() || served == (verdict.Content == "") {
				t.Errorf("in the document: %t, served by the verdict: %t, content %q", served, verdict.Served(), verdict.Content)
			}
			wantNoSecret(t, input(append(test.others, test.provider)...), out)
		})
	}
}

func TestVerdictOnAKey(t *testing.T) {
	alice := apiKey("alice", generated)
	limits := func(per ...v1alpha1.Duration) func(*v1alpha1.APIKey) {
		return func(k *v1alpha1.APIKey) {
			k.Spec.Limits = &v1alpha1.Limits{}
			for _, p := range per {
				k.Spec.Limits.Requests = append(k.Spec.Limits.Requests, v1alpha1.RequestLimit{Count: 1, Per: p})
			}
		}
	}
	const form = `spec.secretRef: Secret team/alice-own: key "apiKey" must be 20 to 512 printable ASCII characters without spaces`
	tests := map[string]struct {
		key        v1alpha1.APIKey
		others     []any
		want       wantFindings
		wantPrefix string
	}{
		"a generated key shows four characters behind its prefix": {
			key:        alice,
			others:     []any{ownedBy(secret("alice-key", "apiKey", aliceSecret), alice)},
			wantPrefix: "spark-cana…",
		},
		"a key of one's own shows four characters": {
			key:        apiKey("alice"),
			others:     []any{secret("alice-own", "apiKey", "a-key-of-ones-own-0001")},
			wantPrefix: "a-ke…",
		},
		"a generated key that is not there yet is named": {
			key: alice,
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.secretRef: Secret team/alice-key does not exist"}},
		},
		"somebody else's Secret where the generated key belongs is not taken": {
			key:    alice,
			others: []any{secret("alice-key", "apiKey", aliceSecret)},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotOwned,
				Message: "metadata.name: Secret team/alice-key, where the generated key belongs, exists and is not this APIKey's"}},
		},
		"the Secret of a former APIKey of that name is not taken": {
			key: alice,
			others: []any{ownedBy(secret("alice-key", "apiKey", aliceSecret),
				apiKey("alice", generated, func(k *v1alpha1.APIKey) { k.UID = "former" }))},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotOwned,
				Message: "metadata.name: Secret team/alice-key, where the generated key belongs, exists and is not this APIKey's"}},
		},
		"from files, where nothing has a UID, the name decides": {
			key:        apiKey("alice", generated, func(k *v1alpha1.APIKey) { k.UID = "" }),
			others:     []any{secret("alice-key", "apiKey", aliceSecret)},
			wantPrefix: "spark-cana…",
		},
		"a missing Secret is named": {
			key: apiKey("alice"),
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.secretRef: Secret team/alice-own does not exist"}},
		},
		"a missing key within the Secret is named": {
			key:    apiKey("alice", func(k *v1alpha1.APIKey) { k.Spec.SecretRef.Key = "token" }),
			others: []any{secret("alice-own", "apiKey", aliceSecret)},
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretKeyNotFound, Message: `spec.secretRef: Secret team/alice-own has no key "token", or an empty one`}},
		},
		"a key that could be guessed is refused": {
			key:    apiKey("alice"),
			others: []any{secret("alice-own", "apiKey", strings.Repeat("k", 19))},
			want:   wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret, Message: form}},
		},
		"a key that looks generated and was mistyped is refused": {
			key:    apiKey("alice"),
			others: []any{secret("alice-own", "apiKey", "spark-"+strings.Repeat("k", 49))},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret,
				Message: `spec.secretRef: Secret team/alice-own: key "apiKey" has the form of a generated key, and its checksum is wrong: a character is not as it was`}},
		},
		"a key that no header can hold is refused": {
			key:    apiKey("alice"),
			others: []any{secret("alice-own", "apiKey", "a key with spaces, and long enough")},
			want:   wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret, Message: form}},
		},
		"a key that is too long is refused": {
			key:    apiKey("alice"),
			others: []any{secret("alice-own", "apiKey", strings.Repeat("k", 513))},
			want:   wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret, Message: form}},
		},
		"the younger of two keys with one secret is refused": {
			key: apiKey("alice", func(k *v1alpha1.APIKey) { k.CreationTimestamp = born(2) }),
			others: []any{secret("alice-own", "apiKey", aliceSecret), secret("bob-own", "apiKey", aliceSecret),
				apiKey("bob", func(k *v1alpha1.APIKey) { k.CreationTimestamp = born(1) })},
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateSecret,
				Message: "spec.secretRef: Secret team/alice-own holds the same key as the older APIKey team/bob"}},
			wantPrefix: "spark-cana…",
		},
		"periods that are equal in different spelling are refused": {
			key:    apiKey("alice", limits("60s", "1m")),
			others: []any{secret("alice-own", "apiKey", aliceSecret)},
			want: wantFindings{Accepted: compiler.Finding{
				Reason: v1alpha1.ReasonInvalid, Message: "spec.limits.requests[1].per: 1m stands twice"}},
			wantPrefix: "spark-cana…",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all := input(append(test.others, test.key)...)
			out := mustServe(t, all)
			verdict := out.Keys[in(test.key.Namespace, test.key.Name)]
			if diff := cmp.Diff(test.want, findingsOf(verdict)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if verdict.Prefix != test.wantPrefix {
				t.Errorf("prefix %q, want %q", verdict.Prefix, test.wantPrefix)
			}
			if served := hasKey(out, ns+"/alice"); served != verdict.Served() || served == (verdict.Content == "") {
				t.Errorf("in the document: %t, served by the verdict: %t, content %q", served, verdict.Served(), verdict.Content)
			}
			wantNoSecret(t, all, out)
		})
	}
}

func moved(s *corev1.Secret) *corev1.Secret {
	s.Namespace = elsewhere
	return s
}

func allowAll() *v1alpha1.SparkGateway {
	return gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
		s.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}
	}))
}

func hasProvider(out compiler.Output, id string) bool {
	for _, p := range out.Document.Core.Providers {
		if p.ID == id {
			return true
		}
	}
	return false
}

func hasKey(out compiler.Output, id string) bool {
	for _, k := range out.Document.Keys {
		if k.ID == id {
			return true
		}
	}
	return false
}

func TestOnlyAKeyOfRoleMasterIsAMaster(t *testing.T) {
	for role, want := range map[v1alpha1.KeyRole]bool{"": false, v1alpha1.RoleUser: false, v1alpha1.RoleMaster: true} {
		out := mustServe(t, input(gateway(), apiKey("alice", func(k *v1alpha1.APIKey) { k.Spec.Role = role }),
			secret("alice-own", "apiKey", aliceSecret)))
		if got := out.Document.Keys[0].Master; got != want {
			t.Errorf("role %q: master %t", role, got)
		}
	}
}
