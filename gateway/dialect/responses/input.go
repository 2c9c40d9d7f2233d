// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// signsPrevious begins the encrypted content of a reasoning item that is the gateway's own: what follows is the signature
// of the text or the call before it, for the provider who gave it.
const signsPrevious = "spark:signs-previous:"

// conversation gathers the turns of an input. Each item is a turn of its own.
type conversation struct {
	turns []chat.Message
	// tools are the names of the tools that were called, by the call's ID.
	tools map[string]string
}

func (w *request) messages(r *chat.Request) *exchange.Error {
	var c conversation
	if w.Instructions != nil && *w.Instructions != "" {
		c.add(chat.System, "instructions", chat.Part{Text: *w.Instructions, At: "instructions"})
	}
	if err := c.input(w.Input); err != nil {
		return err
	}
	r.Messages = c.turns
	return nil
}

func (c *conversation) add(role chat.Role, at string, parts ...chat.Part) {
	c.turns = append(c.turns, chat.Message{Role: role, Parts: parts, At: at})
}

func (c *conversation) input(v jsontext.Value) *exchange.Error {
	const at = "input"
	switch {
	case unsaid(v):
		return missing(at)
	case v.Kind() == '"':
		var text string
		if err := chat.DecodePart(at, v, &text); err != nil {
			return err
		}
		c.add(chat.User, at, chat.Part{Text: text, At: at})
		return nil
	}
	var items []jsontext.Value
	if err := chat.DecodePart(at, v, &items); err != nil {
		return err
	}
	for i, item := range items {
		if err := c.item(chat.Index(at, i), item); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversation) item(at string, v jsontext.Value) *exchange.Error {
	var k kind
	if err := chat.DecodePart(at, v, &k); err != nil {
		return err
	}
	switch k.Type {
	case "message":
		return c.message(at, v)
	case "function_call":
		return c.call(at, v)
	case "function_call_output":
		return c.result(at, v)
	case "reasoning":
		return c.reasoning(at, v)
	case "":
		// Messages need no type; references to items need none either.
		if k.Role != "" {
			return c.message(at, v)
		}
	}
	return chat.RefuseField(at + ".type")
}

var roles = map[string]chat.Role{
	"system": chat.System, "developer": chat.Developer, "user": chat.User, "assistant": chat.Assistant,
}

func (c *conversation) message(at string, v jsontext.Value) *exchange.Error {
	var m messageItem
	if err := chat.DecodePart(at, v, &m); err != nil {
		return err
	}
	if err := chat.RefuseUnknown(at, m.Unknown, silentItem); err != nil {
		return err
	}
	role, ok := roles[m.Role]
	if !ok {
		return invalid(at + ".role")
	}
	parts, err := content(at+".content", m.Content)
	if err == nil {
		c.add(role, at, parts...)
	}
	return err
}

func (c *conversation) call(at string, v jsontext.Value) *exchange.Error {
	var item callItem
	if err := chat.DecodePart(at, v, &item); err != nil {
		return err
	}
	switch {
	case item.CallID == "":
		return missing(at + ".call_id")
	case item.Name == "":
		return missing(at + ".name")
	}
	if c.tools == nil {
		c.tools = map[string]string{}
	}
	c.tools[item.CallID] = item.Name
	call := &chat.ToolCall{ID: item.CallID, Name: item.Name, Arguments: item.Arguments}
	c.add(chat.Assistant, at, chat.Part{Kind: chat.Call, Call: call, At: at})
	return chat.RefuseUnknown(at, item.Unknown, silentItem)
}

func (c *conversation) result(at string, v jsontext.Value) *exchange.Error {
	var item resultItem
	if err := chat.DecodePart(at, v, &item); err != nil {
		return err
	}
	if item.CallID == "" {
		return missing(at + ".call_id")
	}
	parts, err := content(at+".output", item.Output)
	if err != nil {
		return err
	}
	result := &chat.ToolResult{CallID: item.CallID, Name: item.Name, Parts: parts}
	if result.Name == "" {
		result.Name = c.tools[item.CallID]
	}
	c.add(chat.User, at, chat.Part{Kind: chat.Result, Result: result, At: at})
	return chat.RefuseUnknown(at, item.Unknown, silentItem)
}

// reasoning takes the thoughts themselves where there are any, and else their summary. An item with neither that is not
// encrypted says nothing: it is what remains where the provider kept the rest.
func (c *conversation) reasoning(at string, v jsontext.Value) *exchange.Error {
	var item reasoningItem
	if err := chat.DecodePart(at, v, &item); err != nil {
		return err
	}
	if err := chat.RefuseUnknown(at, item.Unknown, silentItem); err != nil {
		return err
	}
	if signature, ok := strings.CutPrefix(item.Encrypted, signsPrevious); ok {
		c.sign(signature)
		return nil
	}
	where, thoughts := ".content", item.Content
	if len(thoughts) == 0 {
		where, thoughts = ".summary", item.Summary
	}
	texts := make([]string, 0, len(thoughts))
	for i, t := range thoughts {
		if err := chat.RefuseUnknown(chat.Index(at+where, i), t.Unknown); err != nil {
			return err
		}
		texts = append(texts, t.Text)
	}
	switch {
	case len(texts) > 0:
		c.add(chat.Assistant, at, chat.Part{
			Kind: chat.Thinking, Text: strings.Join(texts, thoughtBreak), Signature: item.Encrypted, At: at,
		})
	case item.Encrypted != "":
		c.add(chat.Assistant, at, chat.Part{Kind: chat.Redacted, Signature: item.Encrypted, At: at})
	}
	return nil
}

// thoughtBreak stands between the parts of a summary, which are paragraphs under headings of their own.
const thoughtBreak = "\n\n"

// sign gives the part before it a signature. Where the application has left that part out, the signature proves nothing.
func (c *conversation) sign(signature string) {
	if len(c.turns) == 0 {
		return
	}
	last := &c.turns[len(c.turns)-1]
	if last.Role != chat.Assistant || len(last.Parts) == 0 {
		return
	}
	if p := &last.Parts[len(last.Parts)-1]; speaks(p.Kind) || p.Kind == chat.Call {
		p.Signature = signature
	}
}
