// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Encoder is the Responses API as providers speak it. It keeps nothing and is safe for concurrent use.
type Encoder struct{}

var _ chat.Encoder = Encoder{}

// target is the dialect's name in refusals.
const target = "OpenAI Responses"

// outRequest is the body of POST /v1/responses as the gateway writes it.
type outRequest struct {
	Model             string     `json:"model"`
	Instructions      string     `json:"instructions,omitzero"`
	Input             []any      `json:"input"`
	Tools             []outTool  `json:"tools,omitzero"`
	ToolChoice        any        `json:"tool_choice,omitzero"`
	ParallelToolCalls *bool      `json:"parallel_tool_calls,omitzero"`
	Text              *outFormat `json:"text,omitzero"`
	Reasoning         outEffort  `json:"reasoning,omitzero"`
	Include           []string   `json:"include,omitzero"`
	MaxOutputTokens   *int64     `json:"max_output_tokens,omitzero"`
	Temperature       *float64   `json:"temperature,omitzero"`
	TopP              *float64   `json:"top_p,omitzero"`
	TopLogProbs       *int64     `json:"top_logprobs,omitzero"`
	SafetyIdentifier  string     `json:"safety_identifier,omitzero"`
	Store             bool       `json:"store"`
	Stream            bool       `json:"stream,omitzero"`
}

type outTool struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      *bool          `json:"strict"`
}

type outChoice struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type outFormat struct {
	Format struct {
		Type        string         `json:"type"`
		Name        string         `json:"name,omitzero"`
		Description string         `json:"description,omitzero"`
		Schema      jsontext.Value `json:"schema,omitzero"`
		Strict      *bool          `json:"strict,omitzero"`
	} `json:"format"`
}

type outEffort struct {
	Effort  chat.Effort `json:"effort,omitzero"`
	Summary string      `json:"summary,omitzero"`
}

// AppendRequest renders the body of POST /v1/responses. The provider is asked to store nothing, and for encrypted thoughts
// where any are asked for, so that the application can bring them back. Marks of prefixes to cache are left out, as OpenAI
// caches prefixes by itself. It refuses what the dialect lacks: several candidates, stop sequences, seeds, penalties,
// top_k, names of speakers, audio and video.
func (Encoder) AppendRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	w, err := outOf(r, t)
	if err != nil {
		return dst, err
	}
	return chat.Append(dst, w), nil
}

// outOf gives the body of a request.
func outOf(r *chat.Request, t chat.Target) (*outRequest, *exchange.Error) {
	if err := refuseLacking(r); err != nil {
		return nil, err
	}
	w := &outRequest{
		Model: t.Model, ParallelToolCalls: r.ParallelCalls, MaxOutputTokens: r.MaxTokens, Temperature: r.Temperature,
		TopP: r.TopP, SafetyIdentifier: r.User, Stream: r.Stream,
		Reasoning: effortOf(r.Reasoning), ToolChoice: choiceOf(r.Choice), Text: formatOf(&r.Format),
	}
	if w.Reasoning != (outEffort{}) && w.Reasoning.Effort != chat.EffortNone {
		w.Include = append(w.Include, includeEncrypted)
	}
	if r.LogProbs != nil && *r.LogProbs || r.TopLogProbs != nil && *r.TopLogProbs > 0 {
		w.Include, w.TopLogProbs = append(w.Include, includeLogProbs), r.TopLogProbs
	}
	for _, tool := range r.Tools {
		o := outTool{Type: "function", Name: tool.Name, Description: tool.Description, Parameters: tool.Schema, Strict: tool.Strict}
		if o.Strict == nil {
			// Unsaid, OpenAI takes functions here for strict ones, and rewrites their schemas; elsewhere they are not.
			o.Strict = new(bool)
		}
		w.Tools = append(w.Tools, o)
	}
	messages := r.Messages
	if text, ok := instructionsOf(messages); ok {
		w.Instructions, messages = text, messages[1:]
	}
	w.Input = []any{}
	for i := range messages {
		items, err := itemsOf(&messages[i])
		if err != nil {
			return nil, err
		}
		w.Input = append(w.Input, items...)
	}
	return w, nil
}

func refuseLacking(r *chat.Request) *exchange.Error {
	for _, lacking := range []struct {
		field chat.Field
		asked bool
	}{
		{chat.FieldTopK, r.TopK != nil},
		{chat.FieldStop, len(r.Stop) > 0},
		{chat.FieldSeed, r.Seed != nil},
		{chat.FieldFrequency, r.Frequency != nil && *r.Frequency != 0},
		{chat.FieldPresence, r.Presence != nil && *r.Presence != 0},
		{chat.FieldCandidates, r.Candidates != nil && *r.Candidates != 1},
	} {
		if lacking.asked {
			return r.Refuse(lacking.field, target)
		}
	}
	if r.Format.Kind == chat.JSONSchema && unsaid(r.Format.Schema) {
		return chat.RefuseAt(r.Names(chat.FieldFormat), target, "a format has a schema there")
	}
	return nil
}

func effortOf(r chat.Reasoning) outEffort {
	o := outEffort{Effort: r.Effort}
	if o.Effort == "" && r.Budget != nil {
		o.Effort = chat.EffortOf(*r.Budget)
	}
	if r.Show != nil && *r.Show && o.Effort != chat.EffortNone {
		o.Summary = "auto"
	}
	return o
}

func choiceOf(c chat.ToolChoice) any {
	switch c.Mode {
	case chat.AutoTools:
		return "auto"
	case chat.NoTools:
		return "none"
	case chat.AnyTool:
		return "required"
	case chat.OneTool:
		return outChoice{Type: "function", Name: c.Name}
	}
	return nil
}

func formatOf(f *chat.Format) *outFormat {
	o := &outFormat{}
	switch f.Kind {
	case chat.JSONObject:
		o.Format.Type = "json_object"
	case chat.JSONSchema:
		o.Format.Type, o.Format.Name, o.Format.Description = "json_schema", f.Name, f.Description
		o.Format.Schema, o.Format.Strict = f.Schema, f.Strict
		if o.Format.Name == "" {
			// The dialect insists on a name and makes no use of it.
			o.Format.Name = "answer"
		}
	default:
		return nil
	}
	return o
}

// instructionsOf takes a text that leads the conversation for the instructions that it is.
func instructionsOf(messages []chat.Message) (string, bool) {
	if len(messages) == 0 {
		return "", false
	}
	m := &messages[0]
	ok := m.Role == chat.System && m.Name == "" && len(m.Parts) == 1 && m.Parts[0].Kind == chat.Text && m.Parts[0].Text != ""
	if !ok {
		return "", false
	}
	return m.Parts[0].Text, true
}

// roleWords are the roles of messages.
var roleWords = [...]string{chat.System: "system", chat.Developer: "developer", chat.User: "user", chat.Assistant: "assistant"}
