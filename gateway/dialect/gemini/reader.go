// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

var (
	errAfterFailure = errors.New("gemini: the stream goes on after an error")
	errAfterFinish  = errors.New("gemini: a candidate goes on after its finish")
	errIndex        = errors.New("gemini: a candidate has no index that a request can ask for")
)

// maxCandidates bounds what a reader holds. Gemini gives 8 at most.
const maxCandidates = 128

// reader reads a stream of GenerateContentResponses. Each holds pieces: texts continue the part before where they are
// of its kind, and calls are whole. There is no terminator: the stream is whole where every candidate that was seen
// has told why it finished, or the prompt was blocked.
type reader struct {
	begun, blocked, failed bool
	choices                []progress
	ids                    callIDs
}

// progress is how far a candidate has come.
type progress struct {
	seen, finished, called, open bool
	kind                         chat.PartKind
}

// NewReader begins a stream of alt=sse. Google writes an error in mid-stream without the framing of events, after the
// last whole one: what is left of a stream there (sse.Scanner's Rest) may be given to Read like an event's data.
func (Encoder) NewReader() chat.Reader { return &reader{} }

func (r *reader) Read(dst []chat.Event, _, data []byte) ([]chat.Event, error) {
	if r.failed {
		return dst, errAfterFailure
	}
	var w response
	if err := chat.DecodeAnswer(data, &w); err != nil {
		return dst, errNoAnswer
	}
	if w.Error != nil {
		r.failed = true
		return append(dst, chat.Event{Kind: chat.Failed, Err: w.Error.event()}), nil
	}
	if !r.begun {
		r.begun, r.ids.response = true, w.ID
		dst = append(dst, chat.Event{Kind: chat.Began, ID: w.ID, Model: w.Model})
	}
	var err error
	for i := range w.Candidates {
		if dst, err = r.candidate(dst, &w.Candidates[i]); err != nil {
			return dst, err
		}
	}
	if w.Feedback != nil && w.Feedback.BlockReason != "" && len(r.choices) == 0 && !r.blocked {
		r.blocked = true
		dst = append(dst, chat.Event{Kind: chat.Finished, Finish: chat.Filtered})
	}
	if u := w.Usage.neutral(); u.Source != 0 {
		dst = append(dst, chat.Event{Kind: chat.Used, Usage: u})
	}
	return dst, nil
}

func (r *reader) candidate(dst []chat.Event, c *candidate) ([]chat.Event, error) {
	index := 0
	if c.Index != nil {
		index = *c.Index
	}
	if index < 0 || index >= maxCandidates || r.blocked {
		return dst, errIndex
	}
	for len(r.choices) <= index {
		r.choices = append(r.choices, progress{})
	}
	p := &r.choices[index]
	p.seen = true
	probs := c.LogProbs.neutral()
	for _, piece := range c.parts() {
		next, ok, err := piece.answered(&r.ids)
		if err != nil {
			return dst, err
		}
		if !ok {
			continue
		}
		if p.finished {
			return dst, errAfterFinish
		}
		if next.Kind == chat.Call {
			dst = p.call(dst, index, &next)
			continue
		}
		dst = p.text(dst, index, &next, probs)
		if next.Kind == chat.Text {
			probs = nil
		}
	}
	if f := finishOf(c.Finish, p.called); f != chat.Unfinished && !p.finished {
		p.finished = true
		dst = append(p.end(dst, index), chat.Event{Kind: chat.Finished, Choice: index, Finish: f})
	}
	return dst, nil
}

// text continues the open part, or begins one. A signature ends it.
func (p *progress) text(dst []chat.Event, index int, next *chat.Part, probs jsontext.Value) []chat.Event {
	if p.open && p.kind != next.Kind {
		dst = p.end(dst, index)
	}
	if !p.open {
		p.open, p.kind = true, next.Kind
		dst = append(dst, chat.Event{Kind: chat.PartBegan, Choice: index, Part: chat.Part{Kind: next.Kind}})
	}
	if next.Kind != chat.Text {
		probs = nil
	}
	if next.Text != "" || probs != nil {
		dst = append(dst, chat.Event{Kind: chat.Delta, Choice: index, Text: next.Text, LogProbs: probs})
	}
	if next.Signature != "" {
		dst = append(dst, chat.Event{Kind: chat.Signed, Choice: index, Text: next.Signature})
		dst = p.end(dst, index)
	}
	return dst
}

func (p *progress) call(dst []chat.Event, index int, next *chat.Part) []chat.Event {
	dst = p.end(dst, index)
	p.called = true
	dst = append(dst,
		chat.Event{Kind: chat.PartBegan, Choice: index, Part: chat.Part{
			Kind: chat.Call, Call: &chat.ToolCall{ID: next.Call.ID, Name: next.Call.Name},
		}},
		chat.Event{Kind: chat.Delta, Choice: index, Text: next.Call.Arguments})
	if next.Signature != "" {
		dst = append(dst, chat.Event{Kind: chat.Signed, Choice: index, Text: next.Signature})
	}
	return append(dst, chat.Event{Kind: chat.PartEnded, Choice: index})
}

func (p *progress) end(dst []chat.Event, index int) []chat.Event {
	if !p.open {
		return dst
	}
	p.open = false
	return append(dst, chat.Event{Kind: chat.PartEnded, Choice: index})
}

func (r *reader) End(dst []chat.Event) ([]chat.Event, error) {
	whole := r.blocked
	for i := range r.choices {
		if !r.choices[i].seen {
			continue
		}
		if !r.choices[i].finished {
			return dst, io.ErrUnexpectedEOF
		}
		whole = true
	}
	if !whole || r.failed {
		return dst, io.ErrUnexpectedEOF
	}
	return append(dst, chat.Event{Kind: chat.Ended}), nil
}
