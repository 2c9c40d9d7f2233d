// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestFilteredEvents(t *testing.T) {
	const head = `data: {"id":"c","created":7,"model":"m","system_fingerprint":"f","choices":[`
	for name, test := range map[string]struct {
		dialect  exchange.Dialect
		in, want string
	}{
		"a chat's held text goes before the finish, in a chunk of its own": {
			exchange.OpenAI,
			head + `{"index":0,"delta":{"content":"a s"},"logprobs":{"content":[]},"finish_reason":null}],"usage":null}` + "\n\n" + head + `{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}` + "\n\ndata: [DONE]\n\n",
			head + `{"index":0,"delta":{"content":"a "},"logprobs":null,"finish_reason":null}],"usage":null}` + "\n\n" +
				`data: {"id":"c","created":7,"model":"m","system_fingerprint":"f","usage":null,"choices":[{"index":0,"delta":{"content":"s"},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
				head + `{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}` + "\n\ndata: [DONE]\n\n",
		},
		"a chunk with nothing left is left out, one with a role stays": {
			exchange.OpenAI,
			head + `{"index":0,"delta":{"role":"assistant","content":"sec"}}]}` + "\n\n" + head + `{"index":0,"delta":{"content":"ret"},"finish_reason":null}]}` + "\n\n" + head + `{"index":0,"delta":{"content":"-word!"}}]}` + "\n\n",
			head + `{"index":0,"delta":{"role":"assistant","content":""}}]}` + "\n\n" + head + `{"index":0,"delta":{"content":"[hidden]!"}}]}` + "\n\n",
		},
		"a choice that is not held back keeps its log probabilities": {
			exchange.OpenAI,
			head + `{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}},{"index":1,"logprobs":{"content":[{"token":"secret-word"}]},"delta":{"content":"secret-word."}}]}` + "\n\n",
			head + `{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}},{"index":1,"logprobs":null,"delta":{"content":"[hidden]."}}]}` + "\n\n",
		},
		"several pieces of one text in one chunk": {
			exchange.OpenAI,
			head + `{"index":0,"delta":{"content":[{"type":"text","text":"secret-"},{"type":"text","text":"word s"}]},"finish_reason":"stop"}]}` + "\n\n",
			head + `{"index":0,"delta":{"content":[{"type":"text","text":""},{"type":"text","text":"[hidden] s"}]},"finish_reason":"stop"}]}` + "\n\n",
		},
		"a completion": {
			exchange.OpenAI,
			head + `{"index":0,"text":"sec","logprobs":null,"finish_reason":null}]}` + "\n\ndata: [DONE]\n\n",
			`data: {"id":"c","created":7,"model":"m","system_fingerprint":"f","choices":[{"index":0,"text":"sec","logprobs":null,"finish_reason":null}]}` + "\n\ndata: [DONE]\n\n",
		},
		"an event in several lines, with fields of others": {
			exchange.OpenAI,
			": hello\r\nid: 1\r\ndata: {\"choices\":[{\"index\":0,\r\ndata:\"delta\":{\"content\":\"secret-word.\"}}]}\r\nretry: 1\r\n\r\n: bye\n\n",
			": hello\r\nid: 1\r\ndata: {\"choices\":[{\"index\":0, \"delta\":{\"content\":\"[hidden].\"}}]}\nretry: 1\r\n\r\n: bye\n\n",
		},
		"an event in lines that end in CR": {exchange.Spark, "event: delta\rdata: {\"text\":\"secret-word.\"}\r\r", "event: delta\rdata: {\"text\":\"[hidden].\"}\r\r"},
		"what is no JSON passes":           {exchange.OpenAI, "data: {\"choices\":[{\"delta\":{\"content\":\"secret-word\"\n\ndata: secret-word\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"secret-word\"\n\ndata: secret-word\n\n"},
		"a thought keeps its signature": {
			exchange.Anthropic,
			named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"s"}}`) + named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"secret-word"}}`) + named("content_block_stop", `{"type":"content_block_stop","index":0}`),
			named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"secret-word"}}`) + named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"s"}}`) + named("content_block_stop", `{"type":"content_block_stop","index":0}`),
		},
		"what comes whole within a block": {
			exchange.Anthropic,
			named("content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"bash_code_execution_tool_result","tool_use_id":"secret-word","content":{"stdout":"secret-word","content":[]}}}`) + named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"a secret-word","document_index":0}}}`),
			named("content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"bash_code_execution_tool_result","tool_use_id":"secret-word","content":{"stdout":"[hidden]","content":[]}}}`) + named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"a [hidden]","document_index":0}}}`),
		},
		"the gateway's own error event, and its number": {
			exchange.Responses,
			named("response.output_text.delta", `{"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"se","sequence_number":7,"obfuscation":"x"}`) + named("error", `{"type":"error","sequence_number":8,"message":"no"}`),
			named("response.output_text.delta", `{"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"se","logprobs":[],"sequence_number":7}`) + named("error", `{"type":"error","sequence_number":8,"message":"no"}`),
		},
		"items and sounds of a response": {
			exchange.Responses,
			named("response.output_audio.delta", `{"type":"response.output_audio.delta","delta":"secret-word","sequence_number":1}`) + named("response.output_item.done", `{"type":"response.output_item.done","output_index":2,"item":{"type":"custom_tool_call","input":"secret-word","name":"secret-word"},"sequence_number":2}`),
			named("response.output_audio.delta", `{"type":"response.output_audio.delta","delta":"secret-word","sequence_number":1}`) + named("response.output_item.done", `{"type":"response.output_item.done","output_index":2,"item":{"type":"custom_tool_call","input":"[hidden]","name":"secret-word"},"sequence_number":2}`),
		},
		"an item that ends without a word of its text": {
			exchange.Responses,
			named("response.output_text.delta", `{"type":"response.output_text.delta","output_index":3,"content_index":0,"delta":"se","sequence_number":1}`) + named("response.output_item.done", `{"type":"response.output_item.done","output_index":3,"item":{},"sequence_number":2}`),
			named("response.output_text.delta", `{"type":"response.output_text.delta","output_index":3,"content_index":0,"delta":"se","logprobs":[],"sequence_number":1}`) + named("response.output_item.done", `{"type":"response.output_item.done","output_index":3,"item":{},"sequence_number":2}`),
		},
		"an error without a number": {
			exchange.Responses,
			named("response.output_text.delta", `{"type":"response.output_text.delta","delta":"a se","sequence_number":1}`) + named("error", `{"type":"error","message":"no"}`),
			named("response.output_text.delta", `{"type":"response.output_text.delta","delta":"a ","sequence_number":1}`) + named("response.output_text.delta", `{"type":"response.output_text.delta","delta":"se","logprobs":[],"sequence_number":2}`) + named("error", `{"type":"error","message":"no"}`),
		},
		"a text that comes whole in a block stays there": {
			exchange.Anthropic,
			named("content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"mcp_tool_result","content":[{"type":"text","text":"sec"}]}}`) + named("content_block_stop", `{"type":"content_block_stop","index":1}`),
			named("content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"mcp_tool_result","content":[{"type":"text","text":"sec"}]}}`) + named("content_block_stop", `{"type":"content_block_stop","index":1}`),
		},
		"pieces of two calls in one chunk": {
			exchange.OpenAI,
			head + `{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"se"}},{"index":1,"function":{"arguments":"sec"}}]}}]}` + "\n\n" + head + `{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"ret-word."}}]}}]}` + "\n\n",
			head + `{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"se"}},{"index":1,"function":{"arguments":""}}]}}]}` + "\n\n" + head + `{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"[hidden]."}}]}}]}` + "\n\n",
		},
		"a last event without its blank line": {exchange.Spark, "event: delta\ndata: {\"text\":\"x s\"}", "event: delta\ndata: {\"text\":\"x \"}\n\nevent: delta\ndata: {\"text\":\"s\"}\n\n"},
		"Gemini's error in no framing": {
			exchange.Gemini,
			`data: {"candidates":[{"content":{"parts":[{"text":"se"}]}}],"modelVersion":"m"}` + "\n\n" + `{"error":{"code":500}}`,
			`data: {"candidates":[{"content":{"parts":[{"text":""}]}}],"modelVersion":"m"}` + "\n\n" + `data: {"modelVersion":"m","candidates":[{"content":{"parts":[{"text":"se"}],"role":"model"},"index":0}]}` + "\n\n" + `{"error":{"code":500}}`,
		},
		"what Gemini's answer rests on": {
			exchange.Gemini,
			`data: {"candidates":[{"content":{"parts":[{"text":"secret-word."},{"executableCode":{"code":"secret-word"}},{"codeExecutionResult":{"output":"secret-word"}}]},"groundingMetadata":{"groundingSupports":[{"segment":{"text":"secret-word"}}]},"logprobsResult":{"x":1}}]}` + "\n\n",
			`data: {"candidates":[{"content":{"parts":[{"text":"[hidden]."},{"executableCode":{"code":"[hidden]"}},{"codeExecutionResult":{"output":"[hidden]"}}]},"groundingMetadata":{"groundingSupports":[{"segment":{"text":"[hidden]"}}]},"logprobsResult":null}]}` + "\n\n",
		},
	} {
		got := filtered(test.dialect, false, opener, test.in)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is held back is told in the form that its pieces came in.
func TestHeldTextKeepsItsForm(t *testing.T) {
	for _, delta := range []string{
		`"content":"s"`, `"reasoning":"s"`, `"reasoning_content":"s"`, `"refusal":"s"`, `"reasoning_details":[{"index":2,"type":"reasoning.text","text":"s"}]`,
		`"function_call":{"arguments":"s"}`, `"audio":{"transcript":"s"}`, `"tool_calls":[{"index":3,"custom":{"input":"s"}}]`,
		`"tool_calls":[{"index":4,"function":{"arguments":"s"}}]`, `"content":[{"type":"thinking","thinking":[{"type":"text","text":"s"}]}]`,
	} {
		chunk := `data: {"id":"c","choices":[{"index":1,"delta":{` + delta + `},"logprobs":null,"finish_reason":null}]}` + "\n\n"
		got := filtered(exchange.OpenAI, false, opener, chunk, "data: {\"error\":{\"message\":\"no\"}}\n\n")
		if !strings.HasSuffix(got, chunk+"data: {\"error\":{\"message\":\"no\"}}\n\n") {
			t.Errorf("%s became %s", chunk, got)
		}
	}
}

// Readers take a text for whole when a choice goes on with certain others.
func TestTextsEndWhereReadersTakeThemForWhole(t *testing.T) {
	chunk := func(delta string) string {
		return `data: {"id":"c","choices":[{"index":0,"delta":{` + delta + `},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	}
	call := func(index, arguments string) string {
		return `"tool_calls":[{"index":` + index + `,"function":{"arguments":"` + arguments + `"}}]`
	}
	for name, test := range map[string]struct{ in, want string }{
		"a thought before the answer": {chunk(`"reasoning":"s"`) + chunk(`"content":"x"`), chunk(`"reasoning":"s"`) + chunk(`"content":"x"`)},
		"not before nothing":          {chunk(`"reasoning":"s"`) + chunk(`"content":""`) + chunk(`"reasoning":"!"`), chunk(`"content":""`) + chunk(`"reasoning":"s!"`)},
		"the answer before a call":    {chunk(`"content":"s"`) + chunk(call("0", "")), chunk(`"content":"s"`) + chunk(call("0", ""))},
		"a call before the next":      {chunk(call("0", "s")) + chunk(call("1", "")) + chunk(call("1", "x")), chunk(call("0", "s")) + chunk(call("1", "")) + chunk(call("1", "x"))},
		"a call before the answer":    {chunk(call("0", "s")) + chunk(`"content":"x"`), chunk(call("0", "s")) + chunk(`"content":"x"`)},
		"the thought and the answer in one chunk": {
			chunk(`"reasoning":"s","content":"x s"`) + chunk(`"content":"!"`), chunk(`"reasoning":"s","content":"x "`) + chunk(`"content":"s!"`),
		},
		"the answer and a refusal go on": {chunk(`"content":"s"`) + chunk(`"refusal":"x"`) + chunk(`"content":"!"`), chunk(`"refusal":"x"`) + chunk(`"content":"s!"`)},
	} {
		if diff := cmp.Diff(test.want, filtered(exchange.OpenAI, false, opener, test.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFilteredArrays(t *testing.T) {
	element := func(text string) string {
		return `{"candidates":[{"content":{"parts":[{"text":` + text + `}],"role":"model"},"index":0}]}`
	}
	for name, test := range map[string]struct{ in, want string }{
		"text held at the end":      {"[" + element(`"se"`) + ",\n" + element(`"c"`) + "]", "[" + element(`""`) + ",\n" + element(`""`) + ",\n" + element(`"sec"`) + "]"},
		"an array that stays open":  {"[" + element(`"se"`), "[" + element(`""`) + ",\n" + element(`"se"`)},
		"an error after held text":  {"[" + element(`"se"`) + ",\n" + `{"error":{"code":1}}`, "[" + element(`""`) + ",\n" + element(`"se"`) + ",\n" + `{"error":{"code":1}}`},
		"nothing":                   {"[]", "[]"},
		"what is no array":          {"[nonsense", "[nonsense"},
		"signs of life between two": {"[" + element(`"a"`) + "\n\n," + element(`"b"`) + "]", "[" + element(`"a"`) + "\n\n," + element(`"b"`) + "]"},
	} {
		if diff := cmp.Diff(test.want, filtered(exchange.Gemini, true, opener, test.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTheZeroStreamFilterPassesEverything(t *testing.T) {
	var s StreamFilter
	const stream = "data: {\"choices\":[{\"delta\":{\"content\":\"secret-word\"}}]}\n\n"
	if got := string(s.Close(s.Write(nil, []byte(stream)))); got != stream {
		t.Errorf("got %q", got)
	}
}

func TestChannelsAreTold(t *testing.T) {
	for name, test := range map[string]struct {
		dialect exchange.Dialect
		event   string
		want    []Channel
	}{
		"a chat": {exchange.OpenAI, chunkOf(`{"index":2,"delta":{"content":"a","reasoning_content":"b","tool_calls":[{"index":1,"function":{"arguments":"c"}}],"refusal":"d"}}`),
			[]Channel{{VoiceContent, 2, 0}, {VoiceReasoning, 2, 0}, {VoiceArguments, 2, 1}, {VoiceRefusal, 2, 0}}},
		"a call without an index":      {exchange.OpenAI, chunkOf(`{"delta":{"tool_calls":[{"function":{"arguments":"a"}},{"function":{"arguments":"b"}}]}}`), []Channel{{VoiceArguments, 0, 0}, {VoiceArguments, 0, 1}}},
		"a block":                      {exchange.Anthropic, `data: {"delta":{"thinking":"a"},"index":4}` + "\n\n", []Channel{{VoiceReasoning, 4, 0}}},
		"a part of an item":            {exchange.Responses, `data: {"content_index":5,"delta":"a","type":"response.refusal.delta","output_index":4}` + "\n\n", []Channel{{VoiceRefusal, 4, 5}}},
		"a summary's part":             {exchange.Responses, `data: {"type":"response.reasoning_summary_text.delta","summary_index":1,"delta":"a"}` + "\n\n", []Channel{{VoiceReasoning, 0, 1}}},
		"code":                         {exchange.Responses, `data: {"type":"response.code_interpreter_call_code.delta","delta":"a","output_index":1}` + "\n\n", []Channel{{VoiceArguments, 1, 0}}},
		"the texts of an item":         {exchange.Responses, `data: {"type":"response.output_item.done","output_index":1,"item":{"content":[{"text":"a"},{"refusal":"b"}]}}` + "\n\n", []Channel{{VoiceContent, 1, 0}, {VoiceRefusal, 1, 1}}},
		"the texts of a response":      {exchange.Responses, `data: {"type":"response.completed","response":{"output":[{"summary":[{"text":"a"}]},{"arguments":"b"}],"output_text":"c"}}` + "\n\n", []Channel{{VoiceReasoning, 0, 0}, {VoiceArguments, 1, 0}, {VoiceContent, 0, 0}}},
		"a candidate":                  {exchange.Gemini, `data: {"candidates":[{"content":{"parts":[{"text":"a","thought":true},{"text":"b"},{"functionCall":{"args":{"x":"c"}}}]},"index":3}]}` + "\n\n", []Channel{{VoiceReasoning, 3, 0}, {VoiceContent, 3, 0}, {VoiceArguments, 3, 2}}},
		"candidates without an index":  {exchange.Gemini, `data: {"candidates":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}` + "\n\n", []Channel{{VoiceContent, 0, 0}, {VoiceContent, 1, 0}}},
		"members of other types":       {exchange.OpenAI, chunkOf(`{"index":"x","delta":{"content":1,"refusal":{"a":"b"},"tool_calls":{"function":{"arguments":"a"}}}},7,null`), []Channel{{VoiceArguments, 0, 0}}},
		"choices that are none":        {exchange.OpenAI, `data: {"choices":{"delta":{"content":"a"}}}` + "\n\n", nil},
		"a response that is none":      {exchange.Responses, `data: {"response":"a","output":"b","type":1}` + "\n\n", nil},
		"candidates that are none":     {exchange.Gemini, `data: {"candidates":{"a":"b"}}` + "\n\n" + `data: {"candidates":[1,{"content":[],"finishReason":null}]}` + "\n\n", nil},
		"a key with escapes":           {exchange.Anthropic, `data: {"delta":{"t\u0065xt":"a"},"index":0}` + "\n\n", []Channel{{VoiceContent, 0, 0}}},
		"a segment of a transcript":    {exchange.OpenAI, `data: {"text":"a","type":"transcript.text.segment","speaker":"b"}` + "\n\n", []Channel{{VoiceContent, 0, 0}}},
		"arguments as an object":       {exchange.OpenAI, chunkOf(`{"message":{"tool_calls":[{"function":{"arguments":{"type":"a","index":"b"}}}]}}`), []Channel{{VoiceArguments, 0, 0}, {VoiceArguments, 0, 0}}},
		"no texts in sounds or images": {exchange.Responses, `data: {"type":"response.image_generation_call.partial_image","partial_image_b64":"a"}` + "\n\n" + `data: {"type":"response.audio.delta","delta":"a"}` + "\n\n", nil},
	} {
		var got []Channel
		filtered(test.dialect, false, func(c Channel) TextFilter {
			got = append(got, c)
			return same{}
		}, test.event)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTooManyTextsAreWithheld(t *testing.T) {
	var s StreamFilter
	s.Reset(exchange.OpenAI, false, opener)
	var out []byte
	for i := range maxChannels {
		out = s.Write(out[:0], fmt.Appendf(nil, "data: {\"choices\":[{\"index\":%d,\"delta\":{\"content\":\"s\"}}]}\n\n", i))
	}
	if s.Full() {
		t.Fatal("it is full too early")
	}
	out = s.Write(out[:0], []byte("data: {\"choices\":[{\"index\":256,\"delta\":{\"role\":\"assistant\",\"content\":\"one more\"}}]}\n\n"))
	if diff := cmp.Diff("data: {\"choices\":[{\"index\":256,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n", string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !s.Full() {
		t.Error("it is not full")
	}
	if s.Reset(exchange.OpenAI, false, opener); s.Full() {
		t.Error("it is full after Reset")
	}
	if got := string(s.Close(nil)); got != "" {
		t.Errorf("Reset left %q", got)
	}
}

// Texts that ended make room for others.
func TestEndedTextsMakeRoom(t *testing.T) {
	var s StreamFilter
	s.Reset(exchange.Anthropic, false, opener)
	for i := range 3 * maxChannels {
		s.Write(nil, fmt.Appendf(nil, "data: {\"type\":\"content_block_delta\",\"index\":%d,\"delta\":{\"text\":\"s\"}}\n\ndata: {\"type\":\"content_block_stop\",\"index\":%d}\n\n", i, i))
	}
	if s.Full() || len(s.channels) > 0 {
		t.Errorf("full: %v, %d channels are open", s.Full(), len(s.channels))
	}
}

// A filter that is used again does not keep what one large event needed.
func TestResetLetsGoOfLargeEvents(t *testing.T) {
	var s StreamFilter
	s.Reset(exchange.Spark, false, opener)
	s.Write(nil, []byte("data: {\"text\":\"\\n"+strings.Repeat("a", 1<<20)+"secret-word.\"}\n\n"))
	if cap(s.text) < 1<<20 || cap(s.scratch) < 1<<20 {
		t.Fatalf("the event took %d and %d bytes", cap(s.text), cap(s.scratch))
	}
	s.Reset(exchange.Spark, false, opener)
	if held := cap(s.text) + cap(s.scratch) + cap(s.lines) + cap(s.rest); held > 256<<10 || s.b != nil {
		t.Errorf("%d bytes are held", held)
	}
}
