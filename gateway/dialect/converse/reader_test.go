// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	spark "github.com/sparkgateway/spark/gateway/eventstream"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// read feeds lines of "name data" to a reader, and tells the end of the stream unless something was wrong before.
func read(lines string) (events []chat.Event, err error) {
	r := Encoder{}.NewReader()
	for line := range strings.Lines(lines) {
		name, data, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if events, err = r.Read(events, []byte(name), []byte(data)); err != nil {
			return events, err
		}
	}
	return r.End(events)
}

// tell writes events one a line, short enough to be compared by eye.
func tell(events []chat.Event) string {
	var b strings.Builder
	for _, e := range events {
		switch e.Kind {
		case chat.Began:
			b.WriteString("began")
		case chat.PartBegan:
			fmt.Fprintf(&b, "part %d", e.Part.Kind)
			if e.Part.Call != nil {
				fmt.Fprintf(&b, " %s %s", e.Part.Call.ID, e.Part.Call.Name)
			}
		case chat.Delta:
			b.WriteString("delta " + e.Text)
		case chat.Signed:
			b.WriteString("signed " + e.Text)
		case chat.PartEnded:
			b.WriteString("part ended")
		case chat.Finished:
			fmt.Fprintf(&b, "finished %d %s", e.Finish, e.StopSequence)
		case chat.Used:
			fmt.Fprintf(&b, "used %d %d %d %d %d", e.Usage.Prompt, e.Usage.Completion, e.Usage.Total, e.Usage.Cached, e.Usage.CacheWritten)
		case chat.Ended:
			b.WriteString("ended")
		case chat.Failed:
			fmt.Fprintf(&b, "failed %d %s %s", e.Err.Status, e.Err.Code, e.Err.Message)
		}
		b.WriteString("\n")
	}
	return b.String()
}

const (
	begin = `messageStart {"role":"assistant","p":"abcd"}` + "\n"
	end   = `messageStop {"stopReason":"end_turn","p":"ab"}` + "\n"
	used  = `metadata {"metrics":{"latencyMs":900},"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15}}` + "\n"
)

// lines joins the lines of an expectation.
func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

func TestStreamsAreRead(t *testing.T) {
	tests := map[string]struct {
		stream, want string
	}{
		"a text, which has no start of its own": {
			stream: begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"Hel"},"p":"abc"}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"text":""}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"lo."}}
				contentBlockStop {"contentBlockIndex":0}
				` + end + used,
			want: lines("began", "part 0", "delta Hel", "delta lo.", "part ended", "finished 1 ", "used 10 5 15 0 0", "ended"),
		},
		"thoughts, a text and two calls": {
			stream: begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"H"}}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"m."}}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"si"}}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"g"}}}
				contentBlockStop {"contentBlockIndex":0}
				contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"c2U="}}}
				contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"Y3JldA=="}}}
				contentBlockStop {"contentBlockIndex":1}
				contentBlockDelta {"contentBlockIndex":2,"delta":{"text":"I look."}}
				contentBlockStop {"contentBlockIndex":2}
				contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"tooluse_1","name":"weather"}}}
				contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"city\":"}}}
				contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"\"Rome\"}"}}}
				contentBlockStop {"contentBlockIndex":3}
				contentBlockStart {"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"tooluse_2","name":"now"}}}
				contentBlockStop {"contentBlockIndex":4}
				messageStop {"stopReason":"tool_use"}
				` + used,
			want: lines("began", "part 6", "delta H", "delta m.", "signed sig", "part ended", "part 7", "signed c2VjcmV0", "part ended",
				"part 0", "delta I look.", "part ended", "part 8 tooluse_1 weather", `delta {"city":`, `delta "Rome"}`, "part ended",
				"part 8 tooluse_2 now", "part ended", "finished 4 ", "used 10 5 15 0 0", "ended"),
		},
		"thoughts that are not shown": {
			stream: begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"sig"}}}
				contentBlockStop {"contentBlockIndex":0}
				` + end,
			want: lines("began", "part 6", "signed sig", "part ended", "finished 1 ", "ended"),
		},
		"a start that says nothing": {
			stream: begin + `contentBlockStart {"contentBlockIndex":0,"start":{}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
				` + end + used,
			want: lines("began", "part 0", "delta a", "part ended", "finished 1 ", "used 10 5 15 0 0", "ended"),
		},
		"without metadata the end of the stream ends it": {stream: begin + end, want: lines("began", "finished 1 ", "ended")},
		"metadata that comes early": {
			stream: begin + used + end, want: lines("began", "used 10 5 15 0 0", "finished 1 ", "ended"),
		},
		"metadata that tells no usage": {stream: begin + end + `metadata {"metrics":{}}`, want: lines("began", "finished 1 ", "ended")},
		"what was cached is part of the prompt": {
			stream: begin + end + `metadata {"usage":{"inputTokens":1,"outputTokens":2,"cacheReadInputTokens":30,"cacheWriteInputTokens":400}}`,
			want:   lines("began", "finished 1 ", "used 431 2 433 30 400", "ended"),
		},
		"the stop sequence is a level below": {
			stream: begin + `messageStop {"stopReason":"stop_sequence","additionalModelResponseFields":{"delta":{"stop_sequence":"END"}}}`,
			want:   lines("began", "finished 2 END", "ended"),
		},
		"a block that stops without having begun": {
			stream: begin + `contentBlockStop {"contentBlockIndex":0}
				contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"a"}}
				` + end,
			want: lines("began", "part 0", "delta a", "part ended", "finished 1 ", "ended"),
		},
		"blocks that overlap are closed": {
			stream: begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
				contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"now"}}}
				contentBlockStop {"contentBlockIndex":0}
				contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}
				contentBlockStop {"contentBlockIndex":1}
				` + end,
			want: lines("began", "part 0", "delta a", "part ended", "part 8 t now", "delta {}", "part ended", "finished 1 ", "ended"),
		},
		"a block that changes its kind is two parts": {
			stream: begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm."}}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
				` + end,
			want: lines("began", "part 6", "delta Hm.", "part ended", "part 0", "delta a", "part ended", "finished 1 ", "ended"),
		},
		"what was not asked for is passed over": {
			stream: begin + `initial-response {}
				contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"search","type":"server_tool_use"}}}
				contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}
				contentBlockStop {"contentBlockIndex":0}
				contentBlockStart {"contentBlockIndex":1,"start":{"toolResult":{"toolUseId":"t"}}}
				contentBlockDelta {"contentBlockIndex":1,"delta":{"toolResult":[{"text":"found"}]}}
				contentBlockStop {"contentBlockIndex":1}
				contentBlockStart {"contentBlockIndex":2,"start":{"image":{"format":"png"}}}
				contentBlockDelta {"contentBlockIndex":3,"delta":{"text":"a"}}
				contentBlockDelta {"contentBlockIndex":3,"delta":{"citation":{"title":"b"}}}
				` + end,
			want: lines("began", "part 0", "delta a", "part ended", "finished 1 ", "ended"),
		},
		"an exception in the middle": {
			stream: begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
				modelStreamErrorException {"message":"The model broke.","originalStatusCode":500}`,
			want: lines("began", "part 0", "delta a", "failed 502 modelStreamErrorException The model broke."),
		},
		"an exception at once":          {stream: `throttlingException {"message":"Slow."}`, want: lines("failed 429 throttlingException Slow.")},
		"an exception after the stop":   {stream: begin + end + `internalServerException {"message":"Oh."}`, want: lines("began", "finished 1 ", "failed 500 internalServerException Oh.")},
		"a validation that came late":   {stream: `validationException {"message":"Bad."}`, want: lines("failed 400 validationException Bad.")},
		"not available":                 {stream: `serviceUnavailableException {}`, want: lines("failed 503 serviceUnavailableException The provider answered with an error: Service Unavailable.")},
		"too late":                      {stream: `modelTimeoutException {"message":"Late."}`, want: lines("failed 504 modelTimeoutException Late.")},
		"an exception of a later day":   {stream: `boredException {"message":"Bored."}`, want: lines("failed 502 boredException Bored.")},
		"an error by its code":          {stream: `InternalError it broke`, want: lines("failed 502 InternalError it broke")},
		"no access quotes no one":       {stream: `accessDeniedException {"message":"arn:aws:iam::1:user/x"}`, want: lines("failed 403 accessDeniedException The provider did not accept the gateway's credential.")},
		"malformed output is a failure": {stream: begin + `messageStop {"stopReason":"malformed_tool_use"}`, want: lines("began", "failed 502 modelStreamErrorException What the model wrote was malformed.")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			events, err := read(tc.stream)
			if err != nil {
				t.Errorf("%v after\n%s", err, tell(events))
			}
			if diff := cmp.Diff(tc.want, tell(events)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if fault := disorder(events); fault != "" {
				t.Error(fault)
			}
		})
	}
}

func TestStreamsThatBreakTheirGrammarAreErrors(t *testing.T) {
	text := func(index int) string {
		return fmt.Sprintf("contentBlockDelta {\"contentBlockIndex\":%d,\"delta\":{\"text\":\"a\"}}\n", index)
	}
	stop := func(index int) string { return fmt.Sprintf("contentBlockStop {\"contentBlockIndex\":%d}\n", index) }
	tests := map[string]struct {
		stream string
		want   error
	}{
		"nothing":                              {"", io.ErrUnexpectedEOF},
		"only a start":                         {begin, io.ErrUnexpectedEOF},
		"an end in the middle of a block":      {begin + text(0), io.ErrUnexpectedEOF},
		"usage but no stop":                    {begin + text(0) + used, io.ErrUnexpectedEOF},
		"no start":                             {text(0), errOrder},
		"usage before the start":               {used, errOrder},
		"a stop before the start":              {end, errOrder},
		"two starts":                           {begin + begin, errOrder},
		"two stops":                            {begin + end + end, errOrder},
		"text after the stop":                  {begin + end + text(0), errOrder},
		"anything after the end":               {begin + end + used + used, errOrder},
		"anything after a failure":             {"throttlingException {}\n" + begin, errOrder},
		"a block that goes on":                 {begin + text(0) + stop(0) + text(0), errContinued},
		"a block that goes on after another":   {begin + text(0) + text(1) + text(0), errContinued},
		"a block before one that began":        {begin + text(1) + text(0), errContinued},
		"a block that begins again":            {begin + text(1) + stop(1) + `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"n"}}}`, errContinued},
		"a start in the middle of its block":   {begin + text(1) + `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"n"}}}`, errOrder},
		"arguments without a call":             {begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}`, errNoCall},
		"arguments in a text":                  {begin + text(0) + `contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}`, errNoCall},
		"an index below nothing":               {begin + text(-1), errOrder},
		"redacted thoughts that are no base64": {begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"?"}}}`, errSignature},
		"text that is a number":                {begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":7}}`, nil},
		"a stop that is no JSON":               {begin + `messageStop no`, nil},
		"metadata that is no JSON":             {begin + end + `metadata no`, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			events, err := read(tc.stream)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%v after\n%s", err, tell(events))
			}
			for _, e := range events {
				if e.Kind == chat.Ended && !errors.Is(tc.want, errOrder) {
					t.Error("the end was told")
				}
			}
		})
	}
}

func TestSignaturesAreBounded(t *testing.T) {
	r := Encoder{}.NewReader()
	if _, err := r.Read(nil, []byte("messageStart"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	delta := []byte(`{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"` + strings.Repeat("x", 1<<20) + `"}}}`)
	for i := range 9 {
		_, err := r.Read(nil, []byte("contentBlockDelta"), delta)
		if (err != nil) != (i == 8) {
			t.Fatalf("MiB %d: %v", i+1, err)
		}
	}
}

func TestAFailureOfAStreamSpeaksAgainstTheProvider(t *testing.T) {
	events, err := read(`throttlingException {"message":"Slow."}`)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	want := &exchange.Error{
		Status: 429, Type: exchange.TypeRateLimit, Code: "throttlingException", Message: "Slow.",
		Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
	}
	if diff := cmp.Diff(want, events[0].Err); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheBinaryStreamIsReadThroughItsScanner(t *testing.T) {
	var b bytes.Buffer
	encoder := eventstream.NewEncoder()
	for _, m := range [][3]string{
		{"event", "messageStart", `{"role":"assistant"}`}, {"event", "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hi."}}`},
		{"exception", "throttlingException", `{"message":"Slow."}`},
	} {
		out := eventstream.Message{Payload: []byte(m[2])}
		out.Headers.Set(":message-type", eventstream.StringValue(m[0]))
		out.Headers.Set(":"+m[0]+"-type", eventstream.StringValue(m[1]))
		if err := encoder.Encode(&b, out); err != nil {
			t.Fatal(err)
		}
	}
	var events []chat.Event
	s, r := &spark.Scanner{}, Encoder{}.NewReader()
	for {
		_, filled := s.Fill(&b)
		for m, ok, err := s.Next(); ok || err != nil; m, ok, err = s.Next() {
			if err == nil {
				events, err = r.Read(events, m.Name(), m.Data())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if filled != nil {
			break
		}
	}
	want := lines("began", "part 0", "delta Hi.", "failed 429 throttlingException Slow.")
	if diff := cmp.Diff(want, tell(events)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// disorder says how events break the order that writers rely on, "" when they do not.
func disorder(events []chat.Event) string {
	begun, open, finished, over := false, false, false, false
	for i, e := range events {
		switch {
		case over:
			return fmt.Sprintf("event %d comes after the last", i)
		case !begun && e.Kind != chat.Began && e.Kind != chat.Failed:
			return fmt.Sprintf("event %d comes before the first", i)
		}
		switch e.Kind {
		case chat.Began:
			if begun {
				return "two beginnings"
			}
			begun = true
		case chat.PartBegan:
			if open || finished || (e.Part.Kind == chat.Call) != (e.Part.Call != nil) {
				return fmt.Sprintf("part %d begins in another, or late", i)
			}
			open = true
		case chat.Delta, chat.Signed, chat.PartEnded:
			if !open {
				return fmt.Sprintf("event %d is of no part", i)
			}
			open = e.Kind != chat.PartEnded
		case chat.Finished, chat.Ended:
			if open || finished != (e.Kind == chat.Ended) {
				return fmt.Sprintf("event %d ends too early", i)
			}
			finished, over = true, e.Kind == chat.Ended
		case chat.Failed:
			over = true
		}
	}
	return ""
}

func FuzzReader(f *testing.F) {
	f.Add(begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}` + "\n" + end + used)
	f.Add(begin + `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"n"}}}
contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}
contentBlockStop {"contentBlockIndex":1}
messageStop {"stopReason":"stop_sequence","additionalModelResponseFields":{"delta":{"stop_sequence":"E"}}}`)
	f.Add(begin + `contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"c2U="}}}
contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"a","signature":"b"}}}
throttlingException {"message":"m"}`)
	f.Fuzz(func(t *testing.T, stream string) {
		events, err := read(stream)
		if fault := disorder(events); fault != "" {
			t.Errorf("%s:\n%s", fault, tell(events))
		}
		last := chat.Began
		if len(events) > 0 {
			last = events[len(events)-1].Kind
		}
		if whole := last == chat.Ended || last == chat.Failed; err == nil && !whole {
			t.Errorf("a whole stream without an end:\n%s", tell(events))
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(message1(`{"text":"Hello."},{"toolUse":{"toolUseId":"a","name":"b","input":{}}}`, `,"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2}`)), 400)
	f.Add([]byte(`{"message":"no"}`), 424)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		a, err := Encoder{}.DecodeAnswer(body)
		if err == nil && (len(a.Choices) != 1 || a.Usage.Prompt < 0 || a.Usage.Total != a.Usage.Prompt+a.Usage.Completion) {
			t.Errorf("%+v", a)
		}
		if e := (Encoder{}).DecodeError(status, body); e.Message == "" || e.Type == "" {
			t.Errorf("%+v", e)
		}
	})
}
