// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestFilterAnswer(t *testing.T) {
	type said struct {
		channel Channel
		text    string
	}
	for name, test := range map[string]struct {
		dialect exchange.Dialect
		body    string
		want    []said
		// keeps are what must not change, though the secret stands in it.
		keeps int
	}{
		"a chat": {exchange.OpenAI, `{"id":"secret-word","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a secret-word","refusal":"r secret-word","reasoning_content":"t",
			"annotations":[{"type":"url_citation","url_citation":{"url":"secret-word"}}],"tool_calls":[{"id":"c","type":"function","function":{"name":"secret-word","arguments":"{\"a\":\"secret-word\"}"}},
			{"id":"d","type":"custom","custom":{"name":"n","input":"i"}}]},"logprobs":null,"finish_reason":"stop"},{"message":{"content":"b","audio":{"data":"secret-word","transcript":"c"}},"index":1}],"usage":{"total_tokens":1}}`,
			[]said{{Channel{VoiceContent, 0, 0}, "a secret-word"}, {Channel{VoiceRefusal, 0, 0}, "r secret-word"}, {Channel{VoiceReasoning, 0, 0}, "t"}, {Channel{VoiceArguments, 0, 0}, `{"a":"secret-word"}`},
				{Channel{VoiceArguments, 0, 1}, "i"}, {Channel{VoiceContent, 1, 0}, "b"}, {Channel{VoiceContent, 1, 0}, "c"}}, 4},
		"a completion": {exchange.OpenAI, `{"choices":[{"text":"secret-word","index":0},{"text":"b","index":1}]}`, []said{{Channel{VoiceContent, 0, 0}, secret}, {Channel{VoiceContent, 1, 0}, "b"}}, 0},
		"Mistral's thoughts": {exchange.OpenAI, `{"choices":[{"index":0,"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"secret-word"}]}}]}`,
			[]said{{Channel{VoiceReasoning, 0, 0}, "t"}, {Channel{VoiceContent, 0, 0}, secret}}, 0},
		"a transcription": {exchange.OpenAI, `{"text":"x","segments":[{"id":0,"text":"x y"}]}`, []said{{Channel{VoiceContent, 0, 0}, "x"}, {Channel{VoiceContent, 0, 0}, "x y"}}, 0},
		"images":          {exchange.OpenAI, `{"data":[{"url":"secret-word","revised_prompt":"a"},{"b64_json":"secret-word","revised_prompt":"b"}]}`, []said{{Channel{VoiceContent, 0, 0}, "a"}, {Channel{VoiceContent, 0, 1}, "b"}}, 2},
		"embeddings":      {exchange.OpenAI, `{"data":[{"embedding":[0.1,2],"index":0},{"embedding":"secret-word","index":1}],"model":"secret-word"}`, nil, 2},
		"a ranking":       {exchange.OpenAI, `{"results":[{"index":3,"document":{"text":"secret-word"},"relevance_score":1}]}`, []said{{Channel{VoiceContent, 0, 3}, secret}}, 0},
		"an error":        {exchange.OpenAI, `{"error":{"message":"secret-word"}}`, nil, 1},
		"Anthropic's message": {exchange.Anthropic, `{"id":"secret-word","content":[{"type":"thinking","thinking":"t","signature":"secret-word"},{"type":"text","text":"secret-word","citations":[{"cited_text":"q","document_title":"secret-word"}]},
			{"type":"tool_use","id":"i","name":"secret-word","input":{"a":["secret-word",{"type":"b"}],"n":1}},{"type":"redacted_thinking","data":"secret-word"}],"stop_sequence":"secret-word"}`,
			[]said{{Channel{VoiceReasoning, 0, 0}, "t"}, {Channel{VoiceContent, 1, 0}, secret}, {Channel{VoiceContent, 1, 0}, "q"}, {Channel{VoiceArguments, 2, 0}, secret}, {Channel{VoiceArguments, 2, 0}, "b"}}, 6},
		"a response": {exchange.Responses, `{"id":"secret-word","instructions":"secret-word","reasoning":{"summary":"secret-word"},"text":{"format":{"type":"text"}},"output":[{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"s0"},{"type":"summary_text","text":"s1"}],"content":[{"type":"reasoning_text","text":"c"}]},
			{"type":"message","content":[{"type":"output_text","text":"secret-word","annotations":[]},{"type":"refusal","refusal":"r"}]},{"type":"function_call","arguments":"{}","name":"secret-word"},
			{"type":"code_interpreter_call","code":"print","outputs":[{"type":"logs","logs":"o"}]}],"metadata":{"a":"secret-word"}}`,
			[]said{{Channel{VoiceReasoning, 0, 0}, "s0"}, {Channel{VoiceReasoning, 0, 1}, "s1"}, {Channel{VoiceReasoning, 0, 0}, "c"}, {Channel{VoiceContent, 1, 0}, secret}, {Channel{VoiceRefusal, 1, 1}, "r"},
				{Channel{VoiceArguments, 2, 0}, "{}"}, {Channel{VoiceArguments, 3, 0}, "print"}, {Channel{VoiceContent, 3, 0}, "o"}}, 5},
		"Gemini's answer": {exchange.Gemini, `{"candidates":[{"content":{"role":"model","parts":[{"text":"t","thought":true,"thoughtSignature":"secret-word"},{"text":"secret-word"},{"functionCall":{"name":"secret-word","args":{"a":"b"}}},
			{"inlineData":{"data":"secret-word"}}]},"finishReason":"STOP","index":0}],"modelVersion":"secret-word"}`,
			[]said{{Channel{VoiceReasoning, 0, 0}, "t"}, {Channel{VoiceContent, 0, 0}, secret}, {Channel{VoiceArguments, 0, 2}, "b"}}, 4},
		"the gateway's own": {exchange.Spark, `{"id":"secret-word","text":"a secret-word","finishReason":"stop"}`, []said{{Channel{VoiceContent, 0, 0}, "a secret-word"}}, 1},
	} {
		var heard []said
		same := FilterAnswer(nil, test.dialect, []byte(test.body), func(c Channel, text []byte) []byte {
			heard = append(heard, said{c, string(text)})
			return text
		})
		if diff := cmp.Diff(test.want, heard, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("%s: texts (-want +got):\n%s", name, diff)
		}
		if string(same) != test.body {
			t.Errorf("%s: it became %s", name, same)
		}
		got := string(filterAnswer(test.dialect, test.body))
		if diff := cmp.Diff(test.body, strings.ReplaceAll(got, hidden, secret)); diff != "" {
			t.Errorf("%s: filtered (-want +got):\n%s", name, diff)
		}
		if n := strings.Count(got, secret); n != test.keeps {
			t.Errorf("%s: %d secrets are left, want %d: %s", name, n, test.keeps, got)
		}
	}
}

func filterAnswer(d exchange.Dialect, body string) []byte {
	return FilterAnswer(nil, d, []byte(body), func(_ Channel, text []byte) []byte { return []byte(redact(string(text))) })
}

// What repeats a text by its tokens goes with the text.
func TestTokensOfChangedTextsGo(t *testing.T) {
	for name, test := range map[string]struct {
		dialect    exchange.Dialect
		body, want string
	}{
		"of one choice": {exchange.OpenAI, `{"choices":[{"index":0,"logprobs":{"content":[]},"message":{"content":"secret-word"}},{"index":1,"logprobs":{"content":[1]},"message":{"content":"b"}}]}`,
			`{"choices":[{"index":0,"logprobs":null,"message":{"content":"[hidden]"}},{"index":1,"logprobs":{"content":[1]},"message":{"content":"b"}}]}`},
		"of a response":      {exchange.Responses, `{"output":[{"content":[{"type":"output_text","text":"secret-word","logprobs":[{"token":"s"}]}]}]}`, `{"output":[{"content":[{"type":"output_text","text":"[hidden]","logprobs":[]}]}]}`},
		"of Gemini's answer": {exchange.Gemini, `{"candidates":[{"content":{"parts":[{"text":"secret-word"}]},"logprobsResult":{"chosenCandidates":[]}}]}`, `{"candidates":[{"content":{"parts":[{"text":"[hidden]"}]},"logprobsResult":null}]}`},
		"of a transcript": {exchange.OpenAI, `{"text":"secret-word","words":[{"word":"secret"}],"logprobs":[1],"segments":[{"text":"a","tokens":[1]}]}`,
			`{"text":"[hidden]","words":[],"logprobs":[],"segments":[{"text":"a","tokens":[]}]}`},
		"of texts that stay": {exchange.OpenAI, `{"text":"a","words":[{"word":"a"}],"segments":[{"text":"a","tokens":[1]}]}`, `{"text":"a","words":[{"word":"a"}],"segments":[{"text":"a","tokens":[1]}]}`},
	} {
		if diff := cmp.Diff(test.want, string(filterAnswer(test.dialect, test.body))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAnswersInPieces(t *testing.T) {
	element := func(text string) string {
		return fmt.Sprintf(`{"candidates":[{"content":{"parts":[{"text":%q}]},"index":0}]}`, text)
	}
	body := "[" + element("a secret-") + ",\n" + element("word") + "," + element("!") + "]"
	want := "[" + element("a [hidden]!") + ",\n" + element("") + "," + element("") + "]"
	if diff := cmp.Diff(want, string(filterAnswer(exchange.Gemini, body))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	body = "[" + element("a") + "," + element("b") + "]"
	if diff := cmp.Diff(body, string(filterAnswer(exchange.Gemini, body))); diff != "" {
		t.Errorf("unchanged (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoAnswerIsLeftAlone(t *testing.T) {
	for _, body := range []string{"", "secret-word", `{"choices":[{"message":{"content":"secret-word"}}]`, `["secret-word"]`, "1\n00:00 --> 00:01\nsecret-word\n"} {
		for d := range exchange.Dialects {
			if got := string(filterAnswer(d, body)); got != body {
				t.Errorf("%v: %q became %q", d, body, got)
			}
		}
	}
}
