// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// echo is what a response object repeats of its request, with the reference's defaults. What only the provider knows,
// such as its own temperature, is null. Nothing is stored, whatever OpenAI's default is.
type echo struct {
	AccessPrograms     *string           `json:"access_programs"`
	Background         bool              `json:"background"`
	Instructions       *string           `json:"instructions"`
	MaxOutputTokens    *int64            `json:"max_output_tokens"`
	MaxToolCalls       *int64            `json:"max_tool_calls"`
	Metadata           map[string]string `json:"metadata"`
	ParallelToolCalls  bool              `json:"parallel_tool_calls"`
	PreviousResponseID *string           `json:"previous_response_id"`
	PromptCacheKey     *string           `json:"prompt_cache_key"`
	Reasoning          jsontext.Value    `json:"reasoning"`
	SafetyIdentifier   *string           `json:"safety_identifier"`
	ServiceTier        *string           `json:"service_tier"`
	Store              bool              `json:"store"`
	Temperature        *float64          `json:"temperature"`
	Text               jsontext.Value    `json:"text"`
	ToolChoice         jsontext.Value    `json:"tool_choice"`
	Tools              []jsontext.Value  `json:"tools"`
	TopLogProbs        int64             `json:"top_logprobs"`
	TopP               *float64          `json:"top_p"`
	Truncation         string            `json:"truncation"`
	User               *string           `json:"user"`
}

// defaultEcho repeats a request that said nothing.
var defaultEcho = (&request{}).echo()

// echo renders what an answer repeats.
func (w *request) echo() jsontext.Value {
	e := echo{
		Instructions: w.Instructions, MaxOutputTokens: w.MaxOutputTokens, MaxToolCalls: w.MaxToolCalls,
		Metadata: w.Metadata, ParallelToolCalls: w.ParallelToolCalls == nil || *w.ParallelToolCalls,
		PromptCacheKey: w.PromptCacheKey, Temperature: w.Temperature, Tools: w.Tools, TopP: w.TopP, Truncation: "disabled",
		Reasoning:  orDefault(w.Reasoning, `{"effort":null,"summary":null}`),
		Text:       orDefault(w.Text, `{"format":{"type":"text"},"verbosity":"medium"}`),
		ToolChoice: orDefault(w.ToolChoice, `"auto"`),
	}
	if w.SafetyIdentifier != "" {
		e.SafetyIdentifier = &w.SafetyIdentifier
	}
	if w.User != "" {
		e.User = &w.User
	}
	if w.TopLogProbs != nil {
		e.TopLogProbs = *w.TopLogProbs
	}
	return chat.Append(nil, e)
}

func orDefault(v jsontext.Value, text string) jsontext.Value {
	if unsaid(v) {
		return jsontext.Value(text)
	}
	return v
}
