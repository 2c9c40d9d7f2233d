// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Events that most streams need.
const (
	started   = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null}}`
	ping      = `{"type":"ping"}`
	textBegan = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	textHi    = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}`
	ended0    = `{"type":"content_block_stop","index":0}`
	endTurn   = `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null}}`
	stopped   = `{"type":"message_stop"}`
)

// read reads a whole stream of events, each its data, named by their types.
func read(events ...string) ([]chat.Event, error) {
	r := Encoder{}.NewReader()
	var out []chat.Event
	var err error
	for _, data := range events {
		if out, err = r.Read(out, nil, []byte(data)); err != nil {
			return out, err
		}
	}
	return r.End(out)
}

func part(p chat.Part) chat.Event       { return chat.Event{Kind: chat.PartBegan, Part: p} }
func text(s string) chat.Event          { return chat.Event{Kind: chat.Delta, Text: s} }
func began() chat.Event                 { return chat.Event{Kind: chat.Began, ID: "msg_1", Model: "m"} }
func partEnded() chat.Event             { return chat.Event{Kind: chat.PartEnded} }
func finished(f chat.Finish) chat.Event { return chat.Event{Kind: chat.Finished, Finish: f} }
func ended() chat.Event                 { return chat.Event{Kind: chat.Ended} }
func used(u exchange.Usage) chat.Event  { return chat.Event{Kind: chat.Used, Usage: u} }
func signed(s string) chat.Event        { return chat.Event{Kind: chat.Signed, Text: s} }
func calling(id, name string) chat.Event {
	return part(chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: name}})
}

func TestReader(t *testing.T) {
	for name, test := range map[string]struct {
		events []string
		want   []chat.Event
	}{
		"a text with usage": {
			[]string{
				`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],
					"usage":{"input_tokens":25,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":1,"service_tier":"standard"}}}`,
				textBegan, ping, textHi,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" there"}}`, ended0,
				`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}`, stopped,
			},
			[]chat.Event{
				began(), used(exchange.Usage{Prompt: 30, Cached: 3, CacheWritten: 2, Total: 30, Source: exchange.UsageReported}),
				part(chat.Part{}), text("hi"), text(" there"), partEnded(), finished(chat.Stopped),
				used(exchange.Usage{Prompt: 30, Cached: 3, CacheWritten: 2, Completion: 15, Total: 45, Source: exchange.UsageReported}), ended(),
			},
		},
		"a thought, a call and one without arguments": {
			[]string{
				started,
				`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`, ended0,
				`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"Ly"}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"on\"}"}}`,
				`{"type":"content_block_stop","index":1}`,
				`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_2","name":"now","input":{}}}`,
				`{"type":"content_block_stop","index":2}`,
				`{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`, stopped,
			},
			[]chat.Event{
				began(), part(chat.Part{Kind: chat.Thinking}), text("hm"), signed("EqQB"), partEnded(),
				calling("toolu_1", "weather"), text(`{"city": "Ly`), text(`on"}`), partEnded(),
				calling("toolu_2", "now"), partEnded(), finished(chat.CalledTools), ended(),
			},
		},
		"a thought that is not shown, and one that only Anthropic reads": {
			[]string{
				started,
				`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EosnCk"}}`, ended0,
				`{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwK"}}`,
				`{"type":"content_block_stop","index":1}`, endTurn, stopped,
			},
			[]chat.Event{
				began(), part(chat.Part{Kind: chat.Thinking}), signed("EosnCk"), partEnded(),
				part(chat.Part{Kind: chat.Redacted}), signed("EmwK"), partEnded(), finished(chat.Stopped), ended(),
			},
		},
		"blocks that begin with their content": {
			[]string{
				started,
				`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hi"}}`, ended0,
				`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"1","name":"f","input":{ "a": 1 }}}`, `{"type":"content_block_stop","index":1}`,
				`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"2","name":"f","input":{"a":1}}}`,
				`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}`, `{"type":"content_block_stop","index":2}`,
				`{"type":"content_block_start","index":3,"content_block":{"type":"thinking","thinking":"hm","signature":"s"}}`, `{"type":"content_block_stop","index":3}`,
				endTurn, stopped,
			},
			[]chat.Event{
				began(), part(chat.Part{}), text("hi"), partEnded(), calling("1", "f"), text(`{"a":1}`), partEnded(), calling("2", "f"), text("{}"), partEnded(),
				part(chat.Part{Kind: chat.Thinking}), text("hm"), signed("s"), partEnded(), finished(chat.Stopped), ended(),
			},
		},
		"blocks, deltas and events of later versions": {
			[]string{
				ping, `{"type":"warming_up","delta":"soon"}`, started, textBegan, textHi,
				`{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"a"}}}`, ended0,
				`{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"a","content":[{"type":"web_search_result"}]}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"unseen"}}`,
				`{"type":"content_block_stop","index":1}`, endTurn, `{"type":"diagnostics","usage":[]}`, stopped, `[DONE]`,
			},
			[]chat.Event{began(), part(chat.Part{}), text("hi"), partEnded(), finished(chat.Stopped), ended()},
		},
		"a block that nobody stopped": {
			[]string{started, textBegan, textHi, `{"type":"content_block_start","index":4,"content_block":{"type":"text","text":""}}`, endTurn, endTurn, stopped},
			[]chat.Event{began(), part(chat.Part{}), text("hi"), partEnded(), part(chat.Part{}), partEnded(), finished(chat.Stopped), ended()},
		},
		"a stop without a reason": {
			[]string{started, textBegan, textHi, stopped},
			[]chat.Event{began(), part(chat.Part{}), text("hi"), partEnded(), finished(chat.Stopped), ended()},
		},
		"a stop sequence": {
			[]string{started, `{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"}}`, stopped},
			[]chat.Event{began(), {Kind: chat.Finished, Finish: chat.AtStop, StopSequence: "END"}, ended()},
		},
		"an error in the middle": {
			[]string{started, textBegan, textHi, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, textHi},
			[]chat.Event{began(), part(chat.Part{}), text("hi"), {Kind: chat.Failed, Err: &exchange.Error{
				Status: 529, Type: exchange.TypeUpstream, Message: "Overloaded", Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
			}}},
		},
		"an error first": {
			[]string{`{"type":"error","error":{"type":"api_error","message":"Oops"}}`},
			[]chat.Event{{Kind: chat.Failed, Err: &exchange.Error{
				Status: 502, Type: exchange.TypeUpstream, Message: "Oops", Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
			}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(test.events...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnEventIsKnownByItsNameWhereItsDataDoesNotSay(t *testing.T) {
	r := Encoder{}.NewReader()
	got, err := r.Read(nil, []byte("message_start"), []byte(`{"message":{"id":"msg_1","model":"m"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]chat.Event{began()}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStreamThatIsNotWholeIsTold(t *testing.T) {
	for n := range 6 {
		events := []string{started, textBegan, textHi, ended0, endTurn, stopped}[:n]
		if _, err := read(events...); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d events: %v", n, err)
		}
	}
}

func TestABrokenGrammarIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		events []string
		want   error
	}{
		"no JSON":                             {[]string{`{"type":`}, errNotEvent},
		"a list":                              {[]string{`[]`}, errNotEvent},
		"a wrong shape":                       {[]string{started, `{"type":"content_block_start","index":"0"}`}, errNotEvent},
		"an error that is a text":             {[]string{started, `{"type":"error","error":"oops"}`}, errNotEvent},
		"a start without a message":           {[]string{`{"type":"message_start"}`}, errNotEvent},
		"a block without a start":             {[]string{textBegan}, errOrder},
		"a stop without a start":              {[]string{stopped}, errOrder},
		"two starts":                          {[]string{started, started}, errOrder},
		"a block of nothing":                  {[]string{started, `{"type":"content_block_start","index":0}`}, errNotEvent},
		"a block that began before":           {[]string{started, textBegan, ended0, textBegan}, errOrder},
		"a block before the first":            {[]string{started, `{"type":"content_block_start","index":-1,"content_block":{"type":"text"}}`}, errOrder},
		"a block after the end":               {[]string{started, endTurn, textBegan}, errOrder},
		"more of no block":                    {[]string{started, textHi}, errBlock},
		"more of a block that ended":          {[]string{started, textBegan, ended0, textHi}, errBlock},
		"more of a block that another closed": {[]string{started, textBegan, `{"type":"content_block_start","index":1,"content_block":{"type":"text"}}`, textHi}, errBlock},
		"the end of no block":                 {[]string{started, ended0}, errBlock},
		"the end of another block":            {[]string{started, textBegan, `{"type":"content_block_stop","index":1}`}, errBlock},
		"arguments in a text":                 {[]string{started, textBegan, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}`}, errBlockDelta},
		"a signature of a text":               {[]string{started, textBegan, `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}`}, errBlockDelta},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := read(test.events...); !errors.Is(err, test.want) {
				t.Errorf("%v, %v, want %v", got, err, test.want)
			}
		})
	}
	if _, err := read(started, `{"type":"content_block_delta","index":0,"delta":{"text":"sk-secret"}}`); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the provider's bytes are in %v", err)
	}
}
