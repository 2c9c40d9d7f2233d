// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// Kind is a kind of resources that attach to gateways.
type Kind string

// The kinds.
const (
	Providers Kind = "ProviderPolicy"
	Routes    Kind = "ModelRoute"
	Keys      Kind = "APIKey"
	Policies  Kind = "UsagePolicy"
)

// Kinds are all of them.
var Kinds = []Kind{Providers, Routes, Keys, Policies}

// Verdicts gives what the compiler decided on the resources of a kind.
func Verdicts(out compiler.Output, k Kind) compiler.Verdicts {
	switch k {
	case Providers:
		return out.Providers
	case Routes:
		return out.Routes
	case Policies:
		return out.Policies
	}
	return out.Keys
}

// Report is what the reconciliation of one gateway found out about the resources that attach to it.
type Report struct {
	Attachments map[Kind]map[types.NamespacedName]Attachment
	// Pods are those that serve or could receive traffic, in the order of their names.
	Pods []PodName
	// Runs holds, of each of the Pods, the sequence of the configuration that it says it runs; 0 of one that is silent.
	Runs []int64
}

// PodName tells a pod from all others, and from those of its name before.
type PodName struct{ Name, UID string }

// Attachment is one gateway's word on one resource.
type Attachment struct {
	// Verdict is not to be changed. The zero Attachment has none.
	Verdict *compiler.Verdict
	// Live is the content that every pod was last known to serve, empty for none.
	Live string
	// Since is the sequence of the first configuration that had the content, as far as this operator knows.
	Since      int64
	Programmed Condition
}

// Same says that two gateways' words, or one's at two times, are the same.
func (a Attachment) Same(b Attachment) bool {
	if a.Verdict != b.Verdict && (a.Verdict == nil || b.Verdict == nil || *a.Verdict != *b.Verdict) {
		return false
	}
	a.Verdict, b.Verdict = nil, nil
	return a == b
}

// Attachments gives the report on a compilation and on the pods that serve or could, by the gateway's own Programmed and the
// facts that it comes from. A resource whose content every pod already serves stays Programmed while others' changes travel;
// one that changed inherits the gateway's condition.
func Attachments(previous Report, out compiler.Output, gateway Condition, p Programming) Report {
	next := Report{Attachments: make(map[Kind]map[types.NamespacedName]Attachment, len(Kinds))}
	for _, k := range Kinds {
		next.Attachments[k] = attachments(previous.Attachments[k], Verdicts(out, k), gateway, p.Sequence)
	}
	pods := slices.SortedFunc(slices.Values(p.Pods), func(a, b Pod) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID)) })
	for _, pod := range pods {
		runs := int64(0)
		if pod.Ack != nil && pod.Silence <= Grace {
			runs = pod.Ack.Sequence
		}
		next.Pods, next.Runs = append(next.Pods, PodName{pod.Name, pod.UID}), append(next.Runs, runs)
	}
	return next
}

// attachments gives the previous map itself where nothing is new: of 100,000 keys that is much the shorter way.
func attachments(previous map[types.NamespacedName]Attachment, verdicts compiler.Verdicts, gateway Condition, sequence int64) map[types.NamespacedName]Attachment {
	if len(previous) == len(verdicts) && !news(previous, verdicts, gateway, sequence) {
		return previous
	}
	next := make(map[types.NamespacedName]Attachment, len(verdicts))
	for name, verdict := range verdicts {
		next[name] = previous[name].next(verdict, gateway, sequence)
	}
	return next
}

func news(previous map[types.NamespacedName]Attachment, verdicts compiler.Verdicts, gateway Condition, sequence int64) bool {
	for name, verdict := range verdicts {
		before, known := previous[name]
		if !known || before.next(verdict, gateway, sequence) != before {
			return true
		}
	}
	return false
}

// next gives the word that follows this one, which is zero before the first.
func (a Attachment) next(verdict *compiler.Verdict, gateway Condition, sequence int64) Attachment {
	if a.Verdict == verdict && a.Programmed.Status == metav1.ConditionTrue {
		return a
	}
	next := Attachment{Verdict: verdict, Live: a.Live, Since: sequence}
	if a.Since > 0 && a.Verdict.Content == verdict.Content {
		next.Since = a.Since
	}
	switch {
	case !verdict.Served():
		next.Live = ""
		next.Programmed = Condition{v1alpha1.Programmed, metav1.ConditionFalse, v1alpha1.ReasonInvalid, "the gateway does not serve this resource"}
	case gateway.Status == metav1.ConditionTrue || a.Live == verdict.Content:
		next.Live = verdict.Content
		next.Programmed = Condition{v1alpha1.Programmed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed, "every pod serves this resource"}
	default:
		// From now on some pods may have the change, so a change back has to travel as well.
		next.Live = ""
		next.Programmed = gateway
	}
	return next
}

// AttachedTo is what is known of one of a resource's gatewayRefs.
type AttachedTo struct {
	Gateway types.NamespacedName
	// Exists says that there is such a SparkGateway.
	Exists bool
	// Attachment is the gateway's word, which is of this generation; without meaning where the gateway does not exist.
	Attachment Attachment
}

// ForAttached gives the part of status that resources with gatewayRefs share. Of the previous status it keeps the
// times of transitions that did not happen.
func ForAttached(generation int64, now time.Time, refs []AttachedTo, previous v1alpha1.AttachedStatus) v1alpha1.AttachedStatus {
	return ForRefused(generation, now, refs, previous, nil)
}

// ForRefused gives what ForAttached does of a resource that is refused on purpose, where refused is not nil: that is what Ready
// says, unless something is wrong that a user did not mean, and Stalled once every pod knows, as then nothing is on its way.
func ForRefused(generation int64, now time.Time, refs []AttachedTo, previous v1alpha1.AttachedStatus, refused *Condition) v1alpha1.AttachedStatus {
	next := v1alpha1.AttachedStatus{ObservedGeneration: generation}
	before := map[types.NamespacedName][]metav1.Condition{}
	for _, g := range previous.Gateways {
		before[types.NamespacedName{Namespace: g.Namespace, Name: g.Name}] = g.Conditions
	}
	var all [][]Condition
	for _, ref := range refs {
		conditions := ref.conditions()
		all = append(all, conditions)
		list := set(append([]metav1.Condition(nil), before[ref.Gateway]...), generation, now, conditions...)
		if len(conditions) < conflictedAt+1 {
			meta.RemoveStatusCondition(&list, string(v1alpha1.Conflicted))
		}
		next.Gateways = append(next.Gateways, v1alpha1.AttachmentStatus{
			Namespace: ref.Gateway.Namespace, Name: ref.Gateway.Name, Conditions: list})
	}
	summary, ordered := sumUp(all)
	ready, stalled := readyFrom(ordered, "served by every gateway"), stalledFrom(ordered)
	if refused != nil && stalled.Status != metav1.ConditionTrue {
		if ready.Status == metav1.ConditionTrue {
			stalled = Condition{v1alpha1.Stalled, metav1.ConditionTrue, refused.Reason, refused.Message}
		}
		ready = *refused
	}
	next.Conditions = set(append([]metav1.Condition(nil), previous.Conditions...), generation, now,
		append(summary, ready, stalled)...)
	return next
}

// conflictedAt is where Conflicted stands among an attachment's conditions.
const conflictedAt = 3

// conditions gives Accepted, ResolvedRefs and Programmed, and Conflicted where there is a conflict.
func (a AttachedTo) conditions() []Condition {
	if !a.Exists {
		missing := fmt.Sprintf("spec.gatewayRefs: SparkGateway %s does not exist", a.Gateway)
		return []Condition{
			{v1alpha1.Accepted, metav1.ConditionUnknown, v1alpha1.ReasonGatewayNotFound, missing},
			{v1alpha1.ResolvedRefs, metav1.ConditionFalse, v1alpha1.ReasonGatewayNotFound, missing},
			{v1alpha1.Programmed, metav1.ConditionFalse, v1alpha1.ReasonGatewayNotFound, missing},
		}
	}
	verdict := a.Attachment.Verdict
	conditions := []Condition{
		fromFinding(v1alpha1.Accepted, verdict.Accepted, v1alpha1.ReasonAccepted, "the resource compiles"),
		fromFinding(v1alpha1.ResolvedRefs, verdict.ResolvedRefs, v1alpha1.ReasonResolved, "all references resolve"),
		a.Attachment.Programmed,
	}
	if !verdict.Conflicted.OK() {
		conditions = append(conditions, Condition{v1alpha1.Conflicted, metav1.ConditionTrue,
			verdict.Conflicted.Reason, verdict.Conflicted.Message})
	}
	return conditions
}

// sumUp takes over, of each condition, the first gateway's that is not good. ordered holds what Ready and Stalled are
// decided by: a definite False before an Unknown, and a conflict as a False.
func sumUp(all [][]Condition) (summary, ordered []Condition) {
	for i := range conflictedAt {
		c := all[0][i]
		for _, conditions := range all[1:] {
			if c.Status == metav1.ConditionTrue {
				c = conditions[i]
			}
		}
		summary = append(summary, c)
	}
	for _, want := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown} {
		for _, c := range summary {
			if c.Status == want {
				ordered = append(ordered, c)
			}
		}
	}
	for _, conditions := range all {
		if len(conditions) > conflictedAt {
			lost := conditions[conflictedAt]
			lost.Status = metav1.ConditionFalse
			ordered = append(ordered, lost)
		}
	}
	return summary, ordered
}
