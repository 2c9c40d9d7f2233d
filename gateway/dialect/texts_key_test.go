// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTermsAreFoundHoweverTheyAreWritten(t *testing.T) {
	for key, want := range map[string]term{
		"content": termMessages, "Content": termMessages, "CONTENT": termMessages, "con_tent_": termMessages,
		"functionResponse": termSays, "function_response": termSays, "FUNCTION_RESPONSE": termSays,
		`te\u0078t`: termText, `\u0054ext`: termText, "inſtructionſ": termSystem, `in\u017ftructions`: termSystem,
		"": termNone, "contents2": termNone, "tëxt": termNone, "\xff": termNone, `te\\u0078t`: termNone,
		strings.Repeat("_", 100) + "text": termText, "text" + strings.Repeat("x", 100): termNone, strings.Repeat("x", 32): termNone,
	} {
		if got := termOf([]byte(key)); got != want {
			t.Errorf("%q is term %d, want %d", key, got, want)
		}
	}
}

func TestTermsAreFoundWithoutAllocating(t *testing.T) {
	key := []byte("functionResponse")
	if n := testing.AllocsPerRun(100, func() { termOf(key) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What the request's reader counts as text is text here too, but for what is only an answer's.
func TestWhatCountsAsTextIsFound(t *testing.T) {
	for _, key := range []string{
		"content", "text", "arguments", "refusal", "reasoning", "reasoning_content", "system", "thinking", "partial_json", "input",
		"instructions", "delta", "output", "prompt", "documents", "query",
	} {
		if !textKey([]byte(key)) {
			t.Errorf("%s counts no more", key)
		}
		if got := textsIn(t, Chat, `{"model":"m","messages":[{"role":"user","`+key+`":"x"}]}`); len(got) != 1 {
			t.Errorf("%s: found %v", key, got)
		}
	}
}

func TestEventsAreCut(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		want   []string // the data of each event, "-" where there is none
	}{
		"line feeds":                   {"data: a\n\ndata: b\n\n", []string{"a", "b"}},
		"carriage returns and both":    {"data: a\r\rdata: b\r\n\r\ndata: c\r\r", []string{"a", "b", "c"}},
		"several lines":                {"data: a\ndata:b\ndata\n\n", []string{"a b "}},
		"comments and other fields":    {": hello\n\nevent: x\ndata: a\nid: 1\n\ndatax: b\n\ndata : c\n\n", []string{"-", "a", "-", "-"}},
		"blank lines":                  {"\n\n\n", []string{"-", "-", "-"}},
		"an end without a blank line":  {"data: a\n\ndata: b", []string{"a", "b"}},
		"only one space belongs to it": {"data:  a\n\n", []string{" a"}},
		"an object in no framing":      {"data: a\n\n {\"error\":1}", []string{"a", `{"error":1}`}},
	} {
		var s StreamFilter
		var got []string
		joined := ""
		for rest := []byte(test.stream); len(rest) > 0; {
			var b block
			b, rest = s.cut(rest)
			joined += string(b.raw)
			if b.data == nil {
				got = append(got, "-")
				continue
			}
			got = append(got, string(b.data))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if joined != test.stream {
			t.Errorf("%s: the events joined are %q", name, joined)
		}
	}
}
