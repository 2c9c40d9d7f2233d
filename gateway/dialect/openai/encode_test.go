// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

var target = chat.Target{Model: "real", MaxTokens: 4096}

// ask renders a request, or gives the name of the field that is refused.
func ask(f Flavor, r *chat.Request) (body, refused string) {
	b, err := Encoder{Flavor: f}.AppendRequest([]byte("x"), r, target)
	if err != nil {
		return "", err.Param
	}
	return string(b[1:]), ""
}

// members are the members of an object as texts.
func members(t *testing.T, body string) map[string]any {
	t.Helper()
	m, ok := decoded(t, body).(map[string]any)
	if !ok {
		t.Fatalf("%s is no object", body)
	}
	return m
}

func TestARequestInEachFlavor(t *testing.T) {
	r := read(t, `{
		"model": "asked", "stream": true, "max_tokens": 100, "temperature": 0.5, "top_p": 0.9, "seed": 7,
		"stop": ["END"], "frequency_penalty": 0.1, "presence_penalty": 0.2, "reasoning_effort": "xhigh",
		"messages": [
			{"role": "developer", "content": "Be brief."},
			{"role": "user", "content": [{"type": "text", "text": "Weather?", "cache_control": {"type": "ephemeral"}}]},
			{"role": "assistant", "content": null, "reasoning_content": "I must look.", "tool_calls": [
				{"id": "call_abc", "type": "function", "function": {"name": "weather", "arguments": ""}}]},
			{"role": "tool", "tool_call_id": "call_abc", "content": "sunny"},
			{"role": "user", "content": "And tomorrow?"}
		],
		"tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "strict": true}}],
		"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "object"}, "strict": true}}
	}`)
	const sampling = `"model": "real", "stream": true, "temperature": 0.5, "top_p": 0.9, "stop": ["END"],
		"frequency_penalty": 0.1, "presence_penalty": 0.2,
		"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "object"}, "strict": true}},`
	const tools = `"tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "strict": true}}],`
	call := func(id, more string) string {
		return `{"role": "assistant", "content": null` + more + `, "tool_calls": [
			{"id": "` + id + `", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}`
	}
	original := `{` + sampling + tools + `
		"max_completion_tokens": 100, "seed": 7, "reasoning_effort": "xhigh", "stream_options": {"include_usage": true},
		"messages": [
			{"role": "developer", "content": "Be brief."},
			{"role": "user", "content": "Weather?"},
			` + call("call_abc", "") + `,
			{"role": "tool", "tool_call_id": "call_abc", "content": "sunny"},
			{"role": "user", "content": "And tomorrow?"}
		]}`
	for name, test := range map[string]struct {
		flavor Flavor
		want   string
	}{
		"OpenAI": {OpenAI, original},
		"Azure":  {Azure, original},
		"a compatible server": {Compatible, `{` + sampling + tools + `
			"max_tokens": 100, "seed": 7, "reasoning_effort": "xhigh", "stream_options": {"include_usage": true},
			"messages": [
				{"role": "system", "content": "Be brief."},
				{"role": "user", "content": "Weather?"},
				` + call("call_abc", `, "reasoning_content": "I must look."`) + `,
				{"role": "tool", "tool_call_id": "call_abc", "content": "sunny"},
				{"role": "user", "content": "And tomorrow?"}
			]}`},
		"Ollama": {Ollama, `{` + sampling + tools + `
			"max_tokens": 100, "seed": 7, "reasoning_effort": "high", "stream_options": {"include_usage": true},
			"messages": [
				{"role": "system", "content": "Be brief."},
				{"role": "user", "content": "Weather?"},
				` + call("call_abc", `, "reasoning": "I must look."`) + `,
				{"role": "tool", "tool_call_id": "call_abc", "name": "weather", "content": "sunny"},
				{"role": "user", "content": "And tomorrow?"}
			]}`},
		"Mistral": {Mistral, `{` + sampling + `
			"tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "strict": true,
				"parameters": {"type": "object", "properties": {}}}}],
			"max_tokens": 100, "random_seed": 7, "reasoning_effort": "high",
			"messages": [
				{"role": "system", "content": "Be brief."},
				{"role": "user", "content": "Weather?"},
				{"role": "assistant", "content": [
					{"type": "thinking", "thinking": [{"type": "text", "text": "I must look."}], "closed": true}],
				 "tool_calls": [{"id": "` + shortened("call_abc", 0) + `", "type": "function",
					"function": {"name": "weather", "arguments": "{}"}}]},
				{"role": "tool", "tool_call_id": "` + shortened("call_abc", 0) + `", "name": "weather", "content": "sunny"},
				{"role": "user", "content": "And tomorrow?"}
			]}`},
	} {
		t.Run(name, func(t *testing.T) {
			body, refused := ask(test.flavor, r)
			if refused != "" {
				t.Fatalf("refused: %s", refused)
			}
			equalJSON(t, test.want, body)
		})
	}
}

// by gives, for each flavor in their order, the value or what is refused.
type by [5]string

func TestFieldsByFlavor(t *testing.T) {
	const tools = `,"tools":[{"type":"function","function":{"name":"f"}}]`
	for name, test := range map[string]struct {
		members, member string
		want            by // of the member as JSON; "" where it is not there; "!" before a field that is refused
	}{
		"top_k is of compatible servers": {
			`,"top_k":5`, "top_k", by{"!top_k", "!top_k", "5", "!top_k", "!top_k"},
		},
		"several answers": {`,"n":2`, "n", by{"2", "2", "2", "!n", "2"}},
		"the end user":    {`,"safety_identifier":"u"`, "user", by{`"u"`, `"u"`, `"u"`, "", ""}},
		"log probabilities": {
			`,"logprobs":true`, "logprobs", by{"true", "true", "true", "true", "!logprobs"},
		},
		"alternatives": {`,"top_logprobs":2`, "top_logprobs", by{"2", "2", "2", "2", "!top_logprobs"}},
		"one call at a time": {
			tools + `,"parallel_tool_calls":false`, "parallel_tool_calls",
			by{"false", "false", "false", "!parallel_tool_calls", "false"},
		},
		"calls in parallel": {
			tools + `,"parallel_tool_calls":true`, "parallel_tool_calls", by{"true", "true", "true", "", "true"},
		},
		"calls in parallel without tools": {`,"parallel_tool_calls":false`, "parallel_tool_calls", by{}},
		"any tool or none":                {tools + `,"tool_choice":"auto"`, "tool_choice", by{`"auto"`, `"auto"`, `"auto"`, "", `"auto"`}},
		"no tool":                         {tools + `,"tool_choice":"none"`, "tool_choice", by{`"none"`, `"none"`, `"none"`, "", `"none"`}},
		"some tool": {
			tools + `,"tool_choice":"required"`, "tool_choice",
			by{`"required"`, `"required"`, `"required"`, "!tool_choice", `"any"`},
		},
		"a choice without tools": {`,"tool_choice":"auto"`, "tool_choice", by{}},
		"some tool of none": {
			`,"tool_choice":"required"`, "tool_choice",
			by{"!tool_choice", "!tool_choice", "!tool_choice", "!tool_choice", "!tool_choice"},
		},
		"tools that Ollama must not call are not shown to it": {
			tools + `,"tool_choice":"none"`, "tools",
			by{
				`[{"function":{"name":"f"},"type":"function"}]`, `[{"function":{"name":"f"},"type":"function"}]`,
				`[{"function":{"name":"f"},"type":"function"}]`, "",
				`[{"function":{"name":"f","parameters":{"properties":{},"type":"object"}},"type":"function"}]`,
			},
		},
		"no thinking":     {`,"reasoning_effort":"none"`, "reasoning_effort", by{`"none"`, `"none"`, `"none"`, `"none"`, `"none"`}},
		"little thinking": {`,"reasoning_effort":"minimal"`, "reasoning_effort", by{`"minimal"`, `"minimal"`, `"minimal"`, `"low"`, `"high"`}},
		"some thinking":   {`,"reasoning_effort":"medium"`, "reasoning_effort", by{`"medium"`, `"medium"`, `"medium"`, `"medium"`, `"high"`}},
		"a stream":        {`,"stream":true`, "stream_options", by{`{"include_usage":true}`, `{"include_usage":true}`, `{"include_usage":true}`, `{"include_usage":true}`, ""}},
		"no stream":       {`,"stream":false`, "stream", by{}},
		"JSON": {
			`,"response_format":{"type":"json_object"}`, "response_format",
			by{`{"type":"json_object"}`, `{"type":"json_object"}`, `{"type":"json_object"}`, `{"type":"json_object"}`, `{"type":"json_object"}`},
		},
		"plain text": {`,"response_format":{"type":"text"}`, "response_format", by{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, asking(test.members))
			for f, want := range test.want {
				got, refused := ask(Flavor(f), r)
				if refused != "" {
					got = "!" + refused
				} else if v, ok := members(t, got)[test.member]; ok {
					got = marshalled(t, v)
				} else {
					got = ""
				}
				if got != want {
					t.Errorf("%s: %s, want %s", flavors[f].name, got, want)
				}
			}
		})
	}
}

func TestOneToolThatMustBeCalled(t *testing.T) {
	r := read(t, asking(`,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}`))
	for _, f := range []Flavor{OpenAI, Azure, Compatible, Mistral} {
		body, _ := ask(f, r)
		want := map[string]any{"type": "function", "function": map[string]any{"name": "f"}}
		if diff := cmp.Diff(want, members(t, body)["tool_choice"]); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", flavors[f].name, diff)
		}
	}
	if _, refused := ask(Ollama, r); refused != "tool_choice" {
		t.Errorf("Ollama refuses %q", refused)
	}
}

func TestHowMuchToThink(t *testing.T) {
	for name, test := range map[string]struct {
		reasoning chat.Reasoning
		want      string
	}{
		"nothing said":            {chat.Reasoning{}, ""},
		"the model's own choice":  {chat.Reasoning{Budget: pointer[int64](-1)}, ""},
		"not at all":              {chat.Reasoning{Budget: pointer[int64](0)}, "none"},
		"a budget":                {chat.Reasoning{Budget: pointer[int64](4000)}, "medium"},
		"an effort over a budget": {chat.Reasoning{Effort: chat.EffortLow, Budget: pointer[int64](30000)}, "low"},
		"shown or not":            {chat.Reasoning{Show: pointer(true)}, ""},
	} {
		r := read(t, asking(""))
		r.Reasoning = test.reasoning
		body, _ := ask(OpenAI, r)
		got, _ := members(t, body)["reasoning_effort"].(string)
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestASchemaWithoutANameGetsOne(t *testing.T) {
	r := read(t, asking(""))
	r.Format = chat.Format{Kind: chat.JSONSchema, Schema: []byte(`{"type":"object"}`), Description: "d"}
	body, _ := ask(OpenAI, r)
	equalJSON(t, `{"type":"json_schema","json_schema":{"name":"answer","description":"d","schema":{"type":"object"}}}`,
		marshalled(t, members(t, body)["response_format"]))
}

func TestAnUnknownFlavorIsACompatibleOne(t *testing.T) {
	r := read(t, asking(`,"max_tokens":5`))
	want, _ := ask(Compatible, r)
	if got, _ := ask(Flavor(99), r); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
