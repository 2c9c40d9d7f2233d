// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const badName = "names of tools are 1 to 64 letters, digits, '_' and '-' there"

// tools describes the tools and says which of them to call. Bedrock has no word for none: then they are not told at all,
// which it allows unless the conversation has calls.
func (e *encoding) tools() *exchange.Error {
	r := e.r
	called := e.firstCall()
	switch {
	case len(r.Tools) == 0 && called != "":
		return chat.RefuseAt(called, target, "calls stand beside the descriptions of the tools there")
	case len(r.Tools) == 0 && (r.Choice.Mode == chat.AnyTool || r.Choice.Mode == chat.OneTool):
		return e.refuseWith(chat.FieldToolChoice, "there are no tools")
	case len(r.Tools) == 0:
		return nil
	case r.Choice.Mode == chat.NoTools && called != "":
		return e.refuseWith(chat.FieldToolChoice, "tools that were called before cannot be forbidden there")
	case r.Choice.Mode == chat.NoTools:
		return nil
	}
	c := &toolConfig{ToolChoice: choice(r.Choice)}
	for i := range r.Tools {
		t := &r.Tools[i]
		if !fits(t.Name) {
			return chat.RefuseAt(t.At, target, badName)
		}
		c.Tools = append(c.Tools, tool{ToolSpec: spec(t)})
		// Nova's models cache instructions and messages, not tools.
		if mark := e.cachePoint(t.Cache); mark != nil && e.family.maker != nova {
			c.Tools = append(c.Tools, tool{CachePoint: mark})
		}
	}
	e.body.ToolConfig = c
	return nil
}

func spec(t *chat.Tool) *toolSpec {
	s := &toolSpec{Name: t.Name, Description: t.Description, InputSchema: inputSchema{t.Schema}}
	if len(t.Schema) == 0 {
		s.InputSchema.JSON = jsontext.Value(`{"type":"object","properties":{}}`)
	}
	if t.Strict != nil && *t.Strict {
		s.Strict = t.Strict
	}
	return s
}

func choice(c chat.ToolChoice) *toolChoice {
	switch c.Mode {
	case chat.AutoTools:
		return &toolChoice{Auto: &struct{}{}}
	case chat.AnyTool:
		return &toolChoice{Any: &struct{}{}}
	case chat.OneTool:
		return &toolChoice{Tool: &chosenTool{c.Name}}
	default:
		return nil
	}
}

// firstCall is where the first call or result stands, empty when there is none.
func (e *encoding) firstCall() string {
	for _, m := range e.r.Messages {
		for _, p := range m.Parts {
			if p.Kind != chat.Call && p.Kind != chat.Result {
				continue
			}
			if p.At == "" {
				return m.At
			}
			return p.At
		}
	}
	return ""
}
