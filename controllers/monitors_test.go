// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/render"
)

func TestWhetherTheClusterKnowsServiceMonitorsIsAskedOnceAMinute(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	m, now := &monitors{}, noon
	if m.known(mapper, now) {
		t.Error("known before they are")
	}
	mapper.Add(render.ServiceMonitorKind, meta.RESTScopeNamespace)
	if now = now.Add(kindCheck - 1); m.known(mapper, now) {
		t.Error("asked again at once")
	}
	if now = now.Add(1); !m.known(mapper, now) {
		t.Error("not asked again")
	}
}

// monitored is a client of a cluster that knows ServiceMonitors, and in which none is.
type monitored struct{ client.Client }

func (m monitored) RESTMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(render.ServiceMonitorKind, meta.RESTScopeNamespace)
	return mapper
}

func (m monitored) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if o.GetObjectKind().GroupVersionKind() == render.ServiceMonitorKind {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	return m.Client.Get(ctx, key, o, opts...)
}

func TestAServiceMonitorThatCannotBeWrittenKeepsNoGatewayFromServing(t *testing.T) {
	b := newBed(t, sparkGateway(), runningPod("a", "10.0.0.1"))
	b.gateways.Client = monitored{b.client}
	b.gateways.Applier = &apply.Applier{Client: b.gateways.Client}
	var fails error
	b.fail = func(_ string, o any) error {
		if content, err := json.Marshal(o); err == nil && bytes.Contains(content, []byte(`"kind":"ServiceMonitor"`)) {
			return fails
		}
		return nil
	}
	refused := errors.New("no rights")
	for _, step := range []struct {
		of    string
		fails error
		// wantEvent is a part of the Event, empty for none.
		wantEvent string
		wantAgain time.Duration
	}{
		{"a failure", refused, "Warning ServiceMonitorFailed apply ServiceMonitor team/main: no rights", blockedCheck},
		{"the same again", refused, "", blockedCheck},
		{"a longer one", errors.New(strings.Repeat("x", 2*maxNote)), "xxx", blockedCheck},
		{"the kind went", apierrors.NewNotFound(schema.GroupResource{}, "main"), "", renewalCheck},
		{"the first failure, which is news again", refused, "no rights", blockedCheck},
	} {
		fails = step.fails
		result, err := b.gateways.Reconcile(t.Context(), ctrl.Request{NamespacedName: main})
		if err != nil || result.RequeueAfter != step.wantAgain {
			t.Errorf("%s: again after %s; %v", step.of, result.RequeueAfter, err)
		}
		var told []string
		for len(b.events.Events) > 0 {
			if e := <-b.events.Events; strings.Contains(e, "ServiceMonitor") {
				told = append(told, e)
			}
		}
		if step.wantEvent == "" && len(told) > 0 || step.wantEvent != "" && (len(told) != 1 || !strings.Contains(told[0], step.wantEvent)) {
			t.Errorf("%s is told as %q", step.of, told)
		}
	}
	b.rollOut(1)
	b.mustReconcile()
	b.fleetObeys("a")
	if c := conditionOf(b.mustReconcile().Conditions, v1alpha1.Programmed); c.Status != metav1.ConditionTrue {
		t.Errorf("the gateway is not Programmed: %+v", c)
	}
}
