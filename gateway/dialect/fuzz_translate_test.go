// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// asking is how an application of each dialect asks.
var asking = []struct {
	dialect exchange.Dialect
	shape   *Shape
	corpus  string
}{
	{exchange.OpenAI, Chat, "roundtrip/testdata/openai"},
	{exchange.Responses, Response, "responses/testdata/requests"},
	{exchange.Anthropic, Messages, "anthropic/testdata/requests"},
	{exchange.Gemini, Generate, "gemini/testdata/requests"},
	{exchange.Spark, Generation, ""},
}

// answering are all ways to be answered by a provider that speaks another dialect.
var answering = []Target{
	{Wire: exchange.OpenAI, Type: config.OpenAI, Model: "gpt-5.2"},
	{Wire: exchange.OpenAI, Type: config.AzureOpenAI, Model: "gpt-5.2"},
	{Wire: exchange.OpenAI, Type: config.Mistral, Model: "mistral-large"},
	{Wire: exchange.OpenAI, Type: config.Ollama, Model: "llama4"},
	{Wire: exchange.OpenAI, Type: config.OpenAICompatible, Model: "m"},
	{Wire: exchange.Responses, Type: config.OpenAI, Model: "gpt-5.2"},
	{Wire: exchange.Anthropic, Type: config.Anthropic, Model: "claude-opus-5"},
	{Wire: exchange.Anthropic, Type: config.Anthropic, Model: "claude-sonnet-4-5", MaxTokens: 9000},
	{Wire: exchange.Gemini, Type: config.Gemini, Model: "gemini-3.5-flash"},
	{Wire: exchange.Gemini, Type: config.VertexAI, Model: "gemini-2.5-flash"},
	{Wire: exchange.Bedrock, Type: config.Bedrock, Model: "anthropic.claude-opus-5"},
	{Wire: exchange.Bedrock, Type: config.Bedrock, Model: "global.amazon.nova-2-lite-v1:0"},
	{Wire: exchange.Cohere, Type: config.Cohere, Model: "command-a-03-2025"},
}

// translated takes a body through what the gateway takes every body through: it is read as a shape, and then translated.
func translated(from int, body []byte, to Target) ([]byte, *Translation, *exchange.Error) {
	var asked Request
	a := asking[from]
	if err := asked.Decode(a.shape, body); err != nil {
		return nil, nil, err
	}
	t := &Translation{}
	out, err := t.Request(nil, Question{
		Operation: exchange.Chat, Dialect: a.dialect, Body: body, Model: "asked", Stream: asked.Stream,
		Meta: chat.Meta{ID: "id-1", Model: "asked", Created: 1_800_000_000},
	}, to)
	return out, t, err
}

// FuzzTranslate takes any bytes, as any application's question and as any provider's answer, through every pair: what goes
// to a provider is JSON, what is refused says why, what comes back is JSON, and nothing panics.
func FuzzTranslate(f *testing.F) {
	answers := [][]byte{
		[]byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"a","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`),
		[]byte(`{"object":"response","status":"completed","output":[{"type":"reasoning","summary":[{"text":"t"}],"encrypted_content":"e"},{"type":"message","content":[{"type":"output_text","text":"a"}]}]}`),
		[]byte(`{"type":"message","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"1","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1}}`),
		[]byte(`{"candidates":[{"content":{"parts":[{"text":"a","thought":true},{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}`),
		[]byte(`{"output":{"message":{"role":"assistant","content":[{"text":"a"},{"toolUse":{"toolUseId":"1","name":"f","input":{}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2}}`),
		[]byte(`{"id":"c","finish_reason":"COMPLETE","message":{"content":[{"type":"text","text":"a"}],"tool_plan":"p"},"usage":{"billed_units":{"input_tokens":1,"output_tokens":2}}}`),
		[]byte(`{"error":{"message":"no"}}`),
	}
	for i, a := range asking {
		files, err := filepath.Glob(filepath.Join(a.corpus, "*.json"))
		if err != nil || len(files) == 0 && a.corpus != "" {
			f.Fatalf("%d files in %s, %v", len(files), a.corpus, err)
		}
		for j, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), body, answers[j%len(answers)])
		}
	}
	for i, answer := range answers {
		f.Add(uint8(4), []byte(`{"model":"m","messages":[{"role":"user","content":"a"}],"stream":true}`), answer)
		f.Add(uint8(i), []byte(`{"model":"m","max_tokens":5,"input":"a","messages":[{"role":"user","content":"a"}],"contents":[{"parts":[{"text":"a"}]}]}`), answer)
	}
	f.Fuzz(func(t *testing.T, which uint8, body, answer []byte) {
		from := int(which) % len(asking)
		for _, to := range answering {
			if to.Wire == asking[from].dialect {
				continue
			}
			out, translation, refused := translated(from, body, to)
			if refused != nil {
				if refused.Status < 400 || refused.Status > 499 || refused.Message == "" || refused.Outcome != exchange.Refused {
					t.Fatalf("%s to %s: %+v", asking[from].dialect, to.Type, refused)
				}
				continue
			}
			if !jsontext.Value(out).IsValid(jsontext.AllowDuplicateNames(true)) {
				t.Fatalf("%s to %s: not JSON: %q", asking[from].dialect, to.Type, out)
			}
			told, _, err := translation.Answer(nil, answer)
			if err == nil && !jsontext.Value(told).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				t.Fatalf("%s to %s: an answer that is not JSON: %q", asking[from].dialect, to.Type, told)
			}
			stream(t, translation, answer)
		}
	})
}

// stream feeds a translation the answer as the only event of a stream, and lets it end.
func stream(t *testing.T, translation *Translation, event []byte) {
	t.Helper()
	out, read, err := translation.Event(nil, nil, event)
	if err == nil && !read.Ended {
		out, read, err = translation.End(out)
	}
	if err != nil || !read.Ended {
		if out = translation.AppendFailure(out[:0:0], failed); len(out) == 0 {
			t.Fatalf("a stream that breaks off in silence: %v", err)
		}
	}
}

var failed = &exchange.Error{Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonTruncated, Message: "It broke off."}
