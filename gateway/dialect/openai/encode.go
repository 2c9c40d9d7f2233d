// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Encoder asks providers in Chat Completions. The zero value is OpenAI's own.
type Encoder struct{ Flavor Flavor }

var (
	_ chat.Encoder      = Encoder{}
	_ chat.ErrorDecoder = Encoder{}
)

type asked struct {
	Model         string         `json:"model"`
	Messages      []askedMessage `json:"messages"`
	Stream        bool           `json:"stream,omitzero"`
	StreamOptions *askedStream   `json:"stream_options,omitzero"`

	Tools         []askedTool  `json:"tools,omitzero"`
	ToolChoice    any          `json:"tool_choice,omitzero"`
	ParallelCalls *bool        `json:"parallel_tool_calls,omitzero"`
	Format        *askedFormat `json:"response_format,omitzero"`
	Effort        string       `json:"reasoning_effort,omitzero"`

	MaxTokens           *int64   `json:"max_tokens,omitzero"`
	MaxCompletionTokens *int64   `json:"max_completion_tokens,omitzero"`
	Temperature         *float64 `json:"temperature,omitzero"`
	TopP                *float64 `json:"top_p,omitzero"`
	TopK                *int64   `json:"top_k,omitzero"`
	Stop                []string `json:"stop,omitzero"`
	Seed                *int64   `json:"seed,omitzero"`
	RandomSeed          *int64   `json:"random_seed,omitzero"`
	Frequency           *float64 `json:"frequency_penalty,omitzero"`
	Presence            *float64 `json:"presence_penalty,omitzero"`
	N                   *int64   `json:"n,omitzero"`
	LogProbs            *bool    `json:"logprobs,omitzero"`
	TopLogProbs         *int64   `json:"top_logprobs,omitzero"`
	User                string   `json:"user,omitzero"`
}

type askedStream struct {
	IncludeUsage bool `json:"include_usage"`
}

type askedTool struct {
	Type     string        `json:"type"`
	Function askedFunction `json:"function"`
}

type askedFunction struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters,omitzero"`
	Strict      *bool          `json:"strict,omitzero"`
}

type askedChoice struct {
	Type     string     `json:"type"`
	Function askedNamed `json:"function"`
}

type askedNamed struct {
	Name string `json:"name"`
}

type askedFormat struct {
	Type   string       `json:"type"`
	Schema *askedSchema `json:"json_schema,omitzero"`
}

type askedSchema struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Schema      jsontext.Value `json:"schema,omitzero"`
	Strict      *bool          `json:"strict,omitzero"`
}

// AppendRequest renders a request. Usage is asked for in every stream, as the gateway counts it. Cache marks are hints
// and left out: these providers cache prefixes on their own.
func (e Encoder) AppendRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	is := e.Flavor.traits()
	if err := is.refuse(r); err != nil {
		return dst, err
	}
	w := asked{
		Model: t.Model, Stream: r.Stream,
		Temperature: r.Temperature, TopP: r.TopP, TopK: r.TopK, Stop: r.Stop,
		Frequency: r.Frequency, Presence: r.Presence, N: unless(r.Candidates, 1),
		LogProbs: unless(r.LogProbs, false), TopLogProbs: unless(r.TopLogProbs, 0), User: r.User,
		Effort: is.effort(r.Reasoning),
	}
	if is.nameless {
		w.User = ""
	}
	if r.Stream && is.streamOptions {
		w.StreamOptions = &askedStream{IncludeUsage: true}
	}
	if is.completionTokens {
		w.MaxCompletionTokens = r.MaxTokens
	} else {
		w.MaxTokens = r.MaxTokens
	}
	if e.Flavor == Mistral {
		w.RandomSeed = r.Seed
	} else {
		w.Seed = r.Seed
	}
	if len(w.Stop) == 0 {
		w.Stop = nil
	}
	w.Format = format(&r.Format)
	if err := e.tools(&w, r); err != nil {
		return dst, err
	}
	var err *exchange.Error
	if w.Messages, err = e.messages(r); err != nil {
		return dst, err
	}
	return chat.Append(dst, &w), nil
}

// refuse refuses the first field that is asked for and that the flavor lacks.
func (is *traits) refuse(r *chat.Request) *exchange.Error {
	for _, f := range is.lacks {
		has := false
		switch f {
		case chat.FieldTopK:
			has = r.TopK != nil
		case chat.FieldCandidates:
			has = r.Candidates != nil && *r.Candidates != 1
		case chat.FieldParallelCalls:
			has = r.ParallelCalls != nil && !*r.ParallelCalls && len(r.Tools) > 0
		case chat.FieldLogProbs:
			has = r.LogProbs != nil && *r.LogProbs
		case chat.FieldTopLogProbs:
			has = r.TopLogProbs != nil && *r.TopLogProbs > 0
		}
		if has {
			return r.Refuse(f, is.name)
		}
	}
	return nil
}

// effort gives the word for how much to think. A budget becomes the effort that is worth as much. Whether thoughts are
// shown is not asked for: OpenAI never shows them and the others always do, and the answer is the same.
func (is *traits) effort(r chat.Reasoning) string {
	effort := r.Effort
	if effort == "" && r.Budget != nil {
		effort = chat.EffortOf(*r.Budget)
	}
	if word, ok := is.efforts[effort]; ok {
		return word
	}
	return string(effort)
}

func format(f *chat.Format) *askedFormat {
	switch f.Kind {
	case chat.JSONObject:
		return &askedFormat{Type: "json_object"}
	case chat.JSONSchema:
		name := f.Name
		if name == "" {
			name = "answer" // it must have one
		}
		return &askedFormat{Type: "json_schema", Schema: &askedSchema{
			Name: name, Description: f.Description, Schema: f.Schema, Strict: f.Strict,
		}}
	}
	return nil
}

// noParameters is the schema of a function without parameters, for those who want one.
var noParameters = jsontext.Value(`{"type":"object","properties":{}}`)

// tools renders the tools and what is said of calling them. Without tools nothing may be said, and nothing need be
// unless one must be called.
func (e Encoder) tools(w *asked, r *chat.Request) *exchange.Error {
	is := e.Flavor.traits()
	mode := r.Choice.Mode
	must := mode == chat.AnyTool || mode == chat.OneTool
	if must && (len(r.Tools) == 0 || is.autoOnly) {
		return r.Refuse(chat.FieldToolChoice, is.name)
	}
	if len(r.Tools) == 0 || mode == chat.NoTools && is.autoOnly {
		return nil // tools that must not be called need not be known
	}
	w.Tools = make([]askedTool, len(r.Tools))
	for i := range r.Tools {
		t := &r.Tools[i]
		parameters := t.Schema
		if len(parameters) == 0 && e.Flavor == Mistral {
			parameters = noParameters
		}
		w.Tools[i] = askedTool{Type: "function", Function: askedFunction{
			Name: t.Name, Description: t.Description, Parameters: parameters, Strict: t.Strict,
		}}
	}
	if is.autoOnly {
		return nil
	}
	w.ParallelCalls = r.ParallelCalls
	switch mode {
	case chat.AutoTools:
		w.ToolChoice = "auto"
	case chat.NoTools:
		w.ToolChoice = "none"
	case chat.AnyTool:
		w.ToolChoice = "required"
		if e.Flavor == Mistral {
			w.ToolChoice = "any"
		}
	case chat.OneTool:
		w.ToolChoice = askedChoice{Type: "function", Function: askedNamed{Name: r.Choice.Name}}
	}
	return nil
}
