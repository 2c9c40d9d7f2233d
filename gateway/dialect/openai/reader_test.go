// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// follow reads a stream, given as the data of its events, to its end.
func follow(stream []string) ([]chat.Event, error) {
	r := Encoder{}.NewReader()
	var events []chat.Event
	for _, data := range stream {
		var err error
		if events, err = r.Read(events, nil, []byte(data)); err != nil {
			return events, err
		}
	}
	return r.End(events)
}

// chunks gives chunks that each hold one choice, and [DONE].
func chunks(choices ...string) []string {
	var out []string
	for _, c := range choices {
		out = append(out, `{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,`+c+`}]}`)
	}
	return append(out, "[DONE]")
}

func adds(members string) string { return `"delta":{` + members + `},"finish_reason":null` }

func calls(members string) string { return adds(`"tool_calls":[{` + members + `}]`) }

const (
	finishedStop  = `"delta":{},"finish_reason":"stop"`
	finishedCalls = `"delta":{},"finish_reason":"tool_calls"`
)

func TestStreamsAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		stream []string
		want   []string
	}{
		"OpenAI's text, with usage in a chunk of its own": {
			[]string{
				`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5","service_tier":"default","system_fingerprint":"fp",
				  "choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abc"}`,
				`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",
				  "choices":[{"index":0,"delta":{"content":"Hel"},"logprobs":{"content":[1]},"finish_reason":null}],"usage":null}`,
				`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",
				  "choices":[{"index":0,"delta":{"content":"lo"},"logprobs":null,"finish_reason":null}],"usage":null}`,
				`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",
				  "choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`,
				`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5","choices":[],
				  "usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
				  "completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":0}}}`,
				"[DONE]",
			},
			[]string{
				"began chatcmpl-1 gpt-5 1700000000", "0 text", `0 + Hel {"content":[1]}`, "0 + lo", "0 end", "0 stopped",
				"used 9+12=21 cached 4 reasoning 10", "ended",
			},
		},
		"Azure's, which begins with what its filter found": {
			[]string{
				`{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]}`,
				`{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":2,"id":"a","model":"gpt","object":"chat.completion.chunk"}`,
				`{"choices":[{"content_filter_results":{"hate":{"filtered":false}},"delta":{"content":"Hi"},"finish_reason":null,"index":0}],"created":2,"id":"a","model":"gpt"}`,
				`{"choices":[{"content_filter_offsets":{"check_offset":1},"content_filter_results":{},"finish_reason":null,"index":0}],"created":0,"id":"","model":""}`,
				`{"choices":[{"delta":{},"finish_reason":"content_filter","index":0}],"created":2,"id":"a","model":"gpt"}`,
				"[DONE]",
			},
			[]string{"began a gpt 2", "0 text", "0 + Hi", "0 end", "0 filtered", "ended"},
		},
		"OpenAI's calls in parallel": {
			chunks(
				adds(`"role":"assistant","content":null`),
				calls(`"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}`),
				calls(`"index":0,"function":{"arguments":"{\"a\":"}`),
				calls(`"index":0,"function":{"arguments":"1}"}`),
				calls(`"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":""}`),
				calls(`"index":1,"function":{"arguments":"{}"}`),
				finishedCalls),
			[]string{
				"began x m 1", "0 call call_1 f", `0 + {"a":`, "0 + 1}", "0 end", "0 call call_2 g", "0 + {}", "0 end",
				"0 called tools", "ended",
			},
		},
		"Mistral's, whole calls in one chunk with the end and the usage": {
			[]string{
				`{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
				`{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"","tool_calls":[
				  {"id":"D681PevKs","function":{"name":"f","arguments":"{\"a\": 1}"},"index":0},{"id":"iYrgZPwhc","function":{"name":"g","arguments":{"b":2}},"index":1}]},
				  "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":96,"total_tokens":119,"completion_tokens":23}}`,
				"[DONE]",
			},
			[]string{
				"began x m 1", "0 call D681PevKs f", `0 + {"a": 1}`, "0 end", "0 call iYrgZPwhc g", `0 + {"b":2}`, "0 end", "0 called tools",
				"used 96+23=119 cached 0 reasoning 0", "ended",
			},
		},
		"Magistral's thoughts": {
			chunks(
				adds(`"role":"assistant","content":""`),
				adds(`"content":[{"type":"thinking","thinking":[{"type":"text","text":"h"}]}]`),
				adds(`"content":[{"type":"thinking","thinking":[{"type":"text","text":"m"}]},{"type":"text","text":"a"}]`),
				adds(`"content":"b"`),
				`"delta":{"content":""},"finish_reason":"length"`),
			[]string{"began x m 1", "0 thinking", "0 + h", "0 + m", "0 end", "0 text", "0 + a", "0 + b", "0 end", "0 at length", "ended"},
		},
		"Ollama's, where calls share an index and the end only says stop": {
			chunks(
				adds(`"role":"assistant","content":"","reasoning":"hm"`),
				adds(`"role":"assistant","content":"","tool_calls":[{"id":"call_a","index":0,"type":"function","function":{"name":"f","arguments":"{}"}}]`),
				adds(`"role":"assistant","content":"","tool_calls":[{"id":"call_b","index":0,"type":"function","function":{"name":"g","arguments":"{}"}}]`),
				finishedStop),
			[]string{
				"began x m 1", "0 thinking", "0 + hm", "0 end", "0 call call_a f", "0 + {}", "0 end", "0 call call_b g", "0 + {}", "0 end",
				"0 called tools", "ended",
			},
		},
		"DeepSeek's thoughts, then a text, then more of both": {
			chunks(
				adds(`"role":"assistant","content":null,"reasoning_content":"h"`), adds(`"content":null,"reasoning_content":"m"`),
				adds(`"content":"a","reasoning_content":null`), adds(`"reasoning_content":"so","content":""`), adds(`"content":"b"`), finishedStop),
			[]string{
				"began x m 1", "0 thinking", "0 + h", "0 + m", "0 end", "0 text", "0 + a", "0 end", "0 thinking", "0 + so", "0 end",
				"0 text", "0 + b", "0 end", "0 stopped", "ended",
			},
		},
		"OpenRouter's details": {
			chunks(
				adds(`"content":"","reasoning":"h","reasoning_details":[{"type":"reasoning.text","text":"h","format":"anthropic-claude-v1","index":0}]`),
				adds(`"content":"","reasoning":"m","reasoning_details":[{"type":"reasoning.text","text":"m","index":0}]`),
				adds(`"content":"","reasoning_details":[{"type":"reasoning.text","signature":"s","index":0}]`),
				adds(`"reasoning_details":[{"type":"reasoning.encrypted","data":"z","index":1}]`),
				adds(`"reasoning_details":[{"type":"reasoning.text","text":"p","index":2}]`),
				adds(`"reasoning_details":[{"type":"reasoning.text","text":"q","index":3},{"type":"reasoning.dance"},{"type":"reasoning.text","index":4}]`),
				adds(`"content":"a"`), finishedStop),
			[]string{
				"began x m 1", "0 thinking", "0 + h", "0 + m", "0 signed s", "0 end", "0 redacted", "0 signed z", "0 end",
				"0 thinking", "0 + p", "0 end", "0 thinking", "0 + q", "0 end", "0 text", "0 + a", "0 end", "0 stopped", "ended",
			},
		},
		"a signature without a thought": {
			chunks(adds(`"reasoning_details":[{"type":"reasoning.text","signature":"s","index":0}]`), finishedStop),
			[]string{"began x m 1", "0 thinking", "0 signed s", "0 end", "0 stopped", "ended"},
		},
		"Gemini's signature of a call": {
			chunks(
				calls(`"index":0,"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}`),
				finishedStop),
			[]string{"began x m 1", "0 call a f", "0 + {}", "0 signed s", "0 end", "0 called tools", "ended"},
		},
		"IDs and names in every piece": {
			chunks(
				calls(`"index":0,"id":"a","function":{"name":"f","arguments":"{"}`), calls(`"index":0,"id":"a","function":{"name":"f","arguments":"}"}`),
				finishedCalls),
			[]string{"began x m 1", "0 call a f", "0 + {", "0 + }", "0 end", "0 called tools", "ended"},
		},
		"an empty piece of a call that ended": {
			chunks(
				calls(`"index":0,"id":"a","function":{"name":"f","arguments":"{}"}`), calls(`"index":1,"id":"b","function":{"name":"g","arguments":"{}"}`),
				calls(`"index":0,"function":{"arguments":""}`), finishedCalls),
			[]string{"began x m 1", "0 call a f", "0 + {}", "0 end", "0 call b g", "0 + {}", "0 end", "0 called tools", "ended"},
		},
		"a refusal": {
			chunks(adds(`"refusal":"n"`), adds(`"refusal":"o"`), finishedStop),
			[]string{"began x m 1", "0 refusal", "0 + n", "0 + o", "0 end", "0 stopped", "ended"},
		},
		"several answers": {
			[]string{
				`{"id":"x","model":"m","created":1,"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}`,
				`{"id":"x","model":"m","created":1,"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}`,
				`{"id":"x","model":"m","created":1,"choices":[{"index":0,"delta":{"content":"c"},"finish_reason":"stop","stop_reason":"END"}]}`,
				"[DONE]",
			},
			[]string{
				"began x m 1", "1 text", "1 + b", "0 text", "0 + a", "1 end", "1 at length", "0 + c", "0 end", "0 at stop END", "ended",
			},
		},
		"log probabilities without a text of their own": {
			chunks(adds(`"content":"a"`), `"delta":{"content":""},"logprobs":{"content":[2]},"finish_reason":null`, finishedStop),
			[]string{"began x m 1", "0 text", "0 + a", `0 +  {"content":[2]}`, "0 end", "0 stopped", "ended"},
		},
		"the end told twice": {
			chunks(adds(`"content":"a"`), finishedStop, `"delta":{"content":""},"finish_reason":"stop"`),
			[]string{"began x m 1", "0 text", "0 + a", "0 end", "0 stopped", "ended"},
		},
		"nothing said": {chunks(finishedStop), []string{"began x m 1", "0 stopped", "ended"}},
		"usage that grows": {
			[]string{
				`{"id":"x","model":"m","created":1,"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
				`{"id":"x","model":"m","created":1,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
				" [DONE] ", "what follows is nobody's business",
			},
			[]string{
				"began x m 1", "0 text", "0 + a", "used 1+1=2 cached 0 reasoning 0", "0 end", "0 stopped",
				"used 1+2=3 cached 0 reasoning 0", "ended",
			},
		},
		"an error in the middle": {
			[]string{chunks(adds(`"content":"a"`))[0], `{"error":{"message":"busy","type":"server_error","code":null}}`, "[DONE]"},
			[]string{"began x m 1", "0 text", "0 + a", "failed 500 server_error  : busy"},
		},
		"an error at once": {
			[]string{`{"error":{"message":"too fast","type":"tokens","code":"rate_limit_exceeded","param":"p"}}`},
			[]string{"failed 429 tokens rate_limit_exceeded p: too fast"},
		},
		"an error as older vLLM tells it": {
			[]string{`{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}`},
			[]string{"failed 400 BadRequestError 400 : too long"},
		},
		"an error as a text": {
			[]string{`{"error":"model runner has stopped"}`},
			[]string{"failed 502 upstream_error  : model runner has stopped"},
		},
		"an error as the end of another choice": {
			[]string{`{"id":"x","model":"m","created":1,"choices":[{"index":2,"delta":{"content":"a"},"finish_reason":"error"}]}`},
			[]string{"began x m 1", "2 text", "2 + a", "failed 502 upstream_error  : The provider's answer failed."},
		},
		"an error as an end": {
			chunks(adds(`"content":"a"`), `"delta":{"content":""},"finish_reason":"error"`),
			[]string{"began x m 1", "0 text", "0 + a", "failed 502 upstream_error  : The provider's answer failed."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := follow(test.stream)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, lines(events)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if wrong := disorder(events, true); wrong != "" && events[0].Kind != chat.Failed {
				t.Error(wrong)
			}
		})
	}
}

func TestAStreamThatBreaksItsGrammarIsAnError(t *testing.T) {
	many := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, calls(`"index":`+strconv.Itoa(i)+`,"id":"c","function":{"name":"f"}`))
		}
		return chunks(out...)
	}
	for name, test := range map[string]struct {
		stream []string
		want   error // nil where any will do
	}{
		"no JSON":                  {[]string{"hello"}, errNotObject},
		"half an object":           {[]string{`{"id":`}, nil},
		"a list":                   {[]string{"[]"}, errNotObject},
		"a choice below the first": {[]string{`{"id":"x","choices":[{"index":-1,"delta":{}}]}`}, errChoice},
		"a choice beyond any":      {[]string{`{"id":"x","choices":[{"index":128,"delta":{}}]}`}, errChoice},
		"calls beyond counting":    {many(maxCalls + 1), errCalls},
		"a call without a name":    {chunks(calls(`"index":0,"id":"a","function":{"arguments":"{"}`)), errNoName},
		"a call that goes on after another": {
			chunks(
				calls(`"index":0,"id":"a","function":{"name":"f","arguments":"{"}`), calls(`"index":1,"id":"b","function":{"name":"g","arguments":"{"}`),
				calls(`"index":0,"function":{"arguments":"}"}`)),
			errResumed,
		},
		"a call that goes on after a text": {
			chunks(calls(`"index":0,"id":"a","function":{"name":"f","arguments":"{"}`), adds(`"content":"a"`), calls(`"index":0,"function":{"arguments":"}"}`)),
			errResumed,
		},
		"a text after the end":   {chunks(finishedStop, adds(`"content":"a"`)), errAfterEnd},
		"content of no shape":    {chunks(adds(`"content":{"a":1}`)), errContent},
		"[DONE] before the end":  {chunks(adds(`"content":"a"`)), errNotWhole},
		"[DONE] of nothing":      {[]string{"[DONE]"}, errNotWhole},
		"the end without [DONE]": {chunks(adds(`"content":"a"`), finishedStop)[:2], io.ErrUnexpectedEOF},
		"an end in the middle":   {chunks(adds(`"content":"a"`))[:1], io.ErrUnexpectedEOF},
		"nothing":                {nil, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := follow(test.stream)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if wrong := disorder(events, false); wrong != "" {
				t.Error(wrong)
			}
			for i := range events {
				if events[i].Kind == chat.Ended {
					t.Error("the stream was ended")
				}
			}
		})
	}
}

func TestAnEventNamedErrorIsOne(t *testing.T) {
	r := Encoder{}.NewReader()
	events, err := r.Read(nil, []byte("error"), []byte(`{"message":"gone","code":503}`))
	if err != nil || len(events) != 1 || events[0].Kind != chat.Failed {
		t.Fatalf("%v, %v", lines(events), err)
	}
	e := events[0].Err
	if said(e) != "503 upstream_error 503 : gone" || e.Outcome != exchange.ProviderFailed || e.Reason != exchange.ReasonProviderErrorEvent {
		t.Errorf("%s", said(e))
	}
	if events, err = r.End(nil); err != nil || len(events) != 0 {
		t.Errorf("the end of a failed stream: %v, %v", events, err)
	}
}

func TestTheReaderDoesNotKeepItsData(t *testing.T) {
	r := Encoder{}.NewReader()
	data := []byte(chunks(`"delta":{"content":"text"},"logprobs":{"content":["p"]},"finish_reason":null`)[0])
	events, err := r.Read(nil, nil, data)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(lines(events), "\n")
	for i := range data {
		data[i] = 'x'
	}
	if got := strings.Join(lines(events), "\n"); got != want {
		t.Errorf("%s became %s", want, got)
	}
}
