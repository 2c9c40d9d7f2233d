// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
)

// generatedKey is an APIKey whose key is generated.
func generatedKey(name string, rotation *v1alpha1.Rotation) *v1alpha1.APIKey {
	key := apiKey(name)
	key.Spec.SecretRef, key.Spec.Rotation = nil, rotation
	return key
}

// held gives the keys that a generated Secret holds, the present one first.
func (b *attachedBed) held(key *v1alpha1.APIKey) (present, previous string) {
	b.Helper()
	s := &corev1.Secret{}
	if err := b.client.Get(b.Context(), compiler.SecretName(key), s); err != nil {
		b.Fatal(err)
	}
	return string(s.Data[compiler.CredentialsKey]), string(s.Data[compiler.PreviousCredentialsKey])
}

// served puts on the board what the compiler says of a key as its Secret is now.
func (b *attachedBed) served(key *v1alpha1.APIKey) {
	b.Helper()
	s := &corev1.Secret{}
	if err := b.client.Get(b.Context(), compiler.SecretName(key), s); err != nil {
		b.Fatal(err)
	}
	v := compiler.Verdict{Generation: key.Generation, Content: string(s.Data[compiler.CredentialsKey]), Prefix: string(s.Data[compiler.CredentialsKey])[:10]}
	if previous := string(s.Data[compiler.PreviousCredentialsKey]); previous != "" {
		at, err := time.Parse(time.RFC3339, s.Annotations[compiler.PreviousUntilAnnotation])
		if err != nil {
			b.Fatal(err)
		}
		v.PreviousPrefix, v.PreviousUntil = previous[:10], at
	}
	b.publish(status.Keys, key.Name, v, "a")
}

func TestAKeyIsRotatedInTime(t *testing.T) {
	key := generatedKey("alice", &v1alpha1.Rotation{Every: "24h", Overlap: "1h"})
	b := newAttachedBed(t, sparkGateway(), key)
	// A key of this UID is used somewhat less than 24h.
	const used = 22*time.Hour + 27*time.Minute + 28*time.Second
	if _, wait := b.reconcile(status.Keys, key); wait != used {
		t.Errorf("looks again in %s", wait)
	}
	first, _ := b.held(key)
	if !issue.IsAPIKey(first) {
		t.Errorf("key %q", first)
	}
	b.served(key)
	b.reconcile(status.Keys, key)
	at := func(d time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(noon.Add(d))) }
	want := v1alpha1.APIKeyStatus{Prefix: first[:10], SecretName: "alice-key", RotatedAt: at(0), NextRotation: at(used)}
	wantStatus := func() {
		t.Helper()
		got := key.Status
		got.AttachedStatus = v1alpha1.AttachedStatus{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	}
	wantStatus()

	b.now = noon.Add(used - time.Second)
	b.reconcile(status.Keys, key)
	if present, _ := b.held(key); present != first {
		t.Error("the key is replaced before its time")
	}
	b.now = noon.Add(used)
	if _, wait := b.reconcile(status.Keys, key); wait != time.Hour {
		t.Errorf("during the overlap it looks again in %s", wait)
	}
	second, previous := b.held(key)
	if second == first || previous != first || !issue.IsAPIKey(second) {
		t.Errorf("after that the Secret holds %q and %q, before it %q", second, previous, first)
	}
	b.served(key)
	b.reconcile(status.Keys, key)
	want.Prefix, want.RotatedAt, want.NextRotation = second[:10], at(used), at(2*used)
	want.Previous = &v1alpha1.PreviousKey{Prefix: first[:10], AcceptedUntil: *at(used + time.Hour)}
	wantStatus()

	b.now = noon.Add(used + time.Hour)
	if _, wait := b.reconcile(status.Keys, key); wait != used-time.Hour {
		t.Errorf("after the overlap it looks again in %s", wait)
	}
	if present, previous := b.held(key); present != second || previous != "" {
		t.Errorf("after the overlap the Secret holds %q and %q", present, previous)
	}
	want.Previous = nil
	wantStatus()
	wantNews := []string{
		"Normal PreviousKeyEnded the key before the present one is not accepted any more",
		"Normal Ready served by every gateway",
		"Normal Rotated the key was replaced; the one before it is accepted until 2026-05-02T11:27:28Z",
	}
	if diff := cmp.Diff(wantNews, b.news()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestAKeyIsRotatedForWhoAsks(t *testing.T) {
	key := generatedKey("alice", nil)
	b := newAttachedBed(t, sparkGateway(), key)
	b.reconcile(status.Keys, key)
	first, _ := b.held(key)
	ask := func(value string) {
		t.Helper()
		key.Annotations = map[string]string{compiler.RotateAnnotation: value}
		if err := b.client.Update(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if _, wait := b.reconcile(status.Keys, key); wait != 24*time.Hour {
			t.Errorf("looks again in %s", wait)
		}
	}
	ask("please")
	second, previous := b.held(key)
	if second == first || previous != first {
		t.Errorf("the Secret holds %q and %q, before it %q", second, previous, first)
	}
	b.reconcile(status.Keys, key)
	if present, _ := b.held(key); present != second {
		t.Error("who asks once is heard twice")
	}
	ask("please again")
	if third, previous := b.held(key); third == second || previous != second {
		t.Errorf("the Secret holds %q and %q, before it %q", third, previous, second)
	}
}

func TestWhatIsNotOursIsNotRotated(t *testing.T) {
	own := apiKey("own")
	own.Annotations = map[string]string{compiler.RotateAnnotation: "please"}
	squatted := generatedKey("squatted", &v1alpha1.Rotation{Every: "1h"})
	squatted.Annotations = own.Annotations
	theirs := keySecret("squatted-key")
	b := newAttachedBed(t, sparkGateway(), own, squatted, keySecret("own"), theirs)
	for _, key := range []*v1alpha1.APIKey{own, squatted} {
		b.reconcile(status.Keys, key)
		if present, previous := b.held(key); !strings.HasPrefix(present, "the-own-key-of-") || previous != "" {
			t.Errorf("%s: the Secret holds %q and %q", key.Name, present, previous)
		}
	}
	if news := b.news(); news != nil {
		t.Errorf("events %v", news)
	}
}

// A rotation that was decided on what is not there any more is not made, nor is one told that failed.
func TestARotationThatFailsIsDecidedAgain(t *testing.T) {
	key := generatedKey("alice", nil)
	b := newAttachedBed(t, sparkGateway(), key)
	b.reconcile(status.Keys, key)
	first, _ := b.held(key)
	key.Annotations = map[string]string{compiler.RotateAnnotation: "please"}
	if err := b.client.Update(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	b.fail = func(verb string, o any) error {
		if s, ok := o.(*corev1.Secret); ok && verb == "patch" {
			return errors.New("somebody changed " + s.Name)
		}
		return nil
	}
	if _, err := b.by[status.Keys].Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(key)}); err == nil {
		t.Error("a failure is not told")
	}
	if present, previous := b.held(key); present != first || previous != "" || b.news() != nil {
		t.Errorf("after a failure the Secret holds %q and %q", present, previous)
	}
	b.fail = func(string, any) error { return nil }
	b.reconcile(status.Keys, key)
	if present, previous := b.held(key); present == first || previous != first || len(b.news()) != 1 {
		t.Errorf("after it the Secret holds %q and %q", present, previous)
	}
}

func TestKeysThatEnd(t *testing.T) {
	key := apiKey("alice")
	key.Spec.ExpiresAt = ptr.To(metav1.NewTime(noon.Add(time.Hour)))
	b := newAttachedBed(t, sparkGateway(), key, keySecret("alice"))
	b.publish(status.Keys, "alice", compiler.Verdict{Generation: 1, Content: "A", Prefix: "the-…"}, "a", "b")
	if _, wait := b.reconcile(status.Keys, key); wait != time.Hour || key.Status.Revoked != "" || key.Status.Expires != noon.Format(time.DateOnly) {
		t.Errorf("looks again in %s, revoked %q, expires %s", wait, key.Status.Revoked, key.Status.Expires)
	}
	b.now = noon.Add(time.Hour)
	if _, wait := b.reconcile(status.Keys, key); wait != 0 || key.Status.Revoked != "0/2" || key.Status.Expires != "expired" {
		t.Errorf("looks again in %s, revoked %q", wait, key.Status.Revoked)
	}
	if c := conditionOf(key.Status.Conditions, v1alpha1.Ready); c.Status != "False" || c.Reason != "Expired" {
		t.Errorf("Ready %+v", c)
	}
	want := []string{"Normal Ready served by every gateway",
		"Warning Expired spec.expiresAt: the key ended to be accepted at 2026-05-01T13:00:00Z"}
	if diff := cmp.Diff(want, b.news()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if writes, _ := b.reconcile(status.Keys, key); writes != 0 {
		t.Errorf("at rest: %d writes", writes)
	}
}

// A key that is disabled is told to be refused as pods come to know.
func TestRevokedFollowsThePods(t *testing.T) {
	key := apiKey("alice")
	b := newAttachedBed(t, sparkGateway(), key, keySecret("alice"), runningPod("a", "192.0.2.1"), runningPod("b", "192.0.2.2"))
	b.mustReconcile()
	b.rollOut(2)
	b.fleetObeys("a", "b")
	b.mustReconcile()
	b.reconcile(status.Keys, key)
	if key.Status.Revoked != "" {
		t.Errorf("a key that is served is revoked in %s", key.Status.Revoked)
	}
	key.Spec.Disabled, key.Generation = ptr.To(true), 2
	if err := b.client.Update(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	b.mustReconcile()
	want := func(revoked, stalled string) {
		t.Helper()
		b.reconcile(status.Keys, key)
		ready := conditionOf(key.Status.Conditions, v1alpha1.Ready)
		if key.Status.Revoked != revoked || ready.Reason != "Disabled" || string(conditionOf(key.Status.Conditions, v1alpha1.Stalled).Status) != stalled {
			t.Errorf("revoked %s, Ready %s/%s, want %s", key.Status.Revoked, ready.Status, ready.Reason, revoked)
		}
	}
	want("0/2", "False")
	old := b.fleet.observed["b"]
	b.fleetObeys("a")
	b.fleet.observed["b"] = old
	b.told = nil
	b.mustReconcile()
	if diff := cmp.Diff([]string{"alice"}, slices.Compact(b.told)); diff != "" {
		t.Errorf("told again (-want +got):\n%s", diff)
	}
	want("1/2", "False")
	b.fleetObeys("a", "b")
	b.mustReconcile()
	want("2/2", "True")
	b.told = nil
	b.mustReconcile()
	if b.told != nil {
		t.Errorf("at rest it is told of %v", b.told)
	}
}

func TestTheGeneratedSecretIsWatched(t *testing.T) {
	key := generatedKey("alice", nil)
	s := render.KeySecret(key, issue.NewAPIKey, noon)
	if got := secretsOf(key); len(got) != 1 || got[0] != client.ObjectKeyFromObject(s).String() {
		t.Errorf("the key is found by Secrets %v", got)
	}
}
