// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// said is an error as a line.
func said(e *exchange.Error) string {
	return strings.Join([]string{http(e.Status), e.Type, e.Message}, " ")
}

func http(status int) string {
	return map[int]string{400: "400", 401: "401", 403: "403", 429: "429", 498: "498", 500: "500", 503: "503", 504: "504"}[status]
}

func TestAnAnswerIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want chat.Answer
	}{
		"a text": {
			`{"id":"c14c80c3","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"LLMs"}],
				"citations":[{"start":0,"end":4,"text":"LLMs"}]},"usage":{"billed_units":{"input_tokens":5.0,"output_tokens":418.0},
				"tokens":{"input_tokens":71.0,"output_tokens":418.0},"cached_tokens":3}}`,
			chat.Answer{
				ID:      "c14c80c3",
				Choices: []chat.Choice{{Parts: []chat.Part{{Text: "LLMs"}}, Finish: chat.Stopped}},
				Usage:   exchange.Usage{Prompt: 5, Completion: 418, Total: 423, Cached: 3, Source: exchange.UsageReported},
			},
		},
		"a plan and calls": {
			`{"id":"x","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":"I will look.","tool_calls":[
				{"id":"f_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
				{"id":"g_2","type":"function","function":{"name":"g","arguments":""}}]},
				"usage":{"tokens":{"input_tokens":10,"output_tokens":2},"cached_tokens":99}}`,
			chat.Answer{
				ID: "x",
				Choices: []chat.Choice{{Finish: chat.CalledTools, Parts: []chat.Part{
					{Text: "I will look."},
					{Kind: chat.Call, Call: &chat.ToolCall{ID: "f_1", Name: "f", Arguments: `{"a":1}`}},
					{Kind: chat.Call, Call: &chat.ToolCall{ID: "g_2", Name: "g"}},
				}}},
				Usage: exchange.Usage{Prompt: 10, Completion: 2, Total: 12, Cached: 10, Source: exchange.UsageReported},
			},
		},
		"thoughts": {
			`{"id":"x","finish_reason":"MAX_TOKENS","message":{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"novel"}]}}`,
			chat.Answer{ID: "x", Choices: []chat.Choice{{
				Finish: chat.AtLength, Parts: []chat.Part{{Kind: chat.Thinking, Text: "hm"}, {Text: "a"}},
			}}},
		},
		"a stop sequence": {
			`{"id":"x","finish_reason":"STOP_SEQUENCE","message":{"content":[]},"usage":{"tokens":{"input_tokens":-1,"output_tokens":1e300}}}`,
			chat.Answer{ID: "x", Choices: []chat.Choice{{Finish: chat.AtStop}}, Usage: exchange.Usage{Source: exchange.UsageReported}},
		},
		"a filter":  {`{"id":"x","finish_reason":"ERROR_TOXIC","message":{}}`, chat.Answer{ID: "x", Choices: []chat.Choice{{Finish: chat.Filtered}}}},
		"no reason": {`{"id":"x","message":{},"usage":{"tokens":{"input_tokens":1}}}`, chat.Answer{ID: "x", Choices: []chat.Choice{{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cohere.Encoder{}.DecodeAnswer([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"nothing":       {"", ""},
		"no JSON":       {"<html>", ""},
		"no message":    {`{"id":"x","finish_reason":"COMPLETE"}`, ""},
		"a failure":     {`{"id":"x","finish_reason":"ERROR","message":{}}`, "500 upstream_error The provider's answer failed."},
		"out of time":   {`{"id":"x","finish_reason":"TIMEOUT","message":{}}`, "504 upstream_error The provider's answer failed."},
		"wrong content": {`{"id":"x","finish_reason":"COMPLETE","message":{"content":3}}`, ""},
	} {
		_, err := cohere.Encoder{}.DecodeAnswer([]byte(test.body))
		var e *exchange.Error
		switch {
		case err == nil:
			t.Errorf("%s: no error", name)
		case errors.As(err, &e) != (test.want != ""):
			t.Errorf("%s: %v", name, err)
		case e != nil && said(e) != test.want:
			t.Errorf("%s: %s, want %s", name, said(e), test.want)
		}
	}
}

func TestErrorsAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a bad request":      {400, `{"id":"a","message":"invalid request: x"}`, "400 invalid_request_error invalid request: x"},
		"a bad key":          {401, `{"message":"invalid api token"}`, "401 authentication_error invalid api token"},
		"a blocked key":      {498, `{"message":"blocked"}`, "498 authentication_error blocked"},
		"a forbidden model":  {403, `{"message":"no"}`, "403 authentication_error no"},
		"a rate":             {429, `{"message":"slow down"}`, "429 rate_limit_error slow down"},
		"a fault":            {500, `{"message":"oops"}`, "500 server_error oops"},
		"a page of HTML":     {503, "<html>", "503 server_error The provider answered with status 503."},
		"a message of shape": {400, `{"message":{"a":1}}`, "400 invalid_request_error The provider answered with status 400."},
		"a long one":         {400, `{"message":"` + strings.Repeat("é", 4<<10) + `"}`, "400 invalid_request_error " + strings.Repeat("é", 2<<10)},
	} {
		e := cohere.Encoder{}.DecodeError(test.status, []byte(test.body))
		outcome := exchange.ProviderRefused
		if test.status >= 500 {
			outcome = exchange.ProviderFailed
		}
		if said(e) != test.want || e.Outcome != outcome || e.Reason != exchange.ReasonProviderStatus {
			t.Errorf("%s: %s, outcome %s, reason %s, want %s", name, said(e), e.Outcome, e.Reason, test.want)
		}
	}
}
