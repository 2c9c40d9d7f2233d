// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func (r *anthropicRequest) checkTools() *failure {
	seen := map[string]bool{}
	for i, tool := range r.Tools {
		if seen[tool.Name] {
			return refusedf("tools: Tool names must be unique.")
		}
		seen[tool.Name] = true
		if !tool.custom() {
			continue
		}
		if !anthropicNames.MatchString(tool.Name) {
			return refusedf("tools.%d.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", i)
		}
		var schema struct {
			Type string `json:"type"`
		}
		if tool.InputSchema == nil {
			return refusedf("tools.%d.custom.input_schema: Field required", i)
		}
		if json.Unmarshal(tool.InputSchema, &schema) != nil || schema.Type != "object" {
			return refusedf("tools.%d.custom.input_schema.type: Input should be 'object'", i)
		}
	}
	return r.checkChoice(seen)
}

func (r *anthropicRequest) checkChoice(tools map[string]bool) *failure {
	if r.ToolChoice == nil {
		return nil
	}
	choice := *r.ToolChoice
	switch {
	case !slices.Contains([]string{"auto", "any", "tool", "none"}, choice.Type):
		return refusedf("tool_choice: Input tag '%s' found using 'type' does not match any of the expected tags: 'auto', "+
			"'any', 'tool', 'none'", clip(choice.Type, maxEcho))
	case len(r.Tools) == 0:
		return refusedf("tool_choice may only be specified while providing tools.")
	case choice.Type == "tool" && !tools[choice.Name]:
		return refusedf("Tool '%s' not found in provided tools", clip(choice.Name, maxEcho))
	case choice.Type != "tool" && choice.Name != "":
		return refusedf("tool_choice.%s.name: Extra inputs are not permitted", choice.Type)
	case choice.Type == "none" && choice.DisableParallel:
		return refusedf("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")
	}
	return nil
}

// thinks says whether the answer begins with thinking.
func (r *anthropicRequest) thinks() bool {
	return r.Thinking != nil && (r.Thinking.Type == "enabled" || r.Thinking.Type == "adaptive")
}

func (r *anthropicRequest) checkThinking() *failure {
	if r.Thinking == nil {
		return nil
	}
	budget := r.Thinking.Budget
	switch kind := r.Thinking.Type; {
	case !slices.Contains([]string{"enabled", "disabled", "adaptive"}, kind):
		return refusedf("thinking: Input tag '%s' found using 'type' does not match any of the expected tags: 'disabled', "+
			"'enabled', 'adaptive'", clip(kind, maxEcho))
	case kind != "enabled" && budget != nil:
		return refusedf("thinking.%s.budget_tokens: Extra inputs are not permitted", kind)
	case kind == "disabled":
		return nil
	case kind == "enabled" && budget == nil:
		return refusedf("thinking.enabled.budget_tokens: Field required")
	case kind == "enabled" && *budget < leastThinking:
		return refusedf("thinking.enabled.budget_tokens: Input should be greater than or equal to %d", leastThinking)
	case kind == "enabled" && *budget >= *r.MaxTokens:
		return refusedf("`max_tokens` must be greater than `thinking.budget_tokens`.")
	case r.Thinking.Display != nil && !slices.Contains([]string{"summarized", "omitted"}, *r.Thinking.Display):
		return refusedf("thinking.%s.display: Input should be 'summarized' or 'omitted'", kind)
	}
	return r.checkWithThinking()
}

// checkWithThinking refuses what does not go together with thinking.
func (r *anthropicRequest) checkWithThinking() *failure {
	switch {
	case r.ToolChoice != nil && (r.ToolChoice.Type == "any" || r.ToolChoice.Type == "tool"):
		return refusedf("Thinking may not be enabled when tool_choice forces tool use.")
	case r.Temperature != nil && *r.Temperature != 1:
		return refusedf("`temperature` may only be set to 1 when thinking is enabled.")
	case r.TopK != nil:
		return refusedf("`top_k` must be unset when thinking is enabled.")
	case r.TopP != nil && *r.TopP < 0.95:
		return refusedf("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
	case r.Thinking.Type == "adaptive":
		return nil
	}
	// In a loop of tools the turn that used them must still begin with its thinking.
	last := len(r.Messages) - 1
	answers := slices.ContainsFunc(r.Messages[last].Content, func(b anthropicBlock) bool { return b.Type == "tool_result" })
	if r.Messages[last].Role == "user" && answers {
		first := r.Messages[last-1].Content[0].Type
		if first != "thinking" && first != "redacted_thinking" {
			return refusedf("messages.%d.content.0.type: Expected `thinking` or `redacted_thinking`, but found `%s`. When "+
				"`thinking` is enabled, a final `assistant` message must start with a thinking block.", last-1, first)
		}
	}
	return nil
}

// format is what the answer must look like, under its present name or the beta's; nil for words.
func (r *anthropicRequest) format() (*anthropicFormat, string) {
	if r.OutputConfig != nil && r.OutputConfig.Format != nil {
		return r.OutputConfig.Format, "output_config.format"
	}
	return r.OutputFormat, "output_format"
}

func (r *anthropicRequest) checkFormat() *failure {
	efforts := []string{"", "low", "medium", "high", "xhigh", "max"}
	if r.OutputConfig != nil && !slices.Contains(efforts, r.OutputConfig.Effort) {
		return refusedf("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
	}
	format, at := r.format()
	if format == nil {
		return nil
	}
	if format.Type != "json_schema" {
		return refusedf("%s.type: Input should be 'json_schema'", at)
	}
	var schema any
	if json.Unmarshal(format.Schema, &schema) != nil {
		return refusedf("%s.schema: Field required", at)
	}
	if open(schema) {
		return refusedf("%s.schema: For 'object' type, 'additionalProperties' must be explicitly set to false", at)
	}
	return nil
}

// open finds an object in a schema that would take members which it does not name.
func open(schema any) bool {
	switch node := schema.(type) {
	case []any:
		return slices.ContainsFunc(node, open)
	case map[string]any:
		if closed, said := node["additionalProperties"].(bool); node["type"] == "object" && (!said || closed) {
			return true
		}
		for _, inner := range node {
			if open(inner) {
				return true
			}
		}
	}
	return false
}

// cacheMarks gives every cache_control of a request with the text of the prompt up to and with it.
func (r *anthropicRequest) cacheMarks() (marks []anthropicCaching, prefixes []string) {
	var text strings.Builder
	mark := func(c *anthropicCaching) {
		if c != nil {
			marks, prefixes = append(marks, *c), append(prefixes, text.String())
		}
	}
	for _, tool := range r.Tools {
		text.Write(marshal(tool))
		mark(tool.CacheControl)
	}
	blocks := slices.Clone(r.System)
	for _, message := range r.Messages {
		blocks = append(blocks, message.Content...)
	}
	for _, block := range blocks {
		text.WriteString(block.said() + string(block.Source))
		for _, inner := range block.Content {
			mark(inner.CacheControl)
		}
		mark(block.CacheControl)
	}
	mark(r.CacheControl)
	return marks, prefixes
}

func (r *anthropicRequest) checkCaching() *failure {
	marks, _ := r.cacheMarks()
	if len(marks) > maxCacheMarks {
		return refusedf("A maximum of %d blocks with cache_control may be provided. Found %d.", maxCacheMarks, len(marks))
	}
	for _, mark := range marks {
		if mark.Type != "ephemeral" {
			return refusedf("cache_control.type: Input should be 'ephemeral'")
		}
		if !slices.Contains([]string{"", "5m", "1h"}, mark.TTL) {
			return refusedf("cache_control.ephemeral.ttl: Input should be '5m' or '1h'")
		}
	}
	return nil
}

// look says what an image is, and refuses the source of an image or document that the API would refuse.
func (b anthropicBlock) look(at string) (sight, *failure) {
	var source struct {
		Type      string          `json:"type"`
		MediaType string          `json:"media_type"`
		Data      string          `json:"data"`
		URL       string          `json:"url"`
		FileID    string          `json:"file_id"`
		Content   json.RawMessage `json:"content"`
	}
	at = fmt.Sprintf("%s.%s.source", at, b.Type)
	found, err := decodeStrictly(b.Source, &source, nil)
	switch {
	case found != nil:
		return "", refusedf("%s.%s: Extra inputs are not permitted", at, found.name)
	case err != nil:
		return "", refusedf("%s: Field required", at)
	}
	isImage := b.Type == "image"
	switch source.Type {
	case "base64":
		if !isImage {
			return "", refuseUnless(source.MediaType == "application/pdf", at+".base64.media_type: Input should be 'application/pdf'")
		}
		if !slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, source.MediaType) {
			return "", refusedf("%s.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'", at)
		}
		seen, err := sightOfBytes(source.MediaType, source.Data)
		return seen, refuseUnless(err == nil && source.Data != "", at+".base64.data: The image is not valid base64")
	case "url":
		fail := refuseUnless(strings.HasPrefix(source.URL, "https://"), at+".url: Only HTTPS URLs are supported.")
		return sight(clip(source.URL, maxEcho)), fail
	case "file":
		return sight(source.FileID), refuseUnless(source.FileID != "", at+".file.file_id: Field required")
	case "text":
		return "", refuseUnless(!isImage && source.MediaType == "text/plain", at+".text.media_type: Input should be 'text/plain'")
	case "content":
		return "", refuseUnless(!isImage && source.Content != nil, at+".content.content: Field required")
	}
	return "", refusedf("%s: Input tag '%s' found using 'type' does not match any of the expected tags", at,
		clip(source.Type, maxEcho))
}

func refuseUnless(holds bool, message string) *failure {
	if holds {
		return nil
	}
	return badRequest(message)
}
