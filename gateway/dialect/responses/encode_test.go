// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestChatsOfOtherDialectsAreEncoded(t *testing.T) {
	user := chat.Message{Role: chat.User, Parts: []chat.Part{{Text: "u"}}}
	const u = `{"type":"message","role":"user","content":"u"}`
	for name, test := range map[string]struct {
		request chat.Request
		want    string
	}{
		"values that ask for nothing": {
			chat.Request{
				Messages: []chat.Message{user}, Frequency: ptr(0.0), Presence: ptr(0.0), Candidates: ptr[int64](1), LogProbs: ptr(false),
				IncludeUsage: true,
			},
			`"input":[` + u + `]`,
		},
		"no messages": {chat.Request{}, `"input":[]`},
		"a tool's answer before a text, in one turn": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Result, Result: &chat.ToolResult{CallID: "c"}}, {Text: "u"},
			}}}},
			`"input":[{"type":"function_call_output","call_id":"c","output":""},` + u + `]`,
		},
		"what an assistant says around its thoughts and calls": {
			chat.Request{Messages: []chat.Message{{Role: chat.Assistant, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "t"}, {Text: "a"}, {Text: "b"}, {Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f"}, Signature: "s"}, {Text: "d"},
			}}}},
			`"input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]},
			  {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"output_text","text":"b"}]},
			  {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"message","role":"assistant","content":"d"}]`,
		},
		"a tool that failed": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Result, Result: &chat.ToolResult{CallID: "c", Failed: true, Parts: []chat.Part{{Text: "no such file"}}}},
				{Kind: chat.Result, Result: &chat.ToolResult{CallID: "d", Failed: true}},
			}}}},
			`"input":[{"type":"function_call_output","call_id":"c","output":"Error: no such file"},
			  {"type":"function_call_output","call_id":"d","output":"Error: "}]`,
		},
		"a file without a name": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Document, Media: &chat.Media{MIME: "application/pdf", Data: "QUJD"}},
			}}}},
			`"input":[{"type":"message","role":"user","content":[{"type":"input_file","file_data":"data:application/pdf;base64,QUJD","filename":"file.pdf"}]}]`,
		},
		"a budget is an effort": {
			chat.Request{Messages: []chat.Message{user}, Reasoning: chat.Reasoning{Budget: ptr[int64](2000), Show: ptr(false)}},
			`"input":[` + u + `],"reasoning":{"effort":"low"},"include":["reasoning.encrypted_content"]`,
		},
		"no budget is no effort, and shows nothing": {
			chat.Request{Messages: []chat.Message{user}, Reasoning: chat.Reasoning{Budget: ptr[int64](0), Show: ptr(true)}},
			`"input":[` + u + `],"reasoning":{"effort":"none"}`,
		},
		"a budget that is the model's choice says nothing": {
			chat.Request{Messages: []chat.Message{user}, Reasoning: chat.Reasoning{Budget: ptr[int64](-1)}}, `"input":[` + u + `]`,
		},
		"an effort rather than a budget": {
			chat.Request{Messages: []chat.Message{user}, Reasoning: chat.Reasoning{Effort: chat.EffortHigh, Budget: ptr[int64](1)}},
			`"input":[` + u + `],"reasoning":{"effort":"high"},"include":["reasoning.encrypted_content"]`,
		},
		"a schema without a name": {
			chat.Request{Messages: []chat.Message{user}, Format: chat.Format{Kind: chat.JSONSchema, Schema: jsontext.Value(`{"type":"object"}`)}},
			`"input":[` + u + `],"text":{"format":{"type":"json_schema","name":"answer","schema":{"type":"object"}}}`,
		},
		"instructions of two parts are a message": {
			chat.Request{Messages: []chat.Message{{Role: chat.System, Parts: []chat.Part{{Text: "a"}, {Text: "b"}}}, user}},
			`"input":[{"type":"message","role":"system","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},` + u + `]`,
		},
		"what is no JSON in the application's text": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{{Text: "\"\\\n\xff\u2028"}}}}},
			`"input":[{"type":"message","role":"user","content":"\"\\\n` + "\ufffd\u2028" + `"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.AppendRequest([]byte("{}"), &test.request, chat.Target{Model: "m", MaxTokens: 100})
			if err != nil {
				t.Fatalf("%s: %s", err.Param, err.Message)
			}
			if diff := diffJSON(t, `{"model":"m","store":false,`+test.want+`}`, got[2:]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatResponsesLackIsRefused(t *testing.T) {
	one := ptr[int64](1)
	said := func(p chat.Part) chat.Request {
		p.At = "messages[0].content[0]"
		return chat.Request{Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{p}, At: "messages[0]"}}}
	}
	for name, test := range map[string]struct {
		request chat.Request
		param   string
	}{
		"top_k":           {chat.Request{TopK: one}, "top_k"},
		"stop":            {chat.Request{Stop: []string{"x"}}, "stop"},
		"seed":            {chat.Request{Seed: one}, "seed"},
		"a penalty":       {chat.Request{Frequency: ptr(0.1)}, "frequency_penalty"},
		"another penalty": {chat.Request{Presence: ptr(-0.1)}, "presence_penalty"},
		"two candidates":  {chat.Request{Candidates: ptr[int64](2)}, "n"},
		"a speaker's name": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Name: "bob", Parts: []chat.Part{{Text: "u"}}, At: "messages[0]"}}}, "messages[0].name",
		},
		"a named instruction": {
			chat.Request{Messages: []chat.Message{{Role: chat.System, Name: "bob", Parts: []chat.Part{{Text: "u"}}, At: "messages[0]"}}}, "messages[0].name",
		},
		"a sound": {said(chat.Part{Kind: chat.Audio, Media: &chat.Media{}}), "messages[0].content[0]"},
		"a film":  {said(chat.Part{Kind: chat.Video, Media: &chat.Media{}}), "messages[0].content[0]"},
		"a format without a schema": {
			chat.Request{Format: chat.Format{Kind: chat.JSONSchema, Name: "f"}}, "text.format",
		},
		"an image from nowhere on the web": {
			said(chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "gs://bucket/a.png"}}), "messages[0].content[0]",
		},
		"a file from nowhere on the web": {
			said(chat.Part{Kind: chat.Document, Media: &chat.Media{URL: "s3://bucket/a.pdf"}}), "messages[0].content[0]",
		},
		"an image without media": {said(chat.Part{Kind: chat.Image}), "messages[0].content[0]"},
		"a sound before a result": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Audio, At: "a"}, {Kind: chat.Result, Result: &chat.ToolResult{CallID: "c"}},
			}}}}, "a",
		},
		"a sound in a result": {
			said(chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: "c", Parts: []chat.Part{{Text: "t"}, {Kind: chat.Audio, At: "b"}}}}), "b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.request.Names = names
			got, err := Encoder{}.AppendRequest([]byte("x"), &test.request, chat.Target{Model: "m"})
			if err == nil || err.Param != test.param || err.Reason != exchange.ReasonUntranslatable || string(got) != "x" {
				t.Errorf("got %+v and %s, want a refusal of %s", err, got, test.param)
			}
		})
	}
}
