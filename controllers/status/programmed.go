// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package status turns facts into conditions. It is pure: the same facts give the same status, whose texts hold no
// secret and change only when the facts do.
package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// Grace is how long a pod may be silent before its silence is told.
const Grace = 10 * time.Second

// Pod is what is known of one pod that serves or could receive traffic.
type Pod struct {
	Name string
	UID  string
	// Ready pods receive traffic now.
	Ready bool
	// Ack is the pod's own latest word under its current instance; nil before the first.
	Ack *config.Ack
	// Silence is the time since that word, or, before the first, since it was first asked.
	Silence time.Duration
	// Problem says why it could not be asked.
	Problem string
}

// Programming is every fact that bears on whether pods run a revision.
type Programming struct {
	// Invalid says that the gateway is not accepted; Served is the revision that pods keep, "" for none.
	Invalid bool
	Served  string
	// Blocked says what keeps the configuration or the pods from being written.
	Blocked *Blocked
	// Revision and Sequence are desired; Written says that the Secrets hold them.
	Revision string
	Sequence int64
	Written  bool
	// TemplateCurrent says that every pod is of the Deployment's current template.
	TemplateCurrent bool
	Pods            []Pod
}

// Blocked is what keeps objects from being written until a user mends it.
type Blocked struct {
	Reason  v1alpha1.Reason
	Message string
}

// Condition is a condition without the bookkeeping of times and generations.
type Condition struct {
	Type    v1alpha1.ConditionType
	Status  metav1.ConditionStatus
	Reason  v1alpha1.Reason
	Message string
}

// Short gives the digits of a revision that people are shown.
func Short(revision string) string { return revision[:min(8, len(revision))] }

// Programmed gives the condition of that name: the first fact that matches decides, in the order of the design's
// table.
func Programmed(p Programming) Condition {
	is := func(s metav1.ConditionStatus, r v1alpha1.Reason, format string, args ...any) Condition {
		return Condition{v1alpha1.Programmed, s, r, fmt.Sprintf(format, args...)}
	}
	pods := slices.SortedFunc(slices.Values(p.Pods), func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	current, rejecting, silent := sortOut(p, pods)
	switch {
	case p.Invalid && p.Served == "":
		return is(metav1.ConditionFalse, v1alpha1.ReasonInvalid, "the gateway is not accepted, and pods serve no revision yet")
	case p.Invalid:
		return is(metav1.ConditionFalse, v1alpha1.ReasonInvalid, "the gateway is not accepted; pods still serve revision %s", Short(p.Served))
	case p.Blocked != nil:
		return is(metav1.ConditionFalse, p.Blocked.Reason, "%s", p.Blocked.Message)
	case !p.Written:
		return is(metav1.ConditionFalse, v1alpha1.ReasonPending, "revision %s is not written yet", Short(p.Revision))
	case !p.TemplateCurrent:
		return is(metav1.ConditionFalse, v1alpha1.ReasonPending, "pods are being replaced: not all are of the current template yet")
	case len(pods) == 0:
		return is(metav1.ConditionFalse, v1alpha1.ReasonNoReplicas, "no pod serves")
	case rejecting != nil:
		return is(metav1.ConditionFalse, v1alpha1.ReasonRejected, "pod %s rejects revision %s: %s",
			rejecting.Name, Short(p.Revision), rejecting.Ack.Rejected.Error)
	case current+len(silent) < len(pods):
		return is(metav1.ConditionFalse, v1alpha1.ReasonPending, "%d of %d pods run revision %s", current, len(pods), Short(p.Revision))
	case len(silent) > 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonAckMissing, "pod %s is silent: %s", silent[0].Name, silent[0].Problem)
	}
	return is(metav1.ConditionTrue, v1alpha1.ReasonProgrammed, "all %d pods run revision %s", len(pods), Short(p.Revision))
}

// sortOut counts the pods that say they run the revision, and finds the first that rejects it and those that are
// silent past the grace period.
func sortOut(p Programming, pods []Pod) (current int, rejecting *Pod, silent []Pod) {
	for i := range pods {
		pod := &pods[i]
		switch {
		case pod.Silence > Grace:
			silent = append(silent, *pod)
		case pod.runs(p):
			current++
		case rejecting == nil && pod.rejects(p):
			rejecting = pod
		}
	}
	return current, rejecting, silent
}

func (p *Pod) runs(want Programming) bool {
	return p.Ack != nil && p.Ack.Revision == want.Revision && p.Ack.Sequence == want.Sequence
}

func (p *Pod) rejects(want Programming) bool {
	if p.Ack == nil || p.Ack.Rejected == nil {
		return false
	}
	return p.Ack.Rejected.Revision == want.Revision && p.Ack.Rejected.Sequence == want.Sequence
}

// Counts gives the numbers of pods: programmed (they say so, within the grace period), ready, and the name of the
// first that is not programmed.
func Counts(p Programming, desired int32) v1alpha1.PodCounts {
	counts := v1alpha1.PodCounts{Desired: desired}
	for _, pod := range slices.SortedFunc(slices.Values(p.Pods), func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) }) {
		if pod.Ready {
			counts.Ready++
		}
		if pod.Silence <= Grace && pod.runs(p) {
			counts.Programmed++
		} else if counts.Lagging == "" {
			counts.Lagging = pod.Name
		}
	}
	counts.Summary = fmt.Sprintf("%d/%d/%d", counts.Programmed, counts.Ready, counts.Desired)
	return counts
}
