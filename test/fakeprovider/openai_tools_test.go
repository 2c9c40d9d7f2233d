// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

const tools = `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{
	"city":{"type":"string"},"days":{"type":"integer"},"unit":{"enum":["C","F"]},"note":{"type":"string"}},
	"required":["city","days","unit"]}}},{"type":"function","function":{"name":"time"}}]`

func toolBody(choice string, stream bool) string {
	body := `{"model":"m",` + tools + `,"messages":[{"role":"user","content":"Paris"}]`
	if choice != "" {
		body += `,"tool_choice":` + choice
	}
	if stream {
		body += `,"stream":true`
	}
	return body + "}"
}

const wantArguments = `{"city":"Paris","days":5,"unit":"C"}`

func TestToolChoice(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for choice, want := range map[string]string{
		``: "", `"auto"`: "", `"none"`: "", `"required"`: "weather",
		`{"type":"function","function":{"name":"time"}}`: "time",
	} {
		_, content := ask(t, server, toolBody(choice, false))
		var got completion
		decode(t, content, &got)
		name := ""
		if calls := got.Choices[0].Message.ToolCalls; len(calls) > 0 {
			name = calls[0].Function.Name
		}
		if name != want {
			t.Errorf("tool_choice %s called %q, want %q", choice, name, want)
		}
	}
}

func TestAToolCallFillsWhatTheSchemaRequires(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, content := ask(t, server, toolBody(`"required"`, false))
	var got completion
	decode(t, content, &got)
	choice := got.Choices[0]
	call := choice.Message.ToolCalls[0]
	if !strings.HasPrefix(call.ID, "call_") || call.Type != "function" || call.Function.Arguments != wantArguments {
		t.Errorf("call %+v, want arguments %s", call, wantArguments)
	}
	if choice.FinishReason != "tool_calls" || choice.Message.Content != nil {
		t.Errorf("finish_reason %s, content %v", choice.FinishReason, choice.Message.Content)
	}
	if got.Usage.CompletionTokens != fakeprovider.CountTokens(wantArguments) {
		t.Errorf("completion_tokens %d", got.Usage.CompletionTokens)
	}
}

func TestAStreamedToolCallArrivesInPieces(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, toolBody(`"required"`, true))
	got, _ := chunks(t, stream)
	var arguments strings.Builder
	for i, c := range got[:len(got)-1] {
		var calls []struct {
			Index    int
			ID       string
			Function struct{ Name, Arguments string }
		}
		decode(t, c.Choices[0].Delta["tool_calls"], &calls)
		if first := calls[0].ID != "" && calls[0].Function.Name == "weather"; first != (i == 0) {
			t.Errorf("chunk %d: %+v; only the first names the call", i, calls[0])
		}
		arguments.WriteString(calls[0].Function.Arguments)
	}
	if arguments.String() != wantArguments {
		t.Errorf("arguments %s, want %s", arguments.String(), wantArguments)
	}
	if finish := *got[len(got)-1].Choices[0].FinishReason; finish != "tool_calls" {
		t.Errorf("finish_reason %s", finish)
	}
	if string(got[0].Choices[0].Delta["content"]) != string(json.RawMessage("null")) {
		t.Errorf("first delta %s, want content null", got[0].Choices[0].Delta)
	}
}

func TestAToolChoiceThatNamesNoToolIsRefused(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, choice := range []string{`"sometimes"`, `{"type":"function","function":{"name":"absent"}}`, `7`} {
		if response, _ := ask(t, server, toolBody(choice, false)); response.StatusCode != 400 {
			t.Errorf("tool_choice %s: status %d", choice, response.StatusCode)
		}
	}
}
