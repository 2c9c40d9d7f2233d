// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/converse/conversetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Models of each family.
const (
	opaque   = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
	adaptive = "us.anthropic.claude-opus-4-6-v1"
	newest   = "anthropic.claude-opus-5"
	budgeted = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
	novaTwo  = "global.amazon.nova-2-lite-v1:0"
	gpt      = "openai.gpt-oss-120b-1:0"
	llama    = "us.meta.llama4-maverick-17b-instruct-v1:0"
)

func ptr[T any](v T) *T { return &v }

// words are the fields' names in refusals, as an application that speaks OpenAI knows them.
var words = map[chat.Field]string{
	chat.FieldTools: "tools", chat.FieldToolChoice: "tool_choice", chat.FieldParallelCalls: "parallel_tool_calls",
	chat.FieldFormat: "response_format", chat.FieldReasoning: "reasoning_effort", chat.FieldTemperature: "temperature",
	chat.FieldTopK: "top_k", chat.FieldSeed: "seed", chat.FieldFrequency: "frequency_penalty", chat.FieldPresence: "presence_penalty",
	chat.FieldCandidates: "n", chat.FieldLogProbs: "logprobs", chat.FieldTopLogProbs: "top_logprobs",
}

// named gives a request its names, and a question where it has no messages.
func named(r chat.Request) *chat.Request {
	r.Names = func(f chat.Field) string { return words[f] }
	if r.Messages == nil {
		r.Messages = []chat.Message{user(text1("Hi."))}
	}
	return &r
}

func user(parts ...chat.Part) chat.Message {
	return chat.Message{Role: chat.User, Parts: parts, At: "messages[0]"}
}

func assistant(parts ...chat.Part) chat.Message {
	return chat.Message{Role: chat.Assistant, Parts: parts, At: "messages[1]"}
}

func system(parts ...chat.Part) chat.Message { return chat.Message{Role: chat.System, Parts: parts} }

func text1(s string) chat.Part { return chat.Part{Kind: chat.Text, Text: s, At: "here"} }

func cached(p chat.Part, ttl string) chat.Part {
	p.Cache = &chat.CacheMark{TTL: ttl}
	return p
}

func media1(kind chat.PartKind, mime, name, data string) chat.Part {
	return chat.Part{Kind: kind, Media: &chat.Media{MIME: mime, Name: name, Data: data}, At: "here"}
}

func call1(id, name, arguments string) chat.Part {
	return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: name, Arguments: arguments}, At: "here"}
}

func result1(id string, failed bool, parts ...chat.Part) chat.Part {
	return chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: id, Parts: parts, Failed: failed}, At: "here"}
}

var weather = chat.Tool{
	Name: "weather", Description: "The weather of a city.", At: "tools[0]",
	Schema: jsontext.Value(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
}

// golden are requests whose whole rendering is in testdata/requests, under their file names.
var golden = map[string]struct {
	file, model string
	request     chat.Request
}{
	"a question with instructions": {
		file: "text", model: llama,
		request: chat.Request{
			Messages: []chat.Message{
				system(text1("Be brief.")), {Role: chat.Developer, Parts: []chat.Part{text1("Be kind.")}}, user(text1("What is a spark?")),
				assistant(text1("A hot particle.")), user(text1("How hot?")), assistant(text1("")), user(text1("Well?")),
			},
			MaxTokens: ptr(int64(100)), Temperature: ptr(0.5), TopP: ptr(0.9), Stop: []string{"END", "\n\n"}, User: "team-a/alice@example.com",
			ParallelCalls: ptr(false), Candidates: ptr(int64(1)), LogProbs: ptr(false), TopLogProbs: ptr(int64(0)), Frequency: ptr(0.0), Presence: ptr(0.0),
		},
	},
	"adjacent messages of one role are one, results of tools first": {
		file: "tools", model: budgeted,
		request: chat.Request{
			Messages: []chat.Message{
				user(text1("The weather of Rome and Oslo?")), assistant(text1("I shall look.")),
				assistant(call1("call_1", "weather", `{"city":"Rome"}`), call1("call_2", "weather", "")),
				user(result1("call_1", false, text1("Sunny."), text1(""))), user(text1("Hurry."), result1("call_2", true, text1("No city."))),
				user(result1("call_3", false)),
			},
			Tools:  []chat.Tool{weather, {Name: "now", At: "tools[1]", Strict: ptr(true)}, {Name: "lax", At: "tools[2]", Strict: ptr(false)}},
			Choice: chat.ToolChoice{Mode: chat.OneTool, Name: "weather"}, ParallelCalls: ptr(true),
		},
	},
	"media of every kind": {
		file: "media", model: novaTwo,
		request: chat.Request{Messages: []chat.Message{user(
			text1("What do you see, hear and read?"), media1(chat.Image, "image/png", "", "aW1n"), media1(chat.Audio, "audio/wav", "", "c291bmQ="),
			media1(chat.Video, "video/quicktime", "", "bW92aWU="),
			media1(chat.Document, "application/pdf", "report_2026 (final).pdf", "cGRm"), media1(chat.Document, "text/plain; charset=utf-8", "", "dGV4dA=="),
			chat.Part{Kind: chat.Video, Media: &chat.Media{MIME: "video/mp4", URL: "s3://bucket/key.mp4"}},
		)}},
	},
	"marks of what to cache": {
		file: "cache", model: adaptive,
		request: chat.Request{
			Messages: []chat.Message{
				system(cached(text1("Long instructions."), "1h")), user(cached(text1("A long text."), ""), cached(text1(""), "")),
				assistant(call1("call_1", "weather", `{}`)),
				user(result1("call_1", false, cached(text1("Sunny."), "5m")), cached(text1("And?"), "5m")),
			},
			Tools: []chat.Tool{{Name: "weather", Schema: weather.Schema, Cache: &chat.CacheMark{TTL: "1h"}}},
		},
	},
	"thoughts go back to Claude as it signed them": {
		file: "thoughts", model: budgeted,
		request: chat.Request{
			Messages: []chat.Message{
				user(text1("Hi.")),
				assistant(
					chat.Part{Kind: chat.Thinking, Text: "unsigned"}, chat.Part{Kind: chat.Thinking, Text: "Greet back.", Signature: "sig"},
					chat.Part{Kind: chat.Redacted, Signature: "c2VjcmV0"}, chat.Part{Kind: chat.Text, Text: "Hello.", Signature: "another provider's"},
					chat.Part{Kind: chat.Refusal, Text: "No more."},
				),
				user(text1("Go on.")),
			},
			Reasoning: chat.Reasoning{Effort: chat.EffortHigh}, MaxTokens: ptr(int64(10000)), TopK: ptr(int64(5)), Stop: []string{"END"}, Stream: true,
		},
	},
	"JSON by a schema, with thinking that adapts": {
		file: "schema", model: newest,
		request: chat.Request{
			Format: chat.Format{
				Kind: chat.JSONSchema, Name: "city", Description: "A city.", Schema: jsontext.Value(`{"type":"object","properties":{"name":{"type":"string"}}}`),
				Strict: ptr(true),
			},
			Reasoning: chat.Reasoning{Effort: chat.EffortMax, Show: ptr(true)}, Stop: []string{"END"},
		},
	},
	"instructions in the middle are the system's": {
		file: "middle", model: newest,
		request: chat.Request{Messages: []chat.Message{
			system(text1("Be brief.")), user(text1("Hi.")), system(text1("Now be long.")), system(text1("And kind.")), user(text1("")),
			assistant(text1("Hello, dear friend.")), user(text1("Go on.")), system(text1("Stop.")),
		}},
	},
	"a model whose ways Bedrock alone knows": {
		file: "opaque", model: opaque,
		request: chat.Request{
			Messages:  []chat.Message{user(text1("Hi.")), system(cached(text1("Be brief."), "1h")), user(text1("Go on."))},
			Reasoning: chat.Reasoning{Effort: chat.EffortHigh}, Temperature: ptr(1.0), Stop: []string{"END"}, User: "{}",
		},
	},
	"Nova's own fields": {
		file: "nova", model: novaTwo,
		request: chat.Request{
			Messages:  []chat.Message{system(cached(text1("Be brief."), "1h")), user(text1("Hi."))},
			Tools:     []chat.Tool{{Name: "weather", Schema: weather.Schema, Cache: &chat.CacheMark{}}},
			Choice:    chat.ToolChoice{Mode: chat.AnyTool},
			Reasoning: chat.Reasoning{Effort: chat.EffortLow, Show: ptr(true)}, TopK: ptr(int64(20)), Temperature: ptr(1.0),
		},
	},
	"a model without caching gets no marks, and thoughts of any kind": {
		file: "gptoss", model: gpt,
		request: chat.Request{
			Messages: []chat.Message{
				system(cached(text1("Be brief."), "")), user(text1("Hi.")),
				assistant(chat.Part{Kind: chat.Thinking, Text: "unsigned"}, chat.Part{Kind: chat.Thinking}, text1("Hello.")), user(text1("Go on.")),
			},
			Reasoning: chat.Reasoning{Budget: ptr(int64(8000))},
		},
	},
	"tools that are not to be called are not told": {
		file: "notools", model: adaptive,
		request: chat.Request{Tools: []chat.Tool{weather}, Choice: chat.ToolChoice{Mode: chat.NoTools}, Temperature: ptr(0.0), TopP: ptr(1.0)},
	},
}

func TestRequestsAreRenderedAsTheReferenceSays(t *testing.T) {
	files := map[string]bool{}
	for name, tc := range golden {
		t.Run(name, func(t *testing.T) {
			files[tc.file+".json"] = true
			got, err := Encoder{}.AppendRequest([]byte("before"), named(tc.request), chat.Target{Model: tc.model, MaxTokens: 4096})
			if err != nil {
				t.Fatal(err.Message)
			}
			file := filepath.Join("testdata", "requests", tc.file+".json")
			if *update {
				rewrite(t, file, got[len("before"):])
			}
			want, readErr := os.ReadFile(file)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if string(got[:6]) != "before" {
				t.Error("what was in the buffer is lost")
			}
			if diff := cmp.Diff(parse(t, want), parse(t, got[6:])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, _ := Encoder{}.AppendRequest([]byte("before"), named(tc.request), chat.Target{Model: tc.model, MaxTokens: 4096})
			if string(again) != string(got) {
				t.Error("a second rendering differs")
			}
			if _, err := conversetest.DecodeRequest(got[6:]); err != nil {
				t.Errorf("it cannot be read back: %v", err)
			}
		})
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "requests"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !files[e.Name()] {
			t.Errorf("%s belongs to no request", e.Name())
		}
	}
}

func rewrite(t *testing.T, file string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return v
}

func TestWhatConverseCannotExpressIsRefusedByItsName(t *testing.T) {
	tools := []chat.Tool{weather}
	history := []chat.Message{user(text1("Hi.")), assistant(call1("a", "weather", "{}")), user(result1("a", false, text1("Sunny.")))}
	asks := func(p chat.Part) chat.Request { return chat.Request{Messages: []chat.Message{user(text1("?"), p)}} }
	says := func(p chat.Part) chat.Request {
		return chat.Request{Messages: []chat.Message{user(text1("?")), assistant(p)}, Tools: tools}
	}
	url := func(kind chat.PartKind, m chat.Media) chat.Part { return chat.Part{Kind: kind, Media: &m, At: "here"} }
	tests := map[string]struct {
		request chat.Request
		model   string
		want    string
	}{
		"one call at a time":               {chat.Request{Tools: tools, ParallelCalls: ptr(false)}, adaptive, "parallel_tool_calls"},
		"a seed":                           {chat.Request{Seed: ptr(int64(0))}, adaptive, "seed"},
		"a penalty for frequency":          {chat.Request{Frequency: ptr(0.1)}, adaptive, "frequency_penalty"},
		"a penalty for presence":           {chat.Request{Presence: ptr(-0.1)}, adaptive, "presence_penalty"},
		"several answers":                  {chat.Request{Candidates: ptr(int64(2))}, adaptive, "n"},
		"log probabilities":                {chat.Request{LogProbs: ptr(true)}, adaptive, "logprobs"},
		"alternatives of tokens":           {chat.Request{TopLogProbs: ptr(int64(3))}, adaptive, "top_logprobs"},
		"a temperature above 1":            {chat.Request{Temperature: ptr(1.1)}, adaptive, "temperature"},
		"JSON without a schema":            {chat.Request{Format: chat.Format{Kind: chat.JSONObject}}, adaptive, "response_format"},
		"a format without its schema":      {chat.Request{Format: chat.Format{Kind: chat.JSONSchema, Name: "f"}}, adaptive, "response_format"},
		"top_k of another model":           {chat.Request{TopK: ptr(int64(1))}, llama, "top_k"},
		"top_k of a model not known":       {chat.Request{TopK: ptr(int64(1))}, opaque, "top_k"},
		"a tool that must be called, none": {chat.Request{Choice: chat.ToolChoice{Mode: chat.AnyTool}}, adaptive, "tool_choice"},
		"no tools after calls":             {chat.Request{Messages: history, Tools: tools, Choice: chat.ToolChoice{Mode: chat.NoTools}}, adaptive, "tool_choice"},
		"calls without descriptions":       {chat.Request{Messages: history}, adaptive, "here"},
		"a tool's name with a dot":         {chat.Request{Tools: []chat.Tool{{Name: "a.b", At: "tools[0]"}}}, adaptive, "tools[0]"},
		"a tool's name that is too long": {
			chat.Request{Tools: []chat.Tool{{Name: "a2345678901234567890123456789012345678901234567890123456789012345", At: "tools[0]"}}}, adaptive, "tools[0]",
		},
		"a name of a speaker": {
			chat.Request{Messages: []chat.Message{{Role: chat.User, Name: "bob", Parts: []chat.Part{text1("Hi.")}, At: "messages[7]"}}}, adaptive, "messages[7].name",
		},
		"an image by URL":                    {asks(url(chat.Image, chat.Media{MIME: "image/png", URL: "https://example.com/a.png"})), adaptive, "here"},
		"an image by its ID":                 {asks(url(chat.Image, chat.Media{MIME: "image/png", FileID: "file_1"})), adaptive, "here"},
		"an image in little detail":          {asks(url(chat.Image, chat.Media{MIME: "image/png", Data: "aaaa", Detail: "low"})), adaptive, "here"},
		"an image of another format":         {asks(media1(chat.Image, "image/tiff", "", "aaaa")), adaptive, "here"},
		"a document of another format":       {asks(media1(chat.Document, "application/zip", "a.pdf", "aaaa")), adaptive, "here"},
		"a document of no format":            {asks(media1(chat.Document, "", "README", "aaaa")), adaptive, "here"},
		"data that is not base64":            {asks(media1(chat.Image, "image/png", "", "a-b_")), adaptive, "here"},
		"data of no length that base64 has":  {asks(media1(chat.Image, "image/png", "", "aaaaa")), adaptive, "here"},
		"media without anything":             {asks(chat.Part{Kind: chat.Image, At: "here"}), adaptive, "here"},
		"media without data":                 {asks(media1(chat.Image, "image/png", "", "")), adaptive, "here"},
		"an image of the assistant's":        {says(media1(chat.Image, "image/png", "", "aaaa")), adaptive, "here"},
		"a call of the user's":               {asks(call1("a", "weather", "{}")), adaptive, "here"},
		"thoughts of the user's":             {asks(chat.Part{Kind: chat.Thinking, Text: "?", Signature: "s", At: "here"}), adaptive, "here"},
		"a result of the assistant's":        {says(result1("a", false)), adaptive, "here"},
		"a result without anything":          {asks(chat.Part{Kind: chat.Result, At: "here"}), adaptive, "here"},
		"audio as a result":                  {asks(result1("a", false, media1(chat.Audio, "audio/wav", "", "aaaa"))), adaptive, "here"},
		"arguments that are not JSON":        {says(call1("a", "weather", `{"city":`)), adaptive, "here"},
		"arguments that are a list":          {says(call1("a", "weather", `[]`)), adaptive, "here"},
		"arguments that say something twice": {says(call1("a", "weather", `{"a":1,"a":2}`)), adaptive, "here"},
		"a call of a tool with a bad name":   {says(call1("a", "no way", `{}`)), adaptive, "here"},
		"a call without anything":            {says(chat.Part{Kind: chat.Call, At: "here"}), adaptive, "here"},
		"redacted thoughts of another's":     {says(chat.Part{Kind: chat.Redacted, Signature: "not base64!", At: "here"}), adaptive, "here"},
		"an image among instructions":        {chat.Request{Messages: []chat.Message{system(media1(chat.Image, "image/png", "", "aaaa"))}}, adaptive, "here"},
		"instructions in the middle": {chat.Request{Messages: []chat.Message{
			user(text1("Hi.")), {Role: chat.Developer, Parts: []chat.Part{text1("Be long.")}, At: "messages[1]"}, system(text1("And kind.")), user(text1("Go on.")),
		}}, adaptive, "messages[1]"},
		"instructions before a user's message": {chat.Request{Messages: []chat.Message{
			user(text1("Hi.")), {Role: chat.System, Parts: []chat.Part{text1("Be long.")}, At: "messages[1]"}, user(text1("Go on.")),
		}}, newest, "messages[1]"},
		"instructions after an answer": {chat.Request{Messages: []chat.Message{
			user(text1("Hi.")), assistant(text1("Hi.")), {Role: chat.System, Parts: []chat.Part{text1("Be long.")}, At: "messages[2]"},
		}}, newest, "messages[2]"},
		"a document alone": {chat.Request{Messages: []chat.Message{user(media1(chat.Document, "text/plain", "", "aaaa"))}}, adaptive, "here"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dst := []byte("before")
			got, err := Encoder{}.AppendRequest(dst, named(tc.request), chat.Target{Model: tc.model, MaxTokens: 4096})
			if err == nil {
				t.Fatalf("rendered as %s", got)
			}
			if err.Status != 400 || err.Param != tc.want || err.Reason != "untranslatable_field" {
				t.Errorf("%d %s %q: %s", err.Status, err.Reason, err.Param, err.Message)
			}
			if string(got) != "before" {
				t.Errorf("left %q", got)
			}
			if _, counted := (Encoder{}).AppendCountRequest(nil, named(tc.request), chat.Target{Model: tc.model}); counted == nil {
				t.Error("yet it is counted")
			}
		})
	}
}
