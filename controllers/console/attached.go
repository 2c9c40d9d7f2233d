// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// subordinate is a resource that attaches, and what is told of it.
type subordinate struct {
	metav1.Object
	status *v1alpha1.AttachedStatus
}

// attachments gives so many of a list, those that are not ready first, then by namespace and name.
func attachments[T any](list []T, most int, of func(*T) subordinate) []Attached {
	out := make([]Attached, 0, len(list))
	for i := range list {
		o := of(&list[i])
		out = append(out, Attached{Namespace: o.GetNamespace(), Name: o.GetName(), Ready: condition(o.status.Conditions, v1alpha1.Ready)})
	}
	slices.SortFunc(out, func(a, b Attached) int {
		return cmp.Or(cmp.Compare(rank(a.Ready), rank(b.Ready)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return first(out, most)
}

// rank puts what is not so before what nobody knows, and that before what is so.
func rank(c Condition) int {
	return slices.Index([]string{string(metav1.ConditionFalse), string(metav1.ConditionUnknown), string(metav1.ConditionTrue)}, c.Status)
}

// tally counts a list and gives of it what is not ready.
func tally[T any](list []T, of func(*T) subordinate) Tally {
	t := Tally{Count: len(list)}
	var not []T
	for i := range list {
		if condition(of(&list[i]).status.Conditions, v1alpha1.Ready).Status != string(metav1.ConditionTrue) {
			not = append(not, list[i])
		}
	}
	t.NotReady = attachments(not, maxNotReady, of)
	return t
}

// spend gives what keys used, and teams, the dearest first. Who used nothing is left out.
func spend(keys []v1alpha1.APIKey) []Spend {
	var own, teams []Spend
	place := map[string]int{}
	for i := range keys {
		key := &keys[i]
		used := key.Status.Usage
		cost, err := strconv.ParseFloat(used.Cost, 64)
		if err != nil {
			cost = 0
		}
		if used.Requests == 0 && used.Tokens == 0 && cost == 0 {
			continue
		}
		own = append(own, Spend{Kind: SpendOfKey, Name: key.Namespace + "/" + key.Name, User: key.Spec.User,
			Requests: used.Requests, Tokens: used.Tokens, Cost: cost})
		team := key.Labels[config.LabelTeam]
		if team == "" {
			continue
		}
		at, known := place[team]
		if !known {
			at = len(teams)
			place[team] = at
			teams = append(teams, Spend{Kind: SpendOfTeam, Name: team})
		}
		teams[at].Requests += used.Requests
		teams[at].Tokens += used.Tokens
		teams[at].Cost += cost
	}
	dearest := func(a, b Spend) int {
		return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(own, dearest)
	slices.SortFunc(teams, dearest)
	return append(first(own, maxSpend), first(teams, maxSpend)...)
}
