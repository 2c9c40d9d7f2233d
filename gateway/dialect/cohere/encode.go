// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Encoder asks Cohere.
type Encoder struct{}

var (
	_ chat.Encoder      = Encoder{}
	_ chat.ErrorDecoder = Encoder{}
)

const dialectName = "Cohere"

type request struct {
	Model       string    `json:"model"`
	Messages    []message `json:"messages"`
	Stream      bool      `json:"stream"`
	Tools       []tool    `json:"tools,omitzero"`
	StrictTools bool      `json:"strict_tools,omitzero"`
	ToolChoice  string    `json:"tool_choice,omitzero"`
	Format      *format   `json:"response_format,omitzero"`
	Thinking    *thinking `json:"thinking,omitzero"`
	MaxTokens   *int64    `json:"max_tokens,omitzero"`
	Stop        []string  `json:"stop_sequences,omitzero"`
	Temperature *float64  `json:"temperature,omitzero"`
	Seed        *int64    `json:"seed,omitzero"`
	Frequency   *float64  `json:"frequency_penalty,omitzero"`
	Presence    *float64  `json:"presence_penalty,omitzero"`
	K           *int64    `json:"k,omitzero"`
	P           *float64  `json:"p,omitzero"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters,omitzero"`
}

type format struct {
	Type   string         `json:"type"`
	Schema jsontext.Value `json:"json_schema,omitzero"`
}

// thinking is how much to think: TokenBudget is positive, or nil for the model's own choice.
type thinking struct {
	Type        string `json:"type"`
	TokenBudget *int64 `json:"token_budget,omitzero"`
}

// AppendRequest renders a request. Cache marks are hints, for which Cohere has no words, and left out.
func (Encoder) AppendRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	if err := refuse(r); err != nil {
		return dst, err
	}
	w := request{
		Model: t.Model, Stream: r.Stream, MaxTokens: r.MaxTokens, Stop: r.Stop, Temperature: r.Temperature,
		Seed: r.Seed, Frequency: r.Frequency, Presence: r.Presence, K: r.TopK, P: nucleus(r.TopP),
		Thinking: thinkingOf(r.Reasoning),
	}
	if len(w.Stop) == 0 {
		w.Stop = nil
	}
	if err := tools(&w, r); err != nil {
		return dst, err
	}
	var err *exchange.Error
	if w.Format, err = formatOf(r); err != nil {
		return dst, err
	}
	if w.Messages, err = messages(r); err != nil {
		return dst, err
	}
	return chat.Append(dst, &w), nil
}

// maxStops is how many stop sequences Cohere takes.
const maxStops = 5

func refuse(r *chat.Request) *exchange.Error {
	switch {
	case r.ParallelCalls != nil && !*r.ParallelCalls && len(r.Tools) > 0:
		return r.Refuse(chat.FieldParallelCalls, dialectName)
	case r.Candidates != nil && *r.Candidates != 1:
		return r.Refuse(chat.FieldCandidates, dialectName)
	case r.LogProbs != nil && *r.LogProbs:
		// Cohere tells them by its own pieces of text, which cannot be told by tokens.
		return r.Refuse(chat.FieldLogProbs, dialectName)
	case r.TopLogProbs != nil && *r.TopLogProbs > 0:
		return r.Refuse(chat.FieldTopLogProbs, dialectName)
	case len(r.Stop) > maxStops:
		return chat.RefuseAt(r.Names(chat.FieldStop), dialectName, "takes at most 5 stop sequences")
	case !penalty(r.Frequency):
		return chat.RefuseAt(r.Names(chat.FieldFrequency), dialectName, "takes penalties from 0 to 1")
	case !penalty(r.Presence):
		return chat.RefuseAt(r.Names(chat.FieldPresence), dialectName, "takes penalties from 0 to 1")
	}
	return nil
}

func penalty(p *float64) bool { return p == nil || *p >= 0 && *p <= 1 }

// nucleus gives p, which Cohere bounds at 0.99; 1, which is all tokens, is as near.
func nucleus(p *float64) *float64 {
	const most = 0.99
	if p != nil && *p > most && *p <= 1 {
		bounded := most
		return &bounded
	}
	return p
}

// thinkingOf says how much to think. A budget is more exact than an effort. Whether thoughts are shown is not asked
// for: Cohere always shows them, and the answer is the same.
func thinkingOf(r chat.Reasoning) *thinking {
	budget := r.Budget
	if budget == nil {
		tokens, known := chat.BudgetOf(r.Effort)
		if !known {
			return nil
		}
		budget = &tokens
	}
	switch {
	case *budget == 0:
		return &thinking{Type: "disabled"}
	case *budget < 0:
		return &thinking{Type: "enabled"}
	}
	return &thinking{Type: "enabled", TokenBudget: budget}
}

// formatOf renders a format. A schema's name is a label that nothing refers to; its description becomes the schema's
// own, of which there is one. Cohere follows a schema strictly, whether asked to or not.
func formatOf(r *chat.Request) (*format, *exchange.Error) {
	f := &r.Format
	switch f.Kind {
	case chat.JSONObject:
		return &format{Type: "json_object"}, nil
	case chat.JSONSchema:
		schema, ok := described(f.Schema, f.Description)
		if !ok {
			return nil, chat.RefuseAt(r.Names(chat.FieldFormat), dialectName, "a schema has one description there")
		}
		return &format{Type: "json_object", Schema: schema}, nil
	}
	return nil, nil
}

// described puts a description into a schema; false where there is one, or no place for one.
func described(schema jsontext.Value, description string) (jsontext.Value, bool) {
	if description == "" {
		return schema, true
	}
	var members map[string]jsontext.Value
	if len(schema) > 0 && chat.DecodeAnswer(schema, &members) != nil || members["description"] != nil {
		return nil, false
	}
	if members == nil {
		members = make(map[string]jsontext.Value, 1)
	}
	members["description"] = chat.Append(nil, description)
	return chat.Append(nil, members), true
}

// tools renders the tools. That one of them must be called is said by leaving it alone and demanding a call. One that is
// strict makes all of them so.
func tools(w *request, r *chat.Request) *exchange.Error {
	mode := r.Choice.Mode
	for i := range r.Tools {
		t := &r.Tools[i]
		if mode == chat.OneTool && t.Name != r.Choice.Name {
			continue
		}
		w.StrictTools = w.StrictTools || t.Strict != nil && *t.Strict
		w.Tools = append(w.Tools, tool{Type: "function", Function: function{
			Name: t.Name, Description: t.Description, Parameters: t.Schema,
		}})
	}
	switch mode {
	case chat.AnyTool, chat.OneTool:
		if len(w.Tools) == 0 {
			return r.Refuse(chat.FieldToolChoice, dialectName)
		}
		w.ToolChoice = "REQUIRED"
	case chat.NoTools:
		if len(w.Tools) > 0 {
			w.ToolChoice = "NONE"
		}
	}
	return nil
}
