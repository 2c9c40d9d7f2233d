// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import "github.com/go-json-experiment/json/jsontext"

// The structs of requests, in the API reference's words. They serve both directions: Unknown is what an application
// wrote beside the fields, and stays nil where Spark writes. A jsontext.Value holds a union, or what need not be looked
// into.

type request struct {
	Model     string         `json:"model,omitzero"`
	MaxTokens *int64         `json:"max_tokens,omitzero"`
	System    jsontext.Value `json:"system,omitzero"` // string or []textBlock
	Messages  []message      `json:"messages,omitzero"`

	Tools      []jsontext.Value `json:"tools,omitzero"` // tool, or a tool that Anthropic knows
	ToolChoice *toolChoice      `json:"tool_choice,omitzero"`

	Thinking     *thinking     `json:"thinking,omitzero"`
	OutputConfig *outputConfig `json:"output_config,omitzero"`
	OutputFormat *outputFormat `json:"output_format,omitzero"` // where the format was before output_config

	StopSequences []string  `json:"stop_sequences,omitzero"`
	Temperature   *float64  `json:"temperature,omitzero"`
	TopP          *float64  `json:"top_p,omitzero"`
	TopK          *int64    `json:"top_k,omitzero"`
	Metadata      *metadata `json:"metadata,omitzero"`
	Stream        bool      `json:"stream,omitzero"`

	CacheControl      *cacheControl      `json:"cache_control,omitzero"`
	ServiceTier       *string            `json:"service_tier,omitzero"`
	Speed             *string            `json:"speed,omitzero"`
	Diagnostics       jsontext.Value     `json:"diagnostics,omitzero"`
	ContextManagement *contextManagement `json:"context_management,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

type message struct {
	Role    string         `json:"role"`
	Content jsontext.Value `json:"content"` // string or blocks
	Unknown jsontext.Value `json:",embed"`
}

type cacheControl struct {
	Type string `json:"type"`
	TTL  string `json:"ttl,omitzero"`
	// Scope says how far a provider may share its cache: a hint like the mark itself.
	Scope   jsontext.Value `json:"scope,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type textBlock struct {
	Type         string         `json:"type"`
	Text         string         `json:"text"`
	Citations    jsontext.Value `json:"citations,omitzero"`
	CacheControl *cacheControl  `json:"cache_control,omitzero"`
	Unknown      jsontext.Value `json:",embed"`
}

// mediaBlock is an image or a document; Title, Context and Citations belong to documents.
type mediaBlock struct {
	Type         string         `json:"type"`
	Source       *source        `json:"source,omitzero"`
	Title        string         `json:"title,omitzero"`
	Context      *string        `json:"context,omitzero"`
	Citations    *citations     `json:"citations,omitzero"`
	CacheControl *cacheControl  `json:"cache_control,omitzero"`
	Unknown      jsontext.Value `json:",embed"`
}

type citations struct {
	Enabled bool           `json:"enabled"`
	Unknown jsontext.Value `json:",embed"`
}

// source is base64 or text with MediaType and Data, url with URL, or file with FileID.
type source struct {
	Type      string         `json:"type"`
	MediaType string         `json:"media_type,omitzero"`
	Data      string         `json:"data,omitzero"`
	URL       string         `json:"url,omitzero"`
	FileID    string         `json:"file_id,omitzero"`
	Unknown   jsontext.Value `json:",embed"`
}

type thinkingBlock struct {
	Type      string         `json:"type"`
	Thinking  string         `json:"thinking"`
	Signature string         `json:"signature"`
	Unknown   jsontext.Value `json:",embed"`
}

type redactedBlock struct {
	Type    string         `json:"type"`
	Data    string         `json:"data"`
	Unknown jsontext.Value `json:",embed"`
}

type toolUseBlock struct {
	Type         string         `json:"type"`
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Input        jsontext.Value `json:"input"`
	Caller       *caller        `json:"caller,omitzero"`
	CacheControl *cacheControl  `json:"cache_control,omitzero"`
	Unknown      jsontext.Value `json:",embed"`
}

// caller is who calls a tool: the model, "direct", or code that it wrote.
type caller struct {
	Type    string         `json:"type"`
	Unknown jsontext.Value `json:",embed"`
}

type toolResultBlock struct {
	Type         string         `json:"type"`
	ToolUseID    string         `json:"tool_use_id"`
	Content      jsontext.Value `json:"content,omitzero"` // string or blocks
	IsError      bool           `json:"is_error,omitzero"`
	CacheControl *cacheControl  `json:"cache_control,omitzero"`
	Unknown      jsontext.Value `json:",embed"`
}

type tool struct {
	Type         *string        `json:"type,omitzero"`
	Name         string         `json:"name"`
	Description  string         `json:"description,omitzero"`
	InputSchema  jsontext.Value `json:"input_schema,omitzero"`
	Strict       *bool          `json:"strict,omitzero"`
	CacheControl *cacheControl  `json:"cache_control,omitzero"`

	// Eager asks for arguments as they are made, which is how every other provider streams them.
	Eager          jsontext.Value   `json:"eager_input_streaming,omitzero"`
	DeferLoading   bool             `json:"defer_loading,omitzero"`
	AllowedCallers []string         `json:"allowed_callers,omitzero"`
	InputExamples  []jsontext.Value `json:"input_examples,omitzero"`
	Unknown        jsontext.Value   `json:",embed"`
}

type toolChoice struct {
	Type            string         `json:"type"`
	Name            string         `json:"name,omitzero"`
	DisableParallel *bool          `json:"disable_parallel_tool_use,omitzero"`
	Unknown         jsontext.Value `json:",embed"`
}

type thinking struct {
	Type         string         `json:"type"`
	BudgetTokens *int64         `json:"budget_tokens,omitzero"`
	Display      *string        `json:"display,omitzero"`
	Unknown      jsontext.Value `json:",embed"`
}

type outputConfig struct {
	Effort  *string        `json:"effort,omitzero"`
	Format  *outputFormat  `json:"format,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type outputFormat struct {
	Type    string         `json:"type"`
	Schema  jsontext.Value `json:"schema,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type metadata struct {
	UserID  *string        `json:"user_id,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type contextManagement struct {
	Edits   []contextEdit  `json:"edits,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type contextEdit struct {
	Type    string         `json:"type"`
	Keep    jsontext.Value `json:"keep,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}
