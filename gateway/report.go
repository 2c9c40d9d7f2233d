// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// Providers says what the process has seen of the providers of its configuration; nothing before the first Apply.
func (s *Server) Providers() []config.ProviderState {
	snapshot := s.snapshot.Load()
	if snapshot == nil {
		return nil
	}
	now := s.living.clock()
	states := make([]config.ProviderState, len(snapshot.providers))
	for i := range snapshot.providers {
		view := &snapshot.providers[i]
		state := config.ProviderState{ID: view.id, Out: snapshot.out(s.living, view, now)}
		state.Attempts, state.Failures, state.Latency = view.account.minute.Look(now)
		if found, known := view.health.Look(); known {
			state.Health = &found
		}
		states[i] = state
	}
	return states
}

// out gives the breakers of a provider that are not closed.
func (s *Snapshot) out(living *Living, view *providerView, now int64) (out []config.BreakerState) {
	for _, place := range view.targets {
		if state, is := living.breakerOf(&s.targets[place], now); is {
			out = append(out, state)
		}
	}
	slices.SortFunc(out, func(a, b config.BreakerState) int { return cmp.Compare(a.Model, b.Model) })
	return out
}

// breakerOf gives the state of a target's breaker; false where it is closed.
func (l *Living) breakerOf(t *proxy.Target, now int64) (config.BreakerState, bool) {
	sight := t.Vital.Breaker.Look(now)
	return config.BreakerState{
		Model: t.Name, State: sight.State.String(), Reason: sight.Reason,
		Since: l.since(sight.Since).UTC(), Until: until(l, sight),
	}, sight.State != breaker.Closed
}

// until is when an open breaker lets the next request through; zero where it is half open.
func until(living *Living, sight breaker.Sight) time.Time {
	if sight.Until == 0 {
		return time.Time{}
	}
	return living.since(sight.Until).UTC()
}

// Report is what one process says of itself and of providers.
type Report struct {
	Reloader *Reloader
	Server   *Server
}

// State says what the process has seen.
func (r Report) State() config.State {
	return config.State{Instance: r.Reloader.instance, Providers: r.Server.Providers()}
}

// ServeRecords answers with usage records, to operators.
func (r Report) ServeRecords(w http.ResponseWriter, req *http.Request) {
	living := r.Server.living
	RecordsHandler(living.records, living.now).ServeHTTP(w, req)
}

// OpenLedger gives the ledger of a process, which keeps files in a directory; without one it keeps none. What is lost on the
// way is counted.
func OpenLedger(dir string, of Identity, registry *prometheus.Registry, log *slog.Logger) (*ledger.Ledger, error) {
	return ledger.New(ledger.Options{
		Dir: dir, Gateway: of.Gateway, Version: of.Version, Logger: log, Dropped: telemetry.NewLostRecords(registry),
	})
}
