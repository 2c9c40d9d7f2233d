// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

var weather = json.RawMessage(anthropicTool)

// kinds names an answer's blocks.
func (a anthropicAnswer) kinds() string {
	var kinds []string
	for _, part := range a.Content {
		kinds = append(kinds, part.Type)
	}
	return strings.Join(kinds, " ")
}

func TestAnthropicCallsTools(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		members object
		headers []string
		kinds   string
	}{
		"none unless it must":         {object{}, nil, "text"},
		"one where any must be":       {object{"tool_choice": object{"type": "any"}}, nil, "tool_use"},
		"the one that is named":       {object{"tool_choice": object{"type": "tool", "name": "weather"}}, nil, "tool_use"},
		"as many as it is told":       {object{}, []string{"x-fake-calls", "3"}, "tool_use tool_use tool_use"},
		"one where several may not":   {object{"tool_choice": object{"type": "any", "disable_parallel_tool_use": true}}, []string{"x-fake-calls", "3"}, "tool_use"},
		"none where it must not":      {object{"tool_choice": object{"type": "none"}}, []string{"x-fake-calls", "3"}, "text"},
		"after it has thought":        {object{"thinking": object{"type": "adaptive"}}, []string{"x-fake-calls", "1"}, "thinking tool_use"},
		"not where there is no tool":  {object{"tools": nil}, []string{"x-fake-calls", "1"}, "text"},
		"not where it has to decline": {object{}, []string{"x-fake-calls", "1", "x-fake-refusal", "yes"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := with(t, with(t, message, object{"tools": list{weather}}), c.members)
			got := messageTo(t, server, body, c.headers...)
			if got.kinds() != c.kinds {
				t.Errorf("blocks %q, want %q", got.kinds(), c.kinds)
			}
			reason := map[bool]string{true: "tool_use", false: "end_turn"}[strings.HasSuffix(c.kinds, "tool_use")]
			if c.kinds == "" {
				reason = "refusal"
			}
			if got.StopReason != reason {
				t.Errorf("stop_reason %s, want %s", got.StopReason, reason)
			}
			ids := map[string]bool{}
			for _, part := range got.Content {
				if part.Type != "tool_use" {
					continue
				}
				if ids[part.ID] || !strings.HasPrefix(part.ID, "toolu_") {
					t.Errorf("id %q is not its own", part.ID)
				}
				ids[part.ID] = true
				if diff := cmp.Diff(object{"city": "hi", "days": 2.0}, part.Input); diff != "" || part.Name != "weather" {
					t.Errorf("%s %s", part.Name, diff)
				}
			}
		})
	}
}

// joinedBlocks puts a stream's deltas together.
func joinedBlocks(t *testing.T, stream []byte) []anthropicPart {
	t.Helper()
	var parts []anthropicPart
	arguments := map[int]string{}
	for _, e := range namedEvents(t, stream) {
		var got struct {
			Index int
			Block anthropicPart `json:"content_block"`
			Delta struct {
				Text, Thinking, Signature string
				JSON                      string `json:"partial_json"`
			}
		}
		decode(t, e.data, &got)
		switch e.name {
		case "content_block_start":
			parts = append(parts, got.Block)
		case "content_block_delta":
			part := &parts[got.Index]
			part.Text += got.Delta.Text
			part.Thinking += got.Delta.Thinking
			part.Signature += got.Delta.Signature
			arguments[got.Index] += got.Delta.JSON
		}
	}
	for i, text := range arguments {
		if text != "" {
			decode(t, []byte(text), &parts[i].Input)
		}
	}
	return parts
}

func TestAStreamFromAnthropicSaysWhatAMessageDoes(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, members := range map[string]object{
		"words":    {},
		"thinking": {"thinking": object{"type": "enabled", "budget_tokens": 2048}},
		"tools":    {"tools": list{weather}, "tool_choice": object{"type": "any"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := messageTo(t, server, with(t, message, members)).Content
			members["stream"] = true
			_, stream := call(t, server, messagesPath, with(t, message, members), claude...)
			got := joinedBlocks(t, stream)
			for _, parts := range [][]anthropicPart{got, want} {
				for i := range parts {
					if (parts[i].Signature != "") != (parts[i].Type == "thinking") {
						t.Errorf("signature %q of %s", parts[i].Signature, parts[i].Type)
					}
					parts[i].ID, parts[i].Signature = "", "" // these differ between any two answers
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestThinkingComesBackSignedOrNotAtAll(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	thinking := object{"thinking": object{"type": "enabled", "budget_tokens": 1024}, "tools": list{weather}}
	first := messageTo(t, server, with(t, message, thinking), "x-fake-calls", "1")
	thought, use := first.Content[0], first.Content[1]
	for name, c := range map[string]struct {
		thinking, signature string
		status              int
	}{
		"unchanged":            {thought.Thinking, thought.Signature, 200},
		"other words":          {thought.Thinking + "!", thought.Signature, 400},
		"another signature":    {thought.Thinking, "AAAA" + thought.Signature, 400},
		"an empty signature":   {thought.Thinking, "", 400},
		"the words left empty": {"", thought.Signature, 400},
	} {
		t.Run(name, func(t *testing.T) {
			thinking["messages"] = list{user("hi"), assistant(list{
				object{"type": "thinking", "thinking": c.thinking, "signature": c.signature},
				object{"type": "tool_use", "id": use.ID, "name": use.Name, "input": use.Input},
			}), user(list{toolResult(use.ID)})}
			response, content := call(t, server, messagesPath, with(t, message, thinking), claude...)
			if response.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", response.StatusCode, c.status, content)
			}
			if c.status == 200 && count(content, "asked «sunny»") != 1 {
				t.Errorf("the tool's result should be the prompt: %s", content)
			}
		})
	}
}

func TestOmittedThinkingKeepsItsSignature(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	thinking := object{"thinking": object{"type": "adaptive", "display": "omitted"}}
	thought := messageTo(t, server, with(t, message, thinking)).Content[0]
	if thought.Thinking != "" || thought.Signature == "" {
		t.Fatalf("thinking %+v", thought)
	}
	messageTo(t, server, with(t, message, object{"messages": list{user("hi"), assistant(list{
		object{"type": "thinking", "thinking": "", "signature": thought.Signature}, text("so"),
	}), user("on")}}))
}

func TestAnthropicWritesJSONThatFitsTheSchema(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	schema := object{"type": "object", "additionalProperties": false, "required": list{"unit", "n"}, "properties": object{
		"unit": object{"enum": list{"C", "F"}}, "n": object{"type": "integer"}}}
	format := object{"type": "json_schema", "schema": schema}
	for name, c := range map[string]struct {
		members object
		headers []string
	}{
		"under its name":       {object{"output_config": object{"format": format}}, nil},
		"under the beta's one": {object{"output_format": format}, []string{"anthropic-beta", "structured-outputs-2025-11-13"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := messageTo(t, server, with(t, message, c.members), c.headers...)
			if got.Content[0].Text != `{"n":2,"unit":"C"}` {
				t.Errorf("%s", got.Content[0].Text)
			}
		})
	}
}

func TestAnthropicSeesImages(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	content := list{text("what?"), picture("image/png", pixel), object{"type": "image", "source": object{
		"type": "url", "url": "https://example.com/cat.jpg"}}}
	got := messageTo(t, server, with(t, message, object{"messages": list{user(content)}}))
	if want := "«what? [2 images: image/png, https://example.com/cat.jpg]»"; !strings.Contains(got.Content[0].Text, want) {
		t.Errorf("%s, want %s", got.Content[0].Text, want)
	}
}

func TestAnthropicTellsWhatItCached(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	system := strings.Repeat("rule", 100)
	body := func(marks string, words string) string {
		return fmt.Sprintf(`{"model":"claude","max_tokens":9,"system":[{"type":"text","text":%q%s}],`+
			`"messages":[{"role":"user","content":%q}]}`, system, marks, words)
	}
	const marked = `,"cache_control":{"type":"ephemeral","ttl":"1h"}`
	all := fakeprovider.PromptTokens(system, "hi")
	for _, c := range []struct {
		name, body    string
		written, read int
	}{
		{"nothing without a mark", body("", "hi"), 0, 0},
		{"written at first", body(marked, "hi"), 100, 0},
		{"read afterwards", body(marked, "ho"), 0, 100},
		{"not read for another model", strings.Replace(body(marked, "hi"), "claude", "other", 1), 100, 0},
	} {
		got := messageTo(t, server, c.body).Usage
		want := anthropicUsage{Input: all - c.written - c.read, Written: c.written, Read: c.read, Output: 9}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	server.Reset()
	if got := messageTo(t, server, body(marked, "hi")).Usage; got.Written != 100 {
		t.Errorf("a reset should empty the cache: %+v", got)
	}
}

func TestFaultsInAnthropicsStreams(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := with(t, message, object{"stream": true})
	for spec, c := range map[string]struct{ names, hasNot string }{
		"none":                {"message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop", "error"},
		"no-done":             {"message_start content_block_start ping content_block_delta content_block_stop message_delta", "message_stop"},
		"error-event:4:529":   {"message_start content_block_start ping content_block_delta error", "message_stop"},
		"no-usage":            {"message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop", "output_tokens"},
		"comments,crlf":       {"message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop", "error"},
		"big-line:100":        {"message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop", "error"},
		"split-utf8":          {"message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop", "error"},
		"multiline-data,crlf": {"message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop", "error"},
	} {
		t.Run(spec, func(t *testing.T) {
			_, stream := call(t, server, messagesPath, body, append(fault(spec), claude...)...)
			if got := eventNames(namedEvents(t, stream)); got != c.names || count(stream, c.hasNot) > 0 {
				t.Errorf("events %q, want %q and no %s", got, c.names, c.hasNot)
			}
		})
	}
	_, stream := call(t, server, messagesPath, body, append(fault("error-event:4:529"), claude...)...)
	events := namedEvents(t, stream)
	if kind, _, id := anthropicFailure(t, events[len(events)-1].data); kind != "overloaded_error" || len(id) < 10 {
		t.Errorf("error event %s", events[len(events)-1].data)
	}
}

func TestPingsKeepAnthropicsStreamsAlive(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	spec := "keep-alive:5ms,first-token-latency:60ms"
	_, stream := call(t, server, messagesPath, with(t, message, object{"stream": true}), append(fault(spec), claude...)...)
	if events := namedEvents(t, stream); events[0].name != "ping" || count(stream, ": keep-alive") > 0 {
		t.Errorf("the wait was not filled with pings: %s", eventNames(events))
	}
}
