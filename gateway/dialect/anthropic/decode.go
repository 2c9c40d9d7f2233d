// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// DecodeRequest reads the body of POST /v1/messages. Messages with the role system become System messages where they
// stand.
func (Decoder) DecodeRequest(body []byte) (*chat.Request, *exchange.Error) {
	var w request
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	switch {
	case w.MaxTokens == nil:
		return nil, missing("max_tokens")
	case *w.MaxTokens < 1:
		// 0 only fills Anthropic's cache, and gives no answer.
		return nil, exchange.Invalid("max_tokens", "'max_tokens' must be at least 1 for this model.")
	}
	return decode(&w)
}

// DecodeCountRequest reads the body of POST /v1/messages/count_tokens, which is that of /v1/messages without what bounds
// or shapes the answer; that is accepted here, and means nothing.
func (Decoder) DecodeCountRequest(body []byte) (*chat.Request, *exchange.Error) {
	var w request
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	return decode(&w)
}

func missing(at string) *exchange.Error {
	e := exchange.Invalid(at, "Missing required field '"+at+"'.")
	e.Code = "missing_required_parameter"
	return e
}

// wrong says that a field has a value that it cannot have. The value is not told.
func wrong(at, want string) *exchange.Error {
	e := exchange.Invalid(at, "Invalid value for '"+at+"': expected "+want+".")
	e.Code = "invalid_value"
	return e
}

func decode(w *request) (*chat.Request, *exchange.Error) {
	if err := chat.RefuseUnknown("", w.Unknown); err != nil {
		return nil, err
	}
	switch {
	case w.Model == "":
		return nil, missing("model")
	case len(w.Messages) == 0:
		return nil, missing("messages")
	}
	if err := refuseService(w); err != nil {
		return nil, err
	}
	r := &chat.Request{
		Model: w.Model, Stream: w.Stream, IncludeUsage: true,
		MaxTokens: w.MaxTokens, Temperature: w.Temperature, TopP: w.TopP, TopK: w.TopK, Stop: w.StopSequences,
		Names: func(f chat.Field) string { return name(f, w) },
	}
	for _, step := range []func(*request, *chat.Request) *exchange.Error{
		decodeSystem, decodeMessages, decodeCache, decodeTools, decodeChoice, decodeOutput, decodeMetadata,
	} {
		if err := step(w, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// name gives the API's word for a field; where the API has none, no decoded request sets the field.
func name(f chat.Field, w *request) string {
	switch f {
	case chat.FieldTools:
		return "tools"
	case chat.FieldToolChoice:
		return "tool_choice"
	case chat.FieldParallelCalls:
		return "tool_choice.disable_parallel_tool_use"
	case chat.FieldFormat:
		if w.OutputFormat != nil {
			return "output_format"
		}
		return "output_config.format"
	case chat.FieldReasoning:
		if w.Thinking == nil {
			return "output_config.effort"
		}
		return "thinking"
	case chat.FieldMaxTokens:
		return "max_tokens"
	case chat.FieldTemperature:
		return "temperature"
	case chat.FieldTopP:
		return "top_p"
	case chat.FieldTopK:
		return "top_k"
	case chat.FieldStop:
		return "stop_sequences"
	case chat.FieldUser:
		return "metadata.user_id"
	default:
		return ""
	}
}

// refuseService refuses what asks Anthropic for another service than the usual one. Context edits that keep everything,
// which Claude Code sends, ask for nothing.
func refuseService(w *request) *exchange.Error {
	if w.ServiceTier != nil && *w.ServiceTier != "auto" {
		return chat.RefuseField("service_tier")
	}
	if w.Speed != nil && *w.Speed != "standard" {
		return chat.RefuseField("speed")
	}
	if w.ContextManagement == nil {
		return nil
	}
	for i, edit := range w.ContextManagement.Edits {
		at := chat.Index("context_management.edits", i)
		if edit.Type != "clear_thinking_20251015" || string(edit.Keep) != `"all"` {
			return chat.RefuseField(at)
		}
		if err := chat.RefuseUnknown(at, edit.Unknown); err != nil {
			return err
		}
	}
	return chat.RefuseUnknown("context_management", w.ContextManagement.Unknown)
}

func decodeSystem(w *request, r *chat.Request) *exchange.Error {
	if absent(w.System) {
		return nil
	}
	parts, err := decodeTexts("system", w.System)
	if err != nil {
		return err
	}
	if len(parts) > 1 || len(parts) == 1 && parts[0].Text != "" {
		r.Messages = append(r.Messages, chat.Message{Role: chat.System, Parts: parts, At: "system"})
	}
	return nil
}

// decodeCache puts the mark of the whole request where the API says it counts: on the last block.
func decodeCache(w *request, r *chat.Request) *exchange.Error {
	mark, err := decodeMark("cache_control", w.CacheControl)
	if err != nil || mark == nil {
		return err
	}
	last := &r.Messages[len(r.Messages)-1]
	if n := len(last.Parts); n > 0 && last.Parts[n-1].Cache == nil {
		last.Parts[n-1].Cache = mark
	}
	return nil
}

func decodeMark(at string, c *cacheControl) (*chat.CacheMark, *exchange.Error) {
	switch {
	case c == nil:
		return nil, nil
	case c.Type != "ephemeral":
		return nil, wrong(chat.Join(at, "type"), "'ephemeral'")
	case c.TTL != "" && c.TTL != "5m" && c.TTL != "1h":
		return nil, wrong(chat.Join(at, "ttl"), "'5m' or '1h'")
	}
	if err := chat.RefuseUnknown(at, c.Unknown); err != nil {
		return nil, err
	}
	return &chat.CacheMark{TTL: c.TTL}, nil
}

func decodeMetadata(w *request, r *chat.Request) *exchange.Error {
	if w.Metadata == nil {
		return nil
	}
	if w.Metadata.UserID != nil {
		r.User = *w.Metadata.UserID
	}
	return chat.RefuseUnknown("metadata", w.Metadata.Unknown)
}

// absent says that a raw field was not there, or null.
func absent(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }
