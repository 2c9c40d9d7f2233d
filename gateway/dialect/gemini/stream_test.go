// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// told writes events one a line, as the golden files have them.
func told(events []chat.Event, end error) string {
	var b strings.Builder
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case chat.Began:
			fmt.Fprintf(&b, "began %s %s\n", e.ID, e.Model)
		case chat.PartBegan:
			fmt.Fprintf(&b, "part %d", e.Part.Kind)
			if c := e.Part.Call; c != nil {
				fmt.Fprintf(&b, " %s %s", c.ID, c.Name)
			}
			b.WriteByte('\n')
		case chat.Delta:
			fmt.Fprintf(&b, "delta %q\n", e.Text)
		case chat.Signed:
			fmt.Fprintf(&b, "signed %q\n", e.Text)
		case chat.PartEnded:
			b.WriteString("end of part\n")
		case chat.Finished:
			fmt.Fprintf(&b, "finished %d\n", e.Finish)
		case chat.Used:
			u := e.Usage
			fmt.Fprintf(&b, "used %d+%d=%d cached %d reasoning %d, %s\n", u.Prompt, u.Completion, u.Total, u.Cached, u.Reasoning, u.Source)
		case chat.Ended:
			b.WriteString("ended\n")
		case chat.Failed:
			fmt.Fprintf(&b, "failed %d %s: %s\n", e.Err.Status, e.Err.Code, e.Err.Message)
		}
	}
	if end != nil {
		fmt.Fprintf(&b, "error %v\n", end)
	}
	return b.String()
}

// chunksOf cuts a recorded stream. What is not framed is given to the reader as it is.
func chunksOf(stream string) []string {
	var out []string
	for _, block := range strings.Split(stream, "\n\n") {
		if block = strings.TrimPrefix(block, "data: "); strings.TrimSpace(block) != "" {
			out = append(out, block)
		}
	}
	return out
}

// The shapes are those of streams that Google sends; each .events file is what they mean.
func TestRecordedStreams(t *testing.T) {
	paths, err := filepath.Glob("testdata/streams/*.sse")
	if err != nil || len(paths) < 7 {
		t.Fatalf("%d streams, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			stream, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(path, ".sse") + ".events")
			if err != nil {
				t.Fatal(err)
			}
			events, err := read(chunksOf(string(stream))...)
			if diff := cmp.Diff(string(want), told(events, err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// gathered is what a client would keep of a stream: texts by their kind, calls, the reason to finish and the usage.
func gathered(events []chat.Event) string {
	var b strings.Builder
	kind := chat.Text
	last := ""
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case chat.PartBegan:
			kind = e.Part.Kind
			if e.Part.Call != nil {
				fmt.Fprintf(&b, "|%s:", e.Part.Call.Name)
			}
		case chat.Delta:
			if kind == chat.Thinking {
				fmt.Fprintf(&b, "(%s)", e.Text)
			} else {
				b.WriteString(e.Text)
			}
		case chat.Finished:
			fmt.Fprintf(&b, "|finished %d", e.Finish)
		case chat.Used:
			last = fmt.Sprintf("|used %d+%d", e.Usage.Prompt, e.Usage.Completion)
		default:
		}
	}
	return b.String() + last
}

func TestStreamsThatAreWrittenReadTheSame(t *testing.T) {
	paths, err := filepath.Glob("testdata/streams/*.sse")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			stream, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, firstEnd := read(chunksOf(string(stream))...)
			writer := Decoder{}.NewWriter(nil, chat.Meta{ID: "i", Model: "m"})
			var out []byte
			for i := range first {
				out = writer.Write(out, &first[i])
			}
			second, secondEnd := read(chunksOf(string(out))...)
			if diff := cmp.Diff(gathered(first), gathered(second)); diff != "" && firstEnd == nil {
				t.Errorf("(-first +second)\n%s", diff)
			}
			if !errors.Is(secondEnd, firstEnd) || firstEnd != nil && !errors.Is(secondEnd, io.ErrUnexpectedEOF) {
				t.Errorf("ended with %v, then with %v", firstEnd, secondEnd)
			}
			if failed := first[len(first)-1].Kind == chat.Failed; failed != (second[len(second)-1].Kind == chat.Failed) {
				t.Errorf("failed %t, and not again", failed)
			}
		})
	}
}

// A reader must not keep the data that it was given.
func TestReadersDoNotKeepTheirData(t *testing.T) {
	r := Encoder{}.NewReader()
	data := []byte(parts(`{"text":"abc"},{"functionCall":{"id":"i","name":"fff","args":{"a":"abc"}},"thoughtSignature":"QQ=="}`))
	events, err := r.Read(nil, nil, data)
	if err != nil {
		t.Fatal(err)
	}
	before := told(events, nil)
	for i := range data {
		data[i] = 'X'
	}
	if after := told(events, nil); after != before {
		t.Errorf("%s\n%s", before, after)
	}
}

func TestDecodersAndEncodersAreSafeForConcurrentUse(t *testing.T) {
	body := []byte(requests(t)["calls"])
	want := rendered(t, string(body), newer)
	done := make(chan string)
	const n = 8
	for range n {
		go func() {
			r, refused := Decoder{}.DecodeRequest(body)
			if refused != nil {
				done <- refused.Message
				return
			}
			out, refused := Encoder{}.AppendRequest(nil, r, chat.Target{Model: newer})
			if refused != nil {
				done <- refused.Message
				return
			}
			done <- string(out)
		}()
	}
	for range n {
		if got := <-done; got != want {
			t.Errorf("%s", got)
		}
	}
}
