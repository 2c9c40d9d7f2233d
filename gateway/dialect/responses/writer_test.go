// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// outline is an event without the response object that some have, its sequence number checked.
func outline(t *testing.T, i int, f frame) string {
	t.Helper()
	v := asJSON(t, f.data).(map[string]any)
	if v["type"] != f.name || v["sequence_number"] != float64(i) {
		t.Errorf("event %d, %s: %s", i, f.name, f.data)
	}
	delete(v, "type")
	delete(v, "sequence_number")
	if r, ok := v["response"].(map[string]any); ok {
		v["response"] = fmt.Sprint(r["id"], " ", r["model"], " ", r["status"], " ", len(r["output"].([]any)), " usage ", r["usage"] != nil)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return f.name + " " + string(b)
}

func outlines(t *testing.T, stream []byte) []string {
	t.Helper()
	var lines []string
	for i, f := range frames(t, stream) {
		lines = append(lines, outline(t, i, f))
	}
	return lines
}

func TestTheGrammarOfAStream(t *testing.T) {
	begun := []string{
		`response.created {"response":"resp_9 gpt-5 in_progress 0 usage false"}`,
		`response.in_progress {"response":"resp_9 gpt-5 in_progress 0 usage false"}`,
	}
	for name, want := range map[string][]string{
		"a text and a refusal": {
			`response.output_item.added {"item":{"content":[],"id":"msg_9_0","role":"assistant","status":"in_progress","type":"message"},"output_index":0}`,
			`response.content_part.added {"content_index":0,"item_id":"msg_9_0","output_index":0,"part":{"annotations":[],"logprobs":[],"text":"","type":"output_text"}}`,
			`response.output_text.delta {"content_index":0,"delta":"a","item_id":"msg_9_0","logprobs":[],"output_index":0}`,
			`response.output_text.done {"content_index":0,"item_id":"msg_9_0","logprobs":[],"output_index":0,"text":"a"}`,
			`response.content_part.done {"content_index":0,"item_id":"msg_9_0","output_index":0,"part":{"annotations":[],"logprobs":[],"text":"a","type":"output_text"}}`,
			`response.content_part.added {"content_index":1,"item_id":"msg_9_0","output_index":0,"part":{"refusal":"","type":"refusal"}}`,
			`response.refusal.delta {"content_index":1,"delta":"no","item_id":"msg_9_0","output_index":0}`,
			`response.refusal.done {"content_index":1,"item_id":"msg_9_0","output_index":0,"refusal":"no"}`,
			`response.content_part.done {"content_index":1,"item_id":"msg_9_0","output_index":0,"part":{"refusal":"no","type":"refusal"}}`,
			`response.output_item.done {"item":{"content":[{"annotations":[],"logprobs":[],"text":"a","type":"output_text"},{"refusal":"no","type":"refusal"}],"id":"msg_9_0","role":"assistant","status":"completed","type":"message"},"output_index":0}`,
			`response.completed {"response":"resp_9 gpt-5 completed 1 usage true"}`,
		},
		"thoughts, then a text": {
			`response.output_item.added {"item":{"id":"rs_9_0","summary":[],"type":"reasoning"},"output_index":0}`,
			`response.reasoning_summary_part.added {"item_id":"rs_9_0","output_index":0,"part":{"text":"","type":"summary_text"},"summary_index":0}`,
			`response.reasoning_summary_text.delta {"delta":"One, ","item_id":"rs_9_0","output_index":0,"summary_index":0}`,
			`response.reasoning_summary_text.delta {"delta":"two.","item_id":"rs_9_0","output_index":0,"summary_index":0}`,
			`response.reasoning_summary_text.done {"item_id":"rs_9_0","output_index":0,"summary_index":0,"text":"One, two."}`,
			`response.reasoning_summary_part.done {"item_id":"rs_9_0","output_index":0,"part":{"text":"One, two.","type":"summary_text"},"summary_index":0}`,
			`response.output_item.done {"item":{"encrypted_content":"sig","id":"rs_9_0","summary":[{"text":"One, two.","type":"summary_text"}],"type":"reasoning"},"output_index":0}`,
			`response.output_item.added {"item":{"id":"rs_9_1","summary":[],"type":"reasoning"},"output_index":1}`,
			`response.output_item.done {"item":{"encrypted_content":"opaque","id":"rs_9_1","summary":[],"type":"reasoning"},"output_index":1}`,
			`response.output_item.added {"item":{"content":[],"id":"msg_9_2","role":"assistant","status":"in_progress","type":"message"},"output_index":2}`,
			`response.content_part.added {"content_index":0,"item_id":"msg_9_2","output_index":2,"part":{"annotations":[],"logprobs":[],"text":"","type":"output_text"}}`,
			`response.output_text.delta {"content_index":0,"delta":"Two.","item_id":"msg_9_2","logprobs":[],"output_index":2}`,
			`response.output_text.done {"content_index":0,"item_id":"msg_9_2","logprobs":[],"output_index":2,"text":"Two."}`,
			`response.content_part.done {"content_index":0,"item_id":"msg_9_2","output_index":2,"part":{"annotations":[],"logprobs":[],"text":"Two.","type":"output_text"}}`,
			`response.output_item.done {"item":{"content":[{"annotations":[],"logprobs":[],"text":"Two.","type":"output_text"}],"id":"msg_9_2","role":"assistant","status":"completed","type":"message"},"output_index":2}`,
			`response.completed {"response":"resp_9 gpt-5 completed 3 usage true"}`,
		},
		"two calls after a text": {
			`response.output_item.added {"item":{"content":[],"id":"msg_9_0","role":"assistant","status":"in_progress","type":"message"},"output_index":0}`,
			`response.content_part.added {"content_index":0,"item_id":"msg_9_0","output_index":0,"part":{"annotations":[],"logprobs":[],"text":"","type":"output_text"}}`,
			`response.output_text.delta {"content_index":0,"delta":"Let me see.","item_id":"msg_9_0","logprobs":[],"output_index":0}`,
			`response.output_text.done {"content_index":0,"item_id":"msg_9_0","logprobs":[],"output_index":0,"text":"Let me see."}`,
			`response.content_part.done {"content_index":0,"item_id":"msg_9_0","output_index":0,"part":{"annotations":[],"logprobs":[],"text":"Let me see.","type":"output_text"}}`,
			`response.output_item.done {"item":{"content":[{"annotations":[],"logprobs":[],"text":"Let me see.","type":"output_text"}],"id":"msg_9_0","role":"assistant","status":"completed","type":"message"},"output_index":0}`,
			`response.output_item.added {"item":{"arguments":"","call_id":"c1","id":"fc_9_1","name":"weather","status":"in_progress","type":"function_call"},"output_index":1}`,
			`response.function_call_arguments.delta {"delta":"{\"city\":","item_id":"fc_9_1","output_index":1}`,
			`response.function_call_arguments.delta {"delta":"\"Oslo\"}","item_id":"fc_9_1","output_index":1}`,
			`response.function_call_arguments.done {"arguments":"{\"city\":\"Oslo\"}","item_id":"fc_9_1","name":"weather","output_index":1}`,
			`response.output_item.done {"item":{"arguments":"{\"city\":\"Oslo\"}","call_id":"c1","id":"fc_9_1","name":"weather","status":"completed","type":"function_call"},"output_index":1}`,
			`response.output_item.added {"item":{"arguments":"","call_id":"c2","id":"fc_9_2","name":"now","status":"in_progress","type":"function_call"},"output_index":2}`,
			`response.function_call_arguments.delta {"delta":"{}","item_id":"fc_9_2","output_index":2}`,
			`response.function_call_arguments.done {"arguments":"{}","item_id":"fc_9_2","name":"now","output_index":2}`,
			`response.output_item.done {"item":{"arguments":"{}","call_id":"c2","id":"fc_9_2","name":"now","status":"completed","type":"function_call"},"output_index":2}`,
			`response.completed {"response":"resp_9 gpt-5 completed 3 usage true"}`,
		},
		"nothing": {`response.completed {"response":"resp_9 gpt-5 completed 0 usage true"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(append(slices.Clone(begun), want...), outlines(t, write(streams[name], nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACallWithoutArgumentsIsAnEmptyObject(t *testing.T) {
	got := outlines(t, write(seq(opens(chat.Part{Kind: chat.Call}), signed("s"), partEnded(), finished(chat.CalledTools), ended()), nil))
	want := []string{
		`response.output_item.added {"item":{"arguments":"","call_id":"call_9_0","id":"fc_9_0","name":"","status":"in_progress","type":"function_call"},"output_index":0}`,
		`response.function_call_arguments.delta {"delta":"{}","item_id":"fc_9_0","output_index":0}`,
		`response.function_call_arguments.done {"arguments":"{}","item_id":"fc_9_0","output_index":0}`,
		`response.output_item.done {"item":{"arguments":"{}","call_id":"call_9_0","id":"fc_9_0","name":"","status":"completed","type":"function_call"},"output_index":0}`,
		`response.output_item.added {"item":{"id":"rs_9_1","summary":[],"type":"reasoning"},"output_index":1}`,
		`response.output_item.done {"item":{"encrypted_content":"spark:signs-previous:s","id":"rs_9_1","summary":[],"type":"reasoning"},"output_index":1}`,
		`response.completed {"response":"resp_9 gpt-5 completed 2 usage false"}`,
	}
	if diff := cmp.Diff(want, got[2:]); diff != "" {
		t.Error(diff)
	}
}

// The last event has the very answer that AppendAnswer would give, and its items are those that were said to be done.
func TestTheLastEventIsTheWholeAnswer(t *testing.T) {
	answers := map[string][]chat.Event{
		"signed texts": seq(opens(kindOf(chat.Text)), more("a"), signed("s"), partEnded(), opens(kindOf(chat.Text)), more("b"), partEnded(), finished(chat.AtLength), ended()),
		"a cut call":   seq(opens(calling("c", "f")), more(`{"a`), partEnded(), finished(chat.AtLength), ended()),
	}
	for name, events := range streams {
		if name != "failed" {
			answers[name] = events
		}
	}
	r := &chat.Request{Echo: (&request{Model: "m", Metadata: map[string]string{"a": "b"}}).echo()}
	for name, events := range answers {
		t.Run(name, func(t *testing.T) {
			all := frames(t, write(events, r))
			var last struct {
				Response json.RawMessage `json:"response"`
			}
			if err := json.Unmarshal(all[len(all)-1].data, &last); err != nil {
				t.Fatal(err)
			}
			whole := Decoder{}.AppendAnswer(nil, collect(events, r))
			if diff := diffJSON(t, string(whole), last.Response); diff != "" {
				t.Error(diff)
			}
			done := []any{}
			for _, f := range all {
				if f.name == "response.output_item.done" {
					done = append(done, asJSON(t, f.data).(map[string]any)["item"])
				}
			}
			if diff := cmp.Diff(asJSON(t, last.Response).(map[string]any)["output"], any(done)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// collect puts an answer together of its events.
func collect(events []chat.Event, r *chat.Request) *chat.Answer {
	a := &chat.Answer{Choices: []chat.Choice{{}}, Echo: r.Echo}
	c := &a.Choices[0]
	for _, e := range events {
		last := len(c.Parts) - 1
		switch e.Kind {
		case chat.Began:
			a.ID, a.Model, a.Created = e.ID, e.Model, e.Created
		case chat.PartBegan:
			p := e.Part
			if p.Call != nil {
				p.Call = &chat.ToolCall{ID: p.Call.ID, Name: p.Call.Name}
			}
			c.Parts = append(c.Parts, p)
		case chat.Delta:
			if c.Parts[last].Kind == chat.Call {
				c.Parts[last].Call.Arguments += e.Text
			} else {
				c.Parts[last].Text += e.Text
			}
			if e.LogProbs != nil {
				c.LogProbs = e.LogProbs
			}
		case chat.Signed:
			c.Parts[last].Signature = e.Text
		case chat.Finished:
			c.Finish = e.Finish
		case chat.Used:
			a.Usage = e.Usage
		}
	}
	return a
}

func TestAFailureMakesSDKsRaiseAndEndsTheStream(t *testing.T) {
	err := &exchange.Error{Status: 503, Type: exchange.TypeUpstream, Message: "overloaded", Reason: exchange.ReasonProviderErrorEvent}
	got := outlines(t, write(seq(opens(calling("c", "f")), more(`{"a`), used(), fails(err), more("x"), ended()), nil))
	want := []string{
		`error {"code":"upstream_error_event","error":{"code":"upstream_error_event","message":"overloaded","param":null,"type":"upstream_error"},"message":"overloaded","param":null}`,
		`response.failed {"response":"resp_9 gpt-5 failed 1 usage true"}`,
	}
	if diff := cmp.Diff(want, got[4:]); diff != "" {
		t.Error(diff)
	}
}

func TestAFailureBeforeAnything(t *testing.T) {
	all := frames(t, write([]chat.Event{fails(&exchange.Error{Status: 429, Type: exchange.TypeRateLimit, Code: "c", Param: "p", Message: "m"})}, nil))
	if len(all) != 2 || all[0].name != "error" || all[1].name != "response.failed" {
		t.Fatalf("%s", all)
	}
	if diff := diffJSON(t, `{"type":"error","sequence_number":0,"code":"c","message":"m","param":"p","error":{"message":"m","type":"rate_limit_error","param":"p","code":"c"}}`, all[0].data); diff != "" {
		t.Error(diff)
	}
	r := asJSON(t, all[1].data).(map[string]any)["response"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"code": "rate_limit_exceeded", "message": "m"}, r["error"]); diff != "" || r["status"] != "failed" || r["id"] != "resp_7" {
		t.Errorf("%s %v", diff, r)
	}
}

func TestAFailureWithoutAnErrorIsOneAllTheSame(t *testing.T) {
	all := frames(t, write(seq(fails(nil)), nil))
	if got := string(all[len(all)-1].data); !strings.Contains(got, `"code":"server_error"`) {
		t.Error(got)
	}
}

func BenchmarkWriteDelta(b *testing.B) {
	w := Decoder{}.NewWriter(&chat.Request{}, chat.Meta{ID: "1"})
	p, d := opens(kindOf(chat.Text)), more(" token")
	dst := w.Write(nil, &p)
	b.ReportAllocs()
	for b.Loop() {
		dst = w.Write(dst[:0], &d)
	}
}
