// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// responseEvents reads a stream of named events, whose numbers must rise by one.
func responseEvents(t *testing.T, stream []byte) (types []string, events []map[string]json.RawMessage) {
	t.Helper()
	for i, block := range strings.Split(strings.TrimSpace(string(stream)), "\n\n") {
		name, data, _ := strings.Cut(block, "\n")
		var fields map[string]json.RawMessage
		decode(t, []byte(strings.TrimPrefix(data, "data: ")), &fields)
		var kind string
		var number int
		decode(t, fields["type"], &kind)
		decode(t, fields["sequence_number"], &number)
		if name != "event: "+kind || (number != i && kind != "error") {
			t.Fatalf("event %d: %s with type %s and number %d", i, name, kind, number)
		}
		types, events = append(types, strings.TrimPrefix(kind, "response.")), append(events, fields)
	}
	return types, events
}

func TestAResponsesStreamFollowsTheGrammar(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	const opening, message = "created in_progress ", "output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done "
	for name, c := range map[string]struct {
		body    string
		headers []string
		want    string
	}{
		"words": {`{"model":"m","stream":true,"input":"a"}`, nil, opening + message + "completed"},
		"words that are cut": {`{"model":"m","stream":true,"input":"a","max_output_tokens":16}`, []string{"x-fake-tokens", "30"},
			opening + message + "incomplete"},
		"a refusal": {`{"model":"m","stream":true,"input":"a"}`, []string{"x-fake-refusal", "yes"},
			opening + "output_item.added content_part.added refusal.delta refusal.done content_part.done output_item.done completed"},
		"two calls": {`{"model":"m","stream":true,` + responseTools + `,"tool_choice":"required","input":"Paris"}`, []string{"x-fake-calls", "2"},
			opening + strings.Repeat("output_item.added function_call_arguments.delta function_call_arguments.done output_item.done ", 2) + "completed"},
		"thoughts that are told": {`{"model":"m","stream":true,"input":"a","reasoning":{"summary":"auto"}}`, nil,
			opening + "output_item.added reasoning_summary_part.added reasoning_summary_text.delta reasoning_summary_text.done " +
				"reasoning_summary_part.done output_item.done " + message + "completed"},
		"thoughts that are not": {`{"model":"m","stream":true,"input":"a"}`, []string{"x-fake-reasoning", "3"},
			opening + "output_item.added output_item.done " + message + "completed"},
		"in the background": {`{"model":"m","stream":true,"background":true,"input":"a"}`, nil, "created queued in_progress " + message + "completed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, content := tell(t, server, responsesPath, c.body, c.headers...)
			types, events := responseEvents(t, content)
			if diff := cmp.Diff(strings.TrimSpace(c.want), squeezed(types)); diff != "" {
				t.Error(diff)
			}
			for i, fields := range events[:len(events)-1] {
				if inner := fields["response"]; inner != nil && !strings.Contains(string(inner), `"usage":null`) {
					t.Errorf("event %d speaks of usage: %s", i, inner)
				}
			}
			var last response
			decode(t, events[len(events)-1]["response"], &last)
			if last.Usage == nil || last.Usage.Output == 0 {
				t.Fatalf("%+v", last)
			}
			if record := server.Records()[len(server.Records())-1]; record.CompletionTokens != last.Usage.Output {
				t.Errorf("%d tokens were sent, %d are told", record.CompletionTokens, last.Usage.Output)
			}
		})
	}
}

func TestTheDeltasOfAResponseMakeItsText(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, content := tell(t, server, responsesPath, `{"model":"m","stream":true,"input":"a"}`)
	types, events := responseEvents(t, content)
	var joined strings.Builder
	var done, item string
	for i, kind := range types {
		switch kind {
		case "output_text.delta":
			var delta, of string
			decode(t, events[i]["delta"], &delta)
			decode(t, events[i]["item_id"], &of)
			if item == "" {
				item = of
			}
			if joined.WriteString(delta); of != item {
				t.Errorf("delta of %s among those of %s", of, item)
			}
		case "output_text.done":
			decode(t, events[i]["text"], &done)
		}
	}
	var last response
	decode(t, events[len(events)-1]["response"], &last)
	if text := last.Output[0].Content[0].Text; joined.String() != text || done != text || last.Output[0].ID != item {
		t.Errorf("%q, %q, %q", joined.String(), done, text)
	}
	var kept response
	if remake(t, server, "GET", responsesPath+"/"+last.ID, &kept); cmp.Diff(last, kept) != "" {
		t.Error(cmp.Diff(last, kept))
	}
}

func TestAResponsesStreamFailsInItsOwnWords(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	const body = `{"model":"m","stream":true,"input":"a"}`
	_, content := tell(t, server, responsesPath, body, fault("error-event:4:429")...)
	types, events := responseEvents(t, content)
	if last := len(types) - 1; types[last] != "error" || string(events[last]["code"]) != `"requests"` || last != 4 {
		t.Errorf("%s", content)
	}
	_, content = tell(t, server, responsesPath, body, fault("no-done")...)
	if types, _ := responseEvents(t, content); types[len(types)-1] != "output_item.done" {
		t.Errorf("%v", types)
	}
	_, content = tell(t, server, responsesPath, body, fault("no-usage")...)
	if !strings.Contains(string(content), `"status":"completed"`) || strings.Contains(string(content), "total_tokens") {
		t.Errorf("%s", content)
	}
}

func TestResponsesOnAzure(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"prod"}})
	for path, c := range map[string]struct {
		model  string
		status int
	}{
		"/openai/v1/responses":                             {"prod", 200},
		"/openai/responses?api-version=2025-04-01-preview": {"prod", 200},
		"/openai/responses":                                {"prod", 404},
		"/openai/v1/responses?api-version=preview":         {"other", 404},
	} {
		response, content := tell(t, server, path, `{"model":"`+c.model+`","input":"a"}`)
		if response.StatusCode != c.status {
			t.Errorf("%s: %d %s", path, response.StatusCode, content)
		}
	}
	_, content := tell(t, server, "/openai/v1/responses", `{"model":"prod","input":"a"}`)
	var made, again response
	decode(t, content, &made)
	if status := remake(t, server, "GET", "/openai/v1/responses/"+made.ID, &again); status != 200 || again.ID != made.ID {
		t.Errorf("%d %+v", status, again)
	}
	if status := remake(t, server, "GET", "/openai/responses/"+made.ID+"?api-version=2025-04-01-preview", &again); status != 200 {
		t.Errorf("the dated API does not know it: %d", status)
	}
	if status := remake(t, server, "GET", "/v1/responses/"+made.ID, &again); status != 404 {
		t.Errorf("OpenAI knows what is Azure's: %d", status)
	}
	_, content = tell(t, server, "/openai/v1/responses", `{"model":"prod","stream":true,"input":"a"}`, fault("error-event:1")...)
	if types, _ := responseEvents(t, content); types[len(types)-1] != "error" {
		t.Errorf("%v", types)
	}
}
