// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"fmt"
	"strings"
)

const tracesOf = "SparkGateway.spec.telemetry.tracing"

// tracingCases are of which requests a collector and the access log are told of.
func tracingCases() cases {
	spans := func(b *bed) any {
		b.ask(question{})
		return within(glance, func() bool { return len(b.traces.Spans()) > 0 })
	}
	shown := func(b *bed) any {
		b.ask(question{})
		within(patience, func() bool { return len(b.traces.Spans()) > 0 })
		return fmt.Sprint(b.traces.Authorizations())
	}
	all := edits{tracesOf: "{otlpEndpoint: $OTLP, samplingPercent: 100}"}
	// A collector of one protocol does not understand the other's calls.
	speaks := func(url string) edits { return edits{tracesOf: "{samplingPercent: 100, otlpEndpoint: " + url + "/}"} }
	return cases{
		tracesOf + ".otlpEndpoint":                {with: edits{tracesOf: "{samplingPercent: 100}"}, from: "http://127.0.0.1:1", to: "$OTLP", was: false, is: true, see: spans},
		tracesOf + ".protocol=GRPC":               {with: speaks("$OTLP"), from: "HTTP", was: false, is: true, see: spans},
		tracesOf + ".protocol=HTTP":               {with: speaks("$OTLPHTTP"), from: "GRPC", was: false, is: true, see: spans},
		tracesOf + ".samplingPercent":             {with: edits{tracesOf: "{otlpEndpoint: $OTLP}"}, from: "0", to: "100", was: false, is: true, see: spans},
		tracesOf + ".authorizationSecretRef.name": {with: all, from: "sink-1", to: "sink-2", was: "[Bearer one]", is: "[Bearer two]", see: shown},
		tracesOf + ".authorizationSecretRef.key": {with: and(all, edits{tracesOf + ".authorizationSecretRef.name": "sink-1"}), to: "second",
			was: "[Bearer one]", is: "[Bearer other]", see: shown},
		"SparkGateway.spec.telemetry.accessLog.samplingPercent": {from: "100", to: "0", was: 2, is: 1, see: func(b *bed) any {
			b.ask(question{})
			b.ask(question{as: "nobody"})
			within(glance, func() bool { return strings.Contains(b.log.String(), "unauthenticated") })
			return strings.Count(b.log.String(), "\n")
		}},
	}
}
