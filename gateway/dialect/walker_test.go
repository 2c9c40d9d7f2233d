// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// valid says what the walker makes of a whole JSON text.
func valid(b []byte) bool {
	w := walker{b: b}
	end := w.value(skipSpace(b, 0), 0, false)
	return end >= 0 && skipSpace(b, end) == len(b)
}

var jsonTexts = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `1.5e+10`, `1E-2`, `true`, `false`, `null`, ` { "a" : [ 1 , { } ] } `, "\t\r\n1", `"\u00e9\n\/\"\\"`,
	`{"a":1,"a":2}`, `"` + "é😀" + `"`, `"0123456789abcdef\n"`, `[[[[]]]]`, `{"a":{"b":{"c":[]}}}`,
	``, ` `, `{`, `}`, `[`, `]`, `{]`, `[}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `[,]`, `[1,]`, `[1 2]`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`,
	`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\x00\"", "\"a\nb\"", "\"01234567\x1f\"", "\"\x7f\"", "\"\x80\xff\"",
	`01`, `-`, `+1`, `1.`, `.5`, `1e`, `1e+`, `--1`, `0x1`, `NaN`, `tru`, `truex`, `nul`, `falsee`, `1 2`, `{} {}`, `{"a":1}x`, `[1]]`,
	"\xef\xbb\xbf{}", `{"\ud800":"\udc00"}`, `1e999`, `-1.0E+0`, `{"":""}`, `["",""]`,
}

func TestTheWalkerAgreesWithTheStandardLibrary(t *testing.T) {
	for _, text := range jsonTexts {
		if got, want := valid([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: valid %t, want %t", text, got, want)
		}
		// Where a string begins must not matter, although eight bytes are looked at together.
		for pad := 1; pad < 9; pad++ {
			padded := `["` + strings.Repeat("x", pad) + `",` + text + `]`
			if got, want := valid([]byte(padded)), json.Valid([]byte(padded)); got != want {
				t.Errorf("%q: valid %t, want %t", padded, got, want)
			}
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !valid(nested(MaxDepth)) {
		t.Error("refused within the bound")
	}
	if valid(nested(MaxDepth + 2)) {
		t.Error("accepted beyond the bound")
	}
	if valid([]byte(strings.Repeat("[", 50<<20))) || valid([]byte(strings.Repeat(`{"a":`, 10<<20))) {
		t.Error("accepted")
	}
}

func TestTextsAreCountedWhereAModelReadsThem(t *testing.T) {
	tests := map[string]struct {
		json        string
		text, texts int64
	}{
		"content":                      {`{"role":"user","content":"hello"}`, 5, 1},
		"parts of content":             {`{"content":[{"type":"text","text":"abc"},{"type":"text","text":"de"}]}`, 5, 2},
		"strings in a content array":   {`{"content":["abc","de"]}`, 5, 2},
		"an image's URL does not":      {`{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}`, 0, 0},
		"a tool call's arguments":      {`{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}`, 9, 1},
		"reasoning and refusal":        {`{"reasoning_content":"abc","refusal":"no"}`, 5, 2},
		"an empty content is no text":  {`{"content":""}`, 0, 0},
		"null":                         {`{"content":null}`, 0, 0},
		"names and roles do not":       {`{"role":"user","name":"bob"}`, 0, 0},
		"an object resets what counts": {`{"content":{"type":"text","text":"abc"}}`, 3, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := walker{b: []byte(tc.json)}
			if end := w.value(0, 0, false); end != len(tc.json) || w.text != tc.text || w.texts != tc.texts {
				t.Errorf("end %d of %d, text %d, texts %d", end, len(tc.json), w.text, w.texts)
			}
		})
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{
		"", "plain", `a"b\c`, "line\nfeed\r\ttab", "\x00\x1f\x7f", "é😀\u2028", "bad \xff\xfe utf8 \xc3", "</script>", strings.Repeat("x", 100),
	} {
		quoted := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && back != replaceEach(s) {
			t.Errorf("%q: %s, back %q, %v", s, quoted, back, err)
		}
		if !utf8.Valid(quoted) {
			t.Errorf("%q: %q is not UTF-8", s, quoted)
		}
		if string(AppendString([]byte("x"), []byte(s))) != "x"+string(quoted) {
			t.Errorf("%q: bytes and strings differ", s)
		}
	}
}

// replaceEach replaces every invalid byte by itself, as ranging over a string does.
func replaceEach(s string) string { return string([]rune(s)) }

func FuzzWalker(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 400 {
			return // deeper than the bound
		}
		if got, want := valid(b), json.Valid(b); got != want {
			t.Errorf("%q: valid %t, want %t", b, got, want)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"b\\\x00é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil || back != replaceEach(s) {
			t.Errorf("%q came back as %q: %v", s, back, err)
		}
	})
}
