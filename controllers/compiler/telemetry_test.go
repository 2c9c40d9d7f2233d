// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// telling gives a SparkGateway its telemetry.
func telling(t *v1alpha1.Telemetry) *v1alpha1.SparkGateway {
	return gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) { s.Telemetry = t }))
}

func TestWhichRequestsHaveALine(t *testing.T) {
	type want struct {
		Enabled bool
		Skips   int
	}
	tests := map[string]struct {
		from *v1alpha1.AccessLog
		want want
	}{
		"all without a word":         {nil, want{true, 0}},
		"all with an empty one":      {&v1alpha1.AccessLog{}, want{true, 0}},
		"none":                       {&v1alpha1.AccessLog{Enabled: ptr.To(false)}, want{false, 0}},
		"a part of those that ended": {&v1alpha1.AccessLog{SamplingPercent: ptr.To[int32](30)}, want{true, 70}},
		"only those that failed":     {&v1alpha1.AccessLog{Enabled: ptr.To(true), SamplingPercent: ptr.To[int32](0)}, want{true, 100}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(telling(&v1alpha1.Telemetry{AccessLog: test.from}))
			out := mustServe(t, in)
			g := &out.Document.Core.Gateway
			if diff := cmp.Diff(test.want, want{g.AccessLog, g.LogSkips}); diff != "" {
				t.Errorf("access log (-want +got):\n%s", diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestWhichKeysHaveMetricsOfTheirOwn(t *testing.T) {
	tests := map[string]struct {
		from *v1alpha1.GatewayMetrics
		want int
	}{
		"none without a word":            {nil, 0},
		"none where only others are set": {&v1alpha1.GatewayMetrics{ServiceMonitor: ptr.To(false)}, 0},
		"none where they are not wanted": {&v1alpha1.GatewayMetrics{PerKeyLabels: ptr.To(false), MaxKeys: ptr.To[int32](5)}, 0},
		"a thousand":                     {&v1alpha1.GatewayMetrics{PerKeyLabels: ptr.To(true)}, 1000},
		"as many as are asked for":       {&v1alpha1.GatewayMetrics{PerKeyLabels: ptr.To(true), MaxKeys: ptr.To[int32](5)}, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(telling(&v1alpha1.Telemetry{Metrics: test.from}))
			out := mustServe(t, in)
			if got := out.Document.Core.Gateway.KeyLabels; got != test.want {
				t.Errorf("%d keys, want %d", got, test.want)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestWhoIsToldOfTraces(t *testing.T) {
	ref := new(key("otel"))
	const field = "spec.telemetry.tracing.authorizationSecretRef: "
	tests := map[string]struct {
		from    *v1alpha1.Tracing
		secrets []any
		want    *config.Tracing
		told    compiler.Finding
	}{
		"nobody without a word": {},
		"a collector over gRPC, of a tenth": {from: &v1alpha1.Tracing{OTLPEndpoint: "http://otel:4317"},
			want: &config.Tracing{Endpoint: "http://otel:4317", SamplingPercent: 10}},
		"a collector over HTTP, of none but what fails": {
			from: &v1alpha1.Tracing{OTLPEndpoint: "https://otel/v1/traces", Protocol: v1alpha1.OTLPOverHTTP, SamplingPercent: ptr.To[int32](0)},
			want: &config.Tracing{Endpoint: "https://otel/v1/traces", HTTP: true}},
		"a collector with a header": {from: &v1alpha1.Tracing{OTLPEndpoint: "http://otel:4317", AuthorizationSecretRef: ref},
			secrets: []any{secret("otel", "authorization", "Bearer canary-traces\n")},
			want:    &config.Tracing{Endpoint: "http://otel:4317", Authorization: "tracing", SamplingPercent: 10}},
		"nobody where the header is not there": {from: &v1alpha1.Tracing{OTLPEndpoint: "http://otel:4317", AuthorizationSecretRef: ref},
			told: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: field + "Secret team/otel does not exist"}},
		"nobody where the header is of two lines": {from: &v1alpha1.Tracing{OTLPEndpoint: "http://otel:4317", AuthorizationSecretRef: ref},
			secrets: []any{secret("otel", "authorization", "Bearer canary\r\nX: y")},
			told: compiler.Finding{Reason: v1alpha1.ReasonInvalidSecret,
				Message: field + `Secret team/otel: key "authorization" must be printable ASCII of at most 16384 bytes`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(append(test.secrets, telling(&v1alpha1.Telemetry{Tracing: test.from}))...)
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, out.Document.Core.Gateway.Tracing); diff != "" {
				t.Errorf("tracing (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantFindings{ResolvedRefs: test.told}, findingsOf(&out.Gateway)); diff != "" || out.Gateway.Partial == test.told.OK() {
				t.Errorf("partial %t, verdict (-want +got):\n%s", out.Gateway.Partial, diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestTelemetryThatIsNotAccepted(t *testing.T) {
	tests := map[string]struct {
		from v1alpha1.Telemetry
		want string
	}{
		"a path over gRPC": {v1alpha1.Telemetry{Tracing: &v1alpha1.Tracing{OTLPEndpoint: "http://otel/v1/traces"}},
			"spec.telemetry.tracing.otlpEndpoint: has no path over gRPC"},
		"no path over HTTP": {v1alpha1.Telemetry{Tracing: &v1alpha1.Tracing{OTLPEndpoint: "http://otel:4318", Protocol: v1alpha1.OTLPOverHTTP}},
			"spec.telemetry.tracing.otlpEndpoint: needs a path over HTTP, such as /v1/traces"},
		"no URL": {v1alpha1.Telemetry{Tracing: &v1alpha1.Tracing{OTLPEndpoint: "otel:4317"}},
			"spec.telemetry.tracing.otlpEndpoint: must begin with http:// or https://"},
		"more traces than requests": {v1alpha1.Telemetry{Tracing: &v1alpha1.Tracing{OTLPEndpoint: "http://otel", SamplingPercent: ptr.To[int32](101)}},
			"spec.telemetry.tracing.samplingPercent: 101 is not within 0 and 100"},
		"metrics of no key": {v1alpha1.Telemetry{Metrics: &v1alpha1.GatewayMetrics{PerKeyLabels: ptr.To(true), MaxKeys: ptr.To[int32](0)}},
			"spec.telemetry.metrics.maxKeys: 0 is not within 1 and 10000"},
		"metrics of too many keys": {v1alpha1.Telemetry{Metrics: &v1alpha1.GatewayMetrics{PerKeyLabels: ptr.To(true), MaxKeys: ptr.To[int32](10001)}},
			"spec.telemetry.metrics.maxKeys: 10001 is not within 1 and 10000"},
		"fewer lines than none": {v1alpha1.Telemetry{AccessLog: &v1alpha1.AccessLog{SamplingPercent: ptr.To[int32](-1)}},
			"spec.telemetry.accessLog.samplingPercent: -1 is not within 0 and 100"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := compiler.Compile(input(telling(&test.from)))
			want := compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}
			if diff := cmp.Diff(want, out.Gateway.Accepted); diff != "" {
				t.Errorf("Accepted (-want +got):\n%s", diff)
			}
		})
	}
}
