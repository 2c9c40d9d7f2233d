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

// leastOutput is the smallest max_output_tokens that OpenAI takes.
const leastOutput = 16

// responsesRequest is what OpenAI's reference lets a request for a response say.
type responsesRequest struct {
	Model              string             `json:"model"`
	Input              json.RawMessage    `json:"input"`
	Instructions       *string            `json:"instructions"`
	MaxOutputTokens    *int               `json:"max_output_tokens"`
	ParallelToolCalls  *bool              `json:"parallel_tool_calls"`
	PreviousResponseID *string            `json:"previous_response_id"`
	Reasoning          *responsesThinking `json:"reasoning"`
	Store              *bool              `json:"store"`
	Background         *bool              `json:"background"`
	Stream             bool               `json:"stream"`
	StreamOptions      *struct {
		Obfuscation *bool `json:"include_obfuscation"`
	} `json:"stream_options"`
	Temperature *float64          `json:"temperature"`
	TopP        *float64          `json:"top_p"`
	TopLogprobs *float64          `json:"top_logprobs"`
	Text        *responsesText    `json:"text"`
	ToolChoice  json.RawMessage   `json:"tool_choice"`
	Tools       []json.RawMessage `json:"tools"`
	Include     []string          `json:"include"`
	ServiceTier *string           `json:"service_tier"`
	Truncation  *string           `json:"truncation"`

	// What follows is repeated in the answer, or taken, and changes nothing here.
	MaxToolCalls         *int              `json:"max_tool_calls"`
	Metadata             map[string]string `json:"metadata"`
	User                 *string           `json:"user"`
	SafetyIdentifier     *string           `json:"safety_identifier"`
	PromptCacheKey       *string           `json:"prompt_cache_key"`
	PromptCacheRetention *string           `json:"prompt_cache_retention"`
	PromptCacheOptions   json.RawMessage   `json:"prompt_cache_options"`
	Prompt               json.RawMessage   `json:"prompt"`
	Conversation         json.RawMessage   `json:"conversation"`
	ContextManagement    json.RawMessage   `json:"context_management"`
}

type responsesThinking struct {
	Effort          *string `json:"effort"`
	Summary         *string `json:"summary"`
	GenerateSummary *string `json:"generate_summary"`
}

type responsesText struct {
	Format *struct {
		Type        string          `json:"type"`
		Name        string          `json:"name"`
		Description *string         `json:"description"`
		Schema      json.RawMessage `json:"schema"`
		Strict      *bool           `json:"strict"`
	} `json:"format"`
	Verbosity *string `json:"verbosity"`
}

// includable are the words that include takes.
var includable = []string{
	"code_interpreter_call.outputs", "computer_call_output.output.image_url", "file_search_call.results",
	"message.input_image.image_url", "message.output_text.logprobs", "reasoning.encrypted_content",
	"web_search_call.action.sources", "web_search_call.results",
}

func (r *responsesRequest) check() *failure {
	if r.Model == "" {
		return &failure{
			status: http.StatusBadRequest, param: "model", code: "missing_required_parameter",
			message: "Missing required parameter: 'model'.",
		}
	}
	if r.MaxOutputTokens != nil && *r.MaxOutputTokens < leastOutput {
		return invalid("max_output_tokens", fmt.Sprintf("Invalid 'max_output_tokens': integer below minimum value. Expected "+
			"a value >= %d.", leastOutput))
	}
	for i, word := range r.Include {
		if fail := oneOf(fmt.Sprintf("include[%d]", i), &word, includable...); fail != nil {
			return fail
		}
	}
	if r.StreamOptions != nil && !r.Stream {
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	if r.background() && !r.stored() {
		return invalid("background", "Background mode requires 'store' to be true.")
	}
	return first(
		within("temperature", r.Temperature, 0, 2), within("top_p", r.TopP, 0, 1), within("top_logprobs", r.TopLogprobs, 0, 20),
		oneOf("service_tier", r.ServiceTier, "auto", "default", "flex", "scale", "priority"),
		oneOf("truncation", r.Truncation, "auto", "disabled"), r.Reasoning.check(), r.Text.check(r.Input),
	)
}

func (r *responsesRequest) stored() bool     { return r.Store == nil || *r.Store }
func (r *responsesRequest) background() bool { return r.Background != nil && *r.Background }

func (t *responsesThinking) check() *failure {
	if t == nil {
		return nil
	}
	return first(
		oneOf("reasoning.effort", t.Effort, "none", "minimal", "low", "medium", "high", "xhigh", "max"),
		oneOf("reasoning.summary", t.Summary, "auto", "concise", "detailed"),
		oneOf("reasoning.generate_summary", t.GenerateSummary, "auto", "concise", "detailed"),
	)
}

// thinks says whether the request asks for thought, and tells whether it asks to be told.
func (t *responsesThinking) thinks() (thinks, tells bool) {
	if t == nil {
		return false, false
	}
	tells = t.Summary != nil || t.GenerateSummary != nil
	return tells || t.Effort != nil && *t.Effort != "none", tells
}

func (t *responsesText) check(input json.RawMessage) *failure {
	if t == nil {
		return nil
	}
	if fail := oneOf("text.verbosity", t.Verbosity, "low", "medium", "high"); fail != nil || t.Format == nil {
		return fail
	}
	switch t.Format.Type {
	case "text":
		return nil
	case "json_object":
		if !strings.Contains(strings.ToLower(string(input)), "json") {
			return invalid("input", "Response input messages must contain the word 'json' in some form to use 'text.format' "+
				"of type 'json_object'.")
		}
		return nil
	case "json_schema":
		if t.Format.Name == "" || !given(t.Format.Schema) {
			return invalid("text.format", "Missing required parameter: 'text.format.name' or 'text.format.schema'.")
		}
		if t.Format.Strict != nil && *t.Format.Strict {
			return strictSchema(t.Format.Schema, "text.format", t.Format.Name)
		}
		return nil
	}
	return oneOf("text.format.type", &t.Format.Type, "text", "json_object", "json_schema")
}

// schema is what the answer's JSON satisfies; nil: it is in words.
func (t *responsesText) schema() json.RawMessage {
	switch {
	case t == nil || t.Format == nil || t.Format.Type == "text":
		return nil
	case t.Format.Type == "json_schema":
		return t.Format.Schema
	}
	return json.RawMessage(anyObject)
}

// hostedTools are the kinds of tools that OpenAI runs, or that have no schema; they are taken and never called.
var hostedTools = []string{
	"web_search", "web_search_preview", "file_search", "code_interpreter", "computer_use_preview", "computer", "mcp",
	"image_generation", "local_shell", "shell", "custom", "apply_patch", "namespace", "tool_search",
}

type responsesTool struct {
	Type         string          `json:"type"`
	Name         string          `json:"name"`
	Description  *string         `json:"description"`
	Parameters   json.RawMessage `json:"parameters"`
	Strict       *bool           `json:"strict"`
	DeferLoading *bool           `json:"defer_loading"`
}

// offers reads the functions among the tools.
func (r *responsesRequest) offers() ([]offer, *failure) {
	var offers []offer
	for i, raw := range r.Tools {
		place := fmt.Sprintf("tools[%d]", i)
		switch kind := memberOf(raw, "type"); {
		case slices.Contains(hostedTools, kind):
			continue
		case kind != "function":
			return nil, oneOf(place+".type", &kind, append([]string{"function"}, hostedTools...)...)
		}
		var tool responsesTool
		if fail := decodePart(raw, []string{place}, &tool); fail != nil {
			return nil, fail
		}
		if !toolName.MatchString(tool.Name) {
			return nil, invalid(place+".name", fmt.Sprintf("Invalid '%s.name': string does not match pattern '%s'.", place, toolName))
		}
		if tool.Strict != nil && *tool.Strict && given(tool.Parameters) {
			if fail := strictSchema(tool.Parameters, "function", tool.Name); fail != nil {
				return nil, fail
			}
		}
		offers = append(offers, offer{tool.Name, parametersOf(tool.Parameters)})
	}
	return offers, nil
}

// choose does what tool_choice says.
func (c *responsesCall) choose(choice json.RawMessage) *failure {
	var word string
	if !given(choice) || json.Unmarshal(choice, &word) == nil {
		switch word {
		case "", "auto":
			return nil
		case "none":
			c.muted = true
			return nil
		case "required":
			c.forced = c.offers
			return nil
		}
	}
	var named struct {
		Type  string          `json:"type"`
		Name  string          `json:"name"`
		Mode  string          `json:"mode"`
		Tools []responsesTool `json:"tools"`
	}
	_ = json.Unmarshal(choice, &named) // of another shape it names nothing
	switch {
	case slices.Contains(hostedTools, named.Type):
		return nil
	case named.Type == "allowed_tools" && (named.Mode == "auto" || named.Mode == "required"):
		var allowed []offer
		for _, tool := range named.Tools {
			allowed = append(allowed, offerNamed(c.offers, tool.Name)...)
		}
		c.offers = allowed
		if named.Mode == "required" {
			c.forced = allowed
		}
		return nil
	}
	if c.forced = offerNamed(c.offers, named.Name); named.Type != "function" || len(c.forced) == 0 {
		return invalid("tool_choice", fmt.Sprintf("Tool choice '%s' not found in 'tools' parameter.", clip(named.Name, maxEcho)))
	}
	return nil
}
