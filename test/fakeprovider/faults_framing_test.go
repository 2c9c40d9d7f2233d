// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestOddFramingCarriesTheSameAnswer(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, streamed)
	want := contentOf(t, stream)
	for spec, check := range map[string]func(stream []byte) bool{
		"none": func(s []byte) bool { return count(s, "\r") == 0 && count(s, "\n:") == 0 },
		"crlf": func(s []byte) bool { return count(s, "\n") == count(s, "\r\n") && count(s, "\r\n\r\n") > 3 },
		"multiline-data": func(s []byte) bool {
			return count(s, "data: {\n") == count(s, "data: }\n") && count(s, "data: }\n") > 3
		},
		"comments":        func(s []byte) bool { return count(s, ": fake comment\n\n") == len(payloads(t, s)) },
		"split-utf8":      utf8.Valid,
		"garbage-event":   nil,
		"crlf,split-utf8": utf8.Valid,
		"crlf,multiline-data,comments": func(s []byte) bool {
			return count(s, "\n") == count(s, "\r\n") && count(s, "data: {\r\n") > 3 && count(s, ": fake comment\r\n") > 3
		},
	} {
		t.Run(spec, func(t *testing.T) {
			_, stream := ask(t, server, streamed, fault(spec)...)
			if check == nil {
				stream = withoutGarbage(t, stream, 3)
			} else if !check(stream) {
				t.Errorf("not framed as asked: %q", stream)
			}
			if got := contentOf(t, stream); got != want {
				t.Errorf("content %q, want %q", got, want)
			}
		})
	}
}

// withoutGarbage removes the one event that must be noise.
func withoutGarbage(t *testing.T, stream []byte, at int) []byte {
	t.Helper()
	events := payloads(t, stream)
	if json.Valid([]byte(events[at])) {
		t.Errorf("event %d is valid: %q", at, events[at])
	}
	return bytes.Replace(stream, []byte("data: "+events[at]+"\n\n"), nil, 1)
}

// reads collects what each Read of a body returned.
func reads(t *testing.T, body io.Reader) []string {
	t.Helper()
	var pieces []string
	buffer := make([]byte, 64<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			pieces = append(pieces, string(buffer[:n]))
		}
		if err == io.EOF {
			return pieces
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSplitUTF8ArrivesInPieces(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, err := send(t, server, chatPath, streamed, fault("split-utf8")...)
	if err != nil {
		t.Fatal(err)
	}
	pieces := reads(t, response.Body)
	broken := slices.ContainsFunc(pieces, func(piece string) bool { return !utf8.ValidString(piece) })
	if !broken || !strings.Contains(strings.Join(pieces, ""), "«") {
		t.Errorf("no character was split over %d reads", len(pieces))
	}
}

func TestABigLineIsContentThatUsageCounts(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, size := range map[string]int{"big-line": 1 << 20, "big-line:100": 100} {
		_, stream := ask(t, server, counted, append(fault(spec), "x-fake-tokens", "5")...)
		longest := 0
		for line := range bytes.Lines(stream) {
			longest = max(longest, len(line))
		}
		content := contentOf(t, stream)
		if count([]byte(content), "x") < size || longest < size {
			t.Errorf("%s: longest line %d", spec, longest)
		}
		got, _ := chunks(t, stream)
		wantUsage(t, got[len(got)-1].Usage, fakeprovider.PromptTokens("hi"), size/4+5)
		records := server.Records()
		if record := records[len(records)-1]; record.CompletionTokens != size/4+5 {
			t.Errorf("%s: %d tokens recorded", spec, record.CompletionTokens)
		}
	}
}

func TestAStreamWithoutItsTerminatorEndsCleanly(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, events := range map[string]int{"no-done": 7, "no-done:2": 2} {
		_, stream := ask(t, server, streamed, append(fault(spec), "x-fake-tokens", "5")...)
		if got := len(payloads(t, stream)); got != events || count(stream, "[DONE]") > 0 {
			t.Errorf("%s: %d events, want %d: %s", spec, got, events, stream)
		}
	}
}

func TestAnErrorEventEndsTheStream(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, streamed, fault("error-event:2")...)
	events := payloads(t, stream)
	if len(events) != 3 {
		t.Fatalf("%d events, want 2 and the error", len(events))
	}
	if _, kind, _ := failureOf(t, []byte(events[2])); kind != "server_error" {
		t.Errorf("error event %s", events[2])
	}
}

func TestKeepAliveCommentsFillAWait(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	spec := "keep-alive:5ms,first-token-latency:100ms"
	started := time.Now()
	_, stream := ask(t, server, streamed, fault(spec)...)
	if waited := time.Since(started); waited < 100*time.Millisecond {
		t.Errorf("answered after %s", waited)
	}
	if comments := count(stream, ": keep-alive\n\n"); comments == 0 || !bytes.HasPrefix(stream, []byte(": keep-alive")) {
		t.Errorf("%d comments", comments)
	}
	contentOf(t, stream)
}
