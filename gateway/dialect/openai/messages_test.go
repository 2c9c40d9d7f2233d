// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func TestMessagesAreRead(t *testing.T) {
	text := func(text, at string) chat.Part { return chat.Part{Text: text, At: at} }
	for name, test := range map[string]struct {
		messages string
		want     []chat.Message
	}{
		"instructions by both their roles": {
			`{"role":"system","content":"a","name":"s"},
			 {"role":"developer","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]}`,
			[]chat.Message{
				{Role: chat.System, Name: "s", At: "messages[0]", Parts: []chat.Part{text("a", "messages[0].content")}},
				{Role: chat.Developer, At: "messages[1]", Parts: []chat.Part{
					text("b", "messages[1].content[0]"), text("c", "messages[1].content[1]"),
				}},
			},
		},
		"a prefix to be cached": {
			`{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}]},
			 {"role":"user","content":"c","cache_control":{"type":"ephemeral","ttl":"5m"}}`,
			[]chat.Message{
				{Role: chat.User, At: "messages[0]", Parts: []chat.Part{
					{Text: "a", At: "messages[0].content[0]", Cache: &chat.CacheMark{}}, text("b", "messages[0].content[1]"),
				}},
				{Role: chat.User, At: "messages[1]", Parts: []chat.Part{
					{Text: "c", At: "messages[1].content", Cache: &chat.CacheMark{TTL: "5m"}},
				}},
			},
		},
		"an image from the web and one in place": {
			`{"role":"user","name":"ann","content":[
				{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},
				{"type":"image_url","image_url":{"url":"data:image/png;name=x;base64,aGk="}}]}`,
			[]chat.Message{{Role: chat.User, Name: "ann", At: "messages[0]", Parts: []chat.Part{
				{Kind: chat.Image, At: "messages[0].content[0]", Media: &chat.Media{URL: "https://example.com/a.png", Detail: "low"}},
				{Kind: chat.Image, At: "messages[0].content[1]", Media: &chat.Media{MIME: "image/png", Data: "aGk="}},
			}}},
		},
		"sound": {
			`{"role":"user","content":[
				{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}},
				{"type":"input_audio","input_audio":{"data":"aGk=","format":"mp3"}}]}`,
			[]chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{
				{Kind: chat.Audio, At: "messages[0].content[0]", Media: &chat.Media{MIME: "audio/wav", Data: "aGk="}},
				{Kind: chat.Audio, At: "messages[0].content[1]", Media: &chat.Media{MIME: "audio/mpeg", Data: "aGk="}},
			}}},
		},
		"files by their data, as base64 alone, and by ID": {
			`{"role":"user","content":[
				{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,aGk="}},
				{"type":"file","file":{"filename":"A.PDF","file_data":"aGk="}},
				{"type":"file","file":{"file_id":"file-1"}}]}`,
			[]chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{
				{Kind: chat.Document, At: "messages[0].content[0]", Media: &chat.Media{MIME: "text/plain", Data: "aGk=", Name: "a.txt"}},
				{Kind: chat.Document, At: "messages[0].content[1]", Media: &chat.Media{MIME: "application/pdf", Data: "aGk=", Name: "A.PDF"}},
				{Kind: chat.Document, At: "messages[0].content[2]", Media: &chat.Media{FileID: "file-1"}},
			}}},
		},
		"a call and its result": {
			`{"role":"assistant","content":"","tool_calls":[
				{"id":"call_1","index":0,"type":"function","function":{"name":"f","arguments":"{\"a\":1}"},
				 "extra_content":{"google":{"thought_signature":"c2ln"}}}]},
			 {"role":"tool","tool_call_id":"call_1","content":[{"type":"text","text":"42"}]},
			 {"role":"tool","tool_call_id":"call_2","name":"g","content":""}`,
			[]chat.Message{
				{Role: chat.Assistant, At: "messages[0]", Parts: []chat.Part{{
					Kind: chat.Call, At: "messages[0].tool_calls[0]", Signature: "c2ln",
					Call: &chat.ToolCall{ID: "call_1", Name: "f", Arguments: `{"a":1}`},
				}}},
				{Role: chat.User, At: "messages[1]", Parts: []chat.Part{{
					Kind: chat.Result, At: "messages[1]", Result: &chat.ToolResult{
						CallID: "call_1", Name: "f", Parts: []chat.Part{text("42", "messages[1].content[0]")},
					},
				}}},
				{Role: chat.User, At: "messages[2]", Parts: []chat.Part{{
					Kind: chat.Result, At: "messages[2]", Result: &chat.ToolResult{CallID: "call_2", Name: "g"},
				}}},
			},
		},
		"an image that a tool gave": {
			`{"role":"tool","tool_call_id":"c","cache_control":{"type":"ephemeral"},"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}`,
			[]chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{
				Kind: chat.Result, At: "messages[0]", Cache: &chat.CacheMark{}, Result: &chat.ToolResult{CallID: "c", Parts: []chat.Part{
					{Kind: chat.Image, At: "messages[0].content[0]", Media: &chat.Media{MIME: "image/png", Data: "aGk="}},
				}},
			}}}},
		},
		"an answer as an SDK sends it back": {
			`{"role":"assistant","content":"yes","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null}`,
			[]chat.Message{{Role: chat.Assistant, At: "messages[0]", Parts: []chat.Part{text("yes", "messages[0].content")}}},
		},
		"a refusal as a field and as a part": {
			`{"role":"assistant","refusal":"no"},{"role":"assistant","content":[{"type":"refusal","refusal":"never"}]}`,
			[]chat.Message{
				{Role: chat.Assistant, At: "messages[0]", Parts: []chat.Part{{Kind: chat.Refusal, Text: "no", At: "messages[0].refusal"}}},
				{Role: chat.Assistant, At: "messages[1]", Parts: []chat.Part{{Kind: chat.Refusal, Text: "never", At: "messages[1].content[0]"}}},
			},
		},
		"thoughts by either name": {
			`{"role":"assistant","content":"a","reasoning_content":"so"},{"role":"assistant","content":"b","reasoning":"thus"}`,
			[]chat.Message{
				{Role: chat.Assistant, At: "messages[0]", Parts: []chat.Part{
					{Kind: chat.Thinking, Text: "so", At: "messages[0].reasoning_content"}, text("a", "messages[0].content"),
				}},
				{Role: chat.Assistant, At: "messages[1]", Parts: []chat.Part{
					{Kind: chat.Thinking, Text: "thus", At: "messages[1].reasoning"}, text("b", "messages[1].content"),
				}},
			},
		},
		"thoughts in detail, which win over the text": {
			`{"role":"assistant","content":null,"reasoning_content":"so","reasoning_details":[
				{"type":"reasoning.text","text":"one","signature":"s1","id":"x","format":"y","index":0},
				{"type":"reasoning.encrypted","data":"zzz","index":1},
				{"type":"reasoning.summary","summary":"three"}]}`,
			[]chat.Message{{Role: chat.Assistant, At: "messages[0]", Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "one", Signature: "s1", At: "messages[0].reasoning_details[0]"},
				{Kind: chat.Redacted, Signature: "zzz", At: "messages[0].reasoning_details[1]"},
				{Kind: chat.Thinking, Text: "three", At: "messages[0].reasoning_details[2]"},
			}}},
		},
		"details in the pieces of a stream": {
			`{"role":"assistant","content":"x","reasoning_details":[
				{"type":"reasoning.text","text":"on","index":0},{"type":"reasoning.text","text":"e","index":0},
				{"type":"reasoning.text","signature":"s1","index":0},
				{"type":"reasoning.text","text":"two","index":0},
				{"type":"reasoning.text","text":"three","index":1}]}`,
			[]chat.Message{{Role: chat.Assistant, At: "messages[0]", Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "one", Signature: "s1", At: "messages[0].reasoning_details[0]"},
				{Kind: chat.Thinking, Text: "two", At: "messages[0].reasoning_details[3]"},
				{Kind: chat.Thinking, Text: "three", At: "messages[0].reasoning_details[4]"},
				text("x", "messages[0].content"),
			}}},
		},
		"nothing said": {
			`{"role":"assistant","content":null}`,
			[]chat.Message{{Role: chat.Assistant, At: "messages[0]"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, read(t, talking(test.messages)).Messages, sameRequest); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
