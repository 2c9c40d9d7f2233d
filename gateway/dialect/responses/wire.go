// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import "github.com/go-json-experiment/json/jsontext"

// request is the body of POST /v1/responses, as far as other dialects can express it. What an answer repeats is kept as
// it was written.
type request struct {
	Model             string            `json:"model"`
	Input             jsontext.Value    `json:"input"`
	Instructions      *string           `json:"instructions"`
	Tools             []jsontext.Value  `json:"tools"`
	ToolChoice        jsontext.Value    `json:"tool_choice"`
	ParallelToolCalls *bool             `json:"parallel_tool_calls"`
	Text              jsontext.Value    `json:"text"`
	Reasoning         jsontext.Value    `json:"reasoning"`
	Include           []string          `json:"include"`
	MaxOutputTokens   *int64            `json:"max_output_tokens"`
	MaxToolCalls      *int64            `json:"max_tool_calls"`
	Temperature       *float64          `json:"temperature"`
	TopP              *float64          `json:"top_p"`
	TopLogProbs       *int64            `json:"top_logprobs"`
	Metadata          map[string]string `json:"metadata"`
	User              string            `json:"user"`
	SafetyIdentifier  string            `json:"safety_identifier"`
	PromptCacheKey    *string           `json:"prompt_cache_key"`
	Stream            bool              `json:"stream"`
	StreamOptions     *streamOptions    `json:"stream_options"`
	Unknown           jsontext.Value    `json:",embed"`
}

type streamOptions struct {
	Unknown jsontext.Value `json:",embed"`
}

// kind is what tells the members of a union apart.
type kind struct {
	Type string `json:"type"`
	Role string `json:"role"`
}

type messageItem struct {
	Type    string         `json:"type"`
	Role    string         `json:"role"`
	Content jsontext.Value `json:"content"`
	Unknown jsontext.Value `json:",embed"`
}

type callItem struct {
	Type      string         `json:"type"`
	CallID    string         `json:"call_id"`
	Name      string         `json:"name"`
	Arguments string         `json:"arguments"`
	Unknown   jsontext.Value `json:",embed"`
}

type resultItem struct {
	Type    string         `json:"type"`
	CallID  string         `json:"call_id"`
	Name    string         `json:"name"`
	Output  jsontext.Value `json:"output"`
	Unknown jsontext.Value `json:",embed"`
}

type reasoningItem struct {
	Type      string         `json:"type"`
	Summary   []thought      `json:"summary"`
	Content   []thought      `json:"content"`
	Encrypted string         `json:"encrypted_content"`
	Unknown   jsontext.Value `json:",embed"`
}

// thought is a summary_text or a reasoning_text.
type thought struct {
	Type    string         `json:"type"`
	Text    string         `json:"text"`
	Unknown jsontext.Value `json:",embed"`
}

// textPart is an input_text or an output_text.
type textPart struct {
	Type       string         `json:"type"`
	Text       *string        `json:"text"`
	Breakpoint *breakpoint    `json:"prompt_cache_breakpoint"`
	Unknown    jsontext.Value `json:",embed"`
}

type refusalPart struct {
	Type    string         `json:"type"`
	Refusal *string        `json:"refusal"`
	Unknown jsontext.Value `json:",embed"`
}

type imagePart struct {
	Type       string         `json:"type"`
	URL        string         `json:"image_url"`
	FileID     string         `json:"file_id"`
	Detail     string         `json:"detail"`
	Breakpoint *breakpoint    `json:"prompt_cache_breakpoint"`
	Unknown    jsontext.Value `json:",embed"`
}

type filePart struct {
	Type       string         `json:"type"`
	Data       string         `json:"file_data"`
	URL        string         `json:"file_url"`
	FileID     string         `json:"file_id"`
	Name       string         `json:"filename"`
	Breakpoint *breakpoint    `json:"prompt_cache_breakpoint"`
	Unknown    jsontext.Value `json:",embed"`
}

// breakpoint marks the end of a prefix to cache.
type breakpoint struct {
	Mode    string         `json:"mode"`
	TTL     string         `json:"ttl"`
	Unknown jsontext.Value `json:",embed"`
}

type functionTool struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      *bool          `json:"strict"`
	Unknown     jsontext.Value `json:",embed"`
}

// choice is a tool_choice that is an object.
type choice struct {
	Type    string         `json:"type"`
	Name    string         `json:"name"`
	Mode    string         `json:"mode"`
	Tools   []allowedTool  `json:"tools"`
	Unknown jsontext.Value `json:",embed"`
}

type allowedTool struct {
	Type    string         `json:"type"`
	Name    string         `json:"name"`
	Unknown jsontext.Value `json:",embed"`
}

type textOptions struct {
	Format    jsontext.Value `json:"format"`
	Verbosity string         `json:"verbosity"`
	Unknown   jsontext.Value `json:",embed"`
}

type format struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Schema      jsontext.Value `json:"schema"`
	Strict      *bool          `json:"strict"`
	Unknown     jsontext.Value `json:",embed"`
}

type reasoningOptions struct {
	Effort          string         `json:"effort"`
	Summary         string         `json:"summary"`
	GenerateSummary string         `json:"generate_summary"`
	Unknown         jsontext.Value `json:",embed"`
}
