// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// A request that is taken is encoded or refused, and what was encoded means the same when it is read.
func FuzzDecodeRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/requests/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"input":[{"type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:s"}],"text":{"verbosity":"low"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, refusal := Decoder{}.DecodeRequest(body)
		if refusal != nil {
			if r != nil || refusal.Status != 400 || refusal.Message == "" {
				t.Fatalf("%+v", refusal)
			}
			return
		}
		if !r.Echo.IsValid() {
			t.Fatalf("the echo is not JSON: %s", r.Echo)
		}
		encoded, refusal := Encoder{}.AppendRequest(nil, r, chat.Target{Model: r.Model})
		if refusal != nil && strings.HasSuffix(refusal.Message, "fetched from http(s) URLs only.") {
			return // An application may name a file that only another provider fetches.
		}
		if refusal != nil {
			t.Fatalf("what the dialect has is refused: %s", refusal.Message)
		}
		again, refusal := Decoder{}.DecodeRequest(encoded)
		if refusal != nil {
			t.Fatalf("%s: %s", refusal.Message, encoded)
		}
		twice, _ := Encoder{}.AppendRequest(nil, again, chat.Target{Model: again.Model})
		if diff := cmp.Diff(string(encoded), string(twice)); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever a provider sends, the events are in the order that writers rely on, and what a writer makes of them is framed
// and numbered.
func FuzzReader(f *testing.F) {
	for _, events := range streams {
		var lines [][]byte
		for _, event := range bytes.Split(write(events, nil), []byte("\n\n")) {
			_, data, _ := bytes.Cut(event, []byte("\ndata: "))
			lines = append(lines, data)
		}
		f.Add(bytes.Join(lines, []byte("\n")))
	}
	f.Add([]byte(created + "\n" + thinkItem + "\n" + callItem1 + "\n" + completes))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, w := Encoder{}.NewReader(), Decoder{}.NewWriter(nil, chat.Meta{})
		var events []chat.Event
		var err error
		for line := range bytes.SplitSeq(stream, []byte("\n")) {
			if events, err = r.Read(events, nil, line); err != nil {
				break
			}
		}
		if err == nil {
			if events, err = r.End(events); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
		}
		checkOrder(t, events)
		var written []byte
		for i := range events {
			written = w.Write(written, &events[i])
		}
		for i, frame := range frames(t, written) {
			if !jsontext.Value(frame.data).IsValid() {
				t.Fatalf("not JSON: %s", frame.data)
			}
			outline(t, i, frame)
		}
	})
}

// checkOrder fails where events are not nested as chat.EventKind says.
func checkOrder(t *testing.T, events []chat.Event) {
	t.Helper()
	open, finished := false, false
	for i, e := range events {
		ok := true
		switch e.Kind {
		case chat.Began:
			ok = i == 0
		case chat.PartBegan:
			ok, open = !open && !finished && i > 0, true
		case chat.Delta, chat.Signed:
			ok = open
		case chat.PartEnded:
			ok, open = open, false
		case chat.Finished:
			ok, finished = !open && !finished, true
		case chat.Used:
			ok = i > 0
		case chat.Ended:
			ok = finished && i == len(events)-1
		case chat.Failed:
			ok = e.Err != nil && i == len(events)-1
		}
		if !ok {
			t.Fatalf("event %d, of kind %d, does not belong there: %+v", i, e.Kind, events)
		}
	}
}
