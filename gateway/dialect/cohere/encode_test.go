// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/dialect/cohere/coheretest"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var target = chat.Target{Model: "command-a-03-2025", MaxTokens: 4096}

func pointer[T any](v T) *T { return &v }

// names are what an application would call the fields.
func names(f chat.Field) string {
	return map[chat.Field]string{
		chat.FieldToolChoice: "tool_choice", chat.FieldParallelCalls: "parallel_tool_calls", chat.FieldStop: "stop",
		chat.FieldFrequency: "frequency_penalty", chat.FieldPresence: "presence_penalty", chat.FieldCandidates: "n",
		chat.FieldLogProbs: "logprobs", chat.FieldTopLogProbs: "top_logprobs", chat.FieldUser: "user",
		chat.FieldFormat: "response_format",
	}[f]
}

// hi is a request that says hi, and what a test adds to it.
func hi(change func(*chat.Request)) *chat.Request {
	r := &chat.Request{
		Names:    names,
		Messages: []chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{Text: "hi", At: "messages[0].content"}}}},
	}
	change(r)
	return r
}

// ask renders a request, or gives the name of the field that is refused.
func ask(r *chat.Request) (body, refused string) {
	b, err := cohere.Encoder{}.AppendRequest([]byte("x"), r, target)
	if err != nil {
		return "", err.Param
	}
	return string(b[1:]), ""
}

func equalJSON(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
		t.Errorf("(-want +got)\n%s\ngot %s", diff, got)
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestARequestIsRendered(t *testing.T) {
	tools := []chat.Tool{
		{Name: "f", Description: "Does f.", Schema: jsontext.Value(`{"type":"object"}`)},
		{Name: "g", Strict: pointer(true), Cache: &chat.CacheMark{}},
	}
	both := `"tools":[
		{"type":"function","function":{"name":"f","description":"Does f.","parameters":{"type":"object"}}},
		{"type":"function","function":{"name":"g"}}],"strict_tools":true`
	for name, test := range map[string]struct {
		change func(*chat.Request)
		want   string // the members beside model, messages and stream
	}{
		"the least": {func(*chat.Request) {}, ""},
		"sampling": {
			func(r *chat.Request) {
				r.MaxTokens, r.Temperature, r.TopP, r.TopK = pointer[int64](9), pointer(0.5), pointer(0.9), pointer[int64](40)
				r.Seed, r.Stop = pointer[int64](-1), []string{"a", "b", "c", "d", "e"}
				r.Frequency, r.Presence = pointer(0.0), pointer(1.0)
			},
			`"max_tokens":9,"temperature":0.5,"p":0.9,"k":40,"seed":-1,"stop_sequences":["a","b","c","d","e"],
				"frequency_penalty":0,"presence_penalty":1`,
		},
		"all tokens":            {func(r *chat.Request) { r.TopP = pointer(1.0) }, `"p":0.99`},
		"no stops":              {func(r *chat.Request) { r.Stop = []string{} }, ""},
		"what asks for nothing": {func(r *chat.Request) { r.Candidates, r.LogProbs = pointer[int64](1), pointer(false) }, ""},
		"tools":                 {func(r *chat.Request) { r.Tools = tools }, both},
		"tools in parallel":     {func(r *chat.Request) { r.Tools, r.ParallelCalls = tools, pointer(true) }, both},
		"tools at will":         {func(r *chat.Request) { r.Tools, r.Choice.Mode = tools, chat.AutoTools }, both},
		"no tool":               {func(r *chat.Request) { r.Tools, r.Choice.Mode = tools, chat.NoTools }, both + `,"tool_choice":"NONE"`},
		"no tool of none":       {func(r *chat.Request) { r.Choice.Mode = chat.NoTools }, ""},
		"some tool":             {func(r *chat.Request) { r.Tools, r.Choice.Mode = tools, chat.AnyTool }, both + `,"tool_choice":"REQUIRED"`},
		"one tool": {
			func(r *chat.Request) { r.Tools, r.Choice = tools, chat.ToolChoice{Mode: chat.OneTool, Name: "f"} },
			`"tools":[{"type":"function","function":{"name":"f","description":"Does f.","parameters":{"type":"object"}}}],"tool_choice":"REQUIRED"`,
		},
		"one at a time without tools": {func(r *chat.Request) { r.ParallelCalls = pointer(false) }, ""},
		"JSON":                        {func(r *chat.Request) { r.Format.Kind = chat.JSONObject }, `"response_format":{"type":"json_object"}`},
		"JSON by a schema": {
			func(r *chat.Request) {
				r.Format = chat.Format{Kind: chat.JSONSchema, Name: "n", Schema: jsontext.Value(`{"type":"object"}`), Strict: pointer(true)}
			},
			`"response_format":{"type":"json_object","json_schema":{"type":"object"}}`,
		},
		"JSON by a schema that is described": {
			func(r *chat.Request) {
				r.Format = chat.Format{Kind: chat.JSONSchema, Description: "A city.", Schema: jsontext.Value(`{"type":"object"}`)}
			},
			`"response_format":{"type":"json_object","json_schema":{"type":"object","description":"A city."}}`,
		},
		"JSON by a schema that describes itself": {
			func(r *chat.Request) {
				r.Format = chat.Format{Kind: chat.JSONSchema, Schema: jsontext.Value(`{"description":"It."}`)}
			},
			`"response_format":{"type":"json_object","json_schema":{"description":"It."}}`,
		},
		"JSON by a description alone": {
			func(r *chat.Request) { r.Format = chat.Format{Kind: chat.JSONSchema, Description: "A city."} },
			`"response_format":{"type":"json_object","json_schema":{"description":"A city."}}`,
		},
		"no thinking":        {func(r *chat.Request) { r.Reasoning.Effort = chat.EffortNone }, `"thinking":{"type":"disabled"}`},
		"some thinking":      {func(r *chat.Request) { r.Reasoning.Effort = chat.EffortMedium }, `"thinking":{"type":"enabled","token_budget":8192}`},
		"a budget of nought": {func(r *chat.Request) { r.Reasoning.Budget = pointer[int64](0) }, `"thinking":{"type":"disabled"}`},
		"a free budget":      {func(r *chat.Request) { r.Reasoning.Budget = pointer[int64](-1) }, `"thinking":{"type":"enabled"}`},
		"a budget over an effort": {
			func(r *chat.Request) {
				r.Reasoning = chat.Reasoning{Effort: chat.EffortLow, Budget: pointer[int64](77), Show: pointer(true)}
			},
			`"thinking":{"type":"enabled","token_budget":77}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			body, refused := ask(hi(test.change))
			if refused != "" {
				t.Fatalf("refused: %s", refused)
			}
			if test.want != "" {
				test.want = "," + test.want
			}
			equalJSON(t, `{"model":"command-a-03-2025","stream":false,"messages":[{"role":"user","content":"hi"}]`+test.want+`}`, body)
			if _, err := coheretest.DecodeRequest([]byte(body)); err != nil {
				t.Errorf("Cohere does not take %s: %v", body, err)
			}
		})
	}
}

func TestWhatCohereCannotExpressIsRefused(t *testing.T) {
	tools := []chat.Tool{{Name: "f"}}
	for name, test := range map[string]struct {
		change func(*chat.Request)
		want   string
	}{
		"one call at a time": {func(r *chat.Request) { r.Tools, r.ParallelCalls = tools, pointer(false) }, "parallel_tool_calls"},
		"several answers":    {func(r *chat.Request) { r.Candidates = pointer[int64](2) }, "n"},
		"log probabilities":  {func(r *chat.Request) { r.LogProbs = pointer(true) }, "logprobs"},
		"alternatives":       {func(r *chat.Request) { r.TopLogProbs = pointer[int64](1) }, "top_logprobs"},
		"six stops":          {func(r *chat.Request) { r.Stop = []string{"1", "2", "3", "4", "5", "6"} }, "stop"},
		"a reward":           {func(r *chat.Request) { r.Frequency = pointer(-0.1) }, "frequency_penalty"},
		"a high penalty":     {func(r *chat.Request) { r.Presence = pointer(1.1) }, "presence_penalty"},
		"some tool of none":  {func(r *chat.Request) { r.Choice.Mode = chat.AnyTool }, "tool_choice"},
		"an unknown tool":    {func(r *chat.Request) { r.Tools, r.Choice = tools, chat.ToolChoice{Mode: chat.OneTool, Name: "g"} }, "tool_choice"},
		"a name":             {func(r *chat.Request) { r.Messages[0].Name = "ann" }, "messages[0].name"},
		"sound": {
			func(r *chat.Request) {
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Audio, At: "there", Media: &chat.Media{Data: "aGk="}}
			},
			"there",
		},
		"a document": {
			func(r *chat.Request) {
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Document, At: "there", Media: &chat.Media{Data: "aGk="}}
			},
			"there",
		},
		"an image by the ID of a file": {
			func(r *chat.Request) {
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Image, At: "there", Media: &chat.Media{FileID: "f"}}
			},
			"there",
		},
		"an image from nowhere on the web": {
			func(r *chat.Request) {
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Image, At: "there", Media: &chat.Media{URL: "gs://bucket/a.png"}}
			},
			"there",
		},
		"a schema with two descriptions": {
			func(r *chat.Request) {
				r.Format = chat.Format{Kind: chat.JSONSchema, Description: "A city.", Schema: jsontext.Value(`{"description":"It."}`)}
			},
			"response_format",
		},
		"a description of what is no object": {
			func(r *chat.Request) {
				r.Format = chat.Format{Kind: chat.JSONSchema, Description: "A city.", Schema: jsontext.Value(`true`)}
			},
			"response_format",
		},
		"an image in instructions": {
			func(r *chat.Request) {
				r.Messages[0].Role = chat.System
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Image, At: "there", Media: &chat.Media{URL: "https://a"}}
			},
			"there",
		},
		"an image that a tool gave": {
			func(r *chat.Request) {
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: "a", Parts: []chat.Part{{Kind: chat.Image, At: "there"}}}}
			},
			"there",
		},
		"an image of the assistant": {
			func(r *chat.Request) {
				r.Messages[0].Role = chat.Assistant
				r.Messages[0].Parts[0] = chat.Part{Kind: chat.Image, At: "there", Media: &chat.Media{URL: "https://a"}}
			},
			"there",
		},
		"a result of nothing": {func(r *chat.Request) { r.Messages[0].Parts[0] = chat.Part{Kind: chat.Result, At: "there"} }, "there"},
	} {
		_, err := cohere.Encoder{}.AppendRequest(nil, hi(test.change), target)
		if err == nil {
			t.Errorf("%s: not refused", name)
			continue
		}
		if err.Param != test.want || err.Status != 400 || err.Reason != exchange.ReasonUntranslatable {
			t.Errorf("%s: %q (%s) is refused, want %q", name, err.Param, err.Reason, test.want)
		}
	}
}

func TestMessagesAreRendered(t *testing.T) {
	text := func(text string) chat.Part { return chat.Part{Text: text} }
	result := func(id string, failed bool, parts ...chat.Part) chat.Part {
		return chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: id, Failed: failed, Parts: parts}}
	}
	call := func(id, arguments string) chat.Part {
		return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: "f", Arguments: arguments}}
	}
	for name, test := range map[string]struct {
		role  chat.Role
		parts []chat.Part
		want  string
	}{
		"instructions":         {chat.System, []chat.Part{text("s")}, `{"role":"system","content":"s"}`},
		"a developer's":        {chat.Developer, []chat.Part{text("d")}, `{"role":"system","content":"d"}`},
		"several instructions": {chat.System, []chat.Part{text("a"), text("b")}, `{"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`},
		"images": {
			chat.User,
			[]chat.Part{
				text("see"),
				{Kind: chat.Image, Media: &chat.Media{URL: "https://a/b.png", Detail: "high"}},
				{Kind: chat.Image, Media: &chat.Media{MIME: "image/png", Data: "aGk="}},
			},
			`{"role":"user","content":[{"type":"text","text":"see"},
				{"type":"image_url","image_url":{"url":"https://a/b.png","detail":"high"}},
				{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}`,
		},
		"results before what else is said": {
			chat.User, []chat.Part{text("so"), result("1", false, text("a")), result("2", true, text("b"), text("c")), result("3", false)},
			`{"role":"tool","tool_call_id":"1","content":"a"},
			 {"role":"tool","tool_call_id":"2","content":[{"type":"text","text":"Error: b"},{"type":"text","text":"c"}]},
			 {"role":"tool","tool_call_id":"3","content":""},
			 {"role":"user","content":"so"}`,
		},
		"a tool that failed without a word": {chat.User, []chat.Part{result("1", true)}, `{"role":"tool","tool_call_id":"1","content":"Error: "}`},
		"an answer":                         {chat.Assistant, []chat.Part{text("a")}, `{"role":"assistant","content":"a"}`},
		"a refusal":                         {chat.Assistant, []chat.Part{{Kind: chat.Refusal, Text: "no"}}, `{"role":"assistant","content":"no"}`},
		"no answer":                         {chat.Assistant, nil, `{"role":"assistant","content":""}`},
		"nothing said":                      {chat.User, nil, `{"role":"user","content":""}`},
		"thoughts": {
			chat.Assistant, []chat.Part{{Kind: chat.Thinking, Text: "hm", Signature: "s"}, {Kind: chat.Redacted, Signature: "z"}, text("a")},
			`{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"}]}`,
		},
		"a plan and calls": {
			chat.Assistant, []chat.Part{{Kind: chat.Thinking, Text: "hm"}, text("I will "), text("look."), call("1", `{"a":1}`), call("2", "")},
			`{"role":"assistant","content":[{"type":"thinking","thinking":"hm"}],"tool_plan":"I will look.","tool_calls":[
				{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
				{"id":"2","type":"function","function":{"name":"f","arguments":"{}"}}]}`,
		},
		"calls alone": {
			chat.Assistant, []chat.Part{call("1", "{}")},
			`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			body, refused := ask(&chat.Request{Names: names, Stream: true, Messages: []chat.Message{{Role: test.role, Parts: test.parts}}})
			if refused != "" {
				t.Fatalf("refused: %s", refused)
			}
			equalJSON(t, `{"model":"command-a-03-2025","stream":true,"messages":[`+test.want+`]}`, body)
			if _, err := coheretest.DecodeRequest([]byte(body)); err != nil {
				t.Errorf("Cohere does not take %s: %v", body, err)
			}
		})
	}
}

// What Cohere can express is what a fake of it reads.
func TestARequestSurvivesTheWay(t *testing.T) {
	want := hi(func(r *chat.Request) {
		r.Model, r.Stream, r.MaxTokens, r.Temperature = target.Model, true, pointer[int64](5), pointer(0.25)
		r.Tools = []chat.Tool{{Name: "f", Description: "d", Schema: jsontext.Value(`{"type":"object"}`), Strict: pointer(true)}}
		r.Choice.Mode, r.Reasoning.Budget = chat.AnyTool, pointer[int64](100)
		r.Messages = append(r.Messages,
			chat.Message{Role: chat.Assistant, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "hm"}, {Text: "I will."}, {Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: "{}"}},
			}},
			chat.Message{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Result, Result: &chat.ToolResult{CallID: "1", Parts: []chat.Part{{Text: "é"}}}},
			}})
	})
	body, refused := ask(want)
	if refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	got, err := coheretest.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(chat.Request{}, "Names"), cmpopts.IgnoreFields(chat.Message{}, "At"),
		cmpopts.IgnoreFields(chat.Part{}, "At")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
