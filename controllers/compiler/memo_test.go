// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// history is a cluster that changes at random, and versions what it changes as an API server does.
type history struct {
	*rand.Rand
	in      compiler.Input
	version int
	// gone are keys that were taken away; they may come back as they were.
	gone []v1alpha1.APIKey
	// files say that nothing has a version.
	files bool
}

func newHistory(seed uint64) *history {
	h := &history{Rand: rand.New(rand.NewPCG(seed, 1)), files: seed%5 == 0}
	h.in = input(provider("a"))
	h.in.Namespaces = map[string]map[string]string{elsewhere: {"tier": "gold"}}
	for range 8 {
		h.add()
	}
	return h
}

func (h *history) next() string {
	h.version++
	if h.files {
		return ""
	}
	return strconv.Itoa(h.version)
}

// add makes a key of one of a few names, so that names come back, and with one of a few secrets, so that some are disputed.
func (h *history) add() {
	key := apiKey(fmt.Sprint("key-", h.IntN(12)))
	if h.IntN(4) == 0 {
		key.Namespace = elsewhere
	}
	if h.has(&key) {
		return
	}
	if h.IntN(2) == 0 {
		key.Spec.SecretRef = nil
	}
	key.CreationTimestamp, key.ResourceVersion = born(h.IntN(60)), h.next()
	if !h.files {
		key.UID = types.UID(fmt.Sprint("uid-", h.version))
	}
	h.in.Keys = append(h.in.Keys, key)
	if h.IntN(8) > 0 {
		h.bring(&h.in.Keys[len(h.in.Keys)-1])
	}
}

func (h *history) has(key *v1alpha1.APIKey) bool {
	return slices.ContainsFunc(h.in.Keys, func(k v1alpha1.APIKey) bool { return k.Name == key.Name && k.Namespace == key.Namespace })
}

// bring makes a key's Secret anew.
func (h *history) bring(key *v1alpha1.APIKey) {
	word := func() []byte { return fmt.Appendf(nil, "canary-of-history-%04d", h.IntN(10)) }
	at := compiler.SecretName(key)
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name, ResourceVersion: h.next(),
		OwnerReferences: []metav1.OwnerReference{{UID: key.UID, Controller: ptr.To(true)}}},
		Data: map[string][]byte{compiler.CredentialsKey: word()}}
	if h.IntN(2) == 0 {
		s.Data[compiler.PreviousCredentialsKey] = word()
		s.Annotations = map[string]string{compiler.PreviousUntilAnnotation: born(h.IntN(60)).Format(time.RFC3339)}
	}
	h.in.Secrets[at] = s
}

// step changes one thing. What was given away before is left as it is, as a cache leaves it.
func (h *history) step() {
	h.in.Keys, h.in.Policies = slices.Clone(h.in.Keys), slices.Clone(h.in.Policies)
	if len(h.in.Keys) == 0 {
		h.add()
		return
	}
	i := h.IntN(len(h.in.Keys))
	key := h.in.Keys[i].DeepCopy()
	switch h.IntN(10) {
	case 0:
		h.add()
		return
	case 1:
		h.gone = append(h.gone, *key)
		h.in.Keys = slices.Delete(h.in.Keys, i, i+1)
		return
	case 2:
		h.bring(key)
		return
	case 9:
		for i, back := range h.gone {
			if !h.has(&back) {
				h.in.Keys, h.gone = append(h.in.Keys, back), slices.Delete(h.gone, i, i+1)
				break
			}
		}
		return
	case 3:
		delete(h.in.Secrets, compiler.SecretName(key))
		return
	case 4:
		key.Spec.Disabled = ptr.To(h.IntN(2) == 0)
	case 5:
		key.Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: int64(h.IntN(3)), Per: "1m"}}}
	case 6:
		key.Labels = map[string]string{"team": fmt.Sprint(h.IntN(3)), "tier": fmt.Sprint(h.IntN(3))}
	case 7:
		h.in.Policies = nil
		if h.IntN(2) == 0 {
			h.in.Policies = []v1alpha1.UsagePolicy{usagePolicy("p", over(metav1.LabelSelector{MatchLabels: map[string]string{"tier": "1"}}))}
		}
		return
	case 8:
		h.in.Gateway = gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) {
			s.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: []v1alpha1.FromNamespaces{v1alpha1.NamespacesSame, v1alpha1.NamespacesAll}[h.IntN(2)]}
		}))
		return
	}
	key.Generation++
	key.ResourceVersion = h.next()
	h.in.Keys[i] = *key
}

// unversioned gives the keys of an input as files have them, so that nothing is remembered of them.
func unversioned(in compiler.Input) compiler.Input {
	in.Keys = slices.Clone(in.Keys)
	for i := range in.Keys {
		in.Keys[i].ResourceVersion = ""
	}
	return in
}

func TestWhatAMemoRemembersNeverShows(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			h, memo := newHistory(seed), &compiler.Memo{}
			for range 30 {
				h.step()
				want, got := compiler.Compile(unversioned(h.in)), memo.Compile(h.in)
				if diff := different(want.Bundle, got.Bundle); diff != "" {
					t.Fatalf("bundle (-without +with the memo):\n%s", diff)
				}
				if diff := different(verdicts(want), verdicts(got)); diff != "" {
					t.Fatalf("verdicts (-without +with the memo):\n%s", diff)
				}
			}
		})
	}
}

// versioned gives every key and Secret of an input a version.
func versioned(in compiler.Input) compiler.Input {
	for i := range in.Keys {
		in.Keys[i].ResourceVersion = "1"
	}
	for _, s := range in.Secrets {
		s.ResourceVersion = "1"
	}
	return in
}

func TestAnotherVersionOfTheSameKeyIsNoNews(t *testing.T) {
	in, memo := versioned(crowd(3)), &compiler.Memo{}
	before := memo.Compile(in)
	in.Keys[1].ResourceVersion, in.Keys[1].Status.Prefix = "2", "spark-…"
	in.Keys[2].ResourceVersion, in.Keys[2].Spec.User = "2", "another"
	after := memo.Compile(in)
	for i, same := range []bool{true, true, false} {
		if at := name(in.Keys[i].Name); (before.Keys[at] == after.Keys[at]) != same {
			t.Errorf("the verdict on key %d stays: %t", i, !same)
		}
	}
}

func TestOfManyKeysOnlyTheOneThatChangedIsJudged(t *testing.T) {
	in, memo := versioned(crowd(2000)), &compiler.Memo{}
	memo.Compile(in)
	one := &in.Keys[1234]
	one.Spec.Disabled, one.ResourceVersion = ptr.To(true), "2"
	full := testing.AllocsPerRun(1, func() { compiler.Compile(in) })
	if again := testing.AllocsPerRun(1, func() { memo.Compile(in) }); again > full/20 {
		t.Errorf("a change of one key allocates %v times, all keys %v", again, full)
	}
}
