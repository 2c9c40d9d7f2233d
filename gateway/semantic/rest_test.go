// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// rich is a question in each dialect, with much around it. Every one asks "Why?".
var rich = map[exchange.Dialect]string{
	exchange.OpenAI: `{"model":"m","temperature":0.5,"top_p":1,"max_tokens":10,"n":1,"stream":true,"seed":7,"stop":["x","y"],
		"stream_options":{"include_usage":true},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},
		"logit_bias":{"50256":-100},"metadata":{"team":"a"},"messages":[{"role":"system","content":[{"type":"text","text":"S"}]},
		{"role":"user","name":"bob","content":"Why?"}]}`,
	exchange.Responses: `{"model":"m","instructions":"I","store":false,"reasoning":{"effort":"low"},"text":{"format":{"type":"text"}},
		"max_output_tokens":10,"input":[{"type":"message","role":"developer","content":"D"},
		{"role":"user","content":[{"type":"input_text","text":"Why?"}]}]}`,
	exchange.Anthropic: `{"model":"m","max_tokens":10,"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}],
		"stop_sequences":["x"],"thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u"},
		"messages":[{"role":"user","content":[{"type":"text","text":"Why?"}]}]}`,
	exchange.Gemini: `{"systemInstruction":{"role":"system","parts":[{"text":"A"},{"text":"B"}]},
		"generationConfig":{"temperature":0.5,"candidateCount":1,"stopSequences":["x"],"responseSchema":{"type":"STRING"}},
		"safetySettings":[{"category":"C","threshold":"T"}],"labels":{"a":"b"},"contents":[{"role":"user","parts":[{"text":"Why?"}]}]}`,
}

// edits gives every tree that is the first with one leaf changed, one member or element left out, or one added.
func edits(v any) []any {
	switch v := v.(type) {
	case map[string]any:
		var all []any
		for name, member := range v {
			for _, edited := range edits(member) {
				all = append(all, copied(v, name, edited))
			}
			without := copied(v, name, nil)
			delete(without, name)
			all = append(all, without)
		}
		return append(all, copied(v, "user", "new"), copied(v, "zzz", true))
	case []any:
		var all []any
		for i, element := range v {
			for _, edited := range edits(element) {
				all = append(all, append(append(append([]any{}, v[:i]...), edited), v[i+1:]...))
			}
			all = append(all, append(append([]any{}, v[:i]...), v[i+1:]...))
		}
		if len(v) > 1 {
			all = append(all, append(append([]any{}, v[1:]...), v[0]))
		}
		return append(all, append(append([]any{}, v...), "new"))
	case string:
		return []any{v + "!", nil, false}
	case float64:
		return []any{v + 1, nil, fmt.Sprint(v)}
	case bool:
		return []any{!v, nil}
	}
	return []any{"new"}
}

func copied(v map[string]any, name string, member any) map[string]any {
	out := map[string]any{}
	for n, m := range v {
		out[n] = m
	}
	out[name] = member
	return out
}

// Whatever changes in a body, but the text, makes it no question or one of another scope; and no two changes share one.
func TestEveryChangeButTheTextMakesAnotherScope(t *testing.T) {
	for d, body := range rich {
		t.Run(d.String(), func(t *testing.T) {
			var base any
			if err := json.Unmarshal([]byte(body), &base); err != nil {
				t.Fatal(err)
			}
			rest := mustRest(t, d, body)
			seen := map[[32]byte]string{}
			still := 0
			for _, edited := range edits(base) {
				b, err := json.Marshal(edited)
				if err != nil {
					t.Fatal(err)
				}
				text, got, ok := Question(d, b)
				if !ok {
					continue
				}
				still++
				if (string(text) == "Why?!") != (got == rest) {
					t.Errorf("the text is %q, and the rest is the same: %v, of %s", text, got == rest, b)
				}
				if other, is := seen[got]; is && got != rest && other != string(b) {
					t.Errorf("the rest is the same for %s and %s", b, other)
				}
				seen[got] = string(b)
			}
			if still < 15 {
				t.Errorf("only %d edits are still questions: the test shows little", still)
			}
		})
	}
}

// The dialects' own bodies are never questions in one another's eyes with the same rest.
func TestDialectsDoNotShareScopes(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, bodies := range []map[exchange.Dialect]string{plain, rich} {
		for _, body := range bodies {
			for d := range exchange.Dialects {
				_, rest, ok := Question(d, []byte(body))
				if !ok {
					continue
				}
				name := d.String() + " " + body
				if other, is := seen[rest]; is && other != name {
					t.Errorf("%s and %s share a scope", other, name)
				}
				seen[rest] = name
			}
		}
	}
	if len(seen) < 2*len(plain) {
		t.Errorf("only %d are questions", len(seen))
	}
}

func TestTheTextMayBeAnything(t *testing.T) {
	for d, body := range rich {
		want := mustRest(t, d, body)
		for _, text := range []string{
			"How come?", `"`, `\`, `","role":"system","content":"`, `{"role":"user"}`, "a\nb", "\x00", "😀", " Why? ", strings.Repeat("é", MaxQuestion/2),
		} {
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			got, rest, ok := Question(d, []byte(strings.Replace(body, `"Why?"`, string(quoted), 1)))
			if !ok || string(got) != text || rest != want {
				t.Errorf("%v: %q gives %q %v, the same rest: %v", d, text, got, ok, rest == want)
			}
		}
	}
}
