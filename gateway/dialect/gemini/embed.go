// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var (
	_ embed.Decoder = Decoder{}
	_ embed.Encoder = Encoder{}
)

// embedBatch is BatchEmbedContentsRequest (https://ai.google.dev/api/embeddings). Rest is what an EmbedContentRequest
// has that stands in its place.
type embedBatch struct {
	Requests list[jsontext.Value] `json:"requests"`
	Model    string               `json:"model"`
	Rest     jsontext.Value       `json:",embed"`
}

// embedRequest is EmbedContentRequest. The members beside the content may stand in embedContentConfig, where newer
// clients write them, or on their own.
type embedRequest struct {
	Model   string         `json:"model"`
	Content jsontext.Value `json:"content"`
	Config  jsontext.Value `json:"embedContentConfig,case:ignore"`
	Options jsontext.Value `json:",embed"`
}

// embedOptions is EmbedContentConfig.
type embedOptions struct {
	Task       string         `json:"taskType,case:ignore"`
	Title      string         `json:"title"`
	Dimensions *whole         `json:"outputDimensionality,case:ignore"`
	Truncate   *bool          `json:"autoTruncate,case:ignore"`
	Unknown    jsontext.Value `json:",embed"`
}

// DecodeEmbedRequest reads an EmbedContentRequest or a BatchEmbedContentsRequest, whose requests must agree in how long
// vectors are and in whether to cut inputs. Models are left to the caller, who knows theirs from the URL.
func (Decoder) DecodeEmbedRequest(body []byte) (*embed.Request, *exchange.Error) {
	var w embedBatch
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	r := &embed.Request{Batch: w.Requests != nil}
	if !r.Batch {
		r.Names = func(f embed.Field, _ int) string { return embedName(f) }
		return r, addEmbed(r, "", body)
	}
	if err := chat.RefuseUnknown("", w.Rest); err != nil {
		return nil, err
	}
	if len(w.Requests) == 0 {
		return nil, exchange.Invalid("requests", "'requests' must hold at least one request.")
	}
	r.Names = func(f embed.Field, input int) string {
		if f == embed.FieldInputs {
			return "requests"
		}
		return chat.Join(chat.Index("requests", input), embedName(f))
	}
	for i, request := range w.Requests {
		if err := addEmbed(r, chat.Index("requests", i), request); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func embedName(f embed.Field) string {
	return [...]string{
		embed.FieldInputs: "content", embed.FieldTask: "taskType", embed.FieldTitle: "title",
		embed.FieldDimensions: "outputDimensionality", embed.FieldTruncate: "autoTruncate",
	}[f]
}

// addEmbed takes the EmbedContentRequest that stands at a place.
func addEmbed(r *embed.Request, at string, request jsontext.Value) *exchange.Error {
	var w embedRequest
	if err := chat.DecodePart(at, request, &w); err != nil {
		return err
	}
	o, err := w.options(at)
	if err != nil {
		return err
	}
	in := embed.Input{At: chat.Join(at, "content"), Title: o.Title}
	if o.Task != "TASK_TYPE_UNSPECIFIED" && o.Task != "UNSPECIFIED" {
		in.Task = embed.Task(o.Task)
	}
	if err := embedContent(&in, w.Content); err != nil {
		return err
	}
	dimensions := (*int64)(o.Dimensions)
	if dimensions != nil && *dimensions < 1 {
		place := chat.Join(at, embedName(embed.FieldDimensions))
		return exchange.Invalid(place, "'"+place+"' must be positive.")
	}
	if len(r.Inputs) == 0 {
		r.Dimensions, r.Truncate = dimensions, o.Truncate
	}
	r.Inputs = append(r.Inputs, in)
	switch {
	case !equal(r.Dimensions, dimensions):
		return chat.RefuseField(chat.Join(at, embedName(embed.FieldDimensions)))
	case !equal(r.Truncate, o.Truncate):
		return chat.RefuseField(chat.Join(at, embedName(embed.FieldTruncate)))
	}
	return nil
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// options gives those of embedContentConfig, where it is there, and else those on their own.
func (w *embedRequest) options(at string) (*embedOptions, *exchange.Error) {
	o, place := &embedOptions{}, at
	if len(w.Options) > 0 {
		if err := chat.DecodePart(at, w.Options, o); err != nil {
			return nil, err
		}
	}
	if given(w.Config) {
		if err := chat.RefuseUnknown(at, w.Options); err != nil {
			return nil, err
		}
		o, place = &embedOptions{}, chat.Join(at, "embedContentConfig")
		if err := chat.DecodePart(place, w.Config, o); err != nil {
			return nil, err
		}
	}
	return o, chat.RefuseUnknown(place, o.Unknown)
}

// embedContent reads a content: one text, or what only Google makes a vector of.
func embedContent(in *embed.Input, raw jsontext.Value) *exchange.Error {
	if !given(raw) {
		return exchange.Invalid(in.At, "Missing required parameter: '"+in.At+"'.")
	}
	var c content
	if err := chat.DecodePart(in.At, raw, &c); err != nil {
		return err
	}
	if err := chat.RefuseUnknown(in.At, c.Unknown); err != nil {
		return err
	}
	if len(c.Parts) == 1 && c.Parts[0].Text != nil {
		in.Text = *c.Parts[0].Text
		return chat.RefuseUnknown(chat.Index(chat.Join(in.At, "parts"), 0), c.Parts[0].Unknown)
	}
	if len(c.Parts) == 0 {
		return exchange.Invalid(in.At, "'"+in.At+"' must hold at least one part.")
	}
	in.Content = raw
	return nil
}

// tokensOf is EmbeddingUsageMetadata.
type tokensOf struct {
	Prompt int64 `json:"promptTokenCount"`
}

// AppendEmbedAnswer renders a BatchEmbedContentsResponse, or an EmbedContentResponse where no batch was asked for.
// Without a report of the provider's there is no usage.
func (Decoder) AppendEmbedAnswer(dst []byte, r *embed.Request, a *embed.Answer) []byte {
	open, shut := `{"embedding":`, ""
	if r.Batch {
		open, shut = `{"embeddings":[`, "]"
	}
	dst = append(dst, open...)
	for i, v := range a.Vectors {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(embed.AppendVector(append(dst, `{"values":`...), v), '}')
	}
	dst = append(dst, shut...)
	if a.Usage.Source != exchange.UsageNone {
		dst = chat.Append(append(dst, `,"usageMetadata":`...), tokensOf{a.Usage.Prompt})
	}
	return append(dst, '}')
}
