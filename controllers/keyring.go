// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

// keyring generates and rotates keys, and tells what is known of them. It is safe for concurrent use.
//
// A new key is in its Secret before any gateway knows it, for as long as the configuration takes to reach the pods: well below a
// second. Whoever reads it from the Secret within that time is refused and finds the key before it still accepted.
type keyring struct {
	Telling
	applier  *apply.Applier
	spending *spending

	mu sync.Mutex
	// dates are of the generated keys, from one step of a reconciliation to the next.
	dates map[types.NamespacedName]dates
}

// dates of a key; nil where there are none.
type dates struct{ rotated, next *metav1.Time }

// prepare generates the key, once, and takes the step of its life that is due.
func (k *keyring) prepare(ctx context.Context, key *v1alpha1.APIKey) (time.Duration, error) {
	name := client.ObjectKeyFromObject(key)
	k.keep(name, dates{})
	if key.Spec.SecretRef != nil {
		return 0, nil
	}
	now := k.Now()
	secret, err := get(ctx, k.Client, compiler.SecretName(key), &corev1.Secret{})
	if err != nil {
		return 0, err
	}
	if secret == nil {
		secret = render.KeySecret(key, issue.NewAPIKey, now)
		if err := k.applier.CreateOnce(ctx, secret); err != nil {
			return 0, err
		}
	}
	if !metav1.IsControlledBy(secret, key) {
		// Somebody else's is never written; the compiler tells of it.
		return 0, nil
	}
	life := lifeOf(key, secret, now)
	step := life.Next()
	if next := k.stepped(key, secret, step, now); next != nil {
		if err := k.applier.Amend(ctx, secret, next); err != nil {
			return 0, err
		}
		k.Events.rotation(key, step)
		life = lifeOf(key, next, now)
		step = life.Next()
	}
	d := dates{rotated: ptr.To(metav1.NewTime(life.Generated.UTC()))}
	if !step.Rotation.IsZero() {
		d.next = ptr.To(metav1.NewTime(step.Rotation.UTC()))
	}
	k.keep(name, d)
	return until(step.Again, now), nil
}

// stepped gives a key's Secret as it is after a step; nil where there is nothing to do.
func (k *keyring) stepped(key *v1alpha1.APIKey, secret *corev1.Secret, step issue.Step, now time.Time) *corev1.Secret {
	switch {
	case step.Rotate:
		return render.RotatedKeySecret(secret, key, issue.NewAPIKey, now, step.PreviousUntil)
	case step.EndPrevious:
		return render.WithoutPreviousKey(secret)
	}
	return nil
}

// lifeOf reads what bears on a key's rotation.
func lifeOf(key *v1alpha1.APIKey, secret *corev1.Secret, now time.Time) issue.Life {
	life := issue.Life{
		Now: now, UID: string(key.UID), Generated: secret.CreationTimestamp.Time,
		Asked: key.Annotations[compiler.RotateAnnotation], Done: secret.Annotations[compiler.RotateAnnotation],
		Refused: status.Refused(&key.Spec, now) != nil,
	}
	if at, err := time.Parse(time.RFC3339, secret.Annotations[compiler.RotatedAtAnnotation]); err == nil {
		life.Generated = at
	}
	if _, life.Previous = secret.Data[compiler.PreviousCredentialsKey]; life.Previous {
		// A time that cannot be read is one that is past.
		life.PreviousUntil, _ = time.Parse(time.RFC3339, secret.Annotations[compiler.PreviousUntilAnnotation])
	}
	if r := key.Spec.Rotation; r != nil {
		life.Every = duration(r.Every)
		if r.Overlap != "" {
			life.Overlap = ptr.To(duration(r.Overlap))
		}
	}
	return life
}

// duration reads what the API server has checked.
func duration(d v1alpha1.Duration) time.Duration {
	parsed, err := time.ParseDuration(string(d))
	if err != nil {
		return 0
	}
	return parsed
}

// until gives the time to wait for a moment, which is none where that is past; 0 for the zero time.
func until(at, now time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(now), time.Millisecond)
}

func (k *keyring) keep(name types.NamespacedName, d dates) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d == (dates{}) {
		delete(k.dates, name)
		return
	}
	k.dates[name] = d
}

// complete says where the key is, how it begins as any gateway knows it, when it ends, and what it used.
func (k *keyring) complete(next, before *v1alpha1.APIKey, attached []status.AttachedTo) Completion {
	if next.Spec.SecretRef == nil && slices.ContainsFunc(attached, secretNotFound) {
		// The generated key exists by now: a gateway that has not seen it yet will speak again.
		return Completion{}
	}
	name, now, s := client.ObjectKeyFromObject(next), k.Now(), &next.Status
	k.mu.Lock()
	d := k.dates[name]
	k.mu.Unlock()
	s.SecretName, s.RotatedAt, s.NextRotation, s.Expires = compiler.SecretName(next).Name, d.rotated, d.next, ""
	if at := next.Spec.ExpiresAt; at != nil {
		if s.Expires = at.UTC().Format(time.DateOnly); !now.Before(at.Time) {
			s.Expires = "expired"
		}
	}
	s.Prefix, s.Previous = prefixes(attached, now)
	s.Revoked = ""
	again := time.Duration(0)
	if status.Refused(&next.Spec, now) != nil {
		s.Revoked = k.revoked(attached)
	} else if next.Spec.ExpiresAt != nil {
		again = until(next.Spec.ExpiresAt.Time, now)
	}
	of := account{kind: status.Keys, name: name, holder: config.HolderKey + name.String(), budgets: next.Spec.Budgets}
	said := k.spending.tell(of, attached, before.Status.Usage, &s.AttachedStatus)
	s.Usage = before.Status.Usage
	rest := !equality.Semantic.DeepEqual(next, before)
	s.Usage = said.usage
	done := k.spending.pace(of, rest, !equality.Semantic.DeepEqual(s.Usage, before.Status.Usage))
	done.Again = sooner(again, said.again)
	return done
}

// prefixes gives how a key and the one before it begin, as the first gateway says that knows.
func prefixes(attached []status.AttachedTo, now time.Time) (prefix string, previous *v1alpha1.PreviousKey) {
	for _, a := range attached {
		if !a.Exists {
			continue
		}
		v := a.Attachment.Verdict
		if prefix == "" {
			prefix = v.Prefix
		}
		if previous == nil && v.PreviousPrefix != "" && now.Before(v.PreviousUntil) {
			previous = &v1alpha1.PreviousKey{Prefix: v.PreviousPrefix, AcceptedUntil: metav1.NewTime(v.PreviousUntil)}
		}
	}
	return prefix, previous
}

// revoked counts the pods that know that a key is refused.
func (k *keyring) revoked(attached []status.AttachedTo) string {
	pods, of := 0, 0
	for _, a := range attached {
		if !a.Exists || !a.Attachment.Verdict.Served() {
			continue
		}
		report := k.Board.Report(a.Gateway)
		know, all := report.Reach(a.Attachment)
		pods, of = pods+know, of+all
	}
	return status.Revoked(pods, of)
}

func (k *keyring) wrote(next, before *v1alpha1.APIKey) {
	k.Events.crossings(next, before.Status.Usage, next.Status.Usage)
}

func (k *keyring) forget(name types.NamespacedName) {
	k.keep(name, dates{})
	k.spending.forget(account{kind: status.Keys, name: name})
}

func secretNotFound(a status.AttachedTo) bool {
	return a.Exists && a.Attachment.Verdict.ResolvedRefs.Reason == v1alpha1.ReasonSecretNotFound
}
