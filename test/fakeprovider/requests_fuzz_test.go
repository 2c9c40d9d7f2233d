// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// FuzzRequests sends any body to each endpoint that reads one: the answer is a 200 or a 4xx, its body JSON.
func FuzzRequests(f *testing.F) {
	paths := []string{
		messagesPath, messagesPath + "/count_tokens", geminiPath + ":generateContent", geminiPath + ":countTokens",
		geminiPath + ":embedContent", geminiPath + ":batchEmbedContents", geminiPath + ":streamGenerateContent",
		vertexPath + ":countTokens", bedrockPath + "/converse", bedrockPath + "/count-tokens",
	}
	for i, seed := range []string{
		message, message, contents, contents, `{"content":{"parts":[{"text":"x"}]}}`, `{"requests":[{"model":"models/x"}]}`,
		contents, contents, converse, `{"input":{"converse":` + converse + `}}`,
	} {
		f.Add(i, seed)
	}
	f.Add(0, `{"model":"m","max_tokens":9,"tools":[`+anthropicTool+`],"tool_choice":{"type":"any"},"messages":[{"role":"user",`+
		`"content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":""}]}]}]}`)
	f.Add(2, `{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}],"generationConfig":{"responseSchema":{"type":"OBJECT"}}}`)
	server := fakeprovider.New(fakeprovider.Options{RecordLimit: 1})
	f.Fuzz(func(t *testing.T, at int, body string) {
		path := paths[((at%len(paths))+len(paths))%len(paths)]
		if strings.Contains(body, "fault") || strings.Contains(body, "delay") || strings.Contains(body, "tokens=") {
			return // a marker may well ask for an answer of 500, or for one that takes ten minutes
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("anthropic-version", "2023-06-01")
		answer := httptest.NewRecorder()
		server.Handler().ServeHTTP(answer, request)
		if answer.Code >= 500 || !json.Valid(answer.Body.Bytes()) {
			t.Errorf("%s %q: %d %s", path, body, answer.Code, answer.Body)
		}
	})
}
