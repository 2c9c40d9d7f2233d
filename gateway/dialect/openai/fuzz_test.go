// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Whatever an application sends is either refused with a 400 or rendered as JSON in every flavor that does not refuse
// it; and what OpenAI gets of it means what was sent.
func FuzzDecodeRequest(f *testing.F) {
	for _, body := range []string{
		asking(""),
		asking(`,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto","stop":["a"],"n":2`),
		asking(`,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}},"reasoning_effort":"low"`),
		talking(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}`),
		talking(`{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"a","signature":"s","index":0}],
			"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"x"}`),
		talking(`{"role":"user","content":[{"type":"file","file":{"file_data":"aGk="}},{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}`),
		`{"model":"\ud800","messages":[null]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Decoder{}.DecodeRequest(body)
		if err != nil {
			if err.Status != 400 || err.Outcome != exchange.Refused {
				t.Fatalf("refused with %s", said(err))
			}
			return
		}
		for flavor := range flavors {
			out, err := Encoder{Flavor: Flavor(flavor)}.AppendRequest(nil, r, target)
			if err != nil {
				if err.Status != 400 || err.Param == "" {
					t.Fatalf("%s refuses with %s", flavors[flavor].name, said(err))
				}
				continue
			}
			if !json.Valid(out) {
				t.Fatalf("%s gets %s", flavors[flavor].name, out)
			}
			if Flavor(flavor) == OpenAI {
				again(t, r, out)
			}
		}
	})
}

// again wants a rendered request to render the same once more.
func again(t *testing.T, r *chat.Request, out []byte) {
	t.Helper()
	back, err := Decoder{}.DecodeRequest(out)
	if err != nil {
		t.Fatalf("%s is not read: %s", out, said(err))
	}
	if len(back.Messages) != len(r.Messages) {
		t.Fatalf("%d messages became %d", len(r.Messages), len(back.Messages))
	}
	twice, err := Encoder{}.AppendRequest(nil, back, target)
	if err != nil {
		t.Fatalf("%s is refused: %s", out, said(err))
	}
	if diff := cmp.Diff(string(out), string(twice)); diff != "" {
		t.Fatalf("(-once +twice)\n%s", diff)
	}
}

// Whatever a provider streams, events come in their order, and what is written of them is whole JSON that ends with
// [DONE] only if the stream did.
func FuzzReader(f *testing.F) {
	for _, stream := range [][]string{
		chunks(adds(`"content":"a"`), finishedStop),
		chunks(adds(`"reasoning":"a"`), adds(`"content":[{"type":"text","text":"a"}]`), adds(`"refusal":"b"`), finishedStop),
		chunks(calls(`"index":0,"id":"a","function":{"name":"f","arguments":"{}"}`), calls(`"index":1,"id":"b","function":{"name":"g"}`), finishedCalls),
		chunks(adds(`"reasoning_details":[{"type":"reasoning.text","text":"a","index":0},{"type":"reasoning.encrypted","data":"z"}]`), finishedStop),
		{`{"id":"x","choices":[{"index":1,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`, `{"error":"x"}`},
	} {
		var b []byte
		for _, data := range stream {
			b = append(append(b, data...), '\n')
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := Encoder{}.NewReader()
		var events []chat.Event
		var err error
		for data := range bytes.SplitSeq(stream, []byte("\n")) {
			if events, err = r.Read(events, nil, data); err != nil {
				break
			}
		}
		whole := false
		if err == nil {
			events, err = r.End(events)
			whole = err == nil
		}
		failed := len(events) > 0 && events[len(events)-1].Kind == chat.Failed
		if wrong := disorder(events, whole && !failed); wrong != "" && (!failed || len(events) != 1) {
			t.Fatalf("%s in %v", wrong, lines(events))
		}
		w := Decoder{}.NewWriter(&chat.Request{IncludeUsage: true}, meta)
		var out []byte
		for i := range events {
			out = w.Write(out, &events[i])
		}
		if done := bytes.HasSuffix(out, []byte("data: [DONE]\n\n")); done != (whole && !failed) {
			t.Fatalf("whole %v, failed %v, but written %s", whole, failed, out)
		}
		for event := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte("\n\n")), []byte("\n\n")) {
			data, _ := bytes.CutPrefix(event, []byte("data: "))
			if len(data) > 0 && string(data) != "[DONE]" && !json.Valid(data) {
				t.Fatalf("written %s", event)
			}
		}
	})
}
