// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// responsesItem is one item of an input, of the kinds that are read. Its members depend on its type.
type responsesItem struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Status    *string         `json:"status"`
	Role      string          `json:"role"`
	Phase     *string         `json:"phase"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments *string         `json:"arguments"`
	Namespace *string         `json:"namespace"`
	Output    json.RawMessage `json:"output"`
	Summary   []responsesPart `json:"summary"`
	Encrypted *string         `json:"encrypted_content"`
}

// members are those that a kind of item has.
func (responsesItem) members(kind string) ([]string, bool) {
	members, known := map[string][]string{
		"": {"role", "content", "phase"}, "message": {"id", "status", "role", "content", "phase"},
		"function_call":        {"id", "status", "call_id", "name", "arguments", "namespace"},
		"function_call_output": {"id", "status", "call_id", "output"},
		"reasoning":            {"id", "status", "summary", "content", "encrypted_content"}, "item_reference": {"id"},
	}[kind]
	return members, known
}

// otherItems are items of tools that are never called here; they are taken as they are.
var otherItems = []string{
	"web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "computer_call_output",
	"image_generation_call", "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output",
	"apply_patch_call", "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
	"mcp_call", "custom_tool_call", "custom_tool_call_output", "compaction",
}

type responsesPart struct {
	Type        string          `json:"type"`
	Text        *string         `json:"text"`
	ImageURL    *string         `json:"image_url"`
	FileID      *string         `json:"file_id"`
	Detail      *string         `json:"detail"`
	FileData    *string         `json:"file_data"`
	FileURL     *string         `json:"file_url"`
	Filename    *string         `json:"filename"`
	Annotations json.RawMessage `json:"annotations"`
	Logprobs    json.RawMessage `json:"logprobs"`
	Refusal     *string         `json:"refusal"`
	Breakpoint  json.RawMessage `json:"prompt_cache_breakpoint"`
}

// members are those that a kind of part has.
func (responsesPart) members(kind string) ([]string, bool) {
	members, known := map[string][]string{
		"input_text":     {"text", "prompt_cache_breakpoint"},
		"input_image":    {"image_url", "file_id", "detail", "prompt_cache_breakpoint"},
		"input_file":     {"file_data", "file_id", "file_url", "filename", "detail", "prompt_cache_breakpoint"},
		"output_text":    {"text", "annotations", "logprobs"},
		"refusal":        {"refusal"},
		"summary_text":   {"text"},
		"reasoning_text": {"text"},
	}[kind]
	return members, known
}

// conversation is what a model would see: the items of all turns, and what was found in them.
type conversation struct {
	items  []json.RawMessage // of this request, with ids
	texts  []string
	prompt string // the last user message
	images []sight
	others int             // parts that are not text
	calls  map[string]bool // ids of function calls, and whether they were answered
}

// read takes the items of an input, a text or a list.
func (c *conversation) read(o responses, raw json.RawMessage, s string) *failure {
	var text string
	if json.Unmarshal(raw, &text) == nil && given(raw) {
		raw = marshal([]any{map[string]any{"role": "user", "content": text}})
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || len(items) == 0 {
		return invalid("input", "Invalid type for 'input': expected a text or a list of items.")
	}
	for i, item := range items {
		place := fmt.Sprintf("input[%d]", i)
		if slices.Contains(otherItems, memberOf(item, "type")) {
			c.texts = append(c.texts, string(item))
			c.items = append(c.items, item)
			continue
		}
		if fail := c.item(o, item, place); fail != nil {
			return fail
		}
		c.items = append(c.items, identified(item, fmt.Sprintf("%s_%d", s, i)))
	}
	return nil
}

// identified is an item as it is kept: of a type, with an id and a status.
func identified(item json.RawMessage, id string) json.RawMessage {
	members := map[string]any{}
	_ = json.Unmarshal(item, &members) // it was read before
	if members["type"] == nil {
		members["type"] = "message"
	}
	if members["type"] == "item_reference" {
		return item
	}
	if members["id"] == nil {
		kind, _ := members["type"].(string)
		members["id"] = map[string]string{"message": "msg_", "function_call": "fc_", "reasoning": "rs_"}[kind] + id
	}
	if members["status"] == nil && members["type"] != "reasoning" {
		members["status"] = "completed"
	}
	if text, ok := members["content"].(string); ok {
		kind := "input_text"
		if members["role"] == "assistant" {
			kind = "output_text"
		}
		members["content"] = []any{map[string]any{"type": kind, "text": text}}
	}
	return marshal(members)
}

func (c *conversation) item(o responses, raw json.RawMessage, place string) *failure {
	var item responsesItem
	if fail := decodePart(raw, []string{place}, &item); fail != nil {
		return fail
	}
	switch item.Type {
	case "", "message":
		return c.message(item, place)
	case "function_call":
		if item.CallID == "" || item.Name == "" || item.Arguments == nil {
			return invalid(place, fmt.Sprintf("Missing required parameter: '%s.call_id', 'name' or 'arguments'.", place))
		}
		c.calls[item.CallID] = false
		c.texts = append(c.texts, item.Name+*item.Arguments)
	case "function_call_output":
		if _, known := c.calls[item.CallID]; !known {
			return &failure{
				status: http.StatusBadRequest, param: "input",
				message: fmt.Sprintf("No tool call found for function call output with call_id %s.", clip(item.CallID, maxEcho)),
			}
		}
		c.calls[item.CallID] = true
		return c.content(item.Output, place+".output", []string{"input_text", "input_image", "input_file"}, nil)
	case "reasoning":
		return c.reasoning(o, item)
	}
	return nil
}

func (c *conversation) message(item responsesItem, place string) *failure {
	kinds := []string{"input_text", "input_image", "input_file"}
	switch item.Role {
	case "assistant":
		kinds = []string{"output_text", "refusal"}
	case "user", "system", "developer":
	default:
		return invalid(place+".role", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'assistant', 'system', "+
			"'developer', and 'user'.", clip(item.Role, maxEcho)))
	}
	var said string
	fail := c.content(item.Content, place+".content", kinds, &said)
	if item.Role == "user" {
		c.prompt = said
	}
	return fail
}

// content reads a text or a list of parts; said gets the text of it.
func (c *conversation) content(raw json.RawMessage, place string, kinds []string, said *string) *failure {
	var text string
	if given(raw) && json.Unmarshal(raw, &text) == nil {
		c.texts = append(c.texts, text)
		if said != nil {
			*said = text
		}
		return nil
	}
	var parts []responsesPart
	if fail := decodePart(raw, []string{place}, &parts); fail != nil {
		return fail
	}
	var joined strings.Builder
	for i, part := range parts {
		at := fmt.Sprintf("%s[%d]", place, i)
		if !slices.Contains(kinds, part.Type) {
			return invalid(at, fmt.Sprintf("Invalid value: '%s'. Supported values are: '%s'.", part.Type, strings.Join(kinds, "', '")))
		}
		switch {
		case part.Text != nil:
			joined.WriteString(*part.Text)
		case part.ImageURL != nil:
			image, err := sightOfURL(*part.ImageURL)
			if err != nil {
				return invalid(at+".image_url", fmt.Sprintf("Invalid '%s.image_url'. %s.", at, err))
			}
			c.images, c.others = append(c.images, image), c.others+1
		case part.Refusal == nil && part.FileID == nil && part.FileData == nil && part.FileURL == nil:
			return invalid(at, fmt.Sprintf("Missing required parameter in '%s'.", at))
		default:
			c.others++
		}
	}
	c.texts = append(c.texts, joined.String())
	if said != nil {
		*said = joined.String()
	}
	return nil
}

// reasoning takes thoughts that come back: those that are encrypted must be this provider's, the others be kept.
func (c *conversation) reasoning(o responses, item responsesItem) *failure {
	var summary strings.Builder
	for _, part := range item.Summary {
		if part.Text != nil {
			summary.WriteString(*part.Text)
		}
	}
	c.texts = append(c.texts, summary.String())
	if item.Encrypted != nil {
		if signed(*item.Encrypted, summary.String()) {
			return nil
		}
		return &failure{
			status: http.StatusBadRequest, code: "invalid_encrypted_content", param: "input",
			message: fmt.Sprintf("The encrypted content for item %s could not be verified.", clip(item.ID, maxEcho)),
		}
	}
	for _, kept := range o.kept.list() {
		for _, output := range kept.output {
			if memberOf(output, "id") == item.ID {
				return nil
			}
		}
	}
	return &failure{
		status: http.StatusNotFound, param: "input",
		message: fmt.Sprintf("Item with id '%s' not found. Items are not persisted when `store` is set to false. Try again "+
			"with `store` set to true, or remove this item from your input.", clip(item.ID, maxEcho)),
	}
}
