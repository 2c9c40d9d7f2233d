// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
)

func TestFramingsRefuseWhatHasNoMeaningInThem(t *testing.T) {
	for name, c := range map[string]struct {
		framing framing
		spec    string
		want    string // the fault at fault
	}{
		"lines are odd in server-sent events":          {serverSentEvents{}, "crlf,multiline-data,comments,keep-alive", ""},
		"server-sent events have no checksum":          {serverSentEvents{}, "bad-checksum", "bad-checksum"},
		"arrays may have white space of any kind":      {jsonArray{}, "crlf,multiline-data,keep-alive", ""},
		"arrays have no comments":                      {jsonArray{}, "comments", "comments"},
		"arrays have no checksum":                      {jsonArray{}, "bad-checksum:1", "bad-checksum"},
		"binary messages have no line ends":            {amazonEvents{}, "crlf", "crlf"},
		"binary messages have no lines":                {amazonEvents{}, "multiline-data", "multiline-data"},
		"binary messages have no comments":             {amazonEvents{}, "comments", "comments"},
		"nothing keeps a binary stream alive":          {amazonEvents{}, "keep-alive", "keep-alive"},
		"binary messages have a largest size":          {amazonEvents{}, "big-line:8388609", "big-line"},
		"binary messages may be as large as that":      {amazonEvents{}, "big-line:8388608", ""},
		"binary streams break in every way that is it": {amazonEvents{}, "gzip,bad-checksum", ""},
	} {
		t.Run(name, func(t *testing.T) {
			faults, err := ParseFaults(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.framing.cannot(faults); got != c.want {
				t.Errorf("%s cannot %q, want %q", c.framing.contentType(), got, c.want)
			}
			if err := faults.fits(subject{stream: true, framing: c.framing}); (err == nil) != (c.want == "") {
				t.Errorf("fits: %v", err)
			}
		})
	}
}

// written frames two events and the end.
func written(t *testing.T, f framing, spec string) string {
	t.Helper()
	faults, err := ParseFaults(spec)
	if err != nil {
		t.Fatal(err)
	}
	frames := f.begin(faults)
	var out bytes.Buffer
	out.Write(frames.frame(event{name: "one", data: []byte(`{"a":1}`)}))
	out.Write(frames.alive())
	out.Write(frames.frame(event{data: []byte(`{"b":[]}`)}))
	out.Write(frames.end())
	return out.String()
}

func TestTextFramings(t *testing.T) {
	for name, c := range map[string]struct {
		framing framing
		spec    string
		want    string
	}{
		"events with and without names": {serverSentEvents{}, "none",
			"event: one\ndata: {\"a\":1}\n\n: keep-alive\n\ndata: {\"b\":[]}\n\n"},
		"events in other lines": {serverSentEvents{}, "crlf,multiline-data",
			"event: one\r\ndata: {\r\ndata:  \"a\": 1\r\ndata: }\r\n\r\n: keep-alive\r\n\r\n" +
				"data: {\r\ndata:  \"b\": []\r\ndata: }\r\n\r\n"},
		"an array":                {jsonArray{}, "none", "[{\"a\":1}\n,\n{\"b\":[]}\n]"},
		"an array in other lines": {jsonArray{}, "crlf,multiline-data", "[{\r\n \"a\": 1\r\n}\r\n,\r\n{\r\n \"b\": []\r\n}\r\n]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := written(t, c.framing, c.spec)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if _, isArray := c.framing.(jsonArray); isArray && !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}

func TestAnArrayOfNothingIsStillOne(t *testing.T) {
	if got := string(jsonArray{}.begin(Faults{}).end()); got != "[]" {
		t.Errorf("%q", got)
	}
}

func TestABrokenEventSpoilsEveryFraming(t *testing.T) {
	for name, c := range map[string]struct {
		framing framing
		want    string
	}{
		"server-sent events": {serverSentEvents{}, "event: one\ndata: " + noise + "\n\n"},
		"an array":           {jsonArray{}, "[" + noise},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(c.framing.begin(Faults{}).broken("one"))); diff != "" {
				t.Error(diff)
			}
		})
	}
	message, err := eventstream.NewDecoder().Decode(bytes.NewReader(amazonFrames{}.broken("one")), nil)
	if err != nil || string(message.Payload) != noise {
		t.Errorf("a binary message of noise should be whole in itself: %q, %v", message.Payload, err)
	}
}

func TestBinaryMessages(t *testing.T) {
	for name, c := range map[string]struct {
		event event
		want  map[string]string
	}{
		"an event": {event{name: "messageStop", data: []byte(`{}`)}, map[string]string{
			":message-type": "event", ":event-type": "messageStop", ":content-type": "application/json"}},
		"an exception": {event{name: "throttlingException", data: []byte(`{}`), exception: true}, map[string]string{
			":message-type": "exception", ":exception-type": "throttlingException", ":content-type": "application/json"}},
	} {
		t.Run(name, func(t *testing.T) {
			frame := amazonFrames{}.frame(c.event)
			message, err := eventstream.NewDecoder().Decode(bytes.NewReader(frame), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, header := range message.Headers {
				got[header.Name] = header.Value.String()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if _, err := eventstream.NewDecoder().Decode(bytes.NewReader(spoiled(frame)), nil); err == nil {
				t.Error("a spoiled message passes its checksum")
			}
		})
	}
}
