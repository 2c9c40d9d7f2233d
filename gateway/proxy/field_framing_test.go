// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// wireEvent is an event before it is framed: a name, where the wire has names, and JSON or [DONE].
type wireEvent struct{ name, data string }

// wireStream is a stream of each type of provider that says a text in two pieces.
func wireStream(kind config.ProviderType, responses bool, one, two string) []wireEvent {
	quoted := func(text string) string { b, _ := json.Marshal(text); return string(b) }
	one, two = quoted(one), quoted(two)
	switch {
	case responses:
		typed := func(name, members string) wireEvent {
			return wireEvent{name, `{"type":"` + name + `",` + members + `}`}
		}
		place := `"output_index":0,"content_index":0,"item_id":"i"`
		return []wireEvent{
			typed("response.created", `"sequence_number":0,"response":{"id":"resp_1","status":"in_progress"}`),
			typed("response.output_item.added", `"sequence_number":1,"output_index":0,"item":{"type":"message","id":"i","content":[]}`),
			typed("response.content_part.added", `"sequence_number":2,`+place+`,"part":{"type":"output_text","text":""}`),
			typed("response.output_text.delta", `"sequence_number":3,`+place+`,"delta":`+one),
			typed("response.output_text.delta", `"sequence_number":4,`+place+`,"delta":`+two),
			typed("response.completed", `"sequence_number":5,"response":{"id":"resp_1","status":"completed","usage":{"input_tokens":3,"output_tokens":4}}`),
		}
	case kind == config.Anthropic:
		typed := func(name, members string) wireEvent { return wireEvent{name, `{"type":"` + name + `"` + members + `}`} }
		return []wireEvent{
			typed("message_start", `,"message":{"id":"m","usage":{"input_tokens":3,"output_tokens":1}}`),
			typed("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`),
			typed("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":`+one+`}`),
			typed("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":`+two+`}`),
			typed("content_block_stop", `,"index":0`), typed("message_delta", `,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}`),
			typed("message_stop", ""),
		}
	case kind == config.Gemini:
		said := func(text, finish string) wireEvent {
			return wireEvent{"", `{"candidates":[{"content":{"parts":[{"text":` + text + `}],"role":"model"},"index":0` + finish + `}]}`}
		}
		return []wireEvent{said(one, ""), said(two, ""), said(`""`, `,"finishReason":"STOP"`)}
	case kind == config.Bedrock:
		return []wireEvent{
			{"messageStart", `{"role":"assistant"}`}, {"contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":` + one + `}}`},
			{"contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":` + two + `}}`}, {"contentBlockStop", `{"contentBlockIndex":0}`},
			{"messageStop", `{"stopReason":"end_turn"}`}, {"metadata", `{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7}}`},
		}
	case kind == config.Cohere:
		typed := func(name, members string) wireEvent {
			return wireEvent{name, `{"type":"` + name + `",` + members + `}`}
		}
		return []wireEvent{
			typed("message-start", `"id":"m","delta":{"message":{"role":"assistant"}}`),
			typed("content-start", `"index":0,"delta":{"message":{"content":{"type":"text","text":""}}}`),
			typed("content-delta", `"index":0,"delta":{"message":{"content":{"text":`+one+`}}}`),
			typed("content-delta", `"index":0,"delta":{"message":{"content":{"text":`+two+`}}}`), typed("content-end", `"index":0`),
			typed("message-end", `"delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":3,"output_tokens":4}}}`),
		}
	default:
		said := func(delta, finish string) wireEvent {
			return wireEvent{"", `{"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}]}`}
		}
		return []wireEvent{
			said(`{"role":"assistant","content":""}`, "null"), said(`{"content":`+one+`}`, "null"), said(`{"content":`+two+`}`, "null"),
			said("{}", `"stop"`), {"", "[DONE]"},
		}
	}
}

// framings write server-sent events as the standard allows (WHATWG HTML 9.2.6).
var framings = map[string]func(e wireEvent) string{
	"plain": func(e wireEvent) string { return lines(e, "\n", "data: ") },
	"CRLF":  func(e wireEvent) string { return lines(e, "\r\n", "data: ") },
	"data of several lines": func(e wireEvent) string {
		var out bytes.Buffer
		if json.Indent(&out, []byte(e.data), "", "\t") == nil {
			e.data = out.String()
		}
		return lines(e, "\n", "data: ")
	},
	"data of several lines in CRLF": func(e wireEvent) string {
		var out bytes.Buffer
		if json.Indent(&out, []byte(e.data), "", " ") == nil {
			e.data = out.String()
		}
		return lines(e, "\r\n", "data: ")
	},
	"comments":                 func(e wireEvent) string { return ": is it data: {}\n\n:\n" + lines(e, "\n", "data: ") },
	"no space behind a colon":  func(e wireEvent) string { return lines(e, "\n", "data:") },
	"fields that mean nothing": func(e wireEvent) string { return "id: 7\nretry: 10\nodd\n" + lines(e, "\n", "data: ") },
}

func lines(e wireEvent, end, data string) string {
	out := ""
	if e.name != "" {
		out = "event: " + e.name + end
	}
	for line := range strings.SplitSeq(e.data, "\n") {
		out += data + line + end
	}
	return out + end
}

// binary frames an event as AWS does.
func binary(e wireEvent) string {
	message := eventstream.Message{Payload: []byte(e.data)}
	for _, h := range [][2]string{{":event-type", e.name}, {":content-type", "application/json"}, {":message-type", "event"}} {
		message.Headers.Set(h[0], eventstream.StringValue(h[1]))
	}
	var out bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&out, message); err != nil {
		panic(err)
	}
	return out.String()
}

// cut sends bytes in chunks that end at these places.
func cut(kind config.ProviderType, body string, at ...int) *script {
	head := streamHead
	if kind == config.Bedrock {
		head = strings.Replace(head, "text/event-stream", "application/vnd.amazon.eventstream", 1)
	}
	s := &script{pieces: []string{head}}
	from := 0
	for _, to := range append(at, len(body)) {
		if to > from {
			s.pieces = append(s.pieces, fmt.Sprintf("%x\r\n%s\r\n", to-from, body[from:to]))
		}
		from = to
	}
	s.pieces = append(s.pieces, "0\r\n\r\n")
	return s
}

// speaking are the applications, and crossing the types of providers.
var (
	speaking = map[string]wired{
		"chat": chatting, "responses": responding, "anthropic": messaging, "gemini": generating, "gemini array": generating.listed(),
	}
	crossing = []config.ProviderType{config.OpenAI, config.Anthropic, config.Gemini, config.Bedrock, config.Cohere}
)

// everyWire calls f with each application at each type of provider. Same says that bytes pass through.
func everyWire(t *testing.T, f func(t *testing.T, w wired, responses, same bool)) {
	for name, w := range speaking {
		for _, kind := range crossing {
			t.Run(name+" at "+string(kind), func(t *testing.T) {
				responses := kind == config.OpenAI && w.dialect == exchange.Responses
				same := responses || kind == config.OpenAI && w.dialect == exchange.OpenAI ||
					kind == config.Anthropic && w.dialect == exchange.Anthropic || kind == config.Gemini && w.dialect == exchange.Gemini && !w.array
				f(t, w.at(kind), responses, same)
			})
		}
	}
}

// framed is the whole stream in one framing.
func framed(kind config.ProviderType, events []wireEvent, frame func(wireEvent) string) string {
	if kind == config.Bedrock {
		frame = binary
	}
	var all strings.Builder
	for _, e := range events {
		all.WriteString(frame(e))
	}
	return all.String()
}

// told makes the attempt and gives what the application got of a whole stream.
func told(t *testing.T, w wired, s *script) string {
	t.Helper()
	r := w.ask(t, s.dial, false)
	if r.refused != nil || r.relay != nil || r.ex.Outcome != exchange.OK {
		t.Fatalf("%v, %v, %+v: %q", r.refused, r.relay, r.ex, r.out.String())
	}
	return r.out.String()
}

// The characters of the text have one, two, three and four bytes; one is made of several code points.
const manyBytes = "a é 日 🙂 👩‍👩‍👧 ‹"

func TestCharactersStayWholeHoweverAStreamIsCut(t *testing.T) {
	everyWire(t, func(t *testing.T, w wired, responses, same bool) {
		body := framed(w.kind, wireStream(w.kind, responses, manyBytes, "end"), framings["plain"])
		want := told(t, w, cut(w.kind, body))
		if !strings.Contains(want, manyBytes) || same && want != body {
			t.Fatalf("uncut: %q", want)
		}
		var everywhere []int
		for i := 1; i < len(body); i++ {
			everywhere = append(everywhere, i)
		}
		if got := told(t, w, cut(w.kind, body, everywhere...)); got != want {
			t.Errorf("cut at every byte: %q", got)
		}
		from := strings.Index(body, manyBytes)
		for i := from - 2; i < from+len(manyBytes)+2; i++ {
			if got := told(t, w, cut(w.kind, body, i)); got != want {
				t.Fatalf("cut at byte %d: %q", i, got)
			}
		}
	})
}

func TestOddFramingMeansTheSame(t *testing.T) {
	everyWire(t, func(t *testing.T, w wired, responses, same bool) {
		if w.kind == config.Bedrock {
			return // Its messages have one framing.
		}
		events := wireStream(w.kind, responses, manyBytes, "end")
		plain := told(t, w, cut(w.kind, framed(w.kind, events, framings["plain"])))
		for name, frame := range framings {
			body := framed(w.kind, events, frame)
			want := plain
			if same {
				want = body
			}
			if got := told(t, w, cut(w.kind, body, len(body)/3, len(body)/2)); compact(got, w) != compact(want, w) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

// compact takes the white space out of an array, whose elements keep that of events of several lines.
func compact(out string, w wired) string {
	var short bytes.Buffer
	if !w.array || json.Compact(&short, []byte(out)) != nil {
		return out
	}
	return short.String()
}

func TestLinesBeyond64KiBAreNotTruncated(t *testing.T) {
	everyWire(t, func(t *testing.T, w wired, responses, same bool) {
		long := strings.Repeat("0123456789abcdef", 20<<10) // 320 KiB
		body := framed(w.kind, wireStream(w.kind, responses, long, "end"), framings["plain"])
		got := told(t, w, cut(w.kind, body, 70<<10, 200<<10))
		if same && got != body || !strings.Contains(got, long) {
			t.Errorf("%d bytes of %d", len(got), len(body))
		}
	})
}
