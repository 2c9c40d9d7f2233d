// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

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

// keys judges the API keys and gives those that are served, in order of ID. Labels are those that policies select by, by
// namespace.
func (c *compilation) keys(labels map[string][]string) []*judged {
	candidates := make([]candidate, len(c.in.Keys))
	admit := admissions{c, labels, map[string]admission{}}
	prints := newFingerprinter()
	for i := range c.in.Keys {
		candidates[i] = candidate{&c.in.Keys[i], c.judge(&c.in.Keys[i], &admit, prints)}
	}
	// Keys that go end disputes and begin none.
	if c.memo.news || c.memo.disputed {
		c.memo.disputed = disputed(candidates)
	}
	if c.memo.disputed {
		settle(candidates, prints)
	}
	served := make([]*judged, 0, len(candidates))
	for _, k := range candidates {
		c.out.Keys[nameOf(k.apiKey)] = &k.verdict
		if k.verdict.Served() {
			served = append(served, k.judged)
		}
	}
	slices.SortFunc(served, func(a, b *judged) int { return strings.Compare(a.key.ID, b.key.ID) })
	return served
}

// candidate is an API key and what was decided on it so far.
type candidate struct {
	apiKey *v1alpha1.APIKey
	*judged
}

// judge decides on a key without a look at the others.
func (c *compilation) judge(apiKey *v1alpha1.APIKey, admit *admissions, prints *fingerprinter) *judged {
	by, names := admit.of(apiKey.Namespace)
	from := originOf(apiKey, c.in.Secrets[SecretName(apiKey)], by)
	name := nameOf(apiKey)
	if known := c.memo.recall(name, &from); known != nil {
		return known
	}
	key, verdict := c.key(apiKey, by.permitted)
	if verdict.Served() {
		key.Labels = labelsOf(apiKey.Labels, names)
		verdict.Content = prints.of(key)
	}
	return c.memo.keep(name, &judged{origin: from, key: key, verdict: verdict})
}

func keysOf(served []*judged) []config.Key {
	keys := make([]config.Key, len(served))
	for i, j := range served {
		keys[i] = j.key
	}
	return keys
}

// onlyTeam are the labels of keys that no policy is over.
var onlyTeam = []string{config.LabelTeam}

// disputed says whether any two secrets of keys that could be served are the same.
func disputed(candidates []candidate) bool {
	taken := make(map[config.Digest]struct{}, len(candidates))
	for _, k := range candidates {
		if !k.verdict.Served() {
			continue
		}
		before := len(taken)
		taken[k.key.Digest] = struct{}{}
		want := before + 1
		if k.key.Previous != nil {
			taken[k.key.Previous.Digest] = struct{}{}
			want++
		}
		if len(taken) != want {
			return true
		}
	}
	return false
}

// settle gives each secret to the oldest key that has it. The decisions that this changes are made anew, as others may
// remember them.
func settle(candidates []candidate, prints *fingerprinter) {
	slices.SortFunc(candidates, func(a, b candidate) int { return byAge(a.apiKey, b.apiKey) })
	owners := make(owners, len(candidates))
	for i, k := range candidates {
		if !k.verdict.Served() {
			continue
		}
		key, verdict := k.key, k.verdict
		owners.claim(k.apiKey, &key, &verdict)
		if verdict == k.verdict {
			continue
		}
		verdict.Content = ""
		if verdict.Served() {
			verdict.Content = prints.of(key)
		}
		candidates[i].judged = &judged{key: key, verdict: verdict}
	}
}

// owners tell which key a secret leads to, by its digest.
type owners map[config.Digest]string

// claim takes the secrets of a key. One that an older key has refuses it, or, of the secret before, is left out and told.
func (o owners) claim(apiKey *v1alpha1.APIKey, key *config.Key, verdict *Verdict) {
	if owner, taken := o[key.Digest]; taken {
		verdict.Accepted = Finding{v1alpha1.ReasonDuplicateSecret, fmt.Sprintf(
			"spec.secretRef: Secret %s holds the same key as the older APIKey %s", SecretName(apiKey), owner)}
		return
	}
	o[key.Digest] = key.ID
	if key.Previous == nil {
		return
	}
	if owner, taken := o[key.Previous.Digest]; taken {
		verdict.Conflicted = Finding{v1alpha1.ReasonDuplicateSecret, fmt.Sprintf(
			"spec.rotation: the previous key in Secret %s is that of APIKey %s, and is not accepted for this one", SecretName(apiKey), owner)}
		key.Previous, verdict.PreviousPrefix, verdict.PreviousUntil = nil, "", time.Time{}
		return
	}
	o[key.Previous.Digest] = key.ID
}

func (c *compilation) key(apiKey *v1alpha1.APIKey, permitted Finding) (config.Key, Verdict) {
	verdict := Verdict{Generation: apiKey.Generation, ResolvedRefs: permitted}
	spec, p := &apiKey.Spec, problems{}
	key := config.Key{
		ID: idOf(apiKey), User: spec.User, Master: spec.Role == v1alpha1.RoleMaster, Disabled: valueOr(spec.Disabled, false),
		Allow: p.allow("spec.allow", spec.Allow), Limits: p.limitSet("spec.limits", spec.Limits),
		Budgets: p.budgets("spec.budgets", spec.Budgets),
	}
	// The gateway refuses by its own clock; here there is none. Zero would be never.
	if spec.ExpiresAt != nil {
		key.NotAfter = max(1, spec.ExpiresAt.UnixMilli())
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
	if previous, until, ok := c.previous(apiKey); ok && previous != secret {
		key.Previous = &config.PreviousSecret{Digest: config.DigestKey(previous), NotAfter: until.UnixMilli()}
		verdict.PreviousPrefix, verdict.PreviousUntil = prefixOf(previous), until
	}
	return key, verdict
}

// previous gives the generated key before the last rotation, and when it ends to be accepted. One that somebody made
// unreadable is none.
func (c *compilation) previous(apiKey *v1alpha1.APIKey) (secret string, until time.Time, ok bool) {
	if apiKey.Spec.SecretRef != nil {
		return "", time.Time{}, false
	}
	from := c.in.Secrets[SecretName(apiKey)]
	secret = strings.TrimSpace(string(from.Data[PreviousCredentialsKey]))
	until, err := time.Parse(time.RFC3339, from.Annotations[PreviousUntilAnnotation])
	if err != nil || until.UnixMilli() <= 0 || !usable(secret) {
		return "", time.Time{}, false
	}
	return secret, until.UTC(), true
}

// usable says whether a secret has the length and the characters of a key.
func usable(secret string) bool {
	return len(secret) >= minKeyLength && len(secret) <= maxKeyLength && printable(secret)
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
	if !usable(value) {
		return "", Finding{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"%s: Secret %s: key %q must be %d to %d printable ASCII characters without spaces",
			field, name, cmp.Or(ref.Key, CredentialsKey), minKeyLength, maxKeyLength)}
	}
	if generated, ok := config.CheckAPIKey(value); generated && !ok {
		return "", Finding{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"%s: Secret %s: key %q has the form of a generated key, and its checksum is wrong: a character is not as it was",
			field, name, cmp.Or(ref.Key, CredentialsKey))}
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
