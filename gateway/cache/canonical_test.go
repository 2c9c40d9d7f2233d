// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCanonicalForms(t *testing.T) {
	tests := map[string]struct {
		text string
		want string // "" for none
	}{
		"white space goes":                              {" {\t\"a\" :\r\n[ 1 , 2 ] } ", `{"a":[1,2]}`},
		"members are ordered":                           {`{"b":1,"a":{"d":2,"c":[{"f":3,"e":4}]}}`, `{"a":{"c":[{"e":4,"f":3}],"d":2},"b":1}`},
		"members in order stay":                         {`{"a":1,"b":2}`, `{"a":1,"b":2}`},
		"a shorter name comes first":                    {`{"aa":1,"a":2}`, `{"a":2,"aa":1}`},
		"the empty name may be":                         {`{"a":1,"":2}`, `{"":2,"a":1}`},
		"order of elements is kept":                     {`[3,1,2]`, `[3,1,2]`},
		"empty ones stay":                               {`{"a":{ },"b":[ ]}`, `{"a":{},"b":[]}`},
		"scalars are texts as well":                     {` "x" `, `"x"`},
		"words":                                         {`[true,false,null]`, `[true,false,null]`},
		"numbers are as they are written":               {`[1,1.0,-0,1e5,1E+5,0.10]`, `[1,1.0,-0,1e5,1E+5,0.10]`},
		"a character has one form":                      {`"\u00e9\u0041\/"`, `"éA/"`},
		"quotes and backslashes have one form":          {`"\u0022\u005c\"\\"`, `"\"\\\"\\"`},
		"control characters have one form":              {`"\u000a\n\u0009\u000D\b\u0008\f\u0001\u007f"`, `"\n\n\t\r\u0008\u0008\u000c\u0001` + "\x7f\""},
		"a pair is a character":                         {`"\ud83d\uDE00"`, `"😀"`},
		"half a pair stays":                             {`"\uD83D \ude00\ud83d\u0041\ud83d"`, `"\ud83d \ude00\ud83dA\ud83d"`},
		"names are escaped in one way before they sort": {`{"\u0062":1,"a":2}`, `{"a":2,"b":1}`},
		"a name twice":                                  {`{"a":1,"b":2,"a":3}`, ""},
		"a name twice in a row":                         {`{"a":1,"a":1}`, ""},
		"a name twice, in two escapings":                {`{"a":1,"\u0061":1}`, ""},
		"a name twice, in another order":                {`{"b":1,"a":1,"b":1}`, ""},
		"a name again in another object":                {`{"b":{"a":1},"a":{"a":1}}`, `{"a":{"a":1},"b":{"a":1}}`},
		"nothing":                                       {"", ""},
		"white space only":                              {"  ", ""},
		"two texts":                                     {"1 2", ""},
		"a comma too many":                              {`[1,]`, ""},
		"a comma too many in an object":                 {`{"a":1,}`, ""},
		"no end of an array":                            {`[1`, ""},
		"no end of an object":                           {`{"a":1`, ""},
		"no end of a string":                            {`"abc`, ""},
		"no end of an escape":                           {`"\`, ""},
		"an unknown escape":                             {`"\x"`, ""},
		"too few digits":                                {`"\u12"`, ""},
		"no hexadecimal digits":                         {`"\u12g4"`, ""},
		"a raw control character":                       {"\"a\nb\"", ""},
		"a raw control character after eight bytes":     {"\"abcdefghijk\x1fb\"", ""},
		"a zero before digits":                          {"01", ""},
		"a point without digits":                        {"1.", ""},
		"no digits of an exponent":                      {"1e+", ""},
		"a sign without digits":                         {"-", ""},
		"a word cut off":                                {"tru", ""},
		"another word":                                  {"nan", ""},
		"a name without quotes":                         {`{a:1}`, ""},
		"no colon":                                      {`{"a" 1}`, ""},
		"no value":                                      {`{"a":}`, ""},
		"bytes that are no UTF-8":                       {"\"\xff\"", ""},
		"a surrogate in UTF-8":                          {"\"\xed\xa0\x80\"", ""},
		"as deep as may be":                             {strings.Repeat("[", 500) + strings.Repeat("]", 500), strings.Repeat("[", 500) + strings.Repeat("]", 500)},
		"too deep":                                      {strings.Repeat("[", 501) + strings.Repeat("]", 501), ""},
		"far too deep":                                  {strings.Repeat(`{"a":`, 100000), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := AppendCanonical([]byte("before"), []byte(test.text))
			if ok != (test.want != "") {
				t.Fatalf("ok is %v, with %q", ok, got)
			}
			if diff := cmp.Diff("before"+test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every level that is out of order moves all that is within: that is bounded, and so is the time.
func TestWhatCostsTooMuchToOrderHasNoForm(t *testing.T) {
	deep := func(levels, size int) []byte {
		var b bytes.Buffer
		for range levels {
			b.WriteString(`{"b":`)
		}
		fmt.Fprintf(&b, "%q", strings.Repeat("x", size))
		for range levels {
			b.WriteString(`,"a":1}`)
		}
		return b.Bytes()
	}
	if _, ok := AppendCanonical(nil, deep(20, 10000)); !ok {
		t.Error("twenty levels out of order have no form")
	}
	began := time.Now()
	if _, ok := AppendCanonical(nil, deep(490, 4<<20)); ok {
		t.Error("490 levels around 4 MiB have a form")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

// jumble writes a value with its members in any order, white space and escapings.
func jumble(b *bytes.Buffer, r *rand.Rand, v any) {
	space := func() { b.WriteString([]string{"", "", " ", "\n", "\t\r"}[r.IntN(5)]) }
	text := func(s string) {
		b.WriteByte('"')
		for _, c := range s {
			switch {
			case c < 0x10000 && (c < 0x20 || c == '"' || c == '\\' || r.IntN(4) == 0):
				fmt.Fprintf(b, []string{`\u%04x`, `\u%04X`}[r.IntN(2)], c)
			default:
				b.WriteRune(c)
			}
		}
		b.WriteByte('"')
	}
	space()
	defer space()
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		b.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			space()
			text(name)
			space()
			b.WriteByte(':')
			jumble(b, r, v[name])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			jumble(b, r, e)
		}
		b.WriteByte(']')
	case string:
		text(v)
	case json.Number:
		b.WriteString(v.String())
	default:
		fmt.Fprint(b, map[any]string{true: "true", false: "false", nil: "null"}[v])
	}
}

// invent makes a value.
func invent(r *rand.Rand, depth int) any {
	words := []string{"role", "content", "a", "", "ü", "😀\n", "x\"\\", "system", "temperature", strings.Repeat("long ", 20)}
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		v := map[string]any{}
		for range r.IntN(6) {
			v[words[r.IntN(len(words))]+words[r.IntN(len(words))]] = invent(r, depth-1)
		}
		return v
	case n < 4 && depth > 0:
		v := make([]any, r.IntN(5))
		for i := range v {
			v[i] = invent(r, depth-1)
		}
		return v
	case n < 6:
		return words[r.IntN(len(words))]
	case n == 6:
		return json.Number([]string{"0", "-1", "2.50", "1e9"}[r.IntN(4)])
	default:
		return []any{true, false, nil}[r.IntN(3)]
	}
}

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestOneValueHasOneForm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	forms := map[string]string{} // by what encoding/json makes of the value
	for range 2000 {
		v := invent(r, 4)
		said, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var form []byte
		for range 3 {
			var b bytes.Buffer
			jumble(&b, r, v)
			got, ok := AppendCanonical(nil, b.Bytes())
			if !ok {
				t.Fatalf("%q has no form", b.Bytes())
			}
			if form != nil && !bytes.Equal(got, form) {
				t.Fatalf("%s and %s are one value", got, form)
			}
			form = got
		}
		if diff := cmp.Diff(v, parsed(t, form)); diff != "" {
			t.Fatalf("%s: %s", form, diff)
		}
		if other, known := forms[string(form)]; known && other != string(said) {
			t.Fatalf("%s and %s have one form", said, other)
		}
		forms[string(form)] = string(said)
	}
	if len(forms) < 500 {
		t.Errorf("only %d values were tried", len(forms))
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1,{"d":"\u00e9","c":null}],"a":"x\n"}`, `[1.0,-0e1,"\ud83d"]`, `{"a":1,"a":2}`, "\"\x00\"", `"\ud83d\ude00"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		once, ok := AppendCanonical(nil, text)
		if !ok {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is no JSON, and has the form %q", text, once)
		}
		if diff := cmp.Diff(parsed(t, text), parsed(t, once)); diff != "" {
			t.Fatalf("%q and its form %q: %s", text, once, diff)
		}
		twice, ok := AppendCanonical(nil, once)
		if !ok || !bytes.Equal(once, twice) {
			t.Fatalf("the form of %q is %q, %v", once, twice, ok)
		}
	})
}

func TestKeysDifferByTheirParts(t *testing.T) {
	lists := map[string][][]byte{
		"nothing":              nil,
		"one empty part":       {nil},
		"two empty parts":      {nil, nil},
		"one part":             {[]byte("ab")},
		"the same in two":      {[]byte("a"), []byte("b")},
		"the same and nothing": {[]byte("ab"), nil},
		"nothing and the same": {nil, []byte("ab")},
		"other order":          {[]byte("b"), []byte("a")},
	}
	seen := map[Key]string{}
	for name, parts := range lists {
		key := KeyOf(parts...)
		if other, known := seen[key]; known {
			t.Errorf("%s and %s have one key", name, other)
		}
		seen[key] = name
		var k Keying
		for _, part := range parts {
			k.AddString(string(part))
		}
		if k.Key() != key {
			t.Errorf("%s: added as strings, it is another key", name)
		}
	}
}

func TestAKeyIsOfTheCanonicalForm(t *testing.T) {
	var k Keying
	key := func(before, text string) Key {
		t.Helper()
		k.Reset()
		k.AddString(before)
		if !k.AddCanonical([]byte(text)) {
			t.Fatalf("%s has no form", text)
		}
		return k.Key()
	}
	one := key("team-a/alice", `{"model":"m","messages":[]}`)
	if other := key("team-a/alice", ` {"messages":[ ],"model":"m"}`); other != one {
		t.Error("another order is another key")
	}
	if other := key("team-a/bob", `{"model":"m","messages":[]}`); other == one {
		t.Error("another part is the same key")
	}
	form := sha256.Sum256([]byte(`{"messages":[],"model":"m"}`))
	if want := KeyOf([]byte("team-a/alice"), form[:]); want != one {
		t.Error("it is not the key of the form")
	}
	k.Reset()
	k.AddString("team-a/alice")
	if k.AddCanonical([]byte("{")) {
		t.Error("half an object has a form")
	}
	if k.Key() != KeyOf([]byte("team-a/alice")) {
		t.Error("what has no form left something")
	}
}

// chatBody is 1.2 KB, in the order in which SDKs write.
var chatBody = []byte(`{"model":"gpt-4o-mini","messages":[{"role":"system","content":"` + strings.Repeat("You are a helpful assistant. ", 12) +
	`"},{"role":"user","content":"What is the capital of France?\nAnswer in one word."},{"role":"assistant","content":"Paris."},` +
	`{"role":"user","content":"` + strings.Repeat("And of Germany, Italy and Spain? ", 15) + `"}],"temperature":0,"max_tokens":256,"stream":true,` +
	`"stream_options":{"include_usage":true},"user":"u-1"}`)

func TestKeysAllocateNothing(t *testing.T) {
	var k Keying
	if n := testing.AllocsPerRun(200, func() {
		k.Reset()
		k.AddString("team-a/alice")
		if !k.AddCanonical(chatBody) {
			t.Fatal("there is no form")
		}
		_ = k.Key()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCanonical(b *testing.B) {
	var k Keying
	b.ReportAllocs()
	b.SetBytes(int64(len(chatBody)))
	for b.Loop() {
		k.Reset()
		k.AddCanonical(chatBody)
	}
}

func BenchmarkCanonicalAndKey(b *testing.B) {
	var k Keying
	b.ReportAllocs()
	b.SetBytes(int64(len(chatBody)))
	for b.Loop() {
		k.Reset()
		k.AddString("team-a/alice")
		k.AddCanonical(chatBody)
		_ = k.Key()
	}
}
