// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of Telemetry promise.
const (
	defaultLogPercent   = 100
	defaultTracePercent = 10
	defaultMaxKeys      = 1000
)

// accessLog reads which requests have a line.
func (p *problems) accessLog(t *v1alpha1.Telemetry) (enabled bool, skips int) {
	if t == nil || t.AccessLog == nil {
		return true, 0
	}
	percent := p.number("spec.telemetry.accessLog.samplingPercent", t.AccessLog.SamplingPercent, defaultLogPercent, 0, 100)
	return valueOr(t.AccessLog.Enabled, true), int(100 - percent)
}

// tracing reads which collector is told of requests; nil is none. One that cannot be told is left out, as those who are told of
// errors are.
func (c *compilation) tracing(p *problems, t *v1alpha1.Telemetry) *config.Tracing {
	if t == nil || t.Tracing == nil {
		return nil
	}
	const field = "spec.telemetry.tracing"
	from := t.Tracing
	out := &config.Tracing{
		Endpoint: from.OTLPEndpoint, HTTP: from.Protocol == v1alpha1.OTLPOverHTTP,
		SamplingPercent: int(p.number(field+".samplingPercent", from.SamplingPercent, defaultTracePercent, 0, 100)),
	}
	if err := config.CheckCollector(out.Endpoint, out.HTTP); err != nil {
		p.add("%s.otlpEndpoint: %w", field, err)
	}
	if !c.dispensable(func() {
		out.Authorization = c.authorization(field+".authorizationSecretRef", from.AuthorizationSecretRef, "tracing")
	}) {
		return nil
	}
	return out
}

// keyLabels reads how many keys have metrics of their own.
func (p *problems) keyLabels(t *v1alpha1.Telemetry) int {
	if t == nil || t.Metrics == nil || !valueOr(t.Metrics.PerKeyLabels, false) {
		return 0
	}
	return int(p.number("spec.telemetry.metrics.maxKeys", t.Metrics.MaxKeys, defaultMaxKeys, 1, config.MaxKeyLabels))
}
