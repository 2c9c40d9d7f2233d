// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packed is numbers as OpenAI packs them.
func packed(v ...float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// answer is OpenAI's answer with these embeddings, each as JSON.
func answer(embeddings ...string) string {
	var items []string
	for _, e := range embeddings {
		items = append(items, `{"object":"embedding","index":0,"embedding":`+e+`}`)
	}
	return `{"object":"list","data":[` + strings.Join(items, ",") + `],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}`
}

func TestReadEmbedding(t *testing.T) {
	many := func(n int) string { return "[1" + strings.Repeat(",0.25", n-1) + "]" }
	for name, test := range map[string]struct {
		body    string
		want    []float32
		wantErr error
	}{
		"numbers":                       {answer(`[0.5,-1e-2,3]`), []float32{0.5, -0.01, 3}, nil},
		"base64":                        {answer(`"` + packed(0.5, -0.01, 3) + `"`), []float32{0.5, -0.01, 3}, nil},
		"base64 with escapes":           {answer(`"` + strings.ReplaceAll(packed(1, 2), "/", `\/`) + `"`), []float32{1, 2}, nil},
		"members in any order":          {` {"usage":{"a":[{}]},"data":[ {"embedding" : [1] , "index":0} ] } `, []float32{1}, nil},
		"no more than needed":           {`{"data":[{"embedding":[1]}]}`, []float32{1}, nil},
		"the bound":                     {answer(many(MaxDimensions)), append([]float32{1}, scaled(ones(MaxDimensions-1), 0.25)...), nil},
		"beyond the bound":              {answer(many(MaxDimensions + 1)), nil, errNumbers},
		"beyond the bound, in base64":   {answer(`"` + packed(ones(MaxDimensions+1)...) + `"`), nil, errNumbers},
		"none":                          {answer(), nil, errNotOne},
		"two":                           {answer(`[1]`, `[2]`), nil, errNotOne},
		"no data":                       {`{"object":"list"}`, nil, errNotOne},
		"null data":                     {`{"data":null}`, nil, errNotOne},
		"data that are an object":       {`{"data":{"embedding":[1]}}`, nil, errNotOne},
		"data that are numbers":         {`{"data":[1]}`, nil, errNotOne},
		"an item without any":           {`{"data":[{"index":0}]}`, nil, errNotOne},
		"an empty one":                  {answer(`[]`), nil, errNumbers},
		"an empty one in base64":        {answer(`""`), nil, errNumbers},
		"an embedding that is null":     {answer(`null`), nil, errNumbers},
		"an embedding that is a number": {answer(`1`), nil, errNumbers},
		"numbers in strings":            {answer(`["1"]`), nil, errNumbers},
		"an array of arrays":            {answer(`[[1]]`), nil, errNumbers},
		"a number beyond float32":       {answer(`[1e39]`), nil, errNumbers},
		"a number beyond float64":       {answer(`[1e999]`), nil, errNumbers},
		"a NaN in base64":               {answer(`"` + packed(float32(math.NaN())) + `"`), nil, errNumbers},
		"an infinity in base64":         {answer(`"` + packed(float32(math.Inf(-1))) + `"`), nil, errNumbers},
		"base64 of half a number":       {answer(`"AAA="`), nil, errNumbers},
		"base64 that is none":           {answer(`"!!!!"`), nil, errNumbers},
		"an error":                      {`{"error":{"message":"no"}}`, nil, errNotOne},
		"twice the data":                {`{"data":[{"embedding":[1]}],"data":[{"embedding":[2]}]}`, nil, errNotJSON},
		"cut off":                       {`{"data":[{"embedding":[1,2`, nil, errNotJSON},
		"cut off behind the numbers":    {`{"data":[{"embedding":[1,2]}]`, nil, errNotJSON},
		"something behind it":           {answer(`[1]`) + `1`, nil, errNotJSON},
		"nothing":                       {``, nil, errNotJSON},
		"an array":                      {`[1,2]`, nil, errNotJSON},
		"too deep":                      {`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, nil, errNotJSON},
		"too large":                     {answer(`[1]`) + strings.Repeat(" ", MaxAnswer), nil, errAnswerTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadEmbedding([]byte(test.body))
			if err != test.wantErr { //nolint:errorlint // They are never wrapped.
				t.Fatalf("the error is %v, want %v", err, test.wantErr)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAppendQuestion(t *testing.T) {
	for name, text := range map[string]string{
		"plain":          "Why?",
		"quotes":         `He said "why\"`,
		"lines":          "a\nb\r\n\tc\x00d\x1f",
		"other scripts":  "なぜ? 😀 \u2028",
		"markup":         "<b>&amp;</b>",
		"nothing":        "",
		"another member": `","input":"x`,
	} {
		t.Run(name, func(t *testing.T) {
			b := AppendQuestion([]byte("before"), `a"b`, []byte(text))
			var got map[string]string
			if err := json.Unmarshal(b[len("before"):], &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"model": `a"b`, "input": text, "encoding_format": "float"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got, want := string(AppendQuestion(nil, "m", []byte("a\xffb"))), `{"model":"m","input":"a`+"\ufffd"+`b","encoding_format":"float"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppendQuestionDoesNotAllocate(t *testing.T) {
	dst, text := make([]byte, 0, 256), []byte("Why is the sky blue?")
	if n := testing.AllocsPerRun(100, func() { dst = AppendQuestion(dst[:0], "text-embedding-3-small", text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
