// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// steadyAfter is how long a store that was down has to be there again before it is called so.
const steadyAfter = 10 * time.Second

// PodSharing is how far a pod that serves, or could, shares what it counts.
type PodSharing struct {
	Pod string
	// Told says that it did; Silence is the time since or, before the first time, since it was first asked.
	Told    bool
	Silence time.Duration
	// Problem says why it could not be asked.
	Problem string
	// Store is how it finds its store, nil without one.
	Store *config.StoreState
}

// Limiting is every fact that bears on whether limits hold over all pods.
type Limiting struct {
	// Store is the store as it is declared, nil where the pods share through the operator.
	Store *v1alpha1.Store
	Pods  []PodSharing
}

// meanwhile says what becomes of limits while the store is down.
var meanwhile = map[v1alpha1.StoreFailure]string{
	v1alpha1.StoreFailureLocalShare: "meanwhile such a pod enforces its share of each limit",
	v1alpha1.StoreFailureAllow:      "meanwhile such a pod limits nothing",
	v1alpha1.StoreFailureDeny:       "meanwhile such a pod refuses requests that a limit holds for",
}

// LimitsEnforced gives the condition of that name, and when it may be another though nobody tells anything new; 0 for never.
// The one before stands while pods have yet to be asked, and, where the store was down, until it is there for a while.
func LimitsEnforced(l Limiting, before *metav1.Condition, now time.Time) (c Condition, again time.Duration) {
	is := func(s metav1.ConditionStatus, r v1alpha1.Reason, message string) Condition {
		return Condition{v1alpha1.LimitsEnforced, s, r, bounded(message)}
	}
	stands := func() Condition {
		return Condition{v1alpha1.LimitsEnforced, before.Status, v1alpha1.Reason(before.Reason), before.Message}
	}
	redis := l.Store != nil && l.Store.Type == v1alpha1.StoreRedis
	f := findings(l, redis)
	recovers := redis && before != nil && before.Reason == string(v1alpha1.ReasonStoreDown)
	switch {
	case len(f.down) > 0:
		failure := cmp.Or(l.Store.OnFailure, v1alpha1.StoreFailureLocalShare)
		return is(metav1.ConditionFalse, v1alpha1.ReasonStoreDown,
			"the store does not answer "+strings.Join(f.down, "; ")+"; "+meanwhile[failure]), 0
	case len(f.silent) > 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonNotTold, strings.Join(f.silent, "; ")), 0
	case f.told == 0 && before != nil && len(l.Pods) > 0:
		return stands(), 0
	case f.told == 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonNotTold, "no pod has told of limits yet"), 0
	case recovers && now.Sub(f.since) < steadyAfter:
		return stands(), steadyAfter - now.Sub(f.since)
	case redis:
		return is(metav1.ConditionTrue, v1alpha1.ReasonStore, "every pod reaches the store"), 0
	}
	return is(metav1.ConditionTrue, v1alpha1.ReasonLocal,
		"there is no store: every 2s each pod learns what the others counted"), 0
}

type limitFindings struct {
	told         int
	down, silent []string
	// since is when the last of the stores came back.
	since time.Time
}

func findings(l Limiting, redis bool) (f limitFindings) {
	for _, p := range slices.SortedFunc(slices.Values(l.Pods), func(a, b PodSharing) int { return cmp.Compare(a.Pod, b.Pod) }) {
		switch {
		case p.Silence > Grace:
			f.silent = append(f.silent, fmt.Sprintf("pod %s is silent: %s", p.Pod, cmp.Or(p.Problem, "it was not asked yet")))
		case !p.Told:
		case redis && p.Store == nil:
			f.told++
			f.silent = append(f.silent, fmt.Sprintf("pod %s does not use the store yet", p.Pod))
		case redis && !p.Store.Up:
			f.told++
			f.down = append(f.down, fmt.Sprintf("in pod %s: %s", p.Pod, p.Store.Reason))
		default:
			f.told++
			if redis && p.Store.Since.After(f.since) {
				f.since = p.Store.Since
			}
		}
	}
	return f
}
