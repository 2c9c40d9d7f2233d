// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/sparkgateway/spark/gateway/config"
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

// budgets gives the fullest budget of each scope, of those that refuse.
func (s *Server) budgets() telemetry.BudgetSight {
	seen := telemetry.BudgetSight{}
	snapshot := s.snapshot.Load()
	if snapshot == nil {
		return seen
	}
	r := snapshot.rules
	look := func(scope, holder string, budgets []config.Budget) {
		for _, b := range budgets {
			if b.Shadow || b.Amount <= 0 {
				continue
			}
			spent, _ := r.book.Spent(holder, b.Per)
			seen[scope] = max(seen[scope], float64(spent)/float64(b.Amount))
		}
	}
	for i := range r.policies {
		look(telemetry.BudgetOfPolicy, config.HolderPolicy+r.policies[i].ID, r.policies[i].Budgets)
	}
	for i := range r.doc.Keys {
		look(telemetry.BudgetOfKey, config.HolderKey+r.doc.Keys[i].ID, r.doc.Keys[i].Budgets)
	}
	return seen
}
