// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
)

// madeUp gathers Secrets with values that nobody uses.
type madeUp struct {
	present map[types.NamespacedName]*corev1.Secret
	secrets map[types.NamespacedName]*corev1.Secret
	failed  error
}

// MadeUp gives every Secret that the set refers to and does not have, with values that stand up to the compiler: to look at
// what a configuration would do, and not to serve it. A Secret that is there and lacks a value stays as it is.
func MadeUp(set *manifest.Set) (map[types.NamespacedName]*corev1.Secret, error) {
	m := madeUp{present: set.Secrets(), secrets: Placeholders(set)}
	for _, key := range set.Keys() {
		if ref := key.Spec.SecretRef; ref != nil {
			m.add(key.Namespace, ref.Name, cmp.Or(ref.Key, compiler.CredentialsKey), text(issue.NewAPIKey()))
		}
	}
	for _, gw := range set.Gateways() {
		m.gateway(&gw)
	}
	for _, p := range set.Providers() {
		m.provider(&p)
	}
	return m.secrets, m.failed
}

func (m *madeUp) gateway(gw *v1alpha1.SparkGateway) {
	spec := &gw.Spec
	value := func(ref *v1alpha1.SecretKeyReference, otherwise string, value func() ([]byte, error)) {
		if ref != nil {
			m.add(gw.Namespace, ref.Name, cmp.Or(ref.Key, otherwise), value)
		}
	}
	if l := spec.Listener; l != nil && l.TLS != nil {
		certificate, key, err := selfSigned()
		m.add(gw.Namespace, l.TLS.SecretRef.Name, "tls.crt", func() ([]byte, error) { return certificate, err })
		m.add(gw.Namespace, l.TLS.SecretRef.Name, "tls.key", func() ([]byte, error) { return key, err })
	}
	if a := spec.Auth; a != nil {
		for _, issuer := range a.JWT {
			value(issuer.CASecretRef, "ca.crt", authority)
		}
	}
	if s := spec.Store; s != nil && s.Redis != nil {
		for _, credentials := range []*v1alpha1.StoreCredentials{s.Redis.Credentials, s.Redis.SentinelCredentials} {
			if credentials != nil {
				value(&credentials.SecretRef, "password", text("made-up"))
			}
		}
		if s.Redis.TLS != nil {
			value(s.Redis.TLS.CASecretRef, "ca.crt", authority)
		}
	}
	if l := spec.Ledger; l != nil && l.Webhook != nil {
		value(l.Webhook.AuthorizationSecretRef, "authorization", text("made-up"))
	}
	if l := spec.Ledger; l != nil && l.OTLP != nil {
		value(l.OTLP.AuthorizationSecretRef, "authorization", text("made-up"))
	}
	if s := spec.Sanitizer; s != nil && s.Webhook != nil {
		value(s.Webhook.AuthorizationSecretRef, "authorization", text("made-up"))
		value(s.Webhook.CASecretRef, "ca.crt", authority)
	}
	if t := spec.Telemetry; t != nil && t.ErrorTracking != nil {
		value(t.ErrorTracking.SentryDSNSecretRef, "dsn", text("https://made-up@sentry.invalid/1"))
		if w := t.ErrorTracking.Webhook; w != nil {
			value(w.AuthorizationSecretRef, "authorization", text("made-up"))
		}
	}
}

// authority gives a certificate that nobody trusts.
func authority() ([]byte, error) {
	certificate, _, err := selfSigned()
	return certificate, err
}

func (m *madeUp) provider(p *v1alpha1.ProviderPolicy) {
	if t := p.Spec.TLS; t != nil && t.CASecretRef != nil {
		m.add(p.Namespace, t.CASecretRef.Name, cmp.Or(t.CASecretRef.Key, "ca.crt"), authority)
	}
	cr := p.Spec.Credentials
	switch {
	case cr == nil:
	case cr.SecretRef != nil:
		m.add(p.Namespace, cr.SecretRef.Name, cmp.Or(cr.SecretRef.Key, compiler.CredentialsKey), text("made-up"))
	case cr.AWS != nil && cr.AWS.SecretRef != nil:
		m.add(p.Namespace, cr.AWS.SecretRef.Name, "accessKeyID", text("made-up"))
		m.add(p.Namespace, cr.AWS.SecretRef.Name, "secretAccessKey", text("made-up"))
	case cr.GCP != nil && cr.GCP.SecretRef != nil:
		m.add(p.Namespace, cr.GCP.SecretRef.Name, cmp.Or(cr.GCP.SecretRef.Key, "credentials.json"), googleKey)
	case cr.Azure != nil && cr.Azure.SecretRef != nil:
		m.add(p.Namespace, cr.Azure.SecretRef.Name, cmp.Or(cr.Azure.SecretRef.Key, "clientSecret"), text("made-up"))
	}
}

// add makes up one value of a Secret that is not there.
func (m *madeUp) add(namespace, name, key string, value func() ([]byte, error)) {
	of := types.NamespacedName{Namespace: namespace, Name: name}
	if m.present[of] != nil || m.failed != nil {
		return
	}
	made, err := value()
	if err != nil {
		m.failed = fmt.Errorf("make up Secret %s: %w", of, err)
		return
	}
	if m.secrets[of] == nil {
		m.secrets[of] = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{}}
	}
	m.secrets[of].Data[key] = made
}

func text(value string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(value), nil }
}

// selfSigned gives a certificate that nobody trusts, and its key.
func selfSigned() (certificate, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"made-up.invalid"}, NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &pair.PublicKey, pair)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// googleKey gives the key of a service account that there is not.
func googleKey() ([]byte, error) {
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{
		"type": "service_account", "client_email": "made-up@example.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   "https://oauth2.googleapis.com/token",
	})
}
