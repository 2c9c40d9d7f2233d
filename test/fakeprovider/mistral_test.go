// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const mistralPath = "/mistral/v1/chat/completions"

// mistralTurns is a conversation with one call of the given id, as far as its answer.
func mistralTurns(id string) string {
	return `{"model":"m","tools":[{"type":"function","function":{"name":"time","parameters":{}}}],"messages":[{"role":"user","content":"a"},
		{"role":"assistant","tool_calls":[{"id":"` + id + `","type":"function","function":{"name":"time","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"` + id + `","name":"time","content":"noon"}]}`
}

func TestMistralRefusesWhatItDoesNotKnow(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	message := `"messages":[{"role":"user","content":"a"}]`
	for name, c := range map[string]struct {
		body, kind, loc string
	}{
		"seed":                     {`{"model":"m","seed":1,` + message + `}`, "extra_forbidden", `["body","seed"]`},
		"stream_options":           {`{"model":"m","stream":true,"stream_options":{"include_usage":true},` + message + `}`, "extra_forbidden", `["body","stream_options"]`},
		"max_completion_tokens":    {`{"model":"m","max_completion_tokens":1,` + message + `}`, "extra_forbidden", `["body","max_completion_tokens"]`},
		"null where it is unknown": {`{"model":"m","user":null,` + message + `}`, "extra_forbidden", `["body","user"]`},
		"a user's name":            {`{"model":"m","messages":[{"role":"user","content":"a","name":"n"}]}`, "extra_forbidden", `["body","messages",0,"user","name"]`},
		"reasoning that goes back": {`{"model":"m","messages":[{"role":"assistant","content":"a","reasoning_content":"b"}]}`, "extra_forbidden", `["body","messages",0,"reasoning_content"]`},
		"a developer":              {`{"model":"m","messages":[{"role":"developer","content":"a"}]}`, "union_tag_invalid", `["body","messages",0]`},
		"a hot temperature":        {`{"model":"m","temperature":1.8,` + message + `}`, "less_than_equal", `["body","temperature"]`},
		"a middling effort":        {`{"model":"m","reasoning_effort":"medium",` + message + `}`, "literal_error", `["body","reasoning_effort"]`},
		"no model":                 {`{` + message + `}`, "missing", `["body","model"]`},
		"no messages":              {`{"model":"m"}`, "missing", `["body","messages"]`},
		"a tool without a schema":  {`{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],` + message + `}`, "missing", `["body","tools",0,"function","parameters"]`},
		"a schema that is not there": {
			`{"model":"m","response_format":{"type":"json_schema"},` + message + `}`, "missing", `["body","response_format","json_schema"]`},
		"a part of an unknown kind": {
			`{"model":"m","messages":[{"role":"user","content":[{"type":"video"}]}]}`, "union_tag_invalid", `["body","messages",0,"user","content",0,"type"]`},
		"a value of the wrong type": {`{"model":"m","max_tokens":"many",` + message + `}`, "int_type", `["body","max_tokens"]`},
		"not JSON":                  {`{`, "json_invalid", `["body"]`},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := tell(t, server, mistralPath, c.body)
			var got struct {
				Object, Type string
				Message      struct {
					Detail []struct {
						Type string
						Loc  json.RawMessage
					}
				}
			}
			decode(t, content, &got)
			if response.StatusCode != 422 || got.Object != "error" || len(got.Message.Detail) != 1 {
				t.Fatalf("%d %s", response.StatusCode, content)
			}
			if detail := got.Message.Detail[0]; detail.Type != c.kind || string(detail.Loc) != c.loc {
				t.Errorf("%s at %s, want %s at %s", detail.Type, detail.Loc, c.kind, c.loc)
			}
		})
	}
}

func TestMistralRefusesMessagesThatDoNotFit(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}, APIKeys: []string{"mistral-key"}})
	key := []string{"Authorization", "Bearer mistral-key"}
	for name, c := range map[string]struct {
		body, code string
		status     int
	}{
		"a call's id of another make":        {mistralTurns("call_1234567"), "3280", 400},
		"an id of nine letters":              {mistralTurns("abcDEF123"), "", 200},
		"an answer to no call":               {strings.Replace(mistralTurns("abcDEF123"), `"tool_call_id":"abc`, `"tool_call_id":"xyz`, 1), "3230", 400},
		"an assistant last":                  {`{"model":"m","messages":[{"role":"assistant","content":"a"}]}`, "3230", 400},
		"an assistant last, as a prefix":     {`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","prefix":true}]}`, "", 200},
		"a call without an answer":           {`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"abcdefghi","function":{"name":"f","arguments":"{}"}}]},{"role":"user","content":"a"}]}`, "3230", 400},
		"an assistant that says nothing":     {`{"model":"m","messages":[{"role":"assistant","content":""},{"role":"user","content":"a"}]}`, "3240", 400},
		"an image that is none":              {`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"x"}]}]}`, "3310", 400},
		"an address without its object":      {`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://example.com/a"}]}]}`, "", 200},
		"a model that there is not":          {plainFor("other"), "1500", 400},
		"thoughts that go back":              {`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"b"}],"closed":true},{"type":"text","text":"c"}]},{"role":"user","content":"d"}]}`, "", 200},
		"its own seed, and a limit of tools": {`{"model":"m","random_seed":7,"safe_prompt":true,"messages":[{"role":"user","content":"a"}]}`, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := tell(t, server, mistralPath, c.body, key...)
			var got struct{ Code *string }
			decode(t, content, &got)
			if response.StatusCode != c.status || (c.code != "" && (got.Code == nil || *got.Code != c.code)) {
				t.Errorf("%d %s, want %d and code %q", response.StatusCode, content, c.status, c.code)
			}
		})
	}
	if response, _ := tell(t, server, mistralPath, plain); response.StatusCode != 401 {
		t.Errorf("without a key: %d", response.StatusCode)
	}
}

func TestMistralCallsTools(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	withParameters := strings.Replace(toolBody(`"any"`, false), `{"name":"time"}`, `{"name":"time","parameters":{}}`, 1)
	_, content := tell(t, server, mistralPath, withParameters)
	var got completion
	decode(t, content, &got)
	call := got.Choices[0].Message.ToolCalls[0]
	if call.Function.Arguments != wantArguments || !regexp.MustCompile(`^[a-zA-Z0-9]{9}$`).MatchString(call.ID) {
		t.Errorf("%s", content)
	}
	response, _ := tell(t, server, mistralPath, mistralTurns(call.ID))
	if response.StatusCode != 200 {
		t.Errorf("its own id is refused: %d", response.StatusCode)
	}
}

func TestAMistralStreamTellsItsUsageWithTheLastChoice(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := tell(t, server, mistralPath, streamed, "x-fake-tokens", "3", "x-fake-reasoning", "2")
	got, raw := chunks(t, stream)
	last := len(got) - 1
	for i := range got[:last] {
		if raw[i]["usage"] != nil {
			t.Errorf("chunk %d has usage", i)
		}
	}
	if *got[last].Choices[0].FinishReason != "stop" {
		t.Errorf("%+v", got[last])
	}
	wantUsage(t, got[last].Usage, fakeprovider.PromptTokens("hi"), 5)
	var parts []struct {
		Type     string
		Thinking []struct{ Type, Text string }
	}
	decode(t, got[1].Choices[0].Delta["content"], &parts)
	if diff := cmp.Diff("thinking", parts[0].Type); diff != "" || parts[0].Thinking[0].Text == "" {
		t.Errorf("%s", got[1].Choices[0].Delta)
	}
}

func TestMistralThinksInParts(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, content := tell(t, server, mistralPath, plain, "x-fake-reasoning", "2")
	var got struct {
		Choices []struct {
			Message struct {
				Content []struct{ Type, Text string }
			}
		}
	}
	decode(t, content, &got)
	if parts := got.Choices[0].Message.Content; len(parts) != 2 || parts[0].Type != "thinking" || parts[1].Text == "" {
		t.Errorf("%s", content)
	}
}
