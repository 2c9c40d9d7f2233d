// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"errors"
	"io"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// What one stream may have; OpenAI bounds n at 128.
const (
	maxChoices = 128
	maxCalls   = 1024
	maxCallID  = 4 << 10 // bytes
)

// maxTold bounds what is held of a thought, in bytes. The detail of a longer one is taken for another thought.
const maxTold = 1 << 20

var (
	errChoice    = errors.New("openai: a choice's index is out of bounds")
	errCalls     = errors.New("openai: too many tool calls")
	errCallID    = errors.New("openai: the ID of a tool call is too long")
	errNoName    = errors.New("openai: a tool call without a name")
	errResumed   = errors.New("openai: a tool call goes on after another part began")
	errAfterEnd  = errors.New("openai: a choice goes on after it finished")
	errNotWhole  = errors.New("openai: the stream ended before its choices did")
	errNotObject = errors.New("openai: a chunk is not an object")
)

// reader turns chat.completion.chunk objects into events.
type reader struct {
	began, over bool
	choices     map[int]*reading
}

// reading is what was read of a choice.
type reading struct {
	index    int
	open     bool
	part     chat.PartKind
	thought  count            // the index of the detail that the open thought comes from
	told     []byte           // the open thought as far as it came as a text and not as details, up to maxTold
	call     count            // the index of the open call
	calls    map[count]string // the IDs of calls that began, by index: the last of each
	begun    int              // calls
	finished bool
}

// NewReader begins a stream.
func (Encoder) NewReader() chat.Reader { return &reader{choices: make(map[int]*reading)} }

func (r *reader) Read(dst []chat.Event, name, data []byte) ([]chat.Event, error) {
	data = bytes.TrimSpace(data)
	if r.over || len(data) == 0 {
		return dst, nil
	}
	if string(data) == "[DONE]" {
		return r.done(dst)
	}
	if data[0] != '{' {
		return dst, errNotObject
	}
	var w answered
	if err := chat.DecodeAnswer(data, &w); err != nil {
		return dst, err
	}
	e := w.failure(data)
	if e == nil && string(name) == "error" {
		e = failed(data)
	}
	if e != nil {
		r.over = true
		return append(dst, chat.Event{Kind: chat.Failed, Err: e}), nil
	}
	// Azure's first chunk has neither choices nor an ID: it tells what its filter found in the prompt.
	if !r.began && (w.ID != "" || len(w.Choices) > 0 || w.Usage != nil) {
		r.began = true
		dst = append(dst, chat.Event{Kind: chat.Began, ID: w.ID, Model: w.Model, Created: int64(w.Created)})
	}
	for i := range w.Choices {
		var err error
		if dst, err = r.choice(dst, &w.Choices[i]); err != nil || r.over {
			return dst, err
		}
	}
	if u := w.Usage.usage(); u.Source != 0 {
		dst = append(dst, chat.Event{Kind: chat.Used, Usage: u})
	}
	return dst, nil
}

// End says whether the stream was whole: only [DONE] ends one.
func (r *reader) End(dst []chat.Event) ([]chat.Event, error) {
	if !r.over {
		return dst, io.ErrUnexpectedEOF
	}
	return dst, nil
}

// done takes [DONE]. A choice that did not say why it ended was cut by whoever wrote [DONE] nevertheless.
func (r *reader) done(dst []chat.Event) ([]chat.Event, error) {
	if len(r.choices) == 0 {
		return dst, errNotWhole
	}
	for _, c := range r.choices {
		if !c.finished {
			return dst, errNotWhole
		}
	}
	r.over = true
	return append(dst, chat.Event{Kind: chat.Ended}), nil
}

func (r *reader) choice(dst []chat.Event, w *answeredChoice) ([]chat.Event, error) {
	c := r.choices[w.Index]
	if c == nil {
		if w.Index < 0 || w.Index >= maxChoices {
			return dst, errChoice
		}
		c = &reading{index: w.Index, calls: make(map[count]string)}
		r.choices[w.Index] = c
	}
	from := len(dst)
	dst, err := c.turn(dst, w)
	if err == nil && c.finished && len(dst) > from {
		err = errAfterEnd
	}
	if err != nil || c.finished {
		return dst[:from], err
	}
	if failedWord(w.Finish) {
		r.over = true
		return append(dst, chat.Event{Kind: chat.Failed, Err: failedAnswer()}), nil
	}
	if w.Finish != "" {
		dst = c.end(dst)
		c.finished = true
		finish, sequence := w.finish(c.begun > 0)
		dst = append(dst, chat.Event{Kind: chat.Finished, Choice: c.index, Finish: finish, StopSequence: sequence})
	}
	return dst, nil
}

// turn reads what a chunk adds to a choice.
func (c *reading) turn(dst []chat.Event, w *answeredChoice) ([]chat.Event, error) {
	m := w.Delta
	if m == nil {
		m = &answeredTurn{}
	}
	from := len(dst)
	dst = c.think(dst, m)
	said, err := pieces(m.Content)
	if err != nil {
		return dst, err
	}
	for i := range said {
		dst = c.text(dst, said[i].Kind, said[i].Text)
	}
	if m.Refusal != "" {
		dst = c.text(dst, chat.Refusal, m.Refusal)
	}
	if p := present(w.LogProbs); p != nil && c.open {
		if len(dst) == from || dst[len(dst)-1].Kind != chat.Delta {
			dst = append(dst, chat.Event{Kind: chat.Delta, Choice: c.index})
		}
		dst[len(dst)-1].LogProbs = p
	}
	for i := range m.ToolCalls {
		if dst, err = c.called(dst, &m.ToolCalls[i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// think reads thoughts: details where there are any, else texts.
func (c *reading) think(dst []chat.Event, m *answeredTurn) []chat.Event {
	if len(m.ReasoningDetails) == 0 {
		for _, p := range m.thoughts() {
			dst = c.text(dst, p.Kind, p.Text)
			if len(c.told) <= maxTold {
				c.told = append(c.told, p.Text...)
			}
		}
		return dst
	}
	for i := range m.ReasoningDetails {
		d := &m.ReasoningDetails[i]
		p, ok := d.part()
		if !ok || p.Text == "" && p.Signature == "" {
			continue
		}
		repeated := c.repeats(&p)
		if repeated {
			p.Text = ""
		}
		if d.Index != nil {
			if !repeated && c.open && c.part == chat.Thinking && c.thought != *d.Index {
				dst = c.end(dst)
			}
			c.thought = *d.Index
		}
		if p.Kind == chat.Redacted {
			dst = c.begin(c.end(dst), chat.Part{Kind: chat.Redacted})
		} else {
			dst = c.text(dst, chat.Thinking, p.Text)
		}
		if p.Signature != "" {
			dst = c.end(append(dst, chat.Event{Kind: chat.Signed, Choice: c.index, Text: p.Signature}))
		}
	}
	return dst
}

// repeats says that a detail is the open thought once more, for its signature's sake, which came as a text before: so
// gateways, and this one, tell those who know no details.
func (c *reading) repeats(p *chat.Part) bool {
	return c.open && c.part == chat.Thinking && p.Kind == chat.Thinking && p.Signature != "" && p.Text != "" &&
		len(c.told) <= maxTold && bytes.HasSuffix(c.told, []byte(p.Text))
}

// text adds to a part other than a call, and begins it where it is not the open one.
func (c *reading) text(dst []chat.Event, kind chat.PartKind, text string) []chat.Event {
	if !c.open || c.part != kind {
		dst = c.begin(c.end(dst), chat.Part{Kind: kind})
	}
	if text == "" {
		return dst
	}
	return append(dst, chat.Event{Kind: chat.Delta, Choice: c.index, Text: text})
}

// called reads a piece of a call. Pieces belong together by their index; but some give every call the same, so that
// another ID is another call.
func (c *reading) called(dst []chat.Event, w *answeredCall) ([]chat.Event, error) {
	id, known := c.calls[w.Index]
	text := arguments(w.Function.Arguments)
	signature := w.Extra.Google.ThoughtSignature
	switch {
	case !known || w.ID != "" && w.ID != id:
		if w.Function.Name == "" {
			return dst, errNoName
		}
		if c.begun++; c.begun > maxCalls {
			return dst, errCalls
		}
		if len(w.ID) > maxCallID {
			return dst, errCallID
		}
		c.calls[w.Index], c.call = w.ID, w.Index
		call := &chat.ToolCall{ID: w.ID, Name: w.Function.Name}
		dst = c.begin(c.end(dst), chat.Part{Kind: chat.Call, Call: call})
	case text == "" && signature == "":
		return dst, nil
	case !c.open || c.part != chat.Call || c.call != w.Index:
		return dst, errResumed
	}
	if text != "" {
		dst = append(dst, chat.Event{Kind: chat.Delta, Choice: c.index, Text: text})
	}
	if signature != "" {
		dst = append(dst, chat.Event{Kind: chat.Signed, Choice: c.index, Text: signature})
	}
	return dst, nil
}

func (c *reading) begin(dst []chat.Event, p chat.Part) []chat.Event {
	c.open, c.part, c.told = true, p.Kind, c.told[:0]
	return append(dst, chat.Event{Kind: chat.PartBegan, Choice: c.index, Part: p})
}

// end ends the open part, if there is one.
func (c *reading) end(dst []chat.Event) []chat.Event {
	if !c.open {
		return dst
	}
	c.open = false
	return append(dst, chat.Event{Kind: chat.PartEnded, Choice: c.index})
}
