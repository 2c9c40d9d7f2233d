// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// usage is how Responses count: input_tokens includes what was cached, output_tokens includes the reasoning.
type usage struct {
	Input         *int64        `json:"input_tokens"`
	InputDetails  inputDetails  `json:"input_tokens_details"`
	Output        *int64        `json:"output_tokens"`
	OutputDetails outputDetails `json:"output_tokens_details"`
	Total         int64         `json:"total_tokens"`
}

type inputDetails struct {
	Cached  int64 `json:"cached_tokens"`
	Written int64 `json:"cache_write_tokens"`
}

type outputDetails struct {
	Reasoning int64 `json:"reasoning_tokens"`
}

// told renders a usage, nil where it is not known.
func told(u exchange.Usage) *usage {
	if u.Source == exchange.UsageNone {
		return nil
	}
	if u.Total == 0 {
		u.Total = u.Prompt + u.Completion
	}
	return &usage{
		Input: &u.Prompt, InputDetails: inputDetails{u.Cached, u.CacheWritten},
		Output: &u.Completion, OutputDetails: outputDetails{u.Reasoning}, Total: u.Total,
	}
}

// readUsage reads a usage object. One without both counts, or with something else in a count's place, says nothing.
func readUsage(v jsontext.Value) (exchange.Usage, bool) {
	var w usage
	if v.Kind() != '{' || chat.DecodeAnswer(v, &w) != nil || w.Input == nil || w.Output == nil {
		return exchange.Usage{}, false
	}
	u := exchange.Usage{
		Prompt: *w.Input, Completion: *w.Output, Total: w.Total, Source: exchange.UsageReported,
		Cached: w.InputDetails.Cached, CacheWritten: w.InputDetails.Written, Reasoning: w.OutputDetails.Reasoning,
	}
	if min(u.Prompt, u.Completion, u.Total, u.Cached, u.CacheWritten, u.Reasoning) < 0 {
		return exchange.Usage{}, false
	}
	if u.Total == 0 {
		u.Total = u.Prompt + u.Completion
	}
	return u, true
}
