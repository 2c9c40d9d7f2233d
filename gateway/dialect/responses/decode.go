// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"slices"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Decoder is the Responses API as applications speak it. It keeps nothing and is safe for concurrent use.
type Decoder struct{}

var _ chat.Decoder = Decoder{}

// The values of include that other dialects can express.
const (
	includeEncrypted = "reasoning.encrypted_content"
	includeLogProbs  = "message.output_text.logprobs"
)

// DecodeRequest reads the body of POST /v1/responses. It refuses what needs state at the provider, tools that only
// OpenAI runs, and whatever else no other dialect has, unless it asks for nothing (see silentRequest). These are taken
// and not passed on: max_tool_calls, which bounds the tools that OpenAI runs, and prompt_cache_key, which helps OpenAI to
// find its cache and changes no answer. Both are repeated in the answer, and so is metadata.
func (Decoder) DecodeRequest(body []byte) (*chat.Request, *exchange.Error) {
	var w request
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	if err := refuseRequest(w.Unknown); err != nil {
		return nil, err
	}
	r := &chat.Request{
		Model: w.Model, Stream: w.Stream, ParallelCalls: w.ParallelToolCalls,
		MaxTokens: w.MaxOutputTokens, Temperature: w.Temperature, TopP: w.TopP,
		User: w.SafetyIdentifier, Names: names,
	}
	for _, step := range []func(*chat.Request) *exchange.Error{
		w.user, w.streamOptions, w.logProbs, w.reasoning, w.format, w.tools, w.toolChoice, w.messages,
	} {
		if err := step(r); err != nil {
			return nil, err
		}
	}
	r.Echo = w.echo()
	return r, nil
}

// user takes the older field where the newer one, which replaces it, is not there.
func (w *request) user(r *chat.Request) *exchange.Error {
	switch {
	case w.User == "" || w.User == w.SafetyIdentifier:
	case w.SafetyIdentifier != "":
		return chat.RefuseField("user")
	default:
		r.User, r.Names = w.User, olderNames
	}
	return nil
}

func (w *request) streamOptions(*chat.Request) *exchange.Error {
	if w.StreamOptions == nil {
		return nil
	}
	return chat.RefuseUnknown("stream_options", w.StreamOptions.Unknown, silentStream)
}

func (w *request) logProbs(r *chat.Request) *exchange.Error {
	for i, what := range w.Include {
		if what != includeEncrypted && what != includeLogProbs {
			return chat.RefuseField(chat.Index("include", i))
		}
	}
	yes := true
	if slices.Contains(w.Include, includeLogProbs) {
		r.LogProbs = &yes
	}
	if w.TopLogProbs == nil || *w.TopLogProbs == 0 {
		return nil
	}
	if *w.TopLogProbs < 0 {
		return invalid("top_logprobs")
	}
	r.LogProbs, r.TopLogProbs = &yes, w.TopLogProbs
	return nil
}

func (w *request) reasoning(r *chat.Request) *exchange.Error {
	if unsaid(w.Reasoning) {
		return nil
	}
	var o reasoningOptions
	if err := chat.DecodePart("reasoning", w.Reasoning, &o); err != nil {
		return err
	}
	if err := chat.RefuseUnknown("reasoning", o.Unknown, silentReasoning); err != nil {
		return err
	}
	switch effort := chat.Effort(o.Effort); effort {
	case "", chat.EffortNone, chat.EffortMinimal, chat.EffortLow, chat.EffortMedium, chat.EffortHigh, chat.EffortMax:
		r.Reasoning.Effort = effort
	case "max":
		// The newest models have a step more. Efforts are hints; this one asks for the most that there is.
		r.Reasoning.Effort = chat.EffortMax
	default:
		return invalid("reasoning.effort")
	}
	if err := show(r, "reasoning.summary", o.Summary); err != nil {
		return err
	}
	return show(r, "reasoning.generate_summary", o.GenerateSummary)
}

// show takes the wish for a summary of the thoughts, of whatever length.
func show(r *chat.Request, at, summary string) *exchange.Error {
	switch summary {
	case "":
	case "auto", "concise", "detailed":
		yes := true
		r.Reasoning.Show = &yes
	default:
		return invalid(at)
	}
	return nil
}

func (w *request) format(r *chat.Request) *exchange.Error {
	if unsaid(w.Text) {
		return nil
	}
	var o textOptions
	if err := chat.DecodePart("text", w.Text, &o); err != nil {
		return err
	}
	if o.Verbosity != "" && o.Verbosity != "medium" {
		return chat.RefuseField("text.verbosity")
	}
	if err := chat.RefuseUnknown("text", o.Unknown); err != nil || unsaid(o.Format) {
		return err
	}
	const at = "text.format"
	var f format
	if err := chat.DecodePart(at, o.Format, &f); err != nil {
		return err
	}
	switch f.Type {
	case "text":
	case "json_object":
		r.Format.Kind = chat.JSONObject
	case "json_schema":
		if f.Name == "" {
			return missing(at + ".name")
		}
		if f.Schema.Kind() != '{' {
			return missing(at + ".schema")
		}
		r.Format = chat.Format{Kind: chat.JSONSchema, Name: f.Name, Description: f.Description, Schema: f.Schema, Strict: f.Strict}
	default:
		return invalid(at + ".type")
	}
	return chat.RefuseUnknown(at, f.Unknown)
}

var fieldNames = [...]string{
	chat.FieldTools: "tools", chat.FieldToolChoice: "tool_choice", chat.FieldParallelCalls: "parallel_tool_calls",
	chat.FieldFormat: "text.format", chat.FieldReasoning: "reasoning", chat.FieldMaxTokens: "max_output_tokens",
	chat.FieldTemperature: "temperature", chat.FieldTopP: "top_p", chat.FieldTopK: "top_k", chat.FieldStop: "stop",
	chat.FieldSeed: "seed", chat.FieldFrequency: "frequency_penalty", chat.FieldPresence: "presence_penalty",
	chat.FieldCandidates: "n", chat.FieldLogProbs: "include", chat.FieldTopLogProbs: "top_logprobs",
	chat.FieldUser: "safety_identifier",
}

// names gives a field's name in this dialect, and chat completions' for those that it lacks.
func names(f chat.Field) string {
	if int(f) < len(fieldNames) {
		return fieldNames[f]
	}
	return ""
}

// olderNames is names where the application named its user in the older way.
func olderNames(f chat.Field) string {
	if f == chat.FieldUser {
		return "user"
	}
	return names(f)
}
