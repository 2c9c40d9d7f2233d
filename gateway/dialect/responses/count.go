// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var errNoCount = errors.New("responses: the answer is no response.input_tokens")

// countRequest is the body of POST /v1/responses/input_tokens as the gateway writes it: what of a request is read before
// the answer (https://platform.openai.com/docs/api-reference/responses/input-tokens).
type countRequest struct {
	Model             string     `json:"model"`
	Instructions      string     `json:"instructions,omitzero"`
	Input             []any      `json:"input"`
	Tools             []outTool  `json:"tools,omitzero"`
	ToolChoice        any        `json:"tool_choice,omitzero"`
	ParallelToolCalls *bool      `json:"parallel_tool_calls,omitzero"`
	Text              *outFormat `json:"text,omitzero"`
	Reasoning         outEffort  `json:"reasoning,omitzero"`
}

// AppendCountRequest renders the question how many tokens a request has. It refuses what AppendRequest refuses, as there
// would be no answer to such a request; parameters of the answer are left out, as they are no input.
func (Encoder) AppendCountRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	w, err := outOf(r, t)
	if err != nil {
		return dst, err
	}
	return chat.Append(dst, &countRequest{
		w.Model, w.Instructions, w.Input, w.Tools, w.ToolChoice, w.ParallelToolCalls, w.Text, w.Reasoning,
	}), nil
}

// ReadCount reads {"object":"response.input_tokens","input_tokens":n}. An error says that it is not one.
func ReadCount(body []byte) (int64, error) {
	var w struct {
		InputTokens *int64 `json:"input_tokens"`
	}
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return 0, err
	}
	if w.InputTokens == nil || *w.InputTokens < 0 {
		return 0, errNoCount
	}
	return *w.InputTokens, nil
}
