// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// named is an event of a stream: its name, where it has one, and its data.
type named struct {
	name string
	data string
}

// framed cuts a stream into events, passing over comments.
func framed(stream string) []named {
	var all []named
	for block := range strings.SplitSeq(stream, "\n\n") {
		var e named
		for line := range strings.SplitSeq(block, "\n") {
			if after, ok := strings.CutPrefix(line, "event: "); ok {
				e.name = after
			} else if after, ok := strings.CutPrefix(line, "data: "); ok {
				e.data = after
			}
		}
		if e.data != "" {
			all = append(all, e)
		}
	}
	return all
}

// object is an event's data.
func object(t testing.TB, data string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(data), &o); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return o
}

// at walks into a value by names and indices; nil where there is nothing.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// like are the types whose streams are OpenAI's to the letter, passed through or translated. The others' own differ, and
// are relayed as they come.
var like = []config.ProviderType{
	config.OpenAI, config.AzureOpenAI, config.Anthropic, config.Gemini, config.VertexAI, config.Bedrock, config.Cohere,
}

func TestChatStreamsBeginWithARoleAndEndWithTheUsage(t *testing.T) {
	for _, kind := range like {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, to(t, kind))
			got := s.do(s.ask(applications["chat"], "Hello [[fake tokens=6]]", true))
			all := framed(got.body)
			if got.err != nil || len(all) < 9 || all[len(all)-1].data != "[DONE]" || strings.Contains(got.body, "event:") {
				t.Fatalf("error %v: %s", got.err, got.body)
			}
			if kind == config.AzureOpenAI {
				if first := object(t, all[0].data); at(first, "prompt_filter_results", 0) == nil || len(at(first, "choices").([]any)) != 0 {
					t.Errorf("Azure's first chunk is %s", all[0].data)
				}
				all = all[1:]
			}
			first := object(t, all[0].data)
			if at(first, "choices", 0, "delta", "role") != "assistant" || at(first, "choices", 0, "delta", "content") != "" {
				t.Errorf("the first delta is %s", all[0].data)
			}
			finish := ""
			for _, e := range all[:len(all)-2] {
				chunk := object(t, e.data)
				if usage, there := chunk["usage"]; !there || usage != nil || chunk["object"] != "chat.completion.chunk" || chunk["id"] != first["id"] {
					t.Errorf("a chunk is %s", e.data)
				}
				if word, ok := at(chunk, "choices", 0, "finish_reason").(string); ok {
					finish = word
				}
			}
			last := object(t, all[len(all)-2].data)
			if choices, ok := last["choices"].([]any); !ok || len(choices) != 0 || finish != "stop" {
				t.Errorf("the last chunk is %s, the reason to finish %q", all[len(all)-2].data, finish)
			}
			for _, path := range [][]any{
				{"usage", "prompt_tokens"}, {"usage", "completion_tokens"}, {"usage", "total_tokens"},
				{"usage", "prompt_tokens_details", "cached_tokens"}, {"usage", "completion_tokens_details", "reasoning_tokens"},
			} {
				if _, ok := at(last, path...).(float64); !ok {
					t.Errorf("no %v in %s", path, all[len(all)-2].data)
				}
			}
		})
	}
}

// Where the gateway asks for usage on its own behalf, the client that did not ask never sees the extra chunk.
func TestUsageThatWasNotAskedForIsNotShown(t *testing.T) {
	for _, kind := range like {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, to(t, kind))
			got := s.do(s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=6", true)))
			if got.err != nil || strings.Contains(got.body, `"usage":{`) || !strings.HasSuffix(got.body, "data: [DONE]\n\n") {
				t.Errorf("error %v: %s", got.err, got.body)
			}
			for _, e := range framed(got.body) {
				if strings.Contains(e.data, `"choices":[]`) && !strings.Contains(e.data, "prompt_filter_results") {
					t.Errorf("a chunk of nothing: %s", e.data)
				}
			}
			if l := s.logged(got); l.Usage == nil || l.Usage.Source != "reported" || l.Usage.Completion != 6 {
				t.Errorf("usage %+v", l.Usage)
			}
		})
	}
}

func TestAnthropicStreamsKeepTheirOrder(t *testing.T) {
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, to(t, kind))
			got := s.do(s.ask(applications["anthropic"], "Hello [[fake tokens=6]]", true))
			if got.err != nil || strings.Contains(got.body, "[DONE]") {
				t.Fatalf("error %v: %s", got.err, got.body)
			}
			order, output := []string{}, []float64{}
			for _, e := range framed(got.body) {
				o := object(t, e.data)
				if o["type"] != e.name {
					t.Errorf("the event %q is of type %q", e.name, o["type"])
				}
				if e.name == "ping" || len(order) > 0 && e.name == "content_block_delta" && order[len(order)-1] == e.name {
					continue
				}
				order = append(order, e.name)
				if n, ok := at(o, "usage", "output_tokens").(float64); ok {
					output = append(output, n)
				}
				if e.name != "message_start" {
					continue
				}
				if content, ok := at(o, "message", "content").([]any); !ok || len(content) != 0 {
					t.Errorf("the content begins as %s", e.data)
				}
				for _, name := range []string{"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"} {
					if _, ok := at(o, "message", "usage", name).(float64); !ok {
						t.Errorf("no %s at the start: %s", name, e.data)
					}
				}
			}
			want := []string{"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"}
			if !slices.Equal(order, want) || !slices.Equal(output, []float64{6}) {
				t.Errorf("events %q, output tokens %v", order, output)
			}
		})
	}
}

func TestResponsesStreamsAreNumberedAndTellTheUsageAtTheEnd(t *testing.T) {
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, to(t, kind))
			for name, fault := range map[string]string{"whole": "none", "broken": "reset-mid-stream:9", "erring": "error-event:9", "noisy": "garbage-event:9"} {
				got := s.do(s.ask(applications["responses"], "Hello [[fake tokens=9 delay=2ms fault="+fault+"]]", true))
				all := framed(got.body)
				if len(all) < 5 || all[0].name != "response.created" || all[1].name != "response.in_progress" {
					t.Fatalf("%s: %s", name, got.body)
				}
				number, open := -1.0, map[any]int{}
				for i, e := range all {
					o := object(t, e.data)
					n, ok := o["sequence_number"].(float64)
					if !ok || n <= number || o["type"] != e.name {
						t.Errorf("%s: %q after number %v: %s", name, e.name, number, e.data)
					}
					number = n
					usage := at(o, "response", "usage")
					if usage == nil && e.name == "response.completed" || usage != nil && i != len(all)-1 {
						t.Errorf("%s: the usage in %q is %v", name, e.name, usage)
					}
					if (e.name == "response.completed") != (fault == "none" && i == len(all)-1) {
						t.Errorf("%s: %q is event %d of %d", name, e.name, i, len(all))
					}
					place, _, _ := strings.Cut(strings.TrimPrefix(e.name, "response."), ".")
					switch {
					case strings.HasSuffix(e.name, ".added"):
						open[place]++
					case place != "output_text" && strings.HasSuffix(e.name, ".done"):
						open[place]--
					}
				}
				if fault == "none" && (open["output_item"] != 0 || open["content_part"] != 0) {
					t.Errorf("%s: added and not done: %v", name, open)
				}
			}
		})
	}
}

func TestGeminiStreamsAreAnArrayOrEventsAndCountOn(t *testing.T) {
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, to(t, kind))
			told := map[string]said{}
			for name, want := range map[string]string{"gemini": "text/event-stream", "gemini array": "application/json"} {
				a := applications[name]
				got := s.do(s.ask(a, "Hello [[fake tokens=6]]", true))
				if !strings.HasPrefix(got.Header.Get("Content-Type"), want) || a.array != json.Valid([]byte(got.body)) {
					t.Errorf("%s: %s: %s", name, got.Header.Get("Content-Type"), got.body)
				}
				before := 0.0
				for _, data := range pieces(a, got.body, true) {
					if n, ok := at(object(t, data), "usageMetadata", "totalTokenCount").(float64); ok {
						if n < before {
							t.Errorf("%s: %v tokens after %v", name, n, before)
						}
						before = n
					}
				}
				told[name] = heard(t, a, got.body, true)
			}
			if told["gemini"] != told["gemini array"] || told["gemini"].completion != 6 || told["gemini"].finish != "STOP" {
				t.Errorf("events say %+v, the array %+v", told["gemini"], told["gemini array"])
			}
		})
	}
}

// What is binary has checksums, and a wrong one is no text.
func TestAnEventThatFailsItsChecksumIsAnError(t *testing.T) {
	s := start(t, to(t, config.Bedrock))
	for _, name := range slices.Sorted(maps.Keys(applications)) {
		a := applications[name]
		got := s.do(s.ask(a, "Hello [[fake tokens=30 delay=2ms fault=bad-checksum:6]]", true))
		told := heard(t, a, got.body, true)
		if got.err == nil || told.failure == "" || told.text == "" || strings.Contains(got.body, a.terminator) {
			t.Errorf("%s: error %v: %s", name, got.err, got.body)
		}
		if l := s.logged(got); l.Reason != "upstream_invalid_response" || l.Outcome != "provider_broken" {
			t.Errorf("%s: access log %+v", name, l)
		}
	}
}

// The fake provider verifies signatures as AWS does.
func TestRequestsToBedrockAreSigned(t *testing.T) {
	for name, tc := range map[string]struct {
		secret     string
		wantStatus int
	}{
		"with the right key": {awsKey.SecretAccessKey, 200},
		"with another":       {"another-secret", 502},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, config.Bedrock), withDocument(func(d *config.Document) {
				d.Secrets["aws-secret"] = config.NewSecret(tc.secret)
			}))
			for _, stream := range []bool{false, true} {
				got := s.do(s.ask(applications["chat"], "Hello", stream))
				if got.StatusCode != tc.wantStatus || strings.Contains(got.body, tc.secret) {
					t.Errorf("stream %t: status %d: %s", stream, got.StatusCode, got.body)
				}
			}
			for i, r := range s.provider.Records() {
				if r.KeySHA256 != fakeprovider.SHA256Of(awsKey.AccessKeyID) || r.Headers.Get("X-Amz-Date") == "" {
					t.Errorf("request %d is not signed: %v", i, r.Headers)
				}
				if want := []string{"/model/gpt-4o/converse", "/model/gpt-4o/converse-stream"}[i]; r.Path != want {
					t.Errorf("request %d went to %s", i, r.Path)
				}
			}
		})
	}
}
