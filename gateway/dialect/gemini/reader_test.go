// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// piece is one response of a stream with the given members of its only candidate.
func piece(members string) string {
	return `{"candidates":[{` + members + `,"index":0}],"modelVersion":"m","responseId":"r"}`
}

func parts(inner string) string { return piece(`"content":{"parts":[` + inner + `],"role":"model"}`) }

// read gives the events of a stream.
func read(chunks ...string) ([]chat.Event, error) {
	r := Encoder{}.NewReader()
	var events []chat.Event
	var err error
	for _, chunk := range chunks {
		if events, err = r.Read(events, nil, []byte(chunk)); err != nil {
			return events, err
		}
	}
	return r.End(events)
}

func began(kind chat.PartKind) chat.Event {
	return chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: kind}}
}

func delta(text string) chat.Event  { return chat.Event{Kind: chat.Delta, Text: text} }
func signed(text string) chat.Event { return chat.Event{Kind: chat.Signed, Text: text} }

var (
	start = chat.Event{Kind: chat.Began, ID: "r", Model: "m"}
	ended = chat.Event{Kind: chat.PartEnded}
	over  = chat.Event{Kind: chat.Ended}
)

func finished(f chat.Finish) chat.Event { return chat.Event{Kind: chat.Finished, Finish: f} }

func TestStreams(t *testing.T) {
	for name, test := range map[string]struct {
		chunks []string
		want   []chat.Event
	}{
		"text in pieces, and usage that grows": {
			[]string{
				`{"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4},"modelVersion":"m","responseId":"r"}`,
				`{"candidates":[{"content":{"parts":[{"text":"lo"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"totalTokenCount":6},"modelVersion":"m","responseId":"r"}`,
			},
			[]chat.Event{
				start, began(chat.Text), delta("Hel"),
				{Kind: chat.Used, Usage: exchange.Usage{Prompt: 4, Total: 4, Source: exchange.UsageReported}},
				delta("lo"), ended, finished(chat.Stopped),
				{Kind: chat.Used, Usage: exchange.Usage{Prompt: 4, Completion: 2, Total: 6, Source: exchange.UsageReported}},
				over,
			},
		},
		"thoughts, then text, then a signature in a piece of its own": {
			[]string{
				parts(`{"text":"hm","thought":true}`), parts(`{"text":"!","thought":true}`), parts(`{"text":"Yes"}`),
				piece(`"content":{"parts":[{"text":"","thoughtSignature":"QQ=="}]},"finishReason":"STOP"`),
			},
			[]chat.Event{
				start, began(chat.Thinking), delta("hm"), delta("!"), ended,
				began(chat.Text), delta("Yes"), signed("QQ=="), ended, finished(chat.Stopped), over,
			},
		},
		"text that goes on after a signature is another part": {
			[]string{parts(`{"text":"a","thoughtSignature":"QQ=="},{"text":"b"}`), piece(`"finishReason":"STOP"`)},
			[]chat.Event{start, began(chat.Text), delta("a"), signed("QQ=="), ended, began(chat.Text), delta("b"), ended, finished(chat.Stopped), over},
		},
		"calls are whole": {
			[]string{
				parts(`{"text":"Looking"},{"functionCall":{"id":"g1","name":"f","args":{"a":1}},"thoughtSignature":"QQ=="}`),
				parts(`{"functionCall":{"name":"g"}}`), piece(`"content":{"parts":[{"text":""}]},"finishReason":"STOP"`),
			},
			[]chat.Event{
				start, began(chat.Text), delta("Looking"), ended,
				{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: "g1", Name: "f"}}}, delta(`{"a":1}`), signed("QQ=="), ended,
				{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: "call_r_0", Name: "g"}}}, delta(`{}`), ended,
				finished(chat.CalledTools), over,
			},
		},
		"a bound": {
			[]string{parts(`{"text":"a"}`), piece(`"finishReason":"MAX_TOKENS"`)},
			[]chat.Event{start, began(chat.Text), delta("a"), ended, finished(chat.AtLength), over},
		},
		"a filter in the middle": {
			[]string{parts(`{"text":"a"}`), piece(`"finishReason":"SAFETY","safetyRatings":[]`)},
			[]chat.Event{start, began(chat.Text), delta("a"), ended, finished(chat.Filtered), over},
		},
		"a malformed call is no success": {
			[]string{piece(`"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"x"`)},
			[]chat.Event{start, finished(chat.Filtered), over},
		},
		"a blocked prompt": {
			[]string{`{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3},"modelVersion":"m","responseId":"r"}`},
			[]chat.Event{
				start, finished(chat.Filtered),
				{Kind: chat.Used, Usage: exchange.Usage{Prompt: 3, Total: 3, Source: exchange.UsageReported}}, over,
			},
		},
		"feedback that blocks nothing": {
			[]string{`{"promptFeedback":{"safetyRatings":[]},"modelVersion":"m","responseId":"r"}`, piece(`"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"`)},
			[]chat.Event{start, began(chat.Text), delta("a"), ended, finished(chat.Stopped), over},
		},
		"a reason that is told twice": {
			[]string{piece(`"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"`), piece(`"content":{"parts":[{"text":""}]},"finishReason":"STOP"`)},
			[]chat.Event{start, began(chat.Text), delta("a"), ended, finished(chat.Stopped), over},
		},
		"two candidates, side by side": {
			[]string{
				`{"candidates":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"index":1}],"modelVersion":"m","responseId":"r"}`,
				`{"candidates":[{"content":{"parts":[{"text":"B"}]},"finishReason":"STOP","index":1}]}`,
				`{"candidates":[{"content":{"parts":[{"text":"A"}]},"finishReason":"MAX_TOKENS"}]}`,
			},
			[]chat.Event{
				start, began(chat.Text), delta("a"),
				{Kind: chat.PartBegan, Choice: 1}, {Kind: chat.Delta, Choice: 1, Text: "b"}, {Kind: chat.Delta, Choice: 1, Text: "B"},
				{Kind: chat.PartEnded, Choice: 1}, {Kind: chat.Finished, Choice: 1, Finish: chat.Stopped},
				delta("A"), ended, finished(chat.AtLength), over,
			},
		},
		"log probabilities come with the text": {
			[]string{piece(`"content":{"parts":[{"text":"t","thought":true},{"text":"a"},{"text":"b"}]},"finishReason":"STOP","logprobsResult":{"chosenCandidates":[{"token":"ab","logProbability":-1}]}`)},
			[]chat.Event{
				start, began(chat.Thinking), delta("t"), ended, began(chat.Text),
				{Kind: chat.Delta, Text: "a", LogProbs: []byte(`{"content":[{"token":"ab","logprob":-1,"bytes":null,"top_logprobs":[]}]}`)},
				delta("b"), ended, finished(chat.Stopped), over,
			},
		},
		"an error in the middle": {
			[]string{parts(`{"text":"a"}`), "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"The model is overloaded.\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n"},
			[]chat.Event{start, began(chat.Text), delta("a"), {Kind: chat.Failed, Err: &exchange.Error{
				Status: 503, Type: exchange.TypeUpstream, Code: "UNAVAILABLE", Message: "The model is overloaded.",
				Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
			}}},
		},
		"an error after what looked like the end": {
			[]string{piece(`"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"`), `{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}`},
			[]chat.Event{start, began(chat.Text), delta("a"), ended, finished(chat.Stopped), {Kind: chat.Failed, Err: &exchange.Error{
				Status: 429, Type: exchange.TypeRateLimit, Code: "RESOURCE_EXHAUSTED", Message: "The model's provider answered with status 429.",
				Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed, RetryAfter: 1500e6,
			}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(test.chunks...)
			failed := got[len(got)-1].Kind == chat.Failed
			if err != nil && !failed || failed && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestStreamsThatBreakOffAreNotWhole(t *testing.T) {
	for name, chunks := range map[string][]string{
		"before anything":                   nil,
		"in the text":                       {parts(`{"text":"a"}`)},
		"after a call":                      {parts(`{"functionCall":{"name":"f"}}`)},
		"with nothing but usage":            {`{"usageMetadata":{"promptTokenCount":1,"totalTokenCount":1}}`},
		"with one of two candidates":        {`{"candidates":[{"finishReason":"STOP","index":0},{"content":{"parts":[{"text":"b"}]},"index":1}]}`},
		"with a reason that says nothing":   {piece(`"content":{"parts":[{"text":"a"}]},"finishReason":"FINISH_REASON_UNSPECIFIED"`)},
		"with feedback that blocks nothing": {`{"promptFeedback":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(chunks...)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v", err)
			}
			for _, e := range got {
				if e.Kind == chat.Ended {
					t.Error("an end was made up")
				}
			}
		})
	}
}

func TestStreamsThatBreakTheirGrammar(t *testing.T) {
	stop := piece(`"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"`)
	for name, chunks := range map[string][]string{
		"no JSON":                         {`data`},
		"a list":                          {`[]`},
		"a negative index":                {`{"candidates":[{"index":-1}]}`},
		"an index beyond all":             {`{"candidates":[{"index":1000000000}]}`},
		"text after the finish":           {stop, parts(`{"text":"b"}`)},
		"a call after the finish":         {stop, parts(`{"functionCall":{"name":"f"}}`)},
		"a candidate of a blocked prompt": {`{"promptFeedback":{"blockReason":"SAFETY"}}`, stop},
		"an image":                        {parts(`{"inlineData":{"mimeType":"image/png","data":"AAAA"}}`)},
		"a call of nothing":               {parts(`{"functionCall":{}}`)},
		"more after an error":             {`{"error":{"code":500}}`, stop},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := read(chunks...); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// follow says where events break the order that writers rely on.
func follow(events []chat.Event) string {
	open, done := map[int]bool{}, map[int]bool{}
	for i, e := range events {
		switch e.Kind {
		case chat.Began:
			if i != 0 {
				return "a second beginning"
			}
		case chat.PartBegan:
			if open[e.Choice] || done[e.Choice] {
				return "parts overlap"
			}
			open[e.Choice] = true
		case chat.Delta, chat.Signed:
			if !open[e.Choice] {
				return "a piece of no part"
			}
		case chat.PartEnded:
			if !open[e.Choice] {
				return "an end of no part"
			}
			open[e.Choice] = false
		case chat.Finished:
			if open[e.Choice] || done[e.Choice] {
				return "a finish too soon, or twice"
			}
			done[e.Choice] = true
		case chat.Ended, chat.Failed:
			if i != len(events)-1 {
				return "something after the last"
			}
		case chat.Used:
		}
	}
	return ""
}

func FuzzReader(f *testing.F) {
	f.Add(parts(`{"text":"a","thought":true},{"text":"b","thoughtSignature":"QQ=="},{"functionCall":{"name":"f","args":{}}}`) + "\n" + piece(`"finishReason":"STOP"`))
	f.Add(`{"candidates":[{"index":1,"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},{"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":5}}`)
	f.Add(`{"promptFeedback":{"blockReason":"SAFETY"}}` + "\n" + `{"error":{"code":503}}`)
	f.Fuzz(func(t *testing.T, stream string) {
		events, err := read(strings.Split(stream, "\n")...)
		if fault := follow(events); fault != "" {
			t.Errorf("%s: %+v", fault, events)
		}
		if ended := len(events) > 0 && events[len(events)-1].Kind == chat.Ended; ended != (err == nil) {
			t.Errorf("ended %t with %v", ended, err)
		}
		sse := Decoder{}.NewWriter(nil, chat.Meta{ID: "i", Model: "m"})
		list := Decoder{}.NewArrayWriter(nil, chat.Meta{ID: "i", Model: "m"})
		var a, b []byte
		for i := range events {
			a, b = sse.Write(a, &events[i]), list.Write(b, &events[i])
		}
		checkStreams(t, string(a), string(b), err == nil)
	})
}
