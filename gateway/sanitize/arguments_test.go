// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestArguments(t *testing.T) {
	cfg := denying(config.SanitizeRedact, `secret\w*`, `4111\d+`, `code: \d+`)
	cfg.PII = personal(config.SanitizeRedact)
	cfg.ImageLinks = &config.ImageLinks{Mode: config.SanitizeRedact}
	a := mustPolicy(t, cfg).Answer(nil)
	for name, test := range map[string]struct{ text, want string }{
		"an object":                       {`{"to": "anna@example.com", "n": 1}`, `{"to": "[EMAIL]", "n": 1}`},
		"nothing is found":                {`{"a":["b",1.5e3,true,null,{"c":"d\n\"e\\"}],"é":"日"}`, "="},
		"a number":                        {`{"card":4111111111111111}`, `{"card":"[REDACTED]"}`},
		"a number at the end":             {`[4111111111111111`, `["[REDACTED]"`},
		"a number before white space":     {"{\"card\":4111111111111111 \n}", "{\"card\":\"[REDACTED]\" \n}"},
		"a number in groups":              {`{card 4111 1111 1111 1111, x}`, `{card [CREDIT_CARD], x}`},
		"only groups":                     {`{4111 1111 1111 1111 }`, `{[CREDIT_CARD] }`},
		"a text":                          {`Write to "anna@example.com", card 4111 1111 1111 1111: now`, `Write to "[EMAIL]", card [CREDIT_CARD]: now`},
		"a text that begins as a string":  {`"Hi" \u0040 4111 1111 1111 1111`, `"Hi" \u0040 [CREDIT_CARD]`},
		"a text that is one number":       {`4111111111111111`, `[REDACTED]`},
		"a text behind white space":       {"\n anna@example.com", "\n [EMAIL]"},
		"a text that begins as an object": {`{name}, write to anna@example.com now`, `{name}, write to [EMAIL] now`},
		"a text that begins as a list":    {`[1] Card 4111 1111 1111 1111`, `[1] Card [CREDIT_CARD]`},
		"a number behind its name":        {`{"code": 1234, "x": 1234}`, `{"code": "[REDACTED]", "x": 1234}`},
		"an escaped character":            {`{"to":"anna\u0040example.com"}`, `{"to":"[EMAIL]"}`},
		"escapes come out short":          {`["\u0061\/\u00e9\u0001\b\f\n\r\t\""]`, `["a/é\u0001\b\f\n\r\t\""]`},
		"a pair":                          {`["\ud83d\ude00"]`, `["😀"]`},
		"half a pair":                     {`["\ud83d","\ude00x","\ud83d\u0061","\ud83d\n","\ud83d\ud83d\ude00"]`, `["` + "\uFFFD" + `","` + "\uFFFDx" + `","` + "\uFFFDa" + `","` + "\uFFFD" + `\n","` + "\uFFFD😀" + `"]`},
		"a quote that is escaped":         {`["a\"secret\"b"]`, `["a\"[REDACTED]\"b"]`},
		"a name":                          {`{"secret1":"x"}`, `{"[REDACTED]":"x"}`},
		"a value behind a secret name":    {`{"secret":"x"}`, `{"[REDACTED]":"x"}`},
		"one string does not reach over":  {`["secr","et"]`, "="},
		"images are nobody's":             {`{"html":"<img src='https://evil.example/a'>"}`, "="},
		"JSON in a string":                {`{"a":"{\"to\":\"anna@example.com\"}"}`, `{"a":"{\"to\":\"[EMAIL]\"}"}`},
		"a string that is cut":            {`{"to":"anna@example.com`, `{"to":"[EMAIL]`},
		"an escape that is cut":           {`{"to":"a\u00`, "="},
		"a backslash that is cut":         {`{"to":"a\`, "="},
		"a word that is no JSON":          {`{to: anna@example.com}`, `{to: [EMAIL]}`},
		"an escape that is none":          {`["\q\u12x4"]`, `["qu12x4"]`},
		"an escape that is none, a quote": {`["\u1"]`, `["u1"]`},
		"white space":                     {" {\n\t\"a\" : 1 } \r\n", "="},
		"no text":                         {"", "="},
		"a number longer than any":        {`[` + strings.Repeat("1", 2*maxBare) + `,2]`, "="},
		"a finding behind a long number":  {`[` + strings.Repeat("1", maxBare) + ` anna@example.com]`, `[` + strings.Repeat("1", maxBare) + ` [EMAIL]]`},
		"a long name":                     {`{"` + strings.Repeat("n", 500) + `":"secret"}`, `{"` + strings.Repeat("n", 500) + `":"[REDACTED]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			want := test.want
			if want == "=" {
				want = test.text
			}
			got := wantSameInPieces(t, a.FilterArguments, test.text)
			if got.text != want {
				t.Errorf("%s, want %s", got.text, want)
			}
			if objectOrList(test.text) && !json.Valid([]byte(got.text)) {
				t.Errorf("%s is no JSON", got.text)
			}
		})
	}
}

func TestTheNameOfAnArgumentSaysWhatItIs(t *testing.T) {
	a := mustPolicy(t, config.Sanitizer{PII: personal(config.SanitizeRedact)}).Answer(nil)
	for _, text := range []string{`{"password":"Xk29fLq8Zr1vTn5w"}`, `{"api_key": "Xk29fLq8Zr1vTn5wPq4s"}`} {
		if got := wantSameInPieces(t, a.FilterArguments, text); strings.Contains(got.text, "Xk29") || !json.Valid([]byte(got.text)) {
			t.Errorf("%s becomes %s", text, got.text)
		}
	}
}

func TestArgumentsAreBlocked(t *testing.T) {
	a := mustPolicy(t, denying(config.SanitizeBlock, `secret`, `4111\d+`)).Answer(nil)
	for text, want := range map[string]outcome{
		`{"a":"b","c":"my secret","d":"e"}`: {text: `{"a":"b","c":"my `, block: "deny_pattern a"},
		`{"a":[1,4111111,2],"b":"c"}`:       {text: `{"a":[1,`, block: "deny_pattern b"},
		`{"a":"b`:                           {text: `{"a":"b`},
		`["secret`:                          {text: `["`, block: "deny_pattern a"},
	} {
		if got := wantSameInPieces(t, a.FilterArguments, text); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestArgumentsOfAnyKindStayWhatTheyAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	var value func(depth int) any
	value = func(depth int) any {
		words := []string{"a", "日本", "\n", "\"", "\\", "😀", "\u2028", "x@y", "secret", "\x01", "/", "<", "4111111111111111"}
		switch n := rng.IntN(7); {
		case n == 0 && depth > 0:
			return []any{value(depth - 1), value(depth - 1)}
		case n == 1 && depth > 0:
			return map[string]any{words[rng.IntN(len(words))]: value(depth - 1), "k": value(depth - 1)}
		case n == 2:
			return rng.Float64()
		case n == 3:
			return rng.IntN(2) == 0
		case n == 4:
			return nil
		default:
			return words[rng.IntN(len(words))] + words[rng.IntN(len(words))]
		}
	}
	a := mustPolicy(t, denying(config.SanitizeRedact, `secret`, `\b4111\d+`)).Answer(nil)
	still := mustPolicy(t, denying(config.SanitizeRedact, `zzzz`)).Answer(nil)
	for range 500 {
		text, err := json.Marshal([]any{value(3)})
		if err != nil {
			t.Fatal(err)
		}
		got := wantSameInPieces(t, a.FilterArguments, string(text))
		if objectOrList(string(text)) && !json.Valid([]byte(got.text)) || strings.Contains(got.text, "secret") {
			t.Fatalf("%s becomes %s", text, got.text)
		}
		var was, is any
		same := whole(still.FilterArguments(), string(text)).text
		if json.Unmarshal(text, &was) != nil || json.Unmarshal([]byte(same), &is) != nil || !equalJSON(was, is) {
			t.Fatalf("%s becomes %s", text, same)
		}
	}
}

// objectOrList says whether a text is JSON of either kind.
func objectOrList(text string) bool {
	return json.Valid([]byte(text)) && strings.ContainsAny(strings.TrimLeft(text, " \t\r\n")[:1], "{[")
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func FuzzFilters(f *testing.F) {
	for _, seed := range []string{`{"a":"anna@example.com"}`, "![a](https://evil.example/b)", "<img src=//evil.example>", instructions, `"\ud83d\u`, "secret 4111 1111 1111 1111"} {
		f.Add(seed, uint64(1))
	}
	cfg := denying(config.SanitizeRedact, `secret\w*`, `(?i)plan\s+\d+`)
	cfg.PII = personal(config.SanitizeRedact)
	cfg.SystemPromptLeak = &config.SystemPromptLeak{Mode: config.SanitizeRedact}
	cfg.ImageLinks = &config.ImageLinks{Mode: config.SanitizeRedact, AllowedHosts: []string{"ok.example"}}
	p, err := New(&cfg)
	if err != nil {
		f.Fatal(err)
	}
	a := p.Answer([][]byte{[]byte(instructions)})
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		for _, filter := range []func() *Filter{a.Filter, a.FilterArguments} {
			if got, want := cutAt(filter(), text, rng, 1+rng.IntN(20)), whole(filter(), text); got != want {
				t.Fatalf("%+v in pieces, %+v whole", got, want)
			}
		}
		if got := whole(a.FilterArguments(), text); objectOrList(text) && !json.Valid([]byte(got.text)) {
			t.Fatalf("%s becomes %s", text, got.text)
		}
	})
}
