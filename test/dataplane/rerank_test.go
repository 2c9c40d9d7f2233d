// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// reranked is an answer of either version.
type reranked struct {
	Results []struct {
		Index    int
		Score    float64 `json:"relevance_score"`
		Document *struct{ Text string }
	}
	Error *struct{ Message, Type string }
}

func TestRerankersAreAskedAsTheApplicationAsks(t *testing.T) {
	const texts = `"query":"red apple","documents":["a blue car","a red apple"],"top_n":1`
	for name, tc := range map[string]struct {
		kind                     config.ProviderType
		path, body               string
		wantPath, wantBody, text string
	}{
		"Cohere's second": {
			config.Cohere, "/v2/rerank", `{"model":"fake/rerank-v3.5",` + texts + `,"max_tokens_per_doc":100}`,
			"/v2/rerank", `{"model":"rerank-v3.5",` + texts + `,"max_tokens_per_doc":100}`, "",
		},
		"Cohere's first": {
			config.Cohere, "/v1/rerank", `{"model":"fake/rerank-v3.5",` + texts + `,"return_documents":false}`,
			"/v1/rerank", `{"model":"rerank-v3.5",` + texts + `,"return_documents":false}`, "",
		},
		"documents that are objects, and wanted back": {
			config.Cohere, "/v1/rerank", `{"model":"rerank-v3.5","query":"red apple","documents":[{"text":"a car"},{"text":"a red apple"}],"return_documents":true}`,
			"/v1/rerank", `{"model":"rerank-v3.5","query":"red apple","documents":[{"text":"a car"},{"text":"a red apple"}],"return_documents":true}`, "a red apple",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, tc.kind))
			got := s.do(s.request("POST", tc.path, tc.body))
			var r reranked
			if err := json.Unmarshal([]byte(got.body), &r); err != nil || got.StatusCode != 200 {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			if len(r.Results) == 0 || r.Results[0].Index != 1 || r.Results[0].Score < 0.9 {
				t.Fatalf("results %+v", r.Results)
			}
			if document := r.Results[0].Document; (document != nil) != (tc.text != "") || document != nil && document.Text != tc.text {
				t.Errorf("document %+v", document)
			}
			if record := s.record(fakeprovider.Completed); record.Path != tc.wantPath || record.Body != tc.wantBody {
				t.Errorf("asked %s %s", record.Path, record.Body)
			}
		})
	}
}

func TestWhatARerankerRefusesIsToldInOpenAIsWords(t *testing.T) {
	s := start(t, to(t, config.Cohere))
	got := s.do(s.request("POST", "/v2/rerank", `{"model":"rerank-v3.5","query":"q","documents":["a"],"return_documents":true}`))
	var r reranked
	if err := json.Unmarshal([]byte(got.body), &r); err != nil || got.StatusCode != 400 {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	if r.Error == nil || r.Error.Message == "" || r.Error.Type != "invalid_request_error" {
		t.Errorf("body %s", got.body)
	}
}
