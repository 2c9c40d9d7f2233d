// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// Page sizes of the list of models.
const (
	googlePage    = 50
	googleMaxPage = 1000
)

type googleModel struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	DisplayName string   `json:"displayName"`
	Description string   `json:"description"`
	Input       int      `json:"inputTokenLimit"`
	Output      int      `json:"outputTokenLimit"`
	Methods     []string `json:"supportedGenerationMethods"`
}

func googleModelNamed(id string) googleModel {
	return googleModel{
		Name: "models/" + id, Version: "001", DisplayName: "Fake " + id, Description: "Answers as it is told.",
		Input: 1_048_576, Output: 65_536,
		Methods: []string{"generateContent", "countTokens", "embedContent", "batchEmbedContents"},
	}
}

// listModels gives a page of models; a page's token is the place where it begins.
func (g gemini) listModels(r *http.Request, _ []byte) (call, *failure) {
	size, fail := queryNumber(r, "pageSize", googlePage)
	if fail != nil {
		return nil, fail
	}
	from, fail := queryNumber(r, "pageToken", 0)
	if fail != nil {
		return nil, fail
	}
	ids := g.server.options.Models
	from = min(from, len(ids))
	to := min(from+size, len(ids))
	models := make([]googleModel, 0, to-from)
	for _, id := range ids[from:to] {
		models = append(models, googleModelNamed(id))
	}
	body := map[string]any{"models": models}
	if to < len(ids) {
		body["nextPageToken"] = strconv.Itoa(to)
	}
	return fixedCall{body: marshal(body)}, nil
}

func queryNumber(r *http.Request, name string, fallback int) (int, *failure) {
	said := r.URL.Query().Get(name)
	if said == "" {
		return fallback, nil
	}
	number, err := strconv.Atoi(said)
	if err != nil || number < 0 || number > googleMaxPage {
		return 0, refusedf("Invalid value at '%s'", name)
	}
	return number, nil
}

func (g gemini) getModel(r *http.Request, _ []byte) (call, *failure) {
	id := r.PathValue("id")
	if !slices.Contains(g.server.options.Models, BaseModel(id)) {
		return nil, googleNoModel(id, "getModel")
	}
	return fixedCall{about: subject{model: id}, body: marshal(googleModelNamed(id))}, nil
}

// googleEmbed is embedContent and its like, https://ai.google.dev/api/embeddings.
type googleEmbed struct{ server *Server }

type googleEmbedding struct {
	Model      string          `json:"model"`
	Content    *googleContents `json:"content"`
	TaskType   string          `json:"taskType"`
	Title      string          `json:"title"`
	Dimensions *int            `json:"outputDimensionality"`
	Truncate   *bool           `json:"autoTruncate"`
}

type googleVector struct {
	Values []float32 `json:"values"`
}

// vector embeds one text, or says what is wrong with the request for it.
func (e googleEmbedding) vector(model, at string) (googleVector, int, *failure) {
	dimensions := defaultDimensions
	if e.Dimensions != nil {
		dimensions = *e.Dimensions
	}
	switch {
	case e.Content == nil || e.Content.said() == "":
		return googleVector{}, 0, refusedf("* EmbedContentRequest.%scontent: contents is not specified", at)
	case dimensions < 1 || dimensions > maxDimensions:
		return googleVector{}, 0, refusedf("* EmbedContentRequest.%soutput_dimensionality: must be from 1 to %d", at, maxDimensions)
	case e.Model != "" && e.Model != "models/"+model:
		return googleVector{}, 0, refusedf("* EmbedContentRequest.%smodel: expected 'models/%s'", at, clip(model, maxEcho))
	}
	text := e.Content.said()
	return googleVector{vectorOf(BaseModel(model)+"\x00"+text, dimensions)}, CountTokens(text), nil
}

func (g googleEmbed) one(r *http.Request, body []byte) (call, *failure) {
	model, method := googleCall(r)
	var request googleEmbedding
	if fail := decodeGoogle(body, &request); fail != nil {
		return nil, fail
	}
	if !g.server.knows(model) {
		return nil, googleNoModel(model, method)
	}
	vector, tokens, fail := request.vector(model, "")
	if fail != nil {
		return nil, fail
	}
	about := subject{model: model, prompt: request.Content.said(), promptTokens: tokens}
	return googleVectors{about: about, name: "embedding", vectors: vector}, nil
}

func (g googleEmbed) batch(r *http.Request, body []byte) (call, *failure) {
	model, method := googleCall(r)
	var request struct {
		Requests []googleEmbedding `json:"requests"`
	}
	if fail := decodeGoogle(body, &request); fail != nil {
		return nil, fail
	}
	if !g.server.knows(model) {
		return nil, googleNoModel(model, method)
	}
	if len(request.Requests) == 0 {
		return nil, refusedf("* BatchEmbedContentsRequest.requests: requests is not specified")
	}
	about, vectors := subject{model: model}, make([]googleVector, 0, len(request.Requests))
	for i, item := range request.Requests {
		at := fmt.Sprintf("requests[%d].", i)
		if item.Model == "" {
			return nil, refusedf("* BatchEmbedContentsRequest.%smodel: unexpected model name format", at)
		}
		vector, tokens, fail := item.vector(model, at)
		if fail != nil {
			return nil, fail
		}
		vectors = append(vectors, vector)
		about.prompt = item.Content.said()
		about.promptTokens += tokens
	}
	return googleVectors{about: about, name: "embeddings", vectors: vectors}, nil
}

// googleVectors answers with embeddings and what they cost.
type googleVectors struct {
	about   subject
	name    string
	vectors any
}

func (c googleVectors) subject() subject { return c.about }

func (c googleVectors) reply(d directives, _ stamp) reply {
	body := map[string]any{c.name: c.vectors}
	switch d.faults.Usage {
	case "":
		body["usageMetadata"] = map[string]int{"promptTokenCount": c.about.promptTokens}
	case UsageMalformed:
		body["usageMetadata"] = malformedGoogleUsage
	}
	return reply{body: marshal(body), contentType: googleContent}
}
