// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"slices"
)

type cohereMessage struct {
	Role       string           `json:"role"`
	Content    json.RawMessage  `json:"content"`
	ToolCalls  []cohereToolCall `json:"tool_calls"`
	ToolPlan   *string          `json:"tool_plan"`
	Citations  json.RawMessage  `json:"citations"`
	ToolCallID *string          `json:"tool_call_id"`
}

type cohereToolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function toolFunction `json:"function"`
}

type coherePart struct {
	Type     string  `json:"type"`
	Text     *string `json:"text"`
	Thinking *string `json:"thinking"`
	Image    *struct {
		URL    string  `json:"url"`
		Detail *string `json:"detail"`
	} `json:"image_url"`
	Document json.RawMessage `json:"document"`
}

// members are those that a kind of part has, which is one of its own name.
func (coherePart) members(kind string) ([]string, bool) {
	known := slices.Contains([]string{"text", "thinking", "image_url", "document"}, kind)
	return []string{kind}, known
}

// coherePartsOfRole are the kinds of parts that a role may have; roles that are not here are none.
var coherePartsOfRole = map[string][]string{
	"user": {"text", "image_url"}, "assistant": {"text", "thinking"}, "system": {"text"}, "tool": {"text", "document"},
}

// checkMessages refuses messages that Cohere would, and calls without their answers.
func (r *cohereRequest) checkMessages() *failure {
	if len(r.Messages) == 0 {
		return badRequest("invalid request: messages must have at least one element.")
	}
	waiting := map[string]bool{}
	for i, message := range r.Messages {
		if fail := message.check(fmt.Sprintf("messages[%d]", i)); fail != nil {
			return fail
		}
		switch message.Role {
		case "tool":
			if !waiting[*message.ToolCallID] {
				return badRequest(fmt.Sprintf("invalid request: tool call id %s not found in previous tool calls",
					clip(*message.ToolCallID, maxEcho)))
			}
			delete(waiting, *message.ToolCallID)
			continue
		case "assistant":
			for _, call := range message.ToolCalls {
				waiting[call.ID] = true
			}
			if len(message.ToolCalls) > 0 {
				continue
			}
		}
		if len(waiting) > 0 {
			return badRequest("invalid request: all tool calls must be followed by a message of role tool.")
		}
	}
	if len(waiting) > 0 {
		return badRequest("invalid request: all tool calls must be followed by a message of role tool.")
	}
	return nil
}

func (m cohereMessage) check(place string) *failure {
	kinds, known := coherePartsOfRole[m.Role]
	if !known {
		return badRequest(fmt.Sprintf("invalid request: %s.role must be one of user, assistant, system, tool.", place))
	}
	assistant, tool := m.Role == "assistant", m.Role == "tool"
	for _, own := range []struct {
		name       string
		there, may bool
	}{
		{"tool_calls", m.ToolCalls != nil, assistant}, {"tool_plan", m.ToolPlan != nil, assistant},
		{"citations", given(m.Citations), assistant}, {"tool_call_id", m.ToolCallID != nil, tool},
	} {
		if own.there && !own.may {
			return badRequest(fmt.Sprintf("unknown field: parameter '%s.%s' is not a valid field", place, own.name))
		}
	}
	if tool && m.ToolCallID == nil {
		return badRequest(fmt.Sprintf("invalid request: %s.tool_call_id is required.", place))
	}
	for _, call := range m.ToolCalls {
		if call.ID == "" || call.Type != "function" || call.Function.Name == "" || !json.Valid([]byte(call.Function.Arguments)) {
			return badRequest(fmt.Sprintf("invalid request: %s.tool_calls must have an id, a type and a function with JSON "+
				"arguments.", place))
		}
	}
	return m.checkContent(place, kinds)
}

func (m cohereMessage) checkContent(place string, kinds []string) *failure {
	if !given(m.Content) {
		if m.Role == "assistant" && len(m.ToolCalls) > 0 {
			return nil
		}
		return badRequest(fmt.Sprintf("invalid request: %s.content is required.", place))
	}
	if m.Content[0] == '"' {
		return nil
	}
	var parts []coherePart
	if fail := decodeCohere(m.Content, &parts); fail != nil {
		return fail
	}
	for i, part := range parts {
		if !slices.Contains(kinds, part.Type) {
			return badRequest(fmt.Sprintf("invalid request: %s.content[%d].type must be one of %q.", place, i, kinds))
		}
		if part.Type == "image_url" {
			if part.Image == nil {
				return badRequest(fmt.Sprintf("invalid request: %s.content[%d].image_url is required.", place, i))
			}
			if _, err := sightOfURL(part.Image.URL); err != nil {
				return badRequest(fmt.Sprintf("invalid request: %s.content[%d].image_url.url: %s.", place, i, err))
			}
		}
	}
	return nil
}

// measure finds the last user message, the images and the prompt's size in tokens.
func (c *cohereChat) measure() {
	texts := make([]string, 0, len(c.request.Messages))
	others := 0
	for _, message := range c.request.Messages {
		text, images, count := contentText(message.Content)
		others += count
		c.images = append(c.images, images...)
		if message.Role == "user" {
			c.prompt = text
		}
		if len(message.ToolCalls) > 0 {
			text += string(marshal(message.ToolCalls))
		}
		texts = append(texts, text)
	}
	c.tokens = PromptTokens(texts...) + others*tokensOfImage
	for _, tool := range c.request.Tools {
		c.tokens += CountTokens(tool.Function.Name + string(tool.Function.Parameters))
	}
}
