// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxDocuments bounds how many documents are ranked at once.
const maxDocuments = 10_000

// ranking is the order that documents have for a query.
type ranking struct {
	Index    int             `json:"index"`
	Score    float64         `json:"relevance_score"`
	Document *rankedDocument `json:"document,omitempty"`
}

type rankedDocument struct {
	Text string `json:"text"`
}

// ranked scores documents by the words of the query that they hold, best first, at most top of them; 0: all.
func ranked(query string, documents []string, top int) []ranking {
	words := strings.Fields(strings.ToLower(query))
	list := make([]ranking, 0, len(documents))
	for i, document := range documents {
		hits, text := 0, strings.ToLower(document)
		for _, word := range words {
			if strings.Contains(text, word) {
				hits++
			}
		}
		list = append(list, ranking{Index: i, Score: (float64(hits) + 0.01) / (float64(len(words)) + 0.02)})
	}
	slices.SortStableFunc(list, func(a, b ranking) int { return cmp.Compare(b.Score, a.Score) })
	if top > 0 && top < len(list) {
		list = list[:top]
	}
	return list
}

// searchUnits is what Cohere bills for: a query with up to a hundred documents.
func searchUnits(documents int) int { return (documents + 99) / 100 }

type cohereRerankRequest struct {
	Model           string   `json:"model"`
	Query           string   `json:"query"`
	Documents       []string `json:"documents"`
	TopN            *int     `json:"top_n"`
	MaxTokensPerDoc *int     `json:"max_tokens_per_doc"`
	Priority        *float64 `json:"priority"`
}

// rerankCall is a request to rank documents; render makes the answer.
type rerankCall struct {
	model, query string
	tokens       int
	render       func(d directives, s stamp) any
}

func (c rerankCall) subject() subject {
	return subject{model: c.model, prompt: c.query, promptTokens: c.tokens}
}

func (c rerankCall) reply(d directives, s stamp) reply { return reply{body: marshal(c.render(d, s))} }

func tokensOf(query string, documents []string) int {
	tokens := CountTokens(query)
	for _, document := range documents {
		tokens += CountTokens(document)
	}
	return tokens
}

func (c cohere) rerank(_ *http.Request, body []byte) (call, *failure) {
	var request cohereRerankRequest
	if fail := decodeCohere(body, &request); fail != nil {
		return nil, fail
	}
	if fail := c.cohereModel(request.Model); fail != nil {
		return nil, fail
	}
	switch {
	case request.Query == "":
		return nil, badRequest("invalid request: query must be at least 1 token long.")
	case len(request.Documents) == 0:
		return nil, badRequest("invalid request: list of documents must not be empty")
	case len(request.Documents) > maxDocuments:
		return nil, badRequest(fmt.Sprintf("invalid request: at most %d documents can be ranked.", maxDocuments))
	case request.TopN != nil && *request.TopN < 1:
		return nil, badRequest("invalid request: top_n must be at least 1.")
	}
	top := 0
	if request.TopN != nil {
		top = *request.TopN
	}
	return rerankCall{
		model: request.Model, query: request.Query, tokens: tokensOf(request.Query, request.Documents),
		render: func(d directives, s stamp) any {
			meta := map[string]any{"api_version": map[string]string{"version": "2"}}
			switch d.faults.Usage {
			case "":
				meta["billed_units"] = map[string]int{"search_units": searchUnits(len(request.Documents))}
			case UsageMalformed:
				meta["billed_units"] = map[string]string{"search_units": "many"}
			}
			return map[string]any{
				"id": requestUUID(s), "results": ranked(request.Query, request.Documents, top), "meta": meta,
			}
		},
	}, nil
}

// jina is the dialect of Jina's reranker, which others took over: POST /v1/rerank.
type jina struct{ openAI }

func newJina(s *Server) jina { return jina{newOpenAI(s)} }

type jinaRequest struct {
	Model           string            `json:"model"`
	Query           string            `json:"query"`
	Documents       []json.RawMessage `json:"documents"`
	TopN            *int              `json:"top_n"`
	ReturnDocuments *bool             `json:"return_documents"`
	Truncation      *bool             `json:"truncation"`
	MaxDocLength    *int              `json:"max_doc_length"`
}

func (j jina) operations() map[string]operation {
	return map[string]operation{"POST /v1/rerank": j.rerank}
}

func (j jina) rerank(_ *http.Request, body []byte) (call, *failure) {
	var request jinaRequest
	if fail := decodeMistral(body, &request); fail != nil { // both validate by pydantic
		return nil, fail
	}
	switch {
	case request.Model == "":
		return nil, unprocessable("model", "missing", "Field required")
	case request.Query == "":
		return nil, unprocessable("query", "missing", "Field required")
	case len(request.Documents) == 0 || len(request.Documents) > maxDocuments:
		return nil, unprocessable("documents", "too_short", "List should have at least 1 item")
	case request.TopN != nil && *request.TopN < 1:
		return nil, unprocessable("top_n", "greater_than_equal", "Input should be greater than or equal to 1")
	case !j.server.knows(request.Model):
		return nil, modelNotFound(request.Model)
	}
	documents := make([]string, len(request.Documents))
	for i, raw := range request.Documents {
		text, ok := documentText(raw)
		if !ok {
			return nil, unprocessable(fmt.Sprintf("documents[%d]", i), "string_type", "Input should be a valid string")
		}
		documents[i] = text
	}
	return rerankCall{
		model: request.Model, query: request.Query, tokens: tokensOf(request.Query, documents),
		render: func(d directives, _ stamp) any { return request.answer(documents, d) },
	}, nil
}

// documentText reads a document: its text, or an object that holds it.
func documentText(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	var object struct {
		Text *string `json:"text"`
	}
	if json.Unmarshal(raw, &object) == nil && object.Text != nil {
		return *object.Text, true
	}
	return "", false
}

func (r *jinaRequest) answer(documents []string, d directives) any {
	top := 0
	if r.TopN != nil {
		top = *r.TopN
	}
	results := ranked(r.Query, documents, top)
	if r.ReturnDocuments == nil || *r.ReturnDocuments {
		for i := range results {
			results[i].Document = &rankedDocument{documents[results[i].Index]}
		}
	}
	answer := map[string]any{"model": r.Model, "object": "list", "results": results}
	switch d.faults.Usage {
	case "":
		answer["usage"] = map[string]int{"total_tokens": tokensOf(r.Query, documents)}
	case UsageMalformed:
		answer["usage"] = malformedUsage
	}
	return answer
}

// failureBody lists the details of requests that do not validate, as pydantic does.
func (j jina) failureBody(f *failure) []byte {
	if f.status == http.StatusUnprocessableEntity {
		return marshal(map[string]any{"detail": []mistralDetail{{Type: f.code, Loc: locationOf(f.param), Msg: f.message}}})
	}
	return j.openAI.failureBody(f)
}
