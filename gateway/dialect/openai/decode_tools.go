// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func (w *request) tools(r *chat.Request) *exchange.Error {
	for i := range w.Tools {
		t, err := w.Tools[i].decode(chat.Index("tools", i))
		if err != nil {
			return err
		}
		r.Tools = append(r.Tools, t)
	}
	return nil
}

func (w *tool) decode(at string) (t chat.Tool, err *exchange.Error) {
	if w.Type != "function" {
		return t, chat.RefuseField(at + ".type")
	}
	f := w.Function
	if f == nil || f.Name == "" {
		return t, missing(at + ".function.name")
	}
	if err = chat.RefuseUnknown(at, w.Unknown); err != nil {
		return t, err
	}
	if err = chat.RefuseUnknown(at+".function", f.Unknown); err != nil {
		return t, err
	}
	t = chat.Tool{Name: f.Name, Description: f.Description, Strict: f.Strict, At: at}
	if t.Schema, err = isObject(at+".function.parameters", f.Parameters); err != nil {
		return t, err
	}
	if w.CacheControl != nil {
		t.Cache, err = w.CacheControl.mark(at + ".cache_control")
	}
	return t, err
}

func (w *request) toolChoice(r *chat.Request) *exchange.Error {
	const at = "tool_choice"
	switch kindOf(w.ToolChoice) {
	case 'n':
		return nil
	case '"':
		var word string
		if err := chat.DecodePart(at, w.ToolChoice, &word); err != nil {
			return err
		}
		mode, ok := toolModes[word]
		if !ok {
			return invalidValue(at, "none, auto, required or an object")
		}
		r.Choice.Mode = mode
		return nil
	}
	var c toolChoice
	if err := chat.DecodePart(at, w.ToolChoice, &c); err != nil {
		return err
	}
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return err
	}
	switch c.Type {
	case "function":
		name, err := c.named(at)
		r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: name}
		return err
	case "allowed_tools":
		return c.Allowed.decode(at+".allowed_tools", r)
	}
	return chat.RefuseField(at + ".type")
}

var toolModes = map[string]chat.ToolMode{"none": chat.NoTools, "auto": chat.AutoTools, "required": chat.AnyTool}

func (c *toolChoice) named(at string) (string, *exchange.Error) {
	if c.Function == nil || c.Function.Name == "" {
		return "", missing(at + ".function.name")
	}
	return c.Function.Name, chat.RefuseUnknown(at+".function", c.Function.Unknown)
}

// decode reads the tools that are allowed, where the other modes say the same: all of them, or a single one that must
// be called.
func (w *allowedTools) decode(at string, r *chat.Request) *exchange.Error {
	if w == nil {
		return missing(at)
	}
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return err
	}
	mode, ok := toolModes[w.Mode]
	if !ok || mode == chat.NoTools {
		return invalidValue(at+".mode", "auto or required")
	}
	allowed := make(map[string]bool, len(w.Tools))
	var name string
	for i := range w.Tools {
		place := chat.Index(at+".tools", i)
		if w.Tools[i].Type != "function" {
			return chat.RefuseField(place + ".type")
		}
		var err *exchange.Error
		if name, err = w.Tools[i].named(place); err != nil {
			return err
		}
		allowed[name] = true
	}
	if mode == chat.AnyTool && len(allowed) == 1 {
		r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: name}
		return nil
	}
	for i := range r.Tools {
		if !allowed[r.Tools[i].Name] {
			return chat.RefuseField(at)
		}
	}
	r.Choice.Mode = mode
	return nil
}

func (w *request) format(r *chat.Request) *exchange.Error {
	const at = "response_format"
	f := w.Format
	if f == nil {
		return nil
	}
	if err := chat.RefuseUnknown(at, f.Unknown); err != nil {
		return err
	}
	switch f.Type {
	case "text":
		return nil
	case "json_object":
		r.Format.Kind = chat.JSONObject
		return nil
	case "json_schema":
		return f.Schema.decode(at+".json_schema", r)
	}
	return chat.RefuseField(at + ".type")
}

func (w *jsonSchema) decode(at string, r *chat.Request) *exchange.Error {
	if w == nil {
		return missing(at)
	}
	if w.Name == "" {
		return missing(at + ".name")
	}
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return err
	}
	schema, err := isObject(at+".schema", w.Schema)
	if err != nil {
		return err
	}
	r.Format = chat.Format{
		Kind: chat.JSONSchema, Name: w.Name, Description: w.Description, Schema: schema, Strict: w.Strict,
	}
	return nil
}
