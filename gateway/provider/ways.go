// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"net/url"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Way is how a provider does an operation for applications of one dialect. It is immutable.
type Way struct {
	// Wire is the dialect spoken to the provider. Where it is the application's too, bodies pass through.
	Wire exchange.Dialect
	// Verb is the operation, where the wire's dialect has several for one; empty where it has one, or the application says
	// which.
	Verb string
	// Differs says that bodies never pass through, as they differ even from the application's in the same dialect.
	Differs bool
	// Events says that a streamed answer is framed as Amazon's event stream; otherwise as server-sent events.
	Events bool

	// target is the path where no model is in it, else what stands before the model; after and stream are what stands
	// behind it, whole and streamed.
	target, after, stream string
	inPath                bool
	// tail says that the rest of the application's path follows: what stands behind a model, or is not the provider's own.
	tail bool
	// models says which models the way is for, and next is the way for the others; a nil models is for all.
	models func(model string) bool
	next   *Way
	// fixed are the fields of every request, the forwarded ones apart.
	fixed   []byte
	forward []forwardedField
}

// forwardedField is a field of the client's that goes on, and what it says where the client does not; nil is nothing.
type forwardedField struct {
	name, otherwise []byte
	trace           traceField
}

// traceField says what a field is to traces.
type traceField uint8

const (
	traceNone traceField = iota
	traceParent
	traceState
)

// Way gives the provider's way to do an operation, nil when it has none. Some have several, by model; see For.
func (p *Provider) Way(op exchange.Operation, application exchange.Dialect) *Way {
	return p.ways[op][application]
}

// Path gives the way to a path, from the root of the endpoint's host, of requests that the gateway makes itself.
func (p *Provider) Path(path string) *Way { return &Way{target: path, fixed: p.own} }

// For gives the way for a model, by the provider's name of it; nil when there is none.
func (w *Way) For(model string) *Way {
	for w != nil && w.models != nil && !w.models(model) {
		w = w.next
	}
	return w
}

// Applications speak these for chats.
var (
	anybody    = []exchange.Dialect{exchange.OpenAI, exchange.Responses, exchange.Anthropic, exchange.Gemini, exchange.Spark}
	butItself  = []exchange.Dialect{exchange.OpenAI, exchange.Anthropic, exchange.Gemini, exchange.Spark}
	openAIOnly = []exchange.Dialect{exchange.OpenAI}
	counting   = []exchange.Dialect{exchange.Anthropic, exchange.Gemini}
	embedding  = []exchange.Dialect{exchange.OpenAI, exchange.Gemini}
	geminiOnly = []exchange.Dialect{exchange.Gemini}
	responding = []exchange.Dialect{exchange.Responses}
)

// offer is one row of what a type of provider can do.
type offer struct {
	op          exchange.Operation
	application []exchange.Dialect
	way         Way
}

// at is a way whose path holds no model.
func at(path string) Way { return Way{target: path} }

// offers are what a type of provider can do, by its public API reference. Paths follow the endpoint's own.
func offers(p *config.Provider) []offer {
	switch p.Type {
	case config.OpenAI:
		return append(openAI(""), responses("")...)
	case config.AzureOpenAI:
		return azure(p.APIVersion)
	case config.Mistral:
		return []offer{
			{exchange.Chat, anybody, at("/chat/completions")},
			{exchange.Embeddings, embedding, at("/embeddings")},
			{exchange.Moderation, openAIOnly, at("/moderations")},
			{exchange.Transcription, openAIOnly, at("/audio/transcriptions")},
			{exchange.Files, openAIOnly, Way{target: "/files", tail: true}},
			{exchange.ListModels, openAIOnly, at("/models")},
		}
	case config.Ollama:
		return []offer{
			// Ollama overlooks the fields that it does not have, so that they are refused here: tool_choice,
			// parallel_tool_calls, max_completion_tokens (https://docs.ollama.com/api/openai-compatibility).
			{exchange.Chat, anybody, Way{target: "/chat/completions", Differs: true}},
			{exchange.Completions, openAIOnly, at("/completions")},
			{exchange.Embeddings, embedding, at("/embeddings")},
			{exchange.ListModels, openAIOnly, at("/models")},
		}
	case config.Anthropic:
		return []offer{
			{exchange.Chat, anybody, Way{Wire: exchange.Anthropic, target: "/v1/messages"}},
			{exchange.CountTokens, counting, Way{Wire: exchange.Anthropic, target: "/v1/messages/count_tokens"}},
			{exchange.ListModels, openAIOnly, Way{Wire: exchange.Anthropic, target: "/v1/models?limit=1000"}},
		}
	case config.Gemini:
		list := Way{Wire: exchange.Gemini, target: "/v1beta/models?pageSize=1000"}
		batch, own := google("/v1beta/", "batchEmbedContents"), google("/v1beta/", "")
		own.after, own.tail = "", true
		return append(googleChats("/v1beta/"), offer{exchange.Embeddings, openAIOnly, batch},
			offer{exchange.Embeddings, geminiOnly, own}, offer{exchange.ListModels, openAIOnly, list})
	case config.VertexAI:
		base := "/v1/projects/" + url.PathEscape(p.Project) + "/locations/" + url.PathEscape(p.Location) + "/publishers/google/"
		one, predict := google(base, "embedContent"), google(base, "predict")
		one.Differs, one.models, predict.Differs = true, embedsContent, true
		return append(googleChats(base), offer{exchange.Embeddings, embedding, one}, offer{exchange.Embeddings, embedding, predict})
	case config.Bedrock:
		return []offer{
			{exchange.Chat, anybody, Way{
				Wire: exchange.Bedrock, Events: true, inPath: true, target: "/model/", after: "/converse", stream: "/converse-stream",
			}},
			{exchange.CountTokens, counting, Way{Wire: exchange.Bedrock, inPath: true, target: "/model/", after: "/count-tokens"}},
			{exchange.Embeddings, embedding, Way{Wire: exchange.Bedrock, inPath: true, target: "/model/", after: "/invoke"}},
		}
	case config.Cohere:
		return []offer{
			{exchange.Chat, anybody, Way{Wire: exchange.Cohere, target: "/v2/chat"}},
			{exchange.Embeddings, embedding, Way{Wire: exchange.Cohere, target: "/v2/embed"}},
			// Both versions have the path that the application took.
			{exchange.Rerank, openAIOnly, Way{tail: true}},
			{exchange.ListModels, openAIOnly, Way{Wire: exchange.Cohere, target: "/v1/models?page_size=1000"}},
		}
	default:
		return append(openAI(""), offer{exchange.Chat, responding, at("/chat/completions")},
			offer{exchange.Rerank, openAIOnly, at("/rerank")})
	}
}

// openAI are the operations of an OpenAI API, but for Responses. The suffix is a query.
func openAI(query string) []offer {
	paths := []struct {
		op   exchange.Operation
		path string
	}{
		{exchange.Completions, "/completions"},
		{exchange.ImageGeneration, "/images/generations"}, {exchange.ImageEdit, "/images/edits"},
		{exchange.ImageVariation, "/images/variations"},
		{exchange.Speech, "/audio/speech"}, {exchange.Transcription, "/audio/transcriptions"},
		{exchange.Translation, "/audio/translations"}, {exchange.Moderation, "/moderations"},
		{exchange.ListModels, "/models"},
	}
	all := []offer{
		{exchange.Chat, butItself, at("/chat/completions" + query)},
		{exchange.Embeddings, embedding, at("/embeddings" + query)},
		{exchange.Realtime, openAIOnly, Way{target: "/realtime", tail: true}},
		{exchange.Files, openAIOnly, Way{target: "/files", tail: true}},
		{exchange.Batches, openAIOnly, Way{target: "/batches", tail: true}},
	}
	for _, p := range paths {
		all = append(all, offer{p.op, openAIOnly, at(p.path + query)})
	}
	return all
}

// responses are the operations of OpenAI's Responses API.
func responses(query string) []offer {
	return []offer{
		{exchange.Chat, responding, Way{Wire: exchange.Responses, target: "/responses" + query}},
		{exchange.StoredResponse, responding, Way{Wire: exchange.Responses, target: "/responses", tail: true}},
		{exchange.CountTokens, counting, Way{Wire: exchange.Responses, target: "/responses/input_tokens" + query}},
	}
}

// azure are Azure OpenAI's: of its v1 API, which is OpenAI's own under another path, or, with a version, of deployments.
func azure(version string) []offer {
	if version == "" {
		return prefixed("/openai/v1", append(openAI(""), responses("")...))
	}
	query := "?api-version=" + url.QueryEscape(version)
	all := openAI(query)
	kept := all[:0]
	for _, o := range all {
		switch o.op {
		case exchange.ListModels, exchange.Realtime, exchange.Files, exchange.Batches, exchange.Moderation, exchange.ImageVariation:
			// These are not of a deployment, or not there at all.
			continue
		default:
			o.way.target, o.way.after, o.way.inPath = "/openai/deployments/", o.way.target, true
			o.way.stream = o.way.after
			kept = append(kept, o)
		}
	}
	return append(kept, offer{exchange.Chat, responding, Way{Wire: exchange.Responses, target: "/openai/responses" + query}})
}

func prefixed(prefix string, all []offer) []offer {
	for i := range all {
		all[i].way.target = prefix + all[i].way.target
	}
	return all
}

// google is a way of the Gemini API or of Vertex AI, whose paths begin differently.
func google(base, verb string) Way {
	return Way{Wire: exchange.Gemini, Verb: verb, inPath: true, target: base, after: ":" + verb}
}

// googleChats are the operations that both have in the same way.
func googleChats(base string) []offer {
	generate := google(base, "generateContent")
	generate.stream = ":streamGenerateContent?alt=sse"
	return []offer{{exchange.Chat, anybody, generate}, {exchange.CountTokens, counting, google(base, "countTokens")}}
}

// embedsContent says which models Vertex AI embeds with by embedContent; the others, of which gemini-embedding-001 is the
// last, take predict, as Google's own SDKs have it.
func embedsContent(model string) bool {
	return strings.Contains(model, "gemini") && !strings.HasSuffix(model, "gemini-embedding-001")
}

// PathModel gives a model's name as the URL has it, for ways that have it there.
func (p *Provider) PathModel(model string) string {
	switch p.Type {
	case config.Gemini, config.VertexAI:
		kind, name, ok := strings.Cut(model, "/")
		if !ok {
			kind, name = "models", model
		}
		return url.PathEscape(kind) + "/" + url.PathEscape(name)
	case config.Bedrock:
		// A signature is over the path as AWS's SDKs escape it: all but letters, digits and "-._~".
		return url.QueryEscape(model)
	default:
		return url.PathEscape(model)
	}
}
