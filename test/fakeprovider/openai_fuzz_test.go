// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// fuzzed are the endpoints that read JSON, in an order that seeds can count on.
var fuzzed = []string{
	chatPath, "/v1/completions", "/v1/embeddings", "/v1/moderations", "/v1/images/generations", "/v1/audio/speech",
	responsesPath, "/v1/responses/input_tokens", "/v1/batches", azureDated, mistralPath, "/mistral/v1/embeddings",
	"/ollama/v1/chat/completions", "/compatible/v1/chat/completions", coherePath, "/v2/embed", "/v2/rerank", "/v1/rerank",
}

func FuzzNoRequestBreaksADialect(f *testing.F) {
	for i, body := range []string{
		plain, `{"model":"m","prompt":[[1],[2]]}`, `{"model":"m","input":[[1,2]]}`, `{"input":[{"type":"text","text":"a"}]}`,
		`{"prompt":"a","n":2}`, `{"model":"m","voice":"v","input":"a"}`, `{"model":"m","input":[{"type":"reasoning","id":"r"}]}`,
		`{"model":"m","input":"a"}`, `{"input_file_id":"f"}`, toolBody(`"required"`, true), mistralTurns("abcdefghi"),
		`{"model":"m","input":"a","output_dimension":1}`, streamed, counted, `{"model":"m",` + cohereTools + `,"messages":[]}`,
		`{"model":"m","texts":["a"],"input_type":"image"}`, `{"model":"m","query":"a","documents":["a"]}`, `{"documents":[{"text":"a"}]}`,
	} {
		f.Add(uint8(i), body)
	}
	handler := fakeprovider.New(fakeprovider.Options{RecordLimit: 8}).Handler()
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		if strings.Contains(body, "fault") || strings.Contains(body, "delay") || strings.Contains(body, "tokens=") {
			t.Skip("what is asked to break may break")
		}
		request := httptest.NewRequestWithContext(t.Context(), "POST", fuzzed[int(which)%len(fuzzed)], strings.NewReader(body))
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request) // a panic would be the server's
		if recorder.Code == 0 || recorder.Code >= 500 || recorder.Body.Len() == 0 {
			t.Errorf("%d %q", recorder.Code, recorder.Body)
		}
	})
}
