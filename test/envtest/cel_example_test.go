// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"strings"
	"testing"
)

// examples are what a user would write first, with little more than the words of the field.
var examples = map[string]string{
	"SparkGateway": `
metadata: {name: main, namespace: NAMESPACE}
spec:
  auth:
    jwt: [{issuer: https://idp.example.com, audiences: [spark], userClaim: sub, claims: {team: groups}}]
    anonymous: {enabled: false}
    trustedProxies: [10.0.0.0/8]
  limits:
    requests: [{count: 60, per: 1m, burst: 20}]
    tokens: [{count: 100000, per: 1m}]
    concurrency: 20
    perIP: {requests: [{count: 30, per: 1m}]}
  store: {type: Redis, redis: {addresses: ["redis:6379"], tls: {}, credentials: {secretRef: {name: redis}}}, onFailure: LocalShare}
  requestLimits: {maxBodyBytes: 10485760, maxMessages: 1000, maxInputTokens: 200000, maxOutputTokens: 16384, bodyTimeout: 30s}
  sanitizer:
    promptInjection: {mode: Block, sensitivity: Medium}
    pii: {mode: Redact, kinds: [Email, Phone, CreditCard, IBAN, SSN, IPAddress, APIKey], directions: [Request, Response]}
    denyPatterns: [{name: internal-hosts, regex: '\.corp\.example\b', mode: Block}]
    webhook: {url: https://guard.example.com/check, timeout: 300ms, onFailure: Deny}
  cache:
    exact: {enabled: true, ttl: 10m, maxMemory: 256Mi, scope: Key}
    semantic: {enabled: false, threshold: "0.95", embeddings: {providerRef: {name: openai}, model: text-embedding-3-small}}
  securityHeaders: {contentSecurityPolicy: "", strictTransportSecurity: "", frameOptions: DENY, extra: {}}
  cors: {allowOrigins: ["https://app.example.com"], maxAge: 10m}
  telemetry:
    errorTracking: {sentryDSNSecretRef: {name: sentry, key: dsn}, webhook: {url: https://hooks.example.com/errors}}`,
	"APIKey": `
metadata: {name: alice, namespace: NAMESPACE, labels: {team: search}}
spec:
  gatewayRefs: [{name: main}]
  user: alice
  role: User
  expiresAt: "2027-01-01T00:00:00Z"
  rotation: {every: 720h, overlap: 24h}
  disabled: false
  allow: {models: [smart, "claude-*"], endpoints: [Chat, Embeddings], cidrs: [10.0.0.0/8]}
  limits: {requests: [{count: 60, per: 1m}], tokens: [{count: 50000, per: 1m}], concurrency: 5}
  budgets: [{amount: "50.00", per: Month}]`,
	"UsagePolicy": `
metadata: {name: team-search, namespace: NAMESPACE}
spec:
  gatewayRefs: [{name: main}]
  keySelector: {matchLabels: {team: search}}
  limits: {tokens: [{count: 1000000, per: 1h}]}
  budgets: [{amount: "2000.00", per: Month}]`,
	"ProviderPolicy": `
metadata: {name: anthropic, namespace: NAMESPACE}
spec:
  gatewayRefs: [{name: main}]
  type: Anthropic
  credentials: {secretRef: {name: anthropic, key: apiKey}}
  models:
  - name: claude-sonnet
    price: {inputPerMillion: "3.00", outputPerMillion: "15.00", cachedInputPerMillion: "0.30", cacheWritePerMillion: "3.75"}
  retry: {attempts: 2, backoff: 100ms, maxBackoff: 5s, when: [ConnectFailure, Timeout, TooManyRequests, ServerError], budgetPercent: 20}
  limits: {requests: [{count: 1000, per: 1m}], tokens: [{count: 400000, per: 1m}], concurrency: 200}`,
}

func TestWhatAUserWouldWriteFirstIsAccepted(t *testing.T) {
	namespace := newNamespace(t)
	for kind, example := range examples {
		t.Run(kind, func(t *testing.T) {
			document := "apiVersion: sparkgateway.dev/v1alpha1\nkind: " + kind + strings.ReplaceAll(example, "NAMESPACE", namespace)
			if server, offline := judgements(t, kind, namespace, document); server != nil || offline != nil {
				t.Errorf("refused: the API server says %v, package manifest says %v", server, offline)
			}
		})
	}
}
