// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// asked is what becomes of an application's request at a provider.
type asked struct {
	target, verb string
	wire         exchange.Dialect
	// passes says that the body goes on as it is.
	passes bool
}

func askedOf(p *Provider, op exchange.Operation, application exchange.Dialect, model, tail string) asked {
	way := p.Way(op, application).For(model)
	h := Head{PathModel: p.PathModel(model), Tail: []byte(tail)}
	return asked{string(way.AppendTarget(nil, &h)), way.Verb, way.Wire, way.Wire == application && !way.Differs}
}

// The paths are those of the providers' public API references.
func TestEmbeddingsAreAskedForAsEachModelTakesThem(t *testing.T) {
	const (
		google = "https://generativelanguage.googleapis.com"
		own    = "/v1/projects/p/locations/global/publishers/google/models/"
	)
	vertex := func(p *config.Provider) { p.Project, p.Location = "p", "global" }
	for name, tc := range map[string]struct {
		typ         config.ProviderType
		endpoint    string
		change      func(*config.Provider)
		application exchange.Dialect
		model, tail string
		want        asked
	}{
		"OpenAI's, of OpenAI":        {config.OpenAI, "https://api.openai.com/v1", nil, exchange.OpenAI, "m", "/v1/embeddings", asked{"/v1/embeddings", "", exchange.OpenAI, true}},
		"OpenAI's, of Gemini":        {config.OpenAI, "https://api.openai.com/v1", nil, exchange.Gemini, "m", ":embedContent", asked{"/v1/embeddings", "", exchange.OpenAI, false}},
		"Gemini's, of OpenAI":        {config.Gemini, google, nil, exchange.OpenAI, "g", "/v1/embeddings", asked{"/v1beta/models/g:batchEmbedContents", "batchEmbedContents", exchange.Gemini, false}},
		"Gemini's, one":              {config.Gemini, google, nil, exchange.Gemini, "g", ":embedContent", asked{"/v1beta/models/g:embedContent", "", exchange.Gemini, true}},
		"Gemini's, a batch":          {config.Gemini, google, nil, exchange.Gemini, "g", ":batchEmbedContents", asked{"/v1beta/models/g:batchEmbedContents", "", exchange.Gemini, true}},
		"Vertex's older, of OpenAI":  {config.VertexAI, "https://x", vertex, exchange.OpenAI, "text-embedding-005", "/v1/embeddings", asked{own + "text-embedding-005:predict", "predict", exchange.Gemini, false}},
		"Vertex's first, of Gemini":  {config.VertexAI, "https://x", vertex, exchange.Gemini, "gemini-embedding-001", ":embedContent", asked{own + "gemini-embedding-001:predict", "predict", exchange.Gemini, false}},
		"Vertex's second, of Gemini": {config.VertexAI, "https://x", vertex, exchange.Gemini, "gemini-embedding-2", ":batchEmbedContents", asked{own + "gemini-embedding-2:embedContent", "embedContent", exchange.Gemini, false}},
		"Vertex's second, of OpenAI": {config.VertexAI, "https://x", vertex, exchange.OpenAI, "gemini-embedding-2", "/v1/embeddings", asked{own + "gemini-embedding-2:embedContent", "embedContent", exchange.Gemini, false}},
		"Bedrock's":                  {config.Bedrock, "https://x", nil, exchange.OpenAI, "amazon.titan-embed-text-v2:0", "/v1/embeddings", asked{"/model/amazon.titan-embed-text-v2%3A0/invoke", "", exchange.Bedrock, false}},
		"Cohere's":                   {config.Cohere, "https://api.cohere.com", nil, exchange.Gemini, "embed-v4.0", ":embedContent", asked{"/v2/embed", "", exchange.Cohere, false}},
	} {
		got := askedOf(providerOf(t, tc.typ, tc.endpoint, tc.change), exchange.Embeddings, tc.application, tc.model, tc.tail)
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(asked{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRerankersAreAskedInTheVersionThatTheApplicationSpeaks(t *testing.T) {
	for name, tc := range map[string]struct {
		typ                  config.ProviderType
		endpoint, path, want string
	}{
		"Cohere's second":      {config.Cohere, "https://api.cohere.com", "/v2/rerank", "/v2/rerank"},
		"Cohere's first":       {config.Cohere, "https://api.cohere.com", "/v1/rerank", "/v1/rerank"},
		"Cohere behind a path": {config.Cohere, "https://proxy/cohere/", "/v2/rerank", "/cohere/v2/rerank"},
		"vLLM's":               {config.OpenAICompatible, "http://vllm:8000/v1", "/v2/rerank", "/v1/rerank"},
	} {
		got := askedOf(providerOf(t, tc.typ, tc.endpoint, nil), exchange.Rerank, exchange.OpenAI, "m", tc.path)
		if diff := cmp.Diff(asked{tc.want, "", exchange.OpenAI, true}, got, cmp.AllowUnexported(asked{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhereThereIsNoWayThereIsNoneForAModel(t *testing.T) {
	p := providerOf(t, config.Anthropic, "http://x", nil)
	if way := p.Way(exchange.Embeddings, exchange.OpenAI).For("m"); way != nil {
		t.Errorf("there is %+v", way)
	}
	only := &Way{models: func(model string) bool { return model == "one" }}
	if only.For("one") != only || only.For("other") != nil {
		t.Error("a way for one model is not for that one only")
	}
}
