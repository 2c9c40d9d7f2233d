// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// tongue is a way to ask for text, and to read what was said.
type tongue struct {
	path string
	// body is a request; its first verb is the text as JSON, and its second whether it streams, where it says so.
	body   string
	stream bool
	// text finds what was said in one object of an answer.
	text func(object map[string]any) string
	// ends are what a whole stream ends with.
	ends string
}

// textAt follows names and places into what JSON holds; "" where there is no text.
func textAt(from any, steps ...any) string {
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			object, _ := from.(map[string]any)
			from = object[step]
		case int:
			list, _ := from.([]any)
			if step >= len(list) {
				return ""
			}
			from = list[step]
		}
	}
	text, _ := from.(string)
	return text
}

func steps(all ...any) func(map[string]any) string {
	return func(object map[string]any) string { return textAt(object, all...) }
}

// ofType reads objects of one type only.
func ofType(name string, read func(map[string]any) string) func(map[string]any) string {
	return func(object map[string]any) string {
		if object["type"] != name {
			return ""
		}
		return read(object)
	}
}

const (
	chatBodyOf     = `{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":%s}],"stream":%t}`
	responseBodyOf = `{"model":"gpt-4o","instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":%s}]}],"stream":%t}`
	geminiBodyOf   = `{"contents":[{"role":"user","parts":[{"text":%s}]}]}`
	geminiWhole    = "/v1beta/models/gpt-4o:generateContent"
	geminiMany     = "/v1beta/models/gpt-4o:streamGenerateContent"
	messagesBodyOf = `{"model":"gpt-4o","max_tokens":200,"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":%s}]}],"stream":%t}`
)

var tongues = map[string][2]tongue{
	"chat": {
		{path: "/v1/chat/completions", body: chatBodyOf, text: steps("choices", 0, "message", "content")},
		{path: "/v1/chat/completions", body: chatBodyOf, stream: true, text: steps("choices", 0, "delta", "content"), ends: "[DONE]"},
	},
	"completions": {
		{path: "/v1/completions", body: `{"model":"gpt-4o","prompt":%s,"max_tokens":200,"stream":%t}`, text: steps("choices", 0, "text")},
		{path: "/v1/completions", body: `{"model":"gpt-4o","prompt":%s,"max_tokens":200,"stream":%t}`, stream: true, text: steps("choices", 0, "text"), ends: "[DONE]"},
	},
	"messages": {
		{path: "/v1/messages", body: messagesBodyOf, text: steps("content", 0, "text")},
		{path: "/v1/messages", body: messagesBodyOf, stream: true, text: steps("delta", "text"), ends: "message_stop"},
	},
	"responses": {
		{path: "/v1/responses", body: responseBodyOf, text: steps("output", 0, "content", 0, "text")},
		{path: "/v1/responses", body: responseBodyOf, stream: true, text: ofType("response.output_text.delta", steps("delta")), ends: "response.completed"},
	},
	"Gemini's events": {
		{path: geminiWhole, body: geminiBodyOf, text: steps("candidates", 0, "content", "parts", 0, "text")},
		{path: geminiMany + "?alt=sse", body: geminiBodyOf, stream: true, text: steps("candidates", 0, "content", "parts", 0, "text"), ends: "finishReason"},
	},
	"Gemini's array": {
		{path: geminiWhole, body: geminiBodyOf, text: steps("candidates", 0, "content", "parts", 0, "text")},
		{path: geminiMany, body: geminiBodyOf, stream: true, text: steps("candidates", 0, "content", "parts", 0, "text"), ends: "finishReason"},
	},
	"Spark's own": {
		{path: "/api/spark/generate", body: `{"model":"gpt-4o","prompt":%s,"stream":%t}`, text: steps("text")},
		{path: "/api/spark/generate", body: `{"model":"gpt-4o","prompt":%s,"stream":%t}`, stream: true, text: steps("text"), ends: "finishReason"},
	},
}

// ask asks for a text.
func (g tongue) ask(s *setup, prompt string) answer {
	s.t.Helper()
	quoted, _ := json.Marshal(prompt)
	body := fmt.Sprintf(g.body, quoted, g.stream)
	if !strings.Contains(g.body, "%t") {
		body = fmt.Sprintf(g.body, quoted)
	}
	return s.do(s.request("POST", g.path, body))
}

// said joins what the model said.
func (g tongue) said(t *testing.T, body string) string {
	t.Helper()
	objects := []string{body}
	switch {
	case g.path == geminiMany:
		var all []json.RawMessage
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		objects = nil
		for _, o := range all {
			objects = append(objects, string(o))
		}
	case g.stream:
		objects = nil
		for line := range strings.Lines(body) {
			if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && data != "[DONE]" {
				objects = append(objects, data)
			}
		}
	}
	var text strings.Builder
	for _, o := range objects {
		var object map[string]any
		if err := json.Unmarshal([]byte(o), &object); err != nil {
			t.Fatalf("%v: %s", err, o)
		}
		text.WriteString(g.text(object))
	}
	return text.String()
}

// answering looks at answers only, so that a model may repeat what it was told.
func answering(s *config.Sanitizer) *config.Sanitizer {
	only := []config.Direction{config.DirectionResponse}
	if s.PII != nil {
		s.PII.Directions = only
	}
	for i := range s.DenyPatterns {
		s.DenyPatterns[i].Directions = only
	}
	return s
}

func TestAnswersAreRedactedAlikeWhateverTheTongue(t *testing.T) {
	const prompt = "Tell jane.doe@example.com, or 4111 1111 1111 1111, that john@example.org is out. [[fake tokens=80]]"
	s := start(t, withDocument(sanitizing(answering(redacting(config.PIICreditCard, config.PIIEmail)))))
	for name, both := range tongues {
		t.Run(name, func(t *testing.T) {
			var told [2]string
			for i, g := range both {
				got := g.ask(s, prompt)
				if got.StatusCode != 200 || got.err != nil {
					t.Fatalf("stream %t: %d, %v: %s", g.stream, got.StatusCode, got.err, got.body)
				}
				if strings.Contains(got.body, "jane.doe") || strings.Contains(got.body, "4111") || strings.Contains(got.body, "john@") {
					t.Errorf("stream %t: %s", g.stream, got.body)
				}
				told[i] = g.said(t, got.body)
				if g.stream && !strings.Contains(got.body, g.ends) {
					t.Errorf("the stream has no end: %s", got.body)
				}
			}
			if told[0] != told[1] || strings.Count(told[0], "[EMAIL]") != 2 || strings.Count(told[0], "[CREDIT_CARD]") != 1 {
				t.Errorf("whole  %q\nstream %q", told[0], told[1])
			}
		})
	}
}

func TestRequestsAreRedactedWhateverTheTongue(t *testing.T) {
	for name, both := range tongues {
		for _, g := range both {
			t.Run(fmt.Sprintf("%s, stream %t", name, g.stream), func(t *testing.T) {
				s := start(t, withDocument(sanitizing(redacting(config.PIIEmail))))
				got := g.ask(s, "Write to jane.doe@example.com. [[fake tokens=30]]")
				if got.StatusCode != 200 || got.Header.Get("X-Spark-Sanitizer") != "pii" || !strings.Contains(g.said(t, got.body), "[EMAIL]") {
					t.Errorf("%d %q: %s", got.StatusCode, got.Header.Get("X-Spark-Sanitizer"), got.body)
				}
				records := s.provider.Records()
				if len(records) != 1 || !strings.Contains(records[0].Body, "[EMAIL]") || strings.Contains(records[0].Body, "jane.doe") {
					t.Errorf("the provider was sent %s", records[0].Body)
				}
			})
		}
	}
}

func TestAnAnswerThatIsRefusedEndsAsItsTongueSaysAndIsNotKept(t *testing.T) {
	rules := answering(&config.Sanitizer{DenyPatterns: []config.DenyPattern{{
		Name: "internal-hosts", Regex: `\.corp\.example\b`, Mode: config.SanitizeBlock, Scopes: config.TextScopes,
	}}})
	for name, both := range tongues {
		for _, g := range both {
			t.Run(fmt.Sprintf("%s, stream %t", name, g.stream), func(t *testing.T) {
				s := start(t, withDocument(caching()), withDocument(sanitizing(rules)))
				for i := range 2 {
					got := g.ask(s, "ssh db.corp.example now, and say no more of it [[fake tokens=60]]")
					if want := map[bool]int{false: 400, true: 200}[g.stream]; got.StatusCode != want || (got.err != nil) != g.stream {
						t.Fatalf("%d, %v: %s", got.StatusCode, got.err, got.body)
					}
					if !strings.Contains(got.body, "content policy") || !strings.Contains(got.body, "error") || strings.Contains(got.body, "corp.example") {
						t.Errorf("it says %s", got.body)
					}
					if g.stream && strings.Contains(got.body, g.ends) {
						t.Errorf("it ends as if it were whole: %s", got.body)
					}
					if word := got.Header.Get("X-Spark-Cache"); word != "miss" {
						t.Errorf("request %d is a %s", i, word)
					}
					if l := s.lines(i + 1)[i]; l.Outcome != "blocked" || l.Reason != "deny_pattern" || l.Usage == nil || l.Usage.Total == 0 {
						t.Errorf("the log says %s, %s, %+v", l.Outcome, l.Reason, l.Usage)
					}
				}
			})
		}
	}
}

func TestWhatAProviderKeepsOfAnAnswerIsRedactedToo(t *testing.T) {
	s := start(t, withDocument(sanitizing(answering(redacting(config.PIIEmail)))))
	got := s.do(s.request("POST", "/v1/responses", `{"model":"gpt-4o","store":true,"input":"Tell jane.doe@example.com. [[fake tokens=30]]"}`))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || made.ID == "" || !strings.Contains(got.body, "[EMAIL]") {
		t.Fatalf("%v: %s", err, got.body)
	}
	for _, query := range []string{"", "?stream=true"} {
		again := s.do(s.request("GET", "/v1/responses/"+made.ID+query, ""))
		if again.StatusCode == 200 && (strings.Contains(again.body, "jane.doe") || !strings.Contains(again.body, "[EMAIL]")) || query == "" && again.StatusCode != 200 {
			t.Errorf("%q: %d %s", query, again.StatusCode, again.body)
		}
	}
}
