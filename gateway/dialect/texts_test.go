// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValueIsTheBodysOwnWhereNothingIsEscaped(t *testing.T) {
	body := []byte(`"plain"`)
	text := Text{From: 1, To: 6}
	if got := text.Value(nil, body); &got[0] != &body[1] {
		t.Error("the text was copied")
	}
	if n := testing.AllocsPerRun(10, func() { text.Value(nil, body) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestValue(t *testing.T) {
	for name, test := range map[string]struct{ written, want string }{
		"short escapes":                {`\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t"},
		"an escaped character":         {`a\u00E4b`, "aäb"},
		"a pair of surrogates":         {`\ud83d\ude00`, "😀"},
		"a high surrogate alone":       {`\ud83dx`, "\ufffdx"},
		"a low surrogate alone":        {`\ude00x`, "\ufffdx"},
		"two high ones":                {`\ud83d\ud83d\ude00`, "\ufffd😀"},
		"a surrogate before an escape": {`\ud83d\n`, "\ufffd\n"},
		"a zero":                       {`\u0000`, "\x00"},
	} {
		text := Text{To: len(test.written)}
		if diff := cmp.Diff(test.want, string(text.Value(nil, []byte(test.written)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		var want string
		if err := json.Unmarshal([]byte(`"`+test.written+`"`), &want); err != nil || want != test.want {
			t.Errorf("%s: encoding/json reads %q, %v", name, want, err)
		}
	}
}

func TestAppendReplaced(t *testing.T) {
	const body = `{"a": "one" ,"b":"two", "c":3}`
	at := func(word string) (int, int) {
		i := strings.Index(body, word)
		return i, i + len(word)
	}
	one, oneTo := at("one")
	two, twoTo := at("two")
	for name, test := range map[string]struct {
		all  []Replacement
		want string
	}{
		"nothing":          {nil, body},
		"one of two":       {[]Replacement{{From: two, To: twoTo, With: []byte("2")}}, `{"a": "one" ,"b":"2", "c":3}`},
		"both":             {[]Replacement{{From: one, To: oneTo, With: nil}, {From: two, To: twoTo, With: []byte("ä\n\"\\")}}, `{"a": "" ,"b":"ä\n\"\\", "c":3}`},
		"not JSON":         {[]Replacement{{From: one, To: oneTo, With: []byte(`"`), Plain: true}}, `{"a": """ ,"b":"two", "c":3}`},
		"what is no UTF-8": {[]Replacement{{From: one, To: oneTo, With: []byte("x\xff")}}, "{\"a\": \"x\ufffd\" ,\"b\":\"two\", \"c\":3}"},
	} {
		got := AppendReplaced([]byte("before "), []byte(body), test.all)
		if diff := cmp.Diff("before "+test.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRolesHaveWords(t *testing.T) {
	var got []string
	for r := RoleSystem; r <= RoleTool; r++ {
		got = append(got, r.String())
	}
	if diff := cmp.Diff([]string{"system", "user", "assistant", "tool"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Wherever texts are said to be, they are strings of the JSON, in order, and can be replaced without harm to it.
func FuzzTexts(f *testing.F) {
	shapes := []*Shape{Chat, Completions, Embeddings, Rerank, Response, Messages, Generate, GeminiCount, GeminiEmbed, Generation}
	for i, body := range []string{
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a\u00e4"}]}],"tools":[{"description":"d"}]}`,
		`{"model":"m","prompt":["a","b"]}`, `{"model":"m","input":"a"}`, `{"model":"m","documents":[{"a":"b"}],"query":"q"}`,
		`{"model":"m","input":[{"type":"function_call_output","output":{"a":"b"}}],"prompt":{"variables":{"a":"b"}}}`,
		`{"model":"m","messages":[{"content":[{"type":"tool_use","input":{"a":["b"]}},{"source":{"type":"text","data":"d"}}]}]}`,
		`{"contents":[{"parts":[{"functionResponse":{"response":{"a":"b"}}}]}]}`, `{"generateContentRequest":{"contents":[]}}`,
		`{"requests":[{"content":{"parts":[{"text":"a"}]}}]}`, `{"prompt":"p"}`,
	} {
		f.Add(uint8(i), []byte(body))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		var r Request
		if r.Decode(shapes[int(which)%len(shapes)], body) != nil {
			return
		}
		texts := r.Texts(nil)
		at, all := 0, []Replacement(nil)
		for _, text := range texts {
			if text.From < at || text.To <= text.From || text.To > len(body) || body[text.From-1] != '"' || body[text.To] != '"' {
				t.Fatalf("a text at %d-%d after %d", text.From, text.To, at)
			}
			at = text.To
			var want string
			value := text.Value(nil, body)
			if err := json.Unmarshal(body[text.From-1:text.To+1], &want); err != nil || want != string([]rune(string(value))) {
				t.Fatalf("%q is read as %q, %v", body[text.From:text.To], value, err)
			}
			if text.Role > RoleTool {
				t.Fatalf("role %d", text.Role)
			}
			all = append(all, Replacement{From: text.From, To: text.To, With: []byte("redacted\"\n")})
		}
		replaced := AppendReplaced(nil, body, all)
		if !json.Valid(replaced) {
			t.Fatalf("%s became %s", body, replaced)
		}
		if e := r.Decode(r.shape, replaced); e != nil {
			t.Fatalf("%s is refused: %v", replaced, e)
		}
		if got := r.Texts(nil); len(got) != len(texts) {
			t.Fatalf("%d texts became %d", len(texts), len(got))
		}
	})
}
