// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func marshalled(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// saying is a request with one message.
func saying(role chat.Role, parts ...chat.Part) *chat.Request {
	for i := range parts {
		parts[i].At = chat.Index("messages[0].content", i)
	}
	return &chat.Request{
		Messages: []chat.Message{{Role: role, Parts: parts, At: "messages[0]"}},
		Names:    func(chat.Field) string { return "field" },
	}
}

func media(kind chat.PartKind, m chat.Media) chat.Part { return chat.Part{Kind: kind, Media: &m} }

func TestPartsByFlavor(t *testing.T) {
	const here = "!messages[0].content[0]"
	all := func(want string) by { return by{want, want, want, want, want} }
	for name, test := range map[string]struct {
		part chat.Part
		want by // of the part, or "!" before the place that is refused
	}{
		"an image from the web": {
			media(chat.Image, chat.Media{URL: "https://a/b.png", Detail: "high"}),
			by{
				`{"type":"image_url","image_url":{"url":"https://a/b.png","detail":"high"}}`,
				`{"type":"image_url","image_url":{"url":"https://a/b.png","detail":"high"}}`,
				`{"type":"image_url","image_url":{"url":"https://a/b.png","detail":"high"}}`,
				here,
				`{"type":"image_url","image_url":{"url":"https://a/b.png","detail":"high"}}`,
			},
		},
		"an image from nowhere on the web": {media(chat.Image, chat.Media{URL: "gs://bucket/a.png"}), all(here)},
		"an image in place": {
			media(chat.Image, chat.Media{MIME: "image/png", Data: "aGk="}),
			all(`{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}`),
		},
		"an image by the ID of a file": {media(chat.Image, chat.Media{FileID: "f"}), all(here)},
		"sound": {
			media(chat.Audio, chat.Media{MIME: "audio/x-wav", Data: "aGk="}),
			by{
				`{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}`,
				`{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}`,
				`{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}`,
				here,
				`{"type":"input_audio","input_audio":"aGk="}`,
			},
		},
		"sound in a format that OpenAI does not take": {
			media(chat.Audio, chat.Media{MIME: "audio/ogg", Data: "aGk="}),
			by{here, here, here, here, `{"type":"input_audio","input_audio":"aGk="}`},
		},
		"sound from the web": {media(chat.Audio, chat.Media{MIME: "audio/mp3", URL: "https://a/b.mp3"}), all(here)},
		"a film":             {media(chat.Video, chat.Media{MIME: "video/mp4", Data: "aGk="}), all(here)},
		"a document": {
			media(chat.Document, chat.Media{MIME: "application/pdf", Data: "aGk=", Name: "a.pdf"}),
			by{
				`{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}}`,
				`{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}}`,
				`{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}}`,
				here,
				`{"type":"document_url","document_url":"data:application/pdf;base64,aGk=","document_name":"a.pdf"}`,
			},
		},
		"a document without a name": {
			media(chat.Document, chat.Media{MIME: "application/pdf", Data: "aGk="}),
			by{
				`{"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,aGk="}}`,
				`{"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,aGk="}}`,
				`{"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,aGk="}}`,
				here,
				`{"type":"document_url","document_url":"data:application/pdf;base64,aGk="}`,
			},
		},
		"a document from the web": {
			media(chat.Document, chat.Media{URL: "https://a/b.pdf"}),
			by{here, here, here, here, `{"type":"document_url","document_url":"https://a/b.pdf"}`},
		},
		"a document by its ID": {
			media(chat.Document, chat.Media{FileID: "file-1"}),
			by{
				`{"type":"file","file":{"file_id":"file-1"}}`, `{"type":"file","file":{"file_id":"file-1"}}`,
				`{"type":"file","file":{"file_id":"file-1"}}`, here, `{"type":"file","file_id":"file-1"}`,
			},
		},
		"a part without its media": {chat.Part{Kind: chat.Image}, all(here)},
		"a call of a user":         {chat.Part{Kind: chat.Call, Call: &chat.ToolCall{}}, all(here)},
		"a result of nothing":      {chat.Part{Kind: chat.Result}, all(here)},
	} {
		t.Run(name, func(t *testing.T) {
			for f, want := range test.want {
				body, refused := ask(Flavor(f), saying(chat.User, test.part))
				if at, ok := strings.CutPrefix(want, "!"); ok {
					if refused != at {
						t.Errorf("%s refuses %q, want %q", flavors[f].name, refused, at)
					}
					continue
				}
				equalJSON(t, `{"model":"real","messages":[{"role":"user","content":[`+want+`]}]}`, body)
			}
		})
	}
}

func TestTurnsAreRendered(t *testing.T) {
	result := func(r chat.ToolResult) chat.Part { return chat.Part{Kind: chat.Result, Result: &r} }
	text := func(text string) chat.Part { return chat.Part{Text: text} }
	for name, test := range map[string]struct {
		flavor Flavor
		role   chat.Role
		parts  []chat.Part
		want   string // the messages
	}{
		"results go before what else is said": {
			OpenAI, chat.User,
			[]chat.Part{
				text("so"),
				result(chat.ToolResult{CallID: "a", Name: "f", Parts: []chat.Part{text("1")}}),
				result(chat.ToolResult{CallID: "b", Name: "g", Parts: []chat.Part{text("2"), text("3")}}),
			},
			`{"role":"tool","tool_call_id":"a","content":"1"},
			 {"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"2"},{"type":"text","text":"3"}]},
			 {"role":"user","content":"so"}`,
		},
		"a tool that failed says so": {
			OpenAI, chat.User,
			[]chat.Part{
				result(chat.ToolResult{CallID: "a", Failed: true, Parts: []chat.Part{text("no such file")}}),
				result(chat.ToolResult{CallID: "b", Failed: true}),
			},
			`{"role":"tool","tool_call_id":"a","content":"Error: no such file"},{"role":"tool","tool_call_id":"b","content":"Error: "}`,
		},
		"a tool that said nothing": {
			OpenAI, chat.User, []chat.Part{result(chat.ToolResult{CallID: "a"})},
			`{"role":"tool","tool_call_id":"a","content":""}`,
		},
		"nothing said":           {OpenAI, chat.User, nil, `{"role":"user","content":""}`},
		"nothing answered":       {OpenAI, chat.Assistant, nil, `{"role":"assistant","content":""}`},
		"several texts answered": {OpenAI, chat.Assistant, []chat.Part{text("a"), text("b")}, `{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`},
		"a refusal":              {OpenAI, chat.Assistant, []chat.Part{{Kind: chat.Refusal, Text: "no"}}, `{"role":"assistant","content":null,"refusal":"no"}`},
		"a refusal to Ollama":    {Ollama, chat.Assistant, []chat.Part{{Kind: chat.Refusal, Text: "no"}}, `{"role":"assistant","content":"no"}`},
		"thoughts are not for OpenAI": {
			OpenAI, chat.Assistant,
			[]chat.Part{{Kind: chat.Thinking, Text: "hm", Signature: "s"}, {Kind: chat.Redacted, Signature: "z"}, text("a")},
			`{"role":"assistant","content":"a"}`,
		},
		"signed thoughts go back": {
			Compatible, chat.Assistant,
			[]chat.Part{{Kind: chat.Thinking, Text: "hm", Signature: "s"}, {Kind: chat.Redacted, Signature: "z"}, text("a")},
			`{"role":"assistant","content":"a","reasoning_content":"hm","reasoning_details":[
				{"type":"reasoning.text","text":"hm","signature":"s","index":0},
				{"type":"reasoning.encrypted","data":"z","index":1}]}`,
		},
		"a signed call goes back": {
			Compatible, chat.Assistant,
			[]chat.Part{{Kind: chat.Call, Signature: "s", Call: &chat.ToolCall{ID: "a", Name: "f", Arguments: "{"}}},
			`{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{"},
				"extra_content":{"google":{"thought_signature":"s"}}}]}`,
		},
		"but not to OpenAI": {
			OpenAI, chat.Assistant,
			[]chat.Part{{Kind: chat.Call, Signature: "s", Call: &chat.ToolCall{ID: "a", Name: "f", Arguments: "{"}}},
			`{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]}`,
		},
		"Mistral goes on with the last answer": {
			Mistral, chat.Assistant, []chat.Part{text("Once")}, `{"role":"assistant","content":"Once","prefix":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			body, refused := ask(test.flavor, saying(test.role, test.parts...))
			if refused != "" {
				t.Fatalf("refused: %s", refused)
			}
			equalJSON(t, `{"model":"real","messages":[`+test.want+`]}`, body)
		})
	}
}

func TestTurnsThatCannotBeExpressed(t *testing.T) {
	image := chat.Part{Kind: chat.Image, At: "there", Media: &chat.Media{MIME: "image/png", Data: "aGk="}}
	named := saying(chat.User, chat.Part{Text: "a"})
	named.Messages[0].Name = "ann"
	for name, test := range map[string]struct {
		flavor  Flavor
		request *chat.Request
		want    string
	}{
		"an image that a tool gave": {
			OpenAI, saying(chat.User, chat.Part{Kind: chat.Result, Result: &chat.ToolResult{Parts: []chat.Part{image}}}), "there",
		},
		"a result of the assistant": {OpenAI, saying(chat.Assistant, chat.Part{Kind: chat.Result}), "messages[0].content[0]"},
		"an image of the assistant": {OpenAI, saying(chat.Assistant, image), "messages[0].content[0]"},
		"a name to Mistral":         {Mistral, named, "messages[0].name"},
		"a name to Ollama":          {Ollama, named, "messages[0].name"},
	} {
		if body, refused := ask(test.flavor, test.request); refused != test.want {
			t.Errorf("%s: %q is refused, want %q: %s", name, refused, test.want, body)
		}
	}
	if body, _ := ask(OpenAI, named); !strings.Contains(body, `"name":"ann"`) {
		t.Errorf("OpenAI gets no name: %s", body)
	}
}

func TestMistralGetsIDsThatItTakes(t *testing.T) {
	call := func(id string) chat.Part {
		return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: "f"}}
	}
	result := func(id string) chat.Part {
		return chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: id}}
	}
	long := "toolu_01A09q90qw90lq917835lq9"
	// The second call has the ID that the first would get: the first must get another.
	taken := shortened(long, 0)
	r := saying(chat.Assistant, call(long), call(taken), call("short"))
	r.Messages = append(r.Messages, chat.Message{Role: chat.User, Parts: []chat.Part{result(long), result(taken), result("short")}})
	body, _ := ask(Mistral, r)
	again, _ := ask(Mistral, r)
	if body != again {
		t.Errorf("%s is not %s", again, body)
	}
	var w struct {
		Messages []struct {
			ToolCalls  []struct{ ID string } `json:"tool_calls"`
			ToolCallID string                `json:"tool_call_id"`
		}
	}
	if err := json.Unmarshal([]byte(body), &w); err != nil || len(w.Messages) != 4 {
		t.Fatalf("%s: %v", body, err)
	}
	seen := map[string]bool{}
	for i, c := range w.Messages[0].ToolCalls {
		if !fitsMistral(c.ID) || seen[c.ID] {
			t.Errorf("call %d has the ID %q", i, c.ID)
		}
		seen[c.ID] = true
		if got := w.Messages[i+1].ToolCallID; got != c.ID {
			t.Errorf("result %d has the ID %q, want %q", i, got, c.ID)
		}
	}
	if got := w.Messages[0].ToolCalls[1].ID; got != taken {
		t.Errorf("an ID that fits became %q, want %q", got, taken)
	}
}

func TestIDsThatFitMistral(t *testing.T) {
	for id, want := range map[string]bool{
		"abcDEF019": true, "abcDEF01": false, "abcDEF0199": false, "abc_EF019": false, "abcéF019": false, "": false, "a[c]e{g}i": false,
	} {
		if fitsMistral(id) != want {
			t.Errorf("%q: %v, want %v", id, !want, want)
		}
	}
}

// What OpenAI can express comes back the same after it was decoded, rendered and decoded again.
func TestARequestSurvivesARoundTrip(t *testing.T) {
	for name, body := range map[string]string{
		"sampling": asking(`,"temperature":0.1,"top_p":0.2,"seed":3,"stop":["a"],"n":2,"logprobs":true,"top_logprobs":3,
			"frequency_penalty":1,"presence_penalty":-1,"max_completion_tokens":9,"user":"u","reasoning_effort":"low"`),
		"tools": asking(`,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","b":1,"a":2},"strict":true}}],
			"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false`),
		"a format": asking(`,"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"type":"object"},"strict":false}}`),
		"a conversation": talking(`{"role":"developer","content":"d"},{"role":"system","content":"s","name":"x"},
			{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},
				{"type":"input_audio","input_audio":{"data":"aGk=","format":"mp3"}},
				{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}}]},
			{"role":"assistant","content":"ok","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"é\":\"\\n\"}"}}]},
			{"role":"tool","tool_call_id":"1","content":"r"},
			{"role":"assistant","refusal":"no"}`),
	} {
		t.Run(name, func(t *testing.T) {
			want := read(t, body)
			again, refused := ask(OpenAI, want)
			if refused != "" {
				t.Fatalf("refused: %s", refused)
			}
			want.Model = target.Model
			compare(t, want, read(t, again))
		})
	}
}

func TestMessagesOfATurnThatCallsAreOne(t *testing.T) {
	message := func(role chat.Role, parts ...chat.Part) chat.Message { return chat.Message{Role: role, Parts: parts} }
	text := func(said string) chat.Part { return chat.Part{Text: said} }
	call := func(id string) chat.Part {
		return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: "f"}}
	}
	result := func(id string) chat.Part {
		return chat.Part{Kind: chat.Result, Result: &chat.ToolResult{CallID: id, Parts: []chat.Part{text("r")}}}
	}
	for name, test := range map[string]struct {
		messages []chat.Message
		want     string // the roles, and of an assistant the number of calls
	}{
		"a call in each": {[]chat.Message{
			message(chat.User, text("q")), message(chat.Assistant, call("a")), message(chat.Assistant, call("b")),
			message(chat.User, result("a")), message(chat.User, result("b")),
		}, "user assistant2 tool tool"},
		"words before the calls": {[]chat.Message{
			message(chat.Assistant, text("well")), message(chat.Assistant, call("a")), message(chat.User, result("a")),
		}, "assistant1 tool"},
		"words alone": {[]chat.Message{
			message(chat.Assistant, text("one")), message(chat.Assistant, text("two")), message(chat.User, text("q")),
		}, "assistant0 assistant0 user"},
		"two turns": {[]chat.Message{
			message(chat.Assistant, call("a")), message(chat.User, result("a")), message(chat.Assistant, call("b")),
			message(chat.User, result("b")),
		}, "assistant1 tool assistant1 tool"},
		"two speakers": {[]chat.Message{
			{Role: chat.Assistant, Name: "x", Parts: []chat.Part{text("one")}}, message(chat.Assistant, call("a")),
			message(chat.User, result("a")),
		}, "assistant0 assistant1 tool"},
	} {
		t.Run(name, func(t *testing.T) {
			before := marshalled(t, test.messages)
			got, err := Encoder{}.messages(&chat.Request{Messages: test.messages})
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, m := range got {
				if m.Role == "assistant" {
					m.Role += strconv.Itoa(len(m.ToolCalls))
				}
				told = append(told, m.Role)
			}
			if said := strings.Join(told, " "); said != test.want {
				t.Errorf("%s, want %s", said, test.want)
			}
			if after := marshalled(t, test.messages); after != before {
				t.Errorf("the request changed: %s", after)
			}
		})
	}
}
