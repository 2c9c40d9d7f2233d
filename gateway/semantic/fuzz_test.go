// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// What is a question has a text within bounds, and is the same question when another library has written it anew, which
// sorts members and adds white space; with another text its rest is the same, unless numbers differ.
func FuzzQuestion(f *testing.F) {
	for d, body := range plain {
		f.Add(byte(d), []byte(body))
	}
	f.Add(byte(exchange.OpenAI), []byte(`{"n":1,"messages":[{"role":"system","content":[{"type":"text","text":"\u0041"}]},{"content":"\\\"]}","role":"user"}],"stop":["{[\"]}"]}`))
	f.Add(byte(exchange.Anthropic), []byte(`{"system":[{"type":"text","text":""}],"messages":[{"role":"user","content":[{"type":"text","text":"4²"}]}]}`))
	f.Add(byte(exchange.Responses), []byte(`{"store":false,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}]}`))
	f.Fuzz(func(t *testing.T, d byte, body []byte) {
		before := bytes.Clone(body)
		text, rest, ok := Question(exchange.Dialect(d), body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body changed")
		}
		if !ok {
			if text != nil || rest != [32]byte{} {
				t.Fatal("it is none, and something is given")
			}
			return
		}
		if len(bytes.TrimSpace(text)) == 0 || len(text) > MaxQuestion || !utf8.Valid(text) {
			t.Fatalf("the text is %q", text)
		}
		var out bytes.Buffer
		if err := json.Indent(&out, body, " ", "\t"); err != nil {
			t.Fatalf("a question that is not JSON: %v", err)
		}
		if out.Len() > MaxBody {
			return
		}
		again, anew, ok := Question(exchange.Dialect(d), out.Bytes())
		if !ok || !bytes.Equal(again, text) || anew != rest {
			t.Fatalf("with white space it is %q %v", again, ok)
		}
	})
}

func FuzzReadEmbedding(f *testing.F) {
	f.Add([]byte(answer(`[0.5,-1e-2,3]`)))
	f.Add([]byte(answer(`"` + packed(1, 2, 3) + `"`)))
	f.Add([]byte(answer(`[1]`, `[2]`)))
	f.Add([]byte(`{"data":[{"embedding":[[]]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := ReadEmbedding(body)
		if (err == nil) != (v != nil) {
			t.Fatalf("%d numbers and %v", len(v), err)
		}
		if err != nil {
			return
		}
		if len(v) == 0 || len(v) > MaxDimensions || !json.Valid(body) {
			t.Fatalf("%d numbers of %q", len(v), body)
		}
		if slices.ContainsFunc(v, func(f float32) bool { return math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) }) {
			t.Fatal("a number that is not finite")
		}
		x := New(Options{})
		zero := !slices.ContainsFunc(v, func(f float32) bool { return f != 0 })
		if added := x.Add([32]byte{}, v, Ref{}, nil, never); added == zero {
			t.Fatalf("added: %v", added)
		}
		if _, similarity, ok := x.Nearest([32]byte{}, v, 1); ok == zero || ok && similarity != 1 {
			t.Fatalf("found: %v, at %v", ok, similarity)
		}
	})
}

// Whatever is asked, no more than there is comes back, and what is given is as near as it says.
func FuzzNearest(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, []byte{4, 3, 2, 1}, float32(0.5))
	f.Add([]byte{0, 0}, []byte{0, 255}, float32(0.99))
	f.Fuzz(func(t *testing.T, a, b []byte, threshold float32) {
		numbers := func(b []byte) []float32 {
			v := make([]float32, len(b))
			for i, x := range b {
				v[i] = float32(int8(x))
			}
			return v
		}
		va, vb := numbers(a), numbers(b)
		x := New(Options{})
		added := x.Add([32]byte{}, va, Ref{7}, nil, never)
		ref, similarity, ok := x.Nearest([32]byte{}, vb, threshold)
		if !ok {
			return
		}
		want := exact(unit(va), unit(vb))
		if !added || ref != (Ref{7}) || len(va) != len(vb) || similarity < threshold || math.Abs(float64(similarity)-want) > 1e-3 {
			t.Fatalf("given at %v, want %v", similarity, want)
		}
	})
}
