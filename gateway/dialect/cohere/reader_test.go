// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/cohere"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var partWords = map[chat.PartKind]string{chat.Text: "text", chat.Thinking: "thinking", chat.Call: "call"}

var finishWords = map[chat.Finish]string{
	chat.Stopped: "stopped", chat.AtStop: "at stop", chat.AtLength: "at length", chat.CalledTools: "called tools", chat.Filtered: "filtered",
}

// line writes an event as a line.
func line(e *chat.Event) string {
	switch e.Kind {
	case chat.Began:
		return "began " + e.ID
	case chat.PartBegan:
		if e.Part.Kind == chat.Call {
			return "call " + e.Part.Call.ID + " " + e.Part.Call.Name
		}
		return partWords[e.Part.Kind]
	case chat.Delta:
		return "+ " + e.Text
	case chat.PartEnded:
		return "end"
	case chat.Finished:
		return finishWords[e.Finish]
	case chat.Used:
		return fmt.Sprintf("used %d+%d cached %d", e.Usage.Prompt, e.Usage.Completion, e.Usage.Cached)
	case chat.Ended:
		return "ended"
	case chat.Failed:
		return "failed " + said(e.Err)
	}
	return "signed"
}

func lines(events []chat.Event) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = line(&events[i])
	}
	return out
}

// follow reads a stream, given as the data of its events, to its end.
func follow(stream ...string) ([]chat.Event, error) {
	r := cohere.Encoder{}.NewReader()
	var events []chat.Event
	for _, data := range stream {
		var err error
		if events, err = r.Read(events, nil, []byte(data)); err != nil {
			return events, err
		}
	}
	return r.End(events)
}

const (
	start    = `{"id":"fba98ad3","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}`
	complete = `{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":18,"output_tokens":55},"tokens":{"input_tokens":27,"output_tokens":56},"cached_tokens":4}}}`
	bare     = `{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}`
	text0    = `{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}`
	thought0 = `{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}`
	end0     = `{"type":"content-end","index":0}`
	call0    = `{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_1","type":"function","function":{"name":"f","arguments":""}}}}}`
	args0    = `{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}`
	callEnd0 = `{"type":"tool-call-end","index":0}`
)

func adds(index int, member, text string) string {
	return fmt.Sprintf(`{"type":"content-delta","index":%d,"delta":{"message":{"content":{%q:%q}}}}`, index, member, text)
}

func TestStreamsAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		stream []string
		want   []string
	}{
		"a text with citations": {
			[]string{
				start, text0, adds(0, "text", "He"),
				`{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":2,"text":"He","sources":[]}}}}`,
				`{"type":"citation-end","index":0}`,
				adds(0, "text", "llo"), end0, complete, "[DONE]",
			},
			[]string{"began fba98ad3", "text", "+ He", "+ llo", "end", "stopped", "used 18+55 cached 4", "ended"},
		},
		"a thought and a text": {
			[]string{
				start, thought0, adds(0, "thinking", "hm"), end0,
				`{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":"a"}}}}`, adds(1, "text", "b"),
				`{"type":"content-end","index":1}`, complete,
			},
			[]string{"began fba98ad3", "thinking", "+ hm", "end", "text", "+ a", "+ b", "end", "stopped", "used 18+55 cached 4", "ended"},
		},
		"a plan and calls": {
			[]string{
				start,
				`{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}`, `{"type":"tool-plan-delta","delta":{"message":{"tool_plan":" will"}}}`,
				`{"type":"tool-plan-delta","delta":{"message":{"tool_plan":""}}}`,
				call0, args0, callEnd0,
				`{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":[{"id":"g_2","type":"function","function":{"name":"g","arguments":"{"}}]}}}`,
				`{"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":[{"function":{"arguments":"}"}}]}}}`,
				`{"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":[]}}}`,
				`{"type":"tool-call-end","index":1}`, bare,
			},
			[]string{
				"began fba98ad3", "text", "+ I", "+  will", "end", "call f_1 f", "+ {}", "end", "call g_2 g", "+ {", "+ }", "end",
				"called tools", "ended",
			},
		},
		"calls without an index, as of old": {
			[]string{
				start,
				strings.Replace(call0, `"index":0,`, "", 1), strings.Replace(args0, `"index":0,`, "", 1), `{"type":"tool-call-end"}`,
				strings.Replace(call0, `"index":0,`, "", 1), strings.Replace(args0, `"index":0,`, "", 1), `{"type":"tool-call-end"}`, bare,
			},
			[]string{"began fba98ad3", "call f_1 f", "+ {}", "end", "call f_1 f", "+ {}", "end", "called tools", "ended"},
		},
		"a call before its text ended": {
			[]string{start, text0, adds(0, "text", "a"), call0, end0, args0, callEnd0, bare},
			[]string{"began fba98ad3", "text", "+ a", "end", "call f_1 f", "+ {}", "end", "called tools", "ended"},
		},
		"contents without a start": {
			[]string{start, adds(0, "text", "a"), adds(0, "text", "b"), complete},
			[]string{"began fba98ad3", "text", "+ a", "+ b", "end", "stopped", "used 18+55 cached 4", "ended"},
		},
		"a thought that began without its type": {
			[]string{start, `{"type":"content-start","index":0}`, adds(0, "thinking", "a"), complete},
			[]string{"began fba98ad3", "text", "end", "thinking", "+ a", "end", "stopped", "used 18+55 cached 4", "ended"},
		},
		"nothing said, nor begun": {[]string{bare}, []string{"began ", "called tools", "ended"}},
		"what is not known": {
			[]string{start, `{"type":"debug","prompt":"x"}`, `{"type":"novel"}`, "", start, bare},
			[]string{"began fba98ad3", "called tools", "ended"},
		},
		"a bound": {
			[]string{start, `{"type":"message-end","delta":{"finish_reason":"MAX_TOKENS"}}`},
			[]string{"began fba98ad3", "at length", "ended"},
		},
		"a failure with a word": {
			[]string{start, text0, adds(0, "text", "a"), `{"type":"message-end","delta":{"finish_reason":"ERROR","error":"out of memory"}}`, "[DONE]"},
			[]string{"began fba98ad3", "text", "+ a", "failed 500 upstream_error out of memory"},
		},
		"a failure without one": {
			[]string{start, `{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}`},
			[]string{"began fba98ad3", "failed 504 upstream_error The provider's answer failed."},
		},
		"an error in place of an event": {[]string{start, `{"message":"too fast"}`}, []string{"began fba98ad3", "failed 500 upstream_error too fast"}},
		"an event of an error":          {[]string{`{"type":"error","message":"gone"}`}, []string{"failed 500 upstream_error gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := follow(test.stream...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, lines(events)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if wrong := disorder(events); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

func TestAStreamThatBreaksItsGrammarIsAnError(t *testing.T) {
	for name, stream := range map[string][]string{
		"no JSON":                             {"hello"},
		"half an object":                      {`{"type":`},
		"[DONE] before the end":               {start, "[DONE]"},
		"an event without a type":             {start, `{"index":0}`},
		"an end without a reason":             {start, `{"type":"message-end"}`},
		"a content that goes on":              {start, text0, end0, adds(0, "text", "a")},
		"a content that begins twice":         {start, text0, end0, text0},
		"a content that goes on after a call": {start, text0, call0, adds(0, "text", "a")},
		"a call that goes on":                 {start, call0, callEnd0, args0},
		"a call that begins twice":            {start, call0, callEnd0, call0},
		"a call that goes on after a text":    {start, call0, text0, args0},
		"a call of another index":             {start, call0, `{"type":"tool-call-delta","index":3,"delta":{}}`},
		"a call without a name":               {start, `{"type":"tool-call-start","index":0,"delta":{}}`},
		"content of another shape":            {start, `{"type":"content-delta","index":0,"delta":{"message":{"content":3}}}`},
		"calls of another shape":              {start, `{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":"x"}}}`},
	} {
		r := cohere.Encoder{}.NewReader()
		var events []chat.Event
		var err error
		for _, data := range stream {
			if events, err = r.Read(events, nil, []byte(data)); err != nil {
				break
			}
		}
		if err == nil {
			t.Errorf("%s: no error, but %v", name, lines(events))
		}
		if wrong := disorder(events); wrong != "" {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

func TestAStreamThatBreaksOffIsNotWhole(t *testing.T) {
	for name, stream := range map[string][]string{
		"nothing":               nil,
		"a beginning":           {start},
		"a text":                {start, text0, adds(0, "text", "a"), end0},
		"a call that is closed": {start, call0, args0, callEnd0},
	} {
		events, err := follow(stream...)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Join(lines(events), ","); strings.Contains(got, "ended") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// disorder says what is wrong with the order of events, "" where nothing is.
func disorder(events []chat.Event) string {
	open, finished, over := false, false, false
	for i := range events {
		e := &events[i]
		ok := !over && e.Choice == 0
		switch e.Kind {
		case chat.Began:
			ok = ok && i == 0
		case chat.PartBegan:
			ok = ok && !open && !finished && i > 0
			open = true
		case chat.Delta:
			ok = ok && open && e.Text != ""
		case chat.PartEnded:
			ok = ok && open
			open = false
		case chat.Finished:
			ok = ok && !open && !finished
			finished = true
		case chat.Used:
			ok = ok && i > 0 && e.Usage.Source == exchange.UsageReported
		case chat.Ended:
			ok = ok && finished
			over = true
		case chat.Failed:
			ok = ok && e.Err != nil
			over = true
		default:
			ok = false
		}
		if !ok {
			return "out of place: " + line(e)
		}
	}
	return ""
}

// Whatever Cohere streams, events come in their order, and the stream is whole only if it was ended.
func FuzzReader(f *testing.F) {
	for _, stream := range [][]string{
		{start, text0, adds(0, "text", "a"), end0, complete, "[DONE]"},
		{start, thought0, adds(0, "thinking", "a"), end0, adds(1, "text", "b"), complete},
		{start, `{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}`, call0, args0, callEnd0, bare},
		{`{"message":"x"}`},
	} {
		f.Add([]byte(strings.Join(stream, "\n")))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := cohere.Encoder{}.NewReader()
		var events []chat.Event
		var err error
		for data := range bytes.SplitSeq(stream, []byte("\n")) {
			if events, err = r.Read(events, nil, data); err != nil {
				break
			}
		}
		if wrong := disorder(events); wrong != "" {
			t.Fatalf("%s in %v", wrong, lines(events))
		}
		if err != nil {
			return
		}
		over := len(events) > 0 && (events[len(events)-1].Kind == chat.Ended || events[len(events)-1].Kind == chat.Failed)
		if _, err := r.End(nil); (err == nil) != over {
			t.Fatalf("%v after %v", err, lines(events))
		}
	})
}
