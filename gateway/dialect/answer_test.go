// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestReadAnswer(t *testing.T) {
	const reported = exchange.UsageReported
	tests := map[string]struct {
		data    string
		want    Answer
		invalid bool
	}{
		"a whole answer": {
			data: `{"choices":[{"message":{"content":"hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`,
			want: Answer{Usage: exchange.Usage{Prompt: 3, Completion: 4, Total: 7, Source: reported}, TextBytes: 5, Texts: 1},
		},
		"who answers":                        {data: `{"model":"gpt-4o-2024-08-06"}`, want: Answer{Model: []byte("gpt-4o-2024-08-06")}},
		"who answers, as Anthropic says it":  {data: `{"type":"message_start","message":{"model":"claude-x","content":[]}}`, want: Answer{Model: []byte("claude-x")}},
		"who answers, as Responses say it":   {data: `{"type":"response.created","response":{"model":"gpt-x"}}`, want: Answer{Model: []byte("gpt-x")}},
		"who answers, as Gemini says it":     {data: `{"modelVersion":"gemini-x"}`, want: Answer{Model: []byte("gemini-x")}},
		"who answers, in a name that is odd": {data: `{"model":"a\"b"}`},
		"who answers, in no name":            {data: `{"model":7}`},
		"details": {
			data: `{"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},` +
				`"completion_tokens_details":{"reasoning_tokens":15}}}`,
			want: Answer{Usage: exchange.Usage{Prompt: 10, Completion: 20, Total: 30, Cached: 8, Reasoning: 15, Source: reported}},
		},
		"details that are null": {
			data: `{"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":null}}`,
			want: Answer{Usage: exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: reported}},
		},
		"usage of zero is reported": {
			data: `{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, want: Answer{Usage: exchange.Usage{Source: reported}},
		},
		"usage that is null":    {data: `{"choices":[{"delta":{"content":"x"}}],"usage":null}`, want: Answer{TextBytes: 1, Texts: 1}},
		"usage without counts":  {data: `{"usage":{}}`},
		"usage of strings":      {data: `{"usage":{"prompt_tokens":"3","completion_tokens":4}}`},
		"usage of negatives":    {data: `{"usage":{"prompt_tokens":-3,"completion_tokens":4}}`},
		"usage of fractions":    {data: `{"usage":{"prompt_tokens":3.5,"completion_tokens":4}}`},
		"usage beyond counting": {data: `{"usage":{"prompt_tokens":9999999999999999999,"completion_tokens":4}}`},
		"usage that is a list":  {data: `{"usage":[1]}`},
		"the chunk that tells the usage": {
			data: `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`,
			want: Answer{Usage: exchange.Usage{Prompt: 3, Completion: 4, Total: 7, Source: reported}, UsageOnly: true},
		},
		"the same, telling it badly":        {data: `{"choices":[ ],"usage":{"prompt_tokens":"?"}}`, want: Answer{UsageOnly: true}},
		"a chunk of filter results is none": {data: `{"choices":[],"prompt_filter_results":[{}]}`},
		"usage beside a choice is not the usage chunk": {
			data: `{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
			want: Answer{Usage: exchange.Usage{Prompt: 1, Completion: 1, Total: 2, Source: reported}},
		},
		"several deltas": {
			data: `{"choices":[{"delta":{"content":"ab"}},{"delta":{"tool_calls":[{"function":{"arguments":"{}"}}]}}]}`, want: Answer{TextBytes: 4, Texts: 2},
		},
		"a first delta without text":  {data: `{"choices":[{"delta":{"role":"assistant","content":""}}]}`},
		"an error":                    {data: `{"error":{"message":"no"}}`, want: Answer{Error: []byte(`{"message":"no"}`)}},
		"an error as a string":        {data: `{"error":"no"}`, want: Answer{Error: []byte(`"no"`)}},
		"an error as a whole":         {data: `{"object":"error","message":"no"}`, want: Answer{Error: []byte(`{"object":"error","message":"no"}`)}},
		"an object that is no error":  {data: `{"object":"chat.completion.chunk"}`},
		"an error that is null":       {data: `{"error":null,"choices":[]}`},
		"text elsewhere is no answer": {data: `{"content":"abc"}`},
		"a list":                      {data: `[]`, invalid: true},
		"nothing":                     {data: ``, invalid: true},
		"half":                        {data: `{"choices":[`, invalid: true},
		"noise":                       {data: `<html>`, invalid: true},
		"something behind":            {data: `{} x`, invalid: true},
		"the end of a stream":         {data: Done, invalid: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := ReadAnswer(exchange.OpenAI, []byte(tc.data))
			if ok == tc.invalid {
				t.Fatalf("ok %t, %+v", ok, got)
			}
			if diff := cmp.Diff(tc.want, got); ok && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadAnswerDoesNotAllocate(t *testing.T) {
	data := []byte(`{"choices":[{"delta":{"content":"hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":1}}}`)
	if n := testing.AllocsPerRun(100, func() { ReadAnswer(exchange.OpenAI, data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEstimate(t *testing.T) {
	tests := map[string]struct {
		messages                   int
		prompt, answer, texts      int64
		wantPrompt, wantCompletion int64
	}{
		"nothing":                            {},
		"four bytes are a token, rounded up": {prompt: 9, answer: 5, texts: 1, wantPrompt: 3, wantCompletion: 2},
		"messages cost by themselves":        {messages: 2, prompt: 4, wantPrompt: 9},
		"each delta is a token at least":     {answer: 10, texts: 10, wantCompletion: 10},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := exchange.Usage{
				Prompt: tc.wantPrompt, Completion: tc.wantCompletion, Total: tc.wantPrompt + tc.wantCompletion, Source: exchange.UsageEstimated,
			}
			if diff := cmp.Diff(want, Estimate(tc.messages, tc.prompt, tc.answer, tc.texts)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsAreRenderedAsOpenAIDoes(t *testing.T) {
	tests := map[string]struct {
		err  *exchange.Error
		want string
	}{
		"everything": {
			&exchange.Error{Message: "No \"x\".", Type: "t", Param: "p", Code: "c"}, `{"error":{"message":"No \"x\".","type":"t","param":"p","code":"c"}}`,
		},
		"no parameter is null": {&exchange.Error{Message: "m", Type: "t", Code: "c"}, `{"error":{"message":"m","type":"t","param":null,"code":"c"}}`},
		"the reason stands in for a code": {
			&exchange.Error{Message: "m", Type: "t", Reason: exchange.ReasonReset}, `{"error":{"message":"m","type":"t","param":null,"code":"upstream_reset"}}`,
		},
		"neither": {&exchange.Error{Message: "m", Type: "t"}, `{"error":{"message":"m","type":"t","param":null,"code":null}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := string(AppendError(nil, exchange.OpenAI, tc.err, nil)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			event := string(AppendErrorEvent(nil, exchange.OpenAI, tc.err, nil, 0))
			data, ok := strings.CutPrefix(event, "data: ")
			if !ok || !strings.HasSuffix(data, "\n\n") || !json.Valid([]byte(data)) || strings.Count(event, "\n") != 2 {
				t.Errorf("event %q", event)
			}
		})
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":1}},"error":null}`))
	f.Add([]byte(`{"usage":{"prompt_tokens":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, ok := ReadAnswer(exchange.OpenAI, data)
		if ok && !json.Valid(data) {
			t.Errorf("%q is not JSON", data)
		}
		if a.Usage.Prompt < 0 || a.Usage.Completion < 0 || a.TextBytes < 0 || a.TextBytes > int64(len(data)) {
			t.Errorf("%q: %+v", data, a)
		}
	})
}

func BenchmarkReadAnswer(b *testing.B) {
	data := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		ReadAnswer(exchange.OpenAI, data)
	}
}
