// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
)

// mistralRequest is what Mistral's reference lets a chat request say.
type mistralRequest struct {
	Model             string           `json:"model"`
	Messages          []mistralMessage `json:"messages"`
	Temperature       *float64         `json:"temperature"`
	TopP              *float64         `json:"top_p"`
	MaxTokens         *int             `json:"max_tokens"`
	Stream            bool             `json:"stream"`
	Stop              json.RawMessage  `json:"stop"`
	RandomSeed        *int64           `json:"random_seed"`
	Metadata          map[string]any   `json:"metadata"`
	ResponseFormat    *chatFormat      `json:"response_format"`
	Tools             []mistralTool    `json:"tools"`
	ToolChoice        json.RawMessage  `json:"tool_choice"`
	PresencePenalty   *float64         `json:"presence_penalty"`
	FrequencyPenalty  *float64         `json:"frequency_penalty"`
	N                 *int             `json:"n"`
	Prediction        json.RawMessage  `json:"prediction"`
	ParallelToolCalls *bool            `json:"parallel_tool_calls"`
	ReasoningEffort   *string          `json:"reasoning_effort"`
	PromptMode        *string          `json:"prompt_mode"`
	Guardrails        json.RawMessage  `json:"guardrails"`
	PromptCacheKey    *string          `json:"prompt_cache_key"`
	SafePrompt        *bool            `json:"safe_prompt"`
}

// mistralMessage holds the members of all roles; which a role may have says mistralMembers.
type mistralMessage struct {
	Role       string              `json:"role"`
	Content    json.RawMessage     `json:"content"`
	ToolCalls  []mistralCallInTurn `json:"tool_calls"`
	Prefix     *bool               `json:"prefix"`
	ToolCallID *string             `json:"tool_call_id"`
	Name       *string             `json:"name"`
}

type mistralCallInTurn struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Index    *int   `json:"index"`
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"` // a string or an object
	} `json:"function"`
}

type mistralTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description *string         `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      *bool           `json:"strict"`
	} `json:"function"`
}

// mistralPart is one piece of a message's content.
type mistralPart struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	ImageURL     json.RawMessage `json:"image_url"`
	DocumentURL  *string         `json:"document_url"`
	DocumentName *string         `json:"document_name"`
	FileID       *string         `json:"file_id"`
	InputAudio   json.RawMessage `json:"input_audio"`
	ReferenceIDs json.RawMessage `json:"reference_ids"`
	Thinking     json.RawMessage `json:"thinking"`
	Closed       *bool           `json:"closed"`
	Signature    *string         `json:"signature"`
}

// members are those that a kind of part has.
func (mistralPart) members(kind string) ([]string, bool) {
	members, known := map[string][]string{
		"text": {"text"}, "image_url": {"image_url"}, "document_url": {"document_url", "document_name"},
		"file": {"file_id"}, "input_audio": {"input_audio"}, "reference": {"reference_ids"},
		"thinking": {"thinking", "closed", "signature"},
	}[kind]
	return members, known
}

var mistralCallID = regexp.MustCompile(fmt.Sprintf(`^[a-zA-Z0-9]{%d}$`, callIDLength))

func (m mistral) chat(_ *http.Request, body []byte) (call, *failure) {
	var request mistralRequest
	if fail := decodeMistral(body, &request); fail != nil {
		return nil, fail
	}
	for _, check := range []func() *failure{
		request.checkNumbers, request.checkTools, request.checkMessages, request.checkOrder,
	} {
		if fail := check(); fail != nil {
			return nil, fail
		}
	}
	return inMistralsWords(request.Model)(m.server.chatCall(request.plain(body), m.flavor))
}

// inMistralsWords says of a model that there is not what Mistral says.
func inMistralsWords(model string) func(call, *failure) (call, *failure) {
	return func(c call, fail *failure) (call, *failure) {
		if fail != nil && fail.code == "model_not_found" {
			fail = &failure{
				status: http.StatusBadRequest, kind: "invalid_model", code: "1500",
				message: "Invalid model: " + clip(model, maxEcho),
			}
		}
		return c, fail
	}
}

// mistralEmbeddings is what Mistral's reference lets a request for embeddings say.
type mistralEmbeddings struct {
	Model           string          `json:"model"`
	Input           json.RawMessage `json:"input"`
	Metadata        map[string]any  `json:"metadata"`
	OutputDimension *int            `json:"output_dimension"`
	OutputType      *string         `json:"output_dtype"`
	Encoding        *string         `json:"encoding_format"`
}

func (m mistral) embeddings(_ *http.Request, body []byte) (call, *failure) {
	var request mistralEmbeddings
	if fail := decodeMistral(body, &request); fail != nil {
		return nil, fail
	}
	fail := first(
		literal("output_dtype", request.OutputType, "float", "int8", "uint8", "binary", "ubinary"),
		literal("encoding_format", request.Encoding, "float", "base64"),
	)
	if fail == nil && request.OutputDimension != nil && *request.OutputDimension < 1 {
		fail = unprocessable("output_dimension", "greater_than", "Input should be greater than 0")
	}
	if fail != nil {
		return nil, fail
	}
	return inMistralsWords(request.Model)(m.server.embed(embeddingsRequest{
		Model: request.Model, Input: request.Input, Encoding: request.Encoding, Dimensions: orDefault(request.OutputDimension, 0),
	}))
}

func (r *mistralRequest) checkNumbers() *failure {
	if r.Model == "" {
		return unprocessable("model", "missing", "Field required")
	}
	if len(r.Messages) == 0 {
		return unprocessable("messages", "missing", "Field required")
	}
	for name, bound := range map[string]struct {
		value       *float64
		least, most float64
	}{
		"temperature": {r.Temperature, 0, 1.5}, "top_p": {r.TopP, 0, 1},
		"presence_penalty": {r.PresencePenalty, -2, 2}, "frequency_penalty": {r.FrequencyPenalty, -2, 2},
	} {
		if bound.value != nil && (*bound.value < bound.least || *bound.value > bound.most) {
			return unprocessable(name, "less_than_equal", fmt.Sprintf("Input should be between %g and %g", bound.least, bound.most))
		}
	}
	if r.MaxTokens != nil && *r.MaxTokens < 0 {
		return unprocessable("max_tokens", "greater_than_equal", "Input should be greater than or equal to 0")
	}
	if r.N != nil && (*r.N < 1 || *r.N > maxChoices) {
		return unprocessable("n", "greater_than_equal", "Input should be greater than or equal to 1")
	}
	return first(
		literal("reasoning_effort", r.ReasoningEffort, "none", "high"), literal("prompt_mode", r.PromptMode, "reasoning"),
	)
}

// literal refuses a word that is not among those allowed.
func literal(name string, value *string, allowed ...string) *failure {
	if value == nil || slices.Contains(allowed, *value) {
		return nil
	}
	return unprocessable(name, "literal_error", fmt.Sprintf("Input should be one of %q", allowed))
}

func (r *mistralRequest) checkTools() *failure {
	for i, tool := range r.Tools {
		if tool.Type != "function" || tool.Function.Name == "" || !given(tool.Function.Parameters) {
			return unprocessable(fmt.Sprintf("tools[%d].function.parameters", i), "missing", "Field required")
		}
	}
	if f := r.ResponseFormat; f != nil {
		if f.Type == "json_schema" && (f.Schema == nil || f.Schema.Name == "" || !given(f.Schema.Schema)) {
			return unprocessable("response_format.json_schema", "missing", "Field required")
		}
		return literal("response_format.type", &f.Type, "text", "json_object", "json_schema")
	}
	return nil
}

// plain is the request in OpenAI's words.
func (r *mistralRequest) plain(body []byte) *chatRequest {
	request := &chatRequest{
		Model: r.Model, Stream: r.Stream, MaxTokens: r.MaxTokens, N: r.N, Stop: r.Stop, ToolChoice: r.ToolChoice,
		ParallelToolCalls: r.ParallelToolCalls, ResponseFormat: r.ResponseFormat,
	}
	var word string
	if json.Unmarshal(r.ToolChoice, &word) == nil && word == "any" {
		request.ToolChoice = json.RawMessage(`"required"`)
	}
	if r.MaxTokens != nil && *r.MaxTokens == 0 {
		request.MaxTokens = nil
	}
	for _, tool := range r.Tools {
		plain := chatTool{Type: "function"}
		plain.Function.Name, plain.Function.Parameters = tool.Function.Name, tool.Function.Parameters
		request.Tools = append(request.Tools, plain)
	}
	for _, message := range r.Messages {
		plain := chatMessage{Role: message.Role, Content: message.Content}
		if len(message.ToolCalls) > 0 {
			plain.ToolCalls = marshal(message.ToolCalls)
		}
		request.Messages = append(request.Messages, plain)
	}
	request.keepTools(body)
	return request
}
