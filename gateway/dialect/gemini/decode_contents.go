// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"strconv"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// history gathers contents as messages and joins responses to their calls.
type history struct {
	messages []chat.Message
	calls    []pendingCall
	// byID and byName hold, in order, the places of calls that may not be answered yet.
	byID, byName map[string][]int
}

// pendingCall is a call that a response may answer.
type pendingCall struct {
	id       string
	answered bool
}

// add takes the content of an index.
func (h *history) add(at string, index int, c *content) *exchange.Error {
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return err
	}
	m := chat.Message{Role: chat.User, At: at}
	switch c.Role {
	case "", "user", "function":
	case "model":
		m.Role = chat.Assistant
	default:
		return exchange.Invalid(at+".role", "'"+at+".role' must be 'user' or 'model'.")
	}
	var t turn
	for i := range c.Parts {
		place := chat.Index(chat.Join(at, "parts"), i)
		p, err := c.Parts[i].neutral(place)
		if err == nil {
			err = h.join(&p, m.Role, "call_"+strconv.Itoa(index)+"_"+strconv.Itoa(i))
		}
		if err != nil {
			return err
		}
		if !blank(&p) {
			t.add(p)
		}
	}
	t.end()
	if m.Parts = t.parts; len(m.Parts) > 0 {
		h.messages = append(h.messages, m)
	}
	return nil
}

// blank says that a part is text that says nothing, such as the end of a streamed answer leaves in a conversation. Other
// dialects refuse it.
func blank(p *chat.Part) bool {
	return (p.Kind == chat.Text || p.Kind == chat.Thinking) && p.Text == "" && p.Signature == ""
}

// turn gathers the parts of a message. A thought that a streamed answer left in pieces becomes one again: a run of
// thoughts that no signature ended.
type turn struct {
	parts   []chat.Part
	run     strings.Builder
	running bool
}

func (t *turn) add(p chat.Part) {
	if t.running && p.Kind == chat.Thinking {
		t.run.WriteString(p.Text)
		t.parts[len(t.parts)-1].Signature = p.Signature
		if p.Signature != "" {
			t.end()
		}
		return
	}
	t.end()
	t.parts = append(t.parts, p)
	if p.Kind == chat.Thinking && p.Signature == "" {
		t.running = true
		t.run.WriteString(p.Text)
	}
}

func (t *turn) end() {
	if t.running {
		t.parts[len(t.parts)-1].Text = t.run.String()
		t.run.Reset()
		t.running = false
	}
}

// join gives a call without an ID the one that is made of its place, and a response without one that of its call: the
// earliest of the same name that is not answered.
func (h *history) join(p *chat.Part, role chat.Role, id string) *exchange.Error {
	switch {
	case p.Kind == chat.Call && role != chat.Assistant:
		return exchange.Invalid(p.At+".functionCall", "Only the model calls functions: '"+p.At+".functionCall' needs the role 'model'.")
	case p.Kind == chat.Result && role == chat.Assistant:
		return exchange.Invalid(p.At+".functionResponse", "The model does not answer functions: '"+p.At+".functionResponse' needs the role 'user'.")
	case p.Kind == chat.Call:
		if p.Call.ID == "" {
			p.Call.ID = id
		}
		h.called(p.Call)
	case p.Kind == chat.Result:
		return h.answer(p)
	}
	return nil
}

func (h *history) called(c *chat.ToolCall) {
	if h.byID == nil {
		h.byID, h.byName = map[string][]int{}, map[string][]int{}
	}
	place := len(h.calls)
	h.calls = append(h.calls, pendingCall{id: c.ID})
	h.byID[c.ID] = append(h.byID[c.ID], place)
	h.byName[c.Name] = append(h.byName[c.Name], place)
}

// earliest takes the earliest call of a queue that is not answered; nil where there is none.
func (h *history) earliest(queue map[string][]int, key string) *pendingCall {
	places := queue[key]
	for len(places) > 0 && h.calls[places[0]].answered {
		places = places[1:]
	}
	if len(places) == 0 {
		return nil
	}
	queue[key] = places[1:]
	h.calls[places[0]].answered = true
	return &h.calls[places[0]]
}

func (h *history) answer(p *chat.Part) *exchange.Error {
	if p.Result.CallID != "" && h.earliest(h.byID, p.Result.CallID) != nil {
		return nil
	}
	if c := h.earliest(h.byName, p.Result.Name); c != nil {
		p.Result.CallID = c.id
		return nil
	}
	if p.Result.CallID == "" {
		return exchange.Invalid(p.At+".functionResponse.name", "'"+p.At+".functionResponse.name' names no function that was called before and not answered.")
	}
	return nil
}

// neutral gives the part that stands at a place. Exactly one of its kinds of data must be given.
func (p *part) neutral(at string) (chat.Part, *exchange.Error) {
	out := chat.Part{At: at, Signature: unwrapSignature(p.Signature)}
	if err := chat.RefuseUnknown(at, p.Unknown); err != nil {
		return out, err
	}
	kinds := 0
	for _, has := range [...]bool{p.Text != nil, p.Inline != nil, p.File != nil, p.Call != nil, p.Response != nil} {
		if has {
			kinds++
		}
	}
	if kinds > 1 || kinds == 0 && out.Signature == "" {
		return out, exchange.Invalid(at, "'"+at+"' must hold exactly one kind of data.")
	}
	var err *exchange.Error
	switch {
	case p.Inline != nil:
		err = p.Inline.neutral(&out, chat.Join(at, "inlineData"))
	case p.File != nil:
		err = p.File.neutral(&out, chat.Join(at, "fileData"))
	case p.Call != nil:
		err = p.Call.neutral(&out, chat.Join(at, "functionCall"))
	case p.Response != nil:
		err = p.Response.neutral(&out, chat.Join(at, "functionResponse"))
	case p.Text != nil:
		out.Text = *p.Text
		if p.Thought {
			out.Kind = chat.Thinking
		}
	case p.Thought:
		out.Kind = chat.Redacted
	}
	if err == nil {
		err = p.Resolution.apply(&out, chat.Join(at, "mediaResolution"))
	}
	return out, err
}

func (c *functionCall) neutral(out *chat.Part, at string) *exchange.Error {
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return err
	}
	if c.Name == "" {
		return exchange.Invalid(at+".name", "'"+at+".name' is required.")
	}
	out.Kind, out.Call = chat.Call, &chat.ToolCall{ID: c.ID, Name: c.Name}
	if !given(c.Args) {
		return nil
	}
	if c.Args.Kind() != '{' {
		return exchange.Invalid(at+".args", "'"+at+".args' must be an object.")
	}
	out.Call.Arguments = string(c.Args)
	return nil
}

func (f *functionResponse) neutral(out *chat.Part, at string) *exchange.Error {
	if err := chat.RefuseUnknown(at, f.Unknown); err != nil {
		return err
	}
	if f.Name == "" {
		return exchange.Invalid(at+".name", "'"+at+".name' is required.")
	}
	out.Kind, out.Result = chat.Result, &chat.ToolResult{CallID: f.ID, Name: f.Name}
	if given(f.Response) {
		if f.Response.Kind() != '{' {
			return exchange.Invalid(at+".response", "'"+at+".response' must be an object.")
		}
		text, failed := unwrapResponse(f.Response)
		out.Result.Failed = failed
		out.Result.Parts = append(out.Result.Parts, chat.Part{Text: text, At: at + ".response"})
	}
	for i := range f.Parts {
		place := chat.Index(chat.Join(at, "parts"), i)
		if err := chat.RefuseUnknown(place, f.Parts[i].Unknown); err != nil {
			return err
		}
		if f.Parts[i].Inline == nil {
			return exchange.Invalid(place, "'"+place+"' must hold inlineData.")
		}
		p := chat.Part{At: place}
		if err := f.Parts[i].Inline.neutral(&p, chat.Join(place, "inlineData")); err != nil {
			return err
		}
		if p.Kind != chat.Image && p.Kind != chat.Document {
			return exchange.Invalid(place, "'"+place+"' must be an image or a document.")
		}
		out.Result.Parts = append(out.Result.Parts, p)
	}
	return nil
}
