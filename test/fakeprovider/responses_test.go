// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	responsesPath = "/v1/responses"
	responseTools = `"tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{
		"city":{"type":"string"}},"required":["city"]}},{"type":"function","name":"time"},{"type":"web_search"}]`
)

type response struct {
	ID, Object, Status string
	Incomplete         *struct{ Reason string } `json:"incomplete_details"`
	Previous           *string                  `json:"previous_response_id"`
	Output             []outputItem
	Usage              *struct {
		Input        int `json:"input_tokens"`
		Output       int `json:"output_tokens"`
		Total        int `json:"total_tokens"`
		InputDetails struct {
			Cached int `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		Details struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
	}
}

type outputItem struct {
	ID, Type, Status, Role string
	Content                []struct {
		Type, Text, Refusal string
		Logprobs            []json.RawMessage
	}
	CallID    string `json:"call_id"`
	Name      string
	Arguments string
	Summary   []struct{ Type, Text string }
	Encrypted string `json:"encrypted_content"`
}

func respond(t *testing.T, server *fakeprovider.Server, body string, headers ...string) response {
	t.Helper()
	status, content := tell(t, server, responsesPath, body, headers...)
	if status.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", status.StatusCode, content)
	}
	var got response
	decode(t, content, &got)
	return got
}

// remake sends a request of any method without a body.
func remake(t *testing.T, server *fakeprovider.Server, method, path string, into any) int {
	t.Helper()
	status, content := do(t, server, method, path, "")
	decode(t, []byte(content), into)
	return status
}

func TestAResponse(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := respond(t, server, `{"model":"m","input":"hi","instructions":"Be brief."}`, "x-fake-tokens", "7", "x-fake-cached", "3")
	if got.Object != "response" || got.Status != "completed" || len(got.Output) != 1 || !strings.HasPrefix(got.ID, "resp_") {
		t.Fatalf("%+v", got)
	}
	message := got.Output[0]
	if message.Type != "message" || message.Role != "assistant" || message.Status != "completed" ||
		fakeprovider.CountTokens(message.Content[0].Text) != 7 || message.Content[0].Type != "output_text" {
		t.Errorf("%+v", message)
	}
	if want := fakeprovider.PromptTokens("Be brief.", "hi"); got.Usage.Input != want || got.Usage.Output != 7 ||
		got.Usage.Total != want+7 || got.Usage.InputDetails.Cached != 3 {
		t.Errorf("%+v", got.Usage)
	}
	cut := respond(t, server, `{"model":"m","input":"hi","max_output_tokens":16}`, "x-fake-tokens", "40")
	if cut.Status != "incomplete" || cut.Incomplete.Reason != "max_output_tokens" || cut.Output[0].Status != "incomplete" {
		t.Errorf("%+v", cut)
	}
}

func TestWhatAResponseIsMadeOf(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		body    string
		headers []string
		check   func(r response) bool
	}{
		"a tool that must be called": {`{"model":"m","tool_choice":"required",` + responseTools + `,"input":"Paris"}`, nil, func(r response) bool {
			call := r.Output[0]
			return call.Type == "function_call" && call.Name == "weather" && call.Arguments == `{"city":"Paris"}` && strings.HasPrefix(call.CallID, "call_")
		}},
		"one that is named": {`{"model":"m","tool_choice":{"type":"function","name":"time"},` + responseTools + `,"input":"Paris"}`, nil, func(r response) bool {
			return r.Output[0].Name == "time" && r.Output[0].Arguments == "{}"
		}},
		"only those allowed": {`{"model":"m","tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"time"}]},` + responseTools + `,"input":"Paris"}`, nil, func(r response) bool {
			return r.Output[0].Name == "time"
		}},
		"several calls":      {`{"model":"m",` + responseTools + `,"input":"Paris"}`, []string{"x-fake-calls", "2"}, func(r response) bool { return len(r.Output) == 2 && r.Output[1].Name == "time" }},
		"one call at a time": {`{"model":"m","parallel_tool_calls":false,` + responseTools + `,"input":"Paris"}`, []string{"x-fake-calls", "2"}, func(r response) bool { return len(r.Output) == 1 }},
		"a refusal":          {`{"model":"m","input":"a"}`, []string{"x-fake-refusal", "yes"}, func(r response) bool { return r.Output[0].Content[0].Refusal != "" }},
		"a schema":           {`{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object","properties":{"n":{"const":1}}}}}}`, nil, func(r response) bool { return r.Output[0].Content[0].Text == `{"n":1}` }},
		"any object":         {`{"model":"m","input":"json","text":{"format":{"type":"json_object"}}}`, nil, func(r response) bool { return r.Output[0].Content[0].Text == `{"answer":"json"}` }},
		"images are seen":    {`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"What?"},{"type":"input_image","image_url":"data:image/png;base64,aGk=","detail":"auto"}]}]}`, nil, func(r response) bool { return strings.Contains(r.Output[0].Content[0].Text, "[1 image: image/png]") }},
		"probabilities":      {`{"model":"m","input":"a","include":["message.output_text.logprobs"],"top_logprobs":1}`, []string{"x-fake-tokens", "3"}, func(r response) bool { return len(r.Output[0].Content[0].Logprobs) == 3 }},
		"thoughts, not told": {`{"model":"m","input":"a","reasoning":{"effort":"low"}}`, []string{"x-fake-reasoning", "4"}, func(r response) bool {
			return r.Output[0].Type == "reasoning" && len(r.Output[0].Summary) == 0 && r.Usage.Details.Reasoning == 4
		}},
		"thoughts, in summary": {`{"model":"m","input":"a","reasoning":{"effort":"low","summary":"auto"}}`, nil, func(r response) bool {
			return r.Output[0].Summary[0].Text != "" && r.Output[1].Type == "message" && r.Output[0].Encrypted == ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := respond(t, server, c.body, c.headers...); !c.check(got) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestEncryptedThoughtsComeBackAsTheyWere(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := respond(t, server, `{"model":"m","input":"a","store":false,"include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto"}}`)
	item := got.Output[0]
	back := func(text, secret string) (int, string) {
		summary, _ := json.Marshal(text)
		response, content := tell(t, server, responsesPath, fmt.Sprintf(`{"model":"m","input":[{"role":"user","content":"a"},
			{"type":"reasoning","id":%q,"summary":[{"type":"summary_text","text":%s}],"encrypted_content":%q},
			{"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]},{"role":"user","content":"c"}]}`,
			item.ID, summary, secret))
		_, _, code := "", "", ""
		if response.StatusCode != 200 {
			_, _, code = failureOf(t, content)
		}
		return response.StatusCode, code
	}
	if status, code := back(item.Summary[0].Text, item.Encrypted); status != 200 {
		t.Errorf("unchanged: %d %s", status, code)
	}
	if status, code := back("other thoughts", item.Encrypted); status != 400 || code != "invalid_encrypted_content" {
		t.Errorf("changed: %d %s", status, code)
	}
	if status, code := back(item.Summary[0].Text, "c2VjcmV0"); status != 400 || code != "invalid_encrypted_content" {
		t.Errorf("of another make: %d %s", status, code)
	}
}

func TestResponsesAreKept(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	first := respond(t, server, `{"model":"m","input":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}`)
	second := respond(t, server, `{"model":"m","input":"b","previous_response_id":"`+first.ID+`"}`)
	want := fakeprovider.PromptTokens("s", "a", first.Output[0].Content[0].Text, "b")
	if second.Usage.Input != want || *second.Previous != first.ID {
		t.Errorf("%d tokens of input, want %d of the whole conversation", second.Usage.Input, want)
	}
	var again response
	if status := remake(t, server, "GET", responsesPath+"/"+first.ID, &again); status != 200 || cmp.Diff(first, again) != "" {
		t.Errorf("%d %s", status, cmp.Diff(first, again))
	}
	var items struct {
		Data []struct {
			ID, Type, Role, Status string
			Content                []struct{ Type, Text string }
		}
		First string `json:"first_id"`
		More  bool   `json:"has_more"`
	}
	remake(t, server, "GET", responsesPath+"/"+first.ID+"/input_items", &items)
	if len(items.Data) != 2 || items.Data[0].Role != "user" || items.Data[0].Content[0].Type != "input_text" ||
		items.First != items.Data[0].ID || items.Data[0].Status != "completed" {
		t.Errorf("%+v", items)
	}
	last := items.Data[1].ID
	remake(t, server, "GET", responsesPath+"/"+second.ID+"/input_items", &items)
	if len(items.Data) != 1 || items.Data[0].Content[0].Text != "b" {
		t.Errorf("what came before is no input: %+v", items)
	}
	remake(t, server, "GET", responsesPath+"/"+first.ID+"/input_items?order=asc&limit=1", &items)
	if len(items.Data) != 1 || items.Data[0].ID != last || !items.More {
		t.Errorf("%+v", items)
	}
	var gone struct{ Deleted bool }
	if status := remake(t, server, "DELETE", responsesPath+"/"+first.ID, &gone); status != 200 || !gone.Deleted {
		t.Errorf("%d %+v", status, gone)
	}
	for _, c := range [][2]string{
		{"GET", ""}, {"DELETE", ""}, {"GET", "/input_items"}, {"POST", "/cancel"},
	} {
		var failed map[string]any
		if status := remake(t, server, c[0], responsesPath+"/"+first.ID+c[1], &failed); status != 404 {
			t.Errorf("%v of a response that is gone: %d", c, status)
		}
	}
	unkept := respond(t, server, `{"model":"m","input":"a","store":false}`)
	var failed map[string]any
	if status := remake(t, server, "GET", responsesPath+"/"+unkept.ID, &failed); status != 404 {
		t.Errorf("one that was not to be stored: %d", status)
	}
}

func TestResponsesInTheBackground(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := `{"model":"m","input":"a","background":true}`
	var later response
	first := respond(t, server, body)
	if first.Status != "queued" || len(first.Output) != 0 {
		t.Errorf("%+v", first)
	}
	if remake(t, server, "GET", responsesPath+"/"+first.ID, &later); later.Status != "completed" || len(later.Output) != 1 {
		t.Errorf("%+v", later)
	}
	if remake(t, server, "POST", responsesPath+"/"+first.ID+"/cancel", &later); later.Status != "completed" {
		t.Errorf("one that has ended stays as it is: %+v", later)
	}
	second := respond(t, server, body)
	if remake(t, server, "POST", responsesPath+"/"+second.ID+"/cancel", &later); later.Status != "cancelled" || len(later.Output) != 0 {
		t.Errorf("%+v", later)
	}
	at := respond(t, server, `{"model":"m","input":"a"}`)
	var failed map[string]any
	if status := remake(t, server, "POST", responsesPath+"/"+at.ID+"/cancel", &failed); status != 400 {
		t.Errorf("one that is no background's: %d", status)
	}
}

func TestInputTokensAreCounted(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, content := tell(t, server, responsesPath+"/input_tokens", `{"model":"m","input":"hello there"}`)
	if want := fmt.Sprintf(`{"input_tokens":%d,"object":"response.input_tokens"}`, fakeprovider.PromptTokens("hello there")); string(content) != want {
		t.Errorf("%s, want %s", content, want)
	}
	if response, _ := tell(t, server, responsesPath+"/input_tokens", `{"model":"m","input":"a","stream":true}`); response.StatusCode != 400 {
		t.Errorf("a stream of a count: %d", response.StatusCode)
	}
}
