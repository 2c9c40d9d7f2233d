// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Decoder is what applications ask in the dialect of Gemini, and how they are answered. The zero value is ready; it is
// stateless and safe for concurrent use.
type Decoder struct{}

// DecodeRequest reads a GenerateContentRequest. Model and Stream are left to the caller, who knows them from the URL.
// What only Google has is refused by its place: its own tools, safety settings other than none, cached contents, labels.
func (Decoder) DecodeRequest(body []byte) (*chat.Request, *exchange.Error) {
	var w request
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	return w.neutral("")
}

// neutral gives the request that stands at a place of the body.
func (w *request) neutral(at string) (*chat.Request, *exchange.Error) {
	if err := w.refuse(at); err != nil {
		return nil, err
	}
	r := &chat.Request{Names: w.names(at)}
	if err := w.instruct(r, at); err != nil {
		return nil, err
	}
	h := history{}
	for i := range w.Contents {
		if err := h.add(chat.Index(chat.Join(at, "contents"), i), i, &w.Contents[i]); err != nil {
			return nil, err
		}
	}
	if len(h.messages) == 0 {
		place := chat.Join(at, "contents")
		return nil, exchange.Invalid(place, "'"+place+"' must hold at least one content with a part.")
	}
	r.Messages = append(r.Messages, h.messages...)
	if err := w.tools(r, at); err != nil {
		return nil, err
	}
	if w.Config != nil {
		if err := w.Config.apply(r, chat.Join(at, "generationConfig")); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// refuse says what no other dialect can express.
func (w *request) refuse(at string) *exchange.Error {
	switch {
	case len(w.Safety) > 0:
		return chat.RefuseField(chat.Join(at, "safetySettings"))
	case w.Cached != "":
		return chat.RefuseField(chat.Join(at, "cachedContent"))
	case len(w.Labels) > 0:
		return chat.RefuseField(chat.Join(at, "labels"))
	case w.Store:
		return chat.RefuseField(chat.Join(at, "store"))
	}
	switch w.Tier {
	case "", "unspecified", "standard", "SERVICE_TIER_UNSPECIFIED", "SERVICE_TIER_STANDARD":
	default:
		return chat.RefuseField(chat.Join(at, "serviceTier"))
	}
	return chat.RefuseUnknown(at, w.Unknown)
}

// instruct takes the instructions, which are text only.
func (w *request) instruct(r *chat.Request, at string) *exchange.Error {
	if w.Instructions == nil {
		return nil
	}
	at = chat.Join(at, "systemInstruction")
	if err := chat.RefuseUnknown(at, w.Instructions.Unknown); err != nil {
		return err
	}
	m := chat.Message{Role: chat.System, At: at}
	for i := range w.Instructions.Parts {
		place := chat.Index(chat.Join(at, "parts"), i)
		p, err := w.Instructions.Parts[i].neutral(place)
		if err != nil {
			return err
		}
		if p.Kind != chat.Text {
			return exchange.Invalid(place, "'"+place+"' must be text.")
		}
		if !blank(&p) {
			m.Parts = append(m.Parts, p)
		}
	}
	if len(m.Parts) > 0 {
		r.Messages = append(r.Messages, m)
	}
	return nil
}

// fieldNames are Gemini's words for the fields of a request.
var fieldNames = map[chat.Field]string{
	chat.FieldTools:         "tools",
	chat.FieldToolChoice:    "toolConfig.functionCallingConfig",
	chat.FieldParallelCalls: "toolConfig.functionCallingConfig",
	chat.FieldReasoning:     "generationConfig.thinkingConfig",
	chat.FieldMaxTokens:     "generationConfig.maxOutputTokens",
	chat.FieldTemperature:   "generationConfig.temperature",
	chat.FieldTopP:          "generationConfig.topP",
	chat.FieldTopK:          "generationConfig.topK",
	chat.FieldStop:          "generationConfig.stopSequences",
	chat.FieldSeed:          "generationConfig.seed",
	chat.FieldFrequency:     "generationConfig.frequencyPenalty",
	chat.FieldPresence:      "generationConfig.presencePenalty",
	chat.FieldCandidates:    "generationConfig.candidateCount",
	chat.FieldLogProbs:      "generationConfig.responseLogprobs",
	chat.FieldTopLogProbs:   "generationConfig.logprobs",
}

func (w *request) names(at string) func(chat.Field) string {
	format := "generationConfig.responseMimeType"
	switch {
	case w.Config != nil && given(w.Config.JSONSchema):
		format = "generationConfig.responseJsonSchema"
	case w.Config != nil && given(w.Config.Schema):
		format = "generationConfig.responseSchema"
	}
	return func(f chat.Field) string {
		if f == chat.FieldFormat {
			return chat.Join(at, format)
		}
		return chat.Join(at, fieldNames[f])
	}
}
