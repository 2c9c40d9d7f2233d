// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"strconv"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// writer writes one stream.
type writer struct {
	meta  chat.Meta
	usage exchange.Usage

	index          int // of the block that is open, or that is next
	kind           chat.PartKind
	open           bool // a block has begun and not ended
	refused, calls bool
	finish         chat.Finish
	sequence       string
}

// NewWriter begins a stream of named events: message_start, then each block's content_block_start, content_block_delta
// and content_block_stop, then message_delta and message_stop; or an error event, which is the last. Usage that becomes
// known after message_start is told by message_delta, whose counts are cumulative. Choices beyond the first are passed
// over: an application cannot ask for them.
func (Decoder) NewWriter(_ *chat.Request, m chat.Meta) chat.Writer { return &writer{meta: m} }

// Write implements chat.Writer.
func (w *writer) Write(dst []byte, e *chat.Event) []byte {
	if e.Choice != 0 {
		return dst
	}
	switch e.Kind {
	case chat.Began:
		return w.begin(dst, e)
	case chat.PartBegan:
		return w.beginPart(dst, e)
	case chat.Delta:
		return w.delta(dst, e.Text)
	case chat.Signed:
		return w.sign(dst, e.Text)
	case chat.PartEnded:
		return w.endPart(dst)
	case chat.Finished:
		w.finish, w.sequence = e.Finish, e.StopSequence
	case chat.Used:
		w.usage = e.Usage
	case chat.Ended:
		return w.end(dst)
	case chat.Failed:
		return AppendErrorEvent(dst, e.Err, "")
	}
	return dst
}

// startEvent is message_start.
type startEvent struct {
	Type    string `json:"type"`
	Message answer `json:"message"`
}

func (w *writer) begin(dst []byte, e *chat.Event) []byte {
	m := answer{
		ID: e.ID, Type: "message", Role: "assistant", Model: e.Model, Content: []any{}, Usage: encodeUsage(&w.usage),
	}
	if m.ID == "" {
		m.ID = w.meta.ID
	}
	if m.Model == "" {
		m.Model = w.meta.Model
	}
	return appendEvent(dst, "message_start", startEvent{Type: "message_start", Message: m})
}

// startBlockEvent is content_block_start.
type startBlockEvent struct {
	Type  string `json:"type"`
	Index int    `json:"index"`
	Block any    `json:"content_block"`
}

// beginPart begins a block, but for reasoning that only its provider can read: its block begins with its data.
func (w *writer) beginPart(dst []byte, e *chat.Event) []byte {
	w.kind = e.Part.Kind
	switch w.kind {
	case chat.Text, chat.Refusal:
		w.refused = w.refused || w.kind == chat.Refusal
		return w.beginBlock(dst, textBlock{Type: "text"})
	case chat.Thinking:
		return w.beginBlock(dst, thinkingBlock{Type: "thinking"})
	case chat.Call:
		w.calls = true
		block := toolUseBlock{Type: "tool_use", Input: []byte("{}")}
		if e.Part.Call != nil {
			block.ID, block.Name = e.Part.Call.ID, e.Part.Call.Name
		}
		return w.beginBlock(dst, block)
	}
	return dst
}

func (w *writer) beginBlock(dst []byte, block any) []byte {
	w.open = true
	const name = "content_block_start"
	return appendEvent(dst, name, startBlockEvent{Type: name, Index: w.index, Block: block})
}

func (w *writer) delta(dst []byte, text string) []byte {
	if text == "" || !w.open {
		return dst
	}
	switch w.kind {
	case chat.Thinking:
		return w.appendDelta(dst, "thinking_delta", "thinking", text)
	case chat.Call:
		return w.appendDelta(dst, "input_json_delta", "partial_json", text)
	case chat.Redacted:
		return dst
	}
	return w.appendDelta(dst, "text_delta", "text", text)
}

// sign tells a thought's signature. The API has none for texts and calls.
func (w *writer) sign(dst []byte, signature string) []byte {
	switch {
	case w.kind == chat.Thinking && w.open:
		return w.appendDelta(dst, "signature_delta", "signature", signature)
	case w.kind == chat.Redacted && !w.open:
		return w.beginBlock(dst, redactedBlock{Type: "redacted_thinking", Data: signature})
	}
	return dst
}

// appendDelta is written by hand, as a stream is made of little else.
func (w *writer) appendDelta(dst []byte, kind, member, text string) []byte {
	dst = append(dst, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	dst = strconv.AppendInt(dst, int64(w.index), 10)
	dst = append(dst, `,"delta":{"type":"`...)
	dst = append(append(append(dst, kind...), `","`...), member...)
	dst = appendString(append(dst, `":`...), text)
	return append(dst, "}}\n\n"...)
}

func (w *writer) endPart(dst []byte) []byte {
	if !w.open {
		return dst
	}
	dst = append(dst, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
	dst = strconv.AppendInt(dst, int64(w.index), 10)
	w.open, w.index = false, w.index+1
	return append(dst, "}\n\n"...)
}

// endEvent is message_delta.
type endEvent struct {
	Type  string   `json:"type"`
	Delta endDelta `json:"delta"`
	Usage usage    `json:"usage"`
}

type endDelta struct {
	StopReason   string  `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

func (w *writer) end(dst []byte) []byte {
	e := endEvent{
		Type:  "message_delta",
		Delta: endDelta{StopReason: stopReason(w.finish, w.refused, w.calls)},
		Usage: encodeUsage(&w.usage),
	}
	if w.finish == chat.AtStop && w.sequence != "" {
		e.Delta.StopSequence = &w.sequence
	}
	dst = appendEvent(dst, e.Type, e)
	return append(dst, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}

func appendEvent(dst []byte, name string, v any) []byte {
	dst = append(append(dst, "event: "...), name...)
	dst = append(dst, "\ndata: "...)
	return append(chat.Append(dst, v), "\n\n"...)
}
