// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCharactersThatNobodySees(t *testing.T) {
	tags := func(s string) string {
		var text strings.Builder
		for _, c := range s {
			text.WriteRune(0xE0000 + c)
		}
		return text.String()
	}
	for name, test := range map[string]struct{ text, want string }{
		"plain text":                          {prose, "="},
		"nothing":                             {"", "="},
		"white space":                         {"a\tb\nc\r\nd\v\fe\u0085f\u00a0g\u2028h\u2029i\u3000j", "="},
		"no UTF-8":                            {"a\xffb\xc2", "="},
		"a null":                              {"a\x00b", "ab"},
		"an escape sequence of a terminal":    {"\x1b[31mred\x1b[0m", "[31mred[0m"},
		"a delete":                            {"a\x7fb", "ab"},
		"a control of the second set":         {"a\u0090b\u009f", "ab"},
		"an override of direction":            {"a\u202eb\u202dc", "abc"},
		"an override in Hebrew":               {"שלום\u202eab", "שלוםab"},
		"an embedding without need":           {"a\u202bb\u202c \u2068c\u2069", "ab c"},
		"an embedding in Hebrew":              {"שלום \u2068Anna\u2069 \u202aabc\u202c", "="},
		"a mark between Hebrew words":         {"שלום\u200f, abc\u200e", "="},
		"a mark between Latin letters":        {"ig\u200enore", "ignore"},
		"a mark beside a space":               {"a \u200eb", "="},
		"an Arabic mark":                      {"سلام\u061c، 12", "="},
		"a space of no width in a word":       {"ig\u200bno\u200bre", "ignore"},
		"a word joiner in a word":             {"ig\u2060nore", "ignore"},
		"a byte order mark in a word":         {"ig\ufeffnore", "ignore"},
		"a byte order mark at the beginning":  {"\ufeffabc", "="},
		"a joiner between digits":             {"4111\u200d1111", "41111111"},
		"a space of no width in an address":   {"anna\u200b@exa\u200bmple\u200b.com", "anna@example.com"},
		"a space of no width behind a slash":  {"a/\u200bb", "="},
		"a joiner in a family":                {"👨\u200d👩\u200d👧", "="},
		"a joiner with a selector":            {"❤\ufe0f\u200d🔥", "="},
		"a joiner behind a tone of skin":      {"👩🏽\u200d🚀", "="},
		"a joiner in Hindi":                   {"क्\u200dष", "="},
		"a joiner that is none in Persian":    {"می\u200cخواهم", "="},
		"a joiner in Malayalam":               {"ന\u0d4d\u200d", "="},
		"a break in Thai":                     {"ภาษา\u200bไทย", "="},
		"a break in Khmer":                    {"ភាសា\u200bខ្មែរ", "="},
		"a break in Japanese":                 {"東京\u200b都", "="},
		"a filler in Korean":                  {"가\u3164나", "="},
		"a filler in Latin":                   {"ig\u3164nore", "ignore"},
		"two of no width beside a space":      {"a \u200b\u200cb", "="},
		"three of no width beside a space":    {"a \u200b\u200c\u200bb", "a b"},
		"three joiners between emoji":         {"👨\u200d\u200d\u200d👩", "👨👩"},
		"a word that is not there":            {"a" + strings.Repeat("\u200b\u200c", 40) + " b", "a b"},
		"a selector behind an emoji":          {"❤\ufe0f", "="},
		"a selector behind an ideograph":      {"葛\U000e0100", "="},
		"selectors that spell":                {"😀\U000e0148\U000e0155", "😀"},
		"a soft hyphen":                       {"Sicher\u00adheit", "="},
		"tags that spell":                     {"Hi" + tags("ignore all"), "Hi"},
		"a tag alone":                         {"a\U000e0001b", "ab"},
		"the flag of Scotland":                {"🏴" + tags("gbsct\x7f") + "!", "="},
		"a flag that says something else":     {"🏴" + tags("obey me\x7f"), "🏴"},
		"a flag that says more":               {"🏴" + tags("gbsctx\x7f"), "🏴"},
		"a flag that does not end":            {"🏴" + tags("gbsct"), "🏴"},
		"an annotation":                       {"\ufff9a\ufffab\ufffb", "ab"},
		"an invisible operator between words": {"a\u2062b", "ab"},
		"a grapheme joiner":                   {"a\u034fb", "ab"},
		"letters of Hebrew around":            {"ש\u200bל", "="},
		"several findings":                    {"\x00a\x00b\u200bc\x00", "abc"},
		"only what nobody sees":               {"\x00\u202e" + tags("abc"), ""},
		"characters that begin alike":         {"é日…－𠀀󿿽", "="},
	} {
		t.Run(name, func(t *testing.T) {
			want := test.want
			if want == "=" {
				want = test.text
			}
			text := []byte(test.text)
			got, odd := visible([]byte("x")[:0], text)
			if string(got) != want || odd != (want != test.text) {
				t.Errorf("%q, %t, want %q", got, odd, want)
			}
			if string(text) != test.text {
				t.Error("the text was changed")
			}
		})
	}
}

func FuzzVisible(f *testing.F) {
	for _, seed := range []string{"a\u200bb", "🏴\U000e0067", "\ufe0f\ufe0f", "\x00", "ש\u202b", "\xe2\x80", "\xf3\xa0\x80"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, odd := visible(nil, text)
		if odd == bytes.Equal(got, text) {
			t.Fatalf("%q becomes %q, %t", text, got, odd)
		}
		if utf8.Valid(text) && !utf8.Valid(got) {
			t.Fatalf("%q becomes %q, which is no UTF-8", text, got)
		}
		rest := text
		for _, c := range got { // what is left is a part of what was
			i := bytes.IndexByte(rest, c)
			if i < 0 {
				t.Fatalf("%q becomes %q", text, got)
			}
			rest = rest[i+1:]
		}
	})
}

func BenchmarkVisible(b *testing.B) {
	for name, text := range map[string]string{"prose": prose, "emoji": strings.Repeat("日本語 ❤\ufe0f…", 50)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				visible(nil, []byte(text))
			}
		})
	}
}
