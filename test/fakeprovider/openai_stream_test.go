// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

type chunk struct {
	ID, Object, Model string
	Choices           []struct {
		Index        int
		Delta        map[string]json.RawMessage
		FinishReason *string `json:"finish_reason"`
	}
	Usage *usage
}

// chunks decodes a stream that must end in [DONE]; raw holds each chunk's own fields.
func chunks(t *testing.T, stream []byte) (decoded []chunk, raw []map[string]json.RawMessage) {
	t.Helper()
	events := payloads(t, stream)
	if len(events) < 2 || events[len(events)-1] != "[DONE]" {
		t.Fatalf("no [DONE] at the end: %q", events)
	}
	for _, payload := range events[:len(events)-1] {
		var c chunk
		var fields map[string]json.RawMessage
		decode(t, []byte(payload), &c)
		decode(t, []byte(payload), &fields)
		decoded, raw = append(decoded, c), append(raw, fields)
	}
	return decoded, raw
}

func TestAStreamFollowsTheGrammar(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, stream := ask(t, server, streamed, "x-fake-tokens", "4")
	if got := response.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
		t.Errorf("content-type %s", got)
	}
	got, raw := chunks(t, stream)
	if len(got) != 1+4+1 {
		t.Fatalf("%d chunks, want a role, 4 tokens and a finish_reason", len(got))
	}
	opening := got[0].Choices[0].Delta
	if string(opening["role"]) != `"assistant"` || string(opening["content"]) != `""` {
		t.Errorf("first delta %s", opening)
	}
	for i, c := range got {
		if c.ID != got[0].ID || c.Object != "chat.completion.chunk" || c.Model != "m" || len(c.Choices) != 1 {
			t.Errorf("chunk %d: %+v", i, c)
		}
		if _, has := raw[i]["usage"]; has {
			t.Errorf("chunk %d speaks of usage that nobody asked for", i)
		}
		if finish := c.Choices[0].FinishReason; (finish != nil) != (i == len(got)-1) {
			t.Errorf("chunk %d: finish_reason %v", i, finish)
		}
	}
	for i, c := range got[1:5] {
		var token string
		decode(t, c.Choices[0].Delta["content"], &token)
		if len(c.Choices[0].Delta) != 1 || fakeprovider.CountTokens(token) != 1 {
			t.Errorf("delta %d is not one token: %s", i, c.Choices[0].Delta)
		}
	}
	if last := got[5].Choices[0]; len(last.Delta) != 0 || *last.FinishReason != "stop" {
		t.Errorf("last chunk %+v", last)
	}
}

func TestIncludeUsage(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, counted, "x-fake-tokens", "7")
	got, raw := chunks(t, stream)
	last := len(got) - 1
	for i := range got[:last] {
		if string(raw[i]["usage"]) != "null" {
			t.Errorf("chunk %d has usage %s, want null", i, raw[i]["usage"])
		}
	}
	if string(raw[last]["choices"]) != "[]" {
		t.Errorf("the last chunk has choices %s, want []", raw[last]["choices"])
	}
	wantUsage(t, got[last].Usage, fakeprovider.PromptTokens("hi"), 7)
}

func TestAStreamSaysWhatTheBodySays(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, chatBody("m", "the same", true))
	_, content := ask(t, server, chatBody("m", "the same", false))
	var whole completion
	decode(t, content, &whole)
	if got, want := contentOf(t, stream), *whole.Choices[0].Message.Content; got != want {
		t.Errorf("streamed %q, whole %q", got, want)
	}
}

func TestAStreamThatHitsItsLimitSaysSo(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, strings.Replace(streamed, `"m"`, `"m","max_tokens":2`, 1))
	got, _ := chunks(t, stream)
	if finish := *got[len(got)-1].Choices[0].FinishReason; finish != "length" || len(got) != 4 {
		t.Errorf("finish_reason %s after %d chunks", finish, len(got))
	}
}

func TestChoicesOfAStreamCarryTheirIndex(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, strings.Replace(counted, `"m"`, `"m","n":2`, 1), "x-fake-tokens", "3")
	got, _ := chunks(t, stream)
	perChoice := map[int]int{}
	for _, c := range got[:len(got)-1] {
		perChoice[c.Choices[0].Index]++
	}
	if perChoice[0] != 5 || perChoice[1] != 5 {
		t.Errorf("chunks per choice %v, want 5 each", perChoice)
	}
	wantUsage(t, got[len(got)-1].Usage, fakeprovider.PromptTokens("hi"), 6)
}
