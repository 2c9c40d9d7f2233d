// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
)

// maxCohereTexts bounds how many texts or images one request embeds.
const maxCohereTexts = 96

type cohereEmbedRequest struct {
	Model           string   `json:"model"`
	InputType       string   `json:"input_type"`
	Texts           []string `json:"texts"`
	Images          []string `json:"images"`
	Inputs          []input  `json:"inputs"`
	MaxTokens       *int     `json:"max_tokens"`
	OutputDimension *int     `json:"output_dimension"`
	EmbeddingTypes  []string `json:"embedding_types"`
	Truncate        *string  `json:"truncate"`
	Priority        *float64 `json:"priority"`
}

// input is what is embedded as one, of several parts.
type input struct {
	Content []coherePart `json:"content"`
}

type cohereEmbed struct {
	cohereEmbedRequest
	units  []string // what stands for each vector
	tokens int
}

func (c cohere) embed(_ *http.Request, body []byte) (call, *failure) {
	var request cohereEmbedRequest
	if fail := decodeCohere(body, &request); fail != nil {
		return nil, fail
	}
	if fail := first(c.cohereModel(request.Model), request.check()); fail != nil {
		return nil, fail
	}
	made := &cohereEmbed{cohereEmbedRequest: request}
	for _, text := range request.Texts {
		made.add(text, CountTokens(text))
	}
	for _, image := range request.Images {
		made.add(image, tokensOfImage)
	}
	for _, in := range request.Inputs {
		made.add(string(marshal(in)), CountTokens(string(marshal(in))))
	}
	return made, nil
}

func (e *cohereEmbed) add(unit string, tokens int) {
	e.units = append(e.units, unit)
	e.tokens += tokens
}

func (r *cohereEmbedRequest) check() *failure {
	kinds := 0
	for _, n := range []int{len(r.Texts), len(r.Images), len(r.Inputs)} {
		if n > 0 {
			kinds++
		}
		if n > maxCohereTexts {
			return badRequest(fmt.Sprintf("invalid request: at most %d texts, images or inputs can be embedded at once.",
				maxCohereTexts))
		}
	}
	if kinds != 1 {
		return badRequest("invalid request: exactly one of texts, images, or inputs must be specified.")
	}
	if !slices.Contains([]string{"search_document", "search_query", "classification", "clustering", "image"}, r.InputType) {
		return badRequest("invalid request: valid input_type must be provided with the provided model.")
	}
	for _, kind := range r.EmbeddingTypes {
		if !slices.Contains([]string{"float", "int8", "uint8", "binary", "ubinary", "base64"}, kind) {
			return badRequest("invalid request: embedding_types must be one of float, int8, uint8, binary, ubinary, base64.")
		}
	}
	if r.OutputDimension != nil && !slices.Contains([]int{256, 512, 1024, 1536}, *r.OutputDimension) {
		return badRequest("invalid request: output_dimension must be one of 256, 512, 1024, 1536.")
	}
	if r.Truncate != nil && !slices.Contains([]string{"NONE", "START", "END"}, *r.Truncate) {
		return badRequest("invalid request: truncate must be one of NONE, START, END.")
	}
	for _, url := range r.Images {
		if _, err := sightOfURL(url); err != nil {
			return badRequest("invalid request: images: " + err.Error() + ".")
		}
	}
	return nil
}

func (e *cohereEmbed) subject() subject {
	return subject{model: e.Model, prompt: e.units[len(e.units)-1], promptTokens: e.tokens}
}

func (e *cohereEmbed) reply(d directives, s stamp) reply {
	kinds, dimensions := e.EmbeddingTypes, 1536
	if len(kinds) == 0 {
		kinds = []string{"float"}
	}
	if e.OutputDimension != nil {
		dimensions = *e.OutputDimension
	}
	embeddings := map[string][]any{}
	for _, unit := range e.units {
		vector := vectorOf(BaseModel(e.Model)+"\x00"+unit, dimensions)
		for _, kind := range kinds {
			embeddings[kind] = append(embeddings[kind], quantized(vector, kind))
		}
	}
	body := map[string]any{
		"id": requestUUID(s), "response_type": "embeddings_by_type", "embeddings": embeddings, "texts": e.Texts,
	}
	meta := map[string]any{"api_version": map[string]string{"version": "2"}}
	switch d.faults.Usage {
	case "":
		meta["billed_units"] = map[string]int{"input_tokens": e.tokens}
	case UsageMalformed:
		meta["billed_units"] = map[string]string{"input_tokens": "many"}
	}
	body["meta"] = meta
	return reply{body: marshal(body)}
}

// quantized is a vector as one of embedding_types has it.
func quantized(vector []float32, kind string) any {
	whole := make([]int, len(vector))
	for i, value := range vector {
		whole[i] = int(value * 127)
	}
	switch kind {
	case "int8":
		return whole
	case "uint8":
		for i := range whole {
			whole[i] += 128
		}
		return whole
	case "binary", "ubinary":
		return packedSigns(vector, kind == "binary")
	case "base64":
		packed, _ := binary.Append(nil, binary.LittleEndian, vector) // a slice of float32 always packs
		return base64.StdEncoding.EncodeToString(packed)
	}
	return vector
}

// packedSigns holds the signs of eight numbers in one.
func packedSigns(vector []float32, signed bool) []int {
	packed := make([]int, len(vector)/8)
	for i := range packed {
		for bit, value := range vector[8*i : 8*i+8] {
			if value > 0 {
				packed[i] |= 1 << (7 - bit)
			}
		}
		if signed {
			packed[i] -= 128
		}
	}
	return packed
}
