// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// maxMessage bounds a condition's message.
const maxMessage = 1 << 10

// Gateway is every fact that bears on a SparkGateway's status.
type Gateway struct {
	Generation int64
	Now        time.Time
	// Unread says what could not be read, in words that do not change from one try to the next; then only what it
	// bears on is told, as Unknown.
	Unread      string
	Verdict     compiler.Verdict
	Programming Programming
	// Available is what the Deployment says of itself; nil before it exists.
	Available *bool
	Desired   int32
	URL       string
	Attached  v1alpha1.AttachedCounts
	Limiting  Limiting
}

// ForGateway gives the status that the facts amount to, and when it may be another though they stay; 0 for never. Of the
// previous status it keeps the times of transitions that did not happen.
func ForGateway(f Gateway, previous v1alpha1.SparkGatewayStatus) (next v1alpha1.SparkGatewayStatus, again time.Duration) {
	next = *previous.DeepCopy()
	next.ObservedGeneration = f.Generation
	if f.Unread != "" {
		programmed := Condition{v1alpha1.Programmed, metav1.ConditionUnknown, v1alpha1.ReasonUnreadable, f.Unread}
		ready := Condition{v1alpha1.Ready, metav1.ConditionUnknown, v1alpha1.ReasonUnreadable, f.Unread}
		next.Conditions = set(next.Conditions, f.Generation, f.Now, programmed, ready)
		return next, 0
	}
	accepted := fromFinding(v1alpha1.Accepted, f.Verdict.Accepted, v1alpha1.ReasonAccepted, "the resource compiles")
	resolved := fromFinding(v1alpha1.ResolvedRefs, f.Verdict.ResolvedRefs, v1alpha1.ReasonResolved, "all references resolve")
	programmed := Programmed(f.Programming)
	available := availableFrom(f.Available)
	conditions := []Condition{accepted, resolved, programmed, available}
	limits, again := LimitsEnforced(f.Limiting, find(previous.Conditions, v1alpha1.LimitsEnforced), f.Now)
	next.Conditions = set(next.Conditions, f.Generation, f.Now,
		append(conditions, limits, readyFrom(conditions, "the gateway serves what is declared"), stalledFrom(conditions))...)
	counts := Counts(f.Programming, f.Desired)
	next.Pods, next.Attached = &counts, &f.Attached
	next.URL, next.Revision = f.URL, Short(f.Programming.Revision)
	if f.Programming.Invalid {
		next.Revision = Short(f.Programming.Served)
	}
	return next, again
}

func fromFinding(t v1alpha1.ConditionType, f compiler.Finding, good v1alpha1.Reason, message string) Condition {
	if f.OK() {
		return Condition{t, metav1.ConditionTrue, good, message}
	}
	return Condition{t, metav1.ConditionFalse, f.Reason, f.Message}
}

func availableFrom(available *bool) Condition {
	switch {
	case available == nil:
		return Condition{v1alpha1.Available, metav1.ConditionFalse, v1alpha1.ReasonUnavailable, "the Deployment does not exist yet"}
	case *available:
		return Condition{v1alpha1.Available, metav1.ConditionTrue, v1alpha1.ReasonAvailable, "the Deployment is available"}
	}
	return Condition{v1alpha1.Available, metav1.ConditionFalse, v1alpha1.ReasonUnavailable, "the Deployment has too few ready pods"}
}

// readyFrom sums up: the first condition that is not True is what Ready says.
func readyFrom(conditions []Condition, message string) Condition {
	for _, c := range conditions {
		if c.Status != metav1.ConditionTrue {
			return Condition{v1alpha1.Ready, c.Status, c.Reason, c.Message}
		}
	}
	return Condition{v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady, message}
}

// stalledFrom says whether waiting could help. What was refused stays refused until a user changes something; the
// rest is on its way.
func stalledFrom(conditions []Condition) Condition {
	for _, c := range conditions {
		if c.Status == metav1.ConditionFalse && needsUser(c) {
			return Condition{v1alpha1.Stalled, metav1.ConditionTrue, c.Reason, c.Message}
		}
	}
	return Condition{v1alpha1.Stalled, metav1.ConditionFalse, v1alpha1.ReasonProgressing, "nothing waits for a user"}
}

func needsUser(c Condition) bool {
	switch c.Type {
	case v1alpha1.Accepted, v1alpha1.ResolvedRefs, v1alpha1.Conflicted:
		return true
	case v1alpha1.Programmed:
		return c.Reason == v1alpha1.ReasonRejected || c.Reason == v1alpha1.ReasonChildConflict || c.Reason == v1alpha1.ReasonInvalid
	}
	return false
}

// set puts conditions into a list, keeping the time of those whose status does not change.
func set(list []metav1.Condition, generation int64, now time.Time, conditions ...Condition) []metav1.Condition {
	for _, c := range conditions {
		meta.SetStatusCondition(&list, metav1.Condition{
			Type:               string(c.Type),
			Status:             c.Status,
			Reason:             string(c.Reason),
			Message:            bounded(c.Message),
			ObservedGeneration: generation,
			LastTransitionTime: metav1.NewTime(now),
		})
	}
	return list
}

// bounded cuts a message to its bound, on a character's edge.
func bounded(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	const more = "…"
	cut := maxMessage - len(more)
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + more
}

// URL gives where applications in the cluster reach a gateway.
func URL(gw *v1alpha1.SparkGateway, port int32) string {
	scheme := "http"
	if gw.Spec.Listener != nil && gw.Spec.Listener.TLS != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s.%s.svc:%d", scheme, gw.Name, gw.Namespace, port)
}
