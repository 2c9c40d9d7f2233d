// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func words(text string) object { return object{"text": text} }
func bedrockUse(id string) object {
	return object{"toolUse": object{"toolUseId": id, "name": "weather", "input": object{}}}
}
func bedrockImage(kind, data string) object {
	return object{"image": object{"format": kind, "source": object{"bytes": data}}}
}

func bedrockResult(id string) object {
	return object{"toolResult": object{"toolUseId": id, "content": list{object{"json": object{"sky": "blue"}}}}}
}

// bedrockTool offers one tool, with a choice unless that is empty.
func bedrockTool(choice string) object {
	config := object{"tools": list{object{"toolSpec": object{"name": "weather", "inputSchema": object{"json": object{
		"type": "object", "properties": object{"city": object{"type": "string"}}, "required": list{"city"}}}}}}}
	switch choice {
	case "":
	case "any", "auto":
		config["toolChoice"] = object{choice: object{}}
	default:
		config["toolChoice"] = object{"tool": object{"name": choice}}
	}
	return config
}

func TestBedrockRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"anthropic.claude-v2:0"}})
	user := func(parts ...any) object { return object{"role": "user", "content": parts} }
	model := func(parts ...any) object { return object{"role": "assistant", "content": parts} }
	inference := func(members object) object { return object{"inferenceConfig": members} }
	thinking := func(budget int) object {
		return object{"additionalModelRequestFields": object{"thinking": object{"type": "enabled", "budget_tokens": budget}}}
	}
	for name, c := range map[string]struct {
		members object
		reason  string
	}{
		"a member of OpenAI's":     {object{"model": "x"}, "#/: extraneous key [model]"},
		"a stranger deep inside":   {object{"messages": list{user(object{"text": "x", "type": "text"})}}, "#/messages/0/content/0: extraneous key [type]"},
		"no messages":              {object{"messages": nil}, "messages is empty"},
		"the assistant first":      {object{"messages": list{model(words("x"))}}, "must start with a user message"},
		"two turns of one role":    {object{"messages": list{user(words("x")), user(words("y"))}}, "must alternate"},
		"a system role":            {object{"messages": list{object{"role": "system", "content": list{words("x")}}}}, "[user, assistant]"},
		"an empty message":         {object{"messages": list{user()}}, "messages.0 is empty"},
		"a blank text":             {object{"messages": list{user(words(" "))}}, "messages.0.content.0 is blank"},
		"a block of two things":    {object{"messages": list{user(object{"text": "x", "cachePoint": object{"type": "default"}})}}, "exactly one member"},
		"a use by the user":        {object{"messages": list{user(bedrockUse("a"))}}, "not allowed"},
		"an image by the model":    {object{"messages": list{user(words("x")), model(bedrockImage("png", pixel))}}, "not allowed"},
		"an image of no kind":      {object{"messages": list{user(bedrockImage("bmp", pixel))}}, "enum value set: [gif, jpeg, png, webp]"},
		"an image of noise":        {object{"messages": list{user(bedrockImage("png", "!"))}}, "could not be processed"},
		"a document with dots":     {object{"messages": list{user(object{"document": object{"format": "txt", "name": "a.txt", "source": object{"bytes": "eA=="}}})}}, "document file name"},
		"an image in the system":   {object{"system": list{bedrockImage("png", pixel)}}, "system.0"},
		"a result of nothing":      {object{"messages": list{user(bedrockResult("a"))}, "toolConfig": bedrockTool("")}, "exceeds the number of toolUse blocks"},
		"a use without result":     {object{"messages": list{user(words("x")), model(bedrockUse("a")), user(words("y"))}, "toolConfig": bedrockTool("")}, "messages.2.content for the following Ids: a"},
		"a use at the end":         {object{"messages": list{user(words("x")), model(bedrockUse("a"))}, "toolConfig": bedrockTool("")}, "following Ids: a"},
		"a use without tools":      {object{"messages": list{user(words("x")), model(bedrockUse("a")), user(bedrockResult("a"))}}, "toolConfig field must be defined"},
		"a use with a bad id":      {object{"messages": list{user(words("x")), model(bedrockUse("a b"))}, "toolConfig": bedrockTool("")}, "toolUseId"},
		"arguments in a string":    {object{"messages": list{user(words("x")), model(object{"toolUse": object{"toolUseId": "a", "name": "w", "input": "{}"}})}}, "Provide a json object"},
		"a signature made up":      {object{"messages": list{user(words("x")), model(object{"reasoningContent": object{"reasoningText": object{"text": "x", "signature": "x"}}}, words("y")), user(words("z"))}}, "Invalid `signature`"},
		"no tools to use":          {object{"toolConfig": object{"tools": list{}}}, "toolConfig.tools"},
		"a choice of no tool":      {object{"toolConfig": bedrockTool("other")}, "not among toolConfig.tools"},
		"a schema of no object":    {object{"toolConfig": object{"tools": list{object{"toolSpec": object{"name": "x", "inputSchema": object{"json": object{"type": "string"}}}}}}}, "inputSchema.json.type"},
		"too hot":                  {inference(object{"temperature": 1.1}), "temperature"},
		"no tokens at all":         {inference(object{"maxTokens": 0}), "maxTokens"},
		"top_k where it is not":    {inference(object{"topK": 5}), "extraneous key [topK]"},
		"a tier that is none":      {object{"serviceTier": object{"type": "auto"}}, "serviceTier.type"},
		"an effort that is none":   {object{"outputConfig": object{"effort": "minimal"}}, "outputConfig.effort"},
		"a schema that is no JSON": {object{"outputConfig": object{"textFormat": object{"type": "json_schema", "structure": object{"jsonSchema": object{"schema": "{"}}}}}, "not valid JSON"},
		"thinking too little":      {thinking(5), "greater than or equal to 1024"},
		"a cache of no kind":       {object{"system": list{words("x"), object{"cachePoint": object{"type": "ephemeral"}}}}, "cachePoint"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := call(t, server, bedrockPath+"/converse", with(t, converse, c.members))
			kind, reason := bedrockFailure(t, response, content)
			if response.StatusCode != 400 || kind != "ValidationException" || !strings.Contains(reason, c.reason) {
				t.Errorf("%s %s %q, want one about %q", response.Status, kind, reason, c.reason)
			}
		})
	}
	response, content := call(t, server, "/model/other/converse", converse)
	if kind, _ := bedrockFailure(t, response, content); response.StatusCode != 400 || kind != "ValidationException" {
		t.Errorf("an unknown model: %s %s", response.Status, content)
	}
}

func TestBedrockCallsToolsAndTakesTheirResults(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for choice, want := range map[string]int{"": 0, "auto": 0, "any": 1, "weather": 1} {
		got := conversed(t, server, with(t, converse, object{"toolConfig": bedrockTool(choice)}))
		calls := 0
		for _, part := range got.Output.Message.Content {
			if part.Use != nil {
				calls++
			}
		}
		if calls != want || (got.StopReason == "tool_use") != (want > 0) {
			t.Errorf("choice %q: %d calls, %s", choice, calls, got.StopReason)
		}
	}
	body := with(t, converse, object{"toolConfig": bedrockTool("")})
	uses := conversed(t, server, body, "x-fake-calls", "2").Output.Message.Content
	if len(uses) != 2 || uses[0].Use.ID == uses[1].Use.ID {
		t.Fatalf("calls %+v", uses)
	}
	if diff := cmp.Diff(object{"city": "hi"}, uses[0].Use.Input); diff != "" {
		t.Error(diff)
	}
	got := conversed(t, server, with(t, body, object{"messages": list{
		object{"role": "user", "content": list{words("hi")}},
		object{"role": "assistant", "content": list{bedrockUse(uses[0].Use.ID), bedrockUse(uses[1].Use.ID)}},
		object{"role": "user", "content": list{bedrockResult(uses[1].Use.ID), bedrockResult(uses[0].Use.ID)}},
	}}))
	if text := got.Output.Message.Content[0].Text; !strings.Contains(text, `«{"sky":"blue"}{"sky":"blue"}»`) {
		t.Errorf("the results should be the prompt: %s", text)
	}
}

func TestBedrocksThinkingComesBackSigned(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	thinking := object{"additionalModelRequestFields": object{"thinking": object{"type": "enabled", "budget_tokens": 1024}}}
	thought := conversed(t, server, with(t, converse, thinking)).Output.Message.Content[0].Reasoning
	if thought == nil || thought.Text.Signature == "" {
		t.Fatalf("no thinking")
	}
	for text, status := range map[string]int{thought.Text.Text: 200, thought.Text.Text + "!": 400} {
		body := with(t, converse, object{"messages": list{
			object{"role": "user", "content": list{words("hi")}},
			object{"role": "assistant", "content": list{object{"reasoningContent": object{"reasoningText": object{
				"text": text, "signature": thought.Text.Signature}}}, words("so")}},
			object{"role": "user", "content": list{words("on")}},
		}})
		if response, content := call(t, server, bedrockPath+"/converse", body); response.StatusCode != status {
			t.Errorf("%q: %s, want %d: %s", text, response.Status, status, content)
		}
	}
}

func TestBedrockSeesCachesAndFormats(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := conversed(t, server, with(t, converse, object{"messages": list{object{"role": "user", "content": list{
		words("what?"), bedrockImage("png", pixel), object{"image": object{"format": "gif", "source": object{"s3Location": object{"uri": "s3://b/k"}}}}}}}}))
	if want := "«what? [2 images: image/png, s3]»"; !strings.Contains(got.Output.Message.Content[0].Text, want) {
		t.Errorf("%s, want %s", got.Output.Message.Content[0].Text, want)
	}
	format := object{"textFormat": object{"type": "json_schema", "structure": object{"jsonSchema": object{
		"name": "n", "schema": `{"type":"object","required":["n"],"properties":{"n":{"const":7}}}`}}}}
	got = conversed(t, server, with(t, converse, object{"outputConfig": format}))
	if text := got.Output.Message.Content[0].Text; text != `{"n":7}` {
		t.Errorf("%s", text)
	}
	cached := with(t, converse, object{"system": list{words(strings.Repeat("rule", 50)), object{"cachePoint": object{"type": "default"}}}})
	for i, want := range []bedrockUsage{{Written: 50}, {Read: 50}} {
		usage := conversed(t, server, cached).Usage
		want.Input = fakeprovider.PromptTokens(strings.Repeat("rule", 50), "hi") - 50
		want.Output = usage.Output
		want.Total = want.Input + 50 + usage.Output
		if diff := cmp.Diff(&want, usage); diff != "" {
			t.Errorf("request %d: %s", i, diff)
		}
	}
	if declined := conversed(t, server, converse, "x-fake-refusal", "yes"); declined.StopReason != "content_filtered" {
		t.Errorf("declined with %s", declined.StopReason)
	}
}

func TestBedrockCountsTokens(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		input  string
		want   string
		status int
	}{
		"a conversation":        {`{"converse":` + converse + `}`, fmt.Sprintf(`{"inputTokens":%d}`, fakeprovider.PromptTokens("hi")), 200},
		"a body of the model's": {`{"invokeModel":{"body":"aGVsbG8="}}`, `{"inputTokens":2}`, 200},
		"both":                  {`{"converse":` + converse + `,"invokeModel":{"body":"x"}}`, "must be one of", 400},
		"an inference config":   {`{"converse":{"inferenceConfig":{}}}`, "extraneous key [inferenceConfig]", 400},
		"no messages":           {`{"converse":{}}`, "messages is empty", 400},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := call(t, server, bedrockPath+"/count-tokens", `{"input":`+c.input+`}`)
			if response.StatusCode != c.status || count(content, c.want) != 1 {
				t.Errorf("%s %s, want %s", response.Status, content, c.want)
			}
		})
	}
}
