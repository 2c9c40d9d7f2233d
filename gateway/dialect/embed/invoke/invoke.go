// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invoke is Amazon Bedrock's InvokeModel, POST /model/{model}/invoke, as far as it makes embeddings: each maker's
// models take a body of their own there. It knows Amazon Titan Text Embeddings and Cohere Embed
// (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html).
package invoke

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Encoder asks Bedrock for embeddings. It keeps nothing and is safe for concurrent use.
type Encoder struct{}

var _ embed.Encoder = Encoder{}

// The targets' names in refusals.
const (
	titanName  = "Amazon Titan"
	cohereName = "Cohere"
)

// titanRequest is the body of Titan Text Embeddings. The first generation takes the text only.
type titanRequest struct {
	Text       string `json:"inputText"`
	Dimensions *int64 `json:"dimensions,omitzero"`
}

// AppendEmbedRequest renders the body for the target's model, which its name tells, also within an inference profile's
// or an ARN. It refuses models of other makers, and what a model cannot do: several inputs and tasks with Titan,
// dimensions with models that have one length of vectors.
func (Encoder) AppendEmbedRequest(dst []byte, r *embed.Request, t embed.Target) ([]byte, *exchange.Error) {
	switch {
	case made(t.Model, "amazon.titan-embed-text-v2"):
		return appendTitan(dst, r)
	case made(t.Model, "amazon.titan-embed-text"), made(t.Model, "amazon.titan-embed-g1-text"):
		if err := r.Lacking(titanName, embed.FieldDimensions); err != nil {
			return dst, err
		}
		return appendTitan(dst, r)
	case made(t.Model, "cohere.embed-english-v3"), made(t.Model, "cohere.embed-multilingual-v3"):
		if err := r.Lacking(cohereName, embed.FieldDimensions); err != nil {
			return dst, err
		}
		return appendCohere(dst, r, "END")
	case made(t.Model, "cohere.embed-"):
		return appendCohere(dst, r, "RIGHT")
	}
	return dst, &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "unsupported_operation", Param: "model",
		Reason: exchange.ReasonUnsupported, Outcome: exchange.Refused,
		Message: "This model is not known to make embeddings at Bedrock; Amazon Titan Text Embeddings and Cohere Embed are.",
	}
}

// made says that a model's ID begins so, after a region or within an ARN.
func made(model, id string) bool {
	if i := strings.LastIndexByte(model, '/'); i >= 0 {
		model = model[i+1:]
	}
	if strings.HasPrefix(model, id) {
		return true
	}
	_, rest, _ := strings.Cut(model, ".")
	return strings.HasPrefix(rest, id)
}

func appendTitan(dst []byte, r *embed.Request) ([]byte, *exchange.Error) {
	lacking := []embed.Field{embed.FieldTask, embed.FieldTitle}
	if r.Truncate != nil && *r.Truncate {
		lacking = append(lacking, embed.FieldTruncate)
	}
	if err := r.Lacking(titanName, lacking...); err != nil {
		return dst, err
	}
	texts, err := r.Texts(titanName)
	if err != nil {
		return dst, err
	}
	if len(texts) > 1 {
		return dst, r.Refuse(embed.FieldInputs, 0, titanName, "it embeds one text at a time")
	}
	return chat.Append(dst, &titanRequest{texts[0], r.Dimensions}), nil
}

// appendCohere renders Cohere's body; end is the generation's word for cutting a text at its end.
func appendCohere(dst []byte, r *embed.Request, end string) ([]byte, *exchange.Error) {
	w, err := cohere.EmbedOf(r, cohereName)
	if err != nil {
		return dst, err
	}
	if w.Truncate == "END" {
		w.Truncate = end
	}
	return chat.Append(dst, w), nil
}

var errNoEmbedding = errors.New("invoke: the answer holds no embedding")

// DecodeEmbedAnswer reads Titan's answer, or Cohere's, which tells no usage here.
func (Encoder) DecodeEmbedAnswer(body []byte) (*embed.Answer, error) {
	var w struct {
		Embedding  jsontext.Value `json:"embedding"`
		Embeddings jsontext.Value `json:"embeddings"`
		Tokens     jsontext.Value `json:"inputTextTokenCount"`
	}
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	switch {
	case w.Embedding != nil:
		return &embed.Answer{Vectors: []jsontext.Value{w.Embedding}, Usage: embed.Reported(w.Tokens)}, nil
	case w.Embeddings != nil:
		return cohere.Encoder{}.DecodeEmbedAnswer(body)
	}
	return nil, errNoEmbedding
}
