// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// documents are what no constraint of a schema is about: decoding, metadata, Secrets. %s is the namespace.
var documents = map[string]struct {
	kind, document string
	// refused holds, for a document that is not accepted, words that both verdicts must contain.
	refused []string
}{
	"an unknown field of the spec": {"SparkGateway", gatewayDocument + "spec: {nonsense: 1}", []string{"spec.nonsense"}},
	"an unknown field of a list item": {"ProviderPolicy",
		providerDocument + "spec: {gatewayRefs: [{name: a, kind: SparkGateway}], type: OpenAI, credentials: {secretRef: {name: a}}}", []string{"spec.gatewayRefs[0].kind"}},
	"an unknown field of the status": {"SparkGateway", gatewayDocument + "spec: {}\nstatus: {nonsense: 1}", []string{"status.nonsense"}},
	"an unknown field beside spec":   {"SparkGateway", gatewayDocument + "spec: {}\nspecs: {}", []string{"specs"}},
	"an unknown field of metadata":   {"SparkGateway", strings.Replace(gatewayDocument, "name: a", "name: a, nonsense: b", 1) + "spec: {}", []string{"metadata.nonsense"}},
	"a status, which is dropped":     {"SparkGateway", gatewayDocument + "spec: {}\nstatus: {revision: a}", nil},
	"a status that breaks its bounds, which is dropped": {"SparkGateway",
		gatewayDocument + "spec: {}\nstatus: {observedGeneration: -1}", nil},
	"a repeated key":                        {"SparkGateway", gatewayDocument + "spec: {replicas: 1, replicas: 2}", []string{`"replicas" already set`}},
	"a string for a number":                 {"SparkGateway", gatewayDocument + `spec: {replicas: "2"}`, []string{"spec.replicas"}},
	"a fraction for an integer":             {"SparkGateway", gatewayDocument + "spec: {replicas: 2.5}", []string{"spec.replicas"}},
	"a whole number written as a fraction":  {"SparkGateway", gatewayDocument + "spec: {replicas: 2.0}", nil},
	"a number above 32 bits":                {"SparkGateway", gatewayDocument + "spec: {requestLimits: {maxHeaderBytes: 5000000000}}", []string{"spec.requestLimits.maxHeaderBytes"}},
	"a number for a string":                 {"APIKey", keyDocument + "spec: {gatewayRefs: [{name: a}], user: 5}", []string{"spec.user"}},
	"YAML 1.1's yes for a boolean":          {"SparkGateway", gatewayDocument + "spec: {networkPolicy: {enabled: yes}}", nil},
	"YAML 1.1's yes for a string":           {"APIKey", keyDocument + "spec: {gatewayRefs: [{name: a}], user: yes}", []string{"spec.user"}},
	"YAML 1.1's Off for a mode":             {"SparkGateway", gatewayDocument + "spec: {sanitizer: {pii: {mode: Off}}}", []string{"spec.sanitizer.pii.mode"}},
	"the word Off for a mode":               {"SparkGateway", gatewayDocument + `spec: {sanitizer: {pii: {mode: "Off"}}}`, nil},
	"a null for an optional field":          {"SparkGateway", gatewayDocument + "spec: {replicas: null, listener: null}", nil},
	"a null for a required field":           {"SparkGateway", gatewayDocument + "spec: null", []string{"spec"}},
	"an empty field for a required one":     {"SparkGateway", gatewayDocument + "spec:", []string{"spec"}},
	"a list for a map":                      {"SparkGateway", gatewayDocument + "spec: []", []string{"spec"}},
	"field names in another case":           {"SparkGateway", gatewayDocument + "spec: {Replicas: 2}", []string{"spec.Replicas"}},
	"anchors and aliases":                   {"SparkGateway", gatewayDocument + "spec: {service: &s {type: ClusterIP}, listener: {maxConnections: &n 5}, replicas: *n}", nil},
	"a Kubernetes type":                     {"SparkGateway", gatewayDocument + "spec: {resources: {limits: {cpu: 1, memory: 1Gi}}}", nil},
	"a Kubernetes type with a typing error": {"SparkGateway", gatewayDocument + "spec: {resources: {limits: {memory: 1GiB}}}", []string{"spec.resources.limits"}},
	"a name with a capital":                 {"APIKey", strings.Replace(keyDocument, "name: a", "name: A", 1) + keySpec, []string{"metadata.name"}},
	"a name of one more than 253":           {"ProviderPolicy", strings.Replace(providerDocument, "name: a", "name: "+repeat(254), 1) + providerSpec, []string{"metadata.name"}},
	"a label's value that is too long":      {"APIKey", strings.Replace(keyDocument, "name: a", "name: a, labels: {a: "+repeat(64)+"}", 1) + keySpec, []string{"metadata.labels"}},
	"a label's value that is a number":      {"APIKey", strings.Replace(keyDocument, "name: a", "name: a, labels: {a: 1}", 1) + keySpec, []string{"label"}},
	"an annotation's key with a space":      {"APIKey", strings.Replace(keyDocument, "name: a", "name: a, annotations: {a b: c}", 1) + keySpec, []string{"metadata.annotations"}},
	"a finalizer that is no name":           {"APIKey", strings.Replace(keyDocument, "name: a", "name: a, finalizers: [a b]", 1) + keySpec, []string{"metadata.finalizers"}},
	"an owner without a UID":                {"APIKey", strings.Replace(keyDocument, "name: a", "name: a, ownerReferences: [{apiVersion: v1, kind: A, name: a}]", 1) + keySpec, []string{"metadata.ownerReferences[0].uid"}},

	"a Secret with data and stringData":           {"Secret", secretDocument + "data: {a: YQ==}\nstringData: {b: b}", nil},
	"a Secret with data that is not base64":       {"Secret", secretDocument + "data: {a: '%%'}", []string{""}},
	"a Secret with base64 over two lines":         {"Secret", secretDocument + "data: {a: \"YWFh\\nYWFh\"}", nil},
	"a Secret with base64 without padding":        {"Secret", secretDocument + "data: {a: YQ}", []string{""}},
	"a Secret with a number":                      {"Secret", secretDocument + "stringData: {a: 1}", []string{""}},
	"a Secret with a null":                        {"Secret", secretDocument + "stringData: {a: null}\ndata: null", nil},
	"a Secret with a key that is no file name":    {"Secret", secretDocument + "stringData: {a/b: c}", []string{"data[a/b]"}},
	"a Secret with an unknown field":              {"Secret", secretDocument + "stringdata: {a: b}", []string{"stringdata"}},
	"a Secret with an unknown field, in metadata": {"Secret", strings.Replace(secretDocument, "name: a", "name: a, foo: b", 1), []string{"metadata.foo"}},
	"a Secret of one byte more than a mebibyte":   {"Secret", secretDocument + "stringData: {a: " + repeat(1<<20+1) + "}", []string{"data"}},
	"a TLS Secret":                                {"Secret", secretDocument + "type: kubernetes.io/tls\nstringData: {tls.crt: a, tls.key: b}", nil},
	"a TLS Secret without a key":                  {"Secret", secretDocument + "type: kubernetes.io/tls\nstringData: {tls.crt: a}", []string{"data[tls.key]"}},
	"a registry Secret that is not JSON":          {"Secret", secretDocument + "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: a}", []string{"data[.dockerconfigjson]"}},
	"a registry Secret without its key":           {"Secret", secretDocument + "type: kubernetes.io/dockercfg", []string{"data[.dockercfg]"}},
	"a login without name and password":           {"Secret", secretDocument + "type: kubernetes.io/basic-auth\nstringData: {a: b}", []string{"data"}},
	"a login with a password alone":               {"Secret", secretDocument + "type: kubernetes.io/basic-auth\nstringData: {password: b}", nil},
	"an SSH Secret with an empty key":             {"Secret", secretDocument + "type: kubernetes.io/ssh-auth\nstringData: {ssh-privatekey: ''}", []string{"data[ssh-privatekey]"}},
	"a token of no service account":               {"Secret", secretDocument + "type: kubernetes.io/service-account-token", []string{"metadata.annotations[kubernetes.io/service-account.name]"}},
	"a Secret's name with an underscore":          {"Secret", strings.Replace(secretDocument, "name: a", "name: a_b", 1), []string{"metadata.name"}},
}

const (
	header         = "apiVersion: sparkgateway.dev/v1alpha1\nkind: %s\nmetadata: {name: a, namespace: NAMESPACE}\n"
	keySpec        = "spec: {gatewayRefs: [{name: a}], user: a}"
	providerSpec   = "spec: {gatewayRefs: [{name: a}], type: OpenAI, credentials: {secretRef: {name: a}}}"
	secretDocument = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: NAMESPACE}\n"
)

var (
	gatewayDocument  = fmt.Sprintf(header, "SparkGateway")
	providerDocument = fmt.Sprintf(header, "ProviderPolicy")
	keyDocument      = fmt.Sprintf(header, "APIKey")
)

func TestDocumentsAreJudgedAsTheAPIServerDoes(t *testing.T) {
	namespace := newNamespace(t)
	for name, d := range documents {
		t.Run(name, func(t *testing.T) {
			server, offline := judgements(t, d.kind, namespace, strings.ReplaceAll(d.document, "NAMESPACE", namespace))
			for who, v := range map[string]verdict{"the API server": server, "package manifest": offline} {
				if (len(v) > 0) != (len(d.refused) > 0) {
					t.Errorf("%s: want refused %v, got %v", who, len(d.refused) > 0, v)
				}
				for _, words := range d.refused {
					if !strings.Contains(fmt.Sprint(v), words) {
						t.Errorf("%s does not speak of %s: %v", who, words, v)
					}
				}
			}
		})
	}
}

func TestAnAPIKeyKeepsWhereItsSecretComesFrom(t *testing.T) {
	own := &v1alpha1.SecretKeyReference{Name: "own"}
	tests := map[string]struct {
		before, after *v1alpha1.SecretKeyReference
		refused       bool
	}{
		"a Secret of one's own may be another":    {own, &v1alpha1.SecretKeyReference{Name: "other"}, false},
		"generated stays generated":               {nil, nil, false},
		"a generated key cannot become one's own": {nil, own, true},
		"one's own cannot become generated":       {own, nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			key := &v1alpha1.APIKey{
				ObjectMeta: metav1.ObjectMeta{GenerateName: "a-", Namespace: corev1.NamespaceDefault},
				Spec:       v1alpha1.APIKeySpec{GatewayRefs: []v1alpha1.GatewayReference{{Name: "main"}}, User: "alice", SecretRef: tt.before},
			}
			if err := cluster.Create(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			key.Spec.SecretRef, key.Spec.User = tt.after, "bob"
			err := cluster.Update(t.Context(), key)
			if apierrors.IsInvalid(err) != tt.refused || (err != nil) != tt.refused {
				t.Errorf("want refused %v, got %v", tt.refused, err)
			}
			if tt.refused && !strings.Contains(fmt.Sprint(err), transitions[0].rule) {
				t.Errorf("want %q, got %v", transitions[0].rule, err)
			}
		})
	}
}
