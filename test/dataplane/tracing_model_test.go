// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakecollector"
)

// Whatever a provider calls who answered is in the spans, whichever dialect it says so in.
func TestASpanSaysWhoAnswered(t *testing.T) {
	const chat, messages, events = "/v1/chat/completions", "/v1/messages", "text/event-stream"
	for name, test := range map[string]struct {
		as     config.ProviderType
		path   string
		kind   string
		pieces []string
		want   any
	}{
		"OpenAI's": {as: config.OpenAI, path: chat, pieces: []string{
			`{"id":"1","model":"gpt-4o-2026","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}`}, want: "gpt-4o-2026"},
		"Anthropic's, translated": {as: config.Anthropic, path: chat, pieces: []string{
			`{"id":"m","type":"message","role":"assistant","model":"claude-2026","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`},
			want: "claude-2026"},
		"Anthropic's, of a stream": {as: config.Anthropic, path: messages, kind: events, pieces: []string{
			"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-2026\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"}, want: "claude-2026"},
		"Anthropic's, of a stream that is translated": {as: config.Anthropic, path: chat, kind: events, pieces: []string{
			"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-2026\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"}, want: "claude-2026"},
		"Gemini's, translated": {as: config.Gemini, path: chat, pieces: []string{
			`{"modelVersion":"gemini-2026","candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"x"}]},"finishReason":"STOP"}]}`}, want: "gemini-2026"},
		"nobody's": {as: config.OpenAI, path: chat, pieces: []string{
			`{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := "application/json"
			if test.kind != "" {
				kind = test.kind
			}
			base := map[config.ProviderType]string{config.OpenAI: "/v1", config.Gemini: "/v1beta"}[test.as]
			collector := fakecollector.Start(t)
			s := start(t, startScripted(t, kind, test.pieces...).instead(test.as, base), withDocument(traced(collector, 100)))
			body := chatBody("gpt-4o", "", test.kind == events)
			if test.path == messages {
				body = `{"model":"gpt-4o","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}`
			}
			if got := s.do(s.request("POST", test.path, body)); got.StatusCode != 200 {
				t.Fatalf("%d: %s", got.StatusCode, got.body)
			}
			for _, span := range s.spans(collector, 2) {
				if got := span.Attributes["gen_ai.response.model"]; got != test.want || span.Name != "chat" {
					t.Errorf("%s: %v answered, want %v", span.Name, got, test.want)
				}
			}
		})
	}
}
