// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/dialect/embed/invoke"
	"github.com/sparkgateway/spark/gateway/dialect/gemini"
	"github.com/sparkgateway/spark/gateway/dialect/openai"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// embedDecoders are of the dialects in which applications ask for embeddings.
var embedDecoders = map[exchange.Dialect]embed.Decoder{
	exchange.OpenAI: openai.Decoder{},
	exchange.Gemini: gemini.Decoder{},
}

// embedEncoderOf is of the dialects in which providers make embeddings, nil for those in which none does.
func embedEncoderOf(t Target) embed.Encoder {
	switch t.Wire {
	case exchange.OpenAI:
		return openai.Encoder{Flavor: flavors[t.Type]}
	case exchange.Gemini:
		return gemini.Encoder{Vertex: t.Type == config.VertexAI}
	case exchange.Bedrock:
		return invoke.Encoder{}
	case exchange.Cohere:
		return cohere.Encoder{}
	default:
		return nil
	}
}

// embed appends a request for embeddings.
func (t *Translation) embed(dst []byte) ([]byte, *exchange.Error) {
	from, ok := embedDecoders[t.q.Dialect]
	to := embedEncoderOf(t.target)
	if !ok || to == nil {
		return dst, Unsupported(exchange.Embeddings, t.target.Type)
	}
	if t.embedding == nil {
		asked, err := from.DecodeEmbedRequest(t.q.Body)
		if err != nil {
			return dst, err
		}
		t.embedding = asked
	}
	return to.AppendEmbedRequest(dst, t.embedding, embed.Target{Model: t.target.Model, Verb: t.target.Verb})
}

// embedded appends the answer to a request for embeddings.
func (t *Translation) embedded(dst, body []byte) ([]byte, Answer, error) {
	answer, err := embedEncoderOf(t.target).DecodeEmbedAnswer(body)
	if err == nil {
		err = answer.Check(len(t.embedding.Inputs))
	}
	if err != nil {
		return dst, Answer{}, err
	}
	if answer.Usage.Source == exchange.UsageNone {
		answer.Usage = embed.Reported(t.Prompt)
	}
	if answer.Model == "" {
		answer.Model = t.q.Meta.Model
	}
	return embedDecoders[t.q.Dialect].AppendEmbedAnswer(dst, t.embedding, answer), Answer{Usage: answer.Usage}, nil
}
