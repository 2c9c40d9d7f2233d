// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

var chatRoles = []string{"system", "developer", "user", "assistant", "tool", "function"}

type chatMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       *string         `json:"name"`
	ToolCalls  json.RawMessage `json:"tool_calls"`
	ToolCallID *string         `json:"tool_call_id"`

	Annotations  json.RawMessage `json:"annotations"`
	Audio        json.RawMessage `json:"audio"`
	FunctionCall json.RawMessage `json:"function_call"`
	Refusal      *string         `json:"refusal"`
}

type chatPart struct {
	Type  string  `json:"type"`
	Text  *string `json:"text"`
	Image *struct {
		URL    string `json:"url"`
		Detail string `json:"detail"`
	} `json:"image_url"`
	Audio *struct {
		Data   string `json:"data"`
		Format string `json:"format"`
	} `json:"input_audio"`
	File *struct {
		ID       string `json:"file_id"`
		Data     string `json:"file_data"`
		Filename string `json:"filename"`
	} `json:"file"`
	Refusal    *string         `json:"refusal"`
	Breakpoint json.RawMessage `json:"prompt_cache_breakpoint"`
}

// members are those that a kind of part has.
func (chatPart) members(kind string) ([]string, bool) {
	switch kind {
	case "text", "image_url", "input_audio", "file":
		return []string{kind, "prompt_cache_breakpoint"}, true
	case "refusal":
		return []string{kind}, true
	}
	return nil, false
}

// partsOfRole are the kinds of content parts that a role may have.
var partsOfRole = map[string][]string{
	"user": {"text", "image_url", "input_audio", "file"}, "assistant": {"text", "refusal"},
	"system": {"text"}, "developer": {"text"}, "tool": {"text"},
}

// checkMessages refuses messages that OpenAI would: unknown roles and parts, and tool calls without answers.
func checkMessages(messages []chatMessage) *failure {
	var open []string // ids of calls that wait for their answer
	for i, message := range messages {
		place := fmt.Sprintf("messages[%d]", i)
		if !slices.Contains(chatRoles, message.Role) {
			return invalid(place+".role", fmt.Sprintf("Invalid value: '%s'. Supported values are: %s.",
				clip(message.Role, maxEcho), strings.Join(chatRoles, ", ")))
		}
		if message.Role == "tool" {
			if message.ToolCallID == nil || !slices.Contains(open, *message.ToolCallID) {
				return invalid(place+".role", "Invalid parameter: messages with role 'tool' must be a response to a "+
					"preceding message with 'tool_calls'.")
			}
			open = slices.DeleteFunc(open, func(id string) bool { return id == *message.ToolCallID })
		} else if len(open) > 0 {
			return unanswered(place, open)
		}
		calls, fail := message.calls(place)
		if fail == nil {
			fail = message.checkContent(place, len(calls) > 0)
		}
		if fail != nil {
			return fail
		}
		for _, call := range calls {
			open = append(open, call.ID)
		}
	}
	if len(open) > 0 {
		return unanswered(fmt.Sprintf("messages[%d]", len(messages)), open)
	}
	return nil
}

func unanswered(place string, ids []string) *failure {
	return invalid(place+".role", "An assistant message with 'tool_calls' must be followed by tool messages responding "+
		"to each 'tool_call_id'. The following tool_call_ids did not have response messages: "+strings.Join(ids, ", "))
}

// calls reads the tool calls of an assistant's message.
func (m chatMessage) calls(place string) ([]toolCall, *failure) {
	if !given(m.ToolCalls) {
		return nil, nil
	}
	place += ".tool_calls"
	if m.Role != "assistant" {
		return nil, invalid(place, fmt.Sprintf("Unexpected 'tool_calls' in a message of role '%s'.", m.Role))
	}
	var calls []toolCall
	if fail := decodePart(m.ToolCalls, []string{place}, &calls); fail != nil {
		return nil, fail
	}
	if len(calls) == 0 {
		return nil, invalid(place, fmt.Sprintf("Invalid '%s': empty array.", place))
	}
	for i, call := range calls {
		at := fmt.Sprintf("%s[%d]", place, i)
		custom := call.Type == "custom" && call.Custom != nil
		if call.ID == "" || (!custom && (call.Type != "function" || call.Function.Name == "")) {
			return nil, invalid(at, fmt.Sprintf("Missing required parameter in '%s'.", at))
		}
	}
	return calls, nil
}

func (m chatMessage) checkContent(place string, calls bool) *failure {
	place += ".content"
	if !given(m.Content) {
		if m.Role == "assistant" && (calls || m.Refusal != nil || given(m.FunctionCall) || given(m.Audio)) {
			return nil
		}
		return invalid(place, fmt.Sprintf("Invalid value for '%s': expected a string, got null.", place))
	}
	if m.Content[0] == '"' {
		return nil
	}
	var parts []chatPart
	if fail := decodePart(m.Content, []string{place}, &parts); fail != nil {
		return fail
	}
	for i, part := range parts {
		at := fmt.Sprintf("%s[%d]", place, i)
		if !slices.Contains(partsOfRole[m.Role], part.Type) {
			return invalid(at, fmt.Sprintf("Invalid value: '%s'. Supported values are: '%s'.", clip(part.Type, maxEcho),
				strings.Join(partsOfRole[m.Role], "', '")))
		}
		if fail := part.check(at); fail != nil {
			return fail
		}
	}
	return nil
}

func (p chatPart) check(place string) *failure {
	missing := invalid(place, fmt.Sprintf("Missing required parameter: '%s.%s'.", place, p.Type))
	switch p.Type {
	case "text":
		if p.Text == nil {
			return missing
		}
	case "refusal":
		if p.Refusal == nil {
			return missing
		}
	case "image_url":
		if p.Image == nil {
			return missing
		}
		if _, err := sightOfURL(p.Image.URL); err != nil {
			return invalid(place+".image_url.url", "Invalid '"+place+".image_url.url'. "+err.Error()+".")
		}
	case "input_audio":
		if p.Audio == nil || p.Audio.Data == "" {
			return missing
		}
		return oneOf(place+".input_audio.format", &p.Audio.Format, "wav", "mp3")
	case "file":
		if p.File == nil || (p.File.ID == "" && p.File.Data == "") {
			return missing
		}
	}
	return nil
}

// measure finds the last user message, the images and the prompt's size in tokens.
func (c *chatCall) measure() {
	texts := make([]string, 0, len(c.request.Messages))
	others := 0
	for _, message := range c.request.Messages {
		text, images, count := contentText(message.Content)
		others += count
		c.images = append(c.images, images...)
		if message.Role == "user" {
			c.prompt = text
		}
		texts = append(texts, text+string(message.ToolCalls))
	}
	c.tokens = PromptTokens(texts...) + others*tokensOfImage + CountTokens(string(c.request.rawTools))
}

// contentText joins the text of a message's content, a string or a list of parts, and counts the other parts.
func contentText(content json.RawMessage) (text string, images []sight, others int) {
	if json.Unmarshal(content, &text) == nil {
		return text, nil, 0
	}
	var parts []struct {
		Type  string          `json:"type"`
		Text  string          `json:"text"`
		Image json.RawMessage `json:"image_url"`
	}
	_ = json.Unmarshal(content, &parts) // of another shape there is nothing to read
	for _, part := range parts {
		if part.Type == "text" {
			text += part.Text
			continue
		}
		others++
		if image, err := sightOfURL(imageURL(part.Image)); err == nil {
			images = append(images, image)
		}
	}
	return text, images, others
}

// imageURL reads an image's address: an object with a url or, as some providers allow, the address alone.
func imageURL(raw json.RawMessage) string {
	var object struct {
		URL string `json:"url"`
	}
	if json.Unmarshal(raw, &object) == nil && object.URL != "" {
		return object.URL
	}
	var plain string
	_ = json.Unmarshal(raw, &plain) // of another shape there is none
	return plain
}
