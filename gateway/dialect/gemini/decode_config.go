// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// apply takes the parameters of generation, which stand at a place.
func (c *config) apply(r *chat.Request, at string) *exchange.Error {
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return err
	}
	for _, m := range c.Modalities {
		if !strings.EqualFold(m, "TEXT") {
			return chat.RefuseField(at + ".responseModalities")
		}
	}
	if c.MediaDetails != "" && c.MediaDetails != resolutionNone {
		return chat.RefuseField(at + ".mediaResolution")
	}
	r.Temperature, r.TopP, r.Presence, r.Frequency = c.Temperature, c.TopP, c.Presence, c.Frequency
	r.TopK, r.Candidates, r.MaxTokens = (*int64)(c.TopK), (*int64)(c.Candidates), (*int64)(c.MaxTokens)
	r.Seed, r.TopLogProbs, r.Stop = (*int64)(c.Seed), (*int64)(c.TopLogProbs), c.Stop
	if c.LogProbs {
		r.LogProbs = &c.LogProbs
	}
	if err := c.Thinking.apply(r, at+".thinkingConfig"); err != nil {
		return err
	}
	return c.format(r, at)
}

// levels are the words for how much to think.
var levels = map[string]chat.Effort{
	"MINIMAL": chat.EffortMinimal, "LOW": chat.EffortLow, "MEDIUM": chat.EffortMedium, "HIGH": chat.EffortHigh,
	"": "", "THINKING_LEVEL_UNSPECIFIED": "",
}

func (t *thinking) apply(r *chat.Request, at string) *exchange.Error {
	if t == nil {
		return nil
	}
	if err := chat.RefuseUnknown(at, t.Unknown); err != nil {
		return err
	}
	effort, ok := levels[strings.ToUpper(t.Level)]
	if !ok {
		return exchange.Invalid(at+".thinkingLevel", "'"+at+".thinkingLevel' must be one of MINIMAL, LOW, MEDIUM and HIGH.")
	}
	if t.Budget != nil && *t.Budget < -1 {
		return exchange.Invalid(at+".thinkingBudget", "'"+at+".thinkingBudget' must be -1 or more.")
	}
	r.Reasoning = chat.Reasoning{Effort: effort, Budget: (*int64)(t.Budget), Show: t.Show}
	return nil
}

// formatName is what a schema is called where a dialect wants a name and Gemini gave none.
const formatName = "response"

func (c *config) format(r *chat.Request, at string) *exchange.Error {
	schema, place := c.JSONSchema, at+".responseJsonSchema"
	if given(c.Schema) {
		if given(schema) {
			return exchange.Invalid(place, "'"+place+"' must be left out where responseSchema is given.")
		}
		place = at + ".responseSchema"
		var err *exchange.Error
		if schema, err = schemaAt(place, c.Schema); err != nil {
			return err
		}
	}
	switch {
	case c.MIME == "application/json" && given(schema):
		if schema.Kind() != '{' {
			return exchange.Invalid(place, "'"+place+"' must be an object.")
		}
		r.Format = chat.Format{Kind: chat.JSONSchema, Name: formatName, Schema: schema}
	case c.MIME == "application/json":
		r.Format.Kind = chat.JSONObject
	case c.MIME != "" && c.MIME != "text/plain":
		return chat.RefuseField(at + ".responseMimeType")
	case given(schema):
		return exchange.Invalid(at+".responseMimeType", "'"+at+".responseMimeType' must be application/json where a schema is given.")
	}
	return nil
}

// schemaAt turns a Gemini Schema that stands at a place.
func schemaAt(at string, v jsontext.Value) (jsontext.Value, *exchange.Error) {
	schema, err := jsonSchema(v)
	if err != nil {
		return nil, exchange.Invalid(at, "'"+at+"' is nested too deeply.")
	}
	return schema, nil
}

// tools takes the functions, and how they are to be called.
func (w *request) tools(r *chat.Request, at string) *exchange.Error {
	for i := range w.Tools {
		place := chat.Index(chat.Join(at, "tools"), i)
		if err := chat.RefuseUnknown(place, w.Tools[i].Unknown); err != nil {
			return err
		}
		for j := range w.Tools[i].Functions {
			t, err := w.Tools[i].Functions[j].neutral(chat.Index(chat.Join(place, "functionDeclarations"), j))
			if err != nil {
				return err
			}
			r.Tools = append(r.Tools, t)
		}
	}
	if w.ToolConfig == nil {
		return nil
	}
	at = chat.Join(at, "toolConfig")
	if err := chat.RefuseUnknown(at, w.ToolConfig.Unknown); err != nil {
		return err
	}
	if w.ToolConfig.Calling == nil {
		return nil
	}
	return w.ToolConfig.Calling.apply(r, chat.Join(at, "functionCallingConfig"))
}

func (f *function) neutral(at string) (chat.Tool, *exchange.Error) {
	t := chat.Tool{Name: f.Name, Description: f.Description, At: at}
	if err := chat.RefuseUnknown(at, f.Unknown); err != nil {
		return t, err
	}
	if f.Name == "" {
		return t, exchange.Invalid(at+".name", "'"+at+".name' is required.")
	}
	place := at + ".parametersJsonSchema"
	switch {
	case given(f.Schema) && given(f.JSONSchema):
		return t, exchange.Invalid(place, "'"+place+"' must be left out where parameters is given.")
	case given(f.Schema):
		place = at + ".parameters"
		schema, err := schemaAt(place, f.Schema)
		if err != nil {
			return t, err
		}
		t.Schema = schema
	case given(f.JSONSchema):
		t.Schema = f.JSONSchema
	}
	if t.Schema != nil && t.Schema.Kind() != '{' {
		return t, exchange.Invalid(place, "'"+place+"' must be an object.")
	}
	return t, nil
}

// apply takes how functions are called. VALIDATED is AUTO with calls that keep to their schemas, which others say of
// each tool.
func (c *callingConfig) apply(r *chat.Request, at string) *exchange.Error {
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return err
	}
	mode := strings.ToUpper(c.Mode)
	switch mode {
	case "", "MODE_UNSPECIFIED":
	case "AUTO":
		r.Choice.Mode = chat.AutoTools
	case "VALIDATED":
		r.Choice.Mode = chat.AutoTools
		strict := true
		for i := range r.Tools {
			r.Tools[i].Strict = &strict
		}
	case "ANY":
		r.Choice.Mode = chat.AnyTool
	case "NONE":
		r.Choice.Mode = chat.NoTools
	default:
		return exchange.Invalid(at+".mode", "'"+at+".mode' must be one of AUTO, ANY, NONE and VALIDATED.")
	}
	switch {
	case len(c.Allowed) == 0 || mode == "VALIDATED" && allows(c.Allowed, r.Tools):
	case mode == "ANY" && len(c.Allowed) == 1:
		r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: c.Allowed[0]}
	case mode == "ANY" && allows(c.Allowed, r.Tools):
	default:
		return chat.RefuseField(at + ".allowedFunctionNames")
	}
	return nil
}

// allows says that the names are those of all tools, so that they forbid none.
func allows(names []string, tools []chat.Tool) bool {
	allowed := make(map[string]bool, len(names))
	for _, name := range names {
		allowed[name] = true
	}
	for i := range tools {
		if !allowed[tools[i].Name] {
			return false
		}
	}
	return true
}
