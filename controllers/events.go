// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
)

// Events tells of transitions.
type Events struct{ Recorder events.EventRecorder }

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
