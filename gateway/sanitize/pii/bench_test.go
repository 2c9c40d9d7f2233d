// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// prose is some 2 KB of English as people and models write it, with nothing to find.
var prose = []byte(strings.Repeat(`Thank you for the detailed report; it's well written. In 2023 we changed how the scheduler decides
which queue comes first, and about 40% of the jobs (roughly 1,200 a day) finish earlier. However, long-running tasks don't
benefit: they wait for a free worker, which takes 12 to 15 minutes. Here is what I'd suggest: measure first, then change one
thing at a time! The "simple" answer may be wrong. See chapter 4.2 for the numbers, and section 7 for the caveats.

Would you like me to draft a plan? It could have three parts: goals, measures, and a schedule with dates.
`, 4)[:2048])

func TestWhatHoldsNothingCostsNothing(t *testing.T) {
	var dst []byte
	if n := testing.AllocsPerRun(100, func() {
		out, found := Redact(dst, prose, All)
		if found.Total() != 0 || &out[0] != &prose[0] {
			t.Fatal("the prose was changed")
		}
	}); n != 0 {
		t.Errorf("%v allocations where nothing is found", n)
	}
	s, out := NewStream(All), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		s.Reset(All)
		out = out[:0]
		for i := 0; i < len(prose); i += 4 {
			out = s.Write(out, prose[i:min(i+4, len(prose))])
		}
		out = s.Close(out)
	}); n != 0 {
		t.Errorf("%v allocations in a stream", n)
	}
	if !bytes.Equal(out, prose) {
		t.Error("the stream changed the prose")
	}
}

func BenchmarkProse2KB(b *testing.B) {
	b.SetBytes(int64(len(prose)))
	b.ReportAllocs()
	for b.Loop() {
		Redact(nil, prose, All)
	}
}

// Events of four bytes, as a model's tokens are.
func BenchmarkStreamOf4ByteEvents(b *testing.B) {
	s, out := NewStream(All), make([]byte, 0, 4096)
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		s.Reset(All)
		out = out[:0]
		for i := 0; i < len(prose); i += 4 {
			out = s.Write(out, prose[i:min(i+4, len(prose))])
			events++
		}
		out = s.Close(out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

// Texts made to be slow: the time of each is linear, at so many nanoseconds a byte.
func BenchmarkHostile(b *testing.B) {
	for _, unit := range []string{"1", "1 ", "1.", "12-", "a.", "a@", "@", "a@a.", ":", "1:", "-", "a1 ", "(1) ", "+1 ", "4111 ", "key=a1", "AB12 ",
		"-----BEGIN ", "eyJ", "sk-", "://a:", "phone 12", "a_1-", "x=", "é", "\\n"} {
		text := bytes.Repeat([]byte(unit), 1+(64<<10)/len(unit))
		b.Run(fmt.Sprintf("%q", unit), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Find(nil, text, All)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)), "ns/byte")
		})
	}
}

// A reader sees the words as they come: prose is held back to the end of a word, a number to the end of it.
func TestProseIsHardlyHeldBack(t *testing.T) {
	for name, test := range map[string]struct {
		event               int // bytes
		median, rare, worst int // bytes held back after an event: in half of them, in 99 of 100, in all
	}{
		"events of one byte":      {1, 4, 12, 24},
		"events of four bytes":    {4, 4, 12, 24},
		"events of sixteen bytes": {16, 4, 12, 24},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewStream(All)
			var out []byte
			var held []int
			for rest := prose; len(rest) > 0; {
				n := min(test.event, len(rest))
				out = s.Write(out, rest[:n])
				rest = rest[n:]
				held = append(held, s.Pending())
			}
			slices.Sort(held)
			at := func(percent int) int { return held[(len(held)-1)*percent/100] }
			t.Logf("held back, bytes: median %d, 90 %% %d, 99 %% %d, most %d", at(50), at(90), at(99), at(100))
			if at(50) > test.median || at(99) > test.rare || at(100) > test.worst {
				t.Errorf("held back, bytes: median %d, 99 %% %d, most %d; want at most %d, %d, %d", at(50), at(99), at(100),
					test.median, test.rare, test.worst)
			}
		})
	}
}
