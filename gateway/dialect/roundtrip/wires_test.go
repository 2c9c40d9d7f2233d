// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"errors"
	"testing"

	"github.com/sparkgateway/spark/gateway/dialect/anthropic"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/dialect/cohere/coheretest"
	"github.com/sparkgateway/spark/gateway/dialect/converse"
	"github.com/sparkgateway/spark/gateway/dialect/converse/conversetest"
	"github.com/sparkgateway/spark/gateway/dialect/gemini"
	"github.com/sparkgateway/spark/gateway/dialect/openai"
	"github.com/sparkgateway/spark/gateway/dialect/responses"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// application is a dialect that applications speak and that some provider speaks too.
type application struct {
	chat.Decoder
	chat.Encoder
	// wire is the one that speaks all of the dialect.
	wire string
	// requests are where the dialect's own corpus is.
	requests string
}

var applications = map[string]application{
	"openai":    {openai.Decoder{}, openai.Encoder{Flavor: openai.Compatible}, "openai-compatible", "testdata/openai"},
	"responses": {responses.Decoder{}, responses.Encoder{}, "responses", "../responses/testdata/requests"},
	"anthropic": {anthropic.Decoder{}, anthropic.Encoder{}, "anthropic", "../anthropic/testdata/requests"},
	"gemini":    {gemini.Decoder{}, gemini.Encoder{}, "gemini-3", "../gemini/testdata/requests"},
}

// wire is how one type of provider is asked for one family of models.
type wire struct {
	chat.Encoder
	model string
	// read takes what the encoder wrote back to neutral words.
	read func(body []byte) (*chat.Request, error)
}

var wires = map[string]wire{
	"openai":             {openai.Encoder{}, "gpt-5.2", reading(openai.Decoder{})},
	"azure":              {openai.Encoder{Flavor: openai.Azure}, "gpt-5.2", reading(openai.Decoder{})},
	"openai-compatible":  {openai.Encoder{Flavor: openai.Compatible}, "qwen3", reading(openai.Decoder{})},
	"ollama":             {openai.Encoder{Flavor: openai.Ollama}, "llama4", reading(openai.Decoder{})},
	"mistral":            {openai.Encoder{Flavor: openai.Mistral}, "magistral-medium-latest", readMistral},
	"responses":          {responses.Encoder{}, "gpt-5.2", reading(responses.Decoder{})},
	"anthropic":          {anthropic.Encoder{}, "claude-opus-5", reading(anthropic.Decoder{})},
	"anthropic-budget":   {anthropic.Encoder{}, "claude-sonnet-4-5-20250929", reading(anthropic.Decoder{})},
	"gemini-3":           {gemini.Encoder{}, "gemini-3.5-flash", reading(gemini.Decoder{})},
	"gemini-2":           {gemini.Encoder{}, "gemini-2.5-flash", reading(gemini.Decoder{})},
	"vertex-3":           {gemini.Encoder{Vertex: true}, "gemini-3.5-flash", reading(gemini.Decoder{})},
	"vertex-2":           {gemini.Encoder{Vertex: true}, "gemini-2.5-flash", reading(gemini.Decoder{})},
	"bedrock-claude":     {converse.Encoder{}, "anthropic.claude-opus-5", conversetest.DecodeRequest},
	"bedrock-claude-4-5": {converse.Encoder{}, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", conversetest.DecodeRequest},
	"bedrock-nova":       {converse.Encoder{}, "global.amazon.nova-2-lite-v1:0", conversetest.DecodeRequest},
	"bedrock-gpt-oss":    {converse.Encoder{}, "openai.gpt-oss-120b-1:0", conversetest.DecodeRequest},
	"bedrock-llama":      {converse.Encoder{}, "us.meta.llama4-maverick-17b-instruct-v1:0", conversetest.DecodeRequest},
	"bedrock-opaque":     {converse.Encoder{}, "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", conversetest.DecodeRequest},
	"cohere":             {cohere.Encoder{}, "command-a-03-2025", coheretest.DecodeRequest},
}

// defaultMax is the bound for dialects that insist on one.
const defaultMax = 4096

func (w *wire) target() chat.Target { return chat.Target{Model: w.model, MaxTokens: defaultMax} }

func reading(d chat.Decoder) func([]byte) (*chat.Request, error) {
	return func(body []byte) (*chat.Request, error) {
		r, refused := d.DecodeRequest(body)
		if refused != nil {
			return nil, errors.New(refused.Param + ": " + refused.Message)
		}
		return r, nil
	}
}

// checkRefusal fails where a refusal does not say what is wrong.
func checkRefusal(t testing.TB, e *exchange.Error) {
	t.Helper()
	if e.Status != 400 || e.Param == "" || e.Message == "" || e.Outcome != exchange.Refused {
		t.Fatalf("a refusal that names nothing: %+v", *e)
	}
}
