// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Series are the metrics of one target. Look them up once; their methods take no lock after the first use of each. They
// are safe for concurrent use, as are those of routes and providers.
type Series struct {
	lasting
	provider, model string
	genAI           genAISeries
	spend           counter
	outcomes        [exchange.Outcomes]counter
	attempts        [exchange.AttemptKinds][exchange.Outcomes]counter
	tokens          [tokenKinds][usageSources]counter
	transitions     [len(breakerWords)]counter
	unpriced        counter
}

const (
	tokenKinds   = 4
	usageSources = 4
)

var tokenWords = [tokenKinds]string{"prompt", "completion", "cached", "reasoning"}

// Series gives the series of a target: a provider's ID, and the model's name in the configuration. Empty names are for
// requests that reach none.
func (m *Metrics) Series(provider, model string) *Series {
	return lookup(m, m.series, [2]string{provider, model}, func(l lasting) *Series {
		return &Series{lasting: l, provider: provider, model: model}
	})
}

// Settle counts a request that ended at the given time, by the target that its client was answered from. Its attempts are
// counted by SettleAttempt, each for its own target.
func (s *Series) Settle(ex *exchange.Exchange, end time.Time) {
	count(&s.outcomes[ex.Outcome], &s.lasting, s.m.requests, 1, s.provider, s.model, ex.Outcome.String())
	s.settleGenAI(ex, end)
}

// SettleAttempt counts an attempt that ended, and its tokens, whoever got to see its answer.
func (s *Series) SettleAttempt(a *exchange.Attempt) {
	count(&s.attempts[a.Kind][a.Outcome], &s.lasting, s.m.attempts, 1, s.provider, s.model, a.Kind.String(), a.Outcome.String())
	s.attemptGenAI(a)
	if a.Cost > 0 {
		count(&s.spend, &s.lasting, s.m.spend, float64(a.Cost)/float64(config.Dollar), s.provider, s.model)
	}
	if a.Usage.Source == exchange.UsageNone {
		return
	}
	for kind, n := range [tokenKinds]int64{a.Usage.Prompt, a.Usage.Completion, a.Usage.Cached, a.Usage.Reasoning} {
		if n > 0 {
			count(&s.tokens[kind][a.Usage.Source], &s.lasting, s.m.tokens, float64(n),
				s.provider, s.model, tokenWords[kind], a.Usage.Source.String())
		}
	}
}

// Unpriced counts a request whose cost is limited and, as the target that it was sent to has no price, not known.
func (s *Series) Unpriced() { count(&s.unpriced, &s.lasting, s.m.unpriced, 1, s.provider, s.model) }

// BreakerTurned counts a transition of the target's breaker to a state, one of config's.
func (s *Series) BreakerTurned(to string) {
	value := breakerValue(to)
	count(&s.transitions[value], &s.lasting, s.m.transitions, 1, s.provider, s.model, breakerWords[value])
}

// BreakerTurned does so for a breaker that may outlive its target's series: where they are gone, and have not come back, it
// does nothing.
func (m *Metrics) BreakerTurned(provider, model, to string) {
	m.mu.Lock()
	s := m.series[[2]string{provider, model}]
	m.mu.Unlock()
	if s != nil {
		s.BreakerTurned(to)
	}
}

// RouteSeries are the metrics of one route.
type RouteSeries struct {
	lasting
	route   string
	hedges  [len(hedgeWords)]counter
	mirrors [len(mirrorWords)]counter
}

// HedgeResult is what became of a hedge.
type HedgeResult uint8

// The results.
const (
	// HedgeWon: the client was answered from it.
	HedgeWon HedgeResult = iota
	// HedgeLost: it was sent in vain.
	HedgeLost
	// HedgeRefused: it was not sent, because the budget for hedges was spent.
	HedgeRefused
)

var hedgeWords = [...]string{HedgeWon: "won", HedgeLost: "lost", HedgeRefused: "refused"}

// MirrorResult is what became of a mirrored request.
type MirrorResult uint8

// The results.
const (
	// MirrorSent: the copy was sent.
	MirrorSent MirrorResult = iota
	// MirrorSkipped: it was not, for want of room or because its target is out.
	MirrorSkipped
)

var mirrorWords = [...]string{MirrorSent: "sent", MirrorSkipped: "skipped"}

// Route gives the series of a route, by its ID.
func (m *Metrics) Route(id string) *RouteSeries {
	return lookup(m, m.routes, id, func(l lasting) *RouteSeries { return &RouteSeries{lasting: l, route: id} })
}

// Hedged counts a hedge that was due.
func (s *RouteSeries) Hedged(result HedgeResult) {
	count(&s.hedges[result], &s.lasting, s.m.hedges, 1, s.route, hedgeWords[result])
}

// Mirrored counts a request that was drawn to be mirrored.
func (s *RouteSeries) Mirrored(result MirrorResult) {
	count(&s.mirrors[result], &s.lasting, s.m.mirrors, 1, s.route, mirrorWords[result])
}

// ProviderSeries are the metrics of one provider that has a health check.
type ProviderSeries struct {
	lasting
	provider string
	healthy  gauge
}

// Provider gives the series of a provider, by its ID.
func (m *Metrics) Provider(id string) *ProviderSeries {
	return lookup(m, m.providers, id, func(l lasting) *ProviderSeries { return &ProviderSeries{lasting: l, provider: id} })
}

// Healthy shows what the health check found.
func (s *ProviderSeries) Healthy(healthy bool) {
	value := 0.0
	if healthy {
		value = 1
	}
	set(&s.healthy, &s.lasting, s.m.healthy, value, s.provider)
}
