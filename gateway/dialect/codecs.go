// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect/anthropic"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/dialect/converse"
	"github.com/sparkgateway/spark/gateway/dialect/gemini"
	"github.com/sparkgateway/spark/gateway/dialect/openai"
	"github.com/sparkgateway/spark/gateway/dialect/responses"
	"github.com/sparkgateway/spark/gateway/dialect/spark"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// decoders are of the dialects that applications speak.
var decoders = [exchange.Dialects]chat.Decoder{
	exchange.OpenAI:    openai.Decoder{},
	exchange.Responses: responses.Decoder{},
	exchange.Anthropic: anthropic.Decoder{},
	exchange.Gemini:    gemini.Decoder{},
	exchange.Spark:     spark.Decoder{},
}

// flavors are how types of providers speak OpenAI's dialect.
var flavors = map[config.ProviderType]openai.Flavor{
	config.OpenAI:           openai.OpenAI,
	config.AzureOpenAI:      openai.Azure,
	config.Mistral:          openai.Mistral,
	config.Ollama:           openai.Ollama,
	config.OpenAICompatible: openai.Compatible,
}

// encoderOf is of the dialects that providers speak.
func encoderOf(t Target) chat.Encoder {
	switch t.Wire {
	case exchange.Responses:
		return responses.Encoder{}
	case exchange.Anthropic:
		return anthropic.Encoder{}
	case exchange.Gemini:
		return gemini.Encoder{Vertex: t.Type == config.VertexAI}
	case exchange.Bedrock:
		return converse.Encoder{}
	case exchange.Cohere:
		return cohere.Encoder{}
	default:
		return openai.Encoder{Flavor: flavors[t.Type]}
	}
}

// writerOf begins an application's stream.
func writerOf(q Question, asked *chat.Request) chat.Writer {
	if q.Array {
		return gemini.Decoder{}.NewArrayWriter(asked, q.Meta)
	}
	return decoders[q.Dialect].NewWriter(asked, q.Meta)
}

// counter asks and is answered in a dialect that counts tokens.
type counter struct {
	decode func(body []byte) (*chat.Request, *exchange.Error)
	append func(dst []byte, tokens int64) []byte
}

var counters = map[exchange.Dialect]counter{
	exchange.Anthropic: {anthropic.Decoder{}.DecodeCountRequest, anthropic.AppendCount},
	exchange.Gemini:    {gemini.Decoder{}.DecodeCountRequest, gemini.Decoder{}.AppendCount},
}

// counting asks a provider to count, and reads what it says.
type counting struct {
	append func(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error)
	read   func(body []byte) (int64, error)
}

func countingOf(t Target) (counting, bool) {
	switch t.Wire {
	case exchange.Anthropic:
		return counting{anthropic.Encoder{}.AppendCountRequest, anthropic.ReadCount}, true
	case exchange.Gemini:
		e := gemini.Encoder{Vertex: t.Type == config.VertexAI}
		return counting{e.AppendCountRequest, e.ReadCount}, true
	case exchange.Responses:
		return counting{responses.Encoder{}.AppendCountRequest, responses.ReadCount}, true
	case exchange.Bedrock:
		return counting{converse.Encoder{}.AppendCountRequest, converse.Encoder{}.ReadCount}, true
	default:
		return counting{}, false
	}
}
