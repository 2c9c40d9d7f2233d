// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const token = `{"token":"Hi","bytes":[72,105],"logprob":-0.1,"top_logprobs":[]}`

var someUsage = exchange.Usage{Prompt: 10, Completion: 5, Total: 15, Cached: 4, CacheWritten: 2, Reasoning: 3, Source: exchange.UsageReported}

const someUsageJSON = `{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":5,
  "output_tokens_details":{"reasoning_tokens":3},"total_tokens":15}`

func TestAnAnswerIsAResponse(t *testing.T) {
	text := func(s string) string {
		return `{"type":"output_text","text":"` + s + `","annotations":[],"logprobs":[]}`
	}
	message := func(id, status, content string) string {
		return `{"id":"` + id + `","type":"message","status":"` + status + `","role":"assistant","content":[` + content + `]}`
	}
	for name, test := range map[string]struct {
		choice     chat.Choice
		wantStatus string
		wantReason string
		wantOutput string
	}{
		"a text": {
			chat.Choice{Parts: []chat.Part{{Text: "Hi"}}, Finish: chat.Stopped, LogProbs: jsontext.Value(`{"content":[` + token + `],"refusal":null}`)},
			"completed", "", message("msg_7_0", "completed", `{"type":"output_text","text":"Hi","annotations":[],"logprobs":[`+token+`]}`),
		},
		"thoughts, two texts and calls": {
			chat.Choice{Finish: chat.CalledTools, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "t", Signature: "s"}, {Kind: chat.Redacted, Signature: "r"}, {Text: "a"}, {Text: "b"},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "c1", Name: "f", Arguments: `{"x":1}`}}, {Kind: chat.Call, Call: &chat.ToolCall{Name: "g"}},
			}},
			"completed", "",
			`{"id":"rs_7_0","type":"reasoning","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"s"},
			 {"id":"rs_7_1","type":"reasoning","summary":[],"encrypted_content":"r"},` +
				message("msg_7_2", "completed", text("a")+`,`+text("b")) +
				`,{"id":"fc_7_3","type":"function_call","status":"completed","call_id":"c1","name":"f","arguments":"{\"x\":1}"},
			 {"id":"fc_7_4","type":"function_call","status":"completed","call_id":"call_7_4","name":"g","arguments":"{}"}`,
		},
		"signatures of texts and calls": {
			chat.Choice{Finish: chat.CalledTools, Parts: []chat.Part{
				{Text: "a", Signature: "s"}, {Text: "b"}, {Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f"}, Signature: "t"},
			}},
			"completed", "",
			message("msg_7_0", "completed", text("a")) + `,{"id":"rs_7_1","type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:s"},` +
				message("msg_7_2", "completed", text("b")) + `,{"id":"fc_7_3","type":"function_call","status":"completed","call_id":"c","name":"f","arguments":"{}"},
			 {"id":"rs_7_4","type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:t"}`,
		},
		"at the bound on tokens, only the last item is cut": {
			chat.Choice{Finish: chat.AtLength, Parts: []chat.Part{{Kind: chat.Thinking, Text: "t"}, {Text: "a"}}},
			"incomplete", "max_output_tokens",
			`{"id":"rs_7_0","type":"reasoning","summary":[{"type":"summary_text","text":"t"}]},` + message("msg_7_1", "incomplete", text("a")),
		},
		"a pause":              {chat.Choice{Finish: chat.Paused}, "incomplete", "max_output_tokens", ""},
		"a filter":             {chat.Choice{Finish: chat.Filtered, Parts: []chat.Part{{Text: "a"}}}, "incomplete", "content_filter", message("msg_7_0", "incomplete", text("a"))},
		"declined in no words": {chat.Choice{Finish: chat.Declined}, "incomplete", "content_filter", ""},
		"declined in words": {
			chat.Choice{Finish: chat.Declined, Parts: []chat.Part{{Kind: chat.Refusal, Text: "no"}}},
			"completed", "", message("msg_7_0", "completed", `{"type":"refusal","refusal":"no"}`),
		},
		"probabilities that are no JSON in the strict sense": {
			chat.Choice{Parts: []chat.Part{{Text: "a"}}, LogProbs: jsontext.Value(`{"content":[{"a":1,"a":2}]}`)},
			"completed", "", message("msg_7_0", "completed", text("a")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &chat.Answer{ID: "resp_7", Model: "m", Created: 1700000000, Usage: someUsage, Choices: []chat.Choice{test.choice, {Parts: []chat.Part{{Text: "other"}}}}}
			got := asJSON(t, Decoder{}.AppendAnswer(nil, a)).(map[string]any)
			want := asJSON(t, []byte(`{"id":"resp_7","object":"response","created_at":1700000000,"status":"`+test.wantStatus+`","error":null,
			  "incomplete_details":null,"model":"m","output":[`+test.wantOutput+`],"usage":`+someUsageJSON+`,"access_programs":null,
			  "background":false,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},"parallel_tool_calls":true,
			  "previous_response_id":null,"prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},"safety_identifier":null,
			  "service_tier":null,"store":false,"temperature":null,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto",
			  "tools":[],"top_logprobs":0,"top_p":null,"truncation":"disabled","user":null}`)).(map[string]any)
			if test.wantReason != "" {
				want["incomplete_details"] = map[string]any{"reason": test.wantReason}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnAnswerWithoutChoicesOrUsage(t *testing.T) {
	got := asJSON(t, Decoder{}.AppendAnswer(nil, &chat.Answer{ID: "chatcmpl-1", Echo: jsontext.Value(`{"metadata":{"a":"b"}}`)}))
	want := asJSON(t, []byte(`{"id":"resp_chatcmpl-1","object":"response","created_at":0,"status":"completed","error":null,"incomplete_details":null,
	  "model":"","output":[],"usage":null,"metadata":{"a":"b"}}`))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// recorded is a response in the shape of the reference, with items and fields that nobody asked for.
const recorded = `{"id":"resp_9","object":"response","created_at":1741476777,"status":"completed","completed_at":1741476778,"background":false,
  "error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"gpt-5-2025","output":[
  {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"**A**"},{"type":"summary_text","text":"**B**"}],"encrypted_content":"gAAAA"},
  {"id":"rs_2","type":"reasoning","summary":[],"encrypted_content":"gBBBB"},
  {"id":"rs_3","type":"reasoning","summary":[]},
  {"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search"}},
  {"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[
    {"type":"output_text","text":"Hi","annotations":[],"logprobs":[` + token + `]},{"type":"output_text","text":" there","annotations":[]}]},
  {"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"city\":\"Oslo\"}","call_id":"call_1","name":"weather"}],
  "parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":"medium","summary":"auto"},"store":true,"temperature":1.0,
  "text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":` + someUsageJSON + `,"user":null,"metadata":{}}`

func TestARecordedResponseIsRead(t *testing.T) {
	got, err := Encoder{}.DecodeAnswer([]byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	want := &chat.Answer{ID: "resp_9", Model: "gpt-5-2025", Created: 1741476777, Usage: someUsage, Choices: []chat.Choice{{
		Finish: chat.CalledTools, LogProbs: jsontext.Value(`{"content":[` + token + `],"refusal":null}`),
		Parts: []chat.Part{
			{Kind: chat.Thinking, Text: "**A**\n\n**B**", Signature: "gAAAA"}, {Kind: chat.Redacted, Signature: "gBBBB"}, {Text: "Hi"}, {Text: " there"},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "call_1", Name: "weather", Arguments: `{"city":"Oslo"}`}},
		},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhyAnAnswerEnded(t *testing.T) {
	const refusal = `[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]`
	for name, test := range map[string]struct {
		body string
		want chat.Finish
	}{
		"it was whole":             {`"status":"completed","output":[]`, chat.Stopped},
		"declined":                 {`"status":"completed","output":` + refusal, chat.Declined},
		"at the bound on tokens":   {`"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}`, chat.AtLength},
		"a filter":                 {`"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":` + refusal, chat.Filtered},
		"for a reason not told":    {`"status":"incomplete","incomplete_details":null`, chat.AtLength},
		"for a reason not yet met": {`"status":"incomplete","incomplete_details":{"reason":"new"}`, chat.AtLength},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Encoder{}.DecodeAnswer([]byte(`{"object":"response",` + test.body + `}`))
			if err != nil || a.Choices[0].Finish != test.want || a.Usage.Source != exchange.UsageNone {
				t.Errorf("%+v, %v, want %d", a, err, test.want)
			}
		})
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"no JSON":          {`<html>`, errNoResponse},
		"no object":        {`[]`, errNoResponse},
		"another object":   {`{"object":"chat.completion","status":"completed"}`, errNoResponse},
		"a wrong type":     {`{"object":"response","status":"completed","output":{}}`, errNoResponse},
		"still going on":   {`{"object":"response","status":"in_progress"}`, errUnfinished},
		"a status missing": {`{"object":"response"}`, errUnfinished},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := (Encoder{}).DecodeAnswer([]byte(test.body)); a != nil || !errors.Is(err, test.want) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

func TestAFailedResponseIsTheProvidersError(t *testing.T) {
	_, err := Encoder{}.DecodeAnswer([]byte(`{"object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"}}`))
	var got *exchange.Error
	if !errors.As(err, &got) || got.Status != 429 || got.Message != "slow down" || got.Reason != exchange.ReasonProviderErrorEvent {
		t.Errorf("%v", err)
	}
	_, err = Encoder{}.DecodeAnswer([]byte(`{"object":"response","status":"failed","error":null}`))
	if !errors.As(err, &got) || got.Status != 502 || got.Message == "" {
		t.Errorf("%v", err)
	}
}

func TestWrittenAnswersAreReadBack(t *testing.T) {
	a := &chat.Answer{ID: "resp_1", Model: "m", Created: 5, Usage: someUsage, Choices: []chat.Choice{{
		Finish: chat.CalledTools, LogProbs: jsontext.Value(`{"content":[` + token + `],"refusal":null}`),
		Parts: []chat.Part{
			{Kind: chat.Thinking, Text: "t", Signature: "s"}, {Kind: chat.Redacted, Signature: "r"}, {Text: "a"}, {Text: ""},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f", Arguments: "{}"}},
		},
	}}}
	got, err := Encoder{}.DecodeAnswer(Decoder{}.AppendAnswer(nil, a))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Error(diff)
	}
}

// What an application sends back of an answer means what the answer meant, signatures included.
func TestAnswersComeBackAsInput(t *testing.T) {
	parts := []chat.Part{
		{Kind: chat.Thinking, Text: "t", Signature: "s"}, {Kind: chat.Thinking, Signature: "empty"}, {Kind: chat.Redacted, Signature: "r"},
		{Text: "a", Signature: "x"}, {Text: "b"}, {Kind: chat.Refusal, Text: "no"},
		{Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f", Arguments: "{}"}, Signature: "y"},
		{Kind: chat.Call, Call: &chat.ToolCall{ID: "d", Name: "g", Arguments: "{}"}},
	}
	var answer struct {
		Output json.RawMessage `json:"output"`
	}
	if err := json.Unmarshal(Decoder{}.AppendAnswer(nil, &chat.Answer{ID: "1", Choices: []chat.Choice{{Parts: parts}}}), &answer); err != nil {
		t.Fatal(err)
	}
	var got []chat.Part
	for _, m := range decode(t, `{"input":`+string(answer.Output)+`}`).Messages {
		if m.Role != chat.Assistant {
			t.Errorf("role %d", m.Role)
		}
		for _, p := range m.Parts {
			p.At = ""
			got = append(got, p)
		}
	}
	if diff := cmp.Diff(parts, got); diff != "" {
		t.Error(diff)
	}
}
