// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
)

// defaultDimensions is the length of a vector unless dimensions asks for another, up to maxDimensions.
const (
	defaultDimensions = 256
	maxDimensions     = 4096
)

type embeddingsRequest struct {
	Model      string          `json:"model"`
	Input      json.RawMessage `json:"input"`
	Encoding   *string         `json:"encoding_format"`
	Dimensions int             `json:"dimensions"`
	User       *string         `json:"user"`
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

type embeddingsCall struct {
	embeddingsRequest
	inputs []string
	tokens int
}

func (o openAI) embeddings(_ *http.Request, body []byte) (call, *failure) {
	var request embeddingsRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	return o.server.embed(request)
}

// looseEmbeddings is the same of servers that take what they do not know without a word.
func (o openAI) looseEmbeddings(_ *http.Request, body []byte) (call, *failure) {
	var request embeddingsRequest
	if fail := unmarshalBody(body, &request); fail != nil {
		return nil, fail
	}
	return o.server.embed(request)
}

// embed understands a request that has been decoded.
func (s *Server) embed(request embeddingsRequest) (call, *failure) {
	if request.Model == "" {
		return nil, badRequest("you must provide a model parameter")
	}
	if !s.knows(request.Model) {
		return nil, modelNotFound(request.Model)
	}
	if request.Dimensions < 0 || request.Dimensions > maxDimensions {
		return nil, invalid("dimensions", "Invalid 'dimensions'.")
	}
	if fail := oneOf("encoding_format", request.Encoding, "float", "base64"); fail != nil {
		return nil, fail
	}
	if request.Dimensions == 0 {
		request.Dimensions = defaultDimensions
	}
	inputs, tokens := embeddingInputs(request.Input)
	if len(inputs) == 0 {
		return nil, invalid("input", "'input' must be a string, tokens, or a list of either.")
	}
	return embeddingsCall{request, inputs, tokens}, nil
}

// embeddingInputs reads the four shapes of input: string, string[], int[], int[][].
func embeddingInputs(raw json.RawMessage) (inputs []string, tokens int) {
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		return []string{text}, CountTokens(text)
	}
	if json.Unmarshal(raw, &inputs) == nil {
		for _, input := range inputs {
			tokens += CountTokens(input)
		}
		return inputs, tokens
	}
	var flat []int
	if json.Unmarshal(raw, &flat) == nil && len(flat) > 0 {
		return []string{string(raw)}, len(flat)
	}
	var lists [][]int
	if json.Unmarshal(raw, &lists) != nil {
		return nil, 0
	}
	inputs = nil
	for _, list := range lists {
		inputs = append(inputs, string(marshal(list)))
		tokens += len(list)
	}
	return inputs, tokens
}

func (c embeddingsCall) subject() subject {
	return subject{model: c.Model, prompt: c.inputs[len(c.inputs)-1], promptTokens: c.tokens}
}

func (c embeddingsCall) reply(d directives, _ stamp) reply {
	list := make([]embedding, 0, len(c.inputs))
	for i, input := range c.inputs {
		vector := vectorOf(BaseModel(c.Model)+"\x00"+input, c.Dimensions)
		item := embedding{Object: "embedding", Index: i, Embedding: vector}
		if orDefault(c.Encoding, "float") == "base64" {
			packed, _ := binary.Append(nil, binary.LittleEndian, vector) // a slice of float32 always packs
			item.Embedding = base64.StdEncoding.EncodeToString(packed)
		}
		list = append(list, item)
	}
	body := map[string]any{"object": "list", "data": list, "model": c.Model}
	switch d.faults.Usage {
	case "":
		body["usage"] = map[string]int{"prompt_tokens": c.tokens, "total_tokens": c.tokens}
	case UsageMalformed:
		body["usage"] = malformedUsage
	}
	return reply{body: marshal(body)}
}

// vectorOf gives the same unit vector for the same text.
func vectorOf(text string, dimensions int) []float32 {
	seed := fnv.New64a()
	seed.Write([]byte(text))
	draws := rand.New(rand.NewPCG(seed.Sum64(), uint64(dimensions)))
	vector, square := make([]float32, dimensions), 0.0
	for i := range vector {
		value := draws.NormFloat64()
		vector[i], square = float32(value), square+value*value
	}
	for i := range vector {
		vector[i] /= float32(math.Sqrt(square))
	}
	return vector
}
