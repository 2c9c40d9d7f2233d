// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Manifests that tests put together; each ends its document.
const (
	gatewayYAML = `apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {}
---
`
	providerYAML = `apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: local}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://127.0.0.1:1/v1
  models: [{name: chat}]
---
`
	keyYAML = `apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: alice}
spec: {gatewayRefs: [{name: main}], user: alice}
---
`
)

const policyYAML = `apiVersion: sparkgateway.dev/v1alpha1
kind: UsagePolicy
metadata: {name: everybody}
spec: {gatewayRefs: [{name: main}], keySelector: {}, limits: {requests: [{count: 1, per: 1m}]}}
---
`

func TestAPolicyIsServedByTheOneProcessThereIs(t *testing.T) {
	set := parseValid(t, gatewayYAML+keyYAML+policyYAML)
	compiled, problems := Compile(set, Placeholders(set))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	core := compiled[0].compiled.Document.Core
	if len(core.Policies) != 1 || core.Policies[0].ID != "default/everybody" {
		t.Errorf("policies %+v", core.Policies)
	}
	if core.Gateway.Replicas != 1 {
		t.Errorf("limits are shared by %d processes", core.Gateway.Replicas)
	}
}

func TestWhatIsStillAsksAndTellsNobody(t *testing.T) {
	set := parseValid(t, `apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec:
  auth: {jwt: [{issuer: http://idp, audiences: [spark]}], trustedProxies: [10.0.0.0/8]}
  store: {type: Redis, redis: {addresses: ["redis:6379"]}}
  ledger: {webhook: {url: http://sink}}
---
`+strings.Replace(providerYAML, "models:", "healthCheck: {interval: 10s}\n  models:", 1))
	compiled, problems := Compile(set, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	still := compiled[0].Still().Core
	g := still.Gateway
	if len(g.Auth.Issuers) > 0 || g.Store != nil || g.Ledger != nil || still.Providers[0].HealthCheck != nil {
		t.Errorf("it would ask: %+v", still)
	}
	if len(g.Auth.TrustedProxies) != 1 {
		t.Error("what asks nobody is gone too")
	}
	served := compiled[0].compiled.Document.Core
	if served.Gateway.Store == nil || served.Gateway.Ledger == nil || served.Providers[0].HealthCheck == nil || len(served.Gateway.Auth.Issuers) != 1 {
		t.Error("what is served was changed")
	}
}

func parseValid(t *testing.T, content string) *manifest.Set {
	t.Helper()
	set, problems := manifest.Parse([]manifest.File{{Name: "f.yaml", Content: []byte(content)}})
	for _, p := range problems {
		t.Fatal(p)
	}
	return set
}

func TestCompileSaysWhatTheOperatorWouldRefuse(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []string
	}{
		"nothing is wrong": {gatewayYAML + providerYAML + keyYAML, nil},
		"a gateway that is not there": {
			keyYAML, []string{"f.yaml:4: APIKey default/alice: spec.gatewayRefs[0]: SparkGateway default/main does not exist"},
		},
		"a Secret that is not there": {
			gatewayYAML + `apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: openai}
spec:
  type: OpenAI
  gatewayRefs: [{name: main}]
  credentials:
    secretRef: {name: openai}`,
			[]string{"f.yaml:13: ProviderPolicy default/openai: spec.credentials.secretRef: Secret default/openai does not exist"},
		},
		"a certificate that is not there": {
			`apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec:
  listener:
    tls: {secretRef: {name: cert}}`,
			[]string{"f.yaml:6: SparkGateway default/main: spec.listener.tls.secretRef: Secret default/cert does not exist"},
		},
		"a namespace that the gateway does not admit": {
			gatewayYAML + `apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: bob, namespace: team}
spec:
  user: bob
  gatewayRefs: [{name: main, namespace: default}]`,
			[]string{"f.yaml:11: APIKey team/bob: spec.gatewayRefs: SparkGateway default/main does not admit namespace team in spec.allowedNamespaces"},
		},
		"a namespace that the gateway admits by its label": {
			`apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {allowedNamespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: team}}}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: bob, namespace: team}
spec: {user: bob, gatewayRefs: [{name: main, namespace: default}]}`, nil,
		},
		"two keys with one secret": {
			gatewayYAML + `apiVersion: v1
kind: Secret
metadata: {name: shared}
stringData: {apiKey: just-twenty-letters-long}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: a}
spec: {user: a, gatewayRefs: [{name: main}], secretRef: {name: shared}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: b}
spec: {user: b, gatewayRefs: [{name: main}], secretRef: {name: shared}}`,
			[]string{"f.yaml:19: APIKey default/b: spec.secretRef: Secret default/shared holds the same key as"},
		},
		"a policy of a gateway that is not there": {
			policyYAML, []string{"f.yaml:4: UsagePolicy default/everybody: spec.gatewayRefs[0]: SparkGateway default/main does not exist"},
		},
		"a policy that the compiler refuses": {
			gatewayYAML + strings.Replace(policyYAML, "per: 1m", "per: 1m}, {count: 1, per: 60s", 1),
			[]string{"f.yaml:9: UsagePolicy default/everybody: spec.limits.requests[1].per: 60s stands twice"},
		},
		"one model of two providers": {
			gatewayYAML + providerYAML + `apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: other}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://127.0.0.1:2/v1
  models:
  - name: mine
  - name: chat`,
			[]string{`f.yaml:24: ProviderPolicy default/other: spec.models[1].name: "chat" is served by`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set := parseValid(t, tt.content)
			_, problems := Compile(set, Placeholders(set))
			// The end of a reason is the compiler's to word.
			begins := func(p manifest.Problem, want string) bool { return strings.HasPrefix(p.String(), want) }
			if !slices.EqualFunc(problems, tt.want, begins) {
				t.Errorf("got %v\nwant %v", problems, tt.want)
			}
		})
	}
}

const routeYAML = `apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: smart}
spec:
  gatewayRefs: [{name: main}]
  models: [smart, chat]
  targets:
  - {providerRef: {name: local}, model: chat}
  - {providerRef: {name: openai}, model: gpt-4o}
---
`

func TestRoutesAreJudgedAsTheOperatorDoes(t *testing.T) {
	const openai = `apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: openai}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAI
  credentials: {secretRef: {name: openai}}
  models: [{name: MODEL}]
---
`
	tests := map[string]struct {
		content string
		ignored []v1alpha1.Reason
		want    []string
	}{
		"a gateway that is not there": {
			routeYAML, nil, []string{"f.yaml:5: ModelRoute default/smart: spec.gatewayRefs[0]: SparkGateway default/main does not exist"}},
		"a provider that is not there": {
			routeYAML + gatewayYAML + providerYAML, nil, []string{
				"f.yaml:9: ModelRoute default/smart: spec.targets[1].providerRef: ProviderPolicy default/openai does not exist or"}},
		"a provider that is not served for want of its Secret": {
			routeYAML + gatewayYAML + providerYAML + strings.Replace(openai, "MODEL", "gpt-4o", 1), nil, []string{
				"f.yaml:9: ModelRoute default/smart: spec.targets[1].providerRef: ProviderPolicy default/openai is not served",
				"f.yaml:31: ProviderPolicy default/openai: spec.credentials.secretRef: Secret default/openai does not exist"}},
		"a provider whose Secret is not asked for is as good as served": {
			routeYAML + gatewayYAML + providerYAML + strings.Replace(openai, "MODEL", "gpt-4o", 1), []v1alpha1.Reason{v1alpha1.ReasonSecretNotFound}, nil},
		"a model that a provider has not, whose Secret is not asked for": {
			routeYAML + gatewayYAML + providerYAML + strings.Replace(openai, "MODEL", "gpt-5", 1), []v1alpha1.Reason{v1alpha1.ReasonSecretNotFound}, []string{
				"f.yaml:9: ModelRoute default/smart: spec.targets[1].model: ProviderPolicy default/openai has no model"}},
		"a model of two providers, one of whose Secrets is not asked for": {
			gatewayYAML + providerYAML + strings.Replace(openai, "MODEL", "chat", 1), []v1alpha1.Reason{v1alpha1.ReasonSecretNotFound}, []string{
				`f.yaml:22: ProviderPolicy default/openai: spec.models[0].name: "chat" is served by`}},
		"two routes for one name": {
			strings.Replace(routeYAML, "openai}, model: gpt-4o", "local}, model: small", 1) + gatewayYAML +
				strings.Replace(providerYAML, "{name: chat}", "{name: chat}, {name: small}", 1) + `apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: third}
spec: {gatewayRefs: [{name: main}], models: [own, chat], targets: [{providerRef: {name: local}, model: chat}]}`, nil, []string{
				`f.yaml:28: ModelRoute default/third: spec.models[1]: "chat" is served by the older ModelRoute default/smart`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set := parseValid(t, tt.content)
			_, problems := Compile(set, Placeholders(set), tt.ignored...)
			begins := func(p manifest.Problem, want string) bool { return strings.HasPrefix(p.String(), want) }
			if !slices.EqualFunc(problems, tt.want, begins) {
				t.Errorf("got %v\nwant %v", problems, tt.want)
			}
		})
	}
}

func TestClusterFieldsAreThoseThatMeanNothingHere(t *testing.T) {
	set := parseValid(t, `apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {replicas: 3, service: {type: NodePort}, listener: {port: 8081}}
---
`+strings.Replace(keyYAML, "user: alice", "user: alice, rotation: {every: 24h}", 1))
	configurations, _ := Compile(set, nil)
	if diff := cmp.Diff([]string{"spec.replicas", "spec.rotation of APIKeys", "spec.service"}, configurations[0].ClusterFields()); diff != "" {
		t.Error(diff)
	}
	if got := configurations[0].Port(); got != 8081 {
		t.Error("port", got)
	}
}
