// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"slices"
	"strings"
)

// Known says whether this version has such a condition.
func (c RetryCondition) Known() bool { return slices.Contains(RetryConditions, c) }

// traffic checks how much a provider is asked, and what happens when it fails.
func (v *validation) traffic(at string, p *Provider) {
	v.timeouts(at+".timeouts", p.Timeouts)
	v.breaker(at+".breaker", p.Breaker)
	v.retry(at+".retry", p.Retry)
	v.quota(at+".quota", p.Quota)
	if p.HealthCheck != nil {
		v.healthCheck(at+".healthCheck", p)
	}
}

func (v *validation) timeouts(at string, t Timeouts) {
	v.positive(at+".connect", t.Connect)
	v.positive(at+".firstToken", t.FirstToken)
	v.positive(at+".betweenTokens", t.BetweenTokens)
	v.positive(at+".total", t.Total)
	if m := t.MinThroughput; m != nil {
		v.counted(at+".minThroughput.tokensPerSecond", m.TokensPerSecond)
		v.positive(at+".minThroughput.over", m.Over)
	}
}

func (v *validation) breaker(at string, b Breaker) {
	v.counted(at+".consecutiveFailures", b.ConsecutiveFailures)
	v.percent(at+".failurePercent", b.FailurePercent, 1)
	v.counted(at+".minRequests", b.MinRequests)
	v.positive(at+".window", b.Window)
	v.positive(at+".openFor", b.OpenFor)
	v.counted(at+".probes", b.Probes)
}

func (v *validation) retry(at string, r Retry) {
	v.counted(at+".attempts", r.Attempts)
	v.positive(at+".backoff", r.Backoff)
	if r.MaxBackoff < r.Backoff {
		v.add("%s.maxBackoff: %s is below backoff, %s", at, r.MaxBackoff, r.Backoff)
	}
	for i, c := range r.On {
		if !c.Known() {
			v.add("%s.on[%d]: %q is not known to this gateway", at, i, c)
		}
		if i > 0 && r.On[i-1] >= c {
			v.add("%s.on[%d]: %q is out of order or stands twice", at, i, c)
		}
	}
	v.percent(at+".budgetPercent", r.BudgetPercent, 0)
}

func (v *validation) quota(at string, q Quota) {
	v.limits(at+".requests", q.Requests)
	v.tokenLimits(at+".tokens", q.Tokens)
	if q.Concurrency < 0 {
		v.add("%s.concurrency: %d is negative", at, q.Concurrency)
	}
	if q.QueueLength < 0 {
		v.add("%s.queueLength: %d is negative", at, q.QueueLength)
	}
	v.positive(at+".queueTimeout", q.QueueTimeout)
}

// NoModelList says whether the provider has no list of models that a health check could ask for by default.
func (p *Provider) NoModelList() bool {
	return p.Type == Bedrock || p.Type == VertexAI || p.APIVersion != ""
}

func (v *validation) healthCheck(at string, p *Provider) {
	h := p.HealthCheck
	switch err := CheckPath(h.Path); {
	case h.Path == "" && p.NoModelList():
		v.add("%s.path: required, as the provider has no list of models", at)
	case h.Path != "" && err != nil:
		v.add("%s.path: %w", at, err)
	}
	v.positive(at+".interval", h.Interval)
	v.positive(at+".timeout", h.Timeout)
	v.counted(at+".unhealthyThreshold", h.UnhealthyThreshold)
	v.counted(at+".healthyThreshold", h.HealthyThreshold)
}

// CheckPath says what is wrong with a path that is asked with GET, nil when nothing is: it may have a query and must stand
// in a request's line as it is. The path itself is not in the error, as a query could carry credentials.
func CheckPath(path string) error {
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(r rune) bool { return r < '!' || r > '~' || r == '#' }) {
		return errors.New("must begin with / and hold neither a fragment nor what needs escaping")
	}
	return nil
}

func (v *validation) counted(field string, n int64) {
	if n <= 0 {
		v.add("%s: %d is not positive", field, n)
	}
}

func (v *validation) percent(field string, n, least int64) {
	if n < least || n > 100 {
		v.add("%s: %d is not within %d and 100", field, n, least)
	}
}
