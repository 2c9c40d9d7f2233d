// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestBoundsOfSingleRequests(t *testing.T) {
	tests := map[string]struct {
		from *v1alpha1.RequestLimits
		want config.RequestLimits
	}{
		"by default":    {nil, config.RequestLimits{MaxHeaderFields: 100, MaxDepth: 100, MinBodyRate: 128}},
		"none in words": {&v1alpha1.RequestLimits{}, config.RequestLimits{MaxHeaderFields: 100, MaxDepth: 100, MinBodyRate: 128}},
		"as it is said": {
			&v1alpha1.RequestLimits{
				MaxHeaderFields: ptr.To(int32(16)), MaxDepth: ptr.To(int32(500)), MinBodyRate: ptr.To(int64(1)), MaxMessages: ptr.To(int32(2)),
				MaxInputTokens: ptr.To(int64(3)), MaxOutputTokens: ptr.To(int64(4)), OnExcessOutput: v1alpha1.ExcessOutputClamp,
			},
			config.RequestLimits{MaxHeaderFields: 16, MaxDepth: 500, MinBodyRate: 1, MaxMessages: 2, MaxInputTokens: 3, MaxOutputTokens: 4, ClampOutput: true}},
		"refusing, in words": {
			&v1alpha1.RequestLimits{MaxOutputTokens: ptr.To(int64(4)), OnExcessOutput: v1alpha1.ExcessOutputRefuse},
			config.RequestLimits{MaxHeaderFields: 100, MaxDepth: 100, MinBodyRate: 128, MaxOutputTokens: 4}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) { s.RequestLimits = test.from }))))
			if diff := cmp.Diff(test.want, out.Document.Core.Gateway.RequestLimits); diff != "" {
				t.Errorf("bounds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichScriptsMayUseAGateway(t *testing.T) {
	origins := []string{"https://app.example.com"}
	tests := map[string]struct {
		from *v1alpha1.CORS
		want *config.CORS
	}{
		"nobody's without a word": {nil, nil},
		"an origin's, by default": {&v1alpha1.CORS{AllowOrigins: origins}, &config.CORS{
			AllowOrigins: origins, AllowMethods: []string{"DELETE", "GET", "POST"}, AllowHeaders: []string{"*"}, ExposeHeaders: []string{}, MaxAge: duration("10m")}},
		"as it is said, in order": {
			&v1alpha1.CORS{AllowOrigins: []string{"https://b.example", "https://*.a.example"}, AllowMethods: []string{"POST", "GET"}, AllowHeaders: []string{"x-b", "X-a", "X-B"},
				ExposeHeaders: []string{"x-z", "x-y"}, AllowCredentials: ptr.To(true), MaxAge: "0s"},
			&config.CORS{AllowOrigins: []string{"https://*.a.example", "https://b.example"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"X-A", "X-B"},
				ExposeHeaders: []string{"X-Y", "X-Z"}, AllowCredentials: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) { s.CORS = test.from })))
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, out.Document.Core.Gateway.CORS); diff != "" {
				t.Errorf("CORS (-want +got):\n%s", diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

// tracking makes a SparkGateway tell of errors.
func tracking(e *v1alpha1.ErrorTracking) *v1alpha1.SparkGateway {
	return gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) { s.Telemetry = &v1alpha1.Telemetry{ErrorTracking: e} }))
}

// sentryDSN is a canary.
const sentryDSN = "https://canaryofsentry@o1.ingest.sentry.io/42"

func TestWhoIsToldOfErrors(t *testing.T) {
	hook := &v1alpha1.Webhook{URL: "https://hooks", AuthorizationSecretRef: new(key("hook"))}
	header := secret("hook", "authorization", "Bearer canary-hook")
	const s, w = "spec.telemetry.errorTracking.sentryDSNSecretRef: ", "spec.telemetry.errorTracking.webhook.authorizationSecretRef: "
	missing := compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: s + "Secret team/sentry does not exist"}
	noDSN := compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret, Message: s + `Secret team/sentry: key "dsn" is not a DSN of Sentry's`}
	toSentry := &v1alpha1.ErrorTracking{SentryDSNSecretRef: new(key("sentry"))}
	tests := map[string]struct {
		from    *v1alpha1.ErrorTracking
		secrets []any
		want    *config.ErrorTracking
		told    compiler.Finding
	}{
		"nobody without a word": {},
		"nobody, and fewer groups are remembered": {
			from: &v1alpha1.ErrorTracking{MaxGroups: ptr.To(int32(10))}, want: &config.ErrorTracking{MaxGroups: 10}},
		"Sentry": {from: &v1alpha1.ErrorTracking{SentryDSNSecretRef: new(key("sentry")), Environment: "prod"}, secrets: []any{secret("sentry", "dsn", sentryDSN+"\n")},
			want: &config.ErrorTracking{MaxGroups: 1000, Environment: "prod", SentryDSN: "errorTracking/sentryDSN"}},
		"a webhook": {from: &v1alpha1.ErrorTracking{Webhook: hook}, secrets: []any{header},
			want: &config.ErrorTracking{MaxGroups: 1000, Webhook: &config.Webhook{URL: "https://hooks", Authorization: "errorTracking/webhook"}}},
		"a webhook without a header": {from: &v1alpha1.ErrorTracking{Webhook: &v1alpha1.Webhook{URL: "https://hooks"}},
			want: &config.ErrorTracking{MaxGroups: 1000, Webhook: &config.Webhook{URL: "https://hooks"}}},
		"no Sentry where its Secret is not there, and the webhook still": {
			from: &v1alpha1.ErrorTracking{SentryDSNSecretRef: new(key("sentry")), Webhook: hook}, secrets: []any{header}, told: missing,
			want: &config.ErrorTracking{MaxGroups: 1000, Webhook: &config.Webhook{URL: "https://hooks", Authorization: "errorTracking/webhook"}}},
		"no webhook where its header is not there": {
			from: &v1alpha1.ErrorTracking{Webhook: hook}, told: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: w + "Secret team/hook does not exist"},
			want: &config.ErrorTracking{MaxGroups: 1000}},
		"a DSN that is none":      {from: toSentry, secrets: []any{secret("sentry", "dsn", "canary of sentry")}, told: noDSN, want: &config.ErrorTracking{MaxGroups: 1000}},
		"a DSN without a project": {from: toSentry, secrets: []any{secret("sentry", "dsn", "https://canaryofsentry@o1.ingest.sentry.io/")}, told: noDSN, want: &config.ErrorTracking{MaxGroups: 1000}},
		"a DSN that is no text":   {from: toSentry, secrets: []any{secret("sentry", "dsn", "https://canaryofsentry\xff@o1.ingest.sentry.io/42")}, told: noDSN, want: &config.ErrorTracking{MaxGroups: 1000}},
		"a DSN that is too long":  {from: toSentry, secrets: []any{secret("sentry", "dsn", strings.Replace(sentryDSN, "o1", strings.Repeat("o", 16<<10), 1))}, told: noDSN, want: &config.ErrorTracking{MaxGroups: 1000}},
		"a DSN under another key": {from: toSentry, secrets: []any{secret("sentry", "DSN", sentryDSN)}, told: compiler.Finding{Reason: v1alpha1.ReasonSecretKeyNotFound, Message: s + `Secret team/sentry has no key "dsn", or an empty one`}, want: &config.ErrorTracking{MaxGroups: 1000}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(append(test.secrets, tracking(test.from))...)
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, out.Document.Core.Gateway.ErrorTracking); diff != "" {
				t.Errorf("error tracking (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantFindings{ResolvedRefs: test.told}, findingsOf(&out.Gateway)); diff != "" || out.Gateway.Partial == test.told.OK() {
				t.Errorf("partial %t, verdict (-want +got):\n%s", out.Gateway.Partial, diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

// What can be left out must not hide what cannot.
func TestWhatIsLeftOutDoesNotServeAGatewayThatMissesMore(t *testing.T) {
	told := func(s *v1alpha1.SparkGatewaySpec) {
		s.Telemetry = &v1alpha1.Telemetry{ErrorTracking: &v1alpha1.ErrorTracking{SentryDSNSecretRef: new(key("sentry"))}}
		s.Cache = &v1alpha1.Cache{Semantic: embedding()}
	}
	const left = "spec.telemetry.errorTracking.sentryDSNSecretRef: Secret team/sentry does not exist\n" +
		"spec.cache.semantic.embeddings.providerRef: ProviderPolicy team/openai does not exist or does not attach to SparkGateway team/main"
	tests := map[string]struct {
		spec    func(*v1alpha1.SparkGatewaySpec)
		want    wantFindings
		partial bool
	}{
		"both are left out": {func(*v1alpha1.SparkGatewaySpec) {}, wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: left}}, true},
		"a certificate is not": {withTLS, wantFindings{ResolvedRefs: compiler.Finding{
			Reason: v1alpha1.ReasonSecretNotFound, Message: "spec.listener.tls.secretRef: Secret team/main-tls does not exist\n" + left}}, false},
		"moderation is not": {func(s *v1alpha1.SparkGatewaySpec) { s.Sanitizer = &v1alpha1.Sanitizer{Moderation: moderating()} },
			wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonProviderNotFound,
				Message: "spec.sanitizer.moderation.target.providerRef: ProviderPolicy team/openai does not exist or does not attach to SparkGateway team/main\n" + left}}, false},
		"what is not valid is not": {func(s *v1alpha1.SparkGatewaySpec) { s.UnknownPrice = "Guess" }, wantFindings{
			Accepted:     compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: `spec.unknownPrice: "Guess" is not one of [Deny Flag Zero]`},
			ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: left}}, false},
		"what only a whole can tell is not": {func(s *v1alpha1.SparkGatewaySpec) {
			s.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{Addresses: []string{"redis:6379"}, Mode: "Gossip"}}
		}, wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: `gateway.store.mode: "Gossip" is not known to this gateway`},
			ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: left}}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(gateway(withSpec(told), withSpec(test.spec)))
			out := compiler.Compile(in)
			if diff := cmp.Diff(test.want, findingsOf(&out.Gateway)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if out.Gateway.Partial != test.partial || (out.Document != nil) != test.partial {
				t.Errorf("document %t, verdict %+v", out.Document != nil, out.Gateway)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestProtectionThatIsNotValid(t *testing.T) {
	limits := func(l v1alpha1.RequestLimits) func(*v1alpha1.SparkGatewaySpec) {
		return func(s *v1alpha1.SparkGatewaySpec) { s.RequestLimits = &l }
	}
	cors := func(c v1alpha1.CORS) func(*v1alpha1.SparkGatewaySpec) {
		return func(s *v1alpha1.SparkGatewaySpec) {
			if c.AllowOrigins == nil {
				c.AllowOrigins = []string{"https://a"}
			}
			s.CORS = &c
		}
	}
	errors := func(e v1alpha1.ErrorTracking) func(*v1alpha1.SparkGatewaySpec) {
		return func(s *v1alpha1.SparkGatewaySpec) { s.Telemetry = &v1alpha1.Telemetry{ErrorTracking: &e} }
	}
	const l, c, e = "spec.requestLimits.", "spec.cors.", "spec.telemetry.errorTracking."
	tests := map[string]struct {
		spec func(*v1alpha1.SparkGatewaySpec)
		want string
	}{
		"too few header fields":     {limits(v1alpha1.RequestLimits{MaxHeaderFields: ptr.To(int32(15))}), l + "maxHeaderFields: 15 is not within 16 and 1000"},
		"too deep a body":           {limits(v1alpha1.RequestLimits{MaxDepth: ptr.To(int32(501))}), l + "maxDepth: 501 is not within 8 and 500"},
		"no messages":               {limits(v1alpha1.RequestLimits{MaxMessages: ptr.To(int32(0))}), l + "maxMessages: 0 is not within 1 and 1000000"},
		"no bytes":                  {limits(v1alpha1.RequestLimits{MinBodyRate: ptr.To(int64(0))}), l + "minBodyRate: 0 is not within 1 and 1048576"},
		"no tokens in":              {limits(v1alpha1.RequestLimits{MaxInputTokens: ptr.To(int64(0))}), l + "maxInputTokens: 0 is not within 1 and 100000000"},
		"fewer than no tokens out":  {limits(v1alpha1.RequestLimits{MaxOutputTokens: ptr.To(int64(-1))}), l + "maxOutputTokens: -1 is not within 1 and 100000000"},
		"an excess of nothing":      {limits(v1alpha1.RequestLimits{OnExcessOutput: "Refuse"}), l + "onExcessOutput: has no effect without maxOutputTokens"},
		"an unknown way with more":  {limits(v1alpha1.RequestLimits{MaxOutputTokens: ptr.To(int64(1)), OnExcessOutput: "Cut"}), l + `onExcessOutput: "Cut" is not one of [Refuse Clamp]`},
		"an origin that is none":    {cors(v1alpha1.CORS{AllowOrigins: []string{"https://a", "https://a:99999"}}), c + "allowOrigins[1]: has a port that is not between 1 and 65535"},
		"everybody's cookies":       {cors(v1alpha1.CORS{AllowOrigins: []string{"*"}, AllowCredentials: ptr.To(true)}), `gateway.cors.allowCredentials: no browser takes it with the origin "*"`},
		"a memory that is none":     {cors(v1alpha1.CORS{MaxAge: "soon"}), c + `maxAge: "soon" is not a duration`},
		"no groups":                 {errors(v1alpha1.ErrorTracking{MaxGroups: ptr.To(int32(0))}), e + "maxGroups: 0 is not within 10 and 10000"},
		"a webhook that is nowhere": {errors(v1alpha1.ErrorTracking{Webhook: &v1alpha1.Webhook{URL: "hooks"}}), e + "webhook.url: must begin with http:// or https://"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := compiler.Compile(input(gateway(withSpec(test.spec))))
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			if diff := cmp.Diff(want, findingsOf(&out.Gateway)); diff != "" || out.Document != nil {
				t.Errorf("document %t, verdict (-want +got):\n%s", out.Document != nil, diff)
			}
		})
	}
}
