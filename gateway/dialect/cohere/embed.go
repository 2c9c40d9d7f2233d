// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var _ embed.Encoder = Encoder{}

// Embed is the body of POST /v2/embed (https://docs.cohere.com/reference/embed). Amazon Bedrock takes it without the
// model.
type Embed struct {
	Model          string   `json:"model,omitzero"`
	Texts          []string `json:"texts"`
	InputType      string   `json:"input_type"`
	EmbeddingTypes []string `json:"embedding_types"`
	Dimension      *int64   `json:"output_dimension,omitzero"`
	Truncate       string   `json:"truncate,omitzero"`
}

// inputTypes are Cohere's words for tasks. Where nothing is said, texts are taken for documents, as most of what is
// embedded is: the newer models insist on a type, and queries that are meant to find documents must say so.
var inputTypes = map[embed.Task]string{
	"": "search_document", embed.Document: "search_document", embed.Query: "search_query",
	embed.Classification: "classification", embed.Clustering: "clustering",
}

// EmbedOf gives the request, in the name of a target. It refuses tasks that Cohere has no word for, several tasks in one
// request, and titles.
func EmbedOf(r *embed.Request, target string) (*Embed, *exchange.Error) {
	if err := r.Lacking(target, embed.FieldTitle); err != nil {
		return nil, err
	}
	task, err := r.OneTask(target)
	if err != nil {
		return nil, err
	}
	kind, ok := inputTypes[task]
	if !ok {
		return nil, r.Refuse(embed.FieldTask, 0, target)
	}
	w := &Embed{InputType: kind, EmbeddingTypes: []string{"float"}, Dimension: r.Dimensions}
	w.Texts, err = r.Texts(target)
	if r.Truncate != nil {
		w.Truncate = "NONE"
		if *r.Truncate {
			w.Truncate = "END"
		}
	}
	return w, err
}

// AppendEmbedRequest renders the body of POST /v2/embed; see EmbedOf.
func (Encoder) AppendEmbedRequest(dst []byte, r *embed.Request, t embed.Target) ([]byte, *exchange.Error) {
	w, err := EmbedOf(r, dialectName)
	if err != nil {
		return dst, err
	}
	w.Model = t.Model
	return chat.Append(dst, w), nil
}

// embedded is an answer: of type embeddings_by_type or, from older models at Bedrock, embeddings_floats.
type embedded struct {
	Embeddings jsontext.Value `json:"embeddings"`
	Meta       jsontext.Value `json:"meta"`
}

var errNoEmbedding = errors.New("cohere: the answer holds no embeddings")

// DecodeEmbedAnswer reads the answer's vectors of floats, and the tokens that are billed.
func (Encoder) DecodeEmbedAnswer(body []byte) (*embed.Answer, error) {
	var w embedded
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	if len(w.Embeddings) == 0 {
		return nil, errNoEmbedding
	}
	floats := w.Embeddings
	if floats.Kind() == '{' {
		var byType struct {
			Float jsontext.Value `json:"float"`
		}
		if err := chat.DecodeAnswer(floats, &byType); err != nil {
			return nil, err
		}
		floats = byType.Float
	}
	a := &embed.Answer{Usage: embed.Reported(w.Meta, "billed_units", "input_tokens")}
	if len(floats) == 0 {
		return nil, errNoEmbedding
	}
	if err := chat.DecodeAnswer(floats, &a.Vectors); err != nil {
		return nil, err
	}
	return a, nil
}
