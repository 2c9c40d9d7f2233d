// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAUsageOfAnotherShapeSaysNothingAndTheAnswerIsThere(t *testing.T) {
	tests := map[string]struct {
		usage string
		want  exchange.Usage
	}{
		"words for numbers": {`{"promptTokenCount":"many","candidatesTokenCount":-1,"totalTokenCount":[]}`, exchange.Usage{}},
		"negative counts":   {`{"promptTokenCount":-1,"totalTokenCount":4}`, exchange.Usage{}},
		"a list":            {`[]`, exchange.Usage{}},
		"a word":            {`"many"`, exchange.Usage{}},
		"nothing":           {`null`, exchange.Usage{}},
		"counts": {
			`{"promptTokenCount":3,"candidatesTokenCount":4,"thoughtsTokenCount":2,"totalTokenCount":9,"trafficType":"ON_DEMAND"}`,
			exchange.Usage{Prompt: 3, Completion: 6, Reasoning: 2, Total: 9, Source: exchange.UsageReported},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			body := []byte(`{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":` + tc.usage + `}`)
			a, err := Encoder{}.DecodeAnswer(body)
			if err != nil || len(a.Choices) != 1 {
				t.Fatalf("%v, %+v", err, a)
			}
			if diff := cmp.Diff(tc.want, a.Usage); diff != "" {
				t.Errorf("whole (-want +got):\n%s", diff)
			}
			events, err := Encoder{}.NewReader().Read(nil, nil, body)
			if err != nil || len(events) < 4 {
				t.Errorf("streamed: %v, %d events", err, len(events))
			}
		})
	}
}
