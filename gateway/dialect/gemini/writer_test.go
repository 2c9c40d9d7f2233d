// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// checkStreams says that what is written is of its framing, and that only a whole stream looks whole.
func checkStreams(t *testing.T, sse, list string, isWhole bool) {
	t.Helper()
	blocks := strings.Split(sse, "\n\n")
	for i, block := range blocks {
		data, framed := strings.CutPrefix(block, "data: ")
		last := i == len(blocks)-1
		if block == "" && last {
			continue
		}
		if !json.Valid([]byte(data)) || framed == last {
			t.Errorf("block %d of %d: %q", i, len(blocks), block)
		}
	}
	if json.Valid([]byte(list)) != isWhole {
		t.Errorf("whole %t: %q", isWhole, list)
	}
	if isWhole && !strings.Contains(blocks[max(len(blocks)-2, 0)], `"finishReason"`) {
		t.Errorf("no reason at the end: %q", sse)
	}
}

// written gives the streams of both framings, and the responses of the first.
func writtenBy(events ...chat.Event) (sse, list string, responses []string) {
	meta := chat.Meta{ID: "id", Model: "model", Created: 5}
	a, b := Decoder{}.NewWriter(nil, meta), Decoder{}.NewArrayWriter(nil, meta)
	var x, y []byte
	for i := range events {
		x, y = a.Write(x, &events[i]), b.Write(y, &events[i])
	}
	for _, block := range strings.Split(string(x), "\n\n") {
		if data, ok := strings.CutPrefix(block, "data: "); ok {
			responses = append(responses, data)
		}
	}
	return string(x), string(y), responses
}

// textPiece is a response of one part.
func textPiece(p string) string {
	return `{"candidates":[{"content":{"parts":[` + p + `],"role":"model"},"index":0}],"modelVersion":"model","responseId":"id"}`
}

func lastPiece(reason string) string {
	return `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"` + reason + `","index":0}],"modelVersion":"model","responseId":"id"}`
}

func callBegan(id, name string) chat.Event {
	return chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: name}}}
}

func TestStreamsAreWritten(t *testing.T) {
	usage := exchange.Usage{Prompt: 5, Completion: 7, Total: 12, Reasoning: 2, Source: exchange.UsageReported}
	for name, test := range map[string]struct {
		events []chat.Event
		want   []string
	}{
		"text, and the usage at the end": {
			[]chat.Event{{}, began(chat.Text), delta("Hel"), delta("lo"), ended, finished(chat.Stopped), {Kind: chat.Used, Usage: usage}, over},
			[]string{
				textPiece(`{"text":"Hel"}`), textPiece(`{"text":"lo"}`),
				strings.Replace(lastPiece("STOP"), `"modelVersion"`, `"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":5,"totalTokenCount":12,"thoughtsTokenCount":2},"modelVersion"`, 1),
			},
		},
		"the provider's own names": {
			[]chat.Event{{Kind: chat.Began, ID: "own", Model: "theirs"}, began(chat.Text), delta("a"), ended, finished(chat.AtStop), over},
			[]string{
				`{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}],"modelVersion":"theirs","responseId":"own"}`,
				`{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"modelVersion":"theirs","responseId":"own"}`,
			},
		},
		"a thought with its signature": {
			[]chat.Event{{}, began(chat.Thinking), delta("hm"), signed("sig"), ended, began(chat.Text), delta("a"), ended, finished(chat.AtLength), over},
			[]string{
				textPiece(`{"text":"hm","thought":true}`), textPiece(`{"text":"","thought":true,"thoughtSignature":"` + wrapSignature("sig") + `"}`),
				textPiece(`{"text":"a"}`), lastPiece("MAX_TOKENS"),
			},
		},
		"a thought that only its provider can read": {
			[]chat.Event{{}, began(chat.Redacted), signed("box"), ended, finished(chat.Stopped), over},
			[]string{textPiece(`{"thought":true,"thoughtSignature":"` + wrapSignature("box") + `"}`), lastPiece("STOP")},
		},
		"calls are whole": {
			[]chat.Event{
				{}, callBegan("c1", "f"), delta(`{"a"`), delta(`:1}`), signed("sig"), ended,
				callBegan("c2", "g"), ended, finished(chat.CalledTools), over,
			},
			[]string{
				textPiece(`{"functionCall":{"id":"c1","name":"f","args":{"a":1}},"thoughtSignature":"` + wrapSignature("sig") + `"}`),
				textPiece(`{"functionCall":{"id":"c2","name":"g","args":{}}}`), lastPiece("STOP"),
			},
		},
		"a malformed call is told": {
			[]chat.Event{{}, callBegan("c1", "f"), delta(`{"a"`), ended, finished(chat.CalledTools), over},
			[]string{lastPiece("MALFORMED_FUNCTION_CALL")},
		},
		"a call that is cut off": {
			[]chat.Event{{}, callBegan("c1", "f"), delta(`{"a"`), ended, finished(chat.AtLength), over},
			[]string{lastPiece("MAX_TOKENS")},
		},
		"a refusal": {
			[]chat.Event{{}, began(chat.Refusal), delta("no"), ended, finished(chat.Declined), over},
			[]string{textPiece(`{"text":"no"}`), lastPiece("SAFETY")},
		},
		"log probabilities": {
			[]chat.Event{{}, began(chat.Text), {Kind: chat.Delta, Text: "a", LogProbs: []byte(`{"content":[{"token":"a","logprob":-1}]}`)}, ended, finished(chat.Stopped), over},
			[]string{
				`{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0,"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}]}}],"modelVersion":"model","responseId":"id"}`,
				lastPiece("STOP"),
			},
		},
		"two choices": {
			[]chat.Event{
				{}, {Kind: chat.PartBegan, Choice: 1}, {Kind: chat.Delta, Choice: 1, Text: "b"}, began(chat.Text), delta("a"),
				ended, {Kind: chat.PartEnded, Choice: 1}, {Kind: chat.Finished, Choice: 1, Finish: chat.Filtered}, finished(chat.Stopped), over,
			},
			[]string{
				strings.Replace(textPiece(`{"text":"b"}`), `"index":0`, `"index":1`, 1), textPiece(`{"text":"a"}`),
				`{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"SAFETY","index":1},
				  {"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"modelVersion":"model","responseId":"id"}`,
			},
		},
		"lines stay lines": {
			[]chat.Event{{}, began(chat.Text), delta("a\n\nb\r\n\u2028"), ended, finished(chat.Stopped), over},
			[]string{textPiece(`{"text":"a\n\nb\r\n\u2028"}`), lastPiece("STOP")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sse, list, got := writtenBy(test.events...)
			if len(got) != len(test.want) {
				t.Fatalf("%d responses, want %d:\n%s", len(got), len(test.want), sse)
			}
			for i := range got {
				equalJSON(t, test.want[i], got[i])
			}
			checkStreams(t, sse, list, true)
			equalJSON(t, "["+strings.Join(got, ",")+"]", list)
		})
	}
}

var failedEvent = chat.Event{Kind: chat.Failed, Err: &exchange.Error{
	Status: 503, Message: "The provider is overloaded.", Cause: nil, Reason: exchange.ReasonProviderErrorEvent,
}}

func TestAFailureNeverLooksWhole(t *testing.T) {
	const failure = `{"error":{"code":503,"message":"The provider is overloaded.","status":"UNAVAILABLE"}}`
	for name, test := range map[string]struct {
		events    []chat.Event
		sse, list string
	}{
		"at once":                  {[]chat.Event{failedEvent}, failure, `[` + failure},
		"in the text":              {[]chat.Event{{}, began(chat.Text), delta("a"), failedEvent}, "data: " + textPiece(`{"text":"a"}`) + "\n\n" + failure, `[` + textPiece(`{"text":"a"}`) + ",\n" + failure},
		"after the finish":         {[]chat.Event{{}, finished(chat.Stopped), failedEvent}, failure, `[` + failure},
		"and what follows is lost": {[]chat.Event{failedEvent, began(chat.Text), delta("a"), finished(chat.Stopped), over}, failure, `[` + failure},
	} {
		t.Run(name, func(t *testing.T) {
			sse, list, _ := writtenBy(test.events...)
			if diff := cmp.Diff([]string{test.sse, test.list}, []string{sse, list}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			checkStreams(t, sse, list, false)
		})
	}
}

func TestAStreamThatJustStopsIsNotWhole(t *testing.T) {
	sse, list, _ := writtenBy(chat.Event{}, began(chat.Text), delta("a"), ended, finished(chat.Stopped))
	if strings.Contains(sse, "finishReason") || json.Valid([]byte(list)) {
		t.Errorf("%s\n%s", sse, list)
	}
}

func TestWhatIsGatheredOfACallIsBounded(t *testing.T) {
	events := []chat.Event{{}, callBegan("c", "f"), delta(strings.Repeat(" ", maxArguments)), delta(" "), ended, finished(chat.CalledTools), over}
	sse, list, _ := writtenBy(events...)
	if !strings.HasPrefix(sse, `{"error":{"code":502,`) || strings.Contains(sse, "finishReason") {
		t.Errorf("%.100s", sse)
	}
	checkStreams(t, sse, list, false)
}

func TestTheGatewayIsToldThatACallIsTooLong(t *testing.T) {
	w, ok := Decoder{}.NewWriter(nil, chat.Meta{}).(chat.Bounded)
	if !ok {
		t.Fatal("the writer has no bound")
	}
	for _, e := range []chat.Event{{}, callBegan("c", "f"), delta(strings.Repeat(" ", maxArguments))} {
		w.Write(nil, &e)
	}
	if w.Full() != nil {
		t.Fatalf("full at the bound: %v", w.Full())
	}
	w.Write(nil, &chat.Event{Kind: chat.Delta, Text: " "})
	if e := w.Full(); e == nil || e.Reason != exchange.ReasonResponseTooLarge || !e.Outcome.ProviderFault() {
		t.Errorf("%+v", e)
	}
}

func TestAnEmptyArrayIsAnArray(t *testing.T) {
	if got := string((&array{}).end(nil)); got != "[]" {
		t.Errorf("%s", got)
	}
}

// What a client keeps of a stream comes back as the conversation it was.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	_, _, responses := writtenBy(chat.Event{}, began(chat.Thinking), delta("h"), delta("m"), signed("sig/+="), ended,
		began(chat.Redacted), signed("box"), ended, began(chat.Text), delta("Hel"), delta("lo"), ended,
		callBegan("c1", "f"), delta(`{"a":1}`), ended, finished(chat.CalledTools), over)
	var kept []string
	for _, r := range responses {
		var w struct {
			Candidates []struct{ Content json.RawMessage }
		}
		if err := json.Unmarshal([]byte(r), &w); err != nil {
			t.Fatal(err)
		}
		var c struct{ Parts []json.RawMessage }
		if err := json.Unmarshal(w.Candidates[0].Content, &c); err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Parts {
			kept = append(kept, string(p))
		}
	}
	got, refused := Decoder{}.DecodeRequest([]byte(`{"contents":[{"role":"model","parts":[` + strings.Join(kept, ",") + `]}]}`))
	if refused != nil {
		t.Fatal(refused.Message)
	}
	for i := range got.Messages[0].Parts {
		got.Messages[0].Parts[i].At = ""
	}
	if diff := cmp.Diff([]chat.Part{
		{Kind: chat.Thinking, Text: "hm", Signature: "sig/+="}, {Kind: chat.Redacted, Signature: "box"},
		{Text: "Hel"}, {Text: "lo"}, {Kind: chat.Call, Call: &chat.ToolCall{ID: "c1", Name: "f", Arguments: `{"a":1}`}},
	}, got.Messages[0].Parts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
