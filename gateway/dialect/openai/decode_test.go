// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func TestEveryFieldOfARequestIsRead(t *testing.T) {
	hi := []chat.Message{{
		Role: chat.User, At: "messages[0]",
		Parts: []chat.Part{{Text: "hi", At: "messages[0].content"}},
	}}
	for name, test := range map[string]struct {
		members string
		want    chat.Request
	}{
		"the least": {"", chat.Request{}},
		"a stream that tells its usage": {
			`,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}`,
			chat.Request{Stream: true, IncludeUsage: true},
		},
		"a stream that does not": {
			`,"stream":true,"stream_options":{"include_usage":false}`,
			chat.Request{Stream: true},
		},
		"sampling": {
			`,"temperature":0.5,"top_p":0.9,"top_k":40,"seed":-7,"frequency_penalty":-0.5,"presence_penalty":1.5`,
			chat.Request{
				Temperature: pointer(0.5), TopP: pointer(0.9), TopK: pointer[int64](40), Seed: pointer[int64](-7),
				Frequency: pointer(-0.5), Presence: pointer(1.5),
			},
		},
		"zero and one as they were said": {
			`,"temperature":0,"top_p":1,"seed":0`,
			chat.Request{Temperature: pointer(0.0), TopP: pointer(1.0), Seed: pointer[int64](0)},
		},
		"several answers with log probabilities": {
			`,"n":3,"logprobs":true,"top_logprobs":5`,
			chat.Request{Candidates: pointer[int64](3), LogProbs: pointer(true), TopLogProbs: pointer[int64](5)},
		},
		"the old bound":  {`,"max_tokens":7`, chat.Request{MaxTokens: pointer[int64](7)}},
		"the new bound":  {`,"max_completion_tokens":9`, chat.Request{MaxTokens: pointer[int64](9)}},
		"both the same":  {`,"max_tokens":9,"max_completion_tokens":9`, chat.Request{MaxTokens: pointer[int64](9)}},
		"one stop":       {`,"stop":"END"`, chat.Request{Stop: []string{"END"}}},
		"several stops":  {`,"stop":["a","b"]`, chat.Request{Stop: []string{"a", "b"}}},
		"no stops":       {`,"stop":[]`, chat.Request{}},
		"an effort":      {`,"reasoning_effort":"minimal"`, chat.Request{Reasoning: chat.Reasoning{Effort: chat.EffortMinimal}}},
		"no effort":      {`,"reasoning_effort":"none"`, chat.Request{Reasoning: chat.Reasoning{Effort: chat.EffortNone}}},
		"the old user":   {`,"user":"u"`, chat.Request{User: "u"}},
		"the new user":   {`,"safety_identifier":"u"`, chat.Request{User: "u"}},
		"the user twice": {`,"user":"u","safety_identifier":"u"`, chat.Request{User: "u"}},
		"JSON":           {`,"response_format":{"type":"json_object"}`, chat.Request{Format: chat.Format{Kind: chat.JSONObject}}},
		"text":           {`,"response_format":{"type":"text"}`, chat.Request{}},
		"JSON by a schema": {
			`,"response_format":{"type":"json_schema","json_schema":{"name":"city","description":"A city.","strict":true,"schema":{"type":"object"}}}`,
			chat.Request{Format: chat.Format{
				Kind: chat.JSONSchema, Name: "city", Description: "A city.", Strict: pointer(true),
				Schema: jsontext.Value(`{"type":"object"}`),
			}},
		},
		"tools": {
			`,"tools":[
				{"type":"function","function":{"name":"f","description":"Does f.","parameters":{"type":"object"},"strict":false}},
				{"type":"function","function":{"name":"g"},"cache_control":{"type":"ephemeral","ttl":"1h"}}
			],"tool_choice":"auto","parallel_tool_calls":false`,
			chat.Request{
				Tools: []chat.Tool{
					{Name: "f", Description: "Does f.", Schema: jsontext.Value(`{"type":"object"}`), Strict: pointer(false), At: "tools[0]"},
					{Name: "g", Cache: &chat.CacheMark{TTL: "1h"}, At: "tools[1]"},
				},
				Choice: chat.ToolChoice{Mode: chat.AutoTools}, ParallelCalls: pointer(false),
			},
		},
		"no tool":   {`,"tool_choice":"none"`, chat.Request{Choice: chat.ToolChoice{Mode: chat.NoTools}}},
		"some tool": {`,"tool_choice":"required"`, chat.Request{Choice: chat.ToolChoice{Mode: chat.AnyTool}}},
		"one tool": {
			`,"tool_choice":{"type":"function","function":{"name":"f"}}`,
			chat.Request{Choice: chat.ToolChoice{Mode: chat.OneTool, Name: "f"}},
		},
		"one allowed tool that must be called": {
			`,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}`,
			chat.Request{Choice: chat.ToolChoice{Mode: chat.OneTool, Name: "f"}},
		},
		"all tools allowed": {
			`,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],
			"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[
				{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"f"}}]}}`,
			chat.Request{
				Tools:  []chat.Tool{{Name: "f", At: "tools[0]"}, {Name: "g", At: "tools[1]"}},
				Choice: chat.ToolChoice{Mode: chat.AutoTools},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Model, test.want.Messages = "m", hi
			if diff := cmp.Diff(&test.want, read(t, asking(test.members)), sameRequest); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatAsksForNothingIsLeftOut(t *testing.T) {
	want := read(t, asking(""))
	for name, members := range map[string]string{
		"null in every field": `,"stream":null,"stream_options":null,"tools":null,"tool_choice":null,"parallel_tool_calls":null,
			"response_format":null,"reasoning_effort":null,"max_tokens":null,"max_completion_tokens":null,"temperature":null,
			"top_p":null,"top_k":null,"stop":null,"seed":null,"frequency_penalty":null,"presence_penalty":null,"n":null,
			"logprobs":null,"top_logprobs":null,"user":null,"safety_identifier":null,"audio":null,"prediction":null,
			"web_search_options":null,"no_such_field":null`,
		"one answer":                `,"n":1`,
		"no log probabilities":      `,"logprobs":false,"top_logprobs":0`,
		"no penalties":              `,"frequency_penalty":0,"presence_penalty":0.0`,
		"no storage":                `,"store":false`,
		"whichever tier":            `,"service_tier":"auto"`,
		"the default tier":          `,"service_tier":"default"`,
		"no bias":                   `,"logit_bias":{ }`,
		"no metadata":               `,"metadata":{}`,
		"text alone":                `,"modalities":[ "text" ]`,
		"no functions":              `,"functions":[],"function_call":"auto"`,
		"no tools":                  `,"tools":[]`,
		"usual verbosity":           `,"verbosity":"medium"`,
		"an empty key of the cache": `,"prompt_cache_key":""`,
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, read(t, asking(members)), sameRequest); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestNamesAreThoseThatWereUsed(t *testing.T) {
	for name, test := range map[string]struct {
		members string
		field   chat.Field
		want    string
	}{
		"the old bound":      {`,"max_tokens":7`, chat.FieldMaxTokens, "max_tokens"},
		"the new bound":      {`,"max_completion_tokens":7`, chat.FieldMaxTokens, "max_completion_tokens"},
		"the old user":       {`,"user":"u"`, chat.FieldUser, "user"},
		"the new user":       {`,"safety_identifier":"u"`, chat.FieldUser, "safety_identifier"},
		"candidates":         {"", chat.FieldCandidates, "n"},
		"the format":         {"", chat.FieldFormat, "response_format"},
		"the reasoning":      {"", chat.FieldReasoning, "reasoning_effort"},
		"calls in parallel":  {"", chat.FieldParallelCalls, "parallel_tool_calls"},
		"the stop sequences": {"", chat.FieldStop, "stop"},
	} {
		if got := read(t, asking(test.members)).Names(test.field); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	r := read(t, asking(""))
	for f := chat.FieldTools; f <= chat.FieldUser; f++ {
		if r.Names(f) == "" {
			t.Errorf("field %d has no name", f)
		}
	}
}
