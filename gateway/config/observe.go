// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Tracing sends spans to an OpenTelemetry collector.
type Tracing struct {
	// Endpoint is a URL: with a path for OTLP over HTTP, without one for gRPC.
	Endpoint string `json:"endpoint"`
	// HTTP speaks OTLP over HTTP in place of gRPC.
	HTTP bool `json:"http,omitempty"`
	// Authorization names a secret: the value of the header; empty for none.
	Authorization string `json:"authorization,omitempty"`
	// SamplingPercent of requests whose callers did not decide. 0 to 100.
	SamplingPercent int `json:"samplingPercent"`
}
