// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"errors"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var errNoCount = errors.New("converse: the answer has no count of tokens")

// countRequest is the body of CountTokens, which takes a part of what Converse takes.
type countRequest struct {
	Input struct {
		Converse counted `json:"converse"`
	} `json:"input"`
}

type counted struct {
	Messages                     []message   `json:"messages"`
	System                       []block     `json:"system,omitzero"`
	ToolConfig                   *toolConfig `json:"toolConfig,omitzero"`
	AdditionalModelRequestFields additional  `json:"additionalModelRequestFields,omitzero"`
}

// AppendCountRequest renders the question how many tokens a request has, for POST /model/{model}/count-tokens. It
// refuses what AppendRequest refuses.
func (Encoder) AppendCountRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	body, err := encode(r, t)
	if err != nil {
		return dst, err
	}
	var w countRequest
	w.Input.Converse = counted{body.Messages, body.System, body.ToolConfig, body.AdditionalModelRequestFields}
	return chat.Append(dst, &w), nil
}

// ReadCount reads the answer of CountTokens. An error says that it is not one.
func (Encoder) ReadCount(body []byte) (int64, error) {
	var w struct {
		InputTokens *int64 `json:"inputTokens"`
	}
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return 0, err
	}
	if w.InputTokens == nil || *w.InputTokens < 0 {
		return 0, errNoCount
	}
	return *w.InputTokens, nil
}
