// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestARequestIsRead(t *testing.T) {
	user := []chat.Message{{Role: chat.User, Parts: []chat.Part{{Text: "hi", At: "input"}}, At: "input"}}
	tools := []chat.Tool{{Name: "f", At: "tools[0]"}, {Name: "g", At: "tools[1]"}}
	const twoTools = `"tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}]`
	for name, test := range map[string]struct {
		body string
		want chat.Request
	}{
		"a string": {`{"model":"m","input":"hi"}`, chat.Request{Model: "m", Messages: user}},
		"numbers": {
			`{"model":"m","input":"hi","stream":true,"max_output_tokens":10,"temperature":0,"top_p":0.5}`,
			chat.Request{Model: "m", Stream: true, Messages: user, MaxTokens: ptr[int64](10), Temperature: ptr(0.0), TopP: ptr(0.5)},
		},
		"values that ask for nothing": {
			`{"input":"hi","store":false,"background":false,"truncation":"disabled","service_tier":"auto","conversation":null,
			  "previous_response_id":null,"prompt":null,"text":{"format":{"type":"text"},"verbosity":"medium"},"include":[],
			  "prompt_cache_retention":"in_memory","context_management":[ ],"stream_options":{"include_obfuscation":false},
			  "top_logprobs":0,"max_tool_calls":4,"prompt_cache_key":"k","metadata":{"a":"b"},"reasoning":null,"tool_choice":null,
			  "tools":[],"instructions":"","moderation":null}`,
			chat.Request{Messages: user},
		},
		"the older name of the user":  {`{"input":"hi","user":"u"}`, chat.Request{Messages: user, User: "u"}},
		"both names of the same user": {`{"input":"hi","user":"u","safety_identifier":"u"}`, chat.Request{Messages: user, User: "u"}},
		"log probabilities": {
			`{"input":"hi","include":["message.output_text.logprobs","reasoning.encrypted_content"]}`,
			chat.Request{Messages: user, LogProbs: ptr(true)},
		},
		"alternatives imply log probabilities": {
			`{"input":"hi","top_logprobs":2}`,
			chat.Request{Messages: user, LogProbs: ptr(true), TopLogProbs: ptr[int64](2)},
		},
		"an effort": {
			`{"input":"hi","reasoning":{"effort":"low","context":"auto","mode":"standard"}}`,
			chat.Request{Messages: user, Reasoning: chat.Reasoning{Effort: chat.EffortLow}},
		},
		"more effort than others know": {
			`{"input":"hi","reasoning":{"effort":"max","summary":"detailed"}}`,
			chat.Request{Messages: user, Reasoning: chat.Reasoning{Effort: chat.EffortMax, Show: ptr(true)}},
		},
		"a summary in the older way": {
			`{"input":"hi","reasoning":{"effort":null,"generate_summary":"concise"}}`,
			chat.Request{Messages: user, Reasoning: chat.Reasoning{Show: ptr(true)}},
		},
		"a schema": {
			`{"input":"hi","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":null}}}`,
			chat.Request{Messages: user, Format: chat.Format{Kind: chat.JSONSchema, Name: "n", Schema: jsontext.Value(`{"type":"object"}`)}},
		},
		"a tool": {
			`{"input":"hi","tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true,
			  "defer_loading":false,"allowed_callers":["direct"],"output_schema":null}],"parallel_tool_calls":false}`,
			chat.Request{
				Messages: user, ParallelCalls: ptr(false), Tools: []chat.Tool{{
					Name: "f", Description: "d", Schema: jsontext.Value(`{"type":"object"}`), Strict: ptr(true), At: "tools[0]",
				}},
			},
		},
		"a tool that must be called": {
			`{"input":"hi","tool_choice":{"type":"function","name":"g"},` + twoTools + `}`,
			chat.Request{Messages: user, Tools: tools, Choice: chat.ToolChoice{Mode: chat.OneTool, Name: "g"}},
		},
		"all tools are allowed": {
			`{"input":"hi","tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"},{"type":"function","name":"f"}]},` + twoTools + `}`,
			chat.Request{Messages: user, Tools: tools, Choice: chat.ToolChoice{Mode: chat.AnyTool}},
		},
		"one tool is allowed and must be called": {
			`{"input":"hi","tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]},` + twoTools + `}`,
			chat.Request{Messages: user, Tools: tools, Choice: chat.ToolChoice{Mode: chat.OneTool, Name: "f"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(&test.want, decode(t, test.body), sameRequest); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestItemsBecomeTurns(t *testing.T) {
	part := func(at string, p chat.Part) []chat.Part { p.At = at; return []chat.Part{p} }
	call := func(id string) *chat.ToolCall { return &chat.ToolCall{ID: id, Name: "f", Arguments: "{}"} }
	const callItem = `{"type":"function_call","id":"fc_1","status":"completed","call_id":"c1","name":"f","arguments":"{}","caller":{"type":"direct"},"async":false}`
	for name, test := range map[string]struct {
		input string
		want  []chat.Message
	}{
		"messages, with what answers say of themselves": {
			`[{"role":"developer","content":"d"},{"type":"message","id":"msg_1","status":"completed","phase":"final_answer","role":"assistant",
			  "content":[{"type":"output_text","text":"t","annotations":[{"type":"x"}],"logprobs":[]}]}]`,
			[]chat.Message{
				{Role: chat.Developer, At: "input[0]", Parts: part("input[0].content", chat.Part{Text: "d"})},
				{Role: chat.Assistant, At: "input[1]", Parts: part("input[1].content[0]", chat.Part{Text: "t"})},
			},
		},
		"a call and what the tool answered": {
			`[` + callItem + `,{"type":"function_call_output","call_id":"c1","output":"ok"}]`,
			[]chat.Message{
				{Role: chat.Assistant, At: "input[0]", Parts: part("input[0]", chat.Part{Kind: chat.Call, Call: call("c1")})},
				{Role: chat.User, At: "input[1]", Parts: part("input[1]", chat.Part{Kind: chat.Result, Result: &chat.ToolResult{
					CallID: "c1", Name: "f", Parts: part("input[1].output", chat.Part{Text: "ok"}),
				}})},
			},
		},
		"a summary of several paragraphs": {
			`[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"e"}]`,
			[]chat.Message{{Role: chat.Assistant, At: "input[0]", Parts: part("input[0]", chat.Part{Kind: chat.Thinking, Text: "a\n\nb", Signature: "e"})}},
		},
		"the thoughts themselves rather than their summary": {
			`[{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"content":[{"type":"reasoning_text","text":"t"}]}]`,
			[]chat.Message{{Role: chat.Assistant, At: "input[0]", Parts: part("input[0]", chat.Part{Kind: chat.Thinking, Text: "t"})}},
		},
		"an empty thought is not an encrypted one": {
			`[{"type":"reasoning","summary":[{"type":"summary_text","text":""}],"encrypted_content":"e"},{"type":"reasoning","summary":[],"encrypted_content":"f"}]`,
			[]chat.Message{
				{Role: chat.Assistant, At: "input[0]", Parts: part("input[0]", chat.Part{Kind: chat.Thinking, Signature: "e"})},
				{Role: chat.Assistant, At: "input[1]", Parts: part("input[1]", chat.Part{Kind: chat.Redacted, Signature: "f"})},
			},
		},
		"what remains of thoughts that a provider kept": {
			`[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"u"}]`,
			[]chat.Message{{Role: chat.User, At: "input[1]", Parts: part("input[1].content", chat.Part{Text: "u"})}},
		},
		"a signature goes to the call before it": {
			`[` + callItem + `,{"type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:sig"}]`,
			[]chat.Message{{Role: chat.Assistant, At: "input[0]", Parts: part("input[0]", chat.Part{Kind: chat.Call, Call: call("c1"), Signature: "sig"})}},
		},
		"a signature of what is no longer there": {
			`[{"type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:sig"},{"role":"user","content":"u"},
			  {"type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:sig"}]`,
			[]chat.Message{{Role: chat.User, At: "input[1]", Parts: part("input[1].content", chat.Part{Text: "u"})}},
		},
		"an image in base64": {
			`[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;charset=x;base64,QUJD","detail":"auto","file_id":null}]}]`,
			[]chat.Message{{Role: chat.User, At: "input[0]", Parts: part("input[0].content[0]", chat.Part{
				Kind: chat.Image, Media: &chat.Media{MIME: "image/png", Data: "QUJD"},
			})}},
		},
		"a file whose name tells its type": {
			`[{"role":"user","content":[{"type":"input_file","file_data":"QUJD","filename":"a.PDF","detail":"auto"}]}]`,
			[]chat.Message{{Role: chat.User, At: "input[0]", Parts: part("input[0].content[0]", chat.Part{
				Kind: chat.Document, Media: &chat.Media{MIME: "application/pdf", Data: "QUJD", Name: "a.PDF"},
			})}},
		},
		"ends of prefixes to cache": {
			`[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},
			  {"type":"input_text","text":"b","prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}}]}]`,
			[]chat.Message{{Role: chat.User, At: "input[0]", Parts: []chat.Part{
				{Text: "a", Cache: &chat.CacheMark{}, At: "input[0].content[0]"},
				{Text: "b", Cache: &chat.CacheMark{TTL: "1h"}, At: "input[0].content[1]"},
			}}},
		},
		"a refusal": {
			`[{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}]`,
			[]chat.Message{{Role: chat.Assistant, At: "input[0]", Parts: part("input[0].content[0]", chat.Part{Kind: chat.Refusal, Text: "no"})}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, `{"input":`+test.input+`}`)
			if diff := cmp.Diff(test.want, got.Messages, sameRequest); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInstructionsLead(t *testing.T) {
	got := decode(t, `{"instructions":"be brief","input":[{"role":"system","content":"s"}]}`)
	want := []chat.Message{
		{Role: chat.System, At: "instructions", Parts: []chat.Part{{Text: "be brief", At: "instructions"}}},
		{Role: chat.System, At: "input[0]", Parts: []chat.Part{{Text: "s", At: "input[0].content"}}},
	}
	if diff := cmp.Diff(want, got.Messages, sameRequest); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeTranslatedIsRefusedByItsPlace(t *testing.T) {
	item := func(v string) string { return `{"input":[{"role":"user","content":"u"},` + v + `]}` }
	part := func(v string) string { return `{"input":[{"role":"user","content":[` + v + `]}]}` }
	for name, test := range map[string]struct{ body, param string }{
		"state: store":                {`{"input":"hi","store":true}`, "store"},
		"state: background":           {`{"input":"hi","background":true}`, "background"},
		"state: an earlier response":  {`{"input":"hi","previous_response_id":"resp_1"}`, "previous_response_id"},
		"state: a conversation":       {`{"input":"hi","conversation":{"id":"conv_1"}}`, "conversation"},
		"state: a prompt":             {`{"prompt":{"id":"pmpt_1"}}`, "prompt"},
		"cutting the input":           {`{"input":"hi","truncation":"auto"}`, "truncation"},
		"a tier":                      {`{"input":"hi","service_tier":"flex"}`, "service_tier"},
		"cache options":               {`{"input":"hi","prompt_cache_options":{"mode":"explicit"}}`, "prompt_cache_options"},
		"a longer cache":              {`{"input":"hi","prompt_cache_retention":"24h"}`, "prompt_cache_retention"},
		"an unknown field":            {`{"input":"hi","seed":1}`, "seed"},
		"two users":                   {`{"input":"hi","user":"a","safety_identifier":"b"}`, "user"},
		"obfuscation":                 {`{"input":"hi","stream_options":{"include_obfuscation":true}}`, "stream_options.include_obfuscation"},
		"output of OpenAI's tools":    {`{"input":"hi","include":["reasoning.encrypted_content","file_search_call.results"]}`, "include[1]"},
		"verbosity":                   {`{"input":"hi","text":{"verbosity":"low"}}`, "text.verbosity"},
		"an unknown text option":      {`{"input":"hi","text":{"x":1}}`, "text.x"},
		"an unknown reasoning option": {`{"input":"hi","reasoning":{"x":1}}`, "reasoning.x"},
		"a mode of reasoning":         {`{"input":"hi","reasoning":{"mode":"pro"}}`, "reasoning.mode"},
		"an unknown format option":    {`{"input":"hi","text":{"format":{"type":"text","x":1}}}`, "text.format.x"},
		"a tool of OpenAI's":          {`{"input":"hi","tools":[{"type":"function","name":"f"},{"type":"web_search"}]}`, "tools[1].type"},
		"a tool's unknown field":      {`{"input":"hi","tools":[{"type":"function","name":"f","x":1}]}`, "tools[0].x"},
		"a deferred tool":             {`{"input":"hi","tools":[{"type":"function","name":"f","defer_loading":true}]}`, "tools[0].defer_loading"},
		"some tools are allowed": {
			`{"input":"hi","tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}}`,
			"tool_choice.tools",
		},
		"a tool of OpenAI's is allowed": {`{"input":"hi","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"mcp"}]}}`, "tool_choice.tools[0].type"},
		"a tool of OpenAI's is chosen":  {`{"input":"hi","tool_choice":{"type":"web_search"}}`, "tool_choice.type"},
		"an unknown choice field":       {`{"input":"hi","tool_choice":{"type":"function","name":"f","x":1}}`, "tool_choice.x"},
		"an item at the provider":       {item(`{"type":"item_reference","id":"msg_1"}`), "input[1].type"},
		"an item with an ID only":       {item(`{"id":"msg_1"}`), "input[1].type"},
		"an item of OpenAI's tools":     {item(`{"type":"web_search_call","id":"ws_1","status":"completed"}`), "input[1].type"},
		"an item's unknown field":       {item(`{"role":"user","content":"u","x":1}`), "input[1].x"},
		"a call's namespace":            {item(`{"type":"function_call","call_id":"c","name":"f","arguments":"","namespace":"n"}`), "input[1].namespace"},
		"a result's unknown field":      {item(`{"type":"function_call_output","call_id":"c","output":"","x":1}`), "input[1].x"},
		"a thought's unknown field":     {item(`{"type":"reasoning","summary":[],"x":1}`), "input[1].x"},
		"a summary's unknown field":     {item(`{"type":"reasoning","summary":[{"type":"summary_text","text":"t","x":1}]}`), "input[1].summary[0].x"},
		"a sound":                       {part(`{"type":"input_audio","input_audio":{}}`), "input[0].content[0].type"},
		"a text's unknown field":        {part(`{"type":"input_text","text":"t","annotations":[1]}`), "input[0].content[0].annotations"},
		"an image's unknown field":      {part(`{"type":"input_image","image_url":"https://x","x":1}`), "input[0].content[0].x"},
		"an image as it is":             {part(`{"type":"input_image","image_url":"https://x","detail":"original"}`), "input[0].content[0].detail"},
		"a file's detail":               {part(`{"type":"input_file","file_id":"f","detail":"high"}`), "input[0].content[0].detail"},
		"a prefix for half a day":       {part(`{"type":"input_text","text":"t","prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}}`), "input[0].content[0].prompt_cache_breakpoint.ttl"},
		"a part in a tool's answer":     {item(`{"type":"function_call_output","call_id":"c","output":[{"type":"computer_screenshot"}]}`), "input[1].output[0].type"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil || err.Param != test.param || err.Reason != exchange.ReasonUntranslatable || err.Status != 400 {
				t.Fatalf("got %+v, want a refusal of %s", err, test.param)
			}
			if !strings.Contains(err.Message, "'"+test.param+"'") {
				t.Errorf("the message does not name the field: %s", err.Message)
			}
			if told := strings.Contains(err.Message, "between requests"); told != strings.HasPrefix(name, "state: ") {
				t.Errorf("says that it needs state: %t: %s", told, err.Message)
			}
		})
	}
}

func TestWhatIsWrongIsNamedByItsPlace(t *testing.T) {
	for name, test := range map[string]struct{ body, param string }{
		"no input":                      {`{"model":"m"}`, "input"},
		"an input that is a number":     {`{"input":3}`, "input"},
		"an item that is a string":      {`{"input":["a"]}`, "input[0]"},
		"a role that there is not":      {`{"input":[{"role":"tool","content":"c"}]}`, "input[0].role"},
		"no content":                    {`{"input":[{"role":"user"}]}`, "input[0].content"},
		"a text that is a number":       {`{"input":[{"role":"user","content":[{"type":"input_text","text":1}]}]}`, "input[0].content[0].text"},
		"no text":                       {`{"input":[{"role":"user","content":[{"type":"input_text"}]}]}`, "input[0].content[0].text"},
		"no refusal":                    {`{"input":[{"role":"assistant","content":[{"type":"refusal"}]}]}`, "input[0].content[0].refusal"},
		"no image":                      {`{"input":[{"role":"user","content":[{"type":"input_image"}]}]}`, "input[0].content[0].image_url"},
		"two images in one":             {`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x","file_id":"f"}]}]}`, "input[0].content[0].file_id"},
		"a data URL without base64":     {`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png,abc"}]}]}`, "input[0].content[0].image_url"},
		"a data URL without data":       {`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,"}]}]}`, "input[0].content[0].image_url"},
		"no file":                       {`{"input":[{"role":"user","content":[{"type":"input_file","filename":"a.pdf"}]}]}`, "input[0].content[0].file_data"},
		"two files in one":              {`{"input":[{"role":"user","content":[{"type":"input_file","file_id":"f","file_url":"https://x"}]}]}`, "input[0].content[0]"},
		"a file of an unknown type":     {`{"input":[{"role":"user","content":[{"type":"input_file","file_data":"QUJD"}]}]}`, "input[0].content[0].file_data"},
		"a call without an ID":          {`{"input":[{"type":"function_call","name":"f","arguments":""}]}`, "input[0].call_id"},
		"a call without a name":         {`{"input":[{"type":"function_call","call_id":"c","arguments":""}]}`, "input[0].name"},
		"a result without a call":       {`{"input":[{"type":"function_call_output","output":""}]}`, "input[0].call_id"},
		"a result without output":       {`{"input":[{"type":"function_call_output","call_id":"c"}]}`, "input[0].output"},
		"a breakpoint's mode":           {`{"input":[{"role":"user","content":[{"type":"input_text","text":"t","prompt_cache_breakpoint":{"mode":"x"}}]}]}`, "input[0].content[0].prompt_cache_breakpoint.mode"},
		"a tool without a name":         {`{"input":"hi","tools":[{"type":"function"}]}`, "tools[0].name"},
		"parameters that are no schema": {`{"input":"hi","tools":[{"type":"function","name":"f","parameters":[]}]}`, "tools[0].parameters"},
		"a choice that there is not":    {`{"input":"hi","tool_choice":"any"}`, "tool_choice"},
		"a choice without a name":       {`{"input":"hi","tool_choice":{"type":"function"}}`, "tool_choice.name"},
		"a mode that there is not":      {`{"input":"hi","tool_choice":{"type":"allowed_tools","mode":"none","tools":[]}}`, "tool_choice.mode"},
		"a choice of another type":      {`{"input":"hi","tool_choice":1}`, "tool_choice"},
		"a format that there is not":    {`{"input":"hi","text":{"format":{"type":"xml"}}}`, "text.format.type"},
		"a schema without a name":       {`{"input":"hi","text":{"format":{"type":"json_schema","schema":{}}}}`, "text.format.name"},
		"a format without its schema":   {`{"input":"hi","text":{"format":{"type":"json_schema","name":"n"}}}`, "text.format.schema"},
		"an effort that there is not":   {`{"input":"hi","reasoning":{"effort":"furious"}}`, "reasoning.effort"},
		"a summary that there is not":   {`{"input":"hi","reasoning":{"summary":"long"}}`, "reasoning.summary"},
		"an older summary that is not":  {`{"input":"hi","reasoning":{"generate_summary":"long"}}`, "reasoning.generate_summary"},
		"fewer than no alternatives":    {`{"input":"hi","top_logprobs":-1}`, "top_logprobs"},
		"metadata that is not text":     {`{"input":"hi","metadata":{"a":1}}`, "metadata.a"},
		"a name that stands twice":      {`{"input":"hi","input":"ho"}`, "input"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil || err.Param != test.param || err.Reason != exchange.ReasonInvalidBody || err.Status != 400 {
				t.Errorf("got %+v, want %s", err, test.param)
			}
		})
	}
}

func TestRefusalsNameFieldsAsTheApplicationDoes(t *testing.T) {
	r := decode(t, `{"input":"hi","safety_identifier":"u"}`)
	for f, want := range map[chat.Field]string{
		chat.FieldFormat: "text.format", chat.FieldMaxTokens: "max_output_tokens", chat.FieldUser: "safety_identifier",
		chat.FieldLogProbs: "include", chat.FieldReasoning: "reasoning", chat.FieldUser + 1: "",
	} {
		if got := r.Names(f); got != want {
			t.Errorf("field %d is %q, want %q", f, got, want)
		}
	}
	older := decode(t, `{"input":"hi","user":"u"}`)
	if older.Names(chat.FieldUser) != "user" || older.Names(chat.FieldTopP) != "top_p" {
		t.Errorf("%q, %q", older.Names(chat.FieldUser), older.Names(chat.FieldTopP))
	}
}

func TestAnAnswerRepeatsItsRequest(t *testing.T) {
	r := decode(t, `{"model":"m","input":"hi","instructions":"be brief","metadata":{"b":"2","a":"1"},"temperature":0.5,"top_logprobs":2,
	  "tools":[{"type":"function",
	            "name":"f"}],"tool_choice":"required","parallel_tool_calls":false,"text":{"format":{"type":"json_object"}},"max_tool_calls":1,
	  "reasoning":{"effort":"low"},"max_output_tokens":5,"user":"u","safety_identifier":"u","prompt_cache_key":"k"}`)
	want := `{"access_programs":null,"background":false,"instructions":"be brief","max_output_tokens":5,"max_tool_calls":1,
	  "metadata":{"a":"1","b":"2"},"parallel_tool_calls":false,"previous_response_id":null,"prompt_cache_key":"k","reasoning":{"effort":"low"},
	  "safety_identifier":"u","service_tier":null,"store":false,"temperature":0.5,"text":{"format":{"type":"json_object"}},
	  "tool_choice":"required","tools":[{"type":"function","name":"f"}],"top_logprobs":2,"top_p":null,"truncation":"disabled","user":"u"}`
	if diff := diffJSON(t, want, r.Echo); diff != "" {
		t.Error(diff)
	}
	if strings.ContainsAny(string(r.Echo), "\n\r") {
		t.Error("an event's data would be several lines")
	}
}
