// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	messagesPath  = "/v1/messages"
	message       = `{"model":"claude","max_tokens":4096,"messages":[{"role":"user","content":"hi"}]}`
	anthropicTool = `{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"},` +
		`"days":{"type":"integer"}},"required":["city","days"]}}`
)

// claude is what every client of Anthropic's sends.
var claude = []string{"anthropic-version", "2023-06-01"}

type anthropicAnswer struct {
	ID, Type, Role, Model string
	Content               []anthropicPart
	StopReason            string  `json:"stop_reason"`
	StopSequence          *string `json:"stop_sequence"`
	Usage                 *anthropicUsage
}

type anthropicPart struct {
	Type, Text, Thinking, Signature, ID, Name string
	Input                                     map[string]any
}

type anthropicUsage struct {
	Input   int `json:"input_tokens"`
	Written int `json:"cache_creation_input_tokens"`
	Read    int `json:"cache_read_input_tokens"`
	Output  int `json:"output_tokens"`
}

// messageTo asks for a message that must be given.
func messageTo(t *testing.T, server *fakeprovider.Server, body string, headers ...string) anthropicAnswer {
	t.Helper()
	response, content := call(t, server, messagesPath, body, append(headers, claude...)...)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, content)
	}
	var got anthropicAnswer
	decode(t, content, &got)
	return got
}

// anthropicFailure reads an error of Anthropic's.
func anthropicFailure(t *testing.T, content []byte) (kind, message, id string) {
	t.Helper()
	var body struct {
		Type      string
		Error     struct{ Type, Message string }
		RequestID string `json:"request_id"`
	}
	decode(t, content, &body)
	if body.Type != "error" {
		t.Errorf("type %q, want error: %s", body.Type, content)
	}
	return body.Error.Type, body.Error.Message, body.RequestID
}

func TestAMessageHasAnthropicsShape(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, content := call(t, server, messagesPath+"?beta=true", message, claude...)
	for _, header := range []string{
		"request-id", "anthropic-organization-id", "anthropic-ratelimit-requests-limit",
		"anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-input-tokens-reset",
		"anthropic-ratelimit-output-tokens-limit",
	} {
		if response.Header.Get(header) == "" {
			t.Errorf("header %s is missing", header)
		}
	}
	var got anthropicAnswer
	decode(t, content, &got)
	if !strings.HasPrefix(got.ID, "msg_") || got.Type != "message" || got.Role != "assistant" || got.Model != "claude" ||
		got.StopReason != "end_turn" || got.StopSequence != nil {
		t.Errorf("got %+v", got)
	}
	if len(got.Content) != 1 || got.Content[0].Type != "text" || !strings.Contains(got.Content[0].Text, "«hi»") {
		t.Fatalf("content %+v", got.Content)
	}
	want := anthropicUsage{
		Input: fakeprovider.PromptTokens("hi"), Output: fakeprovider.CountTokens(got.Content[0].Text),
	}
	if diff := cmp.Diff(&want, got.Usage); diff != "" {
		t.Error(diff)
	}
}

func TestAnthropicInsistsOnKeyAndVersion(t *testing.T) {
	server := start(t, fakeprovider.Options{APIKeys: []string{"sk-ant-good"}})
	for name, c := range map[string]struct {
		headers []string
		status  int
		kind    string
	}{
		"a key in its header":       {append([]string{"x-api-key", "sk-ant-good"}, claude...), 200, ""},
		"a key as a token":          {append([]string{"authorization", "Bearer sk-ant-good"}, claude...), 200, ""},
		"no key":                    {claude, 401, "authentication_error"},
		"another key":               {append([]string{"x-api-key", "bad"}, claude...), 401, "authentication_error"},
		"a key in Google's header":  {append([]string{"x-goog-api-key", "sk-ant-good"}, claude...), 401, "authentication_error"},
		"the newest version":        {[]string{"x-api-key", "sk-ant-good", "anthropic-version", "2026-10-21"}, 200, ""},
		"no version":                {[]string{"x-api-key", "sk-ant-good"}, 400, "invalid_request_error"},
		"a version that never was":  {[]string{"x-api-key", "sk-ant-good", "anthropic-version", "1"}, 400, "invalid_request_error"},
		"a path that is not served": {nil, 401, "authentication_error"},
	} {
		t.Run(name, func(t *testing.T) {
			path := messagesPath
			if c.headers == nil {
				path += "/batches"
			}
			response, content := call(t, server, path, message, c.headers...)
			if response.StatusCode != c.status {
				t.Fatalf("status %d, want %d", response.StatusCode, c.status)
			}
			if c.kind == "" {
				return
			}
			if kind, _, id := anthropicFailure(t, content); kind != c.kind || id != response.Header.Get("request-id") {
				t.Errorf("%s, want %s with the header's id", content, c.kind)
			}
		})
	}
}

func TestAnthropicsNewestVersionHasNoSamplingParameters(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, name := range []string{"temperature", "top_p", "top_k"} {
		body := strings.Replace(message, "{", `{"`+name+`":1,`, 1)
		for version, status := range map[string]int{"2023-06-01": 200, "2026-10-21": 400} {
			response, content := call(t, server, messagesPath, body, "anthropic-version", version)
			if response.StatusCode != status {
				t.Errorf("%s in version %s: %s %s, want %d", name, version, response.Status, content, status)
			}
		}
	}
}

func TestAnthropicErrorsByStatus(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, want := range map[string]string{
		"status:400": "invalid_request_error", "status:401": "authentication_error", "status:403": "permission_error",
		"status:404": "not_found_error", "status:413": "request_too_large", "status:500": "api_error",
		"rate-limit:2s": "rate_limit_error", "status:529": "overloaded_error",
	} {
		t.Run(spec, func(t *testing.T) {
			response, content := call(t, server, messagesPath, message, append(fault(spec), claude...)...)
			if kind, _, _ := anthropicFailure(t, content); kind != want || response.StatusCode < 400 {
				t.Errorf("%s: %s, want %s", response.Status, kind, want)
			}
			if spec == "rate-limit:2s" && response.Header.Get("retry-after") != "2" {
				t.Errorf("headers %v", response.Header)
			}
		})
	}
}

func TestAnthropicStreamsHoldTheOfficialGrammar(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	tools := list{object{"name": "weather", "input_schema": object{"type": "object"}}}
	for name, c := range map[string]struct {
		members object
		blocks  string
		reason  string
	}{
		"words":    {object{}, "text", "end_turn"},
		"thinking": {object{"thinking": object{"type": "adaptive"}}, "thinking text", "end_turn"},
		"tools":    {object{"tools": tools, "tool_choice": object{"type": "any"}}, "tool_use", "tool_use"},
		"stops":    {object{"stop_sequences": list{"asked"}}, "text", "stop_sequence"},
		"a limit":  {object{"max_tokens": 3}, "text", "max_tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			c.members["stream"] = true
			response, stream := call(t, server, messagesPath, with(t, message, c.members), claude...)
			if kind := response.Header.Get("content-type"); kind != "text/event-stream; charset=utf-8" {
				t.Errorf("content-type %s: %s", kind, stream)
			}
			blocks, reason := grammar(t, namedEvents(t, stream))
			if blocks != c.blocks || reason != c.reason {
				t.Errorf("blocks %q, reason %q; want %q, %q", blocks, reason, c.blocks, c.reason)
			}
		})
	}
}

// grammar walks a stream as a strict client does, and gives the types of its blocks and its stop reason.
func grammar(t *testing.T, events []namedEvent) (blocks, reason string) {
	t.Helper()
	var kinds []string
	open, next, pings := false, "message_start", 0
	for _, e := range events {
		var got struct {
			Type    string
			Index   *int
			Message struct {
				Content []any
				Usage   *anthropicUsage
			}
			Block struct{ Type string } `json:"content_block"`
			Delta struct {
				StopReason string `json:"stop_reason"`
			}
			Usage *anthropicUsage
		}
		decode(t, e.data, &got)
		if got.Type != e.name {
			t.Errorf("event %s says it is %s", e.name, got.Type)
		}
		switch e.name {
		case "ping":
			pings++
			continue
		case "content_block_start":
			open = true
			kinds = append(kinds, got.Block.Type)
		case "content_block_stop":
			open = false
		case "message_start":
			if next != e.name || got.Message.Content == nil || got.Message.Usage == nil {
				t.Errorf("message_start %s", e.data)
			}
		case "message_delta":
			reason = got.Delta.StopReason
			if open || got.Usage == nil || got.Usage.Output == 0 {
				t.Errorf("message_delta %s", e.data)
			}
		}
		if strings.HasPrefix(e.name, "content_block") && (got.Index == nil || *got.Index != len(kinds)-1) {
			t.Errorf("%s is not of block %d: %s", e.name, len(kinds)-1, e.data)
		}
		next = e.name
	}
	if next != "message_stop" || pings == 0 || open {
		t.Errorf("last event %s, %d pings, block open: %v", next, pings, open)
	}
	return strings.Join(kinds, " "), reason
}

func TestAnthropicListsItsModels(t *testing.T) {
	server := start(t, fakeprovider.Options{Models: []string{"a", "b", "c"}})
	for query, want := range map[string]object{
		"":                    {"first_id": "a", "last_id": "c", "has_more": false},
		"?limit=2":            {"first_id": "a", "last_id": "b", "has_more": true},
		"?limit=2&after_id=b": {"first_id": "c", "last_id": "c", "has_more": false},
		"?before_id=b":        {"first_id": "a", "last_id": "a", "has_more": false},
		"?after_id=c":         {"first_id": nil, "last_id": nil, "has_more": false},
	} {
		_, content := call(t, server, "/v1/models"+query, "", claude...)
		var got object
		decode(t, content, &got)
		delete(got, "data")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	_, content := call(t, server, "/v1/models/b", "", claude...)
	var model struct{ Type, ID string }
	if decode(t, content, &model); model.Type != "model" || model.ID != "b" {
		t.Errorf("%s", content)
	}
	response, content := call(t, server, "/v1/models/x", "", claude...)
	if kind, _, _ := anthropicFailure(t, content); response.StatusCode != 404 || kind != "not_found_error" {
		t.Errorf("%s %s", response.Status, content)
	}
	if _, content := call(t, server, "/v1/models", ""); count(content, `"object":"list"`) != 1 {
		t.Errorf("without a version the list is OpenAI's: %s", content)
	}
	if response, _ := call(t, server, "/v1/models?limit=0", "", claude...); response.StatusCode != 400 {
		t.Errorf("limit=0: %s", response.Status)
	}
}
