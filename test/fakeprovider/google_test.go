// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	geminiPath = "/v1beta/models/gemini-2.5-flash"
	vertexPath = "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"
	contents   = `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`
)

type googleAnswer struct {
	Candidates []struct {
		Content      *struct{ Parts []googlePart }
		FinishReason string
		Index        int
	}
	Usage        *googleUsage `json:"usageMetadata"`
	ModelVersion string
	ResponseID   string `json:"responseId"`
}

type googlePart struct {
	Text             *string       `json:"text,omitempty"`
	Thought          bool          `json:"thought,omitempty"`
	ThoughtSignature string        `json:"thoughtSignature,omitempty"`
	Call             *functionCall `json:"functionCall,omitempty"`
}

type functionCall struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
	Args object `json:"args"`
}

type googleUsage struct {
	Prompt     int `json:"promptTokenCount"`
	Candidates int `json:"candidatesTokenCount"`
	Thoughts   int `json:"thoughtsTokenCount"`
	Total      int `json:"totalTokenCount"`
}

// text joins the words, or the thoughts, of a first candidate.
func (a googleAnswer) text(thoughts bool) string {
	var text strings.Builder
	for _, part := range a.Candidates[0].Content.Parts {
		if part.Text != nil && part.Thought == thoughts {
			text.WriteString(*part.Text)
		}
	}
	return text.String()
}

// generated asks for content that must be given.
func generated(t *testing.T, server *fakeprovider.Server, body string, headers ...string) googleAnswer {
	t.Helper()
	response, content := call(t, server, geminiPath+":generateContent", body, headers...)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, content)
	}
	var got googleAnswer
	decode(t, content, &got)
	return got
}

// googleFailure reads an error of Google's.
func googleFailure(t *testing.T, content []byte) (code int, status, message string) {
	t.Helper()
	var body struct {
		Error struct {
			Code            int
			Status, Message string
		}
	}
	decode(t, content, &body)
	return body.Error.Code, body.Error.Status, body.Error.Message
}

func TestContentHasGooglesShape(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, path := range []string{geminiPath, vertexPath} {
		response, content := call(t, server, path+":generateContent", contents)
		if kind := response.Header.Get("content-type"); kind != "application/json; charset=UTF-8" {
			t.Errorf("%s: content-type %s", path, kind)
		}
		if response.Header.Get("server-timing") == "" {
			t.Errorf("%s: headers %v", path, response.Header)
		}
		var got googleAnswer
		decode(t, content, &got)
		text := got.text(false)
		if got.Candidates[0].FinishReason != "STOP" || got.ModelVersion != "gemini-2.5-flash" || got.ResponseID == "" ||
			!strings.Contains(text, "«hi»") {
			t.Errorf("%s: %s", path, content)
		}
		prompt, spoken := fakeprovider.PromptTokens("hi"), fakeprovider.CountTokens(text)
		want := googleUsage{Prompt: prompt, Candidates: spoken, Total: prompt + spoken}
		if diff := cmp.Diff(&want, got.Usage); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestGoogleInsistsOnItsKey(t *testing.T) {
	server := start(t, fakeprovider.Options{APIKeys: []string{"AIza-good"}})
	for name, c := range map[string]struct {
		path    string
		headers []string
		status  int
		word    string
	}{
		"a key in its header":          {geminiPath + ":generateContent", []string{"x-goog-api-key", "AIza-good"}, 200, ""},
		"a key in the query":           {geminiPath + ":generateContent?key=AIza-good", nil, 200, ""},
		"no key":                       {geminiPath + ":generateContent", nil, 403, "PERMISSION_DENIED"},
		"another key":                  {geminiPath + ":generateContent?key=bad", nil, 400, "INVALID_ARGUMENT"},
		"a key as a token":             {geminiPath + ":generateContent", []string{"authorization", "Bearer AIza-good"}, 403, "PERMISSION_DENIED"},
		"a token on Vertex AI":         {vertexPath + ":generateContent", []string{"authorization", "Bearer AIza-good"}, 200, ""},
		"a key on Vertex AI":           {vertexPath + ":generateContent?key=AIza-good", nil, 401, "UNAUTHENTICATED"},
		"a wrong token on Vertex AI":   {vertexPath + ":generateContent", []string{"authorization", "Bearer no"}, 401, "UNAUTHENTICATED"},
		"a method that does not exist": {geminiPath + ":predict?key=AIza-good", nil, 404, "NOT_FOUND"},
		"a path that does not exist":   {"/v1beta/files?key=AIza-good", nil, 404, "NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := call(t, server, c.path, contents, c.headers...)
			code, word, _ := googleFailure(t, content)
			if response.StatusCode != c.status || word != c.word || word != "" && code != c.status {
				t.Errorf("%s: %s, want %d %s", response.Status, content, c.status, c.word)
			}
		})
	}
}

func TestGoogleErrorsByStatus(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, want := range map[string]string{
		"status:400": "INVALID_ARGUMENT", "status:401": "UNAUTHENTICATED", "status:403": "PERMISSION_DENIED",
		"status:404": "NOT_FOUND", "status:409": "ABORTED", "status:499": "CANCELLED", "status:500": "INTERNAL",
		"status:501": "UNIMPLEMENTED", "status:503": "UNAVAILABLE", "status:504": "DEADLINE_EXCEEDED",
		"status:529": "UNKNOWN", "rate-limit:2s": "RESOURCE_EXHAUSTED",
	} {
		t.Run(spec, func(t *testing.T) {
			_, content := call(t, server, geminiPath+":generateContent", contents, fault(spec)...)
			if _, status, _ := googleFailure(t, content); status != want {
				t.Errorf("%s, want %s", status, want)
			}
			if spec == "rate-limit:2s" && count(content, `"retryDelay":"2s"`) != 1 {
				t.Errorf("no retry delay: %s", content)
			}
		})
	}
}

// googleChunks reads a stream in either framing.
func googleChunks(t *testing.T, sse bool, stream []byte) []googleAnswer {
	t.Helper()
	var chunks []googleAnswer
	if !sse {
		decode(t, stream, &chunks)
		return chunks
	}
	for _, e := range namedEvents(t, stream) {
		if e.name != "" {
			t.Errorf("Google's events have no names, and this is %s", e.name)
		}
		var chunk googleAnswer
		decode(t, e.data, &chunk)
		chunks = append(chunks, chunk)
	}
	return chunks
}

func TestGooglesStreamsHoldTheOfficialGrammar(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	whole := generated(t, server, contents)
	for name, c := range map[string]struct {
		path, kind string
		sse        bool
	}{
		"an array":                    {geminiPath + ":streamGenerateContent", "application/json; charset=UTF-8", false},
		"events":                      {geminiPath + ":streamGenerateContent?alt=sse", "text/event-stream", true},
		"an array from Vertex AI":     {vertexPath + ":streamGenerateContent", "application/json; charset=UTF-8", false},
		"events from Vertex AI":       {vertexPath + ":streamGenerateContent?alt=sse", "text/event-stream", true},
		"events in colons of the URL": {strings.Replace(geminiPath, "flash", "flash%3AstreamGenerateContent?alt=sse", 1), "text/event-stream", true},
	} {
		t.Run(name, func(t *testing.T) {
			response, stream := call(t, server, c.path, contents)
			if kind := response.Header.Get("content-type"); kind != c.kind {
				t.Errorf("content-type %s", kind)
			}
			if c.sse && count(stream, "\n") != count(stream, "\r\n") {
				t.Error("Google's lines end in CR LF")
			}
			chunks := googleChunks(t, c.sse, stream)
			text, tokens := "", 0
			for i, chunk := range chunks {
				last := i == len(chunks)-1
				if (chunk.Candidates[0].FinishReason == "STOP") != last || chunk.Usage.Candidates < tokens ||
					chunk.ResponseID != chunks[0].ResponseID {
					t.Errorf("chunk %d: %+v", i, chunk)
				}
				tokens = chunk.Usage.Candidates
				text += chunk.text(false)
			}
			if text != whole.text(false) || tokens != whole.Usage.Candidates {
				t.Errorf("%d tokens, %q; want what a whole answer says", tokens, text)
			}
		})
	}
}

func TestErrorsOfAnArrayStandInOne(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		path, body, spec string
		status           int
		listed           bool
	}{
		"a refusal of an array":  {":streamGenerateContent", `{}`, "none", 400, true},
		"a fault of an array":    {":streamGenerateContent", contents, "status:503", 503, true},
		"a refusal of events":    {":streamGenerateContent?alt=sse", `{}`, "none", 400, false},
		"a fault of events":      {":streamGenerateContent?alt=sse", contents, "status:503", 503, false},
		"a refusal of one piece": {":generateContent", `{}`, "none", 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := call(t, server, geminiPath+c.path, c.body, fault(c.spec)...)
			if response.StatusCode != c.status || (content[0] == '[') != c.listed || !json.Valid(content) {
				t.Errorf("%s: %s", response.Status, content)
			}
		})
	}
}

func TestFaultsInGooglesStreams(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	tokens := []string{"x-fake-tokens", "5"}
	for spec, c := range map[string]struct{ array, events int }{
		"none": {6, 6}, "crlf,multiline-data": {6, 6}, "big-line:100": {7, 7}, "split-utf8": {6, 6},
		"error-event:2:503": {3, 3}, "no-usage": {6, 6},
	} {
		t.Run(spec, func(t *testing.T) {
			headers := append(fault(spec), tokens...)
			_, array := call(t, server, geminiPath+":streamGenerateContent", contents, headers...)
			_, events := call(t, server, geminiPath+":streamGenerateContent?alt=sse", contents, headers...)
			got := googleChunks(t, false, array)
			if len(got) != c.array || len(googleChunks(t, true, events)) != c.events {
				t.Errorf("array %s\nevents %s", array, events)
			}
			if spec == "error-event:2:503" && (count(array, `"status":"UNAVAILABLE"`) != 1 || count(events, `"status":"UNAVAILABLE"`) != 1) {
				t.Errorf("array %s\nevents %s", array, events)
			}
			if spec == "no-usage" && count(append(array, events...), "usageMetadata") > 0 {
				t.Errorf("usage in %s", array)
			}
		})
	}
	for path, ends := range map[string]string{
		":streamGenerateContent": "}", ":streamGenerateContent?alt=sse": "\r\n\r\n",
	} {
		_, stream := call(t, server, geminiPath+path, contents, append(fault("no-done"), tokens...)...)
		if count(stream, "finishReason") > 0 || !strings.HasSuffix(string(stream), ends) || count(stream, "candidates\"") != 5 {
			t.Errorf("%s without its terminator: %s", path, stream)
		}
	}
	for _, spec := range []string{"comments", "bad-checksum"} {
		response, content := call(t, server, geminiPath+":streamGenerateContent", contents, fault(spec)...)
		if response.StatusCode != 400 || count(content, "has no meaning") != 1 {
			t.Errorf("%s: %s %s", spec, response.Status, content)
		}
	}
}

func TestGoogleCountsAndListsAndEmbeds(t *testing.T) {
	server := start(t, fakeprovider.Options{Models: []string{"a", "b"}})
	for path, c := range map[string]struct{ body, want string }{
		geminiPath + ":countTokens": {contents, `"totalTokens":8`},
		geminiPath + ":countTokens?": {`{"generateContentRequest":{"model":"models/m","systemInstruction":{"parts":[{"text":"x"}]},` +
			contents[1:] + `}`, `"totalTokens":13`},
		vertexPath + ":countTokens":    {contents, `"totalTokens":8`},
		"/v1beta/models":               {"", `"name":"models/b"`},
		"/v1beta/models?pageSize=1":    {"", `"nextPageToken":"1"`},
		"/v1beta/models/a":             {"", `"name":"models/a"`},
		geminiPath + ":embedContent":   {`{"content":{"parts":[{"text":"x"}]},"outputDimensionality":2}`, `{"embedding":{"values":[`},
		geminiPath + ":embedContent?x": {`{"content":{"parts":[{"text":"x"}]},"output_dimensionality":2}`, `"promptTokenCount":1`},
		geminiPath + ":batchEmbedContents": {`{"requests":[{"model":"models/gemini-2.5-flash","content":{"parts":[{"text":"x"}]},"taskType":"RETRIEVAL_QUERY"}]}`,
			`{"embeddings":[{"values":[`},
	} {
		response, content := call(t, server, path, c.body)
		if response.StatusCode != 200 || count(content, c.want) != 1 {
			t.Errorf("%s: %s %s, want %s", path, response.Status, content, c.want)
		}
	}
	_, content := call(t, server, geminiPath+":embedContent", `{"content":{"parts":[{"text":"x"}]}}`)
	var got struct{ Embedding struct{ Values []float64 } }
	decode(t, content, &got)
	square := 0.0
	for _, value := range got.Embedding.Values {
		square += value * value
	}
	if math.Abs(square-1) > 1e-3 {
		t.Errorf("a vector of length %f", square)
	}
}
