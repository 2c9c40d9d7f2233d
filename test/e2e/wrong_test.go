// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// one is a gateway with one pod and a provider that is right.
const one = `
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {replicas: 1}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: older}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  models: [{name: taken}]
---
apiVersion: v1
kind: Secret
metadata: {name: shared}
stringData: {apiKey: shared-0123456789-0123456789}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: first}
spec: {user: first, gatewayRefs: [{name: main}], secretRef: {name: shared}}
`

const (
	provider = "apiVersion: sparkgateway.dev/v1alpha1\nkind: ProviderPolicy\n"
	apiKey   = "apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\n"
	sgw      = "apiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\n"
	secret   = "apiVersion: v1\nkind: Secret\n"
)

// wrongInput is a user's mistake, how it is told, and what mends it.
type wrongInput struct {
	wrong     string
	object    string
	condition v1alpha1.ConditionType
	status    metav1.ConditionStatus
	reason    v1alpha1.Reason
	message   string // in full, with NAMESPACE in it
	mend      string
}

var wrongInputs = map[string]wrongInput{
	"a provider's Secret is missing": {
		wrong: provider + `metadata: {name: p1}
spec: {gatewayRefs: [{name: main}], type: OpenAI, credentials: {secretRef: {name: p1-key}}}`,
		object: "providerpolicy/p1", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonSecretNotFound,
		message: "spec.credentials.secretRef: Secret NAMESPACE/p1-key does not exist",
		mend:    secret + "metadata: {name: p1-key}\nstringData: {apiKey: sk-p1}",
	},
	"a provider's Secret lacks the key": {
		wrong: secret + "metadata: {name: p2-key}\nstringData: {token: sk-p2}\n---\n" + provider + `metadata: {name: p2}
spec: {gatewayRefs: [{name: main}], type: OpenAI, credentials: {secretRef: {name: p2-key}}}`,
		object: "providerpolicy/p2", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonSecretKeyNotFound,
		message: `spec.credentials.secretRef: Secret NAMESPACE/p2-key has no key "apiKey", or an empty one`,
		mend:    secret + "metadata: {name: p2-key}\nstringData: {apiKey: sk-p2}",
	},
	"a certificate authority is none": {
		wrong: secret + "metadata: {name: p3-ca}\nstringData: {ca.crt: nonsense}\n---\n" + provider + `metadata: {name: p3}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "https://p3.example/v1", tls: {caSecretRef: {name: p3-ca}}}`,
		object: "providerpolicy/p3", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonInvalidSecret,
		message: `spec.tls.caSecretRef: Secret NAMESPACE/p3-ca: key "ca.crt" holds no PEM certificate`,
		mend: provider + `metadata: {name: p3}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "https://p3.example/v1"}`,
	},
	"the gateway is unknown": {
		wrong: provider + `metadata: {name: p4}
spec: {gatewayRefs: [{name: later}], type: OpenAICompatible, endpoint: "http://p4.example/v1"}`,
		object: "providerpolicy/p4", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonGatewayNotFound,
		message: "spec.gatewayRefs: SparkGateway NAMESPACE/later does not exist",
		mend:    sgw + "metadata: {name: later}\nspec: {replicas: 1}",
	},
	"a model is served by another": {
		wrong: provider + `metadata: {name: p5}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "http://p5.example/v1", models: [{name: mine}, {name: taken}]}`,
		object: "providerpolicy/p5", condition: v1alpha1.Ready, status: "False", reason: v1alpha1.ReasonDuplicateModel,
		message: `spec.models[1].name: "taken" is served by ProviderPolicy NAMESPACE/older; this one answers to "p5/taken"`,
		mend: provider + `metadata: {name: p5}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "http://p5.example/v1", models: [{name: mine}]}`,
	},
	"a key's own Secret is missing": {
		wrong:  apiKey + "metadata: {name: k1}\nspec: {user: k1, gatewayRefs: [{name: main}], secretRef: {name: k1-own}}",
		object: "apikey/k1", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonSecretNotFound,
		message: "spec.secretRef: Secret NAMESPACE/k1-own does not exist",
		mend:    secret + "metadata: {name: k1-own}\nstringData: {apiKey: k1-own-0123456789-0123456789}",
	},
	"two keys have one secret": {
		wrong:  apiKey + "metadata: {name: second}\nspec: {user: second, gatewayRefs: [{name: main}], secretRef: {name: shared}}",
		object: "apikey/second", condition: v1alpha1.Accepted, status: "False", reason: v1alpha1.ReasonDuplicateSecret,
		message: "spec.secretRef: Secret NAMESPACE/shared holds the same key as the older APIKey NAMESPACE/first",
		mend: secret + "metadata: {name: another}\nstringData: {apiKey: another-0123456789-0123456789}\n---\n" +
			apiKey + "metadata: {name: second}\nspec: {user: second, gatewayRefs: [{name: main}], secretRef: {name: another}}",
	},
	"a key is too short": {
		wrong: secret + "metadata: {name: k2-own}\nstringData: {apiKey: short}\n---\n" +
			apiKey + "metadata: {name: k2}\nspec: {user: k2, gatewayRefs: [{name: main}], secretRef: {name: k2-own}}",
		object: "apikey/k2", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonInvalidSecret,
		message: `spec.secretRef: Secret NAMESPACE/k2-own: key "apiKey" must be 20 to 512 printable ASCII characters without spaces`,
		mend:    secret + "metadata: {name: k2-own}\nstringData: {apiKey: k2-own-0123456789-0123456789}",
	},
	"another's Service is in the way": {
		wrong: "apiVersion: v1\nkind: Service\nmetadata: {name: g1}\nspec: {ports: [{port: 80}]}\n---\n" +
			sgw + "metadata: {name: g1}\nspec: {replicas: 1}",
		object: "sparkgateway/g1", condition: v1alpha1.Programmed, status: "False", reason: v1alpha1.ReasonChildConflict,
		message: "Service NAMESPACE/g1 exists and is not this resource's; rename one of them, or delete it",
		mend:    "delete service/g1",
	},
	"a listener's certificate is missing": {
		wrong:  sgw + "metadata: {name: g2}\nspec: {replicas: 1, listener: {tls: {secretRef: {name: g2-tls}}}}",
		object: "sparkgateway/g2", condition: v1alpha1.ResolvedRefs, status: "False", reason: v1alpha1.ReasonSecretNotFound,
		message: "spec.listener.tls.secretRef: Secret NAMESPACE/g2-tls does not exist",
		mend:    sgw + "metadata: {name: g2}\nspec: {replicas: 1}",
	},
}

// A mistake has a condition that names the field or Secret at fault, on the resource that caused it, and is over once
// it is mended.
func TestWrongInputIsNamedAndMended(t *testing.T) {
	s := newSpace(t)
	s.apply(one)
	s.waitFor("Ready", "sparkgateway/main")
	s.waitFor("Ready", "apikey/first")
	s.waitFor("Ready", "providerpolicy/older")
	t.Run("of every kind", func(t *testing.T) {
		for name, row := range wrongInputs {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				(&space{TB: t, name: s.name}).mistake(row)
			})
		}
	})
	// What is wrong with one resource is nobody else's matter.
	for _, object := range []string{"sparkgateway/main", "apikey/first", "providerpolicy/older"} {
		s.kubectl("wait", "--for=condition=Ready", "--timeout=20s", object)
	}
}

func (s *space) mistake(row wrongInput) {
	s.Helper()
	s.apply(row.wrong)
	s.waitFor("Stalled", row.object)
	kind, name, _ := strings.Cut(row.object, "/")
	object := map[string]func() client.Object{
		"sparkgateway":   func() client.Object { return &v1alpha1.SparkGateway{} },
		"providerpolicy": func() client.Object { return &v1alpha1.ProviderPolicy{} },
		"apikey":         func() client.Object { return &v1alpha1.APIKey{} },
	}[kind]
	c := s.condition(object(), name, row.condition)
	if c.Status != row.status || c.Reason != string(row.reason) || c.Message != s.fill(row.message) {
		s.Errorf("%s is %s/%s: %q\nwant %s/%s: %q", row.condition, c.Status, c.Reason, c.Message, row.status, row.reason, s.fill(row.message))
	}
	if ready := s.condition(object(), name, v1alpha1.Ready); ready.Status != metav1.ConditionFalse || ready.Reason != string(row.reason) {
		s.Errorf("Ready is %s/%s", ready.Status, ready.Reason)
	}
	start := time.Now()
	if what, ok := strings.CutPrefix(row.mend, "delete "); ok {
		s.kubectl("delete", what)
	} else {
		s.apply(row.mend)
	}
	s.waitFor("Ready", row.object)
	s.kubectl("wait", "--for=condition=Stalled=False", "--timeout=10s", row.object)
	s.Logf("%s %s=%s/%s: %s; Ready %s after it was mended", row.object, row.condition, c.Status, c.Reason, c.Message, millis(time.Since(start)))
}

// What can be seen without looking elsewhere does not even get in; the API server names the field.
func TestWrongInputIsRefusedAtTheDoor(t *testing.T) {
	s := newSpace(t)
	for name, row := range map[string]struct{ manifest, field, because string }{
		"a URL without a scheme": {provider + `metadata: {name: p}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "llm.example:8000/v1"}`,
			"spec.endpoint", "must be an absolute URL that begins with http:// or https://"},
		"a URL of another scheme": {provider + `metadata: {name: p}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "ftp://llm.example/v1"}`,
			"spec.endpoint", "must be an absolute URL that begins with http:// or https://"},
		"a URL with credentials": {provider + `metadata: {name: p}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "https://me:secret@llm.example/v1"}`,
			"spec.endpoint", "must not have a query, a fragment or credentials"},
		"a model twice": {provider + `metadata: {name: p}
spec: {gatewayRefs: [{name: main}], type: OpenAICompatible, endpoint: "http://llm.example/v1", models: [{name: m}, {name: m}]}`,
			"spec.models[1]", "Duplicate value"},
		"a field that does not exist": {sgw + "metadata: {name: g}\nspec: {replica: 3}", "spec.replica", "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := on.kubectl(t.Context(), row.manifest, "-n", s.name, "apply", "-f", "-")
			if err == nil || !strings.Contains(err.Error(), row.field) || !strings.Contains(err.Error(), row.because) {
				t.Errorf("%s%v\nwant a refusal that names %s: %s", out, err, row.field, row.because)
			}
		})
	}
}
