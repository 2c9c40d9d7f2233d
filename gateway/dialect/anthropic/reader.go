// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// What breaks the grammar of a stream.
var (
	errNotEvent   = errors.New("anthropic: an event is not a JSON object of the expected shape")
	errOrder      = errors.New("anthropic: an event stands where the stream has none")
	errBlock      = errors.New("anthropic: an event belongs to no open block")
	errBlockDelta = errors.New("anthropic: a delta does not fit its block")
)

// event is any event of a stream.
type event struct {
	Type    string      `json:"type"`
	Message *messageIn  `json:"message"`
	Index   int64       `json:"index"`
	Block   *blockIn    `json:"content_block"`
	Delta   delta       `json:"delta"`
	Usage   *usage      `json:"usage"`
	Error   errorDetail `json:"error"`
}

// delta is more of a block, or, in message_delta, of the message.
type delta struct {
	Type         string  `json:"type"`
	Text         string  `json:"text"`
	Thinking     string  `json:"thinking"`
	Signature    string  `json:"signature"`
	PartialJSON  string  `json:"partial_json"`
	StopReason   *string `json:"stop_reason"`
	StopSequence string  `json:"stop_sequence"`
}

// reader reads one stream. Blocks come one after the other, each with a greater index.
type reader struct {
	began, finished, over bool
	usage                 exchange.Usage

	open  bool
	index int64 // of the last block that began
	next  int64 // the least index that a block can have
	kind  chat.PartKind
	known bool // the block has a part
	// held is the input of a call that stood in the block's start, given when no pieces of it follow.
	held string
	// signature is what the part will be Signed with.
	signature string
}

// NewReader begins a stream of events: message_start, blocks, message_delta, message_stop, and ping or error anywhere.
// Events, blocks and deltas of types that it does not know are passed over, as the API's versioning asks for.
func (Encoder) NewReader() chat.Reader { return &reader{} }

// Read implements chat.Reader.
func (r *reader) Read(dst []chat.Event, name, data []byte) ([]chat.Event, error) {
	if r.over {
		return dst, nil
	}
	e, err := decodeEvent(name, data)
	switch {
	case err != nil:
		return dst, err
	case e == nil:
		return dst, nil
	case e.Type == "error":
		r.over = true
		return append(dst, chat.Event{Kind: chat.Failed, Err: failure(e.Error)}), nil
	case e.Type == "message_start":
		return r.start(dst, e)
	case !r.began:
		return dst, errOrder
	}
	switch e.Type {
	case "content_block_start":
		return r.startBlock(dst, e)
	case "content_block_delta":
		return r.delta(dst, e)
	case "content_block_stop":
		if !r.open || e.Index != r.index {
			return dst, errBlock
		}
		return r.stopBlock(dst), nil
	case "message_delta":
		return r.messageDelta(dst, e), nil
	}
	r.over = true
	dst = r.finish(r.stopBlock(dst), chat.Stopped, "")
	return append(dst, chat.Event{Kind: chat.Ended}), nil
}

// decodeEvent reads an event whose type is known; nil is one to pass over, whatever it looks like.
func decodeEvent(name, data []byte) (*event, error) {
	var tagged struct {
		Type string `json:"type"`
	}
	e := event{}
	err := chat.DecodeAnswer(data, &e)
	if tagged.Type = e.Type; err != nil && chat.DecodeAnswer(data, &tagged) != nil {
		return nil, errNotEvent
	}
	if tagged.Type == "" {
		tagged.Type = string(name)
	}
	switch e.Type = tagged.Type; e.Type {
	case "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "error":
	default:
		return nil, nil
	}
	if err != nil {
		return nil, errNotEvent
	}
	return &e, nil
}

// End implements chat.Reader.
func (r *reader) End(dst []chat.Event) ([]chat.Event, error) {
	if !r.over {
		return dst, io.ErrUnexpectedEOF
	}
	return dst, nil
}

func (r *reader) start(dst []chat.Event, e *event) ([]chat.Event, error) {
	if r.began {
		return dst, errOrder
	}
	if e.Message == nil {
		return dst, errNotEvent
	}
	r.began = true
	dst = append(dst, chat.Event{Kind: chat.Began, ID: e.Message.ID, Model: e.Message.Model})
	if u := e.Message.Usage; u != nil {
		// What it says of the answer is said before there is any of it.
		u.Output = nil
	}
	return r.used(dst, e.Message.Usage), nil
}

func (r *reader) used(dst []chat.Event, u *usage) []chat.Event {
	if u == nil {
		return dst
	}
	if u.update(&r.usage); r.usage.Source == exchange.UsageNone {
		return dst
	}
	return append(dst, chat.Event{Kind: chat.Used, Usage: r.usage})
}

func (r *reader) startBlock(dst []chat.Event, e *event) ([]chat.Event, error) {
	if e.Block == nil {
		return dst, errNotEvent
	}
	if r.finished || e.Index < r.next {
		return dst, errOrder
	}
	dst = r.stopBlock(dst)
	r.open, r.index, r.next = true, e.Index, e.Index+1
	part, known := e.Block.part()
	r.kind, r.known, r.held, r.signature = part.Kind, known, "", part.Signature
	if !known {
		return dst, nil
	}
	begun := chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: part.Kind}}
	if part.Kind == chat.Call {
		begun.Part.Call = &chat.ToolCall{ID: part.Call.ID, Name: part.Call.Name}
		r.held = heldInput(e.Block.Input)
	}
	return more(append(dst, begun), part.Text), nil
}

// heldInput gives the input that a block begins with; the API's own is always {}.
func heldInput(input jsontext.Value) string {
	if input.Kind() != '{' || input.Compact() != nil || string(input) == "{}" {
		return ""
	}
	return string(input)
}

func more(dst []chat.Event, text string) []chat.Event {
	if text == "" {
		return dst
	}
	return append(dst, chat.Event{Kind: chat.Delta, Text: text})
}

func (r *reader) delta(dst []chat.Event, e *event) ([]chat.Event, error) {
	if !r.open || e.Index != r.index {
		return dst, errBlock
	}
	if !r.known {
		return dst, nil
	}
	text, kind := "", chat.Text
	switch e.Delta.Type {
	case "text_delta":
		text = e.Delta.Text
	case "thinking_delta":
		text, kind = e.Delta.Thinking, chat.Thinking
	case "input_json_delta":
		text, kind = e.Delta.PartialJSON, chat.Call
		if text != "" {
			r.held = ""
		}
	case "signature_delta":
		kind = chat.Thinking
		r.signature = e.Delta.Signature
	default:
		return dst, nil
	}
	if kind != r.kind {
		return dst, errBlockDelta
	}
	return more(dst, text), nil
}

// stopBlock ends the block that is open, if one is.
func (r *reader) stopBlock(dst []chat.Event) []chat.Event {
	if !r.open {
		return dst
	}
	r.open = false
	if !r.known {
		return dst
	}
	dst = more(dst, r.held)
	if r.signature != "" {
		dst = append(dst, chat.Event{Kind: chat.Signed, Text: r.signature})
	}
	return append(dst, chat.Event{Kind: chat.PartEnded})
}

func (r *reader) messageDelta(dst []chat.Event, e *event) []chat.Event {
	if e.Delta.StopReason != nil {
		dst = r.finish(r.stopBlock(dst), finishOf(*e.Delta.StopReason), e.Delta.StopSequence)
	}
	return r.used(dst, e.Usage)
}

func (r *reader) finish(dst []chat.Event, f chat.Finish, sequence string) []chat.Event {
	if r.finished {
		return dst
	}
	r.finished = true
	return append(dst, chat.Event{Kind: chat.Finished, Finish: f, StopSequence: sequence})
}
