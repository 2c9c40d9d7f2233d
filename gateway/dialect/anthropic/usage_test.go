// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAUsageOfAnotherShapeSaysNothingAndTheAnswerIsThere(t *testing.T) {
	tests := map[string]struct {
		usage string
		want  exchange.Usage
	}{
		"words for numbers":    {`{"input_tokens":"many","output_tokens":-1}`, exchange.Usage{}},
		"negative counts":      {`{"input_tokens":-3,"output_tokens":-1}`, exchange.Usage{}},
		"a fraction":           {`{"input_tokens":1.5,"output_tokens":2}`, exchange.Usage{}},
		"a list":               {`[1,2]`, exchange.Usage{}},
		"a word":               {`"many"`, exchange.Usage{}},
		"nothing":              {`null`, exchange.Usage{}},
		"an object of nothing": {`{}`, exchange.Usage{}},
		"one count of two": {
			`{"input_tokens":-3,"output_tokens":4}`, exchange.Usage{Completion: 4, Total: 4, Source: exchange.UsageReported},
		},
		"both": {
			`{"input_tokens":3,"output_tokens":4}`,
			exchange.Usage{Prompt: 3, Completion: 4, Total: 7, Source: exchange.UsageReported},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := Encoder{}.DecodeAnswer([]byte(`{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":` + tc.usage + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, a.Usage); diff != "" {
				t.Errorf("whole (-want +got):\n%s", diff)
			}
			reader := Encoder{}.NewReader()
			events, err := reader.Read(nil, nil, []byte(`{"type":"message_start","message":{"id":"m","usage":`+tc.usage+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			want := []chat.Event{{Kind: chat.Began, ID: "m"}}
			// What is said at the start of the answer's tokens is no count yet.
			if start := tc.want; start.Prompt > 0 {
				start.Completion, start.Total = 0, start.Prompt
				want = append(want, chat.Event{Kind: chat.Used, Usage: start})
			}
			if diff := cmp.Diff(want, events); diff != "" {
				t.Errorf("streamed (-want +got):\n%s", diff)
			}
		})
	}
}
