// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAnswersOfEveryDialectAreRead(t *testing.T) {
	const reported = exchange.UsageReported
	for name, tc := range map[string]struct {
		dialect exchange.Dialect
		data    string
		want    Answer
	}{
		"Anthropic: a whole message": {
			exchange.Anthropic, `{"type":"message","content":[{"type":"text","text":"abc"}],"usage":{"input_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":4}}`,
			Answer{Usage: exchange.Usage{Prompt: 10, Completion: 4, Cached: 3, CacheWritten: 2, Source: reported}, TextBytes: 3, Texts: 1},
		},
		"Anthropic: the start tells the prompt": {
			exchange.Anthropic, `{"type":"message_start","message":{"content":[],"usage":{"input_tokens":5,"output_tokens":1}}}`,
			Answer{Usage: exchange.Usage{Prompt: 5, Source: reported}},
		},
		"Anthropic: a delta": {
			exchange.Anthropic, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"abc"}}`, Answer{TextBytes: 3, Texts: 1},
		},
		"Anthropic: a tool's delta": {
			exchange.Anthropic, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}`, Answer{TextBytes: 4, Texts: 1},
		},
		"Anthropic: the end tells the answer's": {
			exchange.Anthropic, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}`,
			Answer{Usage: exchange.Usage{Completion: 7, Source: reported}},
		},
		"Anthropic: the end": {exchange.Anthropic, `{"type":"message_stop"}`, Answer{Ended: true}},
		"Anthropic: an error": {
			exchange.Anthropic, `{"type":"error","error":{"type":"overloaded_error"}}`, Answer{Error: []byte(`{"type":"overloaded_error"}`)},
		},
		"Gemini: an answer": {
			exchange.Gemini, `{"candidates":[{"content":{"parts":[{"text":"abc"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":4,"thoughtsTokenCount":2,"cachedContentTokenCount":3,"totalTokenCount":11}}`,
			Answer{Usage: exchange.Usage{Prompt: 5, Completion: 6, Total: 11, Cached: 3, Reasoning: 2, Source: reported}, TextBytes: 3, Texts: 1, Finished: true},
		},
		"Gemini: not finished":        {exchange.Gemini, `{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, Answer{TextBytes: 1, Texts: 1}},
		"Gemini: one of two finished": {exchange.Gemini, `{"candidates":[{"finishReason":"STOP"},{"finishReason":null}]}`, Answer{}},
		"Gemini: two of two":          {exchange.Gemini, `{"candidates":[ {"finishReason":"STOP"} , {"finishReason":"SAFETY"} ]}`, Answer{Finished: true}},
		"Gemini: arguments are no word on the end": {
			exchange.Gemini, `{"candidates":[{"content":{"parts":[{"functionCall":{"args":{"finishReason":"x"}}}]}}]}`, Answer{},
		},
		"Gemini: a blocked prompt": {exchange.Gemini, `{"promptFeedback":{"blockReason":"SAFETY"}}`, Answer{Finished: true}},
		"Gemini: feedback alone":   {exchange.Gemini, `{"promptFeedback":{"safetyRatings":[]}}`, Answer{}},
		"Responses: a whole one": {
			exchange.Responses, `{"object":"response","output":[{"content":[{"type":"output_text","text":"abc"}]}],"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":2},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":9}}`,
			Answer{Usage: exchange.Usage{Prompt: 5, Completion: 4, Total: 9, Cached: 2, Reasoning: 3, Source: reported}, TextBytes: 3, Texts: 1},
		},
		"Responses: a delta": {exchange.Responses, `{"type":"response.output_text.delta","delta":"abc"}`, Answer{TextBytes: 3, Texts: 1}},
		"Responses: texts that were told already": {
			exchange.Responses, `{"type":"response.output_text.done","text":"abc"}`, Answer{},
		},
		"Responses: the end": {
			exchange.Responses, `{"type":"response.completed","response":{"output":[{"text":"abc"}],"usage":{"input_tokens":5,"output_tokens":4,"total_tokens":9}}}`,
			Answer{Usage: exchange.Usage{Prompt: 5, Completion: 4, Total: 9, Source: reported}, Ended: true},
		},
		"Responses: cut":                       {exchange.Responses, `{"type":"response.incomplete","response":{}}`, Answer{Ended: true}},
		"Responses: a beginning without usage": {exchange.Responses, `{"type":"response.created","response":{"usage":null,"error":null}}`, Answer{}},
		"Responses: failed": {
			exchange.Responses, `{"type":"response.failed","response":{}}`, Answer{Error: []byte(`{"type":"response.failed","response":{}}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := ReadAnswer(tc.dialect, []byte(tc.data))
			if diff := cmp.Diff(tc.want, got); !ok || diff != "" {
				t.Errorf("ok %t (-want +got):\n%s", ok, diff)
			}
			if n := testing.AllocsPerRun(10, func() { ReadAnswer(tc.dialect, []byte(tc.data)) }); n > 1 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestPartsOfAUsageAreMerged(t *testing.T) {
	const reported = exchange.UsageReported
	for name, tc := range map[string]struct{ known, came, want exchange.Usage }{
		"nothing came":     {exchange.Usage{Prompt: 1, Total: 1, Source: reported}, exchange.Usage{}, exchange.Usage{Prompt: 1, Total: 1, Source: reported}},
		"the first":        {exchange.Usage{}, exchange.Usage{Prompt: 5, Completion: 1, Cached: 2, Source: reported}, exchange.Usage{Prompt: 5, Completion: 1, Cached: 2, Total: 6, Source: reported}},
		"the answer's":     {exchange.Usage{Prompt: 5, Completion: 1, Cached: 2, Total: 6, Source: reported}, exchange.Usage{Completion: 9, Source: reported}, exchange.Usage{Prompt: 5, Completion: 9, Cached: 2, Total: 14, Source: reported}},
		"a cumulative one": {exchange.Usage{Prompt: 5, Completion: 1, Total: 6, Source: reported}, exchange.Usage{Prompt: 5, Completion: 3, Total: 8, Source: reported}, exchange.Usage{Prompt: 5, Completion: 3, Total: 8, Source: reported}},
	} {
		if diff := cmp.Diff(tc.want, Merge(tc.known, tc.came)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
