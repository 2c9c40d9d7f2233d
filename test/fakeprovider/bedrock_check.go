// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	bedrockNames = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	bedrockFiles = regexp.MustCompile(`^[a-zA-Z0-9\-()\[\]]+( [a-zA-Z0-9\-()\[\]]+)*$`)
)

// bedrockThinking is Claude's own option, which Converse takes among the additional fields.
type bedrockThinking struct {
	Thinking *anthropicThinking `json:"thinking"`
}

func (r *bedrockRequest) check() *failure {
	return firstFailure(r.checkMessages, r.checkPairs, r.checkTools, r.checkConfig, r.checkThinking)
}

func (r *bedrockRequest) checkMessages() *failure {
	if len(r.Messages) == 0 {
		return refusedf("The value at messages is empty. Provide at least one message.")
	}
	for i, block := range r.System {
		at := fmt.Sprintf("system.%d", i)
		if set := setMembers(block); len(set) != 1 || !slices.Contains([]string{"text", "cachePoint", "guardContent"}, set[0]) {
			return refusedf("The content block at %s must be one of text, cachePoint and guardContent.", at)
		}
		if fail := block.check(at, ""); fail != nil {
			return fail
		}
	}
	for i, message := range r.Messages {
		switch {
		case message.Role != "user" && message.Role != "assistant":
			return refusedf("1 validation error detected: Value at 'messages.%d.member.role' failed to satisfy constraint: "+
				"Member must satisfy enum value set: [user, assistant]", i+1)
		case i == 0 && message.Role != "user":
			return refusedf("A conversation must start with a user message. Try again with a conversation that starts with a " +
				"user message.")
		case i > 0 && message.Role == r.Messages[i-1].Role:
			return refusedf("A conversation must alternate between user and assistant roles. Make sure the conversation " +
				"alternates between user and assistant roles and try again.")
		case len(message.Content) == 0:
			return refusedf("The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the "+
				"content field and try again.", i)
		}
		for j, block := range message.Content {
			if fail := block.check(fmt.Sprintf("messages.%d.content.%d", i, j), message.Role); fail != nil {
				return fail
			}
		}
	}
	return nil
}

func (b bedrockBlock) check(at, role string) *failure {
	set := setMembers(b)
	if len(set) != 1 {
		return refusedf("The ContentBlock object at %s must set exactly one member.", at)
	}
	fromUser := slices.Contains([]string{"toolResult", "image", "document", "video", "audio"}, set[0])
	fromModel := slices.Contains([]string{"toolUse", "reasoningContent", "citationsContent"}, set[0])
	if role == "user" && fromModel || role == "assistant" && fromUser || set[0] == "json" {
		return refusedf("The %s block at %s is not allowed in a message with the role %s.", set[0], at, role)
	}
	switch {
	case b.Text != nil && strings.TrimSpace(*b.Text) == "":
		return refusedf("The text field in the ContentBlock object at %s is blank. Add text to the text field, and try again.", at)
	case b.Image != nil:
		_, fail := b.look(at)
		return fail
	case b.Document != nil:
		return b.Document.checkDocument(at)
	case b.ToolUse != nil:
		return b.ToolUse.check(at)
	case b.ToolResult != nil:
		return b.ToolResult.check(at)
	case b.Reasoning != nil && b.Reasoning.Text != nil:
		text := b.Reasoning.Text
		return refuseUnless(signed(text.Signature, text.Text),
			"The model returned the following errors: "+at+": Invalid `signature` in `thinking` block")
	case b.CachePoint != nil:
		return b.CachePoint.check(at)
	}
	return nil
}

func (c *bedrockCache) check(at string) *failure {
	return refuseUnless(c.Type == "default" && slices.Contains([]string{"", "5m", "1h"}, c.TTL),
		"The cachePoint at "+at+" needs the type default and a ttl of 5m or 1h.")
}

// look says what an image is.
func (b bedrockBlock) look(at string) (sight, *failure) {
	image := b.Image
	if !slices.Contains([]string{"png", "jpeg", "gif", "webp"}, image.Format) {
		return "", refusedf("Value at '%s.image.format' failed to satisfy constraint: Member must satisfy enum value set: "+
			"[gif, jpeg, png, webp]", at)
	}
	if image.Source == nil || (image.Source.Bytes == "") == (image.Source.Location == nil) {
		return "", refusedf("The source at %s.image must be bytes or an s3Location.", at)
	}
	if image.Source.Bytes == "" {
		return "s3", nil
	}
	seen, err := sightOfBytes("image/"+image.Format, image.Source.Bytes)
	return seen, refuseUnless(err == nil, "The image at "+at+" could not be processed.")
}

func (m *bedrockMedia) checkDocument(at string) *failure {
	formats := []string{"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"}
	switch {
	case !slices.Contains(formats, m.Format):
		return refusedf("Value at '%s.document.format' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
			at, strings.Join(formats, ", "))
	case !bedrockFiles.MatchString(m.Name):
		return refusedf("The document file name can only contain alphanumeric characters, whitespace characters, hyphens, " +
			"parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.")
	case m.Source == nil:
		return refusedf("The source at %s.document is missing.", at)
	}
	_, err := base64.StdEncoding.DecodeString(m.Source.Bytes)
	return refuseUnless(err == nil, "The document at "+at+" could not be read.")
}

func (u *bedrockUse) check(at string) *failure {
	var input map[string]any
	switch {
	case !bedrockNames.MatchString(u.ID):
		return refusedf("Value at '%s.toolUse.toolUseId' failed to satisfy constraint: [a-zA-Z0-9_-]+", at)
	case !bedrockNames.MatchString(u.Name):
		return refusedf("Value at '%s.toolUse.name' failed to satisfy constraint: [a-zA-Z0-9_-]+", at)
	case json.Unmarshal(u.Input, &input) != nil || input == nil:
		return refusedf("The format of the value at %s.toolUse.input is invalid. Provide a json object for the field and try "+
			"again.", at)
	}
	return nil
}

func (r *bedrockResult) check(at string) *failure {
	if !slices.Contains([]string{"", "success", "error"}, r.Status) {
		return refusedf("Value at '%s.toolResult.status' failed to satisfy constraint: [success, error]", at)
	}
	if !bedrockNames.MatchString(r.ID) {
		return refusedf("Value at '%s.toolResult.toolUseId' failed to satisfy constraint: [a-zA-Z0-9_-]+", at)
	}
	for i, block := range r.Content {
		inner := fmt.Sprintf("%s.toolResult.content.%d", at, i)
		set := setMembers(block)
		if len(set) != 1 || !slices.Contains([]string{"text", "json", "image", "document", "video", "searchResult"}, set[0]) {
			return refusedf("The ToolResultContentBlock object at %s must set exactly one of its members.", inner)
		}
		// A tool may have nothing to say, and JSON has its place here alone.
		if block.Text == nil && block.JSON == nil {
			if fail := block.check(inner, "user"); fail != nil {
				return fail
			}
		}
	}
	return nil
}

// checkPairs wants every use answered in the next message, and nothing answered that was not used.
func (r *bedrockRequest) checkPairs() *failure {
	var open []string
	tools := false
	for i, message := range r.Messages {
		var used []string
		for _, block := range message.Content {
			if block.ToolUse != nil {
				used = append(used, block.ToolUse.ID)
			}
			if block.ToolResult == nil {
				continue
			}
			at := slices.Index(open, block.ToolResult.ID)
			if at < 0 {
				return refusedf("The number of toolResult blocks at messages.%d.content exceeds the number of toolUse blocks of "+
					"previous turn.", i)
			}
			open = slices.Delete(open, at, at+1)
		}
		if len(open) > 0 {
			return refusedf("Expected toolResult blocks at messages.%d.content for the following Ids: %s", i,
				clip(strings.Join(open, ", "), maxEcho))
		}
		open = used
		tools = tools || len(used) > 0
	}
	if len(open) > 0 {
		return refusedf("Expected toolResult blocks after messages.%d for the following Ids: %s", len(r.Messages)-1,
			clip(strings.Join(open, ", "), maxEcho))
	}
	return refuseUnless(!tools || r.ToolConfig != nil,
		"The toolConfig field must be defined when using toolUse and toolResult content blocks.")
}
