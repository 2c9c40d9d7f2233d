// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"net/http"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxArguments bounds what a writer gathers of one call's arguments, in bytes.
const maxArguments = 8 << 20

// writer renders a stream of GenerateContentResponses. Texts go as they come, and calls when they are whole, because
// their arguments are an object. Why the candidates finished goes last, with the usage.
type writer struct {
	frame   framing
	id      string
	model   string
	usage   exchange.Usage
	choices map[int]*written
	order   []int
	failed  bool
	full    *exchange.Error
}

var _ chat.Bounded = (*writer)(nil)

// Full implements chat.Bounded.
func (w *writer) Full() *exchange.Error { return w.full }

// written is how much of a choice is told.
type written struct {
	kind              chat.PartKind
	call              chat.ToolCall
	args              strings.Builder
	signature         string
	malformed, ending bool
	finish            chat.Finish
}

// framing is how one response follows another.
type framing interface {
	// object appends a response.
	object(dst []byte, w *response) []byte
	// failure appends the error that ends a stream which is not whole.
	failure(dst []byte, e *exchange.Error) []byte
	// end appends the end of a whole stream.
	end(dst []byte) []byte
}

// NewWriter begins the stream of alt=sse: server-sent events of one GenerateContentResponse each, and no terminator.
//
// An error stands outside of the framing, as a bare object at the very end without a blank line, which is how Google
// itself reports an error in mid-stream: Google's SDKs for JavaScript and Go take an error within an event for an answer
// without candidates, and the broken stream for a whole one. All of them raise the bare error. Comments must not be
// sent on such a stream, because the SDKs for Go and Python take them for errors.
func (Decoder) NewWriter(_ *chat.Request, m chat.Meta) chat.Writer {
	return &writer{frame: events{}, id: m.ID, model: m.Model}
}

// NewArrayWriter begins the stream without alt=sse: one JSON array of GenerateContentResponses. An error is the array's
// last element, and the array stays open, so that a broken stream is no whole JSON text. Google's SDKs never ask for it.
func (Decoder) NewArrayWriter(_ *chat.Request, m chat.Meta) chat.Writer {
	return &writer{frame: &array{}, id: m.ID, model: m.Model}
}

func (w *writer) Write(dst []byte, e *chat.Event) []byte {
	if w.failed {
		return dst
	}
	switch e.Kind {
	case chat.Began:
		if e.ID != "" {
			w.id = e.ID
		}
		if e.Model != "" {
			w.model = e.Model
		}
	case chat.Used:
		w.usage = e.Usage
	case chat.Ended:
		return w.frame.end(w.finish(dst))
	case chat.Failed:
		w.failed = true
		return w.frame.failure(dst, e.Err)
	case chat.PartBegan, chat.Delta, chat.Signed, chat.PartEnded, chat.Finished:
		return w.part(dst, e)
	}
	return dst
}

func (w *writer) part(dst []byte, e *chat.Event) []byte {
	c := w.choice(e.Choice)
	switch e.Kind {
	case chat.PartBegan:
		c.kind, c.signature = e.Part.Kind, ""
		c.args.Reset()
		if e.Part.Call != nil {
			c.call = *e.Part.Call
		}
	case chat.Delta:
		return w.delta(dst, c, e)
	case chat.Signed:
		c.signature = e.Text
		if c.kind != chat.Call && c.kind != chat.Redacted {
			return w.piece(dst, e.Choice, textOf(c.kind, "", e.Text), nil)
		}
	case chat.PartEnded:
		return w.endPart(dst, c, e.Choice)
	case chat.Finished:
		c.finish, c.ending = e.Finish, true
	default:
	}
	return dst
}

func (w *writer) delta(dst []byte, c *written, e *chat.Event) []byte {
	if c.kind != chat.Call {
		return w.piece(dst, e.Choice, textOf(c.kind, e.Text, ""), logProbsOf(e.LogProbs))
	}
	if c.args.Len()+len(e.Text) > maxArguments {
		w.failed = true
		w.full = &exchange.Error{
			Status: http.StatusBadGateway, Type: exchange.TypeUpstream, Reason: exchange.ReasonResponseTooLarge,
			Outcome: exchange.ProviderBroken, Message: "The model's call of a function is too long to be translated.",
		}
		return w.frame.failure(dst, w.full)
	}
	c.args.WriteString(e.Text)
	return dst
}

func (w *writer) endPart(dst []byte, c *written, index int) []byte {
	switch c.kind {
	case chat.Redacted:
		return w.piece(dst, index, textOf(chat.Redacted, "", c.signature), nil)
	case chat.Call:
		c.call.Arguments += c.args.String()
		call, ok := callOf(&c.call)
		c.args.Reset()
		if !ok {
			c.malformed = true
			return dst
		}
		return w.piece(dst, index, part{Call: call, Signature: wrapSignature(c.signature)}, nil)
	default:
		return dst
	}
}

func (w *writer) choice(index int) *written {
	if c, ok := w.choices[index]; ok {
		return c
	}
	if w.choices == nil {
		w.choices = map[int]*written{}
	}
	c := &written{}
	w.choices[index] = c
	w.order = append(w.order, index)
	return c
}

// piece appends a response of one part.
func (w *writer) piece(dst []byte, index int, p part, probs *logProbsResult) []byte {
	return w.frame.object(dst, &response{
		Candidates: []candidate{{Content: &content{Parts: list[part]{p}, Role: "model"}, Index: &index, LogProbs: probs}},
		Usage:      usageOf(w.usage), Model: w.model, ID: w.id,
	})
}

// finish appends the response that says why the candidates finished. There is one part in each, because SDKs look for
// one.
func (w *writer) finish(dst []byte) []byte {
	out := &response{Usage: usageOf(w.usage), Model: w.model, ID: w.id}
	for _, index := range w.order {
		c := w.choices[index]
		if !c.ending {
			continue
		}
		empty := ""
		out.Candidates = append(out.Candidates, candidate{
			Content: &content{Parts: list[part]{{Text: &empty}}, Role: "model"}, Index: &index,
			Finish: reasonUnless(c.malformed, c.finish),
		})
	}
	return w.frame.object(dst, out)
}

// events is the framing of alt=sse.
type events struct{}

func (events) object(dst []byte, w *response) []byte {
	return append(chat.Append(append(dst, "data: "...), w), "\n\n"...)
}

func (events) failure(dst []byte, e *exchange.Error) []byte { return AppendError(dst, e) }

func (events) end(dst []byte) []byte { return dst }

// array is the framing of a JSON array.
type array struct{ begun bool }

func (a *array) next(dst []byte) []byte {
	if a.begun {
		return append(dst, ",\n"...)
	}
	a.begun = true
	return append(dst, '[')
}

func (a *array) object(dst []byte, w *response) []byte { return chat.Append(a.next(dst), w) }

func (a *array) failure(dst []byte, e *exchange.Error) []byte { return AppendError(a.next(dst), e) }

func (a *array) end(dst []byte) []byte {
	if !a.begun {
		dst = append(dst, '[')
	}
	return append(dst, ']')
}
