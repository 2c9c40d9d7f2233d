// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var (
	_ embed.Decoder = Decoder{}
	_ embed.Encoder = Encoder{}
)

// embedRequest is CreateEmbeddingRequest (https://platform.openai.com/docs/api-reference/embeddings/create). InputType
// is not OpenAI's: it is Cohere's, which clients of this dialect send to tell queries from documents.
type embedRequest struct {
	Model      string         `json:"model"`
	Input      jsontext.Value `json:"input"`
	Encoding   string         `json:"encoding_format"`
	Dimensions *int64         `json:"dimensions"`
	User       string         `json:"user"`
	InputType  string         `json:"input_type"`
	Unknown    jsontext.Value `json:",embed"`
}

// tasks are the values of input_type.
var tasks = map[string]embed.Task{
	"": "", "search_query": embed.Query, "search_document": embed.Document,
	"classification": embed.Classification, "clustering": embed.Clustering,
}

// DecodeEmbedRequest reads the body of POST /v1/embeddings. Beside OpenAI's members it takes input_type, in Cohere's
// words, for what the vectors are for.
func (Decoder) DecodeEmbedRequest(body []byte) (*embed.Request, *exchange.Error) {
	var w embedRequest
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	if err := chat.RefuseUnknown("", w.Unknown); err != nil {
		return nil, err
	}
	task, known := tasks[w.InputType]
	switch {
	case w.Encoding != "" && w.Encoding != "float" && w.Encoding != "base64":
		return nil, exchange.Invalid("encoding_format", "'encoding_format' must be 'float' or 'base64'.")
	case w.Dimensions != nil && *w.Dimensions < 1:
		return nil, exchange.Invalid("dimensions", "'dimensions' must be positive.")
	case !known:
		return nil, exchange.Invalid("input_type",
			"'input_type' must be 'search_query', 'search_document', 'classification' or 'clustering'.")
	}
	r := &embed.Request{Dimensions: w.Dimensions, User: w.User, Base64: w.Encoding == "base64", Names: embedNames}
	err := w.inputs(r)
	for i := range r.Inputs {
		r.Inputs[i].Task = task
	}
	return r, err
}

func embedNames(f embed.Field, _ int) string {
	return [...]string{
		embed.FieldInputs: "input", embed.FieldTask: "input_type", embed.FieldTitle: "title",
		embed.FieldDimensions: "dimensions", embed.FieldTruncate: "truncate",
	}[f]
}

// inputs reads input in any of its shapes: string, string[], int[], int[][].
func (w *embedRequest) inputs(r *embed.Request) *exchange.Error {
	const at = "input"
	switch kindOf(w.Input) {
	case '"':
		r.Inputs = []embed.Input{{Text: stringOf(w.Input), At: at}}
		return nil
	case '[':
	default:
		return exchange.Invalid(at, "'input' must be a string, a list of tokens, or a list of either.")
	}
	var list []jsontext.Value
	if err := chat.DecodePart(at, w.Input, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		return exchange.Invalid(at, "'input' must not be empty.")
	}
	if kindOf(list[0]) == '0' {
		in := embed.Input{At: at}
		err := chat.DecodePart(at, w.Input, &in.Tokens)
		r.Inputs = []embed.Input{in}
		return err
	}
	for i, v := range list {
		in := embed.Input{At: chat.Index(at, i)}
		switch kindOf(v) {
		case '"':
			in.Text = stringOf(v)
		case '[':
			if err := chat.DecodePart(in.At, v, &in.Tokens); err != nil {
				return err
			}
		default:
			return exchange.Invalid(in.At, "'"+in.At+"' must be a string or a list of tokens.")
		}
		r.Inputs = append(r.Inputs, in)
	}
	return nil
}

// AppendEmbedAnswer renders CreateEmbeddingResponse. Without a report of the provider's there is no usage.
func (Decoder) AppendEmbedAnswer(dst []byte, r *embed.Request, a *embed.Answer) []byte {
	dst = append(dst, `{"object":"list","data":[`...)
	for i, v := range a.Vectors {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"object":"embedding","index":`...)
		dst = append(strconv.AppendInt(dst, int64(i), 10), `,"embedding":`...)
		if r.Base64 {
			dst = embed.AppendBase64(dst, v)
		} else {
			dst = embed.AppendVector(dst, v)
		}
		dst = append(dst, '}')
	}
	dst = chat.Append(append(dst, `],"model":`...), a.Model)
	if a.Usage.Source != exchange.UsageNone {
		dst = strconv.AppendInt(append(dst, `,"usage":{"prompt_tokens":`...), a.Usage.Prompt, 10)
		dst = append(strconv.AppendInt(append(dst, `,"total_tokens":`...), a.Usage.Total, 10), '}')
	}
	return append(dst, '}')
}

// outEmbed is CreateEmbeddingRequest as the gateway writes it, or Mistral's EmbeddingRequest, which calls the dimensions
// differently (https://docs.mistral.ai/api/endpoint/embeddings).
type outEmbed struct {
	Model           string   `json:"model"`
	Input           []string `json:"input"`
	Encoding        string   `json:"encoding_format"`
	Dimensions      *int64   `json:"dimensions,omitzero"`
	OutputDimension *int64   `json:"output_dimension,omitzero"`
	User            string   `json:"user,omitzero"`
}

// AppendEmbedRequest renders the body of POST /embeddings. It refuses tasks and titles, which the dialect lacks, and
// inputs that are to be cut where they are too long. What is too long is an error in this dialect, so that not to cut
// asks for nothing. The end user's name is left out where there is no place for it.
func (e Encoder) AppendEmbedRequest(dst []byte, r *embed.Request, t embed.Target) ([]byte, *exchange.Error) {
	name := e.Flavor.traits().name
	lacking := []embed.Field{embed.FieldTask, embed.FieldTitle}
	if r.Truncate != nil && *r.Truncate {
		lacking = append(lacking, embed.FieldTruncate)
	}
	if err := r.Lacking(name, lacking...); err != nil {
		return dst, err
	}
	w := outEmbed{Model: t.Model, Encoding: "float", Dimensions: r.Dimensions, User: r.User}
	if e.Flavor.traits().nameless {
		w.User = ""
	}
	if e.Flavor == Mistral {
		w.Dimensions, w.OutputDimension = nil, r.Dimensions
	}
	var err *exchange.Error
	if w.Input, err = r.Texts(name); err != nil {
		return dst, err
	}
	return chat.Append(dst, &w), nil
}

// answeredEmbed is CreateEmbeddingResponse.
type answeredEmbed struct {
	Data []struct {
		Index     *int64         `json:"index"`
		Embedding jsontext.Value `json:"embedding"`
	} `json:"data"`
	Model string         `json:"model"`
	Usage jsontext.Value `json:"usage"`
}

var errEmbedding = errors.New("openai: the answer is no list of embeddings")

// DecodeEmbedAnswer reads CreateEmbeddingResponse, whose vectors may stand in any order; without an index each stands
// where it belongs.
func (Encoder) DecodeEmbedAnswer(body []byte) (*embed.Answer, error) {
	var w answeredEmbed
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	a := &embed.Answer{
		Model: w.Model, Vectors: make([]jsontext.Value, len(w.Data)), Usage: embed.Reported(w.Usage, "prompt_tokens"),
	}
	for i, d := range w.Data {
		if d.Index != nil {
			if *d.Index < 0 || *d.Index >= int64(len(w.Data)) {
				return nil, errEmbedding
			}
			i = int(*d.Index)
		}
		if a.Vectors[i] != nil || d.Embedding == nil {
			return nil, errEmbedding
		}
		a.Vectors[i] = d.Embedding
	}
	return a, nil
}
