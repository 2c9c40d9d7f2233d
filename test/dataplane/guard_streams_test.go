// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// scripted is a provider that answers every request with the same bytes.
type scripted struct {
	url    string
	asked  atomic.Int64
	status atomic.Int64 // 0 is 200
}

// startScripted answers in pieces, each of which is sent at once.
func startScripted(t *testing.T, contentType string, pieces ...string) *scripted {
	t.Helper()
	p := &scripted{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p.asked.Add(1)
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header()["Content-Type"] = []string{contentType}
		w.WriteHeader(int(max(p.status.Load(), 200)))
		for _, piece := range pieces {
			_, _ = io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// instead makes it the provider, of a type.
func (p *scripted) instead(kind config.ProviderType, base string) option {
	return withDocument(func(d *config.Document) {
		d.Core.Providers[0].Endpoint, d.Core.Providers[0].Type = p.url+base, kind
	})
}

// guarded asks a guard about answers, which says what it says.
func guarded(t *testing.T, verdict string) option {
	url := guardOf(t, func(string) (int, string) { return 200, verdict })
	return withDocument(sanitizing(&config.Sanitizer{Webhook: &config.GuardWebhook{
		URL: url, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionResponse},
	}}))
}

const geminiStream = "/v1beta/models/gemini-2.0-flash:streamGenerateContent"

func TestNothingOfAStreamIsToldBeforeItsGuardHasSpoken(t *testing.T) {
	const (
		first  = `data: {"id":"1","choices":[{"index":0,"delta":{"content":"the hidden word"},"finish_reason":null}]}`
		gemini = `data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"the hidden word"}]}}]}`
		block  = `{"action":"block"}`
		chat   = "/v1/chat/completions"
	)
	anthropic := "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"c\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n" +
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	anthropicText := "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"the hidden word\"}}\n\n"
	tests := map[string]struct {
		kind       config.ProviderType
		base, path string
		pieces     []string
		wantError  string
	}{
		"a stream that breaks off":           {kind: config.OpenAI, base: "/v1", path: chat, pieces: []string{first + "\n\n"}},
		"lines that end in CRLF":             {kind: config.OpenAI, base: "/v1", path: chat, pieces: []string{first + "\r\n\r\n"}},
		"a comment before data":              {kind: config.OpenAI, base: "/v1", path: chat, pieces: []string{": thinking\n\n" + first + "\n\ndata: [DONE]\n\n"}},
		"a comment within an event":          {kind: config.OpenAI, base: "/v1", path: chat, pieces: []string{": thinking\n" + first + "\n\ndata: [DONE]\n\n"}},
		"a comment that ends in CR":          {kind: config.OpenAI, base: "/v1", path: chat, pieces: []string{": thinking\r" + first + "\r\rdata: [DONE]\r\r"}},
		"a ping before data":                 {kind: config.Anthropic, path: "/v1/messages", pieces: []string{anthropic, "event: ping\ndata: {\"type\": \"ping\"}\n\n" + anthropicText}},
		"a ping that says more than that":    {kind: config.Anthropic, path: "/v1/messages", pieces: []string{anthropic, "event: ping\ndata: {\"type\":\"ping\",\"text\":\"the hidden word\"}\n\n"}},
		"an array that breaks off":           {kind: config.Gemini, path: geminiStream, pieces: []string{gemini + "\r\n\r\n"}},
		"Gemini's events that break off":     {kind: config.Gemini, path: geminiStream + "?alt=sse", pieces: []string{gemini + "\r\n\r\n"}},
		"an error event behind what is said": {kind: config.OpenAI, base: "/v1", path: chat, pieces: []string{first + "\n\n", "data: {\"error\":{\"message\":\"out of luck\",\"type\":\"server_error\"}}\n\n"}, wantError: "out of luck"},
		"a stream that is too long to be held": {kind: config.OpenAI, base: "/v1", path: chat,
			pieces: []string{strings.Repeat(strings.Replace(first, "word", "word "+strings.Repeat("x", 1<<18), 1)+"\n\n", 40)}, wantError: "internal error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := startScripted(t, "text/event-stream", test.pieces...)
			s := start(t, p.instead(test.kind, test.base), guarded(t, block))
			body := chatBody("gpt-4o", "", true)
			switch test.kind {
			case config.Anthropic:
				body = `{"model":"claude","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hello"}]}`
			case config.Gemini:
				body = `{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}`
			default:
			}
			got := s.do(s.request("POST", test.path, body))
			if got.StatusCode != 200 || strings.Contains(got.body, "hidden") || strings.Contains(got.body, "[DONE]") || strings.Contains(got.body, "message_stop") {
				t.Errorf("%d: %.400q", got.StatusCode, got.body)
			}
			if !strings.Contains(got.body, "error") || !strings.Contains(got.body, test.wantError) || strings.Count(got.body, `"error"`) > 2 {
				t.Errorf("the client is not told why: %.400q", got.body)
			}
			if test.path == geminiStream && !strings.HasPrefix(strings.TrimSpace(got.body), "[{") {
				t.Errorf("an array begins as %.100q", got.body)
			}
		})
	}
}

func TestWhateverAProviderSaysOfItsAnswerIsLookedAt(t *testing.T) {
	const whole = `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"I am jane.doe@example.com"},"finish_reason":"stop"}]}`
	for _, contentType := range []string{"application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "", "application/octet-stream", "audio/mpeg"} {
		t.Run("type "+contentType, func(t *testing.T) {
			p := startScripted(t, contentType, whole)
			s := start(t, p.instead(config.OpenAI, "/v1"), withDocument(sanitizing(redacting(config.PIIEmail))))
			if got := s.chat("", false); strings.Contains(got.body, "jane.doe") {
				t.Errorf("%d: %s", got.StatusCode, got.body)
			}
		})
	}
}
