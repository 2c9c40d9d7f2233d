// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Request is what an application wants to have embedded. Nothing of it changes after decoding.
type Request struct {
	// Inputs are one at least, in the order in which their vectors are answered.
	Inputs []Input
	// Dimensions is the length of the vectors, positive; nil leaves it to the model.
	Dimensions *int64
	// Truncate says whether an input that is too long is cut, or an error; nil leaves it to the provider.
	Truncate *bool
	// User is the application's own name for its end user, for the provider's detection of abuse.
	User string

	// Base64 asks for vectors as base64 of little-endian float32s, where OpenAI's dialect answers.
	Base64 bool
	// Batch asks for a list even of one, where Gemini's dialect answers.
	Batch bool

	// Names gives a field's place in the application's request, for refusals; input is the index of the input that it
	// belongs to, for fields that belong to one. The decoder sets it.
	Names func(f Field, input int) string
}

// Input is one thing to be embedded: a text, unless Tokens or Content is set.
type Input struct {
	Text string
	// Tokens are a text as the model's own tokenizer cuts it, as OpenAI takes it.
	Tokens []int64
	// Content is Gemini's content of more than one text, as it was written, which becomes one vector.
	Content jsontext.Value
	// Task is what the vector is for; "" does not say.
	Task Task
	// Title of the document that the text is.
	Title string
	// At is where it stands in the application's request, such as "input[3]".
	At string
}

// Field is a field of a Request, for refusals.
type Field uint8

// The fields that some dialect cannot express. Task and Title belong to an input.
const (
	FieldInputs Field = iota
	FieldTask
	FieldTitle
	FieldDimensions
	FieldTruncate
)

// Task is what a vector is for. The words are Google's; one that is none of these is for Google to judge.
type Task string

// The tasks.
const (
	Query              Task = "RETRIEVAL_QUERY"
	Document           Task = "RETRIEVAL_DOCUMENT"
	SemanticSimilarity Task = "SEMANTIC_SIMILARITY"
	Classification     Task = "CLASSIFICATION"
	Clustering         Task = "CLUSTERING"
)

// Refuse says that the target, given by its name ("Cohere"), cannot express a field. A note says more.
func (r *Request) Refuse(f Field, input int, target string, note ...string) *exchange.Error {
	return chat.RefuseAt(r.Names(f, input), target, note...)
}

// Lacking refuses those of the fields that are asked for, as the target has none of them.
func (r *Request) Lacking(target string, fields ...Field) *exchange.Error {
	for _, f := range fields {
		input, asked := r.asks(f)
		if asked {
			return r.Refuse(f, input, target)
		}
	}
	return nil
}

// asks says whether a field asks for something, and of which input.
func (r *Request) asks(f Field) (input int, asked bool) {
	switch f {
	case FieldTask, FieldTitle:
		for i := range r.Inputs {
			if f == FieldTask && r.Inputs[i].Task != "" || f == FieldTitle && r.Inputs[i].Title != "" {
				return i, true
			}
		}
	case FieldDimensions:
		return 0, r.Dimensions != nil
	case FieldTruncate:
		return 0, r.Truncate != nil
	case FieldInputs:
		return 0, len(r.Inputs) > 1
	}
	return 0, false
}

// Texts gives the inputs, and refuses those that are no single text.
func (r *Request) Texts(target string) ([]string, *exchange.Error) {
	texts := make([]string, len(r.Inputs))
	for i := range r.Inputs {
		in := &r.Inputs[i]
		switch {
		case in.Tokens != nil:
			return nil, chat.RefuseAt(in.At, target, "it takes texts, not tokens")
		case in.Content != nil:
			return nil, chat.RefuseAt(in.At, target, "it takes one text for each vector, and nothing else")
		}
		texts[i] = in.Text
	}
	return texts, nil
}

// OneTask gives the task of all inputs, and refuses one that differs.
func (r *Request) OneTask(target string) (Task, *exchange.Error) {
	for i := range r.Inputs {
		if r.Inputs[i].Task != r.Inputs[0].Task {
			return "", r.Refuse(FieldTask, i, target, "one task is for all texts of a request")
		}
	}
	return r.Inputs[0].Task, nil
}

// Target is what an encoder must know beside the request.
type Target struct {
	// Model is the provider's name for the model.
	Model string
	// Verb is the operation, where a dialect has several: "batchEmbedContents", "embedContent" or "predict" of Google's.
	Verb string
}

// Decoder reads what applications ask in a dialect, and Encoder answers them. They are stateless and safe for
// concurrent use.
type Decoder interface {
	// DecodeEmbedRequest reads a body that is known to be one JSON object. It refuses, naming the field, what is malformed
	// and what no other dialect can express.
	DecodeEmbedRequest(body []byte) (*Request, *exchange.Error)
	// AppendEmbedAnswer renders the answer to a request.
	AppendEmbedAnswer(dst []byte, r *Request, a *Answer) []byte
}

// Encoder asks providers in a dialect and reads what they answer. It is stateless and safe for concurrent use.
type Encoder interface {
	// AppendEmbedRequest renders a request for the target, or refuses what the dialect cannot express.
	AppendEmbedRequest(dst []byte, r *Request, t Target) ([]byte, *exchange.Error)
	// DecodeEmbedAnswer reads an answer. An error says that it is not one.
	DecodeEmbedAnswer(body []byte) (*Answer, error)
}
