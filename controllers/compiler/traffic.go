// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"slices"
	"time"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of ProviderPolicy promise.
const (
	defaultConnectTimeout = 2 * time.Second
	defaultFirstToken     = 30 * time.Second
	defaultBetweenTokens  = 30 * time.Second
	defaultTotalTimeout   = 10 * time.Minute
	defaultThroughputOver = 10 * time.Second

	defaultConsecutiveFailures = 5
	defaultFailurePercent      = 50
	defaultMinRequests         = 20
	defaultBreakerWindow       = 30 * time.Second
	defaultOpenFor             = 15 * time.Second
	defaultHalfOpenProbes      = 3

	defaultAttempts      = 2
	defaultBackoff       = 100 * time.Millisecond
	defaultMaxBackoff    = 5 * time.Second
	defaultBudgetPercent = 20

	defaultQueueLength  = 100
	defaultQueueTimeout = 5 * time.Second

	defaultCheckInterval      = 30 * time.Second
	defaultCheckTimeout       = 2 * time.Second
	defaultUnhealthyThreshold = 2
	defaultHealthyThreshold   = 1
)

// traffic judges how much a provider is asked and what happens when it fails, and takes it over.
func (p *problems) traffic(spec v1alpha1.ProviderPolicySpec, provider *config.Provider) {
	provider.Timeouts = p.timeouts(spec.Timeouts)
	provider.Breaker = p.breaker(spec.CircuitBreaker)
	provider.Retry = p.retry(spec.Retry)
	provider.Quota = p.quota(spec.Limits)
	provider.HealthCheck = p.healthCheck(spec.HealthCheck, provider)
}

func (p *problems) timeouts(t *v1alpha1.Timeouts) config.Timeouts {
	if t == nil {
		t = &v1alpha1.Timeouts{}
	}
	timeouts := config.Timeouts{
		Connect:       p.duration("spec.timeouts.connect", t.Connect, defaultConnectTimeout),
		FirstToken:    p.duration("spec.timeouts.firstToken", t.FirstToken, defaultFirstToken),
		BetweenTokens: p.duration("spec.timeouts.betweenTokens", t.BetweenTokens, defaultBetweenTokens),
		Total:         p.duration("spec.timeouts.total", t.Total, defaultTotalTimeout),
	}
	if m := t.MinThroughput; m != nil {
		const field = "spec.timeouts.minThroughput"
		timeouts.MinThroughput = &config.MinThroughput{
			TokensPerSecond: p.within(field+".tokensPerSecond", int64(m.TokensPerSecond), 1, 10_000),
			Over:            p.duration(field+".over", m.Over, defaultThroughputOver),
		}
	}
	return timeouts
}

func (p *problems) breaker(b *v1alpha1.CircuitBreaker) config.Breaker {
	if b == nil {
		b = &v1alpha1.CircuitBreaker{}
	}
	const field = "spec.circuitBreaker"
	return config.Breaker{
		ConsecutiveFailures: p.number(field+".consecutiveFailures", b.ConsecutiveFailures, defaultConsecutiveFailures, 1, 10_000),
		FailurePercent:      p.number(field+".failurePercent", b.FailurePercent, defaultFailurePercent, 1, 100),
		MinRequests:         p.number(field+".minRequests", b.MinRequests, defaultMinRequests, 1, 1_000_000),
		Window:              p.duration(field+".window", b.Window, defaultBreakerWindow),
		OpenFor:             p.duration(field+".openFor", b.OpenFor, defaultOpenFor),
		Probes:              p.number(field+".halfOpenProbes", b.HalfOpenProbes, defaultHalfOpenProbes, 1, 100),
	}
}

func (p *problems) retry(r *v1alpha1.Retry) config.Retry {
	if r == nil {
		r = &v1alpha1.Retry{}
	}
	const field = "spec.retry"
	retry := config.Retry{
		Attempts:      p.number(field+".attempts", r.Attempts, defaultAttempts, 1, 10),
		Backoff:       p.duration(field+".backoff", r.Backoff, defaultBackoff),
		MaxBackoff:    p.duration(field+".maxBackoff", r.MaxBackoff, defaultMaxBackoff),
		BudgetPercent: p.number(field+".budgetPercent", r.BudgetPercent, defaultBudgetPercent, 0, 100),
		On:            slices.Clone(config.RetryConditions),
	}
	if retry.MaxBackoff < retry.Backoff {
		p.add("%s.maxBackoff: %s is below backoff, %s", field, retry.MaxBackoff, retry.Backoff)
	}
	if len(r.When) > 0 {
		retry.On = make([]config.RetryCondition, 0, len(r.When))
	}
	for i, when := range r.When {
		condition := config.RetryCondition(when)
		if !condition.Known() || slices.Contains(retry.On, condition) {
			p.add("%s.when[%d]: %q is not a condition or stands twice", field, i, when)
		}
		retry.On = append(retry.On, condition)
	}
	slices.Sort(retry.On)
	return retry
}

func (p *problems) quota(l *v1alpha1.ProviderLimits) config.Quota {
	if l == nil {
		l = &v1alpha1.ProviderLimits{}
	}
	queue := l.Queue
	if queue == nil {
		queue = &v1alpha1.ProviderQueue{}
	}
	const field = "spec.limits"
	return config.Quota{
		Requests:     p.limits(field+".requests", l.Requests),
		Tokens:       p.tokens(field+".tokens", l.Tokens),
		Concurrency:  p.number(field+".concurrency", l.Concurrency, 0, 0, 1_000_000),
		QueueLength:  p.number(field+".queue.length", queue.Length, defaultQueueLength, 0, 10_000),
		QueueTimeout: p.duration(field+".queue.timeout", queue.Timeout, defaultQueueTimeout),
	}
}

func (p *problems) healthCheck(h *v1alpha1.HealthCheck, provider *config.Provider) *config.HealthCheck {
	if h == nil {
		return nil
	}
	const field = "spec.healthCheck"
	switch err := config.CheckPath(h.Path); {
	case h.Path == "" && provider.NoModelList():
		p.add("%s.path: is required, as the provider has no list of models", field)
	case h.Path != "" && err != nil:
		p.add("%s.path: %w", field, err)
	}
	check := &config.HealthCheck{
		Path:               h.Path,
		Interval:           p.duration(field+".interval", h.Interval, defaultCheckInterval),
		Timeout:            p.duration(field+".timeout", h.Timeout, defaultCheckTimeout),
		UnhealthyThreshold: p.number(field+".unhealthyThreshold", h.UnhealthyThreshold, defaultUnhealthyThreshold, 1, 10),
		HealthyThreshold:   p.number(field+".healthyThreshold", h.HealthyThreshold, defaultHealthyThreshold, 1, 10),
	}
	if check.Timeout > check.Interval {
		p.add("%s.timeout: %s exceeds interval, %s", field, check.Timeout, check.Interval)
	}
	return check
}

// number reads a number within bounds, or gives the default where none is set.
func (p *problems) number(field string, n *int32, otherwise, least, most int64) int64 {
	if n == nil {
		return otherwise
	}
	return p.within(field, int64(*n), least, most)
}

func (p *problems) within(field string, n, least, most int64) int64 {
	if n < least || n > most {
		p.add("%s: %d is not within %d and %d", field, n, least, most)
	}
	return n
}
