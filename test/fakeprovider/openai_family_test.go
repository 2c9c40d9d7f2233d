// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// family is what is asked of each dialect that OpenAI's is at home in, and of Cohere's: something, whole and streamed.
var family = map[string]struct {
	path, body string
	usage      string // how a usage begins
	terminator string // what only a whole stream has
	failure    string // what an error inside a stream has
}{
	"OpenAI":      {chatPath, plain, `"prompt_tokens":`, "[DONE]", `{"error":{"message":`},
	"Azure":       {azureDated, plain, `"prompt_tokens":`, "[DONE]", `{"error":{`},
	"Mistral":     {mistralPath, plain, `"prompt_tokens":`, "[DONE]", `"object":"error"`},
	"Ollama":      {"/ollama/v1/chat/completions", plain, `"prompt_tokens":`, "[DONE]", `{"error":{"message":`},
	"compatible":  {"/compatible/v1/chat/completions", plain, `"prompt_tokens":`, "[DONE]", `{"error":{"message":`},
	"Cohere":      {coherePath, plain, `"billed_units":`, "message-end", `"finish_reason":"ERROR"`},
	"Responses":   {responsesPath, `{"model":"m","input":"hi"}`, `"input_tokens":`, "response.completed", `"type":"error"`},
	"completions": {"/v1/completions", `{"model":"m","prompt":"hi"}`, `"prompt_tokens":`, "[DONE]", `{"error":{"message":`},
}

func TestFaultsInEveryDialectOfTheFamily(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range family {
		t.Run(name, func(t *testing.T) {
			streamed := strings.Replace(c.body, "{", `{"stream":true,`, 1)
			whole := func(spec string) (int, string) {
				response, content := tell(t, server, c.path, c.body, fault(spec)...)
				return response.StatusCode, string(content)
			}
			stream := func(spec string) string {
				_, content := tell(t, server, c.path, streamed, fault(spec)...)
				return string(content)
			}
			if status, content := whole("none"); status != 200 || !strings.Contains(content, c.usage) {
				t.Errorf("healthy: %d %s", status, content)
			}
			if status, content := whole("no-usage"); status != 200 || strings.Contains(content, c.usage) {
				t.Errorf("no usage: %d %s", status, content)
			}
			if status, content := whole("bad-usage"); status != 200 || !strings.Contains(content, `"many"`) {
				t.Errorf("bad usage: %d %s", status, content)
			}
			for spec, want := range map[string]int{"rate-limit": 429, "status:500": 500, "status:403": 403, "status:404": 404, "status:503": 503} {
				if status, content := whole(spec); status != want || !strings.HasPrefix(content, "{") {
					t.Errorf("%s: %d %s", spec, status, content)
				}
			}
			if content := stream("none"); !strings.Contains(content, c.terminator) {
				t.Errorf("a whole stream: %s", content)
			}
			if content := stream("bad-usage"); !strings.Contains(content, `"many"`) {
				t.Errorf("a stream with bad usage: %s", content)
			}
			if content := stream("no-done"); strings.Contains(content, c.terminator) {
				t.Errorf("a stream without its end: %s", content)
			}
			if content := stream("error-event"); !strings.Contains(content, c.failure) {
				t.Errorf("a stream that fails: %s", content)
			}
			if content := stream("garbage-event"); !strings.Contains(content, "not json") {
				t.Errorf("a stream with noise: %s", content)
			}
			if content := stream("big-line:70000"); !strings.Contains(content, strings.Repeat("x", 70000)) && name != "completions" {
				t.Errorf("a stream with a long line has %d bytes", len(content))
			}
		})
	}
}

func TestAnswersOfTheFamilyAreTheSameWholeAndStreamed(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range family {
		t.Run(name, func(t *testing.T) {
			streamed := strings.Replace(c.body, "{", `{"stream":true,`, 1)
			tell(t, server, c.path, c.body, "x-fake-tokens", "9", "x-fake-reasoning", "4")
			tell(t, server, c.path, streamed, "x-fake-tokens", "9", "x-fake-reasoning", "4")
			records := server.Records()
			whole, stream := records[len(records)-2], records[len(records)-1]
			want := 13
			if name == "completions" { // which does not think
				want = 9
			}
			if whole.CompletionTokens != want || stream.CompletionTokens != want || whole.PromptTokens != stream.PromptTokens {
				t.Errorf("%d and %d tokens, want %d", whole.CompletionTokens, stream.CompletionTokens, want)
			}
		})
	}
}

func TestPartsAndTurnsThatOpenAIRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		message string
		status  int
	}{
		"sound":                       {`{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}`, 200},
		"sound of no format":          {`{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"mid"}}]}`, 400},
		"no sound":                    {`{"role":"user","content":[{"type":"input_audio"}]}`, 400},
		"a file":                      {`{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,aGk=","filename":"a.pdf"}}]}`, 200},
		"a file of nothing":           {`{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf"}}]}`, 400},
		"a text without text":         {`{"role":"user","content":[{"type":"text"}]}`, 400},
		"an image without an address": {`{"role":"user","content":[{"type":"image_url"}]}`, 400},
		"a part of two kinds":         {`{"role":"user","content":[{"type":"text","text":"a","image_url":{"url":"https://x/"}}]}`, 400},
		"a part of no kind":           {`{"role":"user","content":[{"type":"video"}]}`, 400},
		"an assistant that refused":   {`{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}`, 200},
		"one that refused beside":     {`{"role":"assistant","content":null,"refusal":"no"}`, 200},
		"a refusal of nothing":        {`{"role":"assistant","content":[{"type":"refusal"}]}`, 400},
		"no calls":                    {`{"role":"assistant","tool_calls":[]}`, 400},
		"a call without an id":        {`{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]}`, 400},
		"a call with more":            {`{"role":"assistant","tool_calls":[{"id":"a","type":"function","index":0,"function":{"name":"f","arguments":"{}"}}]}`, 400},
		"a user's call":               {`{"role":"user","content":"a","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}`, 400},
		"a system's call":             {`{"role":"system","content":"a","tool_calls":[{"id":"a"}]}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"model":"m","messages":[` + c.message + `,{"role":"user","content":"and?"}]}`
			if response, content := ask(t, server, body); response.StatusCode != c.status {
				t.Errorf("%d %s, want %d", response.StatusCode, content, c.status)
			}
		})
	}
}

func TestMessagesThatMistralAndCohereRefuse(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		path, message string
		status        int
	}{
		"Mistral, a user's prefix":          {mistralPath, `{"role":"user","content":"a","prefix":true}`, 422},
		"Mistral, a user's calls":           {mistralPath, `{"role":"user","content":"a","tool_calls":[]}`, 422},
		"Mistral, a user's tool":            {mistralPath, `{"role":"user","content":"a","tool_call_id":"abcdefghi"}`, 422},
		"Mistral, a user that says nothing": {mistralPath, `{"role":"user"}`, 422},
		"Cohere, an assistant of nothing":   {coherePath, `{"role":"assistant"}`, 400},
		"Cohere, a call without an id":      {coherePath, `{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]}`, 400},
		"Cohere, arguments that are none":   {coherePath, `{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"x"}}]}`, 400},
		"Cohere, an answer of nobody":       {coherePath, `{"role":"tool","content":"a"}`, 400},
		"Cohere, an image of nothing":       {coherePath, `{"role":"user","content":[{"type":"image_url"}]}`, 400},
		"Cohere, an image that is none":     {coherePath, `{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}`, 400},
		"Cohere, thoughts that come back":   {coherePath, `{"role":"assistant","content":[{"type":"thinking","thinking":"a"},{"type":"text","text":"b"}]}`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"model":"m","messages":[` + c.message + `,{"role":"user","content":"and?"}]}`
			if response, content := tell(t, server, c.path, body); response.StatusCode != c.status {
				t.Errorf("%d %s, want %d", response.StatusCode, content, c.status)
			}
		})
	}
}
