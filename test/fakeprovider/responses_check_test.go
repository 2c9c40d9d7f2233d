// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestResponsesThatOpenAIRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}})
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
	}{
		"no model":                       {`{"input":"a"}`, 400, "'model'"},
		"another model":                  {`{"model":"x","input":"a"}`, 404, "does not exist"},
		"no input":                       {`{"model":"m"}`, 400, "'input'"},
		"an empty input":                 {`{"model":"m","input":[]}`, 400, "'input'"},
		"a chat's messages":              {`{"model":"m","messages":[]}`, 400, "Unknown parameter: 'messages'"},
		"a chat's limit":                 {`{"model":"m","input":"a","max_tokens":20}`, 400, "Unknown parameter: 'max_tokens'"},
		"too small a limit":              {`{"model":"m","input":"a","max_output_tokens":15}`, 400, ">= 16"},
		"an include that there is not":   {`{"model":"m","input":"a","include":["usage"]}`, 400, "Invalid value: 'usage'"},
		"stream_options without stream":  {`{"model":"m","input":"a","stream_options":{}}`, 400, "only allowed when 'stream'"},
		"background without store":       {`{"model":"m","input":"a","background":true,"store":false}`, 400, "requires 'store'"},
		"an effort that there is not":    {`{"model":"m","input":"a","reasoning":{"effort":"huge"}}`, 400, "'huge'"},
		"a format of no kind":            {`{"model":"m","input":"a","text":{"format":{"type":"xml"}}}`, 400, "'xml'"},
		"json without the word":          {`{"model":"m","input":"a","text":{"format":{"type":"json_object"}}}`, 400, "the word 'json'"},
		"a chat's format":                {`{"model":"m","input":"a","text":{"format":{"type":"json_schema","json_schema":{}}}}`, 400, "Unknown parameter: 'text.format.json_schema'"},
		"a schema without a name":        {`{"model":"m","input":"a","text":{"format":{"type":"json_schema","schema":{}}}}`, 400, "'text.format.name'"},
		"a strict schema that is open":   {`{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"s","strict":true,"schema":{"type":"object"}}}}`, 400, "additionalProperties"},
		"a chat's tool":                  {`{"model":"m","input":"a","tools":[{"type":"function","function":{"name":"f"}}]}`, 400, "Unknown parameter: 'tools[0].function'"},
		"a tool of no kind":              {`{"model":"m","input":"a","tools":[{"type":"magic"}]}`, 400, "Invalid value: 'magic'"},
		"a tool without a name":          {`{"model":"m","input":"a","tools":[{"type":"function"}]}`, 400, "'tools[0].name'"},
		"a choice of a tool not there":   {`{"model":"m","input":"a","tool_choice":{"type":"function","name":"f"}}`, 400, "not found in 'tools'"},
		"an item of no kind":             {`{"model":"m","input":[{"type":"magic"}]}`, 400, "'magic'"},
		"a member that an item lacks":    {`{"model":"m","input":[{"role":"user","content":"a","name":"b"}]}`, 400, "Unknown parameter: 'input[0].name'"},
		"a role that there is not":       {`{"model":"m","input":[{"role":"tool","content":"a"}]}`, 400, "Invalid value: 'tool'"},
		"an assistant's input_text":      {`{"model":"m","input":[{"role":"assistant","content":[{"type":"input_text","text":"a"}]}]}`, 400, "'output_text', 'refusal'"},
		"a chat's part":                  {`{"model":"m","input":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`, 400, "'text'"},
		"an image as the chat has it":    {`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":{"url":"https://x/"}}]}]}`, 400, "Invalid type"},
		"an image that is none":          {`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}]}`, 400, "expected a URL"},
		"an image without a source":      {`{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}`, 400, "Missing required"},
		"an output of no call":           {`{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"a"}]}`, 400, "No tool call found for function call output with call_id c"},
		"a call without an output":       {`{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`, 400, "No tool output found for function call c"},
		"a call without arguments":       {`{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f"}]}`, 400, "Missing required"},
		"thoughts that nobody kept":      {`{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"a"}]}`, 404, "not found"},
		"going on from nothing":          {`{"model":"m","input":"a","previous_response_id":"resp_1"}`, 400, "Previous response with id 'resp_1' not found"},
		"a call and its output, in time": {`{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"a"}]},{"type":"web_search_call","id":"ws","anything":1}]}`, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := tell(t, server, responsesPath, c.body)
			if response.StatusCode != c.status {
				t.Fatalf("%d %s, want %d", response.StatusCode, content, c.status)
			}
			if c.status == 200 {
				return
			}
			if reason, kind, _ := failureOf(t, content); !strings.Contains(reason, c.reason) || kind != "invalid_request_error" {
				t.Errorf("%s %q, want one about %q", kind, reason, c.reason)
			}
		})
	}
	for _, query := range []string{"?order=up", "?limit=0"} {
		made := respond(t, server, `{"model":"m","input":"a"}`)
		var failed map[string]any
		if status := remake(t, server, "GET", responsesPath+"/"+made.ID+"/input_items"+query, &failed); status != 400 {
			t.Errorf("%s: %d", query, status)
		}
	}
}
