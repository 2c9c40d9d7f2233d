// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// outEmbed is EmbedContentRequest as the gateway writes it. The members beside the content stand on their own, as all
// models and both of Google's APIs take them.
type outEmbed struct {
	Model      string         `json:"model,omitzero"`
	Content    jsontext.Value `json:"content"`
	Task       embed.Task     `json:"taskType,omitzero"`
	Title      string         `json:"title,omitzero"`
	Dimensions *int64         `json:"outputDimensionality,omitzero"`
	Truncate   *bool          `json:"autoTruncate,omitzero"`
}

// outPredict is the body of Vertex AI's predict
// (https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api).
type outPredict struct {
	Instances  []outInstance  `json:"instances"`
	Parameters *outParameters `json:"parameters,omitzero"`
}

type outInstance struct {
	Content string     `json:"content"`
	Task    embed.Task `json:"task_type,omitzero"`
	Title   string     `json:"title,omitzero"`
}

type outParameters struct {
	Truncate   *bool  `json:"autoTruncate,omitzero"`
	Dimensions *int64 `json:"outputDimensionality,omitzero"`
}

// AppendEmbedRequest renders the body of the target's verb: BatchEmbedContentsRequest, EmbedContentRequest, which holds
// one input, or what predict takes, which are texts.
func (e Encoder) AppendEmbedRequest(dst []byte, r *embed.Request, t embed.Target) ([]byte, *exchange.Error) {
	switch t.Verb {
	case "predict":
		return appendPredict(dst, r)
	case "embedContent":
		if len(r.Inputs) > 1 {
			return dst, r.Refuse(embed.FieldInputs, 0, target, "this model embeds one input at a time")
		}
		one, err := e.embedding(r, 0)
		if err != nil {
			return dst, err
		}
		return chat.Append(dst, one), nil
	}
	batch := struct {
		Requests []*outEmbed `json:"requests"`
	}{}
	for i := range r.Inputs {
		one, err := e.embedding(r, i)
		if err != nil {
			return dst, err
		}
		one.Model = t.Model
		if !strings.Contains(one.Model, "/") {
			one.Model = "models/" + one.Model
		}
		batch.Requests = append(batch.Requests, one)
	}
	return chat.Append(dst, &batch), nil
}

// embedding gives the request for one input.
func (Encoder) embedding(r *embed.Request, input int) (*outEmbed, *exchange.Error) {
	in := &r.Inputs[input]
	if in.Tokens != nil {
		return nil, chat.RefuseAt(in.At, target, "it takes texts, not tokens")
	}
	o := &outEmbed{Content: in.Content, Task: in.Task, Title: in.Title, Dimensions: r.Dimensions, Truncate: r.Truncate}
	if o.Content == nil {
		o.Content = chat.Append(nil, content{Parts: list[part]{{Text: &in.Text}}})
	}
	return o, nil
}

func appendPredict(dst []byte, r *embed.Request) ([]byte, *exchange.Error) {
	texts, err := r.Texts(target)
	if err != nil {
		return dst, err
	}
	w := outPredict{}
	for i, text := range texts {
		w.Instances = append(w.Instances, outInstance{text, r.Inputs[i].Task, r.Inputs[i].Title})
	}
	if r.Dimensions != nil || r.Truncate != nil {
		w.Parameters = &outParameters{r.Truncate, r.Dimensions}
	}
	return chat.Append(dst, &w), nil
}

// answeredEmbed is the answer of any of the verbs.
type answeredEmbed struct {
	Embedding   *answeredVector  `json:"embedding"`
	Embeddings  []answeredVector `json:"embeddings"`
	Usage       jsontext.Value   `json:"usageMetadata"`
	Predictions []struct {
		Embeddings answeredVector `json:"embeddings"`
	} `json:"predictions"`
}

// answeredVector has statistics where predict answers.
type answeredVector struct {
	Values     jsontext.Value `json:"values"`
	Statistics jsontext.Value `json:"statistics"`
}

var errNoEmbedding = errors.New("gemini: the answer holds no embedding")

// DecodeEmbedAnswer reads the answer of any verb.
func (Encoder) DecodeEmbedAnswer(body []byte) (*embed.Answer, error) {
	var w answeredEmbed
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	a := &embed.Answer{Usage: embed.Reported(w.Usage, "promptTokenCount")}
	if w.Embedding != nil {
		a.Vectors = append(a.Vectors, w.Embedding.Values)
	}
	for _, v := range w.Embeddings {
		a.Vectors = append(a.Vectors, v.Values)
	}
	for _, p := range w.Predictions {
		a.Vectors = append(a.Vectors, p.Embeddings.Values)
		one := embed.Reported(p.Embeddings.Statistics, "token_count")
		a.Usage.Prompt, a.Usage.Total = a.Usage.Prompt+one.Prompt, a.Usage.Total+one.Total
		a.Usage.Source = max(a.Usage.Source, one.Source)
	}
	if len(a.Vectors) == 0 {
		return nil, errNoEmbedding
	}
	return a, nil
}
