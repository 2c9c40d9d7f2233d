// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxCacheMarks is how many cache_control marks a request may hold; leastThinking the smallest budget, in tokens.
const (
	maxCacheMarks = 4
	leastThinking = 1024
)

var (
	anthropicIDs   = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	anthropicNames = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
)

func refusedf(format string, args ...any) *failure { return badRequest(fmt.Sprintf(format, args...)) }

// firstFailure runs checks until one fails.
func firstFailure(checks ...func() *failure) *failure {
	for _, check := range checks {
		if fail := check(); fail != nil {
			return fail
		}
	}
	return nil
}

// check refuses what the API refuses, all but what only an answer needs.
func (r *anthropicRequest) check() *failure {
	return firstFailure(r.checkNumbers, r.checkMessages, r.checkTools, r.checkThinking, r.checkFormat, r.checkCaching)
}

func (r *anthropicRequest) checkNumbers() *failure {
	switch {
	case r.MaxTokens == nil:
		return refusedf("max_tokens: Field required")
	case *r.MaxTokens < 1:
		return refusedf("max_tokens: Input should be greater than or equal to 1")
	case r.Temperature != nil && (*r.Temperature < 0 || *r.Temperature > 1):
		return refusedf("temperature: Input should be between 0 and 1")
	case r.TopP != nil && (*r.TopP < 0 || *r.TopP > 1):
		return refusedf("top_p: Input should be between 0 and 1")
	case r.TopK != nil && *r.TopK < 0:
		return refusedf("top_k: Input should be greater than or equal to 0")
	case !slices.Contains([]string{"", "auto", "standard_only"}, r.ServiceTier):
		return refusedf("service_tier: Input should be 'auto' or 'standard_only'")
	}
	for i, stop := range r.StopSequences {
		if strings.TrimSpace(stop) == "" {
			return refusedf("stop_sequences.%d: each stop sequence must contain non-whitespace", i)
		}
	}
	return nil
}

func (r *anthropicRequest) checkMessages() *failure {
	switch {
	case r.Model == "":
		return refusedf("model: Field required")
	case r.Messages == nil:
		return refusedf("messages: Field required")
	case len(r.Messages) == 0:
		return refusedf("messages: at least one message is required")
	}
	for i, block := range r.System {
		if block.Type != "text" {
			return refusedf("system.%d.type: Input should be 'text'", i)
		}
	}
	for i, message := range r.Messages {
		if message.Role != "user" && message.Role != "assistant" {
			return refusedf("messages.%d.role: Input should be 'user' or 'assistant'", i)
		}
		if i == 0 && message.Role != "user" {
			return refusedf(`messages: first message must use the "user" role`)
		}
		if fail := message.check(fmt.Sprintf("messages.%d", i), i == len(r.Messages)-1); fail != nil {
			return fail
		}
	}
	return r.checkPairs()
}

func (m anthropicMessage) check(at string, last bool) *failure {
	if len(m.Content) == 0 && (m.Role == "user" || !last) {
		return refusedf("%s: all messages must have non-empty content except for the optional final assistant message", at)
	}
	for i, block := range m.Content {
		if fail := block.check(fmt.Sprintf("%s.content.%d", at, i), m.Role); fail != nil {
			return fail
		}
	}
	if len(m.Content) == 0 || m.Role == "user" || !last {
		return nil
	}
	if text := m.Content[len(m.Content)-1].Text; text != strings.TrimRight(text, " \t\n") {
		return refusedf("messages: final assistant content cannot end with trailing whitespace")
	}
	return nil
}

func (b anthropicBlock) check(at, role string) *failure {
	fromUser := slices.Contains([]string{"image", "document", "tool_result", "search_result"}, b.Type)
	fromModel := slices.Contains([]string{"thinking", "redacted_thinking", "tool_use"}, b.Type)
	if role == "user" && fromModel || role == "assistant" && fromUser {
		return refusedf("%s: `%s` blocks may not appear in `%s` messages", at, b.Type, role)
	}
	switch b.Type {
	case "text":
		if b.Text == "" {
			return refusedf("messages: text content blocks must be non-empty")
		}
	case "image", "document":
		_, fail := b.look(at)
		return fail
	case "thinking":
		return b.checkThinking(at)
	case "redacted_thinking":
		if b.Data == "" {
			return refusedf("%s.redacted_thinking.data: Field required", at)
		}
	case "tool_use":
		return b.checkUse(at)
	case "tool_result":
		return b.checkResult(at)
	}
	return nil
}

func (b anthropicBlock) checkThinking(at string) *failure {
	switch {
	case b.Thinking == nil:
		return refusedf("%s.thinking.thinking: Field required", at)
	case b.Signature == nil:
		return refusedf("%s.thinking.signature: Field required", at)
	case !signed(*b.Signature, *b.Thinking):
		return refusedf("%s: Invalid `signature` in `thinking` block", at)
	}
	return nil
}

func (b anthropicBlock) checkUse(at string) *failure {
	var input map[string]any
	switch {
	case !anthropicIDs.MatchString(b.ID):
		return refusedf("%s.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", at)
	case !anthropicNames.MatchString(b.Name):
		return refusedf("%s.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", at)
	case b.Input == nil:
		return refusedf("%s.tool_use.input: Field required", at)
	case json.Unmarshal(b.Input, &input) != nil || input == nil:
		return refusedf("%s.tool_use.input: Input should be a valid dictionary", at)
	}
	return nil
}

func (b anthropicBlock) checkResult(at string) *failure {
	if b.ToolUseID == "" {
		return refusedf("%s.tool_result.tool_use_id: Field required", at)
	}
	for i, block := range b.Content {
		inner := fmt.Sprintf("%s.tool_result.content.%d", at, i)
		if !slices.Contains([]string{"text", "image", "document", "search_result"}, block.Type) {
			return refusedf("%s.type: Input tag '%s' is not allowed here", inner, block.Type)
		}
		// A tool may well have nothing to say: an empty text is taken here.
		if block.Type != "text" {
			if fail := block.check(inner, "user"); fail != nil {
				return fail
			}
		}
	}
	return nil
}

// checkPairs wants every tool's use answered in the very next turn, and nothing answered that was not used. Messages
// of one role in a row are one turn.
func (r *anthropicRequest) checkPairs() *failure {
	var open []string // the uses of the last assistant turn that nothing answered yet
	for i, message := range r.Messages {
		for j, block := range message.Content {
			switch block.Type {
			case "tool_use":
				open = append(open, block.ID)
			case "tool_result":
				at := slices.Index(open, block.ToolUseID)
				if at < 0 {
					return refusedf("messages.%d.content.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
						"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
						i, j, clip(block.ToolUseID, maxEcho))
				}
				open = slices.Delete(open, at, at+1)
			}
		}
		endsTurn := i == len(r.Messages)-1 || r.Messages[i+1].Role == "assistant"
		if message.Role == "user" && endsTurn && len(open) > 0 {
			return unansweredUses(i-1, open)
		}
	}
	return nil
}

func unansweredUses(at int, ids []string) *failure {
	return refusedf("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. Each "+
		"`tool_use` block must have a corresponding `tool_result` block in the next message.",
		at, clip(strings.Join(ids, ", "), maxEcho))
}
