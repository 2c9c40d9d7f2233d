// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// nestedChat is a chat of which a value stands in n objects and arrays.
func nestedChat(n int) string {
	return `{"model":"m","messages":[],"x":` + strings.Repeat("[", n-1) + "1" + strings.Repeat("]", n-1) + "}"
}

func TestDepthIsBoundedExactly(t *testing.T) {
	tests := map[string]struct {
		depth, nesting int
		want           bool
	}{
		"within the gateway's own bound":         {0, MaxDepth, true},
		"one beyond the gateway's own bound":     {0, MaxDepth + 1, false},
		"within a lesser bound":                  {8, 8, true},
		"one beyond a lesser bound":              {8, 9, false},
		"messages are a list in an object":       {2, 2, true},
		"an object alone holds no message":       {1, 1, false},
		"far beyond, and nobody looks all along": {8, 100_000, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var r Request
			err := r.DecodeWithin(Chat, []byte(nestedChat(tc.nesting)), tc.depth)
			if (err == nil) != tc.want {
				t.Fatalf("%v", err)
			}
			if err != nil && (err.Reason != exchange.ReasonBodyDeep || err.Status != 400) {
				t.Errorf("reason %q, status %d", err.Reason, err.Status)
			}
		})
	}
}

func TestAnEmptyListIsALevelToo(t *testing.T) {
	var r Request
	for body, want := range map[string]bool{`{"model":"m","messages":[],"x":[[]]}`: false, `{"model":"m","messages":[],"x":[{}]}`: false, `{"model":"m","messages":[],"x":[1]}`: true} {
		if err := r.DecodeWithin(Chat, []byte(body), 2); (err == nil) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// The message names the bound, and what is no JSON within it is still called so.
func TestDepthAndNonsenseAreToldApart(t *testing.T) {
	var r Request
	err := r.DecodeWithin(Chat, []byte(nestedChat(20)), 10)
	if want := "The JSON body of your request is nested too deeply: more than 10 levels."; err == nil || err.Message != want {
		t.Errorf("%v", err)
	}
	if err := r.DecodeWithin(Chat, []byte(`{"model":"m","messages":[[[}`), 10); err == nil || err.Reason != exchange.ReasonInvalidBody {
		t.Errorf("%v", err)
	}
}

// What is deeper costs neither stack nor time: the first bracket too much ends it.
func TestADeepBodyIsRefusedWithoutMemory(t *testing.T) {
	var before, after runtime.MemStats
	for _, open := range []string{"[", `{"a":`, `[{"a":`} {
		body := []byte(`{"model":"m","messages":[],"x":` + strings.Repeat(open, 10_000_000/len(open)))
		runtime.ReadMemStats(&before)
		var r Request
		err := r.Decode(Chat, body)
		runtime.ReadMemStats(&after)
		if err == nil || err.Reason != exchange.ReasonBodyDeep {
			t.Errorf("%s: %v", open, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc + after.StackInuse - min(before.StackInuse, after.StackInuse); grown > 1<<20 {
			t.Errorf("%s: %d bytes of memory and stack", open, grown)
		}
	}
}

func TestItemsAreCountedInEveryShape(t *testing.T) {
	tests := map[string]struct {
		shape *Shape
		body  string
		want  int
		param string
	}{
		"messages of a chat":       {Chat, `{"model":"m","messages":[{"content":[1,2,3]},{}]}`, 2, "messages"},
		"no messages":              {Chat, `{"model":"m","messages":[]}`, 0, "messages"},
		"lists behind the content": {Chat, `{"model":"m","messages":[{}],"stop":["a","b"]}`, 1, "messages"},
		"prompts":                  {Completions, `{"model":"m","prompt":["a","b","c"]}`, 3, "prompt"},
		"a prompt":                 {Completions, `{"model":"m","prompt":"a"}`, 1, "prompt"},
		"inputs":                   {Embeddings, `{"model":"m","input":["a","b"]}`, 2, "input"},
		"items of a response":      {Response, `{"model":"m","input":[{},{}]}`, 2, "input"},
		"documents":                {Rerank, `{"model":"m","query":"q","documents":["a","b"]}`, 2, "documents"},
		"messages of Claude":       {Messages, `{"model":"m","messages":[{},{},{}]}`, 3, "messages"},
		"contents":                 {Generate, `{"contents":[{},{}]}`, 2, "contents"},
		"one content":              {Generate, `{"contents":{"parts":[1,2,3]}}`, 1, "contents"},
		"contents to count":        {GeminiCount, `{"contents":[{},{}]}`, 2, "contents"},
		"contents within":          {GeminiCount, `{"generateContentRequest":{"model":"m","contents":[{},{},{}]}}`, 3, "contents"},
		"contents within, in snake case": {
			GeminiCount, `{"generate_content_request":{"contents":[{},{},{}],"tools":[1]}}`, 3, "contents",
		},
		"requests to embed":          {GeminiEmbed, `{"requests":[{"content":{}},{}]}`, 2, "requests"},
		"one content to embed":       {GeminiEmbed, `{"content":{"parts":[{},{}]}}`, 0, "requests"},
		"the gateway's own messages": {Generation, `{"messages":[{},{}]}`, 2, "messages"},
		"the gateway's own prompt":   {Generation, `{"prompt":"x"}`, 0, "messages"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var r Request
			if err := r.Decode(tc.shape, []byte(tc.body)); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(r.Items, r.ItemsParam); got != fmt.Sprint(tc.want, tc.param) {
				t.Errorf("%s, want %d of %s", got, tc.want, tc.param)
			}
		})
	}
}
