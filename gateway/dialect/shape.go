// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/sparkgateway/spark/gateway/exchange"

// Shape says which members of a body the gateway reads itself, at one endpoint. Any other is the provider's business.
type Shape struct {
	// Dialect is who defined the endpoint.
	Dialect exchange.Dialect
	// Content is the member that holds what is asked; it must be there, unless it is empty. List says that it must be an
	// array.
	Content string
	List    bool
	// ModelElsewhere says that the URL names the model; ModelOptional that nobody need.
	ModelElsewhere, ModelOptional bool
	// ModelsWithin says that requests within the body name the model too.
	ModelsWithin bool
	// Streams says that the member stream asks for events; Options that stream_options may ask for the usage.
	Streams, Options bool
	// Bounds are the members that bound the answer's tokens.
	Bounds []string
	// Config is the member that holds more bounds, by the names in ConfigBounds.
	Config       string
	ConfigBounds []string
	// Also are members whose place an Edit may need.
	Also []string
	// Counts are the members that ask for several answers to one question, ConfigCounts those within Config.
	Counts       []string
	ConfigCounts []string
	// names are all of these, each at its place.
	names []string
}

// The places of the members that are not bounds.
const (
	atModel = iota
	atContent
	atStream
	atOptions
	atConfig
	atBounds
	// maxMembers bounds the number of names.
	maxMembers = atBounds + 4
)

func shape(s Shape) *Shape {
	s.names = make([]string, atBounds, maxMembers)
	if !s.ModelElsewhere {
		s.names[atModel] = "model"
	}
	s.names[atContent], s.names[atConfig] = s.Content, s.Config
	if s.Streams {
		s.names[atStream] = "stream"
	}
	if s.Options {
		s.names[atOptions] = "stream_options"
	}
	s.names = append(append(append(s.names, s.Bounds...), s.Counts...), s.Also...)
	return &s
}

// atCounts is the place of the first of Counts.
func (s *Shape) atCounts() int { return atBounds + len(s.Bounds) }

// The shapes of the endpoints with JSON bodies, some of which take forms too.
var (
	Chat = shape(Shape{
		Dialect: exchange.OpenAI, Content: "messages", List: true, Streams: true, Options: true,
		Bounds: []string{"max_tokens", "max_completion_tokens"}, Also: []string{"seed"}, Counts: []string{"n"},
	})
	Completions = shape(Shape{
		Dialect: exchange.OpenAI, Content: "prompt", Streams: true, Options: true, Bounds: []string{"max_tokens"},
		Counts: []string{"n", "best_of"},
	})
	Embeddings = shape(Shape{Dialect: exchange.OpenAI, Content: "input", Also: []string{"dimensions"}})
	// Images, speech, moderations and rerank differ in what they ask, but not in what the gateway reads.
	Images      = shape(Shape{Dialect: exchange.OpenAI, Content: "prompt", Streams: true, Counts: []string{"n"}})
	Speech      = shape(Shape{Dialect: exchange.OpenAI, Content: "input"})
	Moderations = shape(Shape{Dialect: exchange.OpenAI, Content: "input"})
	Rerank      = shape(Shape{Dialect: exchange.OpenAI, Content: "documents", List: true})
	// ModelOnly reads no more than whom to ask.
	ModelOnly = shape(Shape{Dialect: exchange.OpenAI, Streams: true})
	// ImageUploads are edits and variations of images, of which there may be several.
	ImageUploads = shape(Shape{Dialect: exchange.OpenAI, Streams: true, Counts: []string{"n"}})
	Response     = shape(Shape{
		Dialect: exchange.Responses, Content: "input", Streams: true, Bounds: []string{"max_output_tokens"},
	})
	Messages = shape(Shape{
		Dialect: exchange.Anthropic, Content: "messages", List: true, Streams: true, Bounds: []string{"max_tokens"},
	})
	CountTokens = shape(Shape{Dialect: exchange.Anthropic, Content: "messages", List: true})
	// Generation is the gateway's own.
	Generation = shape(Shape{
		Dialect: exchange.Spark, ModelOptional: true, Streams: true, Bounds: []string{"maxOutputTokens"},
	})
	Generate = shape(Shape{
		Dialect: exchange.Gemini, Content: "contents", ModelElsewhere: true, Config: "generationConfig",
		ConfigBounds: []string{"maxOutputTokens", "max_output_tokens"},
		ConfigCounts: []string{"candidateCount", "candidate_count"},
	})
	// GeminiCount and GeminiEmbed have several forms, so that no member must be there.
	GeminiCount = shape(Shape{Dialect: exchange.Gemini, ModelElsewhere: true, ModelsWithin: true})
	GeminiEmbed = shape(Shape{Dialect: exchange.Gemini, ModelElsewhere: true, ModelsWithin: true})
)
