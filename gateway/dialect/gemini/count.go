// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// countRequest is CountTokensRequest: contents alone, or a whole request (https://ai.google.dev/api/tokens), which
// Vertex AI takes without wrapping.
type countRequest struct {
	Request jsontext.Value `json:"generateContentRequest,omitzero,case:ignore"`
	Model   string         `json:"model,omitzero"`
	Rest    jsontext.Value `json:",embed"`
}

// wrappedRequest names the model, as a request within another must.
type wrappedRequest struct {
	Request wrapped `json:"generateContentRequest"`
}

type wrapped struct {
	Model        string        `json:"model"`
	Contents     list[content] `json:"contents,omitzero"`
	Instructions *content      `json:"systemInstruction,omitzero"`
	Tools        list[tool]    `json:"tools,omitzero"`
}

// totals is CountTokensResponse.
type totals struct {
	Total *int64 `json:"totalTokens"`
}

var errNoCount = errors.New("gemini: the answer is no CountTokensResponse")

// DecodeCountRequest reads a CountTokensRequest of the Gemini API or of Vertex AI, whose tokens are to be counted.
func (d Decoder) DecodeCountRequest(body []byte) (*chat.Request, *exchange.Error) {
	var w countRequest
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	if !given(w.Request) {
		return d.DecodeRequest(body)
	}
	if err := chat.RefuseUnknown("", w.Rest); err != nil {
		return nil, err
	}
	const at = "generateContentRequest"
	var inner request
	if err := chat.DecodePart(at, w.Request, &inner); err != nil {
		return nil, err
	}
	return inner.neutral(at)
}

// AppendCountRequest renders a CountTokensRequest for the target. Only what is read before the answer counts, so that
// parameters of the answer are left out.
func (e Encoder) AppendCountRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	w, err := e.request(r, t)
	if err != nil {
		return dst, err
	}
	w.ToolConfig = nil
	if e.Vertex || w.Instructions == nil && len(w.Tools) == 0 {
		return chat.Append(dst, w), nil
	}
	return chat.Append(dst, &wrappedRequest{Request: wrapped{
		Model: "models/" + t.Model, Contents: w.Contents, Instructions: w.Instructions, Tools: w.Tools,
	}}), nil
}

// ReadCount reads a CountTokensResponse: how many tokens there are.
func (Encoder) ReadCount(body []byte) (int64, error) {
	var w totals
	if err := chat.DecodeAnswer(body, &w); err != nil || w.Total == nil || *w.Total < 0 {
		return 0, errNoCount
	}
	return *w.Total, nil
}

// AppendCount renders a CountTokensResponse.
func (Decoder) AppendCount(dst []byte, tokens int64) []byte {
	return chat.Append(dst, &totals{Total: &tokens})
}
