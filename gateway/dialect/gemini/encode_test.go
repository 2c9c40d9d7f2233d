// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// names stands in for the decoder of an application's dialect.
func names(f chat.Field) string { return "field" + string(rune('A'+f)) }

// asked is a request of a user's "x" and of what else is wanted.
func asked(change func(r *chat.Request)) *chat.Request {
	r := &chat.Request{Names: names, Messages: []chat.Message{{Role: chat.User, At: "m[0]", Parts: []chat.Part{{Text: "x", At: "m[0].c"}}}}}
	change(r)
	return r
}

func said(role chat.Role, parts ...chat.Part) func(*chat.Request) {
	return func(r *chat.Request) {
		r.Messages = append(r.Messages, chat.Message{Role: role, At: "m[1]", Parts: parts})
	}
}

func ptr[T any](v T) *T { return &v }

const userX = `{"role":"user","parts":[{"text":"x"}]}`

func TestRequestsAreRenderedAsTheReferenceSays(t *testing.T) {
	for name, test := range map[string]struct {
		change func(r *chat.Request)
		model  string
		want   string
	}{
		"nothing but text": {func(*chat.Request) {}, older, `{"contents":[` + userX + `]}`},
		"instructions of both kinds": {func(r *chat.Request) {
			r.Messages = append([]chat.Message{
				{Role: chat.System, Parts: []chat.Part{{Text: "a"}, {Text: ""}}}, {Role: chat.Developer, Parts: []chat.Part{{Text: "b"}}},
			}, r.Messages...)
		}, older, `{"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}]},"contents":[` + userX + `]}`},
		"empty instructions": {func(r *chat.Request) {
			r.Messages = append([]chat.Message{{Role: chat.System, Parts: []chat.Part{{Text: ""}}}}, r.Messages...)
		}, older, `{"contents":[` + userX + `]}`},
		"a refusal is the model's text": {said(chat.Assistant, chat.Part{Kind: chat.Refusal, Text: "no"}), older,
			`{"contents":[` + userX + `,{"role":"model","parts":[{"text":"no"}]}]}`},
		"empty text is left out, and what is left of nothing too": {said(chat.Assistant, chat.Part{Text: ""}), older, `{"contents":[` + userX + `]}`},
		"a signature of text goes back": {said(chat.Assistant, chat.Part{Text: "", Signature: "QQ=="}), older,
			`{"contents":[` + userX + `,{"role":"model","parts":[{"text":"","thoughtSignature":"QQ=="}]}]}`},
		"a thought": {said(chat.Assistant, chat.Part{Kind: chat.Thinking, Text: "hm", Signature: "QQ=="}, chat.Part{Text: "a"}), older,
			`{"contents":[` + userX + `,{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"QQ=="},{"text":"a"}]}]}`},
		"an image by its address": {said(chat.User, chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "https://example.com/a/b.JPG?x=1.png", Detail: "auto"}}), older,
			`{"contents":[{"role":"user","parts":[{"text":"x"},{"fileData":{"mimeType":"image/jpeg","fileUri":"https://example.com/a/b.JPG?x=1.png"}}]}]}`},
		"an address that tells no kind": {said(chat.User, chat.Part{Kind: chat.Image, Media: &chat.Media{URL: "https://example.com/a"}}), older,
			`{"contents":[{"role":"user","parts":[{"text":"x"},{"fileData":{"fileUri":"https://example.com/a"}}]}]}`},
		"an address in a bucket": {said(chat.User, chat.Part{Kind: chat.Video, Media: &chat.Media{URL: "gs://b/c", MIME: "video/mp4"}}), older,
			`{"contents":[{"role":"user","parts":[{"text":"x"},{"fileData":{"mimeType":"video/mp4","fileUri":"gs://b/c"}}]}]}`},
		"a document, without its name": {said(chat.User, chat.Part{Kind: chat.Document, Media: &chat.Media{Data: "AAAA", MIME: "application/pdf", Name: "a.pdf"}}), older,
			`{"contents":[{"role":"user","parts":[{"text":"x"},{"inlineData":{"mimeType":"application/pdf","data":"AAAA"}}]}]}`},
		"the detail of an image, to a model that takes it": {said(chat.User, chat.Part{Kind: chat.Image, Media: &chat.Media{Data: "AAAA", MIME: "image/png", Detail: "low"}}), newer,
			`{"contents":[{"role":"user","parts":[{"text":"x"},{"inlineData":{"mimeType":"image/png","data":"AAAA"},"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"}}]}]}`},
		"all functions in one tool": {func(r *chat.Request) {
			r.Tools = []chat.Tool{{Name: "a", Description: "d", Schema: []byte(`{"type":"object"}`), Cache: &chat.CacheMark{}}, {Name: "b", Strict: ptr(false)}}
			r.ParallelCalls = ptr(true)
		}, older, `{"contents":[` + userX + `],"tools":[{"functionDeclarations":[{"name":"a","description":"d","parametersJsonSchema":{"type":"object"}},{"name":"b"}]}]}`},
		"strict functions": {func(r *chat.Request) {
			r.Tools = []chat.Tool{{Name: "a", Strict: ptr(true)}}
		}, older, `{"contents":[` + userX + `],"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"}}}`},
		"strict functions of which one must be called": {func(r *chat.Request) {
			r.Tools, r.Choice.Mode = []chat.Tool{{Name: "a", Strict: ptr(true)}}, chat.AnyTool
		}, older, `{"contents":[` + userX + `],"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`},
		"no call at all, nor two": {func(r *chat.Request) {
			r.Tools, r.Choice.Mode, r.ParallelCalls = []chat.Tool{{Name: "a"}}, chat.NoTools, ptr(false)
		}, older, `{"contents":[` + userX + `],"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}}`},
		"a choice among no tools": {func(r *chat.Request) {
			r.Choice.Mode, r.ParallelCalls = chat.AutoTools, ptr(false)
		}, older, `{"contents":[` + userX + `]}`},
		"values that ask for nothing": {func(r *chat.Request) {
			r.Candidates, r.LogProbs, r.TopLogProbs, r.Frequency, r.Presence = ptr(int64(1)), ptr(false), ptr(int64(0)), ptr(0.0), ptr(0.0)
			r.User, r.Stop, r.IncludeUsage, r.Stream = "u", []string{}, true, true
		}, older, `{"contents":[` + userX + `]}`},
		"likelihoods without alternatives": {func(r *chat.Request) {
			r.LogProbs, r.TopLogProbs = ptr(true), ptr(int64(0))
		}, older, `{"contents":[` + userX + `],"generationConfig":{"responseLogprobs":true}}`},
		"zeros that mean something": {func(r *chat.Request) {
			r.Temperature, r.TopP, r.Seed = ptr(0.0), ptr(0.0), ptr(int64(0))
		}, older, `{"contents":[` + userX + `],"generationConfig":{"temperature":0,"topP":0,"seed":0}}`},
		"a schema, which Gemini keeps to anyway": {func(r *chat.Request) {
			r.Format = chat.Format{Kind: chat.JSONSchema, Name: "n", Strict: ptr(true), Schema: []byte(`{"type":"object"}`)}
		}, older, `{"contents":[` + userX + `],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.AppendRequest(nil, asked(test.change), chat.Target{Model: test.model})
			if err != nil {
				t.Fatalf("refused: %s", err.Message)
			}
			equalJSON(t, test.want, string(got))
		})
	}
}

func TestWhatGeminiCannotExpressIsRefusedInTheApplicationsWords(t *testing.T) {
	media := func(m chat.Media) func(*chat.Request) {
		return said(chat.User, chat.Part{Kind: chat.Image, At: "m[1].c[0]", Media: &m})
	}
	call := func(arguments string) func(*chat.Request) {
		return said(chat.Assistant, chat.Part{Kind: chat.Call, At: "m[1].t[0]", Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: arguments}})
	}
	result := func(parts ...chat.Part) func(*chat.Request) {
		return said(chat.User, chat.Part{Kind: chat.Result, At: "m[1]", Result: &chat.ToolResult{CallID: "1", Name: "f", Parts: parts}})
	}
	for name, test := range map[string]struct {
		change func(r *chat.Request)
		want   string
	}{
		"instructions in the middle":            {said(chat.System, chat.Part{Text: "a"}), "m[1]"},
		"the name of a speaker":                 {func(r *chat.Request) { r.Messages[0].Name = "bob" }, "m[0].name"},
		"an image in the instructions":          {func(r *chat.Request) { r.Messages[0].Role = chat.System; r.Messages[0].Parts[0].Kind = chat.Image }, "m[0].c"},
		"what only another provider can read":   {said(chat.Assistant, chat.Part{Kind: chat.Redacted, Signature: "s", At: "m[1].c[0]"}), "m[1].c[0]"},
		"the ID of a file":                      {media(chat.Media{FileID: "file-1"}), "m[1].c[0]"},
		"no media":                              {said(chat.User, chat.Part{Kind: chat.Audio, At: "m[1].c[0]"}), "m[1].c[0]"},
		"an address without encryption":         {media(chat.Media{URL: "http://example.com/a.png"}), "m[1].c[0]"},
		"data without a MIME type":              {media(chat.Media{Data: "AAAA"}), "m[1].c[0]"},
		"the detail of an image":                {media(chat.Media{Data: "AAAA", MIME: "image/png", Detail: "high"}), "m[1].c[0]"},
		"arguments that are cut off":            {call(`{"a":`), "m[1].t[0]"},
		"arguments that are a list":             {call(`[1]`), "m[1].t[0]"},
		"arguments that name a thing twice":     {call(`{"a":1,"a":2}`), "m[1].t[0]"},
		"a result of no call":                   {said(chat.User, chat.Part{Kind: chat.Result, At: "m[1]", Result: &chat.ToolResult{CallID: "9"}}), "m[1]"},
		"a result that is heard":                {result(chat.Part{Kind: chat.Audio, At: "m[1].c[0]"}), "m[1].c[0]"},
		"the detail of an image in a result":    {result(chat.Part{Kind: chat.Image, At: "m[1].c[0]", Media: &chat.Media{MIME: "image/png", Data: "AAAA", Detail: "low"}}), "m[1].c[0]"},
		"a result that is an address":           {result(chat.Part{Kind: chat.Image, At: "m[1].c[0]", Media: &chat.Media{URL: "https://example.com/a.png"}}), "m[1].c[0]"},
		"a tool that must be called of none":    {func(r *chat.Request) { r.Choice.Mode = chat.AnyTool }, names(chat.FieldToolChoice)},
		"one tool of none":                      {func(r *chat.Request) { r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: "a"} }, names(chat.FieldToolChoice)},
		"one call at a time":                    {func(r *chat.Request) { r.Tools, r.ParallelCalls = []chat.Tool{{Name: "a"}}, ptr(false) }, names(chat.FieldParallelCalls)},
		"more stop sequences than Gemini takes": {func(r *chat.Request) { r.Stop = []string{"1", "2", "3", "4", "5", "6"} }, names(chat.FieldStop)},
		"a seed of 64 bits":                     {func(r *chat.Request) { r.Seed = ptr(int64(math.MaxInt32 + 1)) }, names(chat.FieldSeed)},
		"a negative seed of 64 bits":            {func(r *chat.Request) { r.Seed = ptr(int64(math.MinInt32 - 1)) }, names(chat.FieldSeed)},
		"a bound of 64 bits":                    {func(r *chat.Request) { r.MaxTokens = ptr(int64(math.MaxInt32 + 1)) }, names(chat.FieldMaxTokens)},
		"alternatives without likelihoods":      {func(r *chat.Request) { r.TopLogProbs = ptr(int64(2)) }, names(chat.FieldTopLogProbs)},
		"the description of a format": {func(r *chat.Request) {
			r.Format = chat.Format{Kind: chat.JSONSchema, Description: "d", Schema: []byte(`{}`)}
		}, names(chat.FieldFormat)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.AppendRequest([]byte("x"), asked(test.change), chat.Target{Model: older})
			if err == nil {
				t.Fatalf("accepted: %s", got)
			}
			if err.Param != test.want || err.Status != 400 || err.Reason != exchange.ReasonUntranslatable || !strings.Contains(err.Message, "Gemini") {
				t.Errorf("%q (%s): %s, want %q", err.Param, err.Reason, err.Message, test.want)
			}
			if string(got) != "x" {
				t.Errorf("something was rendered: %s", got)
			}
		})
	}
}

// conversation is a call and its results.
func conversation(r *chat.Request) {
	r.Messages = append(r.Messages,
		chat.Message{Role: chat.Assistant, Parts: []chat.Part{
			{Text: "one moment"},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "c1", Name: "f", Arguments: ` {"a":1} `}},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "c2", Name: "g"}},
		}},
		chat.Message{Role: chat.User, Parts: []chat.Part{
			{Kind: chat.Result, Result: &chat.ToolResult{CallID: "c2", Parts: []chat.Part{{Text: "su"}, {Text: "nny"}}}},
			{Kind: chat.Result, Result: &chat.ToolResult{CallID: "c1", Failed: true, Parts: []chat.Part{{Text: "boom"}}}},
		}},
		chat.Message{Role: chat.User, Parts: []chat.Part{{Text: "go on"}}},
	)
}

func TestResultsBearTheNamesOfTheirCalls(t *testing.T) {
	got, err := Encoder{}.AppendRequest(nil, asked(conversation), chat.Target{Model: older})
	if err != nil {
		t.Fatal(err.Message)
	}
	equalJSON(t, `{"contents":[`+userX+`,
		{"role":"model","parts":[{"text":"one moment"},{"functionCall":{"id":"c1","name":"f","args":{"a":1}}},{"functionCall":{"id":"c2","name":"g","args":{}}}]},
		{"role":"user","parts":[
			{"functionResponse":{"id":"c2","name":"g","response":{"result":"sunny"}}},
			{"functionResponse":{"id":"c1","name":"f","response":{"error":"boom"}}},
			{"text":"go on"}]}]}`, string(got))
}

func TestVertexGetsNoIDs(t *testing.T) {
	got, err := Encoder{Vertex: true}.AppendRequest(nil, asked(conversation), chat.Target{Model: older})
	if err != nil {
		t.Fatal(err.Message)
	}
	if strings.Contains(string(got), `"id"`) || !strings.Contains(string(got), `"functionResponse":{"name":"g"`) {
		t.Errorf("%s", got)
	}
}

// Vertex AI finds the call that is answered by name and order alone.
func TestVertexGetsResultsInTheOrderOfTheirCalls(t *testing.T) {
	call := func(id string) chat.Part {
		return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: "f"}}
	}
	result := func(id, text string) chat.Part {
		return chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: id, Parts: []chat.Part{{Text: text}}}}
	}
	for name, test := range map[string]struct {
		turns [][]chat.Part // answers and results by turns
		want  []string
	}{
		"out of order":          {[][]chat.Part{{call("a"), call("b"), call("c")}, {result("c", "3"), result("a", "1"), result("b", "2")}}, []string{"1", "2", "3"}},
		"around a text":         {[][]chat.Part{{call("a"), call("b")}, {result("b", "2"), {Text: "and"}, result("a", "1")}}, []string{"1", "2"}},
		"of IDs used again":     {[][]chat.Part{{call("a"), call("b")}, {result("b", "2"), result("a", "1")}, {call("b"), call("a")}, {result("a", "4"), result("b", "3")}}, []string{"1", "2", "3", "4"}},
		"in their order anyway": {[][]chat.Part{{call("a"), call("b")}, {result("a", "1"), result("b", "2")}}, []string{"1", "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := asked(func(r *chat.Request) {
				for i, parts := range test.turns {
					r.Messages = append(r.Messages, chat.Message{Role: []chat.Role{chat.Assistant, chat.User}[i%2], Parts: parts})
				}
			})
			w, err := Encoder{Vertex: true}.request(r, chat.Target{Model: older})
			if err != nil {
				t.Fatal(err.Message)
			}
			var got []string
			for _, c := range w.Contents {
				for _, p := range c.Parts {
					if p.Response != nil {
						text, _ := unwrapResponse(p.Response.Response)
						got = append(got, text)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestModernModelsGetASignatureForCallsThatHaveNone(t *testing.T) {
	call := func(id, signature string) chat.Part {
		return chat.Part{Kind: chat.Call, Signature: signature, Call: &chat.ToolCall{ID: id, Name: "f"}}
	}
	for name, test := range map[string]struct {
		model string
		parts []chat.Part
		want  []string
	}{
		"the first of two":           {newer, []chat.Part{call("1", ""), call("2", "")}, []string{unsigned, ""}},
		"a call after text":          {newer, []chat.Part{{Text: "a"}, call("1", "")}, []string{"", unsigned}},
		"Gemini's own goes back":     {newer, []chat.Part{call("1", "QQ=="), call("2", "")}, []string{"QQ==", ""}},
		"Gemini's own on the second": {newer, []chat.Part{call("1", ""), call("2", "QQ==")}, []string{"", "QQ=="}},
		"no call":                    {newer, []chat.Part{{Text: "a"}}, []string{""}},
		"an older model":             {older, []chat.Part{call("1", "")}, []string{""}},
		"an older model's own":       {older, []chat.Part{call("1", "QQ==")}, []string{"QQ=="}},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Encoder{}.request(asked(said(chat.Assistant, test.parts...)), chat.Target{Model: test.model})
			if err != nil {
				t.Fatal(err.Message)
			}
			var got []string
			for _, p := range w.Contents[1].Parts {
				got = append(got, p.Signature)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhichModelsAreModern(t *testing.T) {
	for model, want := range map[string]bool{
		"gemini-3-pro-preview": true, "gemini-3.5-flash": true, "gemini-4-argon": true, "gemini-flash-latest": true,
		"models/gemini-3-flash": true, "publishers/google/models/gemini-2.5-pro": false,
		"gemini-2.5-flash": false, "gemini-2.0-flash-001": false, "gemini-1.5-pro": false,
		"gemma-3-27b-it": false, "my-tuned-model": false, "": false,
	} {
		if got := modern(model); got != want {
			t.Errorf("%q: %t", model, got)
		}
	}
}

func TestHowMuchToThink(t *testing.T) {
	for name, test := range map[string]struct {
		reasoning    chat.Reasoning
		older, newer string
	}{
		"nothing said":          {chat.Reasoning{}, `null`, `null`},
		"an effort":             {chat.Reasoning{Effort: chat.EffortLow}, `{"includeThoughts":true,"thinkingBudget":2048}`, `{"includeThoughts":true,"thinkingLevel":"LOW"}`},
		"the least":             {chat.Reasoning{Effort: chat.EffortMinimal}, `{"includeThoughts":true,"thinkingBudget":1024}`, `{"includeThoughts":true,"thinkingLevel":"MINIMAL"}`},
		"the middle":            {chat.Reasoning{Effort: chat.EffortMedium}, `{"includeThoughts":true,"thinkingBudget":8192}`, `{"includeThoughts":true,"thinkingLevel":"MEDIUM"}`},
		"much":                  {chat.Reasoning{Effort: chat.EffortHigh}, `{"includeThoughts":true,"thinkingBudget":24576}`, `{"includeThoughts":true,"thinkingLevel":"HIGH"}`},
		"the most":              {chat.Reasoning{Effort: chat.EffortMax}, `{"includeThoughts":true,"thinkingBudget":24576}`, `{"includeThoughts":true,"thinkingLevel":"HIGH"}`},
		"none":                  {chat.Reasoning{Effort: chat.EffortNone}, `{"thinkingBudget":0}`, `{"thinkingBudget":0}`},
		"a budget":              {chat.Reasoning{Budget: ptr(int64(5000))}, `{"includeThoughts":true,"thinkingBudget":5000}`, `{"includeThoughts":true,"thinkingBudget":5000}`},
		"left to the model":     {chat.Reasoning{Budget: ptr(int64(-1))}, `{"includeThoughts":true,"thinkingBudget":-1}`, `{"includeThoughts":true,"thinkingBudget":-1}`},
		"both":                  {chat.Reasoning{Effort: chat.EffortLow, Budget: ptr(int64(5000))}, `{"includeThoughts":true,"thinkingBudget":5000}`, `{"includeThoughts":true,"thinkingLevel":"LOW"}`},
		"an unknown effort":     {chat.Reasoning{Effort: "furious"}, `null`, `null`},
		"shown":                 {chat.Reasoning{Show: ptr(true)}, `{"includeThoughts":true}`, `{"includeThoughts":true}`},
		"hidden, with a budget": {chat.Reasoning{Show: ptr(false), Budget: ptr(int64(1))}, `{"includeThoughts":false,"thinkingBudget":1}`, `{"includeThoughts":false,"thinkingBudget":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			equalJSON(t, test.older, string(chat.Append(nil, thinkingOf(test.reasoning, false))))
			equalJSON(t, test.newer, string(chat.Append(nil, thinkingOf(test.reasoning, true))))
		})
	}
}

func TestWhatToolsAnsweredIsAnObject(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		failed bool
		want   string
	}{
		"text":                        {"sunny", false, `{"result":"sunny"}`},
		"nothing":                     {"", false, `{"result":""}`},
		"an object":                   {`{"a":1}`, false, `{"a":1}`},
		"an object in spaces":         {" {\"a\": 1}\n", false, `{"a":1}`},
		"a list":                      {`[1]`, false, `{"result":"[1]"}`},
		"half an object":              {`{"a":`, false, `{"result":"{\"a\":"}`},
		"two objects":                 {`{} {}`, false, `{"result":"{} {}"}`},
		"an object that says twice":   {`{"a":1,"a":2}`, false, `{"result":"{\"a\":1,\"a\":2}"}`},
		"a failure":                   {"boom", true, `{"error":"boom"}`},
		"a failure that is an object": {`{"code":1}`, true, `{"error":{"code":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			equalJSON(t, test.want, string(wrapResponse(test.text, test.failed)))
		})
	}
}

func TestWhatToolsAnsweredComesBackAsText(t *testing.T) {
	for name, test := range map[string]struct {
		response string
		text     string
		failed   bool
	}{
		"a result":                             {`{"result":"sunny"}`, "sunny", false},
		"a result that is an object":           {`{"result":{"a":1}}`, `{"result":{"a":1}}`, false},
		"a result that is an object's text":    {`{"result":"{}"}`, `{"result":"{}"}`, false},
		"an output":                            {`{"output":"sunny"}`, `{"output":"sunny"}`, false},
		"a result among others":                {`{"result":"a","b":1}`, `{"result":"a","b":1}`, false},
		"an error":                             {`{"error":"boom"}`, "boom", true},
		"an error that is an object":           {`{"error":{"code":1}}`, `{"code":1}`, true},
		"an error that is null, which is none": {`{"error":null}`, `{"error":null}`, false},
		"nothing":                              {`{}`, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			text, failed := unwrapResponse([]byte(test.response))
			if text != test.text || failed != test.failed {
				t.Errorf("%q, %t", text, failed)
			}
			equalJSON(t, test.response, string(wrapResponse(text, failed)))
		})
	}
}
