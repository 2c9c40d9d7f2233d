// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// message has for content nil, a string, or a list of parts.
type message struct {
	Role       string `json:"role"`
	Content    any    `json:"content,omitzero"`
	ToolPlan   string `json:"tool_plan,omitzero"`
	ToolCalls  []call `json:"tool_calls,omitzero"`
	ToolCallID string `json:"tool_call_id,omitzero"`
}

type call struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function called `json:"function"`
}

type called struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type part struct {
	Type     string  `json:"type"`
	Text     *string `json:"text,omitzero"`
	Thinking *string `json:"thinking,omitzero"`
	ImageURL *image  `json:"image_url,omitzero"`
}

type image struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitzero"`
}

func textPart(text string) part { return part{Type: "text", Text: &text} }

// conversation renders the messages.
type conversation struct{ out []message }

func messages(r *chat.Request) ([]message, *exchange.Error) {
	c := conversation{out: make([]message, 0, len(r.Messages))}
	for i := range r.Messages {
		m := &r.Messages[i]
		if m.Name != "" {
			return nil, chat.RefuseAt(chat.Join(m.At, "name"), dialectName)
		}
		var err *exchange.Error
		switch m.Role {
		case chat.Assistant:
			err = c.assistant(m)
		case chat.User:
			err = c.user(m)
		default:
			err = c.say("system", m.Parts)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

// user renders results as messages of their own, before what else the turn says.
func (c *conversation) user(m *chat.Message) *exchange.Error {
	var rest []chat.Part
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind != chat.Result {
			rest = append(rest, *p)
			continue
		}
		if err := c.result(p); err != nil {
			return err
		}
	}
	if len(rest) == 0 && len(m.Parts) > 0 {
		return nil
	}
	return c.say("user", rest)
}

// say renders texts and images. A single text is a string.
func (c *conversation) say(role string, parts []chat.Part) *exchange.Error {
	said := make([]part, 0, len(parts))
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Kind == chat.Text:
			said = append(said, textPart(p.Text))
		case p.Kind == chat.Image && p.Media != nil && p.Media.FileID == "" && role == "user":
			if p.Media.Data == "" && !strings.HasPrefix(p.Media.URL, "https://") && !strings.HasPrefix(p.Media.URL, "http://") {
				return chat.RefuseAt(p.At, dialectName, "images are fetched from http(s) URLs only")
			}
			said = append(said, imagePart(p.Media))
		default:
			return chat.RefuseAt(p.At, dialectName)
		}
	}
	c.out = append(c.out, message{Role: role, Content: contentOf(said)})
	return nil
}

func imagePart(m *chat.Media) part {
	url := m.URL
	if m.Data != "" {
		url = "data:" + m.MIME + ";base64," + m.Data
	}
	return part{Type: "image_url", ImageURL: &image{URL: url, Detail: m.Detail}}
}

func contentOf(parts []part) any {
	switch {
	case len(parts) == 0:
		return ""
	case len(parts) == 1 && parts[0].Type == "text":
		return *parts[0].Text
	}
	return parts
}

// result renders what a tool answered. Only texts can be. That the tool failed has no field of its own and is said in
// the text, which is all that the model sees.
func (c *conversation) result(p *chat.Part) *exchange.Error {
	r := p.Result
	if r == nil {
		return chat.RefuseAt(p.At, dialectName)
	}
	said := make([]part, 0, len(r.Parts))
	for i := range r.Parts {
		if r.Parts[i].Kind != chat.Text {
			return chat.RefuseAt(r.Parts[i].At, dialectName, "tools answer in text")
		}
		said = append(said, textPart(r.Parts[i].Text))
	}
	if r.Failed {
		if len(said) == 0 {
			said = append(said, textPart(""))
		}
		said[0] = textPart("Error: " + *said[0].Text)
	}
	c.out = append(c.out, message{Role: "tool", ToolCallID: r.CallID, Content: contentOf(said)})
	return nil
}

// assistant renders what the model said before. Beside calls, what it said is its plan for them. Reasoning that is
// encrypted only its provider can use, so that it is left out.
func (c *conversation) assistant(m *chat.Message) *exchange.Error {
	w := message{Role: "assistant"}
	var said []part
	var plan strings.Builder
	for i := range m.Parts {
		switch p := &m.Parts[i]; {
		case p.Kind == chat.Text || p.Kind == chat.Refusal:
			plan.WriteString(p.Text)
			said = append(said, textPart(p.Text))
		case p.Kind == chat.Thinking:
			said = append(said, part{Type: "thinking", Thinking: &p.Text})
		case p.Kind == chat.Redacted:
		case p.Kind == chat.Call && p.Call != nil:
			w.ToolCalls = append(w.ToolCalls, callOf(p.Call))
		default:
			return chat.RefuseAt(p.At, dialectName)
		}
	}
	if w.ToolCalls != nil {
		w.ToolPlan = plan.String()
		said = thoughtsOf(said)
	}
	if len(said) > 0 || w.ToolCalls == nil {
		w.Content = contentOf(said)
	}
	c.out = append(c.out, w)
	return nil
}

func thoughtsOf(parts []part) []part {
	var thoughts []part
	for _, p := range parts {
		if p.Thinking != nil {
			thoughts = append(thoughts, p)
		}
	}
	return thoughts
}

func callOf(t *chat.ToolCall) call {
	w := call{ID: t.ID, Type: "function", Function: called{Name: t.Name, Arguments: t.Arguments}}
	if w.Function.Arguments == "" {
		w.Function.Arguments = "{}"
	}
	return w
}
