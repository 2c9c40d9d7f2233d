// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// openPart begins a part, and ends the one before it.
func (r *reader) openPart(dst []chat.Event, content int, p chat.Part) []chat.Event {
	dst = r.closePart(dst)
	r.open, r.kind, r.grown, r.content = true, p.Kind, false, content
	r.calls, r.refuse = r.calls || p.Kind == chat.Call, r.refuse || p.Kind == chat.Refusal
	return append(dst, chat.Event{Kind: chat.PartBegan, Part: p})
}

func (r *reader) closePart(dst []chat.Event) []chat.Event {
	if !r.open {
		return dst
	}
	r.open = false
	return append(dst, chat.Event{Kind: chat.PartEnded})
}

// grow gives the open part more text, if there is any.
func (r *reader) grow(dst []chat.Event, text string, logProbs jsontext.Value) []chat.Event {
	if text == "" && logProbs == nil {
		return dst
	}
	r.grown = true
	return append(dst, chat.Event{Kind: chat.Delta, Text: text, LogProbs: logProbs})
}

// unless gives the whole text of the open part if it has had none, for providers that send no deltas.
func (r *reader) unless(whole string) string {
	if r.grown {
		return ""
	}
	return whole
}

// partAdded begins a part of a message. What is added to items of other kinds means nothing but thoughts.
func (r *reader) partAdded(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	switch {
	case e.Part.Type == "reasoning_text":
		return r.thought(dst, e)
	case e.OutputIndex != r.item:
		return dst, errPlace
	case r.itemType != "message":
		return dst, nil
	case e.ContentIndex <= r.content:
		return dst, errPlace
	}
	switch e.Part.Type {
	case "output_text":
		dst = r.openPart(dst, e.ContentIndex, chat.Part{})
	case "refusal":
		dst = r.openPart(dst, e.ContentIndex, chat.Part{Kind: chat.Refusal})
	}
	return dst, nil
}

// ours says that an event is about the open part of a message.
func (r *reader) ours(e *providerEvent) bool {
	return r.open && speaks(r.kind) && e.OutputIndex == r.item && e.ContentIndex == r.content
}

func (r *reader) partDone(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	if r.ours(e) {
		dst = r.closePart(dst)
	}
	return dst, nil
}

func (r *reader) delta(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	if !r.ours(e) {
		return dst, errPlace
	}
	return r.grow(dst, e.Delta, logProbsOf(list(e.LogProbs))), nil
}

func (r *reader) done(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	if !r.ours(e) {
		return dst, errPlace
	}
	whole := e.Text
	if r.kind == chat.Refusal {
		whole = e.Refusal
	}
	return r.grow(dst, r.unless(whole), nil), nil
}

func (r *reader) arguments(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	if !r.open || r.kind != chat.Call || e.OutputIndex != r.item {
		return dst, errPlace
	}
	return r.grow(dst, e.Delta, nil), nil
}

func (r *reader) argumentsDone(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	if !r.open || r.kind != chat.Call || e.OutputIndex != r.item {
		return dst, errPlace
	}
	return r.grow(dst, r.unless(e.Arguments), nil), nil
}

func (r *reader) summary(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	return r.think(dst, e, "summary", e.SummaryIndex)
}

func (r *reader) thought(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	return r.think(dst, e, "content", e.ContentIndex)
}

// think gives the thoughts of a reasoning item more text. They are one part, with a break between the item's own parts,
// and come from the field that was first to have any.
func (r *reader) think(dst []chat.Event, e *providerEvent, source string, index int) ([]chat.Event, error) {
	if r.itemType != "reasoning" || e.OutputIndex != r.item {
		return dst, errPlace
	}
	if r.source == "" {
		r.source = source
	}
	switch {
	case r.source != source:
		return dst, nil
	case !r.open:
		dst = r.openPart(dst, index, chat.Part{Kind: chat.Thinking})
	case index != r.content:
		r.content = index
		dst = r.grow(dst, thoughtBreak, nil)
	}
	return r.grow(dst, e.Delta, nil), nil
}
