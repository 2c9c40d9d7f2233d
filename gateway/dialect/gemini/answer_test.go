// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestWholeAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want chat.Answer
	}{
		"text": {
			`{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP","index":0,"safetyRatings":[{"category":"HARM_CATEGORY_HARASSMENT","probability":"NEGLIGIBLE"}],"avgLogprobs":-0.1}],
			  "usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"totalTokenCount":6,"promptTokensDetails":[{"modality":"TEXT","tokenCount":4}]},"modelVersion":"gemini-2.5-flash","responseId":"r1"}`,
			chat.Answer{
				ID: "r1", Model: "gemini-2.5-flash",
				Choices: []chat.Choice{{Parts: []chat.Part{{Text: "Hello"}}, Finish: chat.Stopped}},
				Usage:   exchange.Usage{Prompt: 4, Completion: 2, Total: 6, Source: exchange.UsageReported},
			},
		},
		"thoughts, text in pieces and a signature": {
			`{"candidates":[{"content":{"parts":[{"text":"hm ","thought":true},{"text":"yes","thought":true},{"text":"A"},{"text":"B","thoughtSignature":"QQ=="},{"text":"C"}]},"finishReason":"STOP"}],
			  "usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":3,"thoughtsTokenCount":20,"cachedContentTokenCount":8,"toolUsePromptTokenCount":2,"totalTokenCount":35}}`,
			chat.Answer{
				Choices: []chat.Choice{{Parts: []chat.Part{
					{Kind: chat.Thinking, Text: "hm yes"}, {Text: "AB", Signature: "QQ=="}, {Text: "C"},
				}, Finish: chat.Stopped}},
				Usage: exchange.Usage{Prompt: 12, Completion: 23, Total: 35, Cached: 8, Reasoning: 20, Source: exchange.UsageReported},
			},
		},
		"calls": {
			`{"candidates":[{"content":{"parts":[{"text":"Looking"},{"functionCall":{"id":"g1","name":"f","args":{"a": 1.50}},"thoughtSignature":"QQ=="},{"functionCall":{"name":"g"}},{"functionCall":{"name":"h","args":null}}]},"finishReason":"STOP"}],"responseId":"r/1=ab"}`,
			chat.Answer{
				ID: "r/1=ab",
				Choices: []chat.Choice{{Parts: []chat.Part{
					{Text: "Looking"},
					{Kind: chat.Call, Signature: "QQ==", Call: &chat.ToolCall{ID: "g1", Name: "f", Arguments: `{"a": 1.50}`}},
					{Kind: chat.Call, Call: &chat.ToolCall{ID: "call_r1ab_0", Name: "g", Arguments: `{}`}},
					{Kind: chat.Call, Call: &chat.ToolCall{ID: "call_r1ab_1", Name: "h", Arguments: `{}`}},
				}, Finish: chat.CalledTools}},
			},
		},
		"several candidates": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"MAX_TOKENS","index":0},{"content":{"parts":[{"text":"b"}]},"finishReason":"SAFETY","index":1},{"finishReason":"RECITATION","index":2}]}`,
			chat.Answer{Choices: []chat.Choice{
				{Parts: []chat.Part{{Text: "a"}}, Finish: chat.AtLength}, {Parts: []chat.Part{{Text: "b"}}, Finish: chat.Filtered}, {Finish: chat.Filtered},
			}},
		},
		"a blocked prompt": {
			`{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}}`,
			chat.Answer{
				Choices: []chat.Choice{{Finish: chat.Filtered}},
				Usage:   exchange.Usage{Prompt: 7, Total: 7, Source: exchange.UsageReported},
			},
		},
		"parts that say nothing, or of kinds to come": {
			`{"candidates":[{"content":{"parts":[{"text":""},{"thought":true},{},{"futureKind":{"a":1}},{"text":"a","partMetadata":{}}]},"finishReason":"STOP"}]}`,
			chat.Answer{Choices: []chat.Choice{{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped}}},
		},
		"a signature alone": {
			`{"candidates":[{"content":{"parts":[{"text":"a"},{"text":"","thoughtSignature":"QQ=="}]},"finishReason":"STOP"}]}`,
			chat.Answer{Choices: []chat.Choice{{Parts: []chat.Part{{Text: "a", Signature: "QQ=="}}, Finish: chat.Stopped}}},
		},
		"no usage that can be true": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":-1,"totalTokenCount":5}}`,
			chat.Answer{Choices: []chat.Choice{{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped}}},
		},
		"usage beyond belief": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9223372036854775807,"toolUsePromptTokenCount":1,"totalTokenCount":5}}`,
			chat.Answer{Choices: []chat.Choice{{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped}}},
		},
		"a total that is left out": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}`,
			chat.Answer{
				Choices: []chat.Choice{{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped}},
				Usage:   exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported},
			},
		},
		"log probabilities": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","logprobsResult":{"chosenCandidates":[{"token":"a","tokenId":5,"logProbability":-0.5}],"topCandidates":[{"candidates":[{"token":"a","logProbability":-0.5},{"token":"b","logProbability":-2}]}]}}]}`,
			chat.Answer{Choices: []chat.Choice{{
				Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped,
				LogProbs: []byte(`{"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":null},{"token":"b","logprob":-2,"bytes":null}]}]}`),
			}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.DecodeAnswer([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON":                   `<html>`,
		"nothing":                   ``,
		"a list":                    `[]`,
		"an empty object":           `{}`,
		"no candidates":             `{"candidates":[],"usageMetadata":{"promptTokenCount":5}}`,
		"an error":                  `{"error":{"code":500,"message":"secret","status":"INTERNAL"}}`,
		"an image":                  `{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},"finishReason":"STOP"}]}`,
		"a call of nothing":         `{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]},"finishReason":"STOP"}]}`,
		"a response to a call":      `{"candidates":[{"content":{"parts":[{"functionResponse":{"name":"a"}}]},"finishReason":"STOP"}]}`,
		"candidates that are text":  `{"candidates":"a"}`,
		"a finish that is a number": `{"candidates":[{"finishReason":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := (Encoder{}).DecodeAnswer([]byte(body)); err == nil {
				t.Errorf("an answer: %+v", a)
			} else if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats what was sent: %v", err)
			}
		})
	}
}

func TestWhyAnswersFinish(t *testing.T) {
	for reason, want := range map[string]chat.Finish{
		"": chat.Unfinished, "FINISH_REASON_UNSPECIFIED": chat.Unfinished, "STOP": chat.Stopped, "MAX_TOKENS": chat.AtLength,
		"SAFETY": chat.Filtered, "RECITATION": chat.Filtered, "LANGUAGE": chat.Filtered, "BLOCKLIST": chat.Filtered,
		"PROHIBITED_CONTENT": chat.Filtered, "SPII": chat.Filtered, "IMAGE_SAFETY": chat.Filtered,
		"MALFORMED_FUNCTION_CALL": chat.Filtered, "UNEXPECTED_TOOL_CALL": chat.Filtered, "OTHER": chat.Filtered,
		"TOO_MANY_TOOL_CALLS": chat.Filtered, "MISSING_THOUGHT_SIGNATURE": chat.Filtered, "MALFORMED_RESPONSE": chat.Filtered,
		"A_REASON_TO_COME": chat.Filtered,
	} {
		if got := finishOf(reason, false); got != want {
			t.Errorf("%q is %d, want %d", reason, got, want)
		}
	}
	if finishOf("STOP", true) != chat.CalledTools || finishOf("MAX_TOKENS", true) != chat.AtLength {
		t.Error("calls are not told, or more than at a stop")
	}
	for finish, want := range map[chat.Finish]string{
		chat.Unfinished: "OTHER", chat.Stopped: "STOP", chat.AtStop: "STOP", chat.AtLength: "MAX_TOKENS", chat.CalledTools: "STOP",
		chat.Filtered: "SAFETY", chat.Declined: "SAFETY", chat.Paused: "OTHER",
	} {
		if got := reasonOf(finish); got != want {
			t.Errorf("%d is %q, want %q", finish, got, want)
		}
	}
}

func TestAnswersAreRendered(t *testing.T) {
	for name, test := range map[string]struct {
		answer chat.Answer
		want   string
	}{
		"text": {
			chat.Answer{
				ID: "id", Model: "m", Created: 5, Choices: []chat.Choice{{Parts: []chat.Part{{Text: "Hello"}}, Finish: chat.Stopped}},
				Usage: exchange.Usage{Prompt: 5, Completion: 7, Total: 12, Cached: 3, CacheWritten: 1, Reasoning: 4, Source: exchange.UsageReported},
			},
			`{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP","index":0}],
			  "usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":3,"totalTokenCount":12,"cachedContentTokenCount":3,"thoughtsTokenCount":4},"modelVersion":"m","responseId":"id"}`,
		},
		"thoughts, a call and a refusal": {
			chat.Answer{Choices: []chat.Choice{{Finish: chat.CalledTools, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "hm", Signature: "sig"},
				{Kind: chat.Redacted, Signature: "box"},
				{Kind: chat.Refusal, Text: "no"},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f", Arguments: `{"a":1}`}},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "d", Name: "g"}},
			}}}},
			`{"candidates":[{"content":{"parts":[
				{"text":"hm","thought":true,"thoughtSignature":"` + wrapSignature("sig") + `"},
				{"thought":true,"thoughtSignature":"` + wrapSignature("box") + `"},
				{"text":"no"},
				{"functionCall":{"id":"c","name":"f","args":{"a":1}}},
				{"functionCall":{"id":"d","name":"g","args":{}}}],"role":"model"},"finishReason":"STOP","index":0}]}`,
		},
		"a call that is cut off": {
			chat.Answer{Choices: []chat.Choice{{Finish: chat.AtLength, Parts: []chat.Part{{Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f", Arguments: `{"a":`}}}}}},
			`{"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS","index":0}]}`,
		},
		"a call that is malformed": {
			chat.Answer{Choices: []chat.Choice{{Finish: chat.CalledTools, Parts: []chat.Part{{Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: "f", Arguments: `what`}}}}}},
			`{"candidates":[{"content":{"role":"model"},"finishReason":"MALFORMED_FUNCTION_CALL","index":0}]}`,
		},
		"several choices": {
			chat.Answer{Choices: []chat.Choice{{Parts: []chat.Part{{Text: "a"}}, Finish: chat.Stopped}, {Parts: []chat.Part{{Text: "b"}}, Finish: chat.Filtered}}},
			`{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"finishReason":"STOP","index":0},{"content":{"parts":[{"text":"b"}],"role":"model"},"finishReason":"SAFETY","index":1}]}`,
		},
		"usage without a total": {
			chat.Answer{Choices: []chat.Choice{{Finish: chat.Stopped}}, Usage: exchange.Usage{Prompt: 1, Completion: 2, Reasoning: 9, Source: exchange.UsageEstimated}},
			`{"candidates":[{"content":{"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":0,"totalTokenCount":3,"thoughtsTokenCount":9}}`,
		},
		"log probabilities": {
			chat.Answer{Choices: []chat.Choice{{
				Finish: chat.Stopped, LogProbs: []byte(`{"content":[{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-2,"bytes":[98]}]},{"token":"c","logprob":-3,"bytes":null,"top_logprobs":[]}],"refusal":null}`),
			}}},
			`{"candidates":[{"content":{"role":"model"},"finishReason":"STOP","index":0,"logprobsResult":{
				"chosenCandidates":[{"token":"a","logProbability":-1},{"token":"c","logProbability":-3}],"topCandidates":[{"candidates":[{"token":"b","logProbability":-2}]},{}]}}]}`,
		},
		"log probabilities without alternatives": {
			chat.Answer{Choices: []chat.Choice{{Finish: chat.Stopped, LogProbs: []byte(`{"content":[{"token":"a","logprob":-1,"bytes":null,"top_logprobs":[]}]}`)}}},
			`{"candidates":[{"content":{"role":"model"},"finishReason":"STOP","index":0,"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}]}}]}`,
		},
		"log probabilities of nothing": {
			chat.Answer{Choices: []chat.Choice{{Finish: chat.Stopped, LogProbs: []byte(`{"content":null}`)}}},
			`{"candidates":[{"content":{"role":"model"},"finishReason":"STOP","index":0}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(Decoder{}.AppendAnswer([]byte("x"), &test.answer))
			if !strings.HasPrefix(got, "x") {
				t.Fatalf("%s", got)
			}
			equalJSON(t, test.want, got[1:])
		})
	}
}

func TestIDsOfCallsFitOpenAI(t *testing.T) {
	ids := callIDs{response: strings.Repeat("aB3-_/", 50)}
	seen := map[string]bool{}
	for range 10000 {
		id := ids.next()
		if len(id) > 40 || seen[id] || strings.Contains(id, "/") {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
	if id := (&callIDs{}).next(); id != "call_0" {
		t.Errorf("without an ID of the response: %q", id)
	}
}
