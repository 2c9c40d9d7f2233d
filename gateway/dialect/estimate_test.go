// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// tokenizers are those whose counts the samples have.
var tokenizers = []string{"o200k", "gemma3", "llama3", "cl100k", "claude2"}

// sample is a text and what tokenizers make of it.
type sample struct {
	of, text string
	tokens   map[string]int64
}

// samplesOf reads lines of JSON: {"of": "<kind>", "text": "…", "<tokenizer>": tokens, …}.
func samplesOf(t *testing.T, path string) []sample {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var all []sample
	for lines := json.NewDecoder(file); lines.More(); {
		var line map[string]any
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		s := sample{of: line["of"].(string), text: line["text"].(string), tokens: map[string]int64{}}
		for _, name := range tokenizers {
			s.tokens[name] = int64(line[name].(float64))
		}
		all = append(all, s)
	}
	return all
}

// errorsOf gives the errors of estimates by kind of text, and over all, as parts of what a tokenizer counts, smallest first.
func errorsOf(all []sample, tokenizer string, estimate func(text []byte) int64) map[string][]float64 {
	errors := map[string][]float64{}
	for _, s := range all {
		want := float64(s.tokens[tokenizer])
		wrong := math.Abs(float64(estimate([]byte(s.text)))-want) / want
		errors[s.of] = append(errors[s.of], wrong)
		errors[""] = append(errors[""], wrong)
	}
	for _, list := range errors {
		slices.Sort(list)
	}
	return errors
}

func at(sorted []float64, part float64) float64 { return sorted[int(part*float64(len(sorted)-1)+0.5)] }

func fourBytes(text []byte) int64 { return int64(len(text)+3) / 4 }

// TestEstimatesAreNear holds the estimates to what OpenAI's newest public tokenizer counts. TOKEN_SAMPLES=<path> go test -v -run
// TestEstimatesAreNear ./gateway/dialect measures over other samples.
func TestEstimatesAreNear(t *testing.T) {
	const own = "testdata/tokens.jsonl"
	path := cmp.Or(os.Getenv("TOKEN_SAMPLES"), own)
	all := samplesOf(t, path)
	for _, tokenizer := range tokenizers {
		errors, before := errorsOf(all, tokenizer, EstimateTokens), errorsOf(all, tokenizer, fourBytes)
		for _, kind := range slices.Sorted(maps.Keys(errors)) {
			list, old := errors[kind], before[kind]
			t.Logf("| %s | %s | %d | %.1f | %.1f | %.1f | %.1f |", tokenizer, cmp.Or(kind, "all"), len(list),
				100*at(list, .5), 100*at(list, .95), 100*at(list, 1), 100*at(old, .5))
			if path == own && tokenizer == "o200k" && at(list, 1) > 0.35 {
				t.Errorf("%s: %.0f %% off", kind, 100*at(list, 1))
			}
		}
		newer := tokenizer == "o200k" || tokenizer == "gemma3" || tokenizer == "llama3"
		if path == own && newer && (at(errors[""], .5) > 0.15 || at(errors[""], .5) > at(before[""], .5)) {
			t.Errorf("%s: half are more than %.0f %% off; four bytes a token: %.0f %%", tokenizer, 100*at(errors[""], .5), 100*at(before[""], .5))
		}
	}
}

// What a text is written as in JSON does not matter.
func TestEscapesCountAsWhatTheyStandFor(t *testing.T) {
	for _, s := range samplesOf(t, "testdata/tokens.jsonl") {
		text := s.text[:min(len(s.text), lanes*leastIn-8)] // What lanes cut depends on the length.
		text = strings.ToValidUTF8(text, "")
		plain, _ := json.Marshal(text)
		for way, quoted := range map[string][]byte{"as Go has it": plain, "in ASCII": inASCII(text)} {
			_, want := weigh(atOther, []byte(text))
			if got := weighJSON(quoted[1 : len(quoted)-1]); got != want {
				t.Errorf("%s, %s: %d units, want %d", s.of, way, got, want)
			}
		}
	}
}

// inASCII writes JSON as Python does.
func inASCII(text string) []byte {
	out := []byte{'"'}
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < 0x80 && unit >= ' ' && unit != '"' && unit != '\\' {
			out = append(out, byte(unit))
			continue
		}
		out = fmt.Appendf(out, `\u%04x`, unit)
	}
	return append(out, '"')
}

func TestWhatCannotBeTextIsWeighedToo(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "half a character": "\xe4\xbd", "the rest of one": "\xbd\xa0", "no character at all": "\xff\xfe\xf8",
		"a backslash at the end": `\`, "an escape that is cut": `\u12`, "half a pair": `\ud800`, "a pair": `\ud83d\ude00`,
	} {
		if got := weighJSON([]byte(text)); got < 0 || got > 4*128 {
			t.Errorf("%s: %d units", name, got)
		}
	}
	if got := EstimateTokens(nil); got != 0 {
		t.Errorf("nothing is %d tokens", got)
	}
}

// Nobody gets much past an estimate with a text of one kind of character: however it is repeated, it weighs something.
func TestEveryTextWeighsSomething(t *testing.T) {
	for first := range 256 {
		for _, second := range []byte{'a', 'A', '0', ' ', '\n', '.', 0x80, byte(first)} {
			text := bytes.Repeat([]byte{byte(first), second}, 5000)
			if first >= 0x80 && first < 0xc0 && second == byte(first) {
				continue // This is nothing but ends of characters.
			}
			if first >= 0x80 && first < 0xc0 && second == 0x80 {
				continue
			}
			if got := EstimateTokens(text); got < 10_000/128 {
				t.Errorf("%q, repeated: %d tokens of %d bytes", text[:2], got, len(text))
			}
		}
	}
}

func TestPromptTokensCountWhatAModelReads(t *testing.T) {
	const words = "one two three four five six seven eight nine ten"
	n := EstimateTokens([]byte(words))
	tests := map[string]struct {
		shape       *Shape
		body        string
		least, most int64
	}{
		"a message":                     {Chat, `{"model":"m","messages":[{"role":"user","content":"` + words + `"}]}`, n + 4, n + 4},
		"parts":                         {Chat, `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"` + words + `"}]}]}`, n + 4, n + 4},
		"two messages":                  {Chat, `{"model":"m","messages":[{"content":"` + words + `"},{"content":"` + words + `"}]}`, 2*n + 7, 2*n + 8},
		"a picture":                     {Chat, `{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"data:` + words + `"}}]}]}`, 4, 4},
		"tools":                         {Chat, `{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f","description":"` + words + `"}}]}`, n + 5, n + 30},
		"the schema of an answer":       {Chat, `{"model":"m","messages":[],"response_format":{"json_schema":{"schema":{"description":"` + words + `"}}}}`, n + 3, n + 20},
		"a system prompt":               {Messages, `{"model":"m","system":"` + words + `","messages":[]}`, n, n},
		"what a tool was called with":   {Messages, `{"model":"m","messages":[{"content":[{"type":"tool_use","input":{"path":"` + words + `"}}]}]}`, n + 5, n + 12},
		"what a tool gave":              {Messages, `{"model":"m","messages":[{"content":[{"type":"tool_result","content":"` + words + `"}]}]}`, n + 4, n + 4},
		"inputs":                        {Embeddings, `{"model":"m","input":["` + words + `","` + words + `"]}`, 2*n + 7, 2*n + 8},
		"an input":                      {Response, `{"model":"m","input":"` + words + `"}`, n + 4, n + 4},
		"items":                         {Response, `{"model":"m","input":[{"type":"message","content":"` + words + `"}],"id":"` + words + `"}`, n + 4, n + 4},
		"what Gemini's tool was called": {Generate, `{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"q":"` + words + `"}}}]}]}`, n + 5, n + 12},
		"data":                          {Generate, `{"contents":[{"parts":[{"inlineData":{"data":"` + words + `"}}]}]}`, 4, 4},
		"numbers in a schema":           {Chat, `{"model":"m","messages":[],"tools":[1,22,[],{},true,null]}`, 4, 12},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var r Request
			if err := r.Decode(tc.shape, []byte(tc.body)); err != nil {
				t.Fatal(err)
			}
			if got := r.PromptTokens(); got < tc.least || got > tc.most {
				t.Errorf("%d tokens, want %d to %d", got, tc.least, tc.most)
			}
		})
	}
}

func TestEstimatingDoesNotAllocate(t *testing.T) {
	var r Request
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat(`a \"long\" \u00e9 prompt\n`, 200) + `"}],"tools":[{"name":"f"}]}`)
	if err := r.Decode(Chat, body); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { r.PromptTokens() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEstimateTokens(b *testing.B) {
	for name, text := range map[string]string{
		"english": strings.Repeat("The quick brown fox jumps over the lazy dog, and then it sleeps. ", 160),
		"code":    strings.Repeat("\tif err := r.Decode(shape, body); err != nil {\n\t\treturn nil, err\n\t}\n", 160),
		"han":     strings.Repeat("请给客户写一封信，说明货物为什么晚到。", 200),
		"base64":  base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("0\x10\x83\x10\x51\x87 \x92\x8b0\xd3"), 700)),
	} {
		text := []byte(text[:10240])
		b.Run("text="+name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				EstimateTokens(text)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10/1000, "µs/KB")
		})
		b.Run("json="+name, func(b *testing.B) {
			quoted, _ := json.Marshal(string(text))
			var r Request
			body := []byte(`{"model":"m","messages":[{"role":"user","content":` + string(quoted) + `}]}`)
			if err := r.Decode(Chat, body); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r.PromptTokens()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(body))*1024/1000, "µs/KB")
		})
	}
}
