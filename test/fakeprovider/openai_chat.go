// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// maxChoices bounds n; tokensOfImage is what a part that is not text counts for.
const (
	maxChoices    = 16
	tokensOfImage = 85
)

// chatRequest is what OpenAI's reference lets a chat request say.
type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []chatMessage `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
		Obfuscation  bool `json:"include_obfuscation"`
	} `json:"stream_options"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	N                   *int            `json:"n"`
	Tools               []chatTool      `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *chatFormat     `json:"response_format"`
	Stop                json.RawMessage `json:"stop"`
	Logprobs            bool            `json:"logprobs"`
	TopLogprobs         *float64        `json:"top_logprobs"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	FrequencyPenalty    *float64        `json:"frequency_penalty"`
	PresencePenalty     *float64        `json:"presence_penalty"`
	ReasoningEffort     *string         `json:"reasoning_effort"`
	Verbosity           *string         `json:"verbosity"`
	ServiceTier         *string         `json:"service_tier"`

	// What follows is taken and changes nothing here.
	Audio                json.RawMessage   `json:"audio"`
	FunctionCall         json.RawMessage   `json:"function_call"`
	Functions            json.RawMessage   `json:"functions"`
	LogitBias            map[string]int    `json:"logit_bias"`
	Metadata             map[string]string `json:"metadata"`
	Modalities           []string          `json:"modalities"`
	Prediction           json.RawMessage   `json:"prediction"`
	PromptCacheKey       *string           `json:"prompt_cache_key"`
	PromptCacheOptions   json.RawMessage   `json:"prompt_cache_options"`
	PromptCacheRetention *string           `json:"prompt_cache_retention"`
	SafetyIdentifier     *string           `json:"safety_identifier"`
	Seed                 *int64            `json:"seed"`
	Store                *bool             `json:"store"`
	User                 *string           `json:"user"`
	WebSearchOptions     json.RawMessage   `json:"web_search_options"`

	rawTools json.RawMessage
}

// chatCall is a chat request that its provider would accept.
type chatCall struct {
	asked
	request *chatRequest
	flavor  *chatFlavor
}

func (o openAI) chat(_ *http.Request, body []byte) (call, *failure) {
	var request chatRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	request.keepTools(body)
	if fail := request.check(); fail != nil {
		return nil, fail
	}
	return o.server.chatCall(&request, o.flavor)
}

// chatCall understands a request that has been checked.
func (s *Server) chatCall(r *chatRequest, flavor *chatFlavor) (call, *failure) {
	if !s.knows(r.Model) {
		return nil, modelNotFound(r.Model)
	}
	c := &chatCall{request: r, flavor: flavor, asked: asked{
		model: r.Model, stream: r.Stream, limit: r.limit(), stops: stopsOf(r.Stop), schema: r.ResponseFormat.schema(),
		serial: r.ParallelToolCalls != nil && !*r.ParallelToolCalls, choices: 1, offers: offersOf(r.Tools),
	}}
	if r.N != nil {
		c.choices = *r.N
	}
	if fail := c.choose(r.ToolChoice); fail != nil {
		return nil, fail
	}
	c.measure()
	return c, nil
}

// keepTools remembers the tools as they were written, which is what they are counted by.
func (r *chatRequest) keepTools(body []byte) {
	var raw struct {
		Tools json.RawMessage `json:"tools"`
	}
	_ = json.Unmarshal(body, &raw) // it parsed a moment ago
	r.rawTools = raw.Tools
}

func (r *chatRequest) check() *failure {
	if r.Model == "" {
		return badRequest("you must provide a model parameter")
	}
	if len(r.Messages) == 0 {
		return invalid("messages", "Invalid 'messages': at least one message is needed.")
	}
	if r.StreamOptions != nil && !r.Stream {
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	if r.MaxTokens != nil && r.MaxCompletionTokens != nil {
		return invalid("max_tokens", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	}
	return first(r.checkNumbers(), checkStop(r.Stop), checkTools(r), r.ResponseFormat.check(r.Messages),
		checkMessages(r.Messages))
}

func (r *chatRequest) checkNumbers() *failure {
	if r.TopLogprobs != nil && !r.Logprobs {
		return invalid("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is enabled.")
	}
	for name, value := range map[string]*int{
		"max_tokens": r.MaxTokens, "max_completion_tokens": r.MaxCompletionTokens, "n": r.N,
	} {
		if value != nil && *value < 1 {
			return invalid(name, fmt.Sprintf("Invalid '%s': expected an integer of at least 1.", name))
		}
	}
	if r.N != nil && *r.N > maxChoices {
		return invalid("n", fmt.Sprintf("Invalid 'n': expected at most %d.", maxChoices))
	}
	return first(
		within("temperature", r.Temperature, 0, 2), within("top_p", r.TopP, 0, 1),
		within("frequency_penalty", r.FrequencyPenalty, -2, 2), within("presence_penalty", r.PresencePenalty, -2, 2),
		within("top_logprobs", r.TopLogprobs, 0, 20),
		oneOf("reasoning_effort", r.ReasoningEffort, "none", "minimal", "low", "medium", "high", "xhigh", "max"),
		oneOf("verbosity", r.Verbosity, "low", "medium", "high"),
		oneOf("service_tier", r.ServiceTier, "auto", "default", "flex", "scale", "priority"),
	)
}

// checkStop wants a string or up to four.
func checkStop(raw json.RawMessage) *failure {
	if !given(raw) {
		return nil
	}
	if stops := stopsOf(raw); len(stops) == 0 || len(stops) > 4 {
		return invalid("stop", "Invalid 'stop': expected a string or a list of at most 4 strings.")
	}
	return nil
}

func stopsOf(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	var several []string
	_ = json.Unmarshal(raw, &several) // of another shape there are none
	return several
}

func invalid(param, message string) *failure {
	return &failure{status: http.StatusBadRequest, param: param, code: "invalid_value", message: message}
}

func (c *chatCall) subject() subject {
	return subject{model: c.model, stream: c.stream, prompt: c.prompt, promptTokens: c.tokens}
}

// limit is how many tokens a choice may have; 0: as many as it likes.
func (r *chatRequest) limit() int {
	switch {
	case r.MaxCompletionTokens != nil:
		return *r.MaxCompletionTokens
	case r.MaxTokens != nil:
		return *r.MaxTokens
	}
	return 0
}
