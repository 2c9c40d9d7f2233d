// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// frame is one event on the wire.
type frame struct {
	name string
	data []byte
}

// frames takes a stream apart, and fails where it is not framed as the dialect frames: a name, one line of data.
func frames(t *testing.T, stream []byte) []frame {
	t.Helper()
	if len(stream) == 0 {
		return nil
	}
	rest, whole := bytes.CutSuffix(stream, []byte("\n\n"))
	if !whole {
		t.Fatalf("the last event is not ended: %q", stream)
	}
	var all []frame
	for _, text := range strings.Split(string(rest), "\n\n") {
		name, data, ok := strings.Cut(text, "\n")
		if !ok || !strings.HasPrefix(name, "event: ") || !strings.HasPrefix(data, "data: {") || strings.Contains(data, "\n") {
			t.Fatalf("not an event: %q", text)
		}
		all = append(all, frame{name[len("event: "):], []byte(data[len("data: "):])})
	}
	return all
}

func write(events []chat.Event, r *chat.Request) []byte {
	w := Decoder{}.NewWriter(r, chat.Meta{ID: "7", Model: "asked", Created: 11})
	var b []byte
	for i := range events {
		b = w.Write(b, &events[i])
	}
	return b
}

func readAll(t *testing.T, all []frame) []chat.Event {
	t.Helper()
	r := Encoder{}.NewReader()
	var events []chat.Event
	for _, f := range all {
		var err error
		if events, err = r.Read(events, []byte(f.name), f.data); err != nil {
			t.Fatalf("%v at %s", err, f.data)
		}
	}
	events, err := r.End(events)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Short forms of events.
func began() chat.Event {
	return chat.Event{Kind: chat.Began, ID: "resp_9", Model: "gpt-5", Created: 12}
}
func opens(p chat.Part) chat.Event       { return chat.Event{Kind: chat.PartBegan, Part: p} }
func more(s string) chat.Event           { return chat.Event{Kind: chat.Delta, Text: s} }
func signed(s string) chat.Event         { return chat.Event{Kind: chat.Signed, Text: s} }
func partEnded() chat.Event              { return chat.Event{Kind: chat.PartEnded} }
func finished(f chat.Finish) chat.Event  { return chat.Event{Kind: chat.Finished, Finish: f} }
func used() chat.Event                   { return chat.Event{Kind: chat.Used, Usage: someUsage} }
func ended() chat.Event                  { return chat.Event{Kind: chat.Ended} }
func fails(e *exchange.Error) chat.Event { return chat.Event{Kind: chat.Failed, Err: e} }
func calling(id, name string) chat.Part {
	return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: id, Name: name}}
}
func ends(f chat.Finish) []chat.Event  { return []chat.Event{finished(f), used(), ended()} }
func seq(e ...chat.Event) []chat.Event { return append([]chat.Event{began()}, e...) }
func kindOf(k chat.PartKind) chat.Part { return chat.Part{Kind: k} }
func withLogProbs(s string) chat.Event {
	e := more(s)
	e.LogProbs = jsontext.Value(`{"content":[` + token + `],"refusal":null}`)
	return e
}

// streams are answers that Responses can express wholly.
var streams = map[string][]chat.Event{
	"a text":                 append(seq(opens(kindOf(chat.Text)), more("Hel"), more("lo \"\n\u2028é"), partEnded()), ends(chat.Stopped)...),
	"an empty text":          append(seq(opens(kindOf(chat.Text)), partEnded()), ends(chat.Stopped)...),
	"nothing":                append(seq(), ends(chat.Stopped)...),
	"two texts":              append(seq(opens(kindOf(chat.Text)), more("a"), partEnded(), opens(kindOf(chat.Text)), more("b"), partEnded()), ends(chat.Stopped)...),
	"a text and a refusal":   append(seq(opens(kindOf(chat.Text)), more("a"), partEnded(), opens(kindOf(chat.Refusal)), more("no"), partEnded()), ends(chat.Declined)...),
	"with log probabilities": append(seq(opens(kindOf(chat.Text)), withLogProbs("Hi"), partEnded()), ends(chat.Stopped)...),
	"thoughts, then a text": append(seq(
		opens(kindOf(chat.Thinking)), more("One, "), more("two."), signed("sig"), partEnded(),
		opens(kindOf(chat.Redacted)), signed("opaque"), partEnded(), opens(kindOf(chat.Text)), more("Two."), partEnded(),
	), ends(chat.Stopped)...),
	"thoughts without words": append(seq(opens(kindOf(chat.Thinking)), signed("sig"), partEnded()), ends(chat.Stopped)...),
	"thoughts unsigned":      append(seq(opens(kindOf(chat.Thinking)), more("x"), partEnded()), ends(chat.Stopped)...),
	"two calls after a text": append(seq(
		opens(kindOf(chat.Text)), more("Let me see."), partEnded(),
		opens(calling("c1", "weather")), more(`{"city":`), more(`"Oslo"}`), partEnded(), opens(calling("c2", "now")), more("{}"), partEnded(),
	), ends(chat.CalledTools)...),
	"cut at the bound": append(seq(opens(kindOf(chat.Text)), more("One, tw"), partEnded()), ends(chat.AtLength)...),
	"filtered":         append(seq(opens(kindOf(chat.Text)), more("a"), partEnded()), ends(chat.Filtered)...),
	"without usage":    seq(opens(kindOf(chat.Text)), more("a"), partEnded(), finished(chat.Stopped), ended()),
	"failed": seq(opens(kindOf(chat.Text)), more("a"), fails(&exchange.Error{
		Status: 429, Type: exchange.TypeRateLimit, Code: "rate_limit_exceeded", Message: "slow down", Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
	})),
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for name, events := range streams {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(events, readAll(t, frames(t, write(events, nil)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the dialect lacks is read back as what comes nearest.
func TestWhatComesBackOtherwise(t *testing.T) {
	for name, test := range map[string]struct{ written, want []chat.Event }{
		"a call without arguments": {
			seq(opens(calling("c", "f")), partEnded(), finished(chat.CalledTools), ended()),
			seq(opens(calling("c", "f")), more("{}"), partEnded(), finished(chat.CalledTools), ended()),
		},
		"a signed call": {
			seq(opens(calling("c", "f")), more("{}"), signed("s"), partEnded(), finished(chat.CalledTools), ended()),
			seq(opens(calling("c", "f")), more("{}"), partEnded(), opens(kindOf(chat.Redacted)), signed("spark:signs-previous:s"), partEnded(), finished(chat.CalledTools), ended()),
		},
		"declined in no words": {seq(finished(chat.Declined), ended()), seq(finished(chat.Filtered), ended())},
		"a stop sequence":      {seq(finished(chat.AtStop), ended()), seq(finished(chat.Stopped), ended())},
		"a pause":              {seq(finished(chat.Paused), ended()), seq(finished(chat.AtLength), ended())},
		"other choices": {
			seq(chat.Event{Kind: chat.PartBegan, Choice: 1}, chat.Event{Kind: chat.Delta, Choice: 1, Text: "x"}, finished(chat.Stopped), ended()),
			seq(finished(chat.Stopped), ended()),
		},
		"no beginning": {
			[]chat.Event{opens(kindOf(chat.Text)), more("a"), partEnded(), finished(chat.Stopped), ended()},
			[]chat.Event{
				{Kind: chat.Began, ID: "resp_7", Model: "asked", Created: 11},
				opens(kindOf(chat.Text)), more("a"), partEnded(), finished(chat.Stopped), ended(),
			},
		},
		"what comes after the end": {
			seq(finished(chat.Stopped), ended(), opens(kindOf(chat.Text)), fails(nil)), seq(finished(chat.Stopped), ended()),
		},
		"text of no part": {seq(more("a"), finished(chat.Stopped), ended()), seq(finished(chat.Stopped), ended())},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, readAll(t, frames(t, write(test.written, nil)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStreamThatBreaksOffIsNotWhole(t *testing.T) {
	all := frames(t, write(streams["two calls after a text"], nil))
	for n := range all {
		r := Encoder{}.NewReader()
		for _, f := range all[:n] {
			if _, err := r.Read(nil, []byte(f.name), f.data); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := r.End(nil); len(got) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d events: %v, %v", n, got, err)
		}
	}
}
