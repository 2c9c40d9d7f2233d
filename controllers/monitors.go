// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/sparkgateway/spark/controllers/render"
)

// kindCheck is how often it is asked whether the cluster knows a kind that others bring.
const kindCheck = time.Minute

// monitors knows whether the cluster has the Prometheus operator's ServiceMonitors, as of a minute ago at most. The zero value is
// ready. It is safe for concurrent use.
type monitors struct {
	mu    sync.Mutex
	asked time.Time
	there bool
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
