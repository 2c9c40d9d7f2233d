// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestALineNamesTheTrace(t *testing.T) {
	tests := map[string]struct {
		trace exchange.Trace
		want  string
	}{
		"of a request that has none": {exchange.Trace{}, ""},
		"of one that is not sampled": {exchange.Trace{ID: exchange.TraceID{0xab, 15: 1}, Span: exchange.SpanID{1}}, "ab000000000000000000000000000001"},
		"of one that is":             {exchange.Trace{ID: exchange.TraceID{1}, Span: exchange.SpanID{1}, Sampled: true}, "01000000000000000000000000000000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ex := &exchange.Exchange{Trace: test.trace}
			NewID(&ex.ID)
			var line struct{ TraceID string }
			if err := json.Unmarshal(AppendLine(nil, ex, time.Unix(1, 0)), &line); err != nil {
				t.Fatal(err)
			}
			if line.TraceID != test.want {
				t.Errorf("the line names %q, want %q", line.TraceID, test.want)
			}
		})
	}
}
