// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// key refers to a value of a Secret by its default key.
func key(name string) v1alpha1.SecretKeyReference { return v1alpha1.SecretKeyReference{Name: name} }

// referring uses everything of a SparkGateway that refers to Secrets.
func referring(s *v1alpha1.SparkGatewaySpec) {
	s.Auth = &v1alpha1.Auth{JWT: []v1alpha1.JWTIssuer{{Issuer: "https://idp.example.com", Audiences: []string{"spark"}, CASecretRef: new(key("idp-ca"))}}}
	s.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{
		Mode: v1alpha1.RedisSentinel, Addresses: []string{"sentinel:26379"}, MasterName: "main", Credentials: &v1alpha1.StoreCredentials{SecretRef: key("redis")},
		SentinelCredentials: &v1alpha1.StoreCredentials{SecretRef: key("sentinels")}, TLS: &v1alpha1.StoreTLS{CASecretRef: new(key("redis-ca"))},
	}}
	s.Ledger = &v1alpha1.Ledger{
		Webhook: &v1alpha1.Webhook{URL: "https://sink.example.com", AuthorizationSecretRef: new(key("webhook"))},
		OTLP:    &v1alpha1.LedgerOTLP{Endpoint: "https://otel.example.com", AuthorizationSecretRef: new(key("otlp"))},
	}
	s.Sanitizer = &v1alpha1.Sanitizer{Webhook: &v1alpha1.GuardWebhook{
		URL: "https://guard.example.com", AuthorizationSecretRef: new(key("guard")), CASecretRef: new(key("guard-ca"))}}
	s.Telemetry = &v1alpha1.Telemetry{ErrorTracking: &v1alpha1.ErrorTracking{
		SentryDSNSecretRef: new(key("sentry")), Webhook: &v1alpha1.Webhook{URL: "https://hooks.example.com", AuthorizationSecretRef: new(key("errors"))}},
		Tracing: &v1alpha1.Tracing{OTLPEndpoint: "https://otel.example.com", AuthorizationSecretRef: new(key("traces"))}}
}

// referred are the Secrets for it.
func referred() []any {
	authority := certificates()["@CERT@"]
	return []any{secret("idp-ca", "ca.crt", authority), secret("redis-ca", "ca.crt", authority), secret("redis", "password", "canary of the store"),
		secret("sentinels", "password", "canary of sentinels"), secret("webhook", "authorization", "Bearer canary-webhook"),
		secret("otlp", "authorization", "Bearer canary-otlp"), secret("guard", "authorization", "Bearer canary-guard"), secret("guard-ca", "ca.crt", authority),
		secret("sentry", "dsn", sentryDSN), secret("errors", "authorization", "Bearer canary-errors"),
		secret("traces", "authorization", "Bearer canary-traces")}
}

func TestSecretsOfAGatewayAreInThePartOfSecretsOnly(t *testing.T) {
	in := input(append(referred(), gateway(withSpec(referring)))...)
	out := mustServe(t, in)
	got := map[string]string{}
	for name, s := range out.Document.Secrets {
		got[name] = s.Reveal()
	}
	want := map[string]string{"store/password": "canary of the store", "store/sentinelPassword": "canary of sentinels",
		"ledger/webhook": "Bearer canary-webhook", "ledger/otlp": "Bearer canary-otlp", "sanitizer/webhook": "Bearer canary-guard",
		"errorTracking/sentryDSN": sentryDSN, "errorTracking/webhook": "Bearer canary-errors", "tracing": "Bearer canary-traces"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	wantInvariants(t, in, out)
}

func TestSecretsOfAGatewayAreReferredTo(t *testing.T) {
	want := []types.NamespacedName{name("errors"), name("guard"), name("guard-ca"), name("idp-ca"), name("otlp"), name("redis"), name("redis-ca"),
		name("sentinels"), name("sentry"), name("traces"), name("webhook")}
	if diff := cmp.Diff(want, references(gateway(withSpec(referring)), nil, nil)); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

func TestVerdictOnAGatewaysSecrets(t *testing.T) {
	invalid := func(message string) wantFindings {
		return wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret, Message: message}}
	}
	missing := func(message string) wantFindings {
		return wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: message}}
	}
	tests := map[string]struct {
		instead any
		without []string
		want    wantFindings
	}{
		"all are there": {},
		"one is not":    {without: []string{"redis"}, want: missing("spec.store.redis.credentials.secretRef: Secret team/redis does not exist")},
		"several are not": {without: []string{"idp-ca", "otlp"}, want: missing("spec.auth.jwt[0].caSecretRef: Secret team/idp-ca does not exist\n" +
			"spec.ledger.otlp.authorizationSecretRef: Secret team/otlp does not exist")},
		"a key is not": {instead: secret("sentinels", "apiKey", "x"), want: wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretKeyNotFound,
			Message: `spec.store.redis.sentinelCredentials.secretRef: Secret team/sentinels has no key "password", or an empty one`}}},
		"an authority that is none": {instead: secret("redis-ca", "ca.crt", "x"),
			want: invalid(`spec.store.redis.tls.caSecretRef: Secret team/redis-ca: key "ca.crt" holds no PEM certificate`)},
		"an issuer's authority that is none": {instead: secret("idp-ca", "ca.crt", "x"),
			want: invalid(`spec.auth.jwt[0].caSecretRef: Secret team/idp-ca: key "ca.crt" holds no PEM certificate`)},
		"a password that is no text": {instead: secret("redis", "password", "\xff"),
			want: invalid(`spec.store.redis.credentials.secretRef: Secret team/redis: key "password" must be text of at most 16384 bytes`)},
		"a password that is too long": {instead: secret("redis", "password", strings.Repeat("p", 16<<10+1)),
			want: invalid(`spec.store.redis.credentials.secretRef: Secret team/redis: key "password" must be text of at most 16384 bytes`)},
		"a header of two lines": {instead: secret("webhook", "authorization", "Bearer a\r\nX-A: b"),
			want: invalid(`spec.ledger.webhook.authorizationSecretRef: Secret team/webhook: key "authorization" must be printable ASCII of at most 16384 bytes`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(append(referred(), gateway(withSpec(referring)))...)
			if test.instead != nil {
				for at, s := range input(test.instead).Secrets {
					in.Secrets[at] = s
				}
			}
			for _, gone := range test.without {
				delete(in.Secrets, own(gone))
			}
			out := compiler.Compile(in)
			if diff := cmp.Diff(test.want, findingsOf(&out.Gateway)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if served := test.want == (wantFindings{}); (out.Document != nil) != served {
				t.Errorf("document: %t", out.Document != nil)
			}
			wantNoSecret(t, in, out)
		})
	}
}

func TestVerdictOnWhatAGatewaySays(t *testing.T) {
	store := func(edit func(*v1alpha1.RedisStore)) func(*v1alpha1.SparkGatewaySpec) {
		return func(s *v1alpha1.SparkGatewaySpec) {
			s.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{Addresses: []string{"redis:6379"}}}
			edit(s.Store.Redis)
		}
	}
	issuer := func(edit func(*v1alpha1.JWTIssuer)) func(*v1alpha1.SparkGatewaySpec) {
		return func(s *v1alpha1.SparkGatewaySpec) {
			s.Auth = &v1alpha1.Auth{JWT: []v1alpha1.JWTIssuer{{Issuer: "https://idp.example.com", Audiences: []string{"spark"}}}}
			edit(&s.Auth.JWT[0])
		}
	}
	tests := map[string]struct {
		edit func(*v1alpha1.SparkGatewaySpec)
		want string
	}{
		"a store":                      {store(func(*v1alpha1.RedisStore) {}), ""},
		"no store":                     {func(s *v1alpha1.SparkGatewaySpec) { s.Store = &v1alpha1.Store{Type: v1alpha1.StoreLocal} }, ""},
		"a store of no address":        {func(s *v1alpha1.SparkGatewaySpec) { s.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis} }, "spec.store.redis: is required with type: Redis"},
		"a port beyond all":            {store(func(r *v1alpha1.RedisStore) { r.Addresses[0] = "redis:65536" }), "spec.store.redis.addresses[0]: is not host:port with a port between 1 and 65535"},
		"a 17th database":              {store(func(r *v1alpha1.RedisStore) { r.Database = ptr.To(int32(16)) }), "spec.store.redis.database: 16 is not within 0 and 15"},
		"what only a whole can tell":   {store(func(r *v1alpha1.RedisStore) { r.Mode = "Gossip" }), `gateway.store.mode: "Gossip" is not known to this gateway`},
		"an unknown way with no price": {func(s *v1alpha1.SparkGatewaySpec) { s.UnknownPrice = "Guess" }, `spec.unknownPrice: "Guess" is not one of [Deny Flag Zero]`},
		"an issuer":                    {issuer(func(*v1alpha1.JWTIssuer) {}), ""},
		"an issuer with a query":       {issuer(func(i *v1alpha1.JWTIssuer) { i.Issuer += "?a" }), "spec.auth.jwt[0].issuer: must not have a query or fragment"},
		"keys that are nowhere":        {issuer(func(i *v1alpha1.JWTIssuer) { i.JWKSURI = "keys" }), "spec.auth.jwt[0].jwksURI: must begin with http:// or https://"},
		"clocks far apart":             {issuer(func(i *v1alpha1.JWTIssuer) { i.ClockSkew = "11m" }), "spec.auth.jwt[0].clockSkew: 11m0s is more than 10m0s"},
		"clocks that agree":            {issuer(func(i *v1alpha1.JWTIssuer) { i.ClockSkew = "0s" }), ""},
		"clocks that nobody reads":     {issuer(func(i *v1alpha1.JWTIssuer) { i.ClockSkew = "soon" }), `spec.auth.jwt[0].clockSkew: "soon" is not a duration above zero`},
		"what a token may not allow":   {issuer(func(i *v1alpha1.JWTIssuer) { i.Allow = &v1alpha1.Allow{CIDRs: []string{"x"}} }), `spec.auth.jwt[0].allow.cidrs[0]: "x" is not a CIDR, such as 10.0.0.0/8`},
		"what nobody may not allow, though nobody is let in": {
			func(s *v1alpha1.SparkGatewaySpec) {
				s.Auth = &v1alpha1.Auth{Anonymous: &v1alpha1.Anonymous{Allow: &v1alpha1.Allow{CIDRs: []string{"x"}}}}
			}, `spec.auth.anonymous.allow.cidrs[0]: "x" is not a CIDR, such as 10.0.0.0/8`},
		"a proxy that is no address": {
			func(s *v1alpha1.SparkGatewaySpec) { s.Auth = &v1alpha1.Auth{TrustedProxies: []string{"proxy"}} },
			`spec.auth.trustedProxies[0]: "proxy" is not a CIDR, such as 10.0.0.0/8`},
		"records kept for no time": {
			func(s *v1alpha1.SparkGatewaySpec) { s.Ledger = &v1alpha1.Ledger{Retention: "0s"} }, `spec.ledger.retention: "0s" is not a duration above zero`},
		"records sent nowhere": {
			func(s *v1alpha1.SparkGatewaySpec) {
				s.Ledger = &v1alpha1.Ledger{Webhook: &v1alpha1.Webhook{URL: "sink"}}
			},
			"spec.ledger.webhook.url: must begin with http:// or https://"},
		"logs sent nowhere": {
			func(s *v1alpha1.SparkGatewaySpec) {
				s.Ledger = &v1alpha1.Ledger{OTLP: &v1alpha1.LedgerOTLP{Endpoint: "otel"}}
			},
			"spec.ledger.otlp.endpoint: must begin with http:// or https://"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := compiler.Compile(input(gateway(withSpec(test.edit))))
			want := wantFindings{}
			if test.want != "" {
				want.Accepted = compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}
			}
			if diff := cmp.Diff(want, findingsOf(&out.Gateway)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheDefaultsOfAStoreAndAnIssuer(t *testing.T) {
	core := mustServe(t, input(gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
		s.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{Addresses: []string{"redis:6379"}}}
		s.Auth = &v1alpha1.Auth{JWT: []v1alpha1.JWTIssuer{{Issuer: "https://idp.example.com", Audiences: []string{"spark"}}}}
	})))).Document.Core
	wantStore := &config.Store{Mode: config.StoreSingle, Addresses: []string{"redis:6379"}, Timeout: duration("50ms"), OnFailure: config.LocalShare}
	if diff := cmp.Diff(wantStore, core.Gateway.Store); diff != "" {
		t.Errorf("store (-want +got):\n%s", diff)
	}
	wantAuth := config.Auth{Issuers: []config.Issuer{{URL: "https://idp.example.com", Audiences: []string{"spark"}, UserClaim: "sub", Skew: duration("1m")}}}
	if diff := cmp.Diff(wantAuth, core.Gateway.Auth); diff != "" {
		t.Errorf("auth (-want +got):\n%s", diff)
	}
}

func TestReplicasThatShareLimits(t *testing.T) {
	tests := map[string]struct {
		edit func(*v1alpha1.SparkGatewaySpec)
		want int
	}{
		"by default":               {func(*v1alpha1.SparkGatewaySpec) {}, 2},
		"as many as are asked for": {func(s *v1alpha1.SparkGatewaySpec) { s.Replicas = ptr.To(int32(7)) }, 7},
		"none":                     {func(s *v1alpha1.SparkGatewaySpec) { s.Replicas = ptr.To(int32(0)) }, 0},
		"the fewest of autoscaling": {func(s *v1alpha1.SparkGatewaySpec) {
			s.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: ptr.To(int32(3)), MaxReplicas: 9}
		}, 3},
		"the fewest by default":     {func(s *v1alpha1.SparkGatewaySpec) { s.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 9} }, 2},
		"no more than there may be": {func(s *v1alpha1.SparkGatewaySpec) { s.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 1} }, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := mustServe(t, input(gateway(withSpec(test.edit)))).Document.Core.Gateway.Replicas; got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}
