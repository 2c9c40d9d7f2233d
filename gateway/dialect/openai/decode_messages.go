// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// ofMessages is what asks for nothing in a message: SDKs send back what was answered, empty lists included.
var ofMessages = chat.Silent{"annotations": {"[]"}}

// roleFields says which fields beside content and name a role has.
type roleFields struct{ answer, result bool }

// conversation reads the messages in their order. It remembers how called tools are named, as some dialects want the
// name beside a result.
type conversation struct {
	tools map[string]string // by the call's ID
}

func (w *request) messages(r *chat.Request) *exchange.Error {
	if w.Messages == nil {
		return missing("messages")
	}
	c := conversation{tools: make(map[string]string)}
	r.Messages = make([]chat.Message, 0, len(w.Messages))
	for i := range w.Messages {
		m, err := c.message(&w.Messages[i], chat.Index("messages", i))
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, m)
	}
	return nil
}

func (c *conversation) message(w *message, at string) (chat.Message, *exchange.Error) {
	m := chat.Message{Name: w.Name, At: at}
	if err := chat.RefuseUnknown(at, w.Unknown, ofMessages); err != nil {
		return m, err
	}
	var err *exchange.Error
	var has roleFields
	switch w.Role {
	case "system":
		m.Role = chat.System
		m.Parts, err = content(w, at, textOnly)
	case "developer":
		m.Role = chat.Developer
		m.Parts, err = content(w, at, textOnly)
	case "user":
		m.Role = chat.User
		m.Parts, err = content(w, at, ofUser)
	case "assistant":
		m.Role, has.answer = chat.Assistant, true
		m.Parts, err = c.answer(w, at)
	case "tool":
		m.Role, m.Name, has.result = chat.User, "", true
		m.Parts, err = c.result(w, at)
	case "function":
		return m, chat.RefuseField(at + ".role")
	default:
		return m, invalidValue(at+".role", "system, developer, user, assistant or tool")
	}
	if err == nil {
		err = has.check(w, at)
	}
	if err == nil {
		err = mark(m.Parts, w.CacheControl, at)
	}
	return m, err
}

// check refuses fields that a role does not have.
func (has roleFields) check(w *message, at string) *exchange.Error {
	switch {
	case !has.result && w.ToolCallID != "":
		return exchange.Invalid(at+".tool_call_id", "Only tool messages have 'tool_call_id'.")
	case has.answer:
		return nil
	case len(w.ToolCalls) > 0:
		return exchange.Invalid(at+".tool_calls", "Only assistant messages have 'tool_calls'.")
	case w.Refusal != "":
		return exchange.Invalid(at+".refusal", "Only assistant messages have a 'refusal'.")
	case w.ReasoningContent != "" || w.Reasoning != "":
		return exchange.Invalid(at+".reasoning_content", "Only assistant messages have 'reasoning_content'.")
	case len(w.ReasoningDetails) > 0:
		return exchange.Invalid(at+".reasoning_details", "Only assistant messages have 'reasoning_details'.")
	}
	return nil
}

// mark puts a message's own cache mark on its last part.
func mark(parts []chat.Part, c *cacheControl, at string) *exchange.Error {
	if c == nil {
		return nil
	}
	m, err := c.mark(at + ".cache_control")
	if err == nil && len(parts) > 0 {
		parts[len(parts)-1].Cache = m
	}
	return err
}

// answer reads an assistant's message: what it thought, said and called, in this order. An empty text beside something
// else says nothing.
func (c *conversation) answer(w *message, at string) ([]chat.Part, *exchange.Error) {
	parts, err := thoughts(w, at)
	if err != nil {
		return nil, err
	}
	said, err := content(w, at, ofAssistant)
	if err != nil {
		return nil, err
	}
	if len(said) == 1 && said[0].Kind == chat.Text && said[0].Text == "" && (len(w.ToolCalls) > 0 || w.Refusal != "") {
		said = nil
	}
	parts = append(parts, said...)
	if w.Refusal != "" {
		parts = append(parts, chat.Part{Kind: chat.Refusal, Text: w.Refusal, At: at + ".refusal"})
	}
	for i := range w.ToolCalls {
		call, err := c.call(&w.ToolCalls[i], chat.Index(at+".tool_calls", i))
		if err != nil {
			return nil, err
		}
		parts = append(parts, call)
	}
	return parts, nil
}

func (c *conversation) call(w *toolCall, at string) (chat.Part, *exchange.Error) {
	p := chat.Part{Kind: chat.Call, At: at}
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return p, err
	}
	if w.Type != "function" && w.Type != "" {
		return p, chat.RefuseField(at + ".type")
	}
	if w.Function == nil || w.Function.Name == "" {
		return p, missing(at + ".function.name")
	}
	if w.ID == "" {
		return p, missing(at + ".id")
	}
	if err := chat.RefuseUnknown(at+".function", w.Function.Unknown); err != nil {
		return p, err
	}
	if x := w.Extra; x != nil {
		if err := chat.RefuseUnknown(at+".extra_content", x.Unknown); err != nil {
			return p, err
		}
		if x.Google != nil {
			if err := chat.RefuseUnknown(at+".extra_content.google", x.Google.Unknown); err != nil {
				return p, err
			}
			p.Signature = x.Google.ThoughtSignature
		}
	}
	p.Call = &chat.ToolCall{ID: w.ID, Name: w.Function.Name, Arguments: w.Function.Arguments}
	c.tools[w.ID] = w.Function.Name
	return p, nil
}

// result reads a tool's message. Beside texts, which is all that OpenAI takes, images and files are read, as others
// take them.
func (c *conversation) result(w *message, at string) ([]chat.Part, *exchange.Error) {
	if w.ToolCallID == "" {
		return nil, missing(at + ".tool_call_id")
	}
	parts, err := content(w, at, ofTool)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && parts[0].Kind == chat.Text && parts[0].Text == "" {
		parts = nil
	}
	name := w.Name
	if name == "" {
		name = c.tools[w.ToolCallID]
	}
	return []chat.Part{{
		Kind: chat.Result, At: at, Result: &chat.ToolResult{CallID: w.ToolCallID, Name: name, Parts: parts},
	}}, nil
}

// thoughts reads what the model thought. The details say more than the text, so that they win where both are there.
func thoughts(w *message, at string) ([]chat.Part, *exchange.Error) {
	if len(w.ReasoningDetails) == 0 {
		switch {
		case w.ReasoningContent != "":
			return []chat.Part{{Kind: chat.Thinking, Text: w.ReasoningContent, At: at + ".reasoning_content"}}, nil
		case w.Reasoning != "":
			return []chat.Part{{Kind: chat.Thinking, Text: w.Reasoning, At: at + ".reasoning"}}, nil
		}
		return nil, nil
	}
	var parts []chat.Part
	var run strings.Builder // the text of the last part, where it came in pieces
	var last *int64         // the index of the last detail, where it was a text without a signature
	for i := range w.ReasoningDetails {
		d := &w.ReasoningDetails[i]
		p, err := d.part(chat.Index(at+".reasoning_details", i))
		if err != nil {
			return nil, err
		}
		if p.Kind == chat.Thinking && last != nil && d.Index != nil && *last == *d.Index {
			// Clients that collect the details of a stream without joining them send the pieces back.
			whole := &parts[len(parts)-1]
			if run.Len() == 0 {
				run.WriteString(whole.Text)
			}
			run.WriteString(p.Text)
			whole.Text, whole.Signature = run.String(), p.Signature
		} else {
			run.Reset()
			parts = append(parts, p)
		}
		last = nil
		if p.Kind == chat.Thinking && p.Signature == "" {
			last = d.Index
		}
	}
	return parts, nil
}

func (d *reasoningDetail) part(at string) (chat.Part, *exchange.Error) {
	if err := chat.RefuseUnknown(at, d.Unknown); err != nil {
		return chat.Part{}, err
	}
	switch d.Type {
	case detailText:
		return chat.Part{Kind: chat.Thinking, Text: d.Text, Signature: d.Signature, At: at}, nil
	case detailSummary:
		return chat.Part{Kind: chat.Thinking, Text: d.Summary, Signature: d.Signature, At: at}, nil
	case detailEncrypted:
		return chat.Part{Kind: chat.Redacted, Signature: d.Data, At: at}, nil
	}
	return chat.Part{}, invalidValue(at+".type", detailText+", "+detailSummary+" or "+detailEncrypted)
}

// The types of reasoning_details.
const (
	detailText      = "reasoning.text"
	detailSummary   = "reasoning.summary"
	detailEncrypted = "reasoning.encrypted"
)
