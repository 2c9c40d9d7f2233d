// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Whatever a provider sends: a filter that changes nothing changes no byte, one that does leaves JSON what was JSON, and
// the pieces that a stream is written in do not matter.
func FuzzStreamFilter(f *testing.F) {
	for _, g := range grammars {
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 5))
			f.Add(uint8(g.dialect), g.array, []byte(strings.Join(g.make(r).events, "")))
		}
	}
	f.Add(uint8(exchange.Responses), false, []byte(`{"type":"x","text":`))
	f.Add(uint8(exchange.Gemini), false, []byte(`{"candidates":[{"content":{"parts":`))
	f.Fuzz(func(t *testing.T, which uint8, array bool, stream []byte) {
		d := exchange.Dialect(which % uint8(exchange.Dialects))
		unchanged := func(Channel) TextFilter { return same{} }
		if got := filtered(d, array, unchanged, string(stream)); got != string(stream) {
			t.Fatalf("%q became %q", stream, got)
		}
		whole := filtered(d, array, opener, string(stream))
		if array {
			var elements []map[string]any
			if json.Unmarshal(stream, &elements) == nil && !json.Valid([]byte(whole)) {
				t.Fatalf("%q became %q", stream, whole)
			}
			return
		}
		if validEvents(stream) && !validEvents([]byte(whole)) {
			t.Fatalf("%q became %q", stream, whole)
		}
		if got := filtered(d, false, opener, blocks(string(stream))...); got != whole {
			t.Fatalf("in pieces %q becomes %q, as a whole %q", stream, got, whole)
		}
	})
}

// validEvents says that the data of all events are JSON.
func validEvents(stream []byte) bool {
	var s StreamFilter
	for len(stream) > 0 {
		var b block
		if b, stream = s.cut(stream); b.data != nil && !json.Valid(b.data) {
			return false
		}
	}
	return true
}

// blocks cuts a stream behind its empty lines.
func blocks(stream string) []string {
	var s StreamFilter
	var all []string
	for rest := []byte(stream); len(rest) > 0; {
		var b block
		b, rest = s.cut(rest)
		all = append(all, string(b.raw))
	}
	return all
}

// An answer stays JSON, and as it is where nothing is to change.
func FuzzFilterAnswer(f *testing.F) {
	for _, body := range []string{
		`{"choices":[{"index":0,"message":{"content":"a\u00e4","tool_calls":[{"index":1,"function":{"arguments":"{}"}}]},"logprobs":{}}]}`,
		`{"content":[{"type":"text","text":"a"},{"type":"tool_use","input":{"a":["b"]}}]}`, `{"text":"a","segments":[{"text":"b"}]}`,
		`{"type":"response.completed","response":{"output":[{"type":"message","content":[{"text":"a"}]}]}}`,
		`[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},{"candidates":[{"content":{"parts":[{"text":"b","thought":true}]}}]}]`,
	} {
		for d := range exchange.Dialects {
			f.Add(uint8(d), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		d := exchange.Dialect(which % uint8(exchange.Dialects))
		kept := FilterAnswer(nil, d, body, func(_ Channel, text []byte) []byte { return text })
		if !bytes.Equal(kept, body) {
			t.Fatalf("%q became %q", body, kept)
		}
		marked := FilterAnswer(nil, d, body, func(_ Channel, text []byte) []byte { return append([]byte("\"\n\x00"), text...) })
		if json.Valid(body) && !json.Valid(marked) {
			t.Fatalf("%q became %q", body, marked)
		}
	})
}
