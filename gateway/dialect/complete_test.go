// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAWholeAnswerIsCompleteWhereItsModelEndedIt(t *testing.T) {
	const (
		chat, completions = exchange.Chat, exchange.Completions
		openAI            = `{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":%s}]}`
		message           = `{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":%s}`
		response          = `{"object":"response","status":%s,"error":null,"output":[{"type":"message","status":"completed","content":[{"type":"output_text","text":"a"}]}]}`
		gemini            = `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":%s}]}`
		own               = `{"text":"a","finishReason":%s,"cache":"miss"}`
	)
	tests := map[string]struct {
		dialect exchange.Dialect
		op      exchange.Operation
		body    string
		want    bool
	}{
		"OpenAI: two choices, one cut":              {exchange.OpenAI, chat, `{"choices":[{"index":0,"finish_reason":"stop"},{"index":1,"finish_reason":"length"}]}`, false},
		"OpenAI: two choices, one that did not end": {exchange.OpenAI, chat, `{"choices":[{"index":0,"finish_reason":"stop"},{"index":1,"finish_reason":null}]}`, false},
		"OpenAI: two choices":                       {exchange.OpenAI, chat, `{"choices":[{"index":0,"finish_reason":"stop"},{"index":1,"finish_reason":"tool_calls"}]}`, true},
		"OpenAI: choices without an index":          {exchange.OpenAI, chat, `{"choices":[{"finish_reason":"stop"},{"finish_reason":"stop"}]}`, true},
		"OpenAI: more choices than can be":          {exchange.OpenAI, chat, `{"choices":[{"index":64,"finish_reason":"stop"}]}`, false},
		"OpenAI: no choices":                        {exchange.OpenAI, chat, `{"choices":[]}`, false},
		"OpenAI: an end that nobody told":           {exchange.OpenAI, chat, `{"choices":[{"index":0,"message":{"content":"a"}}]}`, false},
		"OpenAI: a refusal":                         {exchange.OpenAI, chat, `{"choices":[{"index":0,"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}`, false},
		"OpenAI: no refusal":                        {exchange.OpenAI, chat, `{"choices":[{"index":0,"message":{"content":"a","refusal":null},"finish_reason":"stop"}]}`, true},
		"OpenAI: an empty refusal":                  {exchange.OpenAI, chat, `{"choices":[{"index":0,"message":{"content":"a","refusal":""},"finish_reason":"stop"}]}`, true},
		"OpenAI: an error beside choices":           {exchange.OpenAI, chat, `{"error":{"message":"no"},"choices":[{"index":0,"finish_reason":"stop"}]}`, false},
		"OpenAI: an error":                          {exchange.OpenAI, chat, `{"error":{"message":"no"}}`, false},
		"OpenAI: an error as an object":             {exchange.OpenAI, chat, `{"object":"error","message":"no"}`, false},
		"OpenAI: no error":                          {exchange.OpenAI, completions, `{"error":null,"choices":[{"index":0,"text":"a","finish_reason":"stop"}]}`, true},
		"OpenAI: an array":                          {exchange.OpenAI, chat, `[{"choices":[{"index":0,"finish_reason":"stop"}]}]`, false},
		"OpenAI: a word that is escaped":            {exchange.OpenAI, chat, `{"choices":[{"index":0,"finish_reason":"st\u006fp"}]}`, false},
		"Responses: a refusal":                      {exchange.Responses, chat, `{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}`, false},
		"Responses: an error":                       {exchange.Responses, chat, `{"status":"failed","error":{"code":"x"},"output":[]}`, false},
		"Responses: one that is queued":             {exchange.Responses, chat, `{"status":"queued","output":[]}`, false},
		"Responses: one that was cancelled":         {exchange.Responses, chat, `{"status":"cancelled","output":[]}`, false},
		"Anthropic: an error":                       {exchange.Anthropic, chat, `{"type":"error","error":{"type":"overloaded_error"}}`, false},
		"Gemini: two candidates, one cut":           {exchange.Gemini, chat, `{"candidates":[{"finishReason":"STOP"},{"finishReason":"MAX_TOKENS","index":1}]}`, false},
		"Gemini: a prompt that was blocked":         {exchange.Gemini, chat, `{"promptFeedback":{"blockReason":"SAFETY"}}`, false},
		"Gemini: an array":                          {exchange.Gemini, chat, " [{\"candidates\":[{\"content\":{}}]}\n,{\"candidates\":[{\"finishReason\":\"STOP\"}]}\n] \n", true},
		"Gemini: an array with a tail":              {exchange.Gemini, chat, `[{"candidates":[{"finishReason":"STOP"}]}]{"error":{"code":500}}`, false},
		"Gemini: an array with an error":            {exchange.Gemini, chat, `[{"candidates":[{"finishReason":"STOP"}]},{"error":{"code":500}}]`, false},
		"Gemini: an array of which one ended":       {exchange.Gemini, chat, `[{"candidates":[{"index":0,"finishReason":"STOP"},{"index":1}]}]`, false},
		"Gemini: an empty array":                    {exchange.Gemini, chat, `[]`, false},
		"embeddings":                                {exchange.OpenAI, exchange.Embeddings, `{"object":"list","data":[{"embedding":[1]}]}`, true},
		"embeddings of Gemini's":                    {exchange.Gemini, exchange.Embeddings, `{"embedding":{"values":[1]}}`, true},
		"several embeddings of Gemini's":            {exchange.Gemini, exchange.Embeddings, `{"embeddings":[{"values":[1]}]}`, true},
		"no embeddings":                             {exchange.OpenAI, exchange.Embeddings, `{"object":"list","data":[]}`, false},
		"something else for embeddings":             {exchange.OpenAI, exchange.Embeddings, `{"detail":"too many requests"}`, false},
		"an error for embeddings":                   {exchange.OpenAI, exchange.Embeddings, `{"data":[1],"error":{"message":"no"}}`, false},
		"a moderation":                              {exchange.OpenAI, exchange.Moderation, `{"results":[{"flagged":false}]}`, true},
		"something else for a moderation":           {exchange.OpenAI, exchange.Moderation, `{"ok":true}`, false},
		"a ranking":                                 {exchange.OpenAI, exchange.Rerank, `{"results":[{"index":0}]}`, true},
		"tokens counted":                            {exchange.Anthropic, exchange.CountTokens, `{"input_tokens":7}`, true},
		"tokens counted by Gemini":                  {exchange.Gemini, exchange.CountTokens, `{"totalTokens":7}`, true},
		"no tokens counted":                         {exchange.Anthropic, exchange.CountTokens, `{}`, false},
		"what is no JSON":                           {exchange.OpenAI, chat, `choices`, false},
		"nothing":                                   {exchange.OpenAI, chat, ``, false},
	}
	for _, form := range []struct {
		name      string
		dialect   exchange.Dialect
		body      string
		good, bad []string
	}{
		{"OpenAI", exchange.OpenAI, openAI, []string{`"stop"`, `"tool_calls"`, `"function_call"`}, []string{`"length"`, `"content_filter"`, `null`, `""`, `"error"`}},
		{"Anthropic", exchange.Anthropic, message, []string{`"end_turn"`, `"stop_sequence"`, `"tool_use"`}, []string{`"max_tokens"`, `"refusal"`, `"pause_turn"`, `"model_context_window_exceeded"`, `null`}},
		{"Responses", exchange.Responses, response, []string{`"completed"`}, []string{`"incomplete"`, `"failed"`, `"in_progress"`, `null`}},
		{"Gemini", exchange.Gemini, gemini, []string{`"STOP"`}, []string{`"MAX_TOKENS"`, `"SAFETY"`, `"RECITATION"`, `"MALFORMED_FUNCTION_CALL"`, `null`}},
		{"Spark", exchange.Spark, own, []string{`"stop"`, `"tool_calls"`}, []string{`"length"`, `"content_filter"`, `"refusal"`, `null`}},
	} {
		for want, reasons := range map[bool][]string{true: form.good, false: form.bad} {
			for _, reason := range reasons {
				body := fmt.Sprintf(form.body, reason)
				tests[form.name+" that ended by "+reason] = struct {
					dialect exchange.Dialect
					op      exchange.Operation
					body    string
					want    bool
				}{form.dialect, chat, body, want}
				for n := range len(body) {
					if Complete(form.dialect, chat, []byte(body[:n])) {
						t.Errorf("the first %d bytes are complete: %s", n, body[:n])
					}
				}
			}
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Complete(test.dialect, test.op, []byte(test.body)); got != test.want {
				t.Errorf("complete: %t: %s", got, test.body)
			}
		})
	}
}

// wholeStreams are the data of good streams, event by event.
var wholeStreams = map[string]struct {
	dialect exchange.Dialect
	events  []string
}{
	"OpenAI": {exchange.OpenAI, []string{
		`{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}`,
		`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`, `[DONE]`,
	}},
	"OpenAI, two choices": {exchange.OpenAI, []string{
		`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`, `{"choices":[{"index":1,"delta":{"content":"a"},"finish_reason":null}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, `{"choices":[{"index":1,"delta":{},"finish_reason":"tool_calls"}]}`, `[DONE]`,
	}},
	"Azure, which says first what it filtered": {exchange.OpenAI, []string{
		`{"choices":[],"prompt_filter_results":[]}`, `{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, `[DONE]`,
	}},
	"Anthropic": {exchange.Anthropic, []string{
		`{"type":"message_start","message":{"stop_reason":null,"usage":{"input_tokens":1}}}`, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"ping"}`, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`, `{"type":"content_block_stop","index":0}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}`, `{"type":"message_stop"}`,
	}},
	"Responses": {exchange.Responses, []string{
		`{"type":"response.created","response":{"status":"in_progress","error":null}}`, `{"type":"response.output_item.added","item":{"status":"in_progress","content":[]}}`,
		`{"type":"response.output_text.delta","delta":"a"}`, `{"type":"response.output_item.done","item":{"status":"completed","content":[{"type":"output_text","text":"a"}]}}`,
		`{"type":"response.completed","response":{"status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}}`,
	}},
	"Gemini": {exchange.Gemini, []string{
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, `{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{}}`,
	}},
	"Gemini, two candidates": {exchange.Gemini, []string{
		`{"candidates":[{"content":{},"index":0},{"content":{},"index":1}]}`, `{"candidates":[{"finishReason":"STOP","index":1}]}`, `{"candidates":[{"finishReason":"STOP","index":0}]}`,
	}},
	"Spark": {exchange.Spark, []string{`{"text":"a"}`, `{"text":"b"}`, `{"id":"1","text":"","finishReason":"stop","cache":"miss"}`}},
}

func completeStream(d exchange.Dialect, events []string) bool {
	end := Ending{Dialect: d}
	for _, e := range events {
		end.Event([]byte(e))
	}
	return end.Complete()
}

func TestAStreamIsCompleteAtItsEndOnly(t *testing.T) {
	for name, stream := range wholeStreams {
		t.Run(name, func(t *testing.T) {
			for n := range stream.events {
				if completeStream(stream.dialect, stream.events[:n]) {
					t.Errorf("the first %d events are complete", n)
				}
			}
			if !completeStream(stream.dialect, stream.events) {
				t.Error("the whole stream is not")
			}
			for n := range len(stream.events) + 1 {
				for _, wrong := range []string{`{"error":{"message":"no"}}`, `{"type":"error","error":{}}`, `{"truncated`, ``} {
					with := append(append(append([]string(nil), stream.events[:n]...), wrong), stream.events[n:]...)
					if completeStream(stream.dialect, with) {
						t.Errorf("with %q as event %d it is complete", wrong, n)
					}
				}
			}
		})
	}
}

func TestAStreamThatDidNotEndWellIsNotComplete(t *testing.T) {
	for _, word := range []string{`"length"`, `"content_filter"`, `"max_tokens"`, `"refusal"`, `"incomplete"`, `"MAX_TOKENS"`, `"SAFETY"`, `null`} {
		for name, stream := range wholeStreams {
			changed, any := []string{}, false
			for _, e := range stream.events {
				for _, good := range []string{`"finish_reason":"stop"`, `"stop_reason":"end_turn"`, `"finishReason":"STOP"`, `"finishReason":"stop"`, `"status":"completed","error"`} {
					at, _, _ := strings.Cut(good[1:], `"`)
					if was := e; strings.Contains(e, good) {
						tail := ""
						if strings.HasSuffix(good, `,"error"`) {
							tail = `,"error"`
						}
						e = strings.ReplaceAll(e, good, `"`+at+`":`+word+tail)
						any = any || e != was
					}
				}
				changed = append(changed, e)
			}
			if !any || completeStream(stream.dialect, changed) {
				t.Errorf("%s, ended by %s: changed %t and complete: %q", name, word, any, changed)
			}
		}
	}
	for name, events := range map[string][]string{
		"OpenAI":    {`{"choices":[{"index":0,"delta":{"refusal":"No"},"finish_reason":null}]}`, `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, `[DONE]`},
		"Responses": {`{"type":"response.refusal.delta","delta":"No"}`, `{"type":"response.completed","response":{"status":"completed","output":[]}}`},
	} {
		d := map[string]exchange.Dialect{"OpenAI": exchange.OpenAI, "Responses": exchange.Responses}[name]
		if completeStream(d, events) {
			t.Errorf("%s: a refusal is complete", name)
		}
	}
}

// FuzzComplete shows that no beginning of an answer that is complete is complete, and that nothing makes the reader fail.
func FuzzComplete(f *testing.F) {
	for _, stream := range wholeStreams {
		for _, e := range stream.events {
			f.Add(uint8(stream.dialect), []byte(e))
		}
		f.Add(uint8(stream.dialect), []byte("["+strings.Join(stream.events, ",")+"]"))
	}
	f.Fuzz(func(t *testing.T, d uint8, body []byte) {
		as := exchange.Dialect(d) % exchange.Dialects
		if !Complete(as, exchange.Chat, body) {
			return
		}
		trimmed := len(strings.TrimRight(string(body), " \t\r\n"))
		for n := range trimmed {
			if Complete(as, exchange.Chat, body[:n]) {
				t.Fatalf("%s: the first %d bytes are complete, too: %q", as, n, body[:n])
			}
		}
	})
}
