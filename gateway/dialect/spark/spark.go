// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package spark is the gateway's own dialect, POST /api/spark/generate: a prompt or messages in, a text, what it cost
// and who gave it out. gateway/openapi.json describes it.
package spark

import (
	"cmp"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/openai"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Decoder is the dialect's, for applications. It is stateless and safe for concurrent use.
type Decoder struct{}

var _ chat.Decoder = Decoder{}

// request is the body.
type request struct {
	Prompt          *string        `json:"prompt"`
	Messages        []message      `json:"messages"`
	Model           jsontext.Value `json:"model"`
	Stream          *bool          `json:"stream"`
	MaxOutputTokens *int64         `json:"maxOutputTokens"`
	Temperature     *float64       `json:"temperature"`
	Unknown         jsontext.Value `json:",embed"`
}

type message struct {
	Role    string         `json:"role"`
	Content string         `json:"content"`
	Unknown jsontext.Value `json:",embed"`
}

var roles = map[string]chat.Role{"system": chat.System, "user": chat.User, "assistant": chat.Assistant}

var names = map[chat.Field]string{chat.FieldMaxTokens: "maxOutputTokens", chat.FieldTemperature: "temperature"}

// DecodeRequest reads {prompt | messages, model, stream, maxOutputTokens, temperature}. Prompt and messages exclude each
// other, and one of them is required.
func (Decoder) DecodeRequest(body []byte) (*chat.Request, *exchange.Error) {
	var in request
	if err := chat.DecodeBody(body, &in); err != nil {
		return nil, err
	}
	if err := refuseUnknown("", in.Unknown); err != nil {
		return nil, err
	}
	r := &chat.Request{
		MaxTokens: in.MaxOutputTokens, Temperature: in.Temperature, Names: func(f chat.Field) string { return names[f] },
	}
	switch {
	case in.Prompt != nil && in.Messages != nil:
		return nil, exchange.Invalid("messages", "Either 'prompt' or 'messages', not both.")
	case in.MaxOutputTokens != nil && *in.MaxOutputTokens < 1:
		return nil, exchange.Invalid("maxOutputTokens", "'maxOutputTokens' must be at least 1.")
	case in.Prompt != nil:
		r.Messages = []chat.Message{turn(chat.User, *in.Prompt, "prompt")}
		return r, nil
	case len(in.Messages) == 0:
		err := exchange.Invalid("prompt", "Missing required parameter: 'prompt' or 'messages'.")
		err.Code = "missing_required_parameter"
		return nil, err
	}
	for i, m := range in.Messages {
		at := chat.Index("messages", i)
		role, known := roles[m.Role]
		if !known {
			return nil, exchange.Invalid(at+".role", "'"+at+".role' must be system, user or assistant.")
		}
		if err := refuseUnknown(at, m.Unknown); err != nil {
			return nil, err
		}
		r.Messages = append(r.Messages, turn(role, m.Content, at))
	}
	return r, nil
}

func turn(role chat.Role, text, at string) chat.Message {
	return chat.Message{Role: role, At: at, Parts: []chat.Part{{Kind: chat.Text, Text: text, At: at}}}
}

// refuseUnknown refuses members that the dialect does not have, as a wrong name and not as something untranslatable.
func refuseUnknown(at string, members jsontext.Value) *exchange.Error {
	found := chat.RefuseUnknown(at, members)
	if found == nil {
		return nil
	}
	err := exchange.Invalid(found.Param, "Unknown parameter: '"+found.Param+"'.")
	err.Code = "unknown_parameter"
	return err
}

// answer is the body of an answer, and the last event of a stream.
type answer struct {
	ID           string  `json:"id"`
	Text         string  `json:"text"`
	Model        string  `json:"model"`
	Provider     string  `json:"provider"`
	FinishReason string  `json:"finishReason"`
	Usage        *usage  `json:"usage"`
	Cost         *string `json:"cost"`
	Cache        string  `json:"cache"`
}

type usage struct {
	InputTokens       int64 `json:"inputTokens"`
	OutputTokens      int64 `json:"outputTokens"`
	TotalTokens       int64 `json:"totalTokens"`
	CachedInputTokens int64 `json:"cachedInputTokens"`
	ReasoningTokens   int64 `json:"reasoningTokens"`
}

var finishes = map[chat.Finish]string{
	chat.AtLength: "length", chat.Filtered: "content_filter", chat.Declined: "refusal", chat.CalledTools: "tool_calls",
}

// finishOf is "stop" for all that ended because the model had said what it had to say.
func finishOf(f chat.Finish) string {
	if word, ok := finishes[f]; ok {
		return word
	}
	return "stop"
}

func newAnswer(id, model string, m chat.Meta, u exchange.Usage) answer {
	a := answer{ID: id, Model: model, Provider: m.Provider, FinishReason: "stop", Cache: cmp.Or(m.Cache, "bypass")}
	if u.Source == exchange.UsageNone {
		return a
	}
	a.Usage = &usage{u.Prompt, u.Completion, u.Total, u.Cached, u.Reasoning}
	if m.Cost == nil {
		return a
	}
	if cost := m.Cost(u); cost != "" {
		a.Cost = &cost
	}
	return a
}

// AppendAnswer renders a whole answer. What a model thought is not part of the text.
func (Decoder) AppendAnswer(dst []byte, from *chat.Answer) []byte {
	a := newAnswer(from.ID, from.Model, from.Meta, from.Usage)
	choice := from.Choices[0]
	a.FinishReason = finishOf(choice.Finish)
	for _, p := range choice.Parts {
		if p.Kind == chat.Text || p.Kind == chat.Refusal {
			a.Text += p.Text
		}
	}
	return chat.Append(dst, a)
}

// NewWriter begins a stream: "delta" events {text}, then one "done" event, the answer with an empty text, or one
// "error" event {error}.
func (Decoder) NewWriter(_ *chat.Request, m chat.Meta) chat.Writer {
	return &writer{meta: m, id: m.ID, model: m.Model, finish: "stop"}
}

type writer struct {
	meta              chat.Meta
	id, model, finish string
	spoken            bool // the part at hand is said to the application
	usage             exchange.Usage
}

// Write appends what the application gets for an event.
func (w *writer) Write(dst []byte, e *chat.Event) []byte {
	if e.Choice > 0 {
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
	case chat.PartBegan:
		w.spoken = e.Part.Kind == chat.Text || e.Part.Kind == chat.Refusal
	case chat.Delta:
		if w.spoken {
			return event(dst, "delta", map[string]string{"text": e.Text})
		}
	case chat.Finished:
		w.finish = finishOf(e.Finish)
	case chat.Used:
		w.usage = e.Usage
	case chat.Ended:
		a := newAnswer(w.id, w.model, w.meta, w.usage)
		a.FinishReason = w.finish
		return event(dst, "done", a)
	case chat.Failed:
		dst = append(dst, "event: error\ndata: "...)
		return append(openai.AppendError(dst, e.Err), "\n\n"...)
	case chat.Signed, chat.PartEnded:
	}
	return dst
}

func event(dst []byte, name string, v any) []byte {
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(chat.Append(dst, v), "\n\n"...)
}
