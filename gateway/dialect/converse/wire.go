// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import "github.com/go-json-experiment/json/jsontext"

// request is the body of Converse and ConverseStream.
type request struct {
	Messages                          []message         `json:"messages"`
	System                            []block           `json:"system,omitzero"`
	InferenceConfig                   inference         `json:"inferenceConfig,omitzero"`
	ToolConfig                        *toolConfig       `json:"toolConfig,omitzero"`
	OutputConfig                      output            `json:"outputConfig,omitzero"`
	AdditionalModelRequestFields      additional        `json:"additionalModelRequestFields,omitzero"`
	AdditionalModelResponseFieldPaths []string          `json:"additionalModelResponseFieldPaths,omitzero"`
	RequestMetadata                   map[string]string `json:"requestMetadata,omitzero"`
}

type message struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

// block is a union: one of its members is there. Those of content, of system instructions and of what tools answered are
// written alike.
type block struct {
	Text             *string     `json:"text,omitzero"`
	Image            *media      `json:"image,omitzero"`
	Audio            *media      `json:"audio,omitzero"`
	Video            *media      `json:"video,omitzero"`
	Document         *media      `json:"document,omitzero"`
	ToolUse          *toolUse    `json:"toolUse,omitzero"`
	ToolResult       *toolResult `json:"toolResult,omitzero"`
	ReasoningContent *reasoning  `json:"reasoningContent,omitzero"`
	CachePoint       *cachePoint `json:"cachePoint,omitzero"`
}

// media is an image, audio, video or document; Name is a document's only.
type media struct {
	Format string `json:"format"`
	Name   string `json:"name,omitzero"`
	Source source `json:"source"`
}

// source is a union. Bytes are in base64.
type source struct {
	Bytes      string  `json:"bytes,omitzero"`
	S3Location *object `json:"s3Location,omitzero"`
}

type object struct {
	URI string `json:"uri"`
}

type toolUse struct {
	ToolUseID string         `json:"toolUseId"`
	Name      string         `json:"name"`
	Input     jsontext.Value `json:"input"`
}

type toolResult struct {
	ToolUseID string  `json:"toolUseId"`
	Content   []block `json:"content"`
	Status    string  `json:"status,omitzero"`
}

// reasoning is a union. RedactedContent is in base64.
type reasoning struct {
	ReasoningText   *reasoningText `json:"reasoningText,omitzero"`
	RedactedContent string         `json:"redactedContent,omitzero"`
}

type reasoningText struct {
	Text      string `json:"text"`
	Signature string `json:"signature,omitzero"`
}

type cachePoint struct {
	Type string `json:"type"`
	TTL  string `json:"ttl,omitzero"`
}

type inference struct {
	MaxTokens     *int64   `json:"maxTokens,omitzero"`
	Temperature   *float64 `json:"temperature,omitzero"`
	TopP          *float64 `json:"topP,omitzero"`
	StopSequences []string `json:"stopSequences,omitzero"`
}

type toolConfig struct {
	Tools      []tool      `json:"tools"`
	ToolChoice *toolChoice `json:"toolChoice,omitzero"`
}

// tool is a union.
type tool struct {
	ToolSpec   *toolSpec   `json:"toolSpec,omitzero"`
	CachePoint *cachePoint `json:"cachePoint,omitzero"`
}

type toolSpec struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitzero"`
	InputSchema inputSchema `json:"inputSchema"`
	Strict      *bool       `json:"strict,omitzero"`
}

type inputSchema struct {
	JSON jsontext.Value `json:"json"`
}

// toolChoice is a union.
type toolChoice struct {
	Auto *struct{}   `json:"auto,omitzero"`
	Any  *struct{}   `json:"any,omitzero"`
	Tool *chosenTool `json:"tool,omitzero"`
}

type chosenTool struct {
	Name string `json:"name"`
}

type output struct {
	TextFormat *textFormat `json:"textFormat,omitzero"`
	Effort     string      `json:"effort,omitzero"`
}

type textFormat struct {
	Type      string    `json:"type"`
	Structure structure `json:"structure"`
}

type structure struct {
	JSONSchema jsonSchema `json:"jsonSchema"`
}

// jsonSchema has its Schema as JSON text in a string.
type jsonSchema struct {
	Schema      string `json:"schema"`
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
}

// additional is what the families of models have of their own.
type additional struct {
	Thinking        *thinking      `json:"thinking,omitzero"`         // Claude
	TopK            *int64         `json:"top_k,omitzero"`            // Claude
	ReasoningConfig *novaReasoning `json:"reasoningConfig,omitzero"`  // Nova
	InferenceConfig *novaInference `json:"inferenceConfig,omitzero"`  // Nova
	ReasoningEffort string         `json:"reasoning_effort,omitzero"` // gpt-oss
}

type thinking struct {
	Type         string `json:"type"`
	BudgetTokens int64  `json:"budget_tokens,omitzero"`
	Display      string `json:"display,omitzero"`
}

type novaReasoning struct {
	Type               string `json:"type"`
	MaxReasoningEffort string `json:"maxReasoningEffort"`
}

type novaInference struct {
	TopK *int64 `json:"topK,omitzero"`
}
