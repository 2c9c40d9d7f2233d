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
	// Config is the member that holds more bounds, by the names in ConfigBounds. ConfigAlias is another name for it.
	Config, ConfigAlias string
	ConfigBounds        []string
	// Also are members whose place an Edit may need.
	Also []string
	// Lists are members whose elements are what is asked, where Content is none, or that hold a request with such members.
	Lists []string
	// Counts are the members that ask for several answers to one question, ConfigCounts those within Config.
	Counts       []string
	ConfigCounts []string
	// names are all of these, each at its place.
	names []string
	// boundKeys are Bounds as they stand before a value; configKey is the first of ConfigBounds so, configOpening the same behind the
	// brace of Config, and configMember behind Config as well.
	boundKeys                              []string
	configKey, configOpening, configMember string
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
	s.names = append(append(append(append(s.names, s.Bounds...), s.Counts...), s.Also...), s.Lists...)
	for _, name := range s.Bounds {
		s.boundKeys = append(s.boundKeys, `"`+name+`":`)
	}
	if s.Config != "" {
		s.configKey = `"` + s.ConfigBounds[0] + `":`
		s.configOpening = "{" + s.configKey
		s.configMember = `"` + s.Config + `":` + s.configOpening
	}
	return &s
}

// atAlso is the place of the first of Also.
func (s *Shape) atAlso() int { return s.atCounts() + len(s.Counts) }

// atLists is the place of the first of Lists.
func (s *Shape) atLists() int { return len(s.names) - len(s.Lists) }

// lists names what Request.Items counts.
func (s *Shape) lists() string {
	if s.Content == "" && len(s.Lists) > 0 {
		return s.Lists[0]
	}
	return s.Content
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
		Also: []string{memberThinking},
	})
	CountTokens = shape(Shape{Dialect: exchange.Anthropic, Content: "messages", List: true})
	// Generation is the gateway's own.
	Generation = shape(Shape{
		Dialect: exchange.Spark, ModelOptional: true, Streams: true, Bounds: []string{"maxOutputTokens"}, Lists: []string{"messages"},
	})
	Generate = shape(Shape{
		Dialect: exchange.Gemini, Content: "contents", ModelElsewhere: true, Config: "generationConfig",
		ConfigAlias:  "generation_config",
		ConfigBounds: []string{"maxOutputTokens", "max_output_tokens"},
		ConfigCounts: []string{"candidateCount", "candidate_count"},
	})
	// GeminiCount and GeminiEmbed have several forms, so that no member must be there.
	GeminiCount = shape(Shape{
		Dialect: exchange.Gemini, ModelElsewhere: true, ModelsWithin: true,
		Lists: []string{"contents", "generateContentRequest", "generate_content_request"},
	})
	GeminiEmbed = shape(Shape{Dialect: exchange.Gemini, ModelElsewhere: true, ModelsWithin: true, Lists: []string{"requests"}})
)
