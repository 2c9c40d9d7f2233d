// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// Bounds of an API key's length, so that its digest cannot be searched for the key and a header can hold it.
const (
	minKeyLength = 20
	maxKeyLength = 512
)

// keys judges the API keys, oldest first, and gives those that are served in order of ID.
func (c *compilation) keys() []config.Key {
	apiKeys := make([]*v1alpha1.APIKey, len(c.in.Keys))
	for i := range c.in.Keys {
		apiKeys[i] = &c.in.Keys[i]
	}
	slices.SortFunc(apiKeys, func(a, b *v1alpha1.APIKey) int { return byAge(a, b) })

	var served []config.Key
	owners := make(map[config.Digest]string, len(apiKeys))
	for _, apiKey := range apiKeys {
		key, verdict := c.key(apiKey)
		if owner, taken := owners[key.Digest]; verdict.Served() && taken {
			verdict.Accepted = Finding{v1alpha1.ReasonDuplicateSecret, fmt.Sprintf(
				"spec.secretRef: Secret %s holds the same key as the older APIKey %s", SecretName(apiKey), owner)}
		}
		if verdict.Served() {
			owners[key.Digest] = key.ID
			verdict.Content = fingerprint(key)
			served = append(served, key)
		}
		c.out.Keys[nameOf(apiKey)] = verdict
	}
	slices.SortFunc(served, func(a, b config.Key) int { return cmp.Compare(a.ID, b.ID) })
	return served
}

func (c *compilation) key(apiKey *v1alpha1.APIKey) (config.Key, Verdict) {
	verdict := Verdict{Generation: apiKey.Generation, ResolvedRefs: c.permitted(apiKey.Namespace)}
	p := &problems{}
	key := config.Key{ID: idOf(apiKey), User: apiKey.Spec.User, Master: apiKey.Spec.Role == v1alpha1.RoleMaster}
	if l := apiKey.Spec.Limits; l != nil {
		key.Limits.Requests = p.limits("spec.limits.requests", l.Requests)
	}
	verdict.Accepted = p.finding()
	if !verdict.ResolvedRefs.OK() {
		return key, verdict
	}
	secret, finding := c.keySecret(apiKey)
	if verdict.ResolvedRefs = finding; !finding.OK() {
		return key, verdict
	}
	key.Digest, verdict.Prefix = config.DigestKey(secret), prefixOf(secret)
	return key, verdict
}

// keySecret gives the key itself, of the user's own Secret or of the generated one.
func (c *compilation) keySecret(apiKey *v1alpha1.APIKey) (string, Finding) {
	field, name := "spec.secretRef", SecretName(apiKey)
	ref := v1alpha1.SecretKeyReference{Name: name.Name}
	if apiKey.Spec.SecretRef != nil {
		ref = *apiKey.Spec.SecretRef
	} else if secret := c.in.Secrets[name]; secret != nil && !ownedBy(secret, apiKey) {
		return "", Finding{v1alpha1.ReasonSecretNotOwned, fmt.Sprintf(
			"metadata.name: Secret %s, where the generated key belongs, exists and is not this APIKey's", name)}
	}
	value, finding := c.secretValue(field, name, cmp.Or(ref.Key, CredentialsKey))
	if !finding.OK() {
		return "", finding
	}
	if len(value) < minKeyLength || len(value) > maxKeyLength || !printable(value) {
		return "", Finding{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"%s: Secret %s: key %q must be %d to %d printable ASCII characters without spaces",
			field, name, cmp.Or(ref.Key, CredentialsKey), minKeyLength, maxKeyLength)}
	}
	return value, Finding{}
}

// SecretName names the Secret that holds an APIKey's key: its own, or the generated one.
func SecretName(apiKey *v1alpha1.APIKey) types.NamespacedName {
	name := apiKey.Name + "-key"
	if apiKey.Spec.SecretRef != nil {
		name = apiKey.Spec.SecretRef.Name
	}
	return types.NamespacedName{Namespace: apiKey.Namespace, Name: name}
}

// ownedBy says whether a Secret was made for an APIKey. From files, where nothing has a UID, the name decides.
func ownedBy(secret *corev1.Secret, apiKey *v1alpha1.APIKey) bool {
	return apiKey.UID == "" || metav1.IsControlledBy(secret, apiKey)
}

// prefixOf shows the first characters of a key: of a generated one four behind "spark-", else four.
func prefixOf(key string) string {
	const shown, generated = 4, "spark-"
	n := shown
	if len(key) > len(generated) && key[:len(generated)] == generated {
		n += len(generated)
	}
	return key[:n] + "…"
}
