// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATapeTellsOnlyWhatIsNotCut(t *testing.T) {
	stop := &Blocked{Name: "stop"}
	type cuts = []cut
	for name, test := range map[string]struct {
		cuts  cuts
		to    []int
		want  string
		block bool
	}{
		"nothing is cut":                    {nil, []int{10}, "0123456789", false},
		"in steps":                          {nil, []int{3, 3, 7, 10}, "0123456789", false},
		"a cut":                             {cuts{{span: span{2, 4}}}, []int{10}, "01[REDACTED]456789", false},
		"a cut at the beginning":            {cuts{{span: span{0, 4}}}, []int{10}, "[REDACTED]456789", false},
		"a cut at the end":                  {cuts{{span: span{4, 10}}}, []int{10}, "0123[REDACTED]", false},
		"a cut that begins behind the step": {cuts{{span: span{4, 6}}}, []int{4, 10}, "0123[REDACTED]6789", false},
		"a cut over steps":                  {cuts{{span: span{2, 8}}}, []int{3, 5, 10}, "01[REDACTED]89", false},
		"cuts that overlap":                 {cuts{{span: span{2, 5}}, {span: span{4, 7}}}, []int{10}, "01[REDACTED]789", false},
		"a cut within another":              {cuts{{span: span{2, 9}}, {span: span{4, 5}}}, []int{3, 10}, "01[REDACTED]9", false},
		"cuts side by side":                 {cuts{{span: span{2, 4}}, {span: span{4, 6}}}, []int{10}, "01[REDACTED][REDACTED]6789", false},
		"cuts in another order":             {cuts{{span: span{6, 7}}, {span: span{1, 2}}}, []int{10}, "0[REDACTED]2345[REDACTED]789", false},
		"an end":                            {cuts{{span{3, 5}, stop}}, []int{10}, "012", true},
		"an end within a cut":               {cuts{{span: span{1, 6}}, {span{3, 5}, stop}}, []int{10}, "0[REDACTED]", true},
		"an end that begins with a cut":     {cuts{{span: span{3, 9}}, {span{3, 5}, stop}}, []int{10}, "012", true},
		"an end behind a cut":               {cuts{{span: span{1, 2}}, {span{3, 5}, stop}}, []int{10}, "0[REDACTED]2", true},
	} {
		t.Run(name, func(t *testing.T) {
			tape := tape{text: []byte("0123456789")}
			for _, c := range test.cuts {
				tape.cut(c)
			}
			var told []byte
			var block *Blocked
			for _, to := range test.to {
				told, block = tape.tell(told, to, to)
			}
			if diff := cmp.Diff(test.want, string(told)); diff != "" || (block != nil) != test.block {
				t.Errorf("%v %s", block, diff)
			}
		})
	}
}

func TestATapeForgetsWhatNobodyNeeds(t *testing.T) {
	var tape tape
	most := 0
	for range 1000 {
		tape.text = append(tape.text, "0123456789"...)
		told, _ := tape.tell(nil, tape.end(), tape.end()-7)
		if string(told) != "0123456789" {
			t.Fatalf("told %q", told)
		}
		most = max(most, cap(tape.text))
	}
	if most > 100 {
		t.Errorf("%d bytes are kept", most)
	}
}

func TestWordsOfATextInPieces(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"words":                   {"One, two-three! 4", []string{"One", "two", "three", "4"}},
		"an apostrophe":           {"don't 'quote' o’clock", []string{"don't", "quote", "o’clock"}},
		"scripts without spaces":  {"a日本b", []string{"a", "日", "本", "b"}},
		"other letters":           {"Grüße, Ωμέγα", []string{"Grüße", "Ωμέγα"}},
		"marks":                   {"e\u0301t", []string{"e\u0301t"}},
		"what nobody sees":        {"a\u200bb", []string{"a\u200bb"}},
		"a long word":             {strings.Repeat("a", 70), []string{strings.Repeat("a", 32), strings.Repeat("a", 32), strings.Repeat("a", 6)}},
		"apostrophes without end": {"a" + strings.Repeat("'", 50) + "b", []string{"a", "b"}},
		"no words":                {" .,-\n", nil},
		"no UTF-8":                {"a\xffb\xe6", []string{"a", "b"}},
		"the end of a word":       {"ab", []string{"ab"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 3, 1000} {
				var reader wordReader
				var got []string
				take := func(w word) { got = append(got, test.text[w.from:w.to]) }
				for to := 0; to < len(test.text); {
					to = min(to+piece, len(test.text))
					reader.text([]byte(test.text[:to]), 0, false, take)
				}
				reader.text([]byte(test.text), 0, true, take)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("in pieces of %d: %s", piece, diff)
				}
			}
		})
	}
}

func TestWordsAreTheSameWhateverTheirCase(t *testing.T) {
	hash := func(text string) (h uint64) {
		var reader wordReader
		reader.text([]byte(text), 0, true, func(w word) { h = w.hash })
		return h
	}
	for _, same := range [][2]string{{"Word", "wORD"}, {"GRÜSSE", "grüsse"}, {"ΩΜΕΓΑ", "ωμεγα"}, {"don't", "DON’T"}, {"don't", "dont"}, {"a\u200bb", "AB"}} {
		if hash(same[0]) != hash(same[1]) {
			t.Errorf("%q and %q differ", same[0], same[1])
		}
	}
	for _, others := range [][2]string{{"word", "ward"}, {"ab", "ba"}, {"a", "aa"}, {"日", "本"}, {"1", "2"}} {
		if hash(others[0]) == hash(others[1]) {
			t.Errorf("%q and %q are the same", others[0], others[1])
		}
	}
}

func TestATrailKnowsItsLastWords(t *testing.T) {
	reference := func(words []word, n int) uint64 {
		var t trail
		for _, w := range words[max(0, len(words)-n):] {
			t.push(w)
		}
		return t.hash(n)
	}
	var recent trail
	var words []word
	for i := range 200 {
		weight := wordWeight
		if i%7 < 3 {
			weight = characterWeight
		}
		w := word{span{i, i + 1}, mix(seed, uint64(i%5)), weight}
		words = append(words, w)
		recent.push(w)
		for _, n := range []int{1, 2, 3, 12, 27} {
			if got, want := recent.hash(n), reference(words, n); got != want {
				t.Fatalf("the last %d of %d: %x, want %x", n, i+1, got, want)
			}
		}
		want, weighs := 0, 0
		for n := 1; n <= len(words) && want == 0; n++ {
			if weighs += words[len(words)-n].weight; weighs >= leakWeight {
				want = n
			}
		}
		if got := recent.weighing(); got != want {
			t.Fatalf("%d of %d words weigh enough, want %d", got, i+1, want)
		}
		if recent.back(0).from != i {
			t.Fatalf("the last word is at %d, want %d", recent.back(0).from, i)
		}
	}
}
