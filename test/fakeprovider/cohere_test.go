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

const (
	coherePath  = "/v2/chat"
	cohereTools = `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{
		"city":{"type":"string"}},"required":["city"]}}},{"type":"function","function":{"name":"time","parameters":{"type":"object"}}}]`
)

type cohereAnswer struct {
	ID           string
	FinishReason string `json:"finish_reason"`
	Message      struct {
		Role      string
		Content   []struct{ Type, Text, Thinking string }
		ToolPlan  string `json:"tool_plan"`
		ToolCalls []struct {
			ID, Type string
			Function struct{ Name, Arguments string }
		} `json:"tool_calls"`
	}
	Usage *cohereUsage
}

type cohereUsage struct {
	Tokens struct {
		Input  int `json:"input_tokens"`
		Output int `json:"output_tokens"`
	}
	Cached int `json:"cached_tokens"`
}

func cohereReply(t *testing.T, server *fakeprovider.Server, body string, headers ...string) cohereAnswer {
	t.Helper()
	response, content := tell(t, server, coherePath, body, headers...)
	if response.StatusCode != 200 {
		t.Fatalf("%d %s", response.StatusCode, content)
	}
	var got cohereAnswer
	decode(t, content, &got)
	return got
}

func TestACohereAnswer(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := cohereReply(t, server, plain, "x-fake-tokens", "7", "x-fake-cached", "2")
	if got.FinishReason != "COMPLETE" || got.Message.Role != "assistant" || got.Message.Content[0].Type != "text" {
		t.Errorf("%+v", got)
	}
	want := cohereUsage{Cached: 2}
	want.Tokens.Input, want.Tokens.Output = fakeprovider.PromptTokens("hi"), 7
	if diff := cmp.Diff(&want, got.Usage); diff != "" {
		t.Error(diff)
	}
	if got := cohereReply(t, server, `{"model":"m","max_tokens":2,"messages":[{"role":"user","content":"hi"}]}`); got.FinishReason != "MAX_TOKENS" {
		t.Errorf("%+v", got)
	}
	if got := cohereReply(t, server, `{"model":"m","stop_sequences":["asked"],"messages":[{"role":"user","content":"hi"}]}`); got.FinishReason != "STOP_SEQUENCE" || got.Message.Content[0].Text != "You " {
		t.Errorf("%+v", got)
	}
	if got := cohereReply(t, server, plain, "x-fake-refusal", "yes"); !strings.Contains(got.Message.Content[0].Text, "sorry") {
		t.Errorf("%+v", got)
	}
}

func TestCohereToolsThoughtsAndSchemas(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	message := `"messages":[{"role":"user","content":"Paris"}]`
	got := cohereReply(t, server, `{"model":"m","tool_choice":"REQUIRED",`+cohereTools+`,`+message+`}`, "x-fake-calls", "2")
	if got.FinishReason != "TOOL_CALL" || got.Message.ToolPlan == "" || len(got.Message.ToolCalls) != 2 || got.Message.Content != nil {
		t.Fatalf("%+v", got)
	}
	if call := got.Message.ToolCalls[0]; call.Function.Name != "weather" || call.Function.Arguments != `{"city":"Paris"}` ||
		call.ID == got.Message.ToolCalls[1].ID {
		t.Errorf("%+v", got.Message.ToolCalls)
	}
	got = cohereReply(t, server, `{"model":"m","thinking":{"type":"enabled","token_budget":100},`+message+`}`)
	if len(got.Message.Content) != 2 || got.Message.Content[0].Thinking == "" || got.Message.Content[1].Text == "" {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"json_schema", "schema"} {
		got = cohereReply(t, server, `{"model":"m","response_format":{"type":"json_object","`+name+
			`":{"type":"object","properties":{"a":{"const":1}}}},`+message+`}`)
		if got.Message.Content[0].Text != `{"a":1}` {
			t.Errorf("%+v", got)
		}
	}
	got = cohereReply(t, server, `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What?"},
		{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]}`)
	if !strings.Contains(got.Message.Content[0].Text, "[1 image: image/png]") {
		t.Errorf("%+v", got)
	}
	turns := `{"model":"m",` + cohereTools + `,"messages":[{"role":"user","content":"Paris"},
		{"role":"assistant","tool_plan":"p","tool_calls":[{"id":"a","type":"function","function":{"name":"time","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"a","content":[{"type":"document","document":{"data":"noon"}}]}]}`
	if got = cohereReply(t, server, turns); got.FinishReason != "COMPLETE" {
		t.Errorf("%+v", got)
	}
}

// cohereEvents reads a stream of named events; the name must be the data's type.
func cohereEvents(t *testing.T, stream []byte) (types []string, events []map[string]json.RawMessage) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSpace(string(stream)), "\n\n") {
		name, data, _ := strings.Cut(block, "\n")
		var fields map[string]json.RawMessage
		decode(t, []byte(strings.TrimPrefix(data, "data: ")), &fields)
		if want := "event: " + strings.Trim(string(fields["type"]), `"`); name != want {
			t.Fatalf("%s, want %s", name, want)
		}
		types, events = append(types, strings.TrimPrefix(name, "event: ")), append(events, fields)
	}
	return types, events
}

func squeezed(types []string) string {
	var out []string
	for i, kind := range types {
		if i == 0 || kind != types[i-1] {
			out = append(out, kind)
		}
	}
	return strings.Join(out, " ")
}

func TestACohereStreamFollowsTheGrammar(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	stream := strings.Replace(plain, "{", `{"stream":true,`, 1)
	for name, c := range map[string]struct {
		body    string
		headers []string
		want    string
	}{
		"words": {stream, nil, "message-start content-start content-delta content-end message-end"},
		"thoughts first": {stream, []string{"x-fake-reasoning", "3"},
			"message-start content-start content-delta content-end content-start content-delta content-end message-end"},
		"calls": {strings.Replace(stream, "{", "{"+cohereTools+",", 1), []string{"x-fake-calls", "2"},
			"message-start tool-plan-delta tool-call-start tool-call-delta tool-call-end tool-call-start tool-call-delta tool-call-end message-end"},
	} {
		t.Run(name, func(t *testing.T) {
			_, content := tell(t, server, coherePath, c.body, c.headers...)
			types, events := cohereEvents(t, content)
			if diff := cmp.Diff(c.want, squeezed(types)); diff != "" {
				t.Error(diff)
			}
			var end struct {
				FinishReason string `json:"finish_reason"`
				Usage        cohereUsage
			}
			decode(t, events[len(events)-1]["delta"], &end)
			if end.FinishReason == "" || end.Usage.Tokens.Output == 0 {
				t.Errorf("%+v", end)
			}
			if record := server.Records()[len(server.Records())-1]; record.CompletionTokens == 0 {
				t.Errorf("%+v", record)
			}
		})
	}
}

func TestACohereStreamThatFailsSaysSoInItsEnd(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := strings.Replace(plain, "{", `{"stream":true,`, 1)
	_, content := tell(t, server, coherePath, body, fault("error-event:2")...)
	types, events := cohereEvents(t, content)
	var end struct {
		FinishReason string `json:"finish_reason"`
		Error        string
	}
	decode(t, events[len(events)-1]["delta"], &end)
	if types[len(types)-1] != "message-end" || end.FinishReason != "ERROR" || end.Error == "" {
		t.Errorf("%s", content)
	}
	_, content = tell(t, server, coherePath, body, fault("no-done")...)
	if types, _ := cohereEvents(t, content); types[len(types)-1] != "content-end" {
		t.Errorf("%v", types)
	}
}

func TestCohereRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}, APIKeys: []string{"cohere-key"}})
	message := `"messages":[{"role":"user","content":"a"}]`
	for name, c := range map[string]struct {
		path, body string
		status     int
		reason     string
	}{
		"n":                              {coherePath, `{"model":"m","n":1,` + message + `}`, 400, "unknown field: parameter 'n'"},
		"top_p":                          {coherePath, `{"model":"m","top_p":1,` + message + `}`, 400, "'top_p'"},
		"a member of another dialect":    {coherePath, `{"model":"m","messages":[{"role":"user","content":"a","name":"b"}]}`, 400, "'messages[0].name'"},
		"a user's plan":                  {coherePath, `{"model":"m","messages":[{"role":"user","content":"a","tool_plan":"b"}]}`, 400, "'messages[0].tool_plan'"},
		"a developer":                    {coherePath, `{"model":"m","messages":[{"role":"developer","content":"a"}]}`, 400, "role must be one of"},
		"no messages":                    {coherePath, `{"model":"m"}`, 400, "at least one element"},
		"no model":                       {coherePath, `{` + message + `}`, 400, "model is required"},
		"another model":                  {coherePath, `{"model":"x",` + message + `}`, 404, "'x' not found"},
		"a penalty below zero":           {coherePath, `{"model":"m","presence_penalty":-1,` + message + `}`, 400, "presence_penalty must be between 0 and 1"},
		"p of one":                       {coherePath, `{"model":"m","p":1,` + message + `}`, 400, "p must be between"},
		"six stop sequences":             {coherePath, `{"model":"m","stop_sequences":["a","b","c","d","e","f"],` + message + `}`, 400, "at most 5"},
		"a choice without tools":         {coherePath, `{"model":"m","tool_choice":"REQUIRED",` + message + `}`, 400, "without tools"},
		"a choice in lower case":         {coherePath, `{"model":"m","tool_choice":"auto",` + cohereTools + `,` + message + `}`, 400, "REQUIRED, NONE"},
		"json beside tools":              {coherePath, `{"model":"m","response_format":{"type":"json_object"},` + cohereTools + `,` + message + `}`, 400, "not supported with"},
		"json_schema as a type":          {coherePath, `{"model":"m","response_format":{"type":"json_schema"},` + message + `}`, 400, "text, json_object"},
		"thinking of no kind":            {coherePath, `{"model":"m","thinking":{"type":"auto"},` + message + `}`, 400, "enabled, disabled"},
		"a tool without parameters":      {coherePath, `{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],` + message + `}`, 400, "name and parameters"},
		"a call without an answer":       {coherePath, `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"user","content":"b"}]}`, 400, "must be followed by"},
		"an answer to no call":           {coherePath, `{"model":"m","messages":[{"role":"tool","tool_call_id":"a","content":"b"}]}`, 400, "not found in previous"},
		"an image of the system's":       {coherePath, `{"model":"m","messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x/"}}]}]}`, 400, "type must be one of"},
		"a part of an unknown kind":      {coherePath, `{"model":"m","messages":[{"role":"user","content":[{"type":"audio"}]}]}`, 400, "unknown type 'audio'"},
		"a value of the wrong type":      {coherePath, `{"model":"m","max_tokens":"x",` + message + `}`, 400, "invalid type: parameter 'max_tokens'"},
		"not JSON":                       {coherePath, `{`, 400, "invalid json"},
		"embedding nothing":              {"/v2/embed", `{"model":"m","input_type":"search_query"}`, 400, "exactly one of"},
		"embedding for no purpose":       {"/v2/embed", `{"model":"m","texts":["a"]}`, 400, "input_type"},
		"embedding of a type unknown":    {"/v2/embed", `{"model":"m","texts":["a"],"input_type":"image","embedding_types":["double"]}`, 400, "embedding_types"},
		"embedding of a length unknown":  {"/v2/embed", `{"model":"m","texts":["a"],"input_type":"image","output_dimension":7}`, 400, "output_dimension"},
		"embedding what OpenAI calls so": {"/v2/embed", `{"model":"m","input":"a"}`, 400, "'input'"},
		"ranking nothing":                {"/v2/rerank", `{"model":"m","query":"a","documents":[]}`, 400, "must not be empty"},
		"ranking for nothing":            {"/v2/rerank", `{"model":"m","documents":["a"]}`, 400, "query"},
		"ranking with documents back":    {"/v2/rerank", `{"model":"m","query":"a","documents":["a"],"return_documents":true}`, 400, "'return_documents'"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := tell(t, server, c.path, c.body, "Authorization", "Bearer cohere-key")
			var got struct{ ID, Message string }
			decode(t, content, &got)
			if response.StatusCode != c.status || !strings.Contains(got.Message, c.reason) || got.ID == "" {
				t.Errorf("%d %s, want %d about %q", response.StatusCode, content, c.status, c.reason)
			}
		})
	}
	for _, headers := range [][]string{nil, {"X-Api-Key", "cohere-key"}, {"Authorization", "cohere-key"}} {
		if response, _ := tell(t, server, coherePath, plain, headers...); response.StatusCode != 401 {
			t.Errorf("%v: %d", headers, response.StatusCode)
		}
	}
}

func TestCohereEmbeds(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, content := tell(t, server, "/v2/embed", `{"model":"m","input_type":"search_document","texts":["12345678","b"],
		"output_dimension":256,"embedding_types":["float","int8","uint8","binary","ubinary","base64"]}`)
	var got struct {
		ResponseType string `json:"response_type"`
		Embeddings   map[string][]json.RawMessage
		Meta         struct {
			Billed struct {
				Input int `json:"input_tokens"`
			} `json:"billed_units"`
		}
	}
	decode(t, content, &got)
	if got.ResponseType != "embeddings_by_type" || got.Meta.Billed.Input != 3 || len(got.Embeddings) != 6 {
		t.Errorf("%s, %+v, %d kinds", got.ResponseType, got.Meta, len(got.Embeddings))
	}
	for kind, length := range map[string]int{"float": 256, "int8": 256, "uint8": 256, "binary": 32, "ubinary": 32} {
		var vector []float64
		decode(t, got.Embeddings[kind][1], &vector)
		if len(vector) != length || len(got.Embeddings[kind]) != 2 {
			t.Errorf("%s: %d numbers, want %d", kind, len(vector), length)
		}
	}
	response, content := tell(t, server, "/v2/embed", `{"model":"m","input_type":"image","inputs":[{"content":[
		{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`)
	if response.StatusCode != 200 || !strings.Contains(string(content), `"float":[[`) {
		t.Errorf("%d %.200s", response.StatusCode, content)
	}
}

func TestRerank(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	documents := `["about dogs","a cat and a mouse","the mouse"]`
	for name, c := range map[string]struct {
		path, options string
		order         []int
		usage         string
		documents     bool
	}{
		"Cohere's":               {"/v2/rerank", "", []int{1, 2, 0}, `"search_units":1`, false},
		"Cohere's, the best two": {"/v2/rerank", `,"top_n":2`, []int{1, 2}, `"search_units":1`, false},
		"Jina's":                 {"/v1/rerank", "", []int{1, 2, 0}, `"total_tokens":`, true},
		"Jina's, no documents":   {"/v1/rerank", `,"return_documents":false,"top_n":1`, []int{1}, `"total_tokens":`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, content := tell(t, server, c.path, fmt.Sprintf(`{"model":"m","query":"cat mouse","documents":%s%s}`, documents, c.options))
			var got struct {
				Results []struct {
					Index    int
					Score    float64 `json:"relevance_score"`
					Document *struct{ Text string }
				}
			}
			decode(t, content, &got)
			var order []int
			for i, result := range got.Results {
				order = append(order, result.Index)
				if (result.Document != nil) != c.documents || result.Score > 1 || i > 0 && result.Score > got.Results[i-1].Score {
					t.Errorf("%+v", result)
				}
			}
			if diff := cmp.Diff(c.order, order); diff != "" || !strings.Contains(string(content), c.usage) {
				t.Errorf("%s%s", diff, content)
			}
		})
	}
	for body, place := range map[string]string{
		`{"query":"a","documents":["b"]}`:                       `"loc":["body","model"]`,
		`{"model":"m","documents":["b"]}`:                       `"loc":["body","query"]`,
		`{"model":"m","query":"a"}`:                             `"loc":["body","documents"]`,
		`{"model":"m","query":"a","documents":[7]}`:             `"loc":["body","documents",0]`,
		`{"model":"m","query":"a","documents":["b"],"n":1}`:     `"loc":["body","n"]`,
		`{"model":"m","query":"a","documents":["b"],"top_n":0}`: `"loc":["body","top_n"]`,
	} {
		if response, content := tell(t, server, "/v1/rerank", body); response.StatusCode != 422 || !strings.Contains(string(content), place) {
			t.Errorf("%s: %d %s", body, response.StatusCode, content)
		}
	}
	response, _ := tell(t, server, "/v1/rerank", `{"model":"m","query":"a","documents":[{"text":"b"}]}`)
	if response.StatusCode != 200 {
		t.Errorf("a document as an object: %d", response.StatusCode)
	}
}
