// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// lagging is a TextFilter that is always one byte behind, without allocating.
type lagging struct {
	held byte
	has  bool
}

func (l *lagging) Write(dst, chunk []byte) []byte {
	for _, c := range chunk {
		if l.has {
			dst = append(dst, l.held)
		}
		l.held, l.has = c, true
	}
	return dst
}

func (l *lagging) Close(dst []byte) []byte {
	if l.has {
		dst = append(dst, l.held)
	}
	return dst
}

var passing = same{}

func openPassing(Channel) TextFilter { return passing }

// deltas are one event of a text, as each dialect has it.
var deltas = map[string]struct {
	dialect exchange.Dialect
	event   string
}{
	"chat":      {exchange.OpenAI, `data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1234567890","choices":[{"index":0,"delta":{"content":" brown fox"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aBcDeFgH"}` + "\n\n"},
	"anthropic": {exchange.Anthropic, named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" brown fox"}}`)},
	"responses": {exchange.Responses, named("response.output_text.delta", `{"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1234567890","output_index":0,"content_index":0,"delta":" brown fox","logprobs":[],"obfuscation":"aBcDeFgH"}`)},
	"gemini":    {exchange.Gemini, `data: {"candidates": [{"content": {"parts": [{"text": " brown fox"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 5,"totalTokenCount": 9},"modelVersion": "gemini-2.5-flash","responseId": "abc"}` + "\n\n"},
}

func BenchmarkStreamFilter(b *testing.B) {
	for name, delta := range deltas {
		event := []byte(delta.event)
		late := &lagging{}
		for kind, open := range map[string]func(Channel) TextFilter{
			"unchanged": openPassing, "behind": func(Channel) TextFilter { return late },
		} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				var s StreamFilter
				s.Reset(delta.dialect, false, open)
				var out []byte
				b.ReportAllocs()
				for b.Loop() {
					out = s.Write(out[:0], event)
				}
			})
		}
	}
}

func TestStreamsOfTextDoNotAllocate(t *testing.T) {
	for name, delta := range deltas {
		event := []byte(delta.event)
		var s StreamFilter
		s.Reset(delta.dialect, false, func(Channel) TextFilter { return &lagging{} })
		out := s.Write(make([]byte, 0, 4096), event)
		if n := testing.AllocsPerRun(100, func() { out = s.Write(out[:0], event) }); n > 0 {
			t.Errorf("%s: %v allocations for each event", name, n)
		}
	}
}

func TestTextsAreFoundWithoutAllocating(t *testing.T) {
	var r Request
	body := []byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"tools":[{"description":"b"}]}`)
	if err := r.Decode(Chat, body); err != nil {
		t.Fatal(err)
	}
	texts := r.Texts(nil)
	if n := testing.AllocsPerRun(100, func() { texts = r.Texts(texts[:0]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTexts(b *testing.B) {
	prompt := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 40)
	body := fmt.Appendf(nil, `{"model":"gpt-4o","temperature":0.7,"max_tokens":256,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":%q},{"role":"assistant","content":"Of course."},{"role":"user","content":[{"type":"text","text":"Go on."}]}],"tools":[{"type":"function","function":{"name":"f","description":"Gives the weather.","parameters":{"type":"object","properties":{"city":{"type":"string","description":"Where."}}}}}]}`, prompt)
	var r Request
	if err := r.Decode(Chat, body); err != nil {
		b.Fatal(err)
	}
	var texts []Text
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		texts = r.Texts(texts[:0])
	}
	if len(texts) != 6 {
		b.Fatalf("%d texts", len(texts))
	}
}

func BenchmarkFilterAnswer(b *testing.B) {
	body := fmt.Appendf(nil, `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":%q,"refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`,
		strings.Repeat("The quick brown fox jumps over the lazy dog. ", 40))
	var out []byte
	unchanged := func(_ Channel, text []byte) []byte { return text }
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		out = FilterAnswer(out[:0], exchange.OpenAI, body, unchanged)
	}
}
