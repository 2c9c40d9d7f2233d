// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"strings"
)

// googlePredict is Vertex AI's predict, as its models for embeddings take it,
// https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api.
type googlePredict struct{ server *Server }

type predictRequest struct {
	Instances []struct {
		Content string `json:"content"`
		Task    string `json:"task_type"`
		Title   string `json:"title"`
	} `json:"instances"`
	Parameters struct {
		Dimensions *int  `json:"outputDimensionality"`
		Truncate   *bool `json:"autoTruncate"`
	} `json:"parameters"`
}

type prediction struct {
	Embeddings struct {
		googleVector
		Statistics any `json:"statistics,omitempty"`
	} `json:"embeddings"`
}

// embedsContent says that a model of Vertex AI takes embedContent, and not predict.
func embedsContent(model string) bool {
	model = BaseModel(model)
	return strings.Contains(model, "gemini") && !strings.HasSuffix(model, "gemini-embedding-001")
}

// embedOnVertex is embedContent, which the older models do not have.
func (g googlePredict) embedOnVertex(r *http.Request, body []byte) (call, *failure) {
	if model, _ := googleCall(r); !embedsContent(model) {
		return nil, refusedf("%s is not supported for embedContent; use predict.", clip(model, maxEcho))
	}
	return googleEmbed(g).one(r, body)
}

func (g googlePredict) predict(r *http.Request, body []byte) (call, *failure) {
	model, method := googleCall(r)
	var request predictRequest
	if fail := decodeGoogle(body, &request); fail != nil {
		return nil, fail
	}
	switch {
	case !g.server.knows(model):
		return nil, googleNoModel(model, method)
	case embedsContent(model):
		return nil, refusedf("%s is not supported for predict; use embedContent.", clip(model, maxEcho))
	case len(request.Instances) == 0 || len(request.Instances) > 250:
		return nil, refusedf("%d instance(s) is allowed per prediction. Actual: %d", 250, len(request.Instances))
	}
	dimensions := defaultDimensions
	if request.Parameters.Dimensions != nil {
		dimensions = *request.Parameters.Dimensions
	}
	if dimensions < 1 || dimensions > maxDimensions {
		return nil, refusedf("outputDimensionality must be from 1 to %d.", maxDimensions)
	}
	made := predictions{about: subject{model: model}, tokens: make([]int, len(request.Instances))}
	for i, in := range request.Instances {
		if in.Content == "" {
			return nil, refusedf("The text content is empty.")
		}
		if in.Title != "" && in.Task != "" && in.Task != "RETRIEVAL_DOCUMENT" {
			return nil, refusedf("title is only valid with task_type RETRIEVAL_DOCUMENT.")
		}
		made.vectors = append(made.vectors, googleVector{vectorOf(BaseModel(model)+"\x00"+in.Content, dimensions)})
		made.tokens[i] = CountTokens(in.Content)
		made.about.prompt = in.Content
		made.about.promptTokens += made.tokens[i]
	}
	return made, nil
}

// predictions answers with embeddings and, of each, what it cost.
type predictions struct {
	about   subject
	vectors []googleVector
	tokens  []int
}

func (c predictions) subject() subject { return c.about }

func (c predictions) reply(d directives, _ stamp) reply {
	list := make([]prediction, len(c.vectors))
	for i, vector := range c.vectors {
		list[i].Embeddings.googleVector = vector
		switch d.faults.Usage {
		case "":
			list[i].Embeddings.Statistics = map[string]any{"truncated": false, "token_count": c.tokens[i]}
		case UsageMalformed:
			list[i].Embeddings.Statistics = map[string]any{"token_count": "many"}
		}
	}
	body := map[string]any{"predictions": list, "metadata": map[string]int{"billableCharacterCount": 4 * c.about.promptTokens}}
	return reply{body: marshal(body), contentType: googleContent}
}
