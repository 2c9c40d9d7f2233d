// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

var (
	errNoName    = errors.New("cohere: a tool call without a name")
	errResumed   = errors.New("cohere: a part goes on after it ended")
	errNotWhole  = errors.New("cohere: the message ended without a reason")
	errNotObject = errors.New("cohere: an event is not an object")
	errNoType    = errors.New("cohere: an event without a type")
)

// event is any event of the stream; its type says which fields it has.
type event struct {
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Index   *int64         `json:"index"` // nil is the open part, or the next
	Delta   eventDelta     `json:"delta"`
	Message jsontext.Value `json:"message"` // of an error
}

type eventDelta struct {
	Message eventMessage `json:"message"`
	Finish  string       `json:"finish_reason"`
	Error   string       `json:"error"`
	Usage   *told        `json:"usage"`
}

// eventMessage has one object where a whole message has a list; of message-start it has empty lists.
type eventMessage struct {
	Content   jsontext.Value `json:"content"`
	ToolPlan  string         `json:"tool_plan"`
	ToolCalls jsontext.Value `json:"tool_calls"`
}

// one reads the object, or the first of a list.
func one(v jsontext.Value, into any) error {
	if len(v) == 0 || v.Kind() != '[' {
		if len(v) == 0 {
			return nil
		}
		return chat.DecodeAnswer(v, into)
	}
	var list []jsontext.Value
	if err := chat.DecodeAnswer(v, &list); err != nil || len(list) == 0 {
		return err
	}
	return chat.DecodeAnswer(list[0], into)
}

// source says which of Cohere's parts is the open one.
type source uint8

const (
	closed source = iota
	ofContent
	ofPlan
	ofCall
)

// reader turns Cohere's events into neutral ones.
type reader struct {
	began, over bool
	open        source
	kind        chat.PartKind
	index       int64 // of the open content or call
	contents    int64 // the index after the last content that began
	calls       int64 // likewise of calls
}

// NewReader begins a stream.
func (Encoder) NewReader() chat.Reader { return &reader{} }

func (r *reader) Read(dst []chat.Event, _, data []byte) ([]chat.Event, error) {
	data = bytes.TrimSpace(data)
	if r.over || len(data) == 0 {
		return dst, nil // [DONE] may follow what ended the stream
	}
	if data[0] != '{' {
		return dst, errNotObject
	}
	var e event
	if err := chat.DecodeAnswer(data, &e); err != nil {
		return dst, err
	}
	if e.Type == "error" || e.Type == "" {
		return r.failed(dst, &e)
	}
	if !r.began {
		r.began = true
		dst = append(dst, chat.Event{Kind: chat.Began, ID: e.ID})
	}
	switch e.Type {
	case "content-start", "content-delta":
		return r.content(dst, &e)
	case "content-end":
		return r.end(dst, ofContent), nil
	case "tool-plan-delta":
		return r.plan(dst, e.Delta.Message.ToolPlan), nil
	case "tool-call-start", "tool-call-delta":
		return r.call(dst, &e)
	case "tool-call-end":
		return r.end(dst, ofCall), nil
	case "message-end":
		return r.finish(dst, &e)
	}
	return dst, nil // message-start was read; citations and debug say nothing that can be told
}

// End says whether the stream was whole: only message-end ends one.
func (r *reader) End(dst []chat.Event) ([]chat.Event, error) {
	if !r.over {
		return dst, io.ErrUnexpectedEOF
	}
	return dst, nil
}

// failed takes what stands in place of an event.
func (r *reader) failed(dst []chat.Event, e *event) ([]chat.Event, error) {
	message := textOf(e.Message)
	if e.Type == "" && message == "" {
		return dst, errNoType
	}
	r.over = true
	return append(dst, chat.Event{Kind: chat.Failed, Err: failure("ERROR", message)}), nil
}

// plan reads a piece of what the model says before it calls tools.
func (r *reader) plan(dst []chat.Event, text string) []chat.Event {
	if text == "" {
		return dst
	}
	if r.open != ofPlan {
		dst = r.begin(dst, ofPlan, chat.Part{Kind: chat.Text})
	}
	return append(dst, chat.Event{Kind: chat.Delta, Text: text})
}

// content reads a piece of a text or of a thought. Contents are counted from 0, one after the other.
func (r *reader) content(dst []chat.Event, e *event) ([]chat.Event, error) {
	var w content
	if err := one(e.Delta.Message.Content, &w); err != nil {
		return dst, err
	}
	kind, text := chat.Text, w.Text
	if w.Type == "thinking" || w.Thinking != "" {
		kind, text = chat.Thinking, w.Thinking
	}
	going := r.open == ofContent && (e.Index == nil || r.index == *e.Index)
	switch {
	case e.Type == "content-delta" && text == "":
		return dst, nil
	case going && r.kind == kind && e.Type == "content-delta":
	case going && r.kind != kind: // begun without its type
		dst = r.begin(dst, ofContent, chat.Part{Kind: kind})
	case e.Index != nil && *e.Index < r.contents:
		return dst, errResumed
	default:
		r.contents = r.next(e, r.contents)
		dst = r.begin(dst, ofContent, chat.Part{Kind: kind})
	}
	if text == "" {
		return dst, nil
	}
	return append(dst, chat.Event{Kind: chat.Delta, Text: text}), nil
}

func (r *reader) call(dst []chat.Event, e *event) ([]chat.Event, error) {
	var w answeredCall
	if err := one(e.Delta.Message.ToolCalls, &w); err != nil {
		return dst, err
	}
	switch {
	case e.Type == "tool-call-start":
		if w.Function.Name == "" {
			return dst, errNoName
		}
		if e.Index != nil && *e.Index < r.calls {
			return dst, errResumed
		}
		r.calls = r.next(e, r.calls)
		call := &chat.ToolCall{ID: w.ID, Name: w.Function.Name}
		dst = r.begin(dst, ofCall, chat.Part{Kind: chat.Call, Call: call})
	case r.open != ofCall || e.Index != nil && r.index != *e.Index:
		return dst, errResumed
	}
	if w.Function.Arguments == "" {
		return dst, nil
	}
	return append(dst, chat.Event{Kind: chat.Delta, Text: w.Function.Arguments}), nil
}

// next sets the index of a part that begins, and gives the one after it.
func (r *reader) next(e *event, after int64) int64 {
	r.index = after
	if e.Index != nil {
		r.index = *e.Index
	}
	return r.index + 1
}

// finish takes message-end, which tells all that is told at the end.
func (r *reader) finish(dst []chat.Event, e *event) ([]chat.Event, error) {
	if failed := failure(e.Delta.Finish, e.Delta.Error); failed != nil {
		r.over = true
		return append(dst, chat.Event{Kind: chat.Failed, Err: failed}), nil
	}
	if e.Delta.Finish == "" {
		return dst, errNotWhole
	}
	r.over = true
	dst = r.end(dst, r.open)
	dst = append(dst, chat.Event{Kind: chat.Finished, Finish: finish(e.Delta.Finish)})
	if u := e.Delta.Usage.usage(); u.Source != 0 {
		dst = append(dst, chat.Event{Kind: chat.Used, Usage: u})
	}
	return append(dst, chat.Event{Kind: chat.Ended}), nil
}

// begin ends the open part and begins another.
func (r *reader) begin(dst []chat.Event, s source, p chat.Part) []chat.Event {
	dst = r.end(dst, r.open)
	r.open, r.kind = s, p.Kind
	return append(dst, chat.Event{Kind: chat.PartBegan, Part: p})
}

// end ends the open part where it is of a source.
func (r *reader) end(dst []chat.Event, s source) []chat.Event {
	if r.open == closed || r.open != s {
		return dst
	}
	r.open = closed
	return append(dst, chat.Event{Kind: chat.PartEnded})
}
