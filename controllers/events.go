// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/status"
)

// Events tells of transitions.
type Events struct {
	Recorder events.EventRecorder
	// Metrics counts; nil does not.
	Metrics *Metrics
}

// transition records an Event where Ready changed its status or its reason. That a resource is on its way for the
// first time is no news.
func (e Events) transition(about client.Object, before, after []metav1.Condition) {
	was, is := conditionOf(before, v1alpha1.Ready), conditionOf(after, v1alpha1.Ready)
	if was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	stalled := conditionOf(after, v1alpha1.Stalled).Status == metav1.ConditionTrue
	kind := corev1.EventTypeNormal
	switch {
	case is.Status == metav1.ConditionTrue:
	case stalled, was.Status == metav1.ConditionTrue && is.Reason != string(v1alpha1.ReasonPending):
		kind = corev1.EventTypeWarning
	default:
		return
	}
	e.Recorder.Eventf(about, nil, kind, is.Reason, "Reconcile", "%s", is.Message)
}

// maxAction is the API's bound on an Event's action.
const maxAction = 128

// news records that something is wrong with a provider, or is no longer. Events that differ in their note alone are
// counted as one, so the gateway is related to it and the model is part of the action.
func (e Events) news(about *v1alpha1.ProviderPolicy, n status.News) {
	kind := corev1.EventTypeNormal
	if n.Begins {
		kind = corev1.EventTypeWarning
	}
	gateway := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: n.Gateway.Namespace, Name: n.Gateway.Name}}
	action := strings.TrimSpace("Observe " + n.Model)
	action = strings.ToValidUTF8(action[:min(maxAction, len(action))], "")
	e.Recorder.Eventf(about, gateway, kind, n.Reason(n.Begins), action, "%s", n.Message)
}

// rotation records that a key was replaced, or that the one before it is not accepted any more.
func (e Events) rotation(about *v1alpha1.APIKey, step issue.Step) {
	if step.Rotate {
		e.Recorder.Eventf(about, nil, corev1.EventTypeNormal, "Rotated", "Rotate",
			"the key was replaced; the one before it is accepted until %s", step.PreviousUntil.UTC().Format(time.RFC3339))
		return
	}
	e.Recorder.Eventf(about, nil, corev1.EventTypeNormal, "PreviousKeyEnded", "Rotate", "the key before the present one is not accepted any more")
}

// crossings records that budgets are spent to four fifths, or wholly. The period is part of the action, so that Events of several
// budgets are not counted as one.
func (e Events) crossings(about client.Object, before, after v1alpha1.UsageStatus) {
	for _, c := range status.Crossings(before, after) {
		e.Recorder.Eventf(about, nil, corev1.EventTypeWarning, "Budget"+string(c.Reason), "Spend "+string(c.Per), "%s", c.Message)
		e.Metrics.crossed(about, c)
	}
}
