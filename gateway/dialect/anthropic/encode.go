// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// encoded is a request as Spark writes it: request in wire.go, with its unions decided.
type encoded struct {
	Model         string        `json:"model"`
	MaxTokens     *int64        `json:"max_tokens,omitzero"`
	System        []textBlock   `json:"system,omitzero"`
	Messages      []turn        `json:"messages"`
	Tools         []tool        `json:"tools,omitzero"`
	ToolChoice    *toolChoice   `json:"tool_choice,omitzero"`
	Thinking      *thinking     `json:"thinking,omitzero"`
	OutputConfig  *outputConfig `json:"output_config,omitzero"`
	StopSequences []string      `json:"stop_sequences,omitzero"`
	Temperature   *float64      `json:"temperature,omitzero"`
	TopP          *float64      `json:"top_p,omitzero"`
	TopK          *int64        `json:"top_k,omitzero"`
	Metadata      *metadata     `json:"metadata,omitzero"`
	Stream        bool          `json:"stream,omitzero"`
}

// turn is a message; its blocks are those of wire.go and outResult.
type turn struct {
	Role    string `json:"role"`
	Content []any  `json:"content"`
}

// AppendRequest renders the body of POST /v1/messages. The target's MaxTokens is the bound where the request has none,
// because the API insists on one.
func (Encoder) AppendRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	if err := refuseInexpressible(r); err != nil {
		return dst, err
	}
	w := encoded{
		MaxTokens: r.MaxTokens, StopSequences: r.Stop, TopK: r.TopK, Stream: r.Stream,
		Temperature: unlessOne(r.Temperature), TopP: unlessOne(r.TopP),
	}
	if w.MaxTokens == nil {
		w.MaxTokens = &t.MaxTokens
	}
	if r.User != "" {
		w.Metadata = &metadata{UserID: &r.User}
	}
	if err := encode(&w, r, t); err != nil {
		return dst, err
	}
	return chat.Append(dst, &w), nil
}

// AppendCountRequest renders the body of POST /v1/messages/count_tokens. What shapes the answer alone is left out, as it
// does not count.
func (Encoder) AppendCountRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	var w encoded
	if err := encode(&w, r, t); err != nil {
		return dst, err
	}
	return chat.Append(dst, &w), nil
}

// encode renders what both endpoints take.
func encode(w *encoded, r *chat.Request, t chat.Target) *exchange.Error {
	w.Model = t.Model
	m := parseModel(t.Model)
	if err := encodeConversation(w, r, m); err != nil {
		return err
	}
	if err := encodeTools(w, r); err != nil {
		return err
	}
	if err := encodeFormat(w, r); err != nil {
		return err
	}
	return encodeReasoning(w, r, m)
}

// unlessOne leaves out a sampling value of 1: it is the default, and newer models refuse the fields altogether.
func unlessOne(v *float64) *float64 {
	if v != nil && *v == 1 {
		return nil
	}
	return v
}

func refuseInexpressible(r *chat.Request) *exchange.Error {
	over := func(v *int64, most int64) bool { return v != nil && *v > most }
	some := func(v *float64) bool { return v != nil && *v != 0 }
	for _, f := range []struct {
		asked bool
		field chat.Field
	}{
		{r.Seed != nil, chat.FieldSeed},
		{some(r.Frequency), chat.FieldFrequency},
		{some(r.Presence), chat.FieldPresence},
		{over(r.Candidates, 1), chat.FieldCandidates},
		{r.LogProbs != nil && *r.LogProbs, chat.FieldLogProbs},
		{over(r.TopLogProbs, 0), chat.FieldTopLogProbs},
	} {
		if f.asked {
			return r.Refuse(f.field, target)
		}
	}
	if r.Temperature != nil && *r.Temperature > 1 {
		return chat.RefuseAt(r.Names(chat.FieldTemperature), target, "it takes 0 to 1")
	}
	return nil
}

func encodeTools(w *encoded, r *chat.Request) *exchange.Error {
	for i := range r.Tools {
		t := &r.Tools[i]
		out := tool{Name: t.Name, Description: t.Description, InputSchema: inputSchema(t.Schema), CacheControl: encodeMark(t.Cache)}
		if t.Strict != nil && *t.Strict {
			out.Strict = t.Strict
		}
		w.Tools = append(w.Tools, out)
	}
	w.ToolChoice = encodeChoice(r)
	return nil
}

// inputSchema gives a schema that says, as the API wants, that it describes an object.
func inputSchema(schema jsontext.Value) jsontext.Value {
	if absent(schema) {
		return jsontext.Value(`{"type":"object","properties":{}}`)
	}
	if schema.Kind() != '{' || hasMember(schema, "type") {
		return schema
	}
	return withMember(schema, "type", "object")
}

// encodeChoice says which tools to call. Without tools there is nothing to choose, and the API refuses a choice.
func encodeChoice(r *chat.Request) *toolChoice {
	var c toolChoice
	switch r.Choice.Mode {
	case chat.AutoTools:
		c.Type = "auto"
	case chat.NoTools:
		c.Type = "none"
	case chat.AnyTool:
		c.Type = "any"
	case chat.OneTool:
		c.Type, c.Name = "tool", r.Choice.Name
	}
	if len(r.Tools) == 0 && (c.Type == "auto" || c.Type == "none" || c.Type == "") {
		return nil
	}
	if r.ParallelCalls != nil && !*r.ParallelCalls && c.Type != "none" {
		if c.Type == "" {
			c.Type = "auto"
		}
		disable := true
		c.DisableParallel = &disable
	}
	if c.Type == "" {
		return nil
	}
	return &c
}

// encodeFormat asks for JSON by a schema, the only way that the API has. Its answers always follow the schema, so that
// strict and its absence are one; a description becomes the schema's own.
func encodeFormat(w *encoded, r *chat.Request) *exchange.Error {
	f := &r.Format
	switch {
	case f.Kind == chat.PlainText:
		return nil
	case f.Kind == chat.JSONObject || absent(f.Schema):
		return chat.RefuseAt(r.Names(chat.FieldFormat), target, "it gives JSON by a schema only")
	}
	schema := f.Schema
	if f.Description != "" {
		if schema.Kind() != '{' || hasMember(schema, "description") {
			return chat.RefuseAt(r.Names(chat.FieldFormat), target, "a schema has one description there")
		}
		schema = withMember(schema, "description", f.Description)
	}
	w.OutputConfig = &outputConfig{Format: &outputFormat{Type: "json_schema", Schema: schema}}
	return nil
}

func hasMember(object jsontext.Value, name string) bool {
	for member := range chat.Members(object) {
		if member == name {
			return true
		}
	}
	return false
}

// withMember adds a member, which is not there yet, to an object.
func withMember(object jsontext.Value, name, value string) jsontext.Value {
	inner := bytes.TrimSpace(object)[1:]
	out := append(appendString([]byte{'{'}, name), ':')
	out = appendString(out, value)
	if bytes.TrimSpace(inner)[0] != '}' {
		out = append(out, ',')
	}
	return append(out, inner...)
}

// appendString writes s as a JSON string. Invalid UTF-8 becomes U+FFFD, which is all that the error says.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func encodeMark(m *chat.CacheMark) *cacheControl {
	if m == nil {
		return nil
	}
	return &cacheControl{Type: "ephemeral", TTL: m.TTL}
}
