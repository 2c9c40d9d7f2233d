// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// again decodes a request and encodes it for its own model.
func again(t *testing.T, body string) []byte {
	t.Helper()
	r, err := Decoder{}.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, err.Message)
	}
	out, err := Encoder{}.AppendRequest(nil, r, chat.Target{Model: r.Model, MaxTokens: 4096})
	if err != nil {
		t.Fatalf("%v: %s", err, err.Message)
	}
	return out
}

func TestRequestsInNormalFormComeBackAsTheyWere(t *testing.T) {
	files, err := filepath.Glob("testdata/requests/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, string(body), again(t, string(body)))
		})
	}
}

func TestRequestsAreBroughtToNormalForm(t *testing.T) {
	const hi = `{"role":"user","content":[{"type":"text","text":"hi"}]}`
	for name, test := range map[string]struct{ body, want string }{
		"text becomes blocks": {
			`{"model":"m","max_tokens":1,"system":"s","messages":[{"role":"user","content":"hi"}]}`,
			`{"model":"m","max_tokens":1,"system":[{"type":"text","text":"s"}],"messages":[` + hi + `]}`,
		},
		"messages of one role become one": {
			`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`,
			`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`,
		},
		"empty texts are left out": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `,{"role":"assistant","content":""},{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"b"}]}]}`,
			`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"b"}]}]}`,
		},
		"results come first": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{}}]},
				{"role":"user","content":[{"type":"text","text":"look"},{"type":"tool_result","tool_use_id":"a","content":"1"}]}]}`,
			`{"model":"m","max_tokens":1,"messages":[` + hi + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"1"}]},{"type":"text","text":"look"}]}]}`,
		},
		"the older format moves": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"output_format":{"type":"json_schema","schema":{"type":"object"}}}`,
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`,
		},
		"defaults are left out": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"temperature":1.0,"top_p":1,"service_tier":"auto","speed":"standard","stream":false,
				"tools":[{"type":"custom","name":"n","input_schema":{"type":"object"},"strict":false}],"tool_choice":{"type":"auto","disable_parallel_tool_use":false}}`,
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"tools":[{"name":"n","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"}}`,
		},
		"the mark of the request goes to its last block": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"cache_control":{"type":"ephemeral"}}`,
			`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}`,
		},
		"an effort comes with thinking": {
			`{"model":"claude-opus-5-5","max_tokens":1,"messages":[` + hi + `],"output_config":{"effort":"max"}}`,
			`{"model":"claude-opus-5-5","max_tokens":1,"messages":[` + hi + `],"output_config":{"effort":"xhigh"},"thinking":{"type":"adaptive"}}`,
		},
		"a schema says that it describes an object": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"tools":[{"name":"a","input_schema":{ }},{"name":"b","input_schema":{"properties":{}}}]}`,
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"tools":[{"name":"a","input_schema":{"type":"object"}},{"name":"b","input_schema":{"type":"object","properties":{}}}]}`,
		},
		"a choice without tools is none": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}`,
			`{"model":"m","max_tokens":1,"messages":[` + hi + `]}`,
		},
		"a thought without a signature is no block": {
			`{"model":"m","max_tokens":1,"messages":[` + hi + `,{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"ho"}]}]}`,
			`{"model":"m","max_tokens":1,"messages":[` + hi + `,{"role":"assistant","content":[{"type":"text","text":"ho"}]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) { sameJSON(t, test.want, again(t, test.body)) })
	}
}

func TestAppendRequestRendersWhatOtherDialectsAsk(t *testing.T) {
	for name, test := range map[string]struct {
		request chat.Request
		want    string
	}{
		"no bound": {
			chat.Request{Messages: []chat.Message{user("hi")}},
			`{"model":"claude","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
		"instructions of both kinds": {
			chat.Request{MaxTokens: ptr[int64](9), Messages: []chat.Message{
				{Role: chat.System, Parts: []chat.Part{{Text: "a"}}}, {Role: chat.Developer, Parts: []chat.Part{{Text: "b"}, {Text: ""}}}, user("hi"),
			}},
			`{"model":"claude","max_tokens":9,"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
		"a conversation with tools": {
			chat.Request{
				MaxTokens: ptr[int64](9), ParallelCalls: ptr(false), Tools: []chat.Tool{{Name: "now"}}, Choice: chat.ToolChoice{Mode: chat.AnyTool},
				Messages: []chat.Message{
					user("hi"),
					{Role: chat.Assistant, Parts: []chat.Part{
						{Text: ""}, {Kind: chat.Refusal, Text: "I'd rather not."},
						{Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "now"}},
						{Kind: chat.Call, Call: &chat.ToolCall{ID: "2", Name: "now", Arguments: ` {"a":1}`}},
					}},
					{Role: chat.User, Parts: []chat.Part{{Kind: chat.Result, Result: &chat.ToolResult{CallID: "1", Parts: []chat.Part{{Text: "noon"}}}}}},
					{Role: chat.User, Parts: []chat.Part{{Kind: chat.Result, Result: &chat.ToolResult{CallID: "2", Failed: true}}}},
					user("and?"),
				},
			},
			`{"model":"claude","max_tokens":9,"tools":[{"name":"now","input_schema":{"type":"object","properties":{}}}],
				"tool_choice":{"type":"any","disable_parallel_tool_use":true},"messages":[
				{"role":"user","content":[{"type":"text","text":"hi"}]},
				{"role":"assistant","content":[{"type":"text","text":"I'd rather not."},{"type":"tool_use","id":"1","name":"now","input":{}},{"type":"tool_use","id":"2","name":"now","input":{"a":1}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"noon"}]},{"type":"tool_result","tool_use_id":"2","is_error":true},{"type":"text","text":"and?"}]}]}`,
		},
		"one call at a time where nothing is said of a choice": {
			chat.Request{MaxTokens: ptr[int64](9), ParallelCalls: ptr(false), Tools: []chat.Tool{{Name: "now", Strict: ptr(true)}}, Messages: []chat.Message{user("hi")}},
			`{"model":"claude","max_tokens":9,"tools":[{"name":"now","strict":true,"input_schema":{"type":"object","properties":{}}}],
				"tool_choice":{"type":"auto","disable_parallel_tool_use":true},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
		"no call at all": {
			chat.Request{MaxTokens: ptr[int64](9), ParallelCalls: ptr(false), Choice: chat.ToolChoice{Mode: chat.NoTools}, Tools: []chat.Tool{{Name: "now"}}, Messages: []chat.Message{user("hi")}},
			`{"model":"claude","max_tokens":9,"tools":[{"name":"now","input_schema":{"type":"object","properties":{}}}],
				"tool_choice":{"type":"none"},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
		"images and documents": {
			chat.Request{MaxTokens: ptr[int64](9), Messages: []chat.Message{{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Image, Media: &chat.Media{MIME: "image/jpg", Data: "AA==", Detail: "auto"}},
				{Kind: chat.Image, Media: &chat.Media{URL: "https://a/b", Detail: "high"}},
				{Kind: chat.Document, Media: &chat.Media{MIME: "application/pdf", Data: "AA==", Name: "a.pdf"}},
				{Kind: chat.Document, Media: &chat.Media{URL: "https://a/c"}},
			}}}},
			`{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":[
				{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AA=="}},
				{"type":"image","source":{"type":"url","url":"https://a/b"}},
				{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="},"title":"a.pdf"},
				{"type":"document","source":{"type":"url","url":"https://a/c"}}]}]}`,
		},
		"a format with a description": {
			chat.Request{MaxTokens: ptr[int64](9), Messages: []chat.Message{user("hi")}, Format: chat.Format{
				Kind: chat.JSONSchema, Name: "person", Description: `A "person".`, Strict: ptr(false), Schema: jsontext.Value(` {"type":"object"}`),
			}},
			`{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],
				"output_config":{"format":{"type":"json_schema","schema":{"description":"A \"person\".","type":"object"}}}}`,
		},
		"values that ask for nothing": {
			chat.Request{
				MaxTokens: ptr[int64](9), Messages: []chat.Message{user("hi")}, Frequency: ptr(0.0), Presence: ptr(0.0),
				Candidates: ptr[int64](1), LogProbs: ptr(false), TopLogProbs: ptr[int64](0), ParallelCalls: ptr(true), Reasoning: chat.Reasoning{Show: ptr(false)},
			},
			`{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.request.Names = names
			out, err := Encoder{}.AppendRequest([]byte("x"), &test.request, chat.Target{Model: "claude", MaxTokens: 4096})
			if err != nil {
				t.Fatalf("%v: %s", err, err.Message)
			}
			if out[0] != 'x' {
				t.Fatal("what was there is gone")
			}
			sameJSON(t, test.want, out[1:])
		})
	}
}

func TestAppendRequestRefusesWhatCannotBeSaid(t *testing.T) {
	part := func(role chat.Role, p chat.Part) chat.Request {
		p.At = "part"
		return chat.Request{Messages: []chat.Message{{Role: role, Parts: []chat.Part{p}, At: "message"}}}
	}
	said := func(role chat.Role, text string) chat.Message {
		return chat.Message{Role: role, Parts: []chat.Part{{Text: text}}, At: "said." + text}
	}
	for name, test := range map[string]struct {
		model   string
		request chat.Request
		param   string
	}{
		"a seed":                              {"m", chat.Request{Seed: ptr[int64](0)}, names(chat.FieldSeed)},
		"a penalty for frequency":             {"m", chat.Request{Frequency: ptr(0.1)}, names(chat.FieldFrequency)},
		"a penalty for presence":              {"m", chat.Request{Presence: ptr(-0.1)}, names(chat.FieldPresence)},
		"several answers":                     {"m", chat.Request{Candidates: ptr[int64](2)}, names(chat.FieldCandidates)},
		"log probabilities":                   {"m", chat.Request{LogProbs: ptr(true)}, names(chat.FieldLogProbs)},
		"alternatives":                        {"m", chat.Request{TopLogProbs: ptr[int64](1)}, names(chat.FieldTopLogProbs)},
		"too hot":                             {"m", chat.Request{Temperature: ptr(1.2)}, names(chat.FieldTemperature)},
		"JSON without a schema":               {"m", chat.Request{Format: chat.Format{Kind: chat.JSONObject}}, names(chat.FieldFormat)},
		"a schema that is null":               {"m", chat.Request{Format: chat.Format{Kind: chat.JSONSchema, Schema: jsontext.Value("null")}}, names(chat.FieldFormat)},
		"two descriptions":                    {"m", chat.Request{Format: chat.Format{Kind: chat.JSONSchema, Description: "a", Schema: jsontext.Value(`{"type":"object","description":"b"}`)}}, names(chat.FieldFormat)},
		"audio":                               {"m", part(chat.User, chat.Part{Kind: chat.Audio, Media: &chat.Media{}}), "part"},
		"video":                               {"m", part(chat.User, chat.Part{Kind: chat.Video, Media: &chat.Media{}}), "part"},
		"an image by the assistant":           {"m", part(chat.Assistant, chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "u"}}), "part"},
		"an image of nothing":                 {"m", part(chat.User, chat.Part{Kind: chat.Image}), "part"},
		"an image from nowhere on the web":    {"m", part(chat.User, chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "gs://bucket/a.png"}}), "part"},
		"a document from nowhere on the web":  {"m", part(chat.User, chat.Part{Kind: chat.Document, Media: &chat.Media{URL: "s3://bucket/a.pdf"}}), "part"},
		"an image of another type":            {"m", part(chat.User, chat.Part{Kind: chat.Image, Media: &chat.Media{MIME: "image/tiff", Data: "AA=="}}), "part"},
		"an image in little detail":           {"m", part(chat.User, chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "u", Detail: "low"}}), "part"},
		"a document of another type":          {"m", part(chat.User, chat.Part{Kind: chat.Document, Media: &chat.Media{MIME: "text/csv", Data: "AA=="}}), "part"},
		"a linked document of another type":   {"m", part(chat.User, chat.Part{Kind: chat.Document, Media: &chat.Media{MIME: "text/html", URL: "u"}}), "part"},
		"text that is no base64":              {"m", part(chat.User, chat.Part{Kind: chat.Document, Media: &chat.Media{MIME: "text/plain", Data: "?"}}), "part"},
		"text that is no UTF-8":               {"m", part(chat.User, chat.Part{Kind: chat.Document, Media: &chat.Media{MIME: "text/plain", Data: "/w=="}}), "part"},
		"a call by the user":                  {"m", part(chat.User, chat.Part{Kind: chat.Call, Call: &chat.ToolCall{}}), "part"},
		"a result by the assistant":           {"m", part(chat.Assistant, chat.Part{Kind: chat.Result, Result: &chat.ToolResult{}}), "part"},
		"arguments that are no JSON":          {"m", part(chat.Assistant, chat.Part{Kind: chat.Call, Call: &chat.ToolCall{Arguments: `{"a":`}}), "part"},
		"arguments that are a list":           {"m", part(chat.Assistant, chat.Part{Kind: chat.Call, Call: &chat.ToolCall{Arguments: `[]`}}), "part"},
		"arguments with a name twice":         {"m", part(chat.Assistant, chat.Part{Kind: chat.Call, Call: &chat.ToolCall{Arguments: `{"a":1,"a":2}`}}), "part"},
		"a result that is a call":             {"m", part(chat.User, chat.Part{Kind: chat.Result, Result: &chat.ToolResult{Parts: []chat.Part{{Kind: chat.Call, At: "inner"}}}}), "inner"},
		"a result with a bad image":           {"m", part(chat.User, chat.Part{Kind: chat.Result, Result: &chat.ToolResult{Parts: []chat.Part{{Kind: chat.Image, Media: &chat.Media{MIME: "image/bmp"}, At: "inner"}}}}), "inner"},
		"an image in instructions":            {"m", part(chat.System, chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "u"}}), "part"},
		"a name of the user":                  {"m", chat.Request{Messages: []chat.Message{{Role: chat.User, Name: "bob", At: "message"}}}, "message.name"},
		"a name of the instructor":            {"m", chat.Request{Messages: []chat.Message{{Role: chat.System, Name: "bob", At: "message"}}}, "message.name"},
		"later instructions, an older model":  {"claude-opus-4-7", chat.Request{Messages: []chat.Message{said(chat.User, "a"), said(chat.Developer, "b")}}, "said.b"},
		"instructions after the assistant":    {"claude-opus-4-8", chat.Request{Messages: []chat.Message{said(chat.User, "a"), said(chat.Assistant, "b"), said(chat.System, "c")}}, "said.c"},
		"instructions within the user's turn": {"claude-opus-4-8", chat.Request{Messages: []chat.Message{said(chat.User, "a"), said(chat.System, "b"), said(chat.User, "c")}}, "said.b"},
		"an effort that nobody knows":         {"m", chat.Request{Reasoning: chat.Reasoning{Effort: "furious"}}, names(chat.FieldReasoning)},
	} {
		t.Run(name, func(t *testing.T) {
			test.request.Names = names
			out, err := Encoder{}.AppendRequest([]byte("x"), &test.request, chat.Target{Model: test.model, MaxTokens: 4096})
			wantRefusal(t, err, test.param)
			if string(out) != "x" {
				t.Errorf("%q beside the refusal", out)
			}
		})
	}
}

func TestAppendCountRequestLeavesOutWhatDoesNotCount(t *testing.T) {
	r := &chat.Request{
		Model: "asked", Stream: true, MaxTokens: ptr[int64](9), Temperature: ptr(1.9), TopP: ptr(0.5), TopK: ptr[int64](3), Stop: []string{"a"},
		Seed: ptr[int64](1), User: "u", Messages: []chat.Message{user("hi")}, Tools: []chat.Tool{{Name: "now"}},
		Reasoning: chat.Reasoning{Effort: chat.EffortLow}, Names: names,
	}
	out, err := Encoder{}.AppendCountRequest(nil, r, chat.Target{Model: "claude-sonnet-4-5", MaxTokens: 100})
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, `{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],
		"tools":[{"name":"now","input_schema":{"type":"object","properties":{}}}],"thinking":{"type":"enabled","budget_tokens":2048}}`, out)

	r.Format.Kind = chat.JSONObject
	out, err = Encoder{}.AppendCountRequest([]byte("x"), r, chat.Target{Model: "m"})
	wantRefusal(t, err, names(chat.FieldFormat))
	if string(out) != "x" {
		t.Errorf("%q beside the refusal", out)
	}
}

func TestAppendRequestSaysHowToThink(t *testing.T) {
	call := chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "n"}}
	result := chat.Message{Role: chat.User, Parts: []chat.Part{{Kind: chat.Result, Result: &chat.ToolResult{CallID: "1"}}}}
	unthinking := []chat.Message{user("hi"), {Role: chat.Assistant, Parts: []chat.Part{call}}, result}
	thinking := []chat.Message{user("hi"), {Role: chat.Assistant, Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm", Signature: "s"}, call}}, result}
	for name, test := range map[string]struct {
		model            string
		asked            chat.Reasoning
		most             int64
		messages         []chat.Message
		thinking, output string
	}{
		"nothing":                              {"claude-opus-5-5", chat.Reasoning{}, 9, nil, ``, ``},
		"not to show":                          {"claude-opus-5-5", chat.Reasoning{Show: ptr(false)}, 9, nil, ``, ``},
		"to show":                              {"claude-opus-5-5", chat.Reasoning{Show: ptr(true)}, 9, nil, `{"type":"adaptive","display":"summarized"}`, ``},
		"an effort":                            {"claude-opus-5-5", chat.Reasoning{Effort: chat.EffortMedium}, 9, nil, `{"type":"adaptive"}`, `{"effort":"medium"}`},
		"the least effort":                     {"claude-sonnet-5", chat.Reasoning{Effort: chat.EffortMinimal}, 9, nil, `{"type":"adaptive"}`, `{"effort":"low"}`},
		"the most effort":                      {"claude-opus-4-7", chat.Reasoning{Effort: chat.EffortMax}, 9, nil, `{"type":"adaptive"}`, `{"effort":"xhigh"}`},
		"the most effort, Claude 4.6":          {"claude-opus-4-6", chat.Reasoning{Effort: chat.EffortMax}, 9, nil, `{"type":"adaptive"}`, `{"effort":"max"}`},
		"an effort of none":                    {"claude-opus-5-5", chat.Reasoning{Effort: chat.EffortNone}, 9, nil, `{"type":"disabled"}`, ``},
		"a budget of none":                     {"claude-opus-4-1", chat.Reasoning{Budget: ptr[int64](0)}, 9, nil, `{"type":"disabled"}`, ``},
		"a budget is an effort":                {"claude-opus-5-5", chat.Reasoning{Budget: ptr[int64](9000)}, 9, nil, `{"type":"adaptive"}`, `{"effort":"high"}`},
		"an effort beside a budget":            {"claude-opus-5-5", chat.Reasoning{Budget: ptr[int64](9000), Effort: chat.EffortLow}, 9, nil, `{"type":"adaptive"}`, `{"effort":"low"}`},
		"left to the model":                    {"claude-opus-5-5", chat.Reasoning{Budget: ptr[int64](-1), Show: ptr(false)}, 9, nil, `{"type":"adaptive","display":"omitted"}`, ``},
		"a model of no known name":             {"prod-large", chat.Reasoning{Effort: chat.EffortHigh}, 9, nil, `{"type":"adaptive"}`, `{"effort":"high"}`},
		"an older model has budgets":           {"claude-sonnet-4-5-20250929", chat.Reasoning{Effort: chat.EffortMedium}, 32000, nil, `{"type":"enabled","budget_tokens":8192}`, ``},
		"and keeps the application's":          {"claude-sonnet-4-5", chat.Reasoning{Budget: ptr[int64](1999), Effort: chat.EffortHigh, Show: ptr(true)}, 2000, nil, `{"type":"enabled","budget_tokens":1999,"display":"summarized"}`, ``},
		"and leaves room for the answer":       {"claude-sonnet-4-5", chat.Reasoning{Effort: chat.EffortHigh}, 4096, nil, `{"type":"enabled","budget_tokens":2048}`, ``},
		"and thinks with what it must":         {"claude-sonnet-4-5", chat.Reasoning{Effort: chat.EffortHigh}, 1025, nil, `{"type":"enabled","budget_tokens":1024}`, ``},
		"an older model left to itself":        {"claude-3-7-sonnet-20250219", chat.Reasoning{Budget: ptr[int64](-1)}, 64000, nil, `{"type":"enabled","budget_tokens":8192}`, ``},
		"older, after calls without thoughts":  {"claude-haiku-4-5", chat.Reasoning{Effort: chat.EffortHigh}, 64000, unthinking, ``, ``},
		"older, after calls with thoughts":     {"claude-haiku-4-5", chat.Reasoning{Effort: chat.EffortHigh}, 64000, thinking, `{"type":"enabled","budget_tokens":24576}`, ``},
		"older, its own budget is the model's": {"claude-haiku-4-5", chat.Reasoning{Budget: ptr[int64](3000)}, 64000, unthinking, `{"type":"enabled","budget_tokens":3000}`, ``},
		"newer, after calls without thoughts":  {"claude-haiku-5-5", chat.Reasoning{Effort: chat.EffortHigh}, 64000, unthinking, `{"type":"adaptive"}`, `{"effort":"high"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.messages == nil {
				test.messages = []chat.Message{user("hi")}
			}
			r := &chat.Request{Messages: test.messages, MaxTokens: &test.most, Reasoning: test.asked, Names: names}
			out, err := Encoder{}.AppendRequest(nil, r, chat.Target{Model: test.model})
			if err != nil {
				t.Fatalf("%v: %s", err, err.Message)
			}
			if got := member(t, out, "thinking"); got != test.thinking {
				t.Errorf("thinking %s, want %s", got, test.thinking)
			}
			if got := member(t, out, "output_config"); got != test.output {
				t.Errorf("output_config %s, want %s", got, test.output)
			}
		})
	}
}

func TestBudgetsThatOlderModelsCannotHaveAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		asked chat.Reasoning
		most  int64
	}{
		"as much as the answer":    {chat.Reasoning{Budget: ptr[int64](2000)}, 2000},
		"too little":               {chat.Reasoning{Budget: ptr[int64](512)}, 2000},
		"no room to think":         {chat.Reasoning{Effort: chat.EffortLow}, 1024},
		"no room to think as told": {chat.Reasoning{Budget: ptr[int64](-1)}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			r := &chat.Request{Messages: []chat.Message{user("hi")}, MaxTokens: &test.most, Reasoning: test.asked, Names: names}
			_, err := Encoder{}.AppendRequest(nil, r, chat.Target{Model: "claude-sonnet-4-5"})
			wantRefusal(t, err, names(chat.FieldReasoning))
		})
	}
}

func TestModelsTellTheirGeneration(t *testing.T) {
	for name, test := range map[string]struct {
		want              model
		byBudget, laterOK bool
		most              string
	}{
		"claude-3-opus-20240229":                   {model{"opus", 3, 0, true}, true, false, "max"},
		"claude-3-7-sonnet-latest":                 {model{"sonnet", 3, 7, true}, true, false, "max"},
		"claude-opus-4-20250514":                   {model{"opus", 4, 0, true}, true, false, "max"},
		"claude-sonnet-4@20250514":                 {model{"sonnet", 4, 0, true}, true, false, "max"},
		"us.anthropic.claude-haiku-4-5-2025-v1:0":  {model{"haiku", 4, 5, true}, true, false, "max"},
		"claude-sonnet-4-6":                        {model{"sonnet", 4, 6, true}, false, false, "max"},
		"anthropic/claude-opus-4.7":                {model{"opus", 4, 7, true}, false, false, "xhigh"},
		"claude-opus-4-8-20260528":                 {model{"opus", 4, 8, true}, false, true, "xhigh"},
		"claude-sonnet-5":                          {model{"sonnet", 5, 0, true}, false, false, "xhigh"},
		"claude-sonnet-5-5":                        {model{"sonnet", 5, 5, true}, false, true, "xhigh"},
		"Claude-Fable-5-1":                         {model{"fable", 5, 1, true}, false, true, "xhigh"},
		"claude-mythos-preview":                    {model{"mythos", 0, 0, false}, false, true, "xhigh"},
		"team-chat":                                {model{}, false, true, "xhigh"},
		"":                                         {model{}, false, true, "xhigh"},
		"anthropic.claude-3-sonnet-20240229-v1:0":  {model{"sonnet", 3, 0, true}, true, false, "max"},
		"eu.anthropic.claude-opus-5-20260701-v1:0": {model{"opus", 5, 0, true}, false, true, "xhigh"},
	} {
		t.Run(name, func(t *testing.T) {
			m := parseModel(name)
			if m != test.want || m.thinksByBudget() != test.byBudget || m.takesInstructionsLater() != test.laterOK || m.mostEffort() != test.most {
				t.Errorf("%+v, by budget %t, later instructions %t, most effort %s", m, m.thinksByBudget(), m.takesInstructionsLater(), m.mostEffort())
			}
		})
	}
}
