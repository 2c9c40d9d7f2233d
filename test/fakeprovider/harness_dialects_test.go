// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// A picture of one pixel in PNG, as base64.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// call makes a request that must be answered, and reads all of it.
func call(t *testing.T, server *fakeprovider.Server, path, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	response, err := send(t, server, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return response, content
}

// namedEvent is a server-sent event whose data is JSON.
type namedEvent struct {
	name string
	data []byte
}

// namedEvents reads a stream of events, with or without names; every one must be whole.
func namedEvents(t *testing.T, stream []byte) []namedEvent {
	t.Helper()
	var found []namedEvent
	text := strings.ReplaceAll(string(stream), "\r\n", "\n")
	if !strings.HasSuffix(text, "\n\n") {
		t.Fatalf("the stream ends inside an event: %q", text)
	}
	for block := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		var e namedEvent
		for line := range strings.SplitSeq(block, "\n") {
			field, value, _ := strings.Cut(line, ": ")
			switch field {
			case "event":
				e.name = value
			case "data":
				e.data = append(e.data, value...)
			case "":
			default:
				t.Fatalf("neither event, data nor comment: %q", line)
			}
		}
		if e.data != nil {
			found = append(found, e)
		}
	}
	return found
}

// eventNames gives the names, runs of the same one joined.
func eventNames(events []namedEvent) string {
	var names []string
	for _, e := range events {
		if len(names) == 0 || names[len(names)-1] != e.name {
			names = append(names, e.name)
		}
	}
	return strings.Join(names, " ")
}

// encoded writes JSON for a test.
func encoded(t *testing.T, value any) string {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// with gives a JSON object some other members; a nil value removes one.
func with(t *testing.T, body string, members map[string]any) string {
	t.Helper()
	object := map[string]any{}
	decode(t, []byte(body), &object)
	for name, value := range members {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = value
		}
	}
	return encoded(t, object)
}

type object = map[string]any
type list = []any
