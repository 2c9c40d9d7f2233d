// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// writer turns events into those of a Responses stream. As the grammar repeats every text when it is done and all of them
// in the last event, it holds the answer as far as it has come.
type writer struct {
	r        response
	base     string
	seq      int64
	begun    bool
	over     bool
	finish   chat.Finish
	refused  bool
	pieces   []piece
	items    int  // that are done, and so the index of the one that is not
	from     int  // where the pieces of the item that is not done begin
	itemOpen bool // the item has been added
	partOpen bool // the last piece may grow
	text     []byte
	// delta is what all deltas of the open part have after their sequence number, delta's value excluded.
	delta     []byte
	deltaType string
	// held is what is held of the answer, in bytes; full is why no more can be.
	held int
	full *exchange.Error
}

// maxHeld bounds what a writer holds of an answer: 64 MiB, as much as an answer that is not streamed may have. pieceSize
// is what a part takes beside what it says.
const (
	maxHeld   = 64 << 20
	pieceSize = 512
)

var _ chat.Bounded = (*writer)(nil)

// Full implements chat.Bounded.
func (w *writer) Full() *exchange.Error { return w.full }

// hold says that there is room for what an event adds to what is held.
func (w *writer) hold(e *chat.Event) bool {
	w.held += len(e.Text) + len(e.LogProbs)
	if e.Kind == chat.PartBegan {
		w.held += pieceSize + len(e.Part.Signature)
		if c := e.Part.Call; c != nil {
			w.held += len(c.ID) + len(c.Name)
		}
	}
	return w.held <= maxHeld
}

// NewWriter begins a stream. It repeats r.Echo; m is what holds where the provider says nothing of the answer.
func (Decoder) NewWriter(r *chat.Request, m chat.Meta) chat.Writer {
	w := &writer{r: response{
		ID: m.ID, Object: "response", CreatedAt: m.Created, Status: inProgress, Model: m.Model, Output: []any{}, Echo: defaultEcho,
	}}
	if r != nil && !unsaid(r.Echo) {
		w.r.Echo = r.Echo
	}
	return w
}

// Write appends the events that an event means. Those of other choices than the first mean none: the dialect has no
// others, so that nobody can have asked for them.
func (w *writer) Write(dst []byte, e *chat.Event) []byte {
	if w.over || e.Choice != 0 {
		return dst
	}
	if !w.begun && e.Kind != chat.Failed {
		dst = w.begin(dst, e)
	}
	if e.Kind != chat.Failed && !w.hold(e) {
		w.full = &exchange.Error{
			Status: http.StatusBadGateway, Type: exchange.TypeUpstream, Reason: exchange.ReasonResponseTooLarge,
			Outcome: exchange.ProviderBroken, Message: "The provider's answer is too large.",
		}
		return w.fail(dst, w.full)
	}
	switch e.Kind {
	case chat.PartBegan:
		return w.beginPart(dst, &e.Part)
	case chat.Delta:
		return w.grow(dst, e.Text, e.LogProbs)
	case chat.Signed:
		if w.partOpen {
			w.last().Signature = e.Text
		}
	case chat.PartEnded:
		return w.endPart(dst)
	case chat.Finished:
		w.finish = e.Finish
	case chat.Used:
		w.r.Usage = told(e.Usage)
	case chat.Ended:
		return w.end(dst)
	case chat.Failed:
		return w.fail(dst, e.Err)
	}
	return dst
}

func (w *writer) last() *piece { return &w.pieces[len(w.pieces)-1] }

func (w *writer) identify(e *chat.Event) {
	if e.Kind == chat.Began {
		if e.ID != "" {
			w.r.ID = e.ID
		}
		if e.Model != "" {
			w.r.Model = e.Model
		}
		if e.Created != 0 {
			w.r.CreatedAt = e.Created
		}
	}
	w.base = base(w.r.ID)
	w.r.ID = "resp_" + w.base
}

func (w *writer) begin(dst []byte, e *chat.Event) []byte {
	w.begun = true
	w.identify(e)
	dst = w.event(dst, &streamEvent{Type: "response.created", Response: &w.r})
	return w.event(dst, &streamEvent{Type: "response.in_progress", Response: &w.r})
}

// beginPart adds the item that the part belongs to, unless it is a further part of a message.
func (w *writer) beginPart(dst []byte, p *chat.Part) []byte {
	dst = w.endPart(dst)
	if w.itemOpen && (!speaks(p.Kind) || !speaks(w.last().Kind) || w.last().Signature != "") {
		dst = w.endItem(dst, completed)
	}
	next := piece{Part: chat.Part{Kind: p.Kind, Signature: p.Signature}}
	if p.Kind == chat.Call {
		next.Call = &chat.ToolCall{}
		if p.Call != nil {
			next.Call.ID, next.Call.Name = p.Call.ID, p.Call.Name
		}
	}
	w.pieces = append(w.pieces, next)
	w.partOpen, w.text = true, w.text[:0]
	if !w.itemOpen {
		w.itemOpen, w.from = true, len(w.pieces)-1
		dst = w.event(dst, &streamEvent{Type: "response.output_item.added", OutputIndex: &w.items, Item: w.added()})
	}
	return w.openPart(dst)
}

// added is the open item before there is anything in it.
func (w *writer) added() any {
	switch o := item(w.base, w.items, w.pieces[w.from:w.from+1], inProgress).(type) {
	case outMessage:
		o.Content = nil
		return o
	case outReasoning:
		o.Summary, o.Encrypted = nil, ""
		return o
	default:
		return o
	}
}

// at gives the fields that say which part an event is about.
func (w *writer) at(name string) *streamEvent {
	e := &streamEvent{Type: name, ItemID: w.itemID(), OutputIndex: &w.items}
	index := len(w.pieces) - 1 - w.from
	switch w.last().Kind {
	case chat.Text, chat.Refusal:
		e.ContentIndex = &index
	case chat.Thinking:
		e.SummaryIndex = &index
	}
	return e
}

func (w *writer) itemID() string {
	switch w.last().Kind {
	case chat.Call:
		return itemID(idCall, w.base, w.items)
	case chat.Thinking, chat.Redacted:
		return itemID(idReasoning, w.base, w.items)
	}
	return itemID(idMessage, w.base, w.items)
}

func (w *writer) openPart(dst []byte) []byte {
	p := w.last()
	w.deltaType = deltaTypes[p.Kind]
	switch {
	case speaks(p.Kind):
		e := w.at("response.content_part.added")
		e.Part = contentPart(p.Kind, "", nil)
		dst = w.event(dst, e)
	case p.Kind == chat.Thinking:
		e := w.at("response.reasoning_summary_part.added")
		e.Part = outText{Type: "summary_text"}
		dst = w.event(dst, e)
	}
	w.delta = appendPlace(w.delta[:0], w.at(""))
	return dst
}

var deltaTypes = map[chat.PartKind]string{
	chat.Text: "response.output_text.delta", chat.Refusal: "response.refusal.delta",
	chat.Thinking: "response.reasoning_summary_text.delta", chat.Call: "response.function_call_arguments.delta",
}

// grow adds text to the open part. Redacted thoughts have none.
func (w *writer) grow(dst []byte, text string, logProbs jsontext.Value) []byte {
	if !w.partOpen || w.deltaType == "" {
		return dst
	}
	w.text = append(w.text, text...)
	var tokens []jsontext.Value
	if w.last().Kind == chat.Text {
		tokens = entries(logProbs)
		w.last().logProbs = append(w.last().logProbs, tokens...)
	}
	return w.appendDelta(dst, text, tokens)
}

// endPart says the open part whole, if there is one. The item stays, as a message may have more parts, and as it is not
// known before the end which item the end cuts off.
func (w *writer) endPart(dst []byte) []byte {
	if !w.partOpen {
		return dst
	}
	w.partOpen = false
	p := w.last()
	text := string(w.text)
	switch p.Kind {
	case chat.Text, chat.Refusal:
		p.Text = text
		w.refused = w.refused || p.Kind == chat.Refusal
		return w.endContent(dst, p)
	case chat.Thinking:
		p.Text = text
		e := w.at("response.reasoning_summary_text.done")
		e.Text = &text
		dst = w.event(dst, e)
		e = w.at("response.reasoning_summary_part.done")
		e.Part = outText{"summary_text", text}
		return w.event(dst, e)
	case chat.Call:
		if text == "" {
			// What an application has put together of the deltas must be JSON too.
			text = "{}"
			dst = w.appendDelta(dst, text, nil)
		}
		p.Call.Arguments = text
		e := w.at("response.function_call_arguments.done")
		e.Name, e.Arguments = p.Call.Name, &text
		return w.event(dst, e)
	}
	return dst
}

func (w *writer) endContent(dst []byte, p *piece) []byte {
	e := w.at("response.output_text.done")
	if p.Kind == chat.Refusal {
		e.Type, e.Refusal = "response.refusal.done", &p.Text
	} else {
		e.Text, e.LogProbs = &p.Text, &p.logProbs
	}
	dst = w.event(dst, e)
	e = w.at("response.content_part.done")
	e.Part = contentPart(p.Kind, p.Text, p.logProbs)
	return w.event(dst, e)
}

// endItem says the open item whole, if there is one, and the item that carries its signature.
func (w *writer) endItem(dst []byte, status string) []byte {
	if !w.itemOpen {
		return dst
	}
	w.itemOpen = false
	o := item(w.base, w.items, w.pieces[w.from:], status)
	dst = w.event(dst, &streamEvent{Type: "response.output_item.done", OutputIndex: &w.items, Item: o})
	w.items++
	if signedApart(w.last().Part) {
		c := carrier(w.base, w.items, w.last().Signature)
		added := c
		added.Encrypted = ""
		dst = w.event(dst, &streamEvent{Type: "response.output_item.added", OutputIndex: &w.items, Item: added})
		dst = w.event(dst, &streamEvent{Type: "response.output_item.done", OutputIndex: &w.items, Item: c})
		w.items++
	}
	return dst
}

func (w *writer) end(dst []byte) []byte {
	w.over = true
	dst = w.endPart(dst)
	w.r.Status, w.r.IncompleteDetails = state(w.finish, w.refused)
	dst = w.endItem(dst, w.r.Status)
	w.r.Output = output(w.base, w.pieces, w.r.Status)
	return w.event(dst, &streamEvent{Type: "response." + w.r.Status, Response: &w.r})
}

// fail ends the stream with the error, and with the response as far as it came.
func (w *writer) fail(dst []byte, err *exchange.Error) []byte {
	w.over = true
	if err == nil {
		err = (*failure)(nil).event()
	}
	if !w.begun {
		w.identify(&chat.Event{})
	}
	if w.partOpen {
		w.last().Text = string(w.text)
		if c := w.last().Call; c != nil {
			c.Arguments = w.last().Text
		}
	}
	dst = w.errorEvent(dst, err)
	w.r.Status, w.r.Error = failed, &responseError{Code: failureCode(err), Message: err.Message}
	w.r.Output = output(w.base, w.pieces, incomplete)
	return w.event(dst, &streamEvent{Type: "response.failed", Response: &w.r})
}
