// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// bodies ask in each dialect; %s is the text.
var bodies = map[string]struct{ path, body string }{
	"chat":      {chatPath, `{"model":"m","messages":[{"role":"user","content":%q}]}`},
	"responses": {"/v1/responses", `{"model":"m","input":%q}`},
	"anthropic": {"/v1/messages", `{"model":"m","max_tokens":500,"messages":[{"role":"user","content":%q}]}`},
	"gemini":    {"/v1beta/models/m:generateContent", `{"contents":[{"role":"user","parts":[{"text":%q}]}]}`},
	"bedrock":   {"/model/m/converse", `{"messages":[{"role":"user","content":[{"text":%q}]}]}`},
	"cohere":    {"/v2/chat", `{"model":"m","messages":[{"role":"user","content":%q}]}`},
	"ollama":    {"/ollama/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":%q}]}`},
}

func TestBooksKnowARequestByItsMarkInEveryDialect(t *testing.T) {
	for name, c := range bodies {
		t.Run(name, func(t *testing.T) {
			server := start(t, fakeprovider.Options{})
			text := "Say something. " + fakeprovider.Mark("req-7") + " [[fake tokens=9]]"
			response, err := send(t, server, c.path, fmt.Sprintf(c.body, text), "anthropic-version", "2023-06-01")
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("answer %v, error %v", response, err)
			}
			ended(t, server)
			books := server.Books()
			want := []fakeprovider.Entry{{
				ID: 1, Mark: "req-7", Path: c.path, Model: "m", Status: 200, State: fakeprovider.Completed, Completion: 9,
				Prompt: books[0].Prompt,
			}}
			if diff := cmp.Diff(want, books); diff != "" || books[0].Prompt < fakeprovider.CountTokens(text) {
				t.Errorf("books (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBooksSayWhatWasWrittenAndWhetherItIsBilled(t *testing.T) {
	for name, c := range map[string]struct {
		steer      string
		stream     bool
		want       fakeprovider.Entry
		wantBilled bool
	}{
		"a whole answer":                    {"tokens=9", false, fakeprovider.Entry{Status: 200, State: fakeprovider.Completed, Completion: 9}, true},
		"a whole stream":                    {"tokens=9", true, fakeprovider.Entry{Status: 200, State: fakeprovider.Completed, Completion: 9, Events: 12}, true},
		"a stream that was cut":             {"tokens=9 fault=truncate-stream:5", true, fakeprovider.Entry{Status: 200, State: fakeprovider.Faulted, Completion: 4, Events: 5}, true},
		"a stream that failed":              {"tokens=9 fault=error-event:5", true, fakeprovider.Entry{Status: 200, State: fakeprovider.Faulted, Completion: 4, Events: 6}, true},
		"an error instead of an answer":     {"fault=status:503", false, fakeprovider.Entry{Status: 503, State: fakeprovider.Faulted}, false},
		"an answer that broke off at once":  {"fault=reset-after-headers", true, fakeprovider.Entry{Status: 200, State: fakeprovider.Faulted}, false},
		"a connection without any answer":   {"fault=reset-before-headers", false, fakeprovider.Entry{State: fakeprovider.Faulted}, false},
		"a refusal of what was understood":  {"fault=rate-limit", false, fakeprovider.Entry{Status: 429, State: fakeprovider.Faulted}, false},
		"a stream that failed before words": {"tokens=9 fault=error-event:1", true, fakeprovider.Entry{Status: 200, State: fakeprovider.Faulted, Events: 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, fakeprovider.Options{})
			body := fmt.Sprintf(`{"model":"m","stream":%v,"messages":[{"role":"user","content":"hi [[fake %s]]"}]}`, c.stream, c.steer)
			if response, err := send(t, server, chatPath, body); err == nil {
				_, _ = io.Copy(io.Discard, response.Body) // only the books matter
			}
			ended(t, server)
			got := server.Books()
			c.want.ID, c.want.Path, c.want.Model, c.want.Stream = 1, chatPath, "m", c.stream
			c.want.Prompt = fakeprovider.PromptTokens("hi [[fake " + c.steer + "]]")
			if diff := cmp.Diff([]fakeprovider.Entry{c.want}, got); diff != "" {
				t.Fatalf("books (-want +got):\n%s", diff)
			}
			if got[0].Generated() != c.wantBilled {
				t.Errorf("generated: %v, want %v", got[0].Generated(), c.wantBilled)
			}
		})
	}
}
