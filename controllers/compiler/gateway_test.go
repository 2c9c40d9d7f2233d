// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

func withTLS(s *v1alpha1.SparkGatewaySpec) {
	s.Listener = &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{SecretRef: v1alpha1.SecretReference{Name: "main-tls"}}}
}

func TestVerdictOnAGateway(t *testing.T) {
	tests := map[string]struct {
		spec   func(*v1alpha1.SparkGatewaySpec)
		others []any
		want   wantFindings
	}{
		"an empty spec is accepted": {spec: func(*v1alpha1.SparkGatewaySpec) {}},
		"a listener's certificate is found": {
			spec:   withTLS,
			others: []any{secret("main-tls", "tls.crt", certificates()["@CERT@"], "tls.key", certificates()["@KEY@"])},
		},
		"a missing Secret of the listener is named": {
			spec: withTLS,
			want: wantFindings{ResolvedRefs: compiler.Finding{
				Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.listener.tls.secretRef: Secret team/main-tls does not exist"}},
		},
		"a Secret of the listener without a certificate is named": {
			spec:   withTLS,
			others: []any{secret("main-tls", "tls.key", certificates()["@KEY@"])},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretKeyNotFound,
				Message: `spec.listener.tls.secretRef: Secret team/main-tls has no key "tls.crt", or an empty one`}},
		},
		"a Secret of the listener without a key is named": {
			spec:   withTLS,
			others: []any{secret("main-tls", "tls.crt", certificates()["@CERT@"])},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretKeyNotFound,
				Message: `spec.listener.tls.secretRef: Secret team/main-tls has no key "tls.key", or an empty one`}},
		},
		"a certificate with another's key is refused": {
			spec:   withTLS,
			others: []any{secret("main-tls", "tls.crt", certificates()["@CERT@"], "tls.key", certificates()["@OTHERKEY@"])},
			want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret,
				Message: "spec.listener.tls.secretRef: Secret team/main-tls: tls.crt and tls.key are not a PEM certificate and its key"}},
		},
		"periods that are equal in different spelling are refused, for principals and for addresses": {
			spec: func(s *v1alpha1.SparkGatewaySpec) {
				twice := []v1alpha1.RequestLimit{{Count: 1, Per: "1h"}, {Count: 1, Per: "60m"}}
				s.Limits = &v1alpha1.GatewayLimits{Limits: v1alpha1.Limits{Requests: twice}, PerIP: &v1alpha1.Limits{Requests: twice}}
			},
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid,
				Message: "spec.limits.requests[1].per: 60m stands twice\nspec.limits.perIP.requests[1].per: 60m stands twice"}},
		},
		"extra headers that differ in case only are refused": {
			spec: func(s *v1alpha1.SparkGatewaySpec) {
				s.SecurityHeaders = &v1alpha1.SecurityHeaders{Extra: map[string]v1alpha1.HeaderValue{"X-A": "1", "x-a": "2"}}
			},
			want: wantFindings{Accepted: compiler.Finding{
				Reason: v1alpha1.ReasonInvalid, Message: "spec.securityHeaders.extra: X-A stands twice, in different case"}},
		},
		"durations that are none are refused": {
			spec: func(s *v1alpha1.SparkGatewaySpec) {
				s.RequestLimits = &v1alpha1.RequestLimits{BodyTimeout: "0s"}
				s.Drain = &v1alpha1.Drain{Timeout: "soon"}
			},
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid,
				Message: "spec.requestLimits.bodyTimeout: \"0s\" is not a duration above zero\nspec.drain.timeout: \"soon\" is not a duration above zero"}},
		},
		"a selector that is none is refused": {
			spec: func(s *v1alpha1.SparkGatewaySpec) {
				s.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesSelector, Selector: &metav1.LabelSelector{
					MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}}
			},
			want: wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid,
				Message: `spec.allowedNamespaces.selector: "Near" is not a valid label selector operator`}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all := input(append(test.others, gateway(withSpec(test.spec)), provider("llm"))...)
			out := compiler.Compile(all)
			if diff := cmp.Diff(test.want, findingsOf(&out.Gateway)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if out.Gateway.Generation != 3 {
				t.Errorf("the verdict is on generation %d, want 3", out.Gateway.Generation)
			}
			if (out.Document != nil) != out.Gateway.Served() || (out.Bundle.Manifest.Revision != "") != out.Gateway.Served() {
				t.Errorf("served: %t, document: %t, revision: %q", out.Gateway.Served(), out.Document != nil, out.Bundle.Manifest.Revision)
			}
			// What attaches is judged on its own, whether the gateway is served or not.
			if v, ok := out.Providers[in(ns, "llm")]; !ok || !v.Served() {
				t.Errorf("the provider's verdict is %+v", v)
			}
			wantNoSecret(t, all, out)
		})
	}
}

func TestNamespacesThatMayAttach(t *testing.T) {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"spark": "allowed"}}
	refused := compiler.Finding{Reason: v1alpha1.ReasonNotAllowed,
		Message: "SparkGateway team/main does not admit namespace elsewhere in spec.allowedNamespaces"}
	tests := map[string]struct {
		allowed    *v1alpha1.AllowedNamespaces
		namespaces map[string]map[string]string
		want       compiler.Finding
	}{
		"without a word only the gateway's own": {want: refused},
		"Same is only the gateway's own":        {allowed: &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesSame}, want: refused},
		"All are all":                           {allowed: &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}},
		"a Selector admits those whose labels match": {
			allowed:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesSelector, Selector: selector},
			namespaces: map[string]map[string]string{elsewhere: {"spark": "allowed"}},
		},
		"a Selector refuses those whose labels do not match": {
			allowed:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesSelector, Selector: selector},
			namespaces: map[string]map[string]string{elsewhere: {"spark": "denied"}},
			want:       refused,
		},
		"a Selector refuses namespaces of which nothing is known": {
			allowed: &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesSelector, Selector: selector},
			want:    refused,
		},
		"Selector without a selector admits nobody": {
			allowed:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesSelector},
			namespaces: map[string]map[string]string{elsewhere: {"spark": "allowed"}},
			want:       refused,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			own := secret("own-own", "apiKey", "the-key-of-the-own-namespace")
			other := moved(secret("guest-own", "apiKey", "the-key-of-another-namespace"))
			out := mustServe(t, input(own, other, test.namespaces,
				gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) { s.AllowedNamespaces = test.allowed })),
				provider("own"), provider("guest", func(p *v1alpha1.ProviderPolicy) { p.Namespace = elsewhere }),
				apiKey("own"), apiKey("guest", func(k *v1alpha1.APIKey) { k.Namespace = elsewhere }),
			))
			for what, v := range map[string]*compiler.Verdict{
				"provider": out.Providers[in(elsewhere, "guest")], "key": out.Keys[in(elsewhere, "guest")],
			} {
				if diff := cmp.Diff(wantFindings{ResolvedRefs: test.want}, findingsOf(v)); diff != "" {
					t.Errorf("%s from elsewhere (-want +got):\n%s", what, diff)
				}
			}
			if !out.Providers[in(ns, "own")].Served() || !out.Keys[in(ns, "own")].Served() {
				t.Error("the gateway's own namespace is refused")
			}
			if got := hasKey(out, elsewhere+"/guest"); got != test.want.OK() {
				t.Errorf("the key from elsewhere is in the document: %t", got)
			}
		})
	}
}

func TestAConfigurationThatDoesNotFitIsRefused(t *testing.T) {
	objects := []any{}
	for i := range 40 {
		objects = append(objects, provider(fmt.Sprintf("llm-%02d", i), credentials(fmt.Sprintf("s-%02d", i))),
			secret(fmt.Sprintf("s-%02d", i), "apiKey", strings.Repeat("k", 16<<10)))
	}
	out := compiler.Compile(input(objects...))
	want := compiler.Finding{Reason: v1alpha1.ReasonConfigTooLarge,
		Message: "configuration too large: part secrets has 656401 bytes, of at most 512000"}
	if diff := cmp.Diff(want, out.Gateway.Accepted); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	if out.Document != nil || len(out.Bundle.Parts) != 0 {
		t.Error("a document that does not fit was given")
	}
}

func TestDefaultsAreAsTheFieldCommentsPromise(t *testing.T) {
	out := mustServe(t, input(
		gateway(withSpec(withTLS)), secret("main-tls", "tls.crt", certificates()["@CERT@"], "tls.key", certificates()["@KEY@"]),
		provider("openai", credentials("openai"), func(p *v1alpha1.ProviderPolicy) {
			p.Spec.Type, p.Spec.Endpoint, p.Spec.Models = v1alpha1.ProviderOpenAI, "", []v1alpha1.ProviderModel{{Name: "gpt-4o"}}
		}), secret("openai", "apiKey", providerSecret),
		apiKey("alice", func(k *v1alpha1.APIKey) {
			k.Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 60, Per: "1m"}}}
		}), secret("alice-own", "apiKey", aliceSecret),
	))
	wantGateway := config.Gateway{
		ID: "team/main", MaxBodyBytes: 10 << 20, MaxHeaderBytes: 16 << 10, BodyTimeout: duration("30s"), MaxConnections: 10_000,
		DrainTimeout: duration("10m"), AccessLog: true, UnknownPrice: config.UnknownPriceFlag, Replicas: 2,
		RequestLimits: config.RequestLimits{MaxHeaderFields: 100, MaxDepth: 100, MinBodyRate: 128},
		Ledger:        &config.Ledger{Retention: duration("720h"), MaxBytes: 256 << 20, MaxExportRecords: 1_000_000},
		TLS:           &config.ServerTLS{Certificate: certificates()["@CERT@"], Key: "listener/tls.key"},
		Headers: []config.Header{
			{Name: "Cache-Control", Value: "no-store"},
			{Name: "Content-Security-Policy", Value: "default-src 'none'; frame-ancestors 'none'"},
			{Name: "Referrer-Policy", Value: "no-referrer"},
			{Name: "Strict-Transport-Security", Value: "max-age=31536000; includeSubDomains"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
			{Name: "X-Frame-Options", Value: "DENY"},
		},
	}
	if diff := cmp.Diff(wantGateway, out.Document.Core.Gateway); diff != "" {
		t.Errorf("gateway (-want +got):\n%s", diff)
	}
	wantProviders := []config.Provider{{
		ID: "team/openai", Name: "openai", Type: config.OpenAI, Endpoint: "https://api.openai.com/v1", Credential: "provider/team/openai",
		Timeouts: config.Timeouts{Connect: duration("2s"), FirstToken: duration("30s"), BetweenTokens: duration("30s"), Total: duration("10m")},
		Breaker: config.Breaker{ConsecutiveFailures: 5, FailurePercent: 50, MinRequests: 20, Window: duration("30s"),
			OpenFor: duration("15s"), Probes: 3},
		Retry: config.Retry{Attempts: 2, Backoff: duration("100ms"), MaxBackoff: duration("5s"), BudgetPercent: 20,
			On: []config.RetryCondition{config.RetryConnectFailure, config.RetryServerError, config.RetryTargetRefused,
				config.RetryTimeout, config.RetryTooManyRequests}},
		Quota: config.Quota{QueueLength: 100, QueueTimeout: duration("5s")},
	}}
	if diff := cmp.Diff(wantProviders, out.Document.Core.Providers); diff != "" {
		t.Errorf("providers (-want +got):\n%s", diff)
	}
	wantModels := []config.Model{
		{Name: "gpt-4o", Provider: "team/openai", Upstream: "gpt-4o"},
		{Name: "openai/gpt-4o", Provider: "team/openai", Upstream: "gpt-4o"},
	}
	if diff := cmp.Diff(wantModels, out.Document.Core.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	wantKeys := []config.Key{{ID: "team/alice", Digest: config.DigestKey(aliceSecret), User: "alice@example.com",
		Limits: config.Limits{Requests: []config.RequestLimit{{Count: 60, Per: duration("1m"), Burst: 60}}}}}
	if diff := cmp.Diff(wantKeys, out.Document.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if got := out.Document.Secrets["provider/team/openai"].Reveal(); got != providerSecret {
		t.Errorf("the provider's credential is %q", got)
	}
}

func TestEndpointsAreBaseURLsAsSDKsTakeThem(t *testing.T) {
	for given, want := range map[string]string{
		"http://llm:8000":              "http://llm:8000/v1",
		"http://llm:8000/":             "http://llm:8000/v1",
		"http://llm:8000/v1":           "http://llm:8000/v1",
		"http://llm:8000/v1/":          "http://llm:8000/v1",
		"https://llm/api/openai/v2":    "https://llm/api/openai/v2",
		"https://[2001:db8::1]:8443":   "https://[2001:db8::1]:8443/v1",
		"http://llm.models.svc/a%2Fb/": "http://llm.models.svc/a%2Fb",
	} {
		out := mustServe(t, input(provider("llm", func(p *v1alpha1.ProviderPolicy) { p.Spec.Endpoint = given })))
		if got := out.Document.Core.Providers[0].Endpoint; got != want {
			t.Errorf("endpoint %s becomes %s, want %s", given, got, want)
		}
	}
}

func TestStrictTransportSecurityIsOnlyForTLS(t *testing.T) {
	out := mustServe(t, input(gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
		s.SecurityHeaders = &v1alpha1.SecurityHeaders{StrictTransportSecurity: "max-age=1"}
	}))))
	for _, h := range out.Document.Core.Gateway.Headers {
		if h.Name == "Strict-Transport-Security" {
			t.Error("a plain listener sends Strict-Transport-Security")
		}
	}
}

// A user who mistypes one attachment must not take down everybody's gateway: what slipped past the API server's rules
// is excluded and reported on the resource at fault.
func TestAnAttachmentThatSlippedPastTheRulesIsExcluded(t *testing.T) {
	limit := func(l v1alpha1.RequestLimit) any {
		return apiKey("bad", func(k *v1alpha1.APIKey) {
			k.Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{l}}
		})
	}
	policy := func(edit func(*v1alpha1.ProviderPolicySpec)) any {
		return provider("bad", func(p *v1alpha1.ProviderPolicy) { edit(&p.Spec) })
	}
	for name, bad := range map[string]any{
		"a limit without a period": limit(v1alpha1.RequestLimit{Count: 1}),
		"a limit of nothing":       limit(v1alpha1.RequestLimit{Count: 0, Per: "1s"}),
		"a burst below one":        limit(v1alpha1.RequestLimit{Count: 1, Per: "1s", Burst: ptr.To(int64(-1))}),
		"an unknown type":          policy(func(s *v1alpha1.ProviderPolicySpec) { s.Type = "Carrier" }),
		"a header value with a line break": policy(func(s *v1alpha1.ProviderPolicySpec) {
			s.Headers = &v1alpha1.HeaderEdits{Set: map[string]v1alpha1.HeaderValue{"X-A": "1\r\nX-B: 2"}}
		}),
		"a header without a name": policy(func(s *v1alpha1.ProviderPolicySpec) {
			s.Headers = &v1alpha1.HeaderEdits{Set: map[string]v1alpha1.HeaderValue{"": "1"}}
		}),
		"a model without a name": policy(func(s *v1alpha1.ProviderPolicySpec) {
			s.Models = []v1alpha1.ProviderModel{{Name: ""}}
		}),
		"a negative bound of tokens": policy(func(s *v1alpha1.ProviderPolicySpec) {
			s.Models = []v1alpha1.ProviderModel{{Name: "m", MaxOutputTokens: ptr.To(int64(-1))}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			out := compiler.Compile(input(bad, secret("bad-own", "apiKey", "the-key-of-the-bad-one"),
				provider("good"), apiKey("good"), secret("good-own", "apiKey", "the-key-of-the-good-one")))
			if !out.Gateway.Served() || !hasProvider(out, ns+"/good") || !hasKey(out, ns+"/good") {
				t.Fatalf("one bad attachment takes the gateway down: %+v", out.Gateway)
			}
			verdict := verdicts(out)["ProviderPolicy team/bad"]
			if _, ok := bad.(v1alpha1.APIKey); ok {
				verdict = verdicts(out)["APIKey team/bad"]
			}
			if verdict.Accepted.Reason != v1alpha1.ReasonInvalid || verdict.Accepted.Message == "" {
				t.Errorf("the verdict on it is %+v", verdict)
			}
		})
	}
}

func duration(s string) (d config.Duration) {
	if err := d.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return d
}
