// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// RegisterMetrics adds the metrics of the process as a whole to those of its Living. Call it once. Of documents' revisions it tells
// where Reloader was called.
func (s *Server) RegisterMetrics() {
	s.Registry().MustRegister(telemetry.NewProcess(s.process), telemetry.NewBudgets(s.budgets))
}

// process is what metrics show of the process.
func (s *Server) process() telemetry.ProcessSight {
	seen := telemetry.ProcessSight{Version: s.opts.Version, Draining: s.draining.Load()}
	if r := s.reloader.Load(); r != nil {
		r.sight(&seen)
	}
	if snapshot := s.snapshot.Load(); snapshot != nil {
		seen.Applied = snapshot.applied
	}
	return seen
}

// keyLabels gives the metrics of the document's keys.
func (b *build) keyLabels(living *Living) *telemetry.Keys {
	most := b.doc.Core.Gateway.KeyLabels
	if most == 0 {
		return nil
	}
	ids := make([]string, len(b.doc.Keys))
	for i := range b.doc.Keys {
		ids[i] = b.doc.Keys[i].ID
	}
	return living.metrics.Keys(ids, most)
}

// countByKey counts what somebody known asked of a model.
func (r *request) countByKey(used exchange.Use) {
	p := r.ex.Principal
	if r.snap == nil || p == nil || r.ex.Operation == exchange.NoOperation || r.ex.Operation == exchange.ListModels {
		return
	}
	place := -1
	if p.Kind == exchange.ByKey {
		place = p.Index
	}
	r.snap.perKey.Settle(place, used)
}

// budgets gives the fullest budget of each scope, of those that refuse.
func (s *Server) budgets() telemetry.BudgetSight { return s.spent().fullest }
