// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"iter"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// What the Secret of a generated key holds beside the key itself, which is under CredentialsKey.
const (
	// PreviousCredentialsKey is the key before the last rotation, while it is still accepted.
	PreviousCredentialsKey = "previousApiKey"
	// RotatedAtAnnotation is when the key was generated, and PreviousUntilAnnotation when the one before it ends to be
	// accepted, both in RFC 3339.
	RotatedAtAnnotation     = "sparkgateway.dev/rotated-at"
	PreviousUntilAnnotation = "sparkgateway.dev/previous-until"
	// RotateAnnotation of an APIKey asks for a rotation, and on its Secret is the value that asked for the last one.
	RotateAnnotation = "sparkgateway.dev/rotate"
)

// References names every Secret that bears on the gateway: what to gather into Input.Secrets. One that several refer to is named
// as often.
func References(gw *v1alpha1.SparkGateway, providers []v1alpha1.ProviderPolicy, keys []v1alpha1.APIKey) iter.Seq[types.NamespacedName] {
	return func(yield func(types.NamespacedName) bool) {
		few := GatewaySecrets(gw)
		for i := range providers {
			few = append(few, ProviderSecrets(&providers[i])...)
		}
		for _, name := range few {
			if !yield(name) {
				return
			}
		}
		for i := range keys {
			if !yield(SecretName(&keys[i])) {
				return
			}
		}
	}
}

// GatewaySecrets names the Secrets that a SparkGateway refers to.
func GatewaySecrets(gw *v1alpha1.SparkGateway) []types.NamespacedName {
	var names []types.NamespacedName
	add := func(ref *v1alpha1.SecretKeyReference) {
		if ref != nil {
			names = append(names, types.NamespacedName{Namespace: gw.Namespace, Name: ref.Name})
		}
	}
	if l := gw.Spec.Listener; l != nil && l.TLS != nil {
		add(&v1alpha1.SecretKeyReference{Name: l.TLS.SecretRef.Name})
	}
	if a := gw.Spec.Auth; a != nil {
		for i := range a.JWT {
			add(a.JWT[i].CASecretRef)
		}
	}
	if s := gw.Spec.Store; s != nil && s.Redis != nil {
		for _, credentials := range []*v1alpha1.StoreCredentials{s.Redis.Credentials, s.Redis.SentinelCredentials} {
			if credentials != nil {
				add(&credentials.SecretRef)
			}
		}
		if s.Redis.TLS != nil {
			add(s.Redis.TLS.CASecretRef)
		}
	}
	if l := gw.Spec.Ledger; l != nil {
		if l.Webhook != nil {
			add(l.Webhook.AuthorizationSecretRef)
		}
		if l.OTLP != nil {
			add(l.OTLP.AuthorizationSecretRef)
		}
	}
	if s := gw.Spec.Sanitizer; s != nil && s.Webhook != nil {
		add(s.Webhook.AuthorizationSecretRef)
		add(s.Webhook.CASecretRef)
	}
	if t := gw.Spec.Telemetry; t != nil && t.ErrorTracking != nil {
		add(t.ErrorTracking.SentryDSNSecretRef)
		if t.ErrorTracking.Webhook != nil {
			add(t.ErrorTracking.Webhook.AuthorizationSecretRef)
		}
	}
	if t := gw.Spec.Telemetry; t != nil && t.Tracing != nil {
		add(t.Tracing.AuthorizationSecretRef)
	}
	return names
}

// ProviderSecrets names the Secrets that a ProviderPolicy refers to.
func ProviderSecrets(policy *v1alpha1.ProviderPolicy) []types.NamespacedName {
	var names []types.NamespacedName
	add := func(name string) {
		names = append(names, types.NamespacedName{Namespace: policy.Namespace, Name: name})
	}
	if cr := policy.Spec.Credentials; cr != nil {
		if cr.SecretRef != nil {
			add(cr.SecretRef.Name)
		}
		if cr.AWS != nil && cr.AWS.SecretRef != nil {
			add(cr.AWS.SecretRef.Name)
		}
		if cr.GCP != nil && cr.GCP.SecretRef != nil {
			add(cr.GCP.SecretRef.Name)
		}
		if cr.Azure != nil && cr.Azure.SecretRef != nil {
			add(cr.Azure.SecretRef.Name)
		}
	}
	if t := policy.Spec.TLS; t != nil && t.CASecretRef != nil {
		add(t.CASecretRef.Name)
	}
	return names
}

// secretValue reads one value of a Secret, without the white space around it that files and editors leave.
func (c *compilation) secretValue(field string, name types.NamespacedName, key string) (string, Finding) {
	secret := c.in.Secrets[name]
	if secret == nil {
		return "", Finding{v1alpha1.ReasonSecretNotFound, fmt.Sprintf("%s: Secret %s does not exist", field, name)}
	}
	value := strings.TrimSpace(string(secret.Data[key]))
	if value == "" {
		return "", Finding{v1alpha1.ReasonSecretKeyNotFound,
			fmt.Sprintf("%s: Secret %s has no key %q, or an empty one", field, name, key)}
	}
	return value, Finding{}
}

// checkKeyPair says what is wrong with a certificate and its key without quoting either.
func checkKeyPair(certificate, key string) error {
	if _, err := tls.X509KeyPair([]byte(certificate), []byte(key)); err != nil {
		return errors.New("tls.crt and tls.key are not a PEM certificate and its key")
	}
	return nil
}

// printable says whether a credential can stand in a header field: ASCII from "!" to "~".
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' })
}

// fingerprint digests values by their JSON.
func fingerprint(values ...any) string { return newFingerprinter().of(values...) }

// fingerprinter digests many values with what one takes.
type fingerprinter struct {
	hash    hash.Hash
	encoder *json.Encoder
	sum     [sha256.Size]byte
}

func newFingerprinter() *fingerprinter {
	h := sha256.New()
	return &fingerprinter{hash: h, encoder: json.NewEncoder(h)}
}

func (f *fingerprinter) of(values ...any) string {
	f.hash.Reset()
	// Encoding to a hash cannot fail for the plain structs given here.
	_ = f.encoder.Encode(values)
	return hex.EncodeToString(f.hash.Sum(f.sum[:0])[:16])
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
