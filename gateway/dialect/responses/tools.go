// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func (w *request) tools(r *chat.Request) *exchange.Error {
	for i, raw := range w.Tools {
		at := chat.Index("tools", i)
		var k kind
		if err := chat.DecodePart(at, raw, &k); err != nil {
			return err
		}
		if k.Type != "function" {
			return chat.RefuseField(at + ".type")
		}
		var t functionTool
		if err := chat.DecodePart(at, raw, &t); err != nil {
			return err
		}
		if err := chat.RefuseUnknown(at, t.Unknown, silentTool); err != nil {
			return err
		}
		if t.Name == "" {
			return missing(at + ".name")
		}
		tool := chat.Tool{Name: t.Name, Description: t.Description, Strict: t.Strict, At: at}
		if !unsaid(t.Parameters) {
			if t.Parameters.Kind() != '{' {
				return invalid(at + ".parameters")
			}
			tool.Schema = t.Parameters
		}
		r.Tools = append(r.Tools, tool)
	}
	return nil
}

var toolModes = map[string]chat.ToolMode{"auto": chat.AutoTools, "none": chat.NoTools, "required": chat.AnyTool}

func (w *request) toolChoice(r *chat.Request) *exchange.Error {
	const at = "tool_choice"
	if unsaid(w.ToolChoice) {
		return nil
	}
	if w.ToolChoice.Kind() == '"' {
		var word string
		if err := chat.DecodePart(at, w.ToolChoice, &word); err != nil {
			return err
		}
		mode, ok := toolModes[word]
		if !ok {
			return invalid(at)
		}
		r.Choice.Mode = mode
		return nil
	}
	var c choice
	if err := chat.DecodePart(at, w.ToolChoice, &c); err != nil {
		return err
	}
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return err
	}
	switch c.Type {
	case "function":
		if c.Name == "" {
			return missing(at + ".name")
		}
		r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: c.Name}
		return nil
	case "allowed_tools":
		return c.allow(r)
	default:
		return chat.RefuseField(at + ".type")
	}
}

// allow takes a list of the tools that may be called where it says no more than a mode does: when it has all of them, or
// the one that must be called.
func (c *choice) allow(r *chat.Request) *exchange.Error {
	mode, ok := toolModes[c.Mode]
	if !ok || mode == chat.NoTools {
		return invalid("tool_choice.mode")
	}
	allowed := make(map[string]bool, len(c.Tools))
	for i, t := range c.Tools {
		at := chat.Index("tool_choice.tools", i)
		if t.Type != "function" {
			return chat.RefuseField(at + ".type")
		}
		if err := chat.RefuseUnknown(at, t.Unknown); err != nil {
			return err
		}
		allowed[t.Name] = true
	}
	if mode == chat.AnyTool && len(c.Tools) == 1 {
		r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: c.Tools[0].Name}
		return nil
	}
	for _, t := range r.Tools {
		if !allowed[t.Name] {
			return chat.RefuseField("tool_choice.tools")
		}
	}
	r.Choice.Mode = mode
	return nil
}
