// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// providerEvent is any event of a provider's stream that means something.
type providerEvent struct {
	Response     *header        `json:"response"`
	Item         answerItem     `json:"item"`
	Part         answerPart     `json:"part"`
	OutputIndex  int            `json:"output_index"`
	ContentIndex int            `json:"content_index"`
	SummaryIndex int            `json:"summary_index"`
	Delta        string         `json:"delta"`
	Text         string         `json:"text"`
	Refusal      string         `json:"refusal"`
	Arguments    string         `json:"arguments"`
	LogProbs     jsontext.Value `json:"logprobs"`
	Error        *failure       `json:"error"`
	Message      string         `json:"message"`
	Param        string         `json:"param"`
	Code         jsontext.Value `json:"code"`
}

var (
	errEvent = errors.New("responses: an event is not of the dialect")
	errOrder = errors.New("responses: an event stands before response.created")
	errPlace = errors.New("responses: an event belongs to an item or part that is not open")
)

// reader reads a Responses stream. What it holds does not grow with the stream.
type reader struct {
	begun, over bool
	// item is the index of the item that was added last, -1 before the first, and itemType its type.
	item     int
	itemType string
	// content is the index of the part that began last in the item, -1 before the first.
	content int
	// open says that a part is open, of this kind; grown that it has had text.
	open  bool
	kind  chat.PartKind
	grown bool
	// source is the field that the item's thoughts come from, as an item may have them and their summary.
	source        string
	calls, refuse bool
}

// NewReader begins a stream of the Responses API. Events that it does not know are ignored, and so is whatever comes
// after the end.
func (Encoder) NewReader() chat.Reader { return &reader{item: -1} }

// Read takes one event; without a name, its type is its name.
func (r *reader) Read(dst []chat.Event, name, data []byte) ([]chat.Event, error) {
	if r.over || string(data) == "[DONE]" {
		// Some that are like OpenAI end every stream so. The grammar ends without.
		return dst, nil
	}
	word := string(name)
	if word == "" {
		var k kind
		if chat.DecodeAnswer(data, &k) != nil {
			return dst, errEvent
		}
		word = k.Type
	}
	read := readers[word]
	if read == nil {
		return dst, nil
	}
	var e providerEvent
	if chat.DecodeAnswer(data, &e) != nil {
		return dst, errEvent
	}
	return read(r, dst, &e)
}

// End says whether a terminal event came.
func (r *reader) End(dst []chat.Event) ([]chat.Event, error) {
	if !r.over {
		return dst, io.ErrUnexpectedEOF
	}
	return dst, nil
}

type read func(*reader, []chat.Event, *providerEvent) ([]chat.Event, error)

// readers are the events that mean something. Texts are taken from their deltas; what is done says them again.
var readers = map[string]read{
	"error":                                  (*reader).failed,
	"response.failed":                        (*reader).failed,
	"response.created":                       (*reader).began,
	"response.queued":                        (*reader).began,
	"response.in_progress":                   (*reader).began,
	"response.output_item.added":             (*reader).itemAdded,
	"response.output_item.done":              (*reader).itemDone,
	"response.content_part.added":            (*reader).partAdded,
	"response.content_part.done":             (*reader).partDone,
	"response.output_text.delta":             (*reader).delta,
	"response.output_text.done":              (*reader).done,
	"response.refusal.delta":                 (*reader).delta,
	"response.refusal.done":                  (*reader).done,
	"response.function_call_arguments.delta": (*reader).arguments,
	"response.function_call_arguments.done":  (*reader).argumentsDone,
	"response.reasoning_summary_part.added":  (*reader).summary,
	"response.reasoning_summary_text.delta":  (*reader).summary,
	"response.reasoning_text.delta":          (*reader).thought,
	"response.completed":                     (*reader).ended,
	"response.incomplete":                    (*reader).ended,
}

// failed takes an error event, which has its words on top or in an object, or a response that has them.
func (r *reader) failed(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	r.over = true
	f := e.Error
	switch {
	case f != nil:
	case e.Response != nil:
		f = e.Response.Error
	default:
		f = &failure{Message: e.Message, Param: e.Param, Code: e.Code}
	}
	return append(dst, chat.Event{Kind: chat.Failed, Err: f.event()}), nil
}

func (r *reader) began(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	if r.begun {
		return dst, nil
	}
	r.begun = true
	began := chat.Event{Kind: chat.Began}
	if e.Response != nil {
		began.ID, began.Model, began.Created = e.Response.ID, e.Response.Model, int64(e.Response.CreatedAt)
	}
	return append(dst, began), nil
}

func (r *reader) itemAdded(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	switch {
	case !r.begun:
		return dst, errOrder
	case e.OutputIndex <= r.item:
		return dst, errPlace
	}
	dst = r.closePart(dst)
	r.item, r.itemType, r.content, r.source = e.OutputIndex, e.Item.Type, -1, ""
	if r.itemType == "function_call" {
		c := &chat.ToolCall{ID: e.Item.CallID, Name: e.Item.Name}
		dst = r.openPart(dst, 0, chat.Part{Kind: chat.Call, Call: c})
	}
	return dst, nil
}

// itemDone closes what is open of an item, and tells what only the whole item has. Items that were closed because another
// one began are no matter any more.
func (r *reader) itemDone(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	switch {
	case e.OutputIndex < r.item:
		return dst, nil
	case e.OutputIndex > r.item:
		return dst, errPlace
	}
	if r.itemType == "reasoning" {
		dst = r.reasoningDone(dst, &e.Item)
	}
	if r.open && r.kind == chat.Call {
		dst = r.grow(dst, r.unless(e.Item.Arguments), nil)
	}
	r.itemType = ""
	return r.closePart(dst), nil
}

func (r *reader) reasoningDone(dst []chat.Event, i *answerItem) []chat.Event {
	if !r.open {
		text, shown := i.thoughts()
		switch {
		case shown:
			dst = r.grow(r.openPart(dst, 0, chat.Part{Kind: chat.Thinking}), text, nil)
		case i.Encrypted != "":
			dst = r.openPart(dst, 0, chat.Part{Kind: chat.Redacted})
		}
	}
	if r.open && i.Encrypted != "" {
		dst = append(dst, chat.Event{Kind: chat.Signed, Text: i.Encrypted})
	}
	return dst
}

// ended takes the terminal event of a stream that went well.
func (r *reader) ended(dst []chat.Event, e *providerEvent) ([]chat.Event, error) {
	switch {
	case !r.begun:
		return dst, errOrder
	case e.Response == nil:
		return dst, errEvent
	}
	r.over = true
	dst = r.closePart(dst)
	reason, cut := e.Response.cut()
	if !cut {
		reason = finish(r.calls, r.refuse)
	}
	dst = append(dst, chat.Event{Kind: chat.Finished, Finish: reason})
	if u, ok := readUsage(e.Response.Usage); ok {
		dst = append(dst, chat.Event{Kind: chat.Used, Usage: u})
	}
	return append(dst, chat.Event{Kind: chat.Ended}), nil
}
