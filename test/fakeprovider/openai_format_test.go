// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// tell posts a body to a path, which must be answered, and reads all of the answer.
func tell(t *testing.T, server *fakeprovider.Server, path, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	response, err := send(t, server, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return response, content
}

// said is a chat message with all that it may hold.
type said struct {
	Choices []struct {
		Message struct {
			Content   *string
			Reasoning string `json:"reasoning_content"`
			Refusal   *string
			ToolCalls []struct {
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
		Logprobs *struct {
			Content []struct {
				Token string
				Bytes []int
				Top   []json.RawMessage `json:"top_logprobs"`
			}
		}
		FinishReason string `json:"finish_reason"`
	}
	Usage struct {
		CompletionTokens int `json:"completion_tokens"`
		Prompt           struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		Completion struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	}
}

func reply(t *testing.T, server *fakeprovider.Server, body string, headers ...string) said {
	t.Helper()
	response, content := ask(t, server, body, headers...)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, content)
	}
	var got said
	decode(t, content, &got)
	return got
}

func TestResponseFormats(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct{ format, prompt, want string }{
		"a strict schema is satisfied": {
			`{"type":"json_schema","json_schema":{"name":"s","strict":true,"schema":{"type":"object","additionalProperties":false,
			"required":["city","ok"],"properties":{"city":{"type":"string"},"ok":{"type":"boolean"}}}}}`, "Paris", `{"city":"Paris","ok":true}`},
		"one that is not strict is satisfied too": {
			`{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{"n":{"const":7}}}}}`, "x", `{"n":7}`},
		"an object is an object": {`{"type":"json_object"}`, "JSON please", `{"answer":"JSON please"}`},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(chatBody("m", c.prompt, false), `"model"`, `"response_format":`+c.format+`,"model"`, 1)
			if got := reply(t, server, body); *got.Choices[0].Message.Content != c.want {
				t.Errorf("%s, want %s", *got.Choices[0].Message.Content, c.want)
			}
			streamed := strings.Replace(body, `"stream":false`, `"stream":true`, 1)
			_, stream := ask(t, server, streamed)
			if got := contentOf(t, stream); got != c.want {
				t.Errorf("streamed %s, want %s", got, c.want)
			}
		})
	}
	text := strings.Replace(chatBody("m", "x", false), `"model"`, `"response_format":{"type":"text"},"model"`, 1)
	if got := reply(t, server, text); !strings.HasPrefix(*got.Choices[0].Message.Content, "You asked «x»") {
		t.Errorf("%s", *got.Choices[0].Message.Content)
	}
}

func TestImagesAreSeen(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := reply(t, server, `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What?"},
		{"type":"image_url","image_url":{"url":"data:image/webp;base64,aGk=","detail":"low"}},
		{"type":"image_url","image_url":{"url":"https://example.com/cat.png"}}]}]}`)
	if text := *got.Choices[0].Message.Content; !strings.Contains(text, "What? [2 images: image/webp, https://example.com/cat.png]") {
		t.Error(text)
	}
}

func TestDirectivesShapeWhatAnAnswerIsMadeOf(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	t.Run("calls side by side", func(t *testing.T) {
		got := reply(t, server, toolBody("", false), "x-fake-calls", "3").Choices[0]
		var names []string
		ids := map[string]bool{}
		for _, call := range got.Message.ToolCalls {
			names, ids[call.ID] = append(names, call.Function.Name), true
		}
		if diff := cmp.Diff([]string{"weather", "time", "weather"}, names); diff != "" || len(ids) != 3 {
			t.Errorf("%s, ids %v", diff, ids)
		}
		if got.FinishReason != "tool_calls" || got.Message.Content != nil {
			t.Errorf("%+v", got)
		}
	})
	t.Run("one where two are not wanted", func(t *testing.T) {
		body := strings.Replace(toolBody("", false), `{`, `{"parallel_tool_calls":false,`, 1)
		if got := reply(t, server, body, "x-fake-calls", "3"); len(got.Choices[0].Message.ToolCalls) != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("none where none may be called", func(t *testing.T) {
		if got := reply(t, server, toolBody(`"none"`, false), "x-fake-calls", "3"); got.Choices[0].Message.ToolCalls != nil {
			t.Errorf("%+v", got)
		}
	})
	t.Run("only those that are allowed", func(t *testing.T) {
		choice := `{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"time"}}]}}`
		if got := reply(t, server, toolBody(choice, false)); got.Choices[0].Message.ToolCalls[0].Function.Name != "time" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("reasoning, counted", func(t *testing.T) {
		got := reply(t, server, plain, "x-fake-reasoning", "5", "x-fake-tokens", "4", "x-fake-cached", "2")
		if fakeprovider.CountTokens(got.Choices[0].Message.Reasoning) != 5 || got.Usage.CompletionTokens != 9 ||
			got.Usage.Completion.Reasoning != 5 || got.Usage.Prompt.Cached != 2 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a refusal", func(t *testing.T) {
		got := reply(t, server, plain, "x-fake-refusal", "yes").Choices[0]
		if got.Message.Content != nil || got.Message.Refusal == nil || got.FinishReason != "stop" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("no refusal where the stronger says so", func(t *testing.T) {
		got := reply(t, server, strings.Replace(plain, `"m"`, `"m+refusal=yes"`, 1), "x-fake-refusal", "no").Choices[0]
		if got.Message.Content == nil || got.Message.Refusal != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestStreamsOfReasoningRefusalsAndSeveralCalls(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	gather := func(body string, headers ...string) map[string]string {
		_, stream := ask(t, server, body, headers...)
		got, _ := chunks(t, stream)
		joined := map[string]string{}
		for _, c := range got {
			for name, raw := range c.Choices[0].Delta {
				var text string
				if json.Unmarshal(raw, &text) == nil {
					joined[name] += text
				}
				var calls []struct {
					Index    int
					ID       string
					Function struct{ Name, Arguments string }
				}
				if name == "tool_calls" && json.Unmarshal(raw, &calls) == nil {
					joined[string(rune('0'+calls[0].Index))] += calls[0].Function.Name + calls[0].Function.Arguments
				}
			}
		}
		return joined
	}
	if got := gather(streamed, "x-fake-reasoning", "6"); fakeprovider.CountTokens(got["reasoning_content"]) != 6 || got["content"] == "" {
		t.Errorf("reasoning: %v", got)
	}
	if got := gather(streamed, "x-fake-refusal", "yes"); got["refusal"] == "" || got["content"] != "" {
		t.Errorf("refusal: %v", got)
	}
	got := gather(toolBody("", true), "x-fake-calls", "2")
	if got["0"] != "weather"+wantArguments || got["1"] != "time{}" {
		t.Errorf("calls: %v", got)
	}
}

func TestStopSequencesAndLogprobs(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := reply(t, server, strings.Replace(plain, `"m"`, `"m","stop":"asked","logprobs":true,"top_logprobs":1`, 1)).Choices[0]
	if *got.Message.Content != "You " || got.FinishReason != "stop" {
		t.Errorf("%+v", got)
	}
	if len(got.Logprobs.Content) != 1 || got.Logprobs.Content[0].Token != "You " || len(got.Logprobs.Content[0].Bytes) != 4 ||
		len(got.Logprobs.Content[0].Top) != 1 {
		t.Errorf("%+v", got.Logprobs)
	}
	if reply(t, server, plain).Choices[0].Logprobs != nil {
		t.Error("logprobs that nobody asked for")
	}
}

func TestAToolsAnswerGoesBack(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := reply(t, server, `{"model":"m",`+tools+`,"messages":[{"role":"user","content":"Paris"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"time","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"noon"}]}]}`)
	if !strings.HasPrefix(*got.Choices[0].Message.Content, "You asked «Paris»") {
		t.Errorf("%+v", got)
	}
}
