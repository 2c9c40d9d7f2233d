// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"net/url"
)

// CheckCollector says what is wrong with the URL of an OpenTelemetry collector, nil when nothing is: it has a path over HTTP, and
// none over gRPC. The URL itself is not in the error.
func CheckCollector(endpoint string, http bool) error {
	if err := CheckEndpoint(endpoint); err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return errors.New("not a URL")
	}
	switch path := u.EscapedPath(); {
	case http && path == "":
		return errors.New("needs a path over HTTP, such as /v1/traces")
	case !http && path != "" && path != "/":
		return errors.New("has no path over gRPC")
	}
	return nil
}

// MaxKeyLabels bounds Gateway.KeyLabels: each key has three series.
const MaxKeyLabels = 10_000

// observe checks what is told of requests.
func (v *validation) observe(d *Document) {
	g := &d.Core.Gateway
	v.percent("gateway.logSkips", int64(g.LogSkips), 0)
	if g.KeyLabels < 0 || g.KeyLabels > MaxKeyLabels {
		v.add("gateway.keyLabels: %d is not within 0 and %d", g.KeyLabels, MaxKeyLabels)
	}
	t := g.Tracing
	if t == nil {
		return
	}
	const at = "gateway.tracing"
	if err := CheckCollector(t.Endpoint, t.HTTP); err != nil {
		v.add("%s.endpoint: %w", at, err)
	}
	v.authorization(at+".authorization", t.Authorization, d.Secrets)
	v.percent(at+".samplingPercent", int64(t.SamplingPercent), 0)
}
