// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

const (
	ns        = "team"
	elsewhere = "elsewhere"
	// providerSecret and aliceSecret are canaries: no test wants to see them outside the parts that carry secrets.
	providerSecret = "sk-canary-of-a-provider-0001"
	aliceSecret    = "spark-canary-of-alice-000000000001"
)

// born gives the time of creation of a resource: the larger the number, the younger it is.
func born(minute int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC))
}

func name(name string) types.NamespacedName { return in(ns, name) }

// own is name, where a test's table has a name of its own.
func own(name string) types.NamespacedName { return in(ns, name) }

func in(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func gateway(edits ...func(*v1alpha1.SparkGateway)) *v1alpha1.SparkGateway {
	gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "main", UID: "gateway-uid", Generation: 3}}
	for _, edit := range edits {
		edit(gw)
	}
	return gw
}

// withSpec edits a SparkGateway's spec.
func withSpec(edit func(*v1alpha1.SparkGatewaySpec)) func(*v1alpha1.SparkGateway) {
	return func(gw *v1alpha1.SparkGateway) { edit(&gw.Spec) }
}

func refs() []v1alpha1.GatewayReference {
	return []v1alpha1.GatewayReference{{Namespace: ns, Name: "main"}}
}

func provider(name string, edits ...func(*v1alpha1.ProviderPolicy)) v1alpha1.ProviderPolicy {
	p := v1alpha1.ProviderPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, UID: types.UID(name + "-uid"), Generation: 5, CreationTimestamp: born(0)},
		Spec: v1alpha1.ProviderPolicySpec{
			GatewayRefs: refs(),
			Type:        v1alpha1.ProviderOpenAICompatible,
			Endpoint:    "http://llm.models.svc:8000/v1",
		},
	}
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

func apiKey(name string, edits ...func(*v1alpha1.APIKey)) v1alpha1.APIKey {
	k := v1alpha1.APIKey{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, UID: types.UID(name + "-uid"), Generation: 7, CreationTimestamp: born(0)},
		Spec: v1alpha1.APIKeySpec{
			GatewayRefs: refs(),
			User:        name + "@example.com",
			SecretRef:   &v1alpha1.SecretKeyReference{Name: name + "-own"},
		},
	}
	for _, edit := range edits {
		edit(&k)
	}
	return k
}

// route gives a ModelRoute that serves its own name by the target "openai/gpt-4o".
func route(name string, edits ...func(*v1alpha1.ModelRoute)) v1alpha1.ModelRoute {
	r := v1alpha1.ModelRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, UID: types.UID(name + "-uid"), Generation: 9, CreationTimestamp: born(0)},
		Spec: v1alpha1.ModelRouteSpec{
			GatewayRefs: refs(),
			Models:      []v1alpha1.ModelName{v1alpha1.ModelName(name)},
			Targets:     []v1alpha1.RouteTarget{{TargetReference: model("openai", "gpt-4o")}},
		},
	}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// withRoute edits a ModelRoute's spec.
func withRoute(edit func(*v1alpha1.ModelRouteSpec)) func(*v1alpha1.ModelRoute) {
	return func(r *v1alpha1.ModelRoute) { edit(&r.Spec) }
}

// serving makes a ModelRoute one for names.
func serving(names ...v1alpha1.ModelName) func(*v1alpha1.ModelRoute) {
	return withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Models = names })
}

// bornAt gives a ModelRoute an age.
func bornAt(minute int) func(*v1alpha1.ModelRoute) {
	return func(r *v1alpha1.ModelRoute) { r.CreationTimestamp = born(minute) }
}

// matching makes a ModelRoute one for requests with a header.
func matching(name, value string) func(*v1alpha1.ModelRoute) {
	return withRoute(func(s *v1alpha1.ModelRouteSpec) {
		if s.Match == nil {
			s.Match = &v1alpha1.RouteMatch{}
		}
		s.Match.Headers = append(s.Match.Headers, v1alpha1.HeaderMatch{Name: name, Value: value})
	})
}

// targets replaces a ModelRoute's.
func targets(all ...v1alpha1.RouteTarget) func(*v1alpha1.ModelRoute) {
	return withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Targets = all })
}

// to is a target of tier 0 without a weight.
func to(provider, name string) v1alpha1.RouteTarget {
	return v1alpha1.RouteTarget{TargetReference: model(provider, name)}
}

// model refers to a provider's model, the provider as "name" or "namespace/name".
func model(provider, name string) v1alpha1.TargetReference {
	ref := v1alpha1.ProviderReference{Name: provider}
	if namespace, name, ok := strings.Cut(provider, "/"); ok {
		ref = v1alpha1.ProviderReference{Namespace: namespace, Name: name}
	}
	return v1alpha1.TargetReference{ProviderRef: ref, Model: name}
}

// generated makes an APIKey one whose key the operator generates.
func generated(k *v1alpha1.APIKey) { k.Spec.SecretRef = nil }

func credentials(secret string) func(*v1alpha1.ProviderPolicy) {
	return func(p *v1alpha1.ProviderPolicy) {
		p.Spec.Credentials = &v1alpha1.Credentials{SecretRef: &v1alpha1.SecretKeyReference{Name: secret}}
	}
}

func models(names ...string) func(*v1alpha1.ProviderPolicy) {
	return func(p *v1alpha1.ProviderPolicy) {
		for _, name := range names {
			p.Spec.Models = append(p.Spec.Models, v1alpha1.ProviderModel{Name: name})
		}
	}
}

func secret(name string, keysAndValues ...string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Data: map[string][]byte{}}
	for i := 0; i < len(keysAndValues); i += 2 {
		s.Data[keysAndValues[i]] = []byte(keysAndValues[i+1])
	}
	return s
}

// ownedBy makes a Secret the one that was generated for an APIKey.
func ownedBy(s *corev1.Secret, k v1alpha1.APIKey) *corev1.Secret {
	s.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&k, v1alpha1.GroupVersion.WithKind(v1alpha1.KindAPIKey))}
	return s
}

// ofType makes a provider one of a type with what it needs; its Secret is "cloud".
func ofType(kind v1alpha1.ProviderType, edits ...func(*v1alpha1.ProviderPolicySpec)) func(*v1alpha1.ProviderPolicy) {
	return func(p *v1alpha1.ProviderPolicy) {
		key := &v1alpha1.SecretKeyReference{Name: "cloud"}
		p.Spec.Type, p.Spec.Endpoint, p.Spec.Credentials = kind, "", &v1alpha1.Credentials{}
		switch kind {
		case v1alpha1.ProviderBedrock:
			p.Spec.Bedrock = &v1alpha1.Bedrock{Region: "eu-central-1"}
			p.Spec.Credentials.AWS = &v1alpha1.AWSCredentials{SecretRef: &v1alpha1.SecretReference{Name: "cloud"}}
		case v1alpha1.ProviderVertexAI:
			p.Spec.VertexAI = &v1alpha1.VertexAI{Project: "example", Location: "europe-west4"}
			p.Spec.Credentials.GCP = &v1alpha1.GCPCredentials{SecretRef: key}
		case v1alpha1.ProviderAzureOpenAI:
			p.Spec.Endpoint = "https://example.openai.azure.com"
			p.Spec.Credentials.Azure = &v1alpha1.AzureCredentials{
				TenantID: "example.onmicrosoft.com", ClientID: "00000000-0000-0000-0000-000000000001", SecretRef: key}
		default:
			p.Spec.Credentials.SecretRef = key
		}
		for _, edit := range edits {
			edit(&p.Spec)
		}
	}
}

// input gathers objects into what Compile takes; of a SparkGateway the last counts.
func input(objects ...any) compiler.Input {
	out := compiler.Input{Gateway: gateway(), Secrets: map[types.NamespacedName]*corev1.Secret{}}
	for _, o := range objects {
		switch o := o.(type) {
		case *v1alpha1.SparkGateway:
			out.Gateway = o
		case v1alpha1.ProviderPolicy:
			out.Providers = append(out.Providers, o)
		case v1alpha1.ModelRoute:
			out.Routes = append(out.Routes, o)
		case v1alpha1.APIKey:
			out.Keys = append(out.Keys, o)
		case v1alpha1.UsagePolicy:
			out.Policies = append(out.Policies, o)
		case *corev1.Secret:
			out.Secrets[in(o.Namespace, o.Name)] = o
		case map[string]map[string]string:
			out.Namespaces = o
		default:
			panic(fmt.Sprintf("input does not take %T", o))
		}
	}
	return out
}

// certificates are made once a run; where a manifest in testdata says @CERT@, @KEY@ or @OTHERKEY@ these are meant, and by
// @GOOGLE@ the key of a service account of Google Cloud.
var certificates = sync.OnceValue(func() map[string]string {
	cert, key := newCertificate()
	_, other := newCertificate()
	return map[string]string{"@CERT@": cert, "@KEY@": key, "@OTHERKEY@": other, "@GOOGLE@": newGoogleKey()}
})

func newGoogleKey() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "spark@example.iam.gserviceaccount.com",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// federation is the configuration of a workload identity federation.
const federation = `{"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
	"audience": "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/cluster",
	"token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": "/etc/spark/config/secrets.json"}}`

func newCertificate() (certPEM, keyPEM string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	block := func(kind string, der []byte) string {
		return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
}

// secretValues gives what must not be seen outside the parts that carry it: every value of every Secret of the input
// but certificates.
func secretValues(in compiler.Input) []string {
	var out []string
	for _, s := range in.Secrets {
		for key := range maps.Keys(s.Data) {
			value := strings.TrimSpace(string(s.Data[key]))
			if !strings.HasSuffix(key, ".crt") && len(value) >= 6 {
				out = append(out, value)
			}
		}
	}
	return out
}

// verdicts gives every message of an output, by whom it is about.
func verdicts(out compiler.Output) map[string]compiler.Verdict {
	all := map[string]compiler.Verdict{"SparkGateway": out.Gateway}
	for n, v := range out.Providers {
		all["ProviderPolicy "+n.String()] = *v
	}
	for n, v := range out.Routes {
		all["ModelRoute "+n.String()] = *v
	}
	for n, v := range out.Keys {
		all["APIKey "+n.String()] = *v
	}
	for n, v := range out.Policies {
		all["UsagePolicy "+n.String()] = *v
	}
	return all
}

func mustServe(t testing.TB, in compiler.Input) compiler.Output {
	t.Helper()
	out := compiler.Compile(in)
	if out.Document == nil {
		t.Fatalf("no document; the gateway's verdict is %+v", out.Gateway)
	}
	return out
}
