// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import "github.com/go-json-experiment/json/jsontext"

// request is the body of a request as applications send it. Unknown takes up what is not named here.
type request struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options"`

	Tools         []tool          `json:"tools"`
	ToolChoice    jsontext.Value  `json:"tool_choice"`
	ParallelCalls *bool           `json:"parallel_tool_calls"`
	Format        *responseFormat `json:"response_format"`
	Effort        string          `json:"reasoning_effort"`

	MaxTokens           *int64         `json:"max_tokens"`
	MaxCompletionTokens *int64         `json:"max_completion_tokens"`
	Temperature         *float64       `json:"temperature"`
	TopP                *float64       `json:"top_p"`
	TopK                *int64         `json:"top_k"`
	Stop                jsontext.Value `json:"stop"`
	Seed                *int64         `json:"seed"`
	Frequency           *float64       `json:"frequency_penalty"`
	Presence            *float64       `json:"presence_penalty"`
	N                   *int64         `json:"n"`
	LogProbs            *bool          `json:"logprobs"`
	TopLogProbs         *int64         `json:"top_logprobs"`
	User                string         `json:"user"`
	SafetyIdentifier    string         `json:"safety_identifier"`

	Unknown jsontext.Value `json:",embed"`
}

type streamOptions struct {
	IncludeUsage bool           `json:"include_usage"`
	Unknown      jsontext.Value `json:",embed"`
}

// message is a message of any role: which fields it may have, the role decides.
type message struct {
	Role       string         `json:"role"`
	Content    jsontext.Value `json:"content"`
	Name       string         `json:"name"`
	Refusal    string         `json:"refusal"`
	ToolCalls  []toolCall     `json:"tool_calls"`
	ToolCallID string         `json:"tool_call_id"`

	ReasoningContent string            `json:"reasoning_content"`
	Reasoning        string            `json:"reasoning"` // the same, as OpenRouter and vLLM say it
	ReasoningDetails []reasoningDetail `json:"reasoning_details"`
	CacheControl     *cacheControl     `json:"cache_control"`

	Unknown jsontext.Value `json:",embed"`
}

// part is a part of a message's content: which fields it may have, the type decides.
type part struct {
	Type         string         `json:"type"`
	Text         *string        `json:"text"`
	Refusal      *string        `json:"refusal"`
	ImageURL     *imageURL      `json:"image_url"`
	InputAudio   *inputAudio    `json:"input_audio"`
	File         *file          `json:"file"`
	CacheControl *cacheControl  `json:"cache_control"`
	Unknown      jsontext.Value `json:",embed"`
}

type imageURL struct {
	URL     string         `json:"url"`
	Detail  string         `json:"detail"`
	Unknown jsontext.Value `json:",embed"`
}

type inputAudio struct {
	Data    string         `json:"data"`
	Format  string         `json:"format"`
	Unknown jsontext.Value `json:",embed"`
}

type file struct {
	Data    string         `json:"file_data"`
	ID      string         `json:"file_id"`
	Name    string         `json:"filename"`
	Unknown jsontext.Value `json:",embed"`
}

type cacheControl struct {
	Type    string         `json:"type"`
	TTL     string         `json:"ttl"`
	Unknown jsontext.Value `json:",embed"`
}

// reasoningDetail is a thought as OpenRouter shows it. ID and Format name it to those who gave it and mean nothing to
// others.
type reasoningDetail struct {
	Type      string         `json:"type"`
	Text      string         `json:"text"`
	Summary   string         `json:"summary"`
	Signature string         `json:"signature"`
	Data      string         `json:"data"`
	Index     *int64         `json:"index"`
	ID        string         `json:"id"`
	Format    string         `json:"format"`
	Unknown   jsontext.Value `json:",embed"`
}

type toolCall struct {
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Index    *int64         `json:"index"` // of a stream's chunk; some clients send it back
	Function *calledTool    `json:"function"`
	Extra    *extraContent  `json:"extra_content"`
	Unknown  jsontext.Value `json:",embed"`
}

type calledTool struct {
	Name      string         `json:"name"`
	Arguments string         `json:"arguments"`
	Unknown   jsontext.Value `json:",embed"`
}

type extraContent struct {
	Google  *googleExtra   `json:"google"`
	Unknown jsontext.Value `json:",embed"`
}

type googleExtra struct {
	ThoughtSignature string         `json:"thought_signature"`
	Unknown          jsontext.Value `json:",embed"`
}

type tool struct {
	Type         string         `json:"type"`
	Function     *function      `json:"function"`
	CacheControl *cacheControl  `json:"cache_control"`
	Unknown      jsontext.Value `json:",embed"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      *bool          `json:"strict"`
	Unknown     jsontext.Value `json:",embed"`
}

type toolChoice struct {
	Type     string         `json:"type"`
	Function *namedTool     `json:"function"`
	Allowed  *allowedTools  `json:"allowed_tools"`
	Unknown  jsontext.Value `json:",embed"`
}

type namedTool struct {
	Name    string         `json:"name"`
	Unknown jsontext.Value `json:",embed"`
}

type allowedTools struct {
	Mode    string         `json:"mode"`
	Tools   []toolChoice   `json:"tools"`
	Unknown jsontext.Value `json:",embed"`
}

type responseFormat struct {
	Type    string         `json:"type"`
	Schema  *jsonSchema    `json:"json_schema"`
	Unknown jsontext.Value `json:",embed"`
}

type jsonSchema struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Schema      jsontext.Value `json:"schema"`
	Strict      *bool          `json:"strict"`
	Unknown     jsontext.Value `json:",embed"`
}
