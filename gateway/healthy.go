// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxReasons bounds those of a Health.
const maxReasons = 20

// Reloader gives a reloader that applies documents to the server, which then tells of it in its Health.
func (s *Server) Reloader(identity Identity) *Reloader {
	r := NewReloader(identity, s.Apply)
	s.reloader.Store(r)
	return r
}

// Health says how the process is.
func (r Report) Health() config.Health { return r.Server.health(r.Reloader) }

// Health says how the process is. Of its identity and of documents that were refused it knows where Reloader was called.
func (s *Server) Health() config.Health { return s.health(s.reloader.Load()) }

// health gathers what there is to say; of may be nil.
func (s *Server) health(of *Reloader) config.Health {
	l, now, spent := s.living, s.living.now(), s.spent()
	h := config.Health{
		Version: s.opts.Version, At: now.UTC(), Started: s.started.UTC(), Draining: s.draining.Load(),
		InFlight: s.InFlight(), Connections: s.conns.count(), Providers: s.Providers(),
		Traffic: l.hour.Look(l.wall(s.started), l.wall(now)), Limits: l.limitsHealth(), Budgets: spent.near, Spend: spent.keys,
		ErrorGroups: l.errors.Stats().Groups,
	}
	if h.Providers == nil {
		h.Providers = []config.ProviderState{}
	}
	for i := range h.Traffic {
		h.ErrorsLastHour += h.Traffic[i].Failed
	}
	if seen, keeps := l.cacheSight(); keeps {
		h.Cache = &config.CacheHealth{
			Entries: seen.Entries, Bytes: seen.Bytes, MaxBytes: l.cacheBytes.Load(), Questions: seen.Questions, QuestionBytes: seen.QuestionBytes,
		}
	}
	if store := l.store(); store != nil {
		state := store.State()
		state.Since = state.Since.UTC()
		h.Store = &state
	}
	s.identify(&h, of)
	s.judge(&h)
	return h
}

// limitsHealth says how limits hold just now.
func (l *Living) limitsHealth() config.LimitsHealth {
	h := config.LimitsHealth{Mode: config.LimitsAlone, Replicas: l.replicas()}
	switch s := l.store(); {
	case s != nil && s.Up():
		h.Mode = config.LimitsStored
	case s != nil:
		h.Mode = string(l.onFailure())
	case h.Replicas > 1:
		h.Mode = config.LimitsExchanged
	}
	return h
}

// identify says which process it is, and what it serves.
func (s *Server) identify(h *config.Health, of *Reloader) {
	var ack config.Ack
	if of != nil {
		ack = of.Ack()
	}
	h.Gateway, h.Pod, h.Instance, h.Rejected = ack.Gateway, ack.Pod, ack.Instance, ack.Rejected
	snapshot := s.snapshot.Load()
	if snapshot == nil {
		return
	}
	doc := snapshot.rules.doc
	h.Gateway = cmp.Or(h.Gateway, snapshot.gateway.ID)
	h.Configuration = &config.ConfigurationHealth{
		Revision: ack.Revision, Sequence: ack.Sequence, Applied: snapshot.applied.UTC(),
		Providers: len(doc.Core.Providers), Routes: len(doc.Core.Routes), Keys: len(doc.Keys),
	}
}

// judge sets the status and its reasons.
func (s *Server) judge(h *config.Health) {
	reasons := []string{}
	h.Status = config.HealthOK
	for _, err := range s.unready() {
		h.Status = config.HealthNotReady
		reasons = append(reasons, err.Error())
	}
	wrong := degradations(h)
	if h.Status == config.HealthOK && len(wrong) > 0 {
		h.Status = config.HealthDegraded
	}
	reasons = append(reasons, wrong...)
	if more := len(reasons) - maxReasons; more > 0 {
		reasons = append(reasons[:maxReasons-1], fmt.Sprintf("%d more", more+1))
	}
	h.Reasons = reasons
}

// degradations are phrases for what keeps requests from being served as they should be. Names in them are the configuration's.
func degradations(h *config.Health) (reasons []string) {
	if h.Rejected != nil {
		reasons = append(reasons, "configuration: a newer document was rejected")
	}
	if h.Store != nil && !h.Store.Up {
		reasons = append(reasons, "store: down ("+h.Store.Reason+")")
	}
	for i := range h.Providers {
		p := &h.Providers[i]
		if p.Health != nil && !p.Health.Healthy {
			reasons = append(reasons, "provider "+p.ID+": unhealthy ("+p.Health.Reason+")")
		}
		for _, b := range p.Out {
			reasons = append(reasons, "provider "+p.ID+": the breaker of "+b.Model+" is "+breakerPhrases[b.State]+" ("+b.Reason+")")
		}
	}
	return reasons
}

var breakerPhrases = map[string]string{config.BreakerOpen: "open", config.BreakerHalfOpen: "half open"}

// wall is a time in nanoseconds since 1970 that does not go back when the wall clock is set.
func (l *Living) wall(at time.Time) int64 { return l.epoch.UnixNano() + l.nanos(at) }

// tally counts a request of a model that ended.
func (r *request) tally(end time.Time) {
	if r.ex.Operation == exchange.NoOperation || r.ex.Operation == exchange.ListModels {
		return
	}
	l := r.srv.living
	use, sent := used(&r.ex)
	l.hour.Add(l.wall(end), end, &r.ex, use)
	if p := r.ex.Principal; sent && p != nil && p.Kind == exchange.ByKey {
		l.spend.Add(p, use)
	}
}
