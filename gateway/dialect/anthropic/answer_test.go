// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAppendAnswer(t *testing.T) {
	const noUsage = `"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}`
	one := func(c chat.Choice) chat.Answer {
		return chat.Answer{ID: "msg_1", Model: "m", Choices: []chat.Choice{c}}
	}
	text := []chat.Part{{Text: "hi"}}
	for name, test := range map[string]struct {
		answer chat.Answer
		want   string
	}{
		"a text, with usage": {
			chat.Answer{
				ID: "msg_1", Model: "m", Choices: []chat.Choice{{Parts: text, Finish: chat.Stopped}},
				Usage: exchange.Usage{Prompt: 100, Cached: 30, CacheWritten: 20, Completion: 7, Total: 107, Reasoning: 3, Source: exchange.UsageReported},
			},
			`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,
				"usage":{"input_tokens":50,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":7,"output_tokens_details":{"thinking_tokens":3}}}`,
		},
		"nothing": {
			chat.Answer{},
			`{"id":"","type":"message","role":"assistant","model":"","content":[],"stop_reason":"end_turn","stop_sequence":null,` + noUsage + `}`,
		},
		"an empty text": {
			one(chat.Choice{Parts: []chat.Part{{Text: ""}}, Finish: chat.AtLength}),
			`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"max_tokens","stop_sequence":null,` + noUsage + `}`,
		},
		"thoughts and calls": {
			one(chat.Choice{Finish: chat.CalledTools, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "hm"},
				{Kind: chat.Thinking, Text: "", Signature: "sig"},
				{Kind: chat.Redacted, Signature: "opaque"},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: `{"a":[1]}`}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "2", Name: "f"}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "3", Name: "f", Arguments: `{"a"`}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "4", Name: "f", Arguments: `{"a":1,"a":2}`}},
			}}),
			`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[
				{"type":"thinking","thinking":"hm","signature":""},{"type":"thinking","thinking":"","signature":"sig"},{"type":"redacted_thinking","data":"opaque"},
				{"type":"tool_use","id":"1","name":"f","input":{"a":[1]}},{"type":"tool_use","id":"2","name":"f","input":{}},
				{"type":"tool_use","id":"3","name":"f","input":"{\"a\""},{"type":"tool_use","id":"4","name":"f","input":"{\"a\":1,\"a\":2}"}],
				"stop_reason":"tool_use","stop_sequence":null,` + noUsage + `}`,
		},
		"a refusal": {
			one(chat.Choice{Finish: chat.Stopped, Parts: []chat.Part{{Kind: chat.Refusal, Text: "No."}}}),
			`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"No."}],"stop_reason":"refusal","stop_sequence":null,` + noUsage + `}`,
		},
		"a stop sequence": {
			one(chat.Choice{Finish: chat.AtStop, StopSequence: "END", Parts: text}),
			`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"stop_sequence","stop_sequence":"END",` + noUsage + `}`,
		},
		"more cached than there was": {
			chat.Answer{Usage: exchange.Usage{Prompt: 10, Cached: 30}},
			`{"id":"","type":"message","role":"assistant","model":"","content":[],"stop_reason":"end_turn","stop_sequence":null,
				"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":30,"output_tokens":0}}`,
		},
		"only the first of several": {
			chat.Answer{ID: "msg_1", Model: "m", Choices: []chat.Choice{{Parts: text, Finish: chat.Stopped}, {Parts: []chat.Part{{Text: "ho"}}}}},
			`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,` + noUsage + `}`,
		},
	} {
		t.Run(name, func(t *testing.T) { sameJSON(t, test.want, Decoder{}.AppendAnswer(nil, &test.answer)) })
	}
}

func TestEveryEndHasItsWord(t *testing.T) {
	for finish, want := range map[chat.Finish]string{
		chat.Unfinished: "end_turn", chat.Stopped: "end_turn", chat.AtStop: "stop_sequence", chat.AtLength: "max_tokens",
		chat.CalledTools: "tool_use", chat.Filtered: "refusal", chat.Declined: "refusal", chat.Paused: "pause_turn",
	} {
		if got := stopReason(finish, false, false); got != want {
			t.Errorf("%d is %q, want %q", finish, got, want)
		}
	}
	for reason, want := range map[string]chat.Finish{
		"end_turn": chat.Stopped, "stop_sequence": chat.AtStop, "max_tokens": chat.AtLength, "model_context_window_exceeded": chat.AtLength,
		"tool_use": chat.CalledTools, "refusal": chat.Declined, "pause_turn": chat.Paused, "of a later version": chat.Stopped,
	} {
		if got := finishOf(reason); got != want {
			t.Errorf("%q is %d, want %d", reason, got, want)
		}
	}
	if got := stopReason(chat.Stopped, false, true); got != "tool_use" {
		t.Errorf("stopped after a call is %q", got)
	}
	if got := stopReason(chat.AtLength, true, true); got != "max_tokens" {
		t.Errorf("cut after a call is %q", got)
	}
}

func TestDecodeAnswer(t *testing.T) {
	const text = `{"id":"msg_013Zva","type":"message","role":"assistant","model":"claude-opus-5-5","container":null,"stop_details":null,
		"content":[
			{"type":"thinking","thinking":"Let me see.","signature":"EqQB"},
			{"type":"redacted_thinking","data":"EmwK"},
			{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}},
			{"type":"text","text":"Paris","citations":null},
			{"type":"tool_use","id":"toolu_01","name":"weather","input":{"city":"Paris"},"caller":{"type":"direct"}},
			{"type":"tool_use","id":"toolu_02","name":"now","input":{}}],
		"stop_reason":"tool_use","stop_sequence":null,
		"usage":{"input_tokens":12,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":40,"output_tokens_details":{"thinking_tokens":15},
			"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":0},"service_tier":"standard","server_tool_use":null}}`
	got, err := Encoder{}.DecodeAnswer([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &chat.Answer{
		ID: "msg_013Zva", Model: "claude-opus-5-5",
		Choices: []chat.Choice{{Finish: chat.CalledTools, Parts: []chat.Part{
			{Kind: chat.Thinking, Text: "Let me see.", Signature: "EqQB"},
			{Kind: chat.Redacted, Signature: "EmwK"},
			{Text: "Paris"},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "toolu_01", Name: "weather", Arguments: `{"city":"Paris"}`}},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "toolu_02", Name: "now", Arguments: `{}`}},
		}}},
		Usage: exchange.Usage{Prompt: 117, Cached: 100, CacheWritten: 5, Completion: 40, Reasoning: 15, Total: 157, Source: exchange.UsageReported},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeAnswerReadsEnds(t *testing.T) {
	got, err := Encoder{}.DecodeAnswer([]byte(`{"type":"message","content":[],"stop_reason":"stop_sequence","stop_sequence":"END"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &chat.Answer{Choices: []chat.Choice{{Finish: chat.AtStop, StopSequence: "END"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeAnswerWantsAMessage(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             ``,
		"no JSON":             `{"type":"message"`,
		"a list":              `[]`,
		"an error":            `{"type":"error","error":{"type":"api_error","message":"m"}}`,
		"no content":          `{"type":"message","stop_reason":"end_turn"}`,
		"content of null":     `{"type":"message","content":null,"stop_reason":"end_turn"}`,
		"no reason to stop":   `{"type":"message","content":[]}`,
		"content of a string": `{"type":"message","content":"hi","stop_reason":"end_turn"}`,
		"a chat completion":   `{"object":"chat.completion","choices":[]}`,
	} {
		if a, err := (Encoder{}).DecodeAnswer([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestAnAnswerIsTheSameAfterBothWays(t *testing.T) {
	want := &chat.Answer{
		ID: "msg_1", Model: "m",
		Choices: []chat.Choice{{Finish: chat.CalledTools, Parts: []chat.Part{
			{Kind: chat.Thinking, Text: "é", Signature: "s"}, {Kind: chat.Redacted, Signature: "r"}, {Text: "a\u2028\"b\""},
			{Kind: chat.Call, Call: &chat.ToolCall{ID: "1", Name: "f", Arguments: `{"x":1.50}`}},
		}}},
		Usage: exchange.Usage{Prompt: 9, Cached: 3, CacheWritten: 2, Completion: 5, Reasoning: 1, Total: 14, Source: exchange.UsageReported},
	}
	got, err := Encoder{}.DecodeAnswer(Decoder{}.AppendAnswer(nil, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUsageIsCumulative(t *testing.T) {
	var u exchange.Usage
	for _, step := range []struct {
		report usage
		want   exchange.Usage
	}{
		{usage{Input: ptr[int64](10), CacheCreation: ptr[int64](4), CacheRead: ptr[int64](6), Output: ptr[int64](1)}, exchange.Usage{Prompt: 20, Cached: 6, CacheWritten: 4, Completion: 1, Total: 21}},
		{usage{Output: ptr[int64](9)}, exchange.Usage{Prompt: 20, Cached: 6, CacheWritten: 4, Completion: 9, Total: 29}},
		{usage{Output: ptr[int64](12), Details: &outputDetails{Thinking: 99}}, exchange.Usage{Prompt: 20, Cached: 6, CacheWritten: 4, Completion: 12, Reasoning: 12, Total: 32}},
		{usage{Input: ptr[int64](11), CacheRead: ptr[int64](0)}, exchange.Usage{Prompt: 15, CacheWritten: 4, Completion: 12, Reasoning: 12, Total: 27}},
		{usage{Input: ptr[int64](-5), CacheCreation: ptr[int64](1 << 62), Output: ptr[int64](1 << 62)}, exchange.Usage{Prompt: most, CacheWritten: most, Completion: most, Reasoning: 12, Total: 2 * most}},
	} {
		step.report.update(&u)
		step.want.Source = exchange.UsageReported
		if diff := cmp.Diff(step.want, u); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCounts(t *testing.T) {
	sameJSON(t, `{"input_tokens":2095}`, AppendCount(nil, 2095))
	sameJSON(t, `{"input_tokens":0}`, AppendCount(nil, 0))
	if n, err := ReadCount([]byte(`{"input_tokens":2095,"context_management":{"original_input_tokens":1}}`)); n != 2095 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, text := range []string{``, `{}`, `{"input_tokens":null}`, `{"input_tokens":"3"}`, `{"input_tokens":-1}`, `{"input_tokens":1.5}`, `{"totalTokens":3}`} {
		if n, err := ReadCount([]byte(text)); err == nil {
			t.Errorf("%s: %d", text, n)
		}
	}
}
