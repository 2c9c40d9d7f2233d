// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Events in the shape of the reference.
const (
	created   = `{"type":"response.created","response":{"id":"resp_9","object":"response","created_at":12,"status":"in_progress","model":"gpt-5","output":[],"usage":null}}`
	completes = `{"type":"response.completed","response":{"id":"resp_9","status":"completed","output":[{"type":"message"}],"usage":null}}`
	textItem  = `{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}`
	textPart0 = `{"type":"response.content_part.added","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}`
	textDelta = `{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"a","obfuscation":"xyz"}`
	thinkItem = `{"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}`
	callItem0 = `{"type":"response.output_item.added","output_index":0,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"c","name":"f"}}`
	callItem1 = `{"type":"response.output_item.added","output_index":1,"item":{"id":"fc_2","type":"function_call","status":"in_progress","arguments":"","call_id":"d","name":"g"}}`
)

// read gives what a reader makes of events, without their names.
func readEvents(data ...string) ([]chat.Event, error) {
	r := Encoder{}.NewReader()
	var events []chat.Event
	for _, d := range data {
		var err error
		if events, err = r.Read(events, nil, []byte(d)); err != nil {
			return events, err
		}
	}
	return r.End(events)
}

func TestStreamsOfProvidersAreRead(t *testing.T) {
	whole := func(events ...chat.Event) []chat.Event {
		f := chat.Stopped
		for _, e := range events {
			if e.Part.Kind == chat.Call {
				f = chat.CalledTools
			}
		}
		return append(append([]chat.Event{began()}, events...), finished(f), ended())
	}
	thinking := opens(kindOf(chat.Thinking))
	for name, test := range map[string]struct {
		data []string
		want []chat.Event
	}{
		"events that it does not know, and another terminator": {
			[]string{
				created, `{"type":"response.queued","response":{}}`, `{"type":"response.web_search_call.searching","output_index":7,"delta":{"x":1}}`,
				`{"type":"response.output_text.annotation.added","annotation":{}}`, completes, `[DONE]`, textDelta, `not JSON`,
			},
			whole(),
		},
		"items that it does not know": {
			[]string{
				created, `{"type":"response.output_item.added","output_index":0,"item":{"type":"web_search_call"}}`,
				`{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"output_text"}}`,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"web_search_call","action":{}}}`, completes,
			},
			whole(),
		},
		"a part that it does not know": {
			[]string{created, textItem, `{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"output_audio"}}`, completes},
			whole(),
		},
		"a text that comes when it is done": {
			[]string{
				created, textItem, textPart0, `{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"all"}`,
				`{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{}}`, completes,
			},
			whole(opens(kindOf(chat.Text)), more("all"), partEnded()),
		},
		"a text that is said again when it is done": {
			[]string{created, textItem, textPart0, textDelta, `{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"a"}`, completes},
			whole(opens(kindOf(chat.Text)), more("a"), partEnded()),
		},
		"arguments that come when they are done": {
			[]string{created, callItem0, `{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{}"}`, completes},
			whole(opens(calling("c", "f")), more("{}"), partEnded()),
		},
		"arguments that come with the item": {
			[]string{created, callItem0, `{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","arguments":"{}"}}`, completes},
			whole(opens(calling("c", "f")), more("{}"), partEnded()),
		},
		"a summary of two parts": {
			[]string{
				created, thinkItem, `{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}`,
				`{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"a"}`,
				`{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"a"}`,
				`{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":""}}`,
				`{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"b"}`,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[],"encrypted_content":"e"}}`, completes,
			},
			whole(thinking, more("a"), more("\n\n"), more("b"), signed("e"), partEnded()),
		},
		"thoughts and their summary": {
			[]string{
				created, thinkItem, `{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":""}}`,
				`{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"t"}`,
				`{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":"t"}}`,
				`{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"s"}`,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning"}}`, completes,
			},
			whole(thinking, more("t"), partEnded()),
		},
		"thoughts that come with the item": {
			[]string{
				created, thinkItem,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[{"text":"a"},{"text":"b"}],"encrypted_content":"e"}}`, completes,
			},
			whole(thinking, more("a\n\nb"), signed("e"), partEnded()),
		},
		"thoughts of which nothing comes": {
			[]string{created, thinkItem, `{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[]}}`, completes},
			whole(),
		},
		"an item that begins before the other is done": {
			[]string{
				created, callItem0, callItem1, `{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{}"}`,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","arguments":""}}`,
				`{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","arguments":"{}"}}`, completes,
			},
			whole(opens(calling("c", "f")), partEnded(), opens(calling("d", "g")), more("{}"), partEnded()),
		},
		"a message whose parts are not said to be done": {
			[]string{
				created, textItem, textPart0, textDelta, `{"type":"response.content_part.added","output_index":0,"content_index":1,"part":{"type":"output_text"}}`,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"message"}}`, completes,
			},
			whole(opens(kindOf(chat.Text)), more("a"), partEnded(), opens(kindOf(chat.Text)), partEnded()),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readEvents(test.data...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStreamAgainstTheGrammarIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		data []string
		want error
	}{
		"no JSON":                     {[]string{`{`}, errEvent},
		"a list":                      {[]string{`[]`}, errEvent},
		"a wrong type":                {[]string{created, `{"type":"response.output_item.added","output_index":"0"}`}, errEvent},
		"an item before the response": {[]string{textItem}, errOrder},
		"the end before the response": {[]string{completes}, errOrder},
		"an end without its response": {[]string{created, `{"type":"response.completed"}`}, errEvent},
		"an item twice":               {[]string{created, textItem, textItem}, errPlace},
		"a part without its item":     {[]string{created, textPart0}, errPlace},
		"a part twice":                {[]string{created, textItem, textPart0, textPart0}, errPlace},
		"text without its part":       {[]string{created, textItem, textDelta}, errPlace},
		"text after its part": {
			[]string{created, textItem, textPart0, `{"type":"response.content_part.done","output_index":0,"content_index":0}`, textDelta}, errPlace,
		},
		"text that is done after its part": {
			[]string{created, textItem, textPart0, `{"type":"response.output_item.done","output_index":0}`, `{"type":"response.output_text.done","output_index":0,"content_index":0}`}, errPlace,
		},
		"arguments of a text":         {[]string{created, textItem, textPart0, `{"type":"response.function_call_arguments.delta","output_index":0,"delta":"x"}`}, errPlace},
		"arguments of a call closed":  {[]string{created, callItem0, callItem1, `{"type":"response.function_call_arguments.delta","output_index":0,"delta":"x"}`}, errPlace},
		"arguments done, of no call":  {[]string{created, `{"type":"response.function_call_arguments.done","output_index":0,"arguments":"x"}`}, errPlace},
		"thoughts of a text":          {[]string{created, textItem, `{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"x"}`}, errPlace},
		"thoughts after their item":   {[]string{created, thinkItem, `{"type":"response.output_item.done","output_index":0,"item":{}}`, `{"type":"response.reasoning_text.delta","output_index":0,"delta":"x"}`}, errPlace},
		"an item done that never was": {[]string{created, `{"type":"response.output_item.done","output_index":0,"item":{}}`}, errPlace},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := readEvents(test.data...); !errors.Is(err, test.want) {
				t.Errorf("%v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestFailuresOfProvidersAreTold(t *testing.T) {
	for name, test := range map[string]struct {
		data []string
		want exchange.Error
	}{
		"an error as the reference has it": {
			[]string{created, `{"type":"error","code":"server_error","message":"oops","param":null,"sequence_number":3}`},
			exchange.Error{Status: 502, Type: exchange.TypeUpstream, Code: "server_error", Message: "oops"},
		},
		"an error as it comes": {
			[]string{`{"type":"error","sequence_number":2,"error":{"type":"too_many_requests","code":"too_many_requests","message":"Too many","param":"p"}}`, created},
			exchange.Error{Status: 429, Type: exchange.TypeRateLimit, Code: "too_many_requests", Message: "Too many", Param: "p"},
		},
		"a failed response": {
			[]string{created, textItem, textPart0, `{"type":"response.failed","response":{"id":"resp_9","status":"failed","error":{"code":"invalid_prompt","message":"no"}}}`},
			exchange.Error{Status: 400, Type: exchange.TypeInvalidRequest, Code: "invalid_prompt", Message: "no"},
		},
		"a failed response after the error": {
			[]string{created, `{"type":"error","message":"first"}`, `{"type":"response.failed","response":{"error":{"message":"second"}}}`},
			exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "first"},
		},
		"an error of a type, without a code": {
			[]string{`{"type":"error","error":{"type":"authentication_error","message":"who?","code":401}}`},
			exchange.Error{Status: 401, Type: exchange.TypeAuthentication, Code: "401", Message: "who?"},
		},
		"nothing said": {
			[]string{`{"type":"response.failed"}`},
			exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "The provider could not finish its answer."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readEvents(test.data...)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Reason, test.want.Outcome = exchange.ReasonProviderErrorEvent, exchange.ProviderFailed
			last := got[len(got)-1]
			if diff := cmp.Diff(fails(&test.want), last); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnEventIsWhatItsNameSays(t *testing.T) {
	r := Encoder{}.NewReader()
	got, err := r.Read(nil, []byte("response.created"), []byte(`{"response":{"id":"resp_9","model":"gpt-5","created_at":12.0}}`))
	if diff := cmp.Diff([]chat.Event{began()}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
