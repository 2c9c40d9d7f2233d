// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Decoder is Chat Completions as applications speak it.
type Decoder struct{}

var _ chat.Decoder = Decoder{}

// DecodeRequest reads a body. What only OpenAI has is refused by name, but for values that ask for nothing.
func (Decoder) DecodeRequest(body []byte) (*chat.Request, *exchange.Error) {
	var wire request
	if err := chat.DecodeBody(body, &wire); err != nil {
		return nil, err
	}
	if err := chat.RefuseUnknown("", wire.Unknown, asksNothing); err != nil {
		return nil, err
	}
	r := &chat.Request{
		Model: wire.Model, Stream: wire.Stream, ParallelCalls: wire.ParallelCalls,
		Temperature: wire.Temperature, TopP: wire.TopP, TopK: wire.TopK, Seed: wire.Seed,
		Names: wire.name,
	}
	if r.Model == "" {
		return nil, missing("model")
	}
	for _, read := range []func(*chat.Request) *exchange.Error{
		wire.messages, wire.tools, wire.toolChoice, wire.format, wire.limits, wire.sampling, wire.misc,
	} {
		if err := read(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// asksNothing are the fields of OpenAI that may be left out when they hold one of these values, as JSON: they ask for
// what is so without them. null asks for nothing in any field.
var asksNothing = chat.Silent{
	"function_call":       {`"none"`, `"auto"`},
	"functions":           {"[]"},
	"include_obfuscation": {"false"}, // of stream_options; a translated stream has no padding to forgo
	"logit_bias":          {"{}"},
	"metadata":            {"{}"},
	"modalities":          {`["text"]`},
	"prompt_cache_key":    {`""`},
	"service_tier":        {`"auto"`, `"default"`},
	"store":               {"false"},
	"verbosity":           {`"medium"`},
}

// misc reads what stands apart.
func (w *request) misc(r *chat.Request) *exchange.Error {
	if o := w.StreamOptions; o != nil {
		if err := chat.RefuseUnknown("stream_options", o.Unknown, asksNothing); err != nil {
			return err
		}
		r.IncludeUsage = o.IncludeUsage
	}
	if w.Effort != "" {
		r.Reasoning.Effort = chat.Effort(w.Effort)
		if _, known := chat.BudgetOf(r.Reasoning.Effort); !known {
			return invalidValue("reasoning_effort", "none, minimal, low, medium, high or xhigh")
		}
	}
	r.User = w.User
	if w.SafetyIdentifier != "" {
		if w.User != "" && w.User != w.SafetyIdentifier {
			return exchange.Invalid("user", "'user' and 'safety_identifier' name different users.")
		}
		r.User = w.SafetyIdentifier
	}
	return nil
}

// limits reads what bounds the answer. OpenAI refuses both names of the bound at once; equal ones do no harm.
func (w *request) limits(r *chat.Request) *exchange.Error {
	r.MaxTokens = w.MaxCompletionTokens
	if w.MaxTokens != nil {
		if w.MaxCompletionTokens != nil && *w.MaxCompletionTokens != *w.MaxTokens {
			return exchange.Invalid("max_tokens", "'max_tokens' and 'max_completion_tokens' cannot both be set.")
		}
		r.MaxTokens = w.MaxTokens
	}
	if r.MaxTokens != nil && *r.MaxTokens < 1 {
		return invalidValue(w.name(chat.FieldMaxTokens), "at least 1")
	}
	return w.stop(r)
}

func (w *request) stop(r *chat.Request) *exchange.Error {
	switch kindOf(w.Stop) {
	case 'n':
		return nil
	case '"':
		var one string
		if err := chat.DecodePart("stop", w.Stop, &one); err != nil {
			return err
		}
		r.Stop = []string{one}
		return nil
	}
	var list []string
	err := chat.DecodePart("stop", w.Stop, &list)
	if len(list) > 0 {
		r.Stop = list
	}
	return err
}

// sampling reads the rest of the numbers, but for those that say what is so anyway.
func (w *request) sampling(r *chat.Request) *exchange.Error {
	if w.N != nil && *w.N < 1 {
		return invalidValue("n", "at least 1")
	}
	if w.TopLogProbs != nil && *w.TopLogProbs < 0 {
		return invalidValue("top_logprobs", "at least 0")
	}
	r.Frequency = unless(w.Frequency, 0)
	r.Presence = unless(w.Presence, 0)
	r.Candidates = unless(w.N, 1)
	r.LogProbs = unless(w.LogProbs, false)
	r.TopLogProbs = unless(w.TopLogProbs, 0)
	return nil
}

// unless gives nil where a value is the one that asks for nothing.
func unless[T comparable](value *T, nothing T) *T {
	if value != nil && *value == nothing {
		return nil
	}
	return value
}

// name gives a field's name in Chat Completions, for refusals.
func (w *request) name(f chat.Field) string {
	switch {
	case f == chat.FieldMaxTokens && w.MaxCompletionTokens == nil:
		return "max_tokens"
	case f == chat.FieldUser && w.SafetyIdentifier != "":
		return "safety_identifier"
	}
	return names[f]
}

var names = map[chat.Field]string{
	chat.FieldTools:         "tools",
	chat.FieldToolChoice:    "tool_choice",
	chat.FieldParallelCalls: "parallel_tool_calls",
	chat.FieldFormat:        "response_format",
	chat.FieldReasoning:     "reasoning_effort",
	chat.FieldMaxTokens:     "max_completion_tokens",
	chat.FieldTemperature:   "temperature",
	chat.FieldTopP:          "top_p",
	chat.FieldTopK:          "top_k",
	chat.FieldStop:          "stop",
	chat.FieldSeed:          "seed",
	chat.FieldFrequency:     "frequency_penalty",
	chat.FieldPresence:      "presence_penalty",
	chat.FieldCandidates:    "n",
	chat.FieldLogProbs:      "logprobs",
	chat.FieldTopLogProbs:   "top_logprobs",
	chat.FieldUser:          "user",
}
