// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// filled gives an index with one scope of so many questions, and queries that each paraphrase one of them.
func filled(n int, c *corpus, cosine float64) (x *Index, all, queries [][]float32, wants []int) {
	x = New(Options{MaxEntries: n, MaxBytes: 1 << 40})
	for i := range n {
		v := c.question()
		all = append(all, v)
		x.Add([32]byte{}, v, refOf(i), nil, never)
	}
	for range 200 {
		want := c.r.IntN(n)
		queries, wants = append(queries, c.near(all[want], cosine)), append(wants, want)
	}
	return x, all, queries, wants
}

func BenchmarkNearest(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10000} {
		for name, c := range map[string]*corpus{
			"200-topics": newCorpus(1, 1536, 200, 0.6, 0.75),
			"crowded":    newCorpus(2, 1536, 1, 0.6, 0.965),
			"unrelated":  newCorpus(3, 1536, 1, 0, 0),
		} {
			x, _, queries, wants := filled(n, c, 0.96)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				found, i := 0, 0
				for b.Loop() {
					ref, _, ok := x.Nearest([32]byte{}, queries[i%len(queries)], 0.95)
					if ok && indexOf(ref) == wants[i%len(wants)] {
						found++
					}
					i++
				}
				b.ReportMetric(float64(found)/float64(i), "recall")
			})
		}
	}
}

func BenchmarkNearestOfAnEmptyScope(b *testing.B) {
	x := New(Options{})
	v := newCorpus(1, 1536, 1, 0, 0).question()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := x.Nearest([32]byte{}, v, 0.95); ok {
			b.Fatal("found")
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	c := newCorpus(1, 1536, 200, 0.6, 0.75)
	x, _, queries, _ := filled(10000, c, 0.96)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		x.Add([32]byte{}, queries[i%len(queries)], refOf(i), nil, never)
		i++
	}
}

func BenchmarkSketch(b *testing.B) {
	v := newCorpus(1, 1536, 1, 0, 0).question()
	x := New(Options{})
	q := &query{}
	b.ReportAllocs()
	for b.Loop() {
		x.draw(q, v)
	}
}

func BenchmarkDot(b *testing.B) {
	v, _ := quantise(newCorpus(1, 1536, 1, 0, 0).question(), nil)
	for b.Loop() {
		dot(v.values, v.values)
	}
}

// The memory of an entry, as the runtime sees it and as Stats does.
func BenchmarkMemory(b *testing.B) {
	c := newCorpus(1, 1536, 200, 0.6, 0.75)
	for name, scopes := range map[string]int{"one-scope": 1, "a-scope-each": 5000} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				x := New(Options{})
				for i := range 5000 {
					x.Add([32]byte{1: byte(i % scopes), 2: byte(i % scopes >> 8)}, c.question(), refOf(i), []string{"model=gpt-4o"}, never)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/5000, "B/entry")
				b.ReportMetric(float64(x.Stats().Bytes)/5000, "counted-B/entry")
				runtime.KeepAlive(x)
			}
		})
	}
}

// A question of 1.2 KB with a system prompt.
func BenchmarkQuestion(b *testing.B) {
	body := []byte(`{"model":"gpt-4o","temperature":0,"stream":true,"messages":[{"role":"system","content":"` +
		strings.Repeat("Answer briefly. ", 60) + `"},{"role":"user","content":"` + strings.Repeat("Why is the sky blue? ", 8) + `"}]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, _, ok := Question(exchange.OpenAI, body); !ok {
			b.Fatal("not a question")
		}
	}
}

func BenchmarkReadEmbedding(b *testing.B) {
	v := newCorpus(1, 1536, 1, 0, 0).question()
	var numbers []string
	for _, f := range v {
		numbers = append(numbers, strconv.FormatFloat(float64(f), 'g', -1, 32))
	}
	for name, embedding := range map[string]string{
		"numbers": "[" + strings.Join(numbers, ",") + "]",
		"base64":  `"` + packed(v...) + `"`,
	} {
		body := []byte(answer(embedding))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadEmbedding(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
