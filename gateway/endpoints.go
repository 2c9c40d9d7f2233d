// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// endpoint is what the gateway serves at a path.
type endpoint struct {
	operation exchange.Operation
	dialect   exchange.Dialect
	// methods are those allowed, separated by ", ".
	methods string
	// shape is what is read of a JSON body; nil where serve does not say.
	shape *dialect.Shape
	serve func(*request) *exchange.Error
	// plan decides where a request goes, its body read; nil where it goes to no provider.
	plan func(*request) (proxy.Request, *way, *exchange.Error)
	// forms says that the body may be multipart/form-data.
	forms bool
	// public says that no key is needed.
	public bool
	// streams says that the path asks for events; elsewhere the body does.
	streams bool
}

func posted(op exchange.Operation, s *dialect.Shape) *endpoint {
	return &endpoint{operation: op, dialect: s.Dialect, methods: "POST", shape: s, serve: (*request).ask, plan: (*request).planModel}
}

// uploaded takes a form, or JSON.
func uploaded(op exchange.Operation, s *dialect.Shape) *endpoint {
	return &endpoint{operation: op, methods: "POST", shape: s, serve: (*request).ask, plan: (*request).planModel, forms: true}
}

func uploadedTo(e *endpoint) *endpoint {
	e.forms = true
	return e
}

// The endpoints at fixed paths.
var endpoints = map[string]*endpoint{
	"/v1/chat/completions":      posted(exchange.Chat, dialect.Chat),
	"/v1/completions":           posted(exchange.Completions, dialect.Completions),
	"/v1/embeddings":            posted(exchange.Embeddings, dialect.Embeddings),
	"/v1/responses":             posted(exchange.Chat, dialect.Response),
	"/v1/moderations":           posted(exchange.Moderation, dialect.Moderations),
	"/v1/rerank":                posted(exchange.Rerank, dialect.Rerank),
	"/v2/rerank":                posted(exchange.Rerank, dialect.Rerank),
	"/v1/images/generations":    posted(exchange.ImageGeneration, dialect.Images),
	"/v1/audio/speech":          posted(exchange.Speech, dialect.Speech),
	"/v1/images/edits":          uploaded(exchange.ImageEdit, dialect.ImageUploads),
	"/v1/images/variations":     uploaded(exchange.ImageVariation, dialect.ImageUploads),
	"/v1/audio/transcriptions":  uploaded(exchange.Transcription, dialect.ModelOnly),
	"/v1/audio/translations":    uploaded(exchange.Translation, dialect.ModelOnly),
	"/v1/messages":              posted(exchange.Chat, dialect.Messages),
	"/v1/messages/count_tokens": posted(exchange.CountTokens, dialect.CountTokens),
	"/v1/files":                 uploadedTo(kept(exchange.Files, exchange.OpenAI, "GET, POST")),
	"/v1/batches":               kept(exchange.Batches, exchange.OpenAI, "GET, POST"),
	"/v1/realtime":              {operation: exchange.Realtime, methods: "GET", serve: (*request).realtime, plan: (*request).planRealtime},
	"/api/spark/generate":       posted(exchange.Chat, dialect.Generation),
	"/api/spark/health":         {dialect: exchange.Spark, methods: "GET, HEAD", serve: (*request).health},
	"/api/metrics":              {dialect: exchange.Spark, methods: "GET, HEAD", serve: (*request).metrics},
	"/api/export":               {dialect: exchange.Spark, methods: "GET, HEAD", serve: (*request).export},
	"/api/spark/errors":         {dialect: exchange.Spark, methods: "GET, HEAD", serve: (*request).errors},
	"/api/openapi.json":         {dialect: exchange.Spark, methods: "GET, HEAD", serve: (*request).openAPI, public: true},
	"/v1/models":                openAIModels,
	"/v1beta/models":            geminiModels,
}

var (
	openAIModels    = &endpoint{methods: "GET, HEAD", serve: (*request).listModels}
	anthropicModels = &endpoint{dialect: exchange.Anthropic, methods: "GET, HEAD", serve: (*request).listModels}
	geminiModels    = &endpoint{dialect: exchange.Gemini, methods: "GET, HEAD", serve: (*request).listModels}
)

// geminiVerbs are what Gemini's paths end with, behind a colon.
var geminiVerbs = map[string]*endpoint{
	"generateContent":       posted(exchange.Chat, dialect.Generate),
	"streamGenerateContent": streamed(posted(exchange.Chat, dialect.Generate)),
	"countTokens":           posted(exchange.CountTokens, dialect.GeminiCount),
	"embedContent":          posted(exchange.Embeddings, dialect.GeminiEmbed),
	"batchEmbedContents":    posted(exchange.Embeddings, dialect.GeminiEmbed),
}

func streamed(e *endpoint) *endpoint {
	e.streams = true
	return e
}

const (
	openAIModelPrefix = "/v1/models/"
	geminiModelPrefix = "/v1beta/models/"
)

var headerAnthropicVersion = []byte("Anthropic-Version")

// find gives the endpoint of the request's path, nil when there is none, and takes the name of a model from the path
// where it stands there.
func (r *request) find() *endpoint {
	path := r.ex.Path
	e := endpoints[string(path)]
	switch {
	case e == openAIModels && len(r.ctx.Request.Header.PeekCanonical(headerAnthropicVersion)) > 0:
		return anthropicModels
	case e != nil:
		return e
	case bytes.HasPrefix(path, []byte(geminiModelPrefix)):
		return r.geminiModel(path[len(geminiModelPrefix):])
	case bytes.HasPrefix(path, []byte(openAIModelPrefix)):
		name := path[len(openAIModelPrefix):]
		if r.ctx.IsPost() {
			// Gemini's SDKs can be told to speak of v1.
			return r.geminiModel(name)
		}
		r.pathModel = name
		if len(r.ctx.Request.Header.PeekCanonical(headerAnthropicVersion)) > 0 {
			return anthropicModels
		}
		return openAIModels
	}
	return findKept(path)
}

// geminiModel takes "model" or "model:verb".
func (r *request) geminiModel(rest []byte) *endpoint {
	r.pathModel = rest
	if !r.ctx.IsPost() && !r.ctx.IsOptions() {
		return geminiModels
	}
	i := bytes.LastIndexByte(rest, ':')
	if i <= 0 {
		return geminiModels
	}
	r.pathModel = rest[:i]
	return geminiVerbs[string(rest[i+1:])]
}

// dialectOf is the dialect of a path, for errors at paths that no endpoint has.
func dialectOf(path []byte) exchange.Dialect {
	switch p := string(path); {
	case strings.HasPrefix(p, "/v1/messages"):
		return exchange.Anthropic
	case strings.HasPrefix(p, "/v1beta"):
		return exchange.Gemini
	default:
		return exchange.OpenAI
	}
}
