// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// message1 is an answer with the content and what follows it.
func message1(content, rest string) string {
	return `{"metrics":{"latencyMs":900},"output":{"message":{"role":"assistant","content":[` + content + `]}}` + rest + `}`
}

func one(c chat.Choice) *chat.Answer { return &chat.Answer{Choices: []chat.Choice{c}} }

func TestAnswersAreRead(t *testing.T) {
	hello := []chat.Part{{Kind: chat.Text, Text: "Hello."}}
	tests := map[string]struct {
		body string
		want *chat.Answer
	}{
		"a text with its usage": {
			body: message1(`{"text":"Hello."}`, `,"stopReason":"end_turn","usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"serverToolUsage":{}}`),
			want: &chat.Answer{
				Choices: []chat.Choice{{Parts: hello, Finish: chat.Stopped}},
				Usage:   exchange.Usage{Prompt: 10, Completion: 5, Total: 15, Source: exchange.UsageReported},
			},
		},
		"what was cached is part of the prompt": {
			body: message1("", `,"stopReason":"end_turn","usage":{"inputTokens":10,"outputTokens":5,"totalTokens":1115,"cacheReadInputTokens":1000,`+
				`"cacheWriteInputTokens":100,"cacheDetails":[{"ttl":"5m","inputTokens":100}]}`),
			want: &chat.Answer{
				Choices: []chat.Choice{{Finish: chat.Stopped}},
				Usage:   exchange.Usage{Prompt: 1110, Completion: 5, Total: 1115, Cached: 1000, CacheWritten: 100, Source: exchange.UsageReported},
			},
		},
		"thoughts, text and calls, in their order": {
			body: message1(`{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"sig"}}},{"reasoningContent":{"redactedContent":"c2VjcmV0"}},`+
				`{"text":"I shall look."},{"toolUse":{"toolUseId":"tooluse_1","name":"weather","input":{"city":"Rome","days":[1,2]}}},`+
				`{"toolUse":{"toolUseId":"tooluse_2","name":"now","input":{}}}`, `,"stopReason":"tool_use"`),
			want: one(chat.Choice{Finish: chat.CalledTools, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "Hm.", Signature: "sig"}, {Kind: chat.Redacted, Signature: "c2VjcmV0"}, {Kind: chat.Text, Text: "I shall look."},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "tooluse_1", Name: "weather", Arguments: `{"city":"Rome","days":[1,2]}`}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "tooluse_2", Name: "now", Arguments: `{}`}},
			}}),
		},
		"thoughts that are not shown keep their signature": {
			body: message1(`{"reasoningContent":{"reasoningText":{"text":"","signature":"sig"}}}`, ""),
			want: one(chat.Choice{Finish: chat.Stopped, Parts: []chat.Part{{Kind: chat.Thinking, Signature: "sig"}}}),
		},
		"a text with its sources": {
			body: message1(`{"citationsContent":{"content":[{"text":"Hel"},{"text":"lo."}],"citations":[{"title":"a"}]}}`, `,"stopReason":"end_turn"`),
			want: one(chat.Choice{Parts: hello, Finish: chat.Stopped}),
		},
		"what was not asked for is passed over": {
			body: message1(`{"image":{"format":"png","source":{}}},{"text":""},{"toolUse":{"toolUseId":"a","name":"search","input":{},"type":"server_tool_use"}},`+
				`{"toolResult":{"toolUseId":"a","content":[]}},{"text":"Hello."},{"hologram":1}`, `,"stopReason":"end_turn"`),
			want: one(chat.Choice{Parts: hello, Finish: chat.Stopped}),
		},
		"at the bound": {message1("", `,"stopReason":"max_tokens"`), one(chat.Choice{Finish: chat.AtLength})},
		"at the end of the context": {
			message1("", `,"stopReason":"model_context_window_exceeded"`), one(chat.Choice{Finish: chat.AtLength}),
		},
		"cut by a guardrail": {message1("", `,"stopReason":"guardrail_intervened"`), one(chat.Choice{Finish: chat.Filtered})},
		"cut by a filter":    {message1("", `,"stopReason":"content_filtered"`), one(chat.Choice{Finish: chat.Filtered})},
		"at a stop sequence that is told": {
			message1("", `,"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"}`),
			one(chat.Choice{Finish: chat.AtStop, StopSequence: "END"}),
		},
		"at one that is not": {
			message1("", `,"stopReason":"stop_sequence","additionalModelResponseFields":null`), one(chat.Choice{Finish: chat.AtStop}),
		},
		"at one that is told badly": {
			message1("", `,"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":7}`), one(chat.Choice{Finish: chat.AtStop}),
		},
		"for a reason of a later day":     {message1("", `,"stopReason":"bored"`), one(chat.Choice{Finish: chat.Stopped})},
		"a usage of strings is none":      {message1("", `,"usage":{"inputTokens":"1","outputTokens":2}`), one(chat.Choice{Finish: chat.Stopped})},
		"a usage below nothing is none":   {message1("", `,"usage":{"inputTokens":-1,"outputTokens":2}`), one(chat.Choice{Finish: chat.Stopped})},
		"a usage beyond counting is none": {message1("", `,"usage":{"inputTokens":1,"outputTokens":9223372036854775807}`), one(chat.Choice{Finish: chat.Stopped})},
		"half a usage is none":            {message1("", `,"usage":{"inputTokens":1}`), one(chat.Choice{Finish: chat.Stopped})},
		"a usage that is null is none":    {message1("", `,"usage":null`), one(chat.Choice{Finish: chat.Stopped})},
		"malformed output is no answer":   {body: message1(`{"text":"Hel"}`, `,"stopReason":"malformed_model_output"`)},
		"a malformed call is no answer":   {body: message1("", `,"stopReason":"malformed_tool_use"`)},
		"without a message":               {body: `{"output":{},"stopReason":"end_turn"}`},
		"an error":                        {body: `{"message":"no"}`},
		"content that is a string":        {body: `{"output":{"message":{"content":"Hello."}}}`},
		"noise":                           {body: `<html>`},
		"nothing":                         {body: ``},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.DecodeAnswer([]byte(tc.body))
			if (err != nil) != (tc.want == nil) {
				t.Fatalf("%+v, %v", got, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsKeepTheProvidersMessage(t *testing.T) {
	const refused, failed = exchange.ProviderRefused, exchange.ProviderFailed
	tests := map[string]struct {
		status  int
		body    string
		want    int
		typ     string
		code    string
		message string
		outcome exchange.Outcome
	}{
		"a message":         {400, `{"message":"Too long."}`, 400, "invalid_request_error", "", "Too long.", refused},
		"in another case":   {400, `{"Message":"Too long."}`, 400, "invalid_request_error", "", "Too long.", refused},
		"with its type":     {429, `{"__type":"com.amazon.coral#ThrottlingException","message":"Slow."}`, 429, "rate_limit_error", "ThrottlingException", "Slow.", refused},
		"not found":         {404, `{"message":"No model."}`, 404, "invalid_request_error", "", "No model.", refused},
		"the model's own":   {424, `{"message":"Broke.","originalStatusCode":500}`, 502, "upstream_error", "", "Broke.", failed},
		"it took too long":  {408, `{"message":"Late."}`, 504, "upstream_error", "", "Late.", failed},
		"the service's own": {500, `{"message":"Broke."}`, 500, "upstream_error", "", "Broke.", failed},
		"not available":     {503, ``, 503, "upstream_error", "", "The provider answered with an error: Service Unavailable.", failed},
		"a credential is not quoted": {
			403, `{"message":"User arn:aws:iam::1:user/gw is not authorized"}`, 403, "authentication_error", "", "The provider did not accept the gateway's credential.", refused,
		},
		"a page":   {502, `<html>Bad gateway</html>`, 502, "upstream_error", "", "The provider answered with an error: Bad Gateway.", failed},
		"a text":   {502, `Bad day`, 502, "upstream_error", "", "Bad day", failed},
		"a number": {400, `{"message":7}`, 400, "invalid_request_error", "", "The provider answered with an error: Bad Request.", refused},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := &exchange.Error{
				Status: tc.want, Type: tc.typ, Code: tc.code, Message: tc.message, Reason: exchange.ReasonProviderStatus, Outcome: tc.outcome,
			}
			if diff := cmp.Diff(want, Encoder{}.DecodeError(tc.status, []byte(tc.body))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
