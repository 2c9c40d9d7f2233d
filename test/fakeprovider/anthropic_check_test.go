// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func user(content any) object      { return object{"role": "user", "content": content} }
func assistant(content any) object { return object{"role": "assistant", "content": content} }
func text(words string) object     { return object{"type": "text", "text": words} }

func toolUse(id string) object {
	return object{"type": "tool_use", "id": id, "name": "weather", "input": object{}}
}

func toolResult(id string) object {
	return object{"type": "tool_result", "tool_use_id": id, "content": "sunny"}
}

func picture(kind, data string) object {
	return object{"type": "image", "source": object{"type": "base64", "media_type": kind, "data": data}}
}

func TestAnthropicRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	thinking := object{"type": "enabled", "budget_tokens": 1024}
	tool := object{"name": "weather", "input_schema": object{"type": "object"}}
	mark := object{"type": "text", "text": "x", "cache_control": object{"type": "ephemeral"}}
	for name, c := range map[string]struct {
		members object
		reason  string
	}{
		"no max_tokens":            {object{"max_tokens": nil}, "max_tokens: Field required"},
		"max_tokens of zero":       {object{"max_tokens": 0}, "max_tokens: Input should be"},
		"no messages":              {object{"messages": nil}, "messages: Field required"},
		"an empty list":            {object{"messages": list{}}, "at least one message"},
		"no model":                 {object{"model": nil}, "model: Field required"},
		"a member of OpenAI's":     {object{"n": 1}, "n: Extra inputs are not permitted"},
		"a beta's member":          {object{"mcp_servers": list{}}, "mcp_servers: Extra inputs are not permitted"},
		"a stranger deep inside":   {object{"messages": list{user(list{object{"type": "text", "text": "x", "x": 1}})}}, "messages.0.content.0.x: Extra inputs"},
		"a member of another kind": {object{"messages": list{user(list{object{"type": "text", "text": "x", "data": "x"}})}}, "messages.0.content.0.data: Extra inputs"},
		"a kind that is none":      {object{"messages": list{user(list{object{"type": "image_url"}})}}, "messages.0.content.0.type: Input tag 'image_url'"},
		"a system role":            {object{"messages": list{object{"role": "system", "content": "x"}}}, "messages.0.role"},
		"the assistant first":      {object{"messages": list{assistant("x")}}, "first message must use"},
		"an empty message":         {object{"messages": list{user("hi"), assistant(list{}), user("x")}}, "messages.1: all messages must have non-empty content"},
		"an empty text":            {object{"messages": list{user("")}}, "text content blocks must be non-empty"},
		"a trailing blank":         {object{"messages": list{user("x"), assistant("so ")}}, "trailing whitespace"},
		"temperature beyond 1":     {object{"temperature": 1.5}, "temperature:"},
		"top_p beyond 1":           {object{"top_p": 2}, "top_p:"},
		"a blank stop sequence":    {object{"stop_sequences": list{" "}}, "stop_sequences.0"},
		"an image in a system":     {object{"system": list{picture("image/png", pixel)}}, "system.0.type"},
		"an image by the model":    {object{"messages": list{user("x"), assistant(list{picture("image/png", pixel)})}}, "may not appear in `assistant`"},
		"a use by the user":        {object{"messages": list{user(list{toolUse("a")})}}, "may not appear in `user`"},
		"an image of no kind":      {object{"messages": list{user(list{picture("image/bmp", pixel)})}}, "media_type"},
		"an image of noise":        {object{"messages": list{user(list{picture("image/png", "!")})}}, "not valid base64"},
		"an image over plain HTTP": {object{"messages": list{user(list{object{"type": "image", "source": object{"type": "url", "url": "http://x"}}})}}, "HTTPS"},
		"an image of OpenAI's":     {object{"messages": list{user(list{object{"type": "image", "source": object{"type": "base64", "detail": "low"}}})}}, "detail: Extra inputs"},
		"a result of nothing":      {object{"messages": list{user(list{toolResult("a")})}}, "unexpected `tool_use_id`"},
		"a result too late": {object{"messages": list{user("x"), assistant(list{toolUse("a")}), user("y"), assistant("z"), user(list{toolResult("a")})}},
			"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a"},
		"a use without result":   {object{"messages": list{user("x"), assistant(list{toolUse("a"), toolUse("b")}), user(list{toolResult("a")})}}, "after: b."},
		"a use with a bad id":    {object{"messages": list{user("x"), assistant(list{toolUse("a b")})}}, "tool_use.id"},
		"arguments in a string":  {object{"messages": list{user("x"), assistant(list{object{"type": "tool_use", "id": "a", "name": "w", "input": "{}"}})}}, "valid dictionary"},
		"tools of one name":      {object{"tools": list{tool, tool}}, "unique"},
		"a tool without schema":  {object{"tools": list{object{"name": "x"}}}, "tools.0.custom.input_schema: Field required"},
		"a schema of no object":  {object{"tools": list{object{"name": "x", "input_schema": object{}}}}, "input_schema.type"},
		"a choice without tools": {object{"tool_choice": object{"type": "auto"}}, "only be specified while providing tools"},
		"a choice of no tool":    {object{"tools": list{tool}, "tool_choice": object{"type": "tool", "name": "x"}}, "'x' not found"},
		"a choice of OpenAI's":   {object{"tools": list{tool}, "tool_choice": object{"type": "required"}}, "'required'"},
		"thinking beyond all":    {object{"thinking": thinking, "max_tokens": 1024}, "must be greater than `thinking.budget_tokens`"},
		"thinking too little":    {object{"thinking": object{"type": "enabled", "budget_tokens": 5}}, "greater than or equal to 1024"},
		"thinking and heat":      {object{"thinking": thinking, "temperature": 0.5}, "`temperature` may only be set to 1"},
		"thinking and force":     {object{"thinking": thinking, "tools": list{tool}, "tool_choice": object{"type": "any"}}, "forces tool use"},
		"thinking lost on the way": {object{"thinking": thinking, "tools": list{tool}, "messages": list{user("x"),
			assistant(list{toolUse("a")}), user(list{toolResult("a")})}}, "messages.1.content.0.type: Expected `thinking`"},
		"a signature made up": {object{"messages": list{user("x"), assistant(list{object{"type": "thinking", "thinking": "x",
			"signature": "x"}, text("y")}), user("z")}}, "messages.1.content.0: Invalid `signature`"},
		"no signature": {object{"messages": list{user("x"), assistant(list{object{"type": "thinking", "thinking": "x"},
			text("y")}), user("z")}}, "thinking.signature: Field required"},
		"an effort that is none": {object{"output_config": object{"effort": "minimal"}}, "output_config.effort"},
		"an open schema":         {object{"output_config": object{"format": object{"type": "json_schema", "schema": object{"type": "object"}}}}, "additionalProperties"},
		"a format of OpenAI's":   {object{"output_config": object{"format": object{"type": "json_object"}}}, "output_config.format.type"},
		"five cache marks":       {object{"system": list{mark, mark, mark, mark, mark}}, "maximum of 4"},
		"a TTL that is none":     {object{"cache_control": object{"type": "ephemeral", "ttl": "1d"}}, "ttl"},
		"a tier of OpenAI's":     {object{"service_tier": "flex"}, "service_tier"},
		"a directive of no kind": {object{"messages": list{user("[[fake calls=x]]")}}, "[[fake]] marker"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := call(t, server, messagesPath, with(t, message, c.members), claude...)
			kind, reason, _ := anthropicFailure(t, content)
			if response.StatusCode != http.StatusBadRequest || kind != "invalid_request_error" ||
				!strings.Contains(reason, c.reason) {
				t.Errorf("%s %s %q, want one about %q", response.Status, kind, reason, c.reason)
			}
		})
	}
}

func TestAnthropicTakes(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	tool := object{"name": "weather", "input_schema": object{"type": "object"}, "strict": true}
	for name, members := range map[string]object{
		"results of one turn in two messages": {"messages": list{user("x"), assistant(list{toolUse("a"), toolUse("b")}),
			user(list{toolResult("a")}), user(list{toolResult("b")})}},
		"uses in two messages of one turn": {"messages": list{user("x"), assistant(list{text("a")}),
			assistant(list{toolUse("a")}), user(list{toolResult("a")})}},
		"a start of the answer":      {"messages": list{user("x"), assistant("so")}},
		"a system of blocks":         {"system": list{text("be brief")}},
		"every option":               {"temperature": 0.5, "top_p": 0.5, "top_k": 5, "service_tier": "auto", "metadata": object{"user_id": "u"}},
		"a choice of none":           {"tools": list{tool}, "tool_choice": object{"type": "none"}},
		"a tool of Anthropic's":      {"tools": list{object{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}}},
		"adaptive thinking":          {"thinking": object{"type": "adaptive", "display": "omitted"}, "output_config": object{"effort": "xhigh"}},
		"an image by its address":    {"messages": list{user(list{object{"type": "image", "source": object{"type": "url", "url": "https://x/y.png"}}, text("x")})}},
		"a document":                 {"messages": list{user(list{object{"type": "document", "source": object{"type": "text", "media_type": "text/plain", "data": "x"}, "title": "t"}, text("x")})}},
		"tools after thinking freed": {"thinking": object{"type": "adaptive"}, "messages": list{user("x"), assistant(list{toolUse("a")}), user(list{toolResult("a")})}},
	} {
		t.Run(name, func(t *testing.T) {
			got := messageTo(t, server, with(t, message, members))
			if len(got.Content) == 0 || got.Usage == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAnthropicCountsTokens(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := with(t, message, object{"max_tokens": nil})
	_, content := call(t, server, messagesPath+"/count_tokens", body, claude...)
	var got struct {
		Tokens int `json:"input_tokens"`
	}
	if decode(t, content, &got); got.Tokens != fakeprovider.PromptTokens("hi") {
		t.Errorf("%s", content)
	}
	for _, wrong := range []string{message, with(t, body, object{"x": 1}), `{`} {
		if response, content := call(t, server, messagesPath+"/count_tokens", wrong, claude...); response.StatusCode != 400 {
			t.Errorf("%s: %s %s", wrong, response.Status, content)
		}
	}
}
