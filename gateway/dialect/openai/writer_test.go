// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var meta = chat.Meta{ID: "chatcmpl-1", Model: "m", Created: 1700000000}

// write renders events and gives the data of each, without what all chunks begin with.
func write(t *testing.T, r *chat.Request, events []chat.Event) []string {
	t.Helper()
	w := Decoder{}.NewWriter(r, meta)
	var out []byte
	for i := range events {
		out = w.Write(out, &events[i])
	}
	text := string(out)
	if text != "" && !strings.HasSuffix(text, "\n\n") {
		t.Fatalf("%q does not end an event", text)
	}
	var data []string
	for event := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		line, ok := strings.CutPrefix(event, "data: ")
		if !ok || strings.Contains(line, "\n") {
			t.Fatalf("%q is no event with data in a line", event)
		}
		data = append(data, strings.Replace(line, head, "", 1))
	}
	return data
}

const head = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",`

// step is a chunk with one choice.
func step(index, delta, finish string) string {
	return `"choices":[{"index":` + index + `,"delta":` + delta + `,"logprobs":null,"finish_reason":` + finish + `}]}`
}

// whole are the events of a stream that says some things.
func whole(events ...chat.Event) []chat.Event {
	return append(append([]chat.Event{{Kind: chat.Began}}, events...), chat.Event{Kind: chat.Ended})
}

func begun(kind chat.PartKind) chat.Event {
	return chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: kind}}
}

func called(id, name string) chat.Event {
	return chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: name}}}
}

func more(text string) chat.Event   { return chat.Event{Kind: chat.Delta, Text: text} }
func signed(text string) chat.Event { return chat.Event{Kind: chat.Signed, Text: text} }

var (
	ended    = chat.Event{Kind: chat.PartEnded}
	stopped  = chat.Event{Kind: chat.Finished, Finish: chat.Stopped}
	forTools = chat.Event{Kind: chat.Finished, Finish: chat.CalledTools}
)

func TestAStreamIsRendered(t *testing.T) {
	first := step("0", `{"role":"assistant","content":""}`, "null")
	for name, test := range map[string]struct {
		events []chat.Event
		want   []string
	}{
		"a text": {
			whole(begun(chat.Text), more("a"), more(""), more("b\n"), ended, stopped),
			[]string{
				first, step("0", `{"content":"a"}`, "null"), step("0", `{"content":"b\n"}`, "null"),
				step("0", `{}`, `"stop"`), "[DONE]",
			},
		},
		"calls, one of them without arguments": {
			whole(called("c1", "f"), more(`{"a"`), more(`:1}`), ended, called("c2", "g"), ended, forTools),
			[]string{
				first,
				step("0", `{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":""}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}`, "null"),
				step("0", `{}`, `"tool_calls"`), "[DONE]",
			},
		},
		"a signed call": {
			whole(called("c1", "f"), more("{}"), signed("s"), ended, forTools),
			[]string{
				first,
				step("0", `{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":0,"extra_content":{"google":{"thought_signature":"s"}}}]}`, "null"),
				step("0", `{}`, `"tool_calls"`), "[DONE]",
			},
		},
		"a call without an ID": {
			whole(called("", "f"), more("{}"), ended, forTools),
			[]string{
				first,
				step("0", `{"tool_calls":[{"index":0,"id":"`+callID("chatcmpl-1", 0, 0)+`","type":"function","function":{"name":"f","arguments":""}}]}`, "null"),
				step("0", `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`, "null"),
				step("0", `{}`, `"tool_calls"`), "[DONE]",
			},
		},
		"a refusal": {
			whole(begun(chat.Refusal), more("no"), ended, chat.Event{Kind: chat.Finished, Finish: chat.Declined}),
			[]string{first, step("0", `{"refusal":"no"}`, "null"), step("0", `{}`, `"stop"`), "[DONE]"},
		},
		"thoughts that nobody signs": {
			whole(begun(chat.Thinking), more("hm"), ended, begun(chat.Text), more("a"), ended, stopped),
			[]string{
				first, step("0", `{"reasoning_content":"hm"}`, "null"), step("0", `{"content":"a"}`, "null"),
				step("0", `{}`, `"stop"`), "[DONE]",
			},
		},
		"signed and redacted thoughts": {
			whole(begun(chat.Thinking), more("h"), more("m"), signed("s"), ended, begun(chat.Redacted), signed("z"), ended,
				begun(chat.Thinking), more("so"), signed("t"), ended, stopped),
			[]string{
				first, step("0", `{"reasoning_content":"h"}`, "null"), step("0", `{"reasoning_content":"m"}`, "null"),
				step("0", `{"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s","index":0}]}`, "null"),
				step("0", `{"reasoning_details":[{"type":"reasoning.encrypted","data":"z","index":1}]}`, "null"),
				step("0", `{"reasoning_content":"so"}`, "null"),
				step("0", `{"reasoning_details":[{"type":"reasoning.text","text":"so","signature":"t","index":2}]}`, "null"),
				step("0", `{}`, `"stop"`), "[DONE]",
			},
		},
		"a signature of a text, for which there is no place": {
			whole(begun(chat.Text), more("a"), signed("s"), ended, stopped),
			[]string{first, step("0", `{"content":"a"}`, "null"), step("0", `{}`, `"stop"`), "[DONE]"},
		},
		"log probabilities": {
			whole(begun(chat.Text), chat.Event{Kind: chat.Delta, Text: "a", LogProbs: jsontext.Value(`{"content":[]}`)}, ended, stopped),
			[]string{
				first, `"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[]},"finish_reason":null}]}`,
				step("0", `{}`, `"stop"`), "[DONE]",
			},
		},
		"two answers": {
			whole(
				begun(chat.Text), more("a"),
				chat.Event{Kind: chat.PartBegan, Choice: 1}, chat.Event{Kind: chat.Delta, Choice: 1, Text: "b"},
				ended, stopped, chat.Event{Kind: chat.PartEnded, Choice: 1},
				chat.Event{Kind: chat.Finished, Choice: 1, Finish: chat.AtLength}),
			[]string{
				first, step("0", `{"content":"a"}`, "null"),
				step("1", `{"role":"assistant","content":""}`, "null"), step("1", `{"content":"b"}`, "null"),
				step("0", `{}`, `"stop"`), step("1", `{}`, `"length"`), "[DONE]",
			},
		},
		"nothing said": {whole(stopped), []string{first, step("0", `{}`, `"stop"`), "[DONE]"}},
		"usage that nobody asked for": {
			whole(stopped, chat.Event{Kind: chat.Used, Usage: exchange.Usage{Prompt: 1, Source: exchange.UsageReported}}),
			[]string{first, step("0", `{}`, `"stop"`), "[DONE]"},
		},
		"a failure, and nothing after it": {
			[]chat.Event{
				{Kind: chat.Began}, begun(chat.Text), more("a"),
				{Kind: chat.Failed, Err: &exchange.Error{Message: "busy", Type: exchange.TypeUpstream, Reason: exchange.ReasonProviderErrorEvent}},
				{Kind: chat.Ended},
			},
			[]string{
				first, step("0", `{"content":"a"}`, "null"),
				`{"error":{"message":"busy","type":"upstream_error","param":null,"code":"upstream_error_event"}}`,
			},
		},
		"a stream that breaks off is not ended": {
			[]chat.Event{{Kind: chat.Began}, begun(chat.Text), more("a")},
			[]string{first, step("0", `{"content":"a"}`, "null")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, write(t, &chat.Request{Stream: true}, test.events)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestUsageThatWasAskedForComesLast(t *testing.T) {
	usage := exchange.Usage{Prompt: 3, Completion: 2, Total: 5, Cached: 1, Reasoning: 1, Source: exchange.UsageReported}
	got := write(t, &chat.Request{Stream: true, IncludeUsage: true}, whole(
		chat.Event{Kind: chat.Used, Usage: exchange.Usage{Prompt: 3, Source: exchange.UsageReported}},
		begun(chat.Text), more("a"), ended, stopped, chat.Event{Kind: chat.Used, Usage: usage}))
	null := func(chunk string) string { return strings.TrimSuffix(chunk, "}") + `,"usage":null}` }
	want := []string{
		null(step("0", `{"role":"assistant","content":""}`, "null")),
		null(step("0", `{"content":"a"}`, "null")),
		null(step("0", `{}`, `"stop"`)),
		`"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,` +
			`"prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}`,
		"[DONE]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = write(t, &chat.Request{Stream: true, IncludeUsage: true}, whole(stopped))
	if len(got) != 3 || strings.Contains(got[1], "prompt_tokens") {
		t.Errorf("usage that is not known: %v", got)
	}
}

func TestAStreamBearsTheProvidersNames(t *testing.T) {
	w := Decoder{}.NewWriter(&chat.Request{}, meta)
	out := w.Write(nil, &chat.Event{Kind: chat.Began, ID: "theirs", Model: "n\"", Created: 5})
	out = w.Write(out, &stopped)
	const want = `data: {"id":"theirs","object":"chat.completion.chunk","created":5,"model":"n\"","choices":[`
	if strings.Count(string(out), want) != 2 {
		t.Errorf("%s", out)
	}
}

func TestAThoughtTooLongToHoldIsShownButNotSigned(t *testing.T) {
	long := strings.Repeat("x", maxThought)
	got := write(t, &chat.Request{}, whole(
		begun(chat.Thinking), more(long), more("y"), more("z"), signed("s"), ended,
		begun(chat.Thinking), more("short"), signed("t"), ended, stopped))
	var details []string
	for _, chunk := range got {
		if strings.Contains(chunk, "reasoning_details") {
			details = append(details, chunk)
		}
	}
	want := []string{step("0", `{"reasoning_details":[{"type":"reasoning.text","text":"short","signature":"t","index":0}]}`, "null")}
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What was streamed comes back the same after it was rendered and read.
func TestAStreamSurvivesARoundTrip(t *testing.T) {
	events := whole(
		begun(chat.Thinking), more("h"), more("m"), ended,
		begun(chat.Text), more("é"), ended, called("c1", "f"), more("{}"), signed("s"), ended, called("c2", "g"), more("{"), ended, forTools,
		chat.Event{Kind: chat.Used, Usage: exchange.Usage{Prompt: 3, Completion: 2, Total: 5, Source: exchange.UsageReported}})
	events[0].ID, events[0].Model, events[0].Created = meta.ID, meta.Model, meta.Created
	r := Encoder{}.NewReader()
	var got []chat.Event
	for _, data := range write(t, &chat.Request{IncludeUsage: true}, events) {
		if data != "[DONE]" {
			data = head + data
		}
		var err error
		if got, err = r.Read(got, nil, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(lines(events), lines(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
