// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// recorded is what a provider got and answers.
type recorded struct {
	*httptest.Server
	mu          sync.Mutex
	path, body  string
	contentType string
	answer      string
}

// recordBytes starts a provider that answers with these bytes, whatever it is asked.
func recordBytes(t *testing.T, contentType, answer string) *recorded {
	t.Helper()
	r := &recorded{contentType: contentType, answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.path, r.body = req.URL.RequestURI(), string(body)
		r.mu.Unlock()
		w.Header().Set("Content-Type", r.contentType)
		_, _ = io.WriteString(w, r.answer)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorded) got() (path, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.path, r.body
}

// What a request of each dialect may hold that nobody but its provider knows: unknown members, odd white space, numbers
// beyond floats, escapes, names that stand twice below the top.
const oddities = "\r\n\t\"a_new_field\" :{\"x\":1, \"x\":2,\"deep\":[[{\"\\u0061\":1e400}]]}  ,\"big\":123456789012345678901234567890," +
	"\"fine\":0.10000000000000000000001, \"escaped\":\"\\u00e9\\/\\ud83d\\ude42 é🙂\" ,\"empty\":{ } "

// pin is what the gateway puts before the names of stored responses.
var pin = regexp.MustCompile(`sp-[0-9a-f]{8}-`)

// Same dialect on both sides: every byte passes through, but for the model's name.
func TestBytesPassThroughWithinADialect(t *testing.T) {
	tests := map[string]struct {
		kind             config.ProviderType
		path, upstream   string
		body, want       string
		answer, streamed string
		stream           string // what is in the body, and in the path, of a request for a stream
		streamPath       string
	}{
		"chat": {
			kind: config.OpenAI, path: "/v1/chat/completions", upstream: "/chat/completions",
			body: `{ "messages":[ {"role":"user","content":"Hi","a_new_field":[]} ],` + oddities + `,"model" : "alias"}`,
			want: `{ "messages":[ {"role":"user","content":"Hi","a_new_field":[]} ],` + oddities + `,"model" : "up stream \u003c\""}`,
			answer: "{ \"choices\" :[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\\u00e9\",\"new\":1e400}," +
				"\"finish_reason\":\"stop\"}],\n\"x\":1,\"x\":2 }\n",
			streamed: "data: {\"choices\" :[{\"index\":0,\"delta\":{\"content\":\"\\u00e9\",\"new\":1e400}}],\"x\":1,\"x\":2}\n\n" +
				"data:{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n",
			stream: `"stream": true,"stream_options":{"include_usage":true,"new":0},`,
		},
		"responses": {
			kind: config.OpenAI, path: "/v1/responses", upstream: "/responses",
			body:     `{ "input":[{"type":"a_new_item","x":1}],"tools":[{"type":"a_new_tool"}],` + oddities + `,"model":"alias"}`,
			want:     `{ "input":[{"type":"a_new_item","x":1}],"tools":[{"type":"a_new_tool"}],` + oddities + `,"model":"up stream \u003c\""}`,
			answer:   "{\"id\":\"resp_1\" ,\"status\":\"completed\",\"output\":[{\"type\":\"a_new_item\",\"n\":1e400}]}\n\n",
			streamed: "event: response.a_new_event\ndata: {\"type\":\"response.a_new_event\", \"n\":1e400}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n",
			stream:   `"stream":true ,`,
		},
		"anthropic": {
			kind: config.Anthropic, path: "/v1/messages?beta=true", upstream: "/v1/messages",
			body:     `{"max_tokens":5,"messages":[{"role":"user","content":[{"type":"a_new_block"}]}],` + oddities + `, "model":"alias"} `,
			want:     `{"max_tokens":5,"messages":[{"role":"user","content":[{"type":"a_new_block"}]}],` + oddities + `, "model":"up stream \u003c\""} `,
			answer:   " {\"type\":\"message\",\"content\":[{\"type\":\"a_new_block\",\"n\":1e400}],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}",
			streamed: "event: a_new_event\ndata: {\"type\":\"a_new_event\", \"n\":1e400}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
			stream:   `"stream":true,`,
		},
		"gemini": {
			kind: config.Gemini, path: "/v1beta/models/alias:generateContent", upstream: "/v1beta/models/up%20stream%20%3C%22:generateContent",
			streamPath: "/v1beta/models/alias:streamGenerateContent?alt=sse",
			body:       `{"contents":[{"role":"user","parts":[{"aNewPart":{}}]}],` + oddities + `}`,
			want:       `{"contents":[{"role":"user","parts":[{"aNewPart":{}}]}],` + oddities + `}`,
			answer:     "{\"candidates\":[{\"content\":{\"parts\":[{\"aNewPart\":1e400}]},\"finishReason\":\"STOP\"}]}\n",
			streamed:   "data: {\"candidates\" : [{\"content\":{\"parts\":[{\"aNewPart\":1e400}]},\"finishReason\":\"STOP\"}]}\r\n\r\n",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, stream := range []bool{false, true} {
				answer, contentType, body, want, path := tc.answer, "application/json; charset=utf-8", tc.body, tc.want, tc.path
				if stream {
					answer, contentType = tc.streamed, "text/event-stream"
					body, want = "{"+tc.stream+body[1:], "{"+tc.stream+want[1:]
					if tc.streamPath != "" {
						path = tc.streamPath
					}
				}
				provider := recordBytes(t, contentType, answer)
				s := start(t, withDocument(func(d *config.Document) {
					d.Core.Providers[0].Type, d.Core.Providers[0].Endpoint = tc.kind, provider.URL
					d.Core.Providers[0].AnyModel = false
					d.Core.Models = []config.Model{{Name: "alias", Provider: "default/fake", Upstream: `up stream <"`}}
				}))
				got := s.do(s.request("POST", path, body))
				if got.StatusCode != 200 || got.err != nil {
					t.Fatalf("status %d, error %v: %s", got.StatusCode, got.err, got.body)
				}
				asked, sent := provider.got()
				// How a name is quoted is the gateway's choice.
				want = strings.ReplaceAll(want, `\u003c`, "<")
				if diff := cmp.Diff(want, strings.ReplaceAll(sent, `\u003c`, "<")); diff != "" {
					t.Errorf("stream %t: the request (-want +got):\n%s", stream, diff)
				}
				// The name of what a provider keeps tells the gateway where that is.
				if diff := cmp.Diff(answer, pin.ReplaceAllString(got.body, "")); diff != "" {
					t.Errorf("stream %t: the answer (-want +got):\n%s", stream, diff)
				}
				if got.Header.Get("Content-Type") != contentType || !stream && asked != tc.upstream {
					t.Errorf("stream %t: %s, asked at %s", stream, got.Header.Get("Content-Type"), asked)
				}
			}
		})
	}
}

// Within OpenAI's dialect a stream is asked for its usage, and nothing else of the body changes for it.
func TestAStreamsBodyChangesOnlyByTheUsageThatIsAskedFor(t *testing.T) {
	provider := recordBytes(t, "text/event-stream", "data: {\"choices\":[]}\n\ndata: [DONE]\n\n")
	s := start(t, withDocument(func(d *config.Document) { d.Core.Providers[0].Endpoint = provider.URL }))
	body := `{"messages":[{"role":"user","content":"Hi"}],"stream":true,` + oddities + `,"model":"m"}`
	if got := s.do(s.request("POST", "/v1/chat/completions", body)); got.StatusCode != 200 {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	_, sent := provider.got()
	if without := strings.Replace(sent, `"stream_options":{"include_usage":true},`, "", 1); without != body || sent == body {
		t.Errorf("sent %s", sent)
	}
}

// What goes back on one connection belongs to the request that it answers.
func TestHeadersOfOneProviderDoNotLeakIntoTheNextAnswer(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		p := d.Core.Providers[0]
		p.ID, p.Name = "default/claude", "claude"
		become(d, &p, config.Anthropic)
		d.Core.Providers = append(d.Core.Providers, p)
		for i := range d.Core.Providers {
			d.Core.Providers[i].AnyModel = false
		}
		d.Core.Models = []config.Model{
			{Name: "gpt", Provider: "default/fake", Upstream: "gpt-4o"}, {Name: "claude", Provider: "default/claude", Upstream: "claude"},
		}
	}))
	c := s.dial()
	openAI := []string{"Openai-Processing-Ms", "Openai-Version", "X-Ratelimit-Limit-Tokens"}
	anthropic := []string{"Anthropic-Ratelimit-Tokens-Limit"}
	for i, model := range []string{"gpt", "claude", "gpt", "nobody", "claude"} {
		for _, stream := range []bool{false, true} {
			got := exchangeOn(t, c, rawRequest(chatBody(model, "tokens=1", stream)))
			want, not := openAI, anthropic
			switch model {
			case "claude":
				want, not = anthropic, openAI
			case "nobody":
				want, not = nil, slices.Concat(openAI, anthropic)
			}
			for _, name := range want {
				if got.Header.Get(name) == "" {
					t.Errorf("request %d, of %s: no %s", i, model, name)
				}
			}
			for _, name := range append(not, "Set-Cookie", "Server", "Openai-Organization", "Anthropic-Organization-Id") {
				if got.Header.Get(name) != "" {
					t.Errorf("request %d, of %s: %s is another's", i, model, name)
				}
			}
		}
	}
	for i, r := range s.provider.Records() {
		key, other := "Authorization", "X-Api-Key"
		if r.Path == "/v1/messages" {
			key, other = other, key
		}
		if r.Headers.Get(key) == "" || r.Headers.Get(other) != "" {
			t.Errorf("request %d, to %s: %v", i, r.Path, r.Headers)
		}
	}
}

// exchangeOn sends a request on a connection and reads its answer, and nothing beyond.
func exchangeOn(t *testing.T, c net.Conn, request string) answer {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, c)
}
