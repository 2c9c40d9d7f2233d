// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// titanRequest is the body of Amazon Titan Text Embeddings V2; the first generation has the text only.
type titanRequest struct {
	Text       string   `json:"inputText"`
	Dimensions *int     `json:"dimensions"`
	Normalize  *bool    `json:"normalize"`
	Types      []string `json:"embeddingTypes"`
}

// bedrockInvoke is InvokeModel, https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html, for
// the models that embed: bodies are their makers'. What was counted stands in a header.
type bedrockInvoke struct{ bedrock }

func (b bedrockInvoke) operations() map[string]operation {
	return map[string]operation{"POST /model/{id}/invoke": b.invoke}
}

func (b bedrockInvoke) headers(h http.Header, s stamp) {
	b.bedrock.headers(h, s)
	h.Set("X-Amzn-Bedrock-Input-Token-Count", strconv.Itoa(s.prompt))
}

func (b bedrockInvoke) invoke(r *http.Request, body []byte) (call, *failure) {
	id := r.PathValue("id")
	if fail := b.knownModel(id); fail != nil {
		return nil, fail
	}
	switch name := BaseModel(id); {
	case strings.Contains(name, "amazon.titan-embed-"):
		return b.titan(id, !strings.Contains(name, "-v2"), body)
	case strings.Contains(name, "cohere.embed-"):
		return b.cohereEmbed(id, strings.Contains(name, "-v3"), body)
	}
	return nil, refusedf("The fake provider invokes Amazon Titan and Cohere Embed only.")
}

func (b bedrockInvoke) titan(model string, first bool, body []byte) (call, *failure) {
	var request titanRequest
	if fail := decodeBedrock(body, &request); fail != nil {
		return nil, fail
	}
	dimensions := 1024
	switch {
	case request.Text == "":
		return nil, refusedf("Malformed input request: expected minLength: 1, actual: 0, please reformat your input and try again.")
	case first && (request.Dimensions != nil || request.Normalize != nil || request.Types != nil):
		return nil, refusedf("Malformed input request: extraneous key is not permitted, please reformat your input and try again.")
	case request.Dimensions != nil:
		dimensions = *request.Dimensions
	}
	if !slices.Contains([]int{256, 512, 1024}, dimensions) {
		return nil, refusedf("Malformed input request: dimensions must be one of 256, 512, 1024.")
	}
	return titanCall{model, request.Text, dimensions}, nil
}

type titanCall struct {
	model, text string
	dimensions  int
}

func (c titanCall) subject() subject {
	return subject{model: c.model, prompt: c.text, promptTokens: CountTokens(c.text)}
}

func (c titanCall) reply(d directives, _ stamp) reply {
	vector := vectorOf(BaseModel(c.model)+"\x00"+c.text, c.dimensions)
	body := map[string]any{"embedding": vector, "embeddingsByType": map[string]any{"float": vector}}
	switch d.faults.Usage {
	case "":
		body["inputTextTokenCount"] = CountTokens(c.text)
	case UsageMalformed:
		body["inputTextTokenCount"] = "many"
	}
	return reply{body: marshal(body)}
}

// invokedEmbed is Cohere's request at Bedrock, whose URL names the model.
type invokedEmbed struct {
	InputType       string   `json:"input_type"`
	Texts           []string `json:"texts"`
	Images          []string `json:"images"`
	Inputs          []input  `json:"inputs"`
	MaxTokens       *int     `json:"max_tokens"`
	OutputDimension *int     `json:"output_dimension"`
	EmbeddingTypes  []string `json:"embedding_types"`
	Truncate        *string  `json:"truncate"`
}

func (b bedrockInvoke) cohereEmbed(model string, third bool, body []byte) (call, *failure) {
	var request invokedEmbed
	if fail := decodeBedrock(body, &request); fail != nil {
		return nil, fail
	}
	words := []string{"NONE", "LEFT", "RIGHT"}
	if third {
		words = []string{"NONE", "START", "END"}
	}
	switch {
	case third && (request.OutputDimension != nil || request.Inputs != nil || request.MaxTokens != nil):
		return nil, refusedf("Malformed input request: extraneous key is not permitted, please reformat your input and try again.")
	case request.Truncate != nil && !slices.Contains(words, *request.Truncate):
		return nil, refusedf("Malformed input request: #/truncate: %s is not a valid enum value", clip(*request.Truncate, maxEcho))
	}
	checked := cohereEmbedRequest{
		Model: model, InputType: request.InputType, Texts: request.Texts, Images: request.Images, Inputs: request.Inputs,
		OutputDimension: request.OutputDimension, EmbeddingTypes: request.EmbeddingTypes,
	}
	if fail := checked.check(); fail != nil {
		return nil, fail
	}
	made := &cohereEmbed{cohereEmbedRequest: checked}
	for _, text := range request.Texts {
		made.add(text, CountTokens(text))
	}
	return invokedEmbedCall{made}, nil
}

// invokedEmbedCall answers as Cohere does, but without a usage.
type invokedEmbedCall struct{ *cohereEmbed }

func (c invokedEmbedCall) reply(_ directives, s stamp) reply {
	vectors := make([][]float32, 0, len(c.units))
	for _, unit := range c.units {
		dimensions := 1024
		if c.OutputDimension != nil {
			dimensions = *c.OutputDimension
		}
		vectors = append(vectors, vectorOf(BaseModel(c.Model)+"\x00"+unit, dimensions))
	}
	body := map[string]any{"id": requestUUID(s), "texts": c.Texts, "response_type": "embeddings_floats", "embeddings": vectors}
	if len(c.EmbeddingTypes) > 0 {
		body["response_type"], body["embeddings"] = "embeddings_by_type", map[string]any{"float": vectors}
	}
	return reply{body: marshal(body)}
}
