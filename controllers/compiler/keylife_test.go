// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	bobSecret   = "spark-canary-of-bob-00000000000001"
	bobBefore   = "spark-before-of-bob-00000000000001"
	untilString = "2026-02-01T10:00:00+02:00"
)

var until = time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC)

// rotated gives the Secret of a generated key with the key before; an empty one is not there.
func rotated(k v1alpha1.APIKey, current, before, until string) *corev1.Secret {
	s := ownedBy(secret(k.Name+"-key", "apiKey", current), k)
	if before != "" {
		s.Data[compiler.PreviousCredentialsKey] = []byte(before)
	}
	if until != "" {
		s.Annotations = map[string]string{compiler.PreviousUntilAnnotation: until}
	}
	return s
}

func TestThePreviousKeyOfARotation(t *testing.T) {
	bob := apiKey("bob", generated)
	previous := &config.PreviousSecret{Digest: config.DigestKey(bobBefore), NotAfter: until.UnixMilli()}
	tests := map[string]struct {
		secret *corev1.Secret
		want   *config.PreviousSecret
	}{
		"there is none":                 {secret: rotated(bob, bobSecret, "", "")},
		"it is accepted for a while":    {secret: rotated(bob, bobSecret, bobBefore, untilString), want: previous},
		"white space is not part of it": {secret: rotated(bob, bobSecret, bobBefore+"\n", untilString), want: previous},
		"it has no end":                 {secret: rotated(bob, bobSecret, bobBefore, "")},
		"its end is no time":            {secret: rotated(bob, bobSecret, bobBefore, "tomorrow")},
		"it ended before time began":    {secret: rotated(bob, bobSecret, bobBefore, "1969-01-01T00:00:00Z")},
		"it is too short to be a key":   {secret: rotated(bob, bobSecret, "short", untilString)},
		"it is the present key":         {secret: rotated(bob, bobSecret, bobSecret, untilString)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(bob, test.secret))
			if diff := cmp.Diff(test.want, out.Document.Keys[0].Previous); diff != "" {
				t.Errorf("previous (-want +got):\n%s", diff)
			}
			want := &compiler.Verdict{Generation: 7, Prefix: "spark-cana…"}
			if test.want != nil {
				want.PreviousPrefix, want.PreviousUntil = "spark-befo…", until
			}
			got := out.Keys[own("bob")]
			want.Content = got.Content
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a key of one's own has none", func(t *testing.T) {
		theirs := rotated(bob, bobSecret, bobBefore, untilString)
		theirs.Name, theirs.OwnerReferences = "bob-own", nil
		if got := mustServe(t, input(apiKey("bob"), theirs)).Document.Keys[0].Previous; got != nil {
			t.Errorf("previous %+v", got)
		}
	})
}

// A secret leads to one key, whether it is the present or the previous one of it.
func TestASecretIsTheOldestKeys(t *testing.T) {
	const shared = "spark-shared-by-two-keys-000000001"
	older, younger := apiKey("older", generated), apiKey("younger", generated, func(k *v1alpha1.APIKey) { k.CreationTimestamp = born(1) })
	refused := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateSecret,
		Message: "spec.secretRef: Secret team/younger-key holds the same key as the older APIKey team/older"}}
	told := wantFindings{Conflicted: compiler.Finding{Reason: v1alpha1.ReasonDuplicateSecret,
		Message: "spec.rotation: the previous key in Secret team/younger-key is that of APIKey team/older, and is not accepted for this one"}}
	tests := map[string]struct {
		older, younger *corev1.Secret
		want           wantFindings
	}{
		"present and present":   {rotated(older, shared, "", ""), rotated(younger, shared, "", ""), refused},
		"previous and present":  {rotated(older, bobSecret, shared, untilString), rotated(younger, shared, "", ""), refused},
		"present and previous":  {rotated(older, shared, "", ""), rotated(younger, bobSecret, shared, untilString), told},
		"previous and previous": {rotated(older, aliceSecret, shared, untilString), rotated(younger, bobSecret, shared, untilString), told},
		"each its own":          {rotated(older, aliceSecret, shared, untilString), rotated(younger, bobSecret, bobBefore, untilString), wantFindings{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(older, younger, test.older, test.younger))
			if diff := cmp.Diff(wantFindings{}, findingsOf(out.Keys[own("older")])); diff != "" {
				t.Errorf("verdict on the older (-want +got):\n%s", diff)
			}
			v := out.Keys[own("younger")]
			if diff := cmp.Diff(test.want, findingsOf(v)); diff != "" {
				t.Errorf("verdict on the younger (-want +got):\n%s", diff)
			}
			if wantPrevious := name == "each its own"; (v.PreviousPrefix != "") != wantPrevious || v.PreviousUntil.IsZero() == wantPrevious {
				t.Errorf("of the previous key the younger's verdict says %q until %s", v.PreviousPrefix, v.PreviousUntil)
			}
		})
	}
}

func TestTheLifeOfAKeyIsTakenOver(t *testing.T) {
	at := func(text string) *metav1.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return new(metav1.NewTime(moment))
	}
	tests := map[string]struct {
		edit func(*v1alpha1.APIKeySpec)
		want config.Key
	}{
		"without end":              {func(*v1alpha1.APIKeySpec) {}, config.Key{}},
		"an end":                   {func(s *v1alpha1.APIKeySpec) { s.ExpiresAt = at("2027-01-01T00:00:00+01:00") }, config.Key{NotAfter: 1798758000000}},
		"an end before time began": {func(s *v1alpha1.APIKeySpec) { s.ExpiresAt = at("1969-01-01T00:00:00Z") }, config.Key{NotAfter: 1}},
		"disabled":                 {func(s *v1alpha1.APIKeySpec) { s.Disabled = new(true) }, config.Key{Disabled: true}},
		"not disabled":             {func(s *v1alpha1.APIKeySpec) { s.Disabled = new(false) }, config.Key{}},
		"what it may be used for": {
			func(s *v1alpha1.APIKeySpec) {
				s.Allow = &v1alpha1.Allow{Models: []v1alpha1.ModelName{"smart", "claude-*"}, Endpoints: []v1alpha1.KeyEndpoint{"Rerank", "Audio"}, CIDRs: []string{"10.200.0.0/8", "10.0.0.1/8", "::1/128"}}
			},
			config.Key{Allow: &config.Allow{Models: []string{"claude-*", "smart"}, Endpoints: []config.Endpoint{"Audio", "Rerank"}, CIDRs: []string{"10.0.0.0/8", "::1/128"}}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(aliceWith(test.edit)...))
			test.want.ID, test.want.User, test.want.Digest = "team/alice", "alice@example.com", config.DigestKey(aliceSecret)
			if diff := cmp.Diff([]config.Key{test.want}, out.Document.Keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatAKeyMayNotAllow(t *testing.T) {
	tests := map[string]struct {
		allow v1alpha1.Allow
		want  string
	}{
		"a model that is none":   {v1alpha1.Allow{Models: []v1alpha1.ModelName{"a b"}}, "spec.allow.models[0]: holds white space or control characters"},
		"five stars":             {v1alpha1.Allow{Models: []v1alpha1.ModelName{"a", "*****"}}, "spec.allow.models[1]: has more than 4 stars"},
		"an unknown endpoint":    {v1alpha1.Allow{Endpoints: []v1alpha1.KeyEndpoint{"Telepathy"}}, `spec.allow.endpoints[0]: "Telepathy" is not an endpoint`},
		"an address, not a CIDR": {v1alpha1.Allow{CIDRs: []string{"10.0.0.1"}}, `spec.allow.cidrs[0]: "10.0.0.1" is not a CIDR, such as 10.0.0.0/8`},
		"IPv4 within IPv6":       {v1alpha1.Allow{CIDRs: []string{"::ffff:10.0.0.0/104"}}, `spec.allow.cidrs[0]: "::ffff:10.0.0.0/104" is not a CIDR, such as 10.0.0.0/8`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(aliceWith(func(s *v1alpha1.APIKeySpec) { s.Allow = &test.allow })...))
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			if diff := cmp.Diff(want, findingsOf(out.Keys[own("alice")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}
