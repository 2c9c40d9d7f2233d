// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func write(events ...chat.Event) string {
	w := Decoder{}.NewWriter(&chat.Request{Stream: true}, chat.Meta{ID: "msg_meta", Model: "asked"})
	var out []byte
	for i := range events {
		out = w.Write(out, &events[i])
	}
	return string(out)
}

// stream frames events given as name and data, one after the other.
func stream(lines ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(lines); i += 2 {
		b.WriteString("event: " + lines[i] + "\ndata: " + lines[i+1] + "\n\n")
	}
	return b.String()
}

const (
	wantStart = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,` +
		`"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}`
	wantStop = `{"type":"message_stop"}`
)

func wantDelta(reason string) string {
	return `{"type":"message_delta","delta":{"stop_reason":"` + reason + `","stop_sequence":null},` +
		`"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}`
}

func TestWriter(t *testing.T) {
	reported := exchange.Usage{Prompt: 30, Cached: 3, CacheWritten: 2, Completion: 15, Reasoning: 4, Total: 45, Source: exchange.UsageReported}
	for name, test := range map[string]struct {
		events []chat.Event
		want   string
	}{
		"a text whose usage is known late": {
			[]chat.Event{began(), part(chat.Part{}), text("h\"i\n"), text(""), text("😀"), partEnded(), finished(chat.Stopped), used(reported), ended()},
			stream(
				"message_start", wantStart,
				"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
				"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"h\"i\n"}}`,
				"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"😀"}}`,
				"content_block_stop", `{"type":"content_block_stop","index":0}`,
				"message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":25,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":15,"output_tokens_details":{"thinking_tokens":4}}}`,
				"message_stop", wantStop,
			),
		},
		"usage that is known first": {
			[]chat.Event{used(exchange.Usage{Prompt: 30, Cached: 3}), {Kind: chat.Began}},
			stream("message_start", `{"type":"message_start","message":{"id":"msg_meta","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":null,"stop_sequence":null,`+
				`"usage":{"input_tokens":27,"cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":0}}}`),
		},
		"thoughts and calls": {
			[]chat.Event{
				began(), part(chat.Part{Kind: chat.Thinking}), text("hm"), signed("EqQB"), partEnded(),
				part(chat.Part{Kind: chat.Redacted}), text("unseen"), signed("EmwK"), text("unseen"), signed("again"), partEnded(),
				part(chat.Part{Kind: chat.Redacted}), partEnded(),
				calling("toolu_1", "weather"), text(`{"city":`), text(`"Lyon"}`), signed("of another provider"), partEnded(),
				part(chat.Part{Kind: chat.Call}), partEnded(),
				finished(chat.Stopped), ended(),
			},
			stream(
				"message_start", wantStart,
				"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
				"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`,
				"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`,
				"content_block_stop", `{"type":"content_block_stop","index":0}`,
				"content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwK"}}`,
				"content_block_stop", `{"type":"content_block_stop","index":1}`,
				"content_block_start", `{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}`,
				"content_block_delta", `{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}`,
				"content_block_delta", `{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\"Lyon\"}"}}`,
				"content_block_stop", `{"type":"content_block_stop","index":2}`,
				"content_block_start", `{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"","name":"","input":{}}}`,
				"content_block_stop", `{"type":"content_block_stop","index":3}`,
				"message_delta", wantDelta("tool_use"), "message_stop", wantStop,
			),
		},
		"a refusal": {
			[]chat.Event{began(), part(chat.Part{Kind: chat.Refusal}), text("No."), partEnded(), finished(chat.Stopped), ended()},
			stream(
				"message_start", wantStart,
				"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
				"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"No."}}`,
				"content_block_stop", `{"type":"content_block_stop","index":0}`,
				"message_delta", wantDelta("refusal"), "message_stop", wantStop,
			),
		},
		"a stop sequence": {
			[]chat.Event{began(), {Kind: chat.Finished, Finish: chat.AtStop, StopSequence: "END"}, ended()},
			stream("message_start", wantStart, "message_delta", strings.Replace(wantDelta("stop_sequence"), "null", `"END"`, 1), "message_stop", wantStop),
		},
		"other choices": {
			[]chat.Event{
				began(), {Kind: chat.PartBegan, Choice: 1}, {Kind: chat.Delta, Choice: 1, Text: "unseen"}, {Kind: chat.PartEnded, Choice: 1},
				{Kind: chat.Finished, Choice: 1, Finish: chat.AtLength}, finished(chat.Stopped), ended(),
			},
			stream("message_start", wantStart, "message_delta", wantDelta("end_turn"), "message_stop", wantStop),
		},
		"a failure": {
			[]chat.Event{began(), part(chat.Part{}), text("hi"), {Kind: chat.Failed, Err: &exchange.Error{Status: 529, Message: "Overloaded"}}},
			stream(
				"message_start", wantStart,
				"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
				"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}`,
				"error", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`,
			),
		},
		"nothing after what broke off": {
			[]chat.Event{began()}, stream("message_start", wantStart),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, write(test.events...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStreamIsTheSameAfterBothWays(t *testing.T) {
	reported := exchange.Usage{Prompt: 9, Completion: 5, Total: 14, Source: exchange.UsageReported}
	want := []chat.Event{
		began(), used(exchange.Usage{Source: exchange.UsageReported}),
		part(chat.Part{Kind: chat.Thinking}), text("hm"), signed("s"), partEnded(),
		part(chat.Part{Kind: chat.Redacted}), signed("r"), partEnded(),
		part(chat.Part{}), text("é\x7f"), text("\u2028"), partEnded(),
		calling("1", "f"), text(`{"a"`), text(`:1}`), partEnded(),
		finished(chat.CalledTools), used(reported), ended(),
	}
	r := Encoder{}.NewReader()
	var got []chat.Event
	for _, block := range strings.Split(strings.TrimSuffix(write(want...), "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
		if !ok || strings.ContainsAny(data, "\r\n") {
			t.Fatalf("%q is no event", block)
		}
		var err error
		if got, err = r.Read(got, []byte(name), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.End(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkWriterDelta(b *testing.B) {
	w := Decoder{}.NewWriter(&chat.Request{}, chat.Meta{})
	w.Write(nil, &chat.Event{Kind: chat.PartBegan})
	e, out := text("lorem ipsum "), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		out = w.Write(out[:0], &e)
	}
}
