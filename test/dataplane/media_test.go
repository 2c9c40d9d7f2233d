// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// asMine gives the only provider a type, a place below the fake, and a model that applications call "mine".
func asMine(kind config.ProviderType, below, upstream string) option {
	return withDocument(func(d *config.Document) {
		p := &d.Core.Providers[0]
		p.Type, p.Endpoint, p.AnyModel = kind, strings.TrimSuffix(p.Endpoint, "/v1")+below, false
		d.Core.Models = []config.Model{{Name: "mine", Provider: p.ID, Upstream: upstream}}
	})
}

// tinyPNG is the beginning of a PNG, which is what a file is told by.
const tinyPNG = "\x89PNG\r\n\x1a\n and \x00\xff\r\n--more"

// media is one request of an endpoint that passes through, and what comes of it.
type media struct {
	kind     config.ProviderType // OpenAI where empty
	below    string              // the fake's, /v1 where empty
	path     string
	body     string   // JSON
	form     []string // or a form
	upstream string
	// What the application gets.
	wantType string
	wantIn   []string
	// What the access log says was used, -1 where the provider does not report it.
	wantPrompt, wantCompletion int64
}

var mediaTests = map[string]media{
	"an image is made": {
		path: "/v1/images/generations", body: `{"model":"mine","prompt":"a cat","n":2,"quality":"low"}`, upstream: "gpt-image-1",
		wantType: "application/json", wantIn: []string{`"b64_json":"iVBOR`}, wantPrompt: 2, wantCompletion: 544,
	},
	"an image is made piece by piece": {
		path: "/v1/images/generations", body: `{"model":"mine","prompt":"a cat","stream":true,"partial_images":2}`, upstream: "gpt-image-1",
		wantType: "text/event-stream", wantIn: []string{"event: image_generation.partial_image\n", "event: image_generation.completed\n"},
		wantPrompt: 2, wantCompletion: 272,
	},
	"an image is edited, by a form whose model is renamed": {
		path: "/v1/images/edits", form: []string{"prompt", "a hat", "model", "mine", "image", "@" + tinyPNG, "image[]", "@" + tinyPNG}, upstream: "gpt-image-1",
		wantType: "application/json", wantIn: []string{`"b64_json"`}, wantPrompt: -2, wantCompletion: 272,
	},
	"an image is varied": {
		path: "/v1/images/variations", form: []string{"image", "@" + tinyPNG, "n", "1", "model", "mine"}, upstream: "dall-e-2",
		wantType: "application/json", wantIn: []string{`"url":"https://images.example.com/`}, wantPrompt: -2, wantCompletion: 272,
	},
	"text is spoken": {
		path: "/v1/audio/speech", body: `{"model":"mine","input":"hello there","voice":"alloy"}`, upstream: "gpt-4o-mini-tts",
		wantType: "audio/mpeg", wantIn: []string{"ID3\x04", "\x00\xff\xfe\x80"}, wantPrompt: -1,
	},
	"text is spoken in events": {
		path: "/v1/audio/speech", body: `{"model":"mine","input":"hello there","voice":"alloy","stream_format":"sse"}`, upstream: "gpt-4o-mini-tts",
		wantType: "text/event-stream", wantIn: []string{`"type":"speech.audio.delta"`, `"type":"speech.audio.done"`}, wantPrompt: 3, wantCompletion: 3,
	},
	"speech is written down": {
		path: "/v1/audio/transcriptions", form: []string{"model", "mine", "file", "@" + strings.Repeat("~", 5000)}, upstream: "gpt-4o-transcribe",
		wantType: "application/json", wantIn: []string{`"text":"I heard sent.bin, 5000 bytes`}, wantPrompt: 50, wantCompletion: -2,
	},
	"speech is written down as text": {
		path: "/v1/audio/transcriptions", form: []string{"file", "@" + tinyPNG, "response_format", "text", "model", "mine"}, upstream: "whisper-1",
		wantType: "text/plain; charset=utf-8", wantIn: []string{"I heard sent.bin"}, wantPrompt: -1,
	},
	"speech is written down as subtitles": {
		path: "/v1/audio/transcriptions", form: []string{"file", "@" + tinyPNG, "response_format", "srt", "model", "mine"}, upstream: "whisper-1",
		wantType: "text/plain; charset=utf-8", wantIn: []string{"1\n00:00:00,000 --> ", "I heard"}, wantPrompt: -1,
	},
	"speech is written down in events": {
		path: "/v1/audio/transcriptions", form: []string{"model", "mine", "stream", "true", "file", "@" + strings.Repeat("~", 5000)}, upstream: "gpt-4o-transcribe",
		wantType: "text/event-stream", wantIn: []string{`"type":"transcript.text.delta"`, `"type":"transcript.text.done"`}, wantPrompt: 50, wantCompletion: -2,
	},
	"speech is translated": {
		path: "/v1/audio/translations", form: []string{"model", "mine", "file", "@" + strings.Repeat("~", 5000)}, upstream: "whisper-1",
		wantType: "application/json", wantIn: []string{`"text":"I heard`}, wantPrompt: 50, wantCompletion: -2,
	},
	"text is judged": {
		path: "/v1/moderations", body: `{"model":"mine","input":["hello","there"]}`, upstream: "omni-moderation-latest",
		wantType: "application/json", wantIn: []string{`"flagged":false`, `"category_scores"`}, wantPrompt: -1,
	},
	"documents are ranked by Jina's": {
		kind: config.OpenAICompatible, path: "/v1/rerank", body: `{"model":"mine","query":"cats","documents":["dogs","cats"],"top_n":1}`,
		// Jina tells a total and no more.
		upstream: "jina-reranker", wantType: "application/json", wantIn: []string{`"results":[{"index":1`}, wantPrompt: 0,
	},
	"documents are ranked by Cohere": {
		kind: config.Cohere, below: "/", path: "/v2/rerank", body: `{"model":"mine","query":"cats","documents":["dogs","cats"]}`,
		upstream: "rerank-v3.5", wantType: "application/json", wantIn: []string{`"results":[{"index":1`}, wantPrompt: -1,
	},
	"a text goes on": {
		path: "/v1/completions", body: `{"model":"mine","prompt":["once [[fake tokens=4]]","twice"],"max_tokens":9}`, upstream: "gpt-3.5-turbo-instruct",
		wantType: "application/json", wantIn: []string{`"object":"text_completion"`}, wantPrompt: -2, wantCompletion: -2,
	},
	"a text goes on as a stream, which tells its usage to the gateway alone": {
		path: "/v1/completions", body: `{"model":"mine","prompt":"once [[fake tokens=4]]","stream":true}`, upstream: "gpt-3.5-turbo-instruct",
		wantType: "text/event-stream", wantIn: []string{`"object":"text_completion"`, "data: [DONE]\n\n"}, wantPrompt: -2, wantCompletion: 4,
	},
	"a text is embedded": {
		path: "/v1/embeddings", body: `{"model":"mine","input":"hello","encoding_format":"base64","dimensions":2}`, upstream: "text-embedding-3-small",
		wantType: "application/json", wantIn: []string{`"embedding":"`}, wantPrompt: 2,
	},
}

func TestWhatIsNoChatPassesThroughAndIsCounted(t *testing.T) {
	for name, tc := range mediaTests {
		t.Run(name, func(t *testing.T) {
			if tc.kind == "" {
				tc.kind = config.OpenAI
			}
			if tc.below == "" {
				tc.below = "/v1"
			}
			s := start(t, asMine(tc.kind, strings.TrimSuffix(tc.below, "/"), tc.upstream))
			body, contentType := tc.body, "application/json"
			if tc.form != nil {
				body, contentType = formOf(t, tc.form...)
			}
			got := s.call("POST", tc.path, body, "Content-Type", contentType)
			if got.StatusCode != 200 || got.err != nil || !strings.HasPrefix(got.Header.Get("Content-Type"), tc.wantType) {
				t.Fatalf("status %d, type %q, error %v: %s", got.StatusCode, got.Header.Get("Content-Type"), got.err, got.body)
			}
			for _, want := range tc.wantIn {
				if !strings.Contains(got.body, want) {
					t.Errorf("%q is not in %s", want, got.body)
				}
			}
			r := s.record(fakeprovider.Completed)
			if r.Model != tc.upstream || r.BodyBytes != len(body)+len(tc.upstream)-len("mine")+askedForUsage(tc) {
				t.Errorf("the provider was asked for %q with %d bytes of %d", r.Model, r.BodyBytes, len(body))
			}
			l := s.lines(1)[0]
			if l.Outcome != "ok" || l.Model != "mine" || l.Provider != "default/fake" || l.BytesOut != int64(len(got.body)) || l.BytesIn != int64(len(body)) {
				t.Errorf("access log %+v", l)
			}
			checkUsage(t, tc, l)
		})
	}
}

func TestEveryPictureHasItsPrice(t *testing.T) {
	files := []string{"model", "mine", "image", "@" + tinyPNG, "prompt", "a hat"}
	for name, tc := range map[string]struct {
		path, body string
		form       []string
		want       []int // with five dollars, at a dollar each
	}{
		"three are made":         {"/v1/images/generations", `{"model":"mine","prompt":"a cat","n":3}`, nil, []int{200, 429}},
		"three edits, by a form": {"/v1/images/edits", "", append([]string{"n", "3"}, files...), []int{200, 429}},
		"two edits, by a form":   {"/v1/images/edits", "", append(files, "n", "2"), []int{200, 200, 429}},
		"six edits, by a form":   {"/v1/images/edits", "", append(files, "n", "6"), []int{429}},
		"an edit":                {"/v1/images/edits", "", files, []int{200, 200, 200, 200, 200, 429}},
		"three variations":       {"/v1/images/variations", "", []string{"image", "@" + tinyPNG, "n", "3", "model", "mine"}, []int{200, 429}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, asMine(config.OpenAI, "/v1", "gpt-image-1"), withDocument(func(d *config.Document) {
				d.Core.Models[0].Price = &config.Price{Request: config.Dollar}
				d.Keys[0].Budgets = []config.Budget{{Amount: 5 * config.Dollar, Per: config.Total}}
			}))
			body, contentType := tc.body, "application/json"
			if tc.form != nil {
				body, contentType = formOf(t, tc.form...)
			}
			for i, want := range tc.want {
				if got := s.call("POST", tc.path, body, "Content-Type", contentType); got.StatusCode != want {
					t.Errorf("request %d: %d, want %d: %.200s", i+1, got.StatusCode, want, got.body)
				}
			}
		})
	}
}

// askedForUsage is what the gateway adds to a stream's request of its own.
func askedForUsage(m media) int {
	if m.path == "/v1/completions" && strings.Contains(m.body, `"stream":true`) {
		return len(`"stream_options":{"include_usage":true},`)
	}
	return 0
}

func checkUsage(t *testing.T, tc media, l line) {
	t.Helper()
	if tc.wantPrompt == -1 {
		if l.Usage != nil && l.Usage.Source == "reported" {
			t.Errorf("nobody reported %+v", l.Usage)
		}
		return
	}
	if l.Usage == nil || l.Usage.Source != "reported" {
		t.Fatalf("usage %+v", l.Usage)
	}
	matches := func(want, got int64) bool { return want == got || want == -2 && got > 0 }
	if !matches(tc.wantPrompt, l.Usage.Prompt) || !matches(tc.wantCompletion, l.Usage.Completion) {
		t.Errorf("usage %+v, want %d and %d", l.Usage, tc.wantPrompt, tc.wantCompletion)
	}
}

func TestSoundComesAsItIsMade(t *testing.T) {
	release := make(chan struct{})
	sound := http.NewServeMux()
	sound.HandleFunc("POST /v1/audio/speech", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write([]byte("first\x00"))
		w.(http.Flusher).Flush()
		<-release
		_, _ = w.Write(bytes.Repeat([]byte("\xff"), 100_000))
	})
	address := serveHTTP(t, sound)
	s := start(t, withDocument(func(d *config.Document) { d.Core.Providers[0].Endpoint = address + "/v1" }))
	resp, err := s.client.Do(s.request("POST", "/v1/audio/speech", `{"model":"tts-1","input":"hello","voice":"alloy"}`))
	if err != nil {
		close(release)
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	first := make([]byte, 6)
	_, err = io.ReadFull(resp.Body, first)
	close(release)
	if err != nil || string(first) != "first\x00" {
		t.Fatalf("%v: %q", err, first)
	}
	rest, err := io.ReadAll(resp.Body)
	if err != nil || len(rest) != 100_000 {
		t.Errorf("%v after %d bytes", err, len(rest))
	}
}

func TestProvidersWithoutAnOperationSaySo(t *testing.T) {
	form, contentType := formOf(t, "model", "mine", "file", "@x", "image", "@x", "prompt", "x")
	tests := map[string]struct {
		kind config.ProviderType
		path string
		body string
	}{
		"images at Anthropic":        {config.Anthropic, "/v1/images/generations", `{"model":"mine","prompt":"x"}`},
		"image edits at Mistral":     {config.Mistral, "/v1/images/edits", form},
		"image variations at Cohere": {config.Cohere, "/v1/images/variations", form},
		"speech at Gemini":           {config.Gemini, "/v1/audio/speech", `{"model":"mine","input":"x"}`},
		"transcriptions at Ollama":   {config.Ollama, "/v1/audio/transcriptions", form},
		"translations at Mistral":    {config.Mistral, "/v1/audio/translations", form},
		"moderations at Cohere":      {config.Cohere, "/v1/moderations", `{"model":"mine","input":"x"}`},
		"rerank at OpenAI":           {config.OpenAI, "/v1/rerank", `{"model":"mine","documents":[]}`},
		"completions at Anthropic":   {config.Anthropic, "/v1/completions", `{"model":"mine","prompt":"x"}`},
		"embeddings at Anthropic":    {config.Anthropic, "/v1/embeddings", `{"model":"mine","input":"x"}`},
		"files at Anthropic":         {config.Anthropic, "/v1/files", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, asMine(tc.kind, "/v1", "m"))
			method, sent := "POST", "application/json"
			if tc.body == form {
				sent = contentType
			}
			if tc.body == "" {
				method = "GET"
			}
			got := s.call(method, tc.path, tc.body, "Content-Type", sent)
			if a := decode(t, got.body); got.StatusCode != 404 || a.Error == nil || a.Error.Code != "unsupported_operation" ||
				got.Header.Get("X-Spark-Reason") != "unsupported_by_provider" {
				t.Errorf("status %d: %s", got.StatusCode, got.body)
			}
			if n := len(s.provider.Records()); n != 0 {
				t.Errorf("the provider got %d requests", n)
			}
		})
	}
}

// everyEndpoint is what the gateway serves, each with a method; {id} and {model} stand for some.
var everyEndpoint = map[string]string{
	"/v1/chat/completions": "POST", "/v1/completions": "POST", "/v1/embeddings": "POST", "/v1/responses": "POST",
	"/v1/moderations": "POST", "/v1/rerank": "POST", "/v2/rerank": "POST", "/v1/images/generations": "POST",
	"/v1/images/edits": "POST", "/v1/images/variations": "POST", "/v1/audio/speech": "POST", "/v1/audio/transcriptions": "POST",
	"/v1/audio/translations": "POST", "/v1/messages": "POST", "/v1/messages/count_tokens": "POST",
	"/v1/files": "GET", "/v1/files/{id}": "DELETE", "/v1/files/{id}/content": "GET", "/v1/batches": "POST", "/v1/batches/{id}": "GET",
	"/v1/batches/{id}/cancel": "POST", "/v1/responses/{id}": "DELETE", "/v1/responses/{id}/input_items": "GET",
	"/v1/responses/{id}/cancel": "POST", "/v1/realtime": "GET", "/v1/models": "GET", "/v1/models/{model}": "GET",
	"/api/spark/generate": "POST", "/api/spark/health": "GET", "/api/spark/errors": "GET", "/api/metrics": "GET", "/api/export": "GET",
	"/v1beta/models": "GET", "/v1beta/models/{model}": "GET",
	"/v1beta/models/{model}:generateContent": "POST", "/v1beta/models/{model}:streamGenerateContent": "POST",
	"/v1beta/models/{model}:countTokens": "POST", "/v1beta/models/{model}:embedContent": "POST",
	"/v1beta/models/{model}:batchEmbedContents": "POST",
}

// publicEndpoints need no key.
var publicEndpoints = []string{"/api/openapi.json"}

// pathsInSource are those that the gateway's tables of endpoints hold, so that the table here cannot fall behind.
func pathsInSource(t *testing.T) []string {
	t.Helper()
	var paths []string
	for file, tables := range map[string][]string{"endpoints.go": {"endpoints", "geminiVerbs"}, "pinned.go": {"keptEndpoints"}} {
		parsed, err := parser.ParseFile(token.NewFileSet(), "../../gateway/"+file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			spec, ok := parsed.Scope.Lookup(table).Decl.(*ast.ValueSpec)
			if !ok {
				t.Fatalf("%s has no table %s", file, table)
			}
			for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
				key, err := strconv.Unquote(element.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				if table == "geminiVerbs" {
					key = "/v1beta/models/{model}:" + key
				}
				paths = append(paths, key)
			}
		}
	}
	return paths
}

func TestNoEndpointGoesRoundKeysLimitsLogsAndMetrics(t *testing.T) {
	known := map[string]bool{}
	for _, path := range publicEndpoints {
		known[path] = true
	}
	for path := range everyEndpoint {
		known[path] = true
	}
	inSource := pathsInSource(t)
	if len(inSource) < 30 {
		t.Fatalf("only %d endpoints were found in the source", len(inSource))
	}
	for _, path := range inSource {
		if !known[path] {
			t.Errorf("%s is not in the table of this test", path)
		}
	}
	for path, method := range everyEndpoint {
		t.Run(path, func(t *testing.T) {
			s := start(t, withDocument(func(d *config.Document) { d.Keys[0].Limits.Requests = limits(1, 1, time.Hour) }))
			url := strings.NewReplacer("{id}", pinOfFake+"x", "{model}", "m").Replace(path)
			body := ""
			if method == "POST" {
				body = "{}"
			}
			for i, key := range []string{"", "nobody", aliceKey, aliceKey} {
				req := s.request(method, url, body)
				req.Header.Del("Authorization")
				if key != "" {
					req.Header.Set("Authorization", "Bearer "+key)
				}
				got := s.do(req)
				want := [...]int{401, 401, 0, 429}[i]
				if want != 0 && got.StatusCode != want || want == 0 && (got.StatusCode == 401 || got.StatusCode == 429) {
					t.Errorf("request %d: status %d: %s", i+1, got.StatusCode, got.body)
				}
				if want != 0 && !json.Valid([]byte(got.body)) {
					t.Errorf("request %d is told %s", i+1, got.body)
				}
			}
			lines := s.lines(4)
			for i, want := range []string{"unauthenticated", "unauthenticated", "", "limited"} {
				if l := lines[i]; l.Path != url || l.Method != method || want != "" && l.Outcome != want || i > 1 && l.Key != "default/alice" {
					t.Errorf("line %d of the access log: %+v", i+1, l)
				}
			}
			if n, m := s.counted("", "unauthenticated"), s.counted("", "limited"); n != 2 || m != 1 {
				t.Errorf("%v and %v requests were counted as refused", n, m)
			}
		})
	}
}

// serveHTTP serves a handler as a provider, and gives its URL.
func serveHTTP(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
