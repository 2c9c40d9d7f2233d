// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
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
		t := &s.targets[place]
		if sight := t.Vital.Breaker.Look(now); sight.State != breaker.Closed {
			out = append(out, config.BreakerState{
				Model: t.Name, State: sight.State.String(), Reason: sight.Reason,
				Since: living.since(sight.Since).UTC(), Until: until(living, sight),
			})
		}
	}
	slices.SortFunc(out, func(a, b config.BreakerState) int { return cmp.Compare(a.Model, b.Model) })
	return out
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
