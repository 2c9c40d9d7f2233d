// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package coheretest

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func pointer[T any](v T) *T { return &v }

func TestEveryFieldIsRead(t *testing.T) {
	got, err := DecodeRequest([]byte(`{
		"model": "command-a", "stream": true, "max_tokens": 1, "stop_sequences": ["a"], "temperature": 0.5, "seed": 2,
		"frequency_penalty": 0.1, "presence_penalty": 0.2, "k": 3, "p": 0.9, "strict_tools": true, "tool_choice": "REQUIRED",
		"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type":"object"}}}],
		"response_format": {"type": "json_object", "json_schema": {"type":"object"}},
		"thinking": {"type": "enabled", "token_budget": 9},
		"messages": [
			{"role": "system", "content": "s"},
			{"role": "user", "content": [{"type": "text", "text": "u"},
				{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
				{"type": "image_url", "image_url": {"url": "https://a/b"}}]},
			{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}], "tool_plan": "plan",
				"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
			{"role": "tool", "tool_call_id": "1", "content": "r"}
		]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &chat.Request{
		Model: "command-a", Stream: true, MaxTokens: pointer[int64](1), Stop: []string{"a"}, Temperature: pointer(0.5),
		Seed: pointer[int64](2), Frequency: pointer(0.1), Presence: pointer(0.2), TopK: pointer[int64](3), TopP: pointer(0.9),
		Tools:     []chat.Tool{{Name: "f", Description: "d", Schema: jsontext.Value(`{"type":"object"}`), Strict: pointer(true)}},
		Choice:    chat.ToolChoice{Mode: chat.AnyTool},
		Format:    chat.Format{Kind: chat.JSONSchema, Schema: jsontext.Value(`{"type":"object"}`)},
		Reasoning: chat.Reasoning{Budget: pointer[int64](9)},
		Messages: []chat.Message{
			{Role: chat.System, Parts: []chat.Part{{Text: "s"}}},
			{Role: chat.User, Parts: []chat.Part{
				{Text: "u"},
				{Kind: chat.Image, Media: &chat.Media{MIME: "image/png", Data: "aGk=", Detail: "low"}},
				{Kind: chat.Image, Media: &chat.Media{URL: "https://a/b"}},
			}},
			{Role: chat.Assistant, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "hm"}, {Text: "plan"},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: "{}"}},
			}},
			{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Result, Result: &chat.ToolResult{CallID: "1", Parts: []chat.Part{{Text: "r"}}}},
			}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(chat.Request{}, "Names")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSettingsAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		members string
		want    chat.Request
	}{
		"no thinking":   {`,"thinking":{"type":"disabled"}`, chat.Request{Reasoning: chat.Reasoning{Budget: pointer[int64](0)}}},
		"free thinking": {`,"thinking":{"type":"enabled"}`, chat.Request{Reasoning: chat.Reasoning{Budget: pointer[int64](-1)}}},
		"JSON":          {`,"response_format":{"type":"json_object"}`, chat.Request{Format: chat.Format{Kind: chat.JSONObject}}},
		"text":          {`,"response_format":{"type":"text"}`, chat.Request{}},
	} {
		got, err := DecodeRequest([]byte(`{"model":"m","messages":[]` + test.members + `}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		test.want.Model = "m"
		if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreFields(chat.Request{}, "Names")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestWhatCohereDoesNotTakeFails(t *testing.T) {
	for name, members := range map[string]string{
		"an unknown field":           `"messages":[],"top_p":1`,
		"an unknown choice":          `"messages":[],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"`,
		"a choice without tools":     `"messages":[],"tool_choice":"NONE"`,
		"a tool without a name":      `"messages":[],"tools":[{"type":"function"}]`,
		"an unknown format":          `"messages":[],"response_format":{"type":"xml"}`,
		"a budget of nothing":        `"messages":[],"thinking":{"type":"enabled","token_budget":0}`,
		"another role":               `"messages":[{"role":"developer","content":"a"}]`,
		"a name":                     `"messages":[{"role":"user","content":"a","name":"b"}]`,
		"no content":                 `"messages":[{"role":"user"}]`,
		"calls of a user":            `"messages":[{"role":"user","content":"a","tool_plan":"b"}]`,
		"a result of no call":        `"messages":[{"role":"tool","content":"a"}]`,
		"a call's ID beside a text":  `"messages":[{"role":"user","content":"a","tool_call_id":"b"}]`,
		"a call without an ID":       `"messages":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}]`,
		"an image of the assistant":  `"messages":[{"role":"assistant","content":[{"type":"image_url","image_url":{"url":"https://a"}}]}]`,
		"an unknown field of a part": `"messages":[{"role":"user","content":[{"type":"text","text":"a","x":1}]}]`,
		"content of another type":    `"messages":[{"role":"user","content":3}]`,
		"no messages of this type":   `"messages":3`,
	} {
		if _, err := DecodeRequest([]byte(`{"model":"m",` + members + `}`)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
