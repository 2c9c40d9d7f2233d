// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"regexp"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAnAnswerIsRendered(t *testing.T) {
	call := func(id, name, arguments string) chat.Part {
		return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: name, Arguments: arguments}}
	}
	for name, test := range map[string]struct {
		choices []chat.Choice
		usage   exchange.Usage
		want    string // the choices
		told    string // the usage; "" for none
	}{
		"a text": {
			choices: []chat.Choice{{Parts: []chat.Part{{Text: "a"}, {Text: "b"}}, Finish: chat.Stopped}},
			usage:   exchange.Usage{Prompt: 10, Completion: 5, Cached: 4, CacheWritten: 3, Reasoning: 2, Source: exchange.UsageReported},
			want:    `{"index":0,"message":{"role":"assistant","content":"ab","refusal":null},"logprobs":null,"finish_reason":"stop"}`,
			told: `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
				"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}`,
		},
		"calls": {
			choices: []chat.Choice{{
				Parts:  []chat.Part{{Text: ""}, call("1", "f", `{"a":1}`), call("2", "g", "")},
				Finish: chat.CalledTools,
			}},
			want: `{"index":0,"message":{"role":"assistant","content":"","refusal":null,"tool_calls":[
				{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
				{"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}`,
		},
		"a signed call": {
			choices: []chat.Choice{{Finish: chat.CalledTools, Parts: []chat.Part{{
				Kind: chat.Call, Signature: "s", Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: "{}"},
			}}}},
			want: `{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[
				{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},
				 "extra_content":{"google":{"thought_signature":"s"}}}]},"logprobs":null,"finish_reason":"tool_calls"}`,
		},
		"a refusal": {
			choices: []chat.Choice{{Parts: []chat.Part{{Kind: chat.Refusal, Text: "no"}}, Finish: chat.Declined}},
			want:    `{"index":0,"message":{"role":"assistant","content":null,"refusal":"no"},"logprobs":null,"finish_reason":"stop"}`,
		},
		"a refusal without words": {
			choices: []chat.Choice{{Finish: chat.Declined}},
			want:    `{"index":0,"message":{"role":"assistant","content":null,"refusal":null},"logprobs":null,"finish_reason":"content_filter"}`,
		},
		"thoughts": {
			choices: []chat.Choice{{Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm"}, {Text: "a"}}, Finish: chat.AtLength}},
			want: `{"index":0,"message":{"role":"assistant","content":"a","refusal":null,"reasoning_content":"hm"},
				"logprobs":null,"finish_reason":"length"}`,
		},
		"signed and redacted thoughts": {
			choices: []chat.Choice{{
				Parts: []chat.Part{
					{Kind: chat.Thinking, Text: "h"}, {Kind: chat.Thinking, Text: "m", Signature: "s"},
					{Kind: chat.Redacted, Signature: "z"}, {Text: "a"},
				},
				Finish: chat.AtStop, StopSequence: "END",
			}},
			want: `{"index":0,"message":{"role":"assistant","content":"a","refusal":null,"reasoning_content":"hm","reasoning_details":[
				{"type":"reasoning.text","text":"h","index":0},{"type":"reasoning.text","text":"m","signature":"s","index":1},
				{"type":"reasoning.encrypted","data":"z","index":2}]},"logprobs":null,"finish_reason":"stop"}`,
		},
		"several answers": {
			choices: []chat.Choice{
				{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Filtered, LogProbs: jsontext.Value(`{"content":[]}`)},
				{Parts: []chat.Part{{Text: "b"}}, Finish: chat.Paused},
				{Parts: []chat.Part{{Text: "c"}}},
			},
			want: `{"index":0,"message":{"role":"assistant","content":"a","refusal":null},"logprobs":{"content":[]},"finish_reason":"content_filter"},
				{"index":1,"message":{"role":"assistant","content":"b","refusal":null},"logprobs":null,"finish_reason":"length"},
				{"index":2,"message":{"role":"assistant","content":"c","refusal":null},"logprobs":null,"finish_reason":null}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &chat.Answer{ID: "chatcmpl-1", Model: "m", Created: 1700000000, Choices: test.choices, Usage: test.usage}
			told := ""
			if test.told != "" {
				told = `,"usage":` + test.told
			}
			got := Decoder{}.AppendAnswer([]byte("x"), a)
			equalJSON(t, `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[`+
				test.want+`]`+told+`}`, string(got[1:]))
		})
	}
}

func TestACallWithoutAnIDGetsOneOfItsAnswer(t *testing.T) {
	call := chat.Part{Kind: chat.Call, Call: &chat.ToolCall{Name: "f"}}
	ids := func(id string) []string {
		a := &chat.Answer{ID: id, Choices: []chat.Choice{{Parts: []chat.Part{call, call}}, {Parts: []chat.Part{call}}}}
		return regexp.MustCompile("call_[0-9a-f]{24}").FindAllString(string(Decoder{}.AppendAnswer(nil, a)), -1)
	}
	first, other := ids("a"), ids("b")
	seen := map[string]bool{}
	for _, id := range append(append([]string{}, first...), other...) {
		seen[id] = true
	}
	if len(first) != 3 || len(seen) != 6 {
		t.Errorf("%v and %v", first, other)
	}
	if diff := cmp.Diff(first, ids("a")); diff != "" {
		t.Errorf("another time: %s", diff)
	}
}

func TestAnAnswerIsRead(t *testing.T) {
	choice := func(message, more string) string {
		return `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":` + message + more + `}]}`
	}
	for name, test := range map[string]struct {
		body string
		want chat.Choice
	}{
		"a text": {
			choice(`{"role":"assistant","content":"a","refusal":null,"annotations":[]}`, `,"logprobs":null,"finish_reason":"stop"`),
			chat.Choice{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped},
		},
		"a text with log probabilities": {
			choice(`{"role":"assistant","content":"a"}`, `,"logprobs":{"content":[1]},"finish_reason":"length"`),
			chat.Choice{Parts: []chat.Part{{Text: "a"}}, Finish: chat.AtLength, LogProbs: jsontext.Value(`{"content":[1]}`)},
		},
		"a refusal": {
			choice(`{"role":"assistant","content":null,"refusal":"no"}`, `,"finish_reason":"stop"`),
			chat.Choice{Parts: []chat.Part{{Kind: chat.Refusal, Text: "no"}}, Finish: chat.Stopped},
		},
		"calls beside a text": {
			choice(`{"role":"assistant","content":"a","tool_calls":[
				{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"},"extra_content":{"google":{"thought_signature":"s"}}},
				{"id":"2","type":"function","function":{"name":"g","arguments":{"b":2}}},
				{"id":"3","type":"function","function":{"name":"h"}}]}`, `,"finish_reason":"tool_calls"`),
			chat.Choice{Finish: chat.CalledTools, Parts: []chat.Part{
				{Text: "a"},
				{Kind: chat.Call, Signature: "s", Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: `{"a":1}`}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "2", Name: "g", Arguments: `{"b":2}`}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "3", Name: "h"}},
			}},
		},
		"a call where the reason only says that it stopped": {
			choice(`{"role":"assistant","content":"","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}`, `,"finish_reason":"stop"`),
			chat.Choice{Finish: chat.CalledTools, Parts: []chat.Part{
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: "{}"}},
			}},
		},
		"DeepSeek's thoughts": {
			choice(`{"role":"assistant","content":"a","reasoning_content":"hm"}`, `,"finish_reason":"stop"`),
			chat.Choice{Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm"}, {Text: "a"}}, Finish: chat.Stopped},
		},
		"Ollama's thoughts": {
			choice(`{"role":"assistant","content":"a","reasoning":"hm"}`, `,"finish_reason":"stop"`),
			chat.Choice{Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm"}, {Text: "a"}}, Finish: chat.Stopped},
		},
		"thoughts by both names": {
			choice(`{"role":"assistant","content":"a","reasoning":"hm","reasoning_content":"hm"}`, `,"finish_reason":"stop"`),
			chat.Choice{Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm"}, {Text: "a"}}, Finish: chat.Stopped},
		},
		"OpenRouter's thoughts": {
			choice(`{"role":"assistant","content":"a","reasoning":"hm","reasoning_details":[
				{"type":"reasoning.text","text":"hm","signature":"s","format":"f","index":0},
				{"type":"reasoning.encrypted","data":"z"},{"type":"reasoning.summary","summary":"so"},{"type":"reasoning.dance"}]}`,
				`,"finish_reason":"stop"`),
			chat.Choice{Finish: chat.Stopped, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "hm", Signature: "s"}, {Kind: chat.Redacted, Signature: "z"},
				{Kind: chat.Thinking, Text: "so"}, {Text: "a"},
			}},
		},
		"Mistral's chunks": {
			choice(`{"role":"assistant","content":[
				{"type":"thinking","thinking":[{"type":"text","text":"h"},{"type":"text","text":"m"}],"closed":true},
				{"type":"text","text":"a"},{"type":"reference","reference_ids":[1]},{"type":"text","text":""},{"type":"text","text":"b"}]}`,
				`,"finish_reason":"model_length"`),
			chat.Choice{Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm"}, {Text: "a"}, {Text: "b"}}, Finish: chat.AtLength},
		},
		"vLLM's stop sequence": {
			choice(`{"role":"assistant","content":"a"}`, `,"finish_reason":"stop","stop_reason":"END"`),
			chat.Choice{Parts: []chat.Part{{Text: "a"}}, Finish: chat.AtStop, StopSequence: "END"},
		},
		"vLLM's stop token": {
			choice(`{"role":"assistant","content":"a"}`, `,"finish_reason":"stop","stop_reason":2`),
			chat.Choice{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped},
		},
		"a filter": {
			choice(`{"role":"assistant","content":null}`, `,"finish_reason":"content_filter"`),
			chat.Choice{Finish: chat.Filtered},
		},
		"another word for the end": {
			choice(`{"role":"assistant","content":"a"}`, `,"finish_reason":"eos"`),
			chat.Choice{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped},
		},
		"no word for the end": {
			choice(`{"role":"assistant","content":"a"}`, `,"finish_reason":null`),
			chat.Choice{Parts: []chat.Part{{Text: "a"}}},
		},
		"fields that stand twice and bytes that are no UTF-8": {
			choice("{\"role\":\"assistant\",\"content\":\"x\",\"content\":\"a\xff\"}", `,"finish_reason":"stop"`),
			chat.Choice{Parts: []chat.Part{{Text: "a\ufffd"}}, Finish: chat.Stopped},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Encoder{}.DecodeAnswer([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			want := &chat.Answer{ID: "x", Model: "m", Created: 1, Choices: []chat.Choice{test.want}}
			if diff := cmp.Diff(want, a); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSeveralAnswersAreRead(t *testing.T) {
	a, err := Encoder{}.DecodeAnswer([]byte(`{"id":"x","created":1.5,"model":"m","choices":[
		{"index":0,"message":{"content":"a"},"finish_reason":"stop"},{"index":1,"message":{"content":"b"},"finish_reason":"length"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &chat.Answer{ID: "x", Model: "m", Created: 1, Choices: []chat.Choice{
		{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped}, {Parts: []chat.Part{{Text: "b"}}, Finish: chat.AtLength},
	}}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUsageIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		usage string
		want  exchange.Usage
	}{
		"all of it": {
			`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
			"completion_tokens_details":{"reasoning_tokens":3}}`,
			exchange.Usage{Prompt: 10, Completion: 5, Total: 16, Cached: 4, Reasoning: 3, Source: exchange.UsageReported},
		},
		"without a sum":     {`{"prompt_tokens":10,"completion_tokens":5}`, exchange.Usage{Prompt: 10, Completion: 5, Total: 15, Source: exchange.UsageReported}},
		"without details":   {`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":null}`, exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported}},
		"in fractions":      {`{"prompt_tokens":1.0,"completion_tokens":"2"}`, exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported}},
		"of nonsense":       {`{"prompt_tokens":-1,"completion_tokens":"x"}`, exchange.Usage{}},
		"of no prompt":      {`{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`, exchange.Usage{}},
		"of half":           {`{"prompt_tokens":1}`, exchange.Usage{}},
		"of the other half": {`{"completion_tokens":1}`, exchange.Usage{}},
		"of nothing":        {`null`, exchange.Usage{}},
		"beyond counting":   {`{"prompt_tokens":1e300,"completion_tokens":2}`, exchange.Usage{}},
	} {
		a, err := Encoder{}.DecodeAnswer([]byte(`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":` + test.usage + `}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, a.Usage); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want string // of the failure that it tells of; "" where it tells of none
	}{
		"nothing":                    {"", ""},
		"no JSON":                    {"<html>", ""},
		"a list":                     {"[]", ""},
		"no choices":                 {`{"id":"x","choices":[]}`, ""},
		"a choice without a message": {`{"choices":[{"finish_reason":"stop"}]}`, ""},
		"content that is a number":   {`{"choices":[{"message":{"content":3},"finish_reason":"stop"}]}`, ""},
		"chunks that are none":       {`{"choices":[{"message":{"content":[3]},"finish_reason":"stop"}]}`, ""},
		"an error in its place":      {`{"error":{"message":"busy","type":"overloaded_error"}}`, "503 overloaded_error  : busy"},
		"Mistral's end by an error":  {`{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}`, "502 upstream_error  : The provider's answer failed."},
		"DeepSeek's":                 {`{"choices":[{"message":{"content":"a"},"finish_reason":"insufficient_system_resource"}]}`, "502 upstream_error  : The provider's answer failed."},
	} {
		_, err := Encoder{}.DecodeAnswer([]byte(test.body))
		var e *exchange.Error
		switch {
		case err == nil:
			t.Errorf("%s: no error", name)
		case errors.As(err, &e) != (test.want != ""):
			t.Errorf("%s: %v", name, err)
		case e != nil && (said(e) != test.want || e.Outcome != exchange.ProviderFailed || e.Reason != exchange.ReasonProviderErrorEvent):
			t.Errorf("%s: %s, want %s", name, said(e), test.want)
		}
	}
}

// What was answered comes back the same after it was rendered and read.
func TestAnAnswerSurvivesARoundTrip(t *testing.T) {
	want := &chat.Answer{
		ID: "x", Model: "m", Created: 5,
		Usage: exchange.Usage{Prompt: 9, Completion: 8, Total: 17, Cached: 7, Reasoning: 6, Source: exchange.UsageReported},
		Choices: []chat.Choice{
			{
				Parts: []chat.Part{
					{Kind: chat.Thinking, Text: "hm", Signature: "s"}, {Kind: chat.Redacted, Signature: "z"}, {Text: "é\n\"\u2028"},
					{Kind: chat.Call, Signature: "t", Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: "{\"a\":\"\u00e9\"}"}},
				},
				Finish: chat.CalledTools, LogProbs: jsontext.Value(`{"content":[{"token":"a","token":"b"}]}`),
			},
			{Parts: []chat.Part{{Kind: chat.Refusal, Text: "no"}}, Finish: chat.Stopped},
		},
	}
	got, err := Encoder{}.DecodeAnswer(Decoder{}.AppendAnswer(nil, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
