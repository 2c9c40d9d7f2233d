// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

type completion struct {
	ID, Object, Model string
	Created           int64
	Fingerprint       string `json:"system_fingerprint"`
	Choices           []struct {
		Index   int
		Message struct {
			Role      string
			Content   *string
			ToolCalls []struct {
				ID, Type string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
		FinishReason string `json:"finish_reason"`
	}
	Usage *usage
}

type usage struct {
	PromptTokens     int             `json:"prompt_tokens"`
	CompletionTokens int             `json:"completion_tokens"`
	TotalTokens      int             `json:"total_tokens"`
	PromptDetails    json.RawMessage `json:"prompt_tokens_details"`
	Details          json.RawMessage `json:"completion_tokens_details"`
}

func TestAChatCompletionHasOpenAIsShape(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, content := ask(t, server, chatBody("gpt-4o", "Say hello", false))
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %s", response.Status, response.Header.Get("Content-Type"))
	}
	for _, header := range []string{
		"x-request-id", "openai-processing-ms", "openai-version", "x-ratelimit-limit-requests",
		"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-limit-tokens",
		"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
	} {
		if response.Header.Get(header) == "" {
			t.Errorf("header %s is missing", header)
		}
	}

	var got completion
	decode(t, content, &got)
	if !strings.HasPrefix(got.ID, "chatcmpl-") || got.Object != "chat.completion" || got.Created == 0 ||
		got.Model != "gpt-4o" || !strings.HasPrefix(got.Fingerprint, "fp_") {
		t.Errorf("got %+v", got)
	}
	choice := got.Choices[0]
	if choice.Message.Role != "assistant" || choice.FinishReason != "stop" || choice.Message.Content == nil {
		t.Fatalf("choice %+v", choice)
	}
	if !strings.Contains(*choice.Message.Content, "«Say hello»") {
		t.Errorf("the answer does not follow from the prompt: %s", *choice.Message.Content)
	}
	wantUsage(t, got.Usage, fakeprovider.PromptTokens("Say hello"), fakeprovider.CountTokens(*choice.Message.Content))
	if got.Usage.PromptDetails == nil || got.Usage.Details == nil {
		t.Error("the details of the usage are missing")
	}
}

func wantUsage(t *testing.T, got *usage, prompt, completion int) {
	t.Helper()
	if got == nil {
		t.Fatal("no usage")
	}
	if got.PromptTokens != prompt || got.CompletionTokens != completion || got.TotalTokens != prompt+completion {
		t.Errorf("usage %d + %d = %d, want %d + %d", got.PromptTokens, got.CompletionTokens, got.TotalTokens,
			prompt, completion)
	}
}

func TestLengthOfAnAnswer(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		body, header string
		tokens       int
		finish       string
	}{
		"x-fake-tokens is met exactly": {`{"model":"m","messages":[{"role":"user","content":"a"}]}`, "200", 200, "stop"},
		"max_tokens cuts":              {`{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"}]}`, "20", 5, "length"},
		"max_completion_tokens cuts": {
			`{"model":"m","max_completion_tokens":6,"messages":[{"role":"user","content":"a"}]}`, "20", 6, "length"},
		"an answer of just the limit was not cut": {
			`{"model":"m","max_tokens":20,"messages":[{"role":"user","content":"a"}]}`, "20", 20, "stop"},
		"every choice is counted": {
			`{"model":"m","n":3,"messages":[{"role":"user","content":"a"}]}`, "10", 30, "stop"},
	} {
		t.Run(name, func(t *testing.T) {
			_, content := ask(t, server, c.body, "x-fake-tokens", c.header)
			var got completion
			decode(t, content, &got)
			wantUsage(t, got.Usage, fakeprovider.PromptTokens("a"), c.tokens)
			total := 0
			for i, choice := range got.Choices {
				total += fakeprovider.CountTokens(*choice.Message.Content)
				if choice.FinishReason != c.finish || choice.Index != i {
					t.Errorf("choice %d: index %d, finish_reason %s", i, choice.Index, choice.FinishReason)
				}
			}
			if total != c.tokens {
				t.Errorf("%d tokens of content, want %d", total, c.tokens)
			}
		})
	}
}

func TestThePromptIsCountedWhole(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := `{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[
		{"type":"text","text":"What is "},{"type":"text","text":"this?"},
		{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]}`
	_, content := ask(t, server, body)
	var got completion
	decode(t, content, &got)
	if want := fakeprovider.PromptTokens("Be brief.", "What is this?") + 85; got.Usage.PromptTokens != want {
		t.Errorf("prompt_tokens = %d, want %d", got.Usage.PromptTokens, want)
	}
	if text := *got.Choices[0].Message.Content; !strings.Contains(text, "What is this?") {
		t.Errorf("the text parts were not joined: %s", text)
	}
}

func TestRequestsThatOpenAIRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}})
	message := `"messages":[{"role":"user","content":"a"}]`
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
	}{
		"not JSON":                      {`{`, 400, "could not parse"},
		"no model":                      {`{` + message + `}`, 400, "must provide a model"},
		"no messages":                   {`{"model":"m","messages":[]}`, 400, "at least one message"},
		"an unknown role":               {`{"model":"m","messages":[{"role":"robot","content":"a"}]}`, 400, "Invalid value: 'robot'"},
		"an unknown model":              {`{"model":"other",` + message + `}`, 404, "does not exist"},
		"max_tokens of zero":            {`{"model":"m","max_tokens":0,` + message + `}`, 400, "max_tokens"},
		"too many choices":              {`{"model":"m","n":99,` + message + `}`, 400, "Invalid 'n'"},
		"stream_options without stream": {`{"model":"m","stream_options":{"include_usage":true},` + message + `}`, 400, "only allowed when 'stream'"},
		"a tool that must come from nowhere": {
			`{"model":"m","tool_choice":"required",` + message + `}`, 400, "only allowed when 'tools'"},
		"two limits":                    {`{"model":"m","max_tokens":1,"max_completion_tokens":1,` + message + `}`, 400, "at the same time"},
		"a member that nobody knows":    {`{"model":"m","top_k":1,` + message + `}`, 400, "Unknown parameter: 'top_k'"},
		"one in a message":              {`{"model":"m","messages":[{"role":"user","content":"a","cache_control":{}}]}`, 400, "Unknown parameter: 'messages[0].cache_control'"},
		"one in a part":                 {`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a","x":1}]}]}`, 400, "Unknown parameter: 'messages[0].content[0].x'"},
		"a value of the wrong type":     {`{"model":"m","temperature":"hot",` + message + `}`, 400, "Invalid type for 'temperature'"},
		"a temperature beyond two":      {`{"model":"m","temperature":2.5,` + message + `}`, 400, "Invalid 'temperature'"},
		"five stop sequences":           {`{"model":"m","stop":["a","b","c","d","e"],` + message + `}`, 400, "Invalid 'stop'"},
		"an effort that there is not":   {`{"model":"m","reasoning_effort":"huge",` + message + `}`, 400, "Invalid value: 'huge'"},
		"top_logprobs without logprobs": {`{"model":"m","top_logprobs":2,` + message + `}`, 400, "only allowed when 'logprobs'"},
		"no tools in a list of tools":   {`{"model":"m","tools":[],` + message + `}`, 400, "empty array"},
		"parallel calls of no tools":    {`{"model":"m","parallel_tool_calls":false,` + message + `}`, 400, "only allowed when 'tools'"},
		"a tool with a name of blanks":  {`{"model":"m","tools":[{"type":"function","function":{"name":"a b"}}],` + message + `}`, 400, "does not match pattern"},
		"a strict tool with an open schema": {
			`{"model":"m","tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object"}}}],` + message + `}`,
			400, "Invalid schema for function 'f'"},
		"json_object without the word": {`{"model":"m","response_format":{"type":"json_object"},` + message + `}`, 400, "must contain the word 'json'"},
		"a schema without a name":      {`{"model":"m","response_format":{"type":"json_schema","json_schema":{"schema":{}}},` + message + `}`, 400, "Missing required parameter"},
		"a strict schema that leaves a property open": {
			`{"model":"m","response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,"schema":{"type":"object",` +
				`"additionalProperties":false,"required":[],"properties":{"a":{"type":"string"}}}}},` + message + `}`, 400, "Missing 'a'"},
		"an answer to no call": {`{"model":"m","messages":[{"role":"tool","tool_call_id":"c","content":"a"}]}`, 400, "must be a response to a"},
		"a call without an answer": {
			`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
				`{"role":"user","content":"a"}]}`, 400, "did not have response messages: c"},
		"a call answered late": {
			`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
				`{"role":"user","content":"a"},{"role":"tool","tool_call_id":"c","content":"b"}]}`, 400, "did not have response messages: c"},
		"a message without content": {`{"model":"m","messages":[{"role":"user"}]}`, 400, "expected a string, got null"},
		"an image that is none":     {`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x.png"}}]}]}`, 400, "expected a URL"},
		"an image of the system's":  {`{"model":"m","messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x/"}}]}]}`, 400, "Supported values are: 'text'"},
		"a bad directive":           {`{"model":"m+fault=x",` + message + `}`, 400, "fakeprovider: marker in the model's name"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := ask(t, server, c.body)
			reason, kind, _ := failureOf(t, content)
			if response.StatusCode != c.status || !strings.Contains(reason, c.reason) || kind != "invalid_request_error" {
				t.Errorf("%d %s %q, want %d about %q", response.StatusCode, kind, reason, c.status, c.reason)
			}
		})
	}
}

func TestUnknownURLsAreRefusedAsOpenAIDoes(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	var body struct{ Error struct{ Message string } }
	response := get(t, server, "/v1/nothing", &body)
	if response.StatusCode != http.StatusNotFound || body.Error.Message != "Invalid URL (GET /v1/nothing)" {
		t.Errorf("%d %q", response.StatusCode, body.Error.Message)
	}
}

func TestTheKeyIsInsistedOn(t *testing.T) {
	server := start(t, fakeprovider.Options{APIKeys: []string{"sk-right-1234567890"}})
	for name, c := range map[string]struct {
		headers []string
		status  int
		reason  string
	}{
		"no key":        {nil, 401, "didn't provide an API key"},
		"a wrong key":   {[]string{"Authorization", "Bearer sk-wrong-0987654321"}, 401, "provided: ***4321."},
		"the right key": {[]string{"Authorization", "Bearer sk-right-1234567890"}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := ask(t, server, plain, c.headers...)
			if response.StatusCode != c.status {
				t.Fatalf("status %d, want %d", response.StatusCode, c.status)
			}
			if c.status != http.StatusOK {
				if reason, _, _ := failureOf(t, content); !strings.Contains(reason, c.reason) {
					t.Errorf("reason %q, want %q", reason, c.reason)
				}
			}
		})
	}
}
