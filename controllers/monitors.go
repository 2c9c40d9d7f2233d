// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/controllers/render"
)

// kindCheck is how often it is asked whether the cluster knows a kind that others bring.
const kindCheck = time.Minute

// monitors knows whether the cluster has the Prometheus operator's ServiceMonitors, as of a minute ago at most, and what was said of
// those that cannot be written. The zero value is ready. It is safe for concurrent use.
type monitors struct {
	mu    sync.Mutex
	asked time.Time
	there bool
	// problems are by gateway, so that each is told once.
	problems map[types.NamespacedName]string
}

// known asks where nobody did lately. What cannot be found out is taken for a no until then.
func (m *monitors) known(mapper meta.RESTMapper, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked.IsZero() || now.Sub(m.asked) >= kindCheck {
		_, err := mapper.RESTMapping(render.ServiceMonitorKind.GroupKind(), render.ServiceMonitorKind.Version)
		m.asked, m.there = now, err == nil
	}
	return m.there
}

// news says whether this is another problem with a gateway's ServiceMonitor than before; empty is none.
func (m *monitors) news(gateway types.NamespacedName, problem string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if problem == "" {
		delete(m.problems, gateway)
		return false
	}
	if m.problems == nil {
		m.problems = map[types.NamespacedName]string{}
	}
	was := m.problems[gateway]
	m.problems[gateway] = problem
	return was != problem
}

// maxNote is the API's bound on an Event's note, in bytes.
const maxNote = 1024

// forgive lets a ServiceMonitor fail, which an Event tells of: how a gateway is watched must not keep it from what it is for. Where
// the kind went after it was found, nothing is missing. Failures of all else stay what they are.
func (r *GatewayReconciler) forgive(s *scope, object client.Object, failure error) error {
	if object.GetObjectKind().GroupVersionKind() != render.ServiceMonitorKind {
		return failure
	}
	name := client.ObjectKeyFromObject(s.gateway)
	if failure == nil || apierrors.IsNotFound(failure) || meta.IsNoMatchError(failure) {
		r.monitors.news(name, "")
		return nil
	}
	s.unwatched = true
	if note := failure.Error(); r.monitors.news(name, note) {
		note = strings.ToValidUTF8(note[:min(maxNote, len(note))], "")
		r.Events.Recorder.Eventf(s.gateway, nil, corev1.EventTypeWarning, "ServiceMonitorFailed", "Watch", "%s", note)
	}
	return nil
}
