// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// encoding gathers the contents of a request.
type encoding struct {
	modern bool
	// calls are what was called, by the call's ID.
	calls    map[string]called
	order    int // of the last call
	contents []content
}

// called is a call of a function: its name, and its place among all calls.
type called struct {
	name  string
	order int
}

// message adds a turn. Turns of one role in a row are one content.
func (e *encoding) message(m *chat.Message) *exchange.Error {
	if m.Name != "" {
		return chat.RefuseAt(chat.Join(m.At, "name"), target, "speakers have no names there")
	}
	role := "user"
	if m.Role == chat.Assistant {
		role = "model"
	}
	var parts []part
	for i := range m.Parts {
		p, err := e.part(&m.Parts[i])
		if err != nil {
			return err
		}
		if !p.empty() {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	if n := len(e.contents); n > 0 && e.contents[n-1].Role == role {
		e.contents[n-1].Parts = append(e.contents[n-1].Parts, parts...)
		return nil
	}
	e.contents = append(e.contents, content{Role: role, Parts: parts})
	return nil
}

// empty says that a part is text that says nothing, which Gemini refuses.
func (p *part) empty() bool { return p.Text != nil && *p.Text == "" && p.Signature == "" }

func (e *encoding) part(p *chat.Part) (part, *exchange.Error) {
	var out part
	var err *exchange.Error
	switch p.Kind {
	case chat.Text, chat.Refusal:
		out.Text = &p.Text
	case chat.Thinking:
		out.Text, out.Thought = &p.Text, true
	case chat.Image, chat.Audio, chat.Video, chat.Document:
		out, err = e.mediaPart(p)
	case chat.Call:
		out.Call, err = e.call(p)
	case chat.Result:
		out.Response, err = e.result(p)
	case chat.Redacted:
		err = chat.RefuseAt(p.At, target, "only the provider who thought it can read it")
	}
	out.Signature = p.Signature
	return out, err
}

func (e *encoding) call(p *chat.Part) (*functionCall, *exchange.Error) {
	c := &functionCall{ID: p.Call.ID, Name: p.Call.Name, Args: jsontext.Value(`{}`)}
	e.order++
	e.calls[p.Call.ID] = called{p.Call.Name, e.order}
	if strings.TrimSpace(p.Call.Arguments) == "" {
		return c, nil
	}
	if c.Args = jsontext.Value(strings.TrimSpace(p.Call.Arguments)); !isObject(string(c.Args)) {
		return nil, chat.RefuseAt(p.At, target, "the arguments of a call are a JSON object")
	}
	return c, nil
}

func (e *encoding) result(p *chat.Part) (*functionResponse, *exchange.Error) {
	r := p.Result
	call := e.calls[r.CallID]
	f := &functionResponse{ID: r.CallID, Name: r.Name, order: call.order}
	if f.Name == "" {
		f.Name = call.name
	}
	if f.Name == "" {
		return nil, chat.RefuseAt(p.At, target, "it answers no call before it")
	}
	var text strings.Builder
	for i := range r.Parts {
		inner := &r.Parts[i]
		switch inner.Kind {
		case chat.Text:
			text.WriteString(inner.Text)
		case chat.Image, chat.Document:
			if m := inner.Media; m != nil && m.Detail != "" && m.Detail != "auto" {
				return nil, chat.RefuseAt(inner.At, target, "images that tools answer have no detail")
			}
			inline, err := inlineOf(inner)
			if err != nil {
				return nil, err
			}
			inline.Name = inner.Media.Name // which the response may refer to
			f.Parts = append(f.Parts, responsePart{Inline: inline})
		default:
			return nil, chat.RefuseAt(inner.At, target, "tools answer text, images and documents")
		}
	}
	f.Response = wrapResponse(text.String(), r.Failed)
	return f, nil
}

// byOrder puts responses in the order of their calls, by which alone they are found where there are no IDs, and leaves
// the IDs out.
func (e *encoding) byOrder() {
	for i := range e.contents {
		parts := e.contents[i].Parts
		var places []int
		var responses []part
		for j := range parts {
			if parts[j].Call != nil {
				parts[j].Call.ID = ""
			}
			if parts[j].Response != nil {
				parts[j].Response.ID = ""
				places, responses = append(places, j), append(responses, parts[j])
			}
		}
		slices.SortStableFunc(responses, func(a, b part) int { return a.Response.order - b.Response.order })
		for k, place := range places {
			parts[place] = responses[k]
		}
	}
}

// unsigned is what Google documents for calls that Gemini did not make, or whose signature the application's dialect
// could not carry: https://ai.google.dev/gemini-api/docs/thought-signatures. Without it, modern models refuse the
// conversation.
const unsigned = "skip_thought_signature_validator"

// sign gives the first call of each turn a signature, where nothing in the turn has one.
func (e *encoding) sign() {
	if !e.modern {
		return
	}
	for i := range e.contents {
		var first *part
		for j := range e.contents[i].Parts {
			p := &e.contents[i].Parts[j]
			if p.Call == nil {
				continue
			}
			if first == nil {
				first = p
			}
			if p.Signature != "" {
				first = nil
				break
			}
		}
		if first != nil {
			first.Signature = unsigned
		}
	}
}
