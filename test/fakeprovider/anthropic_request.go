// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"net/http"
	"strings"
)

// anthropicRequest is the body of POST /v1/messages, https://platform.claude.com/docs/en/api/messages/create.
type anthropicRequest struct {
	Model         string             `json:"model"`
	Messages      []anthropicMessage `json:"messages"`
	MaxTokens     *int               `json:"max_tokens"`
	System        anthropicContent   `json:"system"`
	Stream        bool               `json:"stream"`
	Temperature   *float64           `json:"temperature"`
	TopP          *float64           `json:"top_p"`
	TopK          *int               `json:"top_k"`
	StopSequences []string           `json:"stop_sequences"`
	Tools         []anthropicTool    `json:"tools"`
	ToolChoice    *struct {
		Type            string `json:"type"`
		Name            string `json:"name"`
		DisableParallel bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Thinking     *anthropicThinking `json:"thinking"`
	OutputConfig *struct {
		Effort string           `json:"effort"`
		Format *anthropicFormat `json:"format"`
		Budget json.RawMessage  `json:"task_budget"`
	} `json:"output_config"`
	Metadata *struct {
		UserID *string `json:"user_id"`
	} `json:"metadata"`
	ServiceTier  string            `json:"service_tier"`
	CacheControl *anthropicCaching `json:"cache_control"`
	Container    json.RawMessage   `json:"container"`
	InferenceGeo *string           `json:"inference_geo"`
	MCPServers   json.RawMessage   `json:"mcp_servers"`        // beta
	Context      json.RawMessage   `json:"context_management"` // beta
	OutputFormat *anthropicFormat  `json:"output_format"`      // beta
	Speed        string            `json:"speed"`              // beta
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content anthropicContent `json:"content"`
}

// anthropicContent is a string or a list of blocks; a string becomes one block of text.
type anthropicContent []anthropicBlock

func (c *anthropicContent) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = anthropicContent{{Type: "text", Text: text}}
		return nil
	}
	return json.Unmarshal(b, (*[]anthropicBlock)(c))
}

type anthropicBlock struct {
	Type         string            `json:"type"`
	Text         string            `json:"text"`
	Source       json.RawMessage   `json:"source"`
	Title        *string           `json:"title"`
	Context      *string           `json:"context"`
	Citations    json.RawMessage   `json:"citations"`
	Thinking     *string           `json:"thinking"`
	Signature    *string           `json:"signature"`
	Data         string            `json:"data"`
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Input        json.RawMessage   `json:"input"`
	Caller       json.RawMessage   `json:"caller"`
	ToolUseID    string            `json:"tool_use_id"`
	Content      anthropicContent  `json:"content"`
	IsError      bool              `json:"is_error"`
	CacheControl *anthropicCaching `json:"cache_control"`
	FileID       string            `json:"file_id"`
}

var anthropicBlocks = map[string][]string{
	"text":              {"text", "citations", "cache_control"},
	"image":             {"source", "cache_control"},
	"document":          {"source", "title", "context", "citations", "cache_control"},
	"search_result":     {"source", "title", "content", "citations", "cache_control"},
	"thinking":          {"thinking", "signature"},
	"redacted_thinking": {"data"},
	"tool_use":          {"id", "name", "input", "caller", "cache_control"},
	"tool_result":       {"tool_use_id", "content", "is_error", "cache_control"},
	"container_upload":  {"file_id", "cache_control"},
	"server_tool_use":   {"id", "name", "input", "caller", "cache_control"},
}

func (anthropicBlock) members(kind string) ([]string, bool) {
	members, known := anthropicBlocks[kind]
	return members, known
}

type anthropicCaching struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

type anthropicThinking struct {
	Type    string  `json:"type"`
	Budget  *int    `json:"budget_tokens"`
	Display *string `json:"display"`
}

type anthropicFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

type anthropicTool struct {
	Type           string            `json:"type"`
	Name           string            `json:"name"`
	Description    string            `json:"description"`
	InputSchema    json.RawMessage   `json:"input_schema"`
	Strict         *bool             `json:"strict"`
	CacheControl   *anthropicCaching `json:"cache_control"`
	EagerStreaming *bool             `json:"eager_input_streaming"`
	DeferLoading   *bool             `json:"defer_loading"`
	Examples       json.RawMessage   `json:"input_examples"`
	AllowedCallers []string          `json:"allowed_callers"`

	// Of the tools that Anthropic itself runs.
	MaxUses        *int            `json:"max_uses"`
	AllowedDomains []string        `json:"allowed_domains"`
	BlockedDomains []string        `json:"blocked_domains"`
	UserLocation   json.RawMessage `json:"user_location"`
	Citations      json.RawMessage `json:"citations"`
	MaxContent     *int            `json:"max_content_tokens"`
	MaxCharacters  *int            `json:"max_characters"`
}

func (t anthropicTool) custom() bool { return t.Type == "" || t.Type == "custom" }

func (anthropicTool) members(kind string) ([]string, bool) {
	if kind == "" || kind == "custom" {
		return []string{
			"name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming", "defer_loading",
			"input_examples", "allowed_callers",
		}, true
	}
	for _, family := range []string{"web_search_", "web_fetch_", "bash_", "text_editor_", "code_execution_", "memory_"} {
		if strings.HasPrefix(kind, family) {
			return nil, true
		}
	}
	return nil, false
}

// anthropicBetaMembers exist only for clients that ask for a beta.
var anthropicBetaMembers = map[string]bool{
	"mcp_servers": true, "context_management": true, "output_format": true, "speed": true,
}

// anthropicNewest is the version of the API without anthropicRemoved,
// https://platform.claude.com/docs/en/api/migration-2026-10-21.
const anthropicNewest = "2026-10-21"

var anthropicRemoved = map[string]bool{"temperature": true, "top_p": true, "top_k": true}

// decodeAnthropic reads a body in Anthropic's words for what is wrong with it.
func decodeAnthropic(r *http.Request, body []byte) (*anthropicRequest, *failure) {
	var request anthropicRequest
	found, err := decodeStrictly(body, &request, nil)
	if found == nil && err == nil {
		beta, newest := r.Header.Get("Anthropic-Beta") != "", r.Header.Get("Anthropic-Version") == anthropicNewest
		var members map[string]json.RawMessage
		_ = json.Unmarshal(body, &members) // it parsed a moment ago
		for name := range members {
			if anthropicBetaMembers[name] && !beta || anthropicRemoved[name] && newest {
				found = &stranger{name: name}
			}
		}
	}
	switch {
	case found != nil && found.tag:
		return nil, badRequest(strings.Join(append(found.path, "type"), ".") + ": Input tag '" + found.name +
			"' found using 'type' does not match any of the expected tags")
	case found != nil:
		return nil, badRequest(strings.Join(append(found.path, found.name), ".") + ": Extra inputs are not permitted")
	case err != nil:
		return nil, badRequest("The request body is not valid JSON: " + err.Error())
	}
	return &request, nil
}
