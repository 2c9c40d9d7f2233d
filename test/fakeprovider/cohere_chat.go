// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// maxCohereStops bounds stop_sequences.
const maxCohereStops = 5

// cohereRequest is what Cohere's reference lets a chat request say.
type cohereRequest struct {
	Stream           bool            `json:"stream"`
	Model            string          `json:"model"`
	Messages         []cohereMessage `json:"messages"`
	Tools            []cohereTool    `json:"tools"`
	StrictTools      *bool           `json:"strict_tools"`
	Documents        json.RawMessage `json:"documents"`
	CitationOptions  json.RawMessage `json:"citation_options"`
	ResponseFormat   *cohereFormat   `json:"response_format"`
	SafetyMode       *string         `json:"safety_mode"`
	MaxTokens        *int            `json:"max_tokens"`
	StopSequences    []string        `json:"stop_sequences"`
	Temperature      *float64        `json:"temperature"`
	Seed             *int64          `json:"seed"`
	FrequencyPenalty *float64        `json:"frequency_penalty"`
	PresencePenalty  *float64        `json:"presence_penalty"`
	K                *float64        `json:"k"`
	P                *float64        `json:"p"`
	Logprobs         bool            `json:"logprobs"`
	ToolChoice       *string         `json:"tool_choice"`
	Thinking         *cohereThinking `json:"thinking"`
	Priority         *float64        `json:"priority"`
	RawPrompting     *bool           `json:"raw_prompting"`
}

type cohereThinking struct {
	Type   string `json:"type"`
	Budget *int   `json:"token_budget"`
}

type cohereFormat struct {
	Type       string          `json:"type"`
	JSONSchema json.RawMessage `json:"json_schema"`
	Schema     json.RawMessage `json:"schema"` // the name that Cohere's guide gives it
}

type cohereTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description *string         `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
}

type cohereChat struct {
	asked
	request *cohereRequest
}

func (c cohere) chat(_ *http.Request, body []byte) (call, *failure) {
	var request cohereRequest
	if fail := decodeCohere(body, &request); fail != nil {
		return nil, fail
	}
	for _, check := range []func() *failure{
		func() *failure { return c.cohereModel(request.Model) },
		request.checkMessages, request.checkOptions, request.checkTools,
	} {
		if fail := check(); fail != nil {
			return nil, fail
		}
	}
	question := &cohereChat{request: &request, asked: asked{
		model: request.Model, stream: request.Stream, stops: request.StopSequences, schema: request.ResponseFormat.schema(),
		thinks: request.Thinking != nil && request.Thinking.Type == "enabled",
	}}
	if request.MaxTokens != nil {
		question.limit = *request.MaxTokens
	}
	for _, tool := range request.Tools {
		question.offers = append(question.offers, offer{tool.Function.Name, parametersOf(tool.Function.Parameters)})
	}
	if request.ToolChoice != nil {
		question.muted = *request.ToolChoice == "NONE"
		if *request.ToolChoice == "REQUIRED" {
			question.forced = question.offers
		}
	}
	question.measure()
	return question, nil
}

func (r *cohereRequest) checkOptions() *failure {
	if len(r.StopSequences) > maxCohereStops {
		return badRequest(fmt.Sprintf("invalid request: number of elements in stop_sequences must be at most %d.", maxCohereStops))
	}
	if r.MaxTokens != nil && *r.MaxTokens < 0 {
		return badRequest("invalid request: max_tokens must be greater than or equal to 0.")
	}
	if r.SafetyMode != nil && !slices.Contains([]string{"CONTEXTUAL", "STRICT", "OFF"}, *r.SafetyMode) {
		return badRequest("invalid request: safety_mode must be one of CONTEXTUAL, STRICT, OFF.")
	}
	if t := r.Thinking; t != nil {
		if t.Type != "enabled" && t.Type != "disabled" {
			return badRequest("invalid request: thinking.type must be one of enabled, disabled.")
		}
		if t.Budget != nil && *t.Budget < 1 {
			return badRequest("invalid request: thinking.token_budget must be at least 1.")
		}
	}
	if f := r.ResponseFormat; f != nil {
		if f.Type != "text" && f.Type != "json_object" {
			return badRequest("invalid request: response_format.type must be one of text, json_object.")
		}
		if f.Type == "json_object" && (len(r.Tools) > 0 || given(r.Documents)) {
			return badRequest("invalid request: response_format is not supported with RAG or tools.")
		}
	}
	return first(
		cohereWithin("temperature", r.Temperature, 0, 2), cohereWithin("frequency_penalty", r.FrequencyPenalty, 0, 1),
		cohereWithin("presence_penalty", r.PresencePenalty, 0, 1), cohereWithin("k", r.K, 0, 500),
		cohereWithin("p", r.P, 0.01, 0.99), cohereWithin("priority", r.Priority, 0, 999),
	)
}

func (r *cohereRequest) checkTools() *failure {
	for i, tool := range r.Tools {
		if tool.Type != "function" || tool.Function.Name == "" || !given(tool.Function.Parameters) {
			return badRequest(fmt.Sprintf("invalid request: tools[%d] must be a function with a name and parameters.", i))
		}
	}
	switch {
	case r.StrictTools != nil && *r.StrictTools && len(r.Tools) == 0:
		return badRequest("invalid request: strict_tools is only allowed with tools.")
	case r.ToolChoice == nil:
		return nil
	case *r.ToolChoice != "REQUIRED" && *r.ToolChoice != "NONE":
		return badRequest("invalid request: tool_choice must be one of REQUIRED, NONE.")
	case len(r.Tools) == 0:
		return badRequest("invalid request: tool_choice cannot be specified without tools.")
	}
	return nil
}

// schema is what the answer's JSON satisfies; nil: it is in words.
func (f *cohereFormat) schema() json.RawMessage {
	switch {
	case f == nil || f.Type == "text":
		return nil
	case given(f.JSONSchema):
		return f.JSONSchema
	case given(f.Schema):
		return f.Schema
	}
	return json.RawMessage(anyObject)
}

func (c *cohereChat) subject() subject {
	return subject{model: c.model, stream: c.stream, prompt: c.prompt, promptTokens: c.tokens}
}
