// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func decodeTools(w *request, r *chat.Request) *exchange.Error {
	for i, raw := range w.Tools {
		t, err := decodeTool(chat.Index("tools", i), raw)
		if err != nil {
			return err
		}
		r.Tools = append(r.Tools, t)
	}
	return nil
}

// decodeTool reads a tool of the application's own. Any other type is one that Anthropic defines or runs.
func decodeTool(at string, raw jsontext.Value) (chat.Tool, *exchange.Error) {
	var tagged struct {
		Type *string `json:"type"`
	}
	if err := chat.DecodePart(at, raw, &tagged); err != nil {
		return chat.Tool{}, err
	}
	if tagged.Type != nil && *tagged.Type != "custom" {
		return chat.Tool{}, chat.RefuseField(chat.Join(at, "type"))
	}
	var t tool
	if err := chat.DecodePart(at, raw, &t); err != nil {
		return chat.Tool{}, err
	}
	switch {
	case t.Name == "":
		return chat.Tool{}, missing(chat.Join(at, "name"))
	case absent(t.InputSchema):
		return chat.Tool{}, missing(chat.Join(at, "input_schema"))
	case t.InputSchema.Kind() != '{':
		return chat.Tool{}, wrong(chat.Join(at, "input_schema"), "an object")
	case t.DeferLoading:
		return chat.Tool{}, chat.RefuseField(chat.Join(at, "defer_loading"))
	case len(t.InputExamples) > 0:
		return chat.Tool{}, chat.RefuseField(chat.Join(at, "input_examples"))
	case len(t.AllowedCallers) > 1, len(t.AllowedCallers) == 1 && t.AllowedCallers[0] != "direct":
		return chat.Tool{}, chat.RefuseField(chat.Join(at, "allowed_callers"))
	}
	mark, err := decodeMark(chat.Join(at, "cache_control"), t.CacheControl)
	if err != nil {
		return chat.Tool{}, err
	}
	return chat.Tool{
		Name: t.Name, Description: t.Description, Schema: t.InputSchema, Strict: t.Strict, Cache: mark, At: at,
	}, chat.RefuseUnknown(at, t.Unknown)
}

func decodeChoice(w *request, r *chat.Request) *exchange.Error {
	c := w.ToolChoice
	if c == nil {
		return nil
	}
	switch c.Type {
	case "auto":
		r.Choice.Mode = chat.AutoTools
	case "any":
		r.Choice.Mode = chat.AnyTool
	case "none":
		r.Choice.Mode = chat.NoTools
	case "tool":
		if c.Name == "" {
			return missing("tool_choice.name")
		}
		r.Choice = chat.ToolChoice{Mode: chat.OneTool, Name: c.Name}
	default:
		return wrong("tool_choice.type", "'auto', 'any', 'tool' or 'none'")
	}
	if c.Name != "" && c.Type != "tool" {
		return wrong("tool_choice.name", "none beside this type")
	}
	if c.DisableParallel != nil {
		parallel := !*c.DisableParallel
		r.ParallelCalls = &parallel
	}
	return chat.RefuseUnknown("tool_choice", c.Unknown)
}

func decodeOutput(w *request, r *chat.Request) *exchange.Error {
	at, format := "output_format", w.OutputFormat
	if c := w.OutputConfig; c != nil {
		if err := chat.RefuseUnknown("output_config", c.Unknown); err != nil {
			return err
		}
		if c.Format != nil {
			if format != nil {
				return wrong("output_format", "nothing beside 'output_config.format'")
			}
			at, format = "output_config.format", c.Format
		}
		if err := decodeEffort(c.Effort, &r.Reasoning); err != nil {
			return err
		}
	}
	if err := decodeFormat(at, format, r); err != nil {
		return err
	}
	return decodeThinking(w.Thinking, &r.Reasoning)
}

// decodeFormat reads a schema, which Anthropic's models are held to: that is what strict means elsewhere.
func decodeFormat(at string, f *outputFormat, r *chat.Request) *exchange.Error {
	switch {
	case f == nil:
		return nil
	case f.Type != "json_schema":
		return wrong(chat.Join(at, "type"), "'json_schema'")
	case absent(f.Schema):
		return missing(chat.Join(at, "schema"))
	case f.Schema.Kind() != '{':
		return wrong(chat.Join(at, "schema"), "an object")
	}
	strict := true
	r.Format = chat.Format{Kind: chat.JSONSchema, Schema: f.Schema, Strict: &strict}
	return chat.RefuseUnknown(at, f.Unknown)
}

func decodeEffort(effort *string, into *chat.Reasoning) *exchange.Error {
	if effort == nil {
		return nil
	}
	switch *effort {
	case "low", "medium", "high", "xhigh":
		into.Effort = chat.Effort(*effort)
	case "max":
		into.Effort = chat.EffortMax
	default:
		return wrong("output_config.effort", "'low', 'medium', 'high', 'xhigh' or 'max'")
	}
	return nil
}

// decodeThinking reads how much to think, which an effort stands beside. Where thinking is disabled the effort, which
// is a hint, has nothing left to say in another dialect.
func decodeThinking(t *thinking, into *chat.Reasoning) *exchange.Error {
	if t == nil {
		return nil
	}
	budget := int64(-1)
	switch t.Type {
	case "enabled":
		if t.BudgetTokens == nil {
			return missing("thinking.budget_tokens")
		}
		if budget = *t.BudgetTokens; budget < 1 {
			return wrong("thinking.budget_tokens", "at least 1")
		}
	case "adaptive":
	case "disabled":
		budget, into.Effort = 0, chat.EffortNone
	case "between_tools":
		return chat.RefuseField("thinking.type")
	default:
		return wrong("thinking.type", "'enabled', 'disabled' or 'adaptive'")
	}
	into.Budget = &budget
	if t.Type != "enabled" && t.BudgetTokens != nil {
		return wrong("thinking.budget_tokens", "none beside this type")
	}
	if t.Display != nil {
		show := *t.Display == "summarized"
		if !show && *t.Display != "omitted" {
			return wrong("thinking.display", "'summarized' or 'omitted'")
		}
		into.Show = &show
	}
	return chat.RefuseUnknown("thinking", t.Unknown)
}
